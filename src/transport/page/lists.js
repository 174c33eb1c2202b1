// The lists: conversations and people, page by page.

/** Entries of a page. */
const CONVERSATIONS = 50;
const PEOPLE = 100;

export class Lists {
  /** @type {string | null | undefined} where the list of conversations goes on; undefined before it was read */
  cursor;
  #api;
  #model;

  /**
   * @param {import('./api.js').Api} api
   * @param {import('./model.js').Model} model
   */
  constructor(api, model) {
    this.#api = api;
    this.#model = model;
  }

  /** Reads the list of conversations from its beginning, as far as it changed. */
  async loadList() {
    const isFirst = this.cursor === undefined;
    /** @type {string | null} */
    let cursor = null;
    for (;;) {
      const { listed, next } = await this.#page(cursor);
      const isNews = (/** @type {ListedConversation} */ { id, last_message: last }) =>
        this.#model.conversations.get(id)?.head !== (last?.seq ?? 0);
      const allNew = listed.every(isNews);
      for (const one of listed) this.#model.addListed(one);
      if (isFirst) this.cursor = next;
      cursor = next;
      if (isFirst || !allNew || !next) break;
    }
    this.#model.changes.tell('list');
    await this.countUnread();
  }

  /** The next page of the list of conversations. */
  async loadMore() {
    if (!this.cursor) return;
    const { listed, next } = await this.#page(this.cursor);
    for (const one of listed) this.#model.addListed(one);
    this.cursor = next;
    await this.countUnread();
  }

  /** @param {string | null} cursor */
  async #page(cursor) {
    const query = new URLSearchParams({ limit: String(CONVERSATIONS), ...(cursor && { cursor }) });
    const { data, pagination } = await this.#api.get(`api/conversations?${query}`);
    return { listed: /** @type {ListedConversation[]} */ (data.conversations), next: pagination.next_cursor };
  }

  async countUnread() {
    const { data } = await this.#api.get('api/messages/unread/count');
    this.#model.unread = data.unread_count;
  }

  /**
   * A page of the people whose names have `search` in them, and whether there are more.
   * @param {string} search
   * @param {number} page
   */
  async people(search, page) {
    const query = new URLSearchParams({ search, page: String(page), limit: String(PEOPLE) });
    const { data, pagination } = await this.#api.get(`api/users?${query}`);
    this.#model.addPeople(data);
    return { people: /** @type {User[]} */ (data), more: Boolean(pagination.has_more) };
  }

  /**
   * The conversation with somebody: its id.
   * @param {number} user
   * @returns {Promise<number>}
   */
  async chatWith(user) {
    const body = { type: 'direct', participant_ids: [user] };
    const { data } = await this.#api.ask('POST', 'api/conversations', body);
    return this.#model.add(data).id;
  }
}
