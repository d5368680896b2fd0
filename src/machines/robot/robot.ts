import type { Place } from "../web-service.ts";
import { Addresses, FailoverAddresses, ReverseDns } from "./addresses.ts";
import { Firewalls } from "./firewall.ts";
import { RescueSystem, SshKeys } from "./rescue.ts";
import { Servers } from "./servers.ts";
import { ROBOT, type RobotCredentials, RobotService } from "./service.ts";
import { VSwitches } from "./vswitches.ts";

/**
 * Hetzner's web service for dedicated servers, https://robot.hetzner.com/doc/webservice/en.html. Fields have its own
 * names. Every call fails with a FarmError: a ServiceError with Robot's code when it refuses. The limits of requests that
 * the documentation gives are kept within one run, by failing with the time when to try again. What destroys or cuts off
 * takes `confirm`, the name of what it befalls, which is fetched and compared before anything is sent.
 */
export class Robot {
  readonly servers: Servers;
  readonly rescue: RescueSystem;
  readonly keys: SshKeys;
  readonly reverseDns: ReverseDns;
  readonly addresses: Addresses;
  readonly failover: FailoverAddresses;
  readonly vSwitches: VSwitches;
  readonly firewalls: Firewalls;

  constructor(credentials: RobotCredentials, place: Place = ROBOT) {
    const service = new RobotService(credentials, place);
    this.servers = new Servers(service);
    this.rescue = new RescueSystem(service);
    this.keys = new SshKeys(service);
    this.reverseDns = new ReverseDns(service);
    this.addresses = new Addresses(service, this.servers);
    this.failover = new FailoverAddresses(service, this.servers);
    this.vSwitches = new VSwitches(service);
    this.firewalls = new Firewalls(service, this.servers);
  }
}
