// What people write, taken apart. Nothing here makes markup.

/** @typedef {{text: string, href?: string}} Piece */

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"'`\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069]+/giu;
const CLOSERS = /** @type {Record<string, string>} */ ({ ')': '(', ']': '[', '}': '{' });

/**
 * The pieces of `text`, links apart; together they are `text` again.
 * @param {string} text
 * @returns {Piece[]}
 */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const shown = withoutTail(match[0]);
    const href = address(shown);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/**
 * A link ends before the full stop of its sentence, and before a bracket that was opened before it.
 * @param {string} link
 * @returns {string}
 */
function withoutTail(link) {
  let end = link.length;
  for (;;) {
    const last = link[end - 1];
    const opener = CLOSERS[last];
    const closesNothing = opener && count(link.slice(0, end), opener) < count(link.slice(0, end), last);
    if (!closesNothing && !/[.,;:!?…*_~]/u.test(last ?? '')) return link.slice(0, end);
    end -= 1;
  }
}

/**
 * @param {string} text
 * @param {string} character
 */
const count = (text, character) => text.split(character).length - 1;

/**
 * Where a link leads: only to the web, and never with a name that hides the host.
 * @param {string} shown
 * @returns {string | null}
 */
function address(shown) {
  const text = /^www\./i.test(shown) ? `https://${shown}` : shown;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  return isWeb && !url.username && !url.password ? url.href : null;
}

const SEGMENTS = new Intl.Segmenter();
/** Looked at no further: one character may be very long. */
const LONGEST_NAME = 200;
/** Of what one character is put together: more is no character but an attack. */
const MOST_PARTS = 12;

/**
 * What stands for somebody in a small circle: the first characters of the first and the last word.
 * @param {string} name
 * @returns {string}
 */
export function initials(name) {
  const words = name.slice(0, LONGEST_NAME).split(/\s+/u).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => firstOf(word).toLocaleUpperCase()).join('') || '?';
}

/** @param {string} word */
function firstOf(word) {
  for (const { segment } of SEGMENTS.segment(word)) return [...segment].slice(0, MOST_PARTS).join('');
  return '';
}

/**
 * Whether a message is nothing but one to three emoji, to be shown large.
 * @param {string} text
 */
export function isEmojiOnly(text) {
  const trimmed = text.trim();
  if (!trimmed || trimmed.length > 40) return false;
  const segments = [...SEGMENTS.segment(trimmed)].map(({ segment }) => segment);
  return segments.length <= 3 && segments.every((one) => /^\p{Extended_Pictographic}/u.test(one));
}

/**
 * How many characters the server counts: without the white space at both ends.
 * @param {string} text
 */
export const length = (text) => [...text.trim()].length;

/**
 * One line of a message, for lists and notifications.
 * @param {string} text
 */
export const line = (text) => text.slice(0, 300).replace(/\s+/gu, ' ').trim();
