// Messages on their way, over the socket or REST: what was said, page by page in both directions; what is said; what
// was read.

/** Messages of a page. */
const PAGE = 100;
/** So much of what was read before is shown above the new messages. */
const CONTEXT = 30;

/** A frame may have 64 KiB; what may be larger goes over REST, which can say so. */
const FRAME_CHARACTERS = 10_000;
/** A frame with half a character is none, and is refused without a reply; REST says so. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @typedef {import('./model.js').Conversation} Conversation */

export class Messages {
  #api;
  #model;
  #socket;
  /** @type {Map<number, number>} reads under way */
  #reading = new Map();

  /**
   * @param {import('./api.js').Api} api
   * @param {import('./model.js').Model} model
   * @param {import('./socket.js').Socket} socket
   */
  constructor(api, model, socket) {
    this.#api = api;
    this.#model = model;
    this.#socket = socket;
  }

  /**
   * A conversation with the newest of its messages, or with those around the first unread one.
   * @param {number} id
   */
  async open(id) {
    if (!this.#model.conversations.has(id)) {
      this.#model.add((await this.#api.get(`api/conversations/${id}`)).data);
    }
    const timeline = this.#model.timeline(id);
    if (timeline.loaded && !timeline.hasNewer) return;
    const { read } = /** @type {Conversation} */ (this.#model.conversations.get(id));
    await this.newest(id);
    if (timeline.first <= read + 1) return;
    this.#replace(id, await this.#history(id, `after_seq=${Math.max(0, read - CONTEXT)}`));
  }

  /** @param {number} id */
  async newest(id) {
    this.#replace(id, await this.#history(id, ''));
  }

  /** @param {number} id */
  async older(id) {
    const { messages, head_seq: head } = await this.#history(id, `before_seq=${this.#model.timeline(id).first}`);
    this.#model.addMessages(id, messages, head);
  }

  /**
   * What comes after the last known message. Over the socket it counts as delivered.
   * @param {number} id
   */
  async newer(id) {
    const { last } = this.#model.timeline(id);
    const data = this.#socket.isOpen ? await this.catchUp(id, last) : await this.#history(id, `after_seq=${last}`);
    this.#model.addMessages(id, data.messages, data.head_seq);
  }

  /**
   * What comes after a position, over the socket: joins for a moment, because a session that has joined nothing
   * hears of all conversations.
   * @param {number} id
   * @param {number} after
   * @returns {Promise<History>}
   */
  async catchUp(id, after) {
    const asked = this.#socket.request('join_conversation', { conversationId: id, afterSeq: after });
    this.#socket.say('leave_conversation', { conversationId: id });
    return asked;
  }

  /**
   * @param {number} id
   * @param {string} cursor
   * @returns {Promise<History>}
   */
  async #history(id, cursor) {
    return (await this.#api.get(`api/messages/conversation/${id}?limit=${PAGE}&${cursor}`)).data;
  }

  /**
   * @param {number} id
   * @param {History} page
   */
  #replace(id, { messages, head_seq: head }) {
    this.#model.timeline(id).replace(messages, head);
    this.#model.addMessages(id, messages, head);
  }

  /**
   * Brings what was typed to the server; it may be done again.
   * @param {Pending} pending
   */
  async deliver({ key, conversation, content }) {
    const fits = content.length <= FRAME_CHARACTERS && !LONE_SURROGATE.test(content);
    const { isOpen, state } = this.#socket;
    const message =
      fits && (isOpen || state !== 'blocked')
        ? await this.#socket.request('send_message', { conversationId: conversation, content, clientMessageId: key })
        : await this.#post({ conversation_id: conversation, content, type: 'text', client_message_id: key });
    this.#model.addMessages(conversation, [message]);
  }

  /** @param {object} body */
  async #post(body) {
    return (await this.#api.ask('POST', 'api/messages/send', body)).data;
  }

  /**
   * Everything up to `seq` was really seen.
   * @param {number} id
   * @param {number} seq
   */
  async seen(id, seq) {
    const conversation = this.#model.conversations.get(id);
    const { isOpen, state } = this.#socket;
    const canTell = isOpen || state === 'blocked';
    if (!conversation || !canTell || seq <= Math.max(conversation.read, this.#reading.get(id) ?? 0)) return;
    this.#reading.set(id, seq);
    try {
      const data = isOpen
        ? await this.#socket.request('mark_read', { conversationId: id, upToSeq: seq })
        : (await this.#api.ask('PUT', `api/messages/conversation/${id}/read`, { up_to_seq: seq })).data;
      this.#model.read(id, data.last_read_seq);
    } catch {
      // The next look at the chat says it again.
    } finally {
      if (this.#reading.get(id) === seq) this.#reading.delete(id);
    }
  }
}
