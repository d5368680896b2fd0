/** What is printed while something runs. The test runner's own reports, which are no strings, go on to where they belong. */
export async function printed(work: () => Promise<unknown>): Promise<string> {
  const parts: string[] = [];
  const undo = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write;
    const kept = (...args: Parameters<typeof write>) =>
      typeof args[0] === "string" ? parts.push(args[0]) > 0 : write.apply(stream, args);
    stream.write = kept as typeof write;
    return () => {
      stream.write = write;
    };
  });
  try {
    await work();
  } finally {
    for (const each of undo) each();
  }
  return parts.join("");
}
