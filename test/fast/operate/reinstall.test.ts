/** A virtual server at Contabo is installed anew: against a stand-in of its API, failures included. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { hostConfig, userData } from "../../../src/machines/user-data.ts";
import { confirmed, instanceText, reinstall } from "../../../src/operate/reinstall/command.ts";
import type { ContaboSite } from "../../../src/operate/reinstall/reinstallation.ts";
import { FarmError } from "../../../src/shell/errors.ts";
import { CREDENTIALS } from "../machines/contabo-service.ts";
import { failure } from "../machines/loopback.ts";
import { ID, inventory, keys, type Setting, type StandIn, standIn } from "./contabo-server.ts";
import { printed } from "./printed.ts";

const PUT = "PUT /v1/compute/instances/100";
const host = confirmed(inventory, ID, ID);
const install = (site: ContaboSite) => reinstall(site, { inventory, keys }, host, ID);
/** What was done but for questions. */
const deeds = ({ done }: StandIn) => done.filter((each) => !each.endsWith("?"));

async function refused(
  t: TestContext,
  setting: Setting,
  change: (site: ContaboSite) => ContaboSite = (s) => s,
) {
  const server = await standIn(t, setting);
  let error = new Error() as Awaited<ReturnType<typeof failure>>;
  const text = await printed(async () => {
    error = await failure(install(change(server.site)));
  });
  return { server, error, text };
}

test("whatever runs there, Debian is installed with the farm's key, and met by it", async (t) => {
  const server = await standIn(t);
  const text = await printed(() => install(server.site));
  assert.deepEqual(deeds(server), [PUT]);
  assert.deepEqual(server.wanted, {
    imageId: "id-of-debian-13",
    userData: userData(hostConfig(host, inventory, keys)),
    defaultUser: "root",
  });
  assert.match(text, /instance 100 runs something else/);
  assert.match(text, /install Debian on contabo-de1 \(destructive\)/);
  assert.match(text, /first contact: Debian GNU\/Linux 13/);
});

test("a host of the farm's is asked first, and installed when the others can do without it", async (t) => {
  const server = await standIn(t, { runs: "farm" });
  await printed(() => install(server.site));
  assert.deepEqual(deeds(server), ["gates", PUT]);
  const { server: needed, error } = await refused(t, { runs: "farm", missed: "db2 does not serve" });
  assert.deepEqual(deeds(needed), ["gates"]);
  assert.match(error.message, /contabo-de1 is not installed anew: db2 does not serve/);
  assert.match(error.remedy ?? "", /mend the others first/);
  // Who shows the farm's key is at work, though it may let nobody in.
  const shut = await refused(t, { runs: "farm", shut: true });
  assert.deepEqual(deeds(shut.server), []);
  assert.match(shut.error.message, /not installed anew: it can't be asked: /);
  assert.match(shut.error.remedy ?? "", /stop it \(my\.contabo\.com\) and run this again/);
});

test("another server than the one that is declared is refused, with all that differs", async (t) => {
  const instance = { displayName: "shop", productName: "VPS M", region: "SIN", cancelDate: "2026-12-01" };
  const { server, error } = await refused(t, { instance });
  assert.deepEqual(deeds(server), []);
  for (const part of [/calls it "shop", and not "contabo-de1"/, /a VPS M, and VPS S is declared/])
    assert.match(error.message, part);
  assert.match(error.message, /in SIN, and EU is declared\n.*its contract ends on 2026-12-01/);
  const elsewhere = { ipConfig: { v4: { ip: "10.90.0.99", netmaskCidr: 24, gateway: "10.90.0.1" } } };
  const none = await refused(t, { instance: elsewhere });
  assert.match(none.error.message, /Contabo has no server with the address 10\.90\.0\.51 of contabo-de1/);
  const unpaid = await refused(t, { instance: { status: "pending_payment" } });
  assert.match(unpaid.error.message, /Contabo says of it: pending_payment; see my\.contabo\.com first/);
  assert.deepEqual([...deeds(none.server), ...deeds(unpaid.server)], []);
});

test("without its image nothing is touched, and those there are are named; a customer's own is none", async (t) => {
  const { server, error } = await refused(t, { images: ["ubuntu-24.04", "debian-12", "debian-own"] });
  assert.deepEqual(deeds(server), []);
  assert.match(error.message, /no image debian-13 of its own; of Debian there is: debian-12; the right one/);
});

test("what Contabo refuses was not done, and is done by the next run", async (t) => {
  const { server, error } = await refused(t, {
    refusal: { status: 409, body: { statusCode: 409, message: "busy: #cloud-config" } },
  });
  assert.match(
    error.message,
    /PUT \/v1\/compute\/instances\/100: refused with 409, request \S+: what it said is left out/,
  );
  delete server.setting.refusal;
  await printed(() => install(server.site));
  assert.deepEqual(deeds(server), [PUT, PUT]);
});

test("killed while it is installed, or its answer lost: the next run only waits for it", async (t) => {
  const lost = await refused(t, { lost: true });
  assert.match(lost.error.message, /it is not known whether it was carried out/);
  const killed = await refused(t, {}, (site) => ({
    ...site,
    clock: { ...site.clock, sleep: () => Promise.reject(new FarmError("killed")) },
  }));
  assert.match(killed.error.message, /killed/);
  for (const { server } of [lost, killed]) {
    const text = await printed(() => install(server.site));
    assert.match(text, /instance 100 is being installed/);
    assert.match(text, /install Debian on contabo-de1 \(destructive\): done before/);
    assert.match(await printed(() => install(server.site)), /instance 100 is installed already/);
    assert.deepEqual(deeds(server), [PUT]);
  }
});

test("an installation that fails is said in Contabo's words; the next run installs anew", async (t) => {
  const { server, error } = await refused(t, { ends: "error", instance: { errorMessage: "no space" } });
  assert.match(error.message, /Contabo could not install contabo-de1: no space/);
  delete server.setting.ends;
  await printed(() => install(server.site));
  assert.deepEqual(deeds(server), [PUT, PUT]);
});

test("a system that does not show the farm's key is waited for half an hour, and not let in", async (t) => {
  const { server, error } = await refused(t, { ends: "another" });
  assert.match(
    error.message,
    /does not show the farm's SSH host key .*Contabo says of it: running after 1800 s/,
  );
  assert.match(error.remedy ?? "", /run this again/);
  assert.deepEqual(deeds(server), [PUT]);
});

test("the system that was there before is not taken for the new one, though it shows the same key", async (t) => {
  const server = await standIn(t, { runs: "farm", late: 3 });
  await printed(() => install(server.site));
  // Asked before, three times while Contabo had not begun, and of the new one.
  assert.deepEqual(server.done, ["fresh?", "gates", PUT, "fresh?", "fresh?", "fresh?", "fresh?", "meet?"]);
});

test("no secret is in the output, in an error or in an address", async (t) => {
  const { server, error, text } = await refused(t, {
    refusal: { status: 400, body: { statusCode: 400, message: Object.values(CREDENTIALS).join(" ") } },
  });
  const addresses = server.seen.map(({ path }) => path).join();
  const [, line = ""] = keys.sshHostKey(ID).privateKey.split("\n");
  for (const secret of [line, ...Object.values(CREDENTIALS)])
    assert(!`${text}${error.stack}${error.remedy}${addresses}`.includes(secret), secret);
  assert(server.seen.some(({ method, body }) => method === "PUT" && body.includes(line)));
});

test("--check tells what there is and what differs, and changes nothing", async (t) => {
  const server = await standIn(t);
  const good = await instanceText(server.site.contabo, inventory, ID);
  assert.match(
    good.text,
    /instance 100 \(vmd12345\), a VPS S in EU\n.*\n {2}status: running\nIt is what is declared/,
  );
  assert.equal(good.differs, false);
  const other = await standIn(t, { instance: { productName: "VPS M" }, images: [] });
  const { text, differs } = await instanceText(other.site.contabo, inventory, ID);
  assert.match(
    text,
    /To be settled .*\n {2}- it is a VPS M, and VPS S is declared\n {2}- Contabo has no image debian-13/,
  );
  assert.equal(differs, true);
  assert.deepEqual([...server.done, ...other.done], []);
});

test("without its name nothing begins", () => {
  assert.throws(() => confirmed(inventory, ID, "contabo-stl1"), {
    message: /installation of contabo-de1, which destroys all .*: not confirmed/,
    exitCode: 2,
  });
});
