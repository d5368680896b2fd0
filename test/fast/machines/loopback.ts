import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { Clock } from "../../../src/machines/web-service.ts";
import { FarmError } from "../../../src/shell/errors.ts";

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Sent as JSON, but text as it is. */
  readonly body?: unknown;
  /** Nothing is sent at all: the connection is cut, or left open. */
  readonly silent?: "cut" | "open";
}

export interface Loopback {
  readonly url: string;
  readonly seen: Seen[];
  /** What was asked for: "GET /server". */
  asked(): string[];
}

/** A web server on this machine until the test ends, which keeps what it was asked, and answers by `reply`. */
export async function loopback(t: TestContext, reply: (seen: Seen) => Reply): Promise<Loopback> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url: path = "", headers } = request;
    const each = { method, path, headers, body: await text(request) };
    seen.push(each);
    const { status = 200, body, silent, headers: more = {} } = reply(each);
    if (silent === "cut") request.socket.destroy();
    if (silent) return;
    response.writeHead(status, { "content-type": "application/json", ...more });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, seen, asked: () => seen.map(({ method, path }) => `${method} ${path}`) };
}

/** The answers of recorded/NAME.json, by what was asked for. */
export function recorded(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(import.meta.dirname, "recorded", `${name}.json`), "utf8")).answers;
}

/** A clock that goes on only when somebody sleeps, which then takes no time. */
export function idleClock(): Clock & { slept: number[] } {
  let time = 0;
  const slept: number[] = [];
  const sleep = async (seconds: number) => {
    slept.push(seconds);
    time += seconds * 1000;
  };
  return { slept, now: () => time, sleep };
}

/** How a call failed, which must be in the way that people are told of. */
export async function failure(call: Promise<unknown>): Promise<FarmError> {
  const error = await call.then(
    () => assert.fail("it did not fail"),
    (e: unknown) => e,
  );
  assert(error instanceof FarmError, String(error));
  return error;
}
