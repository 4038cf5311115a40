/** A connection to a server that breaks where a test says. */
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** What passes in one direction: all that has come on this connection so far. True breaks the connection. */
type Break = (passed: Buffer) => boolean | Promise<boolean>;

/** Where connections break. */
export interface Breaks {
  /** Looks at what the client sent, before it is sent on. */
  readonly sent?: Break;
  /** Looks at what the server sent, after it was sent on. */
  readonly received?: Break;
}

/** A proxy to a server, with the heads of the requests that it has seen. */
export class BreakingProxy implements AsyncDisposable {
  /** The first line and the headers of each request. */
  readonly heads: string[] = [];
  readonly #breaks: Breaks;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#join(client));
  readonly #target: URL;

  private constructor(address: string, breaks: Breaks) {
    this.#target = new URL(address);
    this.#breaks = breaks;
  }

  static async before(address: string, breaks: Breaks): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(address, breaks);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => [client, server].forEach((one) => one.destroy()));
    }
    const broken = () => [client, server].forEach((one) => one.destroy());
    void this.#pass(client, server, broken, { before: this.#breaks.sent, isRequest: true });
    void this.#pass(server, client, broken, { after: this.#breaks.received });
  }

  async #pass(
    from: Socket,
    to: Socket,
    broken: () => void,
    { before, after, isRequest }: { before?: Break | undefined; after?: Break | undefined; isRequest?: boolean },
  ): Promise<void> {
    let passed = Buffer.alloc(0);
    try {
      for await (const piece of from) {
        passed = Buffer.concat([passed, piece as Buffer]);
        if (isRequest) this.#note(piece as Buffer);
        if (await before?.(passed)) return broken();
        if (!to.write(piece as Buffer)) await once(to, "drain");
        if (await after?.(passed)) return broken();
      }
      to.end();
    } catch {
      broken();
    }
  }

  #note(piece: Buffer): void {
    const text = piece.toString("latin1");
    if (/^(GET|PUT|POST|DELETE) /.test(text)) this.heads.push(text.split("\r\n\r\n")[0] ?? "");
  }
}
