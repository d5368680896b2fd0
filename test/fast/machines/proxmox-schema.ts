/** What Proxmox's published API schema says of a call of pct or qm. */
import { readFileSync } from "node:fs";

interface Option {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** The name of a format, or the parts of a list such as "name=eth0,bridge=vmbr0". */
  readonly format?: string | Readonly<Record<string, Option>>;
  readonly optional?: number;
  readonly default_key?: number;
  readonly alias?: string;
}

interface Endpoint {
  readonly properties: Readonly<Record<string, Option>>;
}

const recorded = new URL("./recorded/proxmox.json", import.meta.url);
const { endpoints }: { endpoints: Record<string, Endpoint> } = JSON.parse(readFileSync(recorded, "utf8"));

/** Which endpoint a command is, and its arguments without a name (PVE::CLI::pct and PVE::CLI::qm, $cmddef). */
const COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  "pct create": ["POST /nodes/{node}/lxc", "vmid", "ostemplate"],
  "pct set": ["PUT /nodes/{node}/lxc/{vmid}/config", "vmid"],
  "pct resize": ["PUT /nodes/{node}/lxc/{vmid}/resize", "vmid", "disk", "size"],
  "pct start": ["POST /nodes/{node}/lxc/{vmid}/status/start", "vmid"],
  "pct stop": ["POST /nodes/{node}/lxc/{vmid}/status/stop", "vmid"],
  "pct destroy": ["DELETE /nodes/{node}/lxc/{vmid}", "vmid"],
  "pct push": ["pct push", "vmid", "file", "destination"],
  "qm create": ["POST /nodes/{node}/qemu", "vmid"],
  "qm set": ["PUT /nodes/{node}/qemu/{vmid}/config", "vmid"],
  "qm resize": ["PUT /nodes/{node}/qemu/{vmid}/resize", "vmid", "disk", "size"],
  "qm destroy": ["DELETE /nodes/{node}/qemu/{vmid}", "vmid"],
};

/** Commands that take the number alone, here. */
const PLAIN = /^((pct|qm) (status|config)|qm start) \d+$/;
/** What stands behind `--` is a command of the guest's. */
const EXEC = /^pct exec \d+ -- /;

const FORMATS: Readonly<Record<string, RegExp>> = {
  "dns-name": /^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/,
  "pve-startup-order": /^(order=)?\d+(,up=\d+)?(,down=\d+)?$/,
  "pve-configid-list": /^[a-z][a-z0-9_-]+(,[a-z][a-z0-9_-]+)*$/i,
  "pve-ipv4-config": /^(dhcp|manual|\d+\.\d+\.\d+\.\d+\/\d+)$/,
  ipv4: /^\d+\.\d+\.\d+\.\d+$/,
  "pve-ipv6-config": /^(auto|dhcp|manual|[0-9a-f:]*:[0-9a-f:]*\/\d+)$/i,
  ipv6: /^[0-9a-f:]*:[0-9a-f:]*$/i,
  // Of one machine, not of a group: the first byte is even.
  "mac-addr": /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i,
  "pve-lxc-mp-string": /^[^,]+$/,
  "pve-volume-id-or-qm-path": /^(none|cdrom|\/.+|[a-z][\w.-]*:\S+)$/i,
  "pve-volume-id-or-absolute-path": /^(\/.+|[a-z][\w.-]*:\S+)$/i,
  "pve-bridge-id": /^[-_.\w\d]+$/,
  "pve-qm-boot": /^order=[\w;]+$/,
  "pve-vmid": /^[1-9]\d{2,8}$/,
};

const TYPES: Readonly<Record<string, RegExp>> = {
  boolean: /^[01]$/,
  integer: /^[+-]?\d+$/,
  number: /^[+-]?\d+(\.\d+)?$/,
};

function ofValue(name: string, option: Option, value: string): string[] {
  const { type = "string", minimum, maximum, maxLength, pattern, format } = option;
  const wrong: [boolean, string][] = [
    [!(TYPES[type] ?? /^/).test(value), `is no ${type}`],
    [option.enum !== undefined && !option.enum.includes(value), "is not one of those that there are"],
    [minimum !== undefined && Number(value) < Number(minimum), `is less than ${minimum}`],
    [maximum !== undefined && Number(value) > Number(maximum), `is more than ${maximum}`],
    [maxLength !== undefined && value.length > maxLength, `is longer than ${maxLength}`],
    // Perl writes (?^:…) for what is (?:…) here.
    [
      pattern !== undefined && !new RegExp(`^(?:${pattern.replaceAll("(?^:", "(?:")})$`).test(value),
      `does not match ${pattern}`,
    ],
  ];
  const found = wrong.filter(([is]) => is).map(([, what]) => `${name}: "${value}" ${what}`);
  if (typeof format === "object") return [...found, ...ofParts(name, format, value)];
  if (format === undefined) return found;
  const shape = FORMATS[format];
  if (shape === undefined) return [...found, `${name}: this test does not know the format ${format}`];
  return shape.test(value) ? found : [...found, `${name}: "${value}" is no ${format}`];
}

function ofParts(name: string, format: Readonly<Record<string, Option>>, text: string): string[] {
  const [main] = Object.entries(format).find(([, { default_key }]) => default_key) ?? [];
  const given = new Map(
    text.split(",").map((part) => {
      const [key = "", value] = part.split(/=(.*)/s);
      return value === undefined ? [main ?? "", key] : [key, value];
    }),
  );
  return [
    ...[...given].flatMap(([key, value]) => {
      const option = format[key];
      return option === undefined
        ? [`${name}: there is no part ${key}`]
        : ofValue(`${name}.${key}`, option, value);
    }),
    ...Object.entries(format)
      .filter(([key, { optional, alias }]) => !optional && alias === undefined && !given.has(key))
      .map(([key]) => `${name}: its part ${key} is missing`),
  ];
}

/** What is wrong with a call, "pct" or "qm" first, as sentences; empty when it is as the schema has it. */
export function problemsOf(call: readonly string[]): string[] {
  const line = call.join(" ");
  if (PLAIN.test(line) || EXEC.test(line)) return [];
  const [path = "", ...positional] = COMMANDS[`${call[0]} ${call[1]}`] ?? [];
  const endpoint = endpoints[path];
  if (endpoint === undefined) return [`this test does not know what this is: ${line}`];
  const names = [...positional];
  const given: [string, string][] = [];
  const words = call.slice(2);
  for (let word = words.shift(); word !== undefined; word = words.shift())
    given.push(
      word.startsWith("--") ? [word.slice(2), words.shift() ?? ""] : [names.shift() ?? "(more)", word],
    );
  return [
    ...names.map((name) => `${line}: ${name} is missing`),
    ...given.flatMap(([name, value]) => {
      const option = endpoint.properties[name] ?? endpoint.properties[name.replace(/\d+$/, "[n]")];
      return option === undefined ? [`${path} has no option ${name}`] : ofValue(name, option, value);
    }),
  ];
}
