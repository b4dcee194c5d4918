/* Damaged model files: cut off at every byte, every byte flipped, counts that lie, noise. Whatever comes in, the parser gives a status and
 * a sentence, and reads nothing outside the file (each try has its bytes in an allocation of exactly that size, for AddressSanitizer). */
#include "support/icn_test.h"

#include "source.h"
#include "support/proto_writer.h"

static proto_writer model_file;
static size_t opened;

static icn_status open_nothing(void *user, const char *location, const void **data, uint64_t *bytes, icn_error *error) {
  (void)user;
  (void)location;
  (void)error;
  static const char four[4] = {0};
  opened++;
  *data = four;
  *bytes = sizeof four;
  return ICN_OK;
}

/* Every kind of field that the parser reads, once. */
static int write_model(void **state) {
  (void)state;
  const float values[6] = {1, 2, 3, 4, 5, 6};
  const int64_t dims[4] = {2, 3, 1, 1}, open[4] = {-1, 3, 8, 8}, two[1] = {2};
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, open);
  model_floats(&model, "w", 4, dims, values);
  model_ints(&model, "shape", 1, two, dims);
  proto_writer typed = tensor_begin("typed", ONNX_FLOAT, 1, two);
  proto_packed_floats(&typed, TENSOR_FLOATS, values, 2);
  proto_sub(&model.graph, GRAPH_INITIALIZER, &typed);
  typed = tensor_begin("half", ONNX_FLOAT16, 1, two);
  proto_packed_ints(&typed, TENSOR_INT32S, (const int64_t[]){0x3c00, 7}, 2);
  proto_sub(&model.graph, GRAPH_INITIALIZER, &typed);
  typed = tensor_begin("outside", ONNX_FLOAT, 0, NULL);
  proto_writer pair = {0};
  proto_text(&pair, 1, "location");
  proto_text(&pair, 2, "w.bin");
  proto_sub(&typed, TENSOR_EXTERNAL, &pair);
  proto_int(&typed, TENSOR_LOCATION, 1);
  proto_sub(&model.graph, GRAPH_INITIALIZER, &typed);
  model_node(&model, "Conv", "conv", "x,w", "c");
  node_ints(&model, "pads", 4, dims);
  node_string(&model, "auto_pad", "VALID");
  node_floats(&model, "scales", 2, values);
  node_float(&model, "alpha", 1);
  node_int(&model, "group", 1);
  node_tensor(&model, "value", ONNX_FLOAT, 1, two, values, 8);
  model_node(&model, "Relu", "relu", "c", "y");
  model_output(&model, "y");
  model_file = model_end(&model);
  return 0;
}

static int free_model(void **state) {
  (void)state;
  proto_free(&model_file);
  return 0;
}

/* Parses a copy; a failure must say something. */
static icn_status try_bytes(const uint8_t *data, size_t bytes) {
  icn_allocator allocator = icn_allocator_default();
  icn_external external = {NULL, open_nothing};
  icn_source source;
  icn_error error;
  icn_error_clear(&error);
  icn_source_init(&source, &allocator);
  uint8_t *copy = malloc(bytes);
  if (bytes > 0 && copy == NULL) fail();
  if (bytes > 0) memcpy(copy, data, bytes);
  icn_status status = icn_onnx_parse(copy, bytes, &external, &source, &error);
  if (status != ICN_OK && (error.status != status || strlen(error.message) < 12)) fail_msg("status %d says '%s'", status, error.message);
  if (status == ICN_OK && error.message[0] != '\0') fail_msg("success says '%s'", error.message);
  icn_source_fini(&source);
  free(copy);
  return status;
}

static void the_model_itself_is_good(void **state) {
  (void)state;
  opened = 0;
  assert_int_equal(try_bytes(model_file.data, model_file.bytes), ICN_OK);
  assert_int_equal(opened, 1);
}

static void cut_off_at_every_byte(void **state) {
  (void)state;
  for (size_t bytes = 0; bytes < model_file.bytes; bytes++) {
    if (try_bytes(model_file.data, bytes) != ICN_FORMAT) fail_msg("accepted when cut off at %zu of %zu bytes", bytes, model_file.bytes);
  }
}

static uint64_t random_bits(uint64_t *seed) { /* xorshift */
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static void every_byte_changed(void **state) {
  (void)state;
  static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  uint64_t seed = 20240917;
  uint8_t *copy = malloc(model_file.bytes);
  assert_non_null(copy);
  size_t refused = 0;
  for (size_t i = 0; i < model_file.bytes; i++) {
    memcpy(copy, model_file.data, model_file.bytes);
    for (size_t k = 0; k < sizeof values; k++) {
      copy[i] = values[k];
      refused += try_bytes(copy, model_file.bytes) != ICN_OK;
    }
    for (int bit = 0; bit < 8; bit++) {
      copy[i] = (uint8_t)(model_file.data[i] ^ 1 << bit);
      refused += try_bytes(copy, model_file.bytes) != ICN_OK;
    }
    copy[i] = (uint8_t)random_bits(&seed);
    refused += try_bytes(copy, model_file.bytes) != ICN_OK;
  }
  free(copy);
  assert_true(refused > model_file.bytes); /* most of it is lengths and tags; weights and names may be anything */
}

static void several_bytes_changed(void **state) {
  (void)state;
  uint64_t seed = 77;
  uint8_t *copy = malloc(model_file.bytes);
  assert_non_null(copy);
  for (int round = 0; round < 20000; round++) {
    memcpy(copy, model_file.data, model_file.bytes);
    for (uint64_t changes = 2 + random_bits(&seed) % 6; changes > 0; changes--) {
      copy[random_bits(&seed) % model_file.bytes] = (uint8_t)random_bits(&seed);
    }
    try_bytes(copy, model_file.bytes);
  }
  free(copy);
}

static void noise(void **state) {
  (void)state;
  uint64_t seed = 4242;
  uint8_t data[512];
  for (int round = 0; round < 20000; round++) {
    size_t bytes = random_bits(&seed) % sizeof data;
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)random_bits(&seed);
    if (round % 2 == 0 && bytes > 4) memcpy(data, "\x08\x08\x3a", 3); /* begins like a model */
    if (try_bytes(data, bytes) == ICN_OK) fail_msg("noise of round %d is a model", round);
  }
}

/* A length of every size in the place of every length: the last byte of a tag of wire type 2 is followed by one. */
static void lengths_that_lie(void **state) {
  (void)state;
  static const uint64_t lengths[] = {0x7fffffff, 0x80000000,          0xffffffff, 0x100000000,
                                     INT64_MAX,  (uint64_t)INT64_MIN, UINT64_MAX, UINT64_MAX - 8};
  for (size_t i = 0; i + 1 < model_file.bytes; i++) {
    if ((model_file.data[i] & 7) != 2) continue;
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
      proto_writer lie = {0};
      proto_raw(&lie, model_file.data, i + 1);
      proto_varint(&lie, lengths[k]);
      proto_raw(&lie, model_file.data + i + 2, model_file.bytes - i - 2);
      try_bytes(lie.data, lie.bytes);
      proto_free(&lie);
    }
  }
}

static void counts_that_lie(void **state) {
  (void)state;
  static const int64_t dims[] = {-1,       INT64_MIN, INT32_MAX, (int64_t)1 << 31, (int64_t)1 << 32, (int64_t)1 << 40, (int64_t)1 << 62,
                                 INT64_MAX};
  const size_t count = sizeof dims / sizeof *dims;
  for (size_t a = 0; a < count; a++) {
    for (size_t b = 0; b < count; b++) {
      for (int type = 0; type < 24; type++) {
        model_writer model = model_begin(13);
        model_output(&model, "y");
        model_tensor(&model, "w", type, 2, (const int64_t[]){dims[a], dims[b]}, "12345678", 8);
        proto_writer file = model_end(&model);
        icn_status status = try_bytes(file.data, file.bytes);
        if (status == ICN_OK) fail_msg("%lld x %lld elements of type %d in 8 bytes", (long long)dims[a], (long long)dims[b], type);
        proto_free(&file);
      }
    }
  }
}

static icn_status try_empty_tensor(int64_t other) {
  model_writer model = model_begin(13);
  model_output(&model, "y");
  model_tensor(&model, "none", ONNX_FLOAT, 2, (const int64_t[]){0, other}, "", 0);
  proto_writer file = model_end(&model);
  icn_status status = try_bytes(file.data, file.bytes);
  proto_free(&file);
  return status;
}

/* Zero times anything is nothing and legal; but what is multiplied to strides is held to the limit of elements. */
static void no_elements_need_no_bytes(void **state) {
  (void)state;
  assert_int_equal(try_empty_tensor(1000000), ICN_OK);
  assert_int_equal(try_empty_tensor(INT64_MAX), ICN_FORMAT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_model_itself_is_good),
      cmocka_unit_test(cut_off_at_every_byte),
      cmocka_unit_test(every_byte_changed),
      cmocka_unit_test(several_bytes_changed),
      cmocka_unit_test(noise),
      cmocka_unit_test(lengths_that_lie),
      cmocka_unit_test(counts_that_lie),
      cmocka_unit_test(no_elements_need_no_bytes),
  };
  return cmocka_run_group_tests(tests, write_model, free_model);
}
