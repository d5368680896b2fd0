/** A host's history and the way back, as operators call them: on the twin, and as on the real farm. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { parse, stringify } from "yaml";
import type { History } from "../../src/operate/history.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { type Result, run } from "../../src/twin/machines/run.ts";
import { administratorKey } from "../../src/twin/settings.ts";
import { commentOnEdge, copyOfProgram, editFile, farm, on, ROOT, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const HOST = "edge1";
const SYSCTL = "net.ipv4.ip_nonlocal_bind";
const COMMENT = "a line that changes nothing";

/** A change of one host, that can lock administrators out as far as the agent knows: it touches the network. */
function copyWithChange(): string {
  const copy = copyOfProgram();
  commentOnEdge(copy, COMMENT);
  editFile(copy, "src/roles/edge.ts", (text) =>
    text.replace(`"${SYSCTL}", value: "1" }`, `$&, { key: "net.ipv4.tcp_fin_timeout", value: "59" }`),
  );
  return copy;
}

async function historyOf(...command: string[]): Promise<History> {
  const { code, stdout, stderr } = await farm([...command, "--json"], 60);
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout);
}

/** `twin rollback` of the host on a terminal at which somebody types that, and then no more. */
async function rollbackTyping(text: string): Promise<{ code: number; output: string }> {
  const command = `${join(ROOT, "scripts/farm")} twin rollback ${HOST}`;
  const { code, stdout } = await run(["script", "-qec", command, "/dev/null"], { input: text, limit: 120 });
  return { code, output: stdout.replaceAll("\r", "") };
}

/** A checkout with this twin's addresses as the real farm's, and a stand-in for `pulumi` that knows `secrets`. */
class RealFarm {
  readonly #stack: string;
  readonly #copy = copyOfProgram();
  readonly #home = mkdtempSync(join(tmpdir(), "farms-home-"));

  constructor(lab: TwinFarm) {
    this.#stack = lab.stack;
    const path = join(this.#copy, `Pulumi.${lab.stack}.yaml`);
    const document = parse(readFileSync(path, "utf8"));
    for (const [key, value] of Object.entries(lab.settings))
      if (key !== "masterKey" && key !== "privateKey") document.config[`farms:${key}`] = value;
    writeFileSync(path, stringify(document));
    mkdirSync(join(this.#home, "bin"));
  }

  knows(secrets: Record<string, unknown>): void {
    const entries = Object.entries(secrets).map(([key, value]) => [`farms:${key}`, { value, secret: true }]);
    const program = join(this.#home, "bin/pulumi");
    writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(Object.fromEntries(entries))}\nEND\n`);
    chmodSync(program, 0o700);
  }

  /** Runs `farm` in the twin's network, as if its hosts were real ones; after `before` in the same shell. */
  farm(argv: readonly string[], before = "true"): Promise<Result> {
    const call = `${before} && ${join(this.#copy, "scripts/farm")} ${argv.join(" ")} --stack ${this.#stack}`;
    const env = { ...process.env, HOME: this.#home, PATH: `${join(this.#home, "bin")}:${process.env.PATH}` };
    return runInNamespace(this.#stack, ["sh", "-c", call], { env, limit: 60 });
  }

  /** Ends the connections that were kept for the next command. */
  async disconnect(): Promise<void> {
    const dir = join(this.#home, ".cache/farms/ssh", this.#stack);
    for (const name of readdirSync(dir).filter((file) => /^[0-9.]+-[0-9a-f]{8}$/.test(file)))
      await runInNamespace(this.#stack, ["ssh", "-S", join(dir, name), "-O", "exit", "any"]);
  }

  async remove(): Promise<void> {
    await this.disconnect();
    for (const folder of [this.#copy, this.#home]) rmSync(folder, { recursive: true });
  }
}

test("the history of a host", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const config = () => on(lab, HOST, "cat /etc/farm/edge/haproxy.cfg; sysctl -n net.ipv4.tcp_fin_timeout");
  const before = await config();
  const copy = copyWithChange();
  const applied = await farm(["twin", "up"], 300, copy);
  assert.equal(applied.code, 0, applied.stdout + applied.stderr);
  t.after(async () => {
    rmSync(copy, { recursive: true });
    await labUp();
  });

  await t.test("says what was applied, by whom, and what one can go back to", async () => {
    const { entries, bundles, ...rest } = await historyOf("twin", "history", HOST);
    const [newest] = entries;
    assert.deepEqual([newest?.kind, newest?.by, newest?.sha256], ["applied", "twin", rest.applied]);
    assert(newest?.changes.includes("file /etc/farm/edge/haproxy.cfg: change"));
    assert(newest?.changes.some((line) => line.startsWith("sysctl net.ipv4.tcp_fin_timeout")));
    assert.deepEqual(
      bundles.slice(0, 2).map((b) => b.number),
      [0, 1],
    );
    const { stdout } = await farm(["twin", "history", HOST], 60);
    assert.match(stdout, /│ 0 +│ \d{4}-\d\d-\d\d \d\d:\d\d +│ applied +│/);
    assert.match(stdout, /│ twin/);
  });

  await t.test("is not rolled back where nobody can be asked, or to what is not there", async () => {
    const present = await config();
    const wrong: [string[], RegExp][] = [
      [[HOST], /no terminal to ask.*\n.*--yes/],
      [[HOST, "99", "--yes"], /edge1: this host has no bundle 99 to go back to; it has 0 \(/],
      [["nowhere", "--yes"], /has no host "nowhere"/],
    ];
    for (const [argv, message] of wrong) {
      const { code, stderr } = await farm(["twin", "rollback", ...argv], 60);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    const { code, output } = await rollbackTyping("web1\n");
    assert.equal(code, 2, output);
    assert.match(output, /nothing was changed: its name was not typed/);
    assert.equal(await config(), present);
  });

  await t.test("is not rolled back in the middle of another run", async () => {
    await on(
      lab,
      HOST,
      "systemd-run -q --unit=t-lock flock /run/farm-agent.lock sleep 60; until systemctl is-active -q t-lock && ! flock -n /run/farm-agent.lock true; do :; done",
    );
    const { code, stderr } = await farm(["twin", "rollback", HOST, "--yes"], 60);
    await on(lab, HOST, "systemctl stop t-lock");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /another run holds the lock.*\n.*nothing was changed/);
  });

  await t.test(
    "rolled back, shows the change, confirms it over a new connection, and says what is next",
    async (t) => {
      const { code, output } = await rollbackTyping(`${HOST}\n`);
      assert.equal(code, 0, output);
      assert.match(output, /^edge1, to bundle 1 \([0-9a-f]{12}, commit /m);
      assert.match(output, new RegExp(`^-.*${COMMENT}$`, "m"));
      assert.match(output, /\[edge1\] probes: /);
      assert.match(
        output,
        /edge1 is at bundle [0-9a-f]{12} .* changes in [0-9.]+ s, confirmed over a new connection/,
      );
      assert.match(output, /The declaration still says otherwise/);
      assert.equal(await config(), before);
      const [newest] = (await historyOf("twin", "history", HOST)).entries;
      assert.deepEqual([newest?.kind, newest?.by], ["rolled back", "twin"]);
      t.diagnostic(/is at bundle .*/.exec(output)?.[0] ?? "");
    },
  );

  await t.test("is read and rolled back on the real farm in the same way", async (t) => {
    const real = new RealFarm(lab);
    t.after(() => real.remove());
    const { masterKey, privateKey } = lab.settings;
    real.knows({ masterKey });
    const refused = await real.farm(["history", HOST], "unset SSH_AUTH_SOCK");
    assert.match(refused.stderr, /no SSH connection to .*Permission denied/s);
    real.knows({ masterKey, privateKey });
    const { stdout, stderr } = await real.farm(["history", HOST]);
    assert.match(stdout, /│ 0 +│.*│ rolled back/, stderr);

    // Without a configured key the SSH agent has it.
    await real.disconnect();
    real.knows({ masterKey });
    const withAgent = `eval $(ssh-agent) >&2 && trap 'ssh-agent -k >&2' EXIT && ssh-add -q ${administratorKey(lab.stack)}`;
    const forward = await real.farm(["rollback", HOST, "1", "--yes"], withAgent);
    assert.equal(forward.code, 0, forward.stdout + forward.stderr);
    assert.match(await config(), new RegExp(COMMENT));
  });
});
