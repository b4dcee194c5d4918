# icn_embed_text(OUTPUT FILE HEADER NAME): writes a C file with FILE as `const char *const NAME` and `const size_t NAME_bytes`, which HEADER
# declares. A byte array: string literals may be as short as 4095 characters. Runs at build time, again whenever FILE changes.
function(icn_embed_text output file header name)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFILE=${CMAKE_SOURCE_DIR}/${file} -DSHOWN=${file} -DHEADER=${header} -DNAME=${name}
      -P ${CMAKE_SOURCE_DIR}/tools/cmake/embed_text_script.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/tools/cmake/embed_text_script.cmake
    VERBATIM)
endfunction()
