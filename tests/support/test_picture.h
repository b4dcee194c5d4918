/* Reading files and pictures in tests. */
#ifndef ICN_TEST_PICTURE_H
#define ICN_TEST_PICTURE_H

#include "image.h"
#include "support/icn_test.h"

/* The whole file, malloc'ed; fails the test when it is not there. */
static inline uint8_t *test_read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot open %s", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  long size = ftell(file);
  rewind(file);
  uint8_t *data = malloc((size_t)size + 1);
  assert_non_null(data);
  assert_int_equal(fread(data, 1, (size_t)size, file), size);
  fclose(file);
  *bytes = (size_t)size;
  return data;
}

/* A file of tests/data/images. */
static inline uint8_t *test_read_data_image(const char *name, size_t *bytes) {
  char path[1024];
  const char *folder = getenv("ICN_TEST_DATA");
  assert_non_null(folder);
  snprintf(path, sizeof path, "%s/images/%s", folder, name);
  return test_read_file(path, bytes);
}

/* Decodes `bytes` of `data` held in a block of exactly that size, so that AddressSanitizer sees every read past the end. */
static inline icn_status test_decode(const uint8_t *data, size_t bytes, icn_image **image, icn_error *error) {
  icn_allocator allocator = icn_allocator_default();
  uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
  assert_non_null(copy);
  if (bytes > 0) memcpy(copy, data, bytes);
  icn_error_clear(error);
  icn_status status = icn_image_decode(&allocator, copy, bytes, "picture", image, error);
  free(copy);
  return status;
}

static inline icn_image *test_decode_path(const char *path) {
  size_t bytes;
  icn_image *image;
  icn_error error;
  uint8_t *data = test_read_file(path, &bytes);
  icn_status status = test_decode(data, bytes, &image, &error);
  free(data);
  if (status != ICN_OK) fail_msg("%s: %s", path, error.message);
  return image;
}

static inline icn_image *test_decode_data_image(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/images/%s", getenv("ICN_TEST_DATA"), name);
  return test_decode_path(path);
}

/* The largest difference of two equally large arrays. */
static inline int test_largest_difference(const uint8_t *a, const uint8_t *b, size_t count) {
  int largest = 0;
  for (size_t i = 0; i < count; i++) {
    int difference = abs(a[i] - b[i]);
    largest = difference > largest ? difference : largest;
  }
  return largest;
}

static inline bool test_shared_missing(const char *relative) {
  char path[1024];
  if (icn_test_shared(relative, path, sizeof path) != NULL) return false;
  print_message("skipped: %s is not there\n", relative);
  return true;
}

#endif
