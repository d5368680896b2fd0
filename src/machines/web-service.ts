import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { FarmError } from "../shell/errors.ts";

/** Where a service is found, and by whose time; tests put a server of their own and a clock that need not be waited for. */
export interface Place {
  readonly url: string;
  readonly clock: Clock;
  /** Seconds until a request counts as failed. */
  readonly timeLimit: number;
}

export interface Clock {
  /** Milliseconds since some moment; it never goes back. */
  now(): number;
  /** Resolves after so many seconds. */
  sleep(seconds: number): Promise<unknown>;
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (seconds) => sleep(seconds * 1000),
};

/** Seconds, by judgement: no call of either service waits for work to be done, so this long is a fault. */
export const TIME_LIMIT = 30;
/** How often a request that only asks is sent in all. */
const ATTEMPTS = 3;
/** Seconds before the next attempt after a failed connection: enough for a short fault on the way. */
const PAUSE = 1;
/** Seconds that a service may ask us to wait; whoever asks for more is told of at once. */
const LONGEST_PAUSE = 60;

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With its query. It is part of messages, so it never has a secret. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly text: string };
  /** The body has a secret: messages then leave out the service's own words, which may repeat it. */
  readonly secret?: boolean;
  /** Asked before every attempt; what it throws ends the call, and nothing is sent. */
  readonly headers: () => Readonly<Record<string, string>>;
}

/** What a service's own form of an error says, as far as it could be read. */
export interface Explanation {
  readonly code?: string | undefined;
  readonly words?: string | undefined;
  readonly remedy?: string | undefined;
}

/** Reads an error from an answer's status and JSON (undefined where it was none). */
export type Explain = (status: number, body: unknown) => Explanation;

/** A request that was refused or got no answer. */
export class ServiceError extends FarmError {
  /** The answer's HTTP status, 0 if there was none. */
  readonly status: number;
  /** The service's word for the error, if it gave one. */
  readonly code: string | undefined;
  /** Seconds after which the same request may go through, where we know it. */
  readonly retryAfter: number | undefined;

  constructor(message: string, status: number, { code, remedy }: Explanation = {}, retryAfter?: number) {
    super(message, remedy);
    this.name = "ServiceError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Credentials go over TLS alone, but on this very machine. */
function checkUrl(name: string, url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname)) return;
  throw new FarmError(`${name}: ${url} is not encrypted`, "give a URL that begins with https://", 2);
}

/**
 * A web service that answers in JSON. Every failure is a FarmError that names the service, the method and the path, and
 * has no credentials, header or body in it. A request that only asks (GET) is sent up to three times, if the connection
 * fails or the service says with status 429 or 503 when to come again, at most 60 s later; any other is sent once.
 */
export class WebService {
  readonly #name: string;
  readonly #place: Place;
  readonly #credentials: readonly string[];
  readonly #explain: Explain;

  /**
   * `name` is how messages call it; `credentials` are blotted out where the service repeats them; `explain` reads the
   * service's form of an error. Throws a FarmError (exit code 2) when the place's URL has no TLS.
   */
  constructor(name: string, place: Place, credentials: readonly string[], explain: Explain) {
    checkUrl(name, place.url);
    this.#name = name;
    this.#place = place;
    this.#credentials = credentials;
    this.#explain = explain;
  }

  /** Sends a request whose answer says nothing that we need. Throws a ServiceError when it is refused. */
  async tell(call: Call): Promise<void> {
    await this.#send(call);
  }

  /** Sends a request and returns its answer. Throws a ServiceError, or a FarmError if the answer has another form. */
  async ask<T>(call: Call, answer: z.ZodType<T>): Promise<T> {
    const body = parseJson(await this.#send(call));
    const result = answer.safeParse(body);
    if (result.success) return result.data;
    const problems =
      body === undefined
        ? ["it is no JSON"]
        : result.error.issues.map(({ path, message }) => `${z.core.toDotPath(path) || "it"}: ${message}`);
    throw new FarmError(
      `${this.#label(call)} has another answer than expected: ${problems.join("; ")}`,
      `compare with the documentation of ${this.#name}: it may have changed`,
    );
  }

  #label({ method, path }: Call): string {
    return `${this.#name}: ${method} ${path}`;
  }

  async #send(call: Call): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(call);
      } catch (error) {
        const pause = error instanceof ServiceError ? error.retryAfter : undefined;
        const last = call.method !== "GET" || attempt === ATTEMPTS;
        if (last || pause === undefined || pause > LONGEST_PAUSE) throw error;
        await this.#place.clock.sleep(pause);
      }
    }
  }

  async #attempt(call: Call): Promise<string> {
    const { method, path, body } = call;
    const headers: Record<string, string> = { accept: "application/json", ...call.headers() };
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, this.#place.url), {
        method,
        headers: body ? { ...headers, "content-type": body.type } : headers,
        body: body?.text ?? null,
        // Whoever redirects is not who was asked: credentials don't follow.
        redirect: "manual",
        signal: AbortSignal.timeout(this.#place.timeLimit * 1000),
      });
      text = await response.text();
    } catch (error) {
      throw this.#unanswered(call, error);
    }
    if (!response.ok) throw this.#refused(call, headers, response, parseJson(text));
    return text;
  }

  #blot(text: string, headers: Record<string, string>): string {
    const token = headers.authorization?.split(" ").at(-1) ?? "";
    return [token, ...this.#credentials].reduce(
      (rest, each) => (each ? rest.replaceAll(each, "…") : rest),
      text,
    );
  }

  /** An error's own message may quote a header, so only its kind is said. */
  #unanswered(call: Call, error: unknown): ServiceError {
    const { name, cause } = error as { name?: string; cause?: { code?: unknown } };
    const late = name === "TimeoutError";
    const why = late ? `no answer in ${this.#place.timeLimit} s` : `no connection (${cause?.code ?? name})`;
    const doubt = call.method === "GET" ? "" : ", and it is not known whether it was carried out";
    return new ServiceError(`${this.#label(call)}: ${why}${doubt}`, 0, {}, late ? undefined : PAUSE);
  }

  #refused(call: Call, headers: Record<string, string>, response: Response, body: unknown): ServiceError {
    const { status } = response;
    const { code, words, remedy } = this.#explain(status, body);
    const blotted = code && this.#blot(code, headers);
    const told = call.secret
      ? "what it said is left out: it may repeat a secret"
      : words && this.#blot(words, headers);
    const pause =
      status === 429 || status === 503 ? retryAfter(response.headers.get("retry-after")) : undefined;
    const request = headers["x-request-id"] ? `, request ${headers["x-request-id"]}` : "";
    const parts = [`${this.#label(call)}: refused with ${status}${request}`, blotted, told];
    return new ServiceError(
      parts.filter(Boolean).join(": "),
      status,
      { code: blotted, remedy: pause === undefined ? remedy : `try again in ${pause} s` },
      pause,
    );
  }
}
