/** Опытно Облако, the experimental cloud: guests of Железо 1. High availability is not required here. */
import type { FarmDeclaration } from "../src/inventory/schema.ts";
import { keptReady } from "./databases.ts";

export const lab: FarmDeclaration = {
  environment: "experimental",
  title: { en: "Experimental cloud", ru: "Опытно Облако" },

  // All guests stand on one machine: its loss is the loss of the lab, and that is accepted.
  placement: { failureDomains: 1, providers: 1, roundTrip: 10 },

  sites: [
    {
      id: "fsn1",
      title: { en: "Hetzner FSN1-DC7, Falkenstein", ru: "Hetzner FSN1-DC7, Фалькенштайн" },
      provider: "hetzner",
      country: "DE",
    },
  ],

  hosts: [
    {
      id: "zhelezo1",
      title: { en: "Zhelezo 1, Hetzner SB35", ru: "Железо 1, Hetzner SB35" },
      site: "fsn1",
      // Intel Core i7-3930: six cores, two threads each.
      // The names of its disks are not known yet: `farm rebuild zhelezo1 --check` tells them, and nothing is installed before.
      origin: { kind: "dedicated", hypervisor: "proxmox", cores: 12, hardware: { nic: "82579LM" } },
      mesh: "10.80.0.1",
      memory: "64 GB",
      disk: "3 TB",
      price: {
        monthly: "35 EUR",
        on: "2026-11-26",
        source: "assumed from the name SB35; replace it by the invoice",
      },
    },
    {
      id: "db1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 111 },
      mesh: "10.80.0.11",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "db2",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 112 },
      mesh: "10.80.0.12",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "db3",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 113 },
      mesh: "10.80.0.13",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "web1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 121 },
      mesh: "10.80.0.21",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "web2",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 122 },
      mesh: "10.80.0.22",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "edge1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 131 },
      mesh: "10.80.0.31",
      memory: "1 GB",
      disk: "10 GB",
    },
    {
      id: "pg1",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 141 },
      mesh: "10.80.0.41",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "pg2",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 142 },
      mesh: "10.80.0.42",
      memory: "2 GB",
      disk: "20 GB",
    },
    {
      id: "pg3",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 143 },
      mesh: "10.80.0.43",
      memory: "1 GB",
      disk: "10 GB",
    },
    {
      id: "pg4",
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 144 },
      mesh: "10.80.0.44",
      memory: "2 GB",
      disk: "20 GB",
    },
  ],

  clusters: [
    {
      id: "mariadb",
      title: { en: "MariaDB cluster", ru: "Связка MariaDB" },
      software: "mariadb",
      members: ["db1", "db2", "db3"],
    },
    {
      id: "postgresql",
      title: { en: "PostgreSQL cluster", ru: "Связка PostgreSQL" },
      software: "postgresql",
      members: ["pg1", "pg2"],
      witness: "pg3",
      replicas: ["pg4"],
      fencing: "proxmox",
    },
  ],

  applications: [
    {
      id: "pravka",
      title: { en: "Pravka", ru: "Правка" },
      software: "mediawiki",
      language: "ru",
      database: { cluster: "mariadb" },
      hostnames: ["pravka.lab.opplet.net"],
      nodes: ["web1", "web2"],
      storage: { uploads: "off" },
    },
    {
      id: "redmine",
      title: { en: "Redmine", ru: "Redmine" },
      software: "redmine",
      language: "en",
      database: { cluster: "postgresql", connections: 40 },
      hostnames: ["redmine.lab.opplet.net"],
      nodes: ["web1", "web2"],
      storage: { uploads: "off" },
    },
  ],

  // Kept ready for what is still to move here: each with what its software asks for.
  databases: [
    ...keptReady,
    {
      id: "taiga",
      title: { en: "Taiga", ru: "Тайга" },
      cluster: "postgresql",
      connections: 30,
    },
  ],

  // The zone itself, its mail and its keys are the production cloud's.
  domains: [{ name: "opplet.net", keptBy: "prod" }],
  edge: { kind: "hosts", hosts: ["edge1"] },
};
