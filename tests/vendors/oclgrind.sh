# Sourced by the targets oclgrind and oclgrind-limits.
# shellcheck shell=bash
export OCLGRIND_MAX_ERRORS=20

# one_kernel KERNEL [ENV=VALUE...]: a kernel of planted/oclgrind.cl under oclgrind, everything checked; what was said is in $ICN_WORK/KERNEL.txt.
one_kernel() {
  local kernel=$1 log=$ICN_WORK/$1.txt
  shift
  rm -f "$log"
  env OCL_ICD_VENDORS=/usr/lib/oclgrind/liboclgrind-rt-icd.so OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_CHECK_API=1 \
    OCLGRIND_BUILD_OPTIONS=-cl-opt-disable OCLGRIND_LOG="$log" "$@" \
    "$ICN_BUILD/tests/kernel_once" "$ICN_SOURCE/tests/vendors/planted/oclgrind.cl" "$kernel" 2>"$ICN_WORK/$kernel.host"
}

# fault_is_seen KERNEL TEXT: fails unless oclgrind says TEXT (a regular expression) of the planted kernel, and says it of that kernel.
FAULTS=0
fault_is_seen() {
  one_kernel "$1" || fail "planted '$1' does not run: $(cat "$ICN_WORK/$1.host")"
  grep -qE "$2" "$ICN_WORK/$1.txt" && grep -qE "Kernel: *$1" "$ICN_WORK/$1.txt" || fail "the planted fault '$1' was not seen (wanted: $2)"
  FAULTS=$((FAULTS + 1))
}

# row_fault_is_seen FILE ROW FAMILY FROM TO TEXT: the kernel cases of ROW, a text of whose kernel is changed; fails unless oclgrind says TEXT of it.
row_fault_is_seen() {
  local folder=$ICN_WORK/kernels-$2 log=$ICN_WORK/row-$2.txt source
  rm -rf "$folder"
  cp -r "$ICN_SOURCE/kernels" "$folder"
  source=$(<"$folder/$1")
  [[ $source == *"$4"* ]] || fail "$1 has no '$4' to be planted on"
  printf '%s\n' "${source/"$4"/"$5"}" >"$folder/$1"
  if CLINCEPTION_KERNEL_DIR=$folder ICN_TEST_ROWS=$2 OCLGRIND_UNINITIALIZED=0 OCLGRIND_DATA_RACES=0 \
    "$ICN_SOURCE/tests/kernel/oclgrind.sh" "$ICN_BUILD" "$3" >"$log" 2>&1; then
    fail "the fault planted in row '$2' was not seen"
  fi
  grep -qE "$6" "$log" || { cat "$log"; fail "the fault planted in row '$2' was not seen (wanted: $6)"; }
  FAULTS=$((FAULTS + 1))
}

# families_clean PRETEND [ENV=VALUE...]: the small kernel cases of every family; FAMILIES is how many were clean.
families_clean() {
  local pretend=$1 log=$ICN_WORK/families-${1:-plain}
  shift
  env ICN_TEST_PRETEND="$pretend" "$@" "$ICN_SOURCE/tests/kernel/oclgrind.sh" "$ICN_BUILD" >"$log" 2>&1 || { cat "$log"; return 1; }
  FAMILIES=$(grep -c 'is clean' "$log")
}
