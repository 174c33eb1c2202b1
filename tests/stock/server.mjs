// The real server, in a process and a directory of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

export const BINARY = process.env.DUOLOGUE ?? fileURLToPath(new URL('../../target/debug/duologue', import.meta.url));

export const SECRET = 'a secret of the tests with stock clients';

// Below the ports that the kernel gives to connections: a server that starts again must find its
// port free, and a client that knocks meanwhile must not meet itself.
const PORTS = { first: 30_000, count: 2_700 };
// A cold binary and an empty database want the disk, and others may be busy with it.
const START_MS = 60_000;

let nextPort = Math.floor(Math.random() * PORTS.count);

/** A free address as far as this process knows: another program may have it. */
function someAddress() {
  nextPort = (nextPort + 1) % PORTS.count;
  return { host: '127.0.0.1', port: PORTS.first + nextPort };
}

/** One that nobody has at the moment, for who cannot try again. */
export async function freeAddress() {
  for (;;) {
    const address = someAddress();
    const holder = createServer().listen(address);
    const isFree = await new Promise((resolve) => {
      holder.once('listening', () => holder.close(() => resolve(true)));
      holder.once('error', () => resolve(false));
    });
    if (isFree) return address;
  }
}

export class Server {
  #child = null;
  #directory;
  #log = '';
  #webRoot;
  #rateLimits;
  #settings;
  #operatorToken;

  /**
   * Starts a server with an empty database; `webRoot` is a directory to be served at `/`. With an `operatorToken` it
   * has an operator's listener. `settings` are further variables of its environment.
   */
  static async start({ webRoot, rateLimits = 'off', operatorToken, settings = {} } = {}) {
    const server = new Server();
    server.#directory = await mkdtemp(join(tmpdir(), 'duologue-stock-'));
    server.#webRoot = webRoot;
    server.#rateLimits = rateLimits;
    server.#settings = settings;
    server.#operatorToken = operatorToken;
    try {
      for (let tries = 0; tries < 5; tries += 1) {
        server.address = someAddress();
        server.operator = operatorToken && someAddress();
        if (await server.#serves()) return server;
      }
      throw new Error('five ports in a row are taken');
    } catch (error) {
      await server.#remove();
      throw error;
    }
  }

  get url() {
    return `http://${this.address.host}:${this.address.port}`;
  }

  /** Where its operator looks. */
  get operatorUrl() {
    return `http://${this.operator.host}:${this.operator.port}`;
  }

  /** Starts the stopped server again: the same port, the same database. */
  async startAgain() {
    assert.ok(await this.#serves(), `its port is taken: ${this.#log}`);
  }

  /** Ends the server as an operator would, and checks that it takes that well. */
  async stop() {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await within('the server to end', ended, () => this.#log);
    }
    assert.deepEqual([child.exitCode, child.signalCode], [0, null], this.#log);
    assert.doesNotMatch(this.#log, /panicked/);
  }

  /** Ends it and removes what it kept. */
  async end() {
    try {
      await this.stop();
    } finally {
      await this.#remove();
    }
  }

  async #remove() {
    this.#child.kill('SIGKILL'); // or the runner would wait for it
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Whether it came up; `false` when another program has the port. */
  async #serves() {
    const { PATH } = process.env;
    const env = {
      PATH,
      LISTEN: `${this.address.host}:${this.address.port}`,
      DATABASE_URL: `sqlite://${join(this.#directory, 'duologue.db')}`,
      JWT_SECRET: SECRET,
      RATE_LIMITS: this.#rateLimits,
      FORWARDED_BY: '127.0.0.1', // each new person is at an address of their own
      ...(this.operator && {
        OPERATOR_LISTEN: `${this.operator.host}:${this.operator.port}`,
        OPERATOR_TOKEN: this.#operatorToken,
      }),
      ...(this.#webRoot && { WEB_ROOT: this.#webRoot }),
      ...this.#settings,
    };
    this.#log = '';
    this.#child = spawn(BINARY, [], { cwd: this.#directory, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const serving = new Promise((resolve, reject) => {
      this.#child.stderr.setEncoding('utf8').on('data', (text) => {
        this.#log += text;
        if (/ serving address=/.test(this.#log)) resolve(true);
      });
      this.#child.once('error', reject);
      this.#child.once('close', () => {
        if (/in use/.test(this.#log)) resolve(false);
        else reject(new Error(`${BINARY} ended: ${this.#log}`));
      });
    });
    return within('the server to serve', serving, () => this.#log, START_MS);
  }
}
