// The list of conversations, newest activity first.
import * as dates from './dates.js';
import { el, keep, say, show } from './dom.js';
import { unreadIn } from './model.js';
import { avatar, icon, named, sentencePlace, showName, showStatus } from './parts.js';
import { sentence } from './refusal.js';
import * as router from './router.js';
import { line } from './text.js';
import { tick as tickOf } from './timeline.js';

/** @typedef {import('./model.js').Conversation} Conversation */

/** How often times are written anew, in milliseconds: a day ends. */
const MINUTE_MS = 60_000;

const TICKS = { sent: 'Sent', delivered: 'Delivered', read: 'Read', waiting: 'Waiting', refused: 'Not sent' };

export class ChatsView {
  #client;
  #drafts;
  /** @type {number | null} the open one */
  #open = null;
  /** @type {number | null} the open one, until it was brought into sight */
  #sought = null;
  #ends;
  #isLoading = false;

  /**
   * @param {import('./client.js').Client} client
   * @param {import('./drafts.js').Drafts} drafts
   */
  constructor(client, drafts) {
    this.#client = client;
    this.#drafts = drafts;
    this.list = el('ul', { class: 'list', 'aria-label': 'Conversations' });
    this.more = el('button', { class: 'edge', type: 'button', hidden: true, onclick: () => this.#loadMore() }, 'Show more');
    this.nothing = sentencePlace(
      'No conversations yet.',
      el('a', { class: 'button', href: '#/people' }, 'Find somebody to talk to'),
    );
    this.waiting = el('p', { class: 'nothing slow', role: 'status' }, 'Loading conversations…');
    this.element = el('div', { class: 'scroller lists' }, this.waiting, this.nothing, this.list, this.more);
    const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#loadMore(), {
      root: this.element,
      rootMargin: '400px',
    });
    observer.observe(this.more);
    const clock = setInterval(() => this.#render(), MINUTE_MS);
    this.#ends = [
      client.model.changes.on('list', () => this.#render()),
      client.changes.on('connection', () => this.#render()),
      () => observer.disconnect(),
      () => clearInterval(clock),
    ];
    this.#render();
  }

  end() {
    for (const end of this.#ends) end();
  }

  /** @param {number | null} id which one is open */
  mark(id) {
    this.#open = id;
    this.#sought = id;
    this.#render();
  }

  #render() {
    const { model, lists, failure } = this.#client;
    const list = model.list;
    keep(
      this.list,
      list,
      ({ id }) => id,
      (conversation) => this.#make(conversation),
      (element, conversation) => this.#update(element, conversation),
    );
    show(this.waiting, lists.cursor === undefined && list.length === 0 && !failure);
    show(this.nothing, lists.cursor !== undefined && list.length === 0);
    show(this.more, Boolean(lists.cursor));
    this.#seek();
  }

  /** Brings the open one into sight, once: after that the list stands where one scrolls it. */
  #seek() {
    const entry = this.#sought !== null && this.list.querySelector(`a[href="${router.chat(this.#sought)}"]`);
    if (!entry) return;
    this.#sought = null;
    entry.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Conversation} conversation */
  #make({ id, other }) {
    const top = el('span', { class: 'line' }, named(other.name), el('time'));
    const preview = el('span', { class: 'preview' }, el('span', { class: 'tick' }), el('span', { class: 'last' }));
    const badge = el('span', { class: 'badge' }, el('span', { class: 'number' }), el('span', { class: 'unseen' }, ' unread'));
    const bottom = el('span', { class: 'line' }, preview, badge);
    const text = el('span', { class: 'texts' }, top, bottom);
    const presence = el('span', { class: 'unseen presence' });
    return el('li', {}, el('a', { class: 'entry', href: router.chat(id) }, avatar(other), text, presence));
  }

  /**
   * @param {HTMLElement} element
   * @param {Conversation} conversation
   */
  #update(element, conversation) {
    const { id, other, last, active, typing } = conversation;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
    const link = part('a');
    if (id === this.#open) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    showName(link, other.name);
    showStatus(part('.avatar-place'), other.status);
    say(part('.presence'), `, ${dates.presence(other)}`);
    const pending = this.#client.outbox.of(id).at(-1);
    const moment = pending?.at ?? last?.created_at ?? active;
    const time = /** @type {HTMLTimeElement} */ (part('time'));
    time.dateTime = new Date(moment).toISOString();
    say(time, dates.brief(moment));
    const unread = unreadIn(conversation);
    show(part('.badge'), unread > 0);
    say(part('.number'), unread > 999 ? '999+' : String(unread));
    link.classList.toggle('unread', unread > 0);
    this.#preview(part('.preview'), conversation, pending, typing);
  }

  /**
   * @param {HTMLElement} place
   * @param {Conversation} conversation
   * @param {Pending | undefined} pending
   * @param {boolean} typing
   */
  #preview(place, conversation, pending, typing) {
    const { id, other, last } = conversation;
    const draft = id === this.#open ? '' : this.#drafts.read(conversation);
    const [tick, text] = /** @type {HTMLElement[]} */ ([...place.children]);
    place.classList.toggle('typing', typing);
    place.classList.toggle('draft', !typing && draft !== '');
    /** @type {keyof typeof TICKS | ''} */
    let state = '';
    if (pending) state = pending.refused === undefined ? 'waiting' : 'refused';
    else if (last && last.sender_id !== other.id) state = tickOf(last.seq, other);
    if (typing || draft) state = '';
    if (tick.dataset.state !== state) {
      tick.dataset.state = state;
      tick.replaceChildren(...(state ? [icon(state), el('span', { class: 'unseen' }, `${TICKS[state]}: `)] : []));
    }
    const content = pending?.content ?? last?.content ?? '';
    if (typing) say(text, 'typing…');
    else say(text, draft ? `Draft: ${line(draft)}` : line(content));
  }

  async #loadMore() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await this.#client.lists.loadMore();
      say(this.more, 'Show more');
    } catch (error) {
      say(this.more, `${sentence(error)} Try again`);
    }
    this.#isLoading = false;
    this.#render();
  }
}
