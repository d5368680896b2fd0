/** What an audit of names finds, and what it goes by. */
import type { Inventory } from "../../inventory/schema.ts";
import type { Zone } from "../record.ts";
import type { Answer, Ask } from "./client.ts";

export interface Finding {
  /** "broken": somebody does not reach us, or reaches somebody else. "warning": will be, or may be. */
  readonly severity: "broken" | "warning";
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

export const broken = (what: string, remedy: string): Finding => ({ severity: "broken", what, remedy });
export const warning = (what: string, remedy: string): Finding => ({ severity: "warning", what, remedy });

/** The certificate that a server shows for a name. */
export interface Certificate {
  /** Organisation of its issuer, "Let's Encrypt". */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** Why a browser would not take it; undefined where it would. */
  readonly problem: string | undefined;
}

/** The world as an audit asks it. */
export interface World {
  readonly ask: Ask;
  /** Address of a resolver, which is expected to validate signatures. */
  readonly resolver: string;
  /** The certificate for a name at an address, port 443. Rejects with an Error that says why there is none. */
  readonly certificate: (name: string, address: string) => Promise<Certificate>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A zone under audit. */
export interface Audited {
  readonly inventory: Inventory;
  readonly zone: Zone;
  readonly world: World;
}

/** A server of the zone, by the name that the zone above has for it. */
export interface NameServer {
  readonly name: string;
  readonly address: string;
}

export const DAY = 24 * 60 * 60 * 1000;

/** What a question came to: an answer, or why there is none. */
export type Outcome = Answer | { readonly failure: string };

export const isAnswer = (outcome: Outcome): outcome is Answer => !("failure" in outcome);

/** Asks, and takes a failure for an answer as well. */
export async function outcomeOf(world: World, server: string, name: string, type: string): Promise<Outcome> {
  try {
    return await world.ask(server, name, type);
  } catch (error) {
    return { failure: (error as Error).message };
  }
}

/** Contents of the records of one type in an answer of the resolver; none where there is no answer. */
export async function resolved(world: World, name: string, type: string): Promise<string[]> {
  const outcome = await outcomeOf(world, world.resolver, name, type);
  return isAnswer(outcome) ? outcome.records.filter((r) => r.type === type).map((r) => r.content) : [];
}

/** Addresses of a name, of both kinds, as the resolver has them. */
export const addressesOf = async (world: World, name: string): Promise<string[]> =>
  (await Promise.all([resolved(world, name, "A"), resolved(world, name, "AAAA")])).flat();
