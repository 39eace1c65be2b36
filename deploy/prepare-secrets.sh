#!/bin/sh
# Makes the passwords of compose.yaml's databases in ../pki-secrets, once. As root: each file belongs to the
# user of the container that reads it.
set -eu
umask 077
cd "$(dirname "$0")/.."
mkdir -p pki-secrets
for role in ea aa; do
    [ ! -e "pki-secrets/$role-db-password" ] || continue
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s' "$password" > "pki-secrets/$role-db-password"
    # host:port:database:user:password, as libpq reads it
    printf '%s-db:5432:%s:%s:%s\n' "$role" "$role" "$role" "$password" > "pki-secrets/$role-passfile"
done
if [ "$(id -u)" = 0 ]; then
    chown 10001:10001 pki-secrets/ea-passfile
    chown 10002:10002 pki-secrets/aa-passfile
else
    echo "not root: chown pki-secrets/ea-passfile to 10001 and pki-secrets/aa-passfile to 10002" >&2
fi
