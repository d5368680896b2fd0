/** Whether the world is led to the servers that answer for a zone, and whether they do. */
import type { Zone } from "../record.ts";
import {
  type Audited,
  addressesOf,
  broken,
  type Finding,
  isAnswer,
  type NameServer,
  outcomeOf,
  resolved,
  warning,
} from "./finding.ts";

/** Names of the servers that a zone is declared to have; none where others answer for it. */
const declaredServers = ({ name, records }: Zone): string[] =>
  records.filter((record) => record.type === "NS" && record.name === name).map(({ content }) => content);

const CLOUDFLARE = ".ns.cloudflare.com";

function judgeNames({ inventory, zone }: Audited, names: readonly string[]): Finding[] {
  const declared = declaredServers(zone);
  if (names.length === 0)
    return [
      broken(
        `${zone.name} is delegated to nobody: no resolver finds any of its names`,
        declared.length > 0
          ? `tell the registrar these name servers: ${declared.join(", ")}`
          : "tell the registrar the name servers of whoever answers for the zone",
      ),
    ];
  if (declared.length > 0) {
    const strangers = names.filter((name) => !declared.includes(name));
    const missing = declared.filter((name) => !names.includes(name));
    return [
      ...strangers.map((name) =>
        broken(
          `${zone.name} is delegated to ${name}, which is none of ours`,
          `have the registrar take it out; ours are ${declared.join(", ")}`,
        ),
      ),
      ...missing.map((name) =>
        warning(
          `${zone.name} is not delegated to ${name}: one server less answers`,
          "tell the registrar of it",
        ),
      ),
    ];
  }
  if (inventory.cloudflare === undefined) return [];
  return names
    .filter((name) => !name.endsWith(CLOUDFLARE))
    .map((name) =>
      broken(
        `${zone.name} is delegated to ${name}, and not to Cloudflare alone, where the stack keeps it`,
        "have the registrar name the two servers that Cloudflare has for the zone, and no other",
      ),
    );
}

async function judgeServer({ zone, world }: Audited, server: NameServer): Promise<Finding[]> {
  const outcome = await outcomeOf(world, server.address, zone.name, "SOA");
  const who = `${server.name} (${server.address})`;
  if (!isAnswer(outcome))
    return [
      broken(
        `${who} does not answer for ${zone.name}: ${outcome.failure}`,
        "see whether its machine and its firewall let port 53 in, by UDP and TCP",
      ),
    ];
  if (!outcome.authoritative || outcome.status !== "NOERROR")
    return [
      broken(
        `${who} does not know ${zone.name} (${outcome.status}${outcome.authoritative ? "" : ", not as its authority"})`,
        "load the zone there, or take the server out of the delegation",
      ),
    ];
  return [];
}

/** What is wrong with the delegation of a zone, and the servers that it leads to. */
export async function auditDelegation(
  audited: Audited,
): Promise<{ findings: Finding[]; servers: NameServer[] }> {
  const { zone, world } = audited;
  const names = (await resolved(world, zone.name, "NS")).sort();
  const servers: NameServer[] = [];
  const findings = judgeNames(audited, names);
  for (const name of names) {
    const addresses = await addressesOf(world, name);
    if (addresses.length === 0)
      findings.push(
        broken(
          `name server ${name} of ${zone.name} has no address`,
          "give it one, or take it out of the delegation",
        ),
      );
    servers.push(...addresses.map((address) => ({ name, address })));
  }
  const judged = await Promise.all(servers.map((server) => judgeServer(audited, server)));
  // Who does not answer is told once, and not for each record.
  return {
    findings: [...findings, ...judged.flat()],
    servers: servers.filter((_, index) => judged[index]?.length === 0),
  };
}
