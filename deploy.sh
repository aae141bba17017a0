#!/bin/sh
# From a fresh clone to kvx in one step: makes and keeps .venv, then hands over to kvx.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
venv=$root/.venv

usage() {
    cat <<'TEXT'
Usage: ./deploy.sh COMMAND [OPTIONS]

  deploy       put the voice API up (default target: this machine, no account needed)
  terraform    make the machines                  images      build the images
  ansible      configure the machines             kubernetes  apply the manifests
  verify       speak a sentence to the voice API and compare what it heard
  status       show how the voice API is doing
  cleanup      take the deployment away again
  test         check and test this repository
  rehearse     make machines at a simulated Hetzner, and a cluster of them, without an account
  COMMAND      any other kvx command; './deploy.sh kvx-help' lists them all

The first call makes .venv in this folder (Python 3.11 or newer); later calls reuse it.
KVX_FOLDER   where kvx.toml and .kvx/ live; this repository unless it is set.
TEXT
}

fail() {
    printf '%s\nfix: %s\n' "$1" "$2" >&2
    exit 3
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        path=$(command -v "$python" 2>/dev/null) || continue
        if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$path"
            return
        fi
    done
    fail "kvx needs Python 3.11 or newer, and none was found." "apt-get install python3 python3-venv"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@" 2>/dev/null; fi
}

# Debian and Ubuntu keep the part of Python that puts pip into a new environment in a package.
make_venv() {
    python=$1
    "$python" -m venv --clear "$venv" >/dev/null 2>&1 && return
    package=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    printf 'Installing %s, which makes virtual environments.\n' "$package" >&2
    if command -v apt-get >/dev/null 2>&1; then
        as_root apt-get -qq update >/dev/null 2>&1 || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "$package" >/dev/null 2>&1 || true
    fi
    "$python" -m venv --clear "$venv" >&2 ||
        fail "Python cannot make a virtual environment." "apt-get install $package"
}

wanted() {
    {
        printf '%s\n' "$root" "$1"
        "$2" -c 'import sys; print(sys.version)'
        cat "$root/requirements/$1.txt" "$root/cli/pyproject.toml" "$root/voice_api/pyproject.toml"
    } | if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@" >&2 ||
        fail "The requirements could not be installed." "see pip's message above, then run the same command again"
}

install() {
    python=$(find_python)
    hash=$(wanted "$1" "$python")
    if [ -x "$venv/bin/kvx" ] && grep -qsxF "$hash" "$venv/kvx-requirements"; then
        return
    fi
    printf 'Installing kvx into %s; this is done once, and takes a minute or two.\n' "$venv" >&2
    # An environment does not survive being moved; one that a person made here is kept and added to.
    if ! [ -x "$venv/bin/python" ] || { [ -e "$venv/kvx-root" ] && ! grep -qxF "$root" "$venv/kvx-root"; }; then
        make_venv "$python"
    fi
    printf '%s\n' "$root" >"$venv/kvx-root"
    rm -f "$venv/kvx-requirements"
    pip_install --require-hashes -r "$root/requirements/$1.txt"
    pip_install --no-deps --no-build-isolation -e "$root/cli" -e "$root/voice_api"
    # What serves for the tests serves for everything else too.
    for level in runtime "$1"; do wanted "$level" "$python"; done >"$venv/kvx-requirements"
}

# Two calls at once wait for each other, where the machine has flock.
install_once() {
    if command -v flock >/dev/null 2>&1; then
        (
            flock -w 900 9 || fail "Another deploy.sh has been installing for 15 minutes." "end it, then run the same command again"
            install "$1"
        ) 9>"$root/.venv.lock"
    else
        install "$1"
    fi
}

case ${1:-} in
'' | -h | --help | help)
    usage
    ;;
test)
    shift
    install_once test
    exec "$root/tests/run" "$@"
    ;;
*)
    [ "$1" = kvx-help ] && set -- --help
    install_once runtime
    KVX_FOLDER=${KVX_FOLDER:-$root}
    KVX_CALLED_AS=${KVX_CALLED_AS:-$0}
    export KVX_FOLDER KVX_CALLED_AS
    exec "$venv/bin/kvx" "$@"
    ;;
esac
