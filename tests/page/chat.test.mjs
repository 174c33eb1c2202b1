// Two people in one chat: what was said, how far it has come, who is there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../stock/wait.mjs';
import { openChat, pair, people, stage, windowOf } from './scene.mjs';

const it = stage();

test('what one says is one bubble on each side, with whose it is, its day and its time', async (t) => {
  const { ana, ben, anas, bens } = await openChat(t, it);
  await anas.say('Hello Ben', 'How are you?');
  await bens.sees('How are you?');
  await bens.say('Fine');
  for (const window of [anas, bens]) {
    await window.texts(['Hello Ben', 'How are you?', 'Fine']);
    assert.deepEqual(await window.page.locator('.day h3').allInnerTexts(), ['Today']);
    assert.equal(await window.page.locator('.row time').count(), 3);
  }
  assert.equal(await anas.page.locator('.row.own').count(), 2);
  assert.equal(await bens.page.locator('.row.own').count(), 1);
  assert.equal(await anas.page.locator('.row.continued').count(), 1, 'the second stands close to the first');
  assert.match(await anas.bubble('Fine').innerText(), new RegExp(`${ben.name}:`), 'said to who cannot see the side');
  assert.match(await bens.bubble('Fine').innerText(), /You:/);
  assert.equal(await bens.page.getByRole('heading', { name: ana.name }).count(), 1);
});

test('ticks tell how far a message has come, as it goes', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.say('are you there?');
  await anas.ticks('are you there?', 'sent');
  assert.equal(await anas.bubble('are you there?').getAttribute('data-state'), 'sent', 'nobody has it yet');
  const bens = await windowOf(t, it, ben);
  await anas.ticks('are you there?', 'delivered');
  assert.equal(await anas.bubble('are you there?').getAttribute('data-state'), 'delivered', 'nobody has read it yet');
  await bens.openChat(ana.name);
  await anas.ticks('are you there?', 'read');
});

test('typing is shown where one looks and in the list, and ends by itself', async (t) => {
  const { ben, anas, bens } = await openChat(t, it);
  await bens.field.pressSequentially('Hmm');
  await anas.status.filter({ hasText: 'typing…' }).waitFor();
  await anas.entry(ben.name).filter({ hasText: 'typing…' }).waitFor();
  await anas.status.filter({ hasText: 'online' }).waitFor();
  await bens.field.pressSequentially('and');
  await anas.status.filter({ hasText: 'typing…' }).waitFor();
  await bens.field.press('Enter');
  await anas.status.filter({ hasText: 'online' }).waitFor();
  await anas.sees('Hmmand');
});

test('one sees who is there, who does not want to be disturbed, and when somebody was last seen', async (t) => {
  const { ana, ben, chat } = await pair(it);
  const anas = await windowOf(t, it, ana, { hash: `#/c/${chat}` });
  await anas.status.filter({ hasText: /^offline$/ }).waitFor();
  const bens = await windowOf(t, it, ben);
  await anas.status.filter({ hasText: 'online' }).waitFor();
  await bens.page.getByRole('button', { name: `You: ${ben.name}` }).click();
  await bens.page.getByLabel('Busy').check();
  await anas.status.filter({ hasText: 'busy' }).waitFor();
  await bens.page.getByLabel('Appear offline').check();
  await anas.status.filter({ hasText: /^offline$/ }).waitFor();
  await bens.page.getByLabel('Online').check();
  await anas.status.filter({ hasText: 'online' }).waitFor();
  await bens.press('Sign out');
  await anas.status.filter({ hasText: 'last seen today at' }).waitFor();
});

test('Enter sends, Shift and Enter begin a line, and a blank message is none', async (t) => {
  const { ana, chat, anas, bens } = await openChat(t, it);
  await anas.field.press('Enter');
  await anas.field.fill('  \n ');
  await anas.field.press('Enter');
  await anas.field.fill('');
  await anas.field.pressSequentially('one');
  const low = await anas.field.boundingBox();
  await anas.field.press('Shift+Enter');
  await anas.field.pressSequentially('two');
  const high = await anas.field.boundingBox();
  assert.ok(high.height > low.height, 'the field grows with its text');
  await anas.field.press('Enter');
  await bens.texts(['one\ntwo']);
  assert.equal(await anas.field.inputValue(), '');
  assert.deepEqual((await ana.history(chat)).map(({ content }) => content), ['one\ntwo']);
});

test('an emoji goes where the caret is', async (t) => {
  const { anas, bens } = await openChat(t, it);
  await anas.field.fill('ab');
  await anas.field.press('ArrowLeft');
  await anas.press('Emoji');
  await anas.page.keyboard.press('ArrowRight');
  await anas.page.keyboard.press('Enter');
  assert.equal(await anas.field.inputValue(), 'a😃b');
  await anas.press('Emoji');
  await anas.page.keyboard.press('Escape');
  assert.equal(await anas.page.getByRole('dialog', { name: 'Emoji' }).isVisible(), false);
  await anas.press('Send');
  await bens.sees('a😃b');
});

test('what is begun is kept for each chat, and over a reload', async (t) => {
  const { ana, ben, anas } = await openChat(t, it);
  const [cleo] = await people(it.server, 'Cleo');
  await cleo.send(await cleo.chatWith(ana), 'hi');
  await anas.field.fill('for Ben\nalone');
  await anas.openChat(cleo.name);
  assert.equal(await anas.field.inputValue(), '');
  await anas.entry(ben.name).filter({ hasText: 'Draft: for Ben alone' }).waitFor();
  await anas.field.fill('for Cleo');
  await anas.page.reload();
  await anas.field.waitFor();
  assert.equal(await anas.field.inputValue(), 'for Cleo');
  await anas.openChat(ben.name);
  assert.equal(await anas.field.inputValue(), 'for Ben\nalone');
  await anas.field.press('Enter');
  await anas.ticks('for Ben', 'sent');
  await anas.openChat(cleo.name);
  await anas.openChat(ben.name);
  assert.equal(await anas.field.inputValue(), '');
});

test('a third person is not heard in the open chat', async (t) => {
  const { ana, ben, chat, anas } = await openChat(t, it);
  const [cleo] = await people(it.server, 'Cleo');
  await cleo.send(await cleo.chatWith(ana), 'psst');
  await ben.send(chat, 'marker');
  await anas.texts(['marker']);
  await anas.unread(cleo.name, 1);
  await until('Ben to be read', async () => (await ben.history(chat))[0].is_read);
});
