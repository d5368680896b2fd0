/** The command line as a person types it, as far as it needs neither root nor machines. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";

const farm = (...argv: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, "../../src/shell/cli.ts"), ...argv], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });

test("help explains the commands", () => {
  const { status, stdout } = farm("--help");
  assert.equal(status, 0);
  for (const command of ["plan", "twin"]) assert.match(stdout, new RegExp(`^ {2}${command} `, "m"));
});

test("wrong input ends with 2, one message, and nothing on stdout", () => {
  const wrong: [string[], RegExp][] = [
    [["plan", "nowhere"], /no stack "nowhere" is declared; there is: lab/],
    [["plan", "--host", "db9"], /no host "db9"\n {2}name one of: db1, db2/],
    [["twin", "up", "--port", "80"], /write a number from 1024 to 65000/],
    [["drill", "flood"], /there is no drill "flood"\n {2}name one of: kill, process-kill/],
    [["drill", "kill", "--runs", "0"], /write a number from 1 on/],
    [["drill", "all", "--target", "db1"], /each drill has targets of its own/],
    [["twin", "dance"], /unknown command 'dance'/],
    [
      ["rebuild", "zhelezo1", "--execute", "--confirm", "zhelezo1"],
      /names of zhelezo1's disks are not declared/,
    ],
    [["rebuild", "zhelezo2", "--stack", "prod", "--execute"], /disks are not declared; nothing was touched/],
    [["rebuild", "db1", "--execute", "--confirm", "db1"], /db1 is no server that this program installs/],
    [["rebuild", "zhelezo1", "--confirm", "zhelezo1"], /--confirm says yes to --execute, which is not there/],
    [["rebuild", "zhelezo1", "--check", "--execute"], /'--check' cannot be used with option '--execute'/],
    [["rebuild", "zhelezo1", "--check"], /192\.0\.2\.1 of host zhelezo1 is an example/],
    [["dns", "undeclared"], /stack lab has no names at Cloudflare/],
    [["history"], /missing required argument 'host'/],
    [["history", "db1"], /192\.0\.2\.1 of host zhelezo1 is an example/],
    [["move", "db1"], /missing required argument 'new'/],
    [["move", "db1", "db4"], /192\.0\.2\.1 of host zhelezo1 is an example/],
    [["rollback", "db1", "--stack", "nowhere"], /no stack "nowhere" is declared/],
    [["rollback", "db1", "one"], /write a number from `history`/],
  ];
  for (const [argv, message] of wrong) {
    const { status, stdout, stderr } = farm(...argv);
    assert.deepEqual([status, stdout], [2, ""], argv.join(" "));
    assert.match(stderr, message);
  }
});

test("what a rebuild would do is told without engine, password or network", () => {
  const { status, stdout } = farm("rebuild", "zhelezo2", "--stack", "prod");
  assert.equal(status, 0);
  assert.match(stdout, /DESTRUCTIVE: destroys everything on DISK1 and DISK2/);
});

test("drills are listed without root", () => {
  const { status, stdout } = farm("drill", "list");
  assert.equal(status, 0);
  for (const name of ["kill", "partition-majority", "clock-jump"])
    assert.match(stdout, new RegExp(`│ ${name} +│`));
});

test("the plan is printed for people, for programs, and as one host's bundle", () => {
  assert.match(farm("plan").stdout, /Experimental cloud \(Опытно Облако\), stack lab: 11 hosts/);
  const plan = JSON.parse(farm("plan", "--json").stdout);
  assert.equal(plan.hosts.length, 11);
  assert.equal(
    farm("plan", "--host", "db1").stdout,
    plan.hosts.find((h: { host: { id: string } }) => h.host.id === "db1").bundle,
  );
});
