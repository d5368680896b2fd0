import assert from "node:assert/strict";
import test from "node:test";
import type { Contribution } from "../../../src/host/state.ts";
import { challengeRule } from "../../../src/roles/edge/acme.ts";
import { edge } from "../../../src/roles/edge.ts";
import { type Change, refusal } from "../refusal.ts";
import { contextOf } from "./web-context.ts";

const context = contextOf("edge1");
const contribution = edge(context);
const config = contribution.files?.find((f) => f.path.endsWith("haproxy.cfg"))?.content ?? "";
const certificatesOf = ({ files }: Contribution): { names: string[]; acme: unknown } =>
  JSON.parse(files?.find((f) => f.path === "/etc/farm/edge/certificates.json")?.content ?? "");
const section = (head: string): string => config.split(/\n(?=\S)/).find((s) => s.startsWith(head)) ?? "";

test("users are awaited on the host's own addresses, not on the mesh, and each way is asked", () => {
  const addresses = [context.host.address, `[${context.host.address6}]`];
  const binds = [...config.matchAll(/^ {2}bind (\S+)/gm)].map((m) => m[1]);
  assert.deepEqual(
    binds,
    addresses.flatMap((address) => [`${address}:80`, `${address}:443`]),
  );
  for (const address of addresses)
    assert.equal(contribution.probes?.filter(({ command }) => command.includes(`:80:${address}'`)).length, 4);
  assert.deepEqual(
    contribution.listens?.map((l) => `${l.port} ${l.reach}`),
    ["80 world", "443 world"],
  );
});

test("an edge without an IPv6 address awaits nobody there", () => {
  const { files, probes } = edge(
    contextOf("edge1", (_, settings) => {
      delete (settings.addresses6 as Record<string, string>).edge1;
    }),
  );
  assert.doesNotMatch(files?.map(({ content }) => content).join("") ?? "", /^ {2}bind \[/m);
  assert.equal(probes?.filter(({ name }) => name.includes("through the edge")).length, 4);
});

test("every node of an application is asked for its health over the mesh, and declared as a connection", () => {
  const pravka = context.inventory.applications.find((a) => a.id === "pravka");
  assert(pravka);
  for (const id of pravka.nodes) {
    const mesh = context.inventory.hosts.find((h) => h.id === id)?.mesh;
    assert.match(section("backend pravka\n"), new RegExp(`server ${id} ${mesh}:80 tcp-ut 4s check`));
    assert(contribution.connects?.some((c) => c.to.kind === "host" && c.to.host === id && c.port === 80));
  }
});

test("without a healthy node all nodes are asked all the same", () => {
  assert.match(section("frontend users"), /use_backend pravka_any if is_pravka \{ nbsrv\(pravka\) eq 0 \}/);
  assert.doesNotMatch(section("backend pravka_any"), / check/);
});

test("a write is never sent twice", () => {
  for (const head of ["backend pravka\n", "backend pravka_any"])
    assert.match(section(head), /disable-l7-retry unless METH_GET/);
});

test("what a client says of its own origin is replaced", () => {
  const users = section("frontend users");
  assert.match(users, /set-header X-Forwarded-For %\[src\]/);
  assert.match(users, /set-header X-Forwarded-Proto/);
  for (const header of ["Forwarded", "X-Real-IP"]) assert(users.includes(`del-header ${header}\n`));
});

test("the certificate is for every name that is served", () => {
  const { names } = certificatesOf(contribution);
  assert.deepEqual(names, context.inventory.applications.flatMap((a) => a.hostnames).sort());
});

const full = contextOf("edge1", (farm) => {
  farm.redirects = [
    { from: "www.lab.opplet.net", to: "pravka", status: 301 },
    { from: "old.lab.opplet.net", to: "https://pravka.lab.opplet.net/wiki/%D0%90?x=1", status: 302 },
  ];
  farm.domains!.push({
    ...{ name: "example.org", caa: ["letsencrypt.org"] },
    mail: {
      names: ["example.org"],
      servers: ["mail.example.org"],
      dmarc: { policy: "reject", reports: "dmarc@example.org" },
      mtaSts: "enforce",
    },
  });
  farm.mailServers = [{ name: "mail.example.org", host: "web1" }];
});
const more = edge(full);
const users = more.files?.find((f) => f.path.endsWith("haproxy.cfg"))?.content ?? "";

test("old names lead where the table says, with path and query unless the table has its own", () => {
  const rules = [...users.matchAll(/http-request redirect (.*) if \{ req\.hdr\(host\).* (\S+) \}/g)];
  assert.deepEqual(
    rules.map(([, how, name]) => [name, how]),
    [
      ["old.lab.opplet.net", "location 'https://pravka.lab.opplet.net/wiki/%%D0%%90?x=1' code 302"],
      ["www.lab.opplet.net", "prefix https://pravka.lab.opplet.net code 301"],
    ],
  );
});

test("how mail is to be sent to us is said under a name of its own, which the certificate is for as well", () => {
  assert(
    users.includes(
      'string "version: STSv1\\nmode: enforce\\nmx: mail.example.org\\nmax_age: 604800\\n" if { req.hdr(host),host_only,lower -m str mta-sts.example.org } { path /.well-known/mta-sts.txt }',
    ),
  );
  const { names } = certificatesOf(more);
  for (const name of ["mta-sts.example.org", "old.lab.opplet.net", "www.lab.opplet.net"])
    assert(names.includes(name), name);
});

const asked = contextOf("edge1", (farm) => {
  farm.edge = { kind: "hosts", hosts: ["edge1"], acme: { contact: "certificates@example.org" } };
});
const publicly = edge(asked);

test("without a public authority nobody is asked, and nothing goes out for it", () => {
  assert.equal(certificatesOf(contribution).acme, null);
  assert.doesNotMatch(config, /acme-challenge/);
  assert(!contribution.packages?.includes("uacme"));
  assert(!contribution.connects?.some(({ service }) => service === "acme"));
});

test("a public authority is answered before any other rule, for each question and none that is no question", () => {
  const rules = publicly.files
    ?.find((f) => f.path.endsWith("haproxy.cfg"))
    ?.content.match(/^ {2}http-request (return|redirect) .*$/gm);
  const [, thumbprint, question = ""] =
    /lf-string "%\[path,field\(4,\/\)\]\.([\w-]{43})" if \{ path_reg (\S+) \}/.exec(rules?.[0] ?? "") ?? [];
  assert(thumbprint, rules?.[0]);
  const path = new RegExp(question);
  assert(path.test("/.well-known/acme-challenge/aB3-_x"));
  for (const other of ["", "a/b", "a.b", "%0a", "a?b"])
    assert(!path.test(`/.well-known/acme-challenge/${other}`), other);
  assert.deepEqual(certificatesOf(publicly).acme, {
    directory: "https://acme-v02.api.letsencrypt.org/directory",
    contact: "certificates@example.org",
  });
  assert(publicly.connects?.some(({ service, port }) => service === "acme" && port === 443));
});

test("all hosts of the edge have one account, so that any of them can answer", () => {
  const rule = (host: string) => {
    const context = contextOf(host, (farm) => {
      farm.edge = { kind: "hosts", hosts: ["edge1", "web1"], acme: {} };
    });
    return challengeRule(context.keys);
  };
  assert.equal(rule("edge1"), rule("web1"));
});

const refused: [string, Change, RegExp][] = [
  [
    "a directory without TLS",
    (farm) => {
      farm.edge = { kind: "hosts", hosts: ["edge1"], acme: { directory: "http://192.0.2.1/dir" } };
    },
    /edge\.acme\.directory: write the address of its directory \(https:\/\/…\)/,
  ],
  [
    "a zone that does not allow the authority",
    (farm) => {
      farm.edge = { kind: "hosts", hosts: ["edge1"], acme: {} };
      farm.domains = [{ name: "opplet.net", caa: ["digicert.com"] }];
    },
    /domain opplet\.net: caa allows digicert\.com alone, and edge\.acme asks Let's Encrypt; add "letsencrypt\.org"/,
  ],
  [
    "more names than a certificate has",
    (farm) => {
      farm.edge = { kind: "hosts", hosts: ["edge1"], acme: {} };
      farm.redirects = Array.from({ length: 99 }, (_, index) => ({
        ...{ from: `n${index}.lab.opplet.net`, to: "pravka", status: 301 as const },
      }));
    },
    /edge\.acme: 101 names lead to the edge, and one certificate has 100 at most/,
  ],
];

for (const [what, change, pattern] of refused)
  test(`refused: ${what}`, () => assert.match(refusal(change), pattern));
