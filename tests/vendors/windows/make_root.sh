#!/usr/bin/env bash
# What the tool and the tests need beside the library, for Windows: cJSON and cmocka from Debian's sources, static, into FOLDER.
#   make_root.sh FOLDER            then: cmake ... -DCMAKE_TOOLCHAIN_FILE=tools/cmake/mingw-w64.cmake -DICN_WINDOWS_ROOT=FOLDER
# Needs gcc-mingw-w64-x86-64, cmake, ninja-build, dpkg-dev.
set -euo pipefail
mkdir -p "${1:?usage: make_root.sh FOLDER}"
root=$(cd "$1" && pwd)
toolchain=$(cd "$(dirname "$0")/../../.." && pwd)/tools/cmake/mingw-w64.cmake
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same mirror and suite as the machine's own packages, but sources, in an apt of our own.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(sed -nE 's/^URIs: *(\S+).*/\1/p; s/^deb (\[[^]]*\] )?(\S+) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1 || :)
mkdir -p "$work"/{lists/partial,cache/archives/partial,source}
chmod 755 "$work" "$work/source"
echo "deb-src ${mirror:-http://deb.debian.org/debian} $suite main" >"$work/sources.list"
options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  -o APT::Sandbox::User=root)
cd "$work/source"
apt-get "${options[@]}" update -qq
apt-get "${options[@]}" source -qq cjson cmocka

build() { # build NAME [cmake options]
  local name=$1
  shift
  cmake -S "$(echo "$work/source/$name"-*/)" -B "$work/$name" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$root" -DBUILD_SHARED_LIBS=OFF "$@"
  cmake --build "$work/$name"
  cmake --install "$work/$name"
}
build cjson -DENABLE_CJSON_TEST=OFF -DENABLE_CUSTOM_COMPILER_FLAGS=OFF
build cmocka -DWITH_STATIC_LIB=ON -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF
mv "$root/lib/libcmocka-static.a" "$root/lib/libcmocka.a"
rm -f "$root"/lib/*.dll.a
