/** A client of MediaWiki's API that talks to one web server, whatever names say. */
import { request } from "node:http";

export type Answer = Record<string, unknown>;

export interface WikiAddress {
  readonly host: string;
  readonly port: number;
  /** Host name of the wiki, sent as the Host header. */
  readonly name: string;
}

export class Wiki {
  readonly #address: WikiAddress;
  readonly #cookies = new Map<string, string>();
  #token = "";

  constructor(address: WikiAddress) {
    this.#address = address;
  }

  /** One call of the API, POSTed. Throws on anything but a JSON answer without `error` within `limit` seconds. */
  call(parameters: Record<string, string>, limit = 30): Promise<Answer> {
    const body = new URLSearchParams({ format: "json", formatversion: "2", ...parameters }).toString();
    const headers = {
      Host: this.#address.name,
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": Buffer.byteLength(body),
      Cookie: [...this.#cookies].map(([key, value]) => `${key}=${value}`).join("; "),
    };
    const { host, port } = this.#address;
    return new Promise((resolve, reject) => {
      const call = request(
        { host, port, path: "/api.php", method: "POST", headers, timeout: limit * 1000 },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("error", reject);
          response.on("end", () => {
            for (const cookie of response.headers["set-cookie"] ?? []) {
              const [pair = ""] = cookie.split(";");
              this.#cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
            }
            try {
              const answer: Answer = JSON.parse(text);
              if (response.statusCode !== 200 || "error" in answer)
                throw new Error(JSON.stringify(answer.error));
              resolve(answer);
            } catch (error) {
              reject(new Error(`HTTP ${response.statusCode}: ${(error as Error).message}`));
            }
          });
        },
      );
      call.on("timeout", () => call.destroy(new Error(`no answer within ${limit} s`)));
      call.on("error", reject);
      call.end(body);
    });
  }

  async #tokenOf(type: string): Promise<string> {
    const answer = await this.call({ action: "query", meta: "tokens", type });
    return (answer.query as { tokens: Record<string, string> }).tokens[`${type}token`] ?? "";
  }

  async logIn(user: string, password: string): Promise<void> {
    const lgtoken = await this.#tokenOf("login");
    const answer = await this.call({ action: "login", lgname: user, lgpassword: password, lgtoken });
    const { result } = answer.login as { result: string };
    if (result !== "Success") throw new Error(`log-in: ${JSON.stringify(answer)}`);
    this.#token = await this.#tokenOf("csrf");
  }

  /** Saves a page; when this returns, the wiki has acknowledged it. */
  async edit(title: string, text: string, limit?: number): Promise<void> {
    const answer = await this.call({ action: "edit", title, text, token: this.#token }, limit);
    const { result } = answer.edit as { result: string };
    if (result !== "Success") throw new Error(JSON.stringify(answer));
  }

  async read(title: string): Promise<string | undefined> {
    const answer = await this.call({
      action: "query",
      prop: "revisions",
      rvprop: "content",
      rvslots: "main",
      titles: title,
    });
    const [page] = (answer.query as { pages: { revisions?: { slots: { main: { content: string } } }[] }[] })
      .pages;
    return page?.revisions?.[0]?.slots.main.content;
  }

  async search(words: string): Promise<string[]> {
    const answer = await this.call({ action: "query", list: "search", srsearch: words });
    return (answer.query as { search: { title: string }[] }).search.map((found) => found.title);
  }

  /** Titles of all pages that begin with a prefix. */
  async titles(prefix: string): Promise<string[]> {
    const found: string[] = [];
    let next: Record<string, string> = {};
    do {
      const answer = await this.call({
        action: "query",
        list: "allpages",
        apprefix: prefix,
        aplimit: "max",
        ...next,
      });
      found.push(...(answer.query as { allpages: { title: string }[] }).allpages.map((page) => page.title));
      next = (answer.continue as Record<string, string> | undefined) ?? {};
    } while ("apcontinue" in next);
    return found;
  }
}
