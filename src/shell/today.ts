/** The day, in UTC, as declarations write days: "2026-11-26". The pure core has no clock and is told it. */
export const today = (): string => new Date().toISOString().slice(0, 10);
