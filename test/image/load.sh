#!/usr/bin/env bash
# load.sh ARCHIVE: brings a docker archive's image into the cluster's containerd. Pods name it in full and set
# imagePullPolicy: Never.
[ $# = 1 ] || { sed -n 2,3p "$0" >&2; exit 2; }
archive=$(realpath "$1")
. "$(dirname "$0")/../cluster/lib.sh"
k8s_ctr images import --snapshotter native "$archive"
