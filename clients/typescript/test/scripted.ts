/** A server that replies what a test says, and a clock that does not make it wait. */
import { Connection, type ConnectionOptions } from "../src/connection.js";

export const ADDRESS = "http://127.0.0.1:7401";

type Reply = Response | Error | ((signal: AbortSignal) => Promise<Response>);

/** A problem as the server writes it. */
export function problem(status: number, reason: string, headers: Record<string, string> = {}, more = {}): Response {
  const body = { type: `/docs#${reason}`, title: "", status, detail: "the detail", reason, domain: "modicum", ...more };
  return new Response(JSON.stringify({ metadata: {}, request_id: "call-1", ...body }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

/** What `fetch` throws when a connection breaks. */
export const BROKEN = new TypeError("fetch failed");

/** A connection whose requests get these replies in turn, and then `{}`. */
export function scripted(...replies: Reply[]): Script {
  return new Script(replies);
}

class Script {
  readonly requests: Request[] = [];
  /** How long it waited before each attempt but the first. */
  readonly pauses: number[] = [];
  readonly connection: Connection;
  readonly options: ConnectionOptions;

  constructor(replies: Reply[]) {
    this.options = {
      token: "secret",
      fetch: async (request, init) => {
        this.requests.push(new Request(request, { ...init, signal: null }));
        const reply = replies.shift() ?? new Response("{}");
        if (reply instanceof Error) throw reply;
        return reply instanceof Response ? reply : reply(init.signal ?? new AbortController().signal);
      },
    };
    this.connection = new Connection(ADDRESS, this.options, async (seconds) => {
      this.pauses.push(seconds);
    });
  }

  send(method = "GET", headers: Record<string, string> = {}): Promise<Response> {
    return this.connection.send(new Request(`${ADDRESS}/v1/projects`, { method, headers }));
  }
}
