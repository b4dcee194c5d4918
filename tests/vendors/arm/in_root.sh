#!/usr/bin/env bash
# in_root.sh ROOT [LD_NAME=VALUE...] PROGRAM ARGUMENT...: runs a program of another architecture in a root made by make_root.sh, under qemu-user, in the
# current folder. The folders in ICN_ROOT_FOLDERS (separated by colons) are there under their own paths, so that what CMake and ctest say of tests
# holds inside. Mounts live in a mount namespace of their own and end with the program, however it ends.
set -euo pipefail
root=$1
shift
emulator=(/qemu -cpu max)
while [[ $1 == LD_*=* ]]; do # for the program alone, not for the x86-64 programs that start it
  emulator+=(-E "$1")
  shift
done
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --propagation private bash -c '
  set -e
  root=$1 from=$2
  shift 2
  for folder in /proc /sys /dev; do mount --rbind "$folder" "$root$folder"; done
  IFS=:
  for folder in $ICN_ROOT_FOLDERS; do
    mkdir -p "$folder" "$root$folder"
    mount --bind "$folder" "$root$folder"
  done
  exec unshare --root="$root" --wd="$from" "$@"' in_root "$root" "$PWD" "${emulator[@]}" "$@"
