// What this page knows: who is there, the conversations, their messages. It changes by what the server says alone.
import { Changes } from './changes.js';
import { Timeline } from './timeline.js';

/**
 * @typedef {object} Conversation
 * @property {number} id
 * @property {string} created when it was made: the same number at another server is another conversation
 * @property {boolean} met whether the server has told of it since there is this connection
 * @property {Participant} other
 * @property {number} read how far I have read
 * @property {number} delivered how far my devices have proven to have received
 * @property {number} head the last `seq`
 * @property {Message | null} last what was said last
 * @property {string} active when something last happened
 * @property {boolean} typing whether the other types
 */

/** @typedef {'list' | 'people' | 'unread' | `chat:${number}`} Topic */

export class Model {
  /** @type {Changes<Topic>} */
  changes = new Changes();
  /** @type {Map<number, Conversation>} */
  conversations = new Map();
  /** @type {Map<number, Timeline>} those that were opened */
  timelines = new Map();
  /** @type {Map<number, User>} everybody seen so far */
  people = new Map();
  /** What is unread in conversations that are not known. */
  elsewhere = 0;
  me;
  #confirm;

  /**
   * @param {User} me
   * @param {(message: Message) => void} confirm is told of my own messages that the server has
   */
  constructor(me, confirm) {
    this.me = me;
    this.#confirm = confirm;
  }

  /** Newest activity first. */
  get list() {
    const all = [...this.conversations.values()];
    return all.sort((a, b) => b.active.localeCompare(a.active) || b.id - a.id);
  }

  /** How many messages are unread. */
  get unread() {
    return this.elsewhere + this.#unreadHere;
  }

  /** As the server counts them, over all conversations. */
  set unread(all) {
    this.elsewhere = Math.max(0, all - this.#unreadHere);
    this.changes.tell('unread');
  }

  get #unreadHere() {
    return [...this.conversations.values()].reduce((sum, conversation) => sum + unreadIn(conversation), 0);
  }

  /** @param {number} id */
  timeline(id) {
    const timeline = this.timelines.get(id) ?? new Timeline();
    this.timelines.set(id, timeline);
    return timeline;
  }

  /** @param {User[]} people */
  addPeople(people) {
    for (const person of people) this.people.set(person.id, person);
    this.changes.tell('people');
  }

  /** @param {ListedConversation} listed */
  addListed({ participants, last_message: last, unread_count: unread, ...conversation }) {
    const own = this.add({ conversation, participants });
    if (last) this.addMessages(own.id, [last]);
    own.read = Math.max(own.read, own.head - unread);
    this.#tell(own);
  }

  /**
   * A conversation as the server tells it, in place of what was known of it; positions never go back.
   * @param {OneConversation} one
   * @returns {Conversation}
   */
  add({ conversation: { id, created_at: created, updated_at: active }, participants }) {
    const before = this.conversations.get(id);
    const mine = participants.find((person) => person.id === this.me.id);
    const other = participants.find((person) => person.id !== this.me.id);
    if (!mine || !other) throw new Error('a conversation has two people, and I am one of them');
    /** @type {Conversation} */
    const now = {
      id,
      created,
      met: true,
      other: {
        ...other,
        last_read_seq: Math.max(other.last_read_seq, before?.other.last_read_seq ?? 0),
        last_delivered_seq: Math.max(other.last_delivered_seq, before?.other.last_delivered_seq ?? 0),
      },
      read: Math.max(mine.last_read_seq, before?.read ?? 0),
      delivered: Math.max(mine.last_delivered_seq, before?.delivered ?? 0),
      head: before?.head ?? 0,
      last: before?.last ?? null,
      active: before && before.active > active ? before.active : active,
      typing: before?.typing ?? false,
    };
    this.conversations.set(id, now);
    this.people.set(other.id, other);
    this.#tell(now);
    return now;
  }

  /**
   * Messages that follow each other, from wherever they come.
   * @param {number} id
   * @param {Message[]} messages
   * @param {number} [head]
   */
  addMessages(id, messages, head) {
    for (const message of messages) {
      if (message.sender_id === this.me.id) this.#confirm(message);
    }
    this.timelines.get(id)?.add(messages, head);
    const conversation = this.conversations.get(id);
    const last = messages.reduce((/** @type {Message | null} */ a, b) => (a && a.seq > b.seq ? a : b), null);
    if (conversation && last) this.#said(conversation, last);
    if (conversation) this.#tell(conversation);
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} message
   */
  #said(conversation, message) {
    const { seq, sender_id: sender } = message;
    // Who sends has read.
    if (sender === this.me.id) conversation.read = Math.max(conversation.read, seq);
    else conversation.other.last_read_seq = Math.max(conversation.other.last_read_seq, seq);
    if (seq < conversation.head) return;
    conversation.head = seq;
    conversation.last = message;
    conversation.active = message.created_at;
  }

  /**
   * I have read so far, as the server says.
   * @param {number} id
   * @param {number} seq
   */
  read(id, seq) {
    const conversation = this.conversations.get(id);
    if (!conversation || conversation.read >= seq) return;
    conversation.read = seq;
    this.#tell(conversation);
  }

  /** Nothing is known any longer of what only a connection tells. */
  disconnected() {
    for (const conversation of this.conversations.values()) {
      conversation.met = false;
      if (!conversation.typing) continue;
      conversation.typing = false;
      this.#tell(conversation);
    }
  }

  /**
   * Takes in an event of the server; false if it is about a conversation that is not known.
   * @param {string} event
   * @param {any} data
   */
  hear(event, data) {
    if (event === 'user_status_changed') {
      this.#statusOf(data);
      return true;
    }
    if (event === 'conversation_created') {
      this.add(data);
      return true;
    }
    const conversation = this.conversations.get(data.conversation_id ?? data.conversationId);
    const takes = HEARD[event];
    if (!takes) return true;
    if (!conversation) return false;
    takes(this, conversation, data);
    this.#tell(conversation);
    return true;
  }

  /** @param {{userId: number, status: Status, last_seen_at: string | null}} data */
  #statusOf({ userId, status, last_seen_at }) {
    const person = this.people.get(userId);
    if (person) Object.assign(person, { status, last_seen_at });
    this.changes.tell('people');
    for (const conversation of this.conversations.values()) {
      if (conversation.other.id !== userId) continue;
      Object.assign(conversation.other, { status, last_seen_at });
      this.#tell(conversation);
    }
  }

  /** @param {Conversation} conversation */
  #tell({ id }) {
    this.changes.tell(`chat:${id}`);
    this.changes.tell('list');
    this.changes.tell('unread');
  }
}

/** @type {Record<string, (model: Model, conversation: Conversation, data: any) => void>} */
const HEARD = {
  new_message(model, { id }, { message }) {
    model.addMessages(id, [message]);
  },
  conversation_updated(model, conversation, { last_message: last, unread_count: unread }) {
    if (!last) return;
    model.addMessages(conversation.id, [last]);
    conversation.read = Math.max(conversation.read, last.seq - unread);
  },
  messages_read(_, { other }, { last_read_seq: seq }) {
    other.last_read_seq = Math.max(other.last_read_seq, seq);
  },
  messages_delivered(_, { other }, { last_delivered_seq: seq }) {
    other.last_delivered_seq = Math.max(other.last_delivered_seq, seq);
  },
  user_typing(_, conversation, { isTyping }) {
    conversation.typing = isTyping;
  },
};

/**
 * How many messages of the other I have not read: sending is reading, so all that come after are theirs.
 * @param {Conversation} conversation
 */
export const unreadIn = ({ head, read }) => Math.max(0, head - read);
