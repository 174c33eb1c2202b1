// Where one is: `#/` the conversations, `#/people`, `#/c/12` a chat; and `#/enter?…`, as whom one comes.

/** @typedef {{place: 'chats'} | {place: 'people'} | {place: 'chat', id: number}} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parse(hash) {
  if (hash === '#/people') return { place: 'people' };
  const [, digits] = /^#\/c\/([1-9]\d{0,15})$/.exec(hash) ?? [];
  const id = Number(digits);
  return Number.isSafeInteger(id) ? { place: 'chat', id } : { place: 'chats' };
}

/**
 * The tokens in a link that makes one somebody, as `duologue demo` prints it; null if it is no such link. They
 * stand behind the `#`, which no server and no log sees.
 * @param {string} hash
 * @returns {{token: string, refresh_token: string} | null}
 */
export function arrival(hash) {
  const [, query] = /^#\/enter\?(.*)$/.exec(hash) ?? [];
  const said = new URLSearchParams(query);
  const [token, refresh] = [said.get('token'), said.get('refresh')];
  return token && refresh ? { token, refresh_token: refresh } : null;
}

export const HOME = '#/';

/** @param {number} id */
export const chat = (id) => `#/c/${id}`;

/**
 * Calls `arrived` now and whenever one goes elsewhere; the answer ends that.
 * @param {(route: Route) => void} arrived
 */
export function follow(arrived) {
  const go = () => arrived(parse(window.location.hash));
  window.addEventListener('hashchange', go);
  go();
  return () => window.removeEventListener('hashchange', go);
}
