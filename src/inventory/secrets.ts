/** The settings of a stack that only the engine keeps, as secrets: they never stand in plain words in Pulumi.STACK.yaml. */
import { z } from "zod";

const text = z.string().min(1).optional();

/** By their whole names. What the hosts can't do without is checked where it is used. */
export const secretsSchema = z.strictObject({
  /** 32 bytes in base64, from which all passwords and keys of the farm derive: `openssl rand -base64 32`. */
  "farms:masterKey": z.string().min(1),
  /** Private SSH key of whoever runs the program, such as a CI's; without it the SSH agent is asked. */
  "farms:privateKey": text,
  /** `USER:PASSWORD` of Hetzner Robot's web service, for `farm rebuild` and `farm vswitch`. */
  "farms:robot": text,
  /** `CLIENT-ID:CLIENT-SECRET:API-USER:API-PASSWORD` of Contabo's API, for `farm rebuild`. */
  "farms:contabo": text,
  /** A token for Cloudflare, where names are registered there. */
  "cloudflare:apiToken": text,
  /** A token for DigitalOcean, where there are droplets. */
  "digitalocean:token": text,
  /** A token for Hetzner Cloud, where there are servers or trainings. */
  "hcloud:token": text,
});

export type SecretName = keyof z.output<typeof secretsSchema>;
