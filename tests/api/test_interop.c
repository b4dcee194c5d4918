/* Executors on OpenCL objects that the test makes itself, as a program would that uses OpenCL anyway. */

#include "clinception/opencl.h"
#include "loader.h"
#include "os.h"
#include "support/api_model.h"
#include "support/icn_test.h"

enum { EDGE = 16, IMAGE = 3 * EDGE * EDGE };

typedef struct fixture {
  icn_cl cl;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue;
  icn_context *ours;
  icn_model *model;
  proto_writer file;
  float image[IMAGE], want[10];
} fixture;

static const icn_input_shape SHAPE = {.name = "x", .rank = 4, .dim = {1, 3, EDGE, EDGE}};

static icn_executor_options shaped_options(void) {
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.shapes = &SHAPE;
  options.shape_count = 1;
  return options;
}

static void compute_expected(fixture *f) {
  icn_executor *executor = NULL;
  icn_error error;
  icn_executor_options options = shaped_options();
  float *outputs[] = {f->want, NULL};
  const float *input = f->image;
  assert_int_equal(icn_context_find_device(f->ours, "reference", &options.device, &error), ICN_OK);
  assert_int_equal(icn_executor_create(f->model, &options, &executor, &error), ICN_OK);
  assert_int_equal(icn_executor_run(executor, &input, outputs, &error), ICN_OK);
  icn_executor_destroy(executor);
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  cl_platform_id platform = NULL;
  cl_int code = CL_SUCCESS;
  *state = &f;
  f.ours = api_context();
  f.file = api_model_write();
  f.model = api_model_load(f.ours, &f.file);
  api_fill(f.image, IMAGE, 3);
  compute_expected(&f);
  if (icn_cl_open(&f.cl, NULL, &error) != ICN_OK || icn_context_device_count(f.ours) == 0) return 0;
  assert_int_equal(f.cl.clGetPlatformIDs(1, &platform, NULL), CL_SUCCESS);
  assert_int_equal(f.cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &f.device, NULL), CL_SUCCESS);
  f.context = f.cl.clCreateContext(NULL, 1, &f.device, NULL, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  f.queue = f.cl.clCreateCommandQueue(f.context, f.device, 0, &code);
  assert_int_equal(code, CL_SUCCESS);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  if (f->queue != NULL) assert_int_equal(f->cl.clReleaseCommandQueue(f->queue), CL_SUCCESS);
  if (f->context != NULL) {
    cl_uint references = 0; /* whatever the executors retained they have released */
    assert_int_equal(f->cl.clGetContextInfo(f->context, CL_CONTEXT_REFERENCE_COUNT, sizeof references, &references, NULL), CL_SUCCESS);
    assert_int_equal(references, 1);
    assert_int_equal(f->cl.clReleaseContext(f->context), CL_SUCCESS);
  }
  icn_model_destroy(f->model);
  icn_context_destroy(f->ours);
  proto_free(&f->file);
  return 0;
}

static cl_mem make_buffer(const fixture *f, size_t bytes) {
  cl_int code = CL_SUCCESS;
  cl_mem memory = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  return memory;
}

static icn_executor *make_executor(const fixture *f) {
  icn_executor *executor = NULL;
  icn_error error;
  const icn_executor_options options = shaped_options();
  if (icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error) != ICN_OK) {
    fail_msg("%s", error.message);
  }
  return executor;
}

static void runs_on_the_callers_buffers(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  icn_error error;
  float scores[2][10];
  cl_event done = NULL;
  cl_mem input = make_buffer(f, sizeof f->image), first = make_buffer(f, 40), second = make_buffer(f, 40);
  cl_mem outputs_first[] = {first, NULL}, outputs_second[] = {second, NULL};
  icn_executor *executor = make_executor(f);
  assert_int_equal(icn_device_get_info(icn_executor_device(executor)).index, -1);
  /* everything is in one queue and nobody waits before the end */
  assert_int_equal(f->cl.clEnqueueWriteBuffer(f->queue, input, CL_FALSE, 0, sizeof f->image, f->image, 0, NULL, NULL), CL_SUCCESS);
  if (icn_opencl_executor_enqueue(executor, &input, outputs_first, 0, NULL, &done, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_non_null(done);
  if (icn_opencl_executor_enqueue(executor, &input, outputs_second, 1, &done, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_int_equal(f->cl.clEnqueueReadBuffer(f->queue, first, CL_FALSE, 0, 40, scores[0], 0, NULL, NULL), CL_SUCCESS);
  assert_int_equal(f->cl.clEnqueueReadBuffer(f->queue, second, CL_TRUE, 0, 40, scores[1], 0, NULL, NULL), CL_SUCCESS);
  assert_true(api_difference(scores[0], f->want, 10) < 1e-5);
  assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
  assert_int_equal(f->cl.clReleaseEvent(done), CL_SUCCESS);
  icn_executor_destroy(executor);
  f->cl.clReleaseMemObject(input);
  f->cl.clReleaseMemObject(first);
  f->cl.clReleaseMemObject(second);
}

static void runs_from_host_memory_too(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  icn_error error;
  float scores[10], *outputs[] = {scores, NULL};
  const float *input = f->image;
  icn_executor *executor = make_executor(f);
  if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_true(api_difference(scores, f->want, 10) < 1e-5);
  icn_executor_destroy(executor);
}

/* What stands in the queue behind a run is the caller's affair: here it waits for an event that comes after the run was waited for. */
static void a_run_is_waited_for_alone(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  icn_error error;
  cl_int code = CL_SUCCESS;
  cl_api_clCreateUserEvent create_user_event;
  cl_api_clSetUserEventStatus set_user_event;
  void *symbols[] = {icn_os_library_symbol(f->cl.library, "clCreateUserEvent"),
                     icn_os_library_symbol(f->cl.library, "clSetUserEventStatus")};
  assert_true(symbols[0] != NULL && symbols[1] != NULL);
  memcpy(&create_user_event, &symbols[0], sizeof create_user_event);
  memcpy(&set_user_event, &symbols[1], sizeof set_user_event);
  float scores[10], *outputs[] = {scores, NULL};
  const float *input = f->image;
  icn_run *run = NULL;
  int ended = 0;
  icn_executor *executor = make_executor(f);
  if (icn_executor_submit(executor, &input, outputs, &run, &error) != ICN_OK) fail_msg("%s", error.message);
  cl_event later = create_user_event(f->context, &code);
  assert_int_equal(code, CL_SUCCESS);
  assert_int_equal(f->cl.clEnqueueBarrierWithWaitList(f->queue, 1, &later, NULL), CL_SUCCESS);
  assert_int_equal(f->cl.clFlush(f->queue), CL_SUCCESS);
  if (icn_run_wait_for(run, 60, &ended, &error) != ICN_OK) fail_msg("%s", error.message); /* or the test would hang here */
  assert_int_equal(ended, 1);
  icn_run_destroy(run);
  assert_true(api_difference(scores, f->want, 10) < 1e-5);
  assert_int_equal(set_user_event(later, CL_COMPLETE), CL_SUCCESS);
  assert_int_equal(f->cl.clReleaseEvent(later), CL_SUCCESS);
  icn_executor_destroy(executor);
}

/* Many runs at once in a queue that may run them in any order, each on an image of its own. */
static void an_out_of_order_queue_gives_the_same(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  enum { RUNS = 8 };
  icn_error error;
  cl_int code = CL_SUCCESS;
  icn_executor *executor = NULL;
  const icn_executor_options options = shaped_options();
  float image[RUNS][IMAGE], scores[RUNS][10], again[10], *outputs[] = {again, NULL};
  cl_mem inputs[RUNS], results[RUNS];
  cl_event done[RUNS];
  cl_command_queue unordered = f->cl.clCreateCommandQueue(f->context, f->device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  if (code != CL_SUCCESS) skip(); /* OpenCL need not have such queues */
  if (icn_opencl_executor_create(f->model, f->context, f->device, unordered, &options, &executor, &error) != ICN_OK)
    fail_msg("%s", error.message);
  for (int i = 0; i < RUNS; i++) {
    inputs[i] = make_buffer(f, sizeof image[i]);
    results[i] = make_buffer(f, 40);
    for (int k = 0; k < IMAGE; k++) image[i][k] = i % 2 == 0 ? f->image[k] : 0;
    cl_mem run_outputs[] = {results[i], NULL};
    cl_event written = NULL;
    assert_int_equal(f->cl.clEnqueueWriteBuffer(unordered, inputs[i], CL_FALSE, 0, sizeof image[i], image[i], 0, NULL, &written),
                     CL_SUCCESS);
    if (icn_opencl_executor_enqueue(executor, &inputs[i], run_outputs, 1, &written, &done[i], &error) != ICN_OK)
      fail_msg("%s", error.message);
    assert_int_equal(f->cl.clReleaseEvent(written), CL_SUCCESS);
  }
  for (int i = 0; i < RUNS; i++)
    assert_int_equal(f->cl.clEnqueueReadBuffer(unordered, results[i], CL_TRUE, 0, 40, scores[i], 1, &done[i], NULL), CL_SUCCESS);
  const float *host_input = f->image;
  if (icn_executor_run(executor, &host_input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_memory_equal(again, scores[0], sizeof again);
  assert_true(api_difference(scores[0], f->want, 10) < 1e-5);
  assert_memory_not_equal(scores[0], scores[1], sizeof scores[0]);
  for (int i = 0; i < RUNS; i++) {
    assert_memory_equal(scores[i], scores[i % 2], sizeof scores[0]);
    assert_int_equal(f->cl.clReleaseEvent(done[i]), CL_SUCCESS);
    f->cl.clReleaseMemObject(inputs[i]);
    f->cl.clReleaseMemObject(results[i]);
  }
  icn_executor_destroy(executor);
  assert_int_equal(f->cl.clReleaseCommandQueue(unordered), CL_SUCCESS);
}

static void wrong_buffers_are_refused(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  icn_error error;
  cl_int code = CL_SUCCESS;
  cl_context other = f->cl.clCreateContext(NULL, 1, &f->device, NULL, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  cl_mem good = make_buffer(f, sizeof f->image), small = make_buffer(f, 8), output = make_buffer(f, 40);
  cl_mem foreign = f->cl.clCreateBuffer(other, CL_MEM_READ_WRITE, sizeof f->image, NULL, &code);
  cl_mem outputs[] = {output, NULL}, small_outputs[] = {small, NULL}, missing = NULL;
  icn_executor *executor = make_executor(f);
  assert_int_equal(icn_opencl_executor_enqueue(executor, &small, outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "'x'"));
  assert_int_equal(icn_opencl_executor_enqueue(executor, &good, small_outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "'scores'"));
  assert_int_equal(icn_opencl_executor_enqueue(executor, &foreign, outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_opencl_executor_enqueue(executor, &missing, outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_opencl_executor_enqueue(executor, NULL, outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_opencl_executor_enqueue(executor, &good, NULL, 0, NULL, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_opencl_executor_enqueue(NULL, &good, outputs, 0, NULL, NULL, &error), ICN_ARGUMENT);
  icn_executor_destroy(executor);
  f->cl.clReleaseMemObject(good);
  f->cl.clReleaseMemObject(small);
  f->cl.clReleaseMemObject(output);
  f->cl.clReleaseMemObject(foreign);
  f->cl.clReleaseContext(other);
}

static void wrong_objects_are_refused(void **state) {
  const fixture *f = *state;
  if (f->context == NULL) skip();
  icn_error error;
  cl_int code = CL_SUCCESS;
  icn_executor *executor = NULL;
  icn_executor_options options = shaped_options();
  cl_context other = f->cl.clCreateContext(NULL, 1, &f->device, NULL, NULL, &code);
  assert_int_equal(icn_opencl_executor_create(f->model, other, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "another cl_context"));
  f->cl.clReleaseContext(other);
  assert_int_equal(icn_opencl_executor_create(f->model, NULL, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_opencl_executor_create(NULL, f->context, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  options.cores = 1;
  assert_int_equal(icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  options = shaped_options();
  options.device = icn_context_device(f->ours, 0);
  assert_int_equal(icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  options = shaped_options();
  options.schedule = ICN_SCHEDULE_QUEUES; /* the queue is the caller's, who knows one */
  assert_int_equal(icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "in-order"));
  options = shaped_options();
  options.window = 4; /* what is given later would come behind the caller's own commands */
  assert_int_equal(icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "without a window"));
  options = shaped_options();
  options.disabled_passes = "no_such_pass"; /* fails late: what was retained is released (tear_down looks) */
  assert_int_equal(icn_opencl_executor_create(f->model, f->context, f->device, f->queue, &options, &executor, &error), ICN_ARGUMENT);
  assert_null(executor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_on_the_callers_buffers), cmocka_unit_test(runs_from_host_memory_too),
      cmocka_unit_test(a_run_is_waited_for_alone),   cmocka_unit_test(an_out_of_order_queue_gives_the_same),
      cmocka_unit_test(wrong_buffers_are_refused),   cmocka_unit_test(wrong_objects_are_refused),
  };
  return cmocka_run_group_tests_name("interop", tests, set_up, tear_down);
}
