/* Every recorded device is posed as and runs a network within its limits; a plan that oversteps one is refused by the driver and ends in
 * one sentence. */

#include <dirent.h>

#include "base.h"
#include "fault/play.h"

static void pose(play_stage *stage, const char *file) {
  char path[4096];
  snprintf(path, sizeof path, "%s/devices/%s", getenv("ICN_TEST_DATA"), file);
  stage->driver->reset();
  if (!stage->driver->pose(path)) fail_msg("%s cannot be read", path);
  stage->driver->overstepped = stage->driver->absent = 0;
}

static void play_as(play_stage *stage, const char *file) {
  const play_scenario s = {.cache = "none"};
  icn_error error;
  bool right = false;
  icn_error_clear(&error);
  pose(stage, file);
  const icn_status status = play(stage, &s, &right, &error);
  play_assert_orderly(stage, file, 0, status, right, &error);
  if (status != ICN_OK) fail_msg("%s: %s", file, error.message);
  if (stage->driver->overstepped != 0) fail_msg("%s: %ld calls overstepped a limit", file, stage->driver->overstepped);
  if (stage->driver->absent != 0) fail_msg("%s: %ld calls of functions that the device has not", file, stage->driver->absent);
  for (size_t i = 0; i < stage->warning_count; i++) {
    if (strstr(stage->warnings[i], "is not used on this device") != NULL) fail_msg("%s: %s", file, stage->warnings[i]);
  }
}

static void recorded_devices_run_within_their_limits(void **state) {
  play_stage *stage = play_begin(state);
  char path[4096];
  size_t played = 0;
  snprintf(path, sizeof path, "%s/devices", getenv("ICN_TEST_DATA"));
  DIR *folder = opendir(path);
  assert_non_null(folder);
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (strstr(entry->d_name, ".txt") == NULL) continue;
    play_as(stage, entry->d_name);
    played++;
  }
  closedir(folder);
  print_message("%zu recorded devices\n", played);
  assert_true(played >= 4);
}

/* Lowered behind the library's back, when it has read what the device claims. */
static const char *lowered[3];

static void lower(play_stage *stage) {
  stage->driver->set(lowered[0], lowered[1]);
  lowered[2] = "done";
}

static void overstepped_limits_are_sentences(void **state) {
  static const struct {
    const char *setting, *value, *words;
  } CASES[] = {
      {"max_work_item_x", "1", "CL_INVALID_WORK_ITEM_SIZE"},
      {"local_bytes", "16", "CL_OUT_OF_RESOURCES"},
      {"argument_bytes", "24", "CL_INVALID_ARG_SIZE"},
      {"max_allocation_bytes", "256", "CL_INVALID_BUFFER_SIZE"},
      {"global_bytes", "256", "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
      {"kernel_work_group", "softmax=0", "allows 0 for it"},
  };
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none", .forced_rows = "conv_gpu", .after_context = lower};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_error error;
    bool right = false;
    icn_error_clear(&error);
    pose(stage, "gpu.txt");
    lowered[0] = CASES[i].setting;
    lowered[1] = CASES[i].value;
    const icn_status status = play(stage, &s, &right, &error);
    play_assert_orderly(stage, CASES[i].setting, i, status, right, &error);
    assert_int_not_equal(status, ICN_OK);
    if (strstr(error.message, CASES[i].words) == NULL)
      fail_msg("%s: '%s' does not say %s", CASES[i].setting, error.message, CASES[i].words);
  }
  assert_non_null(lowered[2]);
}

/* A queue without profiling: times are 0, results are right, and it is said. */
static void queues_without_profiling_do(void **state) {
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none"};
  icn_error error;
  bool right = false;
  icn_error_clear(&error);
  stage->driver->set("profiling", "0");
  const icn_status status = play(stage, &s, &right, &error);
  play_assert_orderly(stage, "profiling", 0, status, right, &error);
  assert_int_equal(status, ICN_OK);
  assert_int_equal(play_warnings_with(stage, "has no profiling queue"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recorded_devices_run_within_their_limits),
      cmocka_unit_test(overstepped_limits_are_sentences),
      cmocka_unit_test(queues_without_profiling_do),
  };
  return cmocka_run_group_tests_name("limits", tests, play_set_up, play_tear_down);
}
