#!/usr/bin/python3 -B
"""farm-postgresql: this host's part in a PostgreSQL cluster that Patroni and etcd run.

    farm-postgresql status [--json]     all hosts of the cluster: who takes the writes, who confirms them, who is late
    farm-postgresql ready               whether this host does what it is for; exits 1 and says why when it does not
    farm-postgresql may-change          whether the cluster can do without this host for a while; exits 1 and says why not
    farm-postgresql switchover [TO]     another member takes the writes, without a loss
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
        case ["switchover", *to] if len(to) < 2:
            import operate
            operate.switchover(config, to[0] if to else None)
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
