/**
 * A stand-in for Cloudflare's edge, for a farm that has its edge there: connectors find it under Cloudflare's names, by the twin's own
 * name server. Nothing of a host's bundle differs for it but where packages come from and who is asked for names.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TUNNEL_TARGET } from "../../dns/record.ts";
import type { Plan } from "../../plan/plan.ts";
import { isPopulated, killGroup, startDetached } from "../machines/cgroup.ts";
import { stackLayout } from "../machines/layout.ts";
import { BRIDGE, controllerAddress, inNamespace, openRange, runInNamespace } from "../machines/network.ts";
import { must, waitUntil } from "../machines/run.ts";
import { makeAuthority, makeCertificate } from "./certificates.ts";
import { addressIn, DATA_CENTRES, edgeLayout, REPOSITORY_PORT, SERVICE, TUNNEL_PORT } from "./places.ts";
import { fillRepository } from "./repository.ts";

/** Addresses at which users find the edge. */
export const usersAddresses = (range: string): string[] =>
  DATA_CENTRES.map(({ numbers }) => addressIn(range, numbers[0]));

/** Answers for Cloudflare's names and for those of ours that lead to the tunnel, and knows no others. */
function nameServer(range: string, names: readonly string[]): string[] {
  return [
    ...[
      "dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--pid-file=",
      "--no-resolv",
      "--no-hosts",
    ],
    ...[
      "--bind-interfaces",
      `--listen-address=${controllerAddress(range)}`,
      "--user=root",
      "--log-facility=-",
    ],
    ...DATA_CENTRES.flatMap(({ region, numbers }) => [
      `--srv-host=${SERVICE},${region},${TUNNEL_PORT},1,1`,
      ...numbers.map((number) => `--host-record=${region},${addressIn(range, number)}`),
    ]),
    ...names.flatMap((name) => usersAddresses(range).map((address) => `--host-record=${name},${address}`)),
  ];
}

/**
 * Starts the edge of a stack whose network is open, before its machines, which are made to believe it. One that runs goes on, unless
 * other names lead to it.
 */
export async function startEdge(stack: string, { dns }: Plan, resources: string): Promise<void> {
  const range = openRange(stack) ?? "";
  const { log } = edgeLayout(stack);
  const names = dns.zones.flatMap(({ records }) =>
    records.filter(({ content }) => content === TUNNEL_TARGET).map(({ name }) => name),
  );
  await makeAuthority(stack);
  await fillRepository(stack);
  const renewed = await makeCertificate(stack, names);
  for (const address of DATA_CENTRES.flatMap(({ numbers }) => numbers.map((n) => addressIn(range, n))))
    await must("address the stand-in edge", [
      ...["ip", "-netns", stackLayout(stack).namespace, "address", "replace", `${address}/32`, "dev", BRIDGE],
    ]);
  mkdirSync(join(resources, "resources"), { recursive: true, mode: 0o700 });
  const program = [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    join(import.meta.dirname, "main.ts"),
  ];
  for (const [part, command] of [
    ["names", nameServer(range, names)],
    ["edge", [...program, stack, range, resources]],
  ] as const) {
    if (isPopulated(`${stack}/${part}`)) {
      if (!renewed) continue;
      await killGroup(`${stack}/${part}`);
    }
    startDetached(`${stack}/${part}`, inNamespace(stack, command), log);
  }
  const ready = `http://${controllerAddress(range)}:${REPOSITORY_PORT}/dists/any/InRelease`;
  const probe = [
    "curl",
    "--noproxy",
    "*",
    "--silent",
    "--fail",
    "--output",
    "/dev/null",
    "--max-time",
    "2",
    ready,
  ];
  await waitUntil(
    async () => (await runInNamespace(stack, probe)).code === 0,
    30,
    () => `the stand-in edge does not answer at ${ready} within 30 s: see ${log}`,
  );
}
