/** Databases that both clouds keep ready for what is still to move there: each with what its software asks for. */
import type { FarmDeclaration } from "../src/inventory/schema.ts";

export const keptReady: NonNullable<FarmDeclaration["databases"]> = [
  {
    id: "krynka",
    title: { en: "Krynka, GitLab", ru: "Крынка, GitLab" },
    cluster: "postgresql",
    connections: 60,
    extensions: ["pg_trgm", "btree_gist"],
  },
  {
    id: "sprava",
    title: { en: "Sprava, Odoo", ru: "Справа, Odoo" },
    cluster: "postgresql",
    connections: 40,
    extensions: ["pg_trgm", "unaccent"],
  },
];
