// Stock Socket.IO clients: every version on every transport, and all that a client does in a good network.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { KINDS } from './client.mjs';
import { Person } from './person.mjs';
import { Server } from './server.mjs';

let server;
before(async () => {
  server = await Server.start();
});
after(() => server?.end());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const isOffline = ({ status }) => status === 'offline';
const oneTo = (last) => Array.from({ length: last }, (_, i) => i + 1);

/** Two people with a conversation: all that most claims need. */
async function pair() {
  const [ana, ben] = await Promise.all(['Ana', 'Ben'].map((name) => Person.register(server, name)));
  return { ana, ben, chat: await ana.chatWith(ben) };
}

/** The same, each with a connected client of `kind`. */
async function connectedPair(t, kind) {
  const { ana, ben, chat } = await pair();
  const [anas, bens] = await Promise.all([ana.connect(t, kind), ben.connect(t, kind)]);
  return { ana, ben, chat, anas, bens };
}

const CLAIMS = {
  'is refused with a code when its token is no token': async (t, kind) => {
    const { ana } = await pair();
    for (const auth of [{ token: `${ana.token}x` }, {}]) {
      const client = ana.client(t, kind, { auth });
      const refusal = await client.hears('connect_error');
      assert.equal(refusal.data?.code, 'unauthenticated');
      assert.ok(refusal.message.length > 0);
      assert.equal(client.socket.connected, false);
    }
  },

  'is let in by an Authorization header too': async (t, kind) => {
    const { ana } = await pair();
    const extraHeaders = { Authorization: `Bearer ${ana.token}` };
    const client = await ana.connect(t, kind, { auth: {}, extraHeaders });
    assert.equal(client.socket.connected, true);
  },

  'joins and leaves': async (t, kind) => {
    const { ana, chat, anas } = await connectedPair(t, kind);
    await ana.send(chat, 'before the join');
    const joined = await anas.ask('join_conversation', { conversationId: chat });
    assert.deepEqual(joined, { status: 'success', data: { conversationId: chat, head_seq: 1 } });
    assert.deepEqual(await anas.hears('joined_conversation'), { conversationId: chat });
    const left = await anas.ask('leave_conversation', { conversationId: chat });
    assert.deepEqual(left, { status: 'success', data: { conversationId: chat } });
    assert.deepEqual(await anas.hears('left_conversation'), { conversationId: chat });
  },

  'sends, and both sides hear it once': async (t, kind) => {
    const { ana, chat, anas, bens } = await connectedPair(t, kind);
    const content = '  “Grüß dich” <b>\u{1F680}</b>\n';
    const ask = { conversationId: chat, content, clientMessageId: 'first' };
    const sent = await anas.ask('send_message', ask);
    assert.equal(sent.status, 'success');
    const { seq, sender_id, client_message_id } = sent.data;
    assert.deepEqual({ seq, sender_id, client_message_id }, { seq: 1, sender_id: ana.id, client_message_id: 'first' });
    assert.equal(sent.data.content, content);
    assert.deepEqual(await anas.ask('send_message', ask), sent, 'the same again is the same message');
    const last = await ana.send(chat, 'marker');
    const events = [sent.data, last].map((message) => ({ message, conversation_id: chat }));
    for (const client of [anas, bens]) {
      await client.hears('new_message', ({ message }) => message.seq === last.seq);
      assert.deepEqual(client.all('new_message'), events);
    }
  },

  'shows who is typing': async (t, kind) => {
    const { ana, chat, anas, bens } = await connectedPair(t, kind);
    for (const [event, isTyping] of [['typing_start', true], ['typing_stop', false]]) {
      const answer = await anas.ask(event, { conversationId: chat });
      assert.deepEqual(answer, { status: 'success', data: { conversationId: chat, isTyping } });
      const user = { id: ana.id, name: 'Ana' };
      assert.deepEqual(await bens.hears('user_typing'), { conversationId: chat, user, isTyping });
    }
    assert.deepEqual(anas.all('user_typing'), []);
  },

  'tells the sender what was read': async (t, kind) => {
    const { ana, ben, chat, anas, bens } = await connectedPair(t, kind);
    await ana.send(chat, 'one');
    await ana.send(chat, 'two');
    const { status, data } = await bens.ask('mark_read', { conversationId: chat, upToSeq: 1 });
    assert.equal(status, 'success');
    assert.match(data.read_at, TIME);
    assert.deepEqual({ ...data, read_at: 0 }, { conversation_id: chat, last_read_seq: 1, unread_count: 1, read_at: 0 });
    const told = await anas.hears('messages_read');
    assert.deepEqual(told, { conversation_id: chat, user_id: ben.id, last_read_seq: 1, read_at: data.read_at });
  },

  'proves a delivery by itself': async (t, kind) => {
    const { ana, ben, chat, anas } = await connectedPair(t, kind);
    const { seq } = await ana.send(chat, 'did you get this?');
    const told = await anas.hears('messages_delivered');
    assert.deepEqual(told, { conversation_id: chat, user_id: ben.id, last_delivered_seq: seq });
  },

  'shows a chosen status': async (t, kind) => {
    const { ben, anas, bens } = await connectedPair(t, kind);
    const answer = await bens.ask('status_update', { status: 'busy' });
    assert.deepEqual(answer, { status: 'success', data: { status: 'busy' } });
    const told = await anas.hears('user_status_changed', ({ status }) => status === 'busy');
    assert.equal(told.userId, ben.id);
  },

  'is told of an unknown event and stays connected': async (t, kind) => {
    const { chat, anas } = await connectedPair(t, kind);
    anas.socket.emit('make_coffee', { sugar: true });
    const { code, message, event } = await anas.hears('error');
    assert.deepEqual({ code, event }, { code: 'unknown_event', event: 'make_coffee' });
    assert.ok(message.length > 0);
    const answer = await anas.ask('make_coffee', {});
    assert.deepEqual([answer.status, answer.code], ['error', 'unknown_event']);
    assert.equal((await anas.ask('join_conversation', { conversationId: chat })).status, 'success');
    assert.equal(anas.all('error').length, 1, 'with an acknowledgement there is no event');
  },

  'is acknowledged in the order in which it asked': async (t, kind) => {
    const { chat, anas, bens } = await connectedPair(t, kind);
    const answered = [];
    const asked = oneTo(50).map(async (n) => {
      const { data } = await anas.ask('send_message', { conversationId: chat, content: `${n}` });
      answered.push([data.content, data.seq]);
    });
    await Promise.all(asked);
    assert.deepEqual(answered, oneTo(50).map((n) => [`${n}`, n]));
    await bens.hears('new_message', ({ message }) => message.seq === 50);
    assert.deepEqual(bens.all('new_message').map(({ message }) => message.seq), oneTo(50));
  },

  'is gone at once when it says goodbye': async (t, kind) => {
    const { ana, ben, bens, anas } = await connectedPair(t, kind);
    const cleo = await Person.register(server, 'Cleo');
    await ana.chatWith(cleo);
    // Cleo breaks off first and counts for 5 s more, so "at once" is "before Cleo".
    const cleos = await cleo.connect(t, kind, { reconnection: false });
    cleos.socket.io.engine.close();
    await cleos.hears('disconnect');
    await bens.close();
    const told = await anas.hears('user_status_changed', isOffline);
    assert.equal(told.userId, ben.id);
    assert.match(told.last_seen_at, TIME);
  },
};

for (const kind of KINDS) {
  suite(kind.name, () => {
    for (const [claim, body] of Object.entries(CLAIMS)) test(claim, (t) => body(t, kind));
  });
}

for (const kind of KINDS.filter(({ mode }) => mode === 'upgrade')) {
  test(`${kind.name}: an upgrade loses and doubles nothing that flies meanwhile`, async (t) => {
    const { ana, ben, chat } = await pair();
    const bens = ben.client(t, kind);
    const [began, settled] = [bens.transport, bens.settled()];
    const asked = [];
    // One after the other, so that they are spread over the handshake, the upgrade and what follows.
    for (const n of oneTo(40)) {
      asked.push(bens.ask('send_message', { conversationId: chat, content: `up ${n}` }));
      await ana.send(chat, `down ${n}`);
    }
    const acknowledged = await Promise.all(asked);
    await settled;
    assert.deepEqual([began, bens.transport], ['polling', 'websocket']);
    const last = await ana.send(chat, 'marker');
    await bens.hears('new_message', ({ message }) => message.seq === last.seq);

    const brief = ({ seq, content }) => [seq, content];
    const history = (await ben.history(chat)).map(brief);
    const ups = history.filter(([, content]) => content.startsWith('up'));
    assert.deepEqual(acknowledged.map(({ data }) => brief(data)), ups);
    assert.deepEqual(ups.map(([, content]) => content), oneTo(40).map((n) => `up ${n}`));
    const heard = bens.all('new_message').map(({ message }) => brief(message));
    assert.ok(heard.length > 40, 'connected for most of it');
    assert.deepEqual(heard, history.slice(-heard.length));
  });
}
