/** Contabo on this machine, with the documentation's answers. */
import type { TestContext } from "node:test";
import { Contabo } from "../../../src/machines/contabo/contabo.ts";
import { idleClock, type Loopback, loopback, type Reply, recorded, type Seen } from "./loopback.ts";

export const RECORDED = recorded("contabo");
export const CREDENTIALS = {
  clientId: "INT-12345",
  clientSecret: "cl1ent-s3cret",
  user: "admin@example.org",
  password: "p&ss w0rd",
};

export interface Setting {
  contabo: Contabo;
  service: Loopback;
  /** Token requests: token-1 is answered first. */
  logIns: Loopback;
  clock: ReturnType<typeof idleClock>;
}

/** Contabo on this machine: answers of `reply` or `tokens` where they have one, and the recorded ones otherwise. */
export async function serve(
  t: TestContext,
  reply: (seen: Seen) => Reply | undefined,
  tokens: () => Reply | undefined = () => undefined,
): Promise<Setting> {
  const service = await loopback(t, (seen) => {
    const ours = reply(seen);
    if (ours) return ours;
    const answer = RECORDED[`${seen.method} ${seen.path.split("?")[0]}`];
    return answer ? { body: answer } : { status: 204, body: "" };
  });
  const logIns = await loopback(
    t,
    () =>
      tokens() ?? {
        body: { ...(RECORDED["POST token"] as object), access_token: `token-${logIns.seen.length}` },
      },
  );
  const clock = idleClock();
  const place = { clock, timeLimit: 5 };
  const places = { api: { ...place, url: service.url }, tokens: { ...place, url: logIns.url } };
  return { contabo: new Contabo(CREDENTIALS, places), service, logIns, clock };
}

/** As serve: `replies` by what is asked, each list in its order. */
export function setUp(t: TestContext, replies: Record<string, Reply[]> = {}): Promise<Setting> {
  const ours = ({ method, path }: Seen): Reply | undefined => {
    const list = replies[`${method} ${path}`];
    return list && list.length > 1 ? list.shift() : list?.[0];
  };
  return serve(t, ours, () => replies.token?.shift());
}
