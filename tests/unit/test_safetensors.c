/* Safetensors files: what is read of a right one, one sentence for each that is wrong, and damage at every byte. */
#include "safetensors.h"

#include "graph.h"
#include "os.h"
#include "support/icn_test.h"
#include "support/safetensors_writer.h"

static icn_arena arena;
static icn_safetensors file;
static icn_error error;

static int setup(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_arena_init(&arena, &allocator);
  icn_error_clear(&error);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  icn_arena_fini(&arena);
  return 0;
}

/* ---------------------------------------------------------------- right ones */

static void everything_is_read(void **state) {
  (void)state;
  static const float WEIGHT[6] = {1, 2, 3, 4, 5, -6};
  static const char HEADER[] =
      "{\"__metadata__\":{\"format\":\"pt\",\"n\\u00e4me\":\"\"},"
      "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[3,27]},"
      "\"a\":{\"data_offsets\":[0,3],\"later\":[1,{}],\"shape\":[3],\"dtype\":\"U8\"},"
      "\"scalar\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[27,35]},"
      "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[35,35]},"
      "\"B\\u00e9\":{\"dtype\":\"F8_E4M3\",\"shape\":[5],\"data_offsets\":[35,40]}}   ";
  uint8_t data[40] = {7, 8, 9};
  memcpy(data + 3, WEIGHT, sizeof WEIGHT);
  data[27] = 42;
  size_t bytes;
  uint8_t *written = safetensors_bytes(HEADER, data, sizeof data, &bytes);
  if (icn_safetensors_parse(written, bytes, &arena, &file, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(file.count, 5);
  for (size_t i = 1; i < file.count; i++) assert_true(strcmp(file.tensors[i - 1].name, file.tensors[i].name) < 0);
  const icn_stored_tensor *weight = icn_safetensors_find(&file, "fc.weight"), *scalar = icn_safetensors_find(&file, "scalar");
  assert_true(weight != NULL && weight->supported && weight->dtype == ICN_F32 && weight->shape.rank == 2);
  assert_int_equal(weight->shape.dim[0], 2);
  assert_int_equal(weight->shape.dim[1], 3);
  assert_ptr_equal(weight->data, written + 8 + strlen(HEADER) + 3); /* in place */
  assert_memory_equal(weight->data, WEIGHT, sizeof WEIGHT);
  assert_true(scalar != NULL && scalar->shape.rank == 0 && scalar->dtype == ICN_I64);
  const icn_stored_tensor *none = icn_safetensors_find(&file, "none"), *unknown = icn_safetensors_find(&file, "B\xc3\xa9");
  assert_true(none != NULL && none->supported && icn_shape_elems(&none->shape) == 0);
  assert_true(unknown != NULL && !unknown->supported);
  assert_string_equal(unknown->type, "F8_E4M3");
  assert_null(icn_safetensors_find(&file, "fc"));
  assert_null(icn_safetensors_find(&file, "__metadata__"));
  free(written);
}

static void a_file_of_nothing_is_right(void **state) {
  (void)state;
  size_t bytes;
  uint8_t *written = safetensors_bytes("{}", NULL, 0, &bytes);
  assert_int_equal(icn_safetensors_parse(written, bytes, &arena, &file, &error), ICN_OK);
  assert_int_equal(file.count, 0);
  assert_null(icn_safetensors_find(&file, ""));
  free(written);
}

/* Each type has its name, its bytes and its values, wherever they lie. */
static void every_type_is_known(void **state) {
  (void)state;
  static const double f64 = -2.5;
  static const float f32 = -2.5f;
  static const uint16_t f16 = 0xc100, bf16 = 0xc020; /* -2.5 in both */
  static const int64_t i64 = -3;
  static const int32_t i32 = -3;
  static const int8_t i8 = -3;
  static const uint8_t u8 = 253, truth = 1;
  const struct {
    const char *type;
    icn_dtype dtype;
    const void *data;
    double value;
  } cases[] = {
      {"U8", ICN_U8, &u8, 253},     {"F64", ICN_F64, &f64, -2.5},    {"F32", ICN_F32, &f32, -2.5},
      {"F16", ICN_F16, &f16, -2.5}, {"BF16", ICN_BF16, &bf16, -2.5}, {"I64", ICN_I64, &i64, -3},
      {"I32", ICN_I32, &i32, -3},   {"I8", ICN_I8, &i8, -3},         {"BOOL", ICN_BOOL, &truth, 1},
  };
  enum { COUNT = sizeof cases / sizeof *cases };
  safetensors_writer writer = {0};
  size_t bytes;
  for (size_t i = 0; i < COUNT; i++)
    safetensors_add(&writer, cases[i].type, cases[i].type, 0, NULL, cases[i].data, icn_dtype_bytes(cases[i].dtype));
  uint8_t *written = safetensors_end(&writer, &bytes);
  if (icn_safetensors_parse(written, bytes, &arena, &file, &error) != ICN_OK) fail_msg("%s", error.message);
  for (size_t i = 0; i < COUNT; i++) {
    const icn_stored_tensor *tensor = icn_safetensors_find(&file, cases[i].type);
    assert_true(tensor != NULL && tensor->supported && tensor->dtype == cases[i].dtype);
    const icn_value value = {.name = "x", .dtype = tensor->dtype, .data = tensor->data, .producer = -1};
    if ((double)icn_const_f32(&value, 0) != cases[i].value) fail_msg("%s is %g", cases[i].type, (double)icn_const_f32(&value, 0));
    assert_int_equal(icn_const_i64(&value, 0), (int64_t)cases[i].value);
  }
  free(written);
}

static void bfloat16_is_the_upper_half_of_a_float(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    const uint16_t half = (uint16_t)bits;
    const uint32_t whole = bits << 16;
    const icn_value value = {.name = "x", .dtype = ICN_BF16, .data = &half, .producer = -1};
    const float got = icn_const_f32(&value, 0);
    float expected;
    memcpy(&expected, &whole, sizeof expected);
    if (expected != expected) {
      assert_true(got != got);
    } else {
      assert_memory_equal(&got, &expected, sizeof got);
    }
  }
}

/* As the format's own library writes them (tools/dev/make_safetensors.py). */
static void the_librarys_own_files_are_read(void **state) {
  (void)state;
  char path[1024];
  icn_mapping mapping;
  snprintf(path, sizeof path, "%s/safetensors/kinds.safetensors", getenv("ICN_TEST_DATA"));
  if (icn_os_map(path, &mapping, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_safetensors_parse(mapping.data, (size_t)mapping.bytes, &arena, &file, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(file.count, 9);
  for (size_t i = 0; i < file.count; i++) {
    const icn_stored_tensor *tensor = &file.tensors[i];
    assert_int_equal(tensor->shape.rank, 2);
    assert_int_equal(tensor->shape.dim[0] * tensor->shape.dim[1], 6);
    assert_true(tensor->supported == (strcmp(tensor->name, "uint16") != 0));
    const icn_value value = {.name = "x", .dtype = tensor->dtype, .data = tensor->data, .producer = -1};
    for (int k = 0; tensor->supported && k < 6; k++) assert_true(icn_const_i64(&value, k) == (tensor->dtype == ICN_BOOL ? k > 0 : k));
  }
  icn_os_unmap(&mapping);
  snprintf(path, sizeof path, "%s/safetensors/layer.safetensors", getenv("ICN_TEST_DATA"));
  if (icn_os_map(path, &mapping, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_safetensors_parse(mapping.data, (size_t)mapping.bytes, &arena, &file, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(file.count, 4);
  assert_int_equal(icn_safetensors_find(&file, "conv.weight")->shape.rank, 4);
  icn_os_unmap(&mapping);
}

/* ---------------------------------------------------------------- wrong ones */

static void expect(const uint8_t *data, size_t bytes, icn_status wanted, const char *words) {
  icn_error_clear(&error);
  icn_status status = icn_safetensors_parse(data, bytes, &arena, &file, &error);
  if (status != wanted || error.status != wanted) fail_msg("status %d for '%s': '%s'", (int)status, words, error.message);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error.message);
  assert_int_equal(file.count, 0);
  assert_null(file.tensors);
}

#define ENTRY(name, type, shape, offsets) "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void wrong_headers_are_explained(void **state) {
  (void)state;
  const struct {
    const char *header;
    size_t data_bytes;
    const char *words;
  } cases[] = {
      /* no JSON, no object */
      {"", 0, "does not begin with '{'"},
      {"[]", 0, "does not begin with '{'"},
      {" {}", 0, "does not begin with '{'"},
      {"null", 0, "does not begin with '{'"},
      {"{", 0, "the header is not JSON"},
      {"{}{}", 0, "the header is not JSON"},
      {"{\"a\":}", 0, "the header is not JSON"},
      {"{\"a\":1,}", 0, "the header is not JSON"},
      {"{/**/}", 0, "the header is not JSON"},
      {"{\"a\xff\":1}", 0, "the header is not JSON"},
      {"{\"a\":NaN}", 0, "the header is not JSON"},
      /* entries */
      {"{\"a\":1}", 0, "says of the tensor 'a' something that is no JSON object"},
      {"{\"a\":[]}", 0, "no JSON object"},
      {"{\"a\":{}}", 0, "does not say the dtype of the tensor 'a'"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0, "does not say the shape of the tensor 'a'"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "does not say the data_offsets of the tensor 'a'"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "says the shape of the tensor 'a' twice"},
      {"{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "the dtype of the tensor 'a' is no text"},
      {"{" ENTRY("a", "F32", "1", "[0,4]") "}", 4, "the shape of the tensor 'a' is no list"},
      {"{" ENTRY("a", "F32", "[-1]", "[0,4]") "}", 4, "dimension 0 in the shape of the tensor 'a' is no count"},
      {"{" ENTRY("a", "F32", "[1,1.0]", "[0,4]") "}", 4, "dimension 1 in the shape of the tensor 'a' is no count"},
      {"{" ENTRY("a", "F32", "[1e0]", "[0,4]") "}", 4, "is no count"},
      {"{" ENTRY("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "is no count"},
      {"{" ENTRY("a", "F32", "[9223372036854775808]", "[0,4]") "}", 4, "is no count"},
      {"{" ENTRY("a", "F32", "[99999999999999999999999999]", "[0,4]") "}", 4, "is no count"},
      {"{" ENTRY("a", "F32", "[1]", "[0]") "}", 4, "the data_offsets of the tensor 'a' are not two counts"},
      {"{" ENTRY("a", "F32", "[1]", "[0,4,8]") "}", 4, "are not two counts"},
      {"{" ENTRY("a", "F32", "[1]", "[0,-4]") "}", 4, "are not two counts"},
      {"{" ENTRY("a", "F32", "[1]", "4") "}", 4, "are not two counts"},
      {"{" ENTRY("a\\u0000b", "F32", "[1]", "[0,4]") "}", 4, "the name 'a' of a tensor goes on behind a character NUL"},
      /* sizes */
      {"{" ENTRY("a", "F32", "[1]", "[4,0]") "}", 4, "bytes 4 to 0 behind the header, where the file has 4"},
      {"{" ENTRY("a", "F32", "[2]", "[0,8]") "}", 4, "bytes 0 to 8 behind the header, where the file has 4"},
      {"{" ENTRY("a", "F99", "[2]", "[0,8]") "}", 4, "bytes 0 to 8 behind the header, where the file has 4"},
      {"{" ENTRY("a", "F32", "[2]", "[0,4]") "}", 4, "the tensor 'a' has 4 bytes of data, its shape 2 of F32 needs 8"},
      {"{" ENTRY("a", "F16", "[]", "[0,4]") "}", 4, "its shape scalar of F16 needs 2"},
      {"{" ENTRY("a", "F32", "[1073741824,1073741824,16]", "[0,4]") "}", 4, "the tensor 'a' is too large"},
      {"{" ENTRY("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, "the tensor 'a' is too large"},
      {"{" ENTRY("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "the tensor 'a' is too large"}, /* 2^64 bytes */
      {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[0,4]") "}", 4, "the data of the tensors 'a' and 'b' overlap"},
      {"{" ENTRY("b", "F32", "[1]", "[2,6]") "," ENTRY("a", "F32", "[1]", "[0,4]") "}", 6, "the data of the tensors 'a' and 'b' overlap"},
      {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[6,10]") "}", 10,
       "the 2 bytes before the data of the tensor 'b' belong to no tensor"},
      {"{" ENTRY("a", "F32", "[1]", "[1,5]") "}", 5, "the 1 bytes before the data of the tensor 'a' belong to no tensor"},
      {"{" ENTRY("a", "F32", "[1]", "[0,4]") "}", 7, "the last 3 bytes of the file belong to no tensor"},
      {"{}", 1, "the last 1 bytes of the file belong to no tensor"},
      /* names */
      {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("a", "F32", "[1]", "[4,8]") "}", 8, "there are two tensors of the name 'a'"},
      {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("\\u0061", "F32", "[1]", "[4,8]") "}", 8, "there are two tensors of the name 'a'"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two __metadata__"},
      {"{\"__metadata__\":[]}", 0, "__metadata__ is no JSON object"},
      {"{\"__metadata__\":{\"format\":1}}", 0, "'format' in the header's __metadata__ is no text"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t bytes;
    uint8_t *written = safetensors_bytes(cases[i].header, NULL, cases[i].data_bytes, &bytes);
    expect(written, bytes, ICN_FORMAT, cases[i].words);
    free(written);
  }
  size_t bytes;
  uint8_t *written = safetensors_bytes("{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", NULL, 4, &bytes);
  expect(written, bytes, ICN_UNSUPPORTED, "has 9 dimensions, more than 8");
  free(written);
}

static void lengths_that_lie_are_explained(void **state) {
  (void)state;
  size_t bytes;
  uint8_t *written = safetensors_bytes("{}", NULL, 0, &bytes);
  for (size_t short_bytes = 0; short_bytes < 8; short_bytes++) expect(written, short_bytes, ICN_FORMAT, "begins with 8 bytes");
  expect(written, 9, ICN_FORMAT, "the header is said to have 2 bytes, and only 1 follow");
  written[0] = 3;
  expect(written, bytes, ICN_FORMAT, "the header is said to have 3 bytes, and only 2 follow");
  written[0] = 1;
  expect(written, bytes, ICN_FORMAT, "the header is not JSON");
  written[0] = 0;
  expect(written, bytes, ICN_FORMAT, "does not begin with '{'");
  written[4] = 1; /* 4 GiB */
  expect(written, bytes, ICN_FORMAT, "would have 4294967296 bytes, and at most 100000000 are allowed");
  memset(written, 0xff, 8);
  expect(written, bytes, ICN_FORMAT, "would have 18446744073709551615 bytes");
  memcpy(written, "\x01\xe1\xf5\x05\0\0\0", 8); /* 100000001 */
  expect(written, bytes, ICN_FORMAT, "would have 100000001 bytes");
  memcpy(written, "\x00\xe1\xf5\x05\0\0\0", 8); /* what is allowed, but is not there */
  expect(written, bytes, ICN_FORMAT, "the header is said to have 100000000 bytes, and only 2 follow");
  free(written);
}

/* A thousand lists in each other, and no stack is used up. */
static void depth_costs_nothing(void **state) {
  (void)state;
  enum { DEPTH = 1000 * 1000 };
  char *header = malloc(2 * DEPTH + 16);
  size_t bytes;
  assert_non_null(header);
  strcpy(header, "{\"a\":");
  memset(header + 5, '[', DEPTH);
  memset(header + 5 + DEPTH, ']', DEPTH);
  strcpy(header + 5 + 2 * DEPTH, "}");
  uint8_t *written = safetensors_bytes(header, NULL, 0, &bytes);
  expect(written, bytes, ICN_FORMAT, "no JSON object");
  free(written);
  free(header);
}

/* ------------------------------------------------------------------ damage */

static icn_status try_bytes(const uint8_t *data, size_t bytes) {
  uint8_t *copy = malloc(bytes > 0 ? bytes : 1); /* of exactly that size, for AddressSanitizer */
  assert_non_null(copy);
  memcpy(copy, data, bytes);
  icn_allocator allocator = icn_allocator_default();
  icn_arena own;
  icn_arena_init(&own, &allocator);
  icn_error_clear(&error);
  icn_status status = icn_safetensors_parse(copy, bytes, &own, &file, &error);
  if (status != ICN_OK && (error.status != status || strlen(error.message) < 12)) fail_msg("status %d says '%s'", status, error.message);
  uint64_t sum = 0;
  for (size_t i = 0; status == ICN_OK && i < file.count; i++) { /* every byte of its data can be read */
    const icn_stored_tensor *tensor = &file.tensors[i];
    const size_t size = tensor->supported ? (size_t)icn_shape_elems(&tensor->shape) * icn_dtype_bytes(tensor->dtype) : 0;
    for (size_t k = 0; k < size; k++) sum += ((const uint8_t *)tensor->data)[k];
  }
  assert_true(sum < UINT64_MAX);
  icn_arena_fini(&own);
  free(copy);
  return status;
}

static void damage_at_every_byte(void **state) {
  (void)state;
  static const uint8_t VALUES[] = {0x00, 0x01, 0x22, 0x30, 0x39, 0x5b, 0x7f, 0x80, 0xff};
  static const char HEADER[] =
      "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("w\\u00e9", "F32", "[2,3]", "[0,24]") "," ENTRY("b", "BF16", "[2]", "[24,28]") "}  ";
  size_t bytes, refused = 0;
  uint8_t *written = safetensors_bytes(HEADER, NULL, 28, &bytes);
  assert_int_equal(try_bytes(written, bytes), ICN_OK);
  for (size_t cut = 0; cut < bytes; cut++)
    if (try_bytes(written, cut) != ICN_FORMAT) fail_msg("accepted when cut off at %zu of %zu bytes", cut, bytes);
  for (size_t i = 0; i < 8 + strlen(HEADER); i++) {
    const uint8_t before = written[i];
    for (size_t k = 0; k < sizeof VALUES; k++) {
      written[i] = VALUES[k];
      refused += try_bytes(written, bytes) != ICN_OK;
    }
    for (int bit = 0; bit < 8; bit++) {
      written[i] = (uint8_t)(before ^ 1 << bit);
      refused += try_bytes(written, bytes) != ICN_OK;
    }
    written[i] = before;
  }
  assert_true(refused > 17 * strlen(HEADER) / 2);
  free(written);
}

/* -------------------------------------------------------------- out of memory */

static size_t allocations_left, alive;

static void *limited_allocate(void *user, size_t bytes) {
  icn_allocator plain = icn_allocator_default();
  (void)user;
  if (allocations_left == 0) return NULL;
  allocations_left--;
  alive++;
  return plain.allocate(plain.user, bytes);
}

static void limited_release(void *user, void *memory) {
  icn_allocator plain = icn_allocator_default();
  (void)user;
  alive -= memory != NULL;
  plain.release(plain.user, memory);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  const icn_allocator allocator = {NULL, limited_allocate, limited_release};
  static const char HEADER[] = "{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[4,8]") "}";
  size_t bytes, tries = 0;
  uint8_t *written = safetensors_bytes(HEADER, NULL, 8, &bytes);
  icn_status status = ICN_NO_MEMORY;
  for (; status == ICN_NO_MEMORY && tries < 100; tries++) {
    icn_arena own;
    icn_arena_init(&own, &allocator);
    icn_error_clear(&error);
    allocations_left = tries;
    status = icn_safetensors_parse(written, bytes, &own, &file, &error);
    if (status == ICN_NO_MEMORY && strstr(error.message, "memory") == NULL) fail_msg("'%s'", error.message);
    icn_arena_fini(&own);
    assert_int_equal(alive, 0);
  }
  assert_int_equal(status, ICN_OK);
  assert_true(tries > 2);
  free(written);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(everything_is_read, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_of_nothing_is_right, setup, teardown),
      cmocka_unit_test_setup_teardown(every_type_is_known, setup, teardown),
      cmocka_unit_test_setup_teardown(the_librarys_own_files_are_read, setup, teardown),
      cmocka_unit_test(bfloat16_is_the_upper_half_of_a_float),
      cmocka_unit_test_setup_teardown(wrong_headers_are_explained, setup, teardown),
      cmocka_unit_test_setup_teardown(lengths_that_lie_are_explained, setup, teardown),
      cmocka_unit_test_setup_teardown(depth_costs_nothing, setup, teardown),
      cmocka_unit_test(damage_at_every_byte),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
