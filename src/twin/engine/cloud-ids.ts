/** By what the twin's clouds know what they keep: the same at every run. */
import { createHash } from "node:crypto";

const digest = (name: string): string => createHash("sha256").update(name).digest("hex");

/** The number that a cloud would have for what it keeps under a name. */
export const numberOf = (name: string): string => String(Number.parseInt(digest(name).slice(0, 7), 16));

/** What Cloudflare has for a tunnel in place of a number. */
const uuidOf = (name: string): string =>
  digest(name).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");

export const cloudId = (type: string, name: string): string =>
  type.endsWith(":ZeroTrustTunnelCloudflared") ? uuidOf(name) : numberOf(name);
