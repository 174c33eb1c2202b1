// Text that attacks stays text, and what the server refuses is said in its own words, where it was caused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from '../stock/person.mjs';
import { until } from '../stock/wait.mjs';
import { openChat, pair, stage, windowOf } from './scene.mjs';

const it = stage();

const ATTACKS = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  "';alert(1);//",
  '{{constructor.constructor("alert(1)")()}}',
  '&lt;b&gt;not bold&lt;/b&gt; &amp; <b>bold</b>',
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  '\u202Egnp.exe\u202C and \u2066on',
  'Z\u0335\u0321'.repeat(1) + 'a' + '\u0310'.repeat(300) + 'lgo',
  'x'.repeat(600),
  '\uFDFD'.repeat(60),
  '__proto__',
  '\u200B\u200Dzero\u2060width',
];

test('messages that are attacks are shown as they were typed, and do nothing', async (t) => {
  const { ana, ben, chat } = await pair(it);
  for (const attack of ATTACKS) await ben.send(chat, attack);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.sees(ATTACKS.at(-1));
  const texts = await anas.page.locator('.row .text').evaluateAll((all) => all.map((one) => one.textContent));
  assert.deepEqual(texts, ATTACKS);
  const inside = '.row .text *:not(a), .list .last *, img, script:not([src$="main.js"]), iframe, [onerror], [onload]';
  assert.equal(await anas.page.locator(inside).count(), 0, 'nothing became an element');
  assert.equal(await anas.page.locator('.row .text a').count(), 0, 'no link to code');
  const widths = await anas.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(widths[0] <= widths[1], `the page is ${widths[0]} wide in a window of ${widths[1]}`);
  await anas.picture('attacks');
});

test('names that are attacks are only names', async (t) => {
  const { ana } = await pair(it);
  const names = ['"onmouseover="alert(1)', "Robert'); DROP TABLE users;--", '&lt;script&gt;', 'a'.repeat(100), '\u0627\u0628\u062C'];
  const anas = await windowOf(t, it, ana);
  for (const [i, name] of names.entries()) {
    const person = Object.assign(new Person(), { server: it.server });
    const account = { name, email: `attack${i}@example.org`, password: 'correct horse' };
    Object.assign(person, await person.ask('POST', '/api/auth/register', account));
    const message = await person.send(await person.chatWith(ana), 'hello');
    const entry = anas.page.locator(`.list a[href="#/c/${message.conversation_id}"]`);
    await entry.waitFor();
    assert.equal(await entry.locator('.name').textContent(), name);
    await entry.click();
    await anas.sees('hello');
    assert.equal(await anas.page.locator('.head h2').textContent(), name);
    await anas.titled(`${name} – Duologue`);
  }
  assert.equal(await anas.page.locator('[onmouseover]').count(), 0);
});

test('links can be followed, into a window that knows nothing of this one', async (t) => {
  const { anas, bens } = await openChat(t, it);
  await anas.say('see https://example.org/a?b=1#c, and (www.example.com/x_(y)).');
  await bens.page.locator('.row .text a').nth(1).waitFor();
  const links = await bens.page.locator('.row .text a').evaluateAll((all) =>
    all.map((one) => [one.textContent, one.href, one.target, one.rel]),
  );
  const how = ['_blank', 'noopener noreferrer nofollow ugc'];
  assert.deepEqual(links, [
    ['https://example.org/a?b=1#c', 'https://example.org/a?b=1#c', ...how],
    ['www.example.com/x_(y)', 'https://www.example.com/x_(y)', ...how],
  ]);
});

test('a message that the server refuses says why in its words, and can be changed or thrown away', async (t) => {
  const { ana, chat, anas, bens } = await openChat(t, it);
  const long = 'y'.repeat(4_001);
  await anas.field.fill(long);
  await anas.page.getByText('4001 of 4000 characters').waitFor();
  await anas.field.press('Enter');
  await anas.ticks(long, 'refused');
  const alert = anas.page.locator('.refusal');
  await alert.filter({ hasText: 'content must have 1 to 4000 characters' }).or(alert.filter({ hasText: '4000' })).waitFor();
  await anas.picture('refused');
  await anas.say('this one goes on');
  await anas.ticks('this one goes on', 'read');
  await anas.press('Edit');
  assert.equal(await anas.field.inputValue(), long);
  await anas.field.fill('shorter');
  await anas.field.press('Enter');
  await bens.texts(['this one goes on', 'shorter']);

  // Larger than a frame may be: the connection is not lost for it.
  await anas.say('z'.repeat(70_000));
  await anas.page.locator('.refusal').filter({ hasText: 'At most 65536 bytes are taken at once.' }).waitFor();
  await anas.page.reload();
  await anas.page.locator('.refusal').filter({ hasText: 'At most 65536 bytes' }).waitFor();
  await anas.press('Discard');
  await anas.texts(['this one goes on', 'shorter']);

  // Half a character, which only a broken program writes: no frame may have it.
  await anas.field.evaluate((field) => {
    field.value = 'half \ud83d of one';
    field.dispatchEvent(new Event('input'));
  });
  await anas.field.press('Enter');
  await anas.page.locator('.refusal').filter({ hasText: 'The text is not valid JSON' }).waitFor();
  await anas.press('Discard');
  await anas.texts(['this one goes on', 'shorter']);
  assert.equal((await ana.history(chat)).length, 2);
});

test('what the server refuses to a click is said where one clicked', async (t) => {
  const { ana } = await pair(it);
  const anas = await windowOf(t, it, ana, { hash: '#/people' });
  const gone = Object.assign(new Person(), { server: it.server });
  const account = { name: 'Gone soon', email: 'gone@example.org', password: 'correct horse' };
  Object.assign(gone, await gone.ask('POST', '/api/auth/register', account));
  await anas.page.getByLabel('Search people by name').fill('Gone soon');
  const entry = anas.page.getByRole('list', { name: 'People' }).getByRole('button').filter({ hasText: 'Gone soon' });
  await entry.waitFor();
  await gone.ask('DELETE', '/api/users/me', { password: 'correct horse' });
  await entry.click();
  await anas.page.getByText('There is no such user.').waitFor();
});

test('what is sent faster than the server takes it waits its turn, and arrives in order', async (t) => {
  const { ana, ben, chat } = await pair(it);
  let refusals = 3;
  const busy = (page) =>
    page.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const { event, id } = JSON.parse(text);
        if (event !== 'send_message' || refusals === 0) return server.send(text);
        refusals -= 1;
        const code = refusals === 1 ? 'overloaded' : 'rate_limited';
        return socket.send(JSON.stringify({ reply: id, status: 'error', code, message: 'Later.' }));
      });
    });
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}`, prepare: busy });
  await anas.field.waitFor();
  await anas.say('one', 'two', 'three');
  await anas.ticks('three', 'sent');
  assert.equal(refusals, 0);
  await until('three messages', async () => (await ben.history(chat)).length === 3);
  assert.deepEqual((await ben.history(chat)).map(({ content }) => content), ['one', 'two', 'three']);
});
