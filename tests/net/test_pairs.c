/* The pairs of a 1x3 and a 3x1 convolution in Inception-v3's last blocks as one layer each: on every device, by every row that packs
 * weights for them, in both precisions, the network's answer is what it is apart, and each such layer is right by itself. */
#include <math.h>

#include "model.h"
#include "support/icn_test.h"
#include "tune.h"

enum {
  CLASSES = 10,
  SIDE = 139,
  IMAGE_FLOATS = 3 * SIDE * SIDE,
  PAIRS = 4,
  BATCH = 3
}; /* the last blocks are 3x3: 27 pixels, nearly whole tiles */

typedef struct fixture {
  icn_context *context;
  icn_model *model;
  float image[BATCH * IMAGE_FLOATS];
} fixture;

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  if (icn_context_create(NULL, &f.context, &error) != ICN_OK) return -1;
  if (icn_model_load(f.context, "builtin:inception_v3:input=139,classes=10", &f.model, &error) != ICN_OK) return -1;
  for (size_t i = 0; i < BATCH * IMAGE_FLOATS; i++) f.image[i] = (float)(i * 7919 % 256) / 255.0F;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

/* Runs once; the executor stays the caller's. */
static icn_executor *run(const fixture *f, const icn_executor_options *options, float scores[BATCH * CLASSES]) {
  icn_executor *executor = NULL;
  icn_error error;
  const float *input = f->image;
  if (icn_executor_create(f->model, options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, &input, &scores, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

/* Layers with a turned window on `row`; each is judged on the inputs that it had. */
static size_t check_pairs(icn_executor *executor, const char *row) {
  size_t count = 0;
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
    const icn_layer_info layer = icn_executor_layer(executor, i);
    icn_layer_check check;
    icn_error error;
    if (strstr(layer.problem, " turned384 ") == NULL) continue;
    assert_string_equal(layer.row, row);
    if (icn_executor_check_layer(executor, i, &check, &error) != ICN_OK) fail_msg("%s", error.message);
    if (check.wrong > 0 || !(check.part <= 1) || !(check.largest > 0))
      fail_msg("%s on %s: %d elements are wrong, the worst is %g times what rounding explains, the largest is %g", layer.name, row,
               (int)check.wrong, check.part, check.largest);
    count++;
  }
  return count;
}

static void check_rows(const fixture *f, const icn_device *device, const char *rows, const char *row, icn_precision precision) {
  float together[BATCH * CLASSES], apart[BATCH * CLASSES];
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.device = device;
  options.forced_rows = rows;
  options.precision = precision;
  options.batch = BATCH;
  options.keep_values = 1;
  icn_executor *executor = run(f, &options, together);
  assert_int_equal(check_pairs(executor, row), PAIRS);
  icn_executor_destroy(executor);
  options.disabled_passes = "merge_pairs";
  executor = run(f, &options, apart);
  assert_int_equal(check_pairs(executor, row), 0);
  icn_executor_destroy(executor);
  for (int i = 0; i < BATCH * CLASSES; i++)
    if (!(fabsf(together[i] - apart[i]) <= 2e-6F))
      fail_msg("%s: score %d is %.9g, apart %.9g", row, i, (double)together[i], (double)apart[i]);
}

static void pairs_are_right_by_every_row(void **state) {
  const fixture *f = *state;
  const size_t count = icn_context_device_count(f->context);
  if (count == 0) skip();
  for (size_t d = 0; d < count; d++) {
    const icn_device *device = icn_context_device(f->context, d);
    check_rows(f, device, "-winograd*,conv_tile", "conv_tile", ICN_PRECISION_FP32);
    check_rows(f, device, "-winograd*,conv_gpu", "conv_gpu", ICN_PRECISION_FP32);
    check_rows(f, device, "-winograd*,conv_item", "conv_item", ICN_PRECISION_FP32);
    check_rows(f, device, "-winograd*,conv_tile", "conv_tile", ICN_PRECISION_FP16W);
    check_rows(f, device, "-winograd*,conv_gpu", "conv_gpu", ICN_PRECISION_FP16W);
  }
}

static bool has_key(const icn_tune_problem *problems, size_t count, const char *part) {
  for (size_t i = 0; i < count; i++)
    if (strstr(problems[i].key, part) != NULL) return true;
  return false;
}

/* Whichever form a plan has, the tuner measures both. */
static void both_forms_are_tuned(void **state) {
  const fixture *f = *state;
  const icn_allocator allocator = icn_allocator_default();
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_plan_options options;
    icn_tune_problem *problems = NULL;
    icn_error error;
    size_t count = 0;
    icn_plan_options_init(&options);
    options.device = icn_context_device(f->context, d);
    if (icn_tune_problems(f->model, &options, &problems, &count, &error) != ICN_OK) fail_msg("%s", error.message);
    assert_true(has_key(problems, count, " k768 r1x3 s1x1 p0,1 turned384 "));
    assert_true(has_key(problems, count, " k384 r1x3 s1x1 p0,1 ") && has_key(problems, count, " k384 r3x1 s1x1 p1,0 "));
    icn_release(&allocator, problems);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_right_by_every_row), cmocka_unit_test(both_forms_are_tuned)};
  return cmocka_run_group_tests_name("pairs", tests, set_up, tear_down);
}
