// Who wants to know what changed.

/** @template {string} Topic */
export class Changes {
  /** @type {Map<Topic, Set<() => void>>} */
  #listeners = new Map();
  /** @type {Set<Topic>} */
  #due = new Set();

  /**
   * Calls `listener` after each change of `topic`; the answer ends that.
   * @param {Topic} topic
   * @param {() => void} listener
   * @returns {() => void}
   */
  on(topic, listener) {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * Something about `topic` changed. Many changes in one turn are told once, at its end.
   * @param {Topic} topic
   */
  tell(topic) {
    if (this.#due.size === 0) queueMicrotask(() => this.#tellAll());
    this.#due.add(topic);
  }

  #tellAll() {
    const due = [...this.#due];
    this.#due.clear();
    for (const topic of due) {
      for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener();
    }
  }
}
