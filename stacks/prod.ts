/** The production cloud: guests of Железо 2, Contabo's servers, DigitalOcean's droplets. */
import type { FarmDeclaration } from "../src/inventory/schema.ts";
import { keptReady } from "./databases.ts";

/** The documents name the machines and not what they cost: figures to be replaced by those of the invoices. */
const assumed = (monthly: string, from: string) => ({
  monthly,
  on: "2026-11-26",
  source: `assumed from ${from}; replace it by the invoice`,
});
const contabo = (region: string) => ({
  origin: { kind: "vps" as const, product: "VPS S", region },
  // The documents give no sizes: those of the product.
  memory: "8 GB",
  disk: "200 GB",
  price: assumed("4.99 EUR", "Contabo's smallest product of 2022, VPS S"),
});
const droplet = {
  site: "nyc1",
  // Both are there; their numbers are in the stack's configuration (farms:imports).
  origin: { kind: "droplet" as const, region: "nyc1", size: "s-1vcpu-2gb", exists: true },
  memory: "2 GB",
  disk: "50 GB",
  price: { monthly: "10 USD", on: "2022-01-31", source: "the school's own description of its servers" },
};

export const prod: FarmDeclaration = {
  environment: "production",
  title: { en: "Production cloud", ru: "Рабочее Облако" },

  placement: { failureDomains: 3, providers: 2, roundTrip: 10, nodes: 3 },
  dollar: { eur: 0.9, on: "2026-11-26", source: "assumed; replace it by the bank's" },

  // Round trips are assumed from the distances, in milliseconds, until they are measured between the servers.
  sites: [
    {
      id: "fsn1",
      title: { en: "Hetzner FSN1-DC7, Falkenstein", ru: "Hetzner FSN1-DC7, Фалькенштайн" },
      provider: "hetzner",
      country: "DE",
      roundTrips: { "contabo-de": 8, "contabo-stl": 110, nyc1: 90 },
    },
    {
      id: "contabo-de",
      title: { en: "Contabo, Germany", ru: "Contabo, Германия" },
      provider: "contabo",
      country: "DE",
      roundTrips: { "contabo-stl": 110, nyc1: 90 },
    },
    {
      id: "contabo-stl",
      title: { en: "Contabo, St. Louis", ru: "Contabo, Сент-Луис" },
      provider: "contabo",
      country: "US",
      roundTrips: { nyc1: 25 },
    },
    {
      id: "nyc1",
      title: { en: "DigitalOcean NYC1, New York", ru: "DigitalOcean NYC1, Нью-Йорк" },
      provider: "digitalocean",
      country: "US",
    },
  ],

  hosts: [
    {
      id: "zhelezo2",
      title: { en: "Zhelezo 2, Hetzner dedicated", ru: "Железо 2, выделенный сервер Hetzner" },
      site: "fsn1",
      // Intel Xeon E3-1245: four cores, two threads each.
      // Its disks belong on the ports of the board, not behind the controller. Their names: `farm rebuild zhelezo2 --check`.
      origin: {
        kind: "dedicated",
        hypervisor: "proxmox",
        cores: 8,
        hardware: { nic: "82574L", raidController: "9260-4i" },
      },
      mesh: "10.81.0.1",
      memory: "32 GB",
      disk: "3 TB",
      price: assumed("35 EUR", "the like of it at Hetzner's server auction"),
    },
    {
      id: "db1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo2", vmid: 111 },
      mesh: "10.81.0.11",
      memory: "4 GB",
      disk: "60 GB",
    },
    {
      id: "db2",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo2", vmid: 112 },
      mesh: "10.81.0.12",
      memory: "4 GB",
      disk: "60 GB",
    },
    {
      id: "pg1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo2", vmid: 141, cores: 2 },
      mesh: "10.81.0.41",
      memory: "4 GB",
      disk: "60 GB",
    },
    {
      id: "web1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo2", vmid: 121, cores: 2 },
      mesh: "10.81.0.21",
      memory: "4 GB",
      disk: "60 GB",
    },
    {
      id: "web2",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo2", vmid: 122, cores: 2 },
      mesh: "10.81.0.22",
      memory: "4 GB",
      disk: "60 GB",
    },
    { id: "contabo-de1", site: "contabo-de", mesh: "10.81.0.51", ...contabo("EU") },
    { id: "contabo-stl1", site: "contabo-stl", mesh: "10.81.0.52", ...contabo("US-central") },
    { id: "contabo-stl2", site: "contabo-stl", mesh: "10.81.0.53", ...contabo("US-central") },
    {
      id: "do-nyc1-a",
      title: { en: "Opplet's droplet", ru: "Дроплет Оплёта" },
      mesh: "10.81.0.61",
      ...droplet,
    },
    {
      id: "do-nyc1-b",
      title: { en: "Redmine's droplet", ru: "Дроплет Redmine" },
      mesh: "10.81.0.62",
      ...droplet,
    },
  ],

  clusters: [
    {
      id: "mariadb",
      title: { en: "MariaDB cluster", ru: "Связка MariaDB" },
      software: "mariadb",
      members: ["db1", "db2", "contabo-de1"],
      concessions: [
        {
          rule: "failureDomains",
          proposal: {
            en: "a Hetzner Cloud server in Nuremberg (cx23, about 4 EUR a month) in place of db2; until then the loss of zhelezo2 stops writes until somebody acts",
            ru: "сервер Hetzner Cloud в Нюрнберге (cx23, около 4 EUR в месяц) вместо db2; до тех пор потеря zhelezo2 останавливает запись, пока не вмешается человек",
          },
        },
      ],
    },
    {
      id: "postgresql",
      title: { en: "PostgreSQL cluster", ru: "Связка PostgreSQL" },
      software: "postgresql",
      members: ["pg1", "contabo-de1"],
      witness: "do-nyc1-b",
      replicas: ["contabo-stl1"],
    },
  ],

  applications: [
    {
      id: "pravka",
      title: { en: "Pravka", ru: "Правка" },
      software: "mediawiki",
      main: true,
      language: "ru",
      database: { cluster: "mariadb" },
      hostnames: ["pravka.opplet.net"],
      nodes: ["web1", "web2", "contabo-de1"],
      storage: { uploads: "off" },
    },
    {
      id: "redmine",
      title: { en: "Redmine", ru: "Redmine" },
      software: "redmine",
      language: "en",
      database: { cluster: "postgresql", connections: 40 },
      hostnames: ["redmine.opplet.net"],
      nodes: ["web1", "web2"],
      storage: { uploads: "off" },
    },
  ],

  databases: keptReady,

  // Names without `mail` send none, and say so to all receivers. Ask before that is applied to a name that has been in use.
  domains: [
    {
      name: "opplet.net",
      caa: ["letsencrypt.org"],
      // Opplet itself, which was there before the farm and is no application of it yet.
      extras: [{ type: "host", name: "opplet.net", host: "do-nyc1-a" }],
    },
    {
      name: "cnmcyber.com",
      caa: ["letsencrypt.org"],
      mail: {
        names: ["cnmcyber.com"],
        servers: ["mail.cnmcyber.com"],
        dmarc: { policy: "quarantine", reports: "dmarc@cnmcyber.com" },
        // Until reports have shown for some weeks that nothing would be lost by "enforce".
        mtaSts: "testing",
        tlsReports: "tls@cnmcyber.com",
        // The key is made on the mail server, which is still to be set up; until then its mail is not signed.
        dkim: [],
      },
    },
    {
      name: "ksacerts.com",
      caa: ["letsencrypt.org"],
      // A Moodle that was there before the farm.
      extras: [{ type: "host", name: "wiki.ksacerts.com", host: "do-nyc1-b" }],
    },
  ],
  // The documents name the domain of the mail and not its server: this is one of those with an address of their own.
  mailServers: [{ name: "mail.cnmcyber.com", host: "contabo-stl2" }],
  redirects: [{ from: "www.opplet.net", to: "https://opplet.net", status: 301 }],
  // The hosts with a public address that have no other web server. Guests have none, and the droplets' ports are in use.
  // `acme: {}` here brings certificates of Let's Encrypt, whom all zones allow: to be tried on the real hosts first.
  edge: { kind: "hosts", hosts: ["contabo-stl1", "contabo-stl2"] },
};
