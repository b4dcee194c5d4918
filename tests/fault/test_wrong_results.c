/* A driver that miscompiles: the comparison of the kernel tests finds it for every row, `clinception check` names the layer. What a user
 * sees of crashes and failing calls. */

#include <sys/wait.h>

#include "fault/fake_test.h"
#include "kernel_check.h"
#include "os.h"
#include "select.h"
#include "tune.h"

typedef struct fixture {
  fake_driver *driver;
  icn_context *context;
  icn_runtime *runtime;
} fixture;

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  *state = &f;
  assert_int_equal(icn_context_create(NULL, &f.context, &error), ICN_OK);
  if (icn_context_device_count(f.context) == 0) return 0;
  f.driver = fake_driver_open();
  if (icn_runtime_create(f.context, icn_context_device(f.context, 0), NULL, &f.runtime, &error) != ICN_OK) fail_msg("%s", error.message);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_runtime_destroy(f->runtime);
  icn_context_destroy(f->context);
  return 0;
}

/* ---------------------------------------------------------------- the harness */

/* False when the row does not take the case. */
static bool wrong_is_found(fixture *f, const icn_row *row, const icn_case *c) {
  static const char *const WRONG[] = {"*:one", "*:nothing"};
  icn_case_data data;
  icn_problem problem;
  icn_error error;
  icn_check_result result;
  const icn_device_desc *device = icn_runtime_desc(f->runtime);
  f->driver->reset();
  if (!icn_case_problem(c, ICN_CASE_DENSE, &problem) || !icn_case_has_mode(c, ICN_CASE_RANDOM)) return false;
  if (icn_shape_elems(&problem.out.shape) == 0 || !row->applies(&problem, device, NULL)) return false;
  if (icn_case_data_make(&data, c, ICN_CASE_RANDOM, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  const icn_check_outcome right = icn_kernel_check(f->runtime, device, row, &problem, &data, false, &result);
  if (right != ICN_CHECK_RIGHT && right != ICN_CHECK_DECLINED) fail_msg("row %s: %s", row->name, result.text);
  for (size_t i = 0; right == ICN_CHECK_RIGHT && i < sizeof WRONG / sizeof WRONG[0]; i++) {
    f->driver->set("wrong", WRONG[i]);
    if (icn_kernel_check(f->runtime, device, row, &problem, &data, false, &result) != ICN_CHECK_WRONG) {
      fail_msg("row %s: a result that is wrong (%s) was not found: %s", row->name, WRONG[i], result.text);
    }
  }
  icn_case_data_free(&data);
  return right == ICN_CHECK_RIGHT;
}

/* True when a case of any family was run by the row. */
static bool try_row(fixture *f, const icn_row *row) {
  bool found = false;
  for (size_t family = 0; icn_case_family(family) != NULL && !found; family++) {
    icn_case_list list;
    icn_error error;
    if (icn_cases_make(icn_case_family(family), NULL, &list, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < list.count && !found; i++) {
      const icn_case *c = &list.cases[i];
      if (c->problem.op == row->op && (c->flags & ICN_CASE_LARGE) == 0) found = wrong_is_found(f, row, c);
    }
    icn_cases_free(&list);
  }
  return found;
}

static void every_row_is_found_wrong(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  size_t found = 0, wanted = 0;
  for (size_t i = 0; i < icn_row_count(); i++) {
    if (!icn_row_device_ok(icn_row_at(i), icn_runtime_desc(f->runtime), NULL)) continue;
    found += try_row(f, icn_row_at(i));
    wanted++;
  }
  f->driver->reset();
  print_message("%zu of %zu rows were found wrong\n", found, icn_row_count());
  assert_true(found + 4 >= wanted); /* CLBlast's are not there, a row may want another device */
}

/* ------------------------------------------------------------------ the tuner */

static icn_tune_problem small_convolution(const icn_device_desc *device) {
  icn_tune_problem p;
  icn_case_list list;
  icn_params params;
  icn_choice choice;
  memset(&p, 0, sizeof p);
  memset(&list, 0, sizeof list);
  memset(&params, 0, sizeof params);
  list.allocator = icn_allocator_default();
  params.groups = 1;
  for (int k = 0; k < 2; k++) params.kernel[k] = params.stride[k] = params.dilation[k] = 1;
  p.problem = icn_case_add_conv(&list, 1, 16, 6, 6, 32, &params, 0)->problem;
  p.problem.in[ICN_CONV_X] = icn_view_device(&p.problem.in[ICN_CONV_X].shape, 0);
  p.problem.out = icn_view_device(&p.problem.out.shape, 0);
  icn_cases_free(&list);
  if (icn_select(&p.problem, device, NULL, "layer", &choice, NULL, NULL) != ICN_OK) fail_msg("no row");
  (void)icn_problem_key(&p.problem, p.key);
  p.layers = 1;
  p.row = choice.row;
  p.config = choice.config;
  p.expected_seconds = choice.cost_seconds;
  return p;
}

static bool has_result(const icn_tune_outcome *outcome, const char *row) {
  for (size_t i = 0; i < outcome->result_count; i++)
    if (strcmp(outcome->results[i].row, row) == 0) return true;
  return false;
}

/* What selection takes by itself computes wrongly: it is counted, told, and the others are measured without it. */
static void the_tuner_never_chooses_what_is_wrong(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  icn_tune_outcome outcome;
  icn_error error;
  const icn_tune_problem p = small_convolution(icn_runtime_desc(f->runtime));
  const icn_tune_watch watch = {.until = icn_os_seconds() + 1000};
  f->driver->reset();
  if (icn_tune_run(f->runtime, &p, &watch, &outcome, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(outcome.wrong + outcome.wrong_row_count, 0);
  assert_int_equal(outcome.tried, outcome.candidates);
  assert_true(has_result(&outcome, p.row->name));
  assert_true(outcome.untuned_seconds > 0);
  char setting[64];
  snprintf(setting, sizeof setting, "%s:one", p.row->name);
  f->driver->set("wrong", setting);
  if (icn_tune_run(f->runtime, &p, &watch, &outcome, &error) != ICN_OK) fail_msg("%s", error.message);
  f->driver->reset();
  assert_true(outcome.wrong > 0);
  assert_false(has_result(&outcome, p.row->name));
  assert_true(outcome.result_count > 0);
  bool told = false;
  for (size_t i = 0; i < outcome.wrong_row_count; i++) told = told || strcmp(outcome.wrong_rows[i].row, p.row->name) == 0;
  assert_true(told);
  assert_true(outcome.untuned_seconds == 0);
  assert_non_null(strstr(outcome.problem, p.row->name));
  assert_non_null(strstr(outcome.problem, "want"));
}

/* ------------------------------------------------------------------- the tool */

enum { SAID = 65536 };

/* Runs the tool's `check` with a setting of the fake driver; returns its exit code, 1000 + signal for a crash. */
static int check_under(const char *setting, char *said) {
  char command[1024];
  snprintf(command, sizeof command, "CLINCEPTION_CACHE_DIR=none %s %s check builtin:inception_v3:input=75,classes=10 2>&1", setting,
           getenv("ICN_TOOL"));
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  const size_t length = fread(said, 1, SAID - 1, pipe);
  said[length] = '\0';
  const int status = pclose(pipe);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void check_names_what_is_wrong(void **state) {
  static const struct {
    const char *setting;
    int code;
    const char *words[3];
  } CASES[] = {
      {"FAKE_WRONG=softmax", 1, {"is wrong on 1 of ", "written by layer 'probabilities' on row softmax", "with an error of "}},
      {"FAKE_WRONG=pool:nan", 1, {"written by layer 'maxpool1' on row pool", "with an error of inf", NULL}},
      {"FAKE_BUILD_FAILS=softmax", 1, {"did not build", "the fake compiler gave up", "no other kernel row"}},
      {"FAKE_KERNEL_FAILS=softmax=-46", 1, {"gives no kernel 'softmax", "CL_INVALID_KERNEL_NAME", "no other kernel row"}},
      {"FAKE_FAIL=clEnqueueNDRangeKernel:9:-5", 1, {"failed with CL_OUT_OF_RESOURCES (-5)", NULL, NULL}},
      {"FAKE_GLOBAL_BYTES=1000000", 1, {"more than the 1000000 bytes of device", NULL, NULL}},
      {"FAKE_DEVICE=$ICN_TEST_DATA/devices/gpu-small.txt FAKE_REPORT=1", 0, {": ok", " 0 objects are alive", " 0 calls overstepped"}},
  };
  static char said[SAID];
  fixture *f = *state;
  if (f->driver == NULL || getenv("ICN_TOOL") == NULL) skip();
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    const int code = check_under(CASES[i].setting, said);
    if (code != CASES[i].code) fail_msg("%s: exit code %d: %s", CASES[i].setting, code, said);
    for (size_t k = 0; k < 3 && CASES[i].words[k] != NULL; k++) {
      if (strstr(said, CASES[i].words[k]) == NULL) fail_msg("%s: '%s' is not said: %s", CASES[i].setting, CASES[i].words[k], said);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_found_wrong),
      cmocka_unit_test(the_tuner_never_chooses_what_is_wrong),
      cmocka_unit_test(check_names_what_is_wrong),
  };
  return cmocka_run_group_tests_name("wrong_results", tests, set_up, tear_down);
}
