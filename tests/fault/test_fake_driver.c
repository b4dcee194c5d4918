/* The fake driver itself: it poses as a recorded device in everything that a description holds, and holds to the limits that it claims. */

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "fault/fake_test.h"

typedef struct fixture {
  fake_driver *driver;
  icn_cl cl;
  cl_platform_id platform;
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
} fixture;

static const char *device_path(const char *name, char *path, size_t bytes) {
  snprintf(path, bytes, "%s/devices/%s", getenv("ICN_TEST_DATA"), name);
  return path;
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  *state = &f;
  if (icn_cl_open(&f.cl, NULL, &error) != ICN_OK || f.cl.clGetPlatformIDs(1, &f.platform, NULL) != CL_SUCCESS) return 0;
  f.driver = fake_driver_open();
  assert_int_equal(f.cl.clGetDeviceIDs(f.platform, CL_DEVICE_TYPE_ALL, 1, &f.id, NULL), CL_SUCCESS);
  return 0;
}

/* Each test begins with the true device, a context and a queue. */
static fixture *begin(void **state) {
  fixture *f = *state;
  if (f->driver == NULL) skip();
  f->driver->reset();
  f->context = f->cl.clCreateContext(NULL, 1, &f->id, NULL, NULL, NULL);
  assert_non_null(f->context);
  f->queue = f->cl.clCreateCommandQueue(f->context, f->id, 0, NULL);
  assert_non_null(f->queue);
  return f;
}

static void end(fixture *f) {
  f->driver->reset();
  assert_int_equal(f->cl.clReleaseCommandQueue(f->queue), CL_SUCCESS);
  assert_int_equal(f->cl.clReleaseContext(f->context), CL_SUCCESS);
  assert_int_equal(f->driver->alive, 0);
}

static void assert_poses_as(fixture *f, const char *name) {
  char path[4096], data[16384];
  icn_device_desc want, got;
  icn_error error;
  FILE *file = fopen(device_path(name, path, sizeof path), "rb");
  assert_non_null(file);
  const size_t bytes = fread(data, 1, sizeof data, file);
  fclose(file);
  assert_int_equal(icn_device_desc_parse(data, bytes, &want, &error), ICN_OK);
  assert_true(f->driver->pose(path));
  if (icn_device_describe(&f->cl, f->id, &got, &error) != ICN_OK) fail_msg("%s: %s", name, error.message);
  /* What the library adds, what no driver tells. */
  char *mark = strstr(want.extensions, " icn_clblast");
  if (mark != NULL) *mark = '\0';
  for (char *blank = want.extensions; (blank = strstr(blank, "  ")) != NULL;) memmove(blank, blank + 1, strlen(blank));
  want.flop_per_second = want.bytes_per_second = want.launch_seconds = 0;
  if (!(want.opencl_major >= 3 && want.kind == ICN_DEVICE_GPU) && strstr(want.extensions, "_device_attribute_query") == NULL) want.wave = 1;
  icn_text text[2];
  const icn_allocator allocator = icn_allocator_default();
  for (int i = 0; i < 2; i++) icn_text_init(&text[i], &allocator);
  icn_device_desc_print(&want, &text[0]);
  icn_device_desc_print(&got, &text[1]);
  assert_string_equal(text[1].data, text[0].data);
  for (int i = 0; i < 2; i++) icn_text_fini(&text[i]);
}

static void poses_as_recorded_devices(void **state) {
  fixture *f = begin(state);
  static const char *const NAMES[] = {"gpu-small.txt", "gpu.txt", "cpu-intel.txt", "cpu-pocl.txt"};
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) assert_poses_as(f, NAMES[i]);
  assert_false(f->driver->pose("there-is-no-such-file.txt"));
  end(f);
}

static void allocations_are_limited(void **state) {
  fixture *f = begin(state);
  cl_int code = CL_SUCCESS;
  f->driver->set("max_allocation_bytes", "1000");
  f->driver->set("global_bytes", "1500");
  assert_null(f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, 1001, NULL, &code));
  assert_int_equal(code, CL_INVALID_BUFFER_SIZE);
  cl_mem first = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, 1000, NULL, &code);
  assert_non_null(first);
  assert_null(f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, 501, NULL, &code));
  assert_int_equal(code, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  assert_int_equal(f->driver->alive, 3); /* context, queue, buffer */
  assert_int_equal(f->cl.clReleaseMemObject(first), CL_SUCCESS);
  first = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, 501, NULL, &code);
  assert_non_null(first);
  assert_int_equal(f->cl.clReleaseMemObject(first), CL_SUCCESS);
  end(f);
}

static cl_kernel build_kernel(fixture *f, const char *source, const char *name, cl_program *program) {
  cl_int code = CL_SUCCESS;
  *program = f->cl.clCreateProgramWithSource(f->context, 1, &source, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  assert_int_equal(f->cl.clBuildProgram(*program, 1, &f->id, "-cl-std=CL1.2", NULL, NULL), CL_SUCCESS);
  cl_kernel kernel = f->cl.clCreateKernel(*program, name, &code);
  assert_int_equal(code, CL_SUCCESS);
  return kernel;
}

static void free_kernel(fixture *f, cl_kernel kernel, cl_program program) {
  assert_int_equal(f->cl.clReleaseKernel(kernel), CL_SUCCESS);
  assert_int_equal(f->cl.clReleaseProgram(program), CL_SUCCESS);
}

static cl_int launch(fixture *f, cl_kernel kernel, size_t x, size_t y) {
  const size_t size[] = {x, y};
  const cl_int code = f->cl.clEnqueueNDRangeKernel(f->queue, kernel, 2, NULL, size, size, 0, NULL, NULL);
  (void)f->cl.clFinish(f->queue);
  return code;
}

static void launches_are_limited(void **state) {
  static const char SOURCE[] =
      "__kernel void copy(__global float *y, int8 a, int8 b, __local float *t) {\n"
      "  t[get_local_id(0)] = a.s0 + b.s0; barrier(CLK_LOCAL_MEM_FENCE); y[get_global_id(0)] = t[get_local_id(0)]; }\n";
  fixture *f = begin(state);
  cl_program program = NULL;
  cl_int code = CL_SUCCESS, eight[8] = {0};
  size_t allowed = 0;
  cl_kernel kernel = build_kernel(f, SOURCE, "copy", &program);
  cl_mem y = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, 4096, NULL, &code);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 0, sizeof(cl_mem), &y), CL_SUCCESS);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 1, sizeof eight, eight), CL_SUCCESS);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 2, sizeof eight, eight), CL_SUCCESS);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 3, 1024, NULL), CL_SUCCESS);
  assert_int_equal(launch(f, kernel, 16, 8), CL_SUCCESS);
  f->driver->set("max_work_group", "64");
  assert_int_equal(f->cl.clGetKernelWorkGroupInfo(kernel, f->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof allowed, &allowed, NULL), CL_SUCCESS);
  assert_int_equal(allowed, 64);
  assert_int_equal(launch(f, kernel, 16, 8), CL_INVALID_WORK_GROUP_SIZE);
  assert_int_equal(launch(f, kernel, 16, 4), CL_SUCCESS);
  f->driver->set("kernel_work_group", "op=16");
  assert_int_equal(launch(f, kernel, 16, 4), CL_INVALID_WORK_GROUP_SIZE);
  f->driver->reset();
  f->driver->set("max_work_item_y", "4");
  assert_int_equal(launch(f, kernel, 1, 8), CL_INVALID_WORK_ITEM_SIZE);
  f->driver->reset();
  f->driver->set("local_bytes", "1000");
  assert_int_equal(launch(f, kernel, 16, 4), CL_OUT_OF_RESOURCES);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 3, 1000, NULL), CL_SUCCESS);
  assert_int_equal(launch(f, kernel, 16, 4), CL_SUCCESS);
  f->driver->reset();
  f->driver->set("argument_bytes", "80"); /* 8 + 32 + 32 + 8 on a 64-bit machine */
  assert_int_equal(f->cl.clSetKernelArg(kernel, 2, sizeof eight, eight), CL_SUCCESS);
  f->driver->set("argument_bytes", sizeof(void *) == 8 ? "79" : "71");
  assert_int_equal(f->cl.clSetKernelArg(kernel, 2, sizeof eight, eight), CL_INVALID_ARG_SIZE);
  assert_int_equal(f->cl.clReleaseMemObject(y), CL_SUCCESS);
  free_kernel(f, kernel, program);
  end(f);
}

/* What the claimed device has not, the compiled source does not see either. */
static void sources_see_the_claimed_device(void **state) {
  static const char SOURCE[] =
      "__kernel void see(__global int *y) {\n"
      "  y[0] = y[1] = 0;\n"
      "#ifdef FP_FAST_FMAF\n"
      "  y[0] = 1;\n"
      "#endif\n"
      "#ifdef cl_khr_global_int32_base_atomics\n"
      "  y[1] = 1;\n"
      "#endif\n"
      "}\n";
  fixture *f = begin(state);
  for (int pass = 0; pass < 2; pass++) {
    cl_program program = NULL;
    cl_int code = CL_SUCCESS, seen[2] = {-1, -1};
    f->driver->reset();
    if (pass == 1) {
      f->driver->set("fast_fma", "0");
      f->driver->set("extensions", "cl_khr_byte_addressable_store");
    }
    cl_kernel kernel = build_kernel(f, SOURCE, "see", &program);
    cl_mem y = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, sizeof seen, NULL, &code);
    assert_int_equal(f->cl.clSetKernelArg(kernel, 0, sizeof(cl_mem), &y), CL_SUCCESS);
    assert_int_equal(launch(f, kernel, 1, 1), CL_SUCCESS);
    assert_int_equal(f->cl.clEnqueueReadBuffer(f->queue, y, CL_TRUE, 0, sizeof seen, seen, 0, NULL, NULL), CL_SUCCESS);
    if (pass == 0) assert_int_equal(seen[1], 1);
    if (pass == 1) assert_true(seen[0] == 0 && seen[1] == 0);
    assert_int_equal(f->cl.clReleaseMemObject(y), CL_SUCCESS);
    free_kernel(f, kernel, program);
  }
  end(f);
}

static void old_versions_lack_what_came_later(void **state) {
  fixture *f = begin(state);
  cl_int code = CL_SUCCESS;
  cl_uint sub_groups = 0;
  f->driver->set("version", "OpenCL 1.2 fake");
  f->driver->absent = 0;
  assert_non_null(f->cl.clCreateCommandQueueWithProperties);
  assert_null(f->cl.clCreateCommandQueueWithProperties(f->context, f->id, NULL, &code));
  assert_int_equal(code, CL_INVALID_OPERATION);
  assert_int_equal(f->driver->absent, 1);
  assert_int_equal(f->cl.clGetDeviceInfo(f->id, CL_DEVICE_MAX_NUM_SUB_GROUPS, sizeof sub_groups, &sub_groups, NULL), CL_INVALID_VALUE);
  end(f);
}

static void sizes_of_sub_groups_are_told_one_by_one(void **state) {
  fixture *f = begin(state);
  size_t sizes[8] = {0}, bytes = 0;
  f->driver->set("subgroup_sizes", "56");
  assert_int_equal(f->cl.clGetDeviceInfo(f->id, 0x4108, sizeof sizes, sizes, &bytes), CL_SUCCESS);
  assert_true(bytes == 3 * sizeof sizes[0] && sizes[0] == 8 && sizes[1] == 16 && sizes[2] == 32);
  end(f);
}

static void queues_may_lack_properties(void **state) {
  fixture *f = begin(state);
  cl_int code = CL_SUCCESS;
  f->driver->set("profiling", "0");
  assert_null(f->cl.clCreateCommandQueue(f->context, f->id, CL_QUEUE_PROFILING_ENABLE, &code));
  assert_int_equal(code, CL_INVALID_QUEUE_PROPERTIES);
  f->driver->set("out_of_order", "0");
  assert_null(f->cl.clCreateCommandQueue(f->context, f->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code));
  assert_int_equal(code, CL_INVALID_QUEUE_PROPERTIES);
  end(f);
}

/* ------------------------------------------------------------------ faults */

static const char COUNT[] = "__kernel void count_up(__global float *y) { y[get_global_id(0)] = 1 + get_global_id(0); }\n";
enum { COUNTED = 64 };

static void builds_fail_with_a_log(void **state) {
  static const char LOG[] = "count.cl:1:1: error: planted";
  fixture *f = begin(state);
  char log[100] = "";
  const char *source = COUNT;
  cl_int code = CL_SUCCESS;
  f->driver->set("build_fails", "count");
  f->driver->set("build_log", LOG);
  cl_program program = f->cl.clCreateProgramWithSource(f->context, 1, &source, NULL, &code);
  assert_int_equal(f->cl.clBuildProgram(program, 1, &f->id, "", NULL, NULL), CL_BUILD_PROGRAM_FAILURE);
  assert_int_equal(f->cl.clGetProgramBuildInfo(program, f->id, CL_PROGRAM_BUILD_LOG, sizeof log, log, NULL), CL_SUCCESS);
  assert_string_equal(log, LOG);
  f->driver->set("build_fails", "other");
  assert_int_equal(f->cl.clBuildProgram(program, 1, &f->id, "", NULL, NULL), CL_SUCCESS);
  f->driver->set("kernel_fails", "count=-5");
  assert_null(f->cl.clCreateKernel(program, "count_up", &code));
  assert_int_equal(code, CL_OUT_OF_RESOURCES);
  assert_int_equal(f->cl.clReleaseProgram(program), CL_SUCCESS);
  end(f);
}

static void binaries_are_spoilt(void **state) {
  fixture *f = begin(state);
  cl_program program = NULL;
  size_t bytes = 0;
  static unsigned char whole[1 << 20], noise[1 << 20];
  unsigned char *to_whole = whole, *to_noise = noise;
  cl_kernel kernel = build_kernel(f, COUNT, "count_up", &program);
  assert_int_equal(f->cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL), CL_SUCCESS);
  assert_in_range(bytes, 1, sizeof whole);
  assert_int_equal(f->cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof to_whole, &to_whole, NULL), CL_SUCCESS);
  f->driver->set("binary", "corrupt");
  assert_int_equal(f->cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof to_noise, &to_noise, NULL), CL_SUCCESS);
  assert_memory_not_equal(whole, noise, bytes);
  f->driver->set("binary", "empty");
  assert_int_equal(f->cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL), CL_SUCCESS);
  assert_int_equal(bytes, 0);
  free_kernel(f, kernel, program);
  end(f);
}

/* Runs count_up under `rule`, twice, and counts the words that are not what it writes; *nans: NaNs among them. */
static int wrong_words(fixture *f, const char *rule, int *nans) {
  float y[COUNTED] = {0};
  int wrong = 0;
  cl_program program = NULL;
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = build_kernel(f, COUNT, "count_up", &program);
  cl_mem buffer = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, sizeof y, NULL, &code);
  assert_int_equal(f->cl.clEnqueueWriteBuffer(f->queue, buffer, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL), CL_SUCCESS);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 0, sizeof(cl_mem), &buffer), CL_SUCCESS);
  f->driver->set("wrong", rule);
  *nans = 0;
  for (int run = 0; run < 2; run++) assert_int_equal(launch(f, kernel, COUNTED, 1), CL_SUCCESS);
  assert_int_equal(f->cl.clEnqueueReadBuffer(f->queue, buffer, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL), CL_SUCCESS);
  for (int i = 0; i < COUNTED; i++) {
    wrong += !(y[i] == (float)(i + 1));
    *nans += y[i] != y[i];
  }
  assert_int_equal(f->cl.clReleaseMemObject(buffer), CL_SUCCESS);
  free_kernel(f, kernel, program);
  return wrong;
}

static void kernels_are_miscompiled(void **state) {
  fixture *f = begin(state);
  int nans = 0;
  assert_int_equal(wrong_words(f, NULL, &nans), 0);
  assert_int_equal(wrong_words(f, "other", &nans), 0);
  assert_int_equal(wrong_words(f, "count", &nans), 1);
  assert_int_equal(wrong_words(f, "count:all", &nans), COUNTED);
  assert_int_equal(nans, 0);
  assert_int_equal(wrong_words(f, "count:nan", &nans), 1);
  assert_int_equal(nans, 1);
  assert_int_equal(wrong_words(f, "count:nothing", &nans), COUNTED);
  end(f);
}

static void *release_later(void *driver) {
  const struct timespec wait = {0, 100 * 1000 * 1000};
  (void)nanosleep(&wait, NULL);
  ((fake_driver *)driver)->release_hanging();
  return NULL;
}

static double seconds_now(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void kernels_hang(void **state) {
  fixture *f = begin(state);
  cl_program program = NULL;
  cl_int code = CL_SUCCESS;
  pthread_t thread;
  cl_kernel kernel = build_kernel(f, COUNT, "count_up", &program);
  cl_mem buffer = f->cl.clCreateBuffer(f->context, CL_MEM_READ_WRITE, COUNTED * sizeof(float), NULL, &code);
  assert_int_equal(f->cl.clSetKernelArg(kernel, 0, sizeof(cl_mem), &buffer), CL_SUCCESS);
  f->driver->set("hang", "count");
  const double start = seconds_now();
  assert_int_equal(pthread_create(&thread, NULL, release_later, f->driver), 0);
  assert_int_equal(launch(f, kernel, COUNTED, 1), CL_SUCCESS); /* waits until it ends */
  assert_true(seconds_now() - start > 0.09);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(f->cl.clReleaseMemObject(buffer), CL_SUCCESS);
  free_kernel(f, kernel, program);
  end(f);
}

static void drivers_crash(void **state) {
  fixture *f = begin(state);
  cl_program program = NULL;
  cl_kernel kernel = build_kernel(f, COUNT, "count_up", &program);
  for (int building = 0; building < 2; building++) {
    int status = 0;
    f->driver->reset();
    f->driver->set(building ? "crash_build" : "crash", "count");
    const pid_t child = fork();
    if (child == 0) {
      const size_t one = 1;
      (void)signal(SIGABRT, SIG_DFL);
      if (building) (void)f->cl.clBuildProgram(program, 1, &f->id, "", NULL, NULL);
      if (!building) (void)f->cl.clEnqueueNDRangeKernel(f->queue, kernel, 1, NULL, &one, NULL, 0, NULL, NULL);
      _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  }
  free_kernel(f, kernel, program);
  end(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(poses_as_recorded_devices),
      cmocka_unit_test(allocations_are_limited),
      cmocka_unit_test(launches_are_limited),
      cmocka_unit_test(sources_see_the_claimed_device),
      cmocka_unit_test(old_versions_lack_what_came_later),
      cmocka_unit_test(sizes_of_sub_groups_are_told_one_by_one),
      cmocka_unit_test(queues_may_lack_properties),
      cmocka_unit_test(builds_fail_with_a_log),
      cmocka_unit_test(binaries_are_spoilt),
      cmocka_unit_test(kernels_are_miscompiled),
      cmocka_unit_test(kernels_hang),
      cmocka_unit_test(drivers_crash),
  };
  return cmocka_run_group_tests_name("fake_driver", tests, set_up, NULL);
}
