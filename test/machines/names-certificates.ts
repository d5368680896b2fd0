/** The edge's certificates: renewed by the host itself, watched, and had from a public authority (pebble, Let's Encrypt's test server). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf } from "../../src/inventory/load.ts";
import { hostCertificate, servedNames } from "../../src/roles/edge/authority.ts";
import { awaitHealth } from "../../src/twin/health.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { waitUntil } from "../../src/twin/machines/run.ts";
import { CLIENT_ADDRESS, EDGES, NAME, type NamesFarm, STACK, WIKI } from "./names-farm.ts";

const DIRECTORY = `https://${CLIENT_ADDRESS}:14000/dir`;
const SERVICE = "farm-edge-certificate.service";

/** Has an edge host sign one more certificate, of a few days, in place of the one that it shows. */
const SHORT = `cd /run && openssl req -x509 -CA /etc/farm/edge/authority.pem -CAkey /etc/farm/edge/authority.key \
  -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key -out short -days 5 -subj /CN=edge \
  -addext "$(openssl x509 -in /var/lib/farm-edge/edge.pem -noout -ext subjectAltName | sed -n 's/ //g; s/^DNS/subjectAltName=DNS/p')" \
  -addext basicConstraints=critical,CA:FALSE 2>/dev/null
cat key short /etc/farm/edge/authority.pem >/var/lib/farm-edge/edge.pem; rm key short
kill -USR2 $(systemctl show --value -p MainPID farm-edge.service)`;

/** The public authority: it asks for names by the client's resolver, and for their owners as Let's Encrypt does. */
const PEBBLE = {
  listenAddress: `${CLIENT_ADDRESS}:14000`,
  managementListenAddress: "127.0.0.1:15000",
  certificate: "/root/pebble.pem",
  privateKey: "/root/pebble.key",
  httpPort: 80,
  tlsPort: 443,
};

/** The tests of a farm that is up, and one after which it has a public authority. */
export function certificateTests(names: NamesFarm): void {
  const on = async (host: string, command: string, input = "") => {
    const result = await inMachine(STACK, host, ["sh", "-c", command], { input, limit: 120 });
    return { ...result, said: `${host}: ${command}\n${result.stdout}${result.stderr}` };
  };
  const must = async (host: string, command: string, input?: string): Promise<string> => {
    const { code, stdout, said } = await on(host, command, input);
    assert.equal(code, 0, said);
    return stdout;
  };
  /** What says no on a host. */
  const unwell = async (host: string): Promise<string[]> =>
    JSON.parse(await must(host, "/usr/local/sbin/farm-agent verify")).unhealthy;
  /** What an edge host shows for a name. */
  const shown = (edge: string, question: string, name = NAME): Promise<string> =>
    names.inside(
      `openssl s_client -connect ${names.addressOf(edge)}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout ${question}`,
    );

  test("a certificate that ends soon is renewed by the host, and loaded", async () => {
    const [edge = ""] = EDGES;
    await must(edge, SHORT);
    const former = await waitUntil(
      async () => (await shown(edge, "-checkend 864000 || true")).includes("will expire"),
      10,
      () => "the certificate of five days is not shown",
    ).then(() => shown(edge, "-serial"));
    assert.match((await unwell(edge)).join(), /the certificate lasts 14 days more/);
    await must(edge, `systemctl start ${SERVICE}`);
    await waitUntil(
      async () => (await shown(edge, "-serial")) !== former,
      10,
      () => "the new certificate is not shown",
    );
    assert.deepEqual(await unwell(edge), []);
  });

  test("a host whose authority ends soon says so, and what is to be done", async (t) => {
    const [edge = ""] = EDGES;
    const { twin } = names;
    const path = "/etc/farm/edge/authority.pem";
    const [declared, soon] = [undefined, new Date(Date.now() + 40 * 86_400_000)].map((end) => {
      const until = end?.toISOString().slice(0, 10) ?? "2028-12-31";
      const farmEdge = { kind: "hosts" as const, hosts: EDGES, nameservers: EDGES, authority: { until } };
      return hostCertificate({ ...twin.inventory, edge: farmEdge }, twin.keys, edge);
    });
    t.after(async () => {
      await must(edge, `cat >${path}; systemctl restart ${SERVICE}`, declared);
      assert.deepEqual(await unwell(edge), []);
    });
    await must(edge, `cat >${path}`, soon);
    assert.notEqual((await on(edge, `systemctl restart ${SERVICE}`)).code, 0);
    assert.match(
      await must(edge, `journalctl --output=cat --unit=${SERVICE} -n 20`),
      /the authority of this host ends in (39|40) days: declare a later day \(edge\.authority\.until\)/,
    );
    // Until then it serves, for no longer than its authority.
    assert.match(await shown(edge, "-checkend 3456000 || true"), /will expire/);
  });

  /** Starts the public authority on the client; the certificates by which it and what it signs are known. */
  async function startPebble(): Promise<string> {
    await names.inside(
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ${PEBBLE.privateKey} -out ${PEBBLE.certificate} -days 2 -subj /CN=pebble -addext subjectAltName=IP:${CLIENT_ADDRESS} 2>/dev/null`,
    );
    await names.install("pebble");
    await names.inside("cat >/root/pebble.json", JSON.stringify({ pebble: PEBBLE }));
    await names.inside(
      "systemd-run --quiet --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 pebble -config /root/pebble.json -dnsserver 127.0.0.1:53",
    );
    const root = "curl -sSk --retry 20 --retry-connrefused --retry-delay 1 https://127.0.0.1:15000/roots/0";
    return `${await names.inside(`cat ${PEBBLE.certificate}`)}\n${await names.inside(root)}\n`;
  }

  test("with a public authority declared each host gets a certificate of it, whichever host that one asks", async (t) => {
    const trusted = await startPebble();
    const file = "/usr/local/share/ca-certificates/pebble";
    const split = `csplit -sz -f ${file}- -b %d.crt - '/BEGIN CERT/' '{*}'; update-ca-certificates`;
    for (const edge of EDGES) await must(edge, split, trusted);
    const began = performance.now();
    await names.declareAcme(DIRECTORY);
    // The first host asked before the second one knew the answer, to whom that question may have come: it asks again in an hour.
    for (const edge of EDGES)
      await waitUntil(
        async () => (await on(edge, `systemctl start ${SERVICE}`)).code === 0,
        60,
        () => `${edge} gets no certificate of the public authority`,
      );
    for (const edge of EDGES)
      for (const name of servedNames(names.twin.inventory))
        await waitUntil(
          async () => (await shown(edge, "-issuer", name)).includes("Pebble Intermediate"),
          10,
          () => `${edge} does not show the public authority's certificate of ${name}`,
        );
    t.diagnostic(
      `declared, applied and had by both hosts after ${((performance.now() - began) / 1000).toFixed(1)} s`,
    );
    await names.inside("cat >/root/trusted.pem", trusted);
    for (const edge of EDGES) {
      const { address, address6 } = hostOf(names.twin.inventory, edge);
      for (const at of [address, `[${address6}]`])
        await names.inside(
          `curl -sS --fail -o /dev/null --cacert /root/trusted.pem --capath /none --resolve '${WIKI}:443:${at}' https://${WIKI}/`,
        );
    }
    await awaitHealth(names.twin, 60);
  });

  test("a certificate that lasts is not asked for again", async () => {
    for (const edge of EDGES) {
      const before = await shown(edge, "-serial");
      await must(edge, `systemctl start ${SERVICE}`);
      assert.equal(await shown(edge, "-serial"), before);
    }
  });
}
