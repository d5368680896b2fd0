/** What the command line says of itself, in Russian, by its English text: changed there, it has to be changed here. */
export const COMMANDS: Readonly<Record<string, string>> = {
  "Plans, runs and tries the farm: declared in stacks/, applied by `pulumi up`, tried on its twin.":
    "Планирует, ведёт и пробует ферму: она объявлена в stacks/, применяется командой `pulumi up`, пробуется на двойнике.",
  "print what a stack's declaration means for every host; needs no engine, network, password or root":
    "напечатать, что объявление стека значит для каждого сервера; не нужны ни Pulumi, ни сеть, ни пароль, ни root",
  "the stack": "стек",
  "all of it, for programs": "всё целиком, для программ",
  "the complete bundle of one host": "полный bundle одного сервера",
  "what of the rules that must always hold does not, and why they are there; exit code 1 if that stops `pulumi up`; needs no engine, network, password or root":
    "какие из правил, которые должны выполняться всегда, не выполняются, и зачем они; код завершения 1, если это останавливает `pulumi up`; не нужны ни Pulumi, ни сеть, ни пароль, ни root",
  "draw a stack: what stands where as .svg, or with it the way of requests, all calls and the quorums as one .html page; needs no engine, network, password or root":
    "нарисовать стек: что где стоит, в .svg, или то же с путём запросов, всеми обращениями и кворумами на одной странице .html; не нужны ни Pulumi, ни сеть, ни пароль, ни root",
  "the file to write, .svg or .html": "файл, который записать, .svg или .html",
  "of the picture; without it a page has both, and a picture is in English":
    "язык рисунка; без этого на странице оба, а рисунок на английском",
  "trainings that are up, and what they cost; exit code 1 when one is over: made for a daily run":
    "учебные курсы, машины которых работают, и сколько они стоят; код завершения 1, если какой-то уже кончился: для ежедневного запуска",
  "what is lost with a host and its disk, what comes back from where, and every step; changes nothing without --execute":
    "что пропадёт вместе с сервером и его диском, что откуда вернётся, и каждый шаг; без --execute ничего не меняет",
  "the host": "сервер",
  "ask a whole server what it is made of, or Contabo for a virtual one, and compare; exit code 1 if anything differs":
    "спросить у физического сервера, из чего он состоит, а о виртуальном — у Contabo, и сравнить; код завершения 1, если что-то отличается",
  "install Proxmox VE on a whole server, or Debian on a virtual one of Contabo's, over all that is on it":
    "установить Proxmox VE на физический сервер или Debian на виртуальный сервер Contabo поверх всего, что на нём есть",
  "its name once more; nothing is executed without": "его имя ещё раз; без этого ничего не выполняется",
  "the SSH host key of the rescue system, read on its console, where Robot names none":
    "ключ SSH спасательной системы, прочитанный на её консоли, если Robot его не называет",
  "how the declared vSwitches are at Hetzner's Robot; changes nothing without --execute; exit code 1 while something is left":
    "как объявленные vSwitch выглядят в Robot Hetzner; без --execute ничего не меняет; код завершения 1, пока что-то осталось",
  "make them and join the servers that are missing; nobody is taken out":
    "создать их и подключить недостающие серверы; никого не отключает",
  "what the working tree changes on every host since a commit; exit code 1 if anything, 2 if it can't tell; needs no engine, cloud, password or root":
    "что рабочая копия меняет на каждом сервере по сравнению с коммитом; код завершения 1, если что-то меняет, 2, если узнать нельзя; не нужны ни Pulumi, ни облако, ни пароль, ни root",
  "a commit, branch or tag": "коммит, ветка или метка",
  "for programs": "для программ",
  "for a comment on a pull request": "для комментария к запросу на слияние",
  "the farm's pages on a wiki": "страницы фермы в вики",
  "write what is declared, and what this computer has measured, as pages in both languages: an overview with pictures, one for each host, cluster, application and domain; of a page only the parts that are ours, and only where they differ; the account's password is in FARM_WIKI_PASSWORD":
    "записать объявленное и измеренное на этом компьютере страницами на обоих языках: обзор со схемами и по странице на сервер, связку, приложение и домен; на странице только наши части и только если они отличаются; пароль учётной записи — в FARM_WIKI_PASSWORD",
  "the account, as Special:BotPasswords names it (Admin@farm)":
    "учётная запись, как её называет Special:BotPasswords (Admin@farm)",
  "the wiki (default: the stack's own)": "вики (если не сказано, то своя у стека)",
  "show what would change, as a patch": "показать, что изменилось бы, в виде патча",
  "names and zones": "имена и зоны",
  "records that zones at Cloudflare have and nobody declared, and declared ones that are there from before; exit code 1 if any; changes nothing":
    "записи в зонах у Cloudflare, которых никто не объявлял, и объявленные, которые там были раньше; код завершения 1, если такие есть; ничего не меняет",
  "what name servers and a resolver answer, against what is declared: delegation, records, signatures, mail, certificates; exit code 1 if anything is found; changes nothing":
    "что отвечают серверы имён, против того, что объявлено: делегирование, записи, подписи, почта, сертификаты; код завершения 1, если что-то найдено; ничего не меняет",
  "a resolver that validates (default: this computer's)":
    "сервер имён, который проверяет подписи (если не сказано, то этого компьютера)",
  "what on the hosts differs from what was applied, whoever changed it; changes nothing":
    "что на серверах отличается от применённого, кто бы это ни изменил; ничего не меняет",
  "one host instead of all": "один сервер вместо всех",
  "what was applied to a host when, from which commit, by whom":
    "что, когда, из какого коммита и кем было применено к серверу",
  "first contact with a machine that was not made by the program: gives it the farm's SSH host key":
    "первый контакт с машиной, которую создала не программа: даёт ей ключ SSH фермы",
  "the key that it shows now: its /etc/ssh/ssh_host_ed25519_key.pub, read on the provider's console":
    "ключ, который она показывает сейчас: её /etc/ssh/ssh_host_ed25519_key.pub, прочитанный на консоли провайдера",
  "the steps by which host NEW takes over from HOST, and how far each is; changes nothing; exit code 1 while something is left":
    "шаги, которыми сервер NEW заменяет HOST, и что уже сделано; ничего не меняет; код завершения 1, пока что-то осталось",
  "the one that leaves": "тот, что уходит",
  "the one that takes over; it need not be declared yet": "тот, что заменяет; он может быть ещё не объявлен",
  "bring a host back to the bundle before the present one, or number N of its history; 0 makes the present one so again":
    "вернуть сервер к предыдущему bundle или к номеру N его истории; 0 снова приводит его к нынешнему",
  "a number from `history`": "номер из `history`",
  "go ahead without asking": "не спрашивать",
  "the farm on this one machine: every declared host a booted Debian, with no way out (needs root)":
    "ферма на одной этой машине: каждый объявленный сервер — загруженный Debian без выхода наружу (нужен root)",
  "boot and apply a stack; run again, it does what is left to do":
    "загрузить и применить стек; запущенная снова, делает то, что осталось",
  "first port on 127.0.0.1 for your browser": "первый порт на 127.0.0.1 для браузера",
  "hosts, probes, clusters, applications, certificates and changes that wait":
    "серверы, пробы, связки, приложения, сертификаты и изменения, которые ждут",
  "a shell on a host": "оболочка на сервере",
  "one command on a host: farm twin run db1 -- uptime":
    "одна команда на сервере: farm twin run db1 -- uptime",
  "what to run there, after --": "что там выполнить, после --",
  "pull the plug of hosts, all at once; a Proxmox host takes its guests with it":
    "выдернуть серверы из розетки, все сразу; с сервером Proxmox выключаются его гости",
  "the hosts": "серверы",
  "a real one: what was not flushed to the disk is gone":
    "настоящее отключение: что не записано на диск, пропало",
  "put broken hosts back: all of them, or those named": "вернуть выключенные серверы: все или названные",
  "the hosts, in place of all": "серверы, вместо всех",
  "power all hosts off; their disks stay": "выключить все серверы; диски остаются",
  "delete the disks, keys and state of this twin as well":
    "удалить также диски, ключи и состояние этого двойника",
  "break the twin under a stream of writes, put it back, and tell what was refused and lost":
    "сломать двойник под потоком записей, починить и сказать, что было отклонено и потеряно",
  "a drill, `all`, or `list`, which shows them": "учения, `all` или `list`, который их показывает",
  "the database cluster, in place of the first that is declared":
    "связка баз данных, вместо первой объявленной",
  "the hosts to break, in place of the drill's own":
    "серверы, которые сломать, вместо тех, что в самих учениях",
  "how often": "сколько раз",
  "the certificate by which browsers trust the edge: farm twin authority > farm.pem":
    "сертификат, по которому браузеры доверяют входу: farm twin authority > farm.pem",
};
