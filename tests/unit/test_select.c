/* Selection: forced, only, cost; reasons. On rows made for the test. */
#include "row_table.h"
#include "support/icn_test.h"

static bool always(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)problem, (void)device, (void)why_not;
  return true;
}
static bool gpu_only(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)problem;
  return device->kind == ICN_DEVICE_GPU || icn_decline(why_not, "%u compute units are too few", (unsigned)device->compute_units);
}
static void set_config(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem, (void)device;
  memset(config, 0, sizeof *config);
  config->value[0] = 42;
}
static double slow(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)problem, (void)device;
  return config->value[0] == 42 ? 2e-3 : 1e-9;
}
static double fast(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)problem, (void)device, (void)config;
  return 1e-3;
}

static const icn_row ROWS[] = {
    {.name = "relu_slow", .op = ICN_OP_UNARY, .applies = always, .configure = set_config, .cost = slow},
    {.name = "relu_fast", .op = ICN_OP_UNARY, .applies = always, .configure = set_config, .cost = fast},
    {.name = "relu_gpu", .op = ICN_OP_UNARY, .applies = gpu_only, .configure = set_config, .cost = fast},
    {.name = "pool_gpu", .op = ICN_OP_POOL, .applies = gpu_only, .configure = set_config, .cost = fast},
};
static const icn_row *row_at(size_t index) { return &ROWS[index]; }
static const icn_row_table TABLE = {row_at, sizeof ROWS / sizeof ROWS[0]};

static icn_problem problem_of(icn_op op) {
  icn_problem problem;
  memset(&problem, 0, sizeof problem);
  icn_shape shape = icn_shape_make(4, (const int64_t[]){1, 8, 4, 4});
  problem.op = op;
  problem.present = 1;
  problem.in[0] = problem.out = icn_view_device(&shape, 0);
  return problem;
}

static icn_text text_new(void) {
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  return text;
}

static void least_cost_wins_and_the_others_say_why(void **state) {
  (void)state;
  icn_problem problem = problem_of(ICN_OP_UNARY);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_choice choice;
  icn_text why = text_new();
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, NULL, "relu1", &choice, &why, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_fast");
  assert_string_equal(choice.rule, "cost");
  assert_int_equal(choice.config.value[0], 42);
  assert_string_equal(why.data, "relu_slow: would take 2000.0 us\nrelu_gpu: declined, 2 compute units are too few\n");
  icn_text_fini(&why);
}

static void a_forced_row_wins_where_it_applies(void **state) {
  (void)state;
  icn_problem problem = problem_of(ICN_OP_UNARY);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_choice choice;
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "pool_gpu,relu_slow", "relu1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_slow");
  assert_string_equal(choice.rule, "forced");
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "relu_gpu", "relu1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_fast"); /* the forced one declines */
  device = icn_device_desc_example(ICN_DEVICE_GPU);
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "relu_gpu", "relu1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_gpu");
}

static void an_excluded_row_is_left_out(void **state) {
  (void)state;
  icn_problem problem = problem_of(ICN_OP_UNARY);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_choice choice;
  icn_error error;
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "-relu_fast", "relu1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_slow");
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "relu_s*,-pool*", "relu1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "relu_slow");
  assert_string_equal(choice.rule, "forced");
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, "-relu*", "relu1", &choice, NULL, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "excluded by name"));
  assert_int_equal(icn_check_rows(&TABLE, "-relu*,pool_gpu,", &error), ICN_OK);
  assert_int_equal(icn_check_rows(&TABLE, "-reluctant", &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "no kernel row 'reluctant'"));
}

static void the_only_row_says_so(void **state) {
  (void)state;
  icn_problem problem = problem_of(ICN_OP_POOL);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  icn_choice choice;
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, NULL, "pool1", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.rule, "only");
}

static void no_row_is_one_sentence_with_reasons(void **state) {
  (void)state;
  icn_problem problem = problem_of(ICN_OP_POOL);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_choice choice;
  icn_error error;
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, NULL, "pool1", &choice, NULL, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "'pool1'"));
  assert_non_null(strstr(error.message, "pool_gpu: 2 compute units are too few"));
  assert_non_null(strstr(error.message, "1x8x4x4"));
  problem.op = ICN_OP_LRN;
  assert_int_equal(icn_select_from(&TABLE, &problem, &device, NULL, "lrn1", &choice, NULL, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "no kernel computes lrn"));
}

static void every_row_of_the_library_is_reachable(void **state) {
  (void)state;
  assert_true(icn_row_count() > 0);
  icn_problem problem = problem_of(ICN_OP_COPY);
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_choice choice;
  assert_int_equal(icn_select(&problem, &device, NULL, "copy", &choice, NULL, NULL), ICN_OK);
  assert_int_equal(choice.row->op, ICN_OP_COPY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(least_cost_wins_and_the_others_say_why),
      cmocka_unit_test(a_forced_row_wins_where_it_applies),
      cmocka_unit_test(an_excluded_row_is_left_out),
      cmocka_unit_test(the_only_row_says_so),
      cmocka_unit_test(no_row_is_one_sentence_with_reasons),
      cmocka_unit_test(every_row_of_the_library_is_reachable),
  };
  return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
