// A chat: who it is with, what was said, and where one answers.
import * as dates from './dates.js';
import { announce, el, say } from './dom.js';
import { avatar, icon, named, sentencePlace, showName, showStatus } from './parts.js';
import { sentence } from './refusal.js';
import { line } from './text.js';
import { Composer } from './view-composer.js';
import { MessagesView } from './view-messages.js';

/** How often times are written anew, in milliseconds: "today" ends. */
const MINUTE_MS = 60_000;

export class ChatView {
  #client;
  #drafts;
  #id;
  /** @type {MessagesView | null} */
  #messages = null;
  /** @type {Composer | null} */
  #composer = null;
  /** @type {(() => void)[]} what ends with it */
  #ends = [];
  #over = false;

  /**
   * @param {import('./client.js').Client} client
   * @param {import('./drafts.js').Drafts} drafts
   * @param {number} id
   */
  constructor(client, drafts, id) {
    this.#client = client;
    this.#drafts = drafts;
    this.#id = id;
    this.element = el('div', { class: 'chat' });
    this.#open();
  }

  end() {
    this.#over = true;
    this.#composer?.end();
    this.#messages?.end();
    for (const end of this.#ends) end();
  }

  get conversation() {
    return this.#client.model.conversations.get(this.#id);
  }

  async #open() {
    const known = this.conversation;
    const timeline = this.#client.model.timelines.get(this.#id);
    if (known) this.element.replaceChildren(this.#head(known.other), this.#waiting());
    else this.element.replaceChildren(this.#emptyHead(), this.#waiting());
    if (!known || !timeline?.loaded || timeline.hasNewer) {
      try {
        await this.#client.messages.open(this.#id);
      } catch (error) {
        if (!this.#over) this.#failed(sentence(error));
        return;
      }
    }
    if (!this.#over) this.#show();
  }

  #waiting() {
    return el('div', { class: 'messages' }, el('p', { class: 'nothing slow', role: 'status' }, 'Loading messages…'));
  }

  /** @param {string} why */
  #failed(why) {
    const again = el('button', { type: 'button', onclick: () => this.#open() }, 'Try again');
    const place = sentencePlace(why, again);
    place.setAttribute('role', 'alert');
    this.element.replaceChildren(this.#emptyHead(), place);
    // What has to do with the connection is tried again when there is one.
    const end = this.#client.changes.on('connection', () => {
      if (!this.#client.socket.isOpen || this.#over) return;
      end();
      this.#open();
    });
    this.#ends.push(end);
  }

  #emptyHead() {
    return el('header', { class: 'head' }, this.#back());
  }

  #back() {
    return el('a', { class: 'round back', href: '#/', 'aria-label': 'Back to the conversations' }, icon('back'));
  }

  /** @param {Participant} other */
  #head(other) {
    this.avatar = avatar(other);
    this.status = el('p', { class: 'status', 'aria-live': 'polite' });
    const title = el('div', { class: 'who' }, el('h2', {}, named(other.name)), this.status);
    this.head = el('header', { class: 'head' }, this.#back(), this.avatar, title);
    this.#showOther();
    return this.head;
  }

  #show() {
    const { model, changes, socket } = this.#client;
    const conversation = /** @type {import('./model.js').Conversation} */ (this.conversation);
    const { other } = conversation;
    const doing = {
      again: (/** @type {string} */ key) => this.#client.again(this.#id, key),
      discard: (/** @type {string} */ key) => void this.#client.takeBack(this.#id, key),
      edit: (/** @type {string} */ key) => composer.takeBack(this.#client.takeBack(this.#id, key)),
    };
    const messages = new MessagesView(this.#client, this.#id, other.name, doing);
    const composer = new Composer(other.name, {
      draft: this.#drafts.read(conversation),
      keep: (text) => this.#drafts.write(conversation, text),
      typing: (is) => this.#client.typing(this.#id, is),
      send: (text) => {
        this.#client.send(this.#id, text);
        messages.toNewest();
      },
    });
    this.#messages = messages;
    this.#composer = composer;
    this.element.replaceChildren(this.#head(other), messages.element, composer.element);
    messages.first();
    // Not on a screen that one touches: the keyboard would cover what one came to read.
    if (window.matchMedia('(pointer: fine)').matches) composer.field.focus({ preventScroll: true });

    const looked = () => messages.look();
    document.addEventListener('visibilitychange', looked);
    const update = () => {
      this.#showOther();
      messages.update();
    };
    const clock = setInterval(update, MINUTE_MS);
    this.#ends.push(
      model.changes.on(`chat:${this.#id}`, update),
      changes.on('connection', () => {
        if (socket.isOpen) messages.tryAgain();
      }),
      () => document.removeEventListener('visibilitychange', looked),
      () => clearInterval(clock),
      this.#client.onMessage(({ conversation_id: id, content }) => {
        if (id === this.#id) announce(`${other.name}: ${line(content)}`);
      }),
    );
  }

  #showOther() {
    const { other, typing } = /** @type {import('./model.js').Conversation} */ (this.conversation);
    if (!this.head || !this.avatar || !this.status) return;
    showName(this.head, other.name);
    showStatus(this.avatar, other.status);
    this.status.classList.toggle('typing', typing);
    say(this.status, typing ? 'typing…' : dates.presence(other));
  }
}
