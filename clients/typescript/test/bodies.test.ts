import assert from "node:assert/strict";
import { once } from "node:events";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { digestOf, upload } from "../src/artifacts.js";
import { Connection, type ConnectionOptions } from "../src/connection.js";
import { Modicum } from "../src/index.js";
import { scripted } from "./scripted.js";

type Reply = (response: ServerResponse) => void;

const stalling: Reply = (response) => response.writeHead(200, { "Content-Length": 2 }).write("{");
const breaking: Reply = (response) =>
  response.writeHead(200, { "Content-Length": 2 }).write("{", () => response.destroy());
const whole: Reply = (response) => response.end('{"missing": []}');

/** A server that gives these replies in turn, and then the last one again and again. */
async function replying(...replies: [Reply, ...Reply[]]): Promise<AsyncDisposable & { address: string }> {
  const server = createServer((request, response) => {
    request.resume();
    (replies.length > 1 ? (replies.shift() as Reply) : replies[0])(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A connection that does not wait before it tries again. */
function hasty(address: string, options: ConnectionOptions = {}): Connection {
  return new Connection(address, options, async () => undefined);
}

/** A body that comes after a minute and a half. The signal breaks it off, as on a platform. */
function slow(tick: (milliseconds: number) => void, headers: Record<string, string>) {
  return async (signal: AbortSignal): Promise<Response> => {
    const pull = (stream: ReadableStreamDefaultController): void => {
      signal.addEventListener("abort", () => stream.error(signal.reason));
      tick(90_000);
      if (signal.aborted) return;
      stream.enqueue(new TextEncoder().encode("{}"));
      stream.close();
    };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers });
  };
}

test("a body that stalls ends a call at its deadline", async () => {
  await using server = await replying(stalling);
  const connection = hasty(server.address, { timeoutSeconds: 0.2 });

  await assert.rejects(connection.send(new Request(server.address)), { reason: "DEADLINE_EXCEEDED" });
});

test("a large body has more time, by its length", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const tick = (milliseconds: number): void => t.mock.timers.tick(milliseconds);
  const [small, large] = [scripted(slow(tick, {})), scripted(slow(tick, { "Content-Length": String(16 * 2 ** 20) }))];

  await assert.rejects(small.send(), { reason: "DEADLINE_EXCEEDED" });
  assert.equal(await (await large.send()).text(), "{}");
});

test("a caller's abort ends a call whose body stalls, also that of an error", async () => {
  const failing: Reply = (response) => response.writeHead(500, { "Content-Length": 2 }).write("{");
  for (const reply of [stalling, failing]) {
    await using server = await replying(reply);
    const left = new AbortController();
    const leaving = async (request: Request, init: RequestInit): Promise<Response> => {
      const response = await fetch(request, init);
      left.abort(new Error("left"));
      return response;
    };
    const connection = hasty(server.address, { fetch: leaving });

    await assert.rejects(connection.send(new Request(server.address), { signal: left.signal }), { message: "left" });
  }
});

test("a call whose body breaks off is made again where a second execution does no harm", async () => {
  await using server = await replying(breaking, whole);
  await using broken = await replying(breaking);

  const response = await hasty(server.address).send(new Request(server.address));
  assert.deepEqual(await response.json(), { missing: [] });
  const post = new Request(broken.address, { method: "POST" });
  await assert.rejects(hasty(broken.address).send(post), { reason: "UNREACHABLE" });
});

test("an upload goes on after a body that broke off", async () => {
  await using server = await replying(breaking, whole);

  assert.deepEqual(await upload(hasty(server.address), "default", ["text"]), [await digestOf("text")]);
});

test("a success that is not JSON says that no Modicum server is there", async () => {
  await using server = await replying((response) => response.end("<html>"));
  const expected = { reason: "NOT_MODICUM", message: /not JSON/ };

  await assert.rejects(new Modicum(server.address).get("/v1/projects"), expected);
  await assert.rejects(upload(hasty(server.address), "default", ["text"]), expected);
});

test("a reply without a body has none", async () => {
  const response = await scripted(new Response(null, { status: 204 })).send();

  assert.deepEqual([response.status, response.body], [204, null]);
});

test("a body is given as it comes to whoever asks for a stream", async () => {
  await using server = await replying(stalling);
  const path = { project: "default", artifact: await digestOf("text") };

  const body: ReadableStream<Uint8Array> | null = await new Modicum(server.address).get(
    "/v1/projects/{project}/artifacts/{artifact}:download",
    { params: { path }, parseAs: "stream" },
  );

  const reader = body?.getReader();
  assert.equal(new TextDecoder().decode((await reader?.read())?.value), "{");
  await reader?.cancel();
});
