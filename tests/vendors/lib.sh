# Shell functions for the scripts in targets/. A target begins with
#   . "$ICN_SOURCE/tests/vendors/lib.sh"
# and has from tests/vendors/run: ICN_SOURCE (repository), ICN_BUILD (a Release build with tests), ICN_WORK (an empty folder of its own),
# ICN_STORE (kept between runs). A target can be run by hand with these set.
# shellcheck shell=bash
set -euo pipefail
export CLINCEPTION_TUNE_FILE=none # what somebody measured here decides nothing
export CLINCEPTION_SELF_TEST=off  # what is run here is compared with the reference anyhow, and some targets take minutes for a network
: "${ICN_SOURCE:?}" "${ICN_BUILD:?}" "${ICN_WORK:?}" "${ICN_STORE:?}"

# leave_out WHY: this target cannot be had here.
leave_out() { echo "left out: $*"; exit 77; }

# fail WHAT: it does not hold.
fail() { echo "FAILED: $*"; exit 1; }

# result TEXT: what the table shows; the last thing a target prints.
result() { echo "result: $*"; }

# need PACKAGE...: Debian packages, installed when missing.
need() {
  local missing=() package run=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  echo "installing ${missing[*]}"
  [ "$(id -u)" = 0 ] || run=(sudo -n)
  # Other targets of another run may be installing too: wait for dpkg's lock.
  if ! { "${run[@]}" apt-get update -qq && "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=900 "${missing[@]}"; } >"$ICN_WORK/apt.log" 2>&1; then
    tail -n 5 "$ICN_WORK/apt.log"
    leave_out "Debian packages ${missing[*]} cannot be installed"
  fi
}

# version PACKAGE: a Debian package's version, without epoch.
version() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null | sed 's/^[0-9]*://'; }

# stored NAME KEY COMMAND...: runs COMMAND FOLDER, once for each KEY (versions, package lists), to fill the folder that STORED then names.
stored() {
  local folder=$ICN_STORE/$1 key=$2
  shift 2
  mkdir -p "$(dirname "$folder")"
  exec 8>"$folder.lock"
  flock 8 # two runs must not fill it at once
  if [ "$(cat "$folder/ready" 2>/dev/null)" != "$key" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    "$@" "$folder" 8>&- || { exec 8>&-; return 1; }
    echo "$key" >"$folder/ready"
  fi
  exec 8>&-
  STORED=$folder
}

# python_env NAME PACKAGE...: a Python environment with pinned packages; STORED is its folder.
python_env() {
  local name=$1
  shift
  stored "$name" "$*" make_python_env "$@" || leave_out "Python packages $* cannot be installed"
}
make_python_env() {
  local folder=${*: -1}
  python3 -m venv "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check "${@:1:$#-1}" >"$ICN_WORK/pip.log" 2>&1
}

# run_ctest LABELS [ENV=VALUE...]: cmocka tests of $ICN_BUILD through ctest (LABELS as for ctest -L). Adds to PASSED and SKIPPED; shows what failed
# and returns 1 when something did or when nothing ran. CTEST_ONLY (a regular expression) narrows the tests by name, CTEST_WITHOUT leaves some out.
# RUN_IN: what starts ctest and takes NAME=VALUE before the command: (env), or (in_root FOLDER) of root.sh. CASES: the kernel tests' cases, counted
# once for each device.
PASSED=0 SKIPPED=0 CASES=0 RUN_IN=(env)
run_ctest() {
  local labels=$1 log code=0 ok
  log=$(mktemp "$ICN_WORK/ctest.XXXXXX")
  shift
  "${RUN_IN[@]}" CMOCKA_MESSAGE_OUTPUT=tap "$@" ctest --test-dir "$ICN_BUILD" -V -L "$labels" -R "${CTEST_ONLY:-.}" -E "${CTEST_WITHOUT:-^$}" --timeout 1800 >"$log" 2>&1 || code=$?
  ok=$(grep -E '^[0-9]+: ok ' "$log" | grep -cvE '# SKIP' || :)
  PASSED=$((PASSED + ok))
  SKIPPED=$((SKIPPED + $(grep -cE '^[0-9]+: (not )?ok [0-9]+ .*# SKIP' "$log" || :)))
  CASES=$((CASES + $(sed -nE 's/.*: ([0-9]+) cases of [0-9]+ on ([0-9]+) devices,.*/\1 * \2/p' "$log" | paste -sd+ | sed 's/^$/0/')))
  [ "$code" = 0 ] && [ "$ok" != 0 ] && return 0
  echo "ctest -L '$labels' $*: exit $code, $ok passed; what failed:"
  { grep -vE '^[0-9]+: (ok|1\.\.)' "$log" | grep -E '^[0-9]+: |\*\*\*|No tests' || :; } | tail -n 60
  return 1
}

# programs_for DEVICE: the programs of the device that tests/data/devices/DEVICE.txt describes, for compilers; PROGRAMS is their folder
# (tests/vendors/programs.c says what is in it).
programs_for() {
  PROGRAMS=$ICN_WORK/programs-$1
  [ -e "$PROGRAMS/index.txt" ] ||
    ICN_TEST_DATA=$ICN_SOURCE/tests/data "$ICN_BUILD/tests/programs" "$ICN_SOURCE/tests/data/devices/$1.txt" "$PROGRAMS" ||
    fail "the programs of device '$1' cannot be written"
}

# all_gpu_rows: fails unless every row for GPUs has a kernel in PROGRAMS (those whose extension the device lacks apart).
all_gpu_rows() {
  ! grep '^# declined GPU ' "$PROGRAMS/index.txt" || fail "these rows for GPUs have no program in ${PROGRAMS##*/}"
}

# planted_is_refused TARGET KERNEL NAME COUNT: fails unless the rules in the head of TARGET refuse the planted KERNEL by the figure NAME on COUNT
# devices (its figures are in $ICN_WORK/planted.txt).
planted_is_refused() {
  local refused=$ICN_WORK/planted-refused.txt
  grep '^# worse:' "$1" >"$ICN_WORK/planted-rules.txt"
  if python3 "$ICN_SOURCE/tests/vendors/figures.py" compare "$ICN_WORK/planted.txt" "$ICN_WORK/planted-rules.txt" >"$refused"; then
    fail "the planted faults were accepted"
  fi
  [ "$(grep -c "^WORSE: $2 .*: $3 " "$refused")" = "$4" ] || fail "the planted fault '$2' was not refused by its $3 on $4 devices"
}
