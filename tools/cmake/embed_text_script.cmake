file(READ ${FILE} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){32})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made from ${SHOWN} by tools/cmake/embed_text_script.cmake. */\n#include \"${HEADER}\"\n
static const unsigned char text[] = {\n${bytes}0};
const char *const ${NAME} = (const char *)text;
const size_t ${NAME}_bytes = sizeof text - 1;\n")
