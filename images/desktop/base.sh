#!/bin/sh
# A small Debian 12 as a tar file, made of packages alone where no registry of images is at hand:
#   images/desktop/base.sh base.tar
set -eu
[ $# -eq 1 ] || { echo "usage: base.sh TAR" >&2; exit 64; }
exec mmdebstrap --quiet --variant=minbase --mode=root --format=tar \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*' \
  bookworm "$1"
