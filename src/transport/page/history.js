// Messages, from wherever they lie: page by page in both directions, over REST or the socket.

/** Messages of a page. */
const PAGE = 100;
/** So much of what was read before is shown above the new messages. */
const CONTEXT = 30;

/** @typedef {import('./model.js').Conversation} Conversation */

export class Messages {
  #api;
  #model;
  #socket;

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
}
