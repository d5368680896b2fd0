/** What must hold of mail: names of ours, servers that there are, keys that are public, and SPF that others can check. */
import { createPublicKey } from "node:crypto";
import type { Domain, Mail } from "../inventory/domains.ts";
import { doubles } from "../inventory/doubles.ts";
import type { Inventory } from "../inventory/schema.ts";
import { isEd25519 } from "./mail.ts";
import { isWithin } from "./record.ts";
import { lookupsOf, MOST_LOOKUPS, spfOf } from "./spf.ts";
import { zoneFor } from "./zones.ts";

/** Characters of a name and its SPF record together that an answer by UDP has room for (RFC 7208, 3.4). */
const SPF_ROOM = 450;
/** Bits; receivers don't take less (RFC 8301, 3.2). */
const RSA_BITS = 1024;

/** What is wrong with a DKIM key, as the end of a sentence. */
function keyProblem(publicKey: string): string | undefined {
  const key = Buffer.from(publicKey, "base64");
  if (key.toString("base64") !== publicKey) return "is not in base64; write it in one line without headers";
  if (isEd25519(publicKey)) return undefined;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key, format: "der", type: "spki" });
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (asymmetricKeyType === "rsa" && bits >= RSA_BITS) return undefined;
  } catch {
    // Not the DER of a public key at all.
  }
  return `is no public key (RSA of ${RSA_BITS} bits or more, or Ed25519); the private one stays on the mail server`;
}

function checkSpf(inventory: Inventory, mail: Mail): string[] {
  const lookups = lookupsOf(mail);
  const longest = Math.max(...mail.names.map((name) => name.length));
  const length = longest + spfOf(inventory, mail).length;
  const which = mail.names.join(", ");
  return [
    ...(lookups > MOST_LOOKUPS
      ? [
          `mail of ${which}: SPF costs ${lookups} look-ups, and receivers refuse mail beyond ${MOST_LOOKUPS}; write the addresses of an include (addresses: […]), or remove one`,
        ]
      : []),
    ...(length > SPF_ROOM
      ? [
          `mail of ${which}: SPF is too long, ${length} characters with the name, and an answer has room for ${SPF_ROOM}; write fewer addresses, or let an include name them`,
        ]
      : []),
  ];
}

function checkDomainMail(inventory: Inventory, domain: Domain, mail: Mail): string[] {
  const source = `mail of ${domain.name}`;
  const servers = new Set(inventory.mailServers.map(({ name }) => name));
  const reporters = [mail.dmarc.reports, ...(mail.tlsReports ? [mail.tlsReports] : [])];
  return [
    ...mail.names
      .filter((name) => zoneFor(inventory, name) !== domain)
      .map((name) => `${source}: ${name} is outside of its zone ${domain.name}; move it to its own domain`),
    ...mail.servers
      .filter((name) => !servers.has(name))
      .map((name) => `${source} is served by ${name}, which is no mail server; declare it in mailServers`),
    ...reporters
      .filter((address) => !isWithin(address.split("@")[1] ?? "", domain.name))
      .map(
        (address) =>
          `${source}: reports to ${address} need that domain's consent (RFC 7489, 7.1); write an address in ${domain.name}`,
      ),
    ...doubles(
      mail.dkim,
      (k) => k.selector,
      (k) => k.selector,
    ).map(([selector]) => `${source}: DKIM selector ${selector} is declared twice; remove one`),
    ...mail.dkim.flatMap(({ selector, publicKey }) => {
      const problem = keyProblem(publicKey);
      return problem === undefined ? [] : [`${source}: the DKIM key ${selector} ${problem}`];
    }),
    ...checkSpf(inventory, mail),
  ];
}

function checkServers(inventory: Inventory): string[] {
  const hosts = new Set(inventory.hosts.map(({ id }) => id));
  return [
    ...inventory.mailServers
      .filter(({ host }) => !hosts.has(host))
      .map(
        ({ name, host }) =>
          `mail server ${name} is on "${host}", which is no host; declare it or name another`,
      ),
    ...inventory.mailServers
      .filter(({ name }) => zoneFor(inventory, name) === undefined)
      .map(({ name }) => `mail server ${name} is in none of our domains; declare the domain`),
    ...doubles(
      inventory.mailServers,
      (s) => s.host,
      (s) => s.name,
    ).map(
      ([host, names]) =>
        `mail servers ${names.join(" and ")} are both ${host}; an address has one name in reverse: remove one`,
    ),
  ];
}

/** What is wrong with mail, as sentences for people. */
export const checkMail = (inventory: Inventory): string[] => [
  ...checkServers(inventory),
  ...inventory.domains.flatMap((domain) =>
    domain.mail === undefined ? [] : checkDomainMail(inventory, domain, domain.mail),
  ),
];
