"""Databases and their accounts."""

import os
import re
import time

from former import load_former, save_former
from state import TRANSACTION
from tools import Failed, POLL, last_lines, native_hash, run

PASSWORD_HASH = r"\*[0-9A-Fa-f]{40}"


DATABASE_LIMIT = 90


def sql(statement):
    """Rows of a query on the local MariaDB, as root by its socket; the statement goes by stdin, not the command line."""
    code, output = run(["mariadb", "--batch", "--skip-column-names", "--raw"], stdin=statement, limit=30)
    if code != 0:
        # The client repeats the statement before the error; and the error may quote a former password's hash from it.
        raise Failed(f"MariaDB says: {re.sub(PASSWORD_HASH, '[secret]', last_lines(output, 1))}")
    return [line.split("\t") for line in output.splitlines()]


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def await_database():
    """Waits until the local server takes writes: in a cluster it has to be synced first."""
    end = time.monotonic() + DATABASE_LIMIT
    answer = "no answer"
    while time.monotonic() < end:
        try:
            rows = dict(sql("SHOW STATUS LIKE 'wsrep_ready'; SHOW VARIABLES LIKE 'wsrep_on'"))
            if rows.get("wsrep_on", "OFF") == "OFF" or rows.get("wsrep_ready") == "ON":
                return
            answer = "the cluster is not ready"
        except Failed as failure:
            answer = str(failure)
        time.sleep(POLL)
    raise Failed(f"the database takes no writes within {DATABASE_LIMIT} s: {answer}")


def settle_databases(bundle, state, secrets):
    """Databases and accounts as declared. Databases are never dropped; accounts we made and no longer want are locked."""
    accounts = bundle.database_account
    gone = [name for name in state.accounts_made if name not in accounts]
    if not (bundle.database or accounts or gone):
        return []
    await_database()
    changes = []
    state.accounts_made = sorted({*state.accounts_made, *accounts})
    state.save()
    present = {row[0] for row in sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    for name in bundle.database:
        if name not in present:
            sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            changes.append(f"database {name}: make")
    known = {row[0] for row in sql("SELECT User FROM mysql.user WHERE Host = '%'")}
    for name, account in accounts.items():
        if settle_account(name, account, secrets, name in known, state, moving(account["secret"], bundle, state)):
            changes.append(f"database account {name}: {'change' if name in known else 'make'}")
    for name in gone:
        if name in known:
            remember_account(name, describe_database_account(name), state)
            sql(f"ALTER USER {quote(name)}@'%' ACCOUNT LOCK")
            changes.append(f"database account {name}: lock")
    state.accounts_made = sorted(accounts)
    state.save()
    return changes


def describe_database_account(name):
    """The statements that would make an account anew: first its CREATE USER, then its grants."""
    user = f"{quote(name)}@'%'"
    return [row[0] for row in sql(f"SHOW CREATE USER {user}; SHOW GRANTS FOR {user}")]


def remember_account(name, described, state):
    former = load_former(state)
    if name not in former["databaseAccounts"]:
        former["databaseAccounts"][name] = described
        os.makedirs(TRANSACTION, 0o700, exist_ok=True)
        save_former(former)


def return_accounts(accounts, attempt):
    """Makes accounts what `describe_database_account` said they were, each as an `attempt`, once the server takes that."""
    await_database()
    for name, described in accounts.items():
        attempt(return_account, name, described)


def return_account(name, described):
    user = f"{quote(name)}@'%'"
    if described is None:
        sql(f"ALTER USER IF EXISTS {user} ACCOUNT LOCK")
        return
    create, *grants = described
    lock = "" if "ACCOUNT LOCK" in create else " ACCOUNT UNLOCK"
    sql("; ".join([create.replace("CREATE", "ALTER", 1) + lock, f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *grants]))


def moving(secret, bundle, state):
    """Whether clients may still come with a former password: from a raised generation until that one is retired."""
    generation = int(bundle.secret.get(secret, {}).get("generation", 1))
    return generation > 1 and state.retired.get(secret) != generation


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


def settle_account(name, account, secrets, exists, state, clients_move):
    """Makes one account so; returns whether that changed anything. While clients move, former passwords stay good."""
    user = f"{quote(name)}@'%'"
    wanted = native_hash(secrets[account["secret"]])
    described = describe_database_account(name) if exists else None
    create, *present = described or [""]
    grants = {grant for grant in account["grants"].split("; ") if grant}
    others = {re.sub(r"^GRANT (.*) TO .*$", r"\1", grant) for grant in present if not grant.startswith("GRANT USAGE ON *.*")}
    locked, hashes = "ACCOUNT LOCK" in create, password_hashes(create)
    accepted = [wanted, *(each for each in hashes if each != wanted)] if clients_move and not locked else [wanted]
    usable = hashes == accepted and not locked
    if usable and others == grants:
        return False
    remember_account(name, described, state)
    if not usable:
        sql(f"CREATE USER IF NOT EXISTS {user} {identified_by(accepted)}; ALTER USER {user} {identified_by(accepted)} ACCOUNT UNLOCK")
    if others != grants:
        sql("; ".join([f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}", *(f"GRANT {grant} TO {user}" for grant in sorted(grants))]))
    return True


def retire_passwords(secret, bundle, state, secrets):
    """Ends the time in which the accounts of a raised secret also take its former values. Returns what was changed."""
    accounts = [name for name, account in bundle.database_account.items() if account["secret"] == secret]
    await_database()
    changes = []
    for name in accounts:
        create = describe_database_account(name)[0]
        wanted = native_hash(secrets[secret])
        if password_hashes(create) != [wanted]:
            sql(f"ALTER USER {quote(name)}@'%' {identified_by([wanted])}")
            changes.append(f"database account {name}: former passwords refused")
    state.retired[secret] = int(bundle.secret[secret]["generation"])
    state.save()
    return changes
