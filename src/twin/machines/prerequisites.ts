import { existsSync, readFileSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { FarmError } from "../../shell/errors.ts";
import { STATE } from "./layout.ts";
import { lastLines, run } from "./run.ts";

/** Debian packages on the controller; the version is the first that knows Debian 13's archive keys. */
const PACKAGES: Record<string, string | undefined> = {
  "apt-cacher-ng": undefined,
  curl: undefined,
  "debian-archive-keyring": "2023.3+deb12u2",
  debootstrap: undefined,
  "dnsmasq-base": undefined,
  e2fsprogs: undefined,
  gnupg: undefined,
  haproxy: undefined,
  iproute2: undefined,
  "iputils-ping": undefined,
  nftables: undefined,
  "openssh-client": undefined,
  openssl: undefined,
  python3: undefined,
  socat: undefined,
  "systemd-container": undefined,
  "util-linux": undefined,
};

/** Of the packages above those that would start a service of their own, which the twin doesn't use. */
const UNWANTED_SERVICES = ["apt-cacher-ng", "haproxy"];

/**
 * At first: base image 0.3 GB, package cache 0.2 GB, twelve converged machines 6.3 GB (measured), and room to work.
 * Later most of it is in use by the twin itself.
 */
const DISK_NEEDED = { first: 10e9, later: 2e9 };

/**
 * inotify instances that all processes of root may have together. A machine has seven (systemd five, D-Bus and wireguard-go
 * one each; counted), the kernel's default is 128, and the nineteenth machine would be left without its mesh.
 */
const INOTIFY = { file: "/proc/sys/fs/inotify/max_user_instances", least: 1024 };

/**
 * Makes sure that this computer can run a twin, installing Debian packages that are missing.
 * @returns names of the packages it installed; usually none, which takes some 50 ms
 * Throws a FarmError with one sentence and its remedy for the first thing that is missing.
 */
export async function ensurePrerequisites(): Promise<string[]> {
  if (process.getuid?.() !== 0)
    throw new FarmError("the twin boots machines, and you are not root", "run it with sudo");
  if (!existsSync("/etc/debian_version"))
    throw new FarmError(
      "the twin needs a Debian computer, this one is another system",
      "use Debian 12 or 13",
    );
  checkDisk();
  const missing = await missingPackages();
  if (missing.length > 0) await install(missing);
  await checkKernel();
  if (Number(readFileSync(INOTIFY.file, "utf8")) < INOTIFY.least)
    writeFileSync(INOTIFY.file, String(INOTIFY.least));
  return missing;
}

function checkDisk(): void {
  const { bavail, bsize } = statfsSync("/var/lib");
  const free = bavail * bsize;
  const needed = existsSync(STATE) ? DISK_NEEDED.later : DISK_NEEDED.first;
  if (free < needed)
    throw new FarmError(
      `only ${(free / 1e9).toFixed(1)} GB free on /var/lib`,
      `the twin needs ${needed / 1e9} GB: free some space, or mount a larger disk at /var/lib/farm-twin`,
    );
}

async function missingPackages(): Promise<string[]> {
  const names = Object.keys(PACKAGES);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the braces are dpkg-query's own
  const format = "${Package} ${db:Status-Status} ${Version}\n";
  const { stdout } = await run(["dpkg-query", "--show", `--showformat=${format}`, ...names]);
  const installed = new Map<string, string>();
  for (const [name = "", status, version = ""] of stdout.split("\n").map((line) => line.split(" ")))
    if (status === "installed") installed.set(name, version);
  const missing: string[] = [];
  for (const [name, needed] of Object.entries(PACKAGES)) {
    const version = installed.get(name);
    if (version === undefined || (needed && !(await isAtLeast(version, needed)))) missing.push(name);
  }
  return missing;
}

async function isAtLeast(version: string, needed: string): Promise<boolean> {
  return (await run(["dpkg", "--compare-versions", version, "ge", needed])).code === 0;
}

async function install(packages: string[]): Promise<void> {
  for (const service of UNWANTED_SERVICES.filter((name) => packages.includes(name))) mask(service);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = ["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=60"];
  // A source that fails here may be one we don't need, so only the installation decides.
  await run([...apt, "update"], { env, limit: 300 });
  const result = await run([...apt, "install", "--yes", "--no-install-recommends", ...packages], {
    env,
    limit: 900,
  });
  if (result.code !== 0)
    throw new FarmError(
      `packages unreachable: apt-get install ${packages.join(" ")} failed: ${lastLines(result.stderr, 2)}`,
      "check this computer's network and the files in /etc/apt, then run it again",
    );
}

/** Keeps Debian from starting a service at installation and at every boot, as `systemctl mask` does. */
function mask(service: string): void {
  const unit = `/etc/systemd/system/${service}.service`;
  if (existsSync("/etc/systemd/system") && !existsSync(unit)) symlinkSync("/dev/null", unit);
}

async function checkKernel(): Promise<void> {
  const remedy = "use a virtual machine or a computer of its own instead of a container";
  const namespaces = await run(["unshare", "--net", "--mount", "--pid", "--fork", "true"]);
  if (namespaces.code !== 0)
    throw new FarmError(`no network namespaces here: ${namespaces.stderr.trim()}`, remedy);
  for (const device of ["/dev/loop-control", "/dev/net/tun"])
    if (!existsSync(device)) throw new FarmError(`no ${device} here`, remedy);
  if (
    !readFileSync("/proc/filesystems", "utf8").includes("overlay") &&
    (await run(["modprobe", "overlay"])).code !== 0
  )
    throw new FarmError(
      "this kernel has no overlay file system",
      "boot a kernel that has it; Debian's own does",
    );
}
