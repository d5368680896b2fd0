/**
 * Every kind of thing that the program declares at clouds, under the real engine with the real providers, against stand-ins of
 * both clouds on 127.0.0.1. Needs `pulumi` on the PATH; no root, no machines, no account.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { edgeHosts } from "../../src/inventory/domains.ts";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { studentPassword } from "../../src/machines/training/password.ts";
import type { Settings } from "../../src/shell/stack.ts";
import { asked } from "./cloud-apis/asked.ts";
import { bothClouds, declaration, farm, importsOf, keys, LINUX, realised } from "./cloud-apis/both-clouds.ts";
import { WholeProgram } from "./cloud-apis/project.ts";
import { previewed, Trial } from "./cloud-apis/trial.ts";
import { withoutEngine } from "./engine-project.ts";

/** What a preview of the first run shows. */
const FIRST = [
  ...["import cloud2-server", "import drop2-droplet", "update cloud2-server", "update drop2-droplet"],
  ...[
    ...["drop1", "drop3"].flatMap((id) => [`${id}-address`, `${id}-droplet`, `${id}-firewall`]),
    ...["cloud1", "cloud3"].flatMap((id) => [`${id}-firewall`, `${id}-server`]),
    ...["project", "project-droplets", "spread-hel1", "vpc-nyc1"],
    ...["1", "2", "3", "firewall", "network", "spread-1", "subnet"].map((part) => `linux-${part}`),
  ].map((name) => `create ${name}`),
].sort();

const PROTECTED = /cannot be deleted\s+because it is protected/;
const NOT_ANEW =
  /unable to replace resource "[^"]*::(drop1-droplet|cloud1-server)"\s+as it is currently marked for protection/;

type Change = (declared: FarmDeclaration, settings: Settings) => void;

/** Takes hosts out of a declaration. */
function without(declared: FarmDeclaration, settings: Settings, ...gone: readonly string[]): void {
  declared.hosts = declared.hosts.filter(({ id }) => !gone.includes(id));
  for (const id of gone) delete (settings.addresses as Record<string, string>)[id];
  declared.edge = { kind: "hosts", hosts: edgeHosts(declared).filter((id) => !gone.includes(id)) };
}

/** Declares hosts at other places or of other sizes, by host. */
function move(declared: FarmDeclaration, changes: Record<string, object>): void {
  for (const host of declared.hosts) host.origin = Object.assign({}, host.origin, changes[host.id]);
}

/** The farm when both machines that were there are taken over, after a change. */
const adopted = (change: Change = () => {}) =>
  farm((declared, settings) => {
    settings.adopt = ["drop2", "cloud2"];
    change(declared, settings);
  });

const names = (things: readonly { name?: string }[]): unknown[] => things.map(({ name }) => name).sort();

test("clouds under the real engine", { skip: withoutEngine }, async (t) => {
  const trial = await Trial.begin(await bothClouds("203.0.113"), "machines-program.ts", "lab");
  const { project, clouds } = trial;
  const { ocean, hetzner, taken } = clouds;
  const inventory = farm();

  try {
    await t.test("a preview names all that is to be made and imported, and changes nothing", async () => {
      project.declare(inventory);
      assert.deepEqual(await previewed(project), FIRST);
      assert.deepEqual(taken(), []);
    });

    await t.test("all is made", async () => {
      assert.match(await trial.up(inventory), /\+ 29 created\n {4}~ 2 updated\n {4}= 2 imported\n/);
    });

    await asked(t, trial, inventory);

    await t.test(
      "a second time there is nothing to do, also when the clouds are asked how all is",
      async () => {
        await trial.unchanged(inventory);
        await trial.unchanged(inventory, "--refresh");
      },
    );

    await t.test("hosts in another order, with other titles, are the same", async () => {
      await trial.unchanged(
        farm((declared) => {
          declared.hosts.reverse();
          for (const host of declared.hosts) host.title = { en: `New ${host.id}`, ru: `Новый ${host.id}` };
        }),
      );
    });

    await t.test(
      "another administrator and another image make no machine anew, and no student's",
      async () => {
        await trial.unchanged(
          farm((declared, settings) => {
            const line = `${keys.sshHostKey("another").publicKey} another`;
            (settings.administrators as object[]).push({ name: "another", languages: ["en"], keys: [line] });
            for (const { origin } of declared.hosts)
              if (origin.kind === "droplet" || origin.kind === "hcloud") origin.image = "debian-14";
          }),
        );
      },
    );

    await t.test("machines that are taken over get a firewall beside theirs, and nothing else", async () => {
      assert.match(await trial.up(adopted()), /\+ 2 created\n/);
      assert.deepEqual(taken(), ["POST /v2/firewalls", "POST /firewalls"]);
      assert.deepEqual(ocean.firewalls.named("lab-drop2").droplet_ids, [42]);
      const firewalls = hetzner.servers.get(43).public_net.firewalls.map(({ id }: { id: number }) => id);
      assert.deepEqual(firewalls, [77, hetzner.firewalls.named("lab-cloud2").id]);
      await trial.unchanged(adopted(), "--refresh");
    });

    await t.test("refused: to make a host anew in another place", async () => {
      project.declare(
        adopted((declared) => move(declared, { drop1: { region: "ams3" }, cloud1: { location: "fsn1" } })),
      );
      assert.match(await trial.refused("up", "--yes"), NOT_ANEW);
      assert.deepEqual(taken(), []);
    });

    await t.test(
      "refused: to delete a host that is no longer declared, its address or its firewall",
      async () => {
        project.declare(adopted((...of) => without(...of, "drop3", "cloud3")));
        assert.match(await trial.refused("up", "--yes"), PROTECTED);
        assert.deepEqual(taken(), []);
        assert.match(await trial.refused("up", "--yes", "--skip-preview"), PROTECTED);
        // Its droplet alone leaves the project.
        assert.deepEqual(
          taken().filter((line) => !line.includes("/v2/projects/")),
          [],
        );
        // A droplet that is declared again is in the project again.
        await trial.up(adopted());
        taken();
      },
    );

    const larger = (change: Change = () => {}) =>
      adopted((declared, settings) => {
        move(declared, { cloud3: { type: "cx33" } });
        change(declared, settings);
      });

    await t.test("a server gets another size in place", async () => {
      await trial.up(larger());
      const { id, server_type, status } = hetzner.servers.named("cloud3");
      assert.deepEqual([server_type.name, status], ["cx33", "running"]);
      assert.deepEqual(
        taken(),
        ["poweroff", "change_type"].map((action) => `POST /servers/${id}/actions/${action}`),
      );
    });

    const training = (trainings: object) =>
      larger((_, settings) => {
        settings.training = trainings;
      });

    await t.test(
      "a training has fewer machines, made anew from a snapshot, the old ones gone first",
      async () => {
        const smaller = training({ linux: { ...LINUX, count: 2, image: 3 } });
        const former = ["linux-1", "linux-2", "linux-3"].map((name) => hetzner.servers.named(name).id);
        await trial.up(smaller);
        const servers = taken().filter((line) => /^(POST|DELETE) \/servers(\/\d+)?$/.test(line));
        assert.deepEqual(servers.sort(), [
          ...former.map((id) => `DELETE /servers/${id}`).sort(),
          ...["POST /servers", "POST /servers"],
        ]);
        assert.equal(hetzner.servers.named("linux-2").image.type, "snapshot");
        await trial.unchanged(smaller, "--refresh");
      },
    );

    await t.test("the page for students has the addresses that their machines got", async () => {
      const page = JSON.parse(
        await trial.engine("stack", "output", "handOuts", "--show-secrets", "--json"),
      ).linux;
      const { ip } = hetzner.servers.named("linux-2").public_net.ipv4;
      const password = studentPassword(keys, "linux", "linux-2");
      assert(page.includes(`<td>linux-2</td><td>${ip}</td><td>student</td><td>${password}</td>`), page);
    });

    await t.test("nothing is left of a training that is no longer declared", async () => {
      await trial.up(training({}));
      assert.deepEqual(names(hetzner.servers.all()), ["cloud1", "cloud3", "opplet"]);
      assert.deepEqual(names(hetzner.firewalls.all()), ["lab-cloud1", "lab-cloud2", "lab-cloud3"]);
      assert.deepEqual(names(hetzner.placementGroups.all()), ["lab-hel1"]);
      assert.deepEqual(hetzner.networks.all(), []);
      assert.deepEqual(
        taken().filter((line) => line.startsWith("POST /servers")),
        [],
      );
    });

    await t.test("refused: to destroy it all", async () => {
      assert.match(await trial.refused("destroy", "--yes"), PROTECTED);
      assert.deepEqual(taken(), []);
    });

    await t.test(
      "refused by Hetzner Cloud as well: to delete a server that somebody has unprotected",
      async () => {
        const urn = "urn:pulumi:lab::farms::farms:machines:HcloudServer$hcloud:index";
        for (const what of ["server:Server::cloud1-server", "firewall:Firewall::cloud1-firewall"])
          await trial.engine("state", "unprotect", "--yes", `${urn}/${what}`);
        project.declare(
          larger((declared, settings) => {
            without(declared, settings, "cloud1");
            settings.training = {};
          }),
        );
        assert.match(await trial.refused("up", "--yes", "--skip-preview"), /server deletion is protected/);
        hetzner.servers.named("cloud1");
      },
    );

    await t.test("no secret was said, nor stands in plain words in the state", async () => {
      const state = await trial.engine("stack", "export");
      const machines = ["drop1", "drop3", "cloud1", "cloud3", "training/linux/linux-2"];
      const secrets = machines.map((name) => keys.sshHostKey(name).privateKey.split("\n")[1]!);
      for (const secret of secrets) assert(!state.includes(secret) && !project.said.includes(secret), secret);
      assert(!state.includes(studentPassword(keys, "linux", "linux-2")));
    });

    await t.test("nothing was asked of a cloud that its stand-in does not know", () => {
      assert.deepEqual(clouds.unknown(), []);
    });
  } finally {
    trial.end();
  }
});

test("the whole program under the real engine previews a farm at both clouds", {
  skip: withoutEngine,
}, async () => {
  // The program refuses to run on the addresses of examples.
  const range = "198.18.113";
  const clouds = await bothClouds(range);
  const project = new WholeProgram(clouds.endpoints);
  try {
    await project.declare("clouds", ...declaration(range));
    assert.deepEqual(await previewed(project), FIRST);
    assert.deepEqual([clouds.taken(), clouds.unknown()], [[], []]);
  } finally {
    project.remove();
    clouds.close();
  }
});

const ofBoth = (what: string): string[] => ["a", "b"].map((id) => `${what} do-nyc1-${id}-droplet`);

for (const [stack, clouds] of [
  ["lab", []],
  // The stand-in's droplets are in nothing as ours are declared, so taking them over changes them.
  ["prod", ["create project", "create project-droplets", ...ofBoth("import"), ...ofBoth("update")]],
] as const)
  test(`${stack} as it is declared is previewed by the real engine`, { skip: withoutEngine }, async () => {
    const range = "198.18.114";
    const apis = await bothClouds(range);
    const project = new WholeProgram(apis.endpoints);
    try {
      const settings = realised(project.settings(stack), range);
      await project.configure(stack, { ...settings, imports: importsOf(settings) });
      assert.deepEqual(await previewed(project), clouds);
      assert.deepEqual([apis.taken(), apis.unknown()], [[], []]);
    } finally {
      project.remove();
      apis.close();
    }
  });
