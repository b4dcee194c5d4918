/* Built-in networks with the weights of a file: what is taken, and one sentence on all that does not fit. Files are made of generated
 * weights, some of them changed. */
#include "source.h"
#include "support/icn_test.h"
#include "support/safetensors_writer.h"

static icn_arena arena;
static icn_safetensors weights;
static icn_source source;
static icn_error error;
static uint8_t *bytes_of_file;

/* What is done to the tensors whose names end so. */
typedef struct change {
  const char *ending;
  const char *name; /* its name is this; "": it is left out; NULL: as it was */
  const char *type; /* NULL: as it was */
  int64_t rows;     /* of its first dimension, 0: as it was */
} change;

static bool ends_with(const char *text, const char *ending) {
  const size_t length = strlen(text), tail = strlen(ending);
  return length >= tail && strcmp(text + length - tail, ending) == 0;
}

static void write_tensor(safetensors_writer *writer, const icn_source_tensor *tensor, const change *c) {
  icn_shape shape = tensor->shape;
  const char *name = c != NULL && c->name != NULL ? c->name : tensor->name, *type = c != NULL && c->type != NULL ? c->type : "F32";
  if (name[0] == '\0') return;
  if (c != NULL && c->rows > 0) shape.dim[0] = c->rows;
  const size_t size = type[0] == 'F' && type[1] == '3' ? 4 : strcmp(type, "F64") == 0 || strcmp(type, "I64") == 0 ? 8 : 2;
  const size_t elems = (size_t)icn_shape_elems(&shape), had = (size_t)icn_shape_elems(&tensor->shape);
  uint8_t *data = calloc(elems, size);
  assert_non_null(data);
  for (size_t i = 0; i < elems && i < had; i++) {
    const float value = ((const float *)tensor->data)[i];
    const double as_double = (double)value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t half = strcmp(type, "F16") == 0 ? icn_float_to_half(value) : (uint16_t)(bits >> 16);
    memcpy(data + i * size, size == 4 ? (const void *)&value : size == 8 ? (const void *)&as_double : (const void *)&half, size);
  }
  safetensors_add(writer, name, type, shape.rank, shape.dim, data, elems * size);
  free(data);
}

/* The weights of `spec` in a file, changed; `more` (NULL: none) is a further tensor of one number. */
static void write_weights(const char *spec, const change *changes, size_t count, const char *more) {
  icn_allocator allocator = icn_allocator_default();
  icn_source made;
  safetensors_writer writer = {0};
  size_t bytes;
  icn_source_init(&made, &allocator);
  if (icn_builtin_make(spec, NULL, &made, &error) != ICN_OK) fail_msg("%s: %s", spec, error.message);
  for (size_t i = 0; i < made.tensor_count; i++) {
    const char *name = made.tensors[i].name;
    const change *c = NULL;
    if (strstr(name, ".pool.means_") != NULL || strncmp(name, "transform_input.", 16) == 0) continue; /* constants */
    for (size_t k = 0; k < count && c == NULL; k++)
      if (ends_with(name, changes[k].ending)) c = &changes[k];
    write_tensor(&writer, &made.tensors[i], c);
  }
  if (more != NULL) safetensors_add(&writer, more, "F32", 0, NULL, &(float){1}, sizeof(float));
  icn_source_fini(&made);
  free(bytes_of_file);
  bytes_of_file = safetensors_end(&writer, &bytes);
  icn_arena_fini(&arena);
  icn_arena_init(&arena, &allocator);
  if (icn_safetensors_parse(bytes_of_file, bytes, &arena, &weights, &error) != ICN_OK) fail_msg("%s", error.message);
}

static icn_status make(const char *spec) {
  icn_allocator allocator = icn_allocator_default();
  icn_source_fini(&source);
  icn_source_init(&source, &allocator);
  icn_error_clear(&error);
  return icn_builtin_make(spec, &weights, &source, &error);
}

static void expect_made(const char *spec) {
  if (make(spec) != ICN_OK) fail_msg("%s: %s", spec, error.message);
}

static void expect_refused(const char *spec, icn_status status, const char *words) {
  icn_status got = make(spec);
  if (got != status || strstr(error.message, words) == NULL)
    fail_msg("%s: status %d: '%s' is not in '%s'", spec, got, words, error.message);
}

static const icn_source_tensor *tensor_named(const char *name) {
  for (size_t i = 0; i < source.tensor_count; i++)
    if (strcmp(source.tensors[i].name, name) == 0) return &source.tensors[i];
  fail_msg("there is no tensor '%s'", name);
  return NULL;
}

static int setup(void **state) {
  icn_allocator allocator = icn_allocator_default();
  (void)state;
  icn_arena_init(&arena, &allocator);
  icn_source_init(&source, &allocator);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  icn_source_fini(&source);
  icn_arena_fini(&arena);
  free(bytes_of_file);
  bytes_of_file = NULL;
  return 0;
}

#define SMALL "width=0.05,classes=7"

/* Every network takes what it would generate, each tensor where it lies; the seed is of no account. */
static void every_network_takes_its_weights(void **state) {
  (void)state;
  static const char *const MORE[] = {"", ",aux=1"};
  for (size_t i = 0; i < icn_builtin_count(); i++) {
    for (int k = 0; k < 2; k++) {
      char spec[100], generated[120];
      const char *name = icn_builtin_get_info(i).name;
      if (k == 1 && strcmp(name, "bn_inception") == 0) continue; /* has none */
      snprintf(spec, sizeof spec, "%s:" SMALL "%s", name, MORE[k]);
      snprintf(generated, sizeof generated, "%s,seed=5", spec);
      write_weights(generated, NULL, 0, NULL);
      expect_made(spec);
      size_t taken = 0;
      for (size_t t = 0; t < source.tensor_count; t++) {
        const icn_source_tensor *tensor = &source.tensors[t];
        const icn_stored_tensor *stored = icn_safetensors_find(&weights, tensor->name);
        if (stored == NULL) continue;
        assert_ptr_equal(tensor->data, stored->data);
        assert_true(tensor->supported && tensor->dtype == ICN_F32 && icn_shape_equal(&tensor->shape, &stored->shape));
        taken++;
      }
      assert_int_equal(taken, weights.count);
    }
  }
}

static void heads_and_counters_are_left(void **state) {
  (void)state;
  static const char *const NETWORKS[] = {"googlenet", "googlenet_bn", "inception_v2", "inception_v3"};
  for (size_t i = 0; i < 4; i++) {
    char with[100], without[100];
    snprintf(with, sizeof with, "%s:" SMALL ",aux=1", NETWORKS[i]);
    snprintf(without, sizeof without, "%s:" SMALL, NETWORKS[i]);
    write_weights(with, NULL, 0, "conv1.bn.num_batches_tracked");
    expect_made(without);
    expect_made(with);
    write_weights(without, NULL, 0, NULL);
    expect_refused(with, ICN_FORMAT, "missing");
  }
  expect_refused("inception_v3:" SMALL ",aux=1", ICN_FORMAT, "12 are missing; missing: AuxLogits.conv0.conv.weight, AuxLogits.conv0.bn.");
}

static void what_does_not_fit_is_told_together(void **state) {
  (void)state;
  static const change CHANGES[] = {
      {"Mixed_5b.branch1x1.conv.weight", "", NULL, 0}, {"Mixed_5b.branch1x1.bn.running_mean", "", NULL, 0},
      {"Mixed_5b.branch1x1.bn.bias", "odd", NULL, 0},  {"Conv2d_1a_3x3.bn.bias", NULL, NULL, 9},
      {"Conv2d_2a_3x3.bn.bias", NULL, "I64", 0},       {"Conv2d_2b_3x3.bn.bias", NULL, "U16", 0},
  };
  write_weights("inception_v3:" SMALL, CHANGES, 6, "Mixed_9z.weight");
  expect_refused(
      "inception_v3:" SMALL, ICN_FORMAT,
      "the weights do not fit the built-in network inception_v3: of its 472 tensors 3 are missing, 3 have another shape or type, "
      "2 of the file are left over; missing: Mixed_5b.branch1x1.conv.weight, Mixed_5b.branch1x1.bn.bias and 1 more; other: "
      "Conv2d_1a_3x3.bn.bias (9 of F32 instead of 2 of floats), Conv2d_2a_3x3.bn.bias (2 of I64 instead of 2 of floats) and 1 "
      "more; left over: Mixed_9z.weight, odd");
  write_weights("inception_v3:" SMALL, NULL, 0, "Mixed_9z.weight");
  expect_refused("inception_v3:" SMALL, ICN_FORMAT, "inception_v3: 1 of the file is left over; left over: Mixed_9z.weight");
  write_weights("inception_v3:" SMALL, CHANGES, 1, NULL);
  expect_refused("inception_v3:" SMALL, ICN_FORMAT, "tensors 1 is missing; missing: Mixed_5b.branch1x1.conv.weight");
  write_weights("inception_v3:" SMALL, CHANGES + 3, 1, NULL);
  expect_refused("inception_v3:" SMALL, ICN_FORMAT, "tensors 1 has another shape or type; other: Conv2d_1a_3x3.bn.bias (9 of");
  expect_refused("googlenet:" SMALL, ICN_FORMAT, "are missing, 472 of the file are left over");
  expect_refused("inception_v3:width=0.1,classes=7", ICN_FORMAT, "have another shape or type");
}

/* A file of another network: the sentence ends inside its room. */
static void names_of_any_length_fit_into_the_sentence(void **state) {
  (void)state;
  char name[400];
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  write_weights("inception_v3:" SMALL, NULL, 0, name);
  expect_refused("inception_v3:" SMALL, ICN_FORMAT, "left over: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
  assert_true(strlen(error.message) < ICN_MESSAGE_BYTES - 100);
}

/* TF-slim's networks have no scale in any batch normalisation; a file that has some must have all. */
static void scales_may_all_be_absent(void **state) {
  (void)state;
  static const change NONE[] = {{".bn.weight", "", NULL, 0}},
                      ALL_BUT_ONE[] = {{"conv2.bn.weight", NULL, NULL, 0}, {".bn.weight", "", NULL, 0}};
  write_weights("googlenet_bn:" SMALL, NONE, 1, NULL);
  expect_made("googlenet_bn:" SMALL);
  const icn_source_tensor *scale = tensor_named("inception3a.branch1.bn.weight");
  assert_int_equal(scale->dtype, ICN_F32);
  for (int64_t i = 0; i < scale->shape.dim[0]; i++) assert_true(((const float *)scale->data)[i] == 1.0f);
  write_weights("googlenet_bn:" SMALL, ALL_BUT_ONE, 2, NULL);
  expect_refused("googlenet_bn:" SMALL, ICN_FORMAT, "tensors 56 are missing; missing: conv1.bn.weight, conv3.bn.weight and 54 more");
}

static void the_file_says_how_many_classes(void **state) {
  (void)state;
  static const change WITH_BACKGROUND[] = {{"fc.weight", NULL, NULL, 1001}, {"fc.bias", NULL, NULL, 1001}};
  write_weights("inception_v3:width=0.05,aux=1", WITH_BACKGROUND, 2, NULL);
  expect_made("inception_v3:width=0.05,aux=1");
  assert_int_equal(tensor_named("fc.weight")->shape.dim[0], 1001);
  assert_int_equal(tensor_named("AuxLogits.fc.bias")->shape.dim[0], 1001);
  expect_made("inception_v3:width=0.05,classes=1001");
  expect_refused("inception_v3:width=0.05,classes=1000", ICN_FORMAT, "inception_v3: they tell 1001 classes apart, not 1000; of its 472");
  write_weights("bn_inception:width=0.05,classes=3", NULL, 0, NULL);
  expect_made("bn_inception:width=0.05");
  assert_int_equal(tensor_named("Logits.Conv2d_1c_1x1.weight")->shape.dim[0], 3);
}

/* Halves and the like stay as they are in the file; the graph reads them as floats. */
static void every_float_type_is_taken(void **state) {
  (void)state;
  const struct {
    const char *type;
    icn_dtype dtype;
    float tolerance;
  } cases[] = {{"F64", ICN_F64, 0.0f}, {"F16", ICN_F16, 0.0005f}, {"BF16", ICN_BF16, 0.008f}};
  for (size_t i = 0; i < 3; i++) {
    const change all = {"", NULL, cases[i].type, 0};
    icn_graph graph;
    icn_allocator allocator = icn_allocator_default();
    write_weights("googlenet_bn:" SMALL ",seed=3", &all, 1, NULL);
    expect_made("googlenet_bn:" SMALL);
    const icn_source_tensor *tensor = tensor_named("inception4a.branch1.conv.weight");
    assert_int_equal(tensor->dtype, cases[i].dtype);
    icn_graph_init(&graph, &allocator);
    if (icn_import(&source, NULL, 0, 1, &graph, &error) != ICN_OK) fail_msg("%s", error.message);
    icn_source generated;
    icn_source_init(&generated, &allocator);
    assert_int_equal(icn_builtin_make("googlenet_bn:" SMALL ",seed=3", NULL, &generated, &error), ICN_OK);
    size_t compared = 0;
    for (size_t v = 0; v < graph.value_count; v++) {
      for (size_t t = 0; t < generated.tensor_count; t++) {
        if (strcmp(generated.tensors[t].name, graph.values[v].name) != 0) continue;
        for (int64_t k = 0; k < icn_shape_elems(&generated.tensors[t].shape); k++) {
          const float want = ((const float *)generated.tensors[t].data)[k], got = icn_const_f32(&graph.values[v], k);
          const float far = got > want ? got - want : want - got, size = want > 0 ? want : -want;
          if (!(far <= cases[i].tolerance * size + (cases[i].tolerance > 0 ? 1e-7f : 0)))
            fail_msg("%s: %g, not %g", cases[i].type, (double)got, (double)want);
        }
        compared++;
      }
    }
    assert_true(compared > 50); /* batch normalisations became scales and shifts */
    icn_source_fini(&generated);
    icn_graph_fini(&graph);
  }
}

static void transform_input_is_an_option(void **state) {
  (void)state;
  write_weights("inception_v3:" SMALL, NULL, 0, NULL);
  expect_made("inception_v3:" SMALL ",transform_input=1");
  const float *scale = tensor_named("transform_input.scale")->data, *shift = tensor_named("transform_input.shift")->data;
  static const float SCALE[3] = {0.458f, 0.448f, 0.45f}, SHIFT[3] = {-0.03f, -0.088f, -0.188f};
  for (int c = 0; c < 3; c++) {
    assert_float_equal(scale[c], SCALE[c], 1e-7f);
    assert_float_equal(shift[c], SHIFT[c], 1e-7f);
  }
  expect_refused("googlenet:" SMALL ",transform_input=1", ICN_ARGUMENT, "no option 'transform_input'");
}

static void a_seed_has_no_meaning_then(void **state) {
  (void)state;
  write_weights("inception_v3:" SMALL, NULL, 0, NULL);
  expect_refused("inception_v3:" SMALL ",seed=1", ICN_ARGUMENT,
                 "the option seed of the built-in network inception_v3 is for generated weights");
}

/* ------------------------------------------------------------- out of memory */

static void *limited_allocate(void *user, size_t bytes) {
  icn_allocator plain = icn_allocator_default();
  size_t *left = user;
  if (*left == 0) return NULL;
  --*left;
  return plain.allocate(plain.user, bytes);
}

static void limited_release(void *user, void *memory) {
  icn_allocator plain = icn_allocator_default();
  (void)user;
  plain.release(plain.user, memory);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  size_t failures = 0;
  icn_status status = ICN_NO_MEMORY;
  write_weights("inception_v3:" SMALL, NULL, 0, "Mixed_9z.weight"); /* so that the sentence takes memory, too */
  for (size_t limit = 0; status == ICN_NO_MEMORY && limit < 1000; limit++) {
    size_t left = limit;
    icn_allocator allocator = {&left, limited_allocate, limited_release};
    icn_source_fini(&source);
    icn_source_init(&source, &allocator);
    icn_error_clear(&error);
    status = icn_builtin_make("inception_v3:" SMALL, &weights, &source, &error);
    assert_int_equal(error.status, status);
    failures += status == ICN_NO_MEMORY;
    icn_source_fini(&source);
  }
  assert_int_equal(status, ICN_FORMAT);
  assert_true(failures > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_network_takes_its_weights, setup, teardown),
      cmocka_unit_test_setup_teardown(heads_and_counters_are_left, setup, teardown),
      cmocka_unit_test_setup_teardown(what_does_not_fit_is_told_together, setup, teardown),
      cmocka_unit_test_setup_teardown(names_of_any_length_fit_into_the_sentence, setup, teardown),
      cmocka_unit_test_setup_teardown(scales_may_all_be_absent, setup, teardown),
      cmocka_unit_test_setup_teardown(the_file_says_how_many_classes, setup, teardown),
      cmocka_unit_test_setup_teardown(every_float_type_is_taken, setup, teardown),
      cmocka_unit_test_setup_teardown(transform_input_is_an_option, setup, teardown),
      cmocka_unit_test_setup_teardown(a_seed_has_no_meaning_then, setup, teardown),
      cmocka_unit_test_setup_teardown(running_out_of_memory_is_a_status, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
