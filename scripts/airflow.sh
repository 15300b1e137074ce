#!/usr/bin/env bash
# Airflow for one machine: an environment of its own, SQLite, the DAGs of airflow_dags, a connection to
# the checkout's spark-submit. All of it lies in .airflow; `rm -rf .airflow` starts anew.
#   scripts/airflow.sh            makes it ready, then runs it until Ctrl-C
#   scripts/airflow.sh install    makes the environment ready, and no more
#   scripts/airflow.sh ARGUMENT…  makes it ready, then runs `airflow ARGUMENT…` in it
# Does only what is missing. PORT (8080) is the web page's. NIGHTSHELF_AIRFLOW_HOME, NIGHTSHELF_DAGS and
# NIGHTSHELF_VENV name other folders than .airflow, airflow_dags and .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

HOME_FOLDER="${NIGHTSHELF_AIRFLOW_HOME:-$PWD/.airflow}"
VENV="$PWD/.airflow/venv"
SPARK_VENV="${NIGHTSHELF_VENV:-$PWD/.venv}"
LOCK=airflow_dags/requirements.lock
PORT="${PORT:-8080}"

say() { printf 'airflow: %s\n' "$*" >&2; }
fail() { printf 'airflow: %s\n' "$*" >&2; exit 1; }

install() {
  local uv fingerprint
  fingerprint=$( (pwd; sha256sum $LOCK) | sha256sum)
  [ "$(cat "$VENV/.nightshelf-airflow" 2>/dev/null)" != "$fingerprint" ] || return 0
  uv="${XDG_CACHE_HOME:-$HOME/.cache}/nightshelf/uv-$(sed -n 's/^uv==\([^ ]*\).*/\1/p' scripts/uv.lock)/bin/uv"
  [ -x "$uv" ] || scripts/setup.sh
  [ -x "$uv" ] || fail "no uv at $uv; run make setup first"
  say "installing Airflow into .airflow/venv (500 MB; a minute at the first time)"
  rm -rf "$VENV"
  "$uv" venv -q --python 3.11 "$VENV"
  "$uv" pip sync -q --python "$VENV/bin/python" --require-hashes $LOCK
  "$uv" pip check -q --python "$VENV/bin/python" || fail "packages do not fit together"
  echo "$fingerprint" >"$VENV/.nightshelf-airflow"
}

# What stands in the environment goes before airflow.cfg, so that a moved checkout needs no edit.
configure() {
  export AIRFLOW_HOME="$HOME_FOLDER"
  export AIRFLOW__CORE__DAGS_FOLDER="${NIGHTSHELF_DAGS:-$PWD/airflow_dags}"
  export AIRFLOW__CORE__LOAD_EXAMPLES=False
  export AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS=False
  export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
  export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:///$HOME_FOLDER/airflow.db"
  export AIRFLOW__LOGGING__BASE_LOG_FOLDER="$HOME_FOLDER/logs"
  # On the loopback alone: whoever can trigger a DAG here can run what spark-submit can.
  export AIRFLOW__API__HOST=127.0.0.1
  export AIRFLOW__API__PORT="$PORT"
  export AIRFLOW__API__BASE_URL="http://localhost:$PORT"
  export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$PORT/execution/"
  # Each task is a Spark driver of its own with the memory of conf/spark/spark-defaults.conf.
  export AIRFLOW__CORE__PARALLELISM="${AIRFLOW__CORE__PARALLELISM:-2}"
  export NIGHTSHELF_HOME="$PWD"
  export PYSPARK_PYTHON="$SPARK_VENV/bin/python"
  # Airflow's own Python first: the other one has a `python` too.
  export PATH="$VENV/bin:$SPARK_VENV/bin:$PATH"
}

prepare() {
  local log="$HOME_FOLDER/prepare.log" stamp="$HOME_FOLDER/.prepared"
  if cmp -s "$stamp" "$VENV/.nightshelf-airflow"; then return; fi
  mkdir -p "$HOME_FOLDER"
  say "preparing the database"
  {
    airflow db migrate
    airflow connections get nightshelf_spark >/dev/null 2>&1 ||
      airflow connections add nightshelf_spark --conn-type spark --conn-host 'local[*]' \
        --conn-extra '{"deploy-mode": "client", "spark-binary": "spark-submit"}' \
        --conn-description "The checkout's spark-submit, on this machine"
    airflow pools get nightshelf_training >/dev/null 2>&1 ||
      airflow pools set nightshelf_training 1 "Trainings: one at a time"
  } >"$log" 2>&1 || fail "the database could not be prepared; the log is $log"
  cp "$VENV/.nightshelf-airflow" "$stamp"
}

login() {
  local passwords="$HOME_FOLDER/simple_auth_manager_passwords.json.generated"
  if [ ! -s "$passwords" ]; then
    (umask 077; python -c 'import json, secrets
print(json.dumps({"admin": secrets.token_urlsafe(12)}))' >"$passwords")
  fi
  say "http://localhost:$PORT  user admin, password $(python -c 'import json, sys
print(json.load(open(sys.argv[1]))["admin"])' "$passwords")"
}

run() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
    fail "port $PORT is taken (by another Airflow?); stop that, or choose: make airflow PORT=8081"
  fi
  login
  say "the DAGs are paused until you switch them on; Ctrl-C stops Airflow; it is ready in half a minute"
  # In a process group of its own: a Ctrl-C that reaches all of Airflow's parts at once leaves its
  # scheduler waiting for its workers for ever.
  set -m
  airflow standalone &
  trap "stop $!" INT TERM
  wait $!
}

stop() {
  trap '' INT TERM
  say "stopping"
  kill -INT "$1" 2>/dev/null || true
  for _ in $(seq 30); do
    kill -0 -- "-$1" 2>/dev/null || exit 0
    sleep 1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
  exit 0
}

install
[ "${1:-}" != install ] || exit 0
configure
prepare
if [ $# -gt 0 ]; then exec airflow "$@"; else run; fi
