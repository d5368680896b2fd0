import { z } from "zod";
import { type Explanation, type Place, WebService } from "../../machines/web-service.ts";
import type { PresentRecord } from "../present.ts";

/** Entries of a page of records. */
const PAGE = 500;

/** A record as Cloudflare tells it; of what is made of parts, `content` is the whole. */
const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
  comment: z.string().nullish(),
});

const answer = z.object({
  result: z.array(recordSchema),
  result_info: z.object({ total_pages: z.int() }),
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
    ? { ...told, remedy: "the token in cloudflare:apiToken needs the permission DNS Read for this zone" }
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

  /** All records of a zone, by the zone's number. Throws as WebService does. */
  async records(zone: string): Promise<PresentRecord[]> {
    const found: PresentRecord[] = [];
    for (let page = 1; ; page++) {
      const path = `/client/v4/zones/${zone}/dns_records?per_page=${PAGE}&page=${page}`;
      const headers = () => ({ authorization: `Bearer ${this.#token}` });
      const { result, result_info } = await this.#service.ask({ method: "GET", path, headers }, answer);
      found.push(...result);
      if (page >= result_info.total_pages) return found;
    }
  }
}
