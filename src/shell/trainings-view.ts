/** Trainings as a person reads them: what is up until when, what it costs, and what somebody forgot to take down. */
import type { Inventory } from "../inventory/schema.ts";
import { monthlyCost, overdueTrainings } from "../plan/trainings.ts";

/**
 * A line for each training, and one more for each that was over before `today` ("2026-11-26"); `overdue` says whether
 * there is such a one.
 */
export function trainingsText(
  { stack, trainings }: Pick<Inventory, "stack" | "trainings">,
  today: string,
): { text: string; overdue: boolean } {
  const over = overdueTrainings(trainings, today);
  const lines = [
    ...trainings.map(
      (t) =>
        `${t.name}: ${t.count} × ${t.type} in ${t.location} until ${t.until}, EUR ${monthlyCost(t).toFixed(2)} a month`,
    ),
    ...over.map(
      ({ name, days, dailyCost }) =>
        `${name} is over since ${days} day(s), and each more costs EUR ${dailyCost.toFixed(2)}: pulumi config rm --path 'farms:training.${name}' --stack ${stack}, pulumi up`,
    ),
  ];
  return {
    text: `${lines.length > 0 ? lines.join("\n") : `stack ${stack} has no trainings`}\n`,
    overdue: over.length > 0,
  };
}
