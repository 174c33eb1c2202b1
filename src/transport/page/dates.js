// Times for people, in their language and time zone.

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const SHORT = new Intl.DateTimeFormat(undefined, { day: '2-digit', month: '2-digit', year: '2-digit' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** @typedef {number | string | Date} Moment what `new Date` takes */

/**
 * The calendar day of a moment, here: the same for two moments of one day.
 * @param {Moment} moment
 */
export function dayOf(moment) {
  const date = new Date(moment);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/**
 * How many midnights lie between a moment and now.
 * @param {Moment} moment
 * @param {Moment} now
 */
export function daysAgo(moment, now) {
  const midnight = (/** @type {Moment} */ at) => {
    const date = new Date(at);
    return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  };
  return Math.round((midnight(now) - midnight(moment)) / 86_400_000);
}

/** @param {Moment} moment */
export const time = (moment) => TIME.format(new Date(moment));

/** @param {Moment} moment */
export const full = (moment) => FULL.format(new Date(moment));

/**
 * A day as a headline.
 * @param {Moment} moment
 * @param {Moment} [now]
 */
export function day(moment, now = Date.now()) {
  const days = daysAgo(moment, now);
  const date = new Date(moment);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days > 1 && days < 7) return WEEKDAY.format(date);
  return (date.getFullYear() === new Date(now).getFullYear() ? DAY : DAY_OF_YEAR).format(date);
}

/**
 * A moment in a list: today the time, then the day.
 * @param {Moment} moment
 * @param {Moment} [now]
 */
export function brief(moment, now = Date.now()) {
  const days = daysAgo(moment, now);
  if (days <= 0) return time(moment);
  if (days < 7) return day(moment, now);
  return SHORT.format(new Date(moment));
}

/**
 * When somebody who is away was last seen.
 * @param {string | null} moment
 * @param {Moment} [now]
 */
export function lastSeen(moment, now = Date.now()) {
  if (!moment) return 'offline';
  const days = daysAgo(moment, now);
  if (days <= 0) return `last seen today at ${time(moment)}`;
  if (days === 1) return `last seen yesterday at ${time(moment)}`;
  return `last seen ${SHORT.format(new Date(moment))} at ${time(moment)}`;
}

/**
 * What a person's status is called.
 * @param {{status: Status, last_seen_at: string | null}} person
 */
export function presence({ status, last_seen_at: seen }) {
  return status === 'offline' ? lastSeen(seen) : status;
}
