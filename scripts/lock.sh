#!/usr/bin/env bash
# Writes requirements.lock and scripts/horovod.lock from the pins in setup.py; keeps the versions that
# are locked already. With the uv that set-up keeps in the cache, else the one on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)/bin:$PATH"
command -v uv >/dev/null || { echo "lock: no uv found; run make setup first" >&2; exit 1; }
whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
cat requirements.lock scripts/horovod.lock >"$whole"
uv pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.11 --all-extras \
  setup.py -o "$whole"
# Horovod is built, not downloaded ready, so its lines stand apart: awk takes each requirement with the
# hash lines below it.
awk '/^[a-z]/ {mine = /^horovod==/} !mine' "$whole" >requirements.lock
awk '/^[a-z]/ {mine = /^horovod==/} mine' "$whole" >scripts/horovod.lock
