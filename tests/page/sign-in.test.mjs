// The way in and out, and staying in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { Window } from './browser.mjs';
import { pair, people, stage, windowOf } from './scene.mjs';

const it = stage();
// Here tokens live for seconds, so that one sees them renewed.
const brief = stage({ browser: false, settings: { TOKEN_TTL: '4s' } });

let accounts = 0;
function account() {
  accounts += 1;
  return { Name: `Ana${accounts}`, 'E-mail': `new.${accounts}@example.org`, Password: 'correct horse' };
}

async function signUp(window, fields) {
  await window.press('I am new here');
  await window.fill(fields);
  await window.press('Create account');
}

const kept = (window) => window.page.evaluate(() => JSON.parse(localStorage.getItem('duologue:/:session')));

test('one makes an account, is still in after a reload, goes out, and comes in again', async (t) => {
  const fields = account();
  const window = await Window.open(t, it.browser, it.server.url);
  await signUp(window, fields);
  await window.ready();
  await window.page.reload();
  await window.ready();
  await window.page.getByRole('button', { name: `You: ${fields.Name}` }).click();
  await window.page.getByText(fields['E-mail']).waitFor();
  const { token } = await kept(window);
  const toldTheServer = window.page.waitForResponse('**/api/auth/logout');
  await window.press('Sign out');
  await window.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await kept(window), null);
  await toldTheServer;
  const refused = await fetch(`${it.server.url}/api/users/me`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(refused.status, 401, 'the token has ended at the server too');
  await window.fill({ 'E-mail': fields['E-mail'].toUpperCase(), Password: fields.Password });
  await window.press('Sign in');
  await window.ready();
});

test('a refusal stands beside its field in the words of the server, and what was typed stays', async (t) => {
  const fields = account();
  const window = await Window.open(t, it.browser, it.server.url);
  const wrong = { Name: '<b>Ana</b>', 'E-mail': 'nowhere', Password: 'short' };
  await signUp(window, wrong);
  const said = {
    Name: 'Name must not contain < or > or control characters.',
    'E-mail': 'E-mail must be an e-mail address of at most 254 bytes.',
    Password: 'Password must have 8 to 1024 bytes.',
  };
  for (const [label, words] of Object.entries(said)) {
    const input = window.page.getByLabel(label);
    await window.page.getByText(words, { exact: true }).waitFor();
    const described = await input.getAttribute('aria-describedby');
    assert.equal(await window.page.locator(`#${described}`).innerText(), words);
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    assert.equal(await input.inputValue(), wrong[label]);
  }
  await window.picture('sign-up-refused');
  await window.fill(fields);
  await window.press('Create account');
  await window.ready();

  const second = await Window.open(t, it.browser, it.server.url);
  await signUp(second, { ...fields, Name: 'Somebody else' });
  await second.page.getByText('This e-mail address is already registered.').waitFor();
  assert.equal(await second.page.getByLabel('Name').inputValue(), 'Somebody else');
  await second.press('I have an account');
  assert.equal(await second.page.getByLabel('E-mail').inputValue(), fields['E-mail'], 'it is not typed twice');
  await second.page.getByLabel('Password').fill('wrong horse');
  await second.press('Sign in');
  await second.page.getByText('The e-mail address or the password is wrong.').waitFor();
});

test('a token is renewed before it ends, by one tab for all', async (t) => {
  const [cleo] = await people(brief.server, 'Cleo');
  const window = await Window.open(t, it.browser, brief.server.url);
  await signUp(window, account());
  await window.ready();
  const second = await window.tab(t);
  await second.ready();
  const exchanged = [];
  for (const { page } of [window, second]) {
    page.on('request', (request) => {
      if (request.url().endsWith('/api/auth/refresh')) exchanged.push(request.postDataJSON().refresh_token);
    });
  }
  // However late the test looks, each token may be exchanged once: there may be several by then.
  await until('two new tokens', () => exchanged.length >= 2);
  const last = await kept(window);
  await until('the third', async () => (await kept(window)).token !== last.token);
  assert.deepEqual(exchanged, [...new Set(exchanged)]);
  await window.page.getByRole('link', { name: 'People' }).click();
  await window.page.getByRole('button', { name: cleo.name }).waitFor();
});

test('a token that ended while the page was closed is renewed when it opens', async (t) => {
  const window = await Window.open(t, it.browser, brief.server.url);
  await signUp(window, account());
  await window.ready();
  const { token } = await kept(window);
  await window.page.goto('about:blank');
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  await until('its end', () => Date.now() / 1_000 > exp + 1);
  await window.page.goto(brief.server.url);
  await window.ready();
  assert.notEqual((await kept(window)).token, token);
});

test('who is signed out elsewhere is told so, and comes back to the same chat', async (t) => {
  const fields = account();
  const window = await Window.open(t, it.browser, it.server.url);
  await signUp(window, fields);
  await window.ready();
  const { ben } = await pair(it);
  const { user, token } = await kept(window);
  const chat = await ben.chatWith(user);
  await window.page.goto(`${it.server.url}/#/c/${chat}`);
  await window.field.fill('half a sentence');
  const headers = { Authorization: `Bearer ${token}` };
  await fetch(`${it.server.url}/api/auth/logout-everywhere`, { method: 'POST', headers });
  await window.page.getByText('Please sign in: the token is missing, expired or not valid.').waitFor();
  await window.fill({ 'E-mail': fields['E-mail'], Password: fields.Password });
  await window.press('Sign in');
  await window.page.getByRole('heading', { name: ben.name }).waitFor();
  await window.field.waitFor();
  assert.equal(await window.field.inputValue(), 'half a sentence');
});

test('signing out in one tab is signing out in all', async (t) => {
  const { ana } = await pair(it);
  const first = await windowOf(t, it, ana);
  const second = await first.tab(t);
  await second.ready();
  await first.page.getByRole('button', { name: `You: ${ana.name}` }).click();
  await first.press('Sign out');
  await second.page.getByRole('heading', { name: 'Sign in' }).waitFor();
});
