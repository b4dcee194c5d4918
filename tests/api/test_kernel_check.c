/* The judge of kernels: each way in which a kernel can be wrong is planted, and must be noticed. The kernels stand in
 * tests/data/kernels/faulty_copy.cl. Also the benchmark's classes and the measurement of one row. */
#include <math.h>

#include "bench_classes.h"
#include "kernel_check.h"
#include "measure.h"
#include "select.h"
#include "support/icn_test.h"

enum { COUNT = 40 };

static icn_context *context;
static icn_runtime *runtime;
static icn_case a_case;
static icn_case_data data[ICN_CASE_MODES];

/* What the row under test does; a row has no place of its own for it. */
static const char *kernel_name;
static size_t local_bytes; /* of an argument more */
static double cost_seconds;

static bool applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)problem, (void)device;
  return kernel_name != NULL || icn_decline(why_not, "it is told to");
}

static void configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem, (void)device;
  memset(config, 0, sizeof *config);
}

static double cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)problem, (void)device, (void)config;
  return cost_seconds;
}

static icn_status emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emitted,
                       icn_error *error) {
  (void)device, (void)config, (void)error;
  icn_launch *launch = icn_emit_launch(emitted, "faulty_copy.cl", kernel_name);
  const size_t count = (size_t)icn_shape_elems(&problem->out.shape);
  icn_launch_range(launch, 1, count, 1, 1, 0, 0, 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, (int64_t)count);
  if (local_bytes > 0) icn_launch_local(launch, local_bytes);
  return ICN_OK;
}

static const icn_row EXACT_ROW = {"faulty", ICN_OP_COPY, ICN_TARGET_ANY, applies, configure, cost, NULL, NULL, emit, 0};
static const icn_row LOOSE_ROW = {"loose", ICN_OP_COPY, ICN_TARGET_ANY, applies, configure, cost, NULL, NULL, emit, 4};

static icn_check_result check(const icn_row *row, const char *kernel, icn_case_mode mode, bool twice) {
  icn_check_result result;
  icn_problem problem;
  kernel_name = kernel;
  assert_true(icn_case_problem(&a_case, ICN_CASE_STRIDED, &problem));
  const icn_check_outcome outcome = icn_kernel_check(runtime, icn_runtime_desc(runtime), row, &problem, &data[mode], twice, &result);
  assert_int_equal(outcome, result.outcome);
  return result;
}

static void assert_noticed(const char *kernel, bool twice, const char *sentence) {
  for (icn_case_mode mode = ICN_CASE_EXACT; mode < ICN_CASE_MODES; mode++) {
    const icn_check_result result = check(&EXACT_ROW, kernel, mode, twice);
    if (result.outcome != ICN_CHECK_WRONG) fail_msg("%s: outcome %d: %s", kernel, (int)result.outcome, result.text);
    if (strstr(result.text, sentence) == NULL) fail_msg("%s: '%s' does not say '%s'", kernel, result.text, sentence);
  }
}

static int begin(void **state) {
  (void)state;
  icn_error error;
  icn_context_options options;
  char kernels[512];
  icn_context_options_init(&options);
  snprintf(kernels, sizeof kernels, "%s/kernels", getenv("ICN_TEST_DATA"));
  options.kernel_dir = kernels;
  options.cache_dir = "none";
  if (icn_context_create(&options, &context, &error) != ICN_OK) return -1;
  a_case.problem.op = ICN_OP_COPY;
  icn_case_input(&a_case, 0, 1, (const int64_t[]){COUNT});
  icn_case_output(&a_case, 1, (const int64_t[]){COUNT});
  cost_seconds = 1;
  for (icn_case_mode mode = ICN_CASE_EXACT; mode < ICN_CASE_MODES; mode++)
    if (icn_case_data_make(&data[mode], &a_case, mode, NULL, &error) != ICN_OK) return -1;
  if (icn_context_device_count(context) == 0) return 0;
  return icn_runtime_create(context, icn_context_device(context, 0), NULL, &runtime, &error) == ICN_OK ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  for (icn_case_mode mode = ICN_CASE_EXACT; mode < ICN_CASE_MODES; mode++) icn_case_data_free(&data[mode]);
  icn_runtime_destroy(runtime);
  icn_context_destroy(context);
  return 0;
}

static void a_right_kernel_passes(void **state) {
  (void)state;
  if (runtime == NULL) skip();
  for (icn_case_mode mode = ICN_CASE_EXACT; mode < ICN_CASE_MODES; mode++) {
    const icn_check_result result = check(&EXACT_ROW, "right", mode, true);
    if (result.outcome != ICN_CHECK_RIGHT) fail_msg("%s", result.text);
    assert_true(result.error == 0);
  }
}

static void every_fault_is_noticed(void **state) {
  (void)state;
  if (runtime == NULL) skip();
  assert_noticed("last_bit", false, "element 3 (of 40");
  assert_noticed("not_a_number", false, "element 3 (of 40");
  assert_noticed("never_written", false, "(never written)");
  assert_noticed("behind_the_end", false, "output: element 44 of 44 was overwritten");
  assert_noticed("before_the_start", false, "output: element 3 outside the view was overwritten");
  assert_noticed("far_behind_the_end", false, "output: element 244 of 44 was overwritten");
  assert_noticed("into_the_input", false, "input 0: element 3 of 43 was overwritten");
  assert_noticed("other_the_second_time", true, "a second run gives other bits");
  assert_int_equal(check(&EXACT_ROW, "other_the_second_time", ICN_CASE_RANDOM, false).outcome, ICN_CHECK_RIGHT); /* only then */
  cost_seconds = NAN;
  assert_noticed("right", false, "cost() gives");
  cost_seconds = 1;
}

/* A last bit wrong is within a tolerance of 4 for random values, and is told in units of it; small integers are compared bit for bit. */
static void errors_are_told_in_units_of_what_is_allowed(void **state) {
  (void)state;
  if (runtime == NULL) skip();
  const icn_check_result loose = check(&LOOSE_ROW, "last_bit", ICN_CASE_RANDOM, true);
  if (loose.outcome != ICN_CHECK_RIGHT) fail_msg("%s", loose.text);
  assert_true(loose.error >= 0.2 && loose.error <= 0.55);
  assert_int_equal(check(&LOOSE_ROW, "last_bit", ICN_CASE_EXACT, true).outcome, ICN_CHECK_WRONG);
  assert_int_equal(check(&LOOSE_ROW, "not_a_number", ICN_CASE_RANDOM, true).outcome, ICN_CHECK_WRONG);
}

static void what_cannot_run_is_told_apart(void **state) {
  (void)state;
  if (runtime == NULL) skip();
  icn_check_result result = check(&EXACT_ROW, NULL, ICN_CASE_EXACT, false);
  assert_int_equal(result.outcome, ICN_CHECK_DECLINED);
  assert_string_equal(result.text, "it is told to");
  result = check(&EXACT_ROW, "no_such_kernel", ICN_CASE_EXACT, false);
  assert_int_equal(result.outcome, ICN_CHECK_NOT_BUILT);
  local_bytes = (size_t)icn_runtime_desc(runtime)->local_bytes + 1024;
  result = check(&EXACT_ROW, "with_local", ICN_CASE_EXACT, false);
  local_bytes = 0;
  if (result.outcome != ICN_CHECK_DECLINED) fail_msg("outcome %d: %s", (int)result.outcome, result.text);
}

static void families_and_classes(void **state) {
  (void)state;
  icn_error error;
  icn_case_list list;
  size_t families = 0;
  for (; icn_case_family(families) != NULL; families++) {
    assert_int_equal(icn_cases_make(icn_case_family(families), NULL, &list, &error), ICN_OK);
    assert_true(list.count > 20 && list.cases[0].seed != list.cases[1].seed);
    icn_cases_free(&list);
  }
  assert_int_equal(families, 6);
  assert_int_equal(icn_cases_make("banana", NULL, &list, &error), ICN_ARGUMENT);
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU), cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  for (size_t i = 0; icn_bench_class(i) != NULL; i++) { /* each has rows on both kinds of device */
    icn_case c;
    icn_problem problem;
    icn_choice choice;
    assert_int_equal(icn_bench_class_case(i, &c, &error), ICN_OK);
    assert_true(icn_case_problem(&c, ICN_CASE_DENSE, &problem));
    if (icn_select(&problem, &gpu, NULL, icn_bench_class(i), &choice, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
    if (icn_select(&problem, &cpu, NULL, icn_bench_class(i), &choice, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  }
  icn_case c;
  assert_int_equal(icn_bench_class_case(99, &c, &error), ICN_ARGUMENT);
}

static void one_row_is_measured(void **state) {
  (void)state;
  if (runtime == NULL) skip();
  icn_error error;
  icn_problem problem;
  double seconds = 0, launch = 0;
  kernel_name = "right";
  icn_case_problem(&a_case, ICN_CASE_DENSE, &problem);
  if (icn_row_measure(runtime, &EXACT_ROW, &problem, 0.01, &seconds, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_true(seconds > 1e-8 && seconds < 1);
  kernel_name = "no_such_kernel";
  assert_int_equal(icn_row_measure(runtime, &EXACT_ROW, &problem, 0.01, &seconds, &error), ICN_BUILD);
  assert_int_not_equal(icn_device_measure_launch(context, icn_context_device(context, 0), &launch, &error),
                       ICN_OK); /* no measure.cl here */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_right_kernel_passes),         cmocka_unit_test(every_fault_is_noticed),
      cmocka_unit_test(what_cannot_run_is_told_apart), cmocka_unit_test(errors_are_told_in_units_of_what_is_allowed),
      cmocka_unit_test(families_and_classes),          cmocka_unit_test(one_row_is_measured),
  };
  return cmocka_run_group_tests_name("kernel_check", tests, begin, end);
}
