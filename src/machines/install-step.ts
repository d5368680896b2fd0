/** A step of an installation, as people read it beforehand. The program that does it has the same id. */
export interface Step<Id extends string> {
  readonly id: Id;
  readonly what: string;
  /** Who does it. */
  readonly where: string;
  /** The calls or commands, as they are sent. */
  readonly how: string;
  /** What it stops or destroys; undefined where nothing is harmed. */
  readonly harm?: string;
  /** By what its end is known. */
  readonly ends: string;
}
