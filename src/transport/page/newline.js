// The line above what is new. It stays where it is while the chat is open, until there is something newer to mark.

/** @typedef {{read: number, head: number}} Positions how far I have read, and the last message */

export class NewLine {
  /** The last message above the line, null for no line. @type {number | null} */
  after = null;
  /** The last message, when that was last looked at. */
  #head;

  /** @param {Positions} positions when the chat is opened */
  constructor({ read, head }) {
    this.#head = head;
    if (head > read) this.after = read;
  }

  /**
   * There may be more messages.
   * @param {Positions} positions
   * @param {boolean} isSeen whether they come before somebody's eyes
   */
  heard({ read, head }, isSeen) {
    const before = this.#head;
    this.#head = head;
    const isNews = head > before && head > read && !isSeen;
    if (isNews && (this.after === null || read >= before)) this.after = Math.min(read, before);
  }
}
