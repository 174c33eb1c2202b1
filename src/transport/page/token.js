// What a token says of itself, and when it is to be renewed.

/**
 * A token is renewed when a fifth of its life is left, or up to half of that later: where tabs cannot agree on which of
 * them does it, they shall not do it at once.
 */
const LEFT = 0.2;
/** Timers cannot be longer (2^31 − 1 ms). */
const TIMER_MAX_MS = 2_000_000_000;

/**
 * How long from now a token is to be renewed, in milliseconds; null if it does not say when it ends.
 * @param {string} token
 * @param {number} [clock] the time, if it may be an old one
 */
export function renewalOf(token, clock) {
  const claims = claimsOf(token);
  if (!claims) return null;
  // A new one by how long it lives: the clock here may be wrong, and would have it renewed again and again.
  const life = (claims.exp - claims.iat) * 1_000 * (1 - LEFT * (1 - Math.random() / 2));
  const due = clock === undefined ? life : Math.min(life, claims.iat * 1_000 + life - clock);
  return Math.max(0, Math.min(due, TIMER_MAX_MS));
}

/**
 * What a JWT says; null if it is none.
 * @param {string} token
 * @returns {{iat: number, exp: number} | null}
 */
function claimsOf(token) {
  try {
    const body = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { iat, exp } = JSON.parse(atob(body));
    return Number.isFinite(iat) && Number.isFinite(exp) ? { iat, exp } : null;
  } catch {
    return null;
  }
}
