import assert from "node:assert/strict";
import test from "node:test";
import { edge } from "../../../src/roles/edge.ts";
import { contextOf } from "./web-context.ts";

const context = contextOf("edge1");
const contribution = edge(context);
const config = contribution.files?.find((f) => f.path.endsWith("haproxy.cfg"))?.content ?? "";
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
    assert.match(section("backend pravka\n"), new RegExp(`server ${id} ${mesh}:80 check`));
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
  const names = contribution.files
    ?.find((f) => f.path === "/etc/farm/edge/hostnames")
    ?.content.trim()
    .split("\n");
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
  const names = more.files?.find((f) => f.path === "/etc/farm/edge/hostnames")?.content;
  for (const name of ["mta-sts.example.org", "old.lab.opplet.net", "www.lab.opplet.net"])
    assert(names?.includes(`${name}\n`), name);
});
