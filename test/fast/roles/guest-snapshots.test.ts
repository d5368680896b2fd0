/** Snapshots of what guests have on mounts: what their Proxmox host is to do, and what sanoid is told there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostPlan } from "../../../src/plan/plan.ts";
import { PROGRAMS } from "../../../src/roles/hypervisor.ts";
import { labInventory, planOf } from "../farms.ts";
import { host } from "../refusal.ts";

const DECLARED = "/etc/farm/guest-snapshots.json";

/** What the lab's Proxmox host is to become where guest db1 has these mounts. */
function stateWith(mounts: readonly object[]) {
  const inventory = labInventory((farm) => {
    Object.assign(host(farm, "db1").origin, { mounts });
  });
  return hostPlan(planOf(inventory), "zhelezo1").state;
}

const MOUNTS = [
  { path: "/srv/files", size: "1 GB", snapshots: { hourly: 2 } },
  { path: "/srv/cache", size: "1 GB", snapshots: { hourly: 0, daily: 0, monthly: 0 } },
  { path: "/srv/new", size: "1 GB" },
];

test("sanoid is there where guests have mounts that are kept snapshots of, and else not", () => {
  const { packages, units, files, probes } = stateWith(MOUNTS);
  assert(packages.includes("sanoid"));
  assert(units.some(({ name }) => name === "sanoid.timer"));
  assert(probes.some(({ name }) => name === "snapshots of guests are taken"));
  const declared = files.find(({ path }) => path === DECLARED);
  assert.deepEqual(JSON.parse(declared?.content ?? ""), [
    { vmid: 111, path: "/srv/files", snapshots: { hourly: 2, daily: 30, monthly: 3 } },
    { vmid: 111, path: "/srv/new", snapshots: { hourly: 24, daily: 30, monthly: 3 } },
  ]);
  for (const mounts of [[], [MOUNTS[1] ?? {}]]) assert(!stateWith(mounts).packages.includes("sanoid"));
});

/** Runs what tells sanoid its datasets; `config` is the container's, `datasets` what ZFS has. */
function tell(t: TestContext, config: string, datasets: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), "farm-snapshots-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const at = (name: string): string => join(dir, name);
  mkdirSync(at("bin"));
  for (const { path, content } of stateWith(MOUNTS).files)
    if (path === DECLARED || path.startsWith(`${PROGRAMS}/guest`))
      writeFileSync(
        at(path.split("/").at(-1) ?? ""),
        content.replace(DECLARED, at("guest-snapshots.json")).replace("/etc/sanoid", at("sanoid")),
      );
  writeFileSync(at("config"), config);
  const known = datasets.map((name) => `*" ${name}") exit 0;;`).join(" ");
  const script = (name: string, text: string): void =>
    writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  script("pct", `[ "$1" = status ] || cat ${at("config")}`);
  script("zfs", `case "$*" in ${known} esac; echo dataset does not exist >&2; exit 1`);
  const { status, stderr } = spawnSync("/usr/bin/python3", ["-B", at("guest-snapshots")], {
    env: { PATH: `${at("bin")}:/usr/bin:/bin` },
    encoding: "utf8",
  });
  return { status, stderr, text: readFileSync(at("sanoid/sanoid.conf"), "utf8").replace(/^#.*\n/, "") };
}

test("sanoid is told the datasets that Proxmox has made of the mounts; others are named and left out", (t) => {
  const config = "mp3: local-zfs:subvol-111-disk-4,mp=/srv/files,backup=1,size=1G\nmemory: 512\n";
  const { status, stderr, text } = tell(t, config, ["rpool/data/subvol-111-disk-4"]);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "container 111 has no mount at /srv/new yet\n");
  assert.equal(
    text,
    "[rpool/data/subvol-111-disk-4]\nfrequently = 0\nhourly = 2\ndaily = 30\nmonthly = 3\nyearly = 0\nautosnap = yes\nautoprune = yes\n",
  );
});

test("where there is nothing to take snapshots of, the run is skipped", (t) => {
  const config = "mp3: local-zfs:subvol-111-disk-4,mp=/srv/files,backup=1,size=1G\n";
  const { status, stderr, text } = tell(t, config, []);
  assert.deepEqual([status, text], [1, ""]);
  assert.match(stderr, /^container 111, \/srv\/files: dataset does not exist$/m);
});
