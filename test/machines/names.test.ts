/** Names as a stranger finds them: our own name servers, asked by a resolver that validates, while a host of the edge is lost. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { servedNames } from "../../src/roles/edge/authority.ts";
import { bootAgain, kill } from "../../src/twin/machines/machine.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { waitUntil } from "../../src/twin/machines/run.ts";
import { withoutRoot } from "./lab-farm.ts";
import { browserTests } from "./names-browser.ts";
import { certificateTests } from "./names-certificates.ts";
import { CLIENT_ADDRESS, EDGES, NAME, NamesFarm, REDIRECTS, STACK, WIKI, ZONE } from "./names-farm.ts";

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

describe("names of a farm with name servers of its own", { skip: withoutRoot }, () => {
  const names = new NamesFarm();
  const inside = (command: string, input?: string) => names.inside(command, input);
  const ask = (...question: Parameters<NamesFarm["ask"]>) => names.ask(...question);
  const addressOf = (host: string) => names.addressOf(host);

  before(() => names.up());
  after(() => names.remove());

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

  /**
   * What the audit finds, asked from beside the farm's machines, by whom the farm's authority is trusted, or by a stranger
   * to it.
   */
  async function audited(trusted = true): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "audit-"));
    const file = join(folder, "farm.pem");
    writeFileSync(file, await names.authority());
    const script = join(import.meta.dirname, "audit-names.ts");
    const { code, stdout, stderr } = await runInNamespace(
      STACK,
      [process.execPath, script, names.root, STACK, CLIENT_ADDRESS],
      { env: { ...process.env, ...(trusted ? { NODE_EXTRA_CA_CERTS: file } : {}) } },
    );
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, stderr);
    const audits: { findings: { severity: string; what: string }[] }[] = JSON.parse(stdout);
    return audits.flatMap((each) => each.findings.map(({ severity, what }) => `${severity}: ${what}`)).sort();
  }

  /** A server asks the hosts behind a name from the first question for it on; a host that was slow is told again in time. */
  async function knowLiveHosts(): Promise<void> {
    const questions = servedNames(names.twin.inventory).flatMap((name) =>
      EDGES.flatMap((server) => ["A", "AAAA"].map((type) => [name, addressOf(server), type] as const)),
    );
    const tellAll = async () => {
      const answers = await Promise.all(questions.map((question) => ask(...question)));
      return answers.every(({ addresses }) => addresses.length === EDGES.length);
    };
    await tellAll();
    // By then each host has been asked once (every 5 s).
    await pause(6000);
    await waitUntil(tellAll, 30, () => "not all hosts of the edge are told");
  }

  test("the audit finds nothing, and without trust in the farm's authority its certificates alone", async () => {
    await knowLiveHosts();
    assert.deepEqual(await audited(), []);
    const found = await audited(false);
    const { hosts } = names.twin.inventory;
    const ways = hosts
      .filter(({ id }) => EDGES.includes(id))
      .flatMap(({ address, address6 }) => [address, address6]);
    assert.equal(found.length, ways.length * servedNames(names.twin.inventory).length, found.join("\n"));
    for (const line of found)
      assert.match(line, /^broken: the certificate of \S+ at \S+ is refused by browsers: .*ISSUER/);
  });

  test("each row of the redirects is followed by name, by https as well as http, as declared", async () => {
    for (const { from, to, status } of REDIRECTS)
      for (const scheme of ["http", "https"]) {
        const head = await inside(`curl -sS -o /dev/null -D - --max-time 10 '${scheme}://${from}/a/b?c=d'`);
        assert.match(head, new RegExp(`^HTTP/\\S+ ${status}`), from);
        const target = to === "wiki" ? `https://${WIKI}` : to;
        const expected = new URL(target).pathname === "/" ? `${target}/a/b?c=d` : target;
        assert.equal(/^location: (\S+)/im.exec(head)?.[1], expected, from);
      }
  });

  test("an address that was changed on the way is refused", async (t) => {
    t.after(() => names.resolveBy(EDGES.map(addressOf)));
    const [edge = "", other = ""] = EDGES.map(addressOf);
    const relay = (change: string) =>
      inside(
        `systemctl stop relay 2>/dev/null || true; systemd-run --quiet --unit=relay --collect python3 /root/relay.py ${other} ${change}`,
      );
    await inside("cat >/root/relay.py", RELAY);
    await relay("");
    await names.resolveBy(["127.0.0.1@5301"]);
    const honest = await ask(NAME);
    assert.deepEqual([honest.status, honest.validated], ["NOERROR", true], honest.text);
    await relay(`${edge} 192.0.2.66`);
    assert((await ask(NAME, "127.0.0.1 -p 5301")).addresses.includes("192.0.2.66"), "it was changed");
    await names.resolveBy(["127.0.0.1@5301"]);
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

  browserTests(names);
  certificateTests(names);

  test("applied again, nothing is changed", async () => {
    assert.match(await names.apply(), /0 created, 0 updated, 0 deleted/);
  });
});
