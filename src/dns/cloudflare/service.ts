import { z } from "zod";
import { type Explanation, type Place, WebService } from "../../machines/web-service.ts";
import type { PresentRecord, PresentRuleset } from "../present.ts";

/** Entries of a page of records. */
const PAGE = 500;

/** A record as Cloudflare tells it; of what is made of parts, `content` is the whole. */
const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
});

const answer = z.object({
  result: z.array(recordSchema),
  result_info: z.object({ total_pages: z.int() }),
});

const rulesetsAnswer = z.object({
  result: z.array(z.object({ id: z.string(), kind: z.string(), phase: z.string() })),
});

const rulesAnswer = z.object({
  result: z.object({
    /** None where nobody has written any yet, or somebody has taken all out. */
    rules: z.array(z.object({ description: z.string().nullish(), expression: z.string() })).default([]),
  }),
});

/** The form of all its errors (developers.cloudflare.com/api). */
const refusal = z.object({ errors: z.array(z.object({ code: z.int(), message: z.string() })).min(1) });

function explain(status: number, body: unknown): Explanation {
  const parsed = refusal.safeParse(body);
  const told = parsed.success
    ? {
        code: String(parsed.data.errors[0]?.code),
        words: parsed.data.errors.map((e) => e.message).join("; "),
      }
    : {};
  return status === 401 || status === 403
    ? {
        ...told,
        remedy:
          "the token in cloudflare:apiToken needs the permission DNS Read for this zone and, where Cloudflare is the edge, those to read its redirects, cache rules and rate limits",
      }
    : told;
}

/** What is asked of Cloudflare beside what the engine does: nothing is ever changed. */
export class CloudflareService {
  readonly #service: WebService;
  readonly #token: string;

  /** `token` is an API token. Throws a FarmError (exit code 2) when the place's URL has no TLS. */
  constructor(token: string, place: Place) {
    this.#service = new WebService("Cloudflare", place, [token], explain);
    this.#token = token;
  }

  #read<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const headers = () => ({ authorization: `Bearer ${this.#token}` });
    return this.#service.ask({ method: "GET", path: `/client/v4${path}`, headers }, schema);
  }

  /** The rulesets that a zone itself has, by its number. Throws as WebService does. */
  async rulesets(zone: string): Promise<PresentRuleset[]> {
    const { result } = await this.#read(`/zones/${zone}/rulesets`, rulesetsAnswer);
    const own = result.filter(({ kind }) => kind === "zone");
    return Promise.all(
      own.map(async ({ id, phase }) => {
        const { rules } = (await this.#read(`/zones/${zone}/rulesets/${id}`, rulesAnswer)).result;
        return { id, phase, rules: rules.map((rule) => rule.description || rule.expression) };
      }),
    );
  }

  /** All records of a zone, by the zone's number. Throws as WebService does. */
  async records(zone: string): Promise<PresentRecord[]> {
    const found: PresentRecord[] = [];
    for (let page = 1; ; page++) {
      const path = `/zones/${zone}/dns_records?per_page=${PAGE}&page=${page}`;
      const { result, result_info } = await this.#read(path, answer);
      found.push(...result);
      if (page >= result_info.total_pages) return found;
    }
  }
}
