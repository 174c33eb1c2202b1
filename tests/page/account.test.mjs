// The account itself: another password, signing out everywhere, the end of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { PHONE, Window } from './browser.mjs';
import { found, people, stage, windowOf } from './scene.mjs';

const it = stage();
const OLD = 'correct horse';
const NEW = 'battery staple';

const kept = (window) => window.page.evaluate(() => JSON.parse(localStorage.getItem('duologue:/:session')));
const signedOut = (window) => window.page.getByRole('heading', { name: 'Sign in' }).waitFor();
const dialog = (window) => window.page.getByRole('dialog', { name: 'Account' });
const focused = (window) => window.page.locator(':focus').evaluate((one) => one.innerText || one.getAttribute('aria-label'));

/** Somebody who signed in by the page itself, and their window. */
async function signedIn(t, person, options) {
  const { email } = (await person.ask('GET', '/api/users/me')).user;
  const window = await Window.open(t, it.browser, it.server.url, options);
  await signIn(window, email, OLD);
  await window.ready();
  return { window, email };
}

async function signIn(window, email, password) {
  await window.fill({ 'E-mail': email, Password: password });
  await window.press('Sign in');
}

async function openAccount(window, { name }) {
  await window.page.getByRole('button', { name: `You: ${name}` }).click();
  await window.press('Account…');
  await dialog(window).waitFor();
}

/** The words beside a field of the dialog. */
async function beside(window, label, words) {
  const input = dialog(window).getByLabel(label, { exact: true });
  const described = await input.getAttribute('aria-describedby');
  await window.page.locator(`#${described}`).filter({ hasText: words }).waitFor();
  assert.equal(await input.getAttribute('aria-invalid'), 'true');
  await until('the focus', () => input.evaluate((one) => one === document.activeElement));
}

test('another password signs all other devices out, and none of the tabs here', async (t) => {
  const [ana, ben] = await people(it.server, 'Ana', 'Ben');
  const chat = await ana.chatWith(ben);
  const lines = [];
  const exchanged = [];
  const listen = (page) => {
    page.on('websocket', (line) => lines.push(new Promise((closed) => line.on('close', closed))));
    page.on('request', (request) => request.url().endsWith('/api/auth/refresh') && exchanged.push(request));
  };
  const prepare = (page) => {
    listen(page);
    page.context().on('page', listen);
  };
  const { window, email } = await signedIn(t, ana, { prepare });
  const { window: elsewhere } = await signedIn(t, ana);
  const second = await window.tab(t, `#/c/${chat}`);
  await second.field.waitFor();
  const { token } = await kept(window);

  await openAccount(window, ana);
  const change = async (before, after) => {
    await dialog(window).getByLabel('Current password').fill(before);
    await dialog(window).getByLabel('New password').fill(after);
    await window.press('Change password');
  };
  await change('wrong horse', NEW);
  await beside(window, 'Current password', 'The password is wrong.');
  await change(OLD, 'short');
  await beside(window, 'New password', 'New password must have 8 to 1024 bytes.');
  assert.equal(await dialog(window).locator('[aria-invalid]').count(), 1, 'what was right is marked no longer');

  // The answer comes last: before it, every tab has heard that its token has ended.
  await window.page.route('**/api/users/me/password', async (route) => {
    const response = await route.fetch();
    await Promise.all(lines);
    await route.fulfill({ response });
  });
  await change(OLD, NEW);
  await dialog(window).getByRole('status').filter({ hasText: 'Your password is changed.' }).waitFor();
  assert.deepEqual(await dialog(window).locator('input:visible').evaluateAll((all) => all.map(({ value }) => value)), ['', '']);
  await elsewhere.page.getByText('Please sign in: the token is missing, expired or not valid.').waitFor();
  await second.say('still here');
  await second.ticks('still here', 'sent');
  await found(window);
  assert.deepEqual([exchanged.length, (await kept(window)).token === token], [0, false]);
  await window.page.reload();
  await window.ready();

  await signIn(elsewhere, email, OLD);
  await elsewhere.page.getByText('The e-mail address or the password is wrong.').waitFor();
  await signIn(elsewhere, email, NEW);
  await elsewhere.ready();
});

test('one signs out everywhere', async (t) => {
  const [ana, ben] = await people(it.server, 'Ana', 'Ben');
  const { window } = await signedIn(t, ana, { hash: `#/c/${await ana.chatWith(ben)}` });
  const { window: elsewhere } = await signedIn(t, ana);
  await openAccount(window, ana);
  await window.press('Sign out everywhere');
  await window.page.getByText('You are signed out on every device.').first().waitFor();
  assert.equal(await window.page.locator('.trouble:visible').count(), 0, 'nothing went wrong');
  assert.equal(await kept(window), null);
  assert.match(window.page.url(), /#\/$/, 'the next one does not come into this chat');
  await signedOut(elsewhere);
});

test('one deletes the account, with the password, and what one wrote stays with the others', async (t) => {
  const [ana, ben] = await people(it.server, 'Ana', 'Ben');
  const chat = await ana.chatWith(ben);
  await ana.send(chat, 'remember me');
  const bens = await windowOf(t, it, ben, { hash: `#/c/${chat}` });
  await bens.sees('remember me');
  const { window, email } = await signedIn(t, ana, { hash: `#/c/${chat}` });
  await window.field.fill('never said');
  await openAccount(window, ana);
  await window.press('Delete account…');
  assert.equal(await focused(window), 'Delete your account for good?');
  await dialog(window).getByText('What you wrote stays readable for those you wrote to.').waitFor();
  await window.press('Keep my account');
  assert.equal(await focused(window), 'Delete account…');
  await window.press('Delete account…');
  const password = dialog(window).getByLabel('Password', { exact: true });
  await password.fill('wrong horse');
  await password.press('Enter');
  await beside(window, 'Password', 'The password is wrong.');
  await password.fill(OLD);
  await window.press('Delete my account for good');
  await window.page.getByText('Your account is deleted.').first().waitFor();
  await until('nothing of it in the browser', () => window.page.evaluate(() => localStorage.length === 0));
  await signIn(window, email, OLD);
  await window.page.getByText('The e-mail address or the password is wrong.').waitFor();

  // Nobody tells that a name is gone: one hears of it with the next connection.
  await bens.page.context().setOffline(true);
  await bens.banner.waitFor();
  await bens.page.context().setOffline(false);
  await bens.entry('Deleted account').waitFor();
  await bens.page.getByRole('heading', { name: 'Deleted account' }).waitFor();
  await bens.sees('remember me');
});

test('what the server cannot do now is said where it was asked, and nothing is lost', async (t) => {
  const [ana] = await people(it.server, 'Ana');
  const { window } = await signedIn(t, ana);
  await openAccount(window, ana);
  const body = JSON.stringify({ status: 'error', code: 'overloaded', message: 'Too busy.' });
  await window.page.route('**/api/auth/logout-everywhere', (route) => route.fulfill({ status: 503, body }));
  await window.press('Sign out everywhere');
  await dialog(window).getByRole('alert').filter({ hasText: 'Too busy.' }).waitFor();
  await window.press('Close');
  await window.page.reload();
  await window.ready();
});

test('the dialog opens and closes by keyboard, and Back closes it', async (t) => {
  const [ana, ben] = await people(it.server, 'Ana', 'Ben');
  await ana.chatWith(ben);
  const anas = await windowOf(t, it, ana, PHONE);
  await anas.openChat(ben.name);
  await anas.page.getByRole('link', { name: 'Back to the conversations' }).click();
  const you = anas.page.getByRole('button', { name: `You: ${ana.name}` });
  await you.focus();
  await anas.page.keyboard.press('Enter');
  const account = anas.page.getByRole('button', { name: 'Account…' });
  await account.focus();
  await anas.page.keyboard.press('Enter');
  assert.equal(await focused(anas), 'Account');
  for (let tabs = 0; tabs < 12; tabs += 1) {
    await anas.page.keyboard.press('Tab');
    const inside = await anas.page.evaluate(() => document.activeElement.closest('dialog') || document.activeElement === document.body);
    assert.ok(inside, 'the focus stays in the dialog, or goes to the browser');
  }
  await anas.page.keyboard.press('Escape');
  await anas.page.locator('dialog').waitFor({ state: 'detached' });
  assert.match(await focused(anas), new RegExp(ana.name));
  await openAccount(anas, ana);
  await anas.page.goBack();
  await anas.page.locator('dialog').waitFor({ state: 'detached' });
  await anas.field.waitFor();
});
