/** What an edge has to know of each kind of software. */
import type { EdgeTraits } from "../dns/traits.ts";
import type { Application } from "../inventory/schema.ts";
import { mediawikiTraits } from "./mediawiki.ts";
import { redmineTraits } from "./redmine.ts";

const traits: Readonly<Record<Application["software"], EdgeTraits>> = {
  mediawiki: mediawikiTraits,
  redmine: redmineTraits,
};

/** The traits of an application, with what its declaration says itself. */
export const traitsOf = ({ software, administrative }: Application): EdgeTraits => ({
  ...traits[software],
  ...(administrative === undefined ? {} : { administrative }),
});
