// The example .deploy/nginx.conf, in Debian's nginx before the real server with its quotas on: over TLS, all of a host
// and below a path.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import WebSocket from 'ws';
import { KINDS } from './client.mjs';
import { Nginx } from './nginx.mjs';
import { openBrowser } from './page.mjs';
import { Person } from './person.mjs';
import { Chapter } from './readme.mjs';
import { Server } from './server.mjs';
import { within } from './wait.mjs';

const ended = []; // what to end, the last first
let server;
let nginx;

before(async () => {
  const root = await mkdtemp(join(tmpdir(), 'duologue-site-'));
  ended.unshift(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'album'));
  await writeFile(join(root, 'album', 'index.html'), 'the album');
  server = await Server.start({ webRoot: root, rateLimits: 'on' });
  ended.unshift(() => server.end());
  nginx = await Nginx.before(server);
  ended.unshift(() => nginx.end());
});
after(async () => {
  for (const end of ended) await end();
});

const BELOW = { '/': '', '/chat/': '/chat' }; // the two locations, and what stands before each address there

/** Asks for an account, from `from`. */
let asked = 0;
function register(from, headers) {
  asked += 1;
  const body = JSON.stringify({ name: 'Guest', email: `guest.${asked}@example.org`, password: 'correct horse' });
  return nginx.ask('POST', '/api/auth/register', { from, body, headers: { 'Content-Type': 'application/json', ...headers } });
}

for (const [location, prefix] of Object.entries(BELOW)) {
  suite(location, () => {
    test('REST comes through whole', async () => {
      const ana = await Person.register(server, 'Ana');
      const headers = { Authorization: `Bearer ${ana.token}`, 'Content-Type': 'application/json' };
      const me = await nginx.ask('GET', `${prefix}/api/users/me`, { headers });
      assert.deepEqual([me.status, JSON.parse(me.text).data.user.id], [200, ana.id]);
      assert.match(me.headers['strict-transport-security'], /max-age/);
      const search = `${prefix}/api/users?search=${encodeURIComponent('é/ñ %2F')}&limit=5`;
      assert.equal((await nginx.ask('GET', search, { headers })).status, 200);
      const wrong = await nginx.ask('GET', `${prefix}/api/nothing`, { headers });
      assert.deepEqual([wrong.status, JSON.parse(wrong.text).code], [404, 'not_found']);
      // Also what is too large is refused by the server, in its own words.
      const body = JSON.stringify({ conversation_id: 1, content: 'x'.repeat(2_000_000) });
      const large = await nginx.ask('POST', `${prefix}/api/messages/send`, { headers, body });
      assert.deepEqual([large.status, JSON.parse(large.text).code], [413, 'payload_too_large']);
    });

    test('a plain WebSocket talks', async (t) => {
      const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(server, name)));
      const chat = await ana.chatWith(ben);
      const headers = { Authorization: `Bearer ${ana.token}` };
      const socket = new WebSocket(`${nginx.url.replace('https', 'wss')}${prefix}/ws`, { headers, ca: nginx.ca });
      t.after(() => socket.close());
      const replied = new Promise((resolve) => socket.on('message', (frame) => JSON.parse(frame).reply === 7 && resolve()));
      await within('the WebSocket', once(socket, 'open'));
      const data = { conversationId: chat, content: 'through a proxy' };
      socket.send(JSON.stringify({ event: 'send_message', data, id: 7 }));
      await within('the reply', replied);
      assert.equal((await ben.history(chat))[0].content, 'through a proxy');
    });

    for (const kind of KINDS) {
      test(`a stock client talks: ${kind.name}`, async (t) => {
        const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(server, name)));
        const chat = await ana.chatWith(ben);
        const options = { url: nginx.url, path: `${prefix}/socket.io`, ca: nginx.ca };
        const [anas, bens] = [ana, ben].map((person) => person.client(t, kind, options));
        await Promise.all([anas.settled(), bens.settled()]);
        const sent = await anas.ask('send_message', { conversationId: chat, content: 'through a proxy' });
        assert.equal(sent.status, 'success');
        assert.deepEqual((await bens.hears('new_message')).message, sent.data);
        await anas.hears('messages_delivered');
      });
    }

    test('its own pages may call, and pages of others may not', async () => {
      const polling = `${prefix}/socket.io/?EIO=4&transport=polling`;
      for (const [origin, status] of [[nginx.url, 200], ['https://elsewhere.example.org', 403]]) {
        const answer = await nginx.ask('GET', polling, { headers: { Origin: origin } });
        assert.equal(answer.status, status, origin);
      }
    });

    test('a redirect stays there', async () => {
      const { status, headers } = await nginx.ask('GET', `${prefix}/album`);
      assert.deepEqual([status, new URL(headers.location, nginx.url).pathname], [307, `${prefix}/album/`]);
      assert.equal((await nginx.ask('GET', `${prefix}/album/`)).text, 'the album');
    });
  });
}

suite('the built-in page', () => {
  let plain; // a server without a web root, and nginx before it
  let front;
  let browser;
  let chapter;
  before(async () => {
    chapter = await Chapter.read('.deploy/README.md', 'TLS, and a proxy in front');
    const guarded = chapter.code('Accounts by your own backend alone', 'nginx').replace('192.0.2.10', '127.0.0.1');
    plain = await Server.start();
    front = await Nginx.before(plain, guarded);
    browser = await openBrowser(plain.address.port);
  });
  after(async () => {
    await browser?.close();
    await front?.end();
    await plain?.end();
  });

  for (const [location, prefix] of Object.entries(BELOW)) {
    test(`chats at ${location}`, async (t) => {
      const names = ['Ana', 'Ben'].map((name) => `${name}${prefix.length}`);
      const pages = [];
      for (const name of names) {
        const context = await browser.newContext({ ignoreHTTPSErrors: true });
        t.after(() => context.close());
        const page = await context.newPage();
        page.setDefaultTimeout(10_000);
        await page.goto(`${front.url}${location}`);
        await page.getByRole('button', { name: 'I am new here' }).click();
        for (const [label, value] of [['Name', name], ['E-mail', `${name}@example.org`], ['Password', 'correct horse']]) {
          await page.getByLabel(label).fill(value);
        }
        await page.getByRole('button', { name: 'Create account' }).click();
        await page.getByRole('button', { name: `You: ${name}` }).waitFor();
        pages.push(page);
      }
      const [anas, bens] = pages;
      await anas.getByRole('link', { name: 'People' }).click();
      await anas.getByRole('list', { name: 'People' }).getByRole('button').filter({ hasText: names[1] }).click();
      await anas.locator('.composer textarea').fill('through a proxy');
      await anas.locator('.composer textarea').press('Enter');
      await bens.getByRole('list', { name: 'Conversations' }).getByRole('link').filter({ hasText: names[0] }).click();
      await bens.locator('.row').filter({ hasText: 'through a proxy' }).waitFor();
      await anas.locator('.row[data-state="read"]').filter({ hasText: 'through a proxy' }).waitFor();
      await bens.reload();
      await bens.locator('.row').filter({ hasText: 'through a proxy' }).waitFor();
    });
  }

  test('accounts may be made by one address alone', async () => {
    const ask = (from, path) => front.ask('POST', path, { from, body: '{}', headers: { 'Content-Type': 'application/json' } });
    for (const prefix of Object.values(BELOW)) {
      for (const path of ['/api/auth/register', '/nowhere/../api//auth/register', '/api/auth/%72egister']) {
        assert.equal((await ask('127.0.0.2', prefix + path)).status, 403, prefix + path);
      }
      // The server refuses what is no account.
      assert.equal((await ask('127.0.0.1', `${prefix}/api/auth/register`)).status, 400);
      assert.equal((await ask('127.0.0.2', `${prefix}/api/auth/login`)).status, 400, 'to sign in is another matter');
    }
  });
});

test('quotas count the address that nginx sees, whatever is said of it', async () => {
  let refused = 0;
  for (let n = 0; n < 22; n += 1) {
    // Each time somebody else, if that were believed.
    const { status } = await register('127.0.0.2', { 'X-Forwarded-For': `203.0.113.${n}` });
    refused += status === 429;
  }
  assert.ok(refused >= 1, 'twenty may register at once');
  assert.equal((await register('127.0.0.3')).status, 201, 'others are not held to it');
  assert.equal((await register('127.0.0.3', { 'X-Forwarded-For': '127.0.0.2' })).status, 201, 'nor can it be put on them');
});

test('without TLS one is sent to TLS', async () => {
  const options = { host: '127.0.0.1', port: nginx.plainPort, path: '/api/users?page=2', headers: { Host: 'localhost' } };
  const asking = plainRequest(options).end();
  const [answer] = await once(asking, 'response');
  answer.resume();
  assert.deepEqual([answer.statusCode, answer.headers.location], [308, 'https://localhost/api/users?page=2']);
});
