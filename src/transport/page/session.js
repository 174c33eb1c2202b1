// Who is signed in, in all tabs or by a link in one: tokens, and their renewal before they end.
import { ask } from './api.js';
import { Changes } from './changes.js';
import { Refusal } from './refusal.js';
import * as storage from './storage.js';

const KEY = 'session';
/**
 * A token is renewed when a fifth of its life is left, or up to half of that later: where tabs cannot agree on which of
 * them does it, they shall not do it at once.
 */
const LEFT = 0.2;
/** Timers cannot be longer (2^31 − 1 ms). */
const TIMER_MAX_MS = 2_000_000_000;
const AGAIN_MS = 30_000;

/**
 * @typedef {object} SignedIn
 * @property {User} user
 * @property {string} token
 * @property {string} [refresh_token]
 */

export class Session {
  /** @type {Changes<'who' | 'token'>} */
  changes = new Changes();
  /** @type {SignedIn | null} */
  #now = null;
  /** Why one is not signed in any more, in the server's words. */
  why = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** The one that is under way here. @type {{stale: string, token: Promise<string>} | null} */
  #renewal = null;

  constructor() {
    this.#take(storage.read(KEY), Date.now());
    storage.watch((key) => {
      if (key === KEY || key === null) this.#take(storage.read(KEY));
    });
  }

  /** @returns {User | null} */
  get user() {
    return this.#now?.user ?? null;
  }

  /** @returns {string | null} */
  get token() {
    return this.#now?.token ?? null;
  }

  /**
   * @param {'login' | 'register'} call
   * @param {Record<string, string>} fields
   */
  async signIn(call, fields) {
    const { data } = await ask('POST', `api/auth/${call}`, { body: { ...fields, refresh: true } });
    this.why = '';
    this.#keep(data);
  }

  /**
   * Is whoever these tokens name from now on, in this tab alone: another tab may be somebody else.
   * @param {{token: string, refresh_token: string}} tokens
   */
  async enter(tokens) {
    const { data } = await ask('GET', 'api/users/me', { token: tokens.token });
    const now = { user: data.user, ...tokens };
    this.why = '';
    storage.writeHere(KEY, now);
    this.#take(now, Date.now());
  }

  /** Ends the sign-in here, and at the server if that can be reached. */
  async signOut() {
    const token = this.token;
    this.why = '';
    this.#keep(null);
    try {
      await ask('POST', 'api/auth/logout', { token });
    } catch {
      // The token is forgotten here, and ends by itself there.
    }
  }

  /**
   * A token in place of `stale`; one that another tab has got by now, if so.
   * @param {string} stale
   * @returns {Promise<string>}
   */
  renew(stale) {
    if (this.#renewal?.stale !== stale) {
      const token = this.#renewed(stale).finally(() => {
        if (this.#renewal?.token === token) this.#renewal = null;
      });
      this.#renewal = { stale, token };
    }
    return this.#renewal.token;
  }

  /** @param {string} stale */
  async #renewed(stale) {
    this.#take(storage.read(KEY));
    if (this.token === stale) {
      const over = this.#replaced(stale);
      const known = () => this.#replaced(this.token);
      await Promise.race([over, storage.first(`renewal of ${stale}`, () => this.#exchange(), { over, known })]);
    }
    if (!this.token) throw new Refusal({ status: 'error', code: 'unauthenticated', message: this.why });
    return this.token;
  }

  async #exchange() {
    const now = this.#now;
    if (!now) return;
    try {
      const { data } = await ask('POST', 'api/auth/refresh', { body: { refresh_token: now.refresh_token } });
      this.#keep({ ...now, ...data });
    } catch (error) {
      if (error instanceof Refusal && !error.passes) {
        this.why = error.message;
        this.#keep(null);
      }
      throw error;
    }
  }

  /**
   * Ends when this is not the token any more.
   * @param {string | null} token
   * @returns {Promise<void>}
   */
  #replaced(token) {
    return new Promise((resolve) => {
      const stop = this.changes.on('token', () => {
        if (this.token === token) return;
        stop();
        resolve();
      });
    });
  }

  /** @param {SignedIn | null} now */
  #keep(now) {
    if (now) storage.write(KEY, now);
    else storage.remove(KEY);
    this.#take(now);
  }

  /**
   * @param {SignedIn | null} now
   * @param {number} [clock] the time, if the token may be an old one
   */
  #take(now, clock) {
    const before = this.#now;
    this.#now = now?.token && now.user ? now : null;
    if (before?.token !== this.#now?.token) {
      this.#renewInTime(clock);
      this.changes.tell('token');
    }
    if (before?.user.id !== this.#now?.user.id) this.changes.tell('who');
  }

  /** @param {number} [clock] */
  #renewInTime(clock) {
    clearTimeout(this.#timer);
    const token = this.token;
    const claims = token && claimsOf(token);
    if (!token || !claims) return;
    // A new one by how long it lives: the clock here may be wrong, and would have it renewed again and again.
    const life = (claims.exp - claims.iat) * 1_000 * (1 - LEFT * (1 - Math.random() / 2));
    const due = clock === undefined ? life : Math.min(life, claims.iat * 1_000 + life - clock);
    this.#renewAfter(token, Math.max(0, Math.min(due, TIMER_MAX_MS)));
  }

  /**
   * @param {string} token
   * @param {number} wait
   */
  #renewAfter(token, wait) {
    this.#timer = setTimeout(() => {
      this.renew(token).catch(() => {
        if (this.token === token) this.#renewAfter(token, AGAIN_MS);
      });
    }, wait);
  }
}

/**
 * What a JWT says; null if it is none.
 * @param {string} token
 * @returns {{iat: number, exp: number} | null}
 */
export function claimsOf(token) {
  try {
    const body = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { iat, exp } = JSON.parse(atob(body));
    return Number.isFinite(iat) && Number.isFinite(exp) ? { iat, exp } : null;
  } catch {
    return null;
  }
}
