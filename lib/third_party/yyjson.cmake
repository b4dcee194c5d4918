# yyjson is compiled as a part of the one file that includes its source; this only sets ICN_YYJSON_INCLUDE. README.md says why.
set(ICN_YYJSON_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/yyjson)
