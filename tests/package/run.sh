#!/usr/bin/env bash
# Installs BUILD to a scratch tree, checks the exported symbols, and builds an outside program against it with CMake and with pkg-config.
#   tests/package/run.sh BUILD
set -euo pipefail
build=$(cd "${1:?usage: run.sh BUILD}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/tree" >/dev/null
library=$(find "$work/tree" -name 'libclinception.so')

stray=$(nm -D --defined-only "$library" | awk '$3 !~ /^icn_/ {print $3}')
[ -z "$stray" ] || { echo "exported symbols that are not icn_*: $stray" >&2; exit 1; }
declared=$(grep -ohE '\bicn_[a-z0-9_]+\(' "$work"/tree/include/clinception/*.h | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sort -u)
for symbol in $exported; do
  grep -qx "$symbol" <<<"$declared" || { echo "exported but in no public header: $symbol" >&2; exit 1; }
done
echo "exported symbols: $(wc -l <<<"$exported"), all icn_* and declared"

for header in "$work"/tree/include/clinception/*.h; do
  gcc -std=c11 -Wall -Wextra -Wconversion -Wpedantic -Werror -I"$work/tree/include" -fsyntax-only -x c "$header"
  g++ -std=c++11 -Wall -Wextra -Wconversion -Wpedantic -Werror -I"$work/tree/include" -fsyntax-only -x c++ "$header"
done
if gcc -I"$work/tree/include" -M "$work/tree/include/clinception/clinception.h" | grep 'CL/' >/dev/null; then
  echo "clinception.h includes an OpenCL header" >&2
  exit 1
fi
echo "public headers compile alone as C and C++"

cmake -S "$here" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/tree" >/dev/null
cmake --build "$work/cmake" >/dev/null
"$work/cmake/outside_clinception"
"$work/cmake/outside_clinception_static"
echo "CMake package: built and ran, shared and static"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/tree" -name clinception.pc)")
# shellcheck disable=SC2046
gcc -std=c11 -o "$work/outside" "$here/outside.c" $(pkg-config --cflags --libs clinception)
LD_LIBRARY_PATH=$(dirname "$library") "$work/outside"
echo "pkg-config: built and ran"
