/** Опытно Облако, the experimental cloud: guests of Железо 1. High availability is not required here. */
import type { FarmDeclaration } from "../src/inventory/schema.ts";

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
      origin: { kind: "dedicated", hypervisor: "proxmox" },
      mesh: "10.80.0.1",
      memory: "64 GB",
      disk: "3 TB",
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
  ],

  clusters: [
    {
      id: "mariadb",
      title: { en: "MariaDB cluster", ru: "Связка MariaDB" },
      software: "mariadb",
      members: ["db1", "db2", "db3"],
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
  ],

  domains: [{ name: "opplet.net" }],
  edge: { hosts: ["edge1"] },
};
