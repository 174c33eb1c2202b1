// What the browser keeps of somebody: it stays theirs, and is forgotten in the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Door } from '../stock/door.mjs';
import { found, lost, people, stage, stored, windowOf } from './scene.mjs';

// Two servers that have nobody yet: the same people have the same numbers there.
const [first, second] = [stage(), stage({ browser: false })];

test('another server at the same address gets nothing that was written to the first', async (t) => {
  const cast = async ({ server }) => {
    const registered = [];
    for (const name of ['Ana', 'Ben', 'Cleo']) registered.push(...(await people(server, name)));
    const [ana, ben, cleo] = registered;
    const chats = [await ana.chatWith(ben), await ana.chatWith(cleo)];
    return { ana, ben, cleo, chats, ids: registered.map(({ id }) => id) };
  };
  const [here, there] = [await cast(first), await cast(second)];
  assert.deepEqual([here.ids, here.chats], [there.ids, there.chats], 'they look the same');
  const door = await Door.to(first.server.address);
  t.after(() => door.end());
  const [withBen, withCleo] = here.chats;
  const anas = await windowOf(t, first, here.ana, { url: door.url, hash: `#/c/${withCleo}` });
  await anas.field.fill('for the first Cleo');
  await anas.page.goto(`${door.url}/#/c/${withBen}`);
  await anas.page.getByRole('heading', { name: here.ben.name }).waitFor();
  await anas.field.waitFor();
  door.shut();
  await lost(anas);
  await anas.say('for the first Ben');
  await anas.ticks('for the first Ben', 'waiting');
  door.leadTo(second.server.address);
  door.open();
  await found(anas);

  // The token counts there too: the secret is the same. Once with the page as it is, and once anew.
  await anas.page.reload();
  await anas.ready();
  await anas.field.waitFor();
  await anas.entry(there.cleo.name).waitFor();
  assert.equal(await anas.page.getByText('for the first').count(), 0);
  await anas.say('for the second Ben');
  await anas.ticks('for the second Ben', 'sent');
  await anas.texts(['for the second Ben']);
  await anas.openChat(there.cleo.name);
  assert.equal(await anas.field.inputValue(), '');
  await anas.say('for the second Cleo');
  assert.deepEqual(await stored(there.ben, withBen, 1), ['for the second Ben']);
  assert.deepEqual(await stored(there.cleo, withCleo, 1), ['for the second Cleo']);

  door.shut();
  await lost(anas);
  door.leadTo(first.server.address);
  door.open();
  await anas.page.goto(`${door.url}/?again#/c/${withCleo}`);
  await anas.field.waitFor();
  assert.equal(await anas.field.inputValue(), 'for the first Cleo');
  assert.deepEqual(await stored(here.ben, withBen, 1), ['for the first Ben']);
});
