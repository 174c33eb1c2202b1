// The messages of a chat. Only a window of them is in the document; it moves along with the scrolling.
import * as dates from './dates.js';
import { el, keep, say, show } from './dom.js';
import { NewLine } from './newline.js';
import { sentence } from './refusal.js';
import { daysOf } from './rows.js';
import { STEP, Span } from './span.js';
import { makeRow, updateRow } from './view-bubble.js';
import { Jump } from './view-jump.js';

/** So near to an end, in pixels, more comes in there. */
const NEAR_PX = 900;
/** So near to the newest message one is at it. */
const AT_END_PX = 60;
/** No row is lower, in pixels. */
const LOWEST_ROW_PX = 20;
/** Where the line above the new messages stands in a chat that is opened. */
const LINE_TOP_PX = 72;

export class MessagesView {
  #client;
  #id;
  #doing;
  #name;
  #span = new Span();
  /** Whether what comes is followed. */
  #follows = true;
  #top = 0; // where the scroller stood when it was last looked at
  /** What is being loaded, by direction. @type {Set<'older' | 'newer' | 'newest'>} */
  #loading = new Set();
  #troubles = { older: '', newer: '' };
  #observer;
  #line;

  /**
   * @param {import('./client.js').Client} client
   * @param {number} id
   * @param {string} name the other's
   * @param {import('./view-bubble.js').Doing} doing
   */
  constructor(client, id, name, doing) {
    this.#client = client;
    this.#id = id;
    this.#name = name;
    this.#doing = doing;
    this.#line = new NewLine(this.#conversation);
    this.days = el('ol', { class: 'days' });
    this.more = el('button', { class: 'edge', type: 'button', onclick: () => this.#load('older') });
    this.after = el('button', { class: 'edge', type: 'button', onclick: () => this.#load('newer') });
    this.empty = el('p', { class: 'nothing', hidden: true }, 'Nothing has been said here yet. Say hello!');
    this.content = el('div', { class: 'content' }, this.more, this.empty, this.days, this.after);
    this.scroller = el(
      'div',
      { class: 'scroller', tabindex: 0, role: 'region', 'aria-label': `Messages with ${name}` },
      this.content,
    );
    this.jump = new Jump(() => this.toNewest());
    this.element = el('div', { class: 'messages' }, this.scroller, this.jump.element);
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // A keyboard on the screen, a growing field, a turned phone: whoever was at the end stays there.
    this.#observer = new ResizeObserver(() => {
      if (this.#follows) this.#toBottom();
      this.look();
    });
    for (const part of [this.scroller, this.content]) this.#observer.observe(part);
  }

  end() {
    this.#observer.disconnect();
  }

  get #timeline() {
    return this.#client.model.timeline(this.#id);
  }

  get #conversation() {
    const conversation = this.#client.model.conversations.get(this.#id);
    if (!conversation) throw new Error('the chat that is shown is known');
    return conversation;
  }

  /** The first look at the chat: at what is new, else at the end. */
  first() {
    const { after } = this.#line;
    this.#measure();
    if (after === null) this.#span.toEnd(this.#timeline);
    else this.#span.around(this.#timeline, after);
    this.#follows = false;
    this.#render();
    const line = this.days.querySelector('.new-line');
    const top = line && line.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    this.scroller.scrollTop = top === null ? this.scroller.scrollHeight : this.scroller.scrollTop + top - LINE_TOP_PX;
    this.#scrolled();
  }

  /** Something changed. */
  update() {
    this.#span.stay(this.#timeline, this.#follows);
    const isSeen = this.#follows && !document.hidden && !this.#timeline.hasNewer;
    this.#line.heard(this.#conversation, isSeen);
    this.#keepPlace(() => this.#render());
    this.#scrolled();
  }

  /** A high window has room for more. */
  #measure() {
    this.#span.most = 3 * STEP + Math.ceil(this.scroller.clientHeight / LOWEST_ROW_PX);
  }

  /** To the end, which may have to be loaded first. */
  async toNewest() {
    if (this.#timeline.hasNewer) await this.#load('newest');
    this.#span.toEnd(this.#timeline);
    this.#follows = true;
    this.#render();
    this.#toBottom();
    this.#scrolled();
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.days.querySelectorAll('li')].filter((row) => row.dataset.seq !== undefined);
  }

  get #isWhole() {
    return this.#span.end === this.#timeline.messages.length && !this.#timeline.hasNewer;
  }

  #render() {
    const { messages, hasOlder, hasNewer, loaded } = this.#timeline;
    const { other } = this.#conversation;
    const { start, end } = this.#span;
    const days = daysOf({
      messages: messages.slice(start, end),
      before: messages[start - 1],
      pending: this.#isWhole ? this.#client.outbox.of(this.#id) : [],
      me: this.#client.model.me.id,
      other,
      newAfter: this.#line.after,
    });
    keep(
      this.days,
      days,
      ({ key }) => key,
      () => el('li', { class: 'day' }, el('h3', {}, el('span')), el('ol', { class: 'rows' })),
      (element, { at, rows }) => {
        say(element.firstElementChild.firstElementChild, dates.day(at));
        const make = (/** @type {any} */ row) => makeRow(row, this.#name, this.#doing);
        keep(element.lastElementChild, rows, ({ key }) => key, make, updateRow);
      },
    );
    show(this.empty, loaded && days.length === 0 && !hasNewer);
    this.#edge(this.more, hasOlder || start > 0, this.#troubles.older);
    this.#edge(this.after, hasNewer, this.#troubles.newer);
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {boolean} shown
   * @param {string} trouble
   */
  #edge(button, shown, trouble) {
    show(button, shown);
    say(button, trouble ? `${trouble} Try again` : 'Loading…');
    button.disabled = !trouble;
  }

  /**
   * Does something, after which what one reads stands where it stood.
   * @param {() => void} change
   */
  #keepPlace(change) {
    if (this.#follows) {
      change();
      this.#toBottom();
      return;
    }
    const top = this.scroller.getBoundingClientRect().top;
    const anchor = this.#rows.find((row) => row.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  #toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (clientHeight === 0) return; // not shown
    // Who followed and has not gone up is at the end still: what grew, or a window that shrank, moved it away.
    if (this.#follows && scrollTop >= this.#top) this.#toBottom();
    this.#top = this.scroller.scrollTop;
    const below = scrollHeight - this.#top - clientHeight;
    this.#follows = below < AT_END_PX && this.#isWhole;
    const isMoving = scrollTop < NEAR_PX && this.#upward();
    if (!isMoving && below < NEAR_PX) this.#downward();
    this.look();
  }

  /** Whether there is more, here or to be loaded. */
  #upward() {
    if (this.#span.up()) {
      this.#keepPlace(() => this.#render());
      return true;
    }
    const loads = this.#timeline.hasOlder && !this.#troubles.older;
    if (loads) this.#load('older');
    return loads;
  }

  #downward() {
    if (this.#span.down(this.#timeline)) this.#keepPlace(() => this.#render());
    else if (this.#timeline.hasNewer && !this.#troubles.newer) this.#load('newer');
  }

  /** @param {'older' | 'newer' | 'newest'} what */
  async #load(what) {
    if (this.#loading.has(what)) return;
    this.#loading.add(what);
    const edge = what === 'older' ? 'older' : 'newer';
    this.#troubles[edge] = '';
    try {
      await this.#client.messages[what](this.#id);
    } catch (error) {
      this.#troubles[edge] = sentence(error);
    }
    this.#loading.delete(what);
    this.update();
  }

  /** What is seen is read; what is not is counted. */
  look() {
    const { read, head } = this.#conversation;
    const { scrollHeight, clientHeight } = this.scroller;
    const isElsewhere = !this.#follows && (this.#timeline.hasNewer || scrollHeight > clientHeight);
    this.jump.tell(isElsewhere, head - read);
    if (document.visibilityState !== 'visible' || head <= read) return;
    const bottom = this.scroller.getBoundingClientRect().bottom + 1;
    const last = this.#rows.findLast((row) => Number(row.dataset.seq) > 0 && row.getBoundingClientRect().bottom <= bottom);
    if (last) this.#client.messages.seen(this.#id, Number(last.dataset.seq));
  }

  /** There is a connection again. */
  tryAgain() {
    this.#troubles = { older: '', newer: '' };
    this.update();
  }
}
