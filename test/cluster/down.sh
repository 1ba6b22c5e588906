#!/usr/bin/env bash
# Ends what up.sh started, by the pids it kept, puts the machine back as it was and removes the state
# (KEEP_LOGS=1 leaves the logs).
. "$(dirname "$0")/lib.sh"
[ -d "$CLUSTER_STATE/pids" ] || exit 0

# stop NAME...: asks them all, waits ten seconds for them, then insists.
stop() {
  local name end=$((SECONDS + 10))
  for name in "$@"; do
    if running "$name"; then kill "$(cat "$CLUSTER_STATE/pids/$name")" || true; fi
  done
  for name in "$@"; do
    while running "$name"; do
      [ $SECONDS -lt $end ] || kill -9 "$(cat "$CLUSTER_STATE/pids/$name")" || true
      sleep 0.1
    done
    rm -f "$CLUSTER_STATE/pids/$name"
  done
}

end_pods() {
  local id
  running containerd || return 0
  for id in $(k8s_ctr tasks list -q); do k8s_ctr tasks delete --force "$id" >/dev/null 2>&1 || true; done
  for id in $(k8s_ctr containers list -q); do k8s_ctr containers delete "$id" >/dev/null || true; done
}

stop kubelet
end_pods
# shellcheck disable=SC2046
stop $(cd "$CLUSTER_STATE/pids" && ls --ignore=apiserver --ignore=etcd --ignore=node)
stop apiserver
stop etcd node # the node's mounts go with its namespace
rmdir /sys/fs/cgroup/{,*/}k8s.io 2>/dev/null || true # containerd's parent of all pods, once it is empty
if [ -f "$CLUSTER_STATE/bridge" ]; then ip link delete "$(cat "$CLUSTER_STATE/bridge")" || true; fi
if [ -f "$CLUSTER_STATE/sysctl" ]; then
  while IFS='=' read -r path value; do echo "$value" >"$path" || true; done <"$CLUSTER_STATE/sysctl"
fi
if [ -f "$CLUSTER_STATE/made" ]; then
  while read -r path; do
    # Removing a folder would take away what another cluster has mounted on it.
    grep -qsF " $path " /proc/[0-9]*/mountinfo || rmdir "$path" || true
  done <"$CLUSTER_STATE/made"
fi
if [ -n "${KEEP_LOGS:-}" ]; then
  find "$CLUSTER_STATE" -mindepth 1 -maxdepth 1 ! -name logs -exec rm -rf --one-file-system {} +
else
  rm -rf --one-file-system "$CLUSTER_STATE"
fi
