// What was begun and not sent, for each chat.
import * as storage from './storage.js';

export class Drafts {
  #start;

  /** @param {number} user */
  constructor(user) {
    this.#start = `draft:${user}:`;
  }

  /**
   * @param {number} conversation
   * @returns {string}
   */
  read(conversation) {
    const draft = storage.read(this.#start + conversation);
    return typeof draft === 'string' ? draft : '';
  }

  /**
   * @param {number} conversation
   * @param {string} text
   */
  write(conversation, text) {
    if (text) storage.write(this.#start + conversation, text);
    else storage.remove(this.#start + conversation);
  }
}
