/** The real engine at work on what a farm declares at clouds, with stand-ins of these. */
import assert from "node:assert/strict";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { CloudsAlone, type Endpoints, type Project } from "./project.ts";

/** Stand-ins that a trial is made with. */
interface StandIns {
  readonly endpoints: Endpoints;
  /** "METHOD PATH" of all that was to change something since this was asked last, in order at each. */
  taken(): string[];
  /** What no stand-in knows. */
  unknown(): string[];
  close(): void;
}

/** What the engine would do to which thing at a cloud: "create drop1-droplet", sorted. It has to succeed. */
export async function previewed(project: Project): Promise<string[]> {
  const { code, stdout, stderr } = await project.pulumi("preview", "--json");
  assert.equal(code, 0, stdout + stderr);
  const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
  return steps
    .flatMap(({ op, urn }) => {
      const [type = "", ...name] = urn.split("::").slice(2);
      return /(^|\$)(cloudflare|digitalocean|hcloud):/.test(type) ? [`${op} ${name.join("::")}`] : [];
    })
    .sort();
}

/** A project of clouds alone with its stack, and the clouds' record beside it. */
export class Trial<Clouds extends StandIns> {
  readonly project: CloudsAlone;
  readonly clouds: Clouds;

  private constructor(clouds: Clouds, program: string) {
    this.clouds = clouds;
    this.project = new CloudsAlone(clouds.endpoints, program);
  }

  /** `program` is the file beside this one that registers what is declared. */
  static async begin<Clouds extends StandIns>(
    clouds: Clouds,
    program: string,
    stack: string,
  ): Promise<Trial<Clouds>> {
    const trial = new Trial(clouds, program);
    await trial.engine("stack", "init", stack);
    return trial;
  }

  /** Runs the engine, which has to succeed; returns what it says. */
  async engine(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.project.pulumi(...argv);
    assert.equal(code, 0, [...argv, stdout, stderr, ...this.clouds.unknown()].join("\n"));
    return stdout;
  }

  /** Applies what is declared, which has to succeed; returns what the engine says. */
  up(declared: Inventory, ...more: readonly string[]): Promise<string> {
    this.project.declare(declared);
    return this.engine("up", "--yes", "--skip-preview", ...more);
  }

  /** Applies what is declared, where nothing is to change. */
  async unchanged(declared: Inventory, ...more: readonly string[]): Promise<void> {
    assert.match(await this.up(declared, ...more), /Resources:\n {4}\d+ unchanged\n/);
    assert.deepEqual(this.clouds.taken(), []);
  }

  /** Runs the engine, which has to refuse what it is to do; returns what it says. */
  async refused(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.project.pulumi(...argv);
    assert.notEqual(code, 0, stdout);
    return stdout + stderr;
  }

  end(): void {
    this.project.remove();
    this.clouds.close();
  }
}
