#!/bin/sh
# prepare-secrets.sh [ROLE...]: makes the passwords of compose.yaml's databases in ../pki-secrets, once; of
# compose-scms.yaml's with eca ra aca la1 la2 ma, of compose-ota-postgresql.yaml's with image director. As root: each file belongs to the user of the container that
# reads it.
set -eu
umask 077
cd "$(dirname "$0")/.."
mkdir -p pki-secrets
[ $# -gt 0 ] || set -- ea aa
for role; do
    [ ! -e "pki-secrets/$role-db-password" ] || continue
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s' "$password" > "pki-secrets/$role-db-password"
    # host:port:database:user:password, as libpq reads it
    printf '%s-db:5432:%s:%s:%s\n' "$role" "$role" "$role" "$password" > "pki-secrets/$role-passfile"
    case $role in
        ea) user=10001 ;; aa) user=10002 ;; eca) user=10012 ;; ra) user=10013 ;;
        aca) user=10014 ;; la1) user=10015 ;; la2) user=10016 ;; ma) user=10017 ;;
        image) user=10018 ;; director) user=10019 ;;
        *) echo "no role with a database: $role" >&2; exit 2 ;;
    esac
    if [ "$(id -u)" = 0 ]; then
        chown "$user:$user" "pki-secrets/$role-passfile"
    else
        echo "not root: chown pki-secrets/$role-passfile to $user" >&2
    fi
done
