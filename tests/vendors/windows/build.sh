# Sourced by the targets windows and windows-wine: everything for Windows into $ICN_WORK/build. build_windows [cmake options]
# shellcheck shell=bash
build_windows() {
  need gcc-mingw-w64-x86-64 dpkg-dev
  stored windows-root "$(sha1sum <"$ICN_SOURCE/tests/vendors/windows/make_root.sh")" "$ICN_SOURCE/tests/vendors/windows/make_root.sh" ||
    leave_out "the sources of cJSON and cmocka cannot be had or built"
  cmake -S "$ICN_SOURCE" -B "$ICN_WORK/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DICN_WINDOWS_ROOT="$STORED" \
    -DCMAKE_TOOLCHAIN_FILE="$ICN_SOURCE/tools/cmake/mingw-w64.cmake" "$@" || fail "cmake"
  cmake --build "$ICN_WORK/build" || fail "it does not compile or link"
}
