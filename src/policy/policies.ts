/** All policies, in the order in which they are told. */
import { automaticUpdates, keysOnly, secretsByPlaceholder } from "./access.ts";
import { behindTheEdge, mainApplicationsSpread, noIdleAddress } from "./availability.ts";
import { egressDefaultDeny, innerPortsClosed, noSshOut, oneMacAddress, rpcbindClosed } from "./network.ts";
import type { Policy } from "./policy.ts";
import { copiesKept, onTheWiki, restoreChecked, watched } from "./upkeep.ts";

export const POLICIES: readonly Policy[] = [
  rpcbindClosed,
  innerPortsClosed,
  egressDefaultDeny,
  noSshOut,
  oneMacAddress,
  keysOnly,
  secretsByPlaceholder,
  automaticUpdates,
  mainApplicationsSpread,
  behindTheEdge,
  copiesKept,
  restoreChecked,
  watched,
  onTheWiki,
  noIdleAddress,
];
