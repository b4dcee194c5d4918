/* Every schedule that a device offers gives the same bits, run after run, for one image and for a batch in slices. */
#include <stdbool.h>
#include <string.h>

#include "clinception/clinception.h"
#include "support/icn_test.h"

enum { CLASSES = 10, SIDE = 107, INPUT = 3 * SIDE * SIDE, BATCH = 3, RUNS = 4 };

typedef struct fixture {
  icn_context *context;
  icn_model *model;
  float images[RUNS][BATCH * INPUT];
} fixture;

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  if (icn_context_create(NULL, &f.context, &error) != ICN_OK) return -1;
  if (icn_model_load(f.context, "builtin:inception_v3:input=107,classes=10", &f.model, &error) != ICN_OK) return -1;
  for (size_t r = 0; r < RUNS; r++)
    for (size_t i = 0; i < BATCH * INPUT; i++) f.images[r][i] = (float)((i * 7919 + r * 131 + i / INPUT * 31) % 256) / 255.0F;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

/* NULL where the device does not offer it, which a sentence says. */
static icn_executor *create(const fixture *f, const icn_device *device, int64_t batch, icn_schedule_kind kind) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = device;
  options.batch = batch;
  options.schedule = kind;
  const icn_status status = icn_executor_create(f->model, &options, &executor, &error);
  if (status != ICN_OK && status != ICN_UNSUPPORTED) fail_msg("%s", error.message);
  if (status != ICN_OK) {
    print_message("  %s\n", error.message);
    assert_true(kind == ICN_SCHEDULE_OUT_OF_ORDER || kind == ICN_SCHEDULE_RECORDED); /* several queues can be had everywhere */
  }
  return executor;
}

/* Each run has another picture, so that what is left of the last one shows. */
static void run_all(const fixture *f, icn_executor *executor, float scores[RUNS][BATCH * CLASSES]) {
  icn_error error;
  for (int r = 0; r < RUNS; r++) {
    const float *input = f->images[r];
    float *output = scores[r];
    if (icn_executor_run(executor, &input, &output, &error) != ICN_OK) fail_msg("%s", error.message);
  }
}

static int check_device(const fixture *f, const icn_device *device, int64_t batch) {
  static const icn_schedule_kind KINDS[] = {ICN_SCHEDULE_IN_ORDER, ICN_SCHEDULE_OUT_OF_ORDER, ICN_SCHEDULE_QUEUES, ICN_SCHEDULE_RECORDED};
  static float want[RUNS][BATCH * CLASSES], got[RUNS][BATCH * CLASSES];
  int offered = 0;
  memset(want, 0, sizeof want);
  memset(got, 0, sizeof got);
  icn_executor *plain = create(f, device, batch, ICN_SCHEDULE_DEFAULT);
  run_all(f, plain, want);
  icn_executor_destroy(plain);
  assert_memory_not_equal(want[0], want[1], sizeof want[0]); /* or else it would not matter */
  for (size_t k = 0; k < sizeof KINDS / sizeof KINDS[0]; k++) {
    icn_executor *executor = create(f, device, batch, KINDS[k]);
    if (executor == NULL) continue;
    run_all(f, executor, got);
    if (memcmp(got, want, sizeof got) != 0)
      fail_msg("%s, batch %d: schedule %d gives other bits", icn_device_get_info(device).name, (int)batch, (int)KINDS[k]);
    icn_executor_destroy(executor);
    offered++;
  }
  return offered;
}

static void schedules_give_equal_bits(void **state) {
  const fixture *f = *state;
  const size_t devices = icn_context_device_count(f->context);
  if (devices == 0) skip();
  for (size_t d = 0; d < devices; d++) {
    const icn_device *device = icn_context_device(f->context, d);
    const int offered = check_device(f, device, 1);
    print_message("%s: %d schedules\n", icn_device_get_info(device).name, offered);
    assert_true(offered >= 2);
    assert_int_equal(check_device(f, device, BATCH), offered);
  }
}

static void one_that_is_none_is_refused(void **state) {
  const fixture *f = *state;
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  if (icn_context_device_count(f->context) == 0) skip();
  icn_executor_options_init(&options);
  options.schedule = (icn_schedule_kind)17;
  assert_int_equal(icn_executor_create(f->model, &options, &executor, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "17"));
  assert_null(executor);
  assert_int_equal(icn_context_find_device(f->context, "reference", &options.device, &error), ICN_OK);
  assert_int_equal(icn_executor_create(f->model, &options, &executor, &error), ICN_ARGUMENT); /* also where none of them matters */
  options.device = NULL;
  options.schedule = ICN_SCHEDULE_RECORDED;
  options.profile = 1;
  assert_int_equal(icn_executor_create(f->model, &options, &executor, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "record"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_give_equal_bits),
      cmocka_unit_test(one_that_is_none_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
