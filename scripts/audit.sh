#!/usr/bin/env bash
# Looks up every locked package among the known vulnerabilities of OSV, by pip-audit. It asks the network;
# OSV_URL names another server that answers as api.osv.dev does.
# Ends with 0 where none is known, 65 where some are, 75 where the server could not be asked.
set -euo pipefail
cd "$(dirname "$0")/.."

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf"
URL="${OSV_URL:-https://api.osv.dev/v1/query}"
LOCKS=(requirements.lock scripts/horovod.lock airflow_dags/requirements.lock)
tool="$CACHE/pip-audit-$(sha256sum scripts/audit.lock | cut -c1-16)"

if [ ! -e "$tool/ready" ]; then
  uv="$CACHE/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)/bin/uv"
  [ -x "$uv" ] || { echo "audit: no uv at $uv; run make setup first" >&2; exit 64; }
  rm -rf "$tool" && "$uv" venv -q --python 3.11 "$tool"
  "$uv" pip sync -q --python "$tool/bin/python" --require-hashes scripts/audit.lock
  touch "$tool/ready"
fi

found=0
for lock in "${LOCKS[@]}"; do
  report=$(mktemp)
  if "$tool/bin/pip-audit" -s osv --osv-url "$URL" --require-hashes --disable-pip --strict \
    --progress-spinner off -r "$lock" >"$report" 2>"$report.log"; then
    echo "audit: $lock: $(grep -c '^[a-z].*==' "$lock") packages, no known vulnerability"
  elif [ -s "$report" ]; then
    echo "audit: $lock:" && cat "$report"
    found=65
  else
    echo "audit: $URL could not be asked about $lock, so nothing is known: $(tail -n 1 "$report.log")" >&2
    rm -f "$report" "$report.log"
    exit 75
  fi
  rm -f "$report" "$report.log"
done
exit $found
