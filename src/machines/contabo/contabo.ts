import { Images, Instances } from "./instances.ts";
import { Secrets } from "./secrets.ts";
import { CONTABO, type ContaboCredentials, type ContaboPlaces, ContaboService } from "./service.ts";
import { Snapshots } from "./snapshots.ts";

/**
 * Contabo's web service for virtual servers, https://api.contabo.com. Fields have its own names. Every call fails with a
 * FarmError: a ServiceError with the request's id, by which Contabo's support finds it, when it is refused. What destroys
 * takes `confirm`, the name of what it befalls, which is fetched and compared before anything is sent.
 */
export class Contabo {
  readonly instances: Instances;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly secrets: Secrets;

  constructor(credentials: ContaboCredentials, places: ContaboPlaces = CONTABO) {
    const service = new ContaboService(credentials, places);
    this.instances = new Instances(service);
    this.images = new Images(service);
    this.snapshots = new Snapshots(service, this.instances);
    this.secrets = new Secrets(service);
  }
}
