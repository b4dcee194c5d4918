# Windows, 64 bit, from Debian's gcc-mingw-w64-x86-64:
#   cmake -S . -B build-windows -DCMAKE_TOOLCHAIN_FILE=tools/cmake/mingw-w64.cmake -DICN_BUILD_TESTS=OFF -DICN_BUILD_TOOLS=OFF
# The tool and the tests need cJSON and cmocka for Windows: -DICN_WINDOWS_ROOT=FOLDER, made by tests/vendors/windows/make_root.sh.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 ${ICN_WINDOWS_ROOT})
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ICN_WINDOWS_ROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -static-libgcc)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -static-libgcc")
