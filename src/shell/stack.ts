/** Finding a stack's declaration and reading its configuration, with and without the engine. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { declarations } from "../../stacks/declarations.ts";
import { loadInventory } from "../inventory/load.ts";
import type { FarmDeclaration, Inventory } from "../inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../plan/keys.ts";
import { makePlan, type Plan } from "../plan/plan.ts";
import { FarmError } from "./errors.ts";

/** A stack's settings under `farms:` without that prefix; secrets of the engine are left out. */
export type Settings = Record<string, unknown>;

/** What the program says, and has always said, of a stack without a declaration: `farm diff` knows that of other commits by it. */
export const notDeclared = (stack: string): string => `no stack "${stack}" is declared`;

/** The farm that a stack declares. Throws a FarmError (exit code 2) that names the stacks there are. */
export function declarationOf(stack: string): FarmDeclaration {
  const declaration = declarations[stack];
  if (declaration === undefined)
    throw new FarmError(
      `${notDeclared(stack)}; there is: ${Object.keys(declarations).join(", ")}`,
      "name one of these, or declare it in stacks/declarations.ts",
      2,
    );
  return declaration;
}

const isSecret = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "secure" in value;

/** Reads Pulumi.STACK.yaml. Throws a FarmError (exit code 2) when it is missing or no YAML. */
export function readSettings(stack: string): Settings {
  const path = new URL(`../../Pulumi.${stack}.yaml`, import.meta.url);
  let document: { config?: Record<string, unknown> } | null;
  try {
    document = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new FarmError(
      `Pulumi.${stack}.yaml can't be read: ${(error as Error).message}`,
      "it holds the stack's addresses; see Pulumi.lab.yaml for the form",
      2,
    );
  }
  const entries = Object.entries(document?.config ?? {})
    .filter(([key, value]) => key.startsWith("farms:") && !isSecret(value))
    .map(([key, value]) => [key.slice("farms:".length), value] as const);
  return Object.fromEntries(entries);
}

/** Settings that only the shell needs; the inventory is made from the others. */
export interface ShellSettings {
  readonly masterKey: string | undefined;
  /** Private key of the administrator who runs the program; without it the SSH agent is asked. */
  readonly privateKey: string | undefined;
}

/** Splits settings into those of the shell and the inventory that the rest makes with the declaration. */
export function openStack(stack: string, settings: Settings): { inventory: Inventory; shell: ShellSettings } {
  const { masterKey, privateKey, ...rest } = settings;
  return {
    inventory: loadInventory(stack, declarationOf(stack), rest),
    shell: { masterKey: masterKey as string | undefined, privateKey: privateKey as string | undefined },
  };
}

/** The plan with the key that is public by design: for reading and comparing, never for applying. */
export function previewPlan(stack: string): Plan {
  declarationOf(stack);
  const { inventory } = openStack(stack, readSettings(stack));
  return makePlan(inventory, deriveKeys(PREVIEW_MASTER_KEY, stack, inventory.generations));
}

/** Ranges kept for documentation (RFC 5737, RFC 3849): no machine has such an address. */
const DOCUMENTATION = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];
/** An Ed25519 public key of zeros, to which nobody has the private one. */
const EXAMPLE_KEY = "AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/**
 * Refuses to act on the examples that a new clone has in place of addresses and keys. Throws a FarmError
 * (exit code 2) that names each and says what to write.
 */
export function refuseExamples(inventory: Inventory): void {
  const problems = [
    ...inventory.hosts
      .flatMap(({ id, address, address6, guestNetwork6 }) => [
        { id, key: "addresses", address },
        { id, key: "addresses6", address: address6 ?? "" },
        { id, key: "guestNetworks6", address: guestNetwork6?.address ?? "" },
      ])
      .filter(({ address }) => DOCUMENTATION.some((range) => address.startsWith(range)))
      .map(
        ({ id, key, address }) =>
          `${address} of host ${id} is an example: pulumi config set --path 'farms:${key}.${id}' ADDRESS`,
      ),
    ...Object.entries(inventory.imports)
      .filter(([, number]) => number === "0")
      .map(
        ([id]) =>
          `the number 0 of host ${id} is an example: pulumi config set --path 'farms:imports.${id}' NUMBER`,
      ),
    ...inventory.administrators
      .filter((a) => a.keys.some((key) => key.includes(EXAMPLE_KEY)))
      .map(
        (a) =>
          `the key of administrator ${a.name} is an example: write the line of a public key (.pub) that you hold`,
      ),
  ];
  if (problems.length > 0)
    throw new FarmError(
      `Pulumi.${inventory.stack}.yaml still has examples\n${problems.map((p) => `  - ${p}`).join("\n")}`,
      undefined,
      2,
    );
}
