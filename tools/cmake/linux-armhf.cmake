# Linux on 32-bit ARM (hard float), from Debian's gcc-arm-linux-gnueabihf:
#   cmake -S . -B build-armhf -DCMAKE_TOOLCHAIN_FILE=tools/cmake/linux-armhf.cmake -DICN_BUILD_TESTS=OFF -DICN_BUILD_TOOLS=OFF
# -DICN_TARGET_ROOT=FOLDER: where Debian's armhf packages are unpacked, for the tool and the tests, which want their libraries.
set(ICN_TRIPLET arm-linux-gnueabihf)
include(${CMAKE_CURRENT_LIST_DIR}/linux-arm.cmake)
