import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { agent, bundleOf, file, good, secrets, sh } from "./agent-machine.ts";

const holder = (generation: number) =>
  bundleOf([{ files: [file("/etc/t-key", `\${secret:key}\n`, { mode: "0600" })] }], { key: generation });
const given = (generation: number) => secrets({ key: `tell-nobody-${generation}` }, { key: generation });

/** What the host says of itself: it is as it was applied, and nobody has changed anything by hand. */
async function assertUntouched(): Promise<void> {
  assert.equal((await good("verify")).inSync, true);
  assert.deepEqual((await good("drift")).differences, []);
}

/** Secrets come before the bundle that goes with them, and a run may end in between. */
export function rotatedSecrets(): void {
  describe("secrets of another generation than the applied bundle's", () => {
    test("are no drift, and change nothing before their bundle does", async () => {
      await good("secrets", given(1));
      await good("apply", holder(1));
      await good("secrets", given(2));
      assert.equal(await sh("cat /etc/t-key"), "tell-nobody-1");
      await assertUntouched();
    });

    test("keep the host from a bundle of the former generation, which others may have left already", async () => {
      for (const [command, input] of [
        ["prepare", holder(1)],
        ["apply", holder(1)],
        ["rollback 0", ""],
      ]) {
        const { code, report } = await agent(command ?? "", input);
        assert.equal(code, 2, command);
        assert.match(report.error ?? "", /from before key was raised from generation 1 to 2/, command);
      }
      const { code, report } = await agent("apply", holder(3));
      assert.equal(code, 2);
      assert.match(
        report.error ?? "",
        /needs generation 3 of key, this host was given 2: send secrets first/,
      );
    });

    test("are used with their bundle, and the former values are gone then", async () => {
      assert.match(await sh("cat /var/lib/farm/secrets.json"), /tell-nobody-1/);
      await good("apply", holder(2));
      assert.equal(await sh("cat /etc/t-key"), "tell-nobody-2");
      assert.doesNotMatch(await sh("cat /var/lib/farm/secrets.json"), /tell-nobody-1/);
    });

    test("a secret that is needed no more is kept as long as the applied bundle needs it", async () => {
      await good("secrets", secrets({}));
      await assertUntouched();
      await good("apply", bundleOf([]));
      assert.doesNotMatch(await sh("cat /var/lib/farm/secrets.json"), /tell-nobody/);
    });
  });
}
