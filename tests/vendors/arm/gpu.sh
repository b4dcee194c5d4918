#!/usr/bin/env bash
# gpu.sh TARGET FAMILY DRIVER VARIABLE GPU:ID:DEVICE...: what the targets mali and adreno do. Mesa's OpenCL (rusticl) of Debian 13 for arm64 runs under
# qemu-user on Mesa's no-op kernel driver, which makes it believe in the GPU with this ID: its compiler is the real one, nothing is executed.
# The programs are those of the plans for tests/data/devices/DEVICE.txt, on the first GPU those of every row for GPUs that such a device takes.
# Compiled kernels are remembered in ICN_STORE/FAMILY: the first run takes up to an hour, the next ones compile what changed.
# shellcheck source=/dev/null
. "$ICN_SOURCE/tests/vendors/lib.sh"
. "$ICN_SOURCE/tests/vendors/arm/root.sh"
target=$1 family=$2 driver=$3 variable=$4
shift 4
here=$ICN_SOURCE/tests/vendors/arm
need gcc libc6-dev busybox-static qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross opencl-headers libstb-dev libxxhash-dev ninja-build python3
arm_root arm64-mesa arm64 trixie libc6 libgcc-s1 ocl-icd-libopencl1 mesa-opencl-icd mesa-drm-shim libgl1-mesa-dri libcjson-dev libcmocka-dev binutils
arm_build aarch64 -DICN_BUILD_TOOLS=OFF
cmake --build "$ARM_BUILD" --target build_programs >"$ICN_WORK/build.log" 2>&1 || { tail -n 20 "$ICN_WORK/build.log"; fail "build_programs does not compile for aarch64"; }
aarch64-linux-gnu-gcc -std=c11 -D_GNU_SOURCE -O2 -shared -fPIC -o "$ARM_BUILD/fences.so" "$here/panfrost_fences.c"

libraries=/usr/lib/aarch64-linux-gnu
export ICN_ROOT_FOLDERS=$ICN_ROOT_FOLDERS:$ICN_STORE/$family MESA_SHADER_CACHE_DIR=$ICN_STORE/$family/mesa
export RUSTICL_ENABLE=$driver OCL_ICD_VENDORS=/etc/OpenCL/vendors/rusticl.icd CLINCEPTION_CACHE_DIR=none BIFROST_MESA_DEBUG=shaderdb IR3_SHADER_DEBUG=cs,disasm
build_programs=("$here/in_root.sh" "$ARM_ROOT" "LD_PRELOAD=$ARM_BUILD/fences.so:$libraries/lib${driver}_noop_drm_shim.so" "$ARM_BUILD/tests/build_programs")
key=$(cat "$ARM_ROOT/made-from"; ls "$ARM_ROOT$libraries" | grep -E 'libgallium|libLLVM')

compile() { # compile GPU INDEX FIGURES [--all]
  python3 "$here/compile.py" --family "$family" --gpu "$1" --index "$2" --figures "$3" --records "$ICN_STORE/$family" --work "$ICN_WORK/$1" --key "$key" \
    "${@:4}" -- "${build_programs[@]}"
}

# A kernel that holds too much must be seen to spill and to leave room for fewer threads than one that does not.
planted_is_seen() { # planted_is_seen GPU
  local figures=$ICN_WORK/planted.txt kept=$ICN_WORK/planted-kept.txt name
  compile "$1" "$here/planted/$family.txt" "$figures" --all || fail "the planted kernels are not built"
  { grep '^# worse:' "$target"; sed -n "s/ HELD:1 / $PLANTED /p" "$figures"; } >"$kept"
  ! python3 "$ICN_SOURCE/tests/vendors/figures.py" compare "$figures" "$kept" >"$ICN_WORK/planted-refused.txt" || fail "the planted fault was accepted"
  for name in "${SEEN[@]}"; do grep -q "^WORSE: planted $PLANTED .*: $name " "$ICN_WORK/planted-refused.txt" || fail "the planted fault was not refused by its $name"; done
}
case $family in mali) PLANTED=HELD:6 SEEN=(spills fills threads group) ;; adreno) PLANTED=HELD:16 SEEN=(private_access full) ;; esac

bad=0 all=(--all)
for gpu in "$@"; do
  IFS=: read -r name id device <<<"$gpu"
  export "$variable=$id"
  [ ${#all[@]} = 0 ] || planted_is_seen "$name"
  programs_for "$device"
  compile "$name" "$PROGRAMS/index.txt" "$ICN_WORK/figures.txt" "${all[@]}" || bad=$((bad + 1))
  all=()
done
LC_ALL=C sort -o "$ICN_WORK/figures.txt" "$ICN_WORK/figures.txt"
[ $bad = 0 ] || fail "kernels are not built for $bad of $# GPUs"
spilling=$(grep -cE ' (spills|private_access)=[1-9]' "$ICN_WORK/figures.txt" || :)
mesa=$(basename "$ARM_ROOT$libraries"/libgallium-*.so .so)
result "$(wc -l <"$ICN_WORK/figures.txt") kernels on $# GPUs, $spilling with spills; Mesa ${mesa#libgallium-}"
