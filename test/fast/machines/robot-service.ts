/** Robot on this machine, with the documentation's answers. */

import type { TestContext } from "node:test";
import { Robot } from "../../../src/machines/robot/robot.ts";
import { idleClock, type Loopback, loopback, type Reply, recorded } from "./loopback.ts";

export const RECORDED = recorded("robot");
export const CREDENTIALS = { user: "#ws+farm", password: "s3cr3t-pässword" };
export const BASIC = Buffer.from("#ws+farm:s3cr3t-pässword").toString("base64");

export interface Setting {
  robot: Robot;
  service: Loopback;
  clock: ReturnType<typeof idleClock>;
}

/** Robot on this machine: `replies` by what is asked, each list in its order, and the recorded answers otherwise. */
export async function setUp(t: TestContext, replies: Record<string, Reply[]> = {}): Promise<Setting> {
  const service = await loopback(t, ({ method, path }) => {
    const ours = replies[`${method} ${path}`];
    const next = ours && ours.length > 1 ? ours.shift() : ours?.[0];
    return next ?? { body: RECORDED[`${method} ${path}`] ?? "" };
  });
  const clock = idleClock();
  return { robot: new Robot(CREDENTIALS, { url: service.url, clock, timeLimit: 5 }), service, clock };
}
