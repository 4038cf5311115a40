import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection, type Fetch } from "../src/connection.js";
import { ModicumError, retryAfterSeconds } from "../src/errors.js";
import { CALL_ATTEMPTS, PATIENT_ATTEMPTS } from "../src/retrying.js";
import { ADDRESS, BROKEN, problem, scripted } from "./scripted.js";

const KEY = { "Idempotency-Key": "00000000-0000-4000-8000-000000000001" };

function failing(reason: string): (error: unknown) => boolean {
  return (error) => error instanceof ModicumError && error.reason === reason;
}

test("a request carries the token", async () => {
  const script = scripted();

  await script.send();

  assert.equal(script.requests[0]?.headers.get("Authorization"), "Bearer secret");
});

test("a wrong address or token is refused before any call, and the token is not shown", () => {
  for (const address of ["127.0.0.1:7481", "localhost:7481", "ftp://modicum.example", "https://", ""]) {
    assert.throws(() => new Connection(address), failing("INVALID_ARGUMENT"), address);
  }
  assert.throws(
    () => new Connection(ADDRESS, { token: "secret\nsecret" }),
    (error) =>
      error instanceof ModicumError &&
      error.reason === "INVALID_ARGUMENT" &&
      error.message.includes("as character 7") &&
      !error.message.includes("secret"),
  );
});

test("a timeout that no timer can hold is refused before any call", () => {
  for (const timeoutSeconds of [0, -1, NaN, Infinity, 2_147_484, "60"]) {
    assert.throws(() => new Connection(ADDRESS, { timeoutSeconds: timeoutSeconds as number }), (error) => {
      assert(failing("INVALID_ARGUMENT")(error));
      assert.match(String(error), /timeoutSeconds: expected a number of seconds above 0 and at most 1,000,000/);
      return true;
    });
  }
});

test("a problem is an error with its reason, facts, fields and request id", async () => {
  const violations = [{ field: "pageSize", description: "expected a number" }];
  const script = scripted(problem(400, "FIELD_INVALID", {}, { metadata: { field: "pageSize" }, violations }));

  await assert.rejects(script.send(), (error) => {
    assert(error instanceof ModicumError);
    assert.deepEqual([error.reason, error.status, error.requestId], ["FIELD_INVALID", 400, "call-1"]);
    assert.deepEqual([error.metadata, error.violations], [{ field: "pageSize" }, violations]);
    assert.equal(error.message, "the detail; pageSize: expected a number");
    return true;
  });
  assert.equal(script.requests.length, 1);
});

test("a server that is too busy is asked again after the time that it says, whatever the method", async () => {
  for (const method of ["GET", "POST"]) {
    const busy = () => problem(429, "SHARE_EXCEEDED", { "Retry-After": "7" });
    const script = scripted(busy(), busy());

    await script.send(method);

    assert.deepEqual(script.pauses, [7, 7]);
  }
});

test("a time to wait beyond the deadline fails at once, and the error tells it", async () => {
  const script = scripted(problem(429, "PROJECT_FULL", { "Retry-After": "3600" }));

  await assert.rejects(script.send(), (error) => error instanceof ModicumError && error.retryAfterSeconds === 3600);
  assert.deepEqual(script.pauses, []);
});

test("what broke is sent again where a second execution does no harm", async () => {
  for (const [method, headers] of [["GET", {}], ["DELETE", {}], ["POST", KEY]] as const) {
    const script = scripted(BROKEN, problem(503, "UNAVAILABLE", { "Retry-After": "1" }));

    assert.equal((await script.send(method, headers)).status, 200);

    assert.equal(script.requests.length, 3);
  }
});

test("what broke is not sent again where a second execution might do harm", async () => {
  for (const [reply, reason] of [[BROKEN, "UNREACHABLE"], [problem(503, "UNAVAILABLE"), "UNAVAILABLE"]] as const) {
    const script = scripted(reply);

    await assert.rejects(script.send("POST"), failing(reason));

    assert.equal(script.requests.length, 1);
  }
});

test("a body is sent whole with each attempt", async () => {
  const script = scripted(BROKEN);

  await script.connection.send(
    new Request(`${ADDRESS}/v1/projects`, { method: "POST", body: "{}", headers: KEY }),
  );

  assert.deepEqual(await Promise.all(script.requests.map((request) => request.text())), ["{}", "{}"]);
});

test("a server that never replied is given up sooner than one that may be restarting", async () => {
  const dead = scripted(...Array<Error>(PATIENT_ATTEMPTS).fill(BROKEN));
  await assert.rejects(dead.send(), failing("UNREACHABLE"));
  assert.equal(dead.requests.length, CALL_ATTEMPTS);

  const restarting = scripted(new Response("{}"), ...Array<Error>(PATIENT_ATTEMPTS).fill(BROKEN));
  await restarting.send();
  await assert.rejects(restarting.send(), failing("UNREACHABLE"));
  assert.equal(restarting.requests.length, 1 + PATIENT_ATTEMPTS);
});

test("a lost reply to a deletion is no error, but deleting what is not there is one", async () => {
  await scripted(BROKEN, problem(404, "MODEL_NOT_FOUND")).send("DELETE");

  await assert.rejects(scripted(problem(404, "MODEL_NOT_FOUND")).send("DELETE"), failing("MODEL_NOT_FOUND"));
});

test("a caller's abort and the deadline end a call with different errors", async () => {
  const never: Fetch = (_, { signal }) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const slow = new Connection(ADDRESS, { fetch: never, timeoutSeconds: 0.01 });
  const patient = new Connection(ADDRESS, { fetch: never });
  const left = new AbortController();
  const request = (signal: AbortSignal | null) => new Request(`${ADDRESS}/v1/projects`, { signal });

  await assert.rejects(slow.send(request(null)), failing("DEADLINE_EXCEEDED"));
  const ended = assert.rejects(patient.send(request(left.signal)), { message: "left" });
  left.abort(new Error("left"));
  await ended;
});

test("a reply without a problem document means that no Modicum server is there", async () => {
  const page = new Response("<html>", { status: 502 });
  const redirect = new Response(null, { status: 302, headers: { Location: "https://modicum.example" } });

  await assert.rejects(scripted(page).send(), { reason: "NOT_MODICUM", message: /status 502; check the address/ });
  await assert.rejects(scripted(redirect).send(), { reason: "NOT_MODICUM", message: /a redirect/ });
});

test("a token does not cross a network unencrypted unless the caller says so", () => {
  const far = "http://modicum.example:7401";

  assert.throws(() => new Connection(far, { token: "t" }), failing("INSECURE_ADDRESS"));
  for (const address of ["https://modicum.example", "http://127.0.0.1:7401", "http://[::1]:7401"]) {
    assert.doesNotThrow(() => new Connection(address, { token: "t" }));
  }
  assert.doesNotThrow(() => new Connection(far, { token: "t", insecure: true }));
  assert.doesNotThrow(() => new Connection(far));
});

test("Retry-After holds seconds or a time", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");

  assert.equal(retryAfterSeconds("12", now), 12);
  assert.equal(retryAfterSeconds("Thu, 01 Jan 2026 00:00:30 GMT", now), 30);
  assert.equal(retryAfterSeconds("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
  for (const header of [null, "soon"]) assert.equal(retryAfterSeconds(header, now), undefined);
});

test("an unreachable server is reported with the cause, and in a page also with what its origin needs", (context) => {
  const refused = new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
  const connection = new Connection(ADDRESS);
  assert.match(connection.broken(refused).message, /\(ECONNREFUSED\): check that it runs there$/);

  const before = Object.getOwnPropertyDescriptor(globalThis, "location");
  context.after(() => {
    Reflect.deleteProperty(globalThis, "location");
    if (before !== undefined) Object.defineProperty(globalThis, "location", before);
  });
  Object.defineProperty(globalThis, "location", { value: { origin: "https://page.example" }, configurable: true });
  assert.match(connection.broken(refused).message, /MODICUM_CORS_ORIGINS names .*origin, https:\/\/page\.example$/);
});
