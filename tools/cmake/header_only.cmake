# icn_find_headers(VARIABLE ENTRY HEADER): where libraries stand that are headers only, for any target.
# Native builds use the folder as it is found. A cross compiler must not see the build machine's own /usr/include (its C library's headers
# are there), so it gets a folder that holds nothing but a link to ENTRY.
function(icn_find_headers variable entry header)
  if(NOT CMAKE_CROSSCOMPILING)
    find_path(${variable} ${header} REQUIRED)
    return()
  endif()
  find_path(${variable}_ON_BUILD_MACHINE ${header} PATHS /usr/include /usr/local/include /opt/homebrew/include NO_CMAKE_FIND_ROOT_PATH NO_DEFAULT_PATH REQUIRED)
  set(folder ${CMAKE_BINARY_DIR}/headers/${variable})
  file(MAKE_DIRECTORY ${folder})
  file(CREATE_LINK ${${variable}_ON_BUILD_MACHINE}/${entry} ${folder}/${entry} SYMBOLIC)
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()
