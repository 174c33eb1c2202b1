// What calls for attention when one looks elsewhere, and what is said to who does not see.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { openChat, pair, stage, windowOf } from './scene.mjs';

const it = stage();

/** Stands for the browser's notifications, which headless ones do not show: writes down each. */
function recorded(permission) {
  window.shown = [];
  window.Notification = class extends EventTarget {
    static permission = permission;
    static requestPermission = () => {
      window.Notification.permission = 'granted';
      return Promise.resolve('granted');
    };
    constructor(title, options) {
      super();
      window.shown.push({ title, ...options, notification: this });
    }
    close() {}
  };
}

const prepare = (permission) => (page) => page.addInitScript(recorded, permission);
const shown = (window) =>
  window.page.evaluate(() => globalThis.shown.map(({ title, body }) => ({ title, body })));

test('a message is notified when one looks elsewhere, and the notification leads to it', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const anas = await windowOf(t, it, ana, { prepare: prepare('granted') });
  await ben.send(chat, 'while I look');
  await anas.unread(ben.name, 1);
  assert.deepEqual(await shown(anas), []);
  await anas.visible(false);
  await ben.send(chat, 'while I\ndo not');
  await until('a notification', async () => (await shown(anas)).length > 0);
  assert.deepEqual(await shown(anas), [{ title: ben.name, body: 'while I do not' }]);
  await anas.page.evaluate(() => globalThis.shown[0].notification.dispatchEvent(new Event('click')));
  await anas.visible(true);
  await anas.sees('while I\ndo not');
});

test('nobody is asked for notifications unless they want them, and nobody busy is notified', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const anas = await windowOf(t, it, ana, { prepare: prepare('default') });
  await anas.visible(false);
  await ben.send(chat, 'not allowed yet');
  await anas.unread(ben.name, 1);
  assert.deepEqual(await shown(anas), []);
  await anas.page.getByRole('button', { name: `You: ${ana.name}` }).click();
  await anas.press('Allow notifications');
  await anas.page.getByText('Notifications are on.').waitFor();
  await ben.send(chat, 'allowed');
  await until('a notification', async () => (await shown(anas)).length === 1);
  await anas.page.getByLabel('Busy').check();
  await anas.page.getByRole('button', { name: `You: ${ana.name}` }).filter({ hasText: 'busy' }).waitFor();
  await ben.send(chat, 'do not disturb');
  await anas.unread(ben.name, 3);
  assert.equal((await shown(anas)).length, 1);
});

test('what comes in the open chat is said to who does not see it, once', async (t) => {
  const { ben, anas, bens } = await openChat(t, it);
  await bens.say('can you hear me?');
  const log = anas.page.getByRole('log');
  await log.getByText(`${ben.name}: can you hear me?`).waitFor();
  assert.equal(await log.locator('p').count(), 1);
});

test('everything can be done with the keyboard alone', async (t) => {
  const { ana, ben, chat } = await pair(it);
  await ben.send(chat, 'hello');
  const anas = await windowOf(t, it, ana);
  const { keyboard } = anas.page;
  const focused = () =>
    anas.page.locator(':focus').evaluateAll(([one]) => one && (one.innerText || one.getAttribute('aria-label')));
  const tabTo = (text) =>
    until(text, async () => {
      await keyboard.press('Tab');
      return (await focused())?.includes(text);
    });
  await tabTo('People');
  await keyboard.press('Enter');
  await anas.page.getByLabel('Search people by name').waitFor();
  await keyboard.press('Tab');
  await keyboard.type(ben.name);
  const found = anas.page.getByRole('list', { name: 'People' }).getByRole('button');
  await until('one person', async () => (await found.count()) === 1);
  await tabTo(ben.name);
  await keyboard.press('Enter');
  await anas.field.waitFor();
  await until('the field', () => anas.field.evaluate((field) => field === document.activeElement));
  await keyboard.type('by keyboard');
  await keyboard.press('Enter');
  await anas.ticks('by keyboard', 'sent');
  await keyboard.press('Shift+Tab');
  await keyboard.press('Enter');
  await keyboard.press('ArrowRight');
  await keyboard.press('Escape');
  assert.equal(await focused(), 'Emoji');
  await tabTo(ana.name);
  await keyboard.press('Enter');
  await tabTo('Sign out');
  await keyboard.press('Enter');
  await anas.page.getByRole('heading', { name: 'Sign in' }).waitFor();
});
