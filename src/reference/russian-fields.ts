/** The comments beside the fields of our schemas, in Russian, by their English text: changed there, it has to be changed here. */
export const FIELDS: Readonly<Record<string, string>> = {
  "What is promised: in `production` policies ask more of main applications.":
    "Что обещано: в `production` правила требуют от главных приложений большего.",
  "As people read it.": "Как это читают люди.",
  "What is demanded of the placement of quorums and main applications.":
    "Чего требуют от размещения кворумов и главных приложений.",
  "What a dollar costs, where prices are in dollars.": "Сколько стоит доллар, если есть цены в долларах.",
  "Places with machines of one provider.": "Места, где стоят машины одного провайдера.",
  "All machines, of whatever kind.": "Все машины, какими бы они ни были.",
  "Database clusters.": "Связки баз данных.",
  "What users use.": "То, чем пользуются люди.",
  "Databases for applications that the farm does not run yet.":
    "Базы данных для приложений, которых на ферме ещё нет.",
  "Zones of ours.": "Наши зоны.",
  "Names of hosts as mail servers.": "Имена серверов как почтовых.",
  "Names that lead elsewhere.": "Имена, ведущие в другое место.",
  "How users reach applications.": "Как пользователи попадают в приложения.",
  "Where a policy does not hold for a while.": "Где правило временно не действует.",
  "Generation of a secret by name, raised to rotate it. 1 where none is given.":
    "Номер поколения секрета по его имени; чтобы сменить секрет, номер увеличивают. Где номера нет, это 1.",
  "Versions to which the packages of a Debian source package are held on all hosts, such as `haproxy`.":
    "Версии, на которых на всех серверах держат пакеты одного исходного пакета Debian, например `haproxy`.",
  "Over how many physical machines members spread, at least.":
    "По скольким физическим машинам, не меньше, расходятся узлы связки.",
  "Over how many providers.": "По скольким провайдерам.",
  "Longest round trip between two members, milliseconds.":
    "Наибольшее время обмена между двумя узлами связки, миллисекунды.",
  "Nodes of a main application, at least.": "Сколько узлов, не меньше, у главного приложения.",
  "Euros for one dollar.": "Евро за один доллар.",
  "The day on which it was so.": "День, когда это было так.",
  "Where it was read.": "Где это прочитано.",
  "Its name, by which all else names it.": "Имя, по которому на него ссылается всё остальное.",
  "Who keeps the machines there; members of a quorum have to spread over several.":
    "Чьи там машины; узлы кворума должны стоять у нескольких провайдеров.",
  "Two letters (ISO 3166).": "Две буквы (ISO 3166).",
  "Round-trip times to other sites, milliseconds. One direction is enough.":
    "Время обмена с другими площадками, миллисекунды. Достаточно одного направления.",
  "The place where it is.": "Место, где он стоит.",
  "Where it comes from.": "Откуда он берётся.",
  "Address in the WireGuard mesh.": "Адрес в сети WireGuard.",
  "What it has; of a guest, what it may use.": "Сколько её есть; у гостя — сколько ему можно занять.",
  "What can be written to: of mirrored disks, one.":
    "Сколько можно записать: из зеркальных дисков считается один.",
  "Of the machine; a guest is in the price of its Proxmox host.":
    "Цена машины; гость входит в цену своего сервера Proxmox.",
  "Says that it is of this kind.": "Говорит, что это именно такой вид.",
  "What runs guests on it; without it there are none.": "Что на нём запускает гостей; без этого гостей нет.",
  "Threads that its processor runs at once: what guests share.":
    "Сколько потоков его процессор выполняет сразу: их делят гости.",
  "What it is made of, for its installation.": "Из чего он состоит; нужно для его установки.",
  "Number of the VLAN of the vSwitch that it is on: Hetzner's private network between servers. Hosts with one number are on one. The range is Hetzner's (docs.hetzner.com/robot/dedicated-server/network/vswitch).":
    "Номер VLAN того vSwitch (частной сети Hetzner между серверами), к которому он подключён. Серверы с одним номером — в одной сети. Диапазон задан Hetzner (docs.hetzner.com/robot/dedicated-server/network/vswitch).",
  "The two disks of the mirror, by their names under /dev/disk/by-id, which don't change as sda and sdb do. Their size is the host's `disk`. As long as they are not written here, nothing is ever written to any disk.":
    "Два диска зеркала, по именам в /dev/disk/by-id, которые, в отличие от sda и sdb, не меняются. Их размер — `disk` сервера. Пока они здесь не записаны, ни на какой диск ничего не пишется.",
  "Model of the network card that has the host's address.": "Модель сетевой карты, на которой адрес сервера.",
  "Model of the RAID controller, where there is one. No disk of the mirror may be behind it.":
    "Модель RAID-контроллера, если он есть. За ним не должно быть ни одного диска зеркала.",
  "A container (LXC) shares the kernel of its Proxmox host, and is the rule; a VM has its own.":
    "Контейнер (LXC) пользуется ядром своего сервера Proxmox, это обычный случай; у виртуальной машины ядро своё.",
  "The Proxmox host on which it is.": "Сервер Proxmox, на котором он стоит.",
  "Its number there.": "Его номер там.",
  "Threads that it may use at once.": "Сколько потоков ему можно занять сразу.",
  "After a boot of its Proxmox host guests start by this number, and those without one last.":
    "После загрузки сервера Proxmox гости стартуют по этому номеру, без номера — последними.",
  "Files of a container that have a volume of their own, and outlive what else is on its disk.":
    "Файлы контейнера на собственном томе; они переживают всё остальное на его диске.",
  "The directory in the container.": "Каталог в контейнере.",
  "Its quota; it may grow.": "Его квота; её можно увеличить.",
  "How many of its ZFS snapshots are kept.": "Сколько его снимков ZFS хранится.",
  "Of the last hours.": "За последние часы.",
  "Of the last days.": "За последние дни.",
  "Of the last months.": "За последние месяцы.",
  "What Contabo calls its size, such as VPS S.": "Как Contabo называет его размер, например VPS S.",
  "What Contabo calls its place: EU, US-central, SIN.":
    "Как Contabo называет его место: EU, US-central, SIN.",
  "What Contabo calls the system that is installed on it.":
    "Как Contabo называет систему, которая на нём установлена.",
  "DigitalOcean's name for its place.": "Имя его места у DigitalOcean.",
  "DigitalOcean's name for its size.": "Имя его размера у DigitalOcean.",
  "DigitalOcean's name for the system that it is made with.":
    "Имя системы, с которой его создают, у DigitalOcean.",
  "Whether it is at the provider already: it is then taken over by its number (`farms:imports`), and never made.":
    "Есть ли он уже у провайдера: тогда его берут под управление по номеру (`farms:imports`) и никогда не создают.",
  "The provider's weekly backups, a fifth of the price more.":
    "Еженедельные резервные копии провайдера, дороже на пятую часть цены.",
  "Hetzner Cloud's name for its place.": "Имя его места у Hetzner Cloud.",
  "Hetzner Cloud's name for its size.": "Имя его размера у Hetzner Cloud.",
  "Hetzner Cloud's name for the system that it is made with.":
    "Имя системы, с которой его создают, у Hetzner Cloud.",
  "What is asked for a month.": "Сколько просят за месяц.",
  "Hosts with the data; one of them takes the writes.": "Серверы с данными; один из них принимает запись.",
  "Rules of placement that the cluster may break for now, each with what to do about it. It is said at every plan; one that is not needed (any more) is refused.":
    "Правила размещения, которые связке пока можно нарушать, и что с каждым делать. Об этом говорит каждый план; уступка, которая не нужна (или больше не нужна), отклоняется.",
  "The rule that is broken.": "Правило, которое нарушено.",
  "What to do so that it holds again.": "Что сделать, чтобы оно снова выполнялось.",
  "Major version: 17 is Debian 13's, 15 Debian 12's. To raise it is the first of two steps: `farm-postgresql upgrade`.":
    "Основная версия: 17 — из Debian 13, 15 — из Debian 12. Увеличить её — первый из двух шагов: `farm-postgresql upgrade`.",
  "Hosts with the data and a vote each; one of them takes the writes, another confirms each of them.":
    "Серверы, у каждого данные и голос; один принимает запись, другой подтверждает каждую.",
  "A host with a vote and no data, which makes the number of votes odd.":
    "Сервер с голосом и без данных, чтобы число голосов было нечётным.",
  "While a witness is being replaced: the next one, which votes beside it.":
    "Пока свидетеля заменяют: следующий, он голосует рядом с прежним.",
  "Afterwards the former one, whose vote is given up.": "После этого прежний, который отдаёт голос.",
  "Hosts with a copy of the data that may be far away and late: for reading, and for when all members are lost.":
    "Серверы с копией данных, которые могут быть далеко и отставать: для чтения и на случай, если потеряны все узлы.",
  'How the others make sure that a member which they have lost sight of is off. "proxmox": its Proxmox host stops it. "none": nobody does, so they wait until its right to write has run out.':
    'Как остальные убеждаются, что узел, который пропал из виду, выключен. "proxmox": его останавливает сервер Proxmox. "none": никто, поэтому ждут, пока истечёт его право на запись.',
  "What is installed.": "Что установлено.",
  "Whether it is one of the main applications, which stand on as many nodes as placement.nodes says.":
    "Главное ли это приложение; у главных столько узлов, сколько говорит placement.nodes.",
  "Of its pages, and of what it writes itself.": "Язык его страниц и того, что оно пишет само.",
  "Where its database is.": "Где его база данных.",
  "Names by which users reach it; the first is the one that people see.":
    "Имена, по которым в него попадают; первое видят люди.",
  "Whether it is for administrators alone; where nothing is said, what is usual for the software counts.":
    "Только ли оно для администраторов; если не сказано, то как обычно для этой программы.",
  "Hosts that serve it.": "Серверы, на которых оно работает.",
  "Where it keeps files.": "Где оно хранит файлы.",
  "The server that takes the application's mail for others, without a password: it knows our hosts.":
    "Сервер, который принимает почту приложения для других без пароля: он знает наши серверы.",
  "The identity provider at which people log in (OpenID Connect).": "Где люди входят (OpenID Connect).",
  "The cluster that keeps it.": "Связка, в которой она хранится.",
  "Connections that the account may hold at once, over all nodes.":
    "Сколько соединений учётная запись может держать сразу, на всех узлах вместе.",
  "Connections that a pool on each node shares out among more clients (pgbouncer, a transaction at a time).":
    "Сколько соединений пул на каждом узле делит между большим числом клиентов (pgbouncer, по одной транзакции).",
  "Extensions, such as pg_trgm.": "Расширения, например pg_trgm.",
  'Files that users upload. "off" until shared file storage exists.':
    'Файлы, которые загружают пользователи. "off", пока нет общего файлового хранилища.',
  "The server's name.": "Имя сервера.",
  "The port on which it takes mail.": "Порт, на котором он принимает почту.",
  "The address that its mail comes from.": "Адрес, с которого приходит его почта.",
  "The provider's address.": "Адрес поставщика.",
  "What the application is called there.": "Как приложение называется там.",
  "The domain.": "Домен.",
  "The stack that keeps the zone, where this one only has some names in it: settings, mail and keys are its business.":
    "Стек, который ведёт зону, если у этого в ней только несколько имён: настройки, почта и ключи — его дело.",
  "Who has to be told of the zone's keys: Cloudflare's registrar tells itself.":
    "Кому надо сообщить ключи зоны: регистратор Cloudflare узнаёт их сам.",
  "Whether the zone is signed.": "Подписана ли зона.",
  "Who alone may issue certificates for names of this domain, by the name that an authority has for itself in CAA.":
    "Кто один может выдавать сертификаты для имён этого домена; имя центра такое, как он велит писать в CAA.",
  "Without it no name of the domain sends or takes mail, and the zone says so.":
    "Без этого ни одно имя домена не шлёт и не принимает почту, и зона так и говорит.",
  "Records that follow from nothing else here.": "Записи, которые не следуют ни из чего другого.",
  "Names that send and take mail: what stands in an address after the at sign.":
    "Имена, которые шлют и принимают почту: то, что в адресе после знака «собака».",
  "Names of mail servers (`mailServers`), the one that is asked first first.":
    "Имена почтовых серверов (`mailServers`); первым тот, к которому обращаются сначала.",
  "Others who send mail for us.": "Другие, кто шлёт почту за нас.",
  "What is said of mail that only pretends to be ours.":
    "Что сказано о почте, которая только выдаёт себя за нашу.",
  'Whether others have to send by TLS: "testing" only has them report.':
    'Обязаны ли другие слать по TLS: при "testing" они только шлют отчёты.',
  "Who gets reports about TLS that failed.": "Кто получает отчёты о сбоях TLS.",
  "Keys that sign mail, made on the mail server, which alone has the private halves.":
    "Ключи, которыми подписана почта; их делает почтовый сервер, и закрытые половины есть только у него.",
  "The domain that they ask to be included.": "Домен, который они просят включить.",
  "Look-ups that their own record costs, their includes' included.":
    "Сколько запросов стоит их собственная запись вместе с тем, что включает она.",
  "Their addresses, where theirs are written in place of the include, which then costs no look-up.":
    "Их адреса, если записаны они, а не ссылка на домен: тогда запросов не нужно.",
  "What others are to do with mail that is not ours.": "Что другим делать с почтой не от нас.",
  "Who gets their reports.": "Кто получает их отчёты.",
  "Its label in DNS.": "Его метка в DNS.",
  "Base64: the DER of an RSA public key, or the 32 bytes of an Ed25519 one.":
    "Base64: DER открытого ключа RSA или 32 байта ключа Ed25519.",
  "The name that leads there.": "Имя, которое туда ведёт.",
  "The host.": "Сервер.",
  "The record's type.": "Тип записи.",
  "The name that has the record.": "Имя, у которого эта запись.",
  "As in a zone file, names in full without a dot at the end; of TXT the bare text.":
    "Как в файле зоны, имена целиком без точки в конце; у TXT сам текст.",
  "Of MX, SRV and HTTPS.": "У MX, SRV и HTTPS.",
  "Seconds for which resolvers may keep it; Cloudflare takes these for records that it does not stand before.":
    "Сколько секунд её могут помнить; Cloudflare берёт это для записей, перед которыми не стоит сама.",
  "Its name.": "Его имя.",
  "The host that has it.": "Сервер, у которого оно.",
  "The name that leads elsewhere.": "Имя, ведущее в другое место.",
  "An application, by its name here, or an address that begins with https://. Path and query are kept unless the address has a path of its own.":
    "Приложение, по имени здесь, или адрес, который начинается с https://. Путь и запрос сохраняются, если у адреса нет своего пути.",
  "What browsers are told: 301 and 308 are for good, and they keep them.":
    "Что говорят браузерам: 301 и 308 — навсегда, и браузеры это помнят.",
  "Hosts of ours with public addresses, which pass requests to live nodes.":
    "Наши серверы с внешними адресами, которые передают запросы живым узлам.",
  "Hosts that answer for the zones themselves, and tell the addresses of live edge hosts alone. Without them the zones are somebody else's to answer for.":
    "Серверы, которые сами отвечают за зоны и называют адреса только живых серверов входа. Без них за зоны отвечает кто-то другой.",
  "The policy's name, as `farm policy` tells it.": "Имя правила, как его называет `farm policy`.",
  'As the policy says it: "host db1", "application pravka".':
    'Как говорит правило: "host db1", "application pravka".',
  "Who answers for it.": "Кто за это отвечает.",
  "The last day on which it counts.": "Последний день, когда оно действует.",
  "Why it is needed.": "Зачем оно нужно.",
  "Addresses outside the mesh, by host.": "Адреса вне сети WireGuard, по серверам.",
  "By Proxmox host, its own address in the network in which its guests stand behind it.":
    "По серверам Proxmox: собственный адрес в сети, в которой за ним стоят гости.",
  "IPv6 addresses outside the mesh, by host, of those that have one.":
    "Адреса IPv6 вне сети WireGuard, по серверам, у которых они есть.",
  "By Proxmox host, its own address in the IPv6 network that is routed to it, in which its guests get theirs.":
    "По серверам Proxmox: собственный адрес в сети IPv6, которая маршрутизируется на него и в которой получают адреса его гости.",
  "By host, its address in the network of the vSwitch that it is on.":
    "По серверам: адрес в сети vSwitch, к которому сервер подключён.",
  "Who may log in to the hosts.": "Кому можно входить на серверы.",
  "HTTP proxy through which hosts fetch packages; without it they reach the mirrors directly.":
    "HTTP-прокси, через который серверы берут пакеты; без него они обращаются к зеркалам сами.",
  "Resolvers that hosts may ask for names; without any they ask none.":
    "Серверы имён, к которым серверам фермы можно обращаться; если их нет, обращаться нельзя ни к кому.",
  "Hosts that had a life before the farm and may be taken over. Without it they are looked at and left alone.":
    "Серверы, у которых была жизнь до фермы и которые можно взять под управление. Без этого их только осматривают и не трогают.",
  "What is at a provider already and is taken over instead of made: its number there, by host.":
    "Что у провайдера уже есть и берётся под управление, а не создаётся: номер там, по серверам.",
  "Cloudflare's numbers for what it keeps for us; without it our names are planned, and nothing is registered there.":
    "Номера того, что для нас хранит Cloudflare; без них наши имена только планируются, и там ничего не регистрируется.",
  "Machines that are there for a training, by its name.": "Машины для учебного курса, по его имени.",
  "Their account on the hosts, and their name in the history.": "Учётная запись на серверах и имя в истории.",
  "What they speak, the preferred one first.": "На чём говорит; первым язык, который предпочитает.",
  "By which Cloudflare knows them before administrative applications.":
    "По нему Cloudflare узнаёт человека перед приложениями для администраторов.",
  "Their public SSH keys.": "Открытые ключи SSH.",
  "Our account there.": "Наша учётная запись там.",
  "Zones that are there already and are taken over instead of made, by domain.":
    "Зоны, которые там уже есть и берутся под управление, а не создаются; по доменам.",
  "Records that are there already and are taken over instead of made, by the names that `farm dns` has for them; `made` in place of the number of one that was deleted there since.":
    "Записи, которые там уже есть и берутся под управление, а не создаются; по именам, которыми их называет `farm dns`; `made` вместо номера той, которую там с тех пор удалили.",
  "Rulesets that are there already and get our rules in place of theirs, by zone and phase as `farm dns` names them.":
    "Наборы правил, которые там уже есть и получают наши правила вместо своих; по зоне и фазе, как их называет `farm dns`.",
  "Machines, one a student.": "Сколько машин: по одной на студента.",
  "What Hetzner Cloud calls that size.": "Как Hetzner Cloud называет этот размер.",
  "What Hetzner Cloud calls the image, or the number of a snapshot.":
    "Как Hetzner Cloud называет образ, или номер снимка.",
  "Where they are.": "Где они стоят.",
  "The last day.": "Последний день.",
  "Of the page that students are handed.": "Язык страницы, которую раздают студентам.",
  "Of one machine.": "Цена одной машины.",
  "32 bytes in base64, from which all passwords and keys of the farm derive: `openssl rand -base64 32`.":
    "32 байта в base64, из которых выводятся все пароли и ключи фермы: `openssl rand -base64 32`.",
  "Private SSH key of whoever runs the program, such as a CI's; without it the SSH agent is asked.":
    "Закрытый ключ SSH того, кто запускает программу, например CI; без него спрашивают агента SSH.",
  "`USER:PASSWORD` of Hetzner Robot's web service, for `farm rebuild` and `farm vswitch`.":
    "`USER:PASSWORD` веб-службы Hetzner Robot, для `farm rebuild` и `farm vswitch`.",
  "`CLIENT-ID:CLIENT-SECRET:API-USER:API-PASSWORD` of Contabo's API, for `farm rebuild`.":
    "`CLIENT-ID:CLIENT-SECRET:API-USER:API-PASSWORD` API Contabo, для `farm rebuild`.",
  "A token for Cloudflare, where names are registered there.":
    "Токен Cloudflare, если имена зарегистрированы там.",
  "A token for DigitalOcean, where there are droplets.": "Токен DigitalOcean, если есть дроплеты.",
  "A token for Hetzner Cloud, where there are servers or trainings.":
    "Токен Hetzner Cloud, если там есть серверы или учебные курсы.",
  "The farm's own authority, by which these hosts make their certificates.":
    "Собственный центр сертификации фермы: по нему эти серверы делают свои сертификаты.",
  "Without it users are shown certificates of the farm's own authority, which they have to be told to trust.":
    "Без этого люди видят сертификаты собственного центра фермы, и им надо сказать, что ему можно верить.",
  "The day with whose beginning a host can sign no more, until a later one is written here and applied.":
    "День, с начала которого сервер больше не может подписывать, пока здесь не напишут и не применят более поздний.",
  "Its address; without it Let's Encrypt's.": "Его адрес; если не написан, это Let's Encrypt.",
  "To whom it writes when something is wrong.": "Кому он пишет, когда что-то не так.",
  "Where the connectors' program comes from, where Cloudflare is the edge.":
    "Откуда берётся программа коннекторов, если вход — Cloudflare.",
  "The public key by which its packages are known, armoured.":
    "Открытый ключ, по которому узнают её пакеты, в виде текста (armor).",
  'An apt repository with suite "any" and component "main": Cloudflare\'s own, or a mirror.':
    "Репозиторий apt с выпуском «any» и разделом «main»: самой Cloudflare или зеркало.",
};
