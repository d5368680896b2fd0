import assert from "node:assert/strict";
import test from "node:test";
import type { Contribution } from "../../../src/host/state.ts";
import { edgeHosts } from "../../../src/inventory/domains.ts";
import { site, web } from "../../../src/roles/web.ts";
import { applicationOf, contextOf } from "./web-context.ts";

const contentOf = (contribution: Contribution, path: string): string => {
  const file = contribution.files?.find((f) => f.path === path);
  assert(file, `no ${path}`);
  return file.content;
};

test("nginx listens on the mesh and on loopback alone, and answers no unknown name", () => {
  const context = contextOf("web1");
  const server = contentOf(web(context), "/etc/nginx/farm/00-default.conf");
  const listens = [...server.matchAll(/listen (\S+) default_server;/g)].map((m) => m[1]);
  assert.deepEqual(listens, [`${context.host.mesh}:80`, "127.0.0.1:80"]);
  assert.match(server, /location \/ \{\s+return 404;/);
});

test("a client's address is believed from edges only", () => {
  const context = contextOf("web1");
  const config = contentOf(web(context), "/etc/nginx/nginx.conf");
  const believed = [...config.matchAll(/set_real_ip_from (\S+);/g)].map((m) => m[1]);
  const edges = context.inventory.hosts.filter((h) => edgeHosts(context.inventory).includes(h.id));
  assert.deepEqual(believed, edges.map((h) => h.mesh).sort());
});

test("nginx reads only what the farm declares, by paths that lead to staged copies as well", () => {
  const config = contentOf(web(contextOf("web1")), "/etc/nginx/nginx.conf");
  const includes = [...config.matchAll(/include (\S+);/g)].map((m) => m[1]);
  assert.deepEqual(includes, ["/etc/nginx/mime.types", "farm/*.conf"]);
});

test("the number of PHP workers follows the host's memory", () => {
  const workers = (memory: number): number => {
    const context = contextOf("web1");
    const contribution = web({ ...context, host: { ...context.host, share: memory } });
    return Number(
      /max_children = (\d+)/.exec(contentOf(contribution, "/etc/php/8.4/fpm/pool.d/www.conf"))?.[1],
    );
  };
  assert.equal(workers(256e6), 4);
  assert.equal(workers(2e9), 15);
  assert.equal(workers(8e9), 62);
});

test("a site's first name is served, its other names lead there", () => {
  const context = contextOf("web1");
  const application = { ...applicationOf(context, "pravka"), hostnames: ["a.example.org", "b.example.org"] };
  const { content, path } = site(context, application, "  return 200;\n");
  assert.equal(path, "/etc/nginx/farm/pravka.conf");
  assert.match(content, /server_name a\.example\.org;\n {2}return 200;/);
  assert.match(content, /server_name b\.example\.org;\n {2}return 308 \S+:\/\/a\.example\.org\$request_uri;/);
  assert.doesNotMatch(site(context, { ...application, hostnames: ["a.example.org"] }, "").content, /308/);
});
