/** What trainings cost, and which of them somebody forgot to take down. */
import type { Training } from "../inventory/training.ts";

const DAY = 24 * 60 * 60 * 1000;
/** A month in days, on average. */
const MONTH = 365 / 12;

/** Euros to the cent. */
export const toCents = (euros: number): number => Math.round(euros * 100) / 100;

/** EUR a month of all machines of a training. Hetzner Cloud counts by the hour, and never more than that. */
export const monthlyCost = ({ count, price }: Training): number => count * price.monthly.amount;

export interface OverdueTraining {
  readonly name: string;
  /** Days since its last one. */
  readonly days: number;
  /** EUR that each further day costs. */
  readonly dailyCost: number;
}

/** The trainings that are over on a day ("2026-11-26") and still in configuration; the longest over first. */
export function overdueTrainings(trainings: readonly Training[], today: string): OverdueTraining[] {
  return trainings
    .map((training) => ({
      name: training.name,
      days: Math.round((Date.parse(today) - Date.parse(training.until)) / DAY),
      dailyCost: toCents(monthlyCost(training) / MONTH),
    }))
    .filter(({ days }) => days > 0)
    .sort((a, b) => b.days - a.days);
}
