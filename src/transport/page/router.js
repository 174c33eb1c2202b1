// Where one is: `#/` the conversations, `#/people`, `#/c/12` a chat.

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
