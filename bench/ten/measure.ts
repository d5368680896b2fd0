/** The figures of the ten machines: each run is a process of its own, its whole time counts. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { stackLayout } from "../../src/twin/machines/layout.ts";
import { must } from "../../src/twin/machines/run.ts";
import { bootTen, destroyStack, names, STACK } from "./farm.ts";

const RUNS = 10;

export interface TenFigures {
  readonly what: string;
  /** Seconds, one a run. */
  readonly figures: readonly number[];
}

/** As scripts/farm starts the program. */
const COMPILED = "NODE_COMPILE_CACHE=/var/cache/farms";

async function timed(mode: string, changed: readonly string[] = []): Promise<number> {
  const began = performance.now();
  const program = join(import.meta.dirname, "apply.ts");
  await must(
    `run the program over ten machines (${mode})`,
    ["env", COMPILED, process.execPath, "--disable-warning=ExperimentalWarning", program, mode, ...changed],
    { limit: 300 },
  );
  return (performance.now() - began) / 1000;
}

async function onAll(script: string): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const { code, stderr } = await inMachine(STACK, name, ["/bin/sh", "-euc", script], { limit: 600 });
      if (code !== 0) throw new Error(`${name}: ${stderr}`);
    }),
  );
}

const INSTALL = `export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qqy install --no-install-recommends curl haproxy nftables nginx python3 >/dev/null
systemctl disable -q --now haproxy nginx nftables`;

/** Back to a machine with packages and nothing of ours. */
const RESET = `systemctl disable -q --now haproxy nginx nftables t-one t-two t-daily.timer 2>/dev/null || true
nft delete table inet t_ten 2>/dev/null || true
rm -rf /var/lib/farm /usr/local/lib/farm-agent /usr/local/sbin/farm-agent /etc/t-ten-* /etc/systemd/system/t-*
for account in anna boris vera; do userdel --remove $account 2>/dev/null || true; done
mkdir -m 0700 /var/lib/farm; touch /var/lib/farm/fresh
systemctl daemon-reload`;

async function reset(): Promise<void> {
  await onAll(RESET);
  rmSync(join(stackLayout(STACK).state, "stack"), { recursive: true, force: true });
}

/** Measures all; about five minutes. The machines are made for it and gone afterwards. */
export async function measureTen(): Promise<TenFigures[]> {
  try {
    await bootTen();
    await onAll(INSTALL);
    const first: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await reset();
      first.push(await timed("apply"));
    }
    const repeat = async (work: (run: number) => Promise<number>): Promise<number[]> => {
      const figures: number[] = [];
      for (let run = 0; run < RUNS; run += 1) figures.push(await work(run));
      return figures;
    };
    // A line comes and goes in turn, so that each run has one change.
    const turns = (changed: readonly string[]) => (run: number) =>
      timed("apply", run % 2 === 0 ? changed : []);
    return [
      { what: "nothing to do, ten hosts, all checked", figures: await repeat(() => timed("apply")) },
      { what: "dry run with diff, ten hosts", figures: await repeat(() => timed("check", names)) },
      { what: "one line of haproxy.cfg on one host of ten", figures: await repeat(turns(["ten5"])) },
      {
        what: "the same line on all ten, a quorum's members one by one",
        figures: await repeat(turns(names)),
      },
      { what: "first apply, packages there, ten hosts", figures: first },
    ];
  } finally {
    await destroyStack(STACK);
  }
}
