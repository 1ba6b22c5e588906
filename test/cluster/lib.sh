# shellcheck shell=bash disable=SC2034
# Settings and functions of the cluster scripts; source it.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" # Debian keeps runc and ip there

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${CLUSTER_CACHE:=$HOME/.cache/csi-cluster}"    # binaries and the pods' image, kept
: "${CLUSTER_STATE:=${TMPDIR:-/tmp}/csi-cluster}" # one running cluster, thrown away
: "${CLUSTER_ID:=7}"       # 1 to 250: pods get 10.88.ID.0/24, services 10.96.ID.0/24
: "${CLUSTER_PORT:=18600}" # first of four ports on 127.0.0.1
: "${CLUSTER_POLL:=5s}"    # how old a mount must be before the driver asks the provider again
: "${CLUSTER_SYNC:=2s}"    # how often kubelet looks after each pod; 1m is its own default
export CLUSTER_STATE       # down.sh knows the cluster's processes by it

kube=$CLUSTER_CACHE/kube
driver=$CLUSTER_CACHE/secrets-store-csi-driver
registrar=$CLUSTER_CACHE/registrar
node=csi-node
bridge=csi$CLUSTER_ID
node_ip=10.88.$CLUSTER_ID.1 # the host as pods see it
api_ip=10.96.$CLUSTER_ID.1  # the service "kubernetes"; the bridge holds it, so no kube-proxy is needed
containerd_socket=$CLUSTER_STATE/containerd.sock

kubectl() {
  "$kube" kubectl --kubeconfig "$CLUSTER_STATE/admin.kubeconfig" --cache-dir "$CLUSTER_STATE/kubectl" "$@"
}

# start NAME COMMAND...: runs it in the background; its pid and its log are kept.
start() {
  local name=$1
  shift
  setsid "$@" </dev/null >"$CLUSTER_STATE/logs/$name.log" 2>&1 &
  echo $! >"$CLUSTER_STATE/pids/$name"
}

# The node is a mount namespace, held by the process "node".
in_node() { nsenter --mount="/proc/$(cat "$CLUSTER_STATE/pids/node")/ns/mnt" "$@"; }
start_in_node() { start "$1" nsenter --mount="/proc/$(cat "$CLUSTER_STATE/pids/node")/ns/mnt" "${@:2}"; }

# The driver, as its kubeconfig says it may; up.sh starts it and restart-driver.sh starts it again.
start_driver_process() {
  local socket=/var/lib/kubelet/plugins/csi-secrets-store/csi.sock
  local providers=/var/run/secrets-store-csi-providers old_providers=/etc/kubernetes/secrets-store-csi-providers
  KUBECONFIG=$CLUSTER_STATE/driver.kubeconfig start_in_node driver "$driver" --endpoint="unix://$socket" \
    --nodeid="$node" --provider-volume="$providers" --additional-provider-volume-paths="$old_providers" \
    --metrics-addr="127.0.0.1:$((CLUSTER_PORT + 3))" --enable-secret-rotation=true \
    --rotation-poll-interval="$CLUSTER_POLL"
  wait_for 60 'the driver (driver.log)' in_node test -S "$socket"
}

k8s_ctr() { in_node ctr --address "$containerd_socket" --namespace k8s.io "$@"; }

# running NAME: is the process there, and is it this cluster's (a pid may be another's by now)?
running() {
  local pid
  pid=$(cat "$CLUSTER_STATE/pids/$1" 2>/dev/null) &&
    grep -qzx "CLUSTER_STATE=$CLUSTER_STATE" "/proc/$pid/environ" 2>/dev/null &&
    ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null
}

# wait_for SECONDS WHAT COMMAND...: tries the command until it succeeds.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      echo "gave up waiting for $what; its log is in $CLUSTER_STATE/logs" >&2
      return 1
    fi
    sleep 0.2
  done
}
