// Debian's nginx with the example of .deploy/nginx.conf, in a process and a directory of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './readme.mjs';
import { someAddress } from './server.mjs';
import { until } from './wait.mjs';

const EXAMPLE = new URL('../../.deploy/nginx.conf', import.meta.url);
const NAME = 'chat.example.org'; // of the example; here it is
const HOST = 'localhost';

export class Nginx {
  #child;
  #directory;
  #log = '';

  /** nginx before `server`; `more` is added to the example's second host. */
  static async before(server, more = '') {
    const nginx = new Nginx();
    nginx.#directory = await mkdtemp(join(tmpdir(), 'duologue-nginx-'));
    await chmod(nginx.#directory, 0o755); // its workers are somebody else
    try {
      await nginx.#start(server, more);
      return nginx;
    } catch (error) {
      await nginx.end();
      throw error;
    }
  }

  /** Asks over TLS, from the address `from` of this machine: `{status, headers, text}`. */
  async ask(method, path, { from = '127.0.0.1', headers = {}, body } = {}) {
    const asked = request({
      host: '127.0.0.1', port: this.port, servername: HOST, ca: this.ca, localAddress: from, agent: false, method, path,
      headers: { Host: `${HOST}:${this.port}`, ...headers },
    });
    asked.end(body);
    const [answer] = await once(asked, 'response');
    let text = '';
    for await (const part of answer.setEncoding('utf8')) text += part;
    return { status: answer.statusCode, headers: answer.headers, text };
  }

  get url() {
    return `https://${HOST}:${this.port}`;
  }

  async end() {
    if (this.#child && this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGQUIT'); // to the master, which ends its workers
      this.#child.kill('SIGTERM');
      await ended;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #start(server, more) {
    const at = (name) => join(this.#directory, name);
    const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`];
    const files = ['-keyout', at('privkey.pem'), '-out', at('fullchain.pem')];
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files]);
    this.ca = await readFile(at('fullchain.pem'));
    const example = await readFile(EXAMPLE, 'utf8');
    for (let tries = 0; tries < 5; tries += 1) {
      this.plainPort = someAddress().port;
      this.port = someAddress().port;
      const put = (text, from, to) => {
        assert.ok(text.includes(from), `the example has no ${from}`);
        return text.replaceAll(from, to);
      };
      let site = put(example, NAME, HOST);
      site = put(site, 'listen 80;', `listen 127.0.0.1:${this.plainPort};`);
      site = put(site, 'listen 443 ', `listen 127.0.0.1:${this.port} `);
      site = put(site, '127.0.0.1:3000', `127.0.0.1:${server.address.port}`);
      site = put(site, '/etc/ssl/duologue/', `${this.#directory}/`);
      site = put(site, '    # All of a host:\n', `${more}\n    # All of a host:\n`);
      await writeFile(at('site.conf'), site);
      await writeFile(at('nginx.conf'), MAIN.replaceAll('DIRECTORY', this.#directory));
      if (await this.#serves(at('nginx.conf'))) return;
    }
    throw new Error(`five ports in a row are taken: ${this.#log}`);
  }

  /** Whether it came up; `false` when another program has a port. */
  async #serves(file) {
    this.#log = '';
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    const child = spawn('nginx', ['-p', this.#directory, '-e', 'stderr', '-c', file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#log += text));
    await once(child, 'spawn');
    const open = () => new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.destroy(resolve(true)));
      socket.on('error', () => resolve(false));
    });
    await until('nginx', async () => child.exitCode !== null || open());
    if (child.exitCode === null) return true;
    assert.match(this.#log, /Address already in use/);
    return false;
  }
}

// What Debian's own nginx.conf has around the files of conf.d, with everything it writes in a directory of its own.
const MAIN = `
daemon off;
pid DIRECTORY/nginx.pid;
events {}
http {
  access_log DIRECTORY/access.log;
  client_body_temp_path DIRECTORY/body;
  proxy_temp_path DIRECTORY/proxy;
  fastcgi_temp_path DIRECTORY/fastcgi;
  uwsgi_temp_path DIRECTORY/uwsgi;
  scgi_temp_path DIRECTORY/scgi;
  include DIRECTORY/site.conf;
}
`;
