// The lists beside the chat: people, conversations, and the way between them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { PHONE } from './browser.mjs';
import { pair, people, stage, windowOf } from './scene.mjs';

const it = stage();

test('one finds somebody by name, sees whether they are there, and has a chat with one click', async (t) => {
  const [ana, ben, cleo] = await people(it.server, 'Ana', 'Ben', 'Cleo');
  const anas = await windowOf(t, it, ana);
  await windowOf(t, it, ben);
  await anas.page.getByRole('link', { name: 'People' }).click();
  const list = anas.page.getByRole('list', { name: 'People' });
  await list.getByRole('button', { name: cleo.name }).waitFor();
  assert.equal(await list.getByRole('button', { name: ana.name }).count(), 0, 'oneself is not in the list');
  await anas.page.getByLabel('Search people by name').fill(ben.name.toLowerCase());
  await list.getByRole('button', { name: cleo.name }).waitFor({ state: 'detached' });
  await list.getByRole('button', { name: `${ben.name} online` }).click();
  await anas.field.waitFor();
  assert.match(anas.page.url(), /#\/c\/\d+$/);
  await anas.say('Found you');
  await anas.page.getByRole('link', { name: 'People' }).click();
  await anas.page.getByLabel('Search people by name').fill('nobody is called that');
  await anas.page.getByText('Nobody is called “nobody is called that”.').waitFor();
});

test('a status in the list of people changes while one looks', async (t) => {
  const { ana, ben } = await pair(it);
  const anas = await windowOf(t, it, ana, { hash: '#/people' });
  const entry = anas.page.getByRole('list', { name: 'People' }).getByRole('button').filter({ hasText: ben.name });
  await entry.filter({ hasText: 'offline' }).waitFor();
  await windowOf(t, it, ben);
  await entry.filter({ hasText: 'online' }).waitFor();
});

test('the newest conversation is first, with its last message, its time, and what is unread', async (t) => {
  const [ana, ben, cleo] = await people(it.server, 'Ana', 'Ben', 'Cleo');
  const [withBen, withCleo] = await Promise.all([ben, cleo].map((other) => ana.chatWith(other)));
  await ben.send(withBen, 'from Ben');
  await cleo.send(withCleo, 'from Cleo');
  const anas = await windowOf(t, it, ana);
  const names = () => anas.page.locator('.list .entry .name').allInnerTexts();
  assert.deepEqual(await names(), [cleo.name, ben.name]);
  await anas.unread(ben.name, 1);
  await anas.titled('(2) Duologue');

  await ben.send(withBen, 'a second\nline');
  await anas.entry(ben.name).filter({ hasText: 'a second line' }).waitFor();
  await anas.unread(ben.name, 2);
  await anas.titled('(3) Duologue');
  assert.deepEqual(await names(), [ben.name, cleo.name]);
  assert.match(await anas.entry(ben.name).locator('time').innerText(), /\d\d:\d\d/);
  await anas.openChat(ben.name);
  await anas.unread(ben.name, 0);
  await anas.titled(`(1) ${ben.name} – Duologue`);
});

test('what is read on one device is read on the other', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await ben.send(chat, 'one');
  const [first, second] = await Promise.all([windowOf(t, it, ana), windowOf(t, it, ana)]);
  await second.unread(ben.name, 1);
  await first.openChat(ben.name);
  await second.unread(ben.name, 0);
  await second.titled('Duologue');
});

test('a conversation that somebody else begins comes into the list by itself', async (t) => {
  const [ana, ben] = await people(it.server, 'Ana', 'Ben');
  const anas = await windowOf(t, it, ana);
  await anas.page.getByText('No conversations yet.').waitFor();
  const chat = await ben.chatWith(ana);
  await anas.entry(ben.name).waitFor();
  await anas.unread(ben.name, 0);
  await ben.send(chat, 'hello?');
  await anas.entry(ben.name).filter({ hasText: 'hello?' }).waitFor();
  await anas.unread(ben.name, 1);
});

test('a link leads into its chat, and Back leads to where one was', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const [cleo] = await people(it.server, 'Cleo');
  const other = await cleo.chatWith(ana);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}`, ...PHONE });
  const heading = (name) => anas.page.getByRole('heading', { name }).waitFor();
  await heading(ben.name);
  await anas.page.getByRole('link', { name: 'Back to the conversations' }).click();
  await anas.entry(cleo.name).click();
  await heading(cleo.name);
  assert.match(anas.page.url(), new RegExp(`#/c/${other}$`));
  await anas.page.goBack();
  await anas.entry(cleo.name).waitFor();
  await anas.page.goBack();
  await heading(ben.name);
  await anas.page.goForward();
  await anas.page.goForward();
  await heading(cleo.name);
});

test('a link into nothing, or into the chat of others, says so in the words of the server', async (t) => {
  const { chat } = await pair(it);
  const [cleo] = await people(it.server, 'Cleo');
  const cleos = await windowOf(t, it, cleo, { hash: '#/c/999999' });
  const alert = cleos.page.locator('.chat [role=alert]');
  await alert.filter({ hasText: 'There is no such conversation.' }).waitFor();
  await cleos.page.goto(`${it.server.url}/#/c/${chat}`);
  await alert.filter({ hasText: 'You are not part of this conversation.' }).waitFor();
});

test('a long list goes on as one scrolls', async (t) => {
  const [ana, ...others] = await people(it.server, 'Ana', ...Array.from({ length: 56 }, (_, i) => `Friend${i}n`));
  for (const other of others) await other.send(await other.chatWith(ana), `I am ${other.name}`);
  const anas = await windowOf(t, it, ana);
  const entries = anas.page.locator('.list .entry');
  assert.ok((await entries.count()) >= 50);
  await anas.titled('(56) Duologue');
  await until('the whole list', async () => {
    await entries.last().scrollIntoViewIfNeeded();
    return (await entries.count()) === 56;
  });
  assert.equal(await entries.last().locator('.name').innerText(), others[0].name);
  await anas.titled('(56) Duologue');
});

test('the open chat is in sight in the list, wherever one came from, and the list can be scrolled away from it', async (t) => {
  const [ana, ...others] = await people(it.server, 'Ana', ...Array.from({ length: 24 }, (_, i) => `Friend${i}n`));
  for (const other of others) await other.send(await other.chatWith(ana), 'hello');
  const anas = await windowOf(t, it, ana);
  await anas.page.getByRole('link', { name: 'start a new one' }).click();
  await anas.page.getByLabel('Search people by name').fill(others[0].name);
  await anas.page.getByRole('list', { name: 'People' }).getByRole('button').filter({ hasText: others[0].name }).click();
  await anas.field.waitFor();
  const entry = anas.page.locator('.list a[aria-current]').filter({ hasText: others[0].name });
  const { height } = anas.page.viewportSize();
  const isInSight = async () => {
    const box = await entry.boundingBox();
    return box && box.y >= 0 && box.y + box.height <= height;
  };
  await until('the entry to be in sight', isInSight);
  await anas.page.locator('.lists').first().evaluate((list) => list.scrollTo(0, 0));
  await others[1].send(await others[1].chatWith(ana), 'something new');
  await anas.entry(others[1].name).filter({ hasText: 'something new' }).waitFor();
  assert.equal(await isInSight(), false);
});

test('a list that could not be read says why, does not pretend to be loading, and is read again', async (t) => {
  const { ana, ben } = await pair(it);
  const body = JSON.stringify({ status: 'error', code: 'overloaded', message: 'Too busy, sorry.' });
  const prepare = async (page) => {
    await page.clock.install();
    await page.route('**/api/conversations?**', (route) => route.fulfill({ status: 503, body }));
  };
  const anas = await windowOf(t, it, ana, { prepare });
  await anas.banner.filter({ hasText: 'Too busy, sorry.' }).waitFor();
  await anas.page.getByText('Loading conversations…').waitFor({ state: 'hidden' });
  await anas.page.unroute('**/api/conversations?**');
  await anas.page.clock.fastForward(15_000);
  await anas.entry(ben.name).waitFor();
  await anas.banner.waitFor({ state: 'hidden' });
});

test('what is long or wide stays within its place, on a small screen too', async (t) => {
  const { ana } = await pair(it);
  const anas = await windowOf(t, it, ana, { ...PHONE, viewport: { width: 640, height: 320 }, hash: '#/people' });
  await anas.page.getByLabel('Search people by name').fill('q'.repeat(100));
  await anas.page.getByText('Nobody is called').waitFor();
  const widths = await anas.page.locator('.people .lists').evaluate((list) => [list.scrollWidth, list.clientWidth]);
  assert.ok(widths[0] <= widths[1], `${widths}`);
  await anas.page.getByRole('button', { name: `You: ${ana.name}` }).click();
  const { y, height } = await anas.page.getByRole('dialog', { name: 'You' }).boundingBox();
  assert.ok(y + height <= 320, `the menu ends at ${y + height}`);
});
