/** The words that all parts of a declaration are made of: names, addresses, sizes, titles, prices. */
import { isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import { canonical6, type InterfaceAddress } from "./addresses.ts";

const units: Record<string, number> = {
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A size such as "2 GB" or "512 MiB", in bytes once parsed. */
export const size = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?) ?([KMGT]i?B)$/.exec(text);
  const unit = match && units[match[2] ?? ""];
  if (!match || !unit) {
    context.addIssue({ code: "custom", message: `"${text}" is no size; write it like "2 GB" or "512 MiB"` });
    return z.NEVER;
  }
  return Math.round(Number(match[1]) * unit);
});

/** Names of hosts, clusters and applications: what DNS labels, file names and systemd units all accept. */
export const id = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,30}$/,
    "a name is small Latin letters, digits and dashes, at most 31, letter first",
  );

export const ipv4 = z.string().refine((text) => isIPv4(text), "write an IPv4 address such as 10.80.0.11");

/** What Cloudflare has in place of numbers. */
export const cloudflareId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "write the 32 digits (0 to 9, a to f) that Cloudflare has for it");

/** What stands in place of a number where something that was taken over is gone, and is to be made. */
export const MADE = "made";
export const cloudflareIdOrMade = z.union([cloudflareId, z.literal(MADE)], {
  error: `write the 32 digits (0 to 9, a to f) that Cloudflare has for it, or "${MADE}" where that is gone`,
});

/** The address of an interface with the length of its network's prefix, such as "10.90.0.1/24". */
export const interfaceAddress = z.string().transform((text, context): InterfaceAddress => {
  const [, address = "", length] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const prefixLength = Number(length);
  if (isIPv4(address) && prefixLength >= 8 && prefixLength <= 30) return { address, prefixLength };
  context.addIssue({ code: "custom", message: `write ADDRESS/LENGTH such as 10.90.0.1/24, not "${text}"` });
  return z.NEVER;
});

/**
 * An IPv6 address that can be called from another network, in its short form. Not a mapped IPv4 one, and none that means
 * something on one link or one machine alone (RFC 4291: `::`, `::1`, fe80::/10, ff00::/8).
 */
export const ipv6 = z.string().transform((text, context) => {
  if (isIPv6(text) && !text.includes("%") && !text.includes(".")) {
    const address = canonical6(text);
    if (!/^(::|fe[89ab]|ff)/.test(address)) return address;
  }
  context.addIssue({
    code: "custom",
    message: `write an IPv6 address that others can call, such as 2001:db8::11, not "${text}"`,
  });
  return z.NEVER;
});

/** As interfaceAddress, of a /64: what a provider routes to a server, and what a network of guests needs to be. */
export const interfaceAddress6 = z.string().transform((text, context): InterfaceAddress => {
  const [, address = "", length] = /^([^/]*)\/(\d+)$/.exec(text) ?? [];
  const read = ipv6.safeParse(address);
  if (read.success && length === "64") return { address: read.data, prefixLength: 64 };
  context.addIssue({ code: "custom", message: `write ADDRESS/64 such as 2001:db8:0:1::1/64, not "${text}"` });
  return z.NEVER;
});

export const hostname = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/,
    "write a full host name such as wiki.example.org",
  );

/** A title as it is shown to people of either language. */
export const title = z.object({ en: z.string().min(1), ru: z.string().min(1) });

export const sshKey = z
  .string()
  .regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp256|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/=]+( [^\n]*)?$/,
    "write the one line of a public key file (.pub): ssh-ed25519 AAAA… name",
  );

const WHICH_DAY = "write the day as 2026-11-26";

/** A day such as "2026-11-26". Where it stands in YAML without quotes, the engine makes a moment of it. */
export const day = z
  .string(WHICH_DAY)
  .transform((text) => text.replace(/ 00:00:00 \+0000 UTC$/, ""))
  .pipe(z.iso.date(WHICH_DAY));

/** What somebody asks for a thing, in the currency that they ask for. */
export const money = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d{1,4})?) (EUR|USD)$/.exec(text);
  if (match) return { amount: Number(match[1]), currency: match[2] as "EUR" | "USD" };
  context.addIssue({
    code: "custom",
    message: `"${text}" is no price; write it like "4.99 EUR" or "10 USD"`,
  });
  return z.NEVER;
});

/** A monthly price, when it was so, and who says so: prices change, and a figure without its source is a rumour. */
export const price = z.strictObject({
  /** What is asked for a month. */
  monthly: money,
  /** The day on which it was so. */
  on: day,
  /** Where it was read. */
  source: z.string().min(3, "write where the price was read, such as an invoice or a page"),
});

/** What a dollar costs in euros, from a day on. */
export const rate = z.strictObject({
  /** Euros for one dollar. */
  eur: z.number().positive(),
  /** The day on which it was so. */
  on: day,
  /** Where it was read. */
  source: z.string().min(3),
});
