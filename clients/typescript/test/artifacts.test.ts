import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { digestOf, upload, uploadImages } from "../src/artifacts.js";
import { BROKEN, problem, scripted } from "./scripted.js";

const CONTENT = "0123456789";
const DIGEST = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/** The reply that the project lacks a digest, or nothing. */
function missing(receivedBytes?: number): Response {
  const found = receivedBytes === undefined ? [] : [{ digest: DIGEST, receivedBytes: String(receivedBytes) }];
  return new Response(JSON.stringify({ missing: found }));
}

/** The bodies and the ranges of the uploads. */
function sent(script: ReturnType<typeof scripted>): Promise<[string, string | null][]> {
  const puts = script.requests.filter((request) => request.method === "PUT");
  return Promise.all(puts.map(async (put) => [await put.text(), put.headers.get("Content-Range")]));
}

test("a digest is that of the bytes", async () => {
  assert.equal(await digestOf(CONTENT), DIGEST);
  assert.equal(await digestOf(new TextEncoder().encode(CONTENT)), DIGEST);
  assert.equal(await digestOf(new Blob(["01234", "56789"])), DIGEST);
});

test("a content of another type is refused before any call, and the error says what to give", async () => {
  const script = scripted();
  for (const [given, says] of [
    [undefined, /^content: expected a Blob, a Uint8Array or a text, got undefined; in Node, give await openAsBlob/],
    [null, /got null/],
    [7, /got number/],
    [{ path: "net.pt" }, /got Object/],
    ["models/net.safetensors", /^content: expected the content itself, got the path "models\/net.safetensors"; in Node/],
    ["C:\\photos\\1.PNG", /got the path/],
  ] as const) {
    await assert.rejects(upload(script.connection, "default", [given as never]), {
      reason: "INVALID_ARGUMENT",
      message: says,
    });
  }
  assert.equal(script.requests.length, 0);
});

test("what are no images are refused before any call, with the place of the mistake", async () => {
  const script = scripted();
  for (const [given, says] of [
    [undefined, /^images: expected an array of { item, content, label }, got undefined$/],
    [[undefined], /^images\[0\].item: expected a name such as cat\/1.png, got undefined$/],
    [[{ item: "a.png", content: "a" }, { item: "b.png" }], /^images\[1\].content: expected a Blob.* got undefined/],
  ] as const) {
    await assert.rejects(uploadImages(script.connection, "default", given as never), {
      reason: "INVALID_ARGUMENT",
      message: says,
    });
  }
  assert.equal(script.requests.length, 0);
});

test("a text that only holds names of files is a content", async () => {
  for (const text of ['{"item": "a.png"}', "a.png\nb.png", "see a.png.", ""]) assert.equal((await digestOf(text)).length, 64);
  assert.equal(await digestOf(new Blob(["a.png"])), await digestOf(new TextEncoder().encode("a.png")));
});

test("a content is sent whole, and not at all if the project has it", async () => {
  const [lacking, having] = [scripted(missing(0)), scripted(missing())];

  assert.deepEqual(await upload(lacking.connection, "default", [CONTENT]), [DIGEST]);
  assert.deepEqual(await upload(having.connection, "default", [CONTENT, CONTENT]), [DIGEST, DIGEST]);

  assert.deepEqual(await sent(lacking), [[CONTENT, null]]);
  assert.deepEqual(await sent(having), []);
});

test("an upload goes on where the server has got to", async () => {
  const truncated = problem(400, "UPLOAD_TRUNCATED");
  const busy = problem(409, "UPLOAD_BUSY", { "Retry-After": "1" });
  const script = scripted(missing(2), BROKEN, missing(4), busy, missing(6), truncated, missing(10));

  await upload(script.connection, "default", [CONTENT]);

  assert.deepEqual(await sent(script), [
    ["23456789", "bytes 2-9/10"],
    ["456789", "bytes 4-9/10"],
    ["6789", "bytes 6-9/10"],
    ["", "bytes */10"],
  ]);
  assert.deepEqual(script.pauses.filter((seconds) => seconds >= 1), [1]);
});

test("an upload that somebody else ended is done", async () => {
  const script = scripted(missing(0), problem(409, "UPLOAD_BUSY"), missing());

  assert.deepEqual(await upload(script.connection, "default", [CONTENT]), [DIGEST]);
});

test("a refusal ends an upload", async () => {
  const script = scripted(missing(0), problem(403, "ROLE_INSUFFICIENT"));

  await assert.rejects(upload(script.connection, "default", [CONTENT]), { reason: "ROLE_INSUFFICIENT" });
});

test("a refusal of one content ends the uploads of all others", async () => {
  const contents = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const digests = await Promise.all(contents.map(digestOf));
  const begun = new Response(JSON.stringify({ missing: digests.map((digest) => ({ digest, receivedBytes: "1" })) }));
  let stopped = 0;
  const untilStopped = (signal: AbortSignal): Promise<Response> =>
    new Promise((resolve, reject) => {
      // one was sent whole just then, all others break off
      const end = (): void => ((stopped += 1) === 1 ? resolve(new Response("{}")) : reject(signal.reason));
      signal.addEventListener("abort", end);
    });
  const uploading = Array<typeof untilStopped>(5).fill(untilStopped);
  const script = scripted(begun, ...uploading, problem(403, "ROLE_INSUFFICIENT"));

  await assert.rejects(upload(script.connection, "default", contents), { reason: "ROLE_INSUFFICIENT" });

  await setImmediate();
  assert.equal(stopped, 5);
  assert.equal((await sent(script)).length, 6);
});

test("a content that changed is refused by name", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "modicum-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "w.bin");
  await writeFile(file, CONTENT);
  const changing = async (): Promise<Response> => {
    await writeFile(file, "another length");
    return missing(0);
  };
  const changed = scripted(changing, BROKEN); // a platform that cannot read the file says that the connection broke
  const differing = scripted(missing(0), problem(422, "DIGEST_MISMATCH"));

  await assert.rejects(upload(changed.connection, "default", [await openAsBlob(file)]), { reason: "SOURCE_CHANGED" });
  await assert.rejects(upload(differing.connection, "default", [CONTENT]), { reason: "SOURCE_CHANGED" });
});
