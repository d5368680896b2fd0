/** XML as Python's expat reads it, which refuses what is not well-formed. */
import { spawnSync } from "node:child_process";

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the element itself, without that of its children. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const READER = `
import json, sys
from xml.etree import ElementTree
def plain(e):
    text = (e.text or "") + "".join(child.tail or "" for child in e)
    return {"name": e.tag.split("}")[-1], "attributes": e.attrib, "text": text, "children": [plain(c) for c in e]}
json.dump([plain(ElementTree.fromstring(text)) for text in json.load(sys.stdin)], sys.stdout)
`;

/** The root element of each text. Throws with the parser's words when one is not well-formed. */
export function parseXml(texts: readonly string[]): XmlElement[] {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", READER], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    env: { ...process.env, PYTHONUTF8: "1" },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** An element and all below it. */
export const elements = (root: XmlElement): XmlElement[] => [root, ...root.children.flatMap(elements)];
