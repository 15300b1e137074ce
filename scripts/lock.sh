#!/usr/bin/env bash
# Writes requirements.lock and scripts/horovod.lock from the pins in setup.py, and the locks of Airflow and
# of pip-audit from the files beside them; keeps the versions that are locked already. With the uv that set-up
# keeps in the cache, else the one on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)/bin:$PATH"
command -v uv >/dev/null || { echo "lock: no uv found; run make setup first" >&2; exit 1; }
whole=$(mktemp)
constraints=$(mktemp)
trap 'rm -f "$whole" "$constraints"' EXIT
cat requirements.lock scripts/horovod.lock >"$whole"
uv pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.11 --all-extras \
  setup.py -o "$whole"
# Horovod is built, not downloaded ready, so its lines stand apart: awk takes each requirement with the
# hash lines below it.
awk '/^[a-z]/ {mine = /^horovod==/} !mine' "$whole" >requirements.lock
awk '/^[a-z]/ {mine = /^horovod==/} mine' "$whole" >scripts/horovod.lock

# Airflow tells which versions it was tested with; where that cannot be fetched, its own bounds have to do.
airflow=$(sed -n 's/^apache-airflow==//p' airflow_dags/requirements.in)
curl -fsSL --max-time 20 -o "$constraints" \
  "https://raw.githubusercontent.com/apache/airflow/constraints-$airflow/constraints-3.11.txt" 2>/dev/null ||
  { echo "lock: Airflow's constraints could not be fetched; resolving without them" >&2; : >"$constraints"; }
uv pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.11 -c "$constraints" \
  airflow_dags/requirements.in -o airflow_dags/requirements.lock
uv pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.11 scripts/audit.in \
  -o scripts/audit.lock
