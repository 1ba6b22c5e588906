#!/usr/bin/env bash
# build.sh IMAGE ARCHIVE: builds the Dockerfile of this repository with buildah on the bases of bases.sh, pulls nothing,
# and writes a docker archive. Needs root.
. "$(dirname "$0")/lib.sh"
[ $# = 2 ] || { sed -n 2,3p "$0" >&2; exit 2; }
image=$1 archive=$2
[ -n "${storage_driver:-}" ] || { echo 'run test/image/bases.sh first' >&2; exit 1; }

# A stand-in has another digest than the image that the Dockerfile may pin.
dockerfile=$(mktemp)
trap 'rm -f "$dockerfile"' EXIT
sed -E '/^FROM /s/@sha256:[0-9a-f]{64}//' "$repository/Dockerfile" >"$dockerfile"

# Cached layers pay only where a layer is not a copy of all below it.
if [ "$storage_driver" = vfs ]; then layers=--layers=false; else layers=--layers; fi

mkdir -p "$IMAGE_CACHE/tmp" # holds the Dockerfile's cache mounts
TMPDIR=$IMAGE_CACHE/tmp buildah bud --isolation chroot --pull-never "$layers" --format oci --timestamp 0 \
  --file "$dockerfile" --tag "$image" "$repository" >&2
rm -f "$archive" # buildah does not write over one
buildah push --quiet "$image" "docker-archive:$archive:$image"
