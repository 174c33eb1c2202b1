// Who is signed in, in all tabs or by a link in one: tokens, and their renewal before they end.
import { ask } from './api.js';
import { Changes } from './changes.js';
import { Refusal } from './refusal.js';
import * as storage from './storage.js';
import { renewalOf } from './token.js';

const KEY = 'session';
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
  /** What came of the last thing that one did here, if that is worth a word. */
  news = '';
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
    this.why = this.news = '';
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
    this.why = this.news = '';
    this.#keep(null);
    try {
      await ask('POST', 'api/auth/logout', { token });
    } catch {
      // The token is forgotten here, and ends by itself there.
    }
  }

  /**
   * Another password. All other devices are signed out.
   * @param {Record<string, string>} fields
   */
  async changePassword(fields) {
    await this.#endAll('PUT', 'api/users/me/password', { ...fields, refresh: true });
  }

  async signOutEverywhere() {
    await this.#endAll('POST', 'api/auth/logout-everywhere', {}, 'You are signed out on every device.');
  }

  /** @param {Record<string, string>} fields */
  async deleteAccount(fields) {
    await this.#endAll('DELETE', 'api/users/me', fields, 'Your account is deleted.');
  }

  /**
   * Does what ends every token, the one here too. Whoever meets that end before the answer is here, in this tab or in
   * another, waits for what comes in its place, as for a renewal: an exchange of their own would be refused.
   * @param {string} method
   * @param {string} path
   * @param {object} body
   * @param {string} [news] what to say when it is done
   */
  async #endAll(method, path, body, news = '') {
    for (let tries = 0, isDone = false; !isDone; tries += 1) {
      await this.#renewal?.token.catch(() => {});
      const { token } = this;
      if (!token) throw new Refusal({ status: 'error', code: 'unauthenticated', message: this.why });
      const work = async () => {
        const { data } = await ask(method, path, { body, token });
        isDone = true;
        this.why = '';
        this.news = news;
        this.#keep(data.token ? data : null);
      };
      try {
        await this.#replace(token, work);
      } catch (error) {
        if (isDone) return; // there is nobody any more
        if (!(error instanceof Refusal) || error.code !== 'unauthenticated' || tries > 0) throw error;
        await this.renew(token);
      }
    }
  }

  /**
   * A token in place of `stale`; one that another tab has got by now, if so.
   * @param {string} stale
   * @returns {Promise<string>}
   */
  renew(stale) {
    return this.#replace(stale, () => this.#exchange());
  }

  /**
   * @param {string} stale
   * @param {() => Promise<void>} exchange what brings another, if nobody else does
   * @returns {Promise<string>}
   */
  #replace(stale, exchange) {
    if (this.#renewal?.stale !== stale) {
      const token = this.#replaceInTurn(stale, exchange).finally(() => {
        if (this.#renewal?.token === token) this.#renewal = null;
      });
      this.#renewal = { stale, token };
    }
    return this.#renewal.token;
  }

  /**
   * @param {string} stale
   * @param {() => Promise<void>} exchange
   */
  async #replaceInTurn(stale, exchange) {
    this.#take(storage.read(KEY));
    if (this.token === stale) {
      const over = this.#replaced(stale);
      const known = () => this.#replaced(this.token);
      await Promise.race([over, storage.first(`renewal of ${stale}`, exchange, { over, known })]);
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
      this.#take(storage.read(KEY)); // another tab, with which one cannot agree, may have been faster
      if (this.token !== now.token) return;
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
    const { token } = this;
    const wait = token && renewalOf(token, clock);
    if (token && typeof wait === 'number') this.#renewAfter(token, wait);
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
