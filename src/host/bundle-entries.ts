/** What the bundle of a first line is called here; the line itself names the host, which would make each unlike all others. */
const HEAD = "farm bundle";

const isHead = (line: string): boolean => line !== "" && !line.startsWith(" ");

/**
 * Takes a bundle apart (grammar: `bundle`) into its entries: head line ("file /etc/hosts") to the lines under it,
 * indented by four spaces less, each with its newline. It goes by indentation alone, so that it reads the bundles of
 * older and newer programs too. Entries with one head are joined; the closing `end N` says nothing of the host and is left out.
 */
export function bundleEntries(bundle: string): Map<string, string> {
  const entries = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of bundle.trimEnd().split("\n")) {
    if (!isHead(line)) {
      lines.push(line.replace(/^ {1,4}/, ""));
      continue;
    }
    const version = /^farm bundle (\S+) for \S+$/.exec(line)?.[1];
    const head = version === undefined ? line : HEAD;
    if (/^end \d+$/.test(head)) continue;
    lines = entries.get(head) ?? [];
    if (version !== undefined) lines.push(`version ${version}`);
    entries.set(head, lines);
  }
  return new Map(
    [...entries].map(([head, body]) => [
      head,
      body
        .map((line) => `${line}\n`)
        .join("")
        .replace(/\n+$/, "\n"),
    ]),
  );
}
