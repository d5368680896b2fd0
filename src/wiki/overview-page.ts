/** The page a reader begins at: what the farm is made of, what it costs, and pictures of it. */
import { concededOf } from "../map/quorum.ts";
import { sizesText } from "../map/words.ts";
import { costOf } from "../plan/cost.ts";
import { farmBackups } from "./backups.ts";
import { shownPicture } from "./pictures.ts";
import { type Kind, originText, type Scope } from "./scope.ts";
import { shown, table, unbroken } from "./wikitext.ts";

function hosts(scope: Scope): string[] {
  const { hosts } = scope.plan.inventory;
  const price = ({ price }: (typeof hosts)[number]): string =>
    price ? `${price.monthly.amount.toFixed(2)} ${price.monthly.currency}` : "";
  return table(
    [scope.say("host"), scope.say("site"), scope.say("kind"), scope.say("sizes"), scope.say("price")],
    hosts.map((host) => [
      unbroken(scope.to("host", [host.id])),
      shown(scope.site(host)),
      shown(originText(scope, host)),
      shown(sizesText(host, scope.language)),
      shown(price(host)),
    ]),
  );
}

function money(scope: Scope): string[] {
  const { providers, total } = costOf(scope.plan.inventory);
  return [
    ...Object.entries(providers).map(([name, euros]) => `* ${shown(name)}: ${shown(euros.toFixed(2))}`),
    `* ${scope.say("total")}: ${shown(total.toFixed(2))} ${scope.say("cost")}`,
  ];
}

/** The lines of the overview. */
export function overviewLines(scope: Scope): string[] {
  const { inventory, dns } = scope.plan;
  const { clusters, applications, title } = inventory;
  const list = (kind: Kind, things: typeof clusters | typeof applications): string[] =>
    things.map((each) => `* ${scope.to(kind, [each.id])}: ${shown(each.title[scope.language])}`);
  return [
    `'''${shown(title[scope.language])}'''`,
    ...scope.part(
      "short",
      clusters.flatMap((cluster) =>
        concededOf(inventory, cluster, scope.language).map(
          ({ rule, proposal }) => `* ${scope.to("cluster", [cluster.id])}: ${shown(`${rule} ${proposal}`)}`,
        ),
      ),
    ),
    ...scope.part("hosts", [shownPicture(scope, "topology"), "", ...hosts(scope)]),
    ...scope.part("clusters", [...list("cluster", clusters), "", shownPicture(scope, "quorum")]),
    ...scope.part("applications", [
      ...list("application", applications),
      "",
      shownPicture(scope, "requests"),
    ]),
    ...scope.part(
      "domains",
      dns.zones.map(({ name }) => `* ${scope.to("domain", [name])}`),
    ),
    ...scope.part("whoCalls", [shownPicture(scope, "calls")]),
    ...scope.part("money", money(scope)),
    ...scope.part("backups", farmBackups(scope)),
  ];
}
