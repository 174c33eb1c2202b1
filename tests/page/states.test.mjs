// Every state of the page, on a desktop and on a phone, light and dark: nothing serious for axe, nothing blank, and
// pictures to be looked at.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { PHONE, Window } from './browser.mjs';
import { people, stage, windowOf } from './scene.mjs';

const it = stage();
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SCREENS = [
  ['desktop-light', { colorScheme: 'light' }],
  ['desktop-dark', { colorScheme: 'dark' }],
  ['phone-light', { ...PHONE, colorScheme: 'light' }],
  ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
];

/** What axe finds that matters, in the state that is shown; and a picture of it. */
async function look(window, screen, state) {
  await window.picture(`${state}-${screen}`);
  const violations = await window.page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ['violations'] });
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical' || impact === 'moderate')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
  });
  assert.deepEqual(violations, [], `${state} on ${screen}`);
  const { wide, room } = await window.page.evaluate(() => ({ wide: document.body.scrollWidth, room: innerWidth }));
  assert.ok(wide <= room, `${state} on ${screen} is ${wide} wide`);
}

for (const [screen, options] of SCREENS) {
  test(`every state is sound on ${screen}`, async (t) => {
    const prepare = (page) => page.addInitScript(AXE);
    const [ana, ben, cleo] = await people(it.server, 'Ana', 'Ben', 'Cleo');
    const chat = await ana.chatWith(ben);
    const stranger = await Window.open(t, it.browser, it.server.url, { prepare, ...options });
    await look(stranger, screen, '01-sign-in');
    await stranger.press('I am new here');
    await stranger.press('Create account');
    await stranger.page.getByText('Password must', { exact: false }).waitFor();
    await look(stranger, screen, '02-sign-up-refused');

    const anas = await windowOf(t, it, ana, { prepare, ...options });
    await anas.entry(ben.name).waitFor();
    const cleos = await windowOf(t, it, cleo, { prepare, ...options });
    await look(cleos, screen, '03-nothing-yet');
    await cleo.send(await cleo.chatWith(ana), 'Are you coming tonight? We meet at eight, the three of us.');
    for (const [person, text] of TALK) await (person ? ana : ben).send(chat, text);
    await cleos.page.goto(`${it.server.url}/#/people`);
    await cleos.page.getByRole('button', { name: ben.name }).waitFor();
    await look(cleos, screen, '04-people');

    await anas.unread(ben.name, 3);
    await look(anas, screen, '05-chats');
    await anas.openChat(ben.name);
    await anas.page.locator('.new-line').waitFor();
    await ben.ask('POST', `/api/messages/conversation/${chat}/typing`, { isTyping: true });
    await anas.status.filter({ hasText: 'typing…' }).waitFor();
    await look(anas, screen, '06-chat');
    await anas.press('Emoji');
    await look(anas, screen, '07-emoji');
    await anas.page.keyboard.press('Escape');
    await anas.say('w'.repeat(4_100));
    await anas.page.locator('.refusal').filter({ hasText: '4000' }).waitFor();
    await anas.page.context().setOffline(true);
    await anas.banner.waitFor();
    await anas.say('Written on the train, in a tunnel');
    await anas.ticks('in a tunnel', 'waiting');
    await look(anas, screen, '08-offline-and-refused');
    await anas.page.context().setOffline(false);
    await anas.banner.waitFor({ state: 'hidden' });
    await anas.page.goto(`${it.server.url}/#/`);
    await anas.page.getByRole('button', { name: `You: ${ana.name}` }).click();
    await look(anas, screen, '09-you');
    await anas.press('Account…');
    await look(anas, screen, '10-account');
    const account = anas.page.getByRole('dialog', { name: 'Account' });
    await account.getByLabel('Current password').fill('wrong horse');
    await account.getByLabel('New password').fill('short');
    await anas.press('Change password');
    await account.getByText('New password must').waitFor();
    await look(anas, screen, '11-account-refused');
    await anas.press('Delete account…');
    await look(anas, screen, '12-account-delete');
    await anas.press('Sign out everywhere');
    await anas.page.getByText('You are signed out on every device.').first().waitFor();
    await look(anas, screen, '13-signed-out');
    await cleos.page.goto(`${it.server.url}/#/c/987654`);
    await cleos.page.getByText('There is no such conversation.').waitFor();
    await look(cleos, screen, '14-no-such-chat');
  });
}

const TALK = [
  [true, 'Good morning!'],
  [false, 'Morning. Did you see https://example.org/trains?line=7 already?'],
  [true, 'Not yet, I only just got up.\nGive me a minute.'],
  [false, '😀'],
  [false, 'It says that the line is closed until noon, and that buses go instead, from the other side of the station.'],
  [false, 'שלום and hello'],
];

/** Waits for a sentence, which has to stand where one sees it. */
async function inSight(sentence, text) {
  await sentence.waitFor();
  assert.match((await sentence.innerText()).replace(/\s+/g, ' '), text);
  const { y, height } = await sentence.boundingBox();
  assert.ok(y >= 0 && y + height < sentence.page().viewportSize().height, `it is at ${y}`);
}

test('without scripts, the page says what it needs', async (t) => {
  const window = await Window.open(t, it.browser, it.server.url, { javaScriptEnabled: false });
  await inSight(window.page.locator('noscript p'), /this page needs JavaScript/);
  await window.picture('15-no-scripts');
});

test('a browser that does not understand the page says so', async (t) => {
  const broken = (page) =>
    page.route('**/page/text.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'what is this?' }));
  const context = await it.browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await broken(page);
  await page.goto(it.server.url);
  await inSight(page.locator('#boot'), /this browser is too old for this page/);
  assert.equal(await page.locator('#app').innerText(), '');
});

test('the page works below another path, as behind a proxy', async (t) => {
  const { createServer, request } = await import('node:http');
  const { connect } = await import('node:net');
  const { address } = it.server;
  // As small as a proxy can be that takes off a prefix.
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const path = url.replace(/^\/chat\//, '/');
    if (path === url) return outgoing.writeHead(404).end();
    const inner = request({ ...address, method, headers, path }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    return incoming.pipe(inner);
  });
  proxy.on('upgrade', ({ headers, url }, outside) => {
    if (!url.startsWith('/chat/')) return outside.destroy();
    const inside = connect(address, () => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      inside.write(`GET ${url.replace(/^\/chat\//, '/')} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      outside.pipe(inside).pipe(outside);
    });
    for (const half of [outside, inside]) half.on('error', () => inside.destroy() && outside.destroy());
    return inside;
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.closeAllConnections());
  t.after(() => proxy.close());
  const url = `http://127.0.0.1:${proxy.address().port}/chat`;
  const window = await Window.open(t, it.browser, url);
  await window.press('I am new here');
  await window.fill({ Name: 'Behind', 'E-mail': 'behind@example.org', Password: 'correct horse' });
  await window.press('Create account');
  await window.ready();
  const [ben] = await people(it.server, 'Ben');
  const { id } = await window.page.evaluate(() => JSON.parse(localStorage.getItem('duologue:/chat/:session')).user);
  await ben.send(await ben.chatWith({ id }), 'through the proxy');
  await window.openChat(ben.name);
  await window.say('and back');
  await window.ticks('and back', 'sent');
  await until('no trouble', () => window.banner.isHidden());
});
