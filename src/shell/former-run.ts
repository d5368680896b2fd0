/** What the last complete run of a stack left behind, read from the stack's own outputs. */
import * as pulumi from "@pulumi/pulumi";

/** What a host was brought to, and by which commit of the program. */
export interface AppliedHost {
  /** SHA-256 of its bundle, hex. */
  readonly sha256: string;
  readonly commit: string;
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

/**
 * The outputs `applied` and `hostKeys` of the last run that went through. An unchanged host keeps what is said there, so that its
 * commands don't change with every commit of the program.
 */
export async function formerRun(): Promise<RunRecord> {
  const name = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
  const reference = new pulumi.StackReference("former-run", { name });
  const output = async (of: string): Promise<unknown> => (await reference.getOutputDetails(of)).value;
  return {
    applied: ((await output("applied")) as AppliedHosts | undefined) ?? {},
    hostKeys: ((await output("hostKeys")) as ShownKeys | undefined) ?? {},
  };
}

/**
 * Which keys the hosts show after the present run, from the `generations` that they are to show. While nothing is
 * raised each is told as it was, so that the commands of a turn that is done stay the same.
 */
export function shownBy(
  generations: ReadonlyMap<string, number>,
  former: ShownKeys,
): Record<string, ShownKey> {
  const entries = [...generations].map(([host, generation]) => {
    const known = former[host];
    if (known === undefined || known.generation === generation)
      return [host, known ?? { generation }] as const;
    return [host, { generation, before: known.generation }] as const;
  });
  return Object.fromEntries(entries);
}

/** What the present run leaves behind: hosts whose bundle is the same keep the commit that made it so. */
export function appliedBy(
  commit: string,
  bundles: ReadonlyMap<string, string>,
  former: AppliedHosts,
): Record<string, AppliedHost> {
  const entries = [...bundles].map(([host, sha256]) => {
    const known = former[host];
    return [host, known?.sha256 === sha256 ? known : { sha256, commit }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Hosts that a complete run has left with the SSH host key of the generation that they are to show. Whatever is to be
 * done to the machine itself, they can be reached before it.
 */
export function reachableBefore(
  { applied, hostKeys }: RunRecord,
  generations: ReadonlyMap<string, number>,
): Set<string> {
  const known = [...generations].filter(
    ([host, generation]) => host in applied && hostKeys[host]?.generation === generation,
  );
  return new Set(known.map(([host]) => host));
}
