// Signing in, and making an account: one card with two sides.
import { el, say, show } from './dom.js';
import { Trouble, icon } from './parts.js';
import { Refusal, sentence } from './refusal.js';

/** @typedef {'login' | 'register'} Side */

const TEXTS = {
  login: { title: 'Sign in', button: 'Sign in', other: 'I am new here', complete: 'current-password' },
  register: { title: 'Create an account', button: 'Create account', other: 'I have an account', complete: 'new-password' },
};

/** @type {[string, string, Record<string, string>][]} */
const FIELDS = [
  ['name', 'Name', { autocomplete: 'name', type: 'text' }],
  ['email', 'E-mail', { autocomplete: 'username', type: 'email', inputmode: 'email', spellcheck: 'false' }],
  ['password', 'Password', { type: 'password' }],
];

export class SignInView {
  #session;
  /** @type {Side} */
  #side = 'login';

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
    this.title = el('h1', {});
    this.trouble = new Trouble();
    this.fields = FIELDS.map(([name, label, attributes]) => {
      const trouble = new Trouble();
      trouble.element.id = `trouble-${name}`;
      const input = el('input', { name, id: `field-${name}`, 'aria-describedby': trouble.element.id, ...attributes });
      const element = el('div', { class: 'form-field' }, el('label', { for: input.id }, label), input, trouble.element);
      return { name, label, input, trouble, element };
    });
    this.button = el('button', { type: 'submit', class: 'primary wide' });
    this.other = el('button', { type: 'button', class: 'wide plain', onclick: () => this.#turn() });
    this.form = el(
      'form',
      { novalidate: true, 'aria-label': 'Account' },
      this.trouble.element,
      ...this.fields.map(({ element }) => element),
      this.button,
      this.other,
    );
    const brand = el('p', { class: 'brand' }, icon('chats'), 'Duologue');
    this.element = el('main', { class: 'sign-in' }, el('div', { class: 'card' }, brand, this.title, this.form));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#show();
    this.trouble.tell(session.why);
  }

  end() {
    this.form.reset(); // no password stays in a field that nobody sees
  }

  begin() {
    this.#shown[0].input.focus();
  }

  #turn() {
    this.#side = this.#side === 'login' ? 'register' : 'login';
    this.trouble.tell('');
    for (const field of this.fields) this.#mark(field, '');
    this.#show();
    this.#shown[0].input.focus();
  }

  get #shown() {
    return this.fields.filter(({ name }) => name !== 'name' || this.#side === 'register');
  }

  #show() {
    const texts = TEXTS[this.#side];
    say(this.title, texts.title);
    say(this.button, texts.button);
    say(this.other, texts.other);
    for (const { name, input, element } of this.fields) {
      show(element, name !== 'name' || this.#side === 'register');
      if (name === 'password') input.setAttribute('autocomplete', texts.complete);
    }
  }

  async #submit() {
    this.trouble.tell('');
    for (const field of this.fields) this.#mark(field, '');
    const values = Object.fromEntries(this.#shown.map(({ name, input }) => [name, input.value]));
    this.button.disabled = true;
    try {
      await this.#session.signIn(this.#side, values);
    } catch (error) {
      this.#refused(error);
    }
    this.button.disabled = false;
  }

  /** @param {unknown} error */
  #refused(error) {
    const errors = error instanceof Refusal ? error.errors : [];
    const marked = this.#shown.filter((field) => {
      const its = errors.find(({ field: name }) => name === field.name);
      if (its) this.#mark(field, `${field.label} ${its.message}.`);
      return its;
    });
    const taken = error instanceof Refusal && error.code === 'conflict';
    const email = this.#shown.filter(({ name }) => name === 'email');
    if (taken) for (const field of email) this.#mark(field, error.message);
    else if (marked.length === 0) this.trouble.tell(sentence(error));
    (taken ? email : marked)[0]?.input.focus();
  }

  /**
   * @param {SignInView['fields'][number]} field
   * @param {string} text
   */
  #mark({ input, trouble }, text) {
    trouble.tell(text);
    if (text) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  }
}
