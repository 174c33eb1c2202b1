// What the page shows, as far as it needs no browser: messages, and which of them are in the document.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { NewLine } from '../../src/transport/page/newline.js';
import { daysOf } from '../../src/transport/page/rows.js';
import { Span, STEP } from '../../src/transport/page/span.js';
import { tick, Timeline } from '../../src/transport/page/timeline.js';

const ME = 1;
const OTHER = { last_read_seq: 0, last_delivered_seq: 0 };

/** A message as far as these parts look at it. */
const message = (seq, { by = 2, at = '2026-05-04T12:00:00Z', key = null } = {}) => ({
  seq,
  sender_id: by,
  content: `${seq}.`,
  client_message_id: key,
  created_at: at,
});
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const seqs = ({ messages }) => messages.map(({ seq }) => seq);

suite('timeline', () => {
  test('a stretch grows at both ends, never has a gap, and repeats nothing', () => {
    const timeline = new Timeline();
    timeline.add([message(1)]);
    timeline.add([message(9)]);
    assert.deepEqual([seqs(timeline), timeline.head], [[], 9], 'nothing is known before a page is read');
    timeline.replace(range(4, 6).reverse(), 9);
    assert.deepEqual([timeline.hasOlder, timeline.hasNewer], [true, true]);
    timeline.add([message(8)]);
    assert.deepEqual(seqs(timeline), [4, 5, 6]);
    timeline.add(range(6, 9));
    timeline.add(range(1, 4).reverse());
    timeline.add([message(9)]);
    assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual([timeline.hasOlder, timeline.hasNewer], [false, false]);
  });

  test('an empty conversation begins with its first message', () => {
    const timeline = new Timeline();
    timeline.replace([], 0);
    assert.deepEqual([timeline.hasOlder, timeline.hasNewer], [false, false]);
    timeline.add([message(2)]);
    assert.deepEqual([seqs(timeline), timeline.hasNewer], [[], true]);
    timeline.add(range(1, 2));
    assert.deepEqual(seqs(timeline), [1, 2]);
  });

  test('a tick says the most that is known', () => {
    const other = { last_read_seq: 2, last_delivered_seq: 4 };
    assert.deepEqual([1, 2, 3, 4, 5].map((seq) => tick(seq, other)), ['read', 'read', 'delivered', 'delivered', 'sent']);
  });
});

suite('rows', () => {
  const rows = (messages, more = {}) =>
    daysOf({ messages, pending: [], me: ME, other: OTHER, newAfter: null, ...more });

  test('messages stand by day, and close together when one person says them soon after each other', () => {
    const days = rows([
      message(1, { at: '2026-05-04T12:00:00' }),
      message(2, { at: '2026-05-04T12:04:00' }),
      message(3, { at: '2026-05-04T12:10:00' }),
      message(4, { at: '2026-05-04T12:10:01', by: ME }),
      message(5, { at: '2026-05-05T12:10:02', by: ME }),
    ]);
    assert.deepEqual(days.map(({ key }) => key), ['2026-5-4', '2026-5-5']);
    assert.deepEqual(days.flatMap((day) => day.rows.map(({ continued }) => continued)), [false, true, false, false, false]);
  });

  test('the line stands above the first new message, which begins anew', () => {
    const [{ rows: found }] = rows(range(1, 3), { newAfter: 2 });
    assert.deepEqual(found.map(({ kind, continued }) => [kind, continued]), [
      ['bubble', false],
      ['bubble', true],
      ['new', undefined],
      ['bubble', false],
    ]);
  });

  test('what waits stands last, and stays the same row when the server has it', () => {
    const waiting = { key: 'k', conversation: 1, content: 'x', at: Date.parse('2026-05-04T12:00:05Z') };
    const before = rows([message(1)], { pending: [waiting] })[0].rows;
    const after = rows([message(1), message(2, { by: ME, key: 'k' })])[0].rows;
    assert.deepEqual(before.map(({ key }) => key), after.map(({ key }) => key));
    assert.deepEqual([before[1].state, after[1].state], ['waiting', 'sent']);
    assert.equal(rows([], { pending: [{ ...waiting, refused: 'no' }] })[0].rows[0].state, 'refused');
  });
});

suite('new line', () => {
  test('it stays where it is while one reads, and goes to what comes unseen after that', () => {
    const line = new NewLine({ read: 3, head: 5 });
    line.heard({ read: 4, head: 6 }, false);
    assert.equal(line.after, 3);
    line.heard({ read: 6, head: 7 }, true);
    assert.equal(line.after, 3);
    line.heard({ read: 7, head: 8 }, false);
    assert.equal(line.after, 7);
    const none = new NewLine({ read: 5, head: 5 });
    none.heard({ read: 6, head: 6 }, false); // one's own
    assert.equal(none.after, null);
  });
});

suite('span', () => {
  const timeline = (from, to) => {
    const one = new Timeline();
    one.replace(range(from, to), to);
    return one;
  };
  const at = ({ start, end }) => [start, end];

  test('it goes up and down, and is never longer than it may be', () => {
    const all = timeline(1, 1_000);
    const span = new Span();
    span.toEnd(all);
    assert.deepEqual(at(span), [1_000 - span.most, 1_000]);
    while (span.up()) assert.ok(span.length <= span.most);
    assert.equal(span.start, 0);
    while (span.down(all)) assert.ok(span.length <= span.most);
    assert.equal(span.end, 1_000);
    span.around(all, 500);
    assert.ok(span.start < 500 && span.end > 500);
  });

  test('the same messages stay when others come in above, and below when that is followed', () => {
    const all = timeline(101, 300);
    const span = new Span();
    span.toEnd(all);
    span.up();
    const [start, end] = at(span);
    all.add(range(1, 100));
    span.stay(all, false);
    assert.deepEqual(at(span), [start + 100, end + 100]);
    span.toEnd(all);
    all.add([message(301)]);
    span.stay(all, true);
    assert.equal(span.end, 301);
    all.add(range(302, 302 + STEP));
    const before = at(span);
    span.stay(all, false);
    assert.deepEqual(at(span), before, 'who reads is not pushed on');
  });

  test('another stretch is begun at its end', () => {
    const span = new Span();
    span.toEnd(timeline(1, 50));
    const other = timeline(900, 1_000);
    span.stay(other, false);
    assert.deepEqual(at(span), [0, 101]);
  });
});
