#!/usr/bin/env bash
# Builds the wheel as it is shipped (release), installs it beside the benchmark, and prints the interpreter that has it.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/target/python/bench
"${PYTHON:-python3}" -m venv "$out/env"
{
  "$out/env/bin/python" -m pip --disable-pip-version-check --quiet install 'maturin>=1.9,<2.0' reactivex
  (cd python && "$out/env/bin/maturin" build --quiet --release --interpreter "$out/env/bin/python" --out "$out/wheels")
  "$out/env/bin/python" -m pip --disable-pip-version-check --quiet install --force-reinstall --no-deps "$out"/wheels/*.whl
} >&2
echo "$out/env/bin/python"
