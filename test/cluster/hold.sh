#!/usr/bin/env bash
# Starts a cluster, says "up" and ends it when its standard input ends: however the caller goes away, nothing stays.
. "$(dirname "$0")/lib.sh"
"$here/up.sh" </dev/null >&2
trap '"$here/down.sh"' EXIT
echo up
cat >/dev/null
