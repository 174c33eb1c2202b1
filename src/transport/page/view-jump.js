// The button that leads to the newest message, with how many one has not read.
import { el, say, show } from './dom.js';
import { icon } from './parts.js';

export class Jump {
  #count = el('span', { class: 'badge', hidden: true });

  /** @param {() => void} onclick */
  constructor(onclick) {
    const attributes = { class: 'jump', type: 'button', 'aria-label': 'Jump to the newest message', onclick };
    this.element = el('button', { ...attributes, hidden: true }, icon('down'), this.#count);
  }

  /**
   * @param {boolean} shown
   * @param {number} unread
   */
  tell(shown, unread) {
    show(this.element, shown);
    show(this.#count, unread > 0);
    say(this.#count, unread > 0 ? String(unread) : '');
  }
}
