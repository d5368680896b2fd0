/** What keeps the certificates of an edge host: how they are made, renewed and watched. */
import { readFileSync } from "node:fs";
import { file, unit } from "../../host/entries.ts";
import type { ConnectState, Contribution, FileState, ProbeState } from "../../host/state.ts";
import type { Host, Inventory } from "../../inventory/schema.ts";
import type { RoleContext } from "../role.ts";
import { ACME_ACCOUNT } from "./acme.ts";
import { farmCertificate, hostAuthority, hostCertificate, LEAST_DAYS, servedNames } from "./authority.ts";

const FOLDER = "/etc/farm/edge";
/** The farm's authority: what this host asks itself by. */
export const TRUSTED = `${FOLDER}/farm-authority.pem`;
const PROGRAMS = "/usr/local/lib/farm-edge";
const ACCOUNT = "/var/lib/farm-acme";
const RENEWAL = "farm-edge-certificate";
const unitPath = (name: string): string => `/etc/systemd/system/${name}`;

const ours = (name: string): string => readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
const TEXTS = {
  program: ours("certificate.py"),
  challenge: ours("challenge.sh"),
  service: ours(`${RENEWAL}.service`),
  timer: ours(`${RENEWAL}.timer`),
};

const PYTHON = 'python3 -c \'compile(open("%s").read(), "%s", "exec")\'';

/** The public authority that the farm declares, if any. */
export const acmeOf = ({ edge }: Inventory) => (edge.kind === "hosts" ? edge.acme : undefined);

/** What the program on the host goes by. */
function settings(inventory: Inventory): string {
  const acme = acmeOf(inventory);
  const asked = acme && { directory: acme.directory, contact: acme.contact ?? null };
  return `${JSON.stringify({ names: servedNames(inventory), acme: asked ?? null }, null, 2)}\n`;
}

/** Asks how long the certificate lasts that users are shown now. */
function lasts({ address }: Host, name: string): ProbeState {
  const shown = `openssl s_client -connect ${address}:443 -servername ${name} </dev/null 2>/dev/null`;
  return {
    name: `the certificate lasts ${LEAST_DAYS} days more`,
    command: `${shown} | openssl x509 -noout -checkend ${LEAST_DAYS * 86_400}`,
    // A public authority that is asked now takes some seconds.
    within: 60,
  };
}

/** What is there besides where a public authority is asked. */
function acmeFiles(secret: RoleContext["secret"]): FileState[] {
  return [
    file(`${ACCOUNT}/private/key.pem`, `${secret(ACME_ACCOUNT)}\n`, { mode: "0600" }),
    file(`${PROGRAMS}/challenge.sh`, TEXTS.challenge, { mode: "0755", validate: "sh -n %s" }),
  ];
}

/** Where the public authority is: anywhere, by https. */
const acmePort = ({ acme }: { acme: NonNullable<ReturnType<typeof acmeOf>> }): number =>
  Number(new URL(acme.directory).port || 443);

/** The parts of an edge's contribution that are about certificates. HAProxy has to be reloaded when one of the `files` changes. */
export function certificates({ inventory, host, keys, secret }: RoleContext) {
  const acme = acmeOf(inventory);
  const [name] = servedNames(inventory);
  const secretly = { mode: "0600" };
  const files = [
    file(`${FOLDER}/certificates.json`, settings(inventory)),
    file(TRUSTED, farmCertificate(inventory, keys) ?? ""),
    file(`${FOLDER}/authority.pem`, hostCertificate(inventory, keys, host.id)),
    file(`${FOLDER}/authority.key`, `${secret(hostAuthority(host.id))}\n`, secretly),
    file(`${PROGRAMS}/certificate.py`, TEXTS.program, { validate: PYTHON }),
    ...(acme ? acmeFiles(secret) : []),
  ];
  const connects: ConnectState[] = acme
    ? [{ service: "acme", protocol: "tcp", port: acmePort({ acme }), to: { kind: "internet" } }]
    : [];
  return {
    packages: ["openssl", ...(acme ? ["ca-certificates", "uacme"] : [])],
    directories: [
      { path: FOLDER, owner: "root:root", mode: "0755" },
      { path: PROGRAMS, owner: "root:root", mode: "0755" },
      { path: "/var/lib/farm-edge", owner: "root:haproxy", mode: "0750" },
      ...(acme
        ? [ACCOUNT, `${ACCOUNT}/private`].map((path) => ({ path, owner: "root:root", mode: "0700" }))
        : []),
    ],
    files,
    services: [
      file(unitPath(`${RENEWAL}.service`), TEXTS.service),
      file(unitPath(`${RENEWAL}.timer`), TEXTS.timer),
    ],
    units: [unit(`${RENEWAL}.timer`, { restartOn: [unitPath(`${RENEWAL}.timer`)] })],
    connects,
    probes: name === undefined ? [] : [lasts(host, name)],
  } satisfies Partial<Contribution> & { services: FileState[] };
}
