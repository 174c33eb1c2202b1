// Why something was not done.

/** The server's own words. */
export class Refusal extends Error {
  /**
   * @param {Envelope} envelope
   * @param {number} [retryAfter] in seconds, if the server said so
   */
  constructor(envelope, retryAfter) {
    super(envelope.message ?? 'The server gave no reason.');
    this.code = envelope.code ?? 'internal';
    this.errors = envelope.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether the same may succeed later without anybody's doing. */
  get passes() {
    return this.code === 'rate_limited' || this.code === 'overloaded';
  }
}

/** Nobody answered: whether it was done is not known. */
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached. Please check your connection, or try again in a moment.');
  }
}

/**
 * One sentence for a person, whatever went wrong.
 * @param {unknown} error
 * @returns {string}
 */
export function sentence(error) {
  if (error instanceof Refusal || error instanceof Unreachable) return error.message;
  console.error(error);
  return 'Something went wrong in this page. Reloading it may help.';
}
