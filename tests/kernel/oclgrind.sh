#!/bin/bash
# tests/kernel/oclgrind.sh BUILD [NAME...]: the small kernel cases under oclgrind (out of bounds, data races, uninitialised values, misuse of
# the API). Fails when a test fails or oclgrind has anything to say. NAME: families, e.g. "pool"; default: all that were built.
set -u
build=${1:?usage: oclgrind.sh BUILD [NAME...]}
shift
icd=${ICN_OCLGRIND_ICD:-/usr/lib/oclgrind/liboclgrind-rt-icd.so}
[ -e "$icd" ] || { echo "oclgrind is not installed ($icd is missing)"; exit 1; }
if [ $# -eq 0 ]; then
  for test in "$build"/tests/test_kernel_*; do set -- "$@" "${test##*/test_kernel_}"; done
fi
log=$(mktemp)
out=$(mktemp)
trap 'rm -f "$log" "$out"' EXIT

# Without optimisation: oclgrind 21 does not know LLVM's `freeze`, which a division beside a remainder becomes.
export OCL_ICD_VENDORS=$icd OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_CHECK_API=1 OCLGRIND_LOG=$log
export OCLGRIND_BUILD_OPTIONS=-cl-opt-disable
export ICN_TEST_CASES=once ICN_TEST_DEVICES=Oclgrind CLINCEPTION_CACHE_DIR=none

failed=0
for name in "$@"; do
  : >"$log"
  start=$SECONDS
  "$build/tests/test_kernel_$name" >"$out" 2>&1
  code=$?
  if [ $code -ne 0 ] || [ -s "$log" ] || ! grep -q "cases of .* on 1 devices, 0 failures" "$out"; then
    failed=$((failed + 1))
    echo "oclgrind: $name FAILED (exit $code)"
    head -60 "$log"
    grep -v ' ran [0-9]' "$out" | head -40
  else
    echo "oclgrind: $name is clean ($((SECONDS - start)) s)"
  fi
done
[ $failed -eq 0 ]
