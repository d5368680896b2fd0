/** What the hosts' packet filters let in and out, compared with what roles declare, by looking and by trying. */
import assert from "node:assert/strict";
import test from "node:test";
import type { HostPlan } from "../../src/plan/plan.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { run } from "../../src/twin/machines/run.ts";
import { on, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/**
 * Ports that are open at an address, of all 65,535, found by trying each; runs wherever Python does. A dropped attempt
 * has no answer, so each batch is given some time from its last attempt on. Arguments: address, size of a batch, seconds.
 */
const SCAN = `
import resource, select, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
BATCH, PATIENCE = int(sys.argv[2]), float(sys.argv[3])
found = []
for first in range(1, 65536, BATCH):
    poll, attempts = select.epoll(), {}
    for port in range(first, min(first + BATCH, 65536)):
        attempt = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
        attempt.setblocking(False)
        attempt.connect_ex((sys.argv[1], port))
        poll.register(attempt, select.EPOLLOUT | select.EPOLLONESHOT)
        attempts[attempt.fileno()] = (attempt, port)
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        for handle, _ in poll.poll(left):
            attempt, port = attempts[handle]
            if attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.append(port)
    for attempt, _ in attempts.values():
        attempt.close()
print(*sorted(found))
`;

const scanFrom = (lab: TwinFarm, host: string, address: string): Promise<string> =>
  // Small batches: WireGuard in user space drops what its queues of 500 and 1,024 packets can't hold.
  on(lab, host, `python3 - ${address} 400 0.15`, SCAN);

const numbers = (text: string): number[] =>
  text
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map(Number)
    .sort((a, b) => a - b);

const declared = (plan: HostPlan, reach: string, protocol = "tcp"): number[] =>
  plan.state.listens
    .filter((l) => l.reach === reach && l.protocol === protocol)
    .map((l) => l.port)
    .sort((a, b) => a - b);

/** A drop counter of a host's own table. */
async function counter(lab: TwinFarm, host: string, name: string): Promise<number> {
  return Number(/packets (\d+)/.exec(await on(lab, host, `nft list counter inet farm ${name}`))?.[1]);
}

test("ports and egress", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();

  await t.test(
    "every socket that is open beyond loopback is declared, and every declared one is open",
    async () => {
      for (const plan of lab.plan.hosts) {
        const lines = (await on(lab, plan.host.id, "ss -Hltunp")).trim().split("\n");
        const open = new Set<string>();
        for (const line of lines) {
          const [protocol, , , , local = ""] = line.trim().split(/\s+/);
          if (!/^(127\.|\[::1\]|::1)/.test(local))
            open.add(`${protocol} ${local.slice(local.lastIndexOf(":") + 1)}`);
        }
        const declared = plan.state.listens.filter((l) => l.reach !== "local");
        const named = (listens: typeof declared) => listens.map((l) => `${l.protocol} ${l.port}`);
        assert.deepEqual(
          [...open].filter((entry) => !named(declared).includes(entry)),
          [],
          `${plan.host.id} listens undeclared`,
        );
        assert.deepEqual(
          named(declared.filter((l) => !l.when)).filter((entry) => !open.has(entry)),
          [],
          `${plan.host.id} does not listen as declared`,
        );
      }
    },
  );

  await t.test(
    "a scan of all TCP ports from outside finds what is declared for the world, on every host",
    async () => {
      for (const plan of lab.plan.hosts)
        for (const address of [plan.host.address, plan.host.address6].filter((each) => each !== undefined)) {
          const { code, stdout, stderr } = await runInNamespace(
            "lab",
            ["python3", "-c", SCAN, address, "14000", "1"],
            { limit: 120 },
          );
          assert.equal(code, 0, stderr);
          assert.deepEqual(numbers(stdout), declared(plan, "world"), `${plan.host.id} ${address}`);
        }
    },
  );

  await t.test(
    "a web host that lost its own filter finds on a database host what is declared for it, and no more",
    async () => {
      const handle = "nft -ae insert rule inet farm output accept | sed -n 's/.*# handle //p'";
      const rule = (await on(lab, "web1", handle)).trim();
      try {
        const dropped = await counter(lab, "db1", "dropped_in");
        const found = numbers(await scanFrom(lab, "web1", "10.80.0.11"));
        assert.deepEqual(found, [3306, 9200]);
        assert((await counter(lab, "db1", "dropped_in")) - dropped > 60_000, "db1 dropped the rest");
      } finally {
        await on(lab, "web1", `nft delete rule inet farm output handle ${rule}`);
      }
    },
  );

  await t.test(
    "egress to what is not declared is refused at once and counted; what is declared passes",
    async () => {
      const attempt = (address: string, port: number): string =>
        `python3 -c 'import socket,time; t=time.monotonic(); s=socket.socket(); s.settimeout(5); print(s.connect_ex(("${address}", ${port})), round(time.monotonic()-t, 1))'`;
      const refused = await counter(lab, "web1", "refused_out");
      for (const [address, port] of [
        ["10.80.0.11", 22],
        ["10.90.0.1", 22],
        ["10.80.0.11", 4567],
        ["10.90.0.11", 22],
      ] as const) {
        const [error, seconds] = (await on(lab, "web1", attempt(address, port)))
          .trim()
          .split(" ")
          .map(Number);
        assert.notEqual(error, 0, `web1 reaches ${address}:${port}`);
        assert((seconds ?? 9) < 2, `web1 is told at once that ${address}:${port} is refused`);
      }
      assert((await counter(lab, "web1", "refused_out")) >= refused + 4);
      for (const [address, port] of [
        ["10.80.0.11", 3306],
        ["10.90.0.1", 3142],
      ] as const)
        assert.match(await on(lab, "web1", attempt(address, port)), /^0 /, `web1 reaches ${address}:${port}`);
    },
  );

  await t.test(
    "there is no way out: not for a host that lost its filter, and not from this computer in",
    async () => {
      const rule = (
        await on(lab, "web1", "nft -ae insert rule inet farm output accept | sed -n 's/.*# handle //p'")
      ).trim();
      try {
        // Documentation addresses (RFC 5737, RFC 3849): nothing is sent, since there is no route for them.
        for (const [host, address] of [
          ["web1", "192.0.2.1"],
          ["edge1", "2001:db8::1"],
        ] as const)
          assert.match(await on(lab, host, `ip route get ${address} 2>&1 || true`), /Network is unreachable/);
      } finally {
        await on(lab, "web1", `nft delete rule inet farm output handle ${rule}`);
      }
      for (const address of ["10.90.0.11", "fd00:a5a::11"]) {
        const outside = await run(["ip", "route", "get", address]);
        assert.notEqual(outside.code, 0, outside.stdout);
      }
    },
  );

  await t.test("portmapper is masked and SSH takes keys alone, for listed accounts", async () => {
    for (const { host } of lab.plan.hosts) {
      assert.match(
        await on(lab, host.id, "systemctl show -P LoadState rpcbind.service rpcbind.socket"),
        /^masked\n+masked$/m,
      );
      const settings = await on(lab, host.id, "sshd -T");
      for (const line of [
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitrootlogin without-password",
      ])
        assert.match(settings, new RegExp(`^${line}$`, "m"), host.id);
      assert.match(settings, /^allowusers root$/m);
      assert.match(settings, /^allowusers twin$/m);
    }
  });
});
