/* .npy files: versions, byte orders, orders of dimensions, headers that lie, and what is written is read back. */
#define _XOPEN_SOURCE 700
#include <unistd.h>

#include "npy.h"
#include "support/icn_test.h"

/* magic, version, length, header, data; returns the size. */
static size_t compose(uint8_t *file, int version, const char *header, const void *data, size_t data_bytes) {
  size_t length = strlen(header), at = 6;
  memcpy(file, "\x93NUMPY", 6);
  file[at++] = (uint8_t)version;
  file[at++] = 0;
  for (int i = 0; i < (version == 1 ? 2 : 4); i++) file[at++] = (uint8_t)(length >> (8 * i));
  memcpy(file + at, header, length);
  if (data_bytes > 0) memcpy(file + at + length, data, data_bytes);
  return at + length + data_bytes;
}

/* Parses a block of exactly that size, so that AddressSanitizer sees reads past it. */
static icn_status parse(const uint8_t *file, size_t bytes, npy *array, icn_error *error) {
  uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
  assert_non_null(copy);
  if (bytes > 0) memcpy(copy, file, bytes);
  icn_status status = npy_parse(copy, bytes, "x.npy", array, error);
  free(copy);
  return status;
}

static const uint8_t little[24] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40, 0, 0, 0xA0, 0x40, 0, 0, 0xC0, 0x40};
static const char plain[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n";

static void assert_array(const npy *array, int rank, const int64_t *dim, const float *expected) {
  assert_int_equal(array->rank, rank);
  size_t count = 1;
  for (int d = 0; d < rank; d++) {
    assert_int_equal(array->dim[d], dim[d]);
    count *= (size_t)dim[d];
  }
  assert_int_equal(array->count, count);
  assert_memory_equal(array->data, expected, count * sizeof(float));
}

static void every_version_is_read(void **state) {
  (void)state;
  uint8_t file[256];
  npy array;
  for (int version = 1; version <= 3; version++) {
    assert_int_equal(parse(file, compose(file, version, plain, little, 24), &array, NULL), ICN_OK);
    assert_array(&array, 2, (const int64_t[]){2, 3}, (const float[]){1, 2, 3, 4, 5, 6});
    npy_fini(&array);
  }
}

static void fortran_order_is_transposed(void **state) {
  (void)state;
  uint8_t file[256];
  npy array;
  size_t bytes = compose(file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", little, 24);
  assert_int_equal(parse(file, bytes, &array, NULL), ICN_OK);
  assert_array(&array, 2, (const int64_t[]){2, 3}, (const float[]){1, 3, 5, 2, 4, 6});
  npy_fini(&array);
  bytes = compose(file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 3, 2)}", little, 24);
  assert_int_equal(parse(file, bytes, &array, NULL), ICN_OK);
  assert_array(&array, 3, (const int64_t[]){1, 3, 2}, (const float[]){1, 4, 2, 5, 3, 6});
  npy_fini(&array);
}

static void other_elements_are_converted(void **state) {
  (void)state;
  uint8_t file[256], big[24], doubles[16];
  npy array;
  for (int i = 0; i < 24; i++) big[i] = little[i / 4 * 4 + 3 - i % 4];
  size_t bytes = compose(file, 1, "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", big, 24);
  assert_int_equal(parse(file, bytes, &array, NULL), ICN_OK);
  assert_array(&array, 1, (const int64_t[]){6}, (const float[]){1, 2, 3, 4, 5, 6});
  npy_fini(&array);
  double values[2] = {0.1, -1e300};
  memcpy(doubles, values, 16);
  bytes = compose(file, 2, "{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"<f8\"}", doubles, 16);
  assert_int_equal(parse(file, bytes, &array, NULL), ICN_OK);
  assert_true(array.data[0] == 0.1F);
  assert_true(array.data[1] < -3e38F);
  npy_fini(&array);
}

static void scalars_and_empty_arrays(void **state) {
  (void)state;
  uint8_t file[256];
  npy array;
  assert_int_equal(parse(file, compose(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", little, 4), &array, NULL), ICN_OK);
  assert_array(&array, 0, NULL, (const float[]){1});
  npy_fini(&array);
  assert_int_equal(parse(file, compose(file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 0)}", NULL, 0), &array, NULL),
                   ICN_OK);
  assert_int_equal(array.count, 0);
  npy_fini(&array);
  const char *wide = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1099511627776, 1099511627776)}"; /* strides above 64 bits */
  assert_int_equal(parse(file, compose(file, 1, wide, NULL, 0), &array, NULL), ICN_FORMAT);
  npy_fini(&array);
}

static void assert_refused(const uint8_t *file, size_t bytes, icn_status expected, const char *part) {
  npy array;
  icn_error error;
  icn_status status = parse(file, bytes, &array, &error);
  if (status != expected) fail_msg("status %d, expected %d, at %zu bytes: %s", status, expected, bytes, part);
  assert_null(array.data);
  if (strstr(error.message, part) == NULL) fail_msg("'%s' does not say '%s'", error.message, part);
}

static void every_cut_is_refused(void **state) {
  (void)state;
  uint8_t file[256];
  size_t bytes = compose(file, 1, plain, little, 24);
  for (size_t cut = 0; cut < bytes; cut++) assert_refused(file, cut, ICN_FORMAT, "x.npy");
  file[bytes] = 0;
  assert_refused(file, bytes + 1, ICN_FORMAT, "its shape needs 24");
}

static void damaged_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *header;
    icn_status status;
    const char *part;
  } cases[] = {
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}", ICN_UNSUPPORTED, "'<i4'"},
      {"{'descr': '|u1', 'fortran_order': False, 'shape': (24,)}", ICN_UNSUPPORTED, "'|u1'"},
      {"{'descr': '<f2', 'fortran_order': False, 'shape': (12,)}", ICN_UNSUPPORTED, "'<f2'"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (6,)}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'fortran_order': False}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'descr': '<f4', 'shape': (6,)}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", ICN_FORMAT, "damaged"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", ICN_FORMAT, "needs 28"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776)}", ICN_FORMAT, "2^40"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}", ICN_FORMAT, "damaged"},
      {"", ICN_FORMAT, "damaged"},
      {"{", ICN_FORMAT, "damaged"},
      {"{'descr", ICN_FORMAT, "damaged"},
  };
  uint8_t file[256];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_refused(file, compose(file, 1, cases[i].header, little, 24), cases[i].status, cases[i].part);
  assert_refused(file, compose(file, 4, plain, little, 24), ICN_FORMAT, "version 4");
  size_t bytes = compose(file, 1, plain, little, 24);
  file[8] = file[9] = 0xFF; /* the header is said to be longer than the file */
  assert_refused(file, bytes, ICN_FORMAT, "cut off");
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  char path[] = "npy_test_XXXXXX";
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  close(descriptor);
  static const int64_t shapes[][4] = {{2, 3, 4, 5}, {120, 0, 0, 0}, {0}};
  static const int ranks[] = {4, 1, 0};
  float values[120];
  for (int i = 0; i < 120; i++) values[i] = (float)i / 7.0F;
  for (int k = 0; k < 3; k++) {
    npy array;
    icn_error error;
    assert_int_equal(npy_save(path, ranks[k], shapes[k], values, &error), ICN_OK);
    assert_int_equal(npy_load(path, &array, &error), ICN_OK);
    assert_array(&array, ranks[k], shapes[k], values);
    npy_fini(&array);
  }
  remove(path);
  npy array;
  icn_error error;
  assert_int_equal(npy_load(path, &array, &error), ICN_IO);
  assert_non_null(strstr(error.message, path));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_version_is_read),        cmocka_unit_test(fortran_order_is_transposed),
      cmocka_unit_test(other_elements_are_converted), cmocka_unit_test(scalars_and_empty_arrays),
      cmocka_unit_test(every_cut_is_refused),         cmocka_unit_test(damaged_headers_are_refused),
      cmocka_unit_test(what_is_written_is_read_back),
  };
  return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
