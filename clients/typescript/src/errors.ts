/** The error of this client, and how it is read from a reply. */
import type { components } from "./contract.js";

type Problem = components["schemas"]["Problem"];

const OK = 200;

/** What was wrong with a field of a request. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** Facts about a failure. `status` is 0 where no reply came. */
export interface Failure {
  readonly reason: string;
  readonly status?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly requestId?: string;
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * Everything that goes wrong with a server. Decide by `reason`; never by the message.
 *
 * Reasons of a server are those of its documentation. This client adds UNREACHABLE, DEADLINE_EXCEEDED, SOURCE_CHANGED,
 * INSECURE_ADDRESS, INVALID_ARGUMENT, NAME_INVALID and NOT_MODICUM.
 */
export class ModicumError extends Error {
  override readonly name = "ModicumError";
  readonly reason: string;
  /** The HTTP status; 0 where no reply came. */
  readonly status: number;
  /** Facts for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  /** The id of the call in the server's log. */
  readonly requestId: string;
  /** After how long the server says to try again; undefined where it says nothing. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, failure: Failure, options?: ErrorOptions) {
    super(message, options);
    this.reason = failure.reason;
    this.status = failure.status ?? 0;
    this.metadata = failure.metadata ?? {};
    this.violations = failure.violations ?? [];
    this.requestId = failure.requestId ?? "";
    this.retryAfterSeconds = failure.retryAfterSeconds;
  }
}

/** The error that a failed response stands for. Reads its body. */
export async function errorOf(response: Response): Promise<ModicumError> {
  const told = retryAfterSeconds(response.headers.get("Retry-After"));
  const text = await response.text().catch(() => "");
  const problem = problemOf(text);
  if (problem !== undefined) return errorOfProblem(problem, told);
  const redirected = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400);
  const answer = redirected ? "a redirect; give the address to which it leads" : `status ${response.status}`;
  return notModicum(answer, { status: response.status, retryAfterSeconds: told });
}

/** The error of an argument, found before anything is sent. */
export function invalidArgument(message: string): ModicumError {
  return new ModicumError(message, { reason: "INVALID_ARGUMENT" });
}

/** The error of a content that is not what was hashed. */
export function sourceChanged(cause: unknown): ModicumError {
  return new ModicumError(
    "the content changed while it was uploaded; upload it again once it is complete",
    { reason: "SOURCE_CHANGED" },
    { cause },
  );
}

/** The error of reading a success as JSON. */
export function errorOfReading(error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return error;
  return notModicum("a reply that is not JSON", { status: OK }, { cause: error });
}

function notModicum(answer: string, facts: Omit<Failure, "reason">, options?: ErrorOptions): ModicumError {
  const message = `no Modicum server replied, but something else: ${answer}; check the address and its port`;
  return new ModicumError(message, { reason: "NOT_MODICUM", ...facts }, options);
}

/** The problem in a text of JSON; undefined if it is none. */
export function problemOf(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isProblem = typeof value === "object" && value !== null && "reason" in value && "detail" in value;
    return isProblem ? (value as Problem) : undefined;
  } catch {
    return undefined;
  }
}

/** The error that a problem tells. */
export function errorOfProblem(problem: Problem, told?: number): ModicumError {
  const violations = problem.violations ?? [];
  const untold = violations.filter((one) => !problem.detail.includes(one.description));
  const message = [problem.detail, ...untold.map((one) => `${one.field}: ${one.description}`)].join("; ");
  return new ModicumError(message, {
    reason: problem.reason,
    status: problem.status,
    metadata: problem.metadata,
    violations,
    requestId: problem.request_id,
    retryAfterSeconds: told,
  });
}

/** The seconds of a `Retry-After`, which holds seconds or a time; undefined without one. */
export function retryAfterSeconds(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const time = Date.parse(header);
  return Number.isNaN(time) ? undefined : Math.max(0, (time - now) / 1000);
}
