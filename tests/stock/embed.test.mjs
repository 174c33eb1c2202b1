// "Embed it" in the README: every snippet of that chapter as it stands, against the real server with its quotas on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { KINDS } from './client.mjs';
import { Door } from './door.mjs';
import { openBrowser, webRoot, Window } from './page.mjs';
import { Person } from './person.mjs';
import { Chapter, run } from './readme.mjs';
import { BINARY, freeAddress, SECRET, Server } from './server.mjs';
import { until, within } from './wait.mjs';

const ended = []; // what to end, the last first
let chapter;
let directory; // with the snippets, as a backend would have them
let server;
let backend; // with the functions of the snippets in JavaScript
let ana; // 1, as in the snippets
let ben; // 2

before(async () => {
  chapter = await Chapter.read('README.md', 'Embed it');
  directory = await mkdtemp(join(tmpdir(), 'duologue-embed-'));
  ended.unshift(() => rm(directory, { recursive: true }));
  const root = await webRoot();
  ended.unshift(root.remove);
  server = await Server.start({ webRoot: root.directory, rateLimits: 'on' });
  ended.unshift(() => server.end());
  Object.assign(process.env, { JWT_SECRET: SECRET, CHAT_URL: server.url });
  await Promise.all([
    writeFile(join(directory, 'accounts.mjs'), chapter.code('Accounts', 'js')),
    writeFile(join(directory, 'chat.mjs'), chapter.code('A token in Node', 'js')),
    writeFile(join(directory, 'chat.py'), chapter.code('A token in Python', 'python')),
    writeFile(join(directory, 'chat.php'), chapter.code('A token in PHP', 'php')),
  ]);
  const [accounts, tokens] = await Promise.all(['accounts.mjs', 'chat.mjs'].map((name) =>
    import(pathToFileURL(join(directory, name)))));
  backend = { ...accounts, ...tokens };
  ana = await somebody('Ana');
  ben = await somebody('Ben');
});
after(async () => {
  for (const end of ended) await end();
});

/** Somebody whom the backend knows. */
let known = 0;
async function somebody(name, address) {
  known += 1;
  const account = { name, email: `${name}.${known}@example.org`, address: address ?? `198.51.100.${known}` };
  const id = await backend.accountOf(account);
  return Object.assign(new Person(), { server, id, name, account, token: backend.tokenFor(id) });
}

/** The backend's own site, which tells whoever may know it the next token of `person`. */
async function openSite(t, person, seconds) {
  let told = 0;
  const site = createServer((request, response) => {
    const isToken = request.url === '/token';
    if (isToken) told += 1;
    response.setHeader('Content-Type', isToken ? 'text/plain' : 'text/html');
    response.end(isToken ? backend.tokenFor(person.id, seconds) : '<!DOCTYPE html><title>A site</title>');
  });
  site.listen(0, 'localhost');
  await once(site, 'listening');
  t.after(() => site.close() && site.closeAllConnections());
  return { url: `http://localhost:${site.address().port}/`, told: () => told };
}

test('the server starts as it says', async (t) => {
  const tools = await mkdtemp(join(tmpdir(), 'duologue-tools-'));
  t.after(() => rm(tools, { recursive: true }));
  await symlink(BINARY, join(tools, 'duologue'));
  const { host, port } = await freeAddress();
  const env = { PATH: `${tools}:${process.env.PATH}`, LISTEN: `${host}:${port}` };
  const code = chapter.code('', 'sh');
  const shell = spawn('bash', ['-euc', code], { cwd: tools, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const serving = new Promise((resolve, reject) => {
    shell.stderr.setEncoding('utf8').on('data', (text) => (log += text) && / serving /.test(log) && resolve());
    shell.once('close', () => reject(new Error(log)));
  });
  t.after(async () => {
    if (shell.exitCode !== null) return;
    process.kill(-shell.pid, 'SIGTERM'); // the shell and its server
    await once(shell, 'close');
  });
  await within('the server', serving, () => log);
  const { headers } = await fetch(`http://${host}:${port}/health/ready`, { headers: { Origin: 'https://www.example.org' } });
  assert.equal(headers.get('access-control-allow-origin'), 'https://www.example.org');
});

test('an account is made once, and found again', async () => {
  const cleo = await somebody('Cleo');
  assert.equal(await backend.accountOf(cleo.account), cleo.id);
  assert.notEqual((await somebody('Cleo')).id, cleo.id);
  const list = await ana.ask('GET', `/api/users/${cleo.id}`);
  assert.equal(list.user.name, 'Cleo');
});

test('accounts count for the address of the person that they are for', async () => {
  for (let n = 0; n < 25; n += 1) await somebody('Guest', `203.0.113.${n}`);
  const fromOne = async () => {
    for (let n = 0; n < 25; n += 1) await somebody('Crowd', '192.0.2.1');
  };
  await assert.rejects(fromOne, /too many|again|wait/i);
});

const LANGUAGES = { // how each language says a token: of whom, and for how long
  Node: (id, seconds, env) => run(process.execPath, ['--input-type=module', '-e',
    `import { tokenFor } from './chat.mjs'; process.stdout.write(tokenFor(${id}, ${seconds}))`], { env, cwd: directory }),
  Python: (id, seconds, env) => run('python3', ['-Bc',
    `from chat import token_for; print(token_for(${id}, ${seconds}), end="")`], { env, cwd: directory }),
  PHP: (id, seconds, env) => run('php', ['-r',
    `require 'chat.php'; echo token_for(${id}, ${seconds});`], { env, cwd: directory }),
};
for (const [language, tokenIn] of Object.entries(LANGUAGES)) {
  test(`a token made in ${language} is that person's, for its time and by that secret alone`, async () => {
    const person = await somebody(`Person${language}`);
    const ask = async (token) => {
      const answer = await fetch(`${server.url}/api/users/me`, { headers: { Authorization: `Bearer ${token}` } });
      return { http: answer.status, ...(await answer.json()) };
    };
    const env = { JWT_SECRET: SECRET };
    const token = await tokenIn(person.id, 60, env);
    const me = await ask(token);
    assert.equal(me.data?.user.id, person.id, JSON.stringify(me));
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.equal(claims.exp - claims.iat, 60);
    assert.equal((await ask(await tokenIn(person.id, -1, env))).http, 401, 'over');
    assert.equal((await ask(await tokenIn(person.id, 60, { JWT_SECRET: `${SECRET}!` }))).http, 401, 'another secret');
    assert.equal((await ask(await tokenIn(4_000_000, 60, env))).http, 401, 'nobody');

    Object.assign(person, { token });
    await person.ask('POST', '/api/auth/logout-everywhere');
    assert.equal((await ask(token)).http, 401, 'logged out');
    // Tokens count from the second after that.
    await until('a later token', async () => (await ask(await tokenIn(person.id, 60, env))).http === 200);
  });
}

test('curl asks and says as the person', async () => {
  assert.deepEqual([ana.id, ben.id], [1, 2]);
  const env = { CHAT_URL: server.url, TOKEN: ana.token };
  // The snippet names the first conversation: nobody has made one before it.
  const out = await run('bash', ['-euc', chapter.code('curl', 'sh')], { env });
  const [unread, opened, sent] = out.replaceAll('}{', '}\n{').split('\n').map((line) => JSON.parse(line));
  assert.deepEqual([unread.data?.unread_count, opened.data?.conversation.id], [0, 1], out);
  assert.equal(sent.data?.client_message_id, 'order-4711', out);
  assert.deepEqual((await ben.history(1)).map(({ sender_id: by }) => by), [ana.id]);
});

test("the guide's client is whoever the token names", async (t) => {
  const browser = await openBrowser(server.address.port);
  t.after(() => browser.close());
  const code = chapter.code("The guide's client", 'js');
  const [dora, eve] = [await somebody('Dora'), await somebody('Eve')];
  const windows = [];
  for (const person of [dora, eve]) {
    windows.push(await Window.openAfter(t, browser, (page) =>
      page.evaluate(`(async () => { const freshToken = async () => '${person.token}';\n${code} })()`)));
  }
  await windows[0].startChat('Eve');
  await windows[1].startChat('Dora');
  await windows[0].say('Hello Eve');
  await windows[1].bubblesUpTo('Hello Eve');
});

test('a Socket.IO client sends, shows, and comes back with another token when one ends', async (t) => {
  const { io } = KINDS.find(({ version }) => version === '4.7.4');
  const [fay, gil] = [await somebody('Fay'), await somebody('Gil')];
  const chat = await fay.chatWith(gil);
  const shown = [];
  let told = 0;
  const freshToken = async () => (told += 1) && backend.tokenFor(fay.id, told === 1 ? 5 : 60);
  const names = ['io', 'CHAT_URL', 'freshToken', 'show', 'conversationId', 'content'];
  const code = chapter.code('A Socket.IO client', 'js');
  const snippet = new Function(...names, `return (async () => { ${code}\nreturn { socket, sent } })()`);
  const show = (message) => shown.push(message.content);
  const { socket, sent } = await snippet(io, server.url, freshToken, show, chat, 'Hello Gil');
  t.after(() => socket.disconnect());
  assert.deepEqual((await gil.history(chat)).map(({ id }) => id), [sent.data.id]);
  await until('the end of the first token', () => told === 2);
  await until('the client that is back', () => socket.connected);
  await gil.send(chat, 'Hello Fay');
  await until('what Gil says', () => shown.includes('Hello Fay'));
  assert.deepEqual(shown, ['Hello Gil', 'Hello Fay']);
});

test('a plain WebSocket client shows everything once, in order, through a cut network', async (t) => {
  const [hal, ida] = [await somebody('Hal'), await somebody('Ida')];
  const [aside, chat] = [await ida.chatWith(ana), await ida.chatWith(hal)];
  const say = async (count) => {
    for (let n = 0; n < count; n += 1) await hal.send(chat, 'again');
    await ana.send(aside, 'elsewhere');
  };
  await say(120); // more than one answer holds
  const door = await Door.to(server.address);
  t.after(() => door.end());
  const site = await openSite(t, ida);
  const browser = await openBrowser(server.address.port);
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(site.url);
  await page.evaluate(`(() => {
    window.shown = [];
    const CHAT_URL = '${door.url}';
    const conversationId = ${chat};
    const show = (message) => shown.push(message.seq);
    const freshToken = async () => (await fetch('/token')).text();
    ${chapter.code('A plain WebSocket client', 'js')}
  })()`);
  const seen = (count) => page.waitForFunction((wanted) => window.shown.length >= wanted, count);
  await seen(120);
  await say(3);
  await seen(123);
  const asked = site.told();
  door.shut();
  await say(7);
  door.open();
  await seen(130);
  assert.ok(site.told() > asked, 'each connection asks for a token');
  await say(1);
  await seen(131);
  assert.deepEqual(await page.evaluate('window.shown'), Array.from({ length: 131 }, (_, i) => i + 1));
});

test('every snippet was run', () => chapter.isUsedUp());
