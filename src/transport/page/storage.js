// What the browser keeps for this page. Where it keeps nothing (a private window, full), memory does until the end.

/** Two servers behind one proxy, under different paths, keep apart. */
const PREFIX = `duologue:${new URL('.', globalThis.document?.baseURI ?? 'http://nowhere/').pathname}:`;

/** How long something waits for whoever wrote it, in milliseconds. */
const KEPT_MS = 30 * 86_400_000;

/** @type {Map<string, string>} */
const memory = new Map();

/** @returns {Storage | null} */
function kept() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/**
 * What this tab has for itself, as long as it is there and over reloads.
 * @returns {Storage | null}
 */
function own() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

/** @param {string} key */
const isOwn = (key) => (own()?.getItem(PREFIX + key) ?? null) !== null;

/**
 * What stands under `key`, or null, also if it is damaged.
 * @param {string} key
 * @returns {any}
 */
export function read(key) {
  let text = memory.get(key) ?? null;
  try {
    text ??= own()?.getItem(PREFIX + key) ?? kept()?.getItem(PREFIX + key) ?? null;
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Keeps `value` for all tabs, or for this tab alone if it has one of its own there.
 * @param {string} key
 * @param {unknown} value
 */
export function write(key, value) {
  put(isOwn(key) ? own() : kept(), key, value);
}

/**
 * Keeps `value` for this tab alone, whatever the others have there.
 * @param {string} key
 * @param {unknown} value
 */
export function writeHere(key, value) {
  put(own(), key, value);
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 * @param {unknown} value
 */
function put(storage, key, value) {
  const text = JSON.stringify(value);
  try {
    if (!storage) throw new Error('nothing is kept here');
    storage.setItem(PREFIX + key, text);
    memory.delete(key);
  } catch {
    memory.set(key, text);
  }
}

/**
 * Forgets what stands there, of this tab alone if it has one of its own.
 * @param {string} key
 */
export function remove(key) {
  memory.delete(key);
  try {
    (isOwn(key) ? own() : kept())?.removeItem(PREFIX + key);
  } catch {
    // It was only in memory.
  }
}

/**
 * Every key that begins with `start`.
 * @param {string} start
 * @returns {string[]}
 */
export function keys(start) {
  const found = new Set([...memory.keys()].filter((key) => key.startsWith(start)));
  try {
    for (const key of Object.keys(kept() ?? {})) {
      if (key.startsWith(PREFIX + start)) found.add(key.slice(PREFIX.length));
    }
  } catch {
    // Only memory has any.
  }
  return [...found];
}

/**
 * Forgets entries with an `at` (in milliseconds since the epoch) that is long ago, whoever's they are: of accounts and
 * servers that are gone nobody else clears up. What has none is damaged.
 * @param {string} start with which their keys begin
 * @param {number} [now]
 */
export function forgetOld(start, now = Date.now()) {
  for (const key of keys(start)) {
    if (!(read(key)?.at > now - KEPT_MS)) remove(key);
  }
}

/**
 * Calls `heard` with each key that another tab changes, null if it cleared everything; the answer ends that.
 * @param {(key: string | null) => void} heard
 * @returns {() => void}
 */
export function watch(heard) {
  const changed = (/** @type {StorageEvent} */ { key }) => {
    if (key === null) heard(null);
    else if (key.startsWith(PREFIX)) heard(key.slice(PREFIX.length));
  };
  window.addEventListener('storage', changed);
  return () => window.removeEventListener('storage', changed);
}

/**
 * Does something in one tab of all, the first that asks for it under this name: the others wait until `over`, or do
 * it themselves if that tab fails or closes. What a tab writes to the storage reaches the others late, so the first
 * one keeps the name until `known` says that they must have heard. Without Web Locks (a page over plain HTTP has
 * none) every tab does it.
 * @param {string} name
 * @param {() => Promise<void>} work
 * @param {{over: Promise<void>, known: () => Promise<void>}} until
 * @returns {Promise<void>} ended when the work is done, here or, with an error, elsewhere
 */
export function first(name, work, { over, known }) {
  if (!navigator.locks) return work();
  const waiting = new AbortController();
  over.then(() => waiting.abort());
  return new Promise((resolve, reject) => {
    const granted = async () => {
      await work();
      resolve();
      await known();
    };
    navigator.locks.request(PREFIX + name, { signal: waiting.signal }, granted).catch(reject);
  });
}
