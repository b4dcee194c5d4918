# Sourced by the targets android and android-api24.
# shellcheck shell=bash

# build_android ARCH FLAGS: the static library for API level 24 into $ICN_WORK/ARCH; LIBRARY is its path.
build_android() {
  cmake -S "$ICN_SOURCE" -B "$ICN_WORK/$1" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$ICN_SOURCE/tests/vendors/android/toolchain.cmake" -DICN_ANDROID_ARCH="$1" \
    -DICN_ANDROID_FLAGS="$2" -DCMAKE_BUILD_TYPE=Debug -DICN_BUILD_TESTS=OFF -DICN_BUILD_TOOLS=OFF >"$ICN_WORK/$1.log" 2>&1 &&
    cmake --build "$ICN_WORK/$1" --target clinception_static >>"$ICN_WORK/$1.log" 2>&1 || { grep -E 'error|Error' -A 4 "$ICN_WORK/$1.log" | head -40; fail "$1 does not compile"; }
  LIBRARY=$ICN_WORK/$1/libclinception.a
}

# plant FUNCTION FILE [FLAGS...]: an object that calls a function which Android has not, at any API level that we ask for.
plant() {
  printf 'extern int %s();\nint planted(void);\nint planted(void) { return %s(); }\n' "$1" "$1" >"$2.c"
  clang-14 "${@:3}" -Wno-strict-prototypes -c -o "$2" "$2.c"
}
