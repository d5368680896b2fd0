/** The policy pack under the real engine, which needs `pulumi` on the PATH, and no machine or root: it only previews. */
import assert from "node:assert/strict";
import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Result, run } from "../../src/twin/machines/run.ts";
import { withoutEngine } from "./engine-project.ts";
import { copyOfProgram, editFile, ROOT } from "./lab-farm.ts";

const withoutPack: string | false = existsSync(join(ROOT, "node_modules/@pulumi/policy"))
  ? false
  : "no @pulumi/policy: npm ci";
const MASTER_KEY = Buffer.alloc(32, 1).toString("base64");
/** A key to which there may be a private one: the program refuses its own example. */
const KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"B".repeat(43)} test`;

describe("the policy pack", { skip: withoutEngine || withoutPack }, () => {
  let copy = "";

  const pulumi = (argv: readonly string[], input?: string): Promise<Result> =>
    run(["env", "-C", copy, "pulumi", "--non-interactive", ...argv], {
      env: {
        ...process.env,
        PATH: `${ROOT}/node_modules/.bin:${process.env.PATH}`,
        PULUMI_BACKEND_URL: `file://${copy}`,
        PULUMI_CONFIG_PASSPHRASE: "of this test alone",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
      limit: 300,
      ...(input === undefined ? {} : { input }),
    });
  const preview = async (): Promise<{ code: number | null; said: string }> => {
    const { code, stdout, stderr } = await pulumi(["preview", "--policy-pack", "policy-pack"]);
    return { code, said: stdout + stderr };
  };

  before(async () => {
    copy = copyOfProgram();
    cpSync(join(ROOT, "policy-pack"), join(copy, "policy-pack"), { recursive: true });
    const settings = {
      "farms:addresses": Object.fromEntries(
        ["zhelezo1", "db1", "db2", "db3", "web1", "web2", "edge1", "pg1", "pg2", "pg3", "pg4"].map(
          (id, index) => [id, `10.90.0.${index + 1}`],
        ),
      ),
      "farms:guestNetworks": { zhelezo1: "10.90.0.250/24" },
      "farms:administrators": [{ name: "test", languages: ["en"], keys: [KEY] }],
    };
    writeFileSync(join(copy, "Pulumi.lab.yaml"), JSON.stringify({ config: settings }));
    for (const [argv, input] of [
      [["stack", "init", "lab"], ""],
      [["config", "set", "--secret", "farms:masterKey"], MASTER_KEY],
    ] as const) {
      const { code, stderr } = await pulumi(argv, input);
      assert.equal(code, 0, stderr);
    }
  });

  after(() => rmSync(copy, { recursive: true }));

  test("lets a farm pass that keeps all policies, and tells no secret", async () => {
    const { code, said } = await preview();
    assert.equal(code, 0, said);
    assert.match(said, /farms@v1\.0\.0/);
    assert(!said.includes(MASTER_KEY));
  });

  test("stops a program that judges itself no more, with the rule and what to write", async () => {
    editFile(copy, "src/shell/program.ts", (text) => text.replace("...enforcePolicies(plan, today())", ""));
    editFile(copy, "src/roles/edge.ts", (text) =>
      text.replace(
        "    listens: [\n",
        '    listens: [\n      { service: "portmapper", protocol: "udp", port: 111, reach: "world" },\n',
      ),
    );
    const { code, said } = await preview();
    assert.notEqual(code, 0);
    assert.match(said, /\[mandatory\] {2}rpcbind-closed/);
    assert.match(said, /host edge1: role "edge" listens on 111\/udp; instead: take the port out of the role/);
    assert.doesNotMatch(said, /\[mandatory\] {2}as-judged/);
  });

  test("stops a program that gives a host another bundle than the one that was judged", async () => {
    editFile(copy, "src/host/component.ts", (text) =>
      text.replace("stdin: plan.bundle", `stdin: plan.host.id === "db1" ? plan.bundle + " " : plan.bundle`),
    );
    const { code, said } = await preview();
    assert.notEqual(code, 0);
    assert.match(said, /\[mandatory\] {2}as-judged/);
    assert.match(said, /host db1: its bundle is another one than was judged/);
  });
});
