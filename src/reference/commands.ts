/** What the command line can do, as commander knows it. */
import type { Argument, Command, Option } from "commander";

/** An argument or an option. */
export interface Word {
  /** As it is typed: `[stack]`, `-o, --output <file>`. */
  readonly typed: string;
  readonly meaning: string;
  readonly required: boolean;
  readonly default?: unknown;
  readonly choices: readonly string[];
}

export interface CommandText {
  /** `farm twin up`. */
  readonly name: string;
  /** How it is typed; none of a command that only has others below it. */
  readonly usage?: string;
  readonly meaning: string;
  readonly words: readonly Word[];
}

/** What commander tells of a value that nobody gave. */
const byDefault = ({ defaultValue }: Argument | Option): { default?: unknown } =>
  defaultValue === undefined ? {} : { default: defaultValue };

const argument = (each: Argument): Word => {
  const name = `${each.name()}${each.variadic ? "..." : ""}`;
  return {
    typed: each.required ? `<${name}>` : `[${name}]`,
    meaning: each.description,
    required: each.required,
    choices: each.argChoices ?? [],
    ...byDefault(each),
  };
};

const option = (each: Option): Word => ({
  typed: each.flags,
  meaning: each.description,
  required: each.mandatory,
  choices: each.argChoices ?? [],
  ...byDefault(each),
});

/** A command and all below it, each after the one that it belongs to. */
export function commandsOf(command: Command, before: readonly string[] = []): CommandText[] {
  const path = [...before, command.name()];
  const below = command.commands.flatMap((each) => commandsOf(each, path));
  const words = [...command.registeredArguments.map(argument), ...command.options.map(option)];
  const own = {
    name: path.join(" "),
    meaning: command.description(),
    words,
    ...(below.length === 0 ? { usage: command.createHelp().commandUsage(command) } : {}),
  };
  return [own, ...below];
}
