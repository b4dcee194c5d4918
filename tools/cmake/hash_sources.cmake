# icn_hash_sources(OUTPUT FILES...): writes a C file with a hash of FILES, in their order, as `const char icn_sources_hash[]`
# (host/sources_hash.h says what for). Runs at build time, again whenever one of them changes.
function(icn_hash_sources output)
  set(paths ${ARGN})
  list(TRANSFORM paths PREPEND ${CMAKE_SOURCE_DIR}/)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${paths}" -P ${CMAKE_SOURCE_DIR}/tools/cmake/hash_sources_script.cmake
    DEPENDS ${paths} ${CMAKE_SOURCE_DIR}/tools/cmake/hash_sources_script.cmake
    VERBATIM)
endfunction()
