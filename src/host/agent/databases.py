"""
Databases and their accounts, whatever the software. What an engine (mariadb.py, postgresql.py) has to have:

UNITS                   whose journal may say why something failed; none that writes statements there, and hashes with them.
serves(bundle)          whether a host with this bundle has a part in such databases.
unready()               None when a server is there that takes writes, else why not; may raise Failed.
look(names)             (databases, accounts): by name what is there, in the engine's own words, which JSON can hold; of
                        accounts those that are named.
settle_database(name, entry, present)
                        makes a database so; whether that changed anything. `present` as `look` said it, None when there is none.
account_changes(name, account, password, present, clients_move)
                        the statements that make an account so, none when it is. Its `account` is the bundle's entry with
                        the `generation` of its password. While clients move, former passwords stay good.
change(statements)
lock(name, present)     nobody comes in by it any more; its data stays.
return_account(name, was)
                        an account as it was; locks it where it was not there (None).
retire(name, account, password)
                        refuses former passwords; whether there were any.
"""

import os
import time

import mariadb
import postgresql
from former import load_former, save_former
from state import TRANSACTION
from tools import Failed, POLL

ENGINES = {"mariadb": mariadb, "postgresql": postgresql}

# A cluster that is founded takes its members in one after the other, some 20 s each; the last one makes the databases.
DATABASE_LIMIT = 180


def await_database(engine):
    """Waits until a server takes writes."""
    end = time.monotonic() + DATABASE_LIMIT
    answer = "no answer"
    while time.monotonic() < end:
        try:
            answer = engine.unready()
            if answer is None:
                return
        except Failed as failure:
            answer = str(failure)
        time.sleep(POLL)
    raise Failed(f"the database takes no writes within {DATABASE_LIMIT} s: {answer}", engine.UNITS)


def settle_databases(bundle, state, secrets, without=()):
    """
    Databases and accounts as declared. Databases are never dropped; accounts we made and no longer want are locked. An engine
    of which one of the roles `without` wants something is left alone: there is no server yet.
    """
    changes = []
    for label, engine in ENGINES.items():
        databases = {name: entry for name, entry in bundle.database.items() if entry["engine"] == label}
        accounts = {name: with_generation(entry, bundle) for name, entry in bundle.database_account.items() if entry["engine"] == label}
        gone = [name for name, made_by in state.accounts_made.items() if made_by == label and name not in accounts]
        if not engine.serves(bundle):
            # Who leaves a cluster locks nobody out of it.
            forget(gone, state)
            gone = []
        unfounded = any(entry["role"] in without for entry in [*databases.values(), *accounts.values()])
        if (databases or accounts or gone) and not unfounded:
            changes += settle_engine(label, engine, databases, accounts, gone, state, secrets)
    state.save()
    return changes


def settle_engine(label, engine, databases, accounts, gone, state, secrets):
    await_database(engine)
    changes = []
    state.accounts_made = {**state.accounts_made, **dict.fromkeys(accounts, label)}
    state.save()
    present, known = engine.look([*accounts, *gone])
    for name, entry in databases.items():
        if engine.settle_database(name, entry, present.get(name)):
            changes.append(f"database {name}: {'change' if name in present else 'make'}")
    for name, account in accounts.items():
        statements = engine.account_changes(name, account, secrets[account["secret"]], known.get(name), moving(account, state))
        if statements:
            remember_account(name, label, known.get(name), state)
            engine.change(statements)
            changes.append(f"database account {name}: {'change' if name in known else 'make'}")
    for name in gone:
        if name in known:
            remember_account(name, label, known[name], state)
            engine.lock(name, known[name])
            changes.append(f"database account {name}: lock")
    forget(gone, state)
    return changes


def forget(names, state):
    state.accounts_made = {name: made_by for name, made_by in state.accounts_made.items() if name not in names}


def with_generation(account, bundle):
    return {**account, "generation": int(bundle.secret.get(account["secret"], {}).get("generation", 1))}


def moving(account, state):
    """Whether clients may still come with a former password: from a raised generation until that one is retired."""
    return account["generation"] > 1 and state.retired.get(account["secret"]) != account["generation"]


def remember_account(name, label, was, state):
    former = load_former(state)
    if name not in former["databaseAccounts"]:
        former["databaseAccounts"][name] = {"engine": label, "was": was}
        os.makedirs(TRANSACTION, 0o700, exist_ok=True)
        save_former(former)


def return_accounts(accounts, attempt):
    """Makes accounts what they were when they were remembered, each as an `attempt`, once a server takes that."""
    # As agents remembered them that knew of MariaDB alone.
    accounts = {name: was if isinstance(was, dict) else {"engine": "mariadb", "was": was} for name, was in accounts.items()}
    for label in sorted({each["engine"] for each in accounts.values()}):
        attempt(return_those_of, ENGINES[label], {name: each["was"] for name, each in accounts.items() if each["engine"] == label}, attempt)


def return_those_of(engine, accounts, attempt):
    await_database(engine)
    for name, was in accounts.items():
        attempt(engine.return_account, name, was)


def retire_passwords(secret, bundle, state, secrets):
    """Ends the time in which the accounts of a raised secret also take its former values. Returns what was changed."""
    changes = []
    for name, entry in bundle.database_account.items():
        if entry["secret"] != secret:
            continue
        engine = ENGINES[entry["engine"]]
        await_database(engine)
        if engine.retire(name, with_generation(entry, bundle), secrets[secret]):
            changes.append(f"database account {name}: former passwords refused")
    state.retired[secret] = int(bundle.secret[secret]["generation"])
    state.save()
    return changes
