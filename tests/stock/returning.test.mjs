// Stock Socket.IO clients in a bad network: lines that break, goodbyes, a server that starts again.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { KINDS } from './client.mjs';
import { Door } from './door.mjs';
import { Person } from './person.mjs';
import { Server } from './server.mjs';

let server;
before(async () => {
  server = await Server.start();
});
after(() => server?.end());

const seqs = (client) => client.all('new_message').map(({ message }) => message.seq);
const hearsMessage = (client, { seq }) => client.hears('new_message', ({ message }) => message.seq === seq);

/** Ben's client behind a door, joined to his conversation with Ana; Cleo has one with him too. */
async function joined(t, kind) {
  const [ana, ben, cleo] = await Promise.all(['Ana', 'Ben', 'Cleo'].map((name) => Person.register(server, name)));
  const [chat, aside] = await Promise.all([ana, cleo].map((person) => person.chatWith(ben)));
  const door = await Door.to(server.address);
  const bens = ben.client(t, kind, { url: door.url });
  t.after(() => door.end());
  await bens.settled();
  await bens.ask('join_conversation', { conversationId: chat });
  await hearsMessage(bens, await ana.send(chat, 'before'));
  return { ana, ben, cleo, chat, aside, door, bens };
}

/** What was missed came once and in order, and the session is the one that had joined. */
async function cameBackWhole({ ana, cleo, chat, aside, bens }) {
  await bens.connected();
  assert.equal(bens.socket.recovered, true);
  await cleo.send(aside, 'not in the open chat');
  await bens.hears('conversation_updated', ({ conversation_id: id }) => id === aside);
  const last = await ana.send(chat, 'marker');
  await hearsMessage(bens, last);
  const all = Array.from({ length: last.seq }, (_, i) => i + 1);
  assert.deepEqual(seqs(bens), all);
}

async function sendWhileAway({ ana, cleo, chat, aside }) {
  for (const content of ['one', 'two', 'three']) await ana.send(chat, content);
  await cleo.send(aside, 'something else');
}

const WHERE_IT_RECOVERS = {
  'recovers after the line broke': async (t, kind) => {
    const scene = await joined(t, kind);
    scene.door.shut();
    await scene.bens.hears('disconnect');
    await sendWhileAway(scene);
    scene.door.open();
    await cameBackWhole(scene);
  },

  'recovers while the server believes the old line alive': async (t, kind) => {
    const scene = await joined(t, kind);
    scene.door.shutUnnoticed();
    await scene.bens.hears('disconnect');
    await sendWhileAway(scene);
    scene.door.open();
    await cameBackWhole(scene);
  },

  'recovers after its own engine closed': async (t, kind) => {
    const scene = await joined(t, kind);
    const { socket } = scene.bens;
    socket.io.reconnection(false); // the test says when it returns
    socket.io.engine.close();
    await scene.bens.hears('disconnect');
    await sendWhileAway(scene);
    socket.connect();
    await cameBackWhole(scene);
  },

  'recovers a second time, from what it heard last': async (t, kind) => {
    const scene = await joined(t, kind);
    for (const content of ['first', 'second']) {
      scene.door.shut();
      await scene.bens.hears('disconnect');
      const missed = await scene.ana.send(scene.chat, content);
      scene.door.open();
      await hearsMessage(scene.bens, missed);
    }
    await cameBackWhole(scene);
  },

  'is a new session after a goodbye': async (t, kind) => {
    const { ana, chat, bens } = await joined(t, kind);
    const { id } = bens.socket;
    bens.socket.disconnect();
    bens.socket.connect();
    await bens.connected();
    assert.equal(bens.socket.recovered, false);
    assert.notEqual(bens.socket.id, id);
    await hearsMessage(bens, await ana.send(chat, 'marker'));
    assert.deepEqual(seqs(bens), [1, 2]);
  },
};

const WHERE_IT_DOES_NOT = {
  'returns as a new session, and afterSeq fills the gap': async (t, kind) => {
    const { ana, cleo, chat, aside, door, bens } = await joined(t, kind);
    const { id } = bens.socket;
    door.shut();
    await bens.hears('disconnect');
    await sendWhileAway({ ana, cleo, chat, aside });
    door.open();
    await bens.connected();
    assert.notEqual(bens.socket.id, id);
    const { data } = await bens.ask('join_conversation', { conversationId: chat, afterSeq: 1 });
    assert.deepEqual(data.messages.map(({ seq }) => seq), [2, 3, 4]);
    assert.deepEqual([data.head_seq, data.has_more], [4, false]);
    await hearsMessage(bens, await ana.send(chat, 'marker'));
    assert.deepEqual(seqs(bens), [1, 5]);
  },
};

for (const kind of KINDS) {
  suite(kind.name, () => {
    const claims = kind.recovers ? WHERE_IT_RECOVERS : WHERE_IT_DOES_NOT;
    for (const [claim, body] of Object.entries(claims)) test(claim, (t) => body(t, kind));
  });
}

test('every client comes back by itself when the server starts again', async (t) => {
  const other = await Server.start();
  t.after(() => other.end());
  const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(other, name)));
  const chat = await ana.chatWith(ben);
  const clients = KINDS.map((kind) => ben.client(t, kind));
  await Promise.all(clients.map((client) => client.settled()));
  const { seq } = await ana.send(chat, 'before');

  await other.stop();
  for (const client of clients) {
    // A client that the server disconnects stays away; a transport that closes brings it back.
    assert.notEqual(await client.hears('disconnect'), 'io server disconnect', client.kind.name);
  }
  await other.startAgain();
  const missed = await ana.send(chat, 'while some were away');
  for (const client of clients) {
    await client.connected();
    assert.ok(!client.socket.recovered, client.kind.name);
    const { data } = await client.ask('join_conversation', { conversationId: chat, afterSeq: seq });
    assert.deepEqual(data.messages, [missed], client.kind.name);
  }
});
