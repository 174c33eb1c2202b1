// What is unread, where one looks when one is elsewhere: the window's title, and notifications.
import * as router from './router.js';
import { line } from './text.js';

const TITLE = 'Duologue';

export class Attention {
  #client;
  #ends;
  /** Whose chat is open. */
  #open = '';

  /** @param {import('./client.js').Client} client */
  constructor(client) {
    this.#client = client;
    this.#ends = [
      client.model.changes.on('unread', () => this.#title()),
      client.onMessage((message) => this.#notify(message)),
    ];
  }

  end() {
    for (const end of this.#ends) end();
    document.title = TITLE;
  }

  /** @param {string} name whose chat is open, empty for none */
  opened(name) {
    this.#open = name;
    this.#title();
  }

  #title() {
    const { unread } = this.#client.model;
    const title = this.#open ? `${this.#open} – ${TITLE}` : TITLE;
    document.title = unread > 0 ? `(${unread}) ${title}` : title;
  }

  /** @param {Message} message */
  #notify({ id, conversation_id: conversation, sender_name: name, content }) {
    const isSeen = document.visibilityState === 'visible' && document.hasFocus();
    const isBusy = this.#client.model.me.status === 'busy';
    if (isSeen || isBusy || !('Notification' in window) || Notification.permission !== 'granted') return;
    try {
      // The same tag in every tab: one notification, not one for each.
      const notification = new Notification(name, { body: line(content), tag: `duologue-${conversation}-${id}` });
      notification.addEventListener('click', () => {
        window.focus();
        window.location.hash = router.chat(conversation);
        notification.close();
      });
    } catch {
      // Browsers on phones have notifications only for pages with a service worker.
    }
  }
}
