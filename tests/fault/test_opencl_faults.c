/* Every OpenCL function fails at its first, second, ... call: there is a status with a sentence, nothing is leaked, and the process goes
 * on. */

#include "base.h"
#include "clcall.h"
#include "fault/play.h"
#include "kernel.h"
#include "loader.h"
#include "runtime.h"

static void nothing_fails_unasked(void **state) {
  play_stage *stage = play_begin(state);
  const play_scenario s = {.cache = "none"};
  icn_error error;
  bool right = false;
  stage->driver->reset();
  const icn_status status = play(stage, &s, &right, &error);
  if (status != ICN_OK) fail_msg("%s", error.message);
  play_assert_orderly(stage, "call", 0, status, right, &error);
  assert_true(stage->driver->peak > 20); /* objects are counted indeed */
}

/* What a status and its sentence must say of the code that a call failed with. */
static void assert_says_code(const char *function, long at, cl_int code, icn_status status, const icn_error *error) {
  char number[16];
  snprintf(number, sizeof number, "%d", code);
  if (status == ICN_OK) return; /* it could be done without */
  if (strstr(error->message, icn_cl_error_name(code)) == NULL && strstr(error->message, number) == NULL) {
    fail_msg("%s %ld failed with %s, which '%s' does not say", function, at, icn_cl_error_name(code), error->message);
  }
  const bool listing = status == ICN_NO_DEVICE; /* no device could be listed */
  const bool building = status == ICN_BUILD && (code == CL_OUT_OF_RESOURCES || code == CL_BUILD_PROGRAM_FAILURE);
  if (!listing && !building && status != icn_cl_status(code)) {
    fail_msg("%s %ld failed with %s: status %s, expected %s: %s", function, at, icn_cl_error_name(code), icn_status_name(status),
             icn_status_name(icn_cl_status(code)), error->message);
  }
}

/* Returns true when the call was reached. */
static bool fail_call(play_stage *stage, const char *function, long at, cl_int code, const play_scenario *s) {
  icn_error error;
  bool right = false;
  icn_error_clear(&error);
  fake_driver_fail(stage->driver, function, at, code);
  const icn_status status = play(stage, s, &right, &error);
  const bool reached = stage->driver->calls >= at;
  stage->driver->reset();
  play_assert_orderly(stage, function, (size_t)at, status, right, &error);
  if (reached) assert_says_code(function, at, code, status, &error);
  if (!reached && status != ICN_OK) fail_msg("%s: nothing failed, but: %s", function, error.message);
  return reached;
}

/* Which calls of a function fail: each of the first, then ever fewer. */
static long next_call(long at) { return at < 12 ? at + 1 : at + at / 3; }

/* How a driver may fail: the first code at every call, the others at the first calls and one later. */
static const cl_int CODES[] = {CL_OUT_OF_RESOURCES,
                               CL_OUT_OF_HOST_MEMORY,
                               CL_MEM_OBJECT_ALLOCATION_FAILURE,
                               CL_DEVICE_NOT_AVAILABLE,
                               CL_INVALID_VALUE,
                               CL_INVALID_OPERATION,
                               -9999 /* a vendor's own */};

/* Returns how many calls were made to fail. */
static size_t fail_each_call(play_stage *stage, const char *function, const play_scenario *s) {
  size_t failed = 0;
  for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
    for (long at = 1; i == 0 || at <= 4; at = i == 0 ? next_call(at) : at * 4) {
      if (!fail_call(stage, function, at, CODES[i], s)) break;
      failed++;
    }
  }
  return failed;
}

static const char *const FUNCTIONS[] = {
#define NAME(name) #name,
    ICN_CL_REQUIRED(NAME) ICN_CL_OPTIONAL(NAME)
#undef NAME
};

static void every_call_may_fail(void **state) {
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .keeps_weights = true};
  size_t functions = 0, calls = 0;
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
    const size_t failed = fail_each_call(stage, FUNCTIONS[i], &s);
    functions += failed > 0;
    calls += failed;
  }
  print_message("%zu failing calls of %zu functions\n", calls, functions);
  assert_true(functions >= 20 && calls >= 300);
}

/* Queues, events, waits: what only other schedules have. A run that fails half-way leaves nothing in any queue and no event. */
static void every_call_of_a_schedule_may_fail(void **state) {
  static const icn_schedule_kind KINDS[] = {ICN_SCHEDULE_IN_ORDER, ICN_SCHEDULE_OUT_OF_ORDER, ICN_SCHEDULE_QUEUES};
  static const char *const CALLS[] = {
      "clCreateCommandQueueWithProperties",
      "clCreateCommandQueue",
      "clEnqueueNDRangeKernel",
      "clEnqueueMarkerWithWaitList",
      "clEnqueueBarrierWithWaitList",
      "clFlush",
      "clFinish",
      "clEnqueueReadBuffer",
      "clEnqueueWriteBuffer",
      "clGetEventInfo",
      "clSetEventCallback",
      "clWaitForEvents",
  };
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  for (size_t k = 0; k < 6; k++) {
    const play_scenario s = {.cache = cache == NULL ? "none" : cache, .schedule = KINDS[k / 2], .untimed = k % 2 != 0, .watched = true};
    icn_error error;
    bool right = false;
    size_t functions = 0;
    stage->driver->reset();
    const icn_status status = play(stage, &s, &right, &error);
    if (status == ICN_UNSUPPORTED && s.schedule == ICN_SCHEDULE_OUT_OF_ORDER) continue; /* the device has no such queue */
    if (status != ICN_OK) fail_msg("%s", error.message);
    play_assert_orderly(stage, "call", 0, status, right, &error);
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) functions += fail_each_call(stage, CALLS[i], &s) > 0;
    assert_true(functions >= 9);
  }
}

static void a_device_may_have_no_queue_out_of_order(void **state) {
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .schedule = ICN_SCHEDULE_OUT_OF_ORDER};
  icn_error error;
  bool right = false;
  stage->driver->set("out_of_order", "0");
  const icn_status status = play(stage, &s, &right, &error);
  stage->driver->reset();
  play_assert_orderly(stage, "out of order", 0, status, right, &error);
  assert_int_equal(status, ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "out of order"));
}

/* A driver without the extension, and one that claims it without having its functions (a layer that knows nothing of it): a sentence. */
static void a_recording_needs_its_extension(void **state) {
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .schedule = ICN_SCHEDULE_RECORDED, .untimed = true};
  static const char *const EXTENSIONS[] = {"cl_khr_fp64", "cl_khr_fp64 cl_khr_command_buffer"};
  for (size_t i = 0; i < 2; i++) {
    icn_error error;
    bool right = false;
    stage->driver->reset();
    stage->driver->set("extensions", EXTENSIONS[i]);
    if (i == 1) fake_driver_fail(stage->driver, "clGetExtensionFunctionAddressForPlatform", EVERY_CALL, CL_INVALID_VALUE);
    const icn_status status = play(stage, &s, &right, &error);
    stage->driver->reset();
    play_assert_orderly(stage, "recording", i, status, right, &error);
    assert_int_equal(status, ICN_UNSUPPORTED);
    assert_non_null(strstr(error.message, "cl_khr_command_buffer"));
  }
}

/* The paths of compiling, storing and dividing, which the cached scenario does not take. */
static void compiling_may_fail(void **state) {
  play_stage *stage = play_begin(state);
  static const char *const BUILDING[] = {"clCreateProgramWithSource", "clBuildProgram", "clGetProgramInfo", "clCreateKernel"};
  for (size_t i = 0; i < sizeof BUILDING / sizeof BUILDING[0]; i++) {
    for (long at = 1; at <= 2; at++) {
      const play_scenario s = {.cache = "none"};
      icn_error error;
      bool right = false;
      fake_driver_fail(stage->driver, BUILDING[i], at, CL_BUILD_PROGRAM_FAILURE);
      const icn_status status = play(stage, &s, &right, &error);
      const bool reached = stage->driver->calls >= at;
      stage->driver->reset();
      play_assert_orderly(stage, BUILDING[i], (size_t)at, status, right, &error);
      if (reached && strcmp(BUILDING[i], "clBuildProgram") == 0 && status == ICN_OK) { /* another row took the place */
        assert_int_equal(play_warnings_with(stage, "is not used on this device"), 1);
      }
    }
  }
}

static void dividing_may_fail(void **state) {
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .cores = 1};
  icn_error error;
  bool right = false;
  stage->driver->reset();
  if (play(stage, &s, &right, &error) != ICN_OK) skip(); /* the device cannot be divided */
  play_assert_orderly(stage, "call", 0, ICN_OK, right, &error);
  for (long at = 1; at <= 2; at++) {
    fake_driver_fail(stage->driver, "clCreateSubDevices", at, CL_OUT_OF_RESOURCES);
    const icn_status status = play(stage, &s, &right, &error);
    stage->driver->reset();
    play_assert_orderly(stage, "clCreateSubDevices", (size_t)at, status, right, &error);
  }
}

/* Buffers large enough for large pages are mapped once: without that they do, but one that stays mapped is no use. */
static void mapping_may_fail(void **state) {
  play_stage *stage = play_begin(state);
  static const char *const MAPPING[] = {"clEnqueueMapBuffer", "clEnqueueUnmapMemObject"};
  const icn_runtime_options options = {0};
  icn_context *context = api_context();
  icn_runtime *runtime = NULL;
  icn_error error;
  stage->driver->reset();
  assert_int_equal(icn_runtime_create(context, icn_context_device(context, 0), &options, &runtime, &error), ICN_OK);
  if (icn_runtime_desc(runtime)->kind != ICN_DEVICE_CPU) { /* no others are mapped */
    icn_runtime_destroy(runtime);
    icn_context_destroy(context);
    skip();
  }
  const long alive = stage->driver->alive;
  for (int i = 0; i < 2; i++) {
    icn_buffer *buffer = NULL;
    fake_driver_fail(stage->driver, MAPPING[i], 1, CL_OUT_OF_RESOURCES);
    const icn_status status = icn_buffer_create(runtime, 8 << 20, NULL, &buffer, &error);
    assert_int_equal(stage->driver->calls, 1);
    stage->driver->reset();
    assert_int_equal(status, i == 0 ? ICN_OK : icn_cl_status(CL_OUT_OF_RESOURCES));
    if (status != ICN_OK) assert_non_null(strstr(error.message, "CL_OUT_OF_RESOURCES"));
    icn_buffer_destroy(buffer);
    assert_int_equal(stage->driver->alive, alive);
  }
  icn_runtime_destroy(runtime);
  icn_context_destroy(context);
}

/* Drivers that list nothing: a context without devices and a sentence why. */
static void nothing_to_list_is_a_sentence(void **state) {
  play_stage *stage = play_begin(state);
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
    fake_driver_fail(stage->driver, CASES[i].function, EVERY_CALL, CASES[i].code);
    assert_int_equal(icn_context_create(&options, &context, &error), ICN_OK);
    stage->driver->reset();
    assert_int_equal(icn_context_device_count(context), 0);
    const char *problem = icn_context_opencl_problem(context);
    if (strstr(problem, CASES[i].words) == NULL) fail_msg("%s: '%s'", CASES[i].function, problem);
    icn_context_destroy(context);
  }
}

/* Compiled kernels that allow smaller work-groups than the device: rows for GPUs, which want large ones, give way to others. */
static void rows_above_the_limits_give_way(void **state) {
  play_stage *stage = play_begin(state);
  char forced[4096] = "";
  for (size_t i = 0; i < icn_row_count(); i++) {
    const icn_row *row = icn_row_at(i);
    if (row->target != ICN_TARGET_GPU || strstr(row->name, "clblast") != NULL) continue;
    snprintf(forced + strlen(forced), sizeof forced - strlen(forced), "%s%s", forced[0] == '\0' ? "" : ",", row->name);
  }
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .forced_rows = forced};
  icn_error error;
  bool right = false;
  stage->driver->reset();
  stage->driver->set("kernel_work_group", "conv=32");
  icn_status status = play(stage, &s, &right, &error);
  play_assert_orderly(stage, "work-group limit", 32, status, right, &error);
  if (status != ICN_OK) fail_msg("%s", error.message); /* a row that is content with less took its place */
  assert_true(play_warnings_with(stage, "is not used on this device") > 0);
  right = false;
  stage->driver->set("kernel_work_group", "softmax=1"); /* rows that are content with groups of any size get such */
  status = play(stage, &s, &right, &error);
  play_assert_orderly(stage, "work-group limit", 1, status, right, &error);
  assert_int_equal(status, ICN_OK);
  assert_true(right);
  stage->driver->set("kernel_work_group", "softmax=0");
  status = play(stage, &s, &right, &error);
  stage->driver->reset();
  play_assert_orderly(stage, "work-group limit", 0, status, right, &error);
  assert_int_equal(status, ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "wants work-groups of"));
}

/* Every host allocation fails once, with the reference and with OpenCL. */
static void fail_allocations(play_stage *stage, const play_scenario *s, bool all) {
  size_t failed = 0;
  for (size_t at = 1;; at = all || at < 200 ? at + 1 : at + at / 16) {
    icn_error error;
    bool right = false;
    stage->allocations = 0;
    stage->fail_at = at;
    const icn_status status = play(stage, s, &right, &error);
    const bool reached = stage->allocations >= at;
    stage->fail_at = 0;
    play_assert_orderly(stage, "host allocation", at, status, right, &error);
    if (!reached) break;
    failed++;
  }
  print_message("%zu failing host allocations\n", failed);
  assert_true(failed > 10);
}

static void every_allocation_may_fail_on_the_reference(void **state) {
  const play_scenario s = {.device = "reference", .without_opencl = true, .cache = "none"};
  fail_allocations(*state, &s, true);
}

static void every_allocation_may_fail_on_a_device(void **state) {
  play_stage *stage = play_begin(state);
  const char *cache = getenv("CLINCEPTION_CACHE_DIR");
  const play_scenario s = {.cache = cache == NULL ? "none" : cache, .keeps_weights = true};
  stage->driver->reset();
  fail_allocations(stage, &s, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_fails_unasked),
      cmocka_unit_test(every_call_may_fail),
      cmocka_unit_test(every_call_of_a_schedule_may_fail),
      cmocka_unit_test(a_device_may_have_no_queue_out_of_order),
      cmocka_unit_test(a_recording_needs_its_extension),
      cmocka_unit_test(compiling_may_fail),
      cmocka_unit_test(dividing_may_fail),
      cmocka_unit_test(mapping_may_fail),
      cmocka_unit_test(nothing_to_list_is_a_sentence),
      cmocka_unit_test(rows_above_the_limits_give_way),
      cmocka_unit_test(every_allocation_may_fail_on_the_reference),
      cmocka_unit_test(every_allocation_may_fail_on_a_device),
  };
  return cmocka_run_group_tests_name("opencl_faults", tests, play_set_up, play_tear_down);
}
