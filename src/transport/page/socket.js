// The connection at /ws: it signs in, numbers what it asks, and comes back by itself.
import { ask } from './api.js';
import { Refusal, Unreachable } from './refusal.js';

/** The first wait before a new try and the longest, in milliseconds; each wait is twice the one before. */
const WAIT_MS = { first: 500, longest: 15_000 };
/** How long a reply may take, and the opening. */
const PATIENCE_MS = 10_000;
/** So many tries in a row that do not even open, while REST answers, mean that something blocks WebSockets. */
const BLOCKED_AFTER = 2;
const CLOSE = { unauthenticated: 4401, late: 4408, tooMany: 4429 };

/** @typedef {'off' | 'connecting' | 'open' | 'waiting' | 'offline' | 'blocked' | 'tooMany'} State */
/** @typedef {{resolve: (data: any) => void, reject: (error: Error) => void, timer: ReturnType<typeof setTimeout>}} Asked */

/**
 * @typedef {object} Owner
 * @property {() => string | null} token
 * @property {(stale: string) => Promise<string>} renew
 * @property {(event: string, data: any) => void} heard
 * @property {(state: State) => void} changed
 */

export class Socket {
  /** @type {State} */
  state = 'off';
  #owner;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<number, Asked>} */
  #asked = new Map();
  #nextId = 1;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  get isOpen() {
    return this.state === 'open';
  }

  /** Connects now, whatever it was waiting for. */
  connect() {
    if (this.state === 'open' || this.state === 'connecting') return;
    clearTimeout(this.#timer);
    const token = this.#owner.token();
    if (!token) return;
    const url = new URL('ws', document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    let opened = false;
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      this.#lost(false);
      return;
    }
    this.#socket = socket;
    this.#set('connecting');
    this.#timer = setTimeout(() => this.#lost(opened), PATIENCE_MS);
    socket.onopen = () => {
      opened = true;
      this.#request('authenticate', { token }).then(
        () => this.#entered(),
        () => {}, // the close that follows says what to do
      );
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#closed(code, token, opened);
  }

  /** Says goodbye: one is gone at once. */
  end() {
    clearTimeout(this.#timer);
    const socket = this.#forget();
    socket?.close(1000);
    this.#set('off');
  }

  /** The browser says that there is no network. */
  networkGone() {
    if (this.state === 'off') return;
    clearTimeout(this.#timer);
    this.#forget()?.close();
    this.#set('offline');
  }

  /** The network may be another, or be there again: what stands is tried, what does not is dialled. */
  networkBack() {
    if (this.state === 'off') return;
    this.#failures = 0;
    if (this.isOpen) this.probe();
    else this.connect();
  }

  /**
   * Asks, and brings the reply's data.
   * @param {string} event
   * @param {object} data
   * @returns {Promise<any>}
   */
  request(event, data) {
    return this.isOpen ? this.#request(event, data) : Promise.reject(new Unreachable());
  }

  /**
   * Says something that wants no reply; nothing if there is no connection.
   * @param {string} event
   * @param {object} data
   */
  say(event, data) {
    if (this.isOpen) this.#socket?.send(JSON.stringify({ event, data }));
  }

  /**
   * Finds out whether the line is alive, which the browser does not tell: any reply will do, and this one, a refusal
   * of an event that does not exist, costs the server least.
   */
  probe() {
    if (this.isOpen) this.#request('probe', {}).catch(() => {});
  }

  /**
   * @param {string} event
   * @param {object} data
   */
  #request(event, data) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      // A line that does not answer is dead, though nobody says so.
      const timer = setTimeout(() => this.#lost(true), PATIENCE_MS);
      this.#asked.set(id, { resolve, reject, timer });
      this.#socket?.send(JSON.stringify({ event, data, id }));
    });
  }

  #entered() {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#set('open');
  }

  /** @param {string} text */
  #receive(text) {
    const frame = JSON.parse(text);
    if ('reply' in frame) this.#answered(frame);
    else this.#owner.heard(frame.event, frame.data);
  }

  /** @param {Envelope & {reply: number}} frame */
  #answered(frame) {
    const asked = this.#asked.get(frame.reply);
    if (!asked) return;
    this.#asked.delete(frame.reply);
    clearTimeout(asked.timer);
    if (frame.status === 'success') asked.resolve(frame.data);
    else asked.reject(new Refusal(frame));
  }

  /**
   * @param {number} code
   * @param {string} token
   * @param {boolean} opened
   */
  async #closed(code, token, opened) {
    if (code !== CLOSE.unauthenticated) {
      this.#lost(opened, code);
      return;
    }
    clearTimeout(this.#timer);
    this.#forget();
    this.#set('waiting');
    try {
      await this.#owner.renew(token);
      if (this.state === 'waiting') this.connect();
    } catch {
      // Either nobody is signed in any more, and this is over; or the server is away.
      if (this.state === 'waiting') this.#lost(true);
    }
  }

  /**
   * There is no connection: the next try is after a while.
   * @param {boolean} opened whether there was one
   * @param {number} [code]
   */
  async #lost(opened, code) {
    clearTimeout(this.#timer);
    this.#forget()?.close();
    this.#failures += 1;
    const longest = Math.min(WAIT_MS.first * 2 ** (this.#failures - 1), WAIT_MS.longest);
    // Not all at once, when many have lost the same server.
    const wait = longest * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.connect(), wait);
    if (!navigator.onLine) this.#set('offline');
    else if (code === CLOSE.tooMany) this.#set('tooMany');
    else if (this.state !== 'blocked' || opened) this.#set('waiting');
    if (opened || this.#failures < BLOCKED_AFTER || this.state !== 'waiting') return;
    const answers = await ask('GET', 'health/live').then(Boolean, () => false);
    if (answers && this.state === 'waiting') this.#set('blocked');
  }

  /** Hears nothing more of the socket; whoever waits for a reply is told that none comes. */
  #forget() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { timer, reject } of asked) {
      clearTimeout(timer);
      reject(new Unreachable());
    }
    return socket;
  }

  /** @param {State} state */
  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#owner.changed(state);
  }
}
