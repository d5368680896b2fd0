/** The state is lost, and the hosts are as they were: the real engine begins with an empty one. Needs `pulumi` on the PATH. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { servePct } from "../../src/twin/machines/pct.ts";
import { Project, withoutEngine } from "./engine-project.ts";
import { awaitGreen, farm, on, withoutRoot } from "./lab-farm.ts";
import { guest, smallFarm, smallProgram } from "./small-farm.ts";

const STACK = "lost";
const RANGE = "10.89.0.0/24";
const PORT = "8189";
const PARENT = "zhelezo1";
const MEMBERS = ["db1", "db2", "db3"];
const title = { en: "Lost state", ru: "Потерянное состояние" };

/** With a cluster that has data, and with numbers above 1 of everything that has one: nothing may begin at 1 again. */
const declaration: FarmDeclaration = {
  ...smallFarm(
    title,
    MEMBERS.map((id, index) => guest(id, 111 + index, "1 GB")),
  ),
  clusters: [{ id: "mariadb", title, software: "mariadb", members: MEMBERS }],
  databases: [{ id: "kept", title, cluster: "mariadb" }],
  generations: {
    "machine/db2": 2,
    "ssh-host-key/db3": 2,
    [`ssh-host-key/${PARENT}`]: 2,
    "wireguard/db1": 2,
    "password/mariadb/kept": 2,
  },
};

/**
 * All that must stay as it is: which run of each service is at work and since when the machine runs, files with their times of change,
 * what the agent keeps, the guests as their Proxmox host has them. Times of a file tell a rewriting that left the same text.
 */
const AS_IT_IS = `
systemctl show --property=Id,InvocationID $(systemctl list-units --type=service --state=running --plain --no-legend | awk '{print $1}' | grep -v '^user@')
stat -c 'machine since %Y' /proc/1
find /etc /usr/local /srv -type f -printf '%T@ %m %u %p\\n' | LC_ALL=C sort
find /etc /usr/local /srv -type f -exec sha256sum {} + | LC_ALL=C sort
sha256sum /var/lib/farm/applied.bundle /var/lib/farm/secrets.json /var/lib/farm/history.jsonl
stat -c '%Y %n' /var/lib/farm/applied.bundle /var/lib/farm/history.jsonl
find /var/lib/farm/bundles -type f | LC_ALL=C sort
if command -v pct >/dev/null; then pct list; for id in $(pct list | awk 'NR > 1 {print $1}'); do pct config "$id"; done; fi
`;

/** A resource as the engine wrote it down, its values by their hash: among them are secrets. */
type Written = Record<string, string>;

describe("a lost state", { skip: withoutRoot || withoutEngine }, () => {
  let root = "";
  let twin: TwinFarm;
  let project: Project;
  let guests: { close(): Promise<void> };

  const asItIs = async (): Promise<Record<string, string>> => {
    const hosts = [PARENT, ...MEMBERS];
    return Object.fromEntries(
      await Promise.all(hosts.map(async (host) => [host, await on(twin, host, AS_IT_IS)])),
    );
  };
  const rows = () => on(twin, "db1", `mariadb --batch --skip-column-names kept -e "select * from t"`);
  const written = async (): Promise<Written> => {
    const { deployment } = JSON.parse(await project.pulumi(["stack", "export", "--show-secrets"]));
    const resources: { urn: string; inputs?: object }[] = deployment.resources;
    const hash = (inputs: object) => createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
    // What an activation reads is when its host prepared, which is another time at each run that comes to it.
    const inputsOf = (urn: string, { stdin, ...inputs }: { stdin?: string } = {}): object =>
      urn.endsWith("-activate") ? inputs : { stdin, ...inputs };
    return Object.fromEntries(resources.map(({ urn, inputs }) => [urn, hash(inputsOf(urn, inputs))]));
  };

  before(async () => {
    root = smallProgram(STACK, RANGE, declaration);
    const { code, stdout, stderr } = await farm(["twin", "up", STACK, "--port", PORT], 1200, root);
    assert.equal(code, 0, stdout + stderr);
    const module = await import(pathToFileURL(join(root, "src/twin/farm.ts")).href);
    twin = (await module.openRunningFarm(STACK)) as TwinFarm;
    guests = await servePct(STACK, PARENT);
    project = new Project(STACK, root);
    await project.configure(twin);
    await project.pulumi(["up", "--yes", "--skip-preview"], undefined, 600);
    await on(
      twin,
      "db1",
      `mariadb kept -e "create table t (n int primary key) engine=innodb; insert into t values (42)"`,
    );
  });

  after(async () => {
    await guests?.close();
    await farm(["twin", "down", STACK, "--purge"], 120, root);
    project.remove();
  });

  test("`pulumi up` with an empty state changes nothing on any host, makes nothing anew, and no secret is new", async () => {
    const before = { hosts: await asItIs(), state: await written(), rows: await rows() };
    project.loseState();
    const gone = await project.ask(["stack", "export"]);
    assert.notEqual(gone.code, 0, "the state is still there");

    // The stack's file in the repository has the settings and, as ciphertext, the master key.
    await project.pulumi(["stack", "init", STACK]);
    assert.match(await project.pulumi(["preview"]), /\+ \d+ to create/);
    const up = await project.pulumi(["up", "--yes", "--skip-preview"], undefined, 600);
    assert.match(up, /\+ \d+ created/);

    const hosts = await asItIs();
    for (const host of Object.keys(hosts)) assert.equal(hosts[host], before.hosts[host], host);
    assert.equal(await rows(), before.rows);
    assert.deepEqual(
      await written(),
      before.state,
      "the state says something else than the one that was lost",
    );
  });

  test("then it is a state like any other: nothing to do, and guests are protected", async () => {
    const again = await project.pulumi(["up", "--yes", "--skip-preview"], undefined, 600);
    assert.match(again, /\d+ unchanged/);
    assert.doesNotMatch(again, /created|updated|replaced|deleted/);
    const { deployment } = JSON.parse(await project.pulumi(["stack", "export"]));
    const machines = (deployment.resources as { urn: string; protect?: boolean }[]).filter(({ urn }) =>
      /::db\d-guest$/.test(urn),
    );
    assert.deepEqual(
      machines.map(({ protect }) => protect),
      [true, true, true],
    );
    await awaitGreen(twin, 60);
  });

  test("what was changed by hand meanwhile is put back, as by any run that comes to a host", async () => {
    const path = "/etc/ssh/sshd_config.d/10-farm.conf";
    const content = await on(twin, "db1", `cat ${path}`);
    await on(twin, "db1", `echo '# by hand' >>${path}`);
    project.loseState();
    await project.pulumi(["stack", "init", STACK]);
    await project.pulumi(["up", "--yes", "--skip-preview"], undefined, 600);
    assert.equal(await on(twin, "db1", `cat ${path}`), content);
  });
});
