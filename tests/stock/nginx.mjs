// Debian's nginx with the example of .deploy/nginx.conf, in a process and a directory of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './readme.mjs';
import { freeAddress } from './server.mjs';
import { until } from './wait.mjs';

const EXAMPLE = new URL('../../.deploy/nginx.conf', import.meta.url);
const NAME = 'chat.example.org'; // of the example; here it is
const HOST = 'localhost';

export class Nginx {
  #child;
  #directory;

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
      this.#child.kill('SIGTERM'); // to the master, which ends its workers
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
    this.plainPort = (await freeAddress()).port;
    this.port = (await freeAddress()).port;
    let site = await readFile(EXAMPLE, 'utf8');
    for (const [from, to] of [
      [NAME, HOST],
      ['listen 80;', `listen 127.0.0.1:${this.plainPort};`],
      ['listen 443 ', `listen 127.0.0.1:${this.port} `],
      ['127.0.0.1:3000', `127.0.0.1:${server.address.port}`],
      ['/etc/ssl/duologue/', `${this.#directory}/`],
      ['    # All of a host:\n', `${more}\n    # All of a host:\n`],
    ]) {
      assert.ok(site.includes(from), `the example has no ${from}`);
      site = site.replaceAll(from, to);
    }
    await writeFile(at('site.conf'), site);
    await writeFile(at('nginx.conf'), MAIN.replaceAll('DIRECTORY', this.#directory));
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    const args = ['-p', this.#directory, '-e', 'stderr', '-c', at('nginx.conf')];
    this.#child = spawn('nginx', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
    await once(this.#child, 'spawn');
    // That file comes when it listens.
    await until('nginx', () => this.#child.exitCode !== null || existsSync(at('nginx.pid')));
    assert.equal(this.#child.exitCode, null, log);
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
