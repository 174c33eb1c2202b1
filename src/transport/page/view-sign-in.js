// Signing in, and making an account: one card with two sides.
import { announce, el, say, show } from './dom.js';
import { icon } from './parts.js';
import { Form } from './view-form.js';

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
  /** @type {Side} */
  #side = 'login';

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.title = el('h1', {});
    this.other = el('button', { type: 'button', class: 'wide plain', onclick: () => this.#turn() });
    this.form = new Form({
      id: 'sign-in',
      label: 'Account',
      fields: FIELDS,
      aims: { conflict: 'email' },
      foot: [this.other],
      submit: (values) => session.signIn(this.#side, values),
    });
    this.news = el('p', { class: 'hint', hidden: true });
    const brand = el('p', { class: 'brand' }, icon('chats'), 'Duologue');
    const card = el('div', { class: 'card' }, brand, this.title, this.news, this.form.element);
    this.element = el('main', { class: 'sign-in' }, card);
    this.#show();
    this.form.trouble.tell(session.why);
    this.#tell(session.news);
  }

  end() {
    this.form.reset(); // no password stays in a field that nobody sees
  }

  begin() {
    this.form.shown[0].input.focus();
  }

  /** @param {string} news what came of what one did before */
  #tell(news) {
    say(this.news, news);
    show(this.news, news !== '');
    if (news) announce(news);
  }

  #turn() {
    this.#side = this.#side === 'login' ? 'register' : 'login';
    this.form.clear();
    this.#tell('');
    this.#show();
    this.begin();
  }

  #show() {
    const texts = TEXTS[this.#side];
    say(this.title, texts.title);
    say(this.form.button, texts.button);
    say(this.other, texts.other);
    for (const { name, input, element } of this.form.fields) {
      if (name === 'name') show(element, this.#side === 'register');
      if (name === 'password') input.setAttribute('autocomplete', texts.complete);
    }
  }
}
