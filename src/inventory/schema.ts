/** The words in which a farm is declared. Parsing fills in defaults and turns sizes into bytes. */
import { z } from "zod";
import type { InterfaceAddress } from "./addresses.ts";
import { clusterSchema, databaseSchema, postgresqlNeeds } from "./databases.ts";
import { domainSchema, edgeSchema, mailServerSchema, redirectSchema } from "./domains.ts";
import { hostSchema } from "./machines.ts";
import { type Training, trainingsSchema } from "./training.ts";
import {
  cloudflareId,
  cloudflareIdOrMade,
  hostname,
  id,
  interfaceAddress,
  interfaceAddress6,
  ipv4,
  ipv6,
  rate,
  sshKey,
  title,
} from "./words.ts";

export const siteSchema = z.strictObject({
  id,
  title,
  /** Who keeps the machines there; members of a quorum have to spread over several. */
  provider: id,
  /** Two letters (ISO 3166). */
  country: z.string().regex(/^[A-Z]{2}$/, "write the country's two letters (ISO 3166), such as DE"),
  /** Round-trip times to other sites, milliseconds. One direction is enough. */
  roundTrips: z.record(id, z.number().positive()).default({}),
});

export const applicationSchema = z.strictObject({
  id,
  title,
  /** What is installed. */
  software: z.enum(["mediawiki", "redmine"]),
  /** Whether it is one of the main applications, which stand on as many nodes as placement.nodes says. */
  main: z.boolean().default(false),
  /** Of its pages, and of what it writes itself. */
  language: z.enum(["en", "ru"]),
  /** Where its database is. */
  database: z.strictObject({
    /** The cluster that keeps it. */
    cluster: id,
    ...postgresqlNeeds,
  }),
  /** Names by which users reach it; the first is the one that people see. */
  hostnames: z.array(hostname).min(1),
  /** Whether it is for administrators alone; where nothing is said, what is usual for the software counts. */
  administrative: z.boolean().optional(),
  /** Hosts that serve it. */
  nodes: z.array(id).min(1),
  /** Where it keeps files. */
  storage: z.strictObject({
    /** Files that users upload. "off" until shared file storage exists. */
    uploads: z.enum(["off"]),
  }),
  /** The server that takes the application's mail for others, without a password: it knows our hosts. */
  mail: z
    .strictObject({
      /** The server's name. */
      host: hostname,
      /** The port on which it takes mail. */
      port: z.int().min(1).max(65_535),
      /** The address that its mail comes from. */
      from: z.email("write the address that mail comes from, such as redmine@example.org"),
    })
    .optional(),
  /** The identity provider at which people log in (OpenID Connect). */
  sso: z
    .strictObject({
      /** The provider's address. */
      issuer: z.url("write the issuer's address (https://…)"),
      /** What the application is called there. */
      clientId: z.string().min(1),
    })
    .optional(),
});

export const administratorSchema = z.strictObject({
  /** Their account on the hosts, and their name in the history. */
  name: id,
  /** What they speak, the preferred one first. */
  languages: z.array(z.enum(["en", "ru"])).min(1),
  /** By which Cloudflare knows them before administrative applications. */
  email: z.email("write a mail address such as name@example.org").optional(),
  /** Their public SSH keys. */
  keys: z.array(sshKey).min(1, "an administrator needs at least one public SSH key"),
});

/** What the environment demands of the placement of a quorum (why: README, "Placement"). */
const placementSchema = z.strictObject({
  /** Over how many physical machines members spread, at least. */
  failureDomains: z.int().min(1),
  /** Over how many providers. */
  providers: z.int().min(1),
  /** Longest round trip between two members, milliseconds. */
  roundTrip: z.number().positive(),
  /** Nodes of a main application, at least. */
  nodes: z.int().min(1).default(1),
});

/** Where a policy (src/policy) does not hold for a while, and who answers for that. */
const exceptionSchema = z.strictObject({
  /** The policy's name, as `farm policy` tells it. */
  policy: z.string().min(1),
  /** As the policy says it: "host db1", "application pravka". */
  where: z.string().min(1),
  /** Who answers for it. */
  owner: z.string().min(1, "write who answers for it"),
  /** The last day on which it counts. */
  until: z.iso.date("write the last day as 2027-01-31"),
  /** Why it is needed. */
  reason: z.string().min(1, "write why"),
});

export const farmSchema = z.strictObject({
  /** What is promised: in `production` policies ask more of main applications. */
  environment: id,
  title,
  /** What is demanded of the placement of quorums and main applications. */
  placement: placementSchema,
  /** What a dollar costs, where prices are in dollars. */
  dollar: rate.optional(),
  /** Places with machines of one provider. */
  sites: z.array(siteSchema).min(1),
  /** All machines, of whatever kind. */
  hosts: z.array(hostSchema).min(1),
  /** Database clusters. */
  clusters: z.array(clusterSchema).default([]),
  /** What users use. */
  applications: z.array(applicationSchema).default([]),
  /** Databases for applications that the farm does not run yet. */
  databases: z.array(databaseSchema).default([]),
  /** Zones of ours. */
  domains: z.array(domainSchema).default([]),
  /** Names of hosts as mail servers. */
  mailServers: z.array(mailServerSchema).default([]),
  /** Names that lead elsewhere. */
  redirects: z.array(redirectSchema).default([]),
  /** How users reach applications. */
  edge: edgeSchema.prefault({ kind: "hosts", hosts: [] }),
  /** Where a policy does not hold for a while. */
  exceptions: z.array(exceptionSchema).default([]),
  /** Generation of a secret by name, raised to rotate it. 1 where none is given. */
  generations: z.record(z.string(), z.int().min(1)).default({}),
  /** Versions to which the packages of a Debian source package are held on all hosts, such as `haproxy`. */
  versions: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "write the name of a Debian source package"),
      z.string().regex(/^[0-9][A-Za-z0-9.+:~-]*$/, "write a Debian version such as 3.0.11-1+deb13u5"),
    )
    .default({}),
});

/** Cloudflare's own (pkg.cloudflare.com, "Debian"). */
export const CLOUDFLARED_REPOSITORY = "https://pkg.cloudflare.com/cloudflared";

const WHICH_NUMBER = "write the number that the provider has for it";

/** What differs from stack to stack and is no business of the declaration. */
export const configSchema = z.strictObject({
  /** Addresses outside the mesh, by host. */
  addresses: z.record(id, ipv4),
  /** By Proxmox host, its own address in the network in which its guests stand behind it. */
  guestNetworks: z.record(id, interfaceAddress).default({}),
  /** IPv6 addresses outside the mesh, by host, of those that have one. */
  addresses6: z.record(id, ipv6).default({}),
  /** By Proxmox host, its own address in the IPv6 network that is routed to it, in which its guests get theirs. */
  guestNetworks6: z.record(id, interfaceAddress6).default({}),
  /** By host, its address in the network of the vSwitch that it is on. */
  vSwitchAddresses: z.record(id, interfaceAddress).default({}),
  /** Who may log in to the hosts. */
  administrators: z.array(administratorSchema).min(1),
  /** HTTP proxy through which hosts fetch packages; without it they reach the mirrors directly. */
  packageProxy: z
    .string()
    .regex(/^http:\/\/\d+\.\d+\.\d+\.\d+:\d+$/, "write it as http://ADDRESS:PORT")
    .optional(),
  /** Resolvers that hosts may ask for names; without any they ask none. */
  nameservers: z.array(ipv4).default([]),
  /** Hosts that had a life before the farm and may be taken over. Without it they are looked at and left alone. */
  adopt: z.array(id).default([]),
  /** What is at a provider already and is taken over instead of made: its number there, by host. */
  imports: z
    .record(
      id,
      // `pulumi config set --path` writes a number as a number.
      z
        .union([z.string(), z.int()], { error: WHICH_NUMBER })
        .transform(String)
        .pipe(z.string().regex(/^\d+$/, WHICH_NUMBER)),
    )
    .default({}),
  /** Cloudflare's numbers for what it keeps for us; without it our names are planned, and nothing is registered there. */
  cloudflare: z
    .strictObject({
      /** Our account there. */
      account: cloudflareId,
      /** Zones that are there already and are taken over instead of made, by domain. */
      zones: z.record(hostname, cloudflareId).default({}),
      /**
       * Records that are there already and are taken over instead of made, by the names that `farm dns` has for them; `made` in
       * place of the number of one that was deleted there since.
       */
      records: z.record(z.string(), cloudflareIdOrMade).default({}),
      /** Rulesets that are there already and get our rules in place of theirs, by zone and phase as `farm dns` names them. */
      rulesets: z.record(z.string(), cloudflareIdOrMade).default({}),
    })
    .optional(),
  /** Where the connectors' program comes from, where Cloudflare is the edge. */
  cloudflared: z
    .strictObject({
      /** The public key by which its packages are known, armoured. */
      key: z.string(),
      /** An apt repository with suite "any" and component "main": Cloudflare's own, or a mirror. */
      repository: z
        .url("write its address such as http://10.0.0.5/cloudflared")
        .default(CLOUDFLARED_REPOSITORY),
    })
    .optional(),
  /** Machines that are there for a training, by its name. */
  training: trainingsSchema.default({}),
});

export type Site = z.output<typeof siteSchema>;
export type Cluster = z.output<typeof clusterSchema>;
export type MariaDbCluster = Extract<Cluster, { software: "mariadb" }>;
export type PostgresCluster = Extract<Cluster, { software: "postgresql" }>;
export type Application = z.output<typeof applicationSchema>;
export type Administrator = z.output<typeof administratorSchema>;
/** A farm as it is written in stacks/. */
export type FarmDeclaration = z.input<typeof farmSchema>;
export type Farm = z.output<typeof farmSchema>;
export type StackConfig = z.output<typeof configSchema>;

/** A host with what configuration and the other hosts say of it. */
export interface Host extends z.output<typeof hostSchema> {
  /** Address outside the mesh. */
  readonly address: string;
  /** The same for IPv6, where it has one. */
  readonly address6: string | undefined;
  /** The physical machine whose loss takes this host with it. */
  readonly failureDomain: string;
  /** Bytes of its memory for each of the works that want much of it: a cluster's data, applications. */
  readonly share: number;
  /** Of a Proxmox host: its own address in the network of its guests, to whom it is the way out. */
  readonly guestNetwork: InterfaceAddress | undefined;
  /** The same for IPv6, in which nothing is translated. */
  readonly guestNetwork6: InterfaceAddress | undefined;
  /** The vSwitch that the physical machine is on, by the number of its VLAN; its guests are reached over it. */
  readonly vSwitch: number | undefined;
  /** Its own address there; guests have none. */
  readonly vSwitchAddress: InterfaceAddress | undefined;
  /** Which machine it is on: 1 until `machine/HOST`, or that of its Proxmox host, is raised in `generations`. */
  readonly machine: number;
}

/** A checked farm together with its stack's configuration: all that the plan is made from. */
export interface Inventory extends Omit<Farm, "hosts"> {
  readonly stack: string;
  readonly hosts: readonly Host[];
  readonly administrators: readonly Administrator[];
  readonly packageProxy: string | undefined;
  readonly nameservers: readonly string[];
  readonly adopt: readonly string[];
  readonly imports: Readonly<Record<string, string>>;
  readonly cloudflare: StackConfig["cloudflare"];
  readonly cloudflared: StackConfig["cloudflared"];
  readonly trainings: readonly Training[];
}
