/** Ends what takes too long. */
import { invalidArgument } from "./errors.js";

/** Large contents have time in proportion: what is slower is broken off. */
export const SLOWEST_BYTES_PER_SECOND = 256 * 1024;

/** Eleven days. A timer of a platform fires at once if it is set for more than 24. */
const LONGEST_SECONDS = 1_000_000;

/** A number of seconds that a timer can be set for, or a ModicumError (INVALID_ARGUMENT). */
export function checkedSeconds(seconds: unknown, option: string): number {
  if (typeof seconds === "number" && seconds > 0 && seconds <= LONGEST_SECONDS) return seconds;
  const got = typeof seconds === "string" ? JSON.stringify(seconds) : String(seconds);
  throw invalidArgument(`${option}: expected a number of seconds above 0 and at most 1,000,000, such as 60; got ${got}`);
}

/**
 * A signal that aborts after some seconds, unless it is ended before.
 *
 * It is given to `fetch` itself: Node 20 forgets the signal of a `Request` as soon as it collects that object.
 */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #seconds: number;
  #end = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(seconds: number) {
    this.#seconds = seconds;
    this.restart();
  }

  /** Aborts with this limit, or with the signal of a caller. */
  signalWith(caller: AbortSignal | undefined): AbortSignal {
    const own = this.#controller.signal;
    return caller === undefined ? own : AbortSignal.any([caller, own]);
  }

  /** Whether an error is that the limit was reached. */
  ended(error: unknown): boolean {
    return this.#controller.signal.aborted && error === this.#controller.signal.reason;
  }

  /** Counts the seconds from now on. */
  restart(): void {
    this.#end = Date.now();
    this.extend(this.#seconds);
  }

  /** Gives some seconds more. */
  extend(seconds: number): void {
    this.clear();
    this.#end += seconds * 1000;
    const reached = new Error(`nothing came within ${this.#seconds} s`);
    this.#timer = setTimeout(() => this.#controller.abort(reached), this.#end - Date.now());
  }

  /** Lets the limit be: it aborts nothing any more. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}
