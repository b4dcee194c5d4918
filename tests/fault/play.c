#include "fault/play.h"

#include "context.h"

static void *counting_allocate(void *user, size_t bytes) {
  play_stage *stage = user;
  if (++stage->allocations == stage->fail_at) return NULL;
  const icn_allocator inner = icn_allocator_default();
  void *block = inner.allocate(inner.user, bytes);
  if (block != NULL) stage->host_blocks++;
  return block;
}

static void counting_release(void *user, void *memory) {
  play_stage *stage = user;
  const icn_allocator inner = icn_allocator_default();
  if (memory != NULL) stage->host_blocks--;
  inner.release(inner.user, memory);
}

static void keep_warning(void *user, icn_log_level level, const char *line) {
  play_stage *stage = user;
  (void)level;
  if (stage->warning_count == PLAY_WARNINGS) return;
  snprintf(stage->warnings[stage->warning_count], sizeof stage->warnings[0], "%s", line);
  stage->warning_count++;
}

static void count_end(void *user, icn_status status) {
  (void)status;
  ++*(int *)user;
}

static icn_status watch_run(icn_executor *executor, const float *input, float *const *outputs, icn_error *error) {
  icn_run *run = NULL;
  int ended = 0, ends = 0;
  icn_status status = icn_executor_submit(executor, &input, outputs, &run, error);
  if (status != ICN_OK) return status;
  status = icn_run_notify(run, count_end, &ends, error);
  const bool told = status == ICN_OK;
  if (status == ICN_OK) status = icn_run_wait_for(run, 60, &ended, error);
  assert_true(status != ICN_OK || ended);
  icn_run_destroy(run);
  assert_int_equal(ends, told ? 1 : 0);
  return status;
}

static icn_status use_executor(play_stage *stage, const play_scenario *scenario, icn_executor *executor, bool *right, icn_error *error) {
  float scores[10], *outputs[] = {scores, NULL};
  const float *input = stage->image;
  icn_status status = scenario->watched ? watch_run(executor, input, outputs, error) : icn_executor_run(executor, &input, outputs, error);
  if (status != ICN_OK) return status;
  *right = api_difference(scores, stage->want, 10) < 1e-5;
  float *value = malloc(20 * PLAY_SIZE * PLAY_SIZE * sizeof *value);
  if (value == NULL) return icn_error_set(error, ICN_NO_MEMORY, "the test has no memory");
  status = icn_executor_read_value(executor, 0, value, error);
  free(value);
  return status;
}

icn_status play(play_stage *stage, const play_scenario *scenario, bool *right, icn_error *error) {
  const icn_allocator allocator = {stage, counting_allocate, counting_release};
  const icn_logger logger = {stage, ICN_LOG_WARNING, keep_warning};
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, PLAY_SIZE, PLAY_SIZE}};
  icn_context_options context_options;
  icn_executor_options options;
  icn_context *context = NULL;
  icn_model *model = NULL;
  icn_executor *executor = NULL;
  *right = false;
  stage->warning_count = 0;
  icn_context_options_init(&context_options);
  context_options.allocator = &allocator;
  context_options.logger = &logger;
  if (scenario->without_opencl) context_options.opencl_library = "none";
  context_options.cache_dir = scenario->cache;
  context_options.kernel_dir = scenario->kernels;
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.keep_values = 1;
  options.profile = !scenario->untimed;
  options.schedule = scenario->schedule;
  options.cores = scenario->cores;
  options.forced_rows = scenario->forced_rows;
  options.self_test = scenario->self_test;
  icn_status status = icn_context_create(&context_options, &context, error);
  if (status == ICN_OK && scenario->keeps_weights) context->weights_least = 0;
  if (status == ICN_OK && scenario->after_context != NULL) scenario->after_context(stage);
  if (status == ICN_OK) status = icn_context_find_device(context, scenario->device, &options.device, error);
  if (status == ICN_OK) status = icn_model_load_memory(context, stage->file.data, stage->file.bytes, &model, error);
  if (status == ICN_OK) status = icn_executor_create(model, &options, &executor, error);
  if (status == ICN_OK && scenario->with_executor != NULL) scenario->with_executor(stage, executor);
  if (status == ICN_OK) status = use_executor(stage, scenario, executor, right, error);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return status;
}

/* After whatever happened: a status with a sentence or a right result, and nothing left behind. */
void play_assert_orderly(const play_stage *stage, const char *what, size_t number, icn_status status, bool right, const icn_error *error) {
  if (status == ICN_OK && !right) fail_msg("%s %zu failed: a wrong result, and nobody says so", what, number);
  if (status != ICN_OK && error->message[0] == '\0') fail_msg("%s %zu failed: status %d without a sentence", what, number, (int)status);
  if (status != ICN_OK && error->status != status) fail_msg("%s %zu failed: status %d, but error %d", what, number, status, error->status);
  if (stage->host_blocks != 0) fail_msg("%s %zu failed (%s): %zu host blocks leaked", what, number, error->message, stage->host_blocks);
  if (stage->driver != NULL && stage->driver->alive != 0) {
    fail_msg("%s %zu failed (%s): %ld OpenCL objects leaked", what, number, error->message, stage->driver->alive);
  }
}

/* The expected result; returns whether there is an OpenCL device. */
static bool compute_expected(play_stage *stage) {
  icn_error error;
  icn_context *context = api_context();
  icn_model *model = api_model_load(context, &stage->file);
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, PLAY_SIZE, PLAY_SIZE}};
  icn_executor *executor = NULL;
  icn_executor_options options;
  float *outputs[] = {stage->want, NULL};
  const float *input = stage->image;
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  assert_int_equal(icn_context_find_device(context, "reference", &options.device, &error), ICN_OK);
  assert_int_equal(icn_executor_create(model, &options, &executor, &error), ICN_OK);
  assert_int_equal(icn_executor_run(executor, &input, outputs, &error), ICN_OK);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  const bool devices = icn_context_device_count(context) > 0;
  icn_context_destroy(context);
  return devices;
}

int play_set_up(void **state) {
  static play_stage stage;
  const play_scenario reference = {.device = "reference", .without_opencl = true, .cache = "none"};
  icn_error error;
  bool right = false;
  *state = &stage;
  stage.file = api_model_write();
  api_fill(stage.image, PLAY_IMAGE, 3);
  const bool devices = compute_expected(&stage);
  assert_int_equal(play(&stage, &reference, &right, &error), ICN_OK);
  assert_true(right);
  if (devices) stage.driver = fake_driver_open();
  return 0;
}

int play_tear_down(void **state) {
  play_stage *stage = *state;
  proto_free(&stage->file);
  return 0;
}

play_stage *play_begin(void **state) {
  play_stage *stage = *state;
  if (stage->driver == NULL) skip();
  stage->driver->reset();
  return stage;
}

size_t play_warnings_with(const play_stage *stage, const char *words) {
  size_t found = 0;
  for (size_t i = 0; i < stage->warning_count; i++) found += strstr(stage->warnings[i], words) != NULL;
  return found;
}
