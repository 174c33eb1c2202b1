// What was typed and the server is not known to have, kept until it has it: an entry of the storage for each
// message, so that two tabs never overwrite each other's. Another server at the same address may have the same person and
// the same conversation by number: by the time at which it was made one sees that it is another.
import * as storage from './storage.js';

export class Outbox {
  #start;
  #createdOf;
  #storage;
  /** @type {Map<string, Pending>} */
  #pending = new Map();

  /**
   * @param {number} user whose it is
   * @param {(conversation: number) => string | undefined} createdOf when this server made a conversation, if that is known
   * @param {Pick<typeof storage, 'read' | 'write' | 'remove' | 'keys' | 'forgetOld'>} [where]
   */
  constructor(user, createdOf, where = storage) {
    this.#start = `outbox:${user}:`;
    this.#createdOf = createdOf;
    this.#storage = where;
    where.forgetOld('outbox:');
    this.reload();
  }

  /** Takes in what other tabs, or an earlier visit, left. */
  reload() {
    this.#pending.clear();
    for (const key of this.#storage.keys(this.#start)) {
      const pending = this.#storage.read(key);
      if (isPending(pending)) this.#pending.set(pending.key, pending);
    }
  }

  /**
   * Whether a key of the storage belongs to it.
   * @param {string} key
   */
  holds(key) {
    return key.startsWith(this.#start);
  }

  /**
   * @param {number} conversation one that is known
   * @param {string} content
   * @returns {Pending}
   */
  add(conversation, content) {
    const created = this.#createdOf(conversation);
    if (created === undefined) throw new Error('one writes where one has been');
    const pending = { key: randomKey(), conversation, created, content, at: this.#now() };
    this.#keep(pending);
    return pending;
  }

  /**
   * What waits or was refused in a conversation, in the order in which it was typed; nothing before it is known.
   * @param {number} conversation
   * @returns {Pending[]}
   */
  of(conversation) {
    const here = this.#createdOf(conversation);
    const isIts = (/** @type {Pending} */ pending) => pending.conversation === conversation && pending.created === here;
    const its = [...this.#pending.values()].filter(isIts);
    return its.sort((a, b) => a.at - b.at);
  }

  /** The conversations in which something waits, and those that another server has under these numbers. */
  conversations() {
    const waiting = [...this.#pending.values()].filter(({ refused }) => refused === undefined);
    return [...new Set(waiting.map(({ conversation }) => conversation))];
  }

  /**
   * @param {string} key
   * @returns {Pending | undefined}
   */
  get(key) {
    return this.#pending.get(key);
  }

  /**
   * The server will not have it, in its own words.
   * @param {string} key
   * @param {string} why
   */
  refuse(key, why) {
    const pending = this.#pending.get(key);
    if (pending) this.#keep({ ...pending, refused: why });
  }

  /**
   * Another try for what was refused, with the same key: should the server have it after all, it is shown once.
   * @param {string} key
   */
  again(key) {
    const pending = this.#pending.get(key);
    if (pending) this.#keep({ ...pending, at: this.#now(), refused: undefined });
  }

  /**
   * The server has it, or nobody wants it any longer. Whether it was there.
   * @param {string} key
   */
  drop(key) {
    this.#storage.remove(this.#start + key);
    return this.#pending.delete(key);
  }

  /** Nobody will come back for it. */
  clear() {
    for (const key of this.#storage.keys(this.#start)) this.#storage.remove(key);
    this.#pending.clear();
  }

  /** The time, and never the same twice: it is the order in which messages go out. */
  #now() {
    const last = Math.max(0, ...[...this.#pending.values()].map(({ at }) => at));
    return Math.max(Date.now(), last + 1);
  }

  /** @param {Pending} pending */
  #keep(pending) {
    this.#pending.set(pending.key, pending);
    this.#storage.write(this.#start + pending.key, pending);
  }
}

/**
 * @param {any} value
 * @returns {value is Pending}
 */
function isPending(value) {
  const { key, conversation, created, content, at } = value ?? {};
  const areTexts = [key, created, content].every((text) => typeof text === 'string');
  return areTexts && Number.isInteger(conversation) && Number.isFinite(at);
}

/** 128 random bits. (`crypto.randomUUID` is not there over plain HTTP.) */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
