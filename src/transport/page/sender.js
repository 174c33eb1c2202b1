// Brings what waits in the outbox to the server, in order, until it has it or refuses it.
import { Refusal, Unreachable, sentence } from './refusal.js';

/** The first wait after a busy server's refusal, and the longest, in milliseconds. */
const WAIT_MS = { first: 1_000, longest: 30_000 };
/** How long after nobody answered. A connection that opens does not wait for that. */
const AGAIN_MS = 5_000;

export class Sender {
  #outbox;
  #meet;
  #deliver;
  #told;
  /** @type {Set<number>} conversations that are being worked on */
  #busy = new Set();
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  #over = false;

  /**
   * @param {import('./outbox.js').Outbox} outbox
   * @param {object} how
   * @param {(conversation: number) => Promise<void>} how.meet has it known which conversation of the server it is
   * @param {(pending: Pending) => Promise<void>} how.deliver
   * @param {(conversation: number) => void} how.told is called when something in a conversation's outbox changed
   */
  constructor(outbox, { meet, deliver, told }) {
    this.#outbox = outbox;
    this.#meet = meet;
    this.#deliver = deliver;
    this.#told = told;
  }

  /** Everything that waits, now. */
  all() {
    for (const conversation of this.#outbox.conversations()) this.one(conversation);
  }

  end() {
    this.#over = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /**
   * What waits in a conversation: one after the other, so that they stay in order.
   * @param {number} conversation
   */
  async one(conversation) {
    if (this.#busy.has(conversation)) return;
    this.#busy.add(conversation);
    clearTimeout(this.#timers.get(conversation));
    let failures = 0;
    while (!this.#over) {
      const wait = await this.#next(conversation, failures);
      if (wait === null) break;
      failures = wait > 0 ? failures + 1 : 0;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    this.#busy.delete(conversation);
  }

  /**
   * Tries what is next: how long to wait before the next try, in milliseconds, or null if there is nothing or nobody.
   * @param {number} conversation
   * @param {number} failures
   */
  async #next(conversation, failures) {
    /** @type {Pending | undefined} */
    let next;
    try {
      await this.#meet(conversation);
      next = this.#outbox.of(conversation).find(({ refused }) => refused === undefined);
      if (!next) return null;
      await this.#deliver(next);
      this.#outbox.drop(next.key);
    } catch (error) {
      if (error instanceof Refusal && error.passes) {
        const longer = Math.min(WAIT_MS.first * 2 ** failures, WAIT_MS.longest);
        return Math.max(longer, (error.retryAfter ?? 0) * 1_000);
      }
      const nobody = error instanceof Unreachable || (error instanceof Refusal && error.code === 'unauthenticated');
      if (nobody && !this.#over) this.#timers.set(conversation, setTimeout(() => this.one(conversation), AGAIN_MS));
      // A conversation that is not to be had here is another server's: what waits for it goes on waiting.
      if (nobody || !next) return null;
      this.#outbox.refuse(next.key, sentence(error));
    }
    this.#told(conversation);
    return 0;
  }
}
