#!/usr/bin/python3 -B
"""
What Patroni runs as pg_rewind on a former primary that has to follow another: pg_rewind itself, unless a fresh copy is
less to bring. Then it refuses, and Patroni makes that copy (remove_data_directory_on_rewind_failure).

pg_rewind brings all WAL that the primary keeps, whatever there is here already, and what has changed; a fresh copy brings
the database. The data here is as large as the primary's, but for what was written since.
"""

import os
import pathlib
import subprocess
import sys

# Only what Patroni gives its account for pg_rewind.
WAL_OF_PRIMARY = "SELECT sum((pg_stat_file('pg_wal/' || name, true)).size) FROM pg_ls_dir('pg_wal', true, false) AS name"
# As long as Patroni itself gives a primary to answer.
LIMIT = 5.0


def value(arguments, option):
    """What follows an option, or None where it is not there: `--help` alone is asked for too."""
    return arguments[arguments.index(option) + 1] if option in arguments else None


def database_size(data):
    """Bytes of a data directory without its WAL. A link leads to a tablespace."""
    total = 0
    for folder, folders, files in os.walk(data, followlinks=True):
        if pathlib.Path(folder) == data and "pg_wal" in folders:
            folders.remove("pg_wal")
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
    return total


def wal_size(source):
    """Bytes of WAL that the server of a connection string keeps, or None when it doesn't say."""
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--no-password", "--command", WAL_OF_PRIMARY, source]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, cwd="/")
    except subprocess.TimeoutExpired:
        return None
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def binary(version):
    """The path of a version's pg_rewind; "*" is any."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"{version}/bin/pg_rewind"))
    return str(found[-1]) if found else sys.exit("no pg_rewind is installed")


def run(program, arguments):
    os.execv(program, [program, *arguments])


def main(arguments):
    folder, source = value(arguments, "-D"), value(arguments, "--source-server")
    if folder is None or source is None:
        # Patroni asks for help to see whether there is one.
        run(binary("*"), arguments)
    data = pathlib.Path(folder)
    database, wal = database_size(data), wal_size(source)
    if wal is not None and database <= wal:
        sys.exit(f"a fresh copy is less to bring: {database >> 20} MiB; pg_rewind would bring {wal >> 20} MiB of WAL")
    # The data's own version, which need not be the declared one (versions.py).
    version = (data / "PG_VERSION").read_text().strip()
    # All files to the disk at once: there are thousands.
    options = ["--sync-method=syncfs"] if int(version) >= 17 else []
    run(binary(version), [*options, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
