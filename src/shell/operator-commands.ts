/** The commands that operators give to running hosts: the same for the real farm and for its twin. */
import { type Command, InvalidArgumentError } from "commander";
import type { Farm } from "../operate/farm.ts";

function parseNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("write a number from `history`");
  return Number(text);
}

/** Adds the commands to `parent`; `open` opens the farm that they are about. */
export function addOperatorCommands(
  parent: Command,
  defaultStack: string,
  open: (stack: string) => Promise<Farm>,
): void {
  parent
    .command("drift")
    .description("what on the hosts differs from what was applied, whoever changed it; changes nothing")
    .argument("[stack]", "the stack", defaultStack)
    .argument("[host]", "one host instead of all")
    .option("--json", "for programs")
    .action(async (stack: string, host: string | undefined, options: { json?: boolean }) => {
      const { drift } = await import("../operate/drift/command.ts");
      process.exitCode = await drift(await open(stack), host, options.json === true);
    });

  parent
    .command("history")
    .description("what was applied to a host when, from which commit, by whom")
    .argument("<host>", "the host")
    .option("--stack <stack>", "the stack", defaultStack)
    .option("--json", "all of it, for programs")
    .action(async (host: string, options: { stack: string; json?: boolean }) => {
      const { history } = await import("../operate/history.ts");
      await history(await open(options.stack), host, options.json === true);
    });

  parent
    .command("bootstrap")
    .description(
      "first contact with a machine that was not made by the program: gives it the farm's SSH host key",
    )
    .argument("<host>", "the host")
    .requiredOption(
      "--host-key <line>",
      "the key that it shows now: its /etc/ssh/ssh_host_ed25519_key.pub, read on the provider's console",
    )
    .option("--stack <stack>", "the stack", defaultStack)
    .action(async (host: string, options: { stack: string; hostKey: string }) => {
      const { bootstrap } = await import("../operate/bootstrap.ts");
      await bootstrap(await open(options.stack), host, options.hostKey);
    });

  parent
    .command("move")
    .description(
      "the steps by which host NEW takes over from HOST, and how far each is; changes nothing; exit code 1 while something is left",
    )
    .argument("<host>", "the one that leaves")
    .argument("<new>", "the one that takes over; it need not be declared yet")
    .argument("[stack]", "the stack", defaultStack)
    .action(async (from: string, to: string, stack: string) => {
      const { move } = await import("../operate/move/command.ts");
      process.exitCode = await move(await open(stack), from, to);
    });

  parent
    .command("rollback")
    .description(
      "bring a host back to the bundle before the present one, or number N of its history; 0 makes the present one so again",
    )
    .argument("<host>", "the host")
    .argument("[N]", "a number from `history`", parseNumber, 1)
    .option("--stack <stack>", "the stack", defaultStack)
    .option("--yes", "go ahead without asking")
    .action(async (host: string, number: number, options: { stack: string; yes?: boolean }) => {
      const { rollback } = await import("../operate/rollback.ts");
      await rollback(await open(options.stack), host, number, options.yes === true);
    });
}
