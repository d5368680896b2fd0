/** Four changes as somebody could send them, and what there is to say of what author and reviewer see then. */
import type { Texts } from "../../src/map/words.ts";
import type { Edit } from "./run.ts";

export interface Example {
  readonly title: Texts;
  readonly edit: Edit;
  readonly stack: string;
  /** What the author is up to. */
  readonly intent: Texts;
  /** What to make of what is seen. */
  readonly verdict: Texts;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: { en: "One that opens 111/udp", ru: "Открывает 111/udp" },
    edit: {
      file: "src/roles/edge.ts",
      before: `      { service: "https", protocol: "tcp", port: 443, reach: "world" },\n`,
      after: `      { service: "https", protocol: "tcp", port: 443, reach: "world" },\n      { service: "portmapper", protocol: "udp", port: 111, reach: "world" },\n`,
    },
    stack: "lab",
    intent: {
      en: "An NFS share is to be tried on the edge, and its client asks for the portmapper.",
      ru: "На входе хотят попробовать NFS, а клиент спрашивает portmapper.",
    },
    verdict: {
      en: "The comment shows the port in the firewalls of the host that opens it and of its Proxmox host, which lets it through. The policy ends with 1, so the check is red and can't be merged; `pulumi preview` and `pulumi up` refuse it too.",
      ru: "Комментарий показывает порт в брандмауэре сервера, который его открывает, и его сервера Proxmox, который это пропускает. Правило завершается с кодом 1: проверка красная, слить нельзя; `pulumi preview` и `pulumi up` тоже откажут.",
    },
  },
  {
    title: {
      en: "One that places two votes of a quorum on one machine",
      ru: "Ставит два голоса кворума на одну машину",
    },
    edit: { file: "stacks/prod.ts", before: `witness: "do-nyc1-b",`, after: `witness: "web1",` },
    stack: "prod",
    intent: {
      en: "The witness is to stand nearer to the members. `web1` is a guest of the machine that has `pg1`.",
      ru: "Свидетель должен стоять ближе к узлам. `web1` — гость той же машины, что и `pg1`.",
    },
    verdict: {
      en: "There is no plan of such a farm, so there is no comment: both commands end with 2 and say which rule, where, and what to write. Nothing gets as far as the policies.",
      ru: "Плана такой фермы нет, поэтому нет и комментария: обе команды завершаются с кодом 2 и говорят, какое правило, где и что написать. До правил дело не доходит.",
    },
  },
  {
    title: { en: "One that drops a backup", ru: "Убирает резервную копию" },
    edit: {
      file: "stacks/prod.ts",
      before: `size: "s-1vcpu-2gb", exists: true },`,
      after: `size: "s-1vcpu-2gb", exists: true, backups: false },`,
    },
    stack: "prod",
    intent: {
      en: "Somebody saves a fifth of the droplets' price. The farm has no backups of its own yet; the provider's are what comes nearest.",
      ru: "Кто-то экономит пятую часть цены дроплетов. Собственных резервных копий у фермы ещё нет; ближе всего к ним копии провайдера.",
    },
    verdict: {
      en: "`copies-kept` refuses it and says why. Whoever has a reason adds an exception with an owner and an end, which the reviewer then reads in the same diff. The money does not change by itself: prices are declared.",
      ru: "`copies-kept` отказывает и говорит почему. У кого есть причина, тот добавит исключение с ответственным и сроком, и рецензент прочтёт его в том же diff. Деньги сами не меняются: цены объявлены.",
    },
  },
  {
    title: { en: "One that only rewords a comment", ru: "Только меняет комментарий" },
    edit: {
      file: "src/roles/edge.ts",
      before: "// The addresses may come up after us.",
      after: "// We may start before the addresses are up.",
    },
    stack: "lab",
    intent: { en: "A comment is said better.", ru: "Комментарий сказан лучше." },
    verdict: {
      en: "Nothing reaches any host, and the comment says so: nobody needs to read further.",
      ru: "Ни на один сервер ничего не попадёт, и комментарий так и говорит: дальше можно не читать.",
    },
  },
];
