/** The client: every operation of the contract by its path, and beside them uploads and watches. */
import createClient, { type FetchResponse, type MaybeOptionalInit } from "openapi-fetch";

import { upload, uploadImages } from "./artifacts.js";
import { Connection, type ConnectionOptions } from "./connection.js";
import type { Content, DatasetImage } from "./contents.js";
import { KEYED, type paths } from "./contract.js";
import { ModicumError, errorOfReading } from "./errors.js";
import { checkedSeconds } from "./limits.js";
import { type Audit, type WatchOptions, watch } from "./watching.js";

type Json = "application/json";
type Verb = "get" | "post" | "delete";
type PathWith<V extends Verb> = {
  [Path in keyof paths]: paths[Path] extends Record<V, object> ? Path : never;
}[keyof paths];
type Arguments<Init> = undefined extends Init ? [init?: Init] : [init: Init];
type DataOf<Reply> = Reply extends { data: infer Data } ? Data : never;

/** A method of HTTP on a path of the contract. It returns the body of the response, or throws a ModicumError. */
export type Operation<V extends Verb> = <
  Path extends PathWith<V>,
  Init extends MaybeOptionalInit<paths[Path], V>,
>(
  path: Path,
  ...init: Arguments<Init>
) => Promise<DataOf<FetchResponse<NonNullable<paths[Path][V]>, Init, Json>>>;

/** What may be said of a server beside its address. */
export interface ModicumOptions extends ConnectionOptions {
  /** The id of the project that uploads go to. Default: default. */
  readonly project?: string;
}

const AUDIT_NAME = /^projects\/[^/:?#]+\/audits\/[^/:?#]+$/;

/** A client of a server, such as `new Modicum("http://127.0.0.1:7401", { token })`. */
export class Modicum {
  readonly get: Operation<"get">;
  readonly post: Operation<"post">;
  readonly delete: Operation<"delete">;
  readonly #connection: Connection;
  readonly #project: string;

  /** Throws a ModicumError if the token would cross a network unencrypted (INSECURE_ADDRESS). */
  constructor(address: string, options: ModicumOptions = {}) {
    this.#connection = new Connection(address, options);
    this.#project = options.project ?? "default";
    const api = createClient<paths, Json>({ baseUrl: this.#connection.address });
    api.use({
      onRequest: ({ request, schemaPath }) => {
        if (request.method !== "POST" || !KEYED.has(schemaPath) || request.headers.has("Idempotency-Key")) return;
        request.headers.set("Idempotency-Key", newUuid());
      },
    });
    const call = async (verb: Verb, path: string, init: { parseAs?: string } = {}): Promise<never> => {
      const streamed = init.parseAs === "stream";
      const fetch = (request: Request): Promise<Response> => this.#connection.send(request, { streamed });
      try {
        return (await api.request(verb, path as never, { fetch, ...init } as never)).data as never;
      } catch (error) {
        throw errorOfReading(error);
      }
    };
    this.get = (path, ...init) => call("get", path, ...init);
    this.post = (path, ...init) => call("post", path, ...init);
    this.delete = (path, ...init) => call("delete", path, ...init);
  }

  /** Uploads a content unless the project has it, and returns its digest. A broken upload goes on where it broke. */
  async upload(content: Content, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const [digest = ""] = await upload(this.#connection, this.#project, [content], options.signal);
    return digest;
  }

  /** Uploads images, and a manifest of them. Returns the digest of the manifest, of which a data set is made. */
  async uploadImages(
    images: readonly DatasetImage[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<string> {
    return uploadImages(this.#connection, this.#project, images, options.signal);
  }

  /** Yields the audit of that name at every change, until it has ended. A broken stream goes on where it broke. */
  watch(name: string, options: WatchOptions = {}): AsyncGenerator<Audit, void, undefined> {
    if (!AUDIT_NAME.test(name)) {
      throw new ModicumError(`expected the name of an audit, such as projects/default/audits/first, got ${name}`, {
        reason: "NAME_INVALID",
      });
    }
    if (options.silenceSeconds !== undefined) checkedSeconds(options.silenceSeconds, "silenceSeconds");
    return watch(this.#connection, name, options);
  }
}

/** A random UUID. `crypto.randomUUID` exists in secure contexts alone. */
function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
