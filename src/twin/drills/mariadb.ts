/** A MariaDB cluster as drills see it. */
import { readFileSync } from "node:fs";
import type { MariaDbCluster } from "../../inventory/schema.ts";
import { clusterStates } from "../../operate/cluster-state.ts";
import { databasePassword } from "../../roles/secrets.ts";
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import { lastLines } from "../machines/run.ts";
import { clientOf, type DrilledCluster } from "./cluster.ts";
import { type Copy, rowKey } from "./record.ts";

/** 7 s were measured (README, drills). */
const NOTICES_WITHIN = 10;
const TABLES = "farm_drill_";
/** Seconds for a statement; DDL waits for all members. */
const STATEMENT_LIMIT = 60;
/** "Can't connect to local server through socket" */
const NO_SERVER = /ERROR 2002\b/;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Runs statements on a member itself, past all proxies, and returns their rows as lines of tab-separated fields. */
async function sql(farm: TwinFarm, member: string, statements: string): Promise<string[]> {
  const { code, stdout, stderr } = await farm.ssh.run(
    farm.target(member),
    "mariadb --batch --skip-column-names",
    {
      input: statements,
      limit: STATEMENT_LIMIT,
    },
  );
  if (code !== 0) throw new FarmError(`${member} refuses a statement of the drill: ${lastLines(stderr, 3)}`);
  return stdout.split("\n").filter(Boolean);
}

async function copyOn(farm: TwinFarm, host: string, table: string): Promise<Copy> {
  // Waits until this member has applied all that the cluster had accepted when it was asked.
  const statements = `SET SESSION wsrep_sync_wait = 1; SELECT writer, n, COUNT(*) FROM ${table} GROUP BY writer, n`;
  const rows = (await sql(farm, host, statements)).map((line) => line.split("\t").map(Number));
  return {
    host,
    counts: new Map(rows.map(([writer = 0, n = 0, times = 0]) => [rowKey(writer, n), times])),
  };
}

/** The cluster, worked on through the proxies of the hosts of the first application that uses it. */
export function mariadbCluster(farm: TwinFarm, cluster: MariaDbCluster): DrilledCluster {
  const application = clientOf(farm, cluster);
  const database = application.id;
  const password = farm.keys.secret(databasePassword(application));

  const writer = async (): Promise<string> => {
    const found = (await clusterStates(farm, cluster)).find((member) => member.writer);
    if (found === undefined) throw new FarmError(`no member of ${cluster.id} takes the writes`);
    return found.host;
  };

  return {
    id: cluster.id,
    software: cluster.software,
    process: "mariadbd",
    handOver: "farm-galera restart",
    noticesWithin: NOTICES_WITHIN,
    members: cluster.members,
    holders: cluster.members,
    clients: application.nodes,
    program: {
      command: `php -r ${quoted(readFileSync(new URL("client.php", import.meta.url), "utf8"))}`,
      task: (table, role, id) => JSON.stringify({ role, id, user: database, password, database, table }),
    },
    writer,

    async ailment() {
      const states = await clusterStates(farm, cluster);
      const unwell = states.filter((m) => m.state !== "Synced" || m.size !== cluster.members.length);
      if (unwell.length > 0)
        return unwell.map((m) => `${m.host}: ${m.state ?? "no answer"}, sees ${m.size ?? 0}`).join("; ");
      const writers = states.flatMap((m) => (m.writer ? [m.host] : []));
      if (writers.length === 1) return undefined;
      return writers.length === 0
        ? "no member takes the writes"
        : `${writers.join(" and ")} both take the writes`;
    },

    async makeTable() {
      const member = await writer();
      const left = await sql(
        farm,
        member,
        `SELECT table_name FROM information_schema.tables WHERE table_schema = '${database}' AND table_name LIKE '${TABLES.replaceAll("_", "\\_")}%'`,
      );
      const table = `${database}.${TABLES}${Date.now()}`;
      // The numbers are no key: a key would keep a row from being there twice, which is what we look for.
      const statements = [
        ...left.map((name) => `DROP TABLE ${database}.${name};`),
        `CREATE TABLE ${table} (id BIGINT AUTO_INCREMENT PRIMARY KEY, writer INT NOT NULL, n INT NOT NULL,`,
        "filling TEXT NOT NULL, KEY (writer, n)) ENGINE=InnoDB;",
      ];
      await sql(farm, member, statements.join("\n"));
      return table;
    },

    copies: (table) => Promise.all(cluster.members.map((member) => copyOn(farm, member, table))),

    async dropTable(table) {
      await sql(farm, await writer(), `DROP TABLE ${table}`);
    },

    async setFlushing(members, flushes) {
      // With 0 alone the log is flushed each second, on three members at three times: too often to lose something for sure.
      const [commit, seconds] = flushes ? [1, 1] : [0, 10];
      const statements = `SET GLOBAL innodb_flush_log_at_trx_commit = ${commit}, innodb_flush_log_at_timeout = ${seconds}`;
      await Promise.all(
        members.map(async (member) => {
          const error = await sql(farm, member, statements).catch((reason: Error) => reason);
          // A server that is not there flushes when it starts.
          if (error instanceof Error && !(flushes && NO_SERVER.test(error.message))) throw error;
        }),
      );
    },
  };
}
