/* cmocka with the headers that it wants before it, and where test data lie. Include this instead of <cmocka.h>. */
#ifndef ICN_TEST_H
#define ICN_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

/* A path below the folder of shared test data (models, pictures), or NULL when that folder is not there: then the test must skip(). */
static inline const char *icn_test_shared(const char *relative, char *path, size_t bytes) {
  const char *folder = getenv("ICN_SHARED_DIR");
  if (folder == NULL || snprintf(path, bytes, "%s/%s", folder, relative) >= (int)bytes) return NULL;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fclose(file);
  return path;
}

#endif
