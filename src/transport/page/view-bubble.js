// One message as it is shown, and the line above what is new.
import * as dates from './dates.js';
import { el, say, show } from './dom.js';
import { icon } from './parts.js';
import { isEmojiOnly, pieces } from './text.js';

/** @typedef {import('./rows.js').Bubble} Bubble */
/** @typedef {import('./rows.js').NewLine} NewLine */

const TICKS = {
  waiting: 'waiting to be sent',
  refused: 'not sent',
  sent: 'sent',
  delivered: 'delivered',
  read: 'read',
};

/**
 * @typedef {object} Doing what can be done with a message that was refused
 * @property {(key: string) => void} again
 * @property {(key: string) => void} edit
 * @property {(key: string) => void} discard
 */

/**
 * The element of a row.
 * @param {Bubble | NewLine} row
 * @param {string} name the other's
 * @param {Doing} doing
 * @returns {HTMLLIElement}
 */
export function makeRow(row, name, doing) {
  if (row.kind === 'new') return el('li', { class: 'new-line' }, el('span', {}, 'New messages'));
  const size = isEmojiOnly(row.content) ? ' large' : '';
  const text = el('span', { class: `text${size}`, dir: 'auto' }, ...linked(row.content));
  const stamp = el('span', { class: 'stamp' }, el('time'), row.own && el('span', { class: 'tick' }));
  const who = el('span', { class: 'unseen' }, row.own ? 'You: ' : `${name}: `);
  const bubble = el('div', { class: 'bubble' }, who, text, ' ', stamp);
  const element = el('li', { class: row.own ? 'row own' : 'row' }, bubble);
  if (row.pending) element.append(refusal(row.pending, doing));
  return element;
}

/**
 * @param {string} key
 * @param {Doing} doing
 */
function refusal(key, doing) {
  const button = (/** @type {string} */ label, /** @type {() => void} */ onclick) =>
    el('button', { type: 'button', class: 'small', onclick }, label);
  return el(
    'div',
    { class: 'refusal', hidden: true, role: 'alert' },
    el('p', {}),
    button('Try again', () => doing.again(key)),
    button('Edit', () => doing.edit(key)),
    button('Discard', () => doing.discard(key)),
  );
}

/**
 * Text, in which links can be followed: into a window that knows nothing of this one.
 * @param {string} content
 */
function linked(content) {
  return pieces(content).map(({ text, href }) =>
    href ? el('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow ugc' }, text) : text,
  );
}

/**
 * What may change about a row.
 * @param {HTMLElement} element
 * @param {Bubble | NewLine} row
 */
export function updateRow(element, row) {
  if (row.kind === 'new') return;
  element.classList.toggle('continued', row.continued);
  if (element.dataset.seq !== String(row.seq)) element.dataset.seq = String(row.seq);
  const time = /** @type {HTMLTimeElement} */ (element.querySelector('time'));
  const moment = new Date(row.at).toISOString();
  if (time.dateTime !== moment) {
    time.dateTime = moment;
    time.title = dates.full(row.at);
    say(time, dates.time(row.at));
  }
  if (row.state && element.dataset.state !== row.state) showState(element, row.state);
  const refused = /** @type {HTMLElement | null} */ (element.querySelector('.refusal'));
  if (!refused) return;
  if (row.seq > 0) refused.remove();
  say(/** @type {Element} */ (refused.querySelector('p')), row.refused ?? '');
  show(refused, row.refused !== undefined);
}

/**
 * @param {HTMLElement} element
 * @param {keyof typeof TICKS} state
 */
function showState(element, state) {
  element.dataset.state = state;
  const tick = element.querySelector('.tick');
  tick?.replaceChildren(icon(state), el('span', { class: 'unseen' }, TICKS[state]));
  tick?.setAttribute('title', TICKS[state]);
}
