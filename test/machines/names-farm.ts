/** A farm with two hosts of the edge that answer for its zone themselves, and a client that knows of it what anybody may know. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { delegations } from "../../src/dns/name-servers.ts";
import { hostOf } from "../../src/inventory/load.ts";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { boot, destroy } from "../../src/twin/machines/machine.ts";
import { address6Of } from "../../src/twin/machines/network.ts";
import { proxyAddress } from "../../src/twin/machines/packages.ts";
import type { Result } from "../../src/twin/machines/run.ts";
import { editFile, farm } from "./lab-farm.ts";
import { exampleAddresses6, guest, smallFarm, smallProgram } from "./small-farm.ts";

export const STACK = "names";
const PORT = "8188";
const RANGE = "10.88.0.0/24";
/** A computer that is no host of the farm. */
export const CLIENT = "client";
export const CLIENT_ADDRESS = "10.88.0.200";
const CLIENT_ADDRESS6 = address6Of(RANGE, 0, 200);
/** Where the client has the certificate of the farm's authority, beside those that Debian trusts. */
const TRUSTED = "/usr/local/share/ca-certificates/farm.crt";

export const ZONE = "example.net";
export const WIKI = `wiki.${ZONE}`;
export const NAME = `www.${ZONE}`;
export const EDGES = ["edge1", "edge2"];
export const NODES = ["web1", "web2"];

const title = { en: "Names", ru: "Имена" };

export const REDIRECTS = [
  { from: NAME, to: "wiki", status: 301 },
  { from: `old.${ZONE}`, to: "https://example.org/new?x=1", status: 302 },
  { from: `form.${ZONE}`, to: "https://example.org", status: 307 },
  { from: `moved.${ZONE}`, to: `https://${WIKI}/wiki/%D0%90`, status: 308 },
] as const;

const MEMBERS = ["db1", "db2", "db3"];

const declaration: FarmDeclaration = {
  ...smallFarm(title, [
    ...MEMBERS.map((id, index) => guest(id, 111 + index)),
    ...NODES.map((id, index) => guest(id, 121 + index)),
    ...EDGES.map((id, index) => guest(id, 131 + index, "1 GB")),
  ]),
  clusters: [{ id: "main", title, software: "mariadb", members: MEMBERS }],
  applications: [
    {
      ...{ id: "wiki", title, software: "mediawiki", language: "ru", hostnames: [WIKI], nodes: NODES },
      database: { cluster: "main" },
      storage: { uploads: "off" },
    },
  ],
  domains: [{ name: ZONE, caa: ["letsencrypt.org"] }],
  redirects: [...REDIRECTS],
  edge: { kind: "hosts", hosts: EDGES, nameservers: EDGES },
};

/** A resolver's configuration: to whom the zone is delegated, and by which key it is signed, as the zone above would say. */
const resolver = (ds: string, servers: readonly string[]): string => `server:
  interface: 127.0.0.1
  interface: ${CLIENT_ADDRESS}
  access-control: ${RANGE} allow
  do-not-query-localhost: no
  trust-anchor: "${ZONE}. IN DS ${ds}"
  local-zone: "${ZONE.replace(/^[^.]+\./, "")}." typetransparent
  local-data: "${ZONE}. 300 IN DS ${ds}"
remote-control:
  control-enable: no
stub-zone:
  name: "${ZONE}"
${servers.map((server) => `  stub-addr: ${server}\n`).join("")}`;

/** What a server answers for a name. */
export interface Told {
  readonly status: string | undefined;
  /** Whether a resolver found the signatures good. */
  readonly validated: boolean;
  readonly addresses: readonly string[];
  readonly text: string;
}

/** The farm's twin and its client. */
export class NamesFarm {
  #root = "";
  #twin: TwinFarm | undefined;

  get twin(): TwinFarm {
    return this.#twin ?? assert.fail("the farm is not up");
  }

  addressOf(host: string): string {
    return hostOf(this.twin.inventory, host).address;
  }

  /** Applies the farm's declaration; what `farm twin up` printed. */
  async apply(): Promise<string> {
    const { code, stdout, stderr } = await this.farm(["twin", "up", STACK, "--port", PORT]);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  /** The farm's own command line. */
  farm(argv: readonly string[]): Promise<Result> {
    return farm(argv, 900, this.#root);
  }

  get root(): string {
    return this.#root;
  }

  async up(): Promise<void> {
    this.#root = smallProgram(STACK, RANGE, declaration, exampleAddresses6(EDGES));
    await this.apply();
    const { openRunningFarm } = (await import(
      pathToFileURL(join(this.#root, "src/twin/farm.ts")).href
    )) as typeof import("../../src/twin/farm.ts");
    this.#twin = await openRunningFarm(STACK);
    await this.#makeClient();
  }

  async remove(): Promise<void> {
    await destroy(STACK, CLIENT);
    await this.farm(["twin", "down", STACK, "--purge"]);
    rmSync(this.#root, { recursive: true });
  }

  async #makeClient(): Promise<void> {
    await boot(STACK, {
      ...{ name: CLIENT, address: CLIENT_ADDRESS, address6: CLIENT_ADDRESS6, prefixLength: 24 },
      ...{ diskBytes: 2 * 2 ** 30, authorizedKeys: [] },
    });
    await this.install("unbound", "knot-dnsutils", "curl", "ca-certificates", "openssl");
    await this.inside("echo nameserver 127.0.0.1 >/etc/resolv.conf");
    await this.inside(`cat >${TRUSTED}; update-ca-certificates >/dev/null`, await this.authority());
    await this.resolveBy(EDGES.map((edge) => this.addressOf(edge)));
  }

  /** Installs Debian packages on the client. */
  async install(...packages: readonly string[]): Promise<void> {
    const apt = `apt-get -qq -o Acquire::http::Proxy=${proxyAddress(STACK)}`;
    const install = `${apt} -y install --no-install-recommends ${packages.join(" ")} >/dev/null`;
    await this.inside(`export DEBIAN_FRONTEND=noninteractive; ${apt} update && ${install}`);
  }

  /** Declares a public authority for the edge's certificates, and applies that. */
  async declareAcme(directory: string): Promise<void> {
    const { edge } = declaration;
    editFile(this.#root, "stacks/declarations.ts", (text) =>
      text.replace(JSON.stringify(edge), JSON.stringify({ ...edge, acme: { directory } })),
    );
    await this.apply();
  }

  /** The certificate of the farm's authority, as people get it. */
  async authority(): Promise<string> {
    const { code, stdout, stderr } = await this.farm(["twin", "authority", STACK]);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** Runs a shell command on the client; it has to succeed. */
  async inside(command: string, input = ""): Promise<string> {
    const options = { input, limit: 300 };
    const { code, stdout, stderr } = await inMachine(STACK, CLIENT, ["sh", "-euc", command], options);
    assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** What the client's resolver, or a server, answers for a name. */
  async ask(name: string, server = "127.0.0.1", type = "A"): Promise<Told> {
    const text = await this.inside(`kdig @${server} ${name} ${type} +dnssec +time=5 +retry=1 || true`);
    return {
      status: /status: (\w+)/.exec(text)?.[1],
      validated: /Flags:[^;]*\bad\b/.test(text),
      addresses: [...text.matchAll(/\sIN\s+A(?:AAA)?\s+([\da-f.:]+)$/gm)].map((m) => m[1] ?? "").sort(),
      text,
    };
  }

  /** Has the client's resolver ask these servers for the zone, and forget what it knew. */
  async resolveBy(servers: readonly string[]): Promise<void> {
    const { ds } = delegations(this.twin.inventory, this.twin.keys)[ZONE] ?? {};
    await this.inside(
      "cat >/etc/unbound/unbound.conf; systemctl reset-failed unbound; systemctl restart unbound",
      resolver(ds ?? assert.fail("no DS record"), servers),
    );
  }

  /** Gives the client a way out by IPv6, or takes it: without one a browser does not ask for such addresses. */
  async useIpv6(use: boolean): Promise<void> {
    const way = `default via ${address6Of(RANGE, 0, 1)}`;
    await this.inside(use ? `ip -6 route replace ${way}` : `ip -6 route del ${way} 2>/dev/null || true`);
  }
}
