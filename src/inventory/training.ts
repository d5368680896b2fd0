/** Machines that come before a training and go after it: one a student, at Hetzner Cloud. */
import { z } from "zod";
import { slug } from "./machines.ts";
import type { Inventory } from "./schema.ts";
import { day, id, price } from "./words.ts";

/** Hetzner Cloud's locations, and the zones in which a network of theirs may be (docs.hetzner.com/cloud/general/locations). */
export const ZONES = {
  fsn1: "eu-central",
  nbg1: "eu-central",
  hel1: "eu-central",
  ash: "us-east",
  hil: "us-west",
  sin: "ap-southeast",
} as const;

const HOW_MANY = "a training has 1 to 50 machines, one a student";

const WHICH_IMAGE = "write the name of an image, such as debian-13, or the number of a snapshot";

const trainingSchema = z.strictObject({
  /** Machines, one a student. */
  count: z.int(HOW_MANY).min(1, HOW_MANY).max(50, HOW_MANY),
  /** What Hetzner Cloud calls that size. */
  type: slug,
  /** What Hetzner Cloud calls the image, or the number of a snapshot. */
  image: z
    .union([z.string(), z.int()], { error: WHICH_IMAGE })
    .transform(String)
    .pipe(z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, WHICH_IMAGE)),
  /** Where they are. */
  location: z.enum(Object.keys(ZONES) as (keyof typeof ZONES)[], {
    error: `write one of Hetzner Cloud's locations: ${Object.keys(ZONES).join(", ")}`,
  }),
  /** The last day. */
  until: day,
  /** Of the page that students are handed. */
  language: z.enum(["en", "ru"]),
  /** Of one machine. */
  price: price.refine(({ monthly }) => monthly.currency === "EUR", {
    path: ["monthly"],
    error: 'Hetzner Cloud is paid in euros; write it like "4.99 EUR"',
  }),
});

export const trainingsSchema = z.record(id, trainingSchema);

export interface Training extends z.output<typeof trainingSchema> {
  readonly name: string;
}

/** Names of a training's machines, the first student's first. */
export const machinesOf = ({ name, count }: Pick<Training, "name" | "count">): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);

/** What is wrong with the trainings, as sentences for people. */
export function checkTrainings({ trainings, hosts }: Pick<Inventory, "trainings" | "hosts">): string[] {
  const ids = new Set(hosts.map((host) => host.id));
  return trainings.flatMap((training) =>
    machinesOf(training)
      .filter((machine) => ids.has(machine))
      .map(
        (machine) =>
          `farms:training.${training.name} has a machine ${machine}, and so is a host called; give the training another name`,
      ),
  );
}
