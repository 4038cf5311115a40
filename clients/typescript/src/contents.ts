/** Contents to upload, and checks of what a program gives in place of one. */
import { invalidArgument } from "./errors.js";

/**
 * Bytes to upload. In Node, `openAsBlob` of `node:fs` makes a `Blob` of a file.
 *
 * A text is uploaded itself: it is not the path of a file, and one that looks like a path is refused.
 */
export type Content = Blob | Uint8Array<ArrayBuffer> | string;

/** A picture or array of a data set. */
export interface DatasetImage {
  /** Its name in the data set, such as cat/1.png. */
  readonly item: string;
  readonly content: Content;
  /** The name or the number of its class. */
  readonly label?: string;
}

/** A text of one line that ends as the names of files with weights, pictures or arrays do. */
const PATH =
  /^[^\n"{}]{1,1024}\.(safetensors|pth?|pt2|onnx|png|jpe?g|webp|gif|bmp|tiff?|np[yz]|jsonl?|toml|csv|zip|tar)$/i;
const READING = "in Node, give await openAsBlob(path) of node:fs; in a browser, a File";

/** Throws a ModicumError (INVALID_ARGUMENT) where a content is none, or is a path. */
export function checkContent(content: unknown, argument = "content"): void {
  if (typeof content === "string" && PATH.test(content)) {
    throw invalidArgument(
      `${argument}: expected the content itself, got the path ${JSON.stringify(content)}; ${READING}. ` +
        "For this text as content, give new Blob([text])",
    );
  }
  if (typeof content === "string" || content instanceof Blob || isBytes(content)) return;
  throw invalidArgument(`${argument}: expected a Blob, a Uint8Array or a text, got ${kindOf(content)}; ${READING}`);
}

/** Throws a ModicumError (INVALID_ARGUMENT) where images of a data set are none. */
export function checkImages(images: readonly unknown[]): void {
  if (!Array.isArray(images)) {
    throw invalidArgument(`images: expected an array of { item, content, label }, got ${kindOf(images)}`);
  }
  images.forEach((image: unknown, place) => {
    const { item, content } = (image ?? {}) as Partial<Record<string, unknown>>;
    if (typeof item !== "string") {
      throw invalidArgument(`images[${place}].item: expected a name such as cat/1.png, got ${kindOf(item)}`);
    }
    checkContent(content, `images[${place}].content`);
  });
}

/** Whether it is bytes, also those of another realm, such as a frame. */
function isBytes(content: unknown): boolean {
  return ArrayBuffer.isView(content) || Object.prototype.toString.call(content) === "[object ArrayBuffer]";
}

/** The kind of a value, as a message names it. */
function kindOf(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return value.constructor?.name ?? "object";
}
