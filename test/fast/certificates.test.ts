/** The farm's own authority: what OpenSSL and Node say of its certificates, and what it can't sign. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, createVerify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { authorityCertificate } from "../../src/certificates/authority.ts";
import { signed } from "../../src/certificates/sign.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { onP256, p256Pem } from "../../src/plan/p256.ts";
import { hostPlan } from "../../src/plan/plan.ts";
import { farmCertificate, hostCertificate, servedNames } from "../../src/roles/edge/authority.ts";
import { labInventory, planOf, prodInventory } from "./farms.ts";
import { type Change, refusal } from "./refusal.ts";

const keysOf = ({ stack, generations }: Inventory) => deriveKeys(PREVIEW_MASTER_KEY, stack, generations);

/** The two certificates of a farm, as Node reads them, and the key of the lower one. */
function authorities(inventory: Inventory, host = "edge1") {
  const keys = keysOf(inventory);
  const farm = farmCertificate(inventory, keys) ?? assert.fail("no authority");
  const below = hostCertificate(inventory, keys, host);
  return { farm, below, key: keys.secret(`host-authority/${host}`) };
}

const lab = labInventory();

/** What OpenSSL says of a certificate that a host's authority makes for a name: nothing when it takes it. */
function verified({ farm, below, key }: ReturnType<typeof authorities>, subject: string): string {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  const openssl = (...args: string[]) => spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
  try {
    for (const [name, text] of Object.entries({ farm, below, key }))
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    const request = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=edge"];
    const made = openssl(
      ...["req", "-x509", "-CA", "below", "-CAkey", "key", ...request, "-days", "90", "-keyout", "own"],
      ...[
        "-out",
        "leaf",
        "-addext",
        `subjectAltName=${subject}`,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
      ],
    );
    assert.equal(made.status, 0, made.stderr);
    const { status, stderr } = openssl(
      "verify",
      "-x509_strict",
      "-CAfile",
      "farm",
      "-untrusted",
      "below",
      "leaf",
    );
    return status === 0 ? "" : stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a host's authority vouches for the names that it serves, and OpenSSL takes it", () => {
  for (const name of servedNames(lab)) assert.equal(verified(authorities(lab), `DNS:${name}`), "");
});

test("a host can sign neither other names of the zone, nor others' names, nor addresses", () => {
  const of = authorities(lab);
  for (const name of ["opplet.net", "wiki.opplet.net", "xpravka.lab.opplet.net", "example.org"])
    assert.match(verified(of, `DNS:${name}`), /permitted subtree violation/, name);
  for (const address of ["192.0.2.1", "2001:db8::1"])
    assert.match(verified(of, `IP:${address}`), /excluded subtree violation/, address);
});

test("another farm's authority does not count", () => {
  const other = authorities(
    prodInventory((farm) => (farm.edge = { kind: "hosts", hosts: ["contabo-de1"] })),
    "contabo-de1",
  );
  const mixed = { ...authorities(lab), farm: other.farm };
  assert.match(verified(mixed, "DNS:pravka.lab.opplet.net"), /unable to get (local )?issuer certificate/);
});

test("the farm may sign in the zones that it keeps, and elsewhere only the names that it serves", () => {
  const text = (inventory: Inventory): string =>
    spawnSync("openssl", ["x509", "-noout", "-ext", "nameConstraints"], {
      input: farmCertificate(inventory, keysOf(inventory)),
      encoding: "utf8",
    }).stdout;
  const permitted = (inventory: Inventory) => [...text(inventory).matchAll(/DNS:(\S+)/g)].map((m) => m[1]);
  assert.deepEqual(permitted(lab), servedNames(lab));
  const prod = prodInventory((farm) => (farm.edge = { kind: "hosts", hosts: ["contabo-de1"] }));
  assert.deepEqual(permitted(prod), ["cnmcyber.com", "ksacerts.com", "opplet.net"]);
  const nothing = { ...lab, applications: [], domains: [], redirects: [] };
  assert.deepEqual(permitted(nothing), ["invalid"]);
});

test("certificates are the same at each plan, and others for another key, name or end", () => {
  const one = (change: Change = () => {}) => new X509Certificate(authorities(labInventory(change)).below);
  const certificate = one();
  assert.equal(one().raw.toString("hex"), certificate.raw.toString("hex"));
  const others = [
    one((farm) => (farm.generations = { "host-authority/edge1": 2 })),
    one((farm) => farm.applications![0]!.hostnames.push("wiki.lab.opplet.net")),
    one((farm) => (farm.edge = { kind: "hosts", hosts: ["edge1"], authority: { until: "2030-01-01" } })),
  ];
  const all = [certificate, ...others];
  assert.equal(
    new Set(all.map(({ serialNumber }) => serialNumber)).size,
    all.length,
    "one number, one certificate",
  );
  assert.equal(others.at(-1)?.validTo, "Jan  1 00:00:00 2030 GMT");
  const raised = labInventory((farm) => (farm.generations = { authority: 2 }));
  const farm = new X509Certificate(authorities(raised).farm);
  assert.match(farm.subject, /lab authority 2/);
  assert(!certificate.verify(farm.publicKey), "the former key's signature is not the new one's");
});

test("the key of the farm's authority is on no host, that of a host on no other", () => {
  const plan = planOf(lab);
  for (const { host, secrets } of plan.hosts) {
    const found = secrets.filter((name) => /authority/.test(name));
    assert.deepEqual(found, host.id === "edge1" ? ["host-authority/edge1"] : []);
  }
  const file = hostPlan(plan, "edge1").state.files.find(({ path }) => path.endsWith("authority.key"));
  assert.deepEqual(
    [file?.owner, file?.mode, file?.content],
    [...["root:root", "0600", `\${secret:host-authority/edge1}\n`]],
  );
});

test("a signature is good, by every key, and is made without a random number", () => {
  for (let n = 0; n < 50; n += 1) {
    const scalar = onP256(Buffer.alloc(48, n * 5));
    const text = Buffer.from(`text ${n}`);
    const signature = signed(text, scalar);
    assert.deepEqual(signed(text, scalar), signature);
    const verify = createVerify("sha256").update(text);
    assert(verify.verify(createPublicKey(p256Pem(scalar)), signature), `${n}`);
    assert(
      !createVerify("sha256")
        .update("other")
        .verify(createPublicKey(p256Pem(scalar)), signature),
    );
  }
});

test("many names fit, whatever their length in bytes", () => {
  const key = deriveKeys(PREVIEW_MASTER_KEY, "lab", {}).secret("authority");
  for (const count of [1, 3, 10, 2000]) {
    const names = Array.from({ length: count }, (_, index) => `n${index}.example.org`);
    const limits = { names, from: "2026-01-01", until: "2027-01-01", depth: 0 };
    const own = { name: "test", privateKey: key };
    const certificate = new X509Certificate(authorityCertificate(own, own, limits));
    assert(certificate.ca && certificate.verify(certificate.publicKey), `${count} names`);
  }
});

for (const [until, why] of [
  ["soon", /edge\.authority\.until: write a day as 2028-12-31/],
  ["2025-01-01", /write a day after 2026-01-01 and not after 2046-01-01/],
  ["2046-01-02", /write a day after 2026-01-01 and not after 2046-01-01/],
] as const)
  test(`refused: the end of an authority, ${until}`, () => {
    assert.match(
      refusal((farm) => (farm.edge = { kind: "hosts", hosts: ["edge1"], authority: { until } })),
      why,
    );
  });
