/**
 * Arguments of pct(1), read as Proxmox VE reads them. Names, types and limits are those of the published API schema
 * (POST /nodes/{node}/lxc and its siblings, 2025-09); messages and exit codes those of PVE::RESTHandler and
 * PVE::CLI::pct, so that a program which pleases this pleases the real thing.
 */

/** What pct would print to stderr, and its exit code. */
export class PctError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 255) {
    super(message);
    this.exitCode = exitCode;
  }
}

type Type = "string" | "boolean" | "number" | "integer";
type Option = { type: Type; minimum?: number; maximum?: number; pattern?: RegExp; format?: string };

const string: Option = { type: "string" };
const boolean: Option = { type: "boolean" };
const whole = (minimum: number, maximum?: number): Option => ({
  type: "integer",
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
const label = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?";
const hostname: Option = {
  type: "string",
  pattern: new RegExp(`^${label}(\\.${label})*$`),
  format: "value does not look like a valid DNS name",
};

/** Options that `create` and `set` have in common; [n] stands for a number. */
const CONFIG: Record<string, Option> = {
  arch: string,
  cmode: string,
  console: boolean,
  cores: whole(1, 8192),
  cpulimit: { type: "number", minimum: 0, maximum: 8192 },
  cpuunits: whole(0, 500000),
  debug: boolean,
  description: string,
  "dev[n]": string,
  features: string,
  hookscript: string,
  hostname,
  lock: string,
  memory: whole(16),
  "mp[n]": string,
  nameserver: string,
  "net[n]": string,
  onboot: boolean,
  ostype: string,
  protection: boolean,
  rootfs: string,
  searchdomain: string,
  startup: string,
  swap: whole(0),
  tags: string,
  template: boolean,
  timezone: string,
  tty: whole(0, 6),
  unprivileged: boolean,
  "unused[n]": string,
};

/** Positional arguments and options of each command that the stand-in knows. */
const COMMANDS: Record<string, { positional: string[]; options: Record<string, Option> }> = {
  list: { positional: [], options: {} },
  status: { positional: ["vmid"], options: { verbose: boolean } },
  config: { positional: ["vmid"], options: { current: boolean, snapshot: string } },
  create: {
    positional: ["vmid", "ostemplate"],
    options: {
      ...CONFIG,
      bwlimit: { type: "number", minimum: 0 },
      force: boolean,
      "ignore-unpack-errors": boolean,
      password: string,
      pool: string,
      restore: boolean,
      "ssh-public-keys": string,
      start: boolean,
      storage: string,
      unique: boolean,
    },
  },
  set: { positional: ["vmid"], options: { ...CONFIG, delete: string, digest: string, revert: string } },
  resize: { positional: ["vmid", "disk", "size"], options: { digest: string } },
  start: { positional: ["vmid"], options: { debug: boolean, skiplock: boolean } },
  stop: { positional: ["vmid"], options: { "overrule-shutdown": boolean, skiplock: boolean } },
  shutdown: { positional: ["vmid"], options: { forceStop: boolean, timeout: whole(0) } },
  destroy: {
    positional: ["vmid"],
    options: { "destroy-unreferenced-disks": boolean, force: boolean, purge: boolean },
  },
  push: {
    positional: ["vmid", "file", "destination"],
    options: { user: string, group: string, perms: string },
  },
  exec: { positional: ["vmid", "extra-args"], options: { "keep-env": boolean } },
};

/** What is said of positional arguments. */
const POSITIONAL: Record<string, Option> = {
  vmid: whole(100, 999_999_999),
  disk: { type: "string", pattern: /^(rootfs|mp\d+)$/, format: "no such volume" },
  size: {
    type: "string",
    pattern: /^\+?\d+(\.\d+)?[KMGT]?$/,
    format: "value does not match the regex pattern",
  },
};

export type PctCall = {
  command: string;
  /** Positional arguments and options by name; booleans as "1" or "0". */
  values: Record<string, string>;
  /** What `exec` is to run. */
  extra: string[];
};

/** Reads the arguments of one call. Throws a PctError in the words of the real pct. */
export function parseCall(argv: readonly string[]): PctCall {
  const [command = "", ...rest] = argv;
  const known = COMMANDS[command];
  if (!known)
    throw new PctError(
      command === "" ? "ERROR: no command specified" : `ERROR: unknown command 'pct ${command}'`,
    );
  const usage = ["pct", command, ...known.positional.map((name) => `<${name}>`), "[OPTIONS]"].join(" ");
  const { values, words } = readOptions(rest, known.options, usage);

  let extra: string[] = [];
  for (const name of known.positional) {
    if (name === "extra-args") {
      extra = words.splice(0);
      continue;
    }
    const word = words.shift();
    if (word === undefined) throw new PctError(`400 not enough arguments\n${usage}`);
    values[name] = word;
  }
  if (words.length > 0) throw new PctError(`400 too many arguments\n${usage}`);

  const wrong = Object.entries(values).flatMap(([name, value]) => {
    const problem = check(POSITIONAL[name] ?? optionOf(known.options, name), value);
    return problem ? [`${name}: ${problem}`] : [];
  });
  if (wrong.length > 0)
    throw new PctError(`400 Parameter verification failed.\n${wrong.join("\n")}\n${usage}`);
  return { command, values, extra };
}

/** As Getopt::Long is set up there: one dash or two, options anywhere before "--", a boolean's value is optional. */
function readOptions(argv: readonly string[], options: Record<string, Option>, usage: string) {
  const values: Record<string, string> = {};
  const words: string[] = [];
  const left = [...argv];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === "--") {
      words.push(...left);
      break;
    }
    const [, name, , attached] = /^--?([^=]+)(=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      words.push(word);
      continue;
    }
    const option = optionOf(options, name);
    if (!option) throw new PctError(`Unknown option: ${name}\n400 unable to parse option\n${usage}`);
    if (attached !== undefined) values[name] = attached;
    else if (option.type !== "boolean" && left.length === 0)
      throw new PctError(`Option ${name} requires an argument\n400 unable to parse option\n${usage}`);
    else if (option.type !== "boolean" || (left[0] !== undefined && !left[0].startsWith("-")))
      values[name] = left.shift() ?? "";
    else values[name] = "1";
    if (option.type === "boolean") values[name] = toBoolean(values[name] ?? "");
  }
  return { values, words };
}

function optionOf(options: Record<string, Option>, name: string): Option | undefined {
  return options[name] ?? options[name.replace(/\d+$/, "[n]")];
}

function toBoolean(value: string): string {
  if (/^(|1|on|yes|true)$/i.test(value)) return "1";
  return /^(0|off|no|false)$/i.test(value) ? "0" : value;
}

function check(option: Option | undefined, value: string): string | undefined {
  if (!option) return undefined;
  const { type, minimum, maximum, pattern, format } = option;
  const shape = { string: /^/, boolean: /^[01]$/, number: /^[+-]?\d+(\.\d+)?$/, integer: /^[+-]?\d+$/ }[type];
  if (!shape.test(value)) return `type check ('${type}') failed - got '${value}'`;
  if (minimum !== undefined && Number(value) < minimum)
    return `value must have a minimum value of ${minimum}`;
  if (maximum !== undefined && Number(value) > maximum)
    return `value must have a maximum value of ${maximum}`;
  return pattern && !pattern.test(value) ? `invalid format - ${format}` : undefined;
}

/** The parts of a network interface, "name=eth0,bridge=vmbr0,…", that the schema knows. */
const NET_KEYS = new Set(
  "name bridge firewall gw gw6 host-managed hwaddr ip ip6 link_down mtu rate tag trunks type".split(" "),
);

/** Reads "name=eth0,bridge=vmbr0,ip=…". Throws a PctError for a part that Proxmox doesn't know. */
export function parseNet(option: string, text: string): Record<string, string> {
  const parts = Object.fromEntries(text.split(",").map((part) => part.split(/=(.*)/s).slice(0, 2)));
  const wrong = Object.keys(parts).find((key) => !NET_KEYS.has(key));
  const problem = wrong
    ? `${option}.${wrong}: property is not defined in schema and the schema does not allow additional properties`
    : "name" in parts
      ? undefined
      : `${option}.name: property is missing and it is not optional`;
  if (problem)
    throw new PctError(
      `400 Parameter verification failed.\n${option}: invalid format - format error\n${problem}`,
    );
  return parts;
}

/** Writes a network interface as Proxmox stores it: the name first, the rest by alphabet. */
export function printNet(parts: Record<string, string>): string {
  const rest = Object.keys(parts)
    .filter((key) => key !== "name")
    .sort();
  return ["name", ...rest].map((key) => `${key}=${parts[key]}`).join(",");
}
