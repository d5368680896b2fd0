"""
What no bundle declares: other people's accounts, files that take effect where they lie, packages held or added, open
ports, the packet filter as it runs. A snapshot of it is compared with an earlier one, the baseline.
"""

import re

from accounts import account_drift, accounts, may_log_in
from facts import packages_now
from finding import finding, unified
from listeners import listener_at, listeners
from strays import stray_drift, stray_files, watched
from tools import Failed, last_lines, read_bytes, run


def snapshot(bundle):
    """{kind: {name: value}}, plain data that JSON holds; beside it the list of directories that were `watched`."""
    people = accounts()
    return {
        "watched": watched(bundle),
        "account": people,
        "stray": stray_files(bundle, [account["home"] for account in people.values() if may_log_in(account)]),
        **packages(),
        "port": listeners(declared_ports(bundle)),
        "table": tables(),
    }


def packages():
    """Selections that keep apt from its work; what was installed by its name, not as a dependency; all versions."""
    present = packages_now()
    marks = (read_bytes("/var/lib/apt/extended_states") or b"").decode()
    dependencies = {*re.findall(r"^Package: (\S+)\n(?:.+\n)*?Auto-Installed: 1$", marks, re.M)}
    return {
        "selection": present.held,
        "added": {name: True for name in present.installed if name not in dependencies},
        "version": present.installed,
    }


def tables():
    """The live packet filter by table, without what changes by itself: counters, elements of named sets."""
    code, output = run(["nft", "--stateless", "--terse", "list", "ruleset"])
    if code == 127:
        return {}
    if code != 0:
        raise Failed(f"can't read the packet filter: {last_lines(output, 3)}")
    return {found[1]: found[0] for found in re.finditer(r"^table (\S+ \S+) \{.*?^\}\n", output, re.M | re.S)}


def declared_ports(bundle):
    """Names of the declared ports as `listeners` has them."""
    ports = (name.split(" ") for name in bundle.listen)
    return {f"{port} on loopback" if reach == "local" else port for port, reach in ports}


def undeclared_drift(differences, before, now):
    """Findings from the baseline and a snapshot of now."""
    bundle = differences.bundle
    return [
        *package_drift(bundle, before, now),
        *account_drift(differences, before["account"], now["account"]),
        *stray_drift(bundle, before["stray"], now["stray"]),
        *port_drift(bundle, before["port"], now["port"]),
        *table_drift(bundle, before["table"], now["table"]),
    ]


def package_drift(bundle, before, now):
    was, held = before["selection"], now["selection"]
    found = [finding("package", name, f"selection {was.get(name, 'install')} → {held.get(name, 'install')}")
             for name in sorted({*was, *held}) if was.get(name) != held.get(name) and name in now["version"]]
    return found + [finding("package", name, "is installed and not declared") for name in now["added"]
                    if name not in before["added"] and name not in bundle.packages]


def port_drift(bundle, before, now):
    """Ports that only this host itself gets to count when they are declared."""
    declared, found = declared_ports(bundle), []
    for name, socket in now.items():
        if name not in declared and name not in before and not name.endswith(" on loopback"):
            who = listener_at(socket["port"])
            found.append(finding("port", socket["port"], f"{who} listens on {socket['address']}, and nobody declared it"))
    # Some are open at times only, such as the one for a full copy of a database: those were not when all was well.
    return found + [finding("port", name, "nobody listens there any more") for name in sorted(declared)
                    if name in before and name not in now]


def table_drift(bundle, before, now):
    """Tables of our own rule for rule; of others, whose programs change them as they go, only whether they are new."""
    ours, found = "".join(file["content"] for file in bundle.file.values()), []
    for name in sorted({*before, *now}):
        mine = f"table {name} {{" in ours
        if name not in before:
            found.append(finding("firewall", name, "is a new table", unified(f"nft {name}", "", now[name])))
        elif mine and name not in now:
            found.append(finding("firewall", name, "is not loaded any more", unified(f"nft {name}", before[name], "")))
        elif mine and before[name] != now[name]:
            found.append(finding("firewall", name, "runs with other rules", unified(f"nft {name}", before[name], now[name])))
    return found


def upgrades(bundle, before, now):
    """Declared packages of another version than after the last change: no drift, security upgrades come by themselves."""
    was, versions = before["version"], now["version"]
    return [f"package {name}: {was[name]} → {versions[name]}" for name in bundle.packages
            if name in was and name in versions and was[name] != versions[name]]
