/** Server-sent events, read from a stream of bytes as they come. */

/** One event. `id` and `retry` are those of its own lines. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
  /** Milliseconds after which to connect again. */
  readonly retry?: number;
}

/** The end of a line: CR LF, LF or CR. A CR at the end of what has come may be half of the first. */
const LINE_END = /\r\n|\n|\r(?=[^])/;

/** Yields the events of a stream. `heard` is called with each piece of it, comments included. */
export async function* eventsOf(
  stream: ReadableStream<Uint8Array>,
  heard: () => void = () => undefined,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let block: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // an event without its blank line is not whole
      heard();
      const lines = (text + decoder.decode(value, { stream: true })).split(LINE_END);
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line) {
          block.push(line);
          continue;
        }
        const event = eventOf(block);
        block = [];
        if (event !== undefined) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The event of some lines; undefined without data, such as a comment. */
function eventOf(lines: readonly string[]): ServerSentEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name) fields.set(name, name === "data" && fields.has(name) ? `${fields.get(name)}\n${value}` : value);
  }
  const data = fields.get("data");
  if (data === undefined) return undefined;
  const id = fields.get("id");
  const retry = fields.get("retry") ?? "";
  return {
    event: fields.get("event") ?? "message",
    data,
    ...(id === undefined ? {} : { id }),
    ...(/^\d+$/.test(retry) ? { retry: Number(retry) } : {}),
  };
}
