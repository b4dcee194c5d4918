/* What must not change a result: each pass off by name, each kernel row asked for by name, a second run, a second executor, programs from
 * the cache. On the built-in Inception-v3, small. */
#include <math.h>

#include "kernel.h"
#include "passes.h"
#include "support/icn_test.h"

enum { CLASSES = 10, SIDE = 75, INPUT = 3 * SIDE * SIDE };

typedef struct fixture {
  icn_context *context;
  icn_model *model;
  float image[INPUT], want[CLASSES];
  char refused[4096]; /* the warnings of rows that the device cannot run */
} fixture;

static void keep_refusals(void *user, icn_log_level level, const char *line) {
  fixture *f = user;
  const size_t length = strlen(f->refused);
  (void)level;
  if (strstr(line, "is not used on this device") != NULL) snprintf(f->refused + length, sizeof f->refused - length, "%s\n", line);
}

/* "kernel row 'NAME' is not used on this device: ..." was said. */
static bool was_refused(const fixture *f, const char *row) {
  char words[96];
  snprintf(words, sizeof words, "kernel row '%s' is not used", row);
  return strstr(f->refused, words) != NULL;
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  const icn_logger logger = {&f, ICN_LOG_WARNING, keep_refusals};
  icn_context_options options;
  icn_context_options_init(&options);
  options.logger = &logger;
  if (icn_context_create(&options, &f.context, &error) != ICN_OK) return -1;
  if (icn_model_load(f.context, "builtin:inception_v3:input=75,classes=10", &f.model, &error) != ICN_OK) return -1;
  for (size_t i = 0; i < INPUT; i++) f.image[i] = (float)(i * 7919 % 256) / 255.0F;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

/* Runs once on `device`; the executor stays the caller's. */
static icn_executor *run(fixture *f, const icn_device *device, const char *passes_off, const char *rows, float scores[CLASSES]) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  const float *input = f->image;
  icn_executor_options_init(&options);
  options.device = device;
  options.disabled_passes = passes_off;
  options.forced_rows = rows;
  if (icn_executor_create(f->model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, &input, &scores, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

static void assert_agrees(const float *got, const float *want, const char *what) {
  for (int i = 0; i < CLASSES; i++)
    if (!(fabsf(got[i] - want[i]) <= 2e-6F)) fail_msg("%s: score %d is %.9g, expected %.9g", what, i, (double)got[i], (double)want[i]);
}

/* First of all: what the reference says. */
static void the_reference_gives_probabilities(void **state) {
  fixture *f = *state;
  const icn_device *reference = NULL;
  icn_error error;
  float sum = 0;
  assert_int_equal(icn_context_find_device(f->context, "reference", &reference, &error), ICN_OK);
  icn_executor_destroy(run(f, reference, NULL, NULL, f->want));
  for (int i = 0; i < CLASSES; i++) sum += f->want[i];
  assert_true(fabsf(sum - 1) < 1e-5F);
}

static void check_without(fixture *f, const char *pass) {
  float scores[CLASSES];
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_executor_destroy(run(f, icn_context_device(f->context, d), pass, NULL, scores));
    assert_agrees(scores, f->want, pass);
  }
}

static void each_pass_may_be_off(void **state) {
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t i = 0; i < icn_pass_count(); i++) check_without(f, icn_pass_at(i)->name);
  check_without(f, "concat_view");
  check_without(f, "memory_reuse");
  check_without(f, "merge_pairs");
  check_without(f, "reshape_view");
  check_without(f, "fold_batch_norm,fuse_activation,concat_view");
}

static size_t layers_on(const icn_executor *executor, const char *row) {
  size_t count = 0;
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) count += strcmp(icn_executor_layer(executor, i).row, row) == 0;
  return count;
}

/* Each row that can compute a convolution, a matrix product or a pooling of this network does so when asked for. */
static void rows_asked_for_by_name_agree(void **state) {
  static const char *const ROWS[] = {"conv_direct", "conv_tile", "conv_gpu",  "matmul_direct", "matmul_packed", "matmul_packed_gpu",
                                     "matmul_gpu",  "pool",      "pool_nhwc", "pool_nhwc4",    "clblast_conv",  "clblast_matmul"};
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
      float scores[CLASSES];
      f->refused[0] = '\0';
      icn_executor *executor = run(f, icn_context_device(f->context, d), NULL, ROWS[i], scores);
      const size_t layers = layers_on(executor, ROWS[i]);
      icn_executor_destroy(executor);
      assert_agrees(scores, f->want, ROWS[i]);
      const bool clblast = strncmp(ROWS[i], "clblast", 7) == 0, refused = was_refused(f, ROWS[i]);
      if (layers == 0 && !clblast && !refused) fail_msg("row %s was asked for and ran nowhere", ROWS[i]);
      if (layers == 0) print_message("row %s ran nowhere: %s", ROWS[i], refused ? f->refused : "CLBlast is not there\n");
    }
  }
}

/* Compiled or from the cache, the first run or the second, this executor or another one. */
static void the_same_bits_every_time(void **state) {
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    const char *const caches[] = {"none", "switches-cache", "switches-cache"};
    float scores[3][CLASSES], again[CLASSES], *output = again;
    const float *input = f->image;
    for (size_t i = 0; i < 3; i++) {
      icn_context_options options;
      icn_error error;
      fixture own = *f;
      icn_context_options_init(&options);
      options.cache_dir = caches[i];
      assert_int_equal(icn_context_create(&options, &own.context, &error), ICN_OK);
      assert_int_equal(icn_model_load(own.context, "builtin:inception_v3:input=75,classes=10", &own.model, &error), ICN_OK);
      icn_executor *executor = run(&own, icn_context_device(own.context, d), NULL, NULL, scores[i]);
      if (icn_executor_run(executor, &input, &output, &error) != ICN_OK) fail_msg("%s", error.message);
      assert_memory_equal(again, scores[i], sizeof again);
      icn_executor_destroy(executor);
      icn_model_destroy(own.model);
      icn_context_destroy(own.context);
      assert_memory_equal(scores[i], scores[0], sizeof scores[0]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_reference_gives_probabilities),
      cmocka_unit_test(each_pass_may_be_off),
      cmocka_unit_test(rows_asked_for_by_name_agree),
      cmocka_unit_test(the_same_bits_every_time),
  };
  return cmocka_run_group_tests_name("switches", tests, set_up, tear_down);
}
