// A door in front of the server: a TCP proxy that a test can shut, as a broken network would.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Door {
  #server;
  #target;
  #shut = false;
  #pairs = new Set();

  /** A door to `target`, a `{host, port}`; it stands open. */
  static async to(target) {
    const door = new Door();
    door.#target = target;
    door.#server = createServer((outside) => door.#enter(outside));
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    return door;
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection without a goodbye and lets nobody in. */
  shut() {
    this.#shut = true;
    for (const { outside, inside } of this.#pairs) {
      outside.destroy();
      inside.destroy();
    }
  }

  /** The same, but the server is not told: to it, every connection still stands. */
  shutUnnoticed() {
    this.#shut = true;
    for (const pair of this.#pairs) {
      pair.kept = true;
      pair.outside.destroy();
    }
  }

  open() {
    this.#shut = false;
  }

  /** Who comes from now on meets another server, at the same address. */
  leadTo(target) {
    this.#target = target;
  }

  /** Ends the door and everything that goes through it. */
  async end() {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #enter(outside) {
    outside.on('error', () => {}); // a broken connection is this file's purpose
    if (this.#shut) {
      outside.destroy();
      return;
    }
    const inside = connect(this.#target);
    inside.on('error', () => outside.destroy());
    const pair = { outside, inside, kept: false };
    this.#pairs.add(pair);
    inside.on('close', () => {
      this.#pairs.delete(pair);
      outside.destroy();
    });
    // Not pipe(): that ends the inner half whenever the outer one closes, which is news to the server.
    outside.on('data', (bytes) => inside.write(bytes));
    outside.on('close', () => pair.kept || inside.destroy());
    outside.on('end', () => inside.end());
    inside.on('data', (bytes) => outside.write(bytes));
    inside.on('end', () => outside.end());
    outside.setNoDelay();
    inside.setNoDelay();
  }
}
