import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { candidate, hardwareText, perform } from "../../../src/operate/install/command.ts";
import { fingerprint, realSite } from "../../../src/operate/install/site.ts";
import { SshPool } from "../../../src/shell/ssh.ts";
import { prodInventory } from "../farms.ts";
import { failure } from "../machines/loopback.ts";
import { CREDENTIALS } from "../machines/robot-service.ts";
import { DISKS, lab, zhelezo } from "../machines/zhelezo.ts";
import { HASH, keys, RESCUE_KEY, type Setting, type StandIn, standIn } from "./install-server.ts";
import { printed } from "./printed.ts";

const inventory = lab();
const install = ({ site }: StandIn, confirm = "zhelezo1", rescueKey?: string) =>
  perform(site, { inventory, keys }, zhelezo(inventory), confirm, rescueKey);

/** What was done but for questions. */
const deeds = ({ done }: StandIn) => done.filter((each) => !each.endsWith("?"));
const TO_RESCUE = ["POST /key", "POST /boot/321/rescue", "POST /reset/321"];
const IN_RESCUE = ["fetch", "keep answers", "keep first-boot", "prepare", "release", "install", "await"];
const OUT = ["verify", "restart"];

async function refused(t: TestContext, setting: Setting, confirm?: string) {
  const server = await standIn(t, setting);
  let error = new Error() as Awaited<ReturnType<typeof failure>>;
  const text = await printed(async () => {
    error = await failure(install(server, confirm));
  });
  return { server, error, text };
}

test("from whatever runs there to Proxmox, in this order", async (t) => {
  const server = await standIn(t);
  const text = await printed(() => install(server));
  assert.deepEqual(deeds(server), [...TO_RESCUE, ...IN_RESCUE, ...OUT]);
  const at = (name: string) => server.done.indexOf(name);
  // The hardware is asked for before anything is so much as fetched.
  assert(at("POST /reset/321") < at("survey?") && at("survey?") < at("fetch"));
  assert.match(
    server.inputs.get("keep answers") ?? "",
    /cidr = "10\.90\.0\.10\/26"\ngateway = "10\.90\.0\.1"/,
  );
  assert.match(server.inputs.get("keep answers") ?? "", /root-password-hashed = "\$6\$salt\$secret-hash"/);
  assert.match(text, /server 321 runs something else/);
  assert.match(text, /install Proxmox VE over both disks \(destructive\)/);
});

test("no secret is in the output, in Robot's requests or in a command", async (t) => {
  const server = await standIn(t, { fails: { prepare: `wrong: ${HASH}` } });
  let error = new Error() as Awaited<ReturnType<typeof failure>>;
  const text = await printed(async () => {
    error = await failure(install(server));
  });
  assert.match(error.message, /can't make the ISO unattended: wrong: …/);
  const requests = server.seen.map(({ path, body }) => path + body).join();
  const password = keys.secret("password/zhelezo1/root");
  const [, line = ""] = keys.sshHostKey("zhelezo1").privateKey.split("\n");
  for (const secret of [HASH, password, line, CREDENTIALS.password, "jEt0dtUvomlyOwRr"])
    assert(!`${text}${error.stack}${error.remedy}${requests}`.includes(secret), secret);
  assert(server.inputs.get("keep first-boot")?.includes(line));
});

test("other hardware is refused before anything is written, and what there is is told", async (t) => {
  const [disk] = DISKS;
  const hardware = { disks: [{ name: "sda", size: 3.0006e12, serial: "W1F10001", id: disk }] };
  const { server, error } = await refused(t, { hardware });
  assert.match(error.message, /zhelezo1 is not made of what is declared; nothing was written to its disks\n/);
  assert.match(error.message, /there is no disk ata-ST3000DM001-1CH166_W1F10002/);
  assert.match(error.message, /it reports:\n {2}- disk ata-ST3000DM001-1CH166_W1F10001: 3\.00 TB/);
  assert.deepEqual(deeds(server), TO_RESCUE);
});

test("a running system of the farm's is asked first, and goes on if its hardware is other", async (t) => {
  const { server, error } = await refused(t, { runs: "farm", hardware: { kvm: "no" } });
  assert.match(error.message, /VT-x/);
  assert.deepEqual(deeds(server), []);
});

test("nothing is reset but what Robot too calls by its name", async (t) => {
  const other = await refused(t, { name: "web" });
  assert.match(other.error.message, /Robot calls server 321 .* "web", and not "zhelezo1"/);
  assert.deepEqual(deeds(other.server), []);
  const { server, error } = await refused(t, {}, "zhelezo2");
  assert.match(error.message, /hw reset of server 321: not confirmed, nothing was sent/);
  assert.deepEqual(deeds(server), TO_RESCUE.slice(0, 2));
});

test("without its name, or the names of its disks, nothing begins", () => {
  const refusal = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      const { message, remedy, exitCode } = error as { message: string; remedy?: string; exitCode?: number };
      assert.equal(exitCode, 2);
      return `${message} ${remedy}`;
    }
    assert.fail("it was not refused");
  };
  assert.match(
    refusal(() => candidate(inventory, "zhelezo1", "")),
    /destroys all that is on its disks: not confirmed/,
  );
  assert.match(
    refusal(() => candidate(prodInventory(), "zhelezo2", "zhelezo2")),
    /names of zhelezo2's disks are not declared; nothing was touched .*--stack prod --check/,
  );
  assert.match(
    refusal(() => candidate(inventory, "db1", "db1")),
    /db1 is no server that this program installs/,
  );
  assert.equal(candidate(inventory, "zhelezo1", "zhelezo1").host.id, "zhelezo1");
});

test("a lost connection leaves the installer at work; the next run waits for it and erases nothing", async (t) => {
  const { server, error } = await refused(t, { lost: "await" });
  assert.match(error.remedy ?? "", /run this again: if it is still at work/);
  server.done.length = 0;
  const text = await printed(() => install(server));
  assert.deepEqual(deeds(server), ["await", ...OUT]);
  assert.match(text, /the installer runs/);
  assert.match(text, /begun before/);
});

test("what was fetched in the rescue system is gone on with; what is installed is left alone", async (t) => {
  const inRescue = await standIn(t, { runs: "rescue" });
  await printed(() => install(inRescue));
  assert.deepEqual(deeds(inRescue), [...IN_RESCUE, ...OUT]);
  const ended = await standIn(t, { runs: "rescue", state: "installed" });
  await printed(() => install(ended));
  assert.deepEqual(deeds(ended), ["await", ...OUT]);
  const installed = await standIn(t, { runs: "installed" });
  const text = await printed(() => install(installed));
  assert.deepEqual(deeds(installed), []);
  assert.match(text, /first contact: pve-manager\/9\.2\.1/);
});

test("any step that fails is the last one", async (t) => {
  for (const [index, name] of IN_RESCUE.entries()) {
    const { server, error } = await refused(t, { fails: { [name]: "no space left" } });
    assert.match(error.message, /no space left/);
    assert.deepEqual(deeds(server), [...TO_RESCUE, ...IN_RESCUE.slice(0, index + 1)]);
  }
});

test("a rescue system whose key nobody has named is not entered", async (t) => {
  const { server, error } = await refused(t, { silent: true });
  assert.match(error.message, /named no SSH host key/);
  assert.match(error.remedy ?? "", /--rescue-key/);
  assert.deepEqual(deeds(server), TO_RESCUE.slice(0, 2));
  server.setting.runs = "rescue";
  server.done.length = 0;
  await printed(() => install(server, "zhelezo1", RESCUE_KEY));
  // A person has reset it: for Robot the rescue system is still to boot next.
  assert.deepEqual(deeds(server), [...IN_RESCUE, "verify", "DELETE /boot/321/rescue", "restart"]);
});

test("a server that never shows the named key is waited for ten minutes", async (t) => {
  const server = await standIn(t);
  const shown = server.site.shownKey;
  let error = new Error() as Awaited<ReturnType<typeof failure>>;
  const impostor = keys.sshHostKey("impostor").publicKey;
  const site = {
    ...server.site,
    shownKey: async () => (server.setting.runs === "rescue" ? impostor : shown()),
  };
  await printed(async () => {
    error = await failure(install({ ...server, site }));
  });
  assert.match(error.message, /does not let anybody in after 600 s/);
  assert(!server.done.includes("survey?"));
});

test("--check tells what there is and what to write, and changes nothing", async (t) => {
  const server = await standIn(t, { runs: "farm" });
  const known = await hardwareText(server.site, { inventory, keys }, "zhelezo1");
  assert.match(known.text, /It is made of what is declared/);
  assert.equal(known.differs, false);
  const declared = { inventory: lab("unknown"), keys };
  const { text, differs } = await hardwareText(server.site, declared, "zhelezo1");
  assert.match(text, /write in hardware: disks: \["ata-ST3000DM001-1CH166_W1F10001", /);
  assert.equal(differs, true);
  assert.deepEqual(deeds(server), []);
  const old = await standIn(t);
  const error = await failure(hardwareText(old.site, { inventory, keys }, "zhelezo1"));
  assert.match(error.remedy ?? "", /bootstrap zhelezo1/);
});

test("a fingerprint is as ssh-keygen and Robot have it, and a hash as crypt(5)", async (t) => {
  const told = execFileSync("ssh-keygen", ["-l", "-E", "md5", "-f", "-"], {
    input: RESCUE_KEY,
    encoding: "utf8",
  });
  assert.equal(told.split(" ")[1], `MD5:${fingerprint(RESCUE_KEY)}`);
  const dir = mkdtempSync(join(tmpdir(), "install-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const { robot, clock } = (await standIn(t)).site;
  const site = realSite(robot, clock, new SshPool(dir, (argv) => argv), { host: "127.0.0.1" });
  const hash = await site.hash("a password");
  const [, , salt = ""] = hash.split("$");
  const again = execFileSync("openssl", ["passwd", "-6", "-salt", salt, "a password"], { encoding: "utf8" });
  assert.equal(hash, again.trim());
});
