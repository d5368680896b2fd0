"""MariaDB on this host: databases and accounts, as root by its socket. What each function is for: see databases.py."""

import re

from tools import Failed, last_lines, native_hash, run

UNITS = ("farm-galera.service", "mariadb.service")

PASSWORD_HASH = r"\*[0-9A-Fa-f]{40}"


def sql(statement):
    """Rows of a query; the statement goes by stdin, not the command line."""
    code, output = run(["mariadb", "--batch", "--skip-column-names", "--raw"], stdin=statement, limit=30)
    if code != 0:
        # The client repeats the statement before the error; and the error may quote a former password's hash from it.
        raise Failed(f"MariaDB says: {re.sub(PASSWORD_HASH, '[secret]', last_lines(output, 1))}", UNITS)
    return [line.split("\t") for line in output.splitlines()]


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def user_of(name):
    return f"{quote(name)}@'%'"


def serves(bundle):
    return "mariadb-server" in bundle.packages


def unready():
    """In a cluster the server has to be synced first."""
    rows = dict(sql("SHOW STATUS LIKE 'wsrep_ready'; SHOW VARIABLES LIKE 'wsrep_on'"))
    return None if rows.get("wsrep_on", "OFF") == "OFF" or rows.get("wsrep_ready") == "ON" else "the cluster is not ready"


def look(accounts):
    present = {row[0] for row in sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    known = {row[0] for row in sql("SELECT User FROM mysql.user WHERE Host = '%'")}
    return dict.fromkeys(present, True), {name: describe(name) for name in accounts if name in known}


def describe(name):
    """The statements that would make an account anew: first its CREATE USER, then its grants."""
    return [row[0] for row in sql(f"SHOW CREATE USER {user_of(name)}; SHOW GRANTS FOR {user_of(name)}")]


def settle_database(name, _, present):
    if present:
        return False
    sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    return True


def account_changes(name, account, password, present, clients_move):
    user, wanted = user_of(name), native_hash(password)
    create, *granted = present or [""]
    grants = {grant for grant in account["grants"].split("; ") if grant}
    others = {re.sub(r"^GRANT (.*) TO .*$", r"\1", grant) for grant in granted if not grant.startswith("GRANT USAGE ON *.*")}
    locked, hashes = "ACCOUNT LOCK" in create, password_hashes(create)
    accepted = [wanted, *(each for each in hashes if each != wanted)] if clients_move and not locked else [wanted]
    changes = []
    if hashes != accepted or locked:
        changes.append(f"CREATE USER IF NOT EXISTS {user} {identified_by(accepted)}; ALTER USER {user} {identified_by(accepted)} ACCOUNT UNLOCK")
    if others != grants:
        changes.append("; ".join([f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *(f"GRANT {grant} TO {user}" for grant in sorted(grants))]))
    return changes


def change(statements):
    for statement in statements:
        sql(statement)


def lock(name, _):
    sql(f"ALTER USER {user_of(name)} ACCOUNT LOCK")


def return_account(name, described):
    user = user_of(name)
    if described is None:
        sql(f"ALTER USER IF EXISTS {user} ACCOUNT LOCK")
        return
    create, *grants = described
    unlock = "" if "ACCOUNT LOCK" in create else " ACCOUNT UNLOCK"
    sql("; ".join([create.replace("CREATE", "ALTER", 1) + unlock, f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *grants]))


def retire(name, _, password):
    wanted = native_hash(password)
    if password_hashes(describe(name)[0]) == [wanted]:
        return False
    sql(f"ALTER USER {user_of(name)} {identified_by([wanted])}")
    return True


def password_hashes(create):
    """The hashes by which an account's CREATE USER lets clients in, or [] when they come in by anything else."""
    identified = re.search(r" IDENTIFIED (BY PASSWORD|VIA) (.*?)(?= REQUIRE | WITH | PASSWORD EXPIRE| ACCOUNT |$)", create)
    if not identified:
        return []
    if identified[1] == "BY PASSWORD":
        return [identified[2].strip("'")]
    ways = [re.fullmatch(rf"mysql_native_password USING '({PASSWORD_HASH})'", way) for way in identified[2].split(" OR ")]
    return [way[1] for way in ways] if all(ways) else []


def identified_by(hashes):
    """As CREATE and ALTER USER have it. MariaDB 11.8 takes one plugin several times, and tries them in this order."""
    if len(hashes) == 1:
        return f"IDENTIFIED BY PASSWORD '{hashes[0]}'"
    return "IDENTIFIED VIA " + " OR ".join(f"mysql_native_password USING '{each}'" for each in hashes)
