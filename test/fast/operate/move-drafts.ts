/** Drafts of declarations for tests of moves. */
import assert from "node:assert/strict";
import type { FarmDeclaration } from "../../../src/inventory/schema.ts";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { readSettings, type Settings } from "../../../src/shell/stack.ts";
import { lab } from "../../../stacks/lab.ts";
import { prod } from "../../../stacks/prod.ts";

type Change = (farm: FarmDeclaration, settings: Settings) => void;

/** A stack's declaration and settings after `change` has edited copies of both. */
const draftOf = (stack: string, declared: FarmDeclaration, change: Change = () => {}): Draft => {
  const [farm, settings] = [structuredClone(declared), structuredClone(readSettings(stack))];
  change(farm, settings);
  return { farm, settings };
};
export const labDraft = (change?: Change): Draft => draftOf("lab", lab, change);
/** Names that lead to one host, whatever serves there, are for a person to move: the checks refuse to lose it before. */
export const prodDraft = (change: Change = () => {}): Draft =>
  draftOf("prod", prod, (farm, settings) => {
    for (const domain of farm.domains ?? []) domain.extras = [];
    change(farm, settings);
  });

/** Production with a server of Contabo in Singapore under a name. */
export const singapore = (id: string) =>
  draftOf("prod", prod, (farm, settings) => {
    farm.sites.push({
      id: "contabo-sgp",
      title: { en: "Contabo, Singapore", ru: "Contabo, Сингапур" },
      provider: "contabo",
      country: "SG",
      roundTrips: { fsn1: 160, "contabo-de": 160, "contabo-stl": 220, nyc1: 230 },
    });
    const like = farm.hosts.find((host) => host.id === "contabo-stl1");
    assert(like);
    farm.hosts.push({ ...like, id, site: "contabo-sgp", mesh: "10.81.0.54" });
    Object.assign(settings.addresses as object, { [id]: "192.0.2.54" });
  });
