// `duologue demo` as whoever has just cloned it sees it: its links in the tabs of one browser, and ctrl-C.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './page.mjs';
import { BINARY, freeAddress } from './server.mjs';
import { within } from './wait.mjs';

const ELSEWHERE = 'chat.example.org:80';

const ended = []; // what to end, the last first
let directory;
let demo;
let links; // by name
let browser;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'duologue-stock-demo-'));
  ended.unshift(() => rm(directory, { recursive: true, force: true }));
  const { host, port } = await freeAddress();
  const env = { PATH: process.env.PATH, TMPDIR: directory, LISTEN: `${host}:${port}` };
  demo = spawn(BINARY, ['demo'], { cwd: directory, env, stdio: ['ignore', 'pipe', 'ignore'] });
  ended.unshift(() => demo.kill('SIGKILL'));
  let told = '';
  const all = new Promise((resolve, reject) => {
    demo.stdout.setEncoding('utf8').on('data', (text) => (told += text).includes('cleo@example.org\n') && resolve());
    demo.once('close', () => reject(new Error(`the demo ended: ${told}`)));
  });
  await within('the links', all, () => told);
  links = Object.fromEntries([...told.matchAll(/^(\w+)\n {2}(http:\S+)$/gm)].map(([, name, link]) => [name, link]));
  // To it the demo is also somewhere else.
  browser = await openBrowser(new URL(links.Ana).port, ELSEWHERE);
  ended.unshift(() => browser.close());
});
after(async () => {
  for (const end of ended) await end();
});

/** A browser of one's own, and a way to open tabs in it. */
async function someBrowser(t) {
  const context = await browser.newContext();
  t.after(() => context.close());
  return async (url) => {
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => assert.fail(error));
    await page.goto(url);
    return page;
  };
}

/** Waits until the page says that one is `name`. */
const isFor = (page, name) => page.getByRole('button', { name: `You: ${name}` }).waitFor();
const entry = (page, name) => page.getByRole('list', { name: 'Conversations' }).getByRole('link').filter({ hasText: name });
const bubble = (page, text) => page.locator('.row').filter({ has: page.getByText(text, { exact: true }) });

async function say(page, text) {
  await page.locator('.composer textarea').fill(text);
  await page.locator('.composer textarea').press('Enter');
}

test('two links in two tabs are two people, who chat', async (t) => {
  assert.deepEqual(Object.keys(links), ['Ana', 'Ben', 'Cleo']);
  const open = await someBrowser(t);
  const [anas, bens] = [await open(links.Ana), await open(links.Ben)];
  for (const [page, name] of [[anas, 'Ana'], [bens, 'Ben']]) {
    await isFor(page, name);
    assert.doesNotMatch(page.url(), /token|refresh/, 'tokens do not stay in the address');
  }
  await entry(anas, 'Ben').click();
  await entry(bens, 'Ana').click();
  await say(anas, 'Hello from the first tab');
  await bubble(bens, 'Hello from the first tab').waitFor();
  await say(bens, 'And from the second');
  await bubble(anas, 'And from the second').waitFor();
  for (const page of [anas, bens]) {
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('refresh_token')), false);
  }
  for (const [page, name] of [[anas, 'Ana'], [bens, 'Ben']]) {
    await page.reload();
    await isFor(page, name); // still
  }
});

test('a tab may become another person, and a link that does not count changes nobody', async (t) => {
  const open = await someBrowser(t);
  const page = await open(links.Ana);
  await isFor(page, 'Ana');
  await page.goto(links.Cleo);
  await isFor(page, 'Cleo');
  const refused = page.waitForResponse((response) => response.url().endsWith('/api/users/me') && response.status() === 401);
  await page.goto(links.Ben.replace('token=', 'token=x'));
  await refused;
  await page.reload();
  await isFor(page, 'Cleo');

  const fresh = await open(links.Ben.replace('token=', 'token=x'));
  await fresh.getByText('Please sign in').waitFor();
});

test('whoever signs out of a tab is out there, and a sign-in of all tabs stays beside it', async (t) => {
  const open = await someBrowser(t);
  const ordinary = await open(new URL('/', links.Ana).href);
  await ordinary.getByLabel('E-mail').fill('cleo@example.org');
  await ordinary.getByLabel('Password').fill('correct horse');
  await ordinary.getByRole('button', { name: 'Sign in', exact: true }).click();
  await isFor(ordinary, 'Cleo');
  const bens = await open(links.Ben);
  await isFor(bens, 'Ben');
  await bens.getByRole('button', { name: 'You: Ben' }).click();
  await bens.getByRole('button', { name: 'Sign out' }).click();
  await bens.getByLabel('Password').waitFor();
  await ordinary.reload();
  await isFor(ordinary, 'Cleo');
});

test('a link of a server elsewhere makes nobody somebody', async (t) => {
  const open = await someBrowser(t);
  const page = await open(links.Ana.replace(/localhost:\d+/, ELSEWHERE));
  await page.getByLabel('Password').waitFor();
});

test('ctrl-C leaves nothing behind', async () => {
  assert.equal((await readdir(directory)).length, 1);
  const gone = once(demo, 'exit');
  demo.kill('SIGINT');
  assert.deepEqual(await within('the end', gone), [0, null]);
  assert.deepEqual(await readdir(directory), []);
});
