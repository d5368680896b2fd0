/** What the tunnel and its connectors share. */

/**
 * Under which name the tunnel's secret derives. Hosts are handed the token under this name that is made of it: that of one has
 * the generation of the other.
 */
export const TUNNEL_SECRET = "tunnel/edge";

/** A tunnel as Cloudflare knows it. */
export interface TunnelIdentity {
  readonly account: string;
  /** The number that Cloudflare gave it, a UUID. */
  readonly tunnelId: string;
  /** 32 bytes in base64. */
  readonly secret: string;
}

/** The token by which a connector opens a tunnel, as `cloudflared tunnel run --token-file` reads it (its connection.TunnelToken). */
export const tunnelToken = ({ account, tunnelId, secret }: TunnelIdentity): string =>
  Buffer.from(JSON.stringify({ a: account, t: tunnelId, s: secret })).toString("base64");
