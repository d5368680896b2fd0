#!/usr/bin/python3 -B
"""farm-postgresql: this host's part in a PostgreSQL cluster that Patroni and etcd run.

    farm-postgresql status [--json]     all hosts of the cluster: who takes the writes, who confirms them, who is late
    farm-postgresql ready               whether this host does what it is for; exits 1 and says why when it does not
    farm-postgresql may-change          whether the cluster can do without this host for a while; exits 1 and says why not
    farm-postgresql founding NAME...    says whom a cluster that was never there waits for, if only for NAMEs; else exits 1
    farm-postgresql switchover [TO]     another member takes the writes, without a loss
    farm-postgresql upgrade [--check] VERSION
                                        on the primary: the data becomes of the declared version; the former data is kept.
                                        Writes are away while it is copied. --check: only looks whether it could
    farm-postgresql upgrade --back [--lose-writes]
                                        on the same host: back to the former data as it was; tells what that loses
    farm-postgresql upgrade --lost NAME where the host of an upgrade under way is off for good: the others go on as before it
    farm-postgresql remove-former       deletes what this host has kept of other versions
    farm-postgresql recover-etcd --lost NAME...
                                        where the majority of the votes is off for good: this one goes on with its data
    farm-postgresql promote --lost NAME... [--accept-loss SECONDS]
                                        where all members and votes are lost for good: this far copy goes on alone; without
                                        the second word it only says what would be lost
    farm-postgresql not-promoted NAME...
                                        a far copy that does not answer was not promoted: votes that wait for it may begin

For systemd: join-votes (etcd.service), prepare-data and reload (patroni.service), watch (farm-postgresql.service).
For the agent: may-copy.
"""

import sys

import decide
import host
from state import survey, with_undeclared


def say_no(text):
    if text:
        sys.exit(text)


def main(arguments):
    config = host.load()
    match arguments:
        case ["status", *rest] if rest in ([], ["--json"]):
            import status
            status.show(config, survey(config), bool(rest))
        case ["ready"]:
            say_no(decide.unready(config["name"], config["part"], survey(config, [config["name"]])))
        case ["may-change"]:
            seen = with_undeclared(config, survey(config))
            say_no(decide.objection(config["name"], config["part"], config["members"], seen))
        case ["founding", *later]:
            import votes
            votes.found_later(config, later)
        case ["switchover", *to] if len(to) < 2:
            import operate
            operate.switchover(config, to[0] if to else None)
        case ["upgrade", "--back", *sure] if sure in ([], ["--lose-writes"]):
            import upgrade
            upgrade.back(config, bool(sure))
        case ["upgrade", "--lost", name]:
            import upgrade
            upgrade.lost(config, name)
        case ["upgrade", *only, version] if only in ([], ["--check"]) and version.isdigit():
            import upgrade
            upgrade.upgrade(config, int(version), bool(only))
        case ["remove-former"]:
            import upgrade
            upgrade.remove_former(config)
        case ["recover-etcd", "--lost", name, *names]:
            import votes
            votes.recover(config, [name, *names])
        case ["promote", "--lost", name, *names] if not any(n.startswith("-") for n in [name, *names]):
            import promote
            promote.promote([name, *names], None)
        case ["promote", "--lost", name, *names, "--accept-loss", seconds] if seconds.isdigit():
            import promote
            promote.promote([name, *names], int(seconds))
        case ["not-promoted", name, *names]:
            import votes
            votes.vouch(config, [name, *names])
        case ["may-copy"]:
            import promote
            say_no(promote.may_copy())
        case ["join-votes"]:
            import votes
            votes.begin(config)
        case ["prepare-data"]:
            import operate
            operate.prepare_data(config)
        case ["reload"]:
            import operate
            operate.reload(config)
        case ["watch"]:
            import watch
            watch.watch(config)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
