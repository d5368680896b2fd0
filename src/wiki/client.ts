/** What we need of MediaWiki's API (www.mediawiki.org/wiki/API): log in, read many pages, save one that nobody else has changed. */
import { z } from "zod";
import { FarmError } from "../shell/errors.ts";

/** Seconds; saving a page with its links updated took up to 3 on a busy machine. */
const TIME_LIMIT = 60;
/** Titles that one question takes from whoever is no bot (API:Query). */
const TITLES = 50;

const errorSchema = z.object({ error: z.object({ code: z.string(), info: z.string() }) });
const tokensSchema = z.object({
  query: z.object({
    tokens: z.object({ logintoken: z.string().optional(), csrftoken: z.string().optional() }),
  }),
});
const loginSchema = z.object({ login: z.object({ result: z.string(), reason: z.string().optional() }) });
const tagsSchema = z.object({ query: z.object({ extensiontags: z.array(z.string()) }) });
const pagesSchema = z.object({
  query: z.object({
    normalized: z.array(z.object({ from: z.string(), to: z.string() })).default([]),
    pages: z.array(
      z.object({
        title: z.string(),
        revisions: z
          .array(z.object({ revid: z.int(), slots: z.object({ main: z.object({ content: z.string() }) }) }))
          .optional(),
      }),
    ),
  }),
});

/** A page as it is. */
export interface Revision {
  readonly id: number;
  readonly text: string;
}

/** Somebody has changed, made or deleted the page since it was read. */
export class Conflict extends Error {}

/** Errors by which the wiki says that the log-in is over: of a token, and of the account (API:Assert). */
const LOGGED_OUT = new Set(["badtoken", "assertuserfailed", "assertnameduserfailed"]);
/** Errors of API:Edit that are a Conflict. */
const CONFLICTS = new Set(["editconflict", "articleexists", "missingtitle", "pagedeleted"]);

export class MediaWiki {
  readonly #url: string;
  readonly #user: string;
  readonly #password: string;
  readonly #cookies = new Map<string, string>();
  /** The token for edits of the present log-in, which all calls share. */
  #session: Promise<string> | undefined;

  /**
   * A wiki at an address such as https://pravka.opplet.net. `user` and `password` are those of a bot password
   * (Special:BotPasswords), "Admin@farm".
   */
  constructor(url: string, user: string, password: string) {
    this.#url = url.replace(/\/+$/, "");
    this.#user = user;
    this.#password = password;
  }

  /** The present text of pages by title; those that there are not are missing in the answer. */
  async read(titles: readonly string[]): Promise<Map<string, Revision>> {
    const found = new Map<string, Revision>();
    for (let from = 0; from < titles.length; from += TITLES) {
      const some = titles.slice(from, from + TITLES);
      const answer = await this.#logged({
        action: "query",
        prop: "revisions",
        rvprop: "ids|content",
        rvslots: "main",
        titles: some.join("|"),
      });
      const { normalized, pages } = this.#parsed(pagesSchema, answer).query;
      const asked = new Map(normalized.map(({ from, to }) => [to, from]));
      for (const { title, revisions } of pages) {
        const [last] = revisions ?? [];
        if (last) found.set(asked.get(title) ?? title, { id: last.revid, text: last.slots.main.content });
      }
    }
    return found;
  }

  /** Names of the tags that pages may have beside those of MediaWiki itself: "ref". */
  async tags(): Promise<string[]> {
    const answer = await this.#logged({ action: "query", meta: "siteinfo", siprop: "extensiontags" });
    return this.#parsed(tagsSchema, answer).query.extensiontags.map((tag) => tag.replace(/[<>]/g, ""));
  }

  /** Saves a page that was as `before` (undefined: not there). Throws a Conflict when it is not so any more. */
  async save(title: string, text: string, before: Revision | undefined, summary: string): Promise<void> {
    const since =
      before === undefined ? { createonly: "1" } : { nocreate: "1", baserevid: String(before.id) };
    await this.#logged({ action: "edit", title, text, summary, bot: "1", ...since });
  }

  /** A call as the user, who is logged in first, and again where the wiki has forgotten that. */
  async #logged(parameters: Record<string, string>): Promise<unknown> {
    const ask = async (session: Promise<string>) =>
      this.#call({ ...parameters, assert: "user", token: await session });
    this.#session ??= this.#logIn();
    const session = this.#session;
    const answer = await ask(session);
    const failed = errorSchema.safeParse(answer).data?.error;
    if (failed === undefined || !LOGGED_OUT.has(failed.code)) return this.#good(answer);
    // Of several that find out, one logs in.
    if (this.#session === session) this.#session = this.#logIn();
    return this.#good(await ask(this.#session));
  }

  #good(answer: unknown): unknown {
    const failed = errorSchema.safeParse(answer).data?.error;
    if (failed === undefined) return answer;
    if (CONFLICTS.has(failed.code)) throw new Conflict(failed.info);
    throw new FarmError(
      `${this.#url} refuses: ${failed.info} (${failed.code})`,
      "see whether the account may edit pages: Special:BotPasswords, and that user's rights",
    );
  }

  async #logIn(): Promise<string> {
    this.#cookies.clear();
    const tokens = async (type: string) =>
      this.#parsed(tokensSchema, await this.#call({ action: "query", meta: "tokens", type })).query.tokens;
    const { logintoken = "" } = await tokens("login");
    const { login } = this.#parsed(
      loginSchema,
      await this.#call({
        action: "login",
        lgname: this.#user,
        lgpassword: this.#password,
        lgtoken: logintoken,
      }),
    );
    if (login.result !== "Success")
      throw new FarmError(
        `${this.#url} does not let ${this.#user} in: ${login.reason ?? login.result}`,
        "make a bot password (Special:BotPasswords) with the right to edit, and give its name and password",
      );
    return (await tokens("csrf")).csrftoken ?? "";
  }

  #parsed<T extends z.ZodType>(schema: T, answer: unknown): z.output<T> {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new FarmError(
      `${this.#url} answers in another way than MediaWiki's API: ${z.prettifyError(parsed.error)}`,
    );
  }

  async #call(parameters: Record<string, string>): Promise<unknown> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#url}/api.php`, {
        method: "POST",
        headers: { cookie },
        body: new URLSearchParams({ format: "json", formatversion: "2", ...parameters }),
        signal: AbortSignal.timeout(TIME_LIMIT * 1000),
      });
      text = await response.text();
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new FarmError(
        `${this.#url} does not answer: ${why}`,
        "run it again when the wiki is up; nothing is half done",
      );
    }
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      this.#cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new FarmError(
        `${this.#url}/api.php answers HTTP ${response.status}, and not in JSON`,
        "see whether the address is that of the wiki, and the wiki is up",
      );
    }
  }
}
