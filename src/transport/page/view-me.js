// Oneself: how one looks to others, notifications, the way out.
import { el, say, show } from './dom.js';
import { Popup, Trouble, avatar, named, showStatus } from './parts.js';
import { sentence } from './refusal.js';
import { AccountDialog } from './view-account.js';

/** @type {[Status, string][]} */
const CHOICES = [
  ['online', 'Online'],
  ['busy', 'Busy (no notifications)'],
  ['offline', 'Appear offline'],
];

/** @typedef {import('./view-account.js').Doing & {signOut: () => void}} Way */

export class MeView {
  #client;
  #way;
  #ends;
  /** @type {AccountDialog | null} */
  #dialog = null;

  /**
   * @param {import('./client.js').Client} client
   * @param {Way} way
   */
  constructor(client, way) {
    this.#client = client;
    this.#way = way;
    const { me } = client.model;
    this.avatar = avatar(me);
    this.label = el('span', { class: 'texts' }, named(me.name), el('span', { class: 'status' }));
    const you = el('span', { class: 'unseen' }, 'You: ');
    this.button = el('button', { class: 'entry me', type: 'button' }, this.avatar, you, this.label);
    this.trouble = new Trouble();
    this.choices = CHOICES.map(([status, label]) => {
      const input = el('input', { type: 'radio', name: 'status', value: status, onchange: () => this.#choose(status) });
      return { status, input, element: el('label', { class: 'choice' }, input, el('span', {}, label)) };
    });
    this.notify = el('button', { type: 'button', class: 'wide', onclick: () => this.#allow() }, 'Allow notifications');
    this.allowed = el('p', { class: 'hint' });
    this.email = el('bdi');
    const attributes = { type: 'button', class: 'wide', 'aria-haspopup': 'dialog', onclick: () => this.#account() };
    const account = el('button', attributes, 'Account…');
    const panel = el(
      'div',
      { class: 'menu', id: 'me', role: 'dialog', 'aria-label': 'You' },
      el('p', { class: 'email' }, this.email),
      el('fieldset', {}, el('legend', {}, 'How others see you'), ...this.choices.map(({ element }) => element)),
      this.trouble.element,
      this.notify,
      this.allowed,
      account,
      el('button', { type: 'button', class: 'wide', onclick: () => way.signOut() }, 'Sign out'),
    );
    this.popup = new Popup(this.button, panel);
    this.element = el('div', { class: 'me-place' }, this.button, panel);
    this.#ends = [
      client.model.changes.on('people', () => this.#render()),
      client.changes.on('connection', () => this.#render()),
    ];
    this.#render();
  }

  end() {
    for (const end of this.#ends) end();
    this.#dialog?.close();
  }

  #account() {
    const { email } = this.#client.model.me;
    this.popup.toggle(false);
    this.#dialog = new AccountDialog(this.element, email ?? '', this.#way, () => {
      this.#dialog = null;
      this.button.focus();
    });
  }

  #render() {
    const { status, email } = this.#client.model.me;
    say(this.email, email ?? '');
    const { socket, knowsMe } = this.#client;
    // Without a connection nobody sees one, whatever one chose.
    const isSeen = socket.isOpen && knowsMe;
    showStatus(this.avatar, isSeen ? status : 'offline');
    const chosen = status === 'offline' ? 'appearing offline' : status;
    say(/** @type {Element} */ (this.label.querySelector('.status')), isSeen ? chosen : 'not connected');
    for (const choice of this.choices) choice.input.checked = choice.status === status;
    const permission = 'Notification' in window ? Notification.permission : 'denied';
    show(this.notify, permission === 'default');
    say(this.allowed, permission === 'granted' ? 'Notifications are on.' : 'This browser does not allow notifications here.');
    show(this.allowed, permission !== 'default');
  }

  /** @param {Status} status */
  async #choose(status) {
    this.trouble.tell('');
    try {
      await this.#client.setStatus(status);
    } catch (error) {
      this.trouble.tell(sentence(error));
    }
    this.#render();
  }

  async #allow() {
    await Notification.requestPermission();
    this.#render();
  }
}
