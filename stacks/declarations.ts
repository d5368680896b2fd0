import type { FarmDeclaration } from "../src/inventory/schema.ts";
import { lab } from "./lab.ts";

/** Every farm that is declared, by the name of its stack. */
export const declarations: Readonly<Record<string, FarmDeclaration>> = { lab };
