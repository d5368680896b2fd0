/** The program under the real engine with the real command plugin, against the lab's twin. Needs `pulumi` on the PATH. */
import assert from "node:assert/strict";
import test from "node:test";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { servePct } from "../../src/twin/machines/pct.ts";
import { Project, withoutEngine } from "./engine-project.ts";
import { copyOfProgram, on, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/** Waits until a host takes new connections again; it has 60 s for that, and some for the way back. */
async function untilReachable(lab: TwinFarm, host: string): Promise<void> {
  const end = performance.now() + 75_000;
  for (;;) {
    const { code } = await lab.ssh.run(lab.target(host), "true", { fresh: true });
    if (code === 0) return;
    assert(performance.now() < end, `${host} is still locked out after 75 s`);
  }
}

test("the real engine", { skip: withoutRoot || withoutEngine }, async (t) => {
  const lab = await labUp();
  const guests = await servePct("lab", "zhelezo1");
  const project = new Project("lab", copyOfProgram());
  try {
    await project.configure(lab);

    await t.test("previews the stack", async () => {
      assert.match(await project.pulumi(["preview"]), /\+ \d+ to create/);
    });

    await t.test("applies it, and a second time changes nothing", async () => {
      assert.match(await project.pulumi(["up", "--yes", "--skip-preview"]), /\+ \d+ created/);
      const again = await project.pulumi(["up", "--yes", "--skip-preview"]);
      assert.match(again, /\d+ unchanged/);
      assert.doesNotMatch(again, /created|updated|replaced|deleted/);
    });

    await t.test(
      "shows a changed line as a patch, applies it to that host alone, and takes it back",
      async () => {
        const comment = "a line that changes nothing";
        project.commentOnEdge(comment);
        const preview = await project.pulumi(["preview", "--diff"]);
        assert.match(preview, new RegExp(`\\+ .*# ${comment}`));
        // Whether there is something to confirm, it knows when it is done.
        assert.match(preview, /~ 4 to update/);
        assert.match(await project.pulumi(["up", "--yes", "--skip-preview"]), /~ 2 updated/);
        assert.match(await on(lab, "edge1", "cat /etc/farm/edge/haproxy.cfg"), new RegExp(`# ${comment}`));
        project.edit("src/roles/edge/config.ts", (text) => text.replace(`"# ${comment}", `, ""));
        assert.match(await project.pulumi(["up", "--yes", "--skip-preview"]), /~ 2 updated/);
      },
    );

    await t.test(
      "stops at a host that can't be reached after its change, which that host undoes",
      async () => {
        const applied = () => on(lab, "db1", "sha256sum /var/lib/farm/applied.bundle");
        const before = await applied();
        const shut = (text: string) =>
          text.replace('    iif "lo" accept\n', '    iif "lo" accept\n    tcp dport 22 drop\n');
        project.edit("src/roles/firewall.ts", shut);
        const refused = await project
          .pulumi(["up", "--yes", "--skip-preview"])
          .catch((error: Error) => error.message);
        assert.match(refused, /zhelezo1-confirm/);
        assert.match(refused, /dial/);
        await untilReachable(lab, "zhelezo1");
        assert.equal(await applied(), before, "hosts after it are untouched");
        project.edit("src/roles/firewall.ts", (text) => text.replace("    tcp dport 22 drop\n", ""));
        await project.pulumi(["up", "--yes", "--skip-preview"]);
      },
    );

    await t.test("keeps no secret in plain words in its state", async () => {
      const state = await project.pulumi(["stack", "export"]);
      for (const name of lab.plan.hosts.flatMap((h) => h.secrets))
        for (const part of lab.keys
          .secret(name)
          .split("\n")
          .filter((p) => !p.startsWith("-----")))
          assert(!state.includes(part), `${name} stands in the state`);
      assert(!state.includes(String(lab.settings.masterKey)));
    });

    await t.test("refuses the examples of a new clone, all in one message", async () => {
      const clone = new Project("lab", copyOfProgram());
      try {
        await clone.pulumi(["stack", "init", "lab"]);
        await clone.pulumi(["config", "set", "--secret", "farms:masterKey"], String(lab.settings.masterKey));
        const refused = await clone.pulumi(["preview"]).catch((error: Error) => error.message);
        assert.match(refused, /192\.0\.2\.1 of host zhelezo1 is an example/);
        assert.match(refused, /the key of administrator example is an example/);
      } finally {
        clone.remove();
      }
    });
  } finally {
    project.remove();
    await guests.close();
  }
});
