"""
PostgreSQL: databases and accounts, at the present primary of the cluster, whichever host that is. A database ID belongs to a
role ID by which nobody logs in; who logs in is ID_GENERATION, a member of it, which acts as ID from the first statement on.
So what an application makes belongs to ID, and a former login can go. What each function is for: see databases.py.
"""

import base64
import hashlib
import hmac
import json
import os
import re

from tools import Failed, last_lines, run

# Says where the members are, and by which account and password they take us.
SERVICE_FILE = "/etc/farm/postgresql/pg_service.conf"
# What only a far copy has: src/roles/postgresql/member.ts.
COPY_FILE = "/etc/patroni/alone.yml"
SERVICE = "writer"

# The server's own journal, Patroni's, has statements in it.
UNITS = ("farm-postgresql.service",)

VERIFIER = r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
# PostgreSQL's own choice.
ITERATIONS, SALT_BYTES = 4096, 16

FLAGS = {"rolsuper": "SUPERUSER", "rolcreaterole": "CREATEROLE", "rolcreatedb": "CREATEDB",
         "rolreplication": "REPLICATION", "rolbypassrls": "BYPASSRLS"}

LOOK = f"""
SELECT json_build_object(
    'databases', (SELECT json_object_agg(datname, json_build_object(
        'owner', pg_get_userbyid(datdba),
        'open', has_database_privilege('public', oid, 'CONNECT') OR has_database_privilege('public', oid, 'TEMPORARY')))
        FROM pg_database),
    'roles', (SELECT json_object_agg(rolname, json_build_object(
        'login', rolcanlogin, 'limit', rolconnlimit, 'password', rolpassword,
        'flags', to_json(array_remove(ARRAY[{', '.join(f"CASE WHEN {column} THEN '{flag}' END" for column, flag in FLAGS.items())}], NULL)),
        'groups', ARRAY(SELECT DISTINCT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = pg_authid.oid ORDER BY 1),
        'acts_as', (SELECT substr(setting, 6) FROM pg_db_role_setting, unnest(setconfig) setting
            WHERE setrole = pg_authid.oid AND setdatabase = 0 AND setting LIKE 'role=%')))
        FROM pg_authid));
"""


def sql(statements, database=None):
    """What psql prints of rows, a line each; the statements go by stdin, not the command line."""
    where = f"service={SERVICE}" + (f" dbname={value_of(database)}" if database else "")
    argv = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", where]
    code, output = run(argv, stdin=statements, limit=30, env={**os.environ, "PGSERVICEFILE": SERVICE_FILE})
    if code != 0:
        # The server quotes from a statement in which it finds an error.
        raise Failed(f"PostgreSQL says: {re.sub(VERIFIER, '[secret]', last_lines(output, 4))}", UNITS)
    return output.splitlines()


def value_of(text):
    """In a connection string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def named(name):
    return '"' + name.replace('"', '""') + '"'


def serves(bundle):
    """A far copy has the service file too, but its databases are the members' business."""
    return SERVICE_FILE in bundle.file and COPY_FILE not in bundle.file


def unready():
    """psql asks the members one after the other, and takes the one that takes writes."""
    sql("SELECT")


def look_at_all():
    found = json.loads("".join(sql(LOOK)))
    return found["databases"], found["roles"]


def look(accounts):
    """Of an account: its logins, by name."""
    databases, roles = look_at_all()
    known = {name: logins_of(name, roles) for name in accounts}
    return ({name: {**there, "role": roles.get(name)} for name, there in databases.items()},
            {name: logins for name, logins in known.items() if logins})


def logins_of(name, roles):
    return {role: there for role, there in roles.items() if re.fullmatch(f"{re.escape(name)}_[0-9]+", role) and name in there["groups"]}


OWNER = {"login": False, "limit": -1, "password": None, "flags": [], "groups": [], "acts_as": None}


def settle_database(name, entry, present):
    changed = settle_owner(name, present)
    if present is None:
        sql(f"CREATE DATABASE {named(name)} OWNER {named(name)} TEMPLATE template0 ENCODING 'UTF8'")
    elif present["owner"] != name:
        sql(f"ALTER DATABASE {named(name)} OWNER TO {named(name)}")
        changed = True
    if present is None or present["open"]:
        sql(f"REVOKE CONNECT, TEMPORARY ON DATABASE {named(name)} FROM PUBLIC")
        changed = True
    wanted = entry["extensions"].split()
    missing = set(wanted) - set(sql("SELECT extname FROM pg_extension", name) if wanted else [])
    if missing:
        sql("".join(f"CREATE EXTENSION IF NOT EXISTS {named(extension)};\n" for extension in sorted(missing)), name)
    return changed or bool(missing)


def settle_owner(name, present):
    # A database that is not there says nothing of the role.
    role = present["role"] if present else look_at_all()[1].get(name)
    statements = role_changes(name, OWNER, role)
    change(statements)
    return bool(statements)


def account_changes(name, account, password, present, clients_move):
    login, logins = f"{name}_{account['generation']}", present or {}
    there = logins.get(login)
    kept = there["password"] if there and verifies(there["password"], password) else None
    wanted = {"login": True, "limit": int(account["connections"] or -1), "password": kept or verifier(password),
              "flags": [], "groups": [name], "acts_as": name}
    statements = role_changes(login, wanted, there)
    if not clients_move:
        statements += [statement for role in logins if role != login for statement in closed(role, logins[role])]
    return statements


def role_changes(role, wanted, present):
    """The statements that make a role so; none when it is. Its other settings are whoever's."""
    name, there = named(role), present or {"flags": [], "groups": [], "acts_as": None}
    if present == wanted:
        return []
    password = "NULL" if wanted["password"] is None else literal(wanted["password"])
    flags = " ".join(flag if flag in wanted["flags"] else f"NO{flag}" for flag in FLAGS.values())
    return [
        *([] if present else [f"CREATE ROLE {name}"]),
        f"ALTER ROLE {name} {'LOGIN' if wanted['login'] else 'NOLOGIN'} CONNECTION LIMIT {wanted['limit']} PASSWORD {password} {flags}",
        *(f"REVOKE {named(group)} FROM {name}" for group in there["groups"] if group not in wanted["groups"]),
        *(f"GRANT {named(group)} TO {name}" for group in wanted["groups"] if group not in there["groups"]),
        *([] if wanted["acts_as"] == there["acts_as"] else
          [f"ALTER ROLE {name} {'SET role TO ' + literal(wanted['acts_as']) if wanted['acts_as'] else 'RESET role'}"]),
    ]


def closed(role, present):
    return [f"ALTER ROLE {named(role)} NOLOGIN"] if present["login"] else []


def change(statements):
    if statements:
        sql("".join(f"{statement};\n" for statement in ["BEGIN", *statements, "COMMIT"]))


def lock(_, present):
    change([statement for role, there in present.items() for statement in closed(role, there)])


def return_account(name, was):
    present, former = look([name])[1].get(name, {}), was or {}
    change([statement for role in sorted({*present, *former}) for statement in (
        role_changes(role, former[role], present.get(role)) if role in former else closed(role, present[role]))])


def retire(name, account, _):
    """Ends the sessions of former logins too. On several members at once: the first to come does it."""
    present = look([name])[1].get(name, {})
    former = [role for role in present if role != f"{name}_{account['generation']}"]
    if not former:
        return False
    change([statement for role in former for statement in closed(role, present[role])])
    names = ", ".join(literal(role) for role in former)
    sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ({names})")
    # A session that had given up acting as the owner may have made things of its own (DISCARD ALL does that).
    sql(f"""
        DO $$
        DECLARE former name;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('farm-agent retire'));
            FOR former IN SELECT rolname FROM pg_authid WHERE rolname IN ({names}) LOOP
                EXECUTE format('REASSIGN OWNED BY %I TO %I', former, {literal(name)});
                EXECUTE format('DROP OWNED BY %I', former);
                EXECUTE format('DROP ROLE %I', former);
            END LOOP;
        END $$;
        """, name)
    return True


def verifier(password, salt=None, iterations=ITERATIONS):
    """
    What the server keeps of a password (RFC 5802, 7677), so that it never gets to see the password itself, nor its log. Ours
    are ASCII, for which the preparation that RFC 5802 asks for (SASLprep) changes nothing.
    """
    salt = salt or os.urandom(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    keys = [in_base64(key) for key in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))]
    return f"SCRAM-SHA-256${iterations}:{keys[0]}${keys[1]}:{keys[2]}"


def verifies(kept, password):
    """Whether a verifier is one of this password."""
    parts = re.fullmatch(VERIFIER, kept or "")
    return bool(parts) and hmac.compare_digest(kept, verifier(password, base64.b64decode(parts[2]), int(parts[1])))


def in_base64(data):
    return base64.b64encode(data).decode()
