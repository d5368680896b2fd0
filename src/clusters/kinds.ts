/** The kinds of database clusters that there are. */
import type { Cluster } from "../inventory/schema.ts";
import { mariadb } from "../roles/mariadb/kind.ts";
import { postgresql } from "../roles/postgresql/kind.ts";
import type { ClusterKind } from "./kind.ts";

export const kinds: Readonly<Record<Cluster["software"], ClusterKind>> = { mariadb, postgresql };

export const kindOf = ({ software }: Pick<Cluster, "software">): ClusterKind => kinds[software];
