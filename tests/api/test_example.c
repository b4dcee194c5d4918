/* The program on the public header's first screen is tests/api/example.c, line by line. */

#include "support/icn_test.h"

static char *read_text(const char *relative) {
  char path[1024];
  const char *data = getenv("ICN_TEST_DATA"); /* TOP/tests/data */
  assert_non_null(data);
  snprintf(path, sizeof path, "%s/../../%s", data, relative);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot open %s", path);
  char *text = calloc(1, 1 << 20);
  assert_non_null(text);
  assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
  fclose(file);
  return text;
}

static void the_header_shows_the_example(void **state) {
  (void)state;
  static const char PREFIX[] = " *     ";
  char *header = read_text("include/clinception/clinception.h"), *example = read_text("tests/api/example.c");
  const char *shown = strstr(header, " *     #include <clinception/clinception.h>");
  assert_non_null(shown);
  size_t lines = 0;
  for (char *line = example; *line != '\0'; lines++) {
    const size_t length = strcspn(line, "\n");
    assert_int_equal(strncmp(shown, PREFIX, sizeof PREFIX - 1), 0);
    shown += sizeof PREFIX - 1;
    if (strncmp(shown, line, length) != 0 || shown[length] != '\n') fail_msg("line %zu differs: '%.*s'", lines + 1, (int)length, line);
    shown += length + 1;
    line += length + 1;
  }
  assert_int_equal(strncmp(shown, PREFIX, sizeof PREFIX - 1) == 0, 0); /* nothing follows in the header */
  assert_true(lines >= 20 && lines <= 30);
  free(header);
  free(example);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_header_shows_the_example)};
  return cmocka_run_group_tests_name("example", tests, NULL, NULL);
}
