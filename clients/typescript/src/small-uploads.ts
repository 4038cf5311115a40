/** Uploads of small contents, many in one call, so that what a call costs beside its bytes is paid once. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { Connection } from "./connection.js";
import { ModicumError, sourceChanged } from "./errors.js";

/** A content that a project lacks. */
export interface Lacking {
  readonly digest: string;
  /** How much of it the server has. */
  readonly offset: number;
  readonly blob: Blob;
}

const SMALL_BYTES = 128 * 1024;
const TOGETHER_BYTES = 1024 * 1024; // the server takes twice the bytes
const MOST_TOGETHER = 256;
/** An older server has no such calls, and a slow network needs the time that a content has by itself. */
const BETTER_ALONE = new Set(["PATH_UNKNOWN", "DEADLINE_EXCEEDED"]);
const BYTES_A_PIECE = 8192; // as many arguments as every platform takes

/** Divides contents into those of one call each. A large one, or one that was begun, has a call for itself. */
export function batchesOf(contents: readonly Lacking[]): Lacking[][] {
  const batches: Lacking[][] = [];
  let batch: Lacking[] = [];
  let size = 0;
  for (const content of contents) {
    if (content.offset > 0 || content.blob.size > SMALL_BYTES) {
      batches.push([content]);
      continue;
    }
    if (batch.length === MOST_TOGETHER || size + content.blob.size > TOGETHER_BYTES) {
      batches.push(batch);
      [batch, size] = [[], 0];
    }
    batch.push(content);
    size += content.blob.size;
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}

/** Sends small contents in one call. False if each must be sent by itself. */
export async function sendTogether(
  connection: Connection,
  project: string,
  batch: readonly Lacking[],
  signal: AbortSignal,
): Promise<boolean> {
  const contents = (await Promise.all(batch.map(unchanged))).map(base64Of);
  const request = new Request(`${connection.address}/v1/projects/${project}/artifacts:uploadSmall`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ contents }),
  });
  try {
    await connection.send(request, { repeatable: true, signal });
    return true;
  } catch (error) {
    if (error instanceof ModicumError && BETTER_ALONE.has(error.reason)) return false;
    throw error;
  }
}

/** The bytes of a content, which must be what they were when they were hashed. */
async function unchanged({ blob, digest }: Lacking): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw sourceChanged(error);
  }
  if (bytesToHex(sha256(bytes)) !== digest) throw sourceChanged(new Error(`expected the digest ${digest}`));
  return bytes;
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += BYTES_A_PIECE) {
    text += String.fromCharCode(...bytes.subarray(start, start + BYTES_A_PIECE));
  }
  return btoa(text);
}
