/** Uploads of artifacts: what the server lacks is sent, and goes on where it broke. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { Connection } from "./connection.js";
import { type Content, type DatasetImage, checkContent, checkImages } from "./contents.js";
import type { components } from "./contract.js";
import { ModicumError, sourceChanged } from "./errors.js";
import { SLOWEST_BYTES_PER_SECOND, TimeLimit } from "./limits.js";
import { batchesOf, sendTogether } from "./small-uploads.js";

type Missing = components["schemas"]["FindMissingArtifactsResponse"];

const AT_ONCE = 6; // as many connections as a browser opens to a server
const DIGESTS_A_REQUEST = 5_000;
/** Reasons after which an upload goes on where the server has got to. */
const RESUMABLE = new Set(["UPLOAD_BUSY", "UPLOAD_INVALID", "UPLOAD_TRUNCATED"]);
const PASSING = new Set([0, 429, 500, 502, 503, 504]);

/** The SHA-256 of a content, in hexadecimal digits. */
export async function digestOf(content: Content): Promise<string> {
  checkContent(content);
  const hash = sha256.create();
  const reader = blobOf(content).stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytesToHex(hash.digest());
    hash.update(value);
  }
}

/** Uploads contents that the project lacks, and returns their digests in order. */
export async function upload(
  connection: Connection,
  project: string,
  contents: readonly Content[],
  signal?: AbortSignal,
): Promise<string[]> {
  const digests: string[] = [];
  for (const content of contents) digests.push(await digestOf(content)); // one after the other: memory stays small
  const byDigest = new Map(digests.map((digest, place) => [digest, blobOf(contents[place] ?? "")]));
  const missing = await findMissing(connection, project, [...byDigest.keys()], signal);
  const blobOfDigest = (digest: string): Blob => byDigest.get(digest) ?? new Blob();
  const lacking = [...missing].map(([digest, offset]) => ({ digest, offset, blob: blobOfDigest(digest) }));
  await eachAtOnce(batchesOf(lacking), signal, async (batch, ending) => {
    if (batch.length > 1 && (await sendTogether(connection, project, batch, ending))) return;
    for (const { digest, offset, blob } of batch) {
      await sendResuming(connection, project, blob, { digest, offset, signal: ending });
    }
  });
  return digests;
}

/** Does something with each item, some at once. The first failure ends all others, by the signal that they get. */
async function eachAtOnce<Item>(
  items: readonly Item[],
  signal: AbortSignal | undefined,
  act: (item: Item, ending: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const failed = new AbortController();
  const ending = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const actOnSome = async (): Promise<void> => {
    try {
      for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await act(item, ending);
    } catch (error) {
      waiting.length = 0;
      failed.abort();
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, actOnSome));
}

/** Uploads images and a manifest of them, and returns the manifest's digest, of which a data set is made. */
export async function uploadImages(
  connection: Connection,
  project: string,
  images: readonly DatasetImage[],
  signal?: AbortSignal,
): Promise<string> {
  checkImages(images);
  const contents = images.map((image) => image.content);
  const digests = await upload(connection, project, contents, signal);
  const rows = images.map(({ item, label }, place) => ({ item, image: digests[place], ...(label ? { label } : {}) }));
  const manifest = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const [digest = ""] = await upload(connection, project, [manifest], signal);
  return digest;
}

/** The digests that the project lacks, each with the bytes that a broken upload left. */
async function findMissing(
  connection: Connection,
  project: string,
  digests: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let start = 0; start < digests.length; start += DIGESTS_A_REQUEST) {
    const request = new Request(`${connection.address}/v1/projects/${project}/artifacts:findMissing`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ digests: digests.slice(start, start + DIGESTS_A_REQUEST) }),
    });
    const { missing } = await connection.json<Missing>(request, { repeatable: true, signal });
    for (const one of missing) found.set(one.digest, Number(one.receivedBytes));
  }
  return found;
}

interface Sending {
  readonly digest: string;
  readonly offset: number;
  readonly signal: AbortSignal | undefined;
}

async function sendResuming(connection: Connection, project: string, blob: Blob, sending: Sending): Promise<void> {
  const attempts = connection.patientAttempts();
  let { offset } = sending;
  for (;;) {
    try {
      await send(connection, project, blob, { ...sending, offset });
      return;
    } catch (error) {
      if (!(error instanceof ModicumError)) throw error;
      if (error.reason === "DIGEST_MISMATCH") throw sourceChanged(error);
      if (!RESUMABLE.has(error.reason) && !PASSING.has(error.status)) throw error;
      await requireReadable(blob);
      await attempts.after(error, error.retryAfterSeconds, sending.signal);
    }
    const missing = await findMissing(connection, project, [sending.digest], sending.signal);
    const resumed = missing.get(sending.digest);
    if (resumed === undefined) return;
    if (resumed > offset) attempts.beginAnew();
    offset = resumed;
  }
}

async function send(connection: Connection, project: string, blob: Blob, sending: Sending): Promise<void> {
  const { digest, offset } = sending;
  const left = blob.size - offset;
  const range = left > 0 ? `bytes ${offset}-${blob.size - 1}/${blob.size}` : `bytes */${blob.size}`;
  const limit = new TimeLimit(connection.timeoutSeconds + left / SLOWEST_BYTES_PER_SECOND);
  const request = new Request(`${connection.address}/v1/projects/${project}/artifacts/${digest}`, {
    method: "PUT",
    headers: offset > 0 ? { "Content-Range": range } : {},
    body: blob.slice(offset),
  });
  try {
    await connection.once(request, limit.signalWith(sending.signal));
  } catch (error) {
    throw limit.ended(error) ? connection.broken(error) : error;
  } finally {
    limit.clear();
  }
}

/** Throws if a file behind the blob was changed or deleted: a platform then reports a broken connection. */
async function requireReadable(blob: Blob): Promise<void> {
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch (error) {
    throw sourceChanged(error);
  }
}

function blobOf(content: Content): Blob {
  return content instanceof Blob ? content : new Blob([content]);
}
