/** Trainings: what is refused, what students are given, what it costs, and what Hetzner Cloud is asked for. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { parse } from "yaml";
import { checkTrainings } from "../../../src/inventory/training.ts";
import { handOutPage } from "../../../src/machines/training/hand-out.ts";
import { cryptSha512, studentPassword, studentSalt } from "../../../src/machines/training/password.ts";
import { Training } from "../../../src/machines/training.ts";
import { administratorKeys } from "../../../src/machines/user-data.ts";
import { costOf } from "../../../src/plan/cost.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { monthlyCost, overdueTrainings } from "../../../src/plan/trainings.ts";
import { trainingsText } from "../../../src/shell/trainings-view.ts";
import { labInventory } from "../farms.ts";
import { type Change, refusal } from "../refusal.ts";
import { run, secret } from "./made.ts";

const LINUX = {
  count: 12,
  type: "cx23",
  image: 123456,
  location: "fsn1",
  until: "2026-12-01",
  language: "ru",
  price: { monthly: "3.65 EUR", on: "2026-11-26", source: "a test" },
};
const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
const inventory = labInventory((_, settings) => {
  settings.training = { wiki: { ...LINUX, count: 1, until: "2026-11-20" }, linux: LINUX };
});
const linux = inventory.trainings[0]!;

const refused: [string, unknown, RegExp][] = [
  ["too many machines", { linux: { ...LINUX, count: 51 } }, /linux\.count: a training has 1 to 50 machines/],
  ["half a machine", { linux: { ...LINUX, count: 1.5 } }, /linux\.count: a training has 1 to 50 machines/],
  ["no machine", { linux: { ...LINUX, count: 0 } }, /linux\.count: a training has 1 to 50 machines/],
  [
    "another place",
    { linux: { ...LINUX, location: "mars" } },
    /linux\.location: write one of Hetzner Cloud's locations: fsn1, nbg1/,
  ],
  ["no day", { linux: { ...LINUX, until: "soon" } }, /linux\.until: write the day as 2026-11-26/],
  [
    "no image",
    { linux: { ...LINUX, image: "Debian 13" } },
    /linux\.image: write the name of an image, such as debian-13, or the number of a snapshot/,
  ],
  ["no price", { linux: { ...LINUX, price: undefined } }, /linux\.price: /],
  [
    "dollars",
    { linux: { ...LINUX, price: { ...LINUX.price, monthly: "4 USD" } } },
    /linux\.price\.monthly: Hetzner Cloud is paid in euros/,
  ],
  ["a name of no host", { "Linux 1": LINUX }, /training\.Linux 1: /],
];

for (const [name, training, message] of refused)
  test(`refused of trainings: ${name}`, () => {
    const change: Change = (_, settings) => {
      settings.training = training;
    };
    assert.match(refusal(change), message);
  });

test("refused of trainings: a machine that is called as a host", () => {
  const hosts = [{ ...inventory.hosts[0]!, id: "linux-12" }];
  assert.deepEqual(checkTrainings({ hosts, trainings: [linux] }), [
    "farms:training.linux has a machine linux-12, and so is a host called; give the training another name",
  ]);
  assert.deepEqual(checkTrainings(inventory), []);
});

test("a stack without a training has none", () => {
  assert.deepEqual(labInventory().trainings, []);
});

test("trainings cost what their machines cost; those that are over are told, the longest over first", () => {
  assert.equal(monthlyCost(linux), 12 * 3.65);
  assert.deepEqual(costOf(labInventory()), { providers: { hetzner: 35 }, total: 35 });
  assert.deepEqual(costOf(inventory), { providers: { hetzner: 82.45 }, total: 82.45 });
  // 43.80 EUR a month are 525.60 a year, so 1.44 a day.
  assert.deepEqual(overdueTrainings(inventory.trainings, "2026-12-03"), [
    { name: "wiki", days: 13, dailyCost: 0.12 },
    { name: "linux", days: 2, dailyCost: 1.44 },
  ]);
  assert.deepEqual(overdueTrainings(inventory.trainings, "2026-11-20"), []);
  assert.deepEqual(
    overdueTrainings(inventory.trainings, "2026-12-01").map(({ name, days }) => [name, days]),
    [["wiki", 11]],
  );
});

test("a password is hashed as the system's own crypt does it", () => {
  for (const [password, salt] of [
    ["kx7m-pq4r-wz9t", "0123456789abcdef"],
    ["", "a"],
    ["x".repeat(64), "saltsalt"],
    ["a longer one, пароль, beyond one block of sixty-four bytes, and then some more", "8charsXY"],
  ] as const) {
    const system = execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, `$6$${salt}`]);
    assert.equal(cryptSha512(password, salt), system.toString());
  }
});

test("each student's password is another, easy to type, and the same tomorrow", () => {
  const all = Array.from({ length: 50 }, (_, n) => studentPassword(keys, "linux", `linux-${n}`));
  assert.equal(new Set(all).size, 50);
  for (const password of all) assert.match(password, /^([a-km-np-z2-9]{4}-){2}[a-km-np-z2-9]{4}$/);
  assert.equal(studentPassword(keys, "linux", "linux-7"), all[7]);
  assert.notEqual(studentPassword(keys, "wiki", "linux-7"), all[7]);
  assert.match(studentSalt(keys, "linux", "linux-7"), /^[0-9a-f]{16}$/);
});

const SERVER = "hcloud:index/server:Server";
const made = await run(() => ({
  page: new Training(linux.name, { training: linux, inventory, keys }).handOut,
}));
const numberOf = (type: string, name: string): number =>
  1001 + made.all.indexOf(made.of(`hcloud:index/${type}`, name));
const labels = { farm: "lab", environment: "experimental", training: "linux" };

test("a training is N servers from a snapshot, in one network, ten of them on machines of their own", () => {
  const servers = made.all.filter(({ type }) => type === SERVER);
  assert.equal(servers.length, 12);
  const { inputs, options } = made.of(SERVER, "linux-11");
  const { userData: given, ...rest } = inputs;
  secret(given);
  assert.deepEqual(rest, {
    name: "linux-11",
    serverType: "cx23",
    image: "123456",
    location: "fsn1",
    labels,
    firewallIds: [numberOf("firewall:Firewall", "linux-firewall")],
    placementGroupId: numberOf("placementGroup:PlacementGroup", "linux-spread-2"),
    networks: [
      {
        subnetId: `${numberOf("networkSubnet:NetworkSubnet", "linux-subnet")}`,
        ip: "10.70.0.21",
        aliasIps: [],
      },
    ],
  });
  assert.equal(
    made.of(SERVER, "linux-10").inputs.placementGroupId,
    numberOf("placementGroup:PlacementGroup", "linux-spread-1"),
  );
  // They come and go, but a new administrator takes no student's work away.
  assert.deepEqual(
    [options.protect, options.ignoreChanges, options.deleteBeforeReplace],
    [undefined, ["userData"], true],
  );
  assert.deepEqual(made.of("hcloud:index/networkSubnet:NetworkSubnet", "linux-subnet").inputs, {
    networkId: numberOf("network:Network", "linux-network"),
    type: "cloud",
    networkZone: "eu-central",
    ipRange: "10.70.0.0/24",
  });
});

test("students' machines are reached by SSH and HTTP, and reach no other's SSH and no mail server", () => {
  const { rules } = made.of("hcloud:index/firewall:Firewall", "linux-firewall").inputs;
  const of = (direction: string) =>
    rules
      .filter((rule: { direction: string }) => rule.direction === direction)
      .map(({ protocol, port }: { protocol: string; port?: string }) =>
        [protocol, port].filter(Boolean).join(" "),
      );
  assert.deepEqual(of("in"), ["tcp 22", "tcp 80", "icmp"]);
  assert.deepEqual(of("out"), ["tcp 80", "tcp 443", "tcp 53", "udp 53", "udp 123", "icmp"]);
});

test("the student alone comes in by a password, of which the machine has the hash; root by administrators' keys", () => {
  const config = parse(secret(made.of(SERVER, "linux-3").inputs.userData));
  const password = studentPassword(keys, "linux", "linux-3");
  const hash = cryptSha512(password, studentSalt(keys, "linux", "linux-3"));
  assert.deepEqual(config.users, [{ name: "student", shell: "/bin/bash", lock_passwd: false }]);
  assert.deepEqual(config.chpasswd, {
    expire: false,
    users: [
      { name: "root", password: "*", type: "hash" },
      { name: "student", password: hash, type: "hash" },
    ],
  });
  assert.deepEqual(config.ssh_authorized_keys, administratorKeys(inventory));
  assert.equal(config.ssh_keys.ed25519_private, keys.sshHostKey("training/linux/linux-3").privateKey);
  assert.match(config.write_files[1].content, /^Match User student\n {4}PasswordAuthentication yes\n$/);
  // It is no machine of the farm.
  assert.equal(config.bootcmd, undefined);
  assert(!JSON.stringify(config).includes(password));
});

test("the page for the students is a secret, with a row for each", async () => {
  const page = made.outputs.page as { isSecret: Promise<boolean>; promise(): Promise<string> };
  assert.equal(await page.isSecret, true);
  const text = await page.promise();
  assert.equal(text.match(/<tr><td>/g)?.length, 12);
  assert.match(
    text,
    new RegExp(
      `<td>linux-3</td><td>192\\.0\\.2\\.7</td><td>student</td><td>${studentPassword(keys, "linux", "linux-3")}</td><td>SHA256:[A-Za-z0-9+/]{43}</td>`,
    ),
  );
});

test("the page is in the students' language, whole in itself, and takes no sign for markup", () => {
  const row = { machine: "a&b", address: "<i>", account: "student", password: '"', fingerprint: "SHA256:x" };
  const page = (language: "en" | "ru") =>
    handOutPage({ training: "linux", language, until: "2026-12-01", rows: [row] });
  assert.match(page("ru"), /<html lang="ru">.*Занятие: linux.*1 декабря 2026.*ssh student@адрес/s);
  assert.match(page("en"), /<html lang="en">.*Training: linux.*December 1, 2026.*ssh student@address/s);
  assert.match(page("en"), /<td>a&amp;b<\/td><td>&lt;i&gt;<\/td><td>student<\/td><td>&quot;<\/td>/);
  assert.doesNotMatch(page("ru"), /https?:|src=|href=|<script/);
});

test("a person reads what is up, what it costs, and which is over with the command that ends it", () => {
  const { text, overdue } = trainingsText(inventory, "2026-11-26");
  assert.equal(overdue, true);
  assert.match(text, /^linux: 12 × cx23 in fsn1 until 2026-12-01, EUR 43\.80 a month\n/);
  assert.match(
    text,
    /\nwiki is over since 6 day\(s\), and each more costs EUR 0\.12: pulumi config rm --path 'farms:training\.wiki' --stack lab, pulumi up\n$/,
  );
  assert.deepEqual(trainingsText(labInventory(), "2026-11-26"), {
    text: "stack lab has no trainings\n",
    overdue: false,
  });
});
