// REST, in the contract's envelope.
import { Refusal, Unreachable } from './refusal.js';

/** How long an answer may take, in milliseconds: after that the line is taken for dead. */
const PATIENCE_MS = 20_000;

/**
 * Asks once.
 * @param {string} method
 * @param {string} path relative to the page, as in `api/users/me`
 * @param {{body?: unknown, token?: string | null}} [options]
 * @returns {Promise<Envelope>} a success
 */
export async function ask(method, path, { body, token } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  let envelope;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    envelope = await response.json();
  } catch {
    throw new Unreachable(); // or what answered was a proxy whose server is away
  }
  if (envelope?.status === 'success') return envelope;
  if (envelope?.status !== 'error') throw new Unreachable();
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  throw new Refusal(envelope, Number.isFinite(seconds) ? seconds : undefined);
}

/** REST for whoever is signed in. */
export class Api {
  #session;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
  }

  /**
   * Asks, once more with a new token if the old one does not count any longer.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<Envelope>}
   */
  async ask(method, path, body) {
    const token = this.#session.token;
    try {
      return await ask(method, path, { body, token });
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'unauthenticated' || !token) throw error;
      const renewed = await this.#session.renew(token);
      return ask(method, path, { body, token: renewed });
    }
  }

  /**
   * @param {string} path
   * @returns {Promise<Envelope>}
   */
  get(path) {
    return this.ask('GET', path);
  }
}
