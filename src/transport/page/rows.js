// From messages to what is shown: days, people, the line above what is new.
import { dayOf } from './dates.js';
import { tick } from './timeline.js';

/** Messages of one person that follow each other within this time stand closer together, in milliseconds. */
const TOGETHER_MS = 5 * 60_000;

/**
 * @typedef {object} Bubble
 * @property {'bubble'} kind
 * @property {string} key
 * @property {boolean} own
 * @property {boolean} continued whether it follows another of the same person at once
 * @property {string} content
 * @property {number | string} at
 * @property {number} seq 0 while the server is not known to have it
 * @property {'waiting' | 'refused' | 'sent' | 'delivered' | 'read' | ''} state
 * @property {string} [refused] why
 * @property {string} [pending] its key in the outbox
 */

/** @typedef {{kind: 'new', key: string}} NewLine */
/** @typedef {{key: string, at: number | string, rows: (Bubble | NewLine)[]}} Day */

/**
 * @param {object} what
 * @param {Message[]} what.messages those to be shown, in order
 * @param {Message} [what.before] the message before them
 * @param {Pending[]} what.pending what comes after them
 * @param {number} what.me
 * @param {{last_read_seq: number, last_delivered_seq: number}} what.other
 * @param {number | null} what.newAfter the last message above the line
 * @returns {Day[]}
 */
export function daysOf({ messages, before, pending, me, other, newAfter }) {
  /** @type {Day[]} */
  const days = [];
  /** @type {{own: boolean, at: number | string} | undefined} */
  let previous = before && { own: before.sender_id === me, at: before.created_at };
  const add = (/** @type {Bubble} */ bubble, /** @type {boolean} */ isFirstNew) => {
    const key = dayOf(bubble.at);
    let day = days.at(-1);
    if (day?.key !== key) days.push((day = { key, at: bubble.at, rows: [] }));
    if (isFirstNew) day.rows.push({ kind: 'new', key: 'new' });
    bubble.continued = !isFirstNew && previous !== undefined && follows(previous, bubble);
    day.rows.push(bubble);
    previous = bubble;
  };
  for (const message of messages) {
    const own = message.sender_id === me;
    const bubble = fromMessage(message, own, own ? tick(message.seq, other) : '');
    add(bubble, newAfter !== null && message.seq === newAfter + 1);
  }
  for (const waiting of pending) add(fromPending(waiting), false);
  return days;
}

/**
 * @param {{own: boolean, at: number | string}} previous
 * @param {Bubble} bubble
 */
function follows(previous, bubble) {
  const [then, now] = [new Date(previous.at), new Date(bubble.at)];
  const soon = Math.abs(now.getTime() - then.getTime()) < TOGETHER_MS;
  return previous.own === bubble.own && soon && dayOf(then) === dayOf(now);
}

/**
 * @param {Message} message
 * @param {boolean} own
 * @param {Bubble['state']} state
 * @returns {Bubble}
 */
function fromMessage(message, own, state) {
  const { seq, content, created_at: at, client_message_id: id } = message;
  // The bubble of what was typed here stays the same one when the server has it.
  const key = own && id ? `own ${id}` : `seq ${seq}`;
  return { kind: 'bubble', key, own, continued: false, content, at, seq, state };
}

/**
 * @param {Pending} pending
 * @returns {Bubble}
 */
function fromPending({ key, content, at, refused }) {
  const state = refused === undefined ? 'waiting' : 'refused';
  return {
    kind: 'bubble',
    key: `own ${key}`,
    own: true,
    continued: false,
    content,
    at,
    seq: 0,
    state,
    refused,
    pending: key,
  };
}
