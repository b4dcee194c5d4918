# icn_embed_kernels(OUTPUT FILE...): writes a C file with every kernel source as a byte array and a table of them. No Python, no xxd.
# Runs at build time (a script call), again whenever a kernel file changes.
function(icn_embed_kernels output)
  set(absolute "")
  foreach(file ${ARGN})
    list(APPEND absolute ${CMAKE_SOURCE_DIR}/${file})
  endforeach()
  string(REPLACE ";" "," joined "${absolute}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFILES=${joined} -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels_script.cmake
    DEPENDS ${absolute} ${CMAKE_SOURCE_DIR}/tools/cmake/embed_kernels_script.cmake
    VERBATIM)
endfunction()
