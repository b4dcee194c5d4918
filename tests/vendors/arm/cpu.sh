#!/usr/bin/env bash
# cpu.sh NAME ARCH: what the targets aarch64 and armhf do: everything is cross-compiled, and runs under qemu-user with Debian 12's PoCL.
# shellcheck source=/dev/null
. "$ICN_SOURCE/tests/vendors/lib.sh"
. "$ICN_SOURCE/tests/vendors/arm/root.sh"
name=$1 arch=$2
case $name in aarch64) compiler=aarch64-linux-gnu ;; armhf) compiler=arm-linux-gnueabihf ;; esac
need gcc libc6-dev busybox-static qemu-user-static "gcc-$compiler" "libc6-dev-${arch}-cross" opencl-headers libstb-dev libxxhash-dev ninja-build
arm_root "$name" "$arch" bookworm libc6 libgcc-s1 binutils pocl-opencl-icd ocl-icd-libopencl1 libcmocka-dev libcjson-dev
arm_build "$name"
echo "building for $name"
cmake --build "$ARM_BUILD" >"$ICN_WORK/build.log" 2>&1 || { grep -A5 -E 'error|FAILED' "$ICN_WORK/build.log" | tail -n 40; fail "it does not compile for $name"; }

# The kernels' compiler is slow under qemu: what it made is kept. PoCL is named by its file, because a 32-bit program under qemu sees no entries of folders.
export POCL_CACHE_DIR=$ICN_STORE/$name/pocl OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd POCL_AFFINITY=1 CLINCEPTION_CACHE_DIR=none
mkdir -p "$POCL_CACHE_DIR"
cd "$ICN_WORK"
ICN_BUILD=$ARM_BUILD
echo "unit tests and bad input"
case $name in armhf) without='^unit\.(plan_devices|plan_fit|row_space)$' ;; *) without='' ;; esac # they list a folder, see above
CTEST_WITHOUT=$without run_ctest '^(unit|bad)$' || fail "tests without OpenCL"
hosts=$PASSED
echo "kernels: each row once"
CTEST_ONLY='^kernel\.(conv|matmul|pool|elementwise|reduce|move)$' run_ctest '^kernel$' ICN_TEST_CASES=one || fail "kernel rows"
rows=$(grep -hoE 'row [a-z0-9_]+ ran 1' "$ICN_WORK"/ctest.* | sort -u | wc -l)
echo "a small network"
arm_run "$ARM_BUILD/clinception" check builtin:inception_v3:input=75,classes=10 >"$ICN_WORK/net.log" 2>&1 || { tail -n 30 "$ICN_WORK/net.log"; fail "clinception check"; }
tail -n 3 "$ICN_WORK/net.log"
result "$hosts unit tests, $rows kernel rows, Inception-v3 at 75x75; PoCL 3.1, qemu $(version qemu-user-static)"
