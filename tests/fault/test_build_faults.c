/* Compilers that fail, kernels that cannot be had, binaries that are of no use: another row takes the place and somebody says so, or there
 * is one sentence with the log's own words. */

#include "base.h"
#include "fault/play.h"

#define GAVE_UP "conv.cl:12:3: error: planted: too many registers"

static icn_status play_once(play_stage *stage, const play_scenario *scenario, icn_error *error) {
  bool right = false;
  icn_error_clear(error);
  const icn_status status = play(stage, scenario, &right, error);
  play_assert_orderly(stage, "a build", 0, status, right, error);
  return status;
}

static void assert_words(const char *text, const char *words) {
  if (strstr(text, words) == NULL) fail_msg("'%s' does not say '%s'", text, words);
}

/* The convolutions' first choice does not build: others do, and each row that is dropped is named once, with the log's line. */
static void another_row_takes_the_place(void **state) {
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none", .forced_rows = "conv_tile"};
  icn_error error;
  stage->driver->set("build_fails", "conv_tile");
  stage->driver->set("build_log", "warning: planted\n" GAVE_UP "\n1 error generated.\n");
  if (play_once(stage, &s, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(play_warnings_with(stage, "kernel row 'conv_tile' is not used on this device"), 1);
  assert_true(play_warnings_with(stage, GAVE_UP) >= 1);
  assert_int_equal(play_warnings_with(stage, GAVE_UP), stage->warning_count);
}

static void the_only_row_is_a_sentence(void **state) {
  static const struct {
    const char *log, *words;
  } CASES[] = {{"warning: planted\n" GAVE_UP "\n1 error generated.\n", GAVE_UP},
               {"\n  \nthe compiler is out of sorts\nreally", "the compiler is out of sorts"},
               {"", "the build log is empty"},
               {"\n\n", "the build log is empty"}};
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none"};
  icn_error error;
  stage->driver->set("build_fails", "softmax");
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    stage->driver->set("build_log", CASES[i].log);
    assert_int_equal(play_once(stage, &s, &error), ICN_BUILD);
    assert_words(error.message, CASES[i].words);
    assert_words(error.message, "kernel file 'softmax.cl'");
    assert_words(error.message, "no other kernel row takes its place");
    assert_int_equal(stage->warning_count, 0);
  }
}

/* A log of a mebibyte in one line: what fits of it. */
static void long_logs_are_cut(void **state) {
  enum { LONG = 1 << 20 };
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none"};
  icn_error error;
  char *log = malloc(LONG + 1);
  assert_non_null(log);
  memset(log, 'x', LONG);
  memcpy(log, "error: long ", 12);
  log[LONG] = '\0';
  stage->driver->set("build_fails", "softmax");
  stage->driver->set("build_log", log);
  free(log);
  assert_int_equal(play_once(stage, &s, &error), ICN_BUILD);
  assert_words(error.message, "error: long xxx");
}

/* clCreateKernel after a build that went well. */
static void kernels_that_cannot_be_had(void **state) {
  static const struct {
    const char *rule;
    icn_status status;
    const char *words;
  } CASES[] = {
      {"conv_tile=-46", ICN_OK, NULL},
      {"conv_tile=-47", ICN_OK, NULL},
      {"conv_tile=-5", ICN_OK, NULL},
      {"softmax=-46", ICN_BUILD, "CL_INVALID_KERNEL_NAME"},
      {"softmax=-5", ICN_BUILD, "CL_OUT_OF_RESOURCES"},
      {"conv_tile=-6", ICN_NO_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
      {"conv_tile=-2", ICN_DEVICE, "CL_DEVICE_NOT_AVAILABLE"},
  };
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none", .forced_rows = "conv_tile"};
  icn_error error;
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    stage->driver->set("kernel_fails", CASES[i].rule);
    const icn_status status = play_once(stage, &s, &error);
    if (status != CASES[i].status) fail_msg("%s: status %s: %s", CASES[i].rule, icn_status_name(status), error.message);
    if (status == ICN_OK) assert_true(play_warnings_with(stage, "gives no kernel 'conv_tile'") >= 1);
    if (CASES[i].words != NULL) assert_words(error.message, CASES[i].words);
  }
}

/* Somebody who works on a kernel wants to see its error, not another kernel. */
static void kernels_from_a_folder_do_not_give_way(void **state) {
  play_stage *stage = play_begin(state);
  char folder[4096];
  icn_error error;
  snprintf(folder, sizeof folder, "%s/../../kernels", getenv("ICN_TEST_DATA"));
  const play_scenario s = {.cache = "none", .kernels = folder, .forced_rows = "conv_tile"};
  if (play_once(stage, &s, &error) != ICN_OK) fail_msg("%s", error.message);
  stage->driver->set("build_fails", "conv_tile");
  stage->driver->set("build_log", GAVE_UP);
  assert_int_equal(play_once(stage, &s, &error), ICN_BUILD);
  assert_words(error.message, GAVE_UP);
}

/* With a cache folder of its own: what the driver gives as binaries is kept, or not, and is of no use the second time. */
static void useless_binaries_are_compiled_anew(void **state) {
  static const struct {
    const char *binary, *warning;
  } CASES[] = {{"empty", NULL}, {"corrupt", "refused the binary"}, {"kernelless", "refused the binary"}};
  play_stage *stage = play_begin(state);
  icn_error error;
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    const play_scenario s = {.cache = "fault-cache"};
    assert_int_equal(system("rm -rf fault-cache"), 0);
    stage->driver->set("binary", CASES[i].binary);
    for (int run = 0; run < 3; run++) {
      if (play_once(stage, &s, &error) != ICN_OK) fail_msg("%s, run %d: %s", CASES[i].binary, run, error.message);
      const bool warned = CASES[i].warning != NULL && play_warnings_with(stage, CASES[i].warning) > 0;
      if (warned != (CASES[i].warning != NULL && run > 0)) fail_msg("%s, run %d: %zu warnings", CASES[i].binary, run, stage->warning_count);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(another_row_takes_the_place),
      cmocka_unit_test(the_only_row_is_a_sentence),
      cmocka_unit_test(long_logs_are_cut),
      cmocka_unit_test(kernels_that_cannot_be_had),
      cmocka_unit_test(kernels_from_a_folder_do_not_give_way),
      cmocka_unit_test(useless_binaries_are_compiled_anew),
  };
  return cmocka_run_group_tests_name("build_faults", tests, play_set_up, play_tear_down);
}
