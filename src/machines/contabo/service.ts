import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type Call,
  CLOCK,
  type Explanation,
  type Place,
  ServiceError,
  TIME_LIMIT,
  WebService,
} from "../web-service.ts";

/** Where instances are asked for, and where tokens: https://api.contabo.com, "Getting Started". */
export interface ContaboPlaces {
  readonly api: Place;
  readonly tokens: Place;
}

export const CONTABO: ContaboPlaces = {
  api: { url: "https://api.contabo.com", clock: CLOCK, timeLimit: TIME_LIMIT },
  tokens: { url: "https://auth.contabo.com", clock: CLOCK, timeLimit: TIME_LIMIT },
};

const TOKEN_PATH = "/auth/realms/contabo/protocol/openid-connect/token";
/** Milliseconds before its end at which a token is no good any more: a request may take as long to get there. */
const MARGIN = TIME_LIMIT * 1000;
/** Entries of a page: what Contabo's own program asks for. */
const PAGE = 100;

/** As https://my.contabo.com/api/details shows them. */
export interface ContaboCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly user: string;
  readonly password: string;
}

export interface ContaboCall {
  readonly method: Call["method"];
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** The body has a secret; see Call. */
  readonly secret?: boolean;
}

/** RFC 6749, 5.1. */
const tokenAnswer = z.object({
  access_token: z.string(),
  /** Seconds. */
  expires_in: z.number(),
});

/** RFC 6749, 5.2. */
const tokenRefusal = z.object({ error: z.string() });

/** The documentation shows one text; a check of several fields gives a list of them. */
const refusal = z.object({ message: z.union([z.string(), z.array(z.string())]) });

function explain(status: number, body: unknown): Explanation {
  const parsed = refusal.safeParse(body);
  const words = parsed.success ? { words: [parsed.data.message].flat().join("; ") } : {};
  return status === 429 ? { ...words, remedy: "it has had too many requests: try again later" } : words;
}

function explainToken(_status: number, body: unknown): Explanation {
  const parsed = tokenRefusal.safeParse(body);
  return {
    code: parsed.success ? parsed.data.error : undefined,
    remedy: "mend client id, client secret, user or password: https://my.contabo.com/api/details shows them",
  };
}

interface Token {
  readonly text: string;
  /** By the clock of the place, in milliseconds. */
  readonly end: number;
}

/** The requests of all parts of Contabo's API, and the token that they need. */
export class ContaboService {
  readonly #api: WebService;
  readonly #tokens: WebService;
  readonly #credentials: ContaboCredentials;
  readonly #clock: Place["clock"];
  #token: Token | undefined;
  #asked: Promise<Token> | undefined;

  constructor(credentials: ContaboCredentials, { api, tokens }: ContaboPlaces) {
    const secrets = Object.values(credentials);
    this.#api = new WebService("Contabo", api, secrets, explain);
    this.#tokens = new WebService("Contabo's log-in", tokens, secrets, explainToken);
    this.#credentials = credentials;
    this.#clock = api.clock;
  }

  /** Sends a call and returns its answer; see WebService for how it fails. */
  ask<T>(call: ContaboCall, answer: z.ZodType<T>): Promise<T> {
    return this.#withToken((token) => this.#api.ask(this.#call(call, token), answer));
  }

  /** Sends a call whose answer says nothing that we need. */
  tell(call: ContaboCall): Promise<void> {
    return this.#withToken((token) => this.#api.tell(this.#call(call, token)));
  }

  /** The one object of an answer: Contabo always sends a list. */
  async one<T>(call: ContaboCall, entry: z.ZodType<T>): Promise<T> {
    return (await this.ask(call, z.object({ data: z.tuple([entry]) }))).data[0];
  }

  /** The entries of all pages of a list. */
  async all<T>(path: string, entry: z.ZodType<T>): Promise<T[]> {
    const answer = z.object({
      data: z.array(entry),
      _pagination: z.object({ totalPages: z.int() }),
    });
    const entries: T[] = [];
    for (let page = 1; ; page++) {
      const call = { method: "GET", path: `${path}?page=${page}&size=${PAGE}` } as const;
      const { data, _pagination } = await this.ask(call, answer);
      entries.push(...data);
      if (page >= _pagination.totalPages) return entries;
    }
  }

  #call({ method, path, body, secret = false }: ContaboCall, token: Token): Call {
    const content =
      body === undefined ? {} : { body: { type: "application/json", text: JSON.stringify(body) } };
    const headers = () => ({ authorization: `Bearer ${token.text}`, "x-request-id": randomUUID() });
    return { method, path, secret, headers, ...content };
  }

  /** A token can be withdrawn before its time. A refused one did nothing, so any call may be sent again, once. */
  async #withToken<T>(send: (token: Token) => Promise<T>): Promise<T> {
    const token = await this.#validToken();
    try {
      return await send(token);
    } catch (error) {
      if (!(error instanceof ServiceError && error.status === 401)) throw error;
      return send(await this.#validToken(token));
    }
  }

  /** A token that is good for a request from now on, and is not `refused`; calls that need one at once share it. */
  async #validToken(refused?: Token): Promise<Token> {
    const known = this.#token;
    if (known && known !== refused && known.end - MARGIN > this.#clock.now()) return known;
    this.#asked ??= this.#newToken().finally(() => {
      this.#asked = undefined;
    });
    this.#token = await this.#asked;
    return this.#token;
  }

  async #newToken(): Promise<Token> {
    const { clientId, clientSecret, user, password } = this.#credentials;
    const form = new URLSearchParams({
      grant_type: "password",
      client_id: clientId,
      client_secret: clientSecret,
      username: user,
      password,
    });
    const body = { type: "application/x-www-form-urlencoded", text: form.toString() };
    const call = { method: "POST", path: TOKEN_PATH, body, secret: true, headers: () => ({}) } as const;
    const asked = this.#clock.now();
    const answer = await this.#tokens.ask(call, tokenAnswer);
    return { text: answer.access_token, end: asked + answer.expires_in * 1000 };
  }
}
