// Long histories: what is in the document, where one is in it, what counts as seen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { PHONE } from './browser.mjs';
import { openChat, pair, stage, windowOf } from './scene.mjs';

const it = stage();
const MOST_ROWS = 300;

/** So many messages of `person`, `1.`, `2.` and so on. */
async function fill(person, chat, count, from = 1) {
  for (let n = from; n < from + count; n += 1) await person.send(chat, `${n}.`);
}

/** The positions in the document, first to last. */
const shown = (window) =>
  window.page.locator('.row .text').allInnerTexts().then((texts) => texts.map((text) => Number.parseInt(text, 10)));


const lastRead = async (person, chat) => {
  const { participants } = await person.ask('GET', `/api/conversations/${chat}`);
  return participants.find(({ id }) => id === person.id).last_read_seq;
};

test('history comes in above without a jump, to the first message', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await fill(ben, chat, 330);
  await ana.ask('PUT', `/api/messages/conversation/${chat}/read`);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.sees('330.');
  const scroller = anas.page.locator('.messages .scroller');
  await scroller.hover();
  let jumps = 0;
  await until('the first message', async () => {
    // One watches a message while the wheel turns: it moves by what was scrolled, whatever comes in above.
    const moved = await scroller.evaluate(async (element) => {
      const frame = () => new Promise(requestAnimationFrame);
      const top = element.getBoundingClientRect().top;
      const rows = [...element.querySelectorAll('.row')];
      const row = rows.find((one) => one.getBoundingClientRect().bottom > top + 5);
      const before = row.getBoundingClientRect().top;
      const by = Math.min(400, element.scrollTop);
      element.scrollTop -= by;
      await frame();
      await frame();
      return Math.abs(row.getBoundingClientRect().top - before - by);
    });
    jumps += moved > 2;
    return anas.bubble('1.').isVisible();
  });
  assert.equal(jumps, 0);
  const positions = await shown(anas);
  assert.deepEqual(positions, Array.from({ length: positions.length }, (_, i) => i + 1), 'no gap, no repeat');
  await anas.press('Jump to the newest message');
  await anas.sees('330.');
  assert.ok((await anas.place()).below < 5);
});

test('a chat of ten thousand messages has few of them in the document, and opens at once', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const count = 10_000;
  await flood(ben, chat, count);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  // The first unread is the first of all: one begins to read there.
  await anas.sees('1.');
  assert.ok((await anas.place()).rows <= MOST_ROWS);
  await anas.press('Jump to the newest message');
  await anas.sees(`${count}.`);
  await anas.unread(ben.name, 0);
  const scroller = anas.page.locator('.messages .scroller');
  for (let page = 0; page < 12; page += 1) {
    const first = (await shown(anas))[0];
    await until('older ones', async () => {
      await scroller.evaluate((element) => element.scrollTo(0, 0));
      return (await shown(anas))[0] < first;
    });
    const positions = await shown(anas);
    assert.ok(positions.length <= MOST_ROWS, `${positions.length} rows`);
    assert.deepEqual(positions, positions.map((_, i) => positions[0] + i), 'no gap, no repeat');
  }
  await anas.scrollTo(`${count}.`);
  assert.ok((await anas.place()).rows <= MOST_ROWS, 'on the way down too');
  await anas.say('and on');
  await anas.ticks('and on', 'sent');
});

test('a chat opens at its first unread message, below a line', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await fill(ben, chat, 40);
  await ana.ask('PUT', `/api/messages/conversation/${chat}/read`, { up_to_seq: 40 });
  await fill(ben, chat, 160, 41);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.page.locator('.new-line').waitFor();
  const next = await anas.page.locator('.new-line + .row .text').innerText();
  assert.equal(next, '41.');
  const line = await anas.page.locator('.new-line').boundingBox();
  assert.ok(line.y > 0 && line.y < 400, `the line is at ${line.y}`);
  await anas.picture('new-messages');
  await anas.page.locator('.jump .badge').waitFor();
  await anas.press('Jump to the newest message');
  await anas.sees('200.');
  await until('all to be read', async () => (await lastRead(ana, chat)) === 200);
  await anas.page.locator('.jump').waitFor({ state: 'hidden' });
});

test('only what was scrolled to is read', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await fill(ben, chat, 90);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.sees('1.');
  await until('some to be read', async () => (await lastRead(ana, chat)) > 0);
  const bottom = await anas.page.locator('.messages .scroller').evaluate((scroller) => {
    const end = scroller.getBoundingClientRect().bottom + 1;
    const rows = [...scroller.querySelectorAll('.row')];
    return Number(rows.findLast((row) => row.getBoundingClientRect().bottom <= end).dataset.seq);
  });
  assert.ok(bottom < 60);
  await until('what is seen to be read', async () => (await lastRead(ana, chat)) === bottom);
  await anas.unread(ben.name, 90 - bottom);
  // Who reads further up is not taken away from there, and has not seen what comes.
  await ben.send(chat, '91.');
  await anas.unread(ben.name, 91 - bottom);
  assert.equal(await lastRead(ana, chat), bottom);
  await anas.scrollTo('91.');
  await anas.unread(ben.name, 0);
});

test('what comes while nobody looks is not read, and stands below a line when one looks again', async (t) => {
  const { ana, ben, chat, anas } = await openChat(t, it);
  await ben.send(chat, 'seen');
  await until('it to be read', async () => (await lastRead(ana, chat)) === 1);
  await anas.visible(false);
  await ben.send(chat, 'unseen');
  await anas.sees('unseen');
  await anas.titled(`(1) ${ben.name} – Duologue`);
  assert.equal(await lastRead(ana, chat), 1);
  assert.equal(await anas.page.locator('.new-line + .row .text').innerText(), 'unseen');
  await anas.visible(true);
  await until('it to be read', async () => (await lastRead(ana, chat)) === 2);
  await anas.titled(`${ben.name} – Duologue`);
});

test('whoever is at the end stays there, whatever comes and however the window changes', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await fill(ben, chat, 60);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}`, ...PHONE });
  await anas.press('Jump to the newest message');
  await anas.sees('60.');
  const atEnd = () => until('the end', async () => (await anas.place()).below < 5);
  await atEnd();
  await ben.send(chat, 'a long one\n'.repeat(20));
  await anas.page.locator('.row').nth(60).waitFor();
  await atEnd();
  await anas.page.setViewportSize({ width: 390, height: 420 }); // as by a keyboard
  await atEnd();
  // The news of a scrolling that is over may come when the window has become lower, and nobody has said so yet.
  await anas.page.locator('.messages .scroller').evaluate((scroller) => {
    scroller.style.maxHeight = '120px';
    scroller.dispatchEvent(new Event('scroll'));
  });
  await atEnd();
  await anas.page.locator('.messages .scroller').evaluate((scroller) => scroller.style.removeProperty('max-height'));
  await atEnd();
  await anas.field.fill('one\ntwo\nthree\nfour');
  await atEnd();
  const before = await anas.page.locator('.head').boundingBox();
  await ben.ask('POST', `/api/messages/conversation/${chat}/typing`, { isTyping: true });
  await anas.status.filter({ hasText: 'typing…' }).waitFor();
  assert.deepEqual(await anas.page.locator('.head').boundingBox(), before, 'typing moves nothing');
  await atEnd();
});

/** As `fill`, for many: over a socket, many under way at once. */
async function flood(person, chat, count) {
  const { io } = await import('../stock/node_modules/socket.io-client-newest/build/esm/index.js');
  const socket = io(person.server.url, { auth: { token: person.token }, transports: ['websocket'] });
  const answers = [];
  for (let n = 1; n <= count; n += 1) {
    answers.push(socket.emitWithAck('send_message', { conversationId: chat, content: `${n}.` }));
    if (answers.length === 200) await Promise.all(answers.splice(0));
  }
  await Promise.all(answers);
  socket.disconnect();
}
