// What a test of the page starts with: a server and a browser for a file, people for a test.
import { after, before } from 'node:test';
import { launch } from '../stock/chromium.mjs';
import { Person } from '../stock/person.mjs';
import { Server } from '../stock/server.mjs';
import { until } from '../stock/wait.mjs';
import { Window } from './browser.mjs';

/** A server for all tests of a file, as `Server.start` has it, and a browser, unless that is not wanted. */
export function stage({ browser = true, ...options } = {}) {
  const it = { server: null, browser: null };
  before(async () => {
    [it.server, it.browser] = await Promise.all([Server.start(options), browser && launch()]);
  });
  after(async () => {
    if (it.browser) await it.browser.close();
    await it.server?.end();
  });
  return it;
}

let scenes = 0;

/**
 * People with these names and a number that no other test of the file has: everybody is in everybody's list. What ends
 * the number keeps one name from being part of another.
 */
export function people(server, ...names) {
  scenes += 1;
  return Promise.all(names.map((name) => Person.register(server, `${name}${scenes}a`)));
}

/** Two people with a conversation, and its id. */
export async function pair({ server }) {
  const [ana, ben] = await people(server, 'Ana', 'Ben');
  return { ana, ben, chat: await ana.chatWith(ben) };
}

/** Somebody's window, ready; `options` as in `Window.open`. */
export async function windowOf(t, { server, browser }, person, { url = server.url, ...options } = {}) {
  const window = await Window.open(t, browser, url, { person, ...options });
  await window.ready();
  return window;
}

/** Two people with their chat open on both sides. */
export async function openChat(t, it, options) {
  const scene = await pair(it);
  const hash = `#/c/${scene.chat}`;
  const [anas, bens] = await Promise.all(
    [scene.ana, scene.ben].map((person) => windowOf(t, it, person, { hash, ...options })),
  );
  await Promise.all([anas.field.waitFor(), bens.field.waitFor()]);
  return { ...scene, anas, bens };
}

/** What is stored in a chat, once it is so many messages. */
export async function stored(person, chat, count) {
  const contents = async () => (await person.history(chat)).map(({ content }) => content);
  await until(`${count} messages`, async () => (await contents()).length >= count);
  return contents();
}

/** Waits until the page says that the connection is lost. */
export const lost = (window) => window.banner.filter({ hasText: 'The connection is lost.' }).waitFor();

/** Waits until nothing is wrong with the connection. */
export const found = (window) => window.banner.waitFor({ state: 'hidden' });
