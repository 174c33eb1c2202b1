// Which of the known messages are in the document: indices of the timeline's list.

/** How many come in at one end at once. */
export const STEP = 60;

export class Span {
  start = 0;
  /** Not included. */
  end = 0;
  /** How many there may be. */
  most = 3 * STEP;
  /** The `seq` of the timeline's first message, when that was last looked at. */
  #first = 1;

  get length() {
    return this.end - this.start;
  }

  /** @param {import('./timeline.js').Timeline} timeline */
  toEnd({ messages, first }) {
    this.#first = first;
    this.end = messages.length;
    this.start = Math.max(0, this.end - this.most);
  }

  /**
   * Has the message `seq` in the middle.
   * @param {import('./timeline.js').Timeline} timeline
   * @param {number} seq
   */
  around({ messages, first }, seq) {
    this.#first = first;
    this.end = Math.max(0, Math.min(messages.length, seq - first + 1 + Math.ceil(this.most / 2)));
    this.start = Math.max(0, this.end - this.most);
  }

  /**
   * The timeline has grown at either end, or is another stretch: the same messages stay, and what came at the end comes
   * in if it is followed or there is room.
   * @param {import('./timeline.js').Timeline} timeline
   * @param {boolean} follows
   */
  stay(timeline, follows) {
    const { messages, first } = timeline;
    const moved = this.#first - first;
    this.#first = first;
    this.start += moved;
    this.end += moved;
    const isElsewhere = this.start < 0 || this.start >= messages.length;
    if (follows || isElsewhere) {
      const { start } = this;
      this.toEnd(timeline);
      // What is in stays in while there is room: nothing above goes or comes because of something below.
      if (!isElsewhere && start > this.start) this.start = start;
      return;
    }
    const room = this.length < this.most && messages.length - this.end < STEP;
    this.end = room ? messages.length : Math.min(this.end, messages.length);
  }

  /** More before it; as much goes at the end. Whether there is any. */
  up() {
    if (this.start === 0) return false;
    this.start = Math.max(0, this.start - STEP);
    this.end = Math.min(this.end, this.start + this.most);
    return true;
  }

  /**
   * More after it; as much goes at the beginning. Whether there is any.
   * @param {import('./timeline.js').Timeline} timeline
   */
  down({ messages }) {
    if (this.end === messages.length) return false;
    this.end = Math.min(messages.length, this.end + STEP);
    this.start = Math.max(this.start, this.end - this.most);
    return true;
  }
}
