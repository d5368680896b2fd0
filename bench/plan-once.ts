/**
 * Plans a large farm once, in a process of its own, so that its memory is its own and nobody waits for the lab. Argument: the farm's
 * name; prints seconds and megabytes.
 */
import { generatedInventory, guestsOnTwoHosts, planOf } from "../test/fast/farms.ts";

const farms = { spread: () => generatedInventory(1000), two: () => guestsOnTwoHosts(1010) };

const began = performance.now();
planOf(farms[process.argv[2] as keyof typeof farms]());
const seconds = (performance.now() - began) / 1000;
process.stdout.write(`${seconds} ${process.resourceUsage().maxRSS / 1000}\n`);
