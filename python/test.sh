#!/usr/bin/env bash
# Builds the wheel, installs it in a clean environment, and runs the tests of the Python packages against it and against the
# server of the same build. `make test` runs it. What it makes lies in target/python.
#
#   PYTHON=python3.9 python/test.sh       with another interpreter
#   python/test.sh -k payload             with arguments for pytest
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=$PWD/target/python

install_python() {
  if [ "$python" = python3 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "python: $1; installing python3 and python3-venv"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null && return 0
  fi
  echo "missing: $1. The Python packages are tested with Python 3.9 or newer and its module venv." >&2
  echo "  try: apt-get install python3 python3-venv   (Debian, Ubuntu)" >&2
  echo "       dnf install python3                    (Fedora, RHEL)" >&2
  echo "  or name another interpreter: make test PYTHON=/path/to/python3" >&2
  exit 1
}

usable() { "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; }

command -v "$python" >/dev/null 2>&1 || install_python "$python"
usable || install_python "Python 3.9 or newer with venv ($python is $("$python" --version 2>&1))"
usable || { echo "$python still lacks venv, or is older than 3.9" >&2; exit 1; }

pip() { "$1/bin/python" -m pip --disable-pip-version-check --quiet "${@:2}"; }
offline() { echo "pip could not install what the tests need: is PyPI (or a mirror of it, PIP_INDEX_URL) within reach?" >&2; exit 1; }

# maturin is kept: it is a tool, and no part of what is tested.
if ! "$out/tools/bin/maturin" --version >/dev/null 2>&1; then
  rm -rf "$out/tools"
  "$python" -m venv "$out/tools"
  pip "$out/tools" install --require-hashes -r python/release-tools.txt || offline
fi

CREWLINE_CARGO=$(command -v "${CARGO:-cargo}")
export CREWLINE_CARGO
rm -rf "$out/wheels"
(cd python && CARGO=$PWD/build/cargo "$out/tools/bin/maturin" build --quiet --profile dev --compression-level 1 \
  --out "$out/wheels") || { echo 'the wheel could not be built' >&2; exit 1; }

rm -rf "$out/env"
"$python" -m venv "$out/env"
pip "$out/env" install --require-hashes -r python/test-tools.txt || offline
pip "$out/env" install --no-deps "$out"/wheels/*.whl

cd python
TESTED_CREWLINE=${TESTED_CREWLINE:-$PWD/../target/debug/crewline} "$out/env/bin/python" -m pytest -n 4 -p no:cacheprovider "$@"
