// One person's chat: what can be done in it, and what the server says, brought together in the model.
import { Api } from './api.js';
import { Changes } from './changes.js';
import { Lists } from './lists.js';
import { Messages } from './messages.js';
import { Model } from './model.js';
import { Outbox } from './outbox.js';
import { Sender } from './sender.js';
import { sentence } from './refusal.js';
import { Socket } from './socket.js';
import * as storage from './storage.js';

/** So often the line is tried; and where no WebSocket opens, one looks for news. In milliseconds. */
const LOOK_MS = 15_000;
export class Client {
  /** @type {Changes<'connection'>} */
  changes = new Changes();
  /** Why the lists could not be read, in the server's words; empty if they could. */
  failure = '';
  /** Whether the server said how one looks to others. */
  knowsMe = false;
  #timer;
  #unwatch;
  /** @type {Set<(message: Message) => void>} */
  #listeners = new Set();

  /**
   * @param {import('./session.js').Session} session
   * @param {User} user
   */
  constructor(session, user) {
    this.api = new Api(session);
    this.outbox = new Outbox(user.id, (id) => this.model.conversations.get(id)?.created);
    this.model = new Model(user, ({ client_message_id: key }) => key && this.outbox.drop(key));
    this.sender = new Sender(this.outbox, {
      meet: (id) => this.#meet(id),
      deliver: (pending) => this.messages.deliver(pending),
      told: (id) => this.#outboxChanged(id),
    });
    this.socket = new Socket({
      token: () => session.token,
      renew: (stale) => session.renew(stale),
      heard: (event, data) => this.#hear(event, data),
      changed: (state) => this.#connection(state),
    });
    this.lists = new Lists(this.api, this.model);
    this.messages = new Messages(this.api, this.model, this.socket);
    this.#unwatch = storage.watch((key) => this.#otherTab(key));
    this.#timer = setInterval(() => this.#tick(), LOOK_MS);
    this.socket.connect();
  }

  end() {
    clearInterval(this.#timer);
    this.#unwatch();
    this.sender.end();
    this.socket.end();
  }

  /**
   * Calls `listener` with each message of somebody else, as it comes; the answer ends that.
   * @param {(message: Message) => void} listener
   * @returns {() => void}
   */
  onMessage(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Says something: shown at once, sent until the server has it.
   * @param {number} id
   * @param {string} content
   */
  send(id, content) {
    this.outbox.add(id, content);
    this.#outboxChanged(id);
    this.sender.one(id);
  }

  /**
   * Tries once more what was refused.
   * @param {number} id
   * @param {string} key
   */
  again(id, key) {
    this.outbox.again(key);
    this.#outboxChanged(id);
    this.sender.one(id);
  }

  /**
   * Takes back what was refused: its text.
   * @param {number} id
   * @param {string} key
   */
  takeBack(id, key) {
    const content = this.outbox.get(key)?.content ?? '';
    this.outbox.drop(key);
    this.#outboxChanged(id);
    return content;
  }

  /**
   * Nothing is sent into a conversation before the server has told of it over this connection: it may be another
   * server than the one before.
   * @param {number} id
   */
  async #meet(id) {
    if (!this.model.conversations.get(id)?.met) this.model.add((await this.api.get(`api/conversations/${id}`)).data);
  }

  /** @param {number} id */
  #outboxChanged(id) {
    this.model.changes.tell(`chat:${id}`);
    this.model.changes.tell('list');
  }

  // What is typed and chosen

  /**
   * @param {number} id
   * @param {boolean} isTyping
   */
  typing(id, isTyping) {
    this.socket.say(isTyping ? 'typing_start' : 'typing_stop', { conversationId: id });
  }

  /** @param {Status} status how one wants to look to others */
  async setStatus(status) {
    const { data } = await this.api.ask('PUT', 'api/users/me/status', { status });
    this.model.me.status = data.user.status;
    this.model.changes.tell('people');
  }

  // What comes

  /**
   * @param {string} event
   * @param {any} data
   */
  async #hear(event, data) {
    const id = data.conversation_id ?? data.conversationId;
    const before = this.model.conversations.get(id)?.head ?? 0;
    if (!this.model.hear(event, data)) {
      try {
        this.model.add((await this.api.get(`api/conversations/${id}`)).data);
        this.model.hear(event, data);
        await this.lists.countUnread();
      } catch {
        return; // the list, when it is read again, tells the same
      }
    }
    const message = event === 'new_message' ? data.message : event === 'conversation_updated' && data.last_message;
    // An event may carry a message that came before, because something else about its conversation changed.
    if (!message || message.sender_id === this.model.me.id || message.seq <= before) return;
    for (const listener of this.#listeners) listener(message);
  }

  /** @param {import('./socket.js').State} state */
  async #connection(state) {
    this.changes.tell('connection');
    if (state !== 'open') this.model.disconnected();
    if (state === 'blocked') this.#tick();
    if (state !== 'open') return;
    this.sender.all();
    await this.refresh();
    this.#prove();
  }

  /** Somebody does not want to wait any longer. */
  tryNow() {
    if (!this.socket.isOpen) this.socket.connect();
    this.refresh();
    this.sender.all();
  }

  /** Reads again what may have changed unseen. */
  async refresh() {
    try {
      const { data } = await this.api.get('api/users/me');
      this.model.me = data.user;
      this.knowsMe = true;
      this.model.changes.tell('people');
      await this.lists.loadList();
      this.failure = '';
    } catch (error) {
      this.failure = sentence(error);
    }
    this.changes.tell('connection');
  }

  /** Has the last message of each conversation sent over the socket: what is proven to have come is delivered. */
  #prove() {
    for (const { id, head, delivered, last } of this.model.list) {
      if (head <= delivered || last?.sender_id === this.model.me.id) continue;
      this.messages.catchUp(id, head - 1).catch(() => {}); // the next connection tries again
    }
  }

  /** A quiet line is tried, because the browser does not say when it is dead; and what could not be read is read again. */
  #tick() {
    if (this.socket.state === 'blocked' || this.failure) {
      this.refresh();
      this.sender.all();
    }
    this.socket.probe();
  }

  /** @param {string | null} key what another tab changed */
  #otherTab(key) {
    if (key !== null && !this.outbox.holds(key)) return;
    const before = this.outbox.conversations();
    this.outbox.reload();
    for (const id of new Set([...before, ...this.outbox.conversations()])) this.#outboxChanged(id);
  }
}
