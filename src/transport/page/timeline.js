// What is known of one conversation's messages: one unbroken stretch of them, and where the end lies.

export class Timeline {
  /** @type {Message[]} by `seq`, without a gap */
  messages = [];
  /** The last `seq` that there is. */
  head = 0;

  /** Whether any of it was read from the server. */
  loaded = false;

  /** The first that is known. */
  get first() {
    return this.messages[0]?.seq ?? 1;
  }

  /** The last that is known. */
  get last() {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** Whether there is something before what is known. */
  get hasOlder() {
    return this.first > 1;
  }

  /** Whether there is something after it. */
  get hasNewer() {
    return this.last < this.head;
  }

  /**
   * Takes in messages that follow each other, in either order. Those that neither overlap with nor touch what is
   * known are only counted: a stretch has no gap.
   * @param {Message[]} page
   * @param {number} [head]
   */
  add(page, head = 0) {
    const sorted = page.toSorted((a, b) => a.seq - b.seq);
    const { first, last } = this;
    this.head = Math.max(this.head, head, sorted.at(-1)?.seq ?? 0);
    if (!this.loaded || sorted.length === 0) return;
    if (sorted[0].seq > last + 1 || sorted[sorted.length - 1].seq < first - 1) return;
    const older = sorted.filter(({ seq }) => seq < first);
    if (older.length > 0) this.messages = [...older, ...this.messages];
    this.messages.push(...sorted.filter(({ seq }) => seq > last));
  }

  /**
   * Forgets what is known in favour of another stretch.
   * @param {Message[]} page
   * @param {number} head
   */
  replace(page, head) {
    this.messages = page.toSorted((a, b) => a.seq - b.seq);
    this.head = Math.max(this.head, head);
    this.loaded = true;
  }
}

/**
 * How far a message of one's own has come.
 * @param {number} seq
 * @param {{last_read_seq: number, last_delivered_seq: number}} other
 * @returns {'sent' | 'delivered' | 'read'}
 */
export function tick(seq, other) {
  if (other.last_read_seq >= seq) return 'read';
  return other.last_delivered_seq >= seq ? 'delivered' : 'sent';
}
