import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DatabaseAccountState, DatabaseState } from "../../src/host/state.ts";
import { agent, bundleOf, file, good, no, secrets, sh, unit, type Wants } from "./agent-machine.ts";

const database = (extensions: string[] = ["pg_trgm"]): DatabaseState => ({
  engine: "postgresql",
  name: "krynka",
  extensions,
});
const account = (name: string, secret: string, connections?: number): DatabaseAccountState => ({
  engine: "postgresql",
  name,
  secret,
  connections,
});

/** One server is a cluster whose primary never changes; the way to it is the one that members of a cluster have. */
const server: Wants = {
  packages: ["postgresql-17"],
  directories: [
    { path: "/etc/farm", owner: "root:root", mode: "0755" },
    { path: "/etc/farm/postgresql", owner: "root:root", mode: "0700" },
  ],
  files: [
    file(
      "/etc/farm/postgresql/pg_service.conf",
      `[writer]
host=127.0.0.1
port=5432
user=farm
password=\${secret:admin}
dbname=postgres
target_session_attrs=read-write
connect_timeout=3
`,
      { mode: "0600" },
    ),
  ],
  units: [unit("postgresql.service")],
};

const wants = (generation: number, part: Wants = {}): string =>
  bundleOf(
    [
      server,
      { databases: [database()], databaseAccounts: [account("krynka", "krynka-password", 3)], ...part },
    ],
    { "krynka-password": generation },
  );

const ADMIN = "tell-nobody-admin";
const give = (password: string) =>
  good("secrets", secrets({ admin: ADMIN, "krynka-password": password, token: "tell-nobody-token" }));

/** Statements of the server's own administrator. */
const asAdmin = (statements: string, where = "postgres") =>
  sh(`runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 ${where}`, statements);

/** What somebody gets to see who logs in with a password, errors too. */
const as = (login: string, password: string, statements = "SELECT 'yes'", where = "krynka") =>
  sh(
    `PGPASSWORD='${password}' psql -X -q -A -t "host=127.0.0.1 user=${login} dbname=${where}" 2>&1 || true`,
    statements,
  );

export function postgresql(): void {
  describe("databases of PostgreSQL", () => {
    test("a database with its extension, and an account that acts as its owner", async () => {
      await give("tell-nobody-'1\\");
      await good("apply", bundleOf([server]));
      await asAdmin(
        `CREATE ROLE farm SUPERUSER LOGIN PASSWORD '${ADMIN}'; ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()`,
      );
      const { changes } = await good("apply", wants(1));
      assert.deepEqual(changes, ["database krynka: make", "database account krynka: make"]);
      const password = `tell-nobody-'"'"'1\\`;
      assert.equal(
        await as(
          "krynka_1",
          password,
          "CREATE TABLE t (a TEXT); SELECT tableowner, similarity('a', 'a') FROM pg_tables WHERE tablename = 't'",
        ),
        "krynka|1",
      );
      assert.match(await as("krynka_1", password, "CREATE DATABASE other"), /permission denied/);
      assert.match(await as("krynka", password), /not permitted to log in|authentication failed/);
      assert.deepEqual((await good("apply", wants(1))).changes, []);
    });

    test("nobody else's account gets in, and nobody gets more connections than declared", async () => {
      const part: Wants = {
        databases: [database(), { engine: "postgresql", name: "sprava", extensions: [] }],
        databaseAccounts: [account("krynka", "krynka-password", 1), account("sprava", "token")],
      };
      assert.deepEqual((await good("apply", wants(1, part))).changes, [
        "database sprava: make",
        "database account krynka: change",
        "database account sprava: make",
      ]);
      const token = "tell-nobody-token";
      assert.equal(await as("sprava_1", token, undefined, "sprava"), "yes");
      assert.match(await as("sprava_1", token), /permission denied for database "krynka"/);
      const nested = `\\! PGPASSWORD=$PGPASSWORD psql -X -q -A -t "host=127.0.0.1 user=krynka_1 dbname=krynka" -c "SELECT 'second'" 2>&1`;
      assert.match(await as("krynka_1", `tell-nobody-'"'"'1\\`, nested), /too many connections for role/);
      assert.deepEqual((await good("apply", wants(1))).changes, [
        "database account krynka: change",
        "database account sprava: lock",
      ]);
      assert.match(await as("sprava_1", token, undefined, "sprava"), /not permitted to log in/);
    });

    test("a new password beside the old one until that is retired; what the former login made stays", async () => {
      await give("tell-nobody-2");
      const old = `tell-nobody-'"'"'1\\`;
      assert.deepEqual((await good("apply", wants(2))).changes, ["database account krynka: change"]);
      assert.equal(await as("krynka_1", old, "DISCARD ALL; CREATE TABLE own (a INT); SELECT 'made'"), "made");
      assert.equal(await as("krynka_2", "tell-nobody-2", "INSERT INTO t VALUES ('b'); SELECT 'yes'"), "yes");
      assert.deepEqual((await good("apply", wants(2))).changes, []);

      await sh(
        `PGPASSWORD='${old}' systemd-run --quiet --unit=t-former -E PGPASSWORD psql -X "host=127.0.0.1 user=krynka_1 dbname=krynka" -c "SELECT pg_sleep(600)"`,
      );
      assert.deepEqual((await good("retire krynka-password 2")).changes, [
        "database account krynka: former passwords refused",
      ]);
      assert.match(await as("krynka_1", old), /authentication failed/);
      await sh("for i in $(seq 50); do systemctl is-active -q t-former || exit 0; sleep 0.1; done; exit 1");
      const owners = "SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'";
      assert.equal(await as("krynka_2", "tell-nobody-2", owners), "krynka");
      assert.deepEqual((await good("retire krynka-password 2")).changes, []);
      assert.deepEqual((await good("apply", wants(2))).changes, []);
    });

    test("what somebody adds is taken back: powers, another password, an open door", async () => {
      await asAdmin(`ALTER ROLE krynka_2 SUPERUSER PASSWORD 'stranger' CONNECTION LIMIT 9; GRANT pg_read_all_data TO krynka_2;
        ALTER ROLE krynka LOGIN; GRANT CONNECT ON DATABASE krynka TO PUBLIC;`);
      assert.deepEqual((await good("apply", wants(2))).changes, [
        "database krynka: change",
        "database account krynka: change",
      ]);
      assert.match(await as("krynka_2", "stranger"), /authentication failed/);
      assert.match(await as("krynka_2", "tell-nobody-2", "SELECT 1 FROM pg_authid"), /permission denied/);
      assert.deepEqual((await good("apply", wants(2))).changes, []);
    });

    test("a probe that says no takes back what an account was, and locks what was made", async () => {
      await give("tell-nobody-3");
      const part: Wants = {
        databases: [
          database(["pg_trgm", "unaccent"]),
          { engine: "postgresql", name: "taiga", extensions: [] },
        ],
        databaseAccounts: [account("krynka", "krynka-password", 7), account("taiga", "token")],
        files: [...(server.files ?? []), file("/etc/t-c", "x\n")],
        probes: [no("never", "false")],
      };
      const { report, output } = await agent("apply", wants(3, part));
      assert.equal(report.wentBack, true, output);
      assert.equal(await as("krynka_2", "tell-nobody-2"), "yes");
      assert.match(await as("krynka_3", "tell-nobody-3"), /not permitted to log in/);
      assert.match(await as("taiga_1", "tell-nobody-token", undefined, "taiga"), /not permitted to log in/);
      assert.equal(
        await asAdmin("SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension", "krynka"),
        "pg_trgm plpgsql unaccent",
      );
      await good("apply", wants(3));
      assert.equal(await as("krynka_3", "tell-nobody-3"), "yes");
      await good("retire krynka-password 3");
    });

    test("an error of the server tells no password, nor does its log", async () => {
      await good("apply", wants(3));
      const part: Wants = { databaseAccounts: [account("krynka", "krynka-password", 1e10)] };
      const { report, output } = await agent("apply", wants(3, part));
      assert.match(report.error ?? "", /PostgreSQL says: ERROR: .*out of range|syntax error/);
      assert.equal(report.wentBack, true);
      assert.doesNotMatch(output, /tell-nobody|SCRAM/);
      assert.equal(await as("krynka_3", "tell-nobody-3"), "yes");
      const log = "cat /var/log/postgresql/*.log; journalctl --no-pager -u 'postgresql*'";
      assert.equal(
        await sh(
          `(${log}) | grep -c 'ALTER ROLE "krynka_3" LOGIN' >/dev/null; (${log}) | grep -c tell-nobody- || true`,
        ),
        "0",
      );
    });

    test("an extension that is not installed: the change goes back, and says which", async () => {
      const { report } = await agent("apply", wants(3, { databases: [database(["vector"])] }));
      assert.match(report.error ?? "", /PostgreSQL says: .*extension "vector" is not available/);
      assert.equal(report.wentBack, true);
    });

    test("it waits for a cluster that has no primary for a while", async () => {
      await asAdmin("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
      await sh(`systemd-run --quiet sh -c 'sleep 3; runuser -u postgres -- env PGOPTIONS="-c default_transaction_read_only=off" \\
        psql -X -c "ALTER SYSTEM RESET default_transaction_read_only" -c "SELECT pg_reload_conf()"'`);
      const { seconds } = await good(
        "apply",
        wants(3, { databaseAccounts: [account("krynka", "krynka-password", 4)] }),
      );
      assert(seconds > 2, `it took ${seconds} s`);
      assert.equal(await as("krynka_3", "tell-nobody-3"), "yes");
    });

    test("what is no longer declared is locked, its data stays; declared again it is opened", async () => {
      assert.deepEqual((await good("apply", wants(3, { databases: [], databaseAccounts: [] }))).changes, [
        "database account krynka: lock",
      ]);
      assert.match(await as("krynka_3", "tell-nobody-3"), /not permitted to log in/);
      assert.equal(await asAdmin("SELECT a FROM t", "krynka"), "b");
      assert.deepEqual((await good("apply", wants(3))).changes, ["database account krynka: change"]);
      assert.equal(await as("krynka_3", "tell-nobody-3", "SELECT a FROM t"), "b");
    });

    test("a host that leaves the cluster locks nobody out of it", async () => {
      await good("apply", bundleOf([{ files: [file("/etc/t-c", "x\n")] }]));
      await sh("systemctl start postgresql");
      assert.equal(await as("krynka_3", "tell-nobody-3"), "yes");
    });
  });
}
