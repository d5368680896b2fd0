import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { isPopulated, killGroup, startDetached } from "./cgroup.ts";
import { makeRoots, PACKAGES, PACKAGES_RUN } from "./layout.ts";
import { withSharedLock } from "./lock.ts";
import { controllerAddress, inNamespace, openRange, openStacks, runInNamespace } from "./network.ts";
import { must, waitUntil } from "./run.ts";

/** Where machines find the package proxy on their controller's address: apt-cacher-ng's customary port. */
export const PROXY_PORT = 3142;

/**
 * apt-cacher-ng has to listen on TCP: it also opens a unix socket but hangs up on whoever speaks HTTP there (3.7.4).
 * Loopback only, and not its usual port, on which Debian's own instance may run.
 */
const LOOPBACK_PORT = 13142;
const SOCKET = join(PACKAGES_RUN, "socket");
const USER = "apt-cacher-ng";
const SHARED_GROUP = "packages";

/**
 * Starts the caching package proxy for a stack whose network is open; what runs already goes on.
 * One apt-cacher-ng serves all stacks; it alone sees the outside, and it only ever fetches from deb.debian.org.
 * A machine reaches it at its controller's address, from where one relay leads out of the namespace to a unix
 * socket and another from there to apt-cacher-ng.
 */
export async function startPackageProxy(stack: string): Promise<void> {
  await withSharedLock("package-proxy", 60, async () => {
    if (!isPopulated(`${SHARED_GROUP}/cache`)) await startCache();
    if (!isPopulated(`${SHARED_GROUP}/relay`)) startRelayOutside();
  });
  const listen = `TCP-LISTEN:${PROXY_PORT},bind=${controllerAddress(openRange(stack) ?? "")},fork,reuseaddr`;
  const command = inNamespace(stack, ["socat", listen, `UNIX-CONNECT:${SOCKET}`]);
  if (!isPopulated(relayGroup(stack))) startDetached(relayGroup(stack), command, join(PACKAGES, "relay.log"));
  const probe = [
    "curl",
    "--noproxy",
    "*",
    "--silent",
    "--output",
    "/dev/null",
    "--max-time",
    "2",
    proxyAddress(stack),
  ];
  await waitUntil(
    async () => (await runInNamespace(stack, probe)).code === 0,
    10,
    () => `the package proxy does not answer at ${proxyAddress(stack)} within 10 s: see ${PACKAGES}/log`,
  );
}

/** Stops what serves this stack, and the cache itself once no other stack is open; packages stay cached. */
export async function stopPackageProxy(stack: string): Promise<void> {
  await killGroup(relayGroup(stack));
  await withSharedLock("package-proxy", 60, async () => {
    if (!openStacks().some((other) => other !== stack)) await killGroup(SHARED_GROUP);
  });
}

/** The proxy's address for apt and debootstrap inside the stack's network, as a URL. */
export function proxyAddress(stack: string): string {
  return `http://${controllerAddress(openRange(stack) ?? "")}:${PROXY_PORT}`;
}

function relayGroup(stack: string): string {
  return `${stack}/packages`;
}

async function startCache(): Promise<void> {
  makeRoots();
  const [conf, cache, log] = ["conf", "cache", "log"].map((name) => join(PACKAGES, name)) as [
    string,
    string,
    string,
  ];
  for (const dir of [PACKAGES, conf, cache, log]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  await must("give the package cache to its user", ["chown", `${USER}:${USER}`, cache, log]);
  writeFileSync(join(conf, "acng.conf"), configuration(cache, log));
  const command = [
    "setpriv",
    `--reuid=${USER}`,
    `--regid=${USER}`,
    "--init-groups",
    "apt-cacher-ng",
    "-c",
    conf,
  ];
  startDetached(`${SHARED_GROUP}/cache`, command, join(PACKAGES, "cache.log"));
  await waitUntil(
    () => answers(LOOPBACK_PORT),
    10,
    () =>
      `apt-cacher-ng does not listen on 127.0.0.1:${LOOPBACK_PORT} within 10 s: see ${PACKAGES}/cache.log`,
  );
}

/**
 * ForceManaged refuses everything that no Remap line names: without it the proxy would fetch from any host for any
 * machine, a way out of the twin. Debian's own Remap lines are left out, since one sends debian-security elsewhere.
 */
function configuration(cache: string, log: string): string {
  const upstream = process.env.http_proxy;
  return `# Written by the twin at every start.
CacheDir: ${cache}
LogDir: ${log}
SupportDir: /usr/lib/apt-cacher-ng
BindAddress: 127.0.0.1
Port: ${LOOPBACK_PORT}
ForeGround: 1
ForceManaged: 1
Remap-debian: deb.debian.org/debian ; http://deb.debian.org/debian
Remap-security: deb.debian.org/debian-security ; http://deb.debian.org/debian-security
ExThreshold: 30
${upstream ? `Proxy: ${upstream}\n` : ""}`;
}

function startRelayOutside(): void {
  mkdirSync(PACKAGES_RUN, { recursive: true, mode: 0o700 });
  rmSync(SOCKET, { force: true });
  const command = ["socat", `UNIX-LISTEN:${SOCKET},fork,mode=0600`, `TCP:127.0.0.1:${LOOPBACK_PORT}`];
  startDetached(`${SHARED_GROUP}/relay`, command, join(PACKAGES, "relay.log"));
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.end();
      resolve(true);
    });
  });
}
