#!/bin/bash
# tests/kernel/oclgrind.sh BUILD [NAME...]: the small kernel cases under oclgrind (out of bounds, data races, uninitialised values, misuse of
# the API). Fails when a test fails or oclgrind has anything to say. NAME: families, e.g. "pool"; default: all that were built, as many at
# once as there are cores.
set -u
build=${1:?usage: oclgrind.sh BUILD [NAME...]}
shift
icd=${ICN_OCLGRIND_ICD:-/usr/lib/oclgrind/liboclgrind-rt-icd.so}
[ -e "$icd" ] || { echo "oclgrind is not installed ($icd is missing)"; exit 1; }
if [ $# -eq 0 ]; then
  # "configs" and "winograd_exact" run configurations and tiles on cases that an interpreter takes hours for.
  for test in "$build"/tests/test_kernel_*; do
    case ${test##*/test_kernel_} in configs | winograd_exact) ;; *) set -- "$@" "${test##*/test_kernel_}" ;; esac
  done
fi
if [ $# -gt 1 ]; then
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "$0" "$build"
  exit
fi

name=$1
log=$(mktemp)
out=$(mktemp)
trap 'rm -f "$log" "$out"' EXIT

# What oclgrind says is taken from the error output: a log file (OCLGRIND_LOG) is begun anew by each OpenCL context, and a test has several.
# cmocka's last line goes there, too.
# Programs are built without optimisation: quirk oclgrind_freeze in lib/quirks.def.
export OCL_ICD_VENDORS=$icd OCLGRIND_CHECK_API=1
export OCLGRIND_DATA_RACES=${OCLGRIND_DATA_RACES:-1} OCLGRIND_UNINITIALIZED=${OCLGRIND_UNINITIALIZED:-1} # 0: not, which is eight times as fast
unset OCLGRIND_LOG
export ICN_TEST_CASES=once ICN_TEST_DEVICES=Oclgrind CLINCEPTION_CACHE_DIR=none

"$build/tests/test_kernel_$name" >"$out" 2>"$log"
code=$?
sed -i '/^\[  PASSED  \] [0-9]* test(s)\.$/d' "$log"
if [ $code -eq 0 ] && [ ! -s "$log" ] && grep -q "cases of .* on 1 devices, 0 failures" "$out"; then
  echo "oclgrind: $name is clean ($SECONDS s)"
  exit 0
fi
echo "oclgrind: $name FAILED (exit $code)"
head -60 "$log"
grep -v ' ran [0-9]' "$out" | head -40
exit 1
