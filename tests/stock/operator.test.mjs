// The operator's live page, in a real browser: it shows the server as it is, to who has the token.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from './page.mjs';
import { Person } from './person.mjs';
import { Server } from './server.mjs';
import { until } from './wait.mjs';

const TOKEN = 'the-operator-of-the-stock-tests';
const ended = []; // what to end, the last first
let server;
let browser;

before(async () => {
  server = await Server.start({ operatorToken: TOKEN });
  ended.unshift(() => server.end());
  browser = await openBrowser(server.address.port);
  ended.unshift(() => browser.close());
});
after(async () => {
  for (const end of ended) await end();
});

/** The page at `hash`, which must do without errors: what the policy forbids is one. */
async function open(t, hash = `#token=${TOKEN}`, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const mishaps = [];
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => mishaps.push(error.message));
  page.on('console', (line) => line.type() === 'error' && mishaps.push(line.text()));
  const foreign = [];
  page.on('request', (request) => request.url().startsWith(server.operatorUrl) || foreign.push(request.url()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(foreign.filter((url) => !url.startsWith('data:')), [], 'asked of others');
  });
  await page.goto(`${server.operatorUrl}/${hash}`);
  return { page, mishaps };
}

const tile = async (page, name) => {
  const found = page.locator('.tile', { has: page.getByText(name, { exact: true }) });
  return found.locator('dd').first().innerText();
};
const chart = (page, name) => page.locator('.chart', { has: page.getByText(name, { exact: true }) });
const state = (page, text) => page.locator('#state').filter({ hasText: text }).waitFor();

/** Two people, their conversation, and so many messages in it. */
async function talk(messages) {
  const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(server, name)));
  const chat = await ana.chatWith(ben);
  for (let n = 1; n <= messages; n += 1) await (n % 2 ? ana : ben).send(chat, `number ${n}`);
  return chat;
}

/** Keeps a picture when the environment names a directory for them. */
async function picture(page, name) {
  const directory = process.env.SCREENSHOTS;
  if (directory) await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
}

for (const colorScheme of ['light', 'dark']) {
  test(`it shows what happens while it happens, in the ${colorScheme}`, async (t) => {
    const { page, mishaps } = await open(t, undefined, { colorScheme });
    await state(page, 'live');
    assert.equal(new URL(page.url()).hash, '', 'the token is not left in the address');
    const before = Number(await tile(page, 'Messages stored'));
    const chat = await talk(24);
    await until('the messages', async () => Number(await tile(page, 'Messages stored')) === before + 24);
    const ids = page.locator('#busiest tbody th');
    await until('the conversation', async () => (await ids.allInnerTexts()).includes(String(chat)));
    const row = page.locator('#busiest tbody tr', { has: page.getByRole('rowheader', { name: chat, exact: true }) });
    assert.equal(await row.locator('td').nth(1).innerText(), '24');
    // Two samples make a line, and the second in which something was said is its top.
    const batches = chart(page, 'Batch size');
    await until('the chart', async () => /at most [1-9]/.test(await batches.locator('.top').innerText()));
    assert.match(await batches.locator('.line').getAttribute('d'), /^M[\d. ]+(L[\d. ]+)*$/);
    await picture(page, `operator-${colorScheme}`);
    assert.deepEqual(mishaps, []);
  });
}

test('it asks for the token, says when it is wrong, and keeps it for the tab', async (t) => {
  const { page } = await open(t, '#token=a-token-that-is-not-right');
  await state(page, 'does not take this token');
  assert.equal(await page.locator('#figures').isVisible(), false);
  const field = page.getByLabel('The operator’s token');
  assert.equal(await field.evaluate((element) => element === document.activeElement), true);
  await picture(page, 'operator-door');
  await field.fill(TOKEN);
  await field.press('Enter');
  await state(page, 'live');
  await page.reload();
  await state(page, 'live');
  const other = await open(t, '');
  await other.page.locator('#door').waitFor();
  assert.deepEqual(other.mishaps, []);
});

test('it fits a telephone', async (t) => {
  await talk(2);
  const { page, mishaps } = await open(t, undefined, { viewport: { width: 360, height: 700 } });
  await state(page, 'live');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, 'nothing stands over the edge');
  await picture(page, 'operator-narrow');
  assert.deepEqual(mishaps, []);
});

test('it says so when the server does not answer, and goes on when it does again', async (t) => {
  const { page } = await open(t);
  await state(page, 'live');
  await server.stop();
  await state(page, 'does not answer');
  await server.startAgain();
  await state(page, 'live');
});
