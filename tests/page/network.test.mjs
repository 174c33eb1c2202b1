// A bad network, a server that goes and comes: nothing that was typed is lost, and all is shown once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Door } from '../stock/door.mjs';
import { until } from '../stock/wait.mjs';
import { Window } from './browser.mjs';
import { found, lost, openChat, pair, people, stage, stored, windowOf } from './scene.mjs';

const it = stage();

/** Ana behind a door, with her chat with Ben open; Ben has no window. */
async function behindADoor(t) {
  const scene = await pair(it);
  const door = await Door.to(it.server.address);
  t.after(() => door.end());
  const anas = await windowOf(t, it, scene.ana, { url: door.url, hash: `#/c/${scene.chat}` });
  await anas.field.waitFor();
  return { ...scene, door, anas };
}

test('what is typed while the line is cut is shown at once, waits, and is sent in order on return', async (t) => {
  const { ben, chat, door, anas } = await behindADoor(t);
  await anas.say('before');
  await anas.ticks('before', 'sent');
  door.shut();
  await lost(anas);
  await anas.say('one', 'two', 'three');
  await anas.texts(['before', 'one', 'two', 'three']);
  await anas.ticks('two', 'waiting');
  await anas.picture('waiting');
  door.open();
  await found(anas);
  await anas.ticks('three', 'sent');
  assert.deepEqual(await stored(ben, chat, 4), ['before', 'one', 'two', 'three']);
  await anas.texts(['before', 'one', 'two', 'three']);
});

test('what waits is sent by the next visit, if the page was closed meanwhile', async (t) => {
  const { ben, chat, door, anas } = await behindADoor(t);
  door.shut();
  await lost(anas);
  await anas.say('still here');
  await anas.ticks('still here', 'waiting');
  await anas.page.close();
  door.open();
  const again = await anas.tab(t);
  await again.ready();
  assert.deepEqual(await stored(ben, chat, 1), ['still here']);
  await again.openChat(ben.name);
  await again.ticks('still here', 'sent');
  await again.texts(['still here']);
});

test('what waits is sent to the account that typed it, not to the next one of the browser', async (t) => {
  const { ana, ben, chat, door, anas } = await behindADoor(t);
  const [cleo] = await people(it.server, 'Cleo');
  const aside = await cleo.chatWith(ben);
  const addressOf = async (person) => (await person.ask('GET', '/api/users/me')).user.email;
  const [anasAddress, cleosAddress] = [await addressOf(ana), await addressOf(cleo)];
  door.shut();
  await lost(anas);
  await anas.say('only mine');
  await anas.page.getByRole('button', { name: `You: ${ana.name}` }).click();
  await anas.press('Sign out');
  door.open();
  const enter = async (email) => {
    await anas.fill({ 'E-mail': email, Password: 'correct horse' });
    await anas.press('Sign in');
    await anas.ready();
  };
  await enter(cleosAddress);
  await anas.openChat(ben.name);
  await anas.say('from Cleo');
  assert.deepEqual(await stored(ben, aside, 1), ['from Cleo']);
  await anas.page.getByRole('button', { name: `You: ${cleo.name}` }).click();
  await anas.press('Sign out');
  await enter(anasAddress);
  assert.deepEqual(await stored(ben, chat, 1), ['only mine']);
});

test('a message whose answer was lost is sent again and shown once', async (t) => {
  const { ana, ben, chat } = await pair(it);
  let sends = 0;
  let isDeaf = false; // from the first of them on, on the first line
  let line;
  const prepare = (page) =>
    page.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      line = socket;
      socket.onMessage((text) => {
        if (JSON.parse(text).event === 'send_message') {
          sends += 1;
          isDeaf = sends === 1;
        }
        server.send(text);
      });
      server.onMessage((text) => isDeaf || socket.send(text));
    });
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}`, prepare });
  const bens = await windowOf(t, it, ben, { hash: `#/c/${chat}` });
  await anas.field.waitFor();
  await anas.say('only once');
  // The server has it; here nobody is to know, also not by looking at the chat or at what was said last.
  await stored(ben, chat, 1);
  await anas.page.getByRole('link', { name: 'Chats' }).click();
  await ben.send(chat, 'meanwhile');
  isDeaf = false;
  await line.close({ code: 1011 });
  await until('another try', () => sends === 2);
  await anas.openChat(ben.name);
  await anas.ticks('only once', 'read');
  await anas.say('marker');
  for (const window of [anas, bens]) await window.texts(['only once', 'meanwhile', 'marker']);
  assert.deepEqual(await stored(ben, chat, 3), ['only once', 'meanwhile', 'marker']);
});

test('what came while the line was cut is there on return, once and in order, in every chat', async (t) => {
  const { ana, ben, chat, door, anas } = await behindADoor(t);
  const [cleo] = await people(it.server, 'Cleo');
  await ben.send(chat, 'before');
  await until('it to be read', async () => (await ben.history(chat))[0].is_read);
  door.shutUnnoticed();
  await lost(anas);
  for (let n = 1; n <= 130; n += 1) await ben.send(chat, `number ${n}.`);
  await cleo.send(await cleo.chatWith(ana), 'psst');
  door.open();
  await found(anas);
  await anas.unread(cleo.name, 1);
  await anas.page.locator('.new-line').waitFor();
  await anas.sees('number 1.');
  await ben.send(chat, 'after');
  await anas.scrollTo('after');
  const wanted = ['before', ...Array.from({ length: 130 }, (_, i) => `number ${i + 1}.`), 'after'];
  await anas.texts(wanted);
});

test('being offline is said, and ends', async (t) => {
  const { anas, ben, chat, bens } = await openChat(t, it);
  await bens.field.pressSequentially('x');
  await anas.status.filter({ hasText: 'typing…' }).waitFor();
  await anas.page.context().setOffline(true);
  await anas.banner.filter({ hasText: 'You are offline.' }).waitFor();
  await anas.status.filter({ hasNotText: 'typing…' }).waitFor();
  await anas.picture('offline');
  await anas.say('kept');
  await anas.ticks('kept', 'waiting');
  await anas.page.context().setOffline(false);
  await found(anas);
  await bens.sees('kept');
  assert.deepEqual(await stored(ben, chat, 1), ['kept']);
});

test('a server that goes and comes is waited for', async (t) => {
  const { ben, chat, anas, bens } = await openChat(t, it);
  await it.server.stop();
  await lost(anas);
  await anas.say('are you back?');
  await anas.ticks('are you back?', 'waiting');
  await it.server.startAgain();
  await anas.press('Try now').catch(() => {}); // unless it is back by itself
  await anas.ticks('are you back?', 'sent');
  await found(bens);
  await bens.sees('are you back?');
  assert.deepEqual(await stored(ben, chat, 1), ['are you back?']);
});

test('two tabs of one person show a message once each, and send it once', async (t) => {
  const { ben, chat, anas } = await openChat(t, it);
  const second = await anas.tab(t, `#/c/${chat}`);
  await second.field.waitFor();
  await anas.say('from the first');
  await second.say('from the second');
  assert.deepEqual(await stored(ben, chat, 2), ['from the first', 'from the second']);
  for (const window of [anas, second]) {
    await window.ticks('from the second', 'read');
    await window.texts(['from the first', 'from the second']);
  }
});

test('where WebSockets are blocked the page says so, and still brings messages out and in', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}`, prepare: (page) => page.addInitScript(noSockets) });
  await anas.banner.filter({ hasText: 'blocks WebSockets' }).waitFor();
  await anas.picture('blocked');
  await anas.say('by the other way');
  assert.deepEqual(await stored(ben, chat, 1), ['by the other way']);
  await anas.ticks('by the other way', 'sent');
  await ben.send(chat, 'and back');
  await anas.press('Try now');
  await anas.sees('and back');
});

test('a server that is away when one signs in is told in a sentence', async (t) => {
  const door = await Door.to(it.server.address);
  t.after(() => door.end());
  const window = await Window.open(t, it.browser, door.url);
  door.shut();
  await window.fill({ 'E-mail': 'ana@example.org', Password: 'correct horse' });
  await window.press('Sign in');
  await window.page.getByText('The server cannot be reached.').waitFor();
  assert.equal(await window.page.getByLabel('E-mail').inputValue(), 'ana@example.org');
});

/** As a proxy that knows no WebSockets does: each attempt fails. */
function noSockets() {
  globalThis.WebSocket = class {
    constructor() {
      setTimeout(() => this.onclose?.({ code: 1006 }));
    }
    close() {}
    send() {}
  };
}
