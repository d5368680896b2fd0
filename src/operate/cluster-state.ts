/** What the hosts of a cluster say of themselves, each asked on its own host. */
import type { MemberState, StateQuestion } from "../clusters/kind.ts";
import { kindOf } from "../clusters/kinds.ts";
import type { Cluster } from "../inventory/schema.ts";
import type { Farm } from "./farm.ts";

async function memberState(farm: Farm, { host, urls, read }: StateQuestion): Promise<MemberState> {
  const nothing = { host, status: null, state: null, size: null, committed: null, lag: null, writer: false };
  const command = `curl -fsS --noproxy '*' --max-time 3 --write-out '\\n' ${urls.join(" ")}`;
  try {
    const { code, stdout } = await farm.ssh.run(farm.target(host), command, { limit: 15 });
    if (code !== 0) return nothing;
    const answers = stdout.split("\n").filter(Boolean);
    return { ...nothing, ...read(answers.map((answer) => JSON.parse(answer))) };
  } catch {
    return nothing;
  }
}

/** What the hosts of a cluster say of themselves, in the order in which its kind asks them: the members' order at least. */
export function clusterStates(farm: Farm, cluster: Cluster): Promise<MemberState[]> {
  const questions = kindOf(cluster).questions(farm.inventory, cluster);
  return Promise.all(questions.map((question) => memberState(farm, question)));
}
