// Picking an emoji: a panel above the field, in which the arrow keys go from one to the next.
import { el } from './dom.js';
import { EMOJI } from './emoji.js';
import { Popup, icon } from './parts.js';

const COLUMNS = 8;

export class EmojiPicker {
  /** @param {(emoji: string) => void} picked */
  constructor(picked) {
    const groups = EMOJI.map(([name, emoji]) => {
      const buttons = emoji.split(' ').map((one) =>
        el('button', { type: 'button', tabindex: -1, onclick: () => this.#pick(picked, one) }, one),
      );
      return el('div', { role: 'group', 'aria-label': name }, el('p', { 'aria-hidden': 'true' }, name), el('div', {}, ...buttons));
    });
    this.panel = el('div', { class: 'emoji', id: 'emoji', role: 'dialog', 'aria-label': 'Emoji' }, ...groups);
    this.button = el(
      'button',
      { type: 'button', class: 'round', 'aria-label': 'Emoji', 'aria-haspopup': 'dialog' },
      icon('smile'),
    );
    this.popup = new Popup(this.button, this.panel);
    this.#buttons[0].tabIndex = 0;
    this.panel.addEventListener('keydown', (event) => this.#key(event));
    this.button.addEventListener('click', () => {
      if (!this.panel.hidden) this.panel.querySelector('button')?.focus();
    });
  }

  get #buttons() {
    return [...this.panel.querySelectorAll('button')];
  }

  /**
   * @param {(emoji: string) => void} picked
   * @param {string} emoji
   */
  #pick(picked, emoji) {
    this.popup.toggle(false);
    picked(emoji);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = this.#buttons;
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, at + step))];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
