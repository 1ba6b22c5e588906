#!/usr/bin/env bash
# Starts one cluster: etcd, API server, controllers, scheduler, the Secrets Store CSI Driver and a node (containerd
# and kubelet) in a mount namespace of its own. build.sh must have run. Needs root.
# Then: KUBECONFIG=$CLUSTER_STATE/admin.kubeconfig kubectl get pods -A
. "$(dirname "$0")/lib.sh"

# new_user FILE USER-FIELDS: a user of the API server's token file, and the kubeconfig to come as it.
new_user() {
  local token
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "$token,$2" >>"$CLUSTER_STATE/tokens.csv"
  write_kubeconfig "$1" "$token"
}

write_kubeconfig() {
  cat >"$CLUSTER_STATE/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters:
- {name: c, cluster: {server: "https://$api_ip:443", certificate-authority: "$CLUSTER_STATE/certs/apiserver.crt"}}
users:
- {name: u, user: {token: "$2"}}
contexts:
- {name: c, context: {cluster: c, user: u}}
current-context: c
END
}

make_credentials() {
  local key=$CLUSTER_STATE/certs/sa
  umask 077
  new_user admin 'admin,admin,system:masters'
  new_user node "system:node:$node,node,system:nodes"
  new_user controller 'system:kube-controller-manager,controller'
  new_user scheduler 'system:kube-scheduler,scheduler'
  openssl genrsa -out "$key.key" 2048 2>/dev/null
  openssl rsa -in "$key.key" -pubout -out "$key.pub" 2>/dev/null
  umask 022
}

# The bridge, and a mount namespace in which the node's fixed paths are folders of the state. One process holds it.
make_surroundings() {
  local path
  # Kubelet and the bridge plugin set these; down.sh puts them back.
  for path in /proc/sys/vm/{overcommit_memory,panic_on_oom} /proc/sys/kernel/{panic,panic_on_oops} \
    /proc/sys/kernel/keys/{root_maxkeys,root_maxbytes} /proc/sys/net/ipv4/ip_forward; do
    [ ! -r "$path" ] || echo "$path=$(cat "$path")"
  done >"$CLUSTER_STATE/sysctl"
  # With an address of its own: else it takes the lowest of its members, which a new pod may change, and connections hang for a minute.
  ip link add "$bridge" address "$(printf '02:00:0a:58:%02x:01' "$CLUSTER_ID")" type bridge
  echo "$bridge" >"$CLUSTER_STATE/bridge"
  ip address add "$node_ip/24" dev "$bridge"
  ip address add "$api_ip/32" dev "$bridge"
  ip link set "$bridge" up

  # shellcheck disable=SC2016
  start node unshare --mount --propagation private bash -c '
    set -e
    # bind FOLDER PATH
    bind() {
      [ -d "$2" ] || echo "$2" >>"$CLUSTER_STATE/made" # down.sh removes it
      mkdir -p "$CLUSTER_STATE/$1" "$2"
      mount --bind "$CLUSTER_STATE/$1" "$2"
    }
    bind kubelet /var/lib/kubelet
    mount --make-shared /var/lib/kubelet
    bind providers /var/run/secrets-store-csi-providers
    bind node/etc /etc/kubernetes
    mkdir /etc/kubernetes/secrets-store-csi-providers # where the driver looks, too
    bind node/pods /var/log/pods
    bind node/logs /var/log/containers
    bind node/cni /var/lib/cni
    bind node/run /run/containerd
    bind node/netns /run/netns
    bind node/keymount /run/keymount
    touch "$CLUSTER_STATE/node/ready"
    exec sleep 2147483647'
  wait_for 10 'the mount namespace' test -e "$CLUSTER_STATE/node/ready"
}

start_control_plane() {
  local certs=$CLUSTER_STATE/certs etcd=http://127.0.0.1:$CLUSTER_PORT peers=http://127.0.0.1:$((CLUSTER_PORT + 1))
  # The controllers that the tests need, and no others.
  local controllers=serviceaccount,root-ca-certificate-publisher,namespace,garbage-collector
  controllers+=,deployment,replicaset,daemonset,node-lifecycle
  start etcd "$kube" etcd --name=default --data-dir="$CLUSTER_STATE/etcd" --unsafe-no-fsync --log-level=warn \
    --listen-client-urls="$etcd" --advertise-client-urls="$etcd" \
    --listen-peer-urls="$peers" --initial-advertise-peer-urls="$peers" --initial-cluster="default=$peers"
  # The API server makes its own certificate and CA in --cert-dir.
  start apiserver "$kube" apiserver --etcd-servers="$etcd" --cert-dir="$certs" \
    --bind-address="$api_ip" --advertise-address="$api_ip" --secure-port=443 --endpoint-reconciler-type=none \
    --service-cluster-ip-range="10.96.$CLUSTER_ID.0/24" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$certs/sa.pub" --service-account-signing-key-file="$certs/sa.key" \
    --token-auth-file="$CLUSTER_STATE/tokens.csv" --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --allow-privileged=true
  wait_for 120 'the API server (apiserver.log)' kubectl get --raw=/readyz
  start controller-manager "$kube" controller-manager --kubeconfig="$CLUSTER_STATE/controller.kubeconfig" \
    --leader-elect=false --bind-address=127.0.0.1 --secure-port=$((CLUSTER_PORT + 2)) --cert-dir="$certs/controller" \
    --use-service-account-credentials --service-account-private-key-file="$certs/sa.key" \
    --root-ca-file="$certs/apiserver.crt" --controllers="${controllers//,/-controller,}-controller" \
    --node-monitor-grace-period=25s # kubelet is heard of every 10 s; by default a node is given up after 50
  start scheduler "$kube" scheduler --kubeconfig="$CLUSTER_STATE/scheduler.kubeconfig" --leader-elect=false \
    --secure-port=0
}

start_driver() {
  local group=secrets-store.csi.x-k8s.io socket=/var/lib/kubelet/plugins/csi-secrets-store/csi.sock
  mkdir -p "$CLUSTER_STATE"/kubelet/{plugins_registry,plugins/csi-secrets-store}
  kubectl apply -f "$CLUSTER_CACHE/manifests" >/dev/null
  kubectl apply -f - >/dev/null <<END
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: secrets-store.csi.k8s.io}
spec:
  podInfoOnMount: true
  attachRequired: false
  requiresRepublish: true
  volumeLifecycleModes: [Ephemeral]
  tokenRequests: [{audience: vault, expirationSeconds: 600}]
END
  kubectl wait --for=condition=Established --timeout=60s "crd/secretproviderclasses.$group" \
    "crd/secretproviderclasspodstatuses.$group" >/dev/null
  # The driver gets the rights of its own service account and no more.
  umask 077
  write_kubeconfig driver "$(kubectl -n kube-system create token secrets-store-csi-driver --duration=24h)"
  umask 022
  start_driver_process
  start_in_node registrar "$registrar" --csi="$socket" \
    --socket=/var/lib/kubelet/plugins_registry/secrets-store.csi.k8s.io-reg.sock
}

start_containerd() {
  mkdir -p "$CLUSTER_STATE/cni.d"
  cat >"$CLUSTER_STATE/cni.d/10-bridge.conflist" <<END
{"cniVersion": "1.0.0", "name": "$bridge", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true,
   "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/ipam", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "10.88.$CLUSTER_ID.0/24", "gateway": "$node_ip"}]]}}]}
END
  cat >"$CLUSTER_STATE/containerd.toml" <<END
version = 2
root = "$CLUSTER_STATE/containerd/root"
state = "$CLUSTER_STATE/containerd/state"
[grpc]
address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/busybox:local"
# Kubelet asks for a lower oom_score_adj, which takes CAP_SYS_RESOURCE.
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$CLUSTER_STATE/cni.d"
END
  start_in_node containerd containerd --config "$CLUSTER_STATE/containerd.toml"
  wait_for 60 'containerd (containerd.log)' k8s_ctr version
  k8s_ctr images import --snapshotter native "$CLUSTER_CACHE/busybox.tar" >/dev/null
}

start_kubelet() {
  cat >"$CLUSTER_STATE/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
healthzPort: 0
containerRuntimeEndpoint: unix://$containerd_socket
volumePluginDir: /var/lib/kubelet/volumeplugins
cgroupDriver: cgroupfs
failCgroupV1: false
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
oomScoreAdj: 0
# A pod's volumes are published again in every sync of the pod.
syncFrequency: $CLUSTER_SYNC
# The API server shows kubelet no client certificate, so logs and exec need this. Only this machine reaches the
# bridge's address.
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
END
  start_in_node kubelet "$kube" kubelet --config="$CLUSTER_STATE/kubelet.yaml" \
    --kubeconfig="$CLUSTER_STATE/node.kubeconfig" --hostname-override="$node" --node-ip="$node_ip"
  wait_for 120 'the node (kubelet.log)' node_ready
}

node_ready() {
  [ "$(kubectl get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ] &&
    kubectl get csinode "$node" -o 'jsonpath={.spec.drivers[*].name}' | grep -q secrets-store
}

[ ! -e "/sys/class/net/$bridge" ] || { echo "the bridge $bridge is there: give this cluster another CLUSTER_ID" >&2; exit 1; }
[ ! -e "$CLUSTER_STATE/pids" ] || { echo "$CLUSTER_STATE holds a cluster already; down.sh ends it" >&2; exit 1; }
install -d -m 700 "$CLUSTER_STATE"
mkdir -p "$CLUSTER_STATE"/{certs,logs,pids}
trap '[ $? = 0 ] || KEEP_LOGS=1 "$here/down.sh"' EXIT
make_credentials
make_surroundings
start_control_plane
start_driver
start_containerd
start_kubelet
echo "cluster is up after ${SECONDS}s"
