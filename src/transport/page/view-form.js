// A form whose refusals stand beside what caused them, in the words of the server.
import { el } from './dom.js';
import { Trouble } from './parts.js';
import { Refusal, sentence } from './refusal.js';

/**
 * @typedef {object} Field
 * @property {string} name as the server calls it
 * @property {string} label
 * @property {HTMLInputElement} input
 * @property {Trouble} trouble
 * @property {HTMLElement} element hidden while it is not asked for
 */

/**
 * @typedef {object} Content
 * @property {string} id no other form in the document has it
 * @property {string} label what the form is for
 * @property {[string, string, Record<string, string>][]} fields name, label, attributes
 * @property {Record<string, string>} [aims] the field that a refusal with this code is about
 * @property {import('./dom.js').Child[]} [foot] what comes below the button
 * @property {(values: Record<string, string>) => Promise<void>} submit
 */

export class Form {
  #aims;
  #submit;
  #isBusy = false;

  /** @param {Content} content */
  constructor({ id, label, fields, aims = {}, foot = [], submit }) {
    this.#aims = aims;
    this.#submit = submit;
    this.trouble = new Trouble();
    this.fields = fields.map(([name, text, attributes]) => makeField(`${id}-${name}`, name, text, attributes));
    this.button = el('button', { type: 'submit', class: 'primary wide' });
    const parts = [...this.fields.map(({ element }) => element), this.button, ...foot];
    this.element = el('form', { novalidate: true, 'aria-label': label }, this.trouble.element, ...parts);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#go();
    });
  }

  /** The fields that are asked for. */
  get shown() {
    return this.fields.filter(({ element }) => !element.hidden);
  }

  /** Nothing stays in the fields. */
  reset() {
    this.element.reset();
    this.clear();
  }

  /** Nothing is refused any more. */
  clear() {
    this.trouble.tell('');
    for (const field of this.fields) mark(field, '');
  }

  async #go() {
    if (this.#isBusy) return;
    this.clear();
    this.#busy(true);
    try {
      await this.#submit(Object.fromEntries(this.shown.map(({ name, input }) => [name, input.value])));
    } catch (error) {
      this.#refused(error);
    }
    this.#busy(false);
  }

  /** @param {boolean} is */
  #busy(is) {
    this.#isBusy = is;
    // Not `disabled`: that would take the focus away.
    this.button.setAttribute('aria-disabled', String(is));
  }

  /** @param {unknown} error */
  #refused(error) {
    const refusal = error instanceof Refusal ? error : null;
    const aim = refusal && this.#aims[refusal.code];
    const marked = this.shown.filter((field) => {
      const its = refusal?.errors.find(({ field: name }) => name === field.name);
      if (its) mark(field, `${field.label} ${its.message}.`);
      else if (refusal && aim === field.name) mark(field, refusal.message);
      return its || aim === field.name;
    });
    if (marked.length === 0) this.trouble.tell(sentence(error));
    marked[0]?.input.focus();
  }
}

/**
 * @param {string} id
 * @param {string} name
 * @param {string} label
 * @param {Record<string, string>} attributes
 * @returns {Field}
 */
function makeField(id, name, label, attributes) {
  const trouble = new Trouble();
  trouble.element.id = `${id}-trouble`;
  const input = el('input', { name, id, 'aria-describedby': trouble.element.id, ...attributes });
  const element = el('div', { class: 'form-field' }, el('label', { for: id }, label), input, trouble.element);
  return { name, label, input, trouble, element };
}

/**
 * @param {Field} field
 * @param {string} text
 */
function mark({ input, trouble }, text) {
  trouble.tell(text);
  if (text) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}
