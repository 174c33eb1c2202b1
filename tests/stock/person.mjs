// Somebody with an account: what they ask over REST, and their stock clients.
import assert from 'node:assert/strict';
import { Client } from './client.mjs';

let people = 0;

export class Person {
  /** A new account. The e-mail is unique in the process, so tests may share a server. */
  static async register(server, name) {
    const person = new Person();
    person.server = server;
    people += 1;
    const account = { name, email: `${name}.${people}@example.org`.toLowerCase(), password: 'correct horse' };
    const { user, token } = await person.ask('POST', '/api/auth/register', account);
    return Object.assign(person, { id: user.id, name, token });
  }

  /** Asks and takes what the envelope carries; anything but success fails the test. */
  async ask(method, path, body) {
    const headers = { 'Content-Type': 'application/json' };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    else headers['X-Forwarded-For'] = `198.51.100.${people % 256}`;
    const response = await fetch(this.server.url + path, { method, headers, body: JSON.stringify(body) });
    const answer = await response.json();
    assert.equal(answer.status, 'success', `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  /** The conversation with `other`: its id. */
  async chatWith(other) {
    const wanted = { type: 'direct', participant_ids: [other.id] };
    return (await this.ask('POST', '/api/conversations', wanted)).conversation.id;
  }

  /** Sends over REST: the stored message. */
  send(chat, content) {
    return this.ask('POST', '/api/messages/send', { conversation_id: chat, content, type: 'text' });
  }

  /** Everything said in a conversation of at most 100 messages, oldest first. */
  async history(chat) {
    const { messages } = await this.ask('GET', `/api/messages/conversation/${chat}?limit=100`);
    return messages.reverse();
  }

  /** A connected client of `kind` for this person, to be closed by `test`'s end. */
  async connect(test, kind, options) {
    const client = this.client(test, kind, options);
    await client.connected();
    return client;
  }

  /** The same, not yet connected. `url` may name a door in front of the server. */
  client(test, kind, { url = this.server.url, ...options } = {}) {
    const client = new Client(kind, url, { auth: { token: this.token }, ...options });
    test.after(() => client.close());
    return client;
  }
}
