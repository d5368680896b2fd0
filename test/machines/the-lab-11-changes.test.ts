/** The running lab changed under load: changes that are right go unnoticed, wrong ones stop at the first host and undo themselves. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test, { type TestContext } from "node:test";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import {
  awaitGreen,
  copyOfProgram,
  editFile,
  farm,
  farmUntil,
  on,
  unlessLong,
  withoutRoot,
} from "./lab-farm.ts";
import { assertUnnoticed, underLoad } from "./load.ts";
import { labUp } from "./the-lab.ts";

/** An edit of a file of the program. */
type Edit = readonly [file: string, change: (text: string) => string];

/** Does something with a copy of the program that has edits. */
async function withEdits<T>(edits: readonly Edit[], work: (copy: string) => Promise<T>): Promise<T> {
  const copy = copyOfProgram();
  try {
    for (const [file, change] of edits) editFile(copy, file, change);
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const good = async (edits: readonly Edit[]): Promise<void> => {
  const { code, stdout, stderr } = await withEdits(edits, (copy) => farm(["twin", "up"], 900, copy));
  assert.equal(code, 0, stdout + stderr);
};

const setting = (line: string): Edit => [
  "src/roles/mariadb/config.ts",
  (text) => text.replace("\nwsrep_on = ON", `\n${line}\nwsrep_on = ON`),
];

/** Changes the packet filter of every host, and nothing that it lets through. */
const anotherCounter: Edit = [
  "src/roles/firewall.ts",
  (text) => text.replace("  counter dropped_in", "  counter another { }\n  counter dropped_in"),
];

const FILLER = "/var/lib/farm-test-filler";
const DATABASES = ["db1", "db2", "db3"];
/** When each member's MariaDB was started, in microseconds since its machine's boot. */
const starts = (lab: TwinFarm): Promise<string[]> =>
  Promise.all(
    DATABASES.map((host) => on(lab, host, "systemctl show -P ActiveEnterTimestampMonotonic mariadb")),
  );

/** The version of a package on a host, and the newest other one that its sources offer. */
async function versions(lab: TwinFarm, host: string, name: string): Promise<{ now: string; other: string }> {
  const now = (await on(lab, host, `dpkg-query -W -f '\${Version}' ${name}`)).trim();
  const offered = await on(lab, host, `apt-cache madison ${name}`);
  const all = offered.split("\n").flatMap((line) => line.split("|")[1]?.trim() ?? []);
  return { now, other: all.find((version) => version !== now) ?? "" };
}

/** Holds sources at versions. */
const held = (versions: readonly (readonly [source: string, version: string])[]): Edit => [
  "stacks/lab.ts",
  (text) => text.replace("edge: {", `versions: ${JSON.stringify(Object.fromEntries(versions))},\n  edge: {`),
];

async function rightChanges(t: TestContext, lab: TwinFarm): Promise<void> {
  const daemon: Edit = ["src/roles/mariadb/main.py", (text) => `${text}# Another program.\n`];
  for (const [name, edits] of [
    ["a setting for which MariaDB restarts, on all three members", []],
    ["the same together with another program that watches MariaDB", [daemon]],
  ] as const)
    await t.test(name, async (t) => {
      const before = await starts(lab);
      const change = setting(`performance_schema_max_table_handles = ${333 + edits.length}`);
      assertUnnoticed(t, "MariaDB restarted", await underLoad(lab, () => good([change, ...edits])));
      const after = await starts(lab);
      for (const [index, start] of after.entries()) assert.notEqual(start, before[index], DATABASES[index]);
    });

  await t.test("the firewall of every host", async (t) => {
    assertUnnoticed(t, "firewalls changed", await underLoad(lab, () => good([anotherCounter])));
    for (const { id } of lab.inventory.hosts)
      assert.match(await on(lab, id, "nft list ruleset"), /counter another/);
  });

  await t.test(
    "another version of the SSH server on every host, and of the proxy with connections open",
    {
      skip: unlessLong,
    },
    (t) => otherVersions(t, lab),
  );
}

async function otherVersions(t: TestContext, lab: TwinFarm): Promise<void> {
  const changing = [];
  for (const [source, name] of [
    ["openssh", "openssh-server"],
    ["haproxy", "haproxy"],
  ] as const) {
    const { now, other } = await versions(lab, "web1", name);
    if (other !== "") changing.push({ source, name, now, other });
  }
  if (changing.length === 0) return t.skip("the mirrors have one version alone of each");
  const names = changing.map(({ name }) => name).join(" and ");
  const others = held(changing.map(({ source, other }) => [source, other]));
  assertUnnoticed(t, `${names} changed`, await underLoad(lab, () => good([others])));
  for (const { host, state } of lab.plan.hosts)
    for (const { name, other } of changing)
      if (state.packages.includes(name))
        assert.equal((await versions(lab, host.id, name)).now, other, `${name} on ${host.id}`);
  const master = "$(systemctl show -P MainPID farm-database-proxy-mariadb)";
  const program = await on(lab, "web1", `readlink /proc/${master}/exe`);
  assert.doesNotMatch(program, /deleted/, "what runs is what is installed");
  await good([held(changing.map(({ source, now }) => [source, now]))]);
}

interface Failing {
  readonly edits: readonly Edit[];
  /** What is said of the failure. */
  readonly message: RegExp;
  /** Done when every host has prepared and the first is about to be activated. */
  readonly midway?: () => Promise<unknown>;
  /** Waits until all is well again after the run. */
  readonly afterwards?: () => Promise<unknown>;
}

/** A change that must fail on a host: those after it are untouched, the service goes on, the host is as before. */
async function wrong(t: TestContext, lab: TwinFarm, what: string, failing: Failing): Promise<void> {
  const { edits, message, midway, afterwards } = failing;
  const applied = () =>
    Promise.all(lab.inventory.hosts.map(({ id }) => on(lab, id, "sha256sum /var/lib/farm/applied.bundle")));
  await good([]);
  const before = await applied();
  let result = { code: null as number | null, output: "" };
  const streams = await underLoad(lab, async () => {
    result = await withEdits(edits, async (copy) => {
      if (midway) return farmUntil(["twin", "up"], "-activate: updating", midway, copy);
      const { code, stdout, stderr } = await farm(["twin", "up"], 900, copy);
      return { code, output: stdout + stderr };
    });
    await afterwards?.();
  });
  assert.notEqual(result.code, 0, "it is refused");
  assert.match(result.output, message);
  assertUnnoticed(t, what, streams);
  assert.deepEqual(await applied(), before);
  await awaitGreen(lab, 30);
}

/** Text that makes a file of 4 MB of every member's configuration. */
const big: Edit = [
  "src/roles/mariadb/member.ts",
  (text) =>
    text.replace(
      "      file(DROP_IN,",
      `      file("/etc/farm-test-big", \`\${"x".repeat(99)}\\n\`.repeat(40_000)),\n      file(DROP_IN,`,
    ),
];

const shutOut: Edit = [
  "src/roles/firewall.ts",
  (text) => text.replace('    iif "lo" accept\n', '    iif "lo" accept\n    tcp dport 22 drop\n'),
];

async function untilOpenAgain(lab: TwinFarm): Promise<void> {
  const began = performance.now();
  for (;;) {
    const { stdout } = await inMachine(lab.stack, "zhelezo1", ["nft", "list", "ruleset"], {});
    if (!stdout.includes("tcp dport 22 drop")) return;
    assert(performance.now() - began < 75_000, "still locked out after 75 s");
  }
}

async function wrongChanges(t: TestContext, lab: TwinFarm): Promise<void> {
  await t.test("a setting that MariaDB does not know: no host is touched", (t) =>
    wrong(t, lab, "unknown setting", {
      edits: [setting("no_such_setting = 1")],
      message: /80-farm\.cnf is not valid.*no_such_setting/s,
    }),
  );

  await t.test("what one host alone finds wrong: no host is touched, nor the Proxmox host before it", (t) =>
    wrong(t, lab, "unknown setting, and every host changed", {
      edits: [setting("no_such_setting = 1"), anotherCounter],
      message: /80-farm\.cnf is not valid.*no_such_setting/s,
    }),
  );

  await t.test(
    "a setting with which MariaDB does not start: the first member goes back, the rest stays",
    (t) =>
      wrong(t, lab, "MariaDB did not start", {
        edits: [setting("innodb_data_file_path = ibdata1:500M")],
        message: /db1\].*the change: file .*80-farm\.cnf.*this host is back in its former state/s,
      }),
  );

  await t.test("a file that is valid and makes the service unhealthy", (t) =>
    wrong(t, lab, "wiki broken", {
      edits: [
        [
          "src/roles/web/php.ts",
          (text) => text.replaceAll(/fastcgi_pass unix:[^;]+;/g, "fastcgi_pass unix:/run/none.sock;"),
        ],
      ],
      message: /\[web1\].*probe "nginx and PHP answer" says no.*this host is back in its former state/s,
    }),
  );

  await t.test("a firewall that shuts SSH out: the host comes back by itself", (t) =>
    wrong(t, lab, "locked out", {
      edits: [shutOut],
      // The connection by which it was activated may be cut before its end.
      message: /zhelezo1-(activate|confirm) failed/,
      afterwards: () => untilOpenAgain(lab),
    }),
  );

  await t.test(
    "a full disk in the middle: the host goes back, and the same change succeeds afterwards",
    async (t) => {
      // Room for the way back, and not for the file.
      const fill = `fallocate -l $(($(df --output=avail -B1 / | tail -1) - 3000000)) ${FILLER}`;
      await wrong(t, lab, "disk full", {
        edits: [big],
        message: /db1-activate failed.*No space left on device.*this host is back in its former state/s,
        midway: () => inMachine(lab.stack, "db1", ["sh", "-c", fill]),
        // A MariaDB that found no room for a write while the disk was full leaves the cluster, and comes back now.
        afterwards: () => on(lab, "db1", `rm ${FILLER}`),
      });
      await good([big]);
    },
  );
}

test("changes of the running lab", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  t.after(async () => {
    await inMachine(lab.stack, "db1", ["rm", "-f", FILLER]);
    await farm(["twin", "up"]);
  });
  await rightChanges(t, lab);
  await wrongChanges(t, lab);
});
