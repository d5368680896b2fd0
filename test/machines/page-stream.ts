/**
 * Loads a page by name again and again, as a browser does: of an answer that does not come, or is no page, it asks the name's other
 * address once more. Prints each load as a line of JSON until it is told to stop. Runs inside a twin's network.
 * Arguments: NAME NAMESERVER PATH AUTHORITY (a file).
 */
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { setTimeout as pause } from "node:timers/promises";

export interface Load {
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
  /** 1 where the page came at once, 2 where it came the second time, 0 where it did not. */
  readonly tries: number;
  /** What was wrong with each try that failed. */
  readonly errors: readonly string[];
}

/** Milliseconds: from the end of one load to the next, and how long a person would wait for a page. */
const PACE = 100;
const PATIENCE = 15_000;

function load(name: string, address: string, path: string, ca: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: address, servername: name, path, headers: { host: name }, ca, timeout: PATIENCE };
    const request = get({ ...options, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part;
      });
      answer.on("end", () => {
        const whole = answer.statusCode === 200 && text.includes("</html>");
        resolve(whole ? "" : `${answer.statusCode} ${text.slice(0, 200)}`);
      });
      answer.on("error", (error) => resolve(error.message));
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (error) => resolve(error.message));
  });
}

async function run([name = "", server = "", path = "", authority = ""]: readonly string[]): Promise<void> {
  const resolver = new Resolver();
  resolver.setServers([server]);
  const ca = readFileSync(authority, "utf8");
  let stopping = false;
  process.on("SIGTERM", () => {
    stopping = true;
  });
  while (!stopping) {
    const began = Date.now();
    const errors: string[] = [];
    const [first = "", second = first] = await resolver.resolve4(name);
    for (const address of [first, second]) {
      const error = await load(name, address, path, ca);
      if (error === "") break;
      errors.push(error);
    }
    const loaded: Load = {
      began,
      ended: Date.now(),
      tries: errors.length > 1 ? 0 : errors.length + 1,
      errors,
    };
    process.stdout.write(`${JSON.stringify(loaded)}\n`);
    await pause(PACE);
  }
}

await run(process.argv.slice(2));
