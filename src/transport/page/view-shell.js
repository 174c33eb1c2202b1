// Everything somebody who is signed in sees: the lists at one side, a chat at the other; on a phone one at a time.
import { Attention } from './attention.js';
import { Client } from './client.js';
import { el, show } from './dom.js';
import { Drafts } from './drafts.js';
import { icon } from './parts.js';
import * as router from './router.js';
import { Banner } from './view-banner.js';
import { ChatView } from './view-chat.js';
import { ChatsView } from './view-chats.js';
import { MeView } from './view-me.js';
import { PeopleView } from './view-people.js';

export class Shell {
  /** @type {ChatView | null} */
  #chat = null;
  /** @type {PeopleView | null} */
  #people = null;
  /** @type {number | null} */
  #open = null;
  #ends;

  /**
   * @param {import('./session.js').Session} session
   * @param {User} user
   */
  constructor(session, user) {
    this.client = new Client(session, user);
    this.drafts = new Drafts(user.id);
    this.chats = new ChatsView(this.client, this.drafts);
    // The next one to sign in here is not in this one's chat.
    const home = () => (window.location.hash = router.HOME);
    this.me = new MeView(this.client, {
      signOut() {
        home();
        session.signOut();
      },
      changePassword: (fields) => session.changePassword(fields),
      async signOutEverywhere() {
        await session.signOutEverywhere();
        home();
      },
      deleteAccount: async (fields) => {
        await session.deleteAccount(fields);
        this.drafts.clear();
        this.client.outbox.clear();
        home();
      },
    });
    this.attention = new Attention(this.client);
    this.banner = new Banner(this.client);
    this.tabs = {
      chats: el('a', { href: router.HOME }, 'Chats'),
      people: el('a', { href: '#/people' }, 'People'),
    };
    const tabs = el('nav', { class: 'tabs', 'aria-label': 'Lists' }, this.tabs.chats, this.tabs.people);
    this.lists = el('div', { class: 'lists-place' });
    const side = el('section', { class: 'side', 'aria-label': 'Chats and people' });
    side.append(this.me.element, tabs, this.lists);
    const begin = el('a', { href: '#/people' }, 'start a new one');
    this.nobody = el('div', { class: 'nobody' }, icon('chats'), el('p', {}, 'Choose a conversation, or ', begin, '.'));
    this.main = el('section', { class: 'main', 'aria-label': 'Chat' }, this.nobody);
    const title = el('h1', { class: 'unseen' }, 'Duologue');
    const panes = el('main', { class: 'panes' }, title, side, this.main);
    this.element = el('div', { class: 'shell' }, this.banner.element, panes);
    this.lists.append(this.chats.element);

    const { model } = this.client;
    const { socket } = this.client;
    const network = () => (navigator.onLine ? socket.networkBack() : socket.networkGone());
    const looked = () => document.visibilityState === 'visible' && socket.networkBack();
    window.addEventListener('online', network);
    window.addEventListener('offline', network);
    document.addEventListener('visibilitychange', looked);
    this.#ends = [
      router.follow((route) => this.#go(route)),
      model.changes.on('list', () => this.#named()),
      () => window.removeEventListener('online', network),
      () => window.removeEventListener('offline', network),
      () => document.removeEventListener('visibilitychange', looked),
    ];
  }

  end() {
    for (const end of this.#ends) end();
    this.#chat?.end();
    this.#people?.end();
    for (const part of [this.chats, this.me, this.attention, this.banner, this.client]) part.end();
  }

  /** @param {import('./router.js').Route} route */
  #go(route) {
    this.element.dataset.place = route.place;
    if (route.place === 'people' && !this.#people) {
      this.#people = new PeopleView(this.client);
      this.lists.append(this.#people.element);
    }
    const people = route.place === 'people';
    if (!people) {
      this.#people?.end();
      this.#people?.element.remove();
      this.#people = null;
    }
    show(this.chats.element, !people);
    this.#current(this.tabs.people, people);
    this.#current(this.tabs.chats, !people);
    if (route.place === 'chat') this.#openChat(route.id);
    else this.#closeChat();
  }

  /**
   * @param {HTMLElement} tab
   * @param {boolean} is
   */
  #current(tab, is) {
    if (is) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }

  /** @param {number} id */
  #openChat(id) {
    if (this.#open === id) return;
    this.#chat?.end();
    this.#open = id;
    this.#chat = new ChatView(this.client, this.drafts, id);
    this.main.replaceChildren(this.#chat.element);
    this.chats.mark(id);
    this.#named();
  }

  #closeChat() {
    this.#chat?.end();
    this.#chat = null;
    const left = this.#open;
    this.#open = null;
    this.main.replaceChildren(this.nobody);
    this.chats.mark(null);
    this.#named();
    const entry = left && this.chats.list.querySelector(`a[href="${router.chat(left)}"]`);
    if (entry instanceof HTMLElement) entry.focus();
  }

  #named() {
    const conversation = this.#open === null ? undefined : this.client.model.conversations.get(this.#open);
    this.attention.opened(conversation?.other.name ?? '');
  }
}
