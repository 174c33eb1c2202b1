// Tokens, without a browser: who renews them, when, and what a call does with one that has ended.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

// As much of a browser as these modules need; two sessions stand for two tabs, which share what is stored.
globalThis.document = { baseURI: 'http://chat.example/' };
/** Who is granted each name, one after the other; whoever stops waiting is left out. */
const granted = new Map();
const locks = {
  request(name, { signal }, work) {
    const turn = async () => {
      signal.throwIfAborted();
      return work();
    };
    const before = granted.get(name) ?? Promise.resolve();
    const mine = before.then(turn, turn);
    granted.set(name, mine);
    mine.catch(() => {});
    return Promise.race([mine, new Promise((_, stop) => signal.addEventListener('abort', () => stop(signal.reason)))]);
  },
};
const turn = () => new Promise((done) => setImmediate(done));
Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
const { Api } = await import('../../src/transport/page/api.js');
const { Session } = await import('../../src/transport/page/session.js');
const storage = await import('../../src/transport/page/storage.js');

const HOUR_S = 3_600;

/** A token from `iat`, good for an hour. */
function token(iat, name = '') {
  const claims = Buffer.from(JSON.stringify({ iat, exp: iat + HOUR_S, name })).toString('base64url');
  return `head.${claims}.signature`;
}

const nowS = () => Math.floor(Date.now() / 1_000);
const answer = (status, envelope) => new Response(JSON.stringify(envelope), { status });
const refused = (code, status) => answer(status, { status: 'error', code, message: `It is ${code}.` });

/** What was asked, and who answers. */
let asked = [];
function server(answers) {
  asked = [];
  mock.method(globalThis, 'fetch', async (url, { headers, body }) => {
    asked.push({ path: url.pathname, by: headers.Authorization, body: body && JSON.parse(body) });
    return answers(asked.at(-1));
  });
}

function signedIn(old) {
  storage.write('session', { user: { id: 1, name: 'Ana' }, token: old, refresh_token: 'r1' });
}

beforeEach(() => {
  mock.restoreAll();
  mock.timers.reset();
  globalThis.window = new EventTarget();
  granted.clear();
  navigator.locks = locks;
  mock.method(Math, 'random', () => 0);
});

/** What a tab wrote reaches the others: here they share the storage, and are only told late. */
function told() {
  window.dispatchEvent(Object.assign(new Event('storage'), { key: 'duologue:/:session' }));
}

const renewed = () => answer(200, { status: 'success', data: { token: token(nowS(), 'new'), refresh_token: 'r2' } });

test('of tabs whose token ends at once one exchanges it, however late the others hear of that', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(renewed);
  const tabs = [new Session(), new Session(), new Session()];
  const before = storage.read('session');
  const [one, ...others] = tabs.map((tab) => tab.renew(old));
  const got = await one;
  const after = storage.read('session');
  storage.write('session', before);
  await turn();
  assert.equal(asked.length, 1, 'they wait to be told');
  storage.write('session', after);
  told();
  assert.deepEqual(await Promise.all(others), [got, got]);
  assert.deepEqual(asked.map(({ path, body }) => [path, body.refresh_token]), [['/api/auth/refresh', 'r1']]);
  assert.equal(storage.read('session').refresh_token, 'r2');
});

test('a tab that cannot exchange the token leaves it to the next', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(() => (asked.length === 1 ? refused('overloaded', 503) : renewed()));
  const [one, other] = [new Session(), new Session()].map((tab) => tab.renew(old));
  await assert.rejects(one, /overloaded/);
  assert.notEqual(await other, old);
  assert.equal(asked.length, 2);
});

test('without Web Locks, calls of one tab that meet the end of a token exchange it once', async () => {
  delete navigator.locks;
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(renewed);
  const session = new Session();
  const got = await Promise.all([session.renew(old), session.renew(old), session.renew(old)]);
  assert.equal(new Set(got).size, 1);
  assert.equal(asked.length, 1);
});

test('while one tab changes the password, nobody exchanges what that has ended', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  let answerNow;
  server(({ path }) => {
    if (path === '/api/auth/refresh') return refused('unauthenticated', 401);
    return new Promise((resolve) => {
      answerNow = () => resolve(answer(200, { status: 'success', data: { user: { id: 1 }, token: 'new', refresh_token: 'r2' } }));
    });
  });
  const [tab, other] = [new Session(), new Session()];
  const changed = tab.changePassword({ password: 'a', new_password: 'b' });
  await turn();
  const renewals = [tab.renew(old), other.renew(old)];
  await turn();
  answerNow();
  await changed;
  told();
  assert.deepEqual(await Promise.all(renewals), ['new', 'new']);
  assert.deepEqual(asked.map(({ path, by }) => [path, by]), [['/api/users/me/password', `Bearer ${old}`]]);
  assert.deepEqual(asked[0].body, { password: 'a', new_password: 'b', refresh: true });
});

test('a password that is refused ends nothing, and a token that is over is renewed first', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(() => refused('invalid_credentials', 401));
  const session = new Session();
  await assert.rejects(session.deleteAccount({ password: 'a' }), /invalid_credentials/);
  assert.deepEqual([session.token, asked.length], [old, 1]);
  server(({ path, by }) => {
    if (path === '/api/auth/refresh') return renewed();
    return by === `Bearer ${old}` ? refused('unauthenticated', 401) : answer(200, { status: 'success', data: {} });
  });
  await session.signOutEverywhere();
  assert.deepEqual([session.user, session.why, session.news], [null, '', 'You are signed out on every device.']);
  assert.deepEqual(asked.map(({ path }) => path.split('/').at(-1)), ['logout-everywhere', 'refresh', 'logout-everywhere']);
});

test('an exchange that is refused ends nothing that another tab has got meanwhile', async () => {
  delete navigator.locks;
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(() => {
    storage.write('session', { user: { id: 1, name: 'Ana' }, token: 'new', refresh_token: 'r2' });
    return refused('unauthenticated', 401);
  });
  assert.equal(await new Session().renew(old), 'new');
  assert.equal(storage.read('session').token, 'new');
});

test('a token is renewed when a fifth to a tenth of its life is left, and an old one at once', async () => {
  const ages = [[0, HOUR_S * 0.8], [0, HOUR_S * 0.9, 1], [1_000, HOUR_S * 0.8 - 1_000], [HOUR_S * 2, 0]];
  for (const [age, due, drawn = 0] of ages) {
    mock.method(Math, 'random', () => drawn);
    mock.timers.reset();
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
    signedIn(token(nowS() - age));
    server(() => refused('overloaded', 503));
    assert.ok(new Session().token);
    if (due > 0) mock.timers.tick((due - 2) * 1_000);
    await turn();
    assert.equal(asked.length, 0, `${age} s old`);
    mock.timers.tick(3_000);
    await turn();
    assert.equal(asked.length, 1, `${age} s old`);
  }
});

test('a busy server ends no session, and one that refuses does, with its words', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const old = token(nowS());
  signedIn(old);
  server(() => refused('overloaded', 503));
  const session = new Session();
  await assert.rejects(session.renew(old), /overloaded/);
  assert.equal(session.token, old);
  server(() => refused('unauthenticated', 401));
  await assert.rejects(session.renew(old), /unauthenticated/);
  assert.deepEqual([session.user, session.why, storage.read('session')], [null, 'It is unauthenticated.', null]);
});

test('a call whose token has ended is made once more, with the new one', async () => {
  server(({ by }) => (by === 'Bearer new' ? answer(200, { status: 'success', data: 7 }) : refused('unauthenticated', 401)));
  const api = new Api({ token: 'old', renew: async () => 'new' });
  assert.equal((await api.get('api/users/me')).data, 7);
  assert.deepEqual(asked.map(({ by }) => by), ['Bearer old', 'Bearer new']);
  const never = new Api({ token: 'old', renew: async () => 'old' });
  await assert.rejects(never.get('api/users/me'), /unauthenticated/);
  assert.equal(asked.length, 4, 'not again and again');
});

test('what is no answer of the server is nobody who answers', async () => {
  const api = new Api({ token: null });
  for (const gateway of [() => new Response('<h1>Bad Gateway</h1>', { status: 502 }), () => answer(200, {}), () => Promise.reject(new TypeError())]) {
    server(gateway);
    await assert.rejects(api.get('api/users/me'), /cannot be reached/);
  }
});
