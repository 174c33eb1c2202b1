// Where one writes. What is begun is kept for each chat; what is sent leaves the field only into the outbox.
import { el, say, show } from './dom.js';
import { icon } from './parts.js';
import { length } from './text.js';
import { EmojiPicker } from './view-emoji.js';

/** From so many characters on the field says how many there are; the server takes 4,000. */
const TELL_FROM = 3_600;
const MOST = 4_000;
/** The server forgets a typing state after 6 s; it is told again before, in milliseconds. */
const TYPING_AGAIN_MS = 3_000;
const TYPING_ENDS_MS = 4_000;

/**
 * @typedef {object} Writing
 * @property {(text: string) => void} send
 * @property {(isTyping: boolean) => void} typing
 * @property {string} draft
 * @property {(text: string) => void} keep keeps a draft
 */

export class Composer {
  #writing;
  /** When typing was last told, 0 if one does not type. */
  #told = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} name to whom one writes
   * @param {Writing} writing
   */
  constructor(name, writing) {
    this.#writing = writing;
    this.field = el('textarea', {
      rows: 1,
      'aria-label': `Message to ${name}`,
      placeholder: 'Message',
      enterkeyhint: 'send',
      autocomplete: 'off',
      dir: 'auto',
    });
    this.count = el('p', { class: 'count', role: 'status', hidden: true });
    this.emoji = new EmojiPicker((emoji) => this.insert(emoji));
    this.button = el('button', { type: 'submit', class: 'round send', 'aria-label': 'Send' }, icon('send'));
    this.element = el(
      'form',
      { class: 'composer' },
      this.emoji.panel,
      this.emoji.button,
      el('div', { class: 'field' }, this.field, this.count),
      this.button,
    );
    this.field.value = writing.draft;
    this.field.addEventListener('input', () => this.#changed());
    this.field.addEventListener('keydown', (event) => {
      // While an input method composes, Enter is its own.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.field.addEventListener('blur', () => this.#typing(false));
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    // A tap on Send leaves the keyboard of a phone where it is.
    this.button.addEventListener('pointerdown', (event) => event.preventDefault());
    this.#grow();
    this.#count();
  }

  end() {
    this.#typing(false);
  }

  /**
   * Puts text where the caret is.
   * @param {string} text
   */
  insert(text) {
    this.field.focus();
    this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, 'end');
    this.#changed();
  }

  /**
   * Brings back what was sent and refused, before what stands in the field.
   * @param {string} text
   */
  takeBack(text) {
    const now = this.field.value;
    this.field.value = now.trim() ? `${text}\n${now}` : text;
    this.field.focus();
    this.#changed();
  }

  #send() {
    const text = this.field.value;
    if (!text.trim()) return;
    this.field.value = '';
    this.#writing.keep('');
    this.#grow();
    this.#count();
    this.#told = 0; // the message ends it
    clearTimeout(this.#timer);
    this.#writing.send(text);
  }

  #changed() {
    this.#writing.keep(this.field.value);
    this.#typing(this.field.value.trim() !== '');
    this.#grow();
    this.#count();
  }

  /** @param {boolean} is */
  #typing(is) {
    clearTimeout(this.#timer);
    const now = Date.now();
    if (is) {
      if (now - this.#told > TYPING_AGAIN_MS) {
        this.#told = now;
        this.#writing.typing(true);
      }
      this.#timer = setTimeout(() => this.#typing(false), TYPING_ENDS_MS);
    } else if (this.#told) {
      this.#told = 0;
      this.#writing.typing(false);
    }
  }

  /** As high as its text, within what the style allows, where the browser does not see to that itself. */
  #grow() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  #count() {
    const characters = this.field.value.length < TELL_FROM ? 0 : length(this.field.value);
    show(this.count, characters >= TELL_FROM);
    this.count.classList.toggle('over', characters > MOST);
    say(this.count, characters >= TELL_FROM ? `${characters} of ${MOST} characters` : '');
  }
}
