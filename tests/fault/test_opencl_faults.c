/* Every OpenCL function fails at its first, second, ... call: there is a status with a sentence, nothing is leaked, and the process goes
 * on. */

#include "fault/fake_test.h"
#include "kernel.h"
#include "loader.h"
#include "os.h"
#include "support/api_model.h"
#include "support/icn_test.h"

enum { SIZE = 16, IMAGE = 3 * SIZE * SIZE };

typedef struct fixture {
  fake_driver *driver; /* NULL: no OpenCL here */

  proto_writer file;
  float image[IMAGE], want[10];
  size_t refusals;             /* kernel rows that were left out because of a device's limits */
  size_t host_blocks;          /* alive */
  size_t allocations, fail_at; /* the fail_at-th host allocation fails; 0: none */
} fixture;

static void *counting_allocate(void *user, size_t bytes) {
  fixture *f = user;
  if (++f->allocations == f->fail_at) return NULL;
  const icn_allocator inner = icn_allocator_default();
  void *block = inner.allocate(inner.user, bytes);
  if (block != NULL) f->host_blocks++;
  return block;
}

static void counting_release(void *user, void *memory) {
  fixture *f = user;
  const icn_allocator inner = icn_allocator_default();
  if (memory != NULL) f->host_blocks--;
  inner.release(inner.user, memory);
}

static void count_refusals(void *user, icn_log_level level, const char *line) {
  fixture *f = user;
  (void)level;
  if (strstr(line, "is not used on this device") != NULL) f->refusals++;
}

typedef struct scenario {
  const char *device; /* NULL: the first one, as the library chooses */
  const char *cache;
  bool without_opencl;
  uint32_t cores;
  const char *forced_rows;
} scenario;

static icn_status use_executor(fixture *f, icn_executor *executor, bool *right, icn_error *error) {
  float scores[10], *outputs[] = {scores, NULL};
  const float *input = f->image;
  icn_status status = icn_executor_run(executor, &input, outputs, error);
  if (status != ICN_OK) return status;
  *right = api_difference(scores, f->want, 10) < 1e-5;
  float *value = malloc(20 * SIZE * SIZE * sizeof *value);
  if (value == NULL) return icn_error_set(error, ICN_NO_MEMORY, "the test has no memory");
  status = icn_executor_read_value(executor, 0, value, error);
  free(value);
  return status;
}

/* From nothing to a result and back to nothing. *right: a result was there and it is the expected one. */
static icn_status play(fixture *f, const scenario *s, bool *right, icn_error *error) {
  const icn_allocator allocator = {f, counting_allocate, counting_release};
  const icn_logger logger = {f, ICN_LOG_WARNING, count_refusals};
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, SIZE, SIZE}};
  icn_context_options context_options;
  icn_executor_options options;
  icn_context *context = NULL;
  icn_model *model = NULL;
  icn_executor *executor = NULL;
  *right = false;
  icn_context_options_init(&context_options);
  context_options.allocator = &allocator;
  context_options.logger = &logger;
  if (s->without_opencl) context_options.opencl_library = "none";
  context_options.cache_dir = s->cache;
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.keep_values = 1;
  options.profile = 1;
  options.cores = s->cores;
  options.forced_rows = s->forced_rows;
  icn_status status = icn_context_create(&context_options, &context, error);
  if (status == ICN_OK) status = icn_context_find_device(context, s->device, &options.device, error);
  if (status == ICN_OK) status = icn_model_load_memory(context, f->file.data, f->file.bytes, &model, error);
  if (status == ICN_OK) status = icn_executor_create(model, &options, &executor, error);
  if (status == ICN_OK) status = use_executor(f, executor, right, error);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return status;
}

/* After whatever happened: a status with a sentence or a right result, and nothing left behind. */
static void assert_orderly(const fixture *f, const char *what, size_t number, icn_status status, bool right, const icn_error *error) {
  if (status == ICN_OK && !right) fail_msg("%s %zu failed: a wrong result, and nobody says so", what, number);
  if (status != ICN_OK && error->message[0] == '\0') fail_msg("%s %zu failed: status %d without a sentence", what, number, (int)status);
  if (status != ICN_OK && error->status != status) fail_msg("%s %zu failed: status %d, but error %d", what, number, status, error->status);
  if (f->host_blocks != 0) fail_msg("%s %zu failed (%s): %zu host blocks leaked", what, number, error->message, f->host_blocks);
  if (f->driver != NULL && f->driver->alive != 0) {
    fail_msg("%s %zu failed (%s): %ld OpenCL objects leaked", what, number, error->message, f->driver->alive);
  }
}

static int set_up(void **state) {
  static fixture f;
  const scenario reference = {.device = "reference", .without_opencl = true, .cache = "none"};
  icn_error error;
  bool right = false;
  *state = &f;
  f.file = api_model_write();
  api_fill(f.image, IMAGE, 3);

  { /* the expected result */
    icn_context *context = api_context();
    icn_model *model = api_model_load(context, &f.file);
    const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, SIZE, SIZE}};
    icn_executor *executor = NULL;
    icn_executor_options options;
    float *outputs[] = {f.want, NULL};
    const float *input = f.image;
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
    if (!devices) return 0;
  }
  assert_int_equal(play(&f, &reference, &right, &error), ICN_OK);
  assert_true(right);
  f.driver = fake_driver_open();
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  proto_free(&f->file);
  return 0;
}

static void nothing_fails_unasked(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  const scenario s = {.cache = "none"};
  icn_error error;
  bool right = false;
  f->driver->reset();
  const icn_status status = play(f, &s, &right, &error);
  if (status != ICN_OK) fail_msg("%s", error.message);
  assert_orderly(f, "call", 0, status, right, &error);
  assert_true(f->driver->peak > 20); /* objects are counted indeed */
}

/* Which calls of a function fail: each of the first, then ever fewer. */
static long next_call(long at) { return at < 12 ? at + 1 : at + at / 3; }

/* Returns how many calls were made to fail. */
static size_t fail_each_call(fixture *f, const char *function, const scenario *s) {
  size_t failed = 0;
  for (long at = 1;; at = next_call(at)) {
    icn_error error;
    bool right = false;
    fake_driver_fail(f->driver, function, at,
                     strcmp(function, "clCreateBuffer") == 0 ? CL_MEM_OBJECT_ALLOCATION_FAILURE : CL_OUT_OF_RESOURCES);
    const icn_status status = play(f, s, &right, &error);
    const bool reached = f->driver->calls >= at;
    f->driver->reset();
    assert_orderly(f, function, (size_t)at, status, right, &error);
    if (!reached) {
      if (status != ICN_OK) fail_msg("%s: nothing failed, but: %s", function, error.message);
      return failed;
    }
    failed++;
  }
}

static const char *const FUNCTIONS[] = {
#define NAME(name) #name,
    ICN_CL_REQUIRED(NAME)
#undef NAME
};

static void every_call_may_fail(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const scenario s = {.cache = cache == NULL ? "none" : cache};
  size_t functions = 0, calls = 0;
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
    const size_t failed = fail_each_call(f, FUNCTIONS[i], &s);
    functions += failed > 0;
    calls += failed;
  }
  print_message("%zu failing calls of %zu functions\n", calls, functions);
  assert_true(functions >= 20);
}

/* The paths of compiling, storing and dividing, which the cached scenario does not take. */
static void compiling_may_fail(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  static const char *const BUILDING[] = {"clCreateProgramWithSource", "clBuildProgram", "clGetProgramInfo", "clCreateKernel"};
  for (size_t i = 0; i < sizeof BUILDING / sizeof BUILDING[0]; i++) {
    for (long at = 1; at <= 2; at++) {
      const scenario s = {.cache = "none"};
      icn_error error;
      bool right = false;
      fake_driver_fail(f->driver, BUILDING[i], at, CL_BUILD_PROGRAM_FAILURE);
      const icn_status status = play(f, &s, &right, &error);
      const bool reached = f->driver->calls >= at;
      f->driver->reset();
      assert_orderly(f, BUILDING[i], (size_t)at, status, right, &error);
      if (reached && strcmp(BUILDING[i], "clBuildProgram") == 0) assert_int_equal(status, ICN_BUILD);
    }
  }
}

static void dividing_may_fail(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const scenario s = {.cache = cache == NULL ? "none" : cache, .cores = 1};
  icn_error error;
  bool right = false;
  f->driver->reset();
  if (play(f, &s, &right, &error) != ICN_OK) skip(); /* the device cannot be divided */
  assert_orderly(f, "call", 0, ICN_OK, right, &error);
  for (long at = 1; at <= 2; at++) {
    fake_driver_fail(f->driver, "clCreateSubDevices", at, CL_OUT_OF_RESOURCES);
    const icn_status status = play(f, &s, &right, &error);
    f->driver->reset();
    assert_orderly(f, "clCreateSubDevices", (size_t)at, status, right, &error);
  }
}

/* Drivers that list nothing: a context without devices and a sentence why. */
static void nothing_to_list_is_a_sentence(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  static const struct {
    const char *function;
    int code;
    const char *words;
  } CASES[] = {{"clGetPlatformIDs", -1001, "CL_PLATFORM_NOT_FOUND_KHR"},
               {"clGetDeviceIDs", CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
               {"clGetDeviceInfo", CL_INVALID_VALUE, "no usable device"}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_context_options options;
    icn_context *context = NULL;
    icn_error error;
    icn_context_options_init(&options);
    fake_driver_fail(f->driver, CASES[i].function, EVERY_CALL, CASES[i].code);
    assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
    f->driver->reset();
    assert_int_equal(icn_context_device_count(context), 0);
    const char *problem = icn_context_opencl_problem(context);
    if (strstr(problem, CASES[i].words) == NULL) fail_msg("%s: '%s'", CASES[i].function, problem);
    icn_context_destroy(context);
  }
}

/* Compiled kernels that allow smaller work-groups than the device: rows for GPUs, which want large ones, give way to others. */
static void rows_above_the_limits_give_way(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  char forced[4096] = "";
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->target != ICN_TARGET_GPU || strstr(row->name, "clblast") != NULL) continue;
    snprintf(forced + strlen(forced), sizeof forced - strlen(forced), "%s%s", forced[0] == '\0' ? "" : ",", row->name);
  }
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const scenario s = {.cache = cache == NULL ? "none" : cache, .forced_rows = forced};
  icn_error error;
  bool right = false;
  f->driver->reset();
  f->driver->set("kernel_work_group", "conv=32");
  f->refusals = 0;
  icn_status status = play(f, &s, &right, &error);
  assert_orderly(f, "work-group limit", 32, status, right, &error);
  if (status != ICN_OK) fail_msg("%s", error.message); /* a row that is content with less took its place */
  assert_true(f->refusals > 0);
  f->driver->set("kernel_work_group", "softmax=1"); /* all rows want more than one */
  status = play(f, &s, &right, &error);
  f->driver->reset();
  assert_orderly(f, "work-group limit", 1, status, right, &error);
  assert_int_equal(status, ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "above the device's limits"));
}

/* Every host allocation fails once, with the reference and with OpenCL. */
static void fail_allocations(fixture *f, const scenario *s, bool all) {
  size_t failed = 0;
  for (size_t at = 1;; at = all || at < 200 ? at + 1 : at + at / 16) {
    icn_error error;
    bool right = false;
    f->allocations = 0;
    f->fail_at = at;
    const icn_status status = play(f, s, &right, &error);
    const bool reached = f->allocations >= at;
    f->fail_at = 0;
    assert_orderly(f, "host allocation", at, status, right, &error);
    if (!reached) break;
    failed++;
  }
  print_message("%zu failing host allocations\n", failed);
  assert_true(failed > 10);
}

static void every_allocation_may_fail_on_the_reference(void **state) {
  const scenario s = {.device = "reference", .without_opencl = true, .cache = "none"};
  fail_allocations(*state, &s, true);
}

static void every_allocation_may_fail_on_a_device(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const scenario s = {.cache = cache == NULL ? "none" : cache};
  f->driver->reset();
  fail_allocations(f, &s, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_fails_unasked),
      cmocka_unit_test(every_call_may_fail),
      cmocka_unit_test(compiling_may_fail),
      cmocka_unit_test(dividing_may_fail),
      cmocka_unit_test(nothing_to_list_is_a_sentence),
      cmocka_unit_test(rows_above_the_limits_give_way),
      cmocka_unit_test(every_allocation_may_fail_on_the_reference),
      cmocka_unit_test(every_allocation_may_fail_on_a_device),
  };
  return cmocka_run_group_tests_name("opencl_faults", tests, set_up, tear_down);
}
