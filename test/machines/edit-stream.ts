/**
 * Edits pages one after another, one a second at most, until it is told to stop, and prints each attempt as a line of JSON,
 * in the words of a drill's record. Page PREFIX/N is attempt number N. Runs inside the twin's network.
 * Arguments: HOST PORT NAME PREFIX; the administrator's password is in WIKI_PASSWORD.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Attempt } from "../../src/twin/drills/record.ts";
import { Wiki } from "./wiki.ts";

/** Milliseconds from the begin of one edit to the next: more than that only keeps the machine busy, and the change waits. */
const PACE = 1000;

const [host = "", port = "", name = "", prefix = ""] = process.argv.slice(2);
const wiki = new Wiki({ host, port: Number(port), name });
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

await wiki.logIn("Admin", process.env.WIKI_PASSWORD ?? "");
for (let n = 1; !stopping; n += 1) {
  const began = Date.now();
  let error = "";
  try {
    await wiki.edit(`${prefix}/${n}`, `edit ${n}`, 30);
  } catch (reason) {
    error = (reason as Error).message;
  }
  // What an error of the wiki means for the database, it does not say.
  const outcome = error === "" ? "ok" : "doubt";
  const attempt: Attempt = { writer: 1, n, began, ended: Date.now(), outcome, error };
  process.stdout.write(`${JSON.stringify(attempt)}\n`);
  await pause(Math.max(0, began + PACE - Date.now()));
}
