/* The runtime on every device of the machine: buffers, a launch, build errors, limits, cores, profiling. */

#include "device_desc.h"
#include "graph.h"
#include "os.h"
#include "runtime_cl.h"
#include "support/icn_test.h"

enum { ELEMS = 1000 };

static char logged[65536];

static void keep_log(void *user, icn_log_level level, const char *line) {
  (void)user;
  (void)level;
  size_t length = strlen(logged);
  snprintf(logged + length, sizeof logged - length, "%s\n", line);
}

static const char KERNELS[] =
    "#include \"part.clh\"\n"
    "__kernel void scale(__global const float *x, int x_offset, __global float *y, int y_offset, int count, float factor,\n"
    "                    int8 shifts, __local float *room) {\n"
    "  int i = (int)get_global_id(0);\n"
    "  room[get_local_id(0)] = factor;\n"
    "  if (i < count) y[y_offset + i] = PART(x[x_offset + i]) * room[get_local_id(0)] + (float)shifts.s7;\n"
    "}\n";

typedef struct fixture {
  icn_context *context;
  char folder[512];
} fixture;

static void write_kernel(const fixture *f, const char *name, const char *text) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", f->folder, name);
  assert_int_equal(icn_os_write_file(path, text, strlen(text), NULL), ICN_OK);
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  snprintf(f.folder, sizeof f.folder, "runtime-kernels-%lu", icn_os_process());
  assert_true(icn_os_make_folder(f.folder));
  write_kernel(&f, "scale.cl", KERNELS);
  write_kernel(&f, "part.clh", "#define PART(x) (2.0f * (x))\n");
  write_kernel(&f, "broken.cl", "__kernel void broken(__global float *x) {\n  x[0] = no_such_name;\n}\n");
  const icn_logger logger = {NULL, ICN_LOG_DEBUG, keep_log};
  icn_context_options options;
  icn_context_options_init(&options);
  options.logger = &logger;
  options.kernel_dir = f.folder;
  options.cache_dir = "none";
  if (icn_context_create(&options, &f.context, &error) != ICN_OK) fail_msg("%s", error.message);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  const char *const names[] = {"scale.cl", "part.clh", "broken.cl"};
  icn_context_destroy(f->context);
  for (size_t i = 0; i < 3; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
    assert_true(icn_os_remove(path));
  }
  (void)icn_os_remove(f->folder);
  return 0;
}

static icn_launch scale_launch(size_t local) {
  static icn_emit emit;
  memset(&emit, 0, sizeof emit);
  icn_launch *launch = icn_emit_launch(&emit, "scale.cl", "scale");
  icn_launch_range(launch, 1, (ELEMS + local - 1) / local * local, 1, 1, local, 1, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, ELEMS - 7);
  icn_launch_float(launch, 3.0f);
  icn_launch_int8(launch, (const int64_t[8]){1, 2, 3, 4, 5, 6, 7, 8});
  icn_launch_local(launch, local * sizeof(float));
  return *launch;
}

static void run_scale(icn_runtime *runtime, bool profile) {
  icn_error error;
  icn_buffer *x = NULL, *y = NULL;
  icn_bound *bound = NULL;
  float values[ELEMS];
  for (int i = 0; i < ELEMS; i++) values[i] = (float)i;
  if (icn_buffer_create(runtime, sizeof values, values, &x, &error) != ICN_OK) fail_msg("%s", error.message);
  for (int i = 0; i < ELEMS; i++) values[i] = -1;
  if (icn_buffer_create(runtime, sizeof values, values, &y, &error) != ICN_OK) fail_msg("%s", error.message);
  icn_buffer *operands[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = x, [ICN_OPERAND_OUT] = y};
  const int64_t offsets[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = 2, [ICN_OPERAND_OUT] = 5};
  const icn_launch launch = scale_launch(8);
  if (icn_bound_create(runtime, &launch, operands, offsets, "layer 'a'", &bound, &error) != ICN_OK) fail_msg("%s", error.message);
  for (int repeat = 0; repeat < 2; repeat++) {
    if (icn_bound_enqueue(runtime, bound, &error) != ICN_OK) fail_msg("%s", error.message);
  }
  assert_int_equal(icn_runtime_finish(runtime, &error), ICN_OK);
  assert_true(profile ? icn_bound_seconds(runtime, bound) < 1 : icn_bound_seconds(runtime, bound) == 0);
  assert_int_equal(icn_buffer_read(runtime, y, 0, sizeof values, values, &error), ICN_OK);
  for (int i = 0; i < ELEMS; i++) {
    float want = i < 5 || i >= ELEMS - 2 ? -1 : 6.0f * (float)(i - 3) + 8.0f;
    assert_true(values[i] == want);
  }
  icn_bound_destroy(bound);
  icn_buffer_destroy(x);
  icn_buffer_destroy(y);
}

static icn_runtime *make_runtime(const fixture *f, size_t index, uint32_t cores, bool profile) {
  icn_error error;
  icn_runtime *runtime = NULL;
  const icn_runtime_options options = {.cores = cores, .profile = profile};
  if (icn_runtime_create(f->context, icn_context_device(f->context, index), &options, &runtime, &error) != ICN_OK) {
    fail_msg("%s", error.message);
  }
  return runtime;
}

static void launches_run(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_runtime *runtime = make_runtime(f, d, 0, false), *timed = make_runtime(f, d, 0, true);
    run_scale(runtime, false);
    icn_runtime_destroy(runtime);
    run_scale(timed, true);
    icn_runtime_destroy(timed);
  }
}

static void *symbol_of(const icn_runtime *runtime, const char *name) {
  void *symbol = icn_os_library_symbol(runtime->cl->library, name);
  assert_non_null(symbol);
  return symbol;
}

/* On a queue that keeps its order, what comes behind a launch may rely on the launch's waits, also where it computes nothing and nobody
 * wants its event. */
static void check_empty_launch(const icn_runtime *runtime, icn_bound *bound) {
  icn_error error;
  cl_api_clCreateUserEvent create_user_event;
  cl_api_clSetUserEventStatus set_user_event;
  cl_event behind = NULL;
  cl_int code = CL_SUCCESS, state = -1;
  void *const symbols[] = {symbol_of(runtime, "clCreateUserEvent"), symbol_of(runtime, "clSetUserEventStatus")};
  memcpy(&create_user_event, &symbols[0], sizeof create_user_event);
  memcpy(&set_user_event, &symbols[1], sizeof set_user_event);
  cl_event held = create_user_event(runtime->share->cl_context, &code);
  assert_int_equal(code, CL_SUCCESS);
  const icn_order order = {.queue = runtime->queue, .waits = &held, .wait_count = 1};
  if (icn_bound_enqueue_ordered((icn_runtime *)runtime, bound, &order, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(runtime->cl->clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &behind), CL_SUCCESS);
  assert_int_equal(runtime->cl->clFlush(runtime->queue), CL_SUCCESS);
  icn_os_sleep(0.05);
  assert_int_equal(runtime->cl->clGetEventInfo(behind, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL), CL_SUCCESS);
  assert_true(state > CL_COMPLETE);
  assert_int_equal(set_user_event(held, CL_COMPLETE), CL_SUCCESS);
  assert_int_equal(runtime->cl->clWaitForEvents(1, &behind), CL_SUCCESS);
  assert_int_equal(runtime->cl->clReleaseEvent(behind), CL_SUCCESS);
  assert_int_equal(runtime->cl->clReleaseEvent(held), CL_SUCCESS);
}

static void an_empty_launch_waits(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t d = 0; d < 2 * icn_context_device_count(f->context); d++) {
    icn_error error;
    icn_buffer *buffer = NULL;
    icn_bound *bound = NULL;
    icn_runtime *runtime = make_runtime(f, d / 2, 0, d % 2 != 0);
    if (icn_buffer_create(runtime, 64, NULL, &buffer, &error) != ICN_OK) fail_msg("%s", error.message);
    icn_buffer *operands[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = buffer, [ICN_OPERAND_OUT] = buffer};
    const int64_t offsets[ICN_OPERAND_COUNT] = {0};
    icn_launch launch = scale_launch(8);
    launch.global[0] = 0;
    if (icn_bound_create(runtime, &launch, operands, offsets, "layer 'a'", &bound, &error) != ICN_OK) fail_msg("%s", error.message);
    check_empty_launch(runtime, bound);
    icn_bound_destroy(bound);
    icn_buffer_destroy(buffer);
    icn_runtime_destroy(runtime);
  }
}

static void a_buffer_outlives_its_runtime(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  icn_error error;
  icn_buffer *buffer = NULL;
  float value = 5, back = 0;
  icn_runtime *first = make_runtime(f, 0, 0, false), *second = make_runtime(f, 0, 0, false);
  assert_int_equal(icn_buffer_create(first, sizeof value, &value, &buffer, &error), ICN_OK);
  icn_runtime_destroy(first);
  assert_int_equal(icn_buffer_read(second, buffer, 0, sizeof back, &back, &error), ICN_OK);
  assert_true(back == value);
  assert_int_equal(icn_buffer_read(second, buffer, 2, sizeof back, &back, &error), ICN_ARGUMENT);
  icn_runtime_destroy(second);
  icn_buffer_destroy(buffer);
}

static void build_errors_name_file_options_and_line(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  icn_error error;
  icn_emit emit;
  icn_bound *bound = NULL;
  icn_runtime *runtime = make_runtime(f, 0, 0, false);
  icn_buffer *operands[ICN_OPERAND_COUNT] = {NULL};
  const int64_t offsets[ICN_OPERAND_COUNT] = {0};
  memset(&emit, 0, sizeof emit);
  icn_launch *launch = icn_emit_launch(&emit, "broken.cl", "broken");
  icn_launch_options(launch, "-D TILE=4");
  icn_launch_range(launch, 1, 1, 1, 1, 1, 1, 1);
  logged[0] = '\0';
  assert_int_equal(icn_bound_create(runtime, launch, operands, offsets, "layer 'b'", &bound, &error), ICN_BUILD);
  assert_null(bound);
  assert_non_null(strstr(error.message, "broken.cl"));
  assert_non_null(strstr(error.message, "-D TILE=4"));
  assert_non_null(strstr(error.message, "no_such_name"));
  assert_non_null(strstr(logged, "no_such_name"));
  launch->file = "absent.cl";
  assert_int_not_equal(icn_bound_create(runtime, launch, operands, offsets, "layer 'b'", &bound, &error), ICN_OK);
  assert_non_null(strstr(error.message, "absent.cl"));
  launch->file = "scale.cl";
  launch->kernel = "no_such_kernel";
  assert_int_equal(icn_bound_create(runtime, launch, operands, offsets, "layer 'b'", &bound, &error), ICN_BUILD);
  assert_non_null(strstr(error.message, "no_such_kernel"));
  icn_runtime_destroy(runtime);
}

static void limits_are_checked(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  icn_error error;
  icn_bound *bound = NULL;
  icn_buffer *buffer = NULL, *huge = NULL;
  icn_runtime *runtime = make_runtime(f, 0, 0, false);
  const icn_device_desc *desc = icn_runtime_desc(runtime);
  const int64_t offsets[ICN_OPERAND_COUNT] = {0};
  assert_int_equal(icn_buffer_create(runtime, 4 * ELEMS, NULL, &buffer, &error), ICN_OK);
  icn_buffer *operands[ICN_OPERAND_COUNT] = {[ICN_OPERAND_IN] = buffer, [ICN_OPERAND_OUT] = buffer};
  /* A kernel that does not count on the size of its groups is launched in smaller ones. */
  icn_launch launch = scale_launch((size_t)desc->max_work_group * 2);
  assert_int_equal(icn_bound_create(runtime, &launch, operands, offsets, "layer 'c'", &bound, &error), ICN_OK);
  assert_int_equal(icn_bound_enqueue(runtime, bound, &error), ICN_OK);
  assert_int_equal(icn_runtime_finish(runtime, &error), ICN_OK);
  icn_bound_destroy(bound);
  launch = scale_launch(8);
  launch.args[launch.arg_count - 1].as.local_bytes = (uint32_t)icn_min64((int64_t)desc->local_bytes + 4096, UINT32_MAX);
  assert_int_not_equal(icn_bound_create(runtime, &launch, operands, offsets, "layer 'c'", &bound, &error), ICN_OK);
  operands[ICN_OPERAND_OUT] = NULL;
  launch = scale_launch(8);
  assert_int_equal(icn_bound_create(runtime, &launch, operands, offsets, "layer 'c'", &bound, &error), ICN_ARGUMENT);
  assert_int_equal(icn_buffer_create(runtime, desc->max_allocation_bytes + 1, NULL, &huge, &error), ICN_DEVICE_MEMORY);
  assert_null(huge);
  icn_buffer_destroy(buffer);
  icn_runtime_destroy(runtime);
}

static void cores_are_limited(void **state) {
  const fixture *f = *state;
  size_t limited = 0;
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    const icn_device *device = icn_context_device(f->context, d);
    const uint32_t units = icn_device_get_info(device).compute_units;
    icn_error error;
    icn_runtime *runtime = NULL;
    icn_runtime_options options = {.cores = units + 1};
    assert_int_equal(icn_runtime_create(f->context, device, &options, &runtime, &error), ICN_ARGUMENT);
    assert_null(runtime);
    options.cores = 1;
    icn_status status = icn_runtime_create(f->context, device, &options, &runtime, &error);
    if (status == ICN_UNSUPPORTED) continue;
    assert_int_equal(status, ICN_OK);
    assert_int_equal(icn_runtime_desc(runtime)->compute_units, 1);
    run_scale(runtime, false);
    icn_runtime_destroy(runtime);
    limited++;
  }
  if (limited == 0) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(launches_run),
      cmocka_unit_test(an_empty_launch_waits),
      cmocka_unit_test(a_buffer_outlives_its_runtime),
      cmocka_unit_test(build_errors_name_file_options_and_line),
      cmocka_unit_test(limits_are_checked),
      cmocka_unit_test(cores_are_limited),
  };
  return cmocka_run_group_tests_name("runtime", tests, set_up, tear_down);
}
