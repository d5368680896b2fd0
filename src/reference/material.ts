/** All that the reference tells, read from where it is said: the schemas, the comments beside their fields, the command line. */
import { configSchema, farmSchema } from "../inventory/schema.ts";
import { secretsSchema } from "../inventory/secrets.ts";
import { program } from "../shell/cli.ts";
import { type CommandText, commandsOf } from "./commands.ts";
import { commentsOf } from "./comments.ts";
import { type Section, sectionsOf } from "./declared.ts";

export interface Material {
  readonly declaration: readonly Section[];
  readonly configuration: readonly Section[];
  readonly secrets: readonly Section[];
  readonly commands: readonly CommandText[];
}

/** Takes about three seconds, most of it in the compiler, which knows the comments. */
export function readMaterial(): Material {
  const [schemas, secrets] = commentsOf("src/inventory/schema.ts", "src/inventory/secrets.ts");
  return {
    declaration: sectionsOf(farmSchema, "", schemas("farmSchema")),
    configuration: sectionsOf(configSchema, "farms:", schemas("configSchema")),
    secrets: sectionsOf(secretsSchema, "secrets", secrets("secretsSchema")),
    commands: commandsOf(program),
  };
}

/** What a person needs to have explained, with where it stands: "" is an explanation that is missing. */
export function meaningsOf({ declaration, configuration, secrets, commands }: Material): [string, string][] {
  const fields = [...declaration, ...configuration, ...secrets].flatMap(({ path, rows }) =>
    rows.map(({ name, meaning }): [string, string] => [`${path}: ${name}`, meaning]),
  );
  const words = commands.flatMap(({ name, meaning, words: each }): [string, string][] => [
    [name, meaning],
    ...each.map((word): [string, string] => [`${name} ${word.typed}`, word.meaning]),
  ]);
  return [...fields, ...words];
}
