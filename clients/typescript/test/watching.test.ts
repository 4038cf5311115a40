import assert from "node:assert/strict";
import { test } from "node:test";

import { type Audit, type WatchOptions, watch } from "../src/watching.js";
import { BROKEN, problem, scripted } from "./scripted.js";

const NAME = "projects/default/audits/first";

/** The event of an audit. */
function event(sequence: number, state = "RUNNING", auditsAhead?: number): string {
  const audit = { name: NAME, sequence: String(sequence), state: `STATE_${state}`, progress: { auditsAhead } };
  return `event: audit\nid: ${sequence}\ndata: ${JSON.stringify(audit)}\n\n`;
}

/** The event with which a server ends a stream. */
async function ending(status: number, reason: string): Promise<string> {
  return `retry: 1500\nevent: problem\ndata: ${await problem(status, reason).text()}\n\n`;
}

/** What a watch yields: the sequence and the state of each audit. */
async function seen(script: ReturnType<typeof scripted>, options?: WatchOptions): Promise<string[]> {
  const found: string[] = [];
  const line = ({ sequence, state }: Audit): string => `${sequence} ${state.replace("STATE_", "")}`;
  for await (const audit of watch(script.connection, NAME, options)) found.push(line(audit));
  return found;
}

test("a watch that was closed early goes on after the last event", async () => {
  const script = scripted(
    new Response(event(3) + event(4)),
    BROKEN,
    new Response(event(4) + event(5, "SUCCEEDED")),
  );

  assert.deepEqual(await seen(script), ["3 RUNNING", "4 RUNNING", "5 SUCCEEDED"]);
  assert.deepEqual(script.requests.map((request) => request.headers.get("Last-Event-ID")), [null, "4", "4"]);
  assert.deepEqual(script.requests.map((request) => request.headers.get("Authorization")).at(-1), "Bearer secret");
});

test("a watch that broke after the end ends", async () => {
  const lost = scripted(new Response(event(7)), new Response(null, { status: 204 }));

  assert.deepEqual(await seen(lost), ["7 RUNNING"]);
});

test("news of a queued audit come without a new sequence", async () => {
  const script = scripted(
    new Response(event(1, "QUEUED", 2) + event(1, "QUEUED", 1)),
    new Response(event(1, "QUEUED", 1) + event(2, "CANCELLED")),
  );

  assert.deepEqual(await seen(script), ["1 QUEUED", "1 QUEUED", "2 CANCELLED"]);
});

test("a server that stops is asked again after the time that it says", async () => {
  const script = scripted(
    new Response(event(1) + (await ending(503, "SERVER_STOPPING"))),
    problem(429, "TOO_MANY_WATCHERS", { "Retry-After": "5" }),
    new Response(event(2, "FAILED")),
  );

  assert.deepEqual(await seen(script), ["1 RUNNING", "2 FAILED"]);
  assert.deepEqual(script.pauses, [1.5, 5]);
});

test("a refusal ends a watch", async () => {
  const script = scripted(new Response(event(1) + (await ending(401, "TOKEN_INVALID"))));

  await assert.rejects(seen(script), { reason: "TOKEN_INVALID" });
  assert.equal(script.requests.length, 1);
});

test("a stream that is silent is opened again", async () => {
  const silent = async (signal: AbortSignal): Promise<Response> => {
    const start = (stream: ReadableStreamDefaultController): void => {
      stream.enqueue(new TextEncoder().encode(event(1)));
      signal.addEventListener("abort", () => stream.error(signal.reason)); // as a platform does
    };
    return new Response(new ReadableStream({ start }));
  };
  const script = scripted(silent, new Response(event(2, "SUCCEEDED")));

  assert.deepEqual(await seen(script, { silenceSeconds: 0.01 }), ["1 RUNNING", "2 SUCCEEDED"]);
});
