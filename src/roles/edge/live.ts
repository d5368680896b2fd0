/** The question by which our name servers know whether an edge host serves a name (name-server/zone.ts). */
export const LIVE_PATH = "/.well-known/farm-live";
/** What the answer then contains. */
export const LIVE = "farm-live";
