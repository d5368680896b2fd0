/** Whether the public authority that the edge declares can sign for the edge's names. */
import { LETS_ENCRYPT } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";
import { edgeNames } from "./edge.ts";
import { isWithin } from "./record.ts";

/** Names in one certificate (letsencrypt.org, "Rate limits"); others' limits are no higher. */
const MOST_NAMES = 100;
/** What Let's Encrypt is called in CAA records. */
const ISSUER = "letsencrypt.org";

/** Nothing is wrong where no public authority is declared. */
export function checkCertificates(inventory: Inventory): string[] {
  const { edge, domains } = inventory;
  if (edge.kind !== "hosts" || edge.acme === undefined) return [];
  const names = [...new Set(edgeNames(inventory).map(({ name }) => name))];
  const closed = domains.filter(
    ({ name: zone, caa }) =>
      caa.length > 0 && !caa.includes(ISSUER) && names.some((name) => isWithin(name, zone)),
  );
  return [
    ...(names.length > MOST_NAMES
      ? [
          `edge.acme: ${names.length} names lead to the edge, and one certificate has ${MOST_NAMES} at most; take some to another farm`,
        ]
      : []),
    ...(edge.acme.directory === LETS_ENCRYPT
      ? closed.map(
          ({ name, caa }) =>
            `domain ${name}: caa allows ${caa.join(", ")} alone, and edge.acme asks Let's Encrypt; add "${ISSUER}"`,
        )
      : []),
  ];
}
