/** When something is tried again, and after how long. */

const FIRST_SECONDS = 0.1;
const LONGEST_SECONDS = 5;

/** For a call to a server that has never replied: about three seconds, so that the caller soon learns of a wrong address. */
export const CALL_ATTEMPTS = 6;
/** For a server that has replied, and for streams: about a minute, the time that a restart takes. */
export const PATIENT_ATTEMPTS = 16;

/** Waits some seconds, or until the signal aborts. */
export type Pause = (seconds: number, signal?: AbortSignal) => Promise<void>;

/** How long to wait after `attempt` attempts (from 1 on) have failed: it doubles, and differs between clients. */
export function backoffSeconds(attempt: number): number {
  return Math.min(FIRST_SECONDS * 2 ** (attempt - 1), LONGEST_SECONDS) * (0.5 + Math.random() / 2);
}

/** Attempts that failed one after the other. */
export class Attempts {
  #failed = 0;
  readonly #most: number;
  readonly #pause: Pause;

  constructor(most: number, pause: Pause) {
    this.#most = most;
    this.#pause = pause;
  }

  /** Forgets what failed: there was progress. */
  beginAnew(): void {
    this.#failed = 0;
  }

  /** Waits for the next attempt after a failure. Throws the failure if it was the last one. */
  async after(failure: unknown, leastSeconds = 0, signal?: AbortSignal): Promise<void> {
    this.#failed += 1;
    if (this.#failed >= this.#most) throw failure;
    await this.#pause(Math.max(leastSeconds, backoffSeconds(this.#failed)), signal);
  }
}

/** Waits by the clock. */
export const pause: Pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", abort, { once: true });
  });
