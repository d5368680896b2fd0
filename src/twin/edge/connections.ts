/**
 * Connections that connectors have opened to the stand-in edge. Each is TLS with HTTP/2 the other way round: who was called asks. One
 * request stays open for the conversation by which the connection is registered (registration.ts).
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { TLSSocket } from "node:tls";
import { tunnelToken } from "../../dns/cloudflare/secret.ts";
import type { DeclaredEdge } from "./declared.ts";
import { type Registration, serveRegistration } from "./registration.ts";

/** Heads by which a connector tells what is meant for itself (cloudflared, connection/http2.go). */
const FOR_ITSELF = "cf-cloudflared-proxy-connection-upgrade";

/** How often a connection is asked for a sign of life, and how long it may keep silent; milliseconds. */
const ALIVE = { every: 500, within: 2000 };

/** One connection, of the moment when it registers until it ends. */
export interface Connection {
  readonly session: ClientHttp2Session;
  readonly location: string;
  readonly registration: Registration;
  /** The connector is about to end, and has asked for no more requests. */
  readonly leaving: boolean;
  /** Last round trip, milliseconds. */
  readonly roundTrip: number;
}

interface Entry extends Connection {
  leaving: boolean;
  roundTrip: number;
}

/** All that are registered. */
export class Connections {
  readonly #entries = new Set<Entry>();
  readonly #changed: () => void;
  #declared: DeclaredEdge | undefined;
  /** Counts the maps that were told: connectors take none that is older than theirs. */
  #version = 0;

  /** `changed` is told whenever a connection comes or goes. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  all(): readonly Connection[] {
    return [...this.#entries];
  }

  /** Those that take requests, in the order in which they are asked for one that came in at `location`. */
  nearest(location: string): readonly Connection[] {
    const away = (entry: Connection): number => (entry.location === location ? 0 : 1);
    return [...this.#entries]
      .filter(({ leaving }) => !leaving)
      .sort((a, b) => away(a) - away(b) || a.roundTrip - b.roundTrip);
  }

  /** Goes by what is declared from now on: connectors are told of a map that has changed. */
  declare(declared: DeclaredEdge | undefined): void {
    const before = JSON.stringify(this.#declared?.map);
    this.#declared = declared;
    if (JSON.stringify(declared?.map) === before) return;
    this.#version += 1;
    for (const { session } of this.#entries) this.#tell(session);
  }

  /** Takes a connector's call. */
  accept(socket: TLSSocket, location: string): void {
    const session = connect("https://connector", { createConnection: () => socket });
    // Its end is all there is to know of what went wrong.
    session.on("error", () => {});
    const control = session.request({ ":method": "POST", ":path": "/", [FOR_ITSELF]: "control-stream" });
    control.on("error", () => {});
    // A connector that ends orderly has said so, and answers what it was asked before.
    control.on("close", () => session.close());
    let entry: Entry | undefined;
    session.on("close", () => {
      if (entry && this.#entries.delete(entry)) this.#changed();
    });
    serveRegistration(control, {
      location,
      register: (registration) => {
        const problem = this.#problem(registration);
        if (problem !== undefined) return problem;
        entry = { session, location, registration, leaving: false, roundTrip: Number.POSITIVE_INFINITY };
        this.#entries.add(entry);
        this.#watch(entry);
        this.#tell(session);
        this.#changed();
        return undefined;
      },
      unregister: () => {
        if (entry === undefined) return;
        entry.leaving = true;
        this.#changed();
      },
    });
  }

  #problem({ account, tunnelId, secret }: Registration): string | undefined {
    if (this.#declared === undefined) return "there is no tunnel yet";
    return tunnelToken({ account, tunnelId, secret }) === this.#declared.token
      ? undefined
      : "no such tunnel, or another secret";
  }

  #watch(entry: Entry): void {
    let asked: number | undefined;
    const timer = setInterval(() => {
      if (entry.session.destroyed) return;
      if (asked !== undefined) {
        if (performance.now() - asked > ALIVE.within) entry.session.destroy();
        return;
      }
      asked = performance.now();
      entry.session.ping((error, duration) => {
        asked = undefined;
        if (error === null) entry.roundTrip = duration;
      });
    }, ALIVE.every);
    entry.session.on("close", () => clearInterval(timer));
  }

  /** Tells a connector the present map. */
  #tell(session: ClientHttp2Session): void {
    if (this.#declared === undefined || session.closed || session.destroyed) return;
    const stream: ClientHttp2Stream = session.request({
      ...{ ":method": "POST", ":path": "/", [FOR_ITSELF]: "update-configuration" },
    });
    stream.on("error", () => {});
    stream.resume();
    stream.end(JSON.stringify({ version: this.#version, config: this.#declared.map }));
  }
}
