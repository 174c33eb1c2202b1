// The people one can write to: searched by name, with their status, a chat in one click.
import * as dates from './dates.js';
import { el, keep, say, show } from './dom.js';
import { Trouble, avatar, named, showStatus } from './parts.js';
import { sentence } from './refusal.js';
import * as router from './router.js';

/** How long after the last key one looks, in milliseconds. */
const PAUSE_MS = 200;
/** How often one looks again while the list is open: the server tells the status of those alone that one talks with. */
const AGAIN_MS = 15_000;

export class PeopleView {
  #client;
  /** @type {User[]} */
  #people = [];
  #pages = 1;
  #hasMore = false;
  /** Counts up with each question: only the last answer is of interest. */
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ends;

  /** @param {import('./client.js').Client} client */
  constructor(client) {
    this.#client = client;
    this.search = el('input', {
      type: 'search',
      'aria-label': 'Search people by name',
      placeholder: 'Search people',
      autocomplete: 'off',
      oninput: () => this.#searchSoon(),
    });
    this.trouble = new Trouble();
    this.list = el('ul', { class: 'list', 'aria-label': 'People' });
    this.nothing = el('p', { class: 'nothing', role: 'status', hidden: true });
    this.more = el('button', { class: 'edge', type: 'button', hidden: true, onclick: () => this.#more() }, 'Show more');
    const scroller = el('div', { class: 'scroller lists' }, this.nothing, this.list, this.more);
    const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#more(), {
      root: scroller,
      rootMargin: '400px',
    });
    observer.observe(this.more);
    this.element = el('div', { class: 'people' }, el('div', { class: 'search' }, this.search, this.trouble.element), scroller);
    const again = setInterval(() => document.visibilityState === 'visible' && this.#look(), AGAIN_MS);
    this.#ends = [
      client.model.changes.on('people', () => this.#render()),
      client.changes.on('connection', () => client.socket.isOpen && this.#look()),
      () => clearInterval(again),
      () => observer.disconnect(),
      () => clearTimeout(this.#timer),
    ];
    this.#look();
  }

  end() {
    this.#asked += 1;
    for (const end of this.#ends) end();
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#pages = 1;
      this.#look();
    }, PAUSE_MS);
  }

  #more() {
    if (!this.#hasMore) return;
    this.#hasMore = false; // until the next page says so
    this.#pages += 1;
    this.#look();
  }

  /** Reads the pages that are shown. */
  async #look() {
    this.#asked += 1;
    const question = this.#asked;
    const search = this.search.value.trim();
    /** @type {User[]} */
    const people = [];
    let more = false;
    try {
      for (let page = 1; page <= this.#pages; page += 1) {
        const found = await this.#client.lists.people(search, page);
        people.push(...found.people);
        more = found.more;
        if (!more) break;
      }
      if (question !== this.#asked) return;
      this.trouble.tell('');
    } catch (error) {
      if (question === this.#asked) this.trouble.tell(sentence(error));
      return;
    }
    this.#people = people;
    this.#hasMore = more;
    say(this.nothing, search ? `Nobody is called “${search}”.` : 'Nobody else is here yet.');
    show(this.nothing, people.length === 0);
    this.#render();
  }

  #render() {
    const known = this.#client.model.people;
    keep(
      this.list,
      this.#people.map((person) => known.get(person.id) ?? person),
      ({ id }) => id,
      (person) => this.#make(person),
      (element, person) => {
        showStatus(element.querySelector('.avatar-place'), person.status);
        say(element.querySelector('.status'), dates.presence(person));
        say(element.querySelector('.name'), person.name);
      },
    );
    show(this.more, this.#hasMore);
  }

  /** @param {User} person */
  #make(person) {
    const texts = el('span', { class: 'texts' }, named(person.name), el('span', { class: 'status' }));
    const button = el('button', { class: 'entry', type: 'button' }, avatar(person), texts);
    const trouble = new Trouble();
    button.addEventListener('click', async () => {
      trouble.tell('');
      try {
        window.location.hash = router.chat(await this.#client.lists.chatWith(person.id));
      } catch (error) {
        trouble.tell(sentence(error));
      }
    });
    return el('li', {}, button, trouble.element);
  }
}
