// The guide's page with three people. It has quirks (it never knows who it is, marks nothing read while a chat
// is open, emits with a null id after Back); the server must be sound with them, so the page is not changed. Nor may
// it meet the quotas, which are on here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Door } from './door.mjs';
import { openBrowser, webRoot, Window } from './page.mjs';
import { Person } from './person.mjs';
import { Server } from './server.mjs';
import { until } from './wait.mjs';

const ended = []; // what to end, the last first
let server;
let browser;

before(async () => {
  const root = await webRoot();
  ended.unshift(root.remove);
  server = await Server.start({ webRoot: root.directory, rateLimits: 'on' });
  ended.unshift(() => server.end());
  browser = await openBrowser(server.address.port);
  ended.unshift(() => browser.close());
});
after(async () => {
  for (const end of ended) await end();
});

/** Three people whose names no other test uses: everybody is in everybody's list. */
let scenes = 0;
async function people() {
  scenes += 1;
  const names = ['Ana', 'Ben', 'Cleo'].map((name) => `${name}${scenes}`);
  return Promise.all(names.map((name) => Person.register(server, name)));
}

/** Ana's and Ben's windows with their chat open, and its id. */
async function openChat(t) {
  const [ana, ben, cleo] = await people();
  const [anas, bens] = await Promise.all([ana, ben].map((person) => Window.open(t, browser, person)));
  await Promise.all([anas.startChat(ben.name), bens.startChat(ana.name)]);
  return { ana, ben, cleo, anas, bens, chat: await ana.chatWith(ben) };
}

const statusOf = async (asker, person) => (await asker.ask('GET', `/api/users/${person.id}`)).user.status;

test('the list shows the others, and after a reload who is there', async (t) => {
  const [ana, ben, cleo] = await people();
  const anas = await Window.open(t, browser, ana);
  const list = await anas.list();
  assert.deepEqual([list[ben.name], list[cleo.name], list[ana.name]], ['offline', 'offline', undefined]);

  await Promise.all([ben, cleo].map((person) => Window.open(t, browser, person)));
  await cleo.ask('PUT', '/api/users/me/status', { status: 'busy' });
  await until('Ben to be there', async () => (await statusOf(ana, ben)) === 'online');
  await until('Cleo to be busy', async () => (await statusOf(ana, cleo)) === 'busy');
  await anas.reload();
  const later = await anas.list();
  assert.deepEqual([later[ben.name], later[cleo.name]], ['online', 'busy']);
  await anas.picture('list');
});

test('two who start a chat with each other are in the same one', async (t) => {
  const { anas, bens, chat } = await openChat(t);
  const open = ({ page }) => page.evaluate(() => messaging.currentConversationId);
  assert.deepEqual([await open(anas), await open(bens)], [chat, chat]);
});

test('a message is one bubble on each side', async (t) => {
  const { anas, bens } = await openChat(t);
  await anas.say('Hello Ben');
  await bens.bubblesUpTo('Hello Ben');
  await bens.say('Hello Ana');
  for (const window of [anas, bens]) {
    assert.deepEqual(await window.bubblesUpTo('Hello Ana'), ['Hello Ben', 'Hello Ana']);
  }
  await bens.picture('chat');
});

test('typing is shown, and ends with the message or the pause', async (t) => {
  const { ana, anas, bens } = await openChat(t);
  await anas.type('Hel');
  await bens.typing(ana.name);
  await bens.picture('typing');
  await anas.say('Hello');
  await bens.typing(null);
  await anas.type('And');
  await bens.typing(ana.name);
  await bens.typing(null); // the page says so after 2 s without a key
});

test('the history is whole and in order after a reload', async (t) => {
  const { ana, ben, anas, bens, chat } = await openChat(t);
  await anas.say('from the page');
  for (let n = 2; n <= 55; n += 1) await (n % 3 ? ana : ben).send(chat, `number ${n}.`);
  await bens.reload();
  await bens.startChat(ana.name);
  const texts = await bens.bubblesUpTo('number 55.');
  assert.deepEqual(texts, Array.from({ length: 50 }, (_, i) => `number ${i + 6}.`), 'the newest fifty');
});

test('read receipts end', async (t) => {
  const { ana, ben, anas, bens, chat } = await openChat(t);
  // A receipt is told before its read is answered, and so before any typing that begins after that; and a page
  // answers a receipt at once. So when a round of typing in both directions brings no call, none is to come.
  const round = async () => {
    await Promise.all([anas.readsAnswered(), bens.readsAnswered()]);
    for (const [from, window] of [[ana, bens], [ben, anas]]) {
      for (const isTyping of [true, false]) {
        await from.ask('POST', `/api/messages/conversation/${chat}/typing`, { isTyping });
        await window.typing(isTyping ? from.name : null);
      }
    }
    return anas.reads + bens.reads;
  };
  const opened = anas.reads + bens.reads;
  assert.equal(opened, 2, 'each opened the chat');
  for (const text of ['1', '2', '3']) {
    await anas.say(`ping ${text}`);
    await bens.bubblesUpTo(`ping ${text}`);
    await bens.say(`pong ${text}`);
    await anas.bubblesUpTo(`pong ${text}`);
  }
  await round();
  const during = await round();
  assert.equal(await round(), during, 'they go on');
  // A send may tell the other a receipt, whose page answers with a read, which may tell the sender one, whose
  // page answers too: that read moves nothing.
  assert.ok(during - opened <= 2 * 6, `${during - opened} calls for 6 messages`);
  assert.ok(during > opened, 'the page answers receipts');
});

test("a third person's message does not appear in the open chat", async (t) => {
  const { ben, cleo, anas, bens } = await openChat(t);
  const aside = await cleo.chatWith(ben);
  await bens.record('new_message', 'conversation_updated');
  const { seq } = await cleo.send(aside, 'psst');
  const [told] = await bens.recorded(1);
  assert.deepEqual([told.conversation_id, told.last_message.seq], [aside, seq]);
  await anas.say('marker');
  assert.deepEqual(await bens.bubblesUpTo('marker'), ['marker']);
});

test('text that looks like markup is stored and delivered as it was typed', async (t) => {
  const { ben, anas, bens, chat } = await openChat(t);
  await bens.record('new_message');
  const text = '<b>bold</b> &amp; "quoted" \\ $& \u{1F680}';
  await anas.say(text);
  const [{ message }] = await bens.recorded(1);
  assert.equal(message.content, text);
  assert.deepEqual((await ben.history(chat)).map(({ content }) => content), [text]);
  await anas.say('and on');
  assert.equal((await bens.bubblesUpTo('and on')).length, 2);
});

test('what arrives while the network is cut appears once and in the right chat', async (t) => {
  const door = await Door.to(server.address);
  ended.unshift(() => door.end());
  const behind = await openBrowser(door.port);
  ended.unshift(() => behind.close());
  const [ana, ben, cleo] = await people();
  const [chat, aside] = await Promise.all([ana, cleo].map((person) => person.chatWith(ben)));
  const bens = await Window.open(t, behind, ben);
  await bens.startChat(ana.name);
  await ana.send(chat, 'before');
  await bens.bubblesUpTo('before');

  door.shut();
  await bens.connected(false);
  for (const text of ['one', 'two', 'three']) await ana.send(chat, text);
  await cleo.send(aside, 'psst');
  door.open();
  await bens.connected();
  assert.equal(await bens.page.evaluate(() => messaging.socket.recovered), true);
  await ana.send(chat, 'after');
  assert.deepEqual(await bens.bubblesUpTo('after'), ['before', 'one', 'two', 'three', 'after']);
  await bens.say('I am back');
  assert.equal((await bens.bubblesUpTo('I am back')).length, 6);
});

test('leaving in the middle of typing ends it, and what the page says afterwards harms nobody', async (t) => {
  const { ana, ben, anas, bens } = await openChat(t);
  await bens.record('user_typing');
  await anas.record('error');
  await anas.type('I just wanted to');
  await bens.typing(ana.name);
  await anas.back();
  await bens.typing(null);
  const [error] = await anas.recorded(1); // its typing_stop, 2 s later, for the conversation null
  assert.deepEqual([error.code, error.event], ['validation_failed', 'typing_stop']);

  // Told a second time that she types, Ben was told of the end: by the leaving, the only end there was.
  await anas.startChat(ben.name);
  await anas.type('say');
  const typing = await bens.recorded(3);
  assert.deepEqual(typing.map(({ isTyping }) => isTyping), [true, false, true]);
  await anas.say('hello');
  assert.deepEqual(await bens.bubblesUpTo('hello'), ['hello']);
});
