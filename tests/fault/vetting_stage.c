#include "fault/vetting_stage.h"

#include <sys/wait.h>

#include "os.h"

chosen chosen_kernels[MOST_KERNELS];
size_t chosen_count;

const char *vetting_cache(void) {
  static char path[64];
  snprintf(path, sizeof path, "vetting-cache-%lu", icn_os_process());
  return path;
}

const char *vetting_file(void) {
  static char path[96];
  snprintf(path, sizeof path, "%s/kernels.txt", vetting_cache());
  return path;
}

void vetting_fresh_cache(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", vetting_cache());
  assert_int_equal(system(command), 0);
}

play_scenario vetting_scenario(void) {
  const play_scenario scenario = {.cache = vetting_cache(), .self_test = ICN_SELF_TEST_ON};
  return scenario;
}

static void note_kernels(play_stage *stage, const icn_executor *executor) {
  (void)stage;
  for (size_t i = 0; i < executor->plan.layer_count; i++) {
    const icn_plan_layer *layer = &executor->plan.layers[i];
    for (int n = 0; n < layer->emit.launch_count; n++) {
      size_t k = 0;
      while (k < chosen_count && strcmp(chosen_kernels[k].kernel, layer->emit.launch[n].kernel) != 0) k++;
      if (k < chosen_count) continue;
      assert_true(chosen_count < MOST_KERNELS);
      snprintf(chosen_kernels[chosen_count].row, sizeof chosen_kernels[0].row, "%s", layer->choice.row->name);
      snprintf(chosen_kernels[chosen_count].kernel, sizeof chosen_kernels[0].kernel, "%s", layer->emit.launch[n].kernel);
      chosen_count++;
    }
  }
}

icn_status vetting_play(play_stage *stage, const play_scenario *s, bool *right, icn_error *error) {
  icn_error_clear(error);
  const icn_status status = play(stage, s, right, error);
  play_assert_orderly(stage, "a play", 0, status, *right, error);
  return status;
}

int vetting_set_up(void **state) {
  const int code = play_set_up(state);
  play_stage *stage = *state;
  if (code != 0 || stage->driver == NULL) return code;
  play_scenario s = vetting_scenario();
  bool right = false;
  icn_error error;
  s.with_executor = note_kernels;
  stage->driver->reset();
  vetting_fresh_cache();
  if (vetting_play(stage, &s, &right, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(stage->warning_count, 0);
  for (size_t k = 0; k < chosen_count; k++) print_message("row %s runs kernel %s\n", chosen_kernels[k].row, chosen_kernels[k].kernel);
  assert_true(chosen_count >= 4);
  return 0;
}

int vetting_tear_down(void **state) {
  vetting_fresh_cache();
  return play_tear_down(state);
}

/* ------------------------------------------------------------------ the file */

icn_kernel_log vetting_read_log(void) {
  icn_kernel_log log;
  icn_error error;
  icn_mapping mapping;
  const icn_allocator allocator = icn_allocator_default();
  icn_kernel_log_init(&log, &allocator);
  if (!icn_os_exists(vetting_file())) return log;
  assert_int_equal(icn_os_map(vetting_file(), &mapping, &error), ICN_OK);
  assert_int_equal(icn_kernel_log_parse(&log, mapping.data, (size_t)mapping.bytes, &error), ICN_OK);
  icn_os_unmap(&mapping);
  return log;
}

void vetting_write_log(const icn_kernel_log *log) {
  icn_text text;
  icn_error error;
  const icn_allocator allocator = icn_allocator_default();
  icn_text_init(&text, &allocator);
  icn_kernel_log_print(log, &text);
  assert_true(icn_os_make_folder(vetting_cache()));
  assert_int_equal(icn_os_write_file(vetting_file(), text.data, text.length, &error), ICN_OK);
  icn_text_fini(&text);
}

size_t vetting_lines(icn_kernel_state state) {
  size_t found = 0;
  icn_kernel_log log = vetting_read_log();
  for (size_t i = 0; i < log.count; i++) found += log.entries[i].state == state;
  assert_int_equal(log.damaged, 0);
  icn_kernel_log_fini(&log);
  return found;
}

/* ------------------------------------------------------------------- the tool */

int vetting_tool(const char *settings, const char *arguments, char *said) {
  char command[1024];
  snprintf(command, sizeof command, "CLINCEPTION_CACHE_DIR=%s %s %s %s 2>&1", vetting_cache(), settings, getenv("ICN_TOOL"), arguments);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  const size_t length = fread(said, 1, VETTING_SAID - 1, pipe);
  said[length] = '\0';
  const int status = pclose(pipe);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
