// A stock client and what it hears.
import { io as newest } from 'socket.io-client-newest';
import { io as guide } from 'socket.io-client-guide';
import { io as oldest } from 'socket.io-client-oldest';
import { within } from './wait.mjs';

// Recovery came with 4.6: an older client returns as a new session.
const VERSIONS = [
  { version: '4.0.0', io: oldest, recovers: false },
  { version: '4.7.4', io: guide, recovers: true },
  { version: '4.8.4', io: newest, recovers: true },
];

const MODES = [
  { mode: 'polling', options: { transports: ['polling'] } },
  { mode: 'websocket', options: { transports: ['websocket'] } },
  { mode: 'upgrade', options: {} },
];

/** Every version on every transport. */
export const KINDS = VERSIONS.flatMap((version) =>
  MODES.map((mode) => ({ name: `${version.version} ${mode.mode}`, ...version, ...mode })));

export class Client {
  heard = []; // every event, as [name, payload], in the order of arrival
  #taken = new Set(); // places in `heard` that a test has had
  #listeners = new Set();

  constructor(kind, url, options) {
    this.kind = kind;
    // A connection of its own for each client, and quick to come back.
    const own = { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
    this.socket = kind.io(url, { ...own, ...kind.options, ...options });
    this.socket.onAny((event, data) => this.#hear(event, data));
    for (const event of ['connect', 'disconnect', 'connect_error']) {
      this.socket.on(event, (data) => this.#hear(event, data));
    }
  }

  /** The engine's transport in use. */
  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Says goodbye, and waits until that is said. */
  async close() {
    const { engine } = this.socket.io;
    const open = engine.readyState !== 'closed';
    const closed = open && new Promise((resolve) => engine.once('close', resolve));
    this.socket.disconnect();
    await within('the goodbye', closed, () => this.#tell());
  }

  /** Connected, and on the transport that this kind of client ends up with. */
  async settled() {
    await this.connected();
    const { engine } = this.socket.io;
    if (this.kind.mode !== 'upgrade' || engine.transport.name === 'websocket') return;
    await within('the upgrade', new Promise((resolve) => engine.once('upgrade', resolve)));
  }

  /** The next time that it connects, unless it is connected. */
  async connected() {
    if (!this.socket.connected) {
      await within('connect', new Promise((resolve) => this.socket.once('connect', resolve)), () => this.#tell());
    }
  }

  /** Sends `event` and waits for its acknowledgement: the whole envelope. */
  ask(event, data) {
    const asked = new Promise((resolve) => this.socket.emit(event, data, resolve));
    return within(`the acknowledgement of ${event}`, asked, () => this.#tell());
  }

  /** The payload of the next `event` not yet taken, of those that are `wanted`. */
  hears(event, wanted = () => true) {
    const found = new Promise((resolve) => {
      const look = () => {
        const at = this.heard.findIndex(([name, data], i) => name === event && !this.#taken.has(i) && wanted(data));
        if (at < 0) return;
        this.#taken.add(at);
        this.#listeners.delete(look);
        resolve(this.heard[at][1]);
      };
      this.#listeners.add(look);
      look();
    });
    return within(event, found, () => this.#tell());
  }

  /** The payloads of all `event`s so far. */
  all(event) {
    return this.heard.filter(([name]) => name === event).map(([, data]) => data);
  }

  #hear(event, data) {
    this.heard.push([event, data]);
    for (const look of [...this.#listeners]) look();
  }

  #tell() {
    return `${this.kind.name} heard ${JSON.stringify(this.heard)}`;
  }
}
