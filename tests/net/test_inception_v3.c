/* The real Inception-v3 on seven pictures, on every device: probabilities, features, activations inside, batch, passes off. */

#include <math.h>

#include "kernel.h"
#include "model.h"
#include "support/icn_test.h"

static const char *const PICTURES[] = {"cat_720p", "drawing", "grace_hopper", "hot_dog", "kite_and_cold", "parrot", "sunflower"};
enum { PICTURE_COUNT = 7, PARROT = 5, INPUT_EDGE = 299, IMAGE = 3 * INPUT_EDGE * INPUT_EDGE, CLASSES = 5, FEATURES = 2048 };

typedef struct fixture {
  bool present; /* the shared folder is there */
  icn_context *context;
  icn_model *model;
  float *images; /* [7][3][299][299] */
  float probabilities[PICTURE_COUNT * CLASSES];
} fixture;

/* Raw little-endian floats of expected/NAME (NEW, malloc'ed). */
static float *read_expected(const char *name, size_t count) {
  char relative[256], path[1024];
  snprintf(relative, sizeof relative, "expected/%s.f32", name);
  if (icn_test_shared(relative, path, sizeof path) == NULL) fail_msg("%s is missing", relative);
  float *values = malloc(count * sizeof *values);
  FILE *file = fopen(path, "rb");
  assert_non_null(values);
  assert_non_null(file);
  assert_int_equal(fread(values, sizeof *values, count, file), count);
  assert_int_equal(fgetc(file), EOF);
  fclose(file);
  return values;
}

static void load_picture(const fixture *f, const char *name, float *tensor) {
  char relative[256], path[1024];
  icn_error error;
  icn_image *image = NULL;
  snprintf(relative, sizeof relative, "images/%s.299.png", name);
  if (icn_test_shared(relative, path, sizeof path) == NULL) fail_msg("%s is missing", relative);
  if (icn_image_load(f->context, path, &image, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_image_to_tensor(image, NULL, INPUT_EDGE, INPUT_EDGE, tensor, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_image_destroy(image);
}

static int set_up(void **state) {
  static fixture f;
  char path[1024];
  icn_error error;
  *state = &f;
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) {
    print_message("skipped: the shared folder with the model and pictures is not there\n");
    return 0;
  }
  if (icn_context_create(NULL, &f.context, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_model_load(f.context, path, &f.model, &error) != ICN_OK) fail_msg("%s", error.message);
  f.images = malloc(sizeof(float) * PICTURE_COUNT * IMAGE);
  assert_non_null(f.images);
  for (int i = 0; i < PICTURE_COUNT; i++) {
    char name[128];
    load_picture(&f, PICTURES[i], f.images + (size_t)i * IMAGE);
    snprintf(name, sizeof name, "%s.probabilities.1x5", PICTURES[i]);
    float *values = read_expected(name, CLASSES);
    memcpy(f.probabilities + i * CLASSES, values, CLASSES * sizeof *values);
    free(values);
  }
  f.present = true;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  free(f->images);
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

/* What a run is held to. The direct plan: what fp32 allows. The fast one has Winograd tiles in it, whose transforms lose some digits. */
typedef struct limits {
  const char *rows;
  double probabilities, features, activations; /* the last two: of the largest value */
} limits;
static const limits DIRECT = {"-winograd*", 2e-6, 1e-5, 1e-5}, FAST = {NULL, 5e-6, 1.5e-5, 3e-5};

static icn_executor *create(const fixture *f, size_t device, int64_t batch, const char *disabled_passes, const char *rows,
                            bool keep_values) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = icn_context_device(f->context, device);
  options.batch = batch;
  options.disabled_passes = disabled_passes;
  options.forced_rows = rows;
  options.keep_values = keep_values;
  if (icn_executor_create(f->model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

static void run(icn_executor *executor, const float *images, float *probabilities) {
  icn_error error;
  if (icn_executor_run(executor, &images, &probabilities, &error) != ICN_OK) fail_msg("%s", error.message);
}

static double largest_difference(const float *got, const float *want, size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; i++) {
    const double difference = fabs((double)got[i] - (double)want[i]);
    if (!(difference <= worst)) worst = difference; /* NaN stays */
  }
  return worst;
}

static double largest(const float *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; i++) {
    const double size = fabs((double)values[i]);
    if (size > most) most = size; /* gcc 12 for aarch64 at -O3 breaks on fmax() here */
  }
  return most;
}

/* The value `name` of the last run (NEW, malloc'ed). */
static float *read_value(icn_executor *executor, const char *name, size_t count) {
  icn_error error;
  for (size_t i = 0; i < icn_executor_value_count(executor); i++) {
    const icn_tensor_info info = icn_executor_value(executor, i);
    if (strcmp(info.name, name) != 0) continue;
    size_t elems = 1;
    for (int k = 0; k < info.rank; k++) elems *= (size_t)info.dim[k];
    assert_int_equal(elems, count);
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    if (icn_executor_read_value(executor, i, values, &error) != ICN_OK) fail_msg("%s", error.message);
    return values;
  }
  fail_msg("the plan has no value '%s'", name);
  return NULL;
}

/* Within `allowed` of the expected values' largest. */
static void compare_value(icn_executor *executor, const char *picture, const char *value, const char *shape, size_t count, double allowed) {
  char name[256];
  snprintf(name, sizeof name, "%s.%s.%s", picture, value, shape);
  float *want = read_expected(name, count), *got = read_value(executor, value, count);
  const double relative = largest_difference(got, want, count) / largest(want, count);
  if (!(relative <= allowed)) fail_msg("%s of %s: %.3g of its largest value, %.3g allowed", value, picture, relative, allowed);
  print_message("  %s of %s: %.2g of its largest value\n", value, picture, relative);
  free(want);
  free(got);
}

static bool skipped(const fixture *f) { return !f->present || icn_context_device_count(f->context) == 0; }

static void announce(const fixture *f, size_t device) {
  print_message("device %zu: %s\n", device, icn_device_get_info(icn_context_device(f->context, device)).name);
}

static void check_pictures(const fixture *f, const char *disabled_passes, const limits *allowed) {
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    announce(f, d);
    icn_executor *executor = create(f, d, 1, disabled_passes, allowed->rows, true);
    for (int i = 0; i < PICTURE_COUNT; i++) {
      float probabilities[CLASSES];
      run(executor, f->images + (size_t)i * IMAGE, probabilities);
      const double difference = largest_difference(probabilities, f->probabilities + i * CLASSES, CLASSES);
      print_message("  probabilities of %s: %.2g\n", PICTURES[i], difference);
      if (!(difference <= allowed->probabilities))
        fail_msg("probabilities of %s differ by %.3g, %.3g allowed", PICTURES[i], difference, allowed->probabilities);
      compare_value(executor, PICTURES[i], "flatten_1", "1x2048", FEATURES, allowed->features);
      if (i != PARROT) continue;
      compare_value(executor, "parrot", "mixed0", "1x256x35x35", 256 * 35 * 35, allowed->activations);
      compare_value(executor, "parrot", "mixed3", "1x768x17x17", 768 * 17 * 17, allowed->activations);
      compare_value(executor, "parrot", "mixed8", "1x1280x8x8", 1280 * 8 * 8, allowed->activations);
      compare_value(executor, "parrot", "mixed10", "1x2048x8x8", 2048 * 8 * 8, allowed->activations);
    }
    icn_executor_destroy(executor);
  }
}

static void pictures_are_right(void **state) {
  if (skipped(*state)) skip();
  check_pictures(*state, NULL, &FAST);
}

static void pictures_are_right_without_winograd(void **state) {
  if (skipped(*state)) skip();
  check_pictures(*state, NULL, &DIRECT);
}

static void pictures_are_right_with_passes_off(void **state) {
  if (skipped(*state)) skip();
  check_pictures(*state, "all", &DIRECT);
}

/* Memory reuse and views must change nothing: the same bits as with every value kept. */
static void keeping_values_changes_no_bit(void **state) {
  const fixture *f = *state;
  if (skipped(f)) skip();
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    float kept[CLASSES], reused[CLASSES];
    icn_executor *executor = create(f, d, 1, NULL, NULL, true);
    run(executor, f->images, kept);
    icn_executor_destroy(executor);
    executor = create(f, d, 1, NULL, NULL, false);
    for (int repeat = 0; repeat < 2; repeat++) {
      run(executor, f->images, reused);
      assert_memory_equal(kept, reused, sizeof kept);
    }
    icn_executor_destroy(executor);
  }
}

/* True when both executors compute every layer on the same row. */
static bool same_rows(const icn_executor *a, const icn_executor *b) {
  if (icn_executor_layer_count(a) != icn_executor_layer_count(b)) return false;
  for (size_t i = 0; i < icn_executor_layer_count(a); i++) {
    if (strcmp(icn_executor_layer(a, i).row, icn_executor_layer(b, i).row) != 0) return false;
  }
  return true;
}

static void check_batch(const fixture *f, const limits *allowed) {
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    float together[PICTURE_COUNT * CLASSES], alone[PICTURE_COUNT * CLASSES];
    announce(f, d);
    icn_executor *single = create(f, d, 1, NULL, allowed->rows, false);
    const uint64_t weights = icn_model_weight_bytes(f->model);
    icn_executor *batch = create(f, d, PICTURE_COUNT, NULL, allowed->rows, false);
    print_message("  weights: %.1f MiB for one executor, %.1f MiB for both\n", (double)weights / 1048576.0,
                  (double)icn_model_weight_bytes(f->model) / 1048576.0);
    /* Shared, but for a layer here and there; the fast plan may take other tiles for more pictures. */
    if (allowed == &DIRECT) assert_true(icn_model_weight_bytes(f->model) < weights + weights / 10);
    run(batch, f->images, together);
    for (size_t i = 0; i < PICTURE_COUNT; i++) run(single, f->images + i * IMAGE, alone + i * CLASSES);
    const bool same = same_rows(single, batch);
    const double difference = largest_difference(together, alone, PICTURE_COUNT * CLASSES);
    print_message("  batch of %d against single runs (%s rows): %.2g\n", PICTURE_COUNT, same ? "the same" : "other", difference);
    if (!(difference <= allowed->probabilities)) fail_msg("a batch of %d differs by %.3g", PICTURE_COUNT, difference);
    assert_true(largest_difference(together, f->probabilities, PICTURE_COUNT * CLASSES) <= allowed->probabilities);
    icn_executor_destroy(single);
    icn_executor_destroy(batch);
  }
}

static void a_batch_equals_single_runs(void **state) {
  if (skipped(*state)) skip();
  check_batch(*state, &DIRECT);
  check_batch(*state, &FAST);
}

/* Direct sums, and Winograd rows wherever they apply: in either the tiles of a layer are the same for every batch. */
static void a_batch_equals_single_runs_bit_for_bit_on_the_same_rows(void **state) {
  const fixture *f = *state;
  static const char *const ROWS[] = {"conv_tile,-winograd*",
                                     "winograd_3x3,winograd_5x5,winograd_line,-winograd_s*,-winograd_gpu,-winograd_item"};
  if (skipped(f)) skip();
  for (size_t which = 0; which < sizeof ROWS / sizeof ROWS[0]; which++) {
    float together[PICTURE_COUNT * CLASSES], alone[PICTURE_COUNT * CLASSES];
    icn_executor *single = create(f, 0, 1, NULL, ROWS[which], false), *batch = create(f, 0, PICTURE_COUNT, NULL, ROWS[which], false);
    run(batch, f->images, together);
    for (size_t i = 0; i < PICTURE_COUNT; i++) run(single, f->images + i * IMAGE, alone + i * CLASSES);
    assert_true(same_rows(single, batch));
    assert_memory_equal(together, alone, sizeof alone);
    icn_executor_destroy(single);
    icn_executor_destroy(batch);
  }
}

/* The whole network on the rows written for GPUs, on whatever devices there are. */
static void rows_for_gpus_are_right(void **state) {
  const fixture *f = *state;
  if (skipped(f)) skip();
  char forced[4096] = "";
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->target != ICN_TARGET_GPU) continue;
    snprintf(forced + strlen(forced), sizeof forced - strlen(forced), "%s%s", forced[0] == '\0' ? "" : ",", row->name);
  }
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_executor_options options;
    icn_executor *executor = NULL;
    icn_error error;
    float probabilities[CLASSES];
    icn_executor_options_init(&options);
    options.device = icn_context_device(f->context, d);
    options.forced_rows = forced;
    if (icn_executor_create(f->model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    size_t layers = 0;
    for (size_t i = 0; i < icn_executor_layer_count(executor); i++) layers += icn_list_has(forced, icn_executor_layer(executor, i).row);
    run(executor, f->images + (size_t)PARROT * IMAGE, probabilities);
    const double difference = largest_difference(probabilities, f->probabilities + (size_t)PARROT * CLASSES, CLASSES);
    announce(f, d);
    print_message("  %zu of %zu layers on rows for GPUs: %.2g\n", layers, icn_executor_layer_count(executor), difference);
    assert_true(layers * 10 > icn_executor_layer_count(executor) * 9);
    assert_true(difference <= 2e-6);
    icn_executor_destroy(executor);
  }
}

static void classify_finds_the_best_class(void **state) {
  const fixture *f = *state;
  if (skipped(f)) skip();
  char path[1024];
  icn_error error;
  icn_image *image = NULL;
  icn_class top[10];
  icn_executor *executor = create(f, 0, 1, NULL, NULL, false);
  assert_non_null(icn_test_shared("images/parrot.299.png", path, sizeof path));
  assert_int_equal(icn_image_load(f->context, path, &image, &error), ICN_OK);
  size_t count = 10;
  if (icn_classify(executor, image, NULL, top, &count, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(count, CLASSES);
  for (size_t i = 0; i < count; i++) {
    assert_true(i == 0 || top[i - 1].score >= top[i].score);
    assert_true(fabs((double)top[i].score - (double)f->probabilities[PARROT * CLASSES + top[i].index]) <= 2e-6);
  }
  count = 2;
  assert_int_equal(icn_classify(executor, image, NULL, top, &count, &error), ICN_OK);
  assert_int_equal(count, 2);
  assert_int_equal(icn_classify(executor, NULL, NULL, top, &count, &error), ICN_ARGUMENT);
  assert_int_equal(icn_classify(NULL, image, NULL, top, &count, &error), ICN_ARGUMENT);
  icn_executor_destroy(executor);
  executor = create(f, 0, 2, NULL, NULL, false);
  assert_int_equal(icn_classify(executor, image, NULL, top, &count, &error), ICN_UNSUPPORTED);
  icn_executor_destroy(executor);
  icn_image_destroy(image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pictures_are_right),
      cmocka_unit_test(pictures_are_right_without_winograd),
      cmocka_unit_test(pictures_are_right_with_passes_off),
      cmocka_unit_test(keeping_values_changes_no_bit),
      cmocka_unit_test(a_batch_equals_single_runs),
      cmocka_unit_test(a_batch_equals_single_runs_bit_for_bit_on_the_same_rows),
      cmocka_unit_test(rows_for_gpus_are_right),
      cmocka_unit_test(classify_finds_the_best_class),
  };
  return cmocka_run_group_tests_name("inception_v3", tests, set_up, tear_down);
}
