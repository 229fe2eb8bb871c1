/** @file The connection that brings changes: asks for what the open tab shows, comes back by itself when it
 * breaks, and until then asks over REST, so that what is shown is as old as it says. It owns the socket
 * and no data: frames and answers are handed to the store. */
import { retryDelay } from './live_state.js';

/** How long an answer to a ping may take before the connection counts as dead, in milliseconds. */
export const PONG_MS = 5000;

/**
 * @typedef {object} Connection
 * @property {'connecting'|'live'|'polling'|'stale'|'locked'} state `polling`: the switchboard answers, but not
 * live; `locked`: it shows nothing without a token, or not with this one
 * @property {number} since milliseconds: since when it is live, or as of when the data is
 * @property {number|null} retryAt milliseconds
 */

/**
 * @typedef {object} Surroundings
 * @property {() => WebSocket} connect
 * @property {(run: () => void, ms: number) => any} later
 * @property {(handle: any) => void} cancel
 * @property {() => number} now
 * @property {() => number} random
 * @property {(frame: any) => void} take
 * @property {(topics: string[]) => Promise<void>} refresh asks over REST
 * @property {(connection: Connection) => void} say
 */

export class Live {
  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.around = surroundings;
    /** @type {Map<string, number>} */
    this.wanted = new Map();
    /** @type {WebSocket|null} */
    this.socket = null;
    this.open = false;
    /** The topics of the last subscription. */
    this.subscribed = '';
    this.attempt = 0;
    this.seq = 0;
    /** When the data was last known to be true. */
    this.asOf = surroundings.now();
    /** @type {any} */
    this.timer = null;
    /** @type {any} */
    this.pong = null;
  }

  /** Begins. */
  start() {
    this.#connect();
  }

  /**
   * Asks for topics until the function it gives is called.
   * @param {string[]} topics
   * @returns {() => void}
   */
  want(topics) {
    const fresh = topics.filter((topic) => !this.wanted.has(topic));
    for (const topic of topics) this.wanted.set(topic, (this.wanted.get(topic) ?? 0) + 1);
    this.#changed();
    if (fresh.length && !this.open) void this.#refresh(fresh);
    return () => {
      for (const topic of topics) {
        const left = (this.wanted.get(topic) ?? 1) - 1;
        if (left) this.wanted.set(topic, left);
        else this.wanted.delete(topic);
      }
      this.#changed();
    };
  }

  /** Somebody looks again, or the network is back: now and not later. */
  wake() {
    if (!this.open) {
      this.attempt = 0;
      this.#connect();
      return;
    }
    if (this.pong) return;
    this.#send({ type: 'ping' });
    this.pong = this.around.later(() => this.#lost(), PONG_MS);
  }

  /** With another token: anew. */
  again() {
    this.#drop();
    this.attempt = 0;
    this.#connect();
  }

  #connect() {
    this.around.cancel(this.timer);
    this.#drop();
    if (this.attempt === 0) this.around.say({ state: 'connecting', since: this.asOf, retryAt: null });
    const socket = this.around.connect();
    this.socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = () => this.socket === socket && this.#lost();
  }

  #opened() {
    this.open = true;
    this.attempt = 0;
    this.seq = 0;
    this.around.say({ state: 'live', since: this.around.now(), retryAt: null });
    this.#subscribe();
  }

  /** @param {string} text */
  #take(text) {
    const frame = JSON.parse(text);
    this.asOf = this.around.now();
    if (this.pong) {
      this.around.cancel(this.pong);
      this.pong = null;
    }
    if (frame.type === 'pong' || (frame.seq !== undefined && frame.seq <= this.seq)) return;
    this.seq = frame.seq ?? this.seq;
    this.around.take(frame);
  }

  #drop() {
    this.around.cancel(this.pong);
    this.pong = null;
    if (this.open) this.asOf = this.around.now();
    this.open = false;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** The connection is gone, or never was: asks over REST, and tries again later. */
  #lost() {
    this.#drop();
    const delay = retryDelay(this.attempt, this.around.random());
    this.attempt += 1;
    this.around.cancel(this.timer);
    this.timer = this.around.later(() => this.#connect(), delay);
    const retryAt = this.around.now() + delay;
    this.around.say({ state: 'stale', since: this.asOf, retryAt });
    void this.#refresh([...this.wanted.keys()], retryAt);
  }

  /** Asks over REST now. */
  refresh() {
    return this.#refresh([...this.wanted.keys()]);
  }

  /** @param {string[]} topics @param {number|null} [retryAt] */
  async #refresh(topics, retryAt = null) {
    try {
      await this.around.refresh(topics);
    } catch (error) {
      const locked = /** @type {any} */ (error)?.status === 401;
      if (!this.open && locked) this.around.say({ state: 'locked', since: this.asOf, retryAt });
      return;
    }
    this.asOf = this.around.now();
    if (!this.open) this.around.say({ state: 'polling', since: this.asOf, retryAt });
  }

  /** One tab goes and another comes in the same moment: that is one message. */
  #changed() {
    queueMicrotask(() => this.open && this.#key() !== this.subscribed && this.#subscribe());
  }

  #key() {
    return [...this.wanted.keys()].sort().join();
  }

  #subscribe() {
    this.subscribed = this.#key();
    this.#send({ type: 'subscribe', topics: [...this.wanted.keys()].sort() });
  }

  /** @param {any} message */
  #send(message) {
    this.socket?.send(JSON.stringify(message));
  }
}
