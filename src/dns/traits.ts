/** What an edge has to know of a kind of software, beside what it listens on. */
import type { Application } from "../inventory/schema.ts";

export interface EdgeTraits {
  /** Whether it is for administrators alone, unless the declaration says otherwise. */
  readonly administrative: boolean;
  /** Beginnings of the paths whose answers are the same for all who are not logged in, and may be kept. */
  readonly cached: readonly string[];
  /** Names of the cookies by which it knows who is logged in: whoever sends one is answered by the application itself. */
  readonly loginCookies: (application: Application) => readonly string[];
  /** Paths to which passwords are sent. */
  readonly login: readonly string[];
}
