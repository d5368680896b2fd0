import { createHash } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { IMAGES, makeRoots } from "./layout.ts";
import { withSharedLock } from "./lock.ts";
import { inNamespace } from "./network.ts";
import { proxyAddress } from "./packages.ts";
import { must } from "./run.ts";

/**
 * What the image is made of: about what Proxmox's Debian 13 template has, roles install the rest.
 * Package lists stay in, or else each machine would begin with an `apt-get update` (measured: 1 s each).
 */
const INCLUDED = [
  "ca-certificates",
  "dbus",
  "iproute2",
  "iputils-ping",
  "openssh-server",
  "python3",
  "systemd",
  "systemd-sysv",
];

/** Runs in the image as soon as debootstrap has made it; $1 is the package proxy. */
const FINISH = `set -eu
cat > /etc/apt/sources.list.d/debian.sources <<END
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
rm -f /etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o Acquire::http::Proxy="$1" update
apt-get -q -o Acquire::http::Proxy="$1" --yes upgrade
apt-get clean

systemctl enable systemd-networkd.service
# They wait for a network or a person that a machine of the twin doesn't have.
systemctl mask systemd-networkd-wait-online.service systemd-firstboot.service console-getty.service

# Every machine gets its own.
rm -f /etc/ssh/ssh_host_*_key* /etc/machine-id /var/lib/dbus/machine-id /etc/hostname /etc/resolv.conf
`;

/**
 * Makes the Debian 13 base image unless it is there, inside the network of an open stack with its package proxy
 * running. It is built aside and renamed when complete, so a kill at any moment leaves no half image; a changed
 * recipe makes a new one. Building takes one to two minutes.
 * @returns the directory of the image, which is also what imageDirectory() says
 */
export async function ensureImage(stack: string): Promise<string> {
  const image = imageDirectory();
  if (existsSync(image)) return image;
  makeRoots();
  await withSharedLock("base-image", 900, async () => {
    if (!existsSync(image)) await build(stack, image);
  });
  return image;
}

/** Where the image of the present recipe is, or would be. */
export function imageDirectory(): string {
  const recipe = createHash("sha256")
    .update(JSON.stringify([INCLUDED, FINISH]))
    .digest("hex");
  return join(IMAGES, recipe.slice(0, 12));
}

async function build(stack: string, image: string): Promise<void> {
  for (const name of readdirSync(IMAGES).filter((entry) => entry.startsWith(".building-")))
    rmSync(join(IMAGES, name), { recursive: true });
  const aside = join(IMAGES, `.building-${process.pid}`);
  const proxy = proxyAddress(stack);
  const env = { ...process.env, http_proxy: proxy };
  const debootstrap = [
    "debootstrap",
    "--variant=minbase",
    `--include=${INCLUDED.join(",")}`,
    "trixie",
    aside,
  ];
  await must("build the base image", mortal(stack, [...debootstrap, "http://deb.debian.org/debian"]), {
    env,
    limit: 600,
  });
  await must(
    "finish the base image",
    mortal(stack, ["chroot", aside, "/bin/sh", "-c", FINISH, "sh", proxy]),
    { env, limit: 300 },
  );
  await must("write the base image to disk", ["sync", "--file-system", aside]);
  renameSync(aside, image);
}

/** A command in the stack's network all of whose processes die with this one, even when we are killed. */
function mortal(stack: string, argv: readonly string[]): string[] {
  return [
    ...["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    ...inNamespace(stack, argv),
  ];
}
