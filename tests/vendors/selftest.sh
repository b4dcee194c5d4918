#!/usr/bin/env bash
# Sees that the matrix notices what it is there for: worse figures, failing, hanging and missing targets. tests/vendors/selftest.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: selftest.sh FOLDER}
rm -rf "$work"
mkdir -p "$work"/{targets,kept,build}
touch "$work/build/CMakeCache.txt"
checks=0

bad() { echo "selftest FAILED: $1"; cat "$work/out"; exit 1; }
# expect EXIT TEXT COMMAND...: the command ends with EXIT and prints TEXT (a regular expression).
expect() {
  local want=$1 text=$2 code=0
  shift 2
  "$@" >"$work/out" 2>&1 || code=$?
  [ "$code" = "$want" ] || bad "exit $code instead of $want from: $*"
  grep -qE -- "$text" "$work/out" || bad "no '$text' from: $*"
  checks=$((checks + 1))
}
matrix() {
  env CI=false ICN_BUILD="$work/build" ICN_STORE="$work/store" CLINCEPTION_CHECK_DIR="$work/check" ICN_VENDORS_TARGETS="$work/targets" \
    ICN_VENDORS_KEPT="$work/kept" "$@"
}
target() { # target NAME TIER, its commands on stdin
  { printf '#!/usr/bin/env bash\n# what: %s\n# tier: %s\n# proves: compiles\n# worse: spill>0, occupancy<\n' "$1" "$2"; cat; } >"$work/targets/$1"
  chmod +x "$work/targets/$1"
}

# Figures.
kept=$work/figures.kept figures=$work/figures
compare() { expect "$1" "$2" python3 "$here/figures.py" compare "$figures" "$kept"; }
rows='conv_gpu m=64 gfx1030 vgpr=67 spill=0 occupancy=12\npool_nhwc4 k=3 gfx1030 vgpr=20 spill=0 occupancy=16\n'
printf "# worse: spill>0, occupancy<\n$rows" >"$kept"
printf "$rows" >"$figures"
compare 0 '2 lines of figures, none worse'
printf "$rows" | sed 's/67 spill=0/67 spill=8/' >"$figures"
compare 1 '^WORSE: conv_gpu m=64 gfx1030: spill 0 -> 8$'
expect 1 'a worse figure is accepted with --reason' python3 "$here/figures.py" accept "$figures" "$kept"
printf "$rows" | sed 's/occupancy=12/occupancy=10/' >"$figures"
compare 1 '^WORSE: conv_gpu m=64 gfx1030: occupancy 12 -> 10$'
printf "%ssoftmax r=1 gfx1030 vgpr=9 spill=4 occupancy=16\n" "$(printf "${rows}x")" | sed 's/^x//' >"$figures"
compare 1 '^WORSE: softmax r=1 gfx1030: spill \(a new line\) -> 4$'
printf "$rows" | sed 's/spill=0/other=0/' >"$figures"
compare 1 "'spill' is kept and was not written"
: >"$figures"
compare 1 'no figure that is judged'
printf "$rows$rows" >"$figures"
compare 1 'stands there twice'
printf "$rows" | sed 's/vgpr=67/vgpr=70/; /pool/d' >"$figures"
compare 0 '^1 lines gone'
# The same figures with an accepted line: as bad as accepted passes, worse than accepted does not.
sed -i '1a # accepted: conv_gpu m=64 gfx1030 occupancy 12 -> 10: a larger tile, and faster' "$kept"
printf "$rows" | sed 's/occupancy=12/occupancy=10/' >"$figures"
compare 0 '^accepted: conv_gpu m=64 gfx1030: occupancy 12 -> 10: a larger tile'
printf "$rows" | sed 's/occupancy=12/occupancy=9/' >"$figures"
compare 1 '^WORSE: conv_gpu m=64 gfx1030: occupancy 12 -> 9$'
expect 0 '2 lines' python3 "$here/figures.py" accept "$figures" "$kept" --reason 'one more register'
expect 0 '^# accepted: conv_gpu m=64 gfx1030 occupancy 12 -> 9: one more register$' cat "$kept"
compare 0 '2 lines of figures, none worse'

# Targets.
target good fast <<<'echo "result: 3 things hold"'
target wrong fast <<<'echo "FAILED: number 7 is wrong"; exit 1'
target missing fast <<<'echo "left out: no such driver here"; exit 77'
target silent slow <<<'exit 0'
target spills slow <<<'echo "conv_gpu m=64 gfx1030 spill=$(cat "$ICN_STORE/spill") occupancy=12" >"$ICN_WORK/figures.txt"; echo "result: 1 kernel"'
target hangs slow <<<'sleep 600'
sed -i '5a # limit: 1' "$work/targets/hangs"
mkdir -p "$work/store"
echo 0 >"$work/store/spill"
run=$here/run
expect 0 '^good +fast +compiles +good$' matrix "$run" --list
expect 0 'good: passed, [0-9]+ s: 3 things hold' matrix "$run" good
expect 0 'good: passed before with these sources' matrix "$run" good
expect 0 '^-- good: good' matrix "$run" --fresh good
expect 1 '^wrong +compiles +failed +[0-9]+ +[0-9]+ +number 7 is wrong$' matrix "$run" wrong good
expect 0 '^missing +compiles +left out +[0-9]+ +[0-9]+ +no such driver here$' matrix "$run" missing
expect 1 'must not be missing in CI: no such driver here' matrix CI=true "$run" missing
expect 1 "printed no 'result:' line" matrix "$run" silent
expect 1 'stopped after 1 s' matrix "$run" hangs
expect 2 "no target 'nobody'" matrix "$run" nobody
expect 1 'no kept figures: tests/vendors/run --accept spills' matrix "$run" spills
expect 0 '1 lines' matrix "$run" --accept spills
expect 0 'spills: passed' matrix "$run" spills
echo 16 >"$work/store/spill"
expect 1 'WORSE: conv_gpu m=64 gfx1030: spill 0 -> 16' matrix "$run" --fresh spills
expect 1 'spill 0 -> 16' matrix "$run" spills
expect 1 '1 of 3 targets failed' matrix "$run" --fast --table "$work/table.md"
expect 0 '^\| good \| fast \| good \| compiles \| passed \| [0-9]+ \| [0-9]+ \| [^|]* \| 3 things hold \|$' cat "$work/table.md"
expect 0 '^\| spills .* failed ' cat "$work/table.md"

# Interrupted: the running target is ended, and what passed before is kept.
target forever slow <<<'trap "echo tidied >\"$ICN_STORE/tidied\"" EXIT; sleep 600'
env CI=false ICN_BUILD="$work/build" ICN_STORE="$work/store" CLINCEPTION_CHECK_DIR="$work/check" ICN_VENDORS_TARGETS="$work/targets" \
  ICN_VENDORS_KEPT="$work/kept" "$run" --fresh good forever >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 100); do grep -q -- '-- forever' "$work/out" && break; sleep 0.1; done
sleep 0.3
kill -TERM $pid
code=0
wait $pid || code=$?
[ $code = 130 ] && grep -q '^good .* passed ' "$work/out" || bad "an interrupted run ended with $code"
grep -q tidied "$work/store/tidied" || bad "an interrupted target did not tidy up"
checks=$((checks + 1))
echo "$checks faults and rules of the matrix seen"
