// `pulumi preview --policy-pack policy-pack`. JavaScript, because the engine loads a pack's first file by other means than
// the program's; from there on Node strips the types itself.
import { PolicyPack } from "@pulumi/policy";
import * as pulumi from "@pulumi/pulumi";
import { engineSettings } from "../src/shell/engine-settings.ts";
import { packPolicies } from "../src/shell/policy-pack.ts";
import { today } from "../src/shell/today.ts";

new PolicyPack("farms", {
  policies: packPolicies(pulumi.getStack(), engineSettings(), today()).map(({ broken, ...policy }) => ({
    ...policy,
    validateStack: ({ resources }, report) => {
      for (const sentence of broken(resources)) report(sentence);
    },
  })),
});
