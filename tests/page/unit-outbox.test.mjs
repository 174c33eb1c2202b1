// What the page keeps of what was typed, without a browser: the outbox, who empties it, what is forgotten.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Outbox } from '../../src/transport/page/outbox.js';
import { Refusal, Unreachable } from '../../src/transport/page/refusal.js';
import { Sender } from '../../src/transport/page/sender.js';
import * as storage from '../../src/transport/page/storage.js';

test('what nobody has come back for in 30 days is forgotten, and what does not say since when', () => {
  const day = 86_400_000;
  const now = 100 * day;
  const entries = { 'draft:1:a': { at: 70 * day }, 'draft:2:b': { at: 70 * day + 1 }, 'draft:3': 'old', 'other:1': 'x' };
  for (const [key, value] of Object.entries(entries)) storage.write(key, value);
  storage.forgetOld('draft:', now);
  assert.deepEqual(storage.keys(''), ['draft:2:b', 'other:1']);
});

/** What stands for the browser's storage. */
function memory() {
  const kept = new Map();
  return {
    read: (key) => structuredClone(kept.get(key) ?? null),
    write: (key, value) => kept.set(key, structuredClone(value)),
    remove: (key) => kept.delete(key),
    keys: (start) => [...kept.keys()].filter((key) => key.startsWith(start)),
    forgetOld: () => {},
  };
}

/** When the server made a conversation, all of which are known. */
const known = (id) => `2026-05-04T12:00:0${id}Z`;

suite('outbox', () => {
  test('it is kept for its account, in the order in which it was typed', () => {
    const storage = memory();
    const outbox = new Outbox(1, known, storage);
    const keys = ['a', 'b', 'c'].map((content) => outbox.add(7, content).key);
    outbox.add(8, 'elsewhere');
    const again = new Outbox(1, known, storage);
    assert.deepEqual(again.of(7).map(({ key }) => key), keys);
    assert.deepEqual(again.conversations().toSorted(), [7, 8]);
    assert.deepEqual(new Outbox(12, known, storage).conversations(), [], 'not of account 1 and something');
    assert.ok(keys.every((key) => /^[ -~]{1,64}$/.test(key)) && new Set(keys).size === 3);
  });

  test('what is refused waits no longer, until it is tried again under the same key', () => {
    const outbox = new Outbox(1, known, memory());
    const { key } = outbox.add(7, 'a');
    outbox.add(7, 'b');
    outbox.refuse(key, 'no');
    assert.equal(outbox.get(key).refused, 'no');
    outbox.again(key);
    assert.deepEqual(outbox.of(7).map(({ content, refused }) => [content, refused]), [['b', undefined], ['a', undefined]]);
    assert.equal(outbox.of(7)[1].key, key);
    assert.deepEqual([outbox.drop(key), outbox.drop(key)], [true, false]);
  });

  test('what was written to a conversation of another server stays, and is not shown', () => {
    const storage = memory();
    const { key } = new Outbox(1, known, storage).add(7, 'there');
    const elsewhere = new Outbox(1, () => '2026-05-05T12:00:00Z', storage);
    const unknown = new Outbox(1, () => undefined, storage);
    assert.deepEqual([elsewhere.of(7), unknown.of(7)], [[], []]);
    assert.deepEqual(unknown.conversations(), [7], 'one has to ask which it is');
    elsewhere.add(7, 'here');
    assert.deepEqual(elsewhere.of(7).map(({ content }) => content), ['here']);
    assert.deepEqual(new Outbox(1, known, storage).of(7).map((one) => one.key), [key]);
  });

  test('what is damaged in the storage is passed over', () => {
    const storage = memory();
    for (const [i, bad] of [null, 7, {}, { key: 'x' }].entries()) storage.write(`outbox:1:${i}`, bad);
    assert.deepEqual(new Outbox(1, known, storage).conversations(), []);
  });
});

suite('sender', () => {
  test('a refusal stops one message and not the next, and a lost line stops all', async () => {
    const outbox = new Outbox(1, known, memory());
    const [bad, good] = ['bad', 'good'].map((content) => outbox.add(7, content).key);
    const tried = [];
    const deliver = async ({ content }) => {
      tried.push(content);
      if (content === 'bad') throw new Refusal({ status: 'error', code: 'validation_failed', message: 'no' });
      if (content === 'gone') throw new Unreachable();
    };
    const sender = new Sender(outbox, { meet: async () => {}, deliver, told: () => {} });
    await sender.one(7);
    assert.deepEqual([tried, outbox.get(bad).refused, outbox.get(good)], [['bad', 'good'], 'no', undefined]);
    outbox.add(7, 'gone');
    outbox.add(7, 'behind it');
    await sender.one(7);
    sender.end();
    assert.deepEqual(tried, ['bad', 'good', 'gone']);
    assert.equal(outbox.of(7).filter(({ refused }) => refused === undefined).length, 2);
  });

  test('nothing goes into a conversation that the server does not know, and nothing is refused for it', async () => {
    const outbox = new Outbox(1, known, memory());
    const { key } = outbox.add(7, 'elsewhere');
    const meet = async () => {
      throw new Refusal({ status: 'error', code: 'not_found', message: 'There is no such conversation.' });
    };
    const sender = new Sender(outbox, { meet, deliver: () => assert.fail('it was sent'), told: () => {} });
    await sender.one(7);
    assert.equal(outbox.get(key).refused, undefined);
  });
});
