// Small things that many views are made of.
import { el, say, show } from './dom.js';
import { initials } from './text.js';

const HUES = 12;
const SVG = 'http://www.w3.org/2000/svg';

/** Outlines in a square of 24 units, drawn as lines. */
const ICONS = {
  back: ['M15 5l-7 7 7 7'],
  down: ['M12 5v13', 'M6 12.5l6 6 6-6'],
  send: ['M5 12h13', 'M12.5 5.5L19 12l-6.5 6.5'],
  smile: ['M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18', 'M8.5 14.5c1.8 2.400 5.2 2.400 7 0', 'M9 9.5v.01', 'M15 9.5v.01'],
  waiting: ['M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16', 'M12 8v4.5l3 1.8'],
  refused: ['M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16', 'M12 8v5', 'M12 16v.01'],
  sent: ['M6 12.5l4 4 8-9'],
  delivered: ['M2.5 12.5l4 4 8-9', 'M11.5 15.5l1 1 8-9'],
  read: ['M2.5 12.5l4 4 8-9', 'M11.5 15.5l1 1 8-9'],
  close: ['M6.5 6.5l11 11', 'M17.5 6.5l-11 11'],
  chats: ['M4 5h16v11H10l-4.5 3.5V16H4z'],
};

/**
 * A picture that says nothing by itself.
 * @param {keyof typeof ICONS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const line of ICONS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', line);
    svg.append(path);
  }
  return svg;
}

/** @typedef {{id: number, name: string, status?: Status}} Somebody */

/**
 * A circle with somebody's initials, and a dot for their status.
 * @param {Somebody} person
 */
export function avatar(person) {
  const circle = el('span', { class: `avatar hue-${person.id % HUES}`, 'aria-hidden': 'true' }, initials(person.name));
  const element = el('span', { class: 'avatar-place' }, circle, el('span', { class: 'dot' }));
  showStatus(element, person.status ?? 'offline');
  return element;
}

/**
 * Somebody's name and initials, where both stand: they are others when the account is deleted.
 * @param {Element} place
 * @param {string} name
 */
export function showName(place, name) {
  say(/** @type {Element} */ (place.querySelector('.name')), name);
  say(/** @type {Element} */ (place.querySelector('.avatar')), initials(name));
}

/**
 * @param {Element} place
 * @param {Status} status
 */
export function showStatus(place, status) {
  const dot = /** @type {HTMLElement} */ (place.querySelector('.dot'));
  if (dot.dataset.status !== status) dot.dataset.status = status;
}

/**
 * A name, which may be written in any direction.
 * @param {string} name
 * @param {string} [kind]
 */
export const named = (name, kind = 'name') => el('bdi', { class: kind }, name);

/**
 * An empty place that says why.
 * @param {string} text
 * @param {...import('./dom.js').Child} more
 */
export const sentencePlace = (text, ...more) => el('div', { class: 'nothing' }, el('p', {}, text), ...more);

/** A line for the server's own words, next to what caused them; hidden while there are none. */
export class Trouble {
  element = el('p', { class: 'trouble', role: 'alert', hidden: true });

  /** @param {string} text */
  tell(text) {
    say(this.element, text);
    show(this.element, text !== '');
  }
}

/** What opens beside a button, and closes by Escape, by a click elsewhere, or when the focus goes elsewhere. */
export class Popup {
  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} panel
   */
  constructor(button, panel) {
    this.button = button;
    this.panel = panel;
    panel.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    button.setAttribute('aria-controls', panel.id);
    button.addEventListener('click', () => this.toggle(panel.hidden === true));
    for (const part of [button, panel]) {
      part.addEventListener('keydown', (event) => {
        if (event.key !== 'Escape' || panel.hidden) return;
        event.stopPropagation();
        this.toggle(false);
        button.focus();
      });
      part.addEventListener('focusout', ({ relatedTarget }) => {
        if (relatedTarget && !this.#holds(relatedTarget)) this.toggle(false);
      });
    }
  }

  /** @param {PointerEvent} event */
  #elsewhere = ({ target }) => {
    if (!this.#holds(target)) this.toggle(false);
  };

  /** @param {EventTarget | null} target */
  #holds(target) {
    return target instanceof Node && (this.panel.contains(target) || this.button.contains(target));
  }

  /** @param {boolean} open */
  toggle(open) {
    if (this.panel.hidden !== open) return;
    this.panel.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
    if (open) document.addEventListener('pointerdown', this.#elsewhere);
    else document.removeEventListener('pointerdown', this.#elsewhere);
  }
}
