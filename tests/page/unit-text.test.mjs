// Texts, times and addresses in the page, without a browser.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as dates from '../../src/transport/page/dates.js';
import * as router from '../../src/transport/page/router.js';
import * as text from '../../src/transport/page/text.js';

suite('text', () => {
  test('the pieces of a text are the text', () => {
    for (const one of ['', 'plain', 'https://a.example', 'a https://a.example/b, www.b.example! http:// www. x']) {
      assert.equal(text.pieces(one).map((piece) => piece.text).join(''), one);
    }
  });

  test('links lead to the web and nowhere else, and end before what closes their sentence', () => {
    const links = (one) => text.pieces(one).filter(({ href }) => href).map((piece) => [piece.text, piece.href]);
    assert.deepEqual(links('(see https://a.example/x_(y).)'), [['https://a.example/x_(y)', 'https://a.example/x_(y)']]);
    assert.deepEqual(links('www.a.example, or HTTP://B.example?'), [
      ['www.a.example', 'https://www.a.example/'],
      ['HTTP://B.example', 'http://b.example/'],
    ]);
    for (const none of [
      'javascript:alert(1)',
      'data:text/html,x',
      'ftp://a.example',
      'https://user:password@a.example',
      'https://bank.example@evil.example/',
      'http://',
      'https://[',
      'xhttps://a.example',
    ]) {
      assert.deepEqual(links(none), [], none);
    }
    assert.deepEqual(links('https://a.example/\u202Eb'), [['https://a.example/', 'https://a.example/']]);
  });

  test('initials are whole characters of the first and the last word', () => {
    assert.deepEqual(['Ana', 'Ana Maria Lima', '  ', '👩‍👩‍👧 x', 'élan vital'].map(text.initials), ['A', 'AL', '?', '👩‍👩‍👧X', 'ÉV']);
  });

  test('only one to three emoji are shown large', () => {
    assert.deepEqual(['😀', ' 👩‍👩‍👧👍🏽 ', '😀😀😀😀', 'a😀', '1', ''].map(text.isEmojiOnly), [true, true, false, false, false, false]);
  });

  test('characters are counted as the server does', () => {
    assert.deepEqual([' 😀a\n', 'é', ''].map(text.length), [2, 1, 0]);
  });
});

suite('dates', () => {
  const now = new Date(2026, 4, 4, 0, 30);

  test('a day is called by what it is to now', () => {
    const ago = (days, hour = 23) => dates.day(new Date(2026, 4, 4 - days, hour), now);
    assert.deepEqual([ago(0, 0), ago(1), ago(2)], ['Today', 'Yesterday', new Intl.DateTimeFormat(undefined, { weekday: 'long' }).format(new Date(2026, 4, 2))]);
    assert.match(ago(400), /2025/);
    assert.doesNotMatch(ago(30), /2026/);
  });

  test('who is away was last seen at a time, and who never came was not', () => {
    assert.equal(dates.lastSeen(null, now), 'offline');
    assert.match(dates.lastSeen(new Date(2026, 4, 4, 0, 5).toISOString(), now), /^last seen today at /);
    assert.match(dates.lastSeen(new Date(2026, 4, 3, 23, 5).toISOString(), now), /^last seen yesterday at /);
    assert.equal(dates.presence({ status: 'busy', last_seen_at: null }), 'busy');
  });
});

test('addresses in the page are understood, and nonsense leads to the conversations', () => {
  assert.deepEqual(router.parse('#/c/12'), { place: 'chat', id: 12 });
  assert.deepEqual(router.parse(router.chat(7)), { place: 'chat', id: 7 });
  assert.deepEqual(router.parse('#/people'), { place: 'people' });
  for (const nonsense of ['', '#', '#/c/', '#/c/0', '#/c/1x', '#/c/-1', '#/c/9999999999999999', '#/c/1/../2']) {
    assert.deepEqual(router.parse(nonsense), { place: 'chats' }, nonsense);
  }
});
