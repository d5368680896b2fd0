/** What the stand-in edge goes by: the resources that Cloudflare would have, as the twin has written them down. */
import { tunnelToken } from "../../dns/cloudflare/secret.ts";
import { cloudId } from "../engine/cloud-ids.ts";
import { ResourceState } from "../engine/state.ts";

const TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
const MAP = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig";
const RECORD = "cloudflare:index/dnsRecord:DnsRecord";

interface TunnelInputs {
  readonly accountId: string;
  readonly tunnelSecret: string;
}

interface MapInputs {
  readonly config: {
    readonly ingresses: readonly { readonly hostname?: string; readonly service: string }[];
  };
}

interface RecordInputs {
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly proxied: boolean;
}

export interface DeclaredEdge {
  /** As its connectors' token has it. */
  readonly token: string;
  /** The ingress map in the words that connectors are told it in (cloudflared, config.Configuration). */
  readonly map: { readonly ingress: MapInputs["config"]["ingresses"] };
  /** Names that lead to the tunnel. */
  readonly names: ReadonlySet<string>;
}

/** Reads what is declared in a folder of resources; undefined where there is no tunnel yet. */
export function readEdge(folder: string): DeclaredEdge | undefined {
  const all = new ResourceState(folder).all();
  const tunnel = all.find(({ type }) => type === TUNNEL);
  const map = all.find(({ type }) => type === MAP);
  if (tunnel === undefined || map === undefined) return undefined;
  const tunnelId = cloudId(TUNNEL, tunnel.name);
  const { accountId, tunnelSecret } = tunnel.inputs as unknown as TunnelInputs;
  const records = all.filter(({ type }) => type === RECORD).map((r) => r.inputs as unknown as RecordInputs);
  const through = records.filter(
    ({ type, proxied, content }) => type === "CNAME" && proxied && content === `${tunnelId}.cfargotunnel.com`,
  );
  return {
    token: tunnelToken({ account: accountId, tunnelId, secret: tunnelSecret }),
    map: { ingress: (map.inputs as unknown as MapInputs).config.ingresses },
    names: new Set(through.map(({ name }) => name)),
  };
}
