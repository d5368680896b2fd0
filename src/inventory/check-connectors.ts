/** What the connectors of a tunnel need, where Cloudflare is the edge. */
import { edgeNames } from "../dns/edge.ts";
import { connectorHosts } from "./domains.ts";
import { fingerprintOf } from "./openpgp.ts";
import { CLOUDFLARED_REPOSITORY, type Inventory } from "./schema.ts";

/**
 * The key that signs Cloudflare's repository, "CloudFlare Software Packaging 2025". Cloudflare publishes no fingerprint beside the
 * key itself: this one is what others wrote down who fetched it in 2025 and 2026, from several places in the world, all alike.
 */
const CLOUDFLARE_KEY = "CC94B39C77AE7342A68B89628A682D308D4E5E73";

const FETCH = `pulumi config set --path farms:cloudflared.key -- "$(curl -fsS https://pkg.cloudflare.com/cloudflare-main.gpg)"`;

/** The program runs as a service on every node: it comes from whom we know by a key, or not at all. */
function checkPackages({ cloudflared }: Inventory): string[] {
  if (cloudflared === undefined)
    return [
      `edge is Cloudflare, and the key of its packages is missing, from which the nodes get cloudflared; write it: ${FETCH}`,
    ];
  const { key, repository } = cloudflared;
  const fingerprint = fingerprintOf(key);
  if (fingerprint === undefined)
    return [
      `farms:cloudflared.key is no public OpenPGP key; write all of it, from -----BEGIN PGP PUBLIC KEY BLOCK----- on: ${FETCH}`,
    ];
  if (repository === CLOUDFLARED_REPOSITORY && fingerprint !== CLOUDFLARE_KEY)
    return [
      `farms:cloudflared.key is ${fingerprint}, and Cloudflare's is ${CLOUDFLARE_KEY}; write that one (${FETCH}), or name the repository whose key it is in farms:cloudflared.repository`,
    ];
  return [];
}

/** What is wrong, as sentences for people; nothing where the edge is another one. */
export function checkConnectors(inventory: Inventory): string[] {
  const { edge, nameservers } = inventory;
  if (edge.kind !== "cloudflare") return [];
  const names = [...new Set(edgeNames(inventory).map(({ name }) => name))];
  if (connectorHosts(inventory).length === 0)
    return names.length === 0
      ? []
      : [
          `edge is Cloudflare, and no host serves an application, so nobody opens the tunnel to which ${names.join(", ")} would lead; declare an application with its nodes, or let edge be { kind: "hosts", … }`,
        ];
  return [
    ...checkPackages(inventory),
    ...(nameservers.length === 0
      ? [
          "edge is Cloudflare, whose servers the nodes find by name, and they may ask nobody; write whom: pulumi config set --path 'farms:nameservers[0]' ADDRESS",
        ]
      : []),
  ];
}
