// What was begun and not sent, for each chat. Numbers alone do not name a chat: another server at the same address has
// the same ones, so the time at which it was made belongs to its name.
import * as storage from './storage.js';

/** @typedef {Pick<import('./model.js').Conversation, 'id' | 'created'>} Named */

export class Drafts {
  #start;

  /** @param {number} user */
  constructor(user) {
    this.#start = `draft:${user}:`;
    storage.forgetOld('draft:');
  }

  /**
   * @param {Named} conversation
   * @returns {string}
   */
  read(conversation) {
    const text = storage.read(this.#key(conversation))?.text;
    return typeof text === 'string' ? text : '';
  }

  /**
   * @param {Named} conversation
   * @param {string} text
   */
  write(conversation, text) {
    const key = this.#key(conversation);
    if (text) storage.write(key, { text, at: Date.now() });
    else storage.remove(key);
  }

  /** Nobody will come back for them. */
  clear() {
    for (const key of storage.keys(this.#start)) storage.remove(key);
  }

  /** @param {Named} conversation */
  #key({ id, created }) {
    return `${this.#start}${id}:${created}`;
  }
}
