/** Watches an audit. A stream that breaks goes on after the last event that was seen. */
import type { Connection } from "./connection.js";
import type { components } from "./contract.js";
import { ModicumError, errorOfProblem, problemOf } from "./errors.js";
import { eventsOf } from "./events.js";
import { TimeLimit } from "./limits.js";

/** An audit, as the server tells it. */
export type Audit = components["schemas"]["Audit"];

const ENDS: ReadonlySet<Audit["state"]> = new Set(["STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED"]);
/** Failures of a stream that pass: no reply, and what a server says while it starts, stops or has too many watchers. */
const PASSING = new Set([0, 429, 500, 502, 503, 504]);

/** How to watch. */
export interface WatchOptions {
  /** Ends the watch with the signal's reason. */
  readonly signal?: AbortSignal;
  /** A stream without a sign of life for so long is opened again. A server sends one every 15 s. Default: 60. */
  readonly silenceSeconds?: number;
}

/**
 * Yields the audit at every change, until it has ended. Survives broken connections and a restart of the server.
 *
 * Throws the ModicumError of the server, or UNREACHABLE after about a minute without a server.
 */
export async function* watch(
  connection: Connection,
  name: string,
  options: WatchOptions = {},
): AsyncGenerator<Audit, void, undefined> {
  const attempts = connection.patientAttempts();
  let seen: Audit | undefined;
  for (;;) {
    let leastSeconds = 0;
    try {
      const stream = await Stream.opened(connection, name, seen?.sequence, options);
      for await (const event of stream.events()) {
        leastSeconds = (event.retry ?? 0) / 1000;
        const problem = event.event === "problem" ? problemOf(event.data) : undefined;
        if (problem !== undefined) throw errorOfProblem(problem);
        if (event.event !== "audit") continue;
        attempts.beginAnew();
        const audit = JSON.parse(event.data) as Audit;
        if (!isNews(audit, seen)) continue;
        seen = audit;
        yield audit;
      }
      if (stream.isAfterTheEnd || (seen !== undefined && ENDS.has(seen.state))) return;
      throw connection.broken(new Error("the watch was closed before the audit ended"));
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      if (!(error instanceof ModicumError) || !PASSING.has(error.status)) throw error;
      await attempts.after(error, Math.max(leastSeconds, error.retryAfterSeconds ?? 0), options.signal);
    }
  }
}

/** Whether an audit differs from what was seen last. A stream that was opened again may begin with the same. */
function isNews(audit: Audit, seen: Audit | undefined): boolean {
  if (seen === undefined) return true;
  const [now, before] = [BigInt(audit.sequence), BigInt(seen.sequence)];
  if (now !== before) return now > before;
  const waiting = ({ progress }: Audit): string => 
    `${progress?.auditsAhead} ${progress?.waitsForWorker} ${progress?.waitingReason}`;
  return waiting(audit) !== waiting(seen);
}

/** One stream of events, which ends by itself when it is silent for too long. */
class Stream {
  readonly #connection: Connection;
  readonly #response: Response;
  readonly #silence: TimeLimit;

  private constructor(connection: Connection, response: Response, silence: TimeLimit) {
    this.#connection = connection;
    this.#response = response;
    this.#silence = silence;
  }

  static async opened(
    connection: Connection,
    name: string,
    sequence: string | undefined,
    { signal, silenceSeconds = 60 }: WatchOptions,
  ): Promise<Stream> {
    const silence = new TimeLimit(silenceSeconds);
    const request = new Request(`${connection.address}/v1/${name}:watch`, {
      headers: { Accept: "text/event-stream", ...(sequence === undefined ? {} : { "Last-Event-ID": sequence }) },
      cache: "no-store",
    });
    try {
      return new Stream(connection, await connection.once(request, silence.signalWith(signal)), silence);
    } catch (error) {
      silence.clear();
      throw silence.ended(error) ? connection.broken(error) : error;
    }
  }

  /** Whether the event that was seen last was the audit's end. */
  get isAfterTheEnd(): boolean {
    return this.#response.body === null;
  }

  async *events(): ReturnType<typeof eventsOf> {
    try {
      if (this.#response.body !== null) yield* eventsOf(this.#response.body, () => this.#silence.restart());
    } catch (error) {
      throw this.#connection.broken(error);
    } finally {
      this.#silence.clear();
    }
  }
}
