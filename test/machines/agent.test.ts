import { after, before, describe } from "node:test";
import { databases } from "./agent-databases.ts";
import { failures } from "./agent-failures.ts";
import { firstContact } from "./agent-first.ts";
import { installs } from "./agent-install.ts";
import { kills } from "./agent-kills.ts";
import { kinds } from "./agent-kinds.ts";
import { closeMachine, openMachine, skip } from "./agent-machine.ts";
import { postgresql } from "./agent-postgresql.ts";
import { questions } from "./agent-questions.ts";
import { rotatedSecrets } from "./agent-secrets.ts";

// One machine is booted, and each part takes it up as the one before has left it. It takes about six minutes.
describe("agent", { skip }, () => {
  before(openMachine);
  after(closeMachine);
  installs();
  firstContact();
  kinds();
  questions();
  failures();
  rotatedSecrets();
  databases();
  postgresql();
  kills();
});
