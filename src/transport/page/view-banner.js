// What is wrong with the connection, if anything is.
import { el, say, show } from './dom.js';

/** For so long a connection may be away before it is worth a word, in milliseconds. */
const SILENT_MS = 700;

/** @type {Record<import('./socket.js').State, string>} */
const TEXTS = {
  off: '',
  open: '',
  connecting: 'Connecting…',
  waiting: 'The connection is lost. Reconnecting…',
  offline: 'You are offline. What you write is kept, and sent when you are back.',
  blocked:
    'Something between you and the server blocks WebSockets. Messages are sent, and new ones are looked for every 15 seconds.',
  tooMany: 'You have this page open in too many places. Close some of them.',
};

export class Banner {
  #client;
  #end;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #wasOpen = false;

  /** @param {import('./client.js').Client} client */
  constructor(client) {
    this.#client = client;
    this.text = el('span', {});
    this.button = el('button', { type: 'button', class: 'small', onclick: () => client.tryNow() }, 'Try now');
    this.element = el('div', { class: 'banner', hidden: true }, el('p', { role: 'status' }, this.text), this.button);
    this.#end = client.changes.on('connection', () => this.#soon());
    this.#soon();
  }

  end() {
    this.#end();
    clearTimeout(this.#timer);
  }

  #soon() {
    const { state } = this.#client.socket;
    clearTimeout(this.#timer);
    // A blink is not told, but what stands already changes at once.
    const isBlink = (state === 'connecting' || state === 'waiting') && this.element.hidden;
    if (isBlink) this.#timer = setTimeout(() => this.#show(), SILENT_MS);
    else this.#show();
  }

  #show() {
    const { socket, failure } = this.#client;
    this.#wasOpen ||= socket.isOpen;
    // A try that begins does not change what there is to say, nor move the page.
    const isRetry = socket.state === 'connecting' && (this.#wasOpen || !this.element.hidden);
    const text = isRetry ? TEXTS.waiting : TEXTS[socket.state] || failure;
    const stays = isRetry && !this.element.hidden;
    if (!stays) say(this.text, text);
    show(this.element, text !== '');
    this.element.dataset.state = socket.state;
    show(this.button, text !== '');
  }
}
