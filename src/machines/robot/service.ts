import { z } from "zod";
import type { Place } from "../web-service.ts";
import { type Call, CLOCK, type Explanation, ServiceError, TIME_LIMIT, WebService } from "../web-service.ts";
import { HourlyLimits, timeIn } from "./limits.ts";

/** The one place of the real service: https://robot.hetzner.com/doc/webservice/en.html, "URL". */
export const ROBOT: Place = { url: "https://robot-ws.your-server.de", clock: CLOCK, timeLimit: TIME_LIMIT };

/** Of a user for the web service, who is made in Robot under "Settings", "Web service and app settings". */
export interface RobotCredentials {
  readonly user: string;
  readonly password: string;
}

export interface RobotCall {
  readonly method: Call["method"];
  /** As in the documentation, with {} in place of each of `of`: calls of one form share one limit. */
  readonly path: string;
  readonly of?: readonly (string | number)[];
  readonly form?: URLSearchParams;
  /** "Request limit" in the documentation of the call: how many an hour. */
  readonly perHour: number;
}

const names = z.array(z.string()).nullish().catch(undefined);

/**
 * "Errors" in the documentation. It calls the limit's number max_request; what the service sends was seen to be
 * max_requests, by users of it.
 */
const refusal = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    missing: names,
    invalid: names,
    max_request: z.number().optional(),
    max_requests: z.number().optional(),
    /** Seconds. */
    interval: z.number().optional(),
  }),
});

type Refusal = z.output<typeof refusal>["error"];

function explainLimit({ code, message, max_request, max_requests, interval = 3600 }: Refusal): Explanation {
  const limit = max_requests ?? max_request;
  return {
    code,
    words: limit === undefined ? message : `${message}: ${limit} requests in ${interval} s`,
    remedy: `try again after ${timeIn(interval * 1000)}, when Robot has surely forgotten the earlier ones`,
  };
}

function explain(status: number, body: unknown): Explanation {
  if (status === 401) {
    return {
      words: "it does not know the user or the password",
      remedy:
        "mend them before you try again: after 3 wrong log-ins Robot shuts this computer's address out for 10 minutes",
    };
  }
  const parsed = refusal.safeParse(body);
  if (!parsed.success) return status === 503 ? { words: "it is being maintained" } : {};
  const { error } = parsed.data;
  if (error.code === "RATE_LIMIT_EXCEEDED") return explainLimit(error);
  const fields = (label: string, list: string[] | null | undefined) =>
    list?.length ? `; ${label}: ${list.join(", ")}` : "";
  const words = `${error.message}${fields("missing", error.missing)}${fields("invalid", error.invalid)}`;
  return { code: error.code, words };
}

/** A value as part of a path. A colon may stand there (RFC 3986, 3.3), and does in the documentation's examples. */
function segment(value: string | number): string {
  return encodeURIComponent(value).replaceAll("%3A", ":");
}

function fill(path: string, values: readonly (string | number)[]): string {
  const rest = values.map(segment);
  return path.replaceAll("{}", () => rest.shift() ?? "");
}

/**
 * The requests of all parts of Robot. One is sent at a time, and none any more after a log-in that was refused: each
 * wrong one counts towards the ten minutes for which Robot shuts an address out.
 */
export class RobotService {
  readonly #web: WebService;
  readonly #authorization: string;
  readonly #limits: HourlyLimits;
  readonly clock: Place["clock"];
  #before: Promise<unknown> = Promise.resolve();
  #unknownUser: ServiceError | undefined;

  constructor({ user, password }: RobotCredentials, place: Place) {
    this.#web = new WebService("Hetzner Robot", place, [password, user], explain);
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    this.#limits = new HourlyLimits(place.clock);
    this.clock = place.clock;
  }

  /** Sends a call and returns its answer; see WebService for how it fails. */
  ask<T>(call: RobotCall, answer: z.ZodType<T>): Promise<T> {
    return this.#inTurn(() => this.#web.ask(this.#call(call), answer));
  }

  /** Sends a call that has no output. */
  tell(call: RobotCall): Promise<void> {
    return this.#inTurn(() => this.#web.tell(this.#call(call)));
  }

  /** As ask, but undefined if Robot answers with `absent`, its code for that there is none. */
  async find<T>(call: RobotCall, answer: z.ZodType<T>, absent: string): Promise<T | undefined> {
    try {
      return await this.ask(call, answer);
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404 && error.code === absent) return undefined;
      throw error;
    }
  }

  #call({ method, path, of = [], form, perHour }: RobotCall): Call {
    const body = form && { type: "application/x-www-form-urlencoded", text: form.toString() };
    const headers = () => {
      if (this.#unknownUser) throw this.#unknownUser;
      this.#limits.take(`${method} ${path}`, perHour);
      return { authorization: this.#authorization };
    };
    return { method, path: fill(path, of), headers, ...(body ? { body } : {}) };
  }

  async #inTurn<T>(send: () => Promise<T>): Promise<T> {
    const turn = this.#before.then(send);
    this.#before = turn.catch((error) => {
      if (error instanceof ServiceError && error.status === 401) this.#unknownUser = error;
    });
    return turn;
  }
}
