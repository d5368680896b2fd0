/** What machines of a twin with a stand-in edge find on their disks. */
import { existsSync, readFileSync } from "node:fs";
import type { Seed } from "../machines/disk.ts";
import { controllerAddress, openRange } from "../machines/network.ts";
import { edgeLayout } from "./places.ts";

/** So that they believe the edge, and know whom to ask for names; nothing where there is none. */
export function edgeSeeds(stack: string): Seed[] {
  const { authority } = edgeLayout(stack);
  const range = openRange(stack);
  if (range === undefined || !existsSync(authority)) return [];
  return [
    // Go reads this folder beside the list of all authorities; Debian's own tools make that one anew.
    { path: "/etc/ssl/certs/farm-twin-edge.pem", content: readFileSync(authority, "utf8"), mode: 0o644 },
    { path: "/etc/resolv.conf", content: `nameserver ${controllerAddress(range)}\n`, mode: 0o644 },
  ];
}
