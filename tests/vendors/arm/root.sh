# ARM roots and the programs that are cross-compiled for them. To be sourced behind lib.sh by bash; needs root rights.
# shellcheck shell=bash
# arm_root NAME ARCH SUITE PACKAGE...: ARM_ROOT is then a root with these packages, made the first time and kept as ICN_STORE/roots/NAME.
arm_root() {
  local name=$1
  shift
  ARM_ROOT=$ICN_STORE/roots/$name
  mkdir -p "$ICN_STORE/roots"
  [ "$(id -u)" = 0 ] || leave_out "needs root rights (for chroot)"
  (
    flock 9
    "$ICN_SOURCE/tests/vendors/arm/make_root.sh" "$ARM_ROOT" "$@"
  ) 9>"$ARM_ROOT.lock" >"$ICN_WORK/root.log" 2>&1 || { tail -n 5 "$ICN_WORK/root.log"; leave_out "Debian's packages for $name cannot be had"; }
}

# arm_build NAME CMAKE_ARGUMENT...: cross-compiles for linux-NAME (tools/cmake) into ARM_BUILD, with a ctest that runs the tests in ARM_ROOT.
arm_build() {
  local name=$1
  shift
  ARM_BUILD=$ICN_WORK/build
  export ICN_ROOT_FOLDERS=$ICN_SOURCE:$ICN_WORK:$ICN_STORE/$name
  [ ! -d "$ICN_SOURCE/../shared" ] || ICN_ROOT_FOLDERS+=:$(realpath "$ICN_SOURCE/../shared")
  cmake -S "$ICN_SOURCE" -B "$ARM_BUILD" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$ICN_SOURCE/tools/cmake/linux-$name.cmake" \
    -DICN_TARGET_ROOT="$ARM_ROOT" "-DCMAKE_CROSSCOMPILING_EMULATOR=$ICN_SOURCE/tests/vendors/arm/in_root.sh;$ARM_ROOT" "$@" >"$ICN_WORK/cmake.log" 2>&1 ||
    { tail -n 20 "$ICN_WORK/cmake.log"; fail "it cannot be configured for $name"; }
}

# arm_run PROGRAM ARGUMENT...: runs a program of ARM_BUILD, or of the root, in the root.
arm_run() { "$ICN_SOURCE/tests/vendors/arm/in_root.sh" "$ARM_ROOT" "$@"; }
