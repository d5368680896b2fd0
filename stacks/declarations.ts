import type { FarmDeclaration } from "../src/inventory/schema.ts";
import { lab } from "./lab.ts";
import { prod } from "./prod.ts";

/** Every farm that is declared, by the name of its stack. */
export const declarations: Readonly<Record<string, FarmDeclaration>> = { lab, prod };
