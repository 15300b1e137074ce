#!/usr/bin/env bash
# Makes .venv ready: system parts, locked packages, Horovod's wheel, Delta's jars, Spark's settings.
# Does only what is missing; run again after a failure, it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf"
STAMP=.venv/.nightshelf-setup
INPUTS=(requirements.lock scripts/horovod.lock scripts/uv.lock scripts/setup.sh setup.py
  conf/spark/jars.sha256 conf/spark/log4j2.properties conf/spark/spark-defaults.conf)
DELTA=io.delta:delta-spark_2.13:4.0.1

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

find_python() {
  local name
  for name in python3.11 python3 python; do
    if command -v "$name" >/dev/null &&
      "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

java_major() { # 17 for 17.0.15, 8 for 1.8.0
  local java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
  "$java" -version 2>&1 | sed -n '1s/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p'
}

# Prints what is missing, one `what|Debian package` a line.
missing_parts() {
  local python major
  major=$(java_major || true)
  [ "${major:-0}" -ge 17 ] || echo "Java 17 or newer (found ${major:-none})|openjdk-17-jre-headless"
  command -v g++ >/dev/null || echo "g++ (a C++ compiler)|g++"
  command -v make >/dev/null || echo "make|make"
  python=$(find_python)
  if [ -z "$python" ]; then
    echo "Python 3.11|python3.11 python3.11-venv python3.11-dev"
    return
  fi
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "Python's venv module|python3.11-venv"
  "$python" -c 'import os, sysconfig
os.stat(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' 2>/dev/null ||
    echo "Python's C headers|python3.11-dev"
}

check_parts() {
  local parts debian
  [ "$(uname -s)" = Linux ] || fail "expected Linux, found $(uname -s): the locked packages have no builds for it; use a container or a virtual machine"
  parts=$(missing_parts)
  [ -n "$parts" ] || return 0
  debian=$(cut -d'|' -f2 <<<"$parts" | xargs)
  say "missing: $(cut -d'|' -f1 <<<"$parts" | paste -sd';' | sed 's/;/; /g')"
  say "Debian/Ubuntu: apt-get install -y $debian"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing them with apt-get"
    # shellcheck disable=SC2086 (a list of packages)
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $debian >&2 ||
      fail "apt-get could not install them; install them by hand and run make setup again"
    parts=$(missing_parts)
    [ -z "$parts" ] || fail "still missing: $(cut -d'|' -f1 <<<"$parts" | paste -sd';')"
  else
    fail "install them with the line above, then run make setup again"
  fi
}

install_packages() {
  local uv="$CACHE/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)"
  if [ ! -x "$uv/bin/uv" ]; then
    say "installing uv into the cache"
    rm -rf "$uv" && "$PYTHON" -m venv "$uv"
    "$uv/bin/pip" install -q --require-hashes -r scripts/uv.lock
  fi
  UV="$uv/bin/uv" PIP="$uv/bin/pip"
  # The scripts of an environment hold its path: a moved checkout needs a new one.
  if ! grep -qF "$PWD/.venv" .venv/bin/activate 2>/dev/null ||
    ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    rm -rf .venv && "$PYTHON" -m venv --without-pip .venv
  fi
  say "installing the locked packages (5.6 GB; minutes at the first time, seconds from the cache)"
  "$UV" pip sync -q --python .venv/bin/python --require-hashes requirements.lock
}

# A whole CUDA toolkit with NCCL, or none: half a toolkit breaks Horovod's build.
gpu_operations() {
  local cuda="${CUDA_HOME:-/usr/local/cuda}"
  if command -v nvcc >/dev/null && ls "$cuda"/lib64/libcudart.so >/dev/null 2>&1 &&
    ls "$cuda"/include/nccl.h /usr/include/nccl.h 2>/dev/null | grep -q .; then
    echo nccl
  else
    echo cpu
  fi
}

install_horovod() {
  local operations key wheels build log gpu=()
  operations=$(gpu_operations)
  # nvcc has to know the standard that the compiler below is made to take, too.
  [ "$operations" = cpu ] || gpu=(HOROVOD_GPU_OPERATIONS=NCCL NVCC_APPEND_FLAGS=-std=c++20)
  key=$(.venv/bin/python -c 'import platform
from importlib.metadata import version
print("torch", version("torch"), "-cp311-", platform.machine(), "-", *platform.libc_ver(), sep="")')
  wheels="$CACHE/wheels/$(sed -n 's/^horovod==\([^ ]*\).*/horovod\1/p' scripts/horovod.lock)-$key-$operations"
  if ! ls "$wheels"/horovod-*.whl >/dev/null 2>&1; then
    say "building Horovod's wheel once (about two minutes)"
    mkdir -p "$CACHE/wheels"
    build=$(mktemp -d "$CACHE/wheels/.build.XXXXXX") log="$CACHE/horovod-build.log"
    # The sdist asks for C++14, torch's headers need C++20.
    printf '#!/bin/sh\nexec g++ "$@" -std=gnu++20\n' >"$build/cxx" && chmod +x "$build/cxx"
    if ! env PATH="$PWD/.venv/bin:$PATH" CXX="$build/cxx" MAKEFLAGS=-j2 \
      HOROVOD_WITH_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 \
      HOROVOD_WITHOUT_MPI=1 HOROVOD_WITH_GLOO=1 HOROVOD_CPU_OPERATIONS=GLOO \
      "${gpu[@]}" \
      "$PIP" --python .venv/bin/python wheel --no-deps --no-build-isolation --require-hashes \
      -r scripts/horovod.lock -w "$build/out" >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm -rf "$build"
      fail "Horovod's build failed; the whole log is $log"
    fi
    rm -rf "$wheels" && mv "$build/out" "$wheels"
    rm -rf "$build"
  fi
  "$UV" pip install -q --python .venv/bin/python --no-deps "$wheels"/horovod-*.whl
}

install_spark_parts() {
  local jars="$CACHE/jars" pyspark
  pyspark=$(.venv/bin/python -c 'import pyspark, pathlib; print(pathlib.Path(pyspark.__file__).parent)')
  mkdir -p "$jars" "$pyspark/conf"
  if ! (cd "$jars" && sha256sum -c --status "$OLDPWD/conf/spark/jars.sha256") 2>/dev/null; then
    say "fetching Delta's jars from Maven Central"
    local ivy
    ivy=$(mktemp -d "$CACHE/.ivy.XXXXXX")
    .venv/bin/python - "$DELTA" "$ivy" >"$CACHE/jars.log" 2>&1 <<'PY' || { tail -n 5 "$CACHE/jars.log" >&2; fail "could not fetch $DELTA; is Maven Central reachable? The log is $CACHE/jars.log"; }
import sys
from pyspark.sql import SparkSession

package, ivy = sys.argv[1:]
SparkSession.builder.master("local[1]").config("spark.jars.packages", package).config(
    "spark.jars.ivy", ivy
).config("spark.ui.enabled", "false").getOrCreate().stop()
PY
    local name
    while read -r _ name; do cp "$ivy/jars/io.delta_$name" "$jars/$name"; done <conf/spark/jars.sha256
    rm -rf "$ivy"
    (cd "$jars" && sha256sum -c --status "$OLDPWD/conf/spark/jars.sha256") ||
      fail "Delta's jars are not those of conf/spark/jars.sha256; delete $jars and run make setup again"
  fi
  cp "$jars"/delta-*.jar "$pyspark/jars/"
  cp conf/spark/log4j2.properties conf/spark/spark-defaults.conf "$pyspark/conf/"
  printf 'spark.pyspark.python          %s\n' "$PWD/.venv/bin/python" >>"$pyspark/conf/spark-defaults.conf"
  # Spark's own file asks the first python3 on the PATH where Spark is, so that spark-submit would
  # work in an activated environment only. Removed first: it may be a hard link into uv's cache.
  rm -f .venv/bin/find-spark-home
  printf ': "${SPARK_HOME:=%s}"\nexport SPARK_HOME\n' "$pyspark" >.venv/bin/find-spark-home
}

main() {
  local fingerprint
  fingerprint=$( (pwd; sha256sum "${INPUTS[@]}") | sha256sum)
  if [ "$(cat $STAMP 2>/dev/null)" = "$fingerprint" ]; then exit 0; fi
  check_parts
  PYTHON=$(find_python)
  mkdir -p "$CACHE"
  # Set-ups of several checkouts share the cache: one at a time fills it.
  if command -v flock >/dev/null; then
    exec 9>"$CACHE/.lock"
    flock -n 9 || { say "waiting for another set-up"; flock 9; }
  fi
  install_packages
  install_horovod
  install_spark_parts
  "$UV" pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
  "$UV" pip check -q --python .venv/bin/python || fail "packages do not fit together: run $UV pip check"
  echo "$fingerprint" >$STAMP
  say "ready"
}

if [ "${1:-}" = check ]; then check_parts; else main; fi
