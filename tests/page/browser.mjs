// The built-in page in a real browser: people's windows, and what one does in them.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../stock/wait.mjs';

const PATIENCE_MS = 20_000; // a browser on a busy machine
/** How far a message has come, in this order. */
const FAR = ['sent', 'delivered', 'read'];

export const DESKTOP = { viewport: { width: 1200, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

/** One person's window with the page. */
export class Window {
  /** What went wrong in the page, and what its policy forbade. */
  mishaps = [];

  /**
   * A window of a browser of its own at `url`; `person` is signed in. `hash` is where in the page, `prepare` has the
   * page before it is loaded, the rest is what Playwright calls a context's options.
   */
  static async open(t, browser, url, { person, hash, prepare, ...options } = {}) {
    const storageState = person && signedIn(url, person);
    const context = await browser.newContext({ ...DESKTOP, storageState, ...options });
    t.after(() => context.close());
    return new Window().#open(t, context, url, prepare, hash);
  }

  /** Another tab of the same browser. */
  tab(t, hash = '') {
    return new Window().#open(t, this.page.context(), this.url, undefined, hash);
  }

  async #open(t, context, url, prepare, hash = '') {
    this.url = url;
    this.page = await context.newPage();
    this.page.setDefaultTimeout(PATIENCE_MS);
    this.page.on('pageerror', (error) => this.mishaps.push(error.stack));
    this.page.on('console', (message) => {
      if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) this.mishaps.push(message.text());
    });
    this.page.on('dialog', (dialog) => {
      this.mishaps.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    t.after(() => assert.deepEqual(this.mishaps, [], 'mishaps in the page'));
    await prepare?.(this.page);
    await this.page.goto(`${url}/${hash}`);
    return this;
  }

  // Finding

  /** The entry of the conversation with `name`. */
  entry(name) {
    return this.page.getByRole('list', { name: 'Conversations' }).getByRole('link').filter({ hasText: name });
  }

  get field() {
    return this.page.locator('.composer textarea');
  }

  /** The bubbles with this text, as it stands. */
  bubble(text) {
    return this.page.locator('.row').filter({ has: this.page.getByText(text, { exact: true }) });
  }

  get status() {
    return this.page.locator('.head .status');
  }

  get banner() {
    return this.page.locator('.banner');
  }

  // Doing

  /** Everything is read for the first time. */
  async ready() {
    await this.page.locator('.shell').waitFor();
    await this.page.locator('.lists .slow[hidden]').waitFor({ state: 'attached' });
  }

  async fill(fields) {
    for (const [label, value] of Object.entries(fields)) await this.page.getByLabel(label).fill(value);
  }

  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Opens the conversation with `name` from the list, and waits until its messages are there. */
  async openChat(name) {
    await this.entry(name).click();
    await this.field.waitFor();
  }

  /** Types and sends, a message after the other. */
  async say(...texts) {
    for (const text of texts) {
      await this.field.fill(text);
      await this.field.press('Enter');
    }
  }

  // Seeing

  /** Waits until `text` is in the open chat. */
  async sees(text) {
    await this.bubble(text).waitFor();
  }

  /** Waits until the bubbles in the document are these, in this order. */
  async texts(wanted) {
    const now = () => this.page.locator('.row .text').allInnerTexts();
    await until(`the bubbles ${wanted}`, async () => JSON.stringify(await now()) === JSON.stringify(wanted)).catch(
      async () => assert.deepEqual(await now(), wanted),
    );
  }

  /** Waits until the message `waiting`s, was `refused`, or has come at least so far: `sent`, `delivered`, `read`. */
  async ticks(text, state) {
    const far = FAR.includes(state) ? FAR.slice(FAR.indexOf(state)) : [state];
    const rows = this.page.locator(far.map((one) => `.row[data-state="${one}"]`).join());
    await rows.filter({ hasText: text }).waitFor();
  }

  /** Waits until the number of unread messages at an entry is this; 0 is no badge. */
  async unread(name, count) {
    const badge = this.entry(name).locator('.badge');
    if (count === 0) await badge.waitFor({ state: 'hidden' });
    else await badge.filter({ hasText: `${count} unread` }).waitFor();
  }

  async titled(title) {
    await until(`the title ${title}`, async () => (await this.page.title()) === title);
  }

  /** Scrolls down until `text` is in the document. */
  async scrollTo(text) {
    const scroller = this.page.locator('.messages .scroller');
    await until(text, async () => {
      await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      return this.bubble(text).isVisible();
    });
  }

  /** How many rows there are in the document, and where one is in them. */
  place() {
    return this.page.locator('.messages .scroller').evaluate((scroller) => ({
      rows: scroller.querySelectorAll('.row').length,
      below: scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
      top: scroller.scrollTop,
    }));
  }

  /** Pretends that the window is, or is not, before somebody's eyes. */
  visible(is) {
    return this.page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => state === 'hidden' });
      document.dispatchEvent(new Event('visibilitychange'));
    }, is ? 'visible' : 'hidden');
  }

  /** Keeps a picture when the environment names a directory for them. */
  async picture(name) {
    const directory = process.env.SCREENSHOTS;
    if (!directory) return;
    await mkdir(directory, { recursive: true });
    await this.page.screenshot({ path: join(directory, `${name}.png`) });
  }
}

/** What a browser remembers in which somebody signed in, as the page writes it down itself. */
function signedIn(url, { id, name, token }) {
  const user = { id, name, email: '', status: 'offline', last_seen_at: null };
  const localStorage = [{ name: 'duologue:/:session', value: JSON.stringify({ user, token }) }];
  return { cookies: [], origins: [{ origin: new URL(url).origin, localStorage }] };
}
