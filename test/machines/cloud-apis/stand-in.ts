/** A cloud's HTTP API on 127.0.0.1, as far as its Pulumi provider asks: routes, what is there, and what was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

// biome-ignore lint/suspicious/noExplicitAny: bodies are of any form
export type Body = Record<string, any>;

/** One request. */
export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Empty where none was sent. */
  readonly body: Body;
}

/** Answers a request; `parts` are what stood in place of each `*` of the route. Answering nothing is a 204. */
type Handler = (asked: Asked, ...parts: string[]) => Body | undefined;

/** By method and path, in which `*` is any one part: "GET /servers/*". */
export type Routes = Record<string, Handler>;

class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Things of one kind, by their number, UUID or address. */
export class Collection {
  readonly #things = new Map<string, Body>();

  constructor(things: readonly Body[] = []) {
    for (const thing of things) this.add(thing);
  }

  add(thing: Body): Body {
    this.#things.set(String(thing.id), thing);
    return thing;
  }

  /** Throws a 404. */
  get(id: string | number): Body {
    return this.#things.get(String(id)) ?? refuse(404, "not_found", `there is no ${id}`);
  }

  all(): Body[] {
    return [...this.#things.values()];
  }

  /** One by its name. Throws a 404. */
  named(name: string): Body {
    return this.all().find((thing) => thing.name === name) ?? refuse(404, "not_found", `there is no ${name}`);
  }

  remove(id: string): undefined {
    this.get(id);
    this.#things.delete(id);
  }

  /**
   * What clouds have in common for a kind of things: list (by properties that the things have, such as `name=cloud1`), read,
   * change, delete. `one` and `many` are the names in answers; `page` is what every list has beside the things.
   */
  routes(path: string, one: string, many: string, page: Body = {}): Routes {
    const isAsked = (thing: Body, query: URLSearchParams): boolean =>
      [...query].every(([key, value]) => !(key in thing) || String(thing[key]) === value);
    return {
      [`GET ${path}`]: ({ query }) => ({
        [many]: this.all().filter((thing) => isAsked(thing, query)),
        ...page,
      }),
      [`GET ${path}/*`]: (_, id) => ({ [one]: this.get(id) }),
      [`PUT ${path}/*`]: ({ body }, id) => ({ [one]: Object.assign(this.get(id), body) }),
      [`DELETE ${path}/*`]: (_, id) => this.remove(id),
    };
  }
}

/** Answers a request with a status and the cloud's own word for what is wrong. Throws, for the API to send it. */
export function refuse(status: number, code: string, message: string): never {
  throw new Refused(status, code, message);
}

/** An API at work. */
export class StandIn {
  /** All that was to change something, in the order in which it came. */
  readonly changes: Asked[] = [];
  /** What no route is for: the stand-in is not complete, or a provider asks what it must not. */
  readonly unknown: string[] = [];
  readonly #server = createServer((request, response) => this.#serve(request, response));
  readonly #routes: readonly (readonly [RegExp, Handler])[];

  private constructor(routes: Routes) {
    this.#routes = Object.entries(routes).map(([route, handler]) => [
      new RegExp(`^${route.replaceAll("*", "([^/]+)")}$`),
      handler,
    ]);
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(routes: Routes): Promise<StandIn> {
    const standIn = new StandIn(routes);
    await new Promise<void>((resolve) => standIn.#server.listen(0, "127.0.0.1", resolve));
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Takes the record of what was to change something, which begins anew: "METHOD PATH" in the order in which it came. */
  taken(): string[] {
    return this.changes.splice(0).map(({ method, path }) => `${method} ${path}`);
  }

  /** Ends it, and connections that clients keep open. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const { pathname, searchParams: query } = new URL(url, this.url);
    const asked = {
      method,
      path: decodeURIComponent(pathname),
      query,
      body: JSON.parse((await text(request)) || "{}"),
    };
    if (method !== "GET") this.changes.push(asked);
    const [status, answer] = this.#answer(asked);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(answer && JSON.stringify(answer));
  }

  #answer(asked: Asked): [number, Body | undefined] {
    const line = `${asked.method} ${asked.path}`;
    try {
      for (const [route, handler] of this.#routes) {
        const found = route.exec(line);
        if (!found) continue;
        const answer = handler(asked, ...found.slice(1));
        return [answer === undefined ? 204 : 200, answer];
      }
      this.unknown.push(line);
      return refuse(404, "not_found", "no such route");
    } catch (error) {
      // A defect of the stand-in itself must not end the test's process, and be seen.
      const { status, code, message } =
        error instanceof Refused ? error : new Refused(500, "defect", String((error as Error).stack));
      if (status === 500) this.unknown.push(`${line}: ${message}`);
      // DigitalOcean's form, Hetzner's and Cloudflare's in one; the last has numbers for codes.
      const errors = [{ code: Number(code) || status, message }];
      return [status, { id: code, message, error: { code, message }, success: false, errors }];
    }
  }
}
