#!/usr/bin/env bash
# Holds the server to its own description: schemathesis sends what the OpenAPI document allows, and what it does not, and
# looks whether the answers are the described ones. On a store that is thrown away, as an administrator, a user and an
# external. `make schemathesis` runs it.
#
#   EXAMPLES=100 python/schemathesis.sh     so many requests for each call and phase, instead of 2
#   CALLERS=external python/schemathesis.sh as one of them alone
#   SEED=7 python/schemathesis.sh           other requests; the seed is printed
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
crewline=${TESTED_CREWLINE:-$PWD/target/debug/crewline}
tools=$PWD/target/python/schemathesis
examples=${EXAMPLES:-2}
seed=${SEED:-1}
version=4.32.5
config=$PWD/python/schemathesis.toml

if ! "$tools/bin/schemathesis" --version 2>/dev/null | grep -qF "$version"; then
  rm -rf "$tools"
  "$python" -m venv "$tools"
  "$tools/bin/python" -m pip --disable-pip-version-check --quiet install "schemathesis==$version" ||
    { echo 'pip could not install schemathesis: is PyPI (or a mirror of it, PIP_INDEX_URL) within reach?' >&2; exit 1; }
fi

work=$(mktemp -d)
server=
end() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"; }
trap end EXIT
run() { (cd "$work" && "$crewline" --store sqlite://crewline.db "$@"); }
for who in alice bob carol; do printf 'a long secret' | run user add "$who" --password-stdin >/dev/null; done
printf 'a long secret' | run user add dora --role administrator --password-stdin >/dev/null
administrator=$(run token create --admin)
user=$(run token create --user dora)
external=$(run token create --external 'scada' --external 'dms:*')

(cd "$work" && exec "$crewline" --store sqlite://crewline.db serve --listen 127.0.0.1:0) \
  >"$work/out" 2>"$work/log" &
server=$!
until grep -q '^listening on ' "$work/out"; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  read -rt 0.1 <> <(:) || true
done
url=$(sed -n 's/^listening on //p' "$work/out")

# Who acts as what is not in the description of a call, so what one may not do is refused however well it is said.
failed=0
for who in ${CALLERS:-administrator user external}; do
  echo "== schemathesis $version as $who, seed $seed, $examples examples"
  (cd "$work" && "$tools/bin/schemathesis" --config-file "$config" run "$url/api/openapi.json" --url "$url" \
    --header "Authorization: Bearer ${!who}" --seed "$seed" --max-examples "$examples" --generation-database none \
    --report-dir "$work/report" --no-color) >"$work/said" 2>&1 || { failed=1; cat "$work/said"; }
  tail -n 3 "$work/said"
done
if grep -E 'panic|ERROR' "$work/log"; then failed=1; fi
exit $failed
