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

/**
 * The output `applied` of the last run that went through. An unchanged host keeps what is said there, so that its
 * commands don't change with every commit of the program.
 */
export async function formerRun(): Promise<AppliedHosts> {
  const name = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
  const details = await new pulumi.StackReference("former-run", { name }).getOutputDetails("applied");
  return (details.value as AppliedHosts | undefined) ?? {};
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
