// The account: another password, the way out on every device, and the end of it all.
import { el, say, show } from './dom.js';
import { Trouble, icon } from './parts.js';
import { sentence } from './refusal.js';
import { Form } from './view-form.js';

/**
 * What can be done with an account; each fails with why not.
 * @typedef {object} Doing
 * @property {(fields: Record<string, string>) => Promise<void>} changePassword
 * @property {() => Promise<void>} signOutEverywhere
 * @property {(fields: Record<string, string>) => Promise<void>} deleteAccount
 */

/** A dialog that is there while it is open, so that no password stays in it. */
export class AccountDialog {
  #doing;
  #email;

  /**
   * @param {HTMLElement} place where it stands in the document
   * @param {string} email whose account it is, for programs that keep passwords
   * @param {Doing} doing
   * @param {() => void} closed
   */
  constructor(place, email, doing, closed) {
    this.#doing = doing;
    this.#email = email;
    const title = el('h2', { id: 'account-title', tabindex: -1, autofocus: true }, 'Account');
    const close = el('button', { type: 'button', class: 'round', 'aria-label': 'Close' }, icon('close'));
    this.element = el(
      'dialog',
      { class: 'account', 'aria-labelledby': title.id },
      el('header', {}, title, close),
      el('p', { class: 'email' }, el('bdi', {}, email)),
      this.#password(),
      this.#everywhere(),
      this.#end(),
    );
    close.addEventListener('click', () => this.close());
    const away = () => this.close(); // Back leads elsewhere
    window.addEventListener('hashchange', away);
    this.element.addEventListener('close', () => {
      window.removeEventListener('hashchange', away);
      this.element.remove();
      closed();
    });
    place.append(this.element);
    this.element.showModal();
  }

  close() {
    this.element.close();
  }

  #password() {
    const done = el('p', { class: 'done', role: 'status' });
    const form = new Form({
      id: 'change',
      label: 'Change the password',
      fields: [
        ['password', 'Current password', { type: 'password', autocomplete: 'current-password' }],
        ['new_password', 'New password', { type: 'password', autocomplete: 'new-password' }],
      ],
      aims: { invalid_credentials: 'password' },
      foot: [done],
      submit: async (fields) => {
        say(done, '');
        await this.#doing.changePassword(fields);
        form.reset();
        say(done, 'Your password is changed. All other devices are signed out.');
      },
    });
    say(form.button, 'Change password');
    form.element.prepend(this.#username());
    const hint = el('p', { class: 'hint' }, 'All other devices are signed out, and need the new password to come in again.');
    return el('section', {}, el('h3', {}, 'Password'), hint, form.element);
  }

  #everywhere() {
    const trouble = new Trouble();
    const button = el('button', { type: 'button', class: 'wide' }, 'Sign out everywhere');
    button.addEventListener('click', async () => {
      trouble.tell('');
      try {
        await this.#doing.signOutEverywhere();
      } catch (error) {
        trouble.tell(sentence(error));
      }
    });
    const hint = el('p', { class: 'hint' }, 'Ends every sign-in of yours at once: on this device and on all others.');
    return el('section', {}, el('h3', {}, 'Devices'), hint, trouble.element, button);
  }

  #end() {
    const begin = el('button', { type: 'button', class: 'wide danger', 'aria-expanded': 'false' }, 'Delete account…');
    const keep = el('button', { type: 'button', class: 'wide' }, 'Keep my account');
    const form = new Form({
      id: 'delete',
      label: 'Delete the account',
      fields: [['password', 'Password', { type: 'password', autocomplete: 'current-password' }]],
      aims: { invalid_credentials: 'password' },
      foot: [keep],
      submit: (fields) => this.#doing.deleteAccount(fields),
    });
    form.button.className = 'wide danger full';
    say(form.button, 'Delete my account for good');
    const question = el('p', { class: 'question', tabindex: -1 }, 'Delete your account for good?');
    const what = el(
      'ul',
      { class: 'hint' },
      el('li', {}, 'Your name, your e-mail address and your password are erased at once, and nobody can bring them back.'),
      el('li', {}, 'What you wrote stays readable for those you wrote to. They see “Deleted account” in place of your name.'),
      el('li', {}, 'You are signed out everywhere, and can read none of your conversations any more.'),
    );
    form.element.prepend(this.#username());
    const sure = el('div', { class: 'sure', id: 'account-sure', hidden: true }, question, what, form.element);
    begin.setAttribute('aria-controls', sure.id);
    const turn = (/** @type {boolean} */ open) => {
      show(begin, !open);
      show(sure, open);
      begin.setAttribute('aria-expanded', String(open));
      form.reset();
      if (open) sure.scrollIntoView({ block: 'nearest' });
      (open ? question : begin).focus();
    };
    begin.addEventListener('click', () => turn(true));
    keep.addEventListener('click', () => turn(false));
    return el('section', {}, el('h3', {}, 'Delete account'), begin, sure);
  }

  /** For programs that keep passwords: whose it is. */
  #username() {
    return el('input', { type: 'email', autocomplete: 'username', value: this.#email, readonly: true, hidden: true });
  }
}
