# Shell functions for the targets that execute kernels: the kernel and network tests of ICN_BUILD on another OpenCL runtime, here or in a root.
#   . "$ICN_SOURCE/tests/vendors/execute.sh"
# shellcheck shell=bash
. "$ICN_SOURCE/tests/vendors/lib.sh"
. "$ICN_SOURCE/tests/vendors/root.sh"

# in_root shows these inside: where the tests were told to look, and ONNX's operator cases, where tools/check has made them.
ICN_SHARED_DIR=$(sed -n 's/^ICN_SHARED_DIR:[A-Z]*=//p' "$ICN_BUILD/CMakeCache.txt")
ICN_CASES_DIR=${ICN_CASES_DIR:-$(realpath -m "$ICN_WORK/../../cases")}
export ICN_SHARED_DIR ICN_CASES_DIR
RUNTIME=() # what makes it this runtime: NAME=VALUE...
RUN_IN=(env) # or (in_root FOLDER)
ROOT_PACKAGES=(ocl-icd-libopencl1 libclblast1 libcmocka0 libcjson1 cmake) # what the tests and ctest need inside a root

# expect_devices NAME...: the runtime lists exactly these devices (parts of names, in order), so that no other one is tested in its stead.
expect_devices() {
  local listed name
  inside "$ICN_BUILD/clinception" devices >"$ICN_WORK/devices" || fail "clinception devices: exit $?"
  cat "$ICN_WORK/devices"
  listed=$(grep -cE '^ *[0-9]+  ' "$ICN_WORK/devices" || :)
  [ "$listed" = $# ] || fail "$listed devices are listed, expected $#: $*"
  for name in "$@"; do grep -E '^ *[0-9]+  ' "$ICN_WORK/devices" | grep -F -- "$name" >/dev/null || fail "no device '$name' is listed"; done
}

inside() { "${RUN_IN[@]}" "${RUNTIME[@]}" CLINCEPTION_CACHE_DIR="$ICN_WORK/cache" "$@"; }

# small_cases: every family of kernels, without the large cases; each test also plants a wrong bit on each device and must notice it.
small_cases() {
  CTEST_ONLY='\.[a-z]+$' run_ctest '^kernel$' "${RUNTIME[@]}" ICN_TEST_CASES=small "$@" || fail "small kernel cases $*"
}

# all_cases: every case, then the small ones again as rows emit them for other vector widths and for GPUs.
all_cases() { run_ctest '^kernel$' "${RUNTIME[@]}" "$@" || fail "kernel cases $*"; }

# small_nets: a small Inception-v3 with every pass off and every row asked for by name; operators as models.
small_nets() {
  CTEST_ONLY='switches|conformance|reference' run_ctest '^net$' "${RUNTIME[@]}" ICN_CASES_DIR= "$@" || fail "small nets $*"
}

# all_nets: also the real Inception-v3 on real pictures and ONNX's own operator cases, where they are to be had.
all_nets() { run_ctest '^net$' "${RUNTIME[@]}" ICN_CASES_DIR="$(cases_folder)" "$@" || fail "nets $*"; }
cases_folder() { [ ! -e "$ICN_CASES_DIR/cases.txt" ] || echo "$ICN_CASES_DIR"; }

# done_tests WHO: the line for the table.
done_tests() { result "$1: $CASES kernel cases, $PASSED tests passed, $SKIPPED skipped"; }

# real_model: the real Inception-v3 on one picture, where they are to be had, against the reference, value by value.
real_model() {
  local model=$ICN_SHARED_DIR/models/inception_v3_moderation.onnx
  if [ ! -e "$model" ]; then
    SKIPPED=$((SKIPPED + 1))
    return
  fi
  inside "$ICN_BUILD/clinception" check "$model" --image "$ICN_SHARED_DIR/images/parrot.299.png" || fail "the real Inception-v3"
  PASSED=$((PASSED + 1))
}
