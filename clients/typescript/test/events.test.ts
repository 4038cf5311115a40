import assert from "node:assert/strict";
import { test } from "node:test";

import { type ServerSentEvent, eventsOf } from "../src/events.js";

/** The events of a stream whose bytes come in these pieces. */
async function eventsIn(...pieces: readonly (string | Uint8Array)[]): Promise<ServerSentEvent[]> {
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
      controller.close();
    },
  });
  const found: ServerSentEvent[] = [];
  for await (const event of eventsOf(stream)) found.push(event);
  return found;
}

test("an event has its id, its kind, its data and when to connect again", async () => {
  const events = await eventsIn('retry: 1500\nid: 7\nevent: audit\ndata: {"a": 1}\n\n');

  assert.deepEqual(events, [{ event: "audit", data: '{"a": 1}', id: "7", retry: 1500 }]);
});

test("comments are no events", async () => {
  assert.deepEqual(await eventsIn(": still there\n\n", "data: x\n\n", ": still there\n\n"), [
    { event: "message", data: "x" },
  ]);
});

test("events come in any pieces, with any ends of lines", async () => {
  const [first, second] = ["id: 1\r\ndata: ä\r\n\r\n", "data: b\rdata: c\r\rdata: d\n\n"];
  const bytes = new TextEncoder().encode(first + second);
  const one = [...bytes].map((byte) => Uint8Array.of(byte));

  const expected = [
    { event: "message", data: "ä", id: "1" },
    { event: "message", data: "b\nc" },
    { event: "message", data: "d" },
  ];
  assert.deepEqual(await eventsIn(bytes), expected);
  assert.deepEqual(await eventsIn(...one), expected);
});

test("an event that breaks off is none", async () => {
  assert.deepEqual(await eventsIn("data: whole\n\n", "data: half\n"), [{ event: "message", data: "whole" }]);
});
