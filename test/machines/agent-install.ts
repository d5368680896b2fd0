import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { agentText, INSTALL_AGENT } from "../../src/host/agent.ts";
import { cutPower, good, sh } from "./agent-machine.ts";

const installer = readFileSync(new URL("../../src/host/agent/install.py", import.meta.url), "utf8");

/** Runs the installer and kills it before its step N: a module opened, something renamed, linked or removed. */
const KILLED = `import os, signal, sys
left = int(sys.argv[1])

def step(event, arguments):
    if event == "open":
        return arguments[1] == "w"
    return event in ("os.mkdir", "os.chmod", "os.rename", "os.symlink", "shutil.rmtree") or event == "os.remove" and arguments[1] == -1

def look(event, arguments):
    global left
    if step(event, arguments) and "__pycache__" not in str(arguments):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

with open("/run/t-install.py", encoding="utf-8") as file:
    program = file.read()
sys.addaudithook(look)
exec(program)
`;

/** The agent with one module more, and so another version of it. */
const version = (name: string): string => `${agentText}#: zz_${name}.py\n# ${name}\n`;

/** The modules of the agent that is called on the host, in the form in which they were sent. */
const installed = (): Promise<string> =>
  sh(`cd "$(dirname "$(readlink /usr/local/sbin/farm-agent)")"
    for name in *.py; do printf '#: %s\\n' $name; cat $name; done`);

const inode = (): Promise<string> => sh("stat -L -c %i /usr/local/sbin/farm-agent");

/** How the agent gets onto a host. */
export function installs(): void {
  describe("installing the agent", () => {
    test("a power cut right after it: the agent is there, whole, and works", async () => {
      await sh("sync");
      await sh(INSTALL_AGENT, version("cut"));
      // Whoever syncs a file has the names of all others written out too, but not what is in them.
      await sh("echo >/root/t-synced; sync /root/t-synced");
      await cutPower();
      assert.equal(`${await installed()}\n`, version("cut"));
      await good("verify");
    });

    test("the same again leaves it alone", async () => {
      await sh(INSTALL_AGENT, agentText);
      const before = await inode();
      await sh(INSTALL_AGENT, agentText);
      assert.equal(await inode(), before);
    });

    for (const [what, text] of [
      ["another version", (step: number) => version(`step_${step}`)],
      ["the same", () => agentText],
    ] as const)
      test(`${what}, killed before any of its steps: an agent is there, whole, and works`, async (t) => {
        await sh(INSTALL_AGENT, agentText);
        await sh("cat >/run/t-install.py", installer);
        await sh("cat >/run/t-killed.py", KILLED);
        let step = 0;
        let end = "killed";
        while (end === "killed") {
          const before = await installed();
          step += 1;
          end = await sh(`python3 /run/t-killed.py ${step} 2>/dev/null || echo killed`, text(step));
          const now = `${await installed()}\n`;
          assert.ok(now === `${before}\n` || now === text(step), `step ${step}`);
          await good("verify");
        }
        t.diagnostic(`killed ${step - 1} times`);
        assert.ok(step > 3);
        assert.equal(`${await installed()}\n`, text(step));
      });

    test("nothing of former ones is left but the last", async () => {
      await sh(INSTALL_AGENT, version("former"));
      await sh(INSTALL_AGENT, agentText);
      assert.equal(await sh("ls -A /usr/local/lib/farm-agent | wc -l; ls /usr/local/sbin"), "2\nfarm-agent");
    });

    test("a damaged one in its place is replaced by the same text", async () => {
      await sh(": >/usr/local/sbin/farm-agent");
      await sh(INSTALL_AGENT, agentText);
      await good("verify");
    });
  });
}
