#!/usr/bin/env bash
# Builds and installs what up.sh starts: Kubernetes, etcd and the Secrets Store CSI Driver from the Go module
# proxy, containerd, runc, the CNI plugins and busybox from Debian. A part that is there is left alone (FORCE=1
# builds it again). About 10 minutes and 2 GB of memory the first time.
. "$(dirname "$0")/lib.sh"
mkdir -p "$CLUSTER_CACHE"
export CGO_ENABLED=0

missing() { [ -n "${FORCE:-}" ] || [ ! -e "$1" ]; }

# module_field FOLDER MODULE FIELD: what the Go module in that folder knows of a module it uses.
module_field() { (cd "$here/$1" && go list -m -f "{{.$3}}" "$2"); }

debian_packages() {
  local packages=()
  command -v containerd >/dev/null || packages+=(containerd)
  command -v runc >/dev/null || packages+=(runc)
  command -v ip >/dev/null || packages+=(iproute2)
  command -v openssl >/dev/null || packages+=(openssl)
  [ -x /bin/busybox ] || packages+=(busybox-static)
  [ -x /usr/lib/cni/bridge ] || packages+=(containernetworking-plugins)
  [ ${#packages[@]} = 0 ] && return
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

build_driver() {
  local module=sigs.k8s.io/secrets-store-csi-driver version deploy
  version=$(module_field driver $module Version)
  (cd "$here/driver" && go build -trimpath -ldflags "-s -w -X $module/pkg/version.BuildVersion=$version" \
    -o "$driver" $module/cmd/secrets-store-csi-driver)
  deploy=$(module_field driver $module Dir)/deploy
  mkdir -p "$CLUSTER_CACHE/manifests"
  install -m 644 "$deploy"/rbac-*.yaml "$deploy"/secrets-store.csi.x-k8s.io_*.yaml "$CLUSTER_CACHE/manifests/"
}

build_kube() {
  local version minor
  version=$(module_field kube k8s.io/kubernetes Version)
  minor=${version#v1.} minor=${minor%%.*}
  # The parts read their version from these variables and refuse to start without one.
  (cd "$here/kube" && go build -trimpath -ldflags "-s -w \
    -X k8s.io/component-base/version.gitVersion=$version \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=$minor \
    -X k8s.io/client-go/pkg/version.gitVersion=$version" -o "$kube" .)
}

# One image holding a static busybox is the pods' sandbox and their application. It is written as a docker
# archive, which "ctr images import" reads.
pack_busybox() {
  local work layer applet
  work=$(mktemp -d)
  mkdir -p "$work"/{image,root/bin,root/tmp}
  install -m 755 /bin/busybox "$work/root/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$work/root/bin/$applet"
  done
  tar -C "$work/root" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$work/image/layer.tar" .
  layer=$(sha256sum "$work/image/layer.tar" | cut -d' ' -f1)
  cat >"$work/image/config.json" <<END
{"architecture": "$(go env GOARCH)", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]},
 "config": {"Env": ["PATH=/bin"], "Entrypoint": ["/bin/busybox"], "Cmd": ["sleep", "2147483647"]}}
END
  echo '[{"Config": "config.json", "RepoTags": ["localhost/busybox:local"], "Layers": ["layer.tar"]}]' \
    >"$work/image/manifest.json"
  tar -C "$work/image" -cf "$CLUSTER_CACHE/busybox.tar" manifest.json config.json layer.tar
  rm -rf "$work"
}

debian_packages
if missing "$driver" || missing "$CLUSTER_CACHE/manifests"; then build_driver; fi
if missing "$registrar"; then (cd "$here/driver" && go build -trimpath -ldflags '-s -w' -o "$registrar" ./registrar); fi
if missing "$kube"; then build_kube; fi
if missing "$CLUSTER_CACHE/busybox.tar"; then pack_busybox; fi
ls -l "$CLUSTER_CACHE"
