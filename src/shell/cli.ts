/** The command line. Each command's work is imported when it is asked for, so that `plan` stays quick. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { RebuildOptions } from "../operate/rebuild-command.ts";
import { FarmError } from "./errors.ts";
import { addOperatorCommands } from "./operator-commands.ts";
import { today } from "./today.ts";

const DEFAULT_STACK = "lab";

function parsePort(text: string): number {
  const port = Number(text);
  // Below 1024 are the ports of the system's own services.
  if (!Number.isInteger(port) || port < 1024 || port > 65000)
    throw new InvalidArgumentError("write a number from 1024 to 65000");
  return port;
}

function parseRuns(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new InvalidArgumentError("write a number from 1 on");
  return runs;
}

/** All commands, as commander knows them. */
export const program = new Command("farm")
  .description(
    "Plans, runs and tries the farm: declared in stacks/, applied by `pulumi up`, tried on its twin.",
  )
  .showHelpAfterError("(farm --help explains the commands)")
  // Wrong input ends with 2 here too; commander's own code for it is 1.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

program
  .command("plan")
  .description(
    "print what a stack's declaration means for every host; needs no engine, network, password or root",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--json", "all of it, for programs")
  .option("--host <host>", "the complete bundle of one host")
  .action(async (stack: string, options: { json?: boolean; host?: string }) => {
    const { previewPlan } = await import("./stack.ts");
    const { printPlan } = await import("./plan-view.ts");
    process.stdout.write(printPlan(previewPlan(stack), options));
  });

program
  .command("policy")
  .description(
    "what of the rules that must always hold does not, and why they are there; exit code 1 if that stops `pulumi up`; needs no engine, network, password or root",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .action(async (stack: string) => {
    const { previewPlan } = await import("./stack.ts");
    const { policyReport } = await import("./policy-view.ts");
    const { text, blocked } = policyReport(previewPlan(stack), today());
    process.stdout.write(text);
    if (blocked) process.exitCode = 1;
  });

program
  .command("map")
  .description(
    "draw a stack: what stands where as .svg, or with it the way of requests, all calls and the quorums as one .html page; needs no engine, network, password or root",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .requiredOption("-o, --output <file>", "the file to write, .svg or .html")
  .addOption(
    new Option(
      "--language <language>",
      "of the picture; without it a page has both, and a picture is in English",
    ).choices(["en", "ru"]),
  )
  .action(async (stack: string, options: { output: string; language?: "en" | "ru" }) => {
    const { drawMap } = await import("./map.ts");
    drawMap(stack, options.output, options.language);
  });

program
  .command("trainings")
  .description(
    "trainings that are up, and what they cost; exit code 1 when one is over: made for a daily run",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .action(async (stack: string) => {
    const { previewPlan } = await import("./stack.ts");
    const { trainingsText } = await import("./trainings-view.ts");
    const { text, overdue } = trainingsText(previewPlan(stack).inventory, today());
    process.stdout.write(text);
    if (overdue) process.exitCode = 1;
  });

program
  .command("rebuild")
  .description(
    "what is lost with a host and its disk, what comes back from where, and every step; changes nothing without --execute",
  )
  .argument("<host>", "the host")
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .addOption(
    new Option(
      "--check",
      "ask a whole server what it is made of, or Contabo for a virtual one, and compare; exit code 1 if anything differs",
    ).conflicts("execute"),
  )
  .option(
    "--execute",
    "install Proxmox VE on a whole server, or Debian on a virtual one of Contabo's, over all that is on it",
  )
  .option("--confirm <host>", "its name once more; nothing is executed without")
  .option(
    "--rescue-key <line>",
    "the SSH host key of the rescue system, read on its console, where Robot names none",
  )
  .action(async (host: string, options: RebuildOptions) => {
    const { rebuild } = await import("../operate/rebuild-command.ts");
    process.exitCode = await rebuild(host, options);
  });

program
  .command("vswitch")
  .description(
    "how the declared vSwitches are at Hetzner's Robot; changes nothing without --execute; exit code 1 while something is left",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--execute", "make them and join the servers that are missing; nobody is taken out")
  .action(async (stack: string, options: { execute?: boolean }) => {
    const { vSwitch } = await import("../operate/vswitch.ts");
    process.exitCode = await vSwitch(stack, options.execute === true);
  });

program
  .command("diff")
  .description(
    "what the working tree changes on every host since a commit; exit code 1 if anything, 2 if it can't tell; needs no engine, cloud, password or root",
  )
  .argument("<commit>", "a commit, branch or tag")
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .addOption(new Option("--json", "for programs").conflicts("markdown"))
  .option("--markdown", "for a comment on a pull request")
  .action(async (commit: string, stack: string, options: { json?: boolean; markdown?: boolean }) => {
    const { diff } = await import("./diff.ts");
    process.exitCode = await diff(commit, stack, options);
  });

program
  .command("wiki")
  .description("the farm's pages on a wiki")
  .command("publish")
  .description(
    "write what is declared, and what this computer has measured, as pages in both languages: an overview with pictures, one for each host, cluster, application and domain; of a page only the parts that are ours, and only where they differ; the account's password is in FARM_WIKI_PASSWORD",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .requiredOption("--user <name>", "the account, as Special:BotPasswords names it (Admin@farm)")
  .option("--wiki <address>", "the wiki (default: the stack's own)")
  .option("--dry-run", "show what would change, as a patch")
  .action(async (stack: string, options: { wiki?: string; user: string; dryRun?: boolean }) => {
    const { publishToWiki } = await import("../operate/wiki.ts");
    process.exitCode = await publishToWiki(stack, options);
  });

const dns = program.command("dns").description("names and zones");

dns
  .command("undeclared")
  .description(
    "records that zones at Cloudflare have and nobody declared, and declared ones that are there from before; exit code 1 if any; changes nothing",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .action(async (stack: string) => {
    const { undeclared } = await import("../operate/undeclared.ts");
    process.exitCode = await undeclared(stack);
  });

dns
  .command("audit")
  .description(
    "what name servers and a resolver answer, against what is declared: delegation, records, signatures, mail, certificates; exit code 1 if anything is found; changes nothing",
  )
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--resolver <address>", "a resolver that validates (default: this computer's)")
  .action(async (stack: string, options: { resolver?: string }) => {
    const { audit } = await import("../operate/audit.ts");
    process.exitCode = await audit(stack, options);
  });

addOperatorCommands(program, DEFAULT_STACK, async (stack) =>
  (await import("../operate/farm.ts")).openFarm(stack),
);

const twin = program
  .command("twin")
  .description(
    "the farm on this one machine: every declared host a booted Debian, with no way out (needs root)",
  );

twin
  .command("up")
  .description("boot and apply a stack; run again, it does what is left to do")
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--port <port>", "first port on 127.0.0.1 for your browser", parsePort, 8080)
  .action(async (stack: string, options: { port: number }) => {
    const { up } = await import("../twin/up.ts");
    await up(stack, options.port);
  });

twin
  .command("status")
  .description("hosts, probes, clusters, applications, certificates and changes that wait")
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--json", "for programs")
  .action(async (stack: string, options: { json?: boolean }) => {
    const { status } = await import("../twin/status.ts");
    process.exitCode = await status(stack, options.json === true);
  });

twin
  .command("authority")
  .description("the certificate by which browsers trust the edge: farm twin authority > farm.pem")
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .action(async (stack: string) => {
    const { authority } = await import("../twin/commands.ts");
    await authority(stack);
  });

twin
  .command("ssh")
  .description("a shell on a host")
  .argument("<host>", "the host")
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .action(async (host: string, options: { stack: string }) => {
    const { shellOn } = await import("../twin/commands.ts");
    process.exitCode = await shellOn(options.stack, host, []);
  });

twin
  .command("run")
  .description("one command on a host: farm twin run db1 -- uptime")
  .argument("<host>", "the host")
  .argument("<command...>", "what to run there, after --")
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .action(async (host: string, command: string[], options: { stack: string }) => {
    const { shellOn } = await import("../twin/commands.ts");
    process.exitCode = await shellOn(options.stack, host, command);
  });

twin
  .command("break")
  .description("pull the plug of hosts, all at once; a Proxmox host takes its guests with it")
  .argument("<hosts...>", "the hosts")
  .option("--power-cut", "a real one: what was not flushed to the disk is gone")
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .action(async (hosts: string[], options: { stack: string; powerCut?: boolean }) => {
    const { breakHosts } = await import("../twin/commands.ts");
    await breakHosts(options.stack, hosts, options.powerCut === true);
  });

twin
  .command("mend")
  .description("put broken hosts back: all of them, or those named")
  .argument("[hosts...]", "the hosts, in place of all")
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .action(async (hosts: string[], options: { stack: string }) => {
    const { mendHosts } = await import("../twin/commands.ts");
    await mendHosts(options.stack, hosts);
  });

twin
  .command("down")
  .description("power all hosts off; their disks stay")
  .argument("[stack]", "the stack", DEFAULT_STACK)
  .option("--purge", "delete the disks, keys and state of this twin as well")
  .action(async (stack: string, options: { purge?: boolean }) => {
    const { down } = await import("../twin/commands.ts");
    await down(stack, options.purge === true);
  });

interface DrillOptions {
  readonly cluster?: string;
  readonly target?: string[];
  readonly runs: number;
  readonly stack: string;
}

program
  .command("drill")
  .description("break the twin under a stream of writes, put it back, and tell what was refused and lost")
  .argument("<name>", "a drill, `all`, or `list`, which shows them")
  .option("--cluster <name>", "the database cluster, in place of the first that is declared")
  .option("--target <hosts...>", "the hosts to break, in place of the drill's own")
  .option("--runs <count>", "how often", parseRuns, 1)
  .option("--stack <stack>", "the stack", DEFAULT_STACK)
  .action(async (name: string, options: DrillOptions) => {
    const { drill, listDrills } = await import("../twin/drills/command.ts");
    if (name === "list") process.stdout.write(listDrills());
    else
      process.exitCode = await drill(options.stack, name, {
        targets: options.target ?? [],
        runs: options.runs,
        ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
      });
  });

addOperatorCommands(twin, DEFAULT_STACK, async (stack) =>
  (await import("../twin/farm.ts")).openRunningFarm(stack),
);

/** Failures that a person can mend are said in plain words; anything else is a defect and shows its stack. */
function report(error: unknown): void {
  if (!(error instanceof FarmError)) throw error;
  process.stderr.write(`farm: ${error.message}\n${error.remedy === undefined ? "" : `  ${error.remedy}\n`}`);
  process.exitCode = error.exitCode;
}

// A reader that has seen enough (`farm plan | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

// Imported by others it only says what commands there are.
if (import.meta.main) await program.parseAsync().catch(report);
