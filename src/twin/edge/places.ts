/** Where the stand-in edge of a stack is, and what it is known by. */
import { join } from "node:path";
import { stackLayout } from "../machines/layout.ts";

/** Cloudflare's data centres as the stand-in plays them: each awaits connectors at two addresses, the first is users' way in too. */
export const DATA_CENTRES = [
  { location: "one01", region: "region1.v2.argotunnel.com", numbers: [2, 3] },
  { location: "two01", region: "region2.v2.argotunnel.com", numbers: [4, 5] },
] as const;

/** By which cloudflared finds the regions (its edgediscovery/allregions). */
export const SERVICE = "_v2-origintunneld._tcp.argotunnel.com";
/** The name that a server has to prove to cloudflared (its connection/protocol.go). */
export const SERVER_NAME = "h2.cftunnel.com";
export const TUNNEL_PORT = 7844;
/** Where the twin's repository of connectors' packages is, at the controller's address. */
export const REPOSITORY_PORT = 3143;

export interface EdgeLayout {
  readonly dir: string;
  /** Of the authority that machines believe; the key lies beside it. */
  readonly authority: string;
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
  /** The public key of the repository, armoured. */
  readonly packagesKey: string;
  readonly gnupg: string;
  readonly repository: string;
  /** Who is connected at present, as JSON. */
  readonly connected: string;
  readonly log: string;
}

/** Paths of a stack's stand-in edge; all is root's alone. */
export function edgeLayout(stack: string): EdgeLayout {
  const dir = join(stackLayout(stack).state, "edge");
  const at = (name: string): string => join(dir, name);
  return {
    dir,
    authority: at("authority.pem"),
    authorityKey: at("authority.key"),
    certificate: at("certificate.pem"),
    key: at("certificate.key"),
    packagesKey: at("packages.asc"),
    gnupg: at("gnupg"),
    repository: at("repository"),
    connected: at("connected.json"),
    log: at("log"),
  };
}

/** An address of a stack's range by its number there. */
export const addressIn = (range: string, number: number): string =>
  `${range.slice(0, range.lastIndexOf("."))}.${number}`;
