import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf, upload } from "../src/artifacts.js";
import { BROKEN, problem, scripted } from "./scripted.js";

const SMALL_BYTES = 128 * 1024;

/** The reply that the project lacks contents, of which the server has some bytes. */
async function lacking(contents: readonly (Blob | string)[], receivedBytes = 0): Promise<Response> {
  const digests = await Promise.all(contents.map(digestOf));
  const missing = digests.map((digest) => ({ digest, receivedBytes: String(receivedBytes) }));
  return new Response(JSON.stringify({ missing }));
}

/** What went up together, call by call, and how many contents went up by themselves. */
async function sent(script: ReturnType<typeof scripted>): Promise<[together: string[][], alone: number]> {
  const calls = script.requests.filter((request) => request.url.endsWith("/artifacts:uploadSmall"));
  const bodies = (await Promise.all(calls.map((call) => call.json()))) as { contents: string[] }[];
  const together = bodies.map(({ contents }) => contents.map(atob).sort());
  return [together, script.requests.filter((request) => request.method === "PUT").length];
}

/** A content of that many bytes. */
function ofBytes(bytes: number, first: string): Blob {
  return new Blob([first.padEnd(bytes, "\xff")]).slice(0, bytes);
}

test("small contents go up together", async () => {
  const contents = ["a", "b\u{e4}", ""];
  const script = scripted(await lacking(contents));

  assert.deepEqual(await upload(script.connection, "default", contents), await Promise.all(contents.map(digestOf)));

  assert.deepEqual(await sent(script), [[["", "a", "b\xc3\xa4"]], 0]);
});

test("a call has at most 256 contents and one MiB", async () => {
  const many = Array.from({ length: 257 }, (_, number) => String(number));
  const large = Array.from({ length: 10 }, (_, number) => ofBytes(SMALL_BYTES, String(number)));

  for (const [contents, sizes, alone] of [[many, [256], 1], [large, [8, 2], 0]] as const) {
    const script = scripted(await lacking(contents));
    await upload(script.connection, "default", contents);

    const [together, others] = await sent(script);
    assert.deepEqual([together.map((call) => call.length).sort((one, other) => other - one), others], [sizes, alone]);
  }
});

test("what is large, single or was begun goes up by itself", async () => {
  const large = ["0", "1"].map((first) => ofBytes(SMALL_BYTES + 1, first));
  for (const [contents, received] of [[large, 0], [["a"], 0], [["ab", "cd"], 1]] as const) {
    const script = scripted(await lacking(contents, received));

    await upload(script.connection, "default", contents);

    assert.deepEqual(await sent(script), [[], contents.length]);
  }
});

test("a call that broke is made again", async () => {
  const script = scripted(await lacking(["a", "b"]), BROKEN);

  await upload(script.connection, "default", ["a", "b"]);

  assert.deepEqual(await sent(script), [[["a", "b"], ["a", "b"]], 0]);
});

test("a server of a release without such calls gets one content after the other", async () => {
  const script = scripted(await lacking(["a", "b"]), problem(404, "PATH_UNKNOWN"));

  await upload(script.connection, "default", ["a", "b"]);

  assert.deepEqual(await sent(script), [[["a", "b"]], 2]);
});

test("a call that is refused ends the upload", async () => {
  const script = scripted(await lacking(["a", "b"]), problem(403, "ROLE_INSUFFICIENT"));

  await assert.rejects(upload(script.connection, "default", ["a", "b"]), { reason: "ROLE_INSUFFICIENT" });
});

test("a small content that changed is not sent", async () => {
  const changing = new Blob(["a"]);
  const script = scripted(async () => {
    changing.arrayBuffer = () => new Blob(["c"]).arrayBuffer();
    return lacking(["a", "b"]);
  });

  await assert.rejects(upload(script.connection, "default", [changing, "b"]), { reason: "SOURCE_CHANGED" });

  assert.deepEqual(await sent(script), [[], 0]);
});
