// The guide's page, taken word for word out of guide.md, in a real browser.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './chromium.mjs';
import { until, within } from './wait.mjs';

const ORIGIN = 'http://localhost:3000'; // the page names it
const CDN = 'https://cdn.socket.io/4.7.4/socket.io.min.js'; // and this; npm has the same file
const STOCK_CLIENT = new URL('node_modules/socket.io-client-guide/dist/socket.io.min.js', import.meta.url);

/** A directory with the page in it, put together as a reader of the guide would. */
export async function webRoot() {
  const guide = await readFile(new URL('guide.md', import.meta.url), 'utf8');
  const block = (heading, language) => {
    const [, rest] = guide.split(`### ${heading}\n\`\`\`${language}\n`);
    assert.ok(rest, `the guide has no ${heading}`);
    return rest.slice(0, rest.indexOf('```\n'));
  };
  const html = block('HTML Structure', 'html');
  const script = block('JavaScript Implementation', 'javascript');
  const style = block('CSS Styling', 'css'); // brings its <style> tags along
  const insert = (text, before, what) => {
    const at = text.lastIndexOf(before);
    return text.slice(0, at) + what + text.slice(at);
  };
  const page = insert(insert(html, '</head>', style), '</body>', `<script>\n${script}</script>\n`);
  const directory = await mkdtemp(join(tmpdir(), 'duologue-page-'));
  await writeFile(join(directory, 'guide.html'), page);
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** A browser to which the one on `port` is the server at `name`; the guide's page knows only one. */
export function openBrowser(port, name = 'localhost:3000') {
  return launch(`--host-resolver-rules=MAP ${name} 127.0.0.1:${port}`);
}

/** One person's window with the guide's page. */
export class Window {
  reads = 0; // calls of PUT …/read
  #answered = 0; // how many of them have ended
  #mishaps = [];

  /** The page, opened with this person's token, loaded and connected over WebSocket. */
  static open(t, browser, person) {
    return Window.openAfter(t, browser, (page) => page.evaluate((token) => {
      localStorage.setItem('jwt_token', token);
    }, person.token));
  }

  /** The same, but `prepare` sees to its token, on another page of the same origin. */
  static async openAfter(t, browser, prepare) {
    const window = new Window();
    const context = await browser.newContext();
    t.after(() => window.#close(context));
    await context.route(CDN, (route) => route.fulfill({ path: fileURLToPath(STOCK_CLIENT) }));
    window.page = await context.newPage();
    window.page.setDefaultTimeout(10_000);
    window.page.on('pageerror', (error) => window.#mishaps.push(error));
    const isRead = (request) => request.method() === 'PUT' && request.url().endsWith('/read');
    window.page.on('request', (request) => (window.reads += isRead(request)));
    for (const end of ['requestfinished', 'requestfailed']) {
      window.page.on(end, (request) => (window.#answered += isRead(request)));
    }
    await window.page.goto(`${ORIGIN}/health/live`);
    await prepare(window.page);
    await window.page.goto(`${ORIGIN}/guide.html`);
    await window.#ready();
    return window;
  }

  async reload() {
    await this.page.reload();
    await this.#ready();
  }

  /** The people listed, as a map from name to status. */
  async list() {
    const names = await this.page.locator('.user-item strong').allInnerTexts();
    const statuses = await this.page.locator('.user-item .user-status').allInnerTexts();
    return Object.fromEntries(names.map((name, i) => [name, statuses[i]]));
  }

  /** Presses "Start Chat" beside `name`, and waits until the chat is open, joined and read. */
  async startChat(name) {
    const read = this.page.waitForResponse((response) => response.url().endsWith('/read'));
    const item = this.page.locator('.user-item', { has: this.page.getByText(name, { exact: true }) });
    await this.#hear('joined_conversation', () => item.getByRole('button', { name: 'Start Chat' }).click());
    await read;
  }

  async back() {
    await this.#hear('left_conversation', () => this.page.locator('#back-btn').click());
  }

  /** Types `text`, a key after the other. */
  async type(text) {
    await this.page.locator('#message-text').pressSequentially(text);
  }

  /** Types `text` and presses Enter; returns when the page has emptied the field: the message is stored. */
  async say(text) {
    await this.page.locator('#message-text').fill(text);
    await this.page.locator('#message-text').press('Enter');
    await this.page.waitForFunction(() => document.getElementById('message-text').value === '');
  }

  /** The texts in the open chat, once there is one that is `last`. */
  async bubblesUpTo(last) {
    await this.page.locator('.message-text', { hasText: last }).first().waitFor();
    return this.page.locator('.message-text').allInnerTexts();
  }

  /** Waits until the page says that `name` is typing, or with `null` that nobody is. */
  async typing(name) {
    const indicator = this.page.locator('#typing-indicator');
    if (name === null) return indicator.waitFor({ state: 'hidden' });
    return indicator.filter({ hasText: `${name} is typing...` }).waitFor({ state: 'visible' });
  }

  /** Waits until no read call is under way. */
  readsAnswered() {
    return until('the answers to the reads', () => this.reads === this.#answered);
  }

  /** Writes down every event of these names from now on. */
  record(...events) {
    return this.page.evaluate((names) => {
      window.recorded = [];
      for (const name of names) messaging.socket.on(name, (data) => window.recorded.push(data));
    }, events);
  }

  /** What was recorded, once it is `count` events. */
  async recorded(count) {
    await this.page.waitForFunction((wanted) => window.recorded.length >= wanted, count);
    return this.page.evaluate(() => window.recorded);
  }

  /** Waits until the page's client has, or has no, connection. */
  connected(is = true) {
    return this.page.waitForFunction((wanted) => messaging.socket.connected === wanted, is);
  }

  /** Keeps a picture when the environment names a directory for them. */
  async picture(name) {
    const directory = process.env.SCREENSHOTS;
    if (directory) await this.page.screenshot({ path: join(directory, `${name}.png`) });
  }

  async #ready() {
    await this.page.locator('.user-item').first().waitFor();
    const upgraded = () => messaging.socket.connected && messaging.socket.io.engine.transport.name === 'websocket';
    await this.page.waitForFunction(upgraded);
  }

  /** Does something, and waits for the event that the server answers with. */
  async #hear(event, doing) {
    const heard = await this.page.evaluateHandle((name) => {
      const answer = new Promise((resolve) => messaging.socket.once(name, resolve));
      return { answer }; // wrapped, so that nobody waits for it here
    }, event);
    await doing();
    await within(event, heard.evaluate(({ answer }) => answer));
  }

  async #close(context) {
    await context.close();
    assert.deepEqual(this.#mishaps, [], 'errors in the page');
  }
}
