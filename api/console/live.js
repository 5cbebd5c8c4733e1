/**
 * The live feed: one EventSource for the whole page.
 *
 * The browser reconnects by itself after a broken connection, but not after an error status, nor
 * when a connection is half dead. Both are handled here, and every change is told to `onState`.
 */

const STALE_MS = 15_000; // counters come about once a second; this long without a word is no feed
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000];
const EVENTS = ["reading", "anomaly", "retracted", "counters", "gap", "device"];

/** Open the feed and keep it open for as long as the page lives. */
export class Live {
  #source = null;
  #heard = 0;
  #attempt = 0;
  #opened = false;
  #timer = null;

  /**
   * on       maps an event's name to what is done with its data
   * onState  gets (state, since ms): "connecting", "open", "reconnecting" or "stalled"
   * staleMs  without a word for so long the feed counts as dead; one without counters may be quiet
   * onAgain  is called when the feed is back after a loss: what came meanwhile was not seen
   */
  constructor({ path, on, onState, onAgain, clock = Date.now, staleMs = STALE_MS }) {
    Object.assign(this, { path, on, onState, onAgain, clock, staleMs });
    this.state = "connecting";
    this.since = clock();
  }

  start() {
    this.#open();
    setInterval(() => this.#watch(), 1000);
    addEventListener("pagehide", () => this.#source?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#open());
  }

  #open() {
    this.#source?.close();
    clearTimeout(this.#timer);
    this.#heard = this.clock();
    const source = new EventSource(this.path);
    this.#source = source;
    source.onopen = () => this.#onOpen();
    source.onerror = () => this.#onError(source);
    for (const name of EVENTS) source.addEventListener(name, (event) => this.#onEvent(name, event));
  }

  #onOpen() {
    const again = this.#opened;
    this.#opened = true;
    this.#attempt = 0;
    this.#heard = this.clock();
    this.#become("open");
    if (again) this.onAgain();
  }

  #onError(source) {
    if (source !== this.#source) return;
    if (this.state !== "stalled") this.#become(this.#opened ? "reconnecting" : "connecting");
    if (source.readyState !== EventSource.CLOSED) return;
    const pause = PAUSES_MS[Math.min(this.#attempt, PAUSES_MS.length - 1)];
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#open(), pause);
  }

  #onEvent(name, event) {
    this.#heard = this.clock();
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      console.warn(`live feed: an event "${name}" is not JSON and was skipped`);
      return;
    }
    this.on[name](data);
  }

  #watch() {
    if (this.#source?.readyState === EventSource.OPEN && this.clock() - this.#heard > this.staleMs) {
      this.#become("stalled");
      this.#open();
    }
    if (this.state !== "open") this.onState(this.state, this.since);
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = this.clock();
    this.onState(state, this.since);
  }
}
