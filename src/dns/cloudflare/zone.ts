import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { Ruleset } from "@pulumi/cloudflare/ruleset.js";
import { Zone as ZoneResource } from "@pulumi/cloudflare/zone.js";
import { ZoneDnssec } from "@pulumi/cloudflare/zoneDnssec.js";
import { ZoneSetting } from "@pulumi/cloudflare/zoneSetting.js";
import * as pulumi from "@pulumi/pulumi";
import type { Inventory } from "../../inventory/schema.ts";
import { MADE } from "../../inventory/words.ts";
import { recordId, TUNNEL_TARGET, type Zone } from "../record.ts";
import { phasesOf, rulesetId, type ZoneRules } from "../rules.ts";
import { recordArgs } from "./record-args.ts";

/** By which words something is taken over, if it is. What its account calls it stands behind `path`. */
function wordsFor(number: string | undefined, path: string, former: string | undefined): string | undefined {
  if (number === undefined) return former;
  return number === MADE ? undefined : `${path}/${number}`;
}

/**
 * By which words records and rulesets that were there were taken over, by the names of their resources. The engine takes such words
 * that are gone and come back for another thing: it imports it, and then deletes what it had, which is the same. So they are
 * remembered as long as it is ours, whatever becomes of the line in the settings; where somebody deleted it, "made" forgets them.
 */
export type TakenOver = Readonly<Record<string, string>>;

export interface CloudflareZoneArgs {
  readonly zone: Zone;
  readonly cloudflare: NonNullable<Inventory["cloudflare"]>;
  /** Rules before our applications, where Cloudflare is the edge and this stack keeps the zone. */
  readonly rules: ZoneRules | undefined;
  /** Where proxied names lead, where Cloudflare is the edge, and what has to be there before they do. */
  readonly tunnel: { readonly target: pulumi.Output<string>; readonly ready: pulumi.Resource[] } | undefined;
  /** What has to be there before a name leads to a host. */
  readonly ready: (host: string) => pulumi.Resource[];
  /** What former runs have taken over. */
  readonly former: TakenOver;
}

/** What of an adopted zone stays as it is: its account, and how it came to Cloudflare. */
const OF_IMPORTED = ["account", "paused", "type", "vanityNameServers"];

/**
 * For proxied names: nobody comes by old TLS or without it, and Cloudflare believes only an origin that proves its name. They hold for
 * what else of the zone is proxied, too, so they are only set where Cloudflare is the edge.
 */
const SETTINGS = { min_tls_version: "1.2", ssl: "strict", always_use_https: "on" };

/**
 * A zone at Cloudflare with our records, each a resource of its own, so that others of the zone are neither read nor touched. It is
 * taken over by its number (`farms:cloudflare.zones`) or made; zone and signing are protected: without either a domain is gone, so
 * the engine refuses to delete them until somebody says `pulumi state unprotect`. Of a zone that another stack keeps only
 * records are registered.
 *
 * Where names change from addresses to a tunnel, or back, Cloudflare refuses the new records as long as the former are there
 * (its error 81053), and the engine deletes last: `pulumi destroy --target` takes the former away before.
 */
export class CloudflareZone extends pulumi.ComponentResource {
  /** The record that the registrar has to be told, where that is another one than Cloudflare. */
  readonly ds: pulumi.Output<string> | undefined;
  /** To whom the domain has to be delegated, where this stack keeps it. */
  readonly nameServers: pulumi.Output<string[]> | undefined;
  /** What this run and those before it have taken over, each known once it is done. */
  readonly takenOver: Record<string, pulumi.Output<string>> = {};

  constructor(name: string, args: CloudflareZoneArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:dns:Zone", name, {}, options);
    const { zone, rules } = args;
    const kept = zone.keptBy === undefined ? this.#zone(name, args) : undefined;
    const zoneId = kept?.id ?? pulumi.output(args.cloudflare.zones[zone.name] ?? "");
    this.nameServers = kept?.nameServers;
    this.ds = kept && zone.dnssec ? this.#sign(name, zone, zoneId) : undefined;
    if (rules) this.#rules(args, rules, zoneId);
    this.#records(args, zoneId);
    this.registerOutputs({ ds: this.ds, nameServers: this.nameServers });
  }

  #zone(name: string, { zone, cloudflare: { account, zones } }: CloudflareZoneArgs): ZoneResource {
    const number = zones[zone.name];
    return new ZoneResource(
      name,
      { account: { id: account }, name: zone.name, type: "full" },
      {
        parent: this,
        protect: true,
        ...(number === undefined ? {} : { import: number, ignoreChanges: OF_IMPORTED }),
      },
    );
  }

  #sign(name: string, { registrar }: Zone, zoneId: pulumi.Output<string>): pulumi.Output<string> | undefined {
    const args = { zoneId, status: "active" };
    const { ds } = new ZoneDnssec(`${name}-dnssec`, args, { parent: this, protect: true });
    return registrar === "cloudflare" ? undefined : ds;
  }

  /** Makes something, or takes it over by these words. */
  #make(
    name: string,
    words: string | undefined,
    make: (options: { import?: string }) => pulumi.CustomResource,
  ): void {
    const { id } = make(words === undefined ? {} : { import: words });
    if (words !== undefined) this.takenOver[name] = id.apply(() => words);
  }

  #rules(
    { zone: { name }, cloudflare: { zones, rulesets }, former }: CloudflareZoneArgs,
    rules: ZoneRules,
    zoneId: pulumi.Output<string>,
  ): void {
    for (const [settingId, value] of Object.entries(SETTINGS))
      new ZoneSetting(`${name}-${settingId}`, { zoneId, settingId, value }, { parent: this });
    for (const phase of phasesOf(rules)) {
      const id = `${name}-${phase}`;
      const words = wordsFor(rulesets[rulesetId(name, phase)], `zones/${zones[name]}`, former[id]);
      const args = { zoneId, kind: "zone", name: "farms", phase, rules: [...rules[phase]] };
      // One that is taken over keeps its name: for another the provider would make it anew beside itself, which is refused.
      this.#make(
        id,
        words,
        (options) => new Ruleset(id, args, { ...options, parent: this, ignoreChanges: ["name"] }),
      );
    }
  }

  #records(
    { zone, cloudflare: { zones, records }, tunnel, ready, former }: CloudflareZoneArgs,
    zoneId: pulumi.Output<string>,
  ): void {
    for (const record of zone.records) {
      const id = recordId(record);
      const words = wordsFor(records[id], `${zones[zone.name]}`, former[id]);
      const through = record.content === TUNNEL_TARGET ? tunnel : undefined;
      const args = { ...recordArgs(record), ...(through ? { content: through.target } : {}), zoneId };
      const dependsOn = record.host === undefined ? (through?.ready ?? []) : ready(record.host);
      // Where somebody made it another type by hand: Cloudflare refuses ours as long as theirs is there.
      const replaced = { parent: this, deleteBeforeReplace: true };
      this.#make(id, words, (options) => new DnsRecord(id, args, { ...options, ...replaced, dependsOn }));
    }
  }
}
