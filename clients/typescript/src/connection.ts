/** Sends requests: with the token, and again where that makes sense. */
import { ModicumError, errorOf, errorOfReading, invalidArgument } from "./errors.js";
import { SLOWEST_BYTES_PER_SECOND, TimeLimit, checkedSeconds } from "./limits.js";
import { Attempts, CALL_ATTEMPTS, PATIENT_ATTEMPTS, type Pause, pause } from "./retrying.js";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
const ALWAYS_REPEATABLE = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const TOO_MANY = 429;
const UNAVAILABLE = 503;
const NOT_FOUND = 404;

function isRepeatable(request: Request): boolean {
  return ALWAYS_REPEATABLE.has(request.method) || request.headers.has("Idempotency-Key");
}

/** Sends a request, with headers and a signal in place of its own. */
export type Fetch = (request: Request, init: RequestInit) => Promise<Response>;

interface SendOptions {
  /** Whether a second execution does no harm. Default: by the method and the Idempotency-Key. */
  readonly repeatable?: boolean;
  /** Ends the call with the signal's reason. Default: the request's own. */
  readonly signal?: AbortSignal | undefined;
  /** Return before the body has come. Whoever reads it sets its time limit. */
  readonly streamed?: boolean;
}

/** How to reach a server. */
export interface ConnectionOptions {
  /** The token; without one, only what is open to everybody can be called. */
  readonly token?: string;
  /**
   * How long a call may take, with all its attempts. Default: 60. A reply of known length has a second more for each
   * 256 KiB. Uploads, watches and streams take as long as they need.
   */
  readonly timeoutSeconds?: number;
  /** Send the token over plain HTTP to another machine, because the network is trusted. */
  readonly insecure?: boolean;
  /** What sends a request. Default: the `fetch` of the platform. */
  readonly fetch?: Fetch;
}

function parsedAddress(address: string): URL {
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return new URL(address);
  throw invalidArgument(`address: expected one such as https://modicum.example:7401; got ${JSON.stringify(address)}`);
}

/** The token, if a header can carry it. The message shows at most one character of it. */
function checkedToken(token: string): string {
  const strange = /[^!-~]/u.exec(token);
  if (strange === null) return token;
  const found = `${JSON.stringify(strange[0])} as character ${strange.index + 1}`;
  throw invalidArgument(`token: expected visible ASCII characters, without spaces and line breaks; got ${found}`);
}

/** What the platform says of a broken connection, such as (ECONNREFUSED). A browser says nothing of use. */
function causeOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code: unknown = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? ` (${code})` : "";
}

/** What a page of another origin needs. A browser does not tell a refused origin from a server that is not there. */
function originAdvice(address: string): string {
  const { origin } = (globalThis as { location?: { origin?: string } }).location ?? {};
  if (origin === undefined || origin === new URL(address).origin) return "";
  return `, and that its MODICUM_CORS_ORIGINS names this page's origin, ${origin}`;
}

/** A server at an address such as https://modicum.example:7401. Nothing is sent before the first call. */
export class Connection {
  readonly address: string;
  readonly timeoutSeconds: number;
  readonly pause: Pause;
  readonly #token: string;
  readonly #fetch: Fetch;
  /** A request lives as long as its response, or Node 20 would forget its signal. */
  readonly #requests = new WeakMap<Response, Request>();
  #replied = false;

  /**
   * Throws a ModicumError if the token would cross a network unencrypted (INSECURE_ADDRESS), or if the address,
   * the token or the timeout is not one (INVALID_ARGUMENT). No message shows the token.
   */
  constructor(address: string, options: ConnectionOptions = {}, paused: Pause = pause) {
    const { protocol, hostname } = parsedAddress(address);
    this.#token = checkedToken(options.token?.trim() ?? "");
    if (protocol === "http:" && this.#token && !LOOPBACK.test(hostname) && !options.insecure) {
      throw new ModicumError(
        `the token would be sent unencrypted to ${hostname}: use https://, or set insecure if you trust the network`,
        { reason: "INSECURE_ADDRESS" },
      );
    }
    this.address = address.replace(/\/+$/, "");
    this.timeoutSeconds = checkedSeconds(options.timeoutSeconds ?? 60, "timeoutSeconds");
    this.pause = paused;
    this.#fetch = options.fetch ?? ((request, init) => fetch(request, init));
  }

  /** Attempts at something that goes on where it broke. */
  patientAttempts(): Attempts {
    return new Attempts(PATIENT_ATTEMPTS, this.pause);
  }

  /**
   * Sends a request until there is a success, whose body has come whole.
   *
   * It is sent again if the server was too busy and says when to come back. It is also sent again if the connection
   * broke or the server stopped, and a second execution does no harm: a POST then needs an Idempotency-Key.
   */
  async send(request: Request, options: SendOptions = {}): Promise<Response> {
    const { repeatable = isRepeatable(request), signal: caller = request.signal, streamed = false } = options;
    const deadline = Date.now() + this.timeoutSeconds * 1000;
    const limit = new TimeLimit(this.timeoutSeconds);
    const signal = limit.signalWith(caller);
    const attempts = new Attempts(this.#replied ? PATIENT_ATTEMPTS : CALL_ATTEMPTS, this.pause);
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const response = await this.once(request.clone(), signal);
          this.#requests.set(response, request);
          return streamed ? response : await this.#whole(response, signal, limit);
        } catch (error) {
          if (!(error instanceof ModicumError)) throw error;
          if (request.method === "DELETE" && error.status === NOT_FOUND && attempt > 1) return new Response("{}");
          const told = error.status === TOO_MANY ? error.retryAfterSeconds : undefined;
          const broke = error.status === 0 || error.status === UNAVAILABLE;
          if (told === undefined && !(broke && repeatable)) throw error;
          if (Date.now() + (told ?? 0) * 1000 >= deadline) throw error;
          await attempts.after(error, told, signal);
        }
      }
    } catch (error) {
      throw limit.ended(error) ? this.#late(error) : error;
    } finally {
      limit.clear();
    }
  }

  /** Sends a request as `send` does, and reads the reply as JSON. */
  async json<Reply>(request: Request, options: SendOptions = {}): Promise<Reply> {
    const response = await this.send(request, options);
    try {
      return (await response.json()) as Reply;
    } catch (error) {
      throw errorOfReading(error);
    }
  }

  /**
   * Sends a request once, and uses up its body: a copy of it would be held in memory.
   *
   * Throws a ModicumError for every reply other than a success, and one with UNREACHABLE if no reply came.
   */
  async once(request: Request, signal: AbortSignal): Promise<Response> {
    const headers = new Headers(request.headers);
    if (this.#token) headers.set("Authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await this.#fetch(request, { headers, signal, redirect: "manual" });
    } catch (error) {
      throw signal.aborted ? signal.reason : this.broken(error);
    }
    this.#replied = true;
    if (response.ok) return response;
    const error = await errorOf(response);
    throw signal.aborted ? signal.reason : error;
  }

  /** The response with its whole body. A large body has more time. */
  async #whole(response: Response, signal: AbortSignal, limit: TimeLimit): Promise<Response> {
    if (response.body === null) return response;
    limit.extend(Number(response.headers.get("Content-Length")) / SLOWEST_BYTES_PER_SECOND);
    try {
      return new Response(await response.blob(), response);
    } catch (error) {
      throw signal.aborted ? signal.reason : this.broken(error);
    }
  }

  /** The error of a connection that broke, or that was never made. */
  broken(cause: unknown): ModicumError {
    const why = causeOf(cause);
    const advice = `check that it runs there${originAdvice(this.address)}`;
    const message = `no Modicum server can be reached at ${this.address}${why}: ${advice}`;
    return new ModicumError(message, { reason: "UNREACHABLE" }, { cause });
  }

  #late(cause: unknown): ModicumError {
    const message = `${this.address} did not reply within ${this.timeoutSeconds} s`;
    return new ModicumError(message, { reason: "DEADLINE_EXCEEDED" }, { cause });
  }
}
