# Other Debian releases as folders under ICN_STORE/roots, for targets that need their OpenCL drivers. To be sourced by bash; needs root rights.
# shellcheck shell=bash
# Mounts live in a mount namespace of their own, so none outlives the command that needs it.
: "${ICN_SOURCE:?}" "${ICN_BUILD:?}" "${ICN_WORK:?}" "${ICN_STORE:?}"

# debian_root SUITE PACKAGE...: makes ICN_STORE/roots/SUITE the first time, adds the packages that it lacks, and prints its path.
debian_root() {
  local suite=$1 root=$ICN_STORE/roots/$1
  shift
  mkdir -p "$ICN_STORE/roots"
  (
    flock 9 # other targets may want the same root
    [ -e "$root/.made" ] || make_debian_root "$suite" "$root" || exit 1
    local wanted=() package
    for package in "$@"; do [ -e "$root/.packages/$package" ] || wanted+=("$package"); done
    [ ${#wanted[@]} = 0 ] || add_packages "$root" "${wanted[@]}"
  ) 9>"$ICN_STORE/roots/$suite.lock" >&2 || return 1
  echo "$root"
}

make_debian_root() {
  local suite=$1 root=$2 mirror
  mirror=$(grep -hoE 'https?://[^ ]*debian/?( |$)' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | grep -v snapshot | head -1 | tr -d ' ')
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring || return 1
  rm -rf --one-file-system "$root"
  unshare --mount debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" || return 1
  cp -n /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null
  mkdir -p "$root/.packages"
  touch "$root/.made"
}

add_packages() {
  local root=$1 package
  shift
  cp /etc/resolv.conf "$root/etc/"
  in_root "$root" apt-get update -qq || return 1
  in_root "$root" apt-get install -y -qq --no-install-recommends "$@" || return 1
  for package in "$@"; do touch "$root/.packages/$package"; done
}

# in_root ROOT [NAME=VALUE...] COMMAND...: runs a command in the root with a clean environment. ICN_SOURCE, ICN_BUILD, ICN_WORK,
# ICN_SHARED_DIR and ICN_CASES_DIR are there under their own paths, so that test programs and their data are found.
in_root() {
  local root=$1 folder
  shift
  for folder in "${ICN_SOURCE:-}" "${ICN_BUILD:-}" "${ICN_WORK:-}" "${ICN_SHARED_DIR:-}" "${ICN_CASES_DIR:-}"; do [ ! -d "$folder" ] || mkdir -p "$root$folder"; done
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --propagation private bash -c '
    root=$1; shift
    for d in /proc /sys /dev; do mount --rbind $d "$root$d" || exit 1; done
    for d in "$ICN_SOURCE" "$ICN_BUILD" "$ICN_WORK" "$ICN_SHARED_DIR" "$ICN_CASES_DIR"; do [ ! -d "$d" ] || mount --bind "$d" "$root$d" || exit 1; done
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' \
    in_root "$root" "$@"
}

# root_version ROOT PACKAGE: a Debian package's version in a root, without epoch.
root_version() { chroot "$1" dpkg-query -W -f='${Version}' "$2" | sed 's/^[0-9]*://'; }
