/** What the last complete run of a stack left behind, read from the stack's own outputs. */
import * as pulumi from "@pulumi/pulumi";
import type { TakenOver } from "../dns/cloudflare/zone.ts";
import { FarmError } from "./errors.ts";

/** What a host was brought to, and by which commit of the program. */
export interface AppliedHost {
  /** SHA-256 of its bundle, hex. */
  readonly sha256: string;
  readonly commit: string;
  /** Generation of the machine, where it is not the first. */
  readonly machine?: number;
}

/** By host; empty before the first complete run. */
export type AppliedHosts = Readonly<Record<string, AppliedHost>>;

/** The SSH host key that a host shows. */
export interface ShownKey {
  readonly generation: number;
  /** Generation of the key that it showed before; a host that was turned by no run has none. */
  readonly before?: number;
}

/** By host. */
export type ShownKeys = Readonly<Record<string, ShownKey>>;

/** What a run leaves behind for the next one. */
export interface RunRecord {
  readonly applied: AppliedHosts;
  readonly hostKeys: ShownKeys;
}

/** What the last run left behind. */
export interface FormerRun extends RunRecord {
  /** What it and those before have taken over at Cloudflare. */
  readonly takenOver: TakenOver;
}

/**
 * The outputs `applied` and `hostKeys` of the last run that went through, and what of `names` is needed. An unchanged host keeps
 * what is said there, so that its commands don't change with every commit of the program.
 */
export async function formerRun(): Promise<FormerRun> {
  const name = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
  const reference = new pulumi.StackReference("former-run", { name });
  const output = async (of: string): Promise<unknown> => (await reference.getOutputDetails(of)).value;
  const names = (await output("names")) as { takenOver?: TakenOver } | undefined;
  return {
    applied: ((await output("applied")) as AppliedHosts | undefined) ?? {},
    hostKeys: ((await output("hostKeys")) as ShownKeys | undefined) ?? {},
    takenOver: names?.takenOver ?? {},
  };
}

/**
 * Which keys the hosts show after the present run, from those that they are to show. While nothing is
 * raised each is told as it was, so that the commands of a turn that is done stay the same.
 */
export function shownBy(wanted: ReadonlyMap<string, Wanted>, former: ShownKeys): Record<string, ShownKey> {
  const entries = [...wanted].map(([host, { hostKey: generation }]) => {
    const known = former[host];
    if (known === undefined || known.generation === generation)
      return [host, known ?? { generation }] as const;
    return [host, { generation, before: known.generation }] as const;
  });
  return Object.fromEntries(entries);
}

/** What a run is to make of a host. */
export interface Wanted {
  /** SHA-256 of its bundle, hex. */
  readonly sha256: string;
  /** Generation of its SSH host key. */
  readonly hostKey: number;
  /** Generation of its machine. */
  readonly machine: number;
  /** Where it is a guest: its Proxmox host. */
  readonly parent?: string;
}

/** What the present run leaves behind: hosts whose bundle is the same keep the commit that made it so. */
export function appliedBy(
  commit: string,
  wanted: ReadonlyMap<string, Wanted>,
  former: AppliedHosts,
): Record<string, AppliedHost> {
  const entries = [...wanted].map(([host, { sha256, machine }]) => {
    const known = former[host];
    const by = known?.sha256 === sha256 ? known.commit : commit;
    return [host, { sha256, commit: by, ...(machine > 1 ? { machine } : {}) }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Throws a FarmError (exit code 2) when this run would make more than one machine anew: each that goes takes a copy of the
 * data with it, and the next may go when that is back. A Proxmox host and the guests that went with it are one.
 */
export function refuseManyAnew(wanted: ReadonlyMap<string, Wanted>, former: AppliedHosts): void {
  const anew = [...wanted]
    .filter(([host, { machine }]) => former[host] !== undefined && machine > (former[host].machine ?? 1))
    .map(([host, { parent }]) => ({ host, parent }))
    .filter(({ parent }, _, all) => !all.some(({ host }) => host === parent))
    .map(({ host }) => host);
  if (anew.length > 1)
    throw new FarmError(
      `the machines of ${anew.join(", ")} are to be made anew in one run`,
      "raise one of them, run, and raise the next when all is well again",
      2,
    );
}

/**
 * Hosts that a complete run has left with the SSH host key of the generation that they are to show, on the machine that
 * they are to be on. Whatever is to be done to that machine, they can be reached before it.
 */
export function reachableBefore(
  { applied, hostKeys }: RunRecord,
  wanted: ReadonlyMap<string, Wanted>,
): Set<string> {
  const known = [...wanted].filter(
    ([host, { hostKey, machine }]) =>
      hostKeys[host]?.generation === hostKey && applied[host] && machine === (applied[host].machine ?? 1),
  );
  return new Set(known.map(([host]) => host));
}
