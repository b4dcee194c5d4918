# Linux on 64-bit ARM, from Debian's gcc-aarch64-linux-gnu:
#   cmake -S . -B build-aarch64 -DCMAKE_TOOLCHAIN_FILE=tools/cmake/linux-aarch64.cmake -DICN_BUILD_TESTS=OFF -DICN_BUILD_TOOLS=OFF
# -DICN_TARGET_ROOT=FOLDER: where Debian's arm64 packages are unpacked, for the tool and the tests, which want their libraries.
set(ICN_TRIPLET aarch64-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/linux-arm.cmake)
