#!/bin/sh
# Makes the database of keys anew from the files that the farm has brought here: what is no longer declared signs nothing.
set -eu
umask 077
database=/run/farm-dns/keys.sqlite3
rm -f "$database"
tool() { pdnsutil --config-dir=/etc/farm/dns "$@" >/dev/null; }
tool create-bind-db "$database"
for key in /etc/farm/dns/keys/*.key; do
    [ -e "$key" ] || continue
    zone=$(basename "$key" .key)
    tool import-zone-key "$zone" "$key" active ksk
    # One hash, no salt (RFC 9276, 3.1); "narrow" makes the names between on the spot, so that nobody can list the zone.
    tool set-nsec3 "$zone" '1 0 0 -' narrow
done
