#!/usr/bin/env bash
# Ends the driver of a running cluster and starts it again, as a rollout of its DaemonSet does: it may finish what it does, and is
# killed then. Kubernetes gives it 30 s for that; a Mount that waits for a provider would use up all of them.
. "$(dirname "$0")/lib.sh"

pid=$(cat "$CLUSTER_STATE/pids/driver")
kill "$pid"
for _ in {1..60}; do
  running driver || break
  sleep 0.05
done
! running driver || kill -9 "$pid"
in_node rm -f /var/lib/kubelet/plugins/csi-secrets-store/csi.sock
start_driver_process
