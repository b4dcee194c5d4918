/* The self-test under a driver that lies: for each kernel that a small network chooses in turn the answer is right, one sentence says what
 * happened, and the next start knows it. And what it costs where all is known: nothing. */
#include <sys/stat.h>

#include "fault/vetting_stage.h"
#include "os.h"

#define NOT_USED "' is not used on this device: "

/* ------------------------------------------------------------- wrong results */

/* Right, with a sentence on each row that gave way; or no result, where no other row takes the place. */
static bool assert_gave_way(const play_stage *stage, const char *what, icn_status status, const icn_error *error) {
  if (play_warnings_with(stage, NOT_USED) != stage->warning_count) fail_msg("%s: other warnings: %s", what, stage->warnings[0]);
  if (status == ICN_OK) {
    if (stage->warning_count == 0) fail_msg("%s: nobody says so", what);
    return true;
  }
  if (strstr(error->message, "no other kernel row takes its place") == NULL) fail_msg("%s: %s", what, error->message);
  return false;
}

static void every_wrong_kernel_gives_way(void **state) {
  static const char *const HOW[] = {"all", "nan", "nothing", "one"};
  play_stage *stage = play_begin(state);
  const play_scenario scenario = vetting_scenario();
  size_t gave_way = 0, alone = 0;
  for (size_t k = 0; k < chosen_count; k++) {
    for (size_t h = 0; h < sizeof HOW / sizeof HOW[0]; h++) {
      char setting[100];
      icn_error error;
      bool right = false;
      snprintf(setting, sizeof setting, "%s:%s", chosen_kernels[k].kernel, HOW[h]);
      vetting_fresh_cache();
      stage->driver->set("wrong", setting);
      const icn_status status = vetting_play(stage, &scenario, &right, &error);
      const bool replaced = assert_gave_way(stage, setting, status, &error);
      if (!replaced) assert_int_equal(status, ICN_MISMATCH);
      gave_way += replaced;
      alone += !replaced;
      assert_true(vetting_lines(ICN_KERNEL_WRONG) > 0);
      assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
      /* The next start knows it, also when the driver does right this time. */
      stage->driver->reset();
      const icn_status again = vetting_play(stage, &scenario, &right, &error);
      assert_int_equal(again, status);
      assert_int_equal(assert_gave_way(stage, setting, again, &error), replaced);
    }
  }
  print_message("%zu kernels: %zu gave way, %zu have no other row\n", chosen_count, gave_way, alone);
  assert_true(gave_way >= 8);
}

/* Where nothing can be remembered everything else is as ever: the folder's name is that of a file. */
static void without_a_folder_to_write_to(void **state) {
  play_stage *stage = play_begin(state);
  play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  vetting_fresh_cache();
  assert_int_equal(icn_os_write_file(vetting_cache(), "a file", 6, &error), ICN_OK);
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  assert_int_equal(play_warnings_with(stage, NOT_USED), 0);
  s.forced_rows = "conv_tile";
  stage->driver->set("wrong", "conv_tile:all");
  for (int n = 0; n < 2; n++) {
    assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
    assert_int_equal(play_warnings_with(stage, "kernel row 'conv_tile" NOT_USED), 1);
    assert_int_equal(play_warnings_with(stage, "it should be"), play_warnings_with(stage, NOT_USED));
  }
  s.cache = "none";
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  assert_int_equal(play_warnings_with(stage, "kernel row 'conv_tile" NOT_USED), 1);
  vetting_fresh_cache();
}

/* --------------------------------------------------------- what is known costs nothing */

static long calls_before_the_run;

static void note_calls(play_stage *stage, const icn_executor *executor) {
  (void)executor;
  calls_before_the_run = stage->driver->calls;
}

static long launches_of_a_load(play_stage *stage, icn_self_test self_test, const char *cache) {
  play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  s.self_test = self_test;
  s.cache = cache;
  s.with_executor = note_calls;
  stage->driver->set("fail", "clEnqueueNDRangeKernel:1000000000:-1");
  if (vetting_play(stage, &s, &right, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(stage->warning_count, 0);
  return calls_before_the_run;
}

static void the_second_start_tests_nothing(void **state) {
  play_stage *stage = play_begin(state);
  vetting_fresh_cache();
  const long first = launches_of_a_load(stage, ICN_SELF_TEST_ON, vetting_cache());
  assert_true(first >= (long)chosen_count);
  struct stat before, after;
  assert_int_equal(stat(vetting_file(), &before), 0);
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_ON, vetting_cache()), 0);
  assert_int_equal(stat(vetting_file(), &after), 0);
  assert_int_equal(before.st_ino, after.st_ino); /* not even written */
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_ALWAYS, vetting_cache()), first);
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_OFF, vetting_cache()), 0);
  vetting_fresh_cache();
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_OFF, vetting_cache()), 0);
  assert_false(icn_os_exists(vetting_file()));
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_ON, "none"), first);
  /* Another driver is another matter. */
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_ON, vetting_cache()), first);
  stage->driver->set("driver", "2.0");
  assert_int_equal(launches_of_a_load(stage, ICN_SELF_TEST_ON, vetting_cache()), first);
}

/* In one context a kernel is tested once, also where that cannot be written down. */
static void one_context_tests_once(void **state) {
  play_stage *stage = play_begin(state);
  icn_context_options context_options;
  icn_executor_options options;
  icn_context *context = NULL;
  icn_error error;
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, PLAY_SIZE, PLAY_SIZE}};
  icn_context_options_init(&context_options);
  context_options.cache_dir = "none";
  assert_int_equal(icn_context_create(&context_options, &context, &error), ICN_OK);
  icn_model *model = api_model_load(context, &stage->file);
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.self_test = ICN_SELF_TEST_ON;
  stage->driver->set("fail", "clEnqueueNDRangeKernel:1000000000:-1");
  long after_first = 0;
  for (int n = 0; n < 3; n++) {
    icn_executor *executor = NULL;
    if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    icn_executor_destroy(executor);
    if (n == 0) after_first = stage->driver->calls;
  }
  assert_true(after_first > 0);
  assert_int_equal(stage->driver->calls, after_first);
  icn_model_destroy(model);
  icn_context_destroy(context);
}

static void damaged_lines_are_skipped(void **state) {
  play_stage *stage = play_begin(state);
  const play_scenario usual = vetting_scenario();
  play_scenario s = usual;
  icn_error error;
  bool right = false;
  vetting_fresh_cache();
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  const size_t known = vetting_lines(ICN_KERNEL_RIGHT);
  assert_true(known > 0);
  FILE *file = fopen(vetting_file(), "a");
  assert_non_null(file);
  fprintf(file, "right\tcut off\n\x01\x02\nrunning\t\t\t\t\t\t\t\t\t\t\n");
  assert_int_equal(fclose(file), 0);
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  assert_int_equal(stage->warning_count, 1);
  assert_int_equal(play_warnings_with(stage, "3 lines are skipped"), 1);
  s.self_test = ICN_SELF_TEST_ALWAYS; /* writes, and so cures it */
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  assert_int_equal(vetting_play(stage, &usual, &right, &error), ICN_OK);
  assert_int_equal(stage->warning_count, 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_RIGHT), known);
  assert_int_equal(icn_os_write_file(vetting_file(), "\0\0\0", 3, &error), ICN_OK);
  assert_int_equal(vetting_play(stage, &usual, &right, &error), ICN_OK);
}

/* -------------------------------------------------- what the driver does not build */

/* How often the compiler is asked. */
static long builds_of_a_load(play_stage *stage) {
  play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  s.forced_rows = "conv_tile";
  s.with_executor = note_calls;
  stage->driver->set("fail", "clBuildProgram:1000000000:-1");
  if (vetting_play(stage, &s, &right, &error) != ICN_OK) fail_msg("%s", error.message);
  return calls_before_the_run;
}

static void date_refusals(const char *date) {
  icn_kernel_log log = vetting_read_log();
  for (size_t i = 0; i < log.count; i++)
    if (log.entries[i].state == ICN_KERNEL_REFUSED) log.entries[i].date = date;
  vetting_write_log(&log);
  icn_kernel_log_fini(&log);
}

static void a_build_that_fails_is_not_tried_again(void **state) {
  play_stage *stage = play_begin(state);
  vetting_fresh_cache();
  stage->driver->set("build_fails", "conv_tile");
  stage->driver->set("build_log", "error: planted");
  const long first = builds_of_a_load(stage);
  assert_int_equal(play_warnings_with(stage, "kernel row 'conv_tile" NOT_USED), 1);
  const size_t refused = vetting_lines(ICN_KERNEL_REFUSED);
  assert_true(refused >= 1);
  assert_int_equal(builds_of_a_load(stage), first - (long)refused); /* the others come from the cache, and are built, too */
  assert_int_equal(play_warnings_with(stage, "it was not built for layer '"), refused);
  assert_int_equal(play_warnings_with(stage, "error: planted"), refused);
  stage->driver->reset(); /* now it would be */
  (void)builds_of_a_load(stage);
  assert_int_equal(play_warnings_with(stage, "kernel row 'conv_tile" NOT_USED), 1);
  date_refusals("2026-01-01T00:00:00Z"); /* a day later it is */
  (void)builds_of_a_load(stage);
  assert_int_equal(stage->warning_count, 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_REFUSED), 0);
}

/* What is remembered must not leave a layer without a row. */
static void a_refusal_is_forgotten_where_it_is_in_the_way(void **state) {
  play_stage *stage = play_begin(state);
  play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  vetting_fresh_cache();
  stage->driver->set("build_fails", "conv_tile");
  (void)builds_of_a_load(stage);
  assert_true(vetting_lines(ICN_KERNEL_REFUSED) >= 1);
  stage->driver->reset(); /* it builds now, and nothing else may be used */
  s.forced_rows =
      "-conv_direct,-conv_first_gpu,-conv_gpu,-conv_item,-conv_subgroup,-depthwise,-depthwise4,-winograd_3x3,-winograd_5x5,-winograd_line,-"
      "winograd_stride2,-winograd_s2d,-winograd_split,-winograd_gpu,-winograd_item,-clblast_conv";
  if (vetting_play(stage, &s, &right, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(play_warnings_with(stage, NOT_USED), 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_REFUSED), 0);
}

/* Where no row is left the compiler may have other troubles, and they may pass. */
static void a_load_that_fails_remembers_no_refusal(void **state) {
  play_stage *stage = play_begin(state);
  const play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  vetting_fresh_cache();
  stage->driver->set("build_fails", "softmax");
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_BUILD);
  assert_int_equal(vetting_lines(ICN_KERNEL_REFUSED), 0);
  stage->driver->reset();
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
  assert_int_equal(stage->warning_count, 0);
}

/* ------------------------------------------------------------ failing calls */

static void failing_calls_are_orderly(void **state) {
  static const char *const FUNCTIONS[] = {"clEnqueueNDRangeKernel", "clEnqueueWriteBuffer", "clEnqueueReadBuffer", "clFinish"};
  play_stage *stage = play_begin(state);
  play_scenario s = vetting_scenario();
  s.self_test = ICN_SELF_TEST_ALWAYS;
  for (size_t f = 0; f < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; f++) {
    for (long at = 1;; at++) {
      icn_error error;
      bool right = false;
      fake_driver_fail(stage->driver, FUNCTIONS[f], at, -5);
      const icn_status status = vetting_play(stage, &s, &right, &error);
      assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
      if (stage->driver->calls < at) break;
      assert_true(status != ICN_OK || strcmp(FUNCTIONS[f], "clFinish") == 0);
    }
  }
}

static void failing_allocations_are_orderly(void **state) {
  play_stage *stage = play_begin(state);
  play_scenario s = vetting_scenario();
  size_t failed = 0;
  s.self_test = ICN_SELF_TEST_ALWAYS;
  for (size_t at = 1;; at += 1 + at / 50) {
    icn_error error;
    bool right = false;
    stage->allocations = 0;
    stage->fail_at = at;
    icn_error_clear(&error);
    const icn_status status = play(stage, &s, &right, &error);
    const bool reached = stage->allocations >= at;
    stage->fail_at = 0;
    play_assert_orderly(stage, "host allocation", at, status, right, &error);
    if (vetting_lines(ICN_KERNEL_RUNNING) != 0) fail_msg("host allocation %zu: a marker was left behind", at);
    if (!reached) break;
    failed++;
  }
  print_message("%zu failing host allocations\n", failed);
  assert_true(failed > 30);
}

/* ------------------------------------------------------------------- the tool */

static void assert_tool(const char *settings, const char *arguments, int code, const char *words) {
  static char said[VETTING_SAID];
  const int got = vetting_tool(settings, arguments, said);
  if (got != code) fail_msg("%s %s: code %d: %s", settings, arguments, got, said);
  if (words != NULL && strstr(said, words) == NULL) fail_msg("%s %s: '%s' is not said: %s", settings, arguments, words, said);
}

#define MODEL "builtin:inception_v3:input=75,classes=10"

static void the_tool_tests(void **state) {
  (void)play_begin(state);
  if (getenv("ICN_TOOL") == NULL) skip();
  vetting_fresh_cache();
  assert_tool("", "selftest " MODEL, 0, "all right; the largest error is ");
  assert_tool("", "selftest --json " MODEL, 0, "\"right\":\ttrue");
  assert_tool("FAKE_WRONG=softmax", "selftest " MODEL, 1, "kernels compute wrongly on device");
  assert_tool("FAKE_WRONG=softmax", "selftest " MODEL, 1, "the first: layer 'probabilities' on row softmax");
  assert_tool("", "selftest --full --rows softmax_run", 0, "all right");
  assert_tool("FAKE_WRONG=softmax", "selftest --full --rows softmax_run", 1, "not every kernel is right");
  assert_tool("", "selftest", 2, "expected one model");
  assert_tool("", "selftest --full " MODEL, 2, "takes no model");
  assert_tool("", "selftest --full --rows nonsense", 2, "which is no kernel row");
  assert_tool("", "selftest " MODEL " --device reference", 2, "name an OpenCL device");
  assert_tool("", "bench --self-test sometimes " MODEL, 2, "expects on, off or always");
  assert_tool("CLINCEPTION_SELF_TEST=sometimes", "devices", 2, "expected on, off or always");
  vetting_fresh_cache();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_wrong_kernel_gives_way),
      cmocka_unit_test(without_a_folder_to_write_to),
      cmocka_unit_test(the_second_start_tests_nothing),
      cmocka_unit_test(one_context_tests_once),
      cmocka_unit_test(a_build_that_fails_is_not_tried_again),
      cmocka_unit_test(a_refusal_is_forgotten_where_it_is_in_the_way),
      cmocka_unit_test(a_load_that_fails_remembers_no_refusal),
      cmocka_unit_test(damaged_lines_are_skipped),
      cmocka_unit_test(failing_calls_are_orderly),
      cmocka_unit_test(failing_allocations_are_orderly),
      cmocka_unit_test(the_tool_tests),
  };
  return cmocka_run_group_tests_name("self_test", tests, vetting_set_up, vetting_tear_down);
}
