/**
 * Edits pages one after another until it is told to stop, and prints each attempt as a line of JSON: its title, when
 * it began and ended (milliseconds since 1970), and whether the wiki acknowledged it. Runs inside the twin's network.
 * Arguments: HOST PORT NAME PREFIX; the administrator's password is in WIKI_PASSWORD.
 */
import { Wiki } from "./wiki.ts";

const [host = "", port = "", name = "", prefix = ""] = process.argv.slice(2);
const wiki = new Wiki({ host, port: Number(port), name });
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

await wiki.logIn("Admin", process.env.WIKI_PASSWORD ?? "");
for (let number = 1; !stopping; number += 1) {
  const title = `${prefix}/${number}`;
  const began = Date.now();
  let why = "";
  try {
    await wiki.edit(title, `edit ${number}`, 30);
  } catch (error) {
    why = (error as Error).message;
  }
  process.stdout.write(
    `${JSON.stringify({ title, began, ended: Date.now(), acknowledged: why === "", why })}\n`,
  );
}
