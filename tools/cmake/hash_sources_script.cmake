set(all "")
foreach(file ${FILES})
  file(SHA256 ${file} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 all "${all}")
file(WRITE ${OUTPUT} "/* Made from the library's sources by tools/cmake/hash_sources_script.cmake. */\n#include \"sources_hash.h\"\n
const char icn_sources_hash[65] = \"${all}\";\n")
