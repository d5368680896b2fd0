import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { agent, bundleOf, file, good, no, secrets, sh, unit, type Wants } from "./agent-machine.ts";

const wants = (generation: number, part: Wants = {}): string =>
  bundleOf(
    [
      { packages: ["mariadb-server"], units: [unit("mariadb.service")] },
      {
        databases: [{ engine: "mariadb", name: "pravka" }],
        databaseAccounts: [
          { engine: "mariadb", name: "pravka", secret: "database", grants: ["ALL PRIVILEGES ON `pravka`.*"] },
        ],
        ...part,
      },
    ],
    { database: generation },
  );

/** Whether somebody may do something; prints what came of it. */
const may = (user: string, password: string, statement = "SELECT 'yes'") =>
  sh(
    `mariadb --protocol=tcp --host=127.0.0.1 --user=${user} --password='${password}' -BN pravka -e "${statement}" 2>&1 || true`,
  );

export function databases(): void {
  describe("databases", () => {
    test("a database and its account, on a server that comes with the same bundle", async () => {
      await good("secrets", secrets({ database: "tell-nobody-'1\\", token: "tell-nobody-2" }));
      const { changes } = await good("apply", wants(1));
      assert.deepEqual(changes?.slice(-2), ["database pravka: make", "database account pravka: make"]);
      assert.equal(
        await may("pravka", `tell-nobody-'"'"'1\\`, "CREATE TABLE t (a INT); SELECT 'made'"),
        "made",
      );
      assert.match(await may("pravka", `tell-nobody-'"'"'1\\`, "CREATE DATABASE other"), /Access denied/);
      assert.deepEqual((await good("apply", wants(1))).changes, []);
    });

    test("a new password beside the old one until that is retired; grants that are no longer declared", async () => {
      await good("secrets", secrets({ database: "tell-nobody-2", token: "tell-nobody-2" }));
      await sh("mariadb -e \"GRANT SELECT ON mysql.* TO pravka@'%'\"");
      assert.deepEqual((await good("apply", wants(2))).changes, ["database account pravka: change"]);
      assert.equal(await may("pravka", `tell-nobody-'"'"'1\\`), "yes");
      assert.equal(await may("pravka", "tell-nobody-2"), "yes");
      assert.match(await may("pravka", "tell-nobody-2", "SELECT 1 FROM mysql.user"), /denied/);
      assert.deepEqual((await good("apply", wants(2))).changes, []);
      assert.match(
        (await agent("retire database 3")).report.error ?? "",
        /generation 3 of database is not applied/,
      );

      assert.deepEqual((await good("retire database 2")).changes, [
        "database account pravka: former passwords refused",
      ]);
      assert.match(await may("pravka", `tell-nobody-'"'"'1\\`), /Access denied/);
      assert.equal(await may("pravka", "tell-nobody-2"), "yes");
      assert.deepEqual((await good("retire database 2")).changes, []);
    });

    test("a generation that was given up does not come back", async () => {
      const former = secrets(
        { database: "tell-nobody-1", token: "tell-nobody-2" },
        { database: 1, token: 1 },
      );
      const { code, report } = await agent("secrets", former);
      assert.equal(code, 2);
      assert.equal(
        report.error,
        "generation 1 of database was given up, this host has 2: write 2 or more into generations",
      );
    });

    test("a second password that somebody adds is drift, and goes", async () => {
      const hashes = ["tell-nobody-2", "stranger"].map((p) => `mysql_native_password USING PASSWORD('${p}')`);
      await sh(`mariadb -e "ALTER USER pravka@'%' IDENTIFIED VIA ${hashes.join(" OR ")}"`);
      assert.equal(await may("pravka", "stranger"), "yes");
      assert.deepEqual((await good("apply", wants(2))).changes, ["database account pravka: change"]);
      assert.match(await may("pravka", "stranger"), /Access denied/);
    });

    test("a host that is two generations behind has its password accepted until the last is retired", async () => {
      for (const generation of [3, 4]) {
        const password = `tell-nobody-${generation}`;
        await good("secrets", secrets({ database: password, token: "tell-nobody-2" }));
        await good("apply", wants(generation));
      }
      for (const generation of [2, 3, 4])
        assert.equal(await may("pravka", `tell-nobody-${generation}`), "yes");
      await good("secrets", secrets({ database: "tell-nobody-2", token: "tell-nobody-2" }));
      await good("apply", wants(5));
      await good("retire database 5");
      for (const generation of [3, 4])
        assert.match(await may("pravka", `tell-nobody-${generation}`), /Access denied/);
      assert.equal(await may("pravka", "tell-nobody-2"), "yes");
    });

    test("a probe that says no takes back the password and the grants, and locks what was made", async () => {
      await good("secrets", secrets({ database: "tell-nobody-3", token: "tell-nobody-2" }));
      const part: Wants = {
        files: [file("/etc/t-c", "x\n")],
        databaseAccounts: [
          { engine: "mariadb", name: "pravka", secret: "database", grants: ["SELECT ON `pravka`.*"] },
          { engine: "mariadb", name: "second", secret: "token", grants: ["SELECT ON `pravka`.*"] },
        ],
        probes: [no("never", "false")],
      };
      const { report, output } = await agent("apply", wants(6, part));
      assert.equal(report.wentBack, true, output);
      assert.equal(await may("pravka", "tell-nobody-2", "DROP TABLE t; SELECT 'dropped'"), "dropped");
      assert.match(await may("second", "tell-nobody-2"), /account is locked/);
      await good("secrets", secrets({ database: "tell-nobody-2", token: "tell-nobody-2" }));
    });

    test("an error of the server tells no hash and no password", async () => {
      await good("apply", wants(5));
      const account = {
        engine: "mariadb",
        name: "second",
        secret: "token",
        grants: ["NONSENSE ON"],
      } as const;
      const { report, output } = await agent("apply", wants(5, { databaseAccounts: [account] }));
      assert.match(report.error ?? "", /MariaDB says: ERROR 1064/);
      assert.match(
        report.journal ?? "",
        /^journal of .*mariadb\.service:/,
        "what the server has to say of itself",
      );
      assert.equal(report.wentBack, true);
      assert.doesNotMatch(output, /tell-nobody|\*[0-9A-F]{40}/);
      assert.equal(await may("pravka", "tell-nobody-2"), "yes");
    });

    test("what the server's journal has to say is told also where nothing is applied", async () => {
      await sh("mariadb -e \"DROP USER pravka@'%'\"");
      const { report } = await agent("retire database 5");
      assert.match(report.error ?? "", /MariaDB says: ERROR/);
      assert.match(report.journal ?? "", /^journal of .*mariadb\.service:/);
      assert.deepEqual((await good("apply", wants(5))).changes, ["database account pravka: make"]);
    });

    test("the way back waits for a server that is just starting", async () => {
      const account = (grants: string[]) =>
        ({ engine: "mariadb", name: "pravka", secret: "database", grants }) as const;
      // As on a member of a cluster: the agent neither starts nor stops it.
      const left = (grants: string[], part: Wants = {}) =>
        bundleOf(
          [
            { packages: ["mariadb-server"], units: [unit("mariadb.service", { state: "unmanaged" })] },
            {
              databases: [{ engine: "mariadb", name: "pravka" }],
              databaseAccounts: [account(grants)],
              ...part,
            },
          ],
          { database: 5 },
        );
      await good("apply", left(["ALL PRIVILEGES ON `pravka`.*"]));
      const restarts =
        "systemctl stop mariadb; systemd-run --quiet sh -c 'sleep 3; systemctl start mariadb'; false";
      const input = left(["SELECT ON `pravka`.*"], { probes: [no("restarts", restarts)] });
      const { report, output } = await agent("apply", input);
      assert.equal(report.wentBack, true, output);
      assert.equal(await may("pravka", "tell-nobody-2", "CREATE TABLE late (a INT); SELECT 'made'"), "made");
      await good("apply", wants(5));
    });

    test("what is no longer declared is locked, its data stays; declared again it is opened", async () => {
      assert.deepEqual((await good("apply", wants(5, { databases: [], databaseAccounts: [] }))).changes, [
        "database account pravka: lock",
      ]);
      assert.match(await may("pravka", "tell-nobody-2"), /account is locked/);
      assert.equal(await sh("mariadb -BN -e \"SHOW DATABASES LIKE 'pravka'\""), "pravka");
      assert.deepEqual((await good("apply", wants(5))).changes, ["database account pravka: change"]);
      assert.equal(await may("pravka", "tell-nobody-2"), "yes");
    });
  });
}
