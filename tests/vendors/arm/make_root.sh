#!/usr/bin/env bash
# make_root.sh FOLDER ARCH SUITE PACKAGE...: a root of another architecture, from Debian's packages and all they depend on, to run programs in by
# qemu-user (in_root.sh). Packages are only unpacked: nothing runs in the root while it is made, so neither binfmt_misc nor a second stage of
# debootstrap is needed. Does nothing when FOLDER was made from the same arguments before. Needs root, Debian 12 on x86-64, gcc, busybox-static and qemu-user-static.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 arch=$2 suite=$3
shift 3
case $arch in
  arm64) triplet=aarch64-linux-gnu qemu=qemu-aarch64-static ;;
  armhf) triplet=arm-linux-gnueabihf qemu=qemu-arm-static ;;
  *) echo "make_root.sh: architecture $arch is not known" >&2; exit 2 ;;
esac
made_from="$arch $suite $* $(cksum <"$0") $(cksum <"$here/run_linker.c")"
if [ "$(cat "$folder/made-from" 2>/dev/null)" = "$made_from" ]; then exit 0; fi

rm -rf "$folder"
state=$folder.apt
mkdir -p "$folder" "$state"/lists/partial "$state"/cache/archives/partial
: >"$state/status"
mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
  sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' | head -n 1) || true
cat >"$state/debian.sources" <<SOURCES
Types: deb
URIs: ${mirror:-http://deb.debian.org/debian}
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
apt=(apt-get -qq -o Dir::Etc::SourceList="$state/debian.sources" -o Dir::Etc::SourceParts=- -o Dir::Etc::PreferencesParts=- -o Dir::State="$state"
  -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o APT::Architecture="$arch"
  -o APT::Architectures="$arch" -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
"${apt[@]}" update
"${apt[@]}" install -y --download-only --no-install-recommends "$@" >/dev/null

# The directories that are links since /usr was merged must be there before the first package is unpacked over them.
mkdir -p "$folder"/usr/{bin,sbin,lib} "$folder"/{tmp,root,proc,sys,dev}
for name in bin sbin lib; do ln -s "usr/$name" "$folder/$name"; done
for package in "$state"/cache/archives/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder" --keep-directory-symlink; done
rm -rf "$state"

echo root:x:0:0:root:/root:/bin/sh >"$folder/etc/passwd"

# What programs start in the root, the kernel cannot run unless it is x86-64: sh and rm are a static busybox, ld is run_linker, which starts the
# real one under qemu.
cp "$(command -v busybox)" "$folder/usr/bin/busybox"
for name in sh rm; do ln -sf busybox "$folder/usr/bin/$name"; done
cp "$(command -v "$qemu")" "$folder/qemu"
gcc -O2 -static -o "$folder/usr/bin/run_linker" -DICN_LINKER="\"/usr/bin/$triplet-ld.bfd\"" "$here/run_linker.c"
for name in ld "$triplet-ld"; do ln -sf run_linker "$folder/usr/bin/$name"; done
echo "$made_from" >"$folder/made-from"
