/** A PostgreSQL cluster as drills see it. */
import { readFileSync } from "node:fs";
import { dataHostsOf, partsOf, votersOf } from "../../inventory/clusters.ts";
import { hostOf } from "../../inventory/load.ts";
import type { PostgresCluster } from "../../inventory/schema.ts";
import { REST_PORT } from "../../roles/postgresql/ports.ts";
import { TIMINGS } from "../../roles/postgresql/timings.ts";
import { dataDirectory } from "../../roles/postgresql/version.ts";
import { databasePassword } from "../../roles/secrets.ts";
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import { lastLines } from "../machines/run.ts";
import { clientOf, type DrilledCluster } from "./cluster.ts";
import { type Copy, rowKey } from "./record.ts";

/** Its right to write runs out 20 s after a leader is last seen, and the next one is chosen in one turn of 5 s (Patroni's ttl and loop_wait). */
const NOTICES_WITHIN = 30;
const PATRONI = "/etc/patroni/config.yml";
/** Patroni's own times (its documentation, "Dynamic Configuration Settings"), seconds. */
const PATRONI_DEFAULTS = { ttl: 30, loop_wait: 10, retry_timeout: 10, primary_start_timeout: 300 };
const TABLES = "farm_drill_";
/** Seconds for a statement, and for a copy to have caught up. */
const STATEMENT_LIMIT = 60;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A member as Patroni tells of it (GET /cluster). */
interface Told {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

/** Runs statements on a host with the data itself, past all proxies, as its superuser; returns rows of fields with bars between. */
async function sql(farm: TwinFarm, host: string, database: string, statements: string): Promise<string[]> {
  const command = `runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 ${database}`;
  const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), command, {
    input: statements,
    limit: STATEMENT_LIMIT + 10,
  });
  if (code !== 0) throw new FarmError(`${host} refuses a statement of the drill: ${lastLines(stderr, 3)}`);
  return stdout.split("\n").filter(Boolean);
}

/** Asks a host's own Patroni over HTTP; undefined when it does not answer with 200. */
async function ask(farm: TwinFarm, host: string, path: string): Promise<string | undefined> {
  const url = `http://${hostOf(farm.inventory, host).mesh}:${REST_PORT}${path}`;
  const answer = await farm.ssh
    .run(farm.target(host), `curl -fsS --noproxy '*' --max-time 3 ${url}`, { limit: 15 })
    .catch(() => undefined);
  return answer?.code === 0 ? answer.stdout : undefined;
}

/** What Patroni says of its cluster, asked of one host after the other until one answers. */
async function toldBy(farm: TwinFarm, hosts: readonly string[]): Promise<Told[]> {
  for (const host of hosts) {
    const answer = await ask(farm, host, "/cluster");
    if (answer !== undefined) return JSON.parse(answer).members;
  }
  throw new FarmError(`no Patroni answers on ${hosts.join(", ")}`);
}

/** The cluster, worked on through the proxies of the hosts of the first application that uses it. */
export function postgresCluster(farm: TwinFarm, cluster: PostgresCluster): DrilledCluster {
  const application = clientOf(farm, cluster);
  const database = application.id;
  const secret = databasePassword(application);
  const user = `${database}_${farm.keys.generation(secret)}`;
  const password = farm.keys.secret(secret);
  const holders = dataHostsOf(cluster);

  const leaderOf = (told: readonly Told[]): string[] =>
    told.flatMap(({ name, role, state }) => (role === "leader" && state === "running" ? [name] : []));

  const writer = async (): Promise<string> => {
    const [found] = leaderOf(await toldBy(farm, holders));
    if (found === undefined) throw new FarmError(`no member of ${cluster.id} takes the writes`);
    return found;
  };

  const copyOn = async (host: string, table: string, until: string): Promise<Copy> => {
    const statements = [
      // A copy that streams has applied everything when it has replayed what the writer had when it was asked.
      "DO $$ BEGIN",
      `FOR i IN 1..${STATEMENT_LIMIT * 10} LOOP`,
      `EXIT WHEN NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= '${until}';`,
      `IF i = ${STATEMENT_LIMIT * 10} THEN RAISE 'not caught up with ${until} within ${STATEMENT_LIMIT} s'; END IF;`,
      "PERFORM pg_sleep(0.1); END LOOP; END $$;",
      `SELECT writer, n, count(*) FROM ${table} GROUP BY writer, n;`,
    ];
    const rows = (await sql(farm, host, database, statements.join("\n"))).map((line) =>
      line.split("|").map(Number),
    );
    return {
      host,
      counts: new Map(rows.map(([number = 0, n = 0, times = 0]) => [rowKey(number, n), times])),
    };
  };

  /** Runs a command on hosts. Throws a FarmError where it fails. */
  const onHosts = async (hosts: readonly string[], command: string): Promise<void> => {
    await Promise.all(
      hosts.map(async (host) => {
        const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), command, { limit: 30 });
        if (code !== 0) throw new FarmError(`${host}: ${command}: ${lastLines(stderr || stdout, 2)}`);
      }),
    );
  };

  /** Sets those times of Patroni's that its defaults are about. */
  const setTimes = async (times: typeof PATRONI_DEFAULTS): Promise<void> => {
    const names = Object.keys(PATRONI_DEFAULTS) as (keyof typeof PATRONI_DEFAULTS)[];
    const settings = names.map((name) => `--set ${name}=${times[name]}`).join(" ");
    const command = `patronictl --config-file ${PATRONI} edit-config --force ${settings}`;
    // Any host with the data can do it, and one of them may be booting.
    const answers = await Promise.all(
      holders.map((host) => farm.ssh.run(farm.target(host), command, { limit: 60 }).catch(() => undefined)),
    );
    if (!answers.some((answer) => answer?.code === 0))
      throw new FarmError(
        `the times of ${cluster.id} can't be set: ${lastLines(answers.find((a) => a?.stderr)?.stderr ?? "no host answers", 3)}`,
      );
  };

  return {
    id: cluster.id,
    software: cluster.software,
    members: partsOf(cluster),
    holders,
    clients: application.nodes,
    process: "postgres",
    handOver: "farm-postgresql switchover",
    noticesWithin: NOTICES_WITHIN,
    program: {
      command: `ruby -e ${quoted(readFileSync(new URL("client.rb", import.meta.url), "utf8"))}`,
      task: (table, role, id) => JSON.stringify({ role, id, user, password, database, table }),
    },
    writer,

    async ailment() {
      const told = await toldBy(farm, holders).catch((error: Error) => error.message);
      if (typeof told === "string") return told;
      if (leaderOf(told).length !== 1) return "no member takes the writes";
      const streaming = new Set(told.flatMap(({ name, state }) => (state === "streaming" ? [name] : [])));
      const unwell = holders.filter((host) => !streaming.has(host) && !leaderOf(told).includes(host));
      if (unwell.length > 0) return `${unwell.join(", ")}: not streaming`;
      // What is told of others is from before a power cut until it runs out, so each is asked what it is itself.
      const own = await Promise.all(
        holders.map((host) => ask(farm, host, leaderOf(told).includes(host) ? "/primary" : "/replica")),
      );
      const silent = holders.filter((_, index) => own[index] === undefined);
      if (silent.length > 0) return `${silent.join(", ")}: not what the others say`;
      const confirms = told.some(({ role }) => role === "sync_standby" || role === "quorum_standby");
      return confirms ? undefined : "no member confirms the writes";
    },

    async makeTable() {
      const member = await writer();
      const left = await sql(
        farm,
        member,
        database,
        `SELECT tablename FROM pg_tables WHERE tablename LIKE '${TABLES.replaceAll("_", "\\_")}%'`,
      );
      const table = `${TABLES}${Date.now()}`;
      // The numbers are no key: a key would keep a row from being there twice, which is what we look for.
      const statements = [
        ...left.map((name) => `DROP TABLE ${name};`),
        `CREATE TABLE ${table} (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer INT NOT NULL, n INT NOT NULL,`,
        `filling TEXT NOT NULL); CREATE INDEX ON ${table} (writer, n); ALTER TABLE ${table} OWNER TO ${database};`,
        // Otherwise two thousand equal letters become a few bytes.
        `ALTER TABLE ${table} ALTER filling SET STORAGE PLAIN;`,
      ];
      await sql(farm, member, database, statements.join("\n"));
      return table;
    },

    async copies(table) {
      const [until = "0/0"] = await sql(farm, await writer(), database, "SELECT pg_current_wal_lsn()");
      return Promise.all(holders.map((host) => copyOn(host, table, until)));
    },

    async dropTable(table) {
      await sql(farm, await writer(), database, `DROP TABLE ${table}`);
    },

    async withhold(help) {
      await onHosts(votersOf(cluster), "systemctl stop farm-fence.service");
      if (help === "fencing and timings") await setTimes(PATRONI_DEFAULTS);
    },

    async giveBack() {
      await onHosts(votersOf(cluster), "systemctl start farm-fence.service");
      await setTimes(TIMINGS);
    },

    async setFlushing(members, flushes) {
      // What the log's writer flushes by itself, it does every 10 s then.
      const lines = flushes ? "" : "synchronous_commit = off\nwal_writer_delay = 10s\n";
      // By the file that ALTER SYSTEM writes, for a server may be down; one that runs reads it anew.
      const settings = `${dataDirectory(cluster.version)}/postgresql.auto.conf`;
      const script = [
        `sed -i -E '/^(synchronous_commit|wal_writer_delay) /d' ${settings}`,
        `printf '${lines.replaceAll("\n", "\\n")}' >>${settings}`,
        "pkill -HUP -o -x postgres || true",
      ];
      const hosts = holders.filter((host) => members.includes(host));
      await onHosts(hosts, script.join(" && "));
    },
  };
}
