/** What a server that we rent whole is made of, as far as somebody has read it there. It is compared before it is erased. */
import { z } from "zod";

const diskName = z
  .string()
  .regex(
    /^(ata|nvme|scsi|wwn)-(?!.*-part\d)[A-Za-z0-9._:+-]+$/,
    "write a whole disk's name under /dev/disk/by-id, such as ata-ST3000DM001-1CH166_W1F12345",
  );

const model = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ./-]*$/, "write the model as `lspci` has it, such as 82579LM");

export const hardwareSchema = z.strictObject({
  /**
   * The two disks of the mirror, by their names under /dev/disk/by-id, which don't change as sda and sdb do. Their size is the host's
   * `disk`. As long as they are not written here, nothing is ever written to any disk.
   */
  disks: z
    .tuple([diskName, diskName], { error: "write the names of two disks: ZFS mirrors over both" })
    .refine(([first, second]) => first !== second, "write two disks: these are one")
    .optional(),
  /** Model of the network card that has the host's address. */
  nic: model,
  /** Model of the RAID controller, where there is one. No disk of the mirror may be behind it. */
  raidController: model.optional(),
});

export type Hardware = z.output<typeof hardwareSchema>;
