// Elements. Text goes in as text: there is no way from a string to markup in this page.

/** @typedef {Node | string | null | false | undefined} Child */

/**
 * An element with attributes (`true` is an empty one, `false` and undefined none), listeners (`onclick`), and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice('on'.length), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/**
 * Sets what an element says, if it says something else: what does not change is not announced again.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Shows or hides.
 * @param {HTMLElement} element
 * @param {boolean} shown
 */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** @type {WeakMap<Element, string | number>} */
const keys = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, in order: one that was there stays the same element.
 * @template Item
 * @param {Element} parent
 * @param {Item[]} items
 * @param {(item: Item) => string | number} keyOf
 * @param {(item: Item) => Element} make
 * @param {(element: any, item: Item) => void} [update] is called for new ones too
 */
export function keep(parent, items, keyOf, make, update) {
  /** @type {Map<string | number | undefined, Element>} */
  const had = new Map();
  for (const child of parent.children) had.set(keys.get(child), child);
  const wanted = new Set(items.map(keyOf));
  for (const [key, child] of had) {
    if (key === undefined || !wanted.has(key)) child.remove();
  }
  const focused = document.activeElement;
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const child = had.get(key) ?? make(item);
    keys.set(child, key);
    update?.(child, item);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  // Who is moved loses the focus.
  const lost = focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused);
  if (lost) focused.focus({ preventScroll: true });
}

const ANNOUNCED_MS = 10_000;

/**
 * Has a screen reader say something, after what it says now.
 * @param {string} text
 */
export function announce(text) {
  const line = el('p', {}, text);
  document.getElementById('announcer')?.append(line);
  setTimeout(() => line.remove(), ANNOUNCED_MS);
}
