/** Names as a stranger finds them: our own name servers, asked by a resolver that validates, while a host of the edge is lost. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { delegations } from "../../src/dns/name-servers.ts";
import { hostOf } from "../../src/inventory/load.ts";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { boot, bootAgain, destroy, kill } from "../../src/twin/machines/machine.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { proxyAddress } from "../../src/twin/machines/packages.ts";
import { waitUntil } from "../../src/twin/machines/run.ts";
import { farm, withoutRoot } from "./lab-farm.ts";
import { guest, smallFarm, smallProgram } from "./small-farm.ts";

const STACK = "names";
const PORT = "8188";
/** A computer that is no host of the farm, and knows of it what anybody may know. */
const CLIENT = "client";
const CLIENT_ADDRESS = "10.88.0.200";
const RANGE = "10.88.0.0/24";
const ZONE = "example.net";
const NAME = `www.${ZONE}`;
const EDGES = ["edge1", "edge2"];

const title = { en: "Names", ru: "Имена" };

const REDIRECTS = [
  { from: NAME, to: "https://example.org", status: 301 },
  { from: `old.${ZONE}`, to: "https://example.org/new?x=1", status: 302 },
] as const;

const declaration: FarmDeclaration = {
  ...smallFarm(title, [guest("edge1", 131, "1 GB"), guest("edge2", 132, "1 GB")]),
  domains: [{ name: ZONE, caa: ["letsencrypt.org"] }],
  redirects: [...REDIRECTS],
  edge: { kind: "hosts", hosts: EDGES, nameservers: EDGES },
};

/** Passes questions on, and with a second argument changes an address in the answers, as somebody on the way could. */
const RELAY = `
import socket, sys
server, change = (sys.argv[1], 53), [socket.inet_aton(a) for a in sys.argv[2:]]
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); here.bind(("127.0.0.1", 5301))
while True:
    question, asker = here.recvfrom(4096)
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); there.settimeout(5)
    there.sendto(question, server)
    answer = there.recv(4096)
    here.sendto(answer.replace(*change) if change else answer, asker)
`;

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

describe("names of a farm with name servers of its own", { skip: withoutRoot }, () => {
  let root = "";
  let twin: TwinFarm;
  let ds = "";
  const addressOf = (host: string): string => hostOf(twin.inventory, host).address;

  async function inside(command: string, input = ""): Promise<string> {
    const { code, stdout, stderr } = await inMachine(STACK, CLIENT, ["sh", "-euc", command], {
      input,
      limit: 300,
    });
    assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** What the resolver, or a server, answers for a name: status, whether it was validated, and the addresses. */
  async function ask(name: string, server = "127.0.0.1", type = "A") {
    const text = await inside(`kdig @${server} ${name} ${type} +dnssec +time=5 +retry=1 || true`);
    return {
      status: /status: (\w+)/.exec(text)?.[1],
      validated: /Flags:[^;]*\bad\b/.test(text),
      addresses: [...text.matchAll(/\sIN\s+A\s+([\d.]+)$/gm)].map((m) => m[1] ?? "").sort(),
      text,
    };
  }

  async function resolveBy(servers: readonly string[]): Promise<void> {
    await inside(
      "cat >/etc/unbound/unbound.conf; systemctl reset-failed unbound; systemctl restart unbound",
      resolver(ds, servers),
    );
  }

  before(async () => {
    root = smallProgram(STACK, RANGE, declaration);
    const { code, stdout, stderr } = await farm(["twin", "up", STACK, "--port", PORT], 900, root);
    assert.equal(code, 0, stdout + stderr);
    twin = (await (
      await import(pathToFileURL(join(root, "src/twin/farm.ts")).href)
    ).openRunningFarm(STACK)) as TwinFarm;
    ds = delegations(twin.inventory, twin.keys)[ZONE]?.ds ?? assert.fail("no DS record");
    await boot(STACK, {
      ...{ name: CLIENT, address: CLIENT_ADDRESS, prefixLength: 24, diskBytes: 2 * 2 ** 30 },
      authorizedKeys: [],
    });
    const apt = `apt-get -qq -o Acquire::http::Proxy=${proxyAddress(STACK)}`;
    await inside(
      `export DEBIAN_FRONTEND=noninteractive; ${apt} update && ${apt} -y install --no-install-recommends unbound knot-dnsutils curl ca-certificates >/dev/null`,
    );
    await inside("echo nameserver 127.0.0.1 >/etc/resolv.conf");
    await resolveBy(EDGES.map(addressOf));
  });

  after(async () => {
    await destroy(STACK, CLIENT);
    await farm(["twin", "down", STACK, "--purge"], 120, root);
    rmSync(root, { recursive: true });
  });

  test("a name leads to all hosts of the edge, and the resolver finds the signature good", async () => {
    // The first question to a server makes it ask the hosts; until it knows, all count.
    const { status, validated, addresses, text } = await ask(NAME);
    assert.deepEqual([status, validated], ["NOERROR", true], text);
    assert.deepEqual(addresses, EDGES.map(addressOf).sort());
  });

  test("that a name is not there is signed as well, and nobody can list what is there", async () => {
    const { status, validated, text } = await ask(`nothing.${ZONE}`);
    assert.deepEqual([status, validated], ["NXDOMAIN", true], text);
    const listed = await inside(`kdig @${addressOf("edge1")} ${ZONE} AXFR +time=5 || true`);
    assert.doesNotMatch(listed, /\sIN\s+(A|NS)\s/, listed);
    const hash = /^(\w+)\.example\.net\.\s.*NSEC3\s+1 0 0 - (\w+)/m.exec(text);
    assert(hash, text);
  });

  /** What the audit finds, asked from beside the farm's machines. */
  async function audited(): Promise<string[]> {
    const script = join(import.meta.dirname, "audit-names.ts");
    const { code, stdout, stderr } = await runInNamespace(STACK, [
      ...[process.execPath, script, root, STACK, CLIENT_ADDRESS],
    ]);
    assert.equal(code, 0, stderr);
    const audits: { findings: { severity: string; what: string }[] }[] = JSON.parse(stdout);
    return audits.flatMap((each) => each.findings.map(({ severity, what }) => `${severity}: ${what}`)).sort();
  }

  const inHouse = (name: string) =>
    EDGES.map(
      (host) =>
        `broken: the certificate of ${name} at ${addressOf(host)} is refused by browsers: DEPTH_ZERO_SELF_SIGNED_CERT`,
    );

  /** A server asks the hosts behind a name from the first question for it on; a host that was slow is told again in time. */
  async function knowLiveHosts(names: readonly string[]): Promise<void> {
    const questions = names.flatMap((name) => EDGES.map((server) => [name, addressOf(server)] as const));
    const tellAll = async () => {
      const answers = await Promise.all(questions.map(([name, server]) => ask(name, server)));
      return answers.every(({ addresses }) => addresses.length === EDGES.length);
    };
    await tellAll();
    // By then each host has been asked once (every 5 s).
    await pause(6000);
    await waitUntil(tellAll, 30, () => "not all hosts of the edge are told");
  }

  test("the audit finds the twin's own certificates, and nothing else", async () => {
    await knowLiveHosts([NAME, `old.${ZONE}`]);
    assert.deepEqual(await audited(), [NAME, `old.${ZONE}`].flatMap(inHouse).sort());
  });

  test("each row of the redirects is followed by name, as declared", async () => {
    for (const { from, to, status } of REDIRECTS) {
      const head = await inside(`curl -sS -o /dev/null -D - --max-time 10 'http://${from}/a/b?c=d'`);
      assert.match(head, new RegExp(`^HTTP/1.1 ${status}`), from);
      const expected = new URL(to).pathname === "/" ? `${to}/a/b?c=d` : to;
      assert.equal(/^location: (\S+)/im.exec(head)?.[1], expected, from);
    }
  });

  test("an address that was changed on the way is refused", async (t) => {
    t.after(() => resolveBy(EDGES.map(addressOf)));
    const [edge = "", other = ""] = EDGES.map(addressOf);
    const relay = (change: string) =>
      inside(
        `systemctl stop relay 2>/dev/null || true; systemd-run --quiet --unit=relay --collect python3 /root/relay.py ${other} ${change}`,
      );
    await inside("cat >/root/relay.py", RELAY);
    await relay("");
    await resolveBy(["127.0.0.1@5301"]);
    const honest = await ask(NAME);
    assert.deepEqual([honest.status, honest.validated], ["NOERROR", true], honest.text);
    await relay(`${edge} 192.0.2.66`);
    assert((await ask(NAME, "127.0.0.1 -p 5301")).addresses.includes("192.0.2.66"), "it was changed");
    await resolveBy(["127.0.0.1@5301"]);
    const changed = await ask(NAME);
    assert.deepEqual([changed.status, changed.addresses], ["SERVFAIL", []], changed.text);
  });

  test("a host of the edge that is lost is told no more within seconds, and again when it is back", async (t) => {
    const [kept = "", lost = ""] = EDGES;
    const told = async () => (await ask(NAME, addressOf(kept))).addresses;
    // What counts as lost is not told: each is told for longer than it takes to find that out.
    for (let asked = 0; asked < 10; asked += 1) {
      assert.equal((await told()).length, 2, "both serve");
      await pause(1000);
    }
    const began = performance.now();
    const since = () => ((performance.now() - began) / 1000).toFixed(1);
    await kill(STACK, [lost]);
    await waitUntil(
      async () => (await told()).join() === addressOf(kept),
      30,
      () => `${lost} is told for 30 s after its loss`,
    );
    t.diagnostic(`told no more after ${since()} s`);
    const found = await audited();
    for (const pattern of [
      new RegExp(`^broken: ns-${lost}.${ZONE} \\(${addressOf(lost)}\\) does not answer for ${ZONE}: `),
      new RegExp(`^warning: ${NAME} A: ns-${kept}.${ZONE} does not tell ${addressOf(lost)} at present`),
    ])
      assert(
        found.some((line) => pattern.test(line)),
        `${pattern}\n${found.join("\n")}`,
      );
    // The resolver may have the former answer for 30 s more, and asks the one server that lives.
    await waitUntil(
      async () => (await ask(NAME)).addresses.join() === addressOf(kept),
      45,
      () => "the resolver goes on with the lost address",
    );
    t.diagnostic(`gone from the resolver's memory after ${since()} s`);
    await bootAgain(STACK, lost);
    await waitUntil(
      async () => (await told()).length === 2,
      60,
      () => `${lost} is not told again 60 s after it was switched on`,
    );
  });

  test("a flood of questions is answered up to a limit: nobody is worth while as a reflector", async () => {
    const flood = `
import socket, sys
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); asked.settimeout(1)
question = bytes.fromhex("000100000001000000000000") + b"\\x03www\\x07example\\x03net\\x00\\x00\\x01\\x00\\x01"
for _ in range(2000): asked.sendto(question, (sys.argv[1], 53))
count = 0
try:
    while asked.recv(4096): count += 1
except TimeoutError: print(count)
`;
    await inside("cat >/root/flood.py", flood);
    const answered = Number(await inside(`python3 /root/flood.py ${addressOf("edge1")}`));
    assert(answered >= 50 && answered < 400, `${answered} of 2000 answered`);
    await pause(3000);
    assert.equal((await ask(NAME)).status, "NOERROR");
  });

  test("applied again, nothing is changed", async () => {
    const { code, stdout, stderr } = await farm(["twin", "up", STACK, "--port", PORT], 900, root);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /0 created, 0 updated, 0 deleted/);
  });
});
