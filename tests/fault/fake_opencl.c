/* The fake driver as an OpenCL layer: every entry point that the library calls, counted, failing when told to; see fake_opencl.h. What is
 * not listed here goes to the driver as it is. */

#include "fault/fake_opencl.h"

#include <CL/cl_layer.h>
#include <string.h>

#include "fault/fake_internal.h"

#define EXPORT __attribute__((visibility("default")))

cl_icd_dispatch fake_target;

/* clang-format off */
#define PLATFORM_INFO (cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *bytes)
#define DEVICE_INFO (cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes)
#define PROGRAM_INFO (cl_program p, cl_program_info what, size_t n, void *value, size_t *bytes)
#define BUILD_INFO (cl_program p, cl_device_id id, cl_program_build_info what, size_t n, void *value, size_t *bytes)
#define BUILD (cl_program p, cl_uint n, const cl_device_id *ids, const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *user)
#define GROUP_INFO (cl_kernel k, cl_device_id id, cl_kernel_work_group_info what, size_t n, void *value, size_t *bytes)
#define LAUNCH (cl_command_queue q, cl_kernel k, cl_uint dims, const size_t *offset, const size_t *global, const size_t *local, cl_uint w, const cl_event *wait, cl_event *event)
#define BINARY (cl_context c, cl_uint n, const cl_device_id *ids, const size_t *bytes, const unsigned char **data, cl_int *each, cl_int *code)

/* How each is called: NAME(function, parameters, the call that answers it). */
#define FORWARDED(NAME)                                                                                                                   \
  NAME(clGetPlatformIDs, (cl_uint n, cl_platform_id *ids, cl_uint *found), fake_target.clGetPlatformIDs(n, ids, found))                    \
  NAME(clGetPlatformInfo, PLATFORM_INFO, fake_platform_info(id, what, n, value, bytes))                                                   \
  NAME(clGetDeviceIDs, (cl_platform_id id, cl_device_type type, cl_uint n, cl_device_id *ids, cl_uint *found), fake_target.clGetDeviceIDs(id, type, n, ids, found)) \
  NAME(clGetDeviceInfo, DEVICE_INFO, fake_device_info(id, what, n, value, bytes))                                                         \
  NAME(clGetContextInfo, (cl_context c, cl_context_info what, size_t n, void *value, size_t *bytes), fake_target.clGetContextInfo(c, what, n, value, bytes)) \
  NAME(clGetCommandQueueInfo, (cl_command_queue q, cl_command_queue_info what, size_t n, void *value, size_t *bytes), fake_target.clGetCommandQueueInfo(q, what, n, value, bytes)) \
  NAME(clGetMemObjectInfo, (cl_mem m, cl_mem_info what, size_t n, void *value, size_t *bytes), fake_target.clGetMemObjectInfo(m, what, n, value, bytes)) \
  NAME(clGetProgramInfo, PROGRAM_INFO, fake_program_info(p, what, n, value, bytes))                                                       \
  NAME(clGetProgramBuildInfo, BUILD_INFO, fake_build_info(p, id, what, n, value, bytes))                                              \
  NAME(clGetKernelWorkGroupInfo, GROUP_INFO, fake_work_group_info(k, id, what, n, value, bytes))                                          \
  NAME(clGetEventProfilingInfo, (cl_event e, cl_profiling_info what, size_t n, void *value, size_t *bytes), fake_target.clGetEventProfilingInfo(e, what, n, value, bytes)) \
  NAME(clBuildProgram, BUILD, fake_build(p, n, ids, options, notify, user))                                               \
  NAME(clSetKernelArg, (cl_kernel k, cl_uint index, size_t n, const void *value), fake_set_argument(k, index, n, value))                  \
  NAME(clWaitForEvents, (cl_uint n, const cl_event *events), fake_target.clWaitForEvents(n, events))                                      \
  NAME(clGetEventInfo, (cl_event e, cl_event_info what, size_t n, void *value, size_t *bytes), fake_target.clGetEventInfo(e, what, n, value, bytes)) \
  NAME(clSetEventCallback, (cl_event e, cl_int state, void(CL_CALLBACK *notify)(cl_event, cl_int, void *), void *user), fake_target.clSetEventCallback(e, state, notify, user)) \
  NAME(clFlush, (cl_command_queue q), fake_target.clFlush(q))                                                                             \
  NAME(clFinish, (cl_command_queue q), fake_target.clFinish(q))

/* One that returns a new object and writes a code. */
#define CREATED(NAME)                                                                                                                     \
  NAME(cl_context, clCreateContext, (const cl_context_properties *p, cl_uint n, const cl_device_id *ids, void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *code), fake_target.clCreateContext(p, n, ids, notify, user, code)) \
  NAME(cl_command_queue, clCreateCommandQueue, (cl_context c, cl_device_id id, cl_command_queue_properties p, cl_int *code), create_queue(c, id, p, code)) \
  NAME(cl_command_queue, clCreateCommandQueueWithProperties, (cl_context c, cl_device_id id, const cl_queue_properties *p, cl_int *code), create_queue_2(c, id, p, code)) \
  NAME(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags flags, size_t n, void *host, cl_int *code), create_buffer(c, flags, n, host, code)) \
  NAME(cl_mem, clCreateSubBuffer, (cl_mem m, cl_mem_flags flags, cl_buffer_create_type type, const void *part, cl_int *code), create_sub_buffer(m, flags, type, part, code)) \
  NAME(cl_program, clCreateProgramWithSource, (cl_context c, cl_uint n, const char **text, const size_t *bytes, cl_int *code), fake_create_program(c, n, text, bytes, code)) \
  NAME(cl_program, clCreateProgramWithBinary, BINARY, fake_create_from_binary(c, n, ids, bytes, data, each, code))           \
  NAME(cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code), fake_create_kernel(p, name, code))

#define RELEASED(NAME)                           \
  NAME(clReleaseDevice, cl_device_id)            \
  NAME(clReleaseContext, cl_context)             \
  NAME(clReleaseCommandQueue, cl_command_queue)  \
  NAME(clReleaseMemObject, cl_mem)               \
  NAME(clReleaseProgram, cl_program)             \
  NAME(clReleaseKernel, cl_kernel)               \
  NAME(clReleaseEvent, cl_event)

#define RETAINED(NAME)                           \
  NAME(clRetainDevice, cl_device_id)             \
  NAME(clRetainContext, cl_context)              \
  NAME(clRetainCommandQueue, cl_command_queue)   \
  NAME(clRetainMemObject, cl_mem)                \
  NAME(clRetainProgram, cl_program)              \
  NAME(clRetainKernel, cl_kernel)                \
  NAME(clRetainEvent, cl_event)

/* One that may leave an event. */
#define ENQUEUED(NAME)                                                                                                                    \
  NAME(clEnqueueReadBuffer, (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, void *data, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueReadBuffer(q, m, block, at, n, data, w, wait, event)) \
  NAME(clEnqueueWriteBuffer, (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, const void *data, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueWriteBuffer(q, m, block, at, n, data, w, wait, event)) \
  NAME(clEnqueueCopyBuffer, (cl_command_queue q, cl_mem from, cl_mem to, size_t a, size_t b, size_t n, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueCopyBuffer(q, from, to, a, b, n, w, wait, event)) \
  NAME(clEnqueueUnmapMemObject, (cl_command_queue q, cl_mem m, void *at, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueUnmapMemObject(q, m, at, w, wait, event)) \
  NAME(clEnqueueNDRangeKernel, LAUNCH, enqueue_kernel(q, k, dims, offset, global, local, w, wait, event))                                  \
  NAME(clEnqueueMarkerWithWaitList, (cl_command_queue q, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueMarkerWithWaitList(q, w, wait, event)) \
  NAME(clEnqueueBarrierWithWaitList, (cl_command_queue q, cl_uint w, const cl_event *wait, cl_event *event), fake_target.clEnqueueBarrierWithWaitList(q, w, wait, event))
/* clang-format on */

/* ------------------------------------------- calls with checks of their own */

static cl_int refuse_queue(cl_command_queue_properties wanted) {
  cl_ulong offered;
  const bool lacking = ((wanted & CL_QUEUE_PROFILING_ENABLE) != 0 && fake_number(FAKE_profiling, &offered) && offered == 0) ||
                       ((wanted & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0 && fake_number(FAKE_out_of_order, &offered) && offered == 0);
  return lacking ? CL_INVALID_QUEUE_PROPERTIES : CL_SUCCESS;
}

static void *no_object(cl_int given, cl_int *code) {
  if (code != NULL) *code = given;
  return NULL;
}

static cl_command_queue create_queue(cl_context c, cl_device_id id, cl_command_queue_properties wanted, cl_int *code) {
  const cl_int refused = refuse_queue(wanted);
  return refused != CL_SUCCESS ? no_object(refused, code) : fake_target.clCreateCommandQueue(c, id, wanted, code);
}

static cl_command_queue create_queue_2(cl_context c, cl_device_id id, const cl_queue_properties *properties, cl_int *code) {
  cl_int refused = CL_SUCCESS;
  for (const cl_queue_properties *p = properties; p != NULL && *p != 0; p += 2) {
    if (*p == CL_QUEUE_PROPERTIES) refused = refuse_queue(p[1]);
  }
  if (fake_is_below(2, 0)) { /* a driver of OpenCL 1.2 has no such function, and most loaders crash then */
    fake_lock();
    fake.absent++;
    fake_unlock();
    fake_note("clCreateCommandQueueWithProperties is not there in '%s'", fake_text(FAKE_version));
    refused = CL_INVALID_OPERATION;
  }
  return refused != CL_SUCCESS ? no_object(refused, code) : fake_target.clCreateCommandQueueWithProperties(c, id, properties, code);
}

static cl_mem create_buffer(cl_context c, cl_mem_flags flags, size_t bytes, void *host, cl_int *code) {
  const cl_int refused = fake_check_allocation(bytes);
  if (refused != CL_SUCCESS) return no_object(refused, code);
  cl_mem made = fake_target.clCreateBuffer(c, flags, bytes, host, code);
  if (made != NULL) fake_note_allocation(made, bytes);
  return made;
}

/* Its bytes are the buffer's. */
static cl_mem create_sub_buffer(cl_mem m, cl_mem_flags flags, cl_buffer_create_type type, const void *part, cl_int *code) {
  cl_mem made = fake_target.clCreateSubBuffer(m, flags, type, part, code);
  if (made != NULL) fake_note_allocation(made, 0);
  return made;
}

static cl_int enqueue_kernel LAUNCH {
  const cl_int refused = fake_check_launch(q, k, dims, local);
  return refused != CL_SUCCESS ? refused : fake_launch(q, k, dims, offset, global, local, w, wait, event);
}

/* ------------------------------------------------------------- entry points */

#define FORWARD(name, parameters, answer)                  \
  static cl_int CL_API_CALL my_##name parameters {         \
    cl_int failure;                                        \
    return fake_fails(#name, &failure) ? failure : answer; \
  }
FORWARDED(FORWARD)

#define CREATE(type, name, parameters, answer)                        \
  static type CL_API_CALL my_##name parameters {                      \
    cl_int failure;                                                   \
    if (fake_fails(#name, &failure)) return no_object(failure, code); \
    type object = answer;                                             \
    if (object != NULL) fake_count(1);                                \
    return object;                                                    \
  }
CREATED(CREATE)

static void before_clReleaseDevice(cl_device_id object) { (void)object; }
static void before_clReleaseContext(cl_context object) { (void)object; }
static void before_clReleaseCommandQueue(cl_command_queue object) { (void)object; }
static void before_clReleaseMemObject(cl_mem object) { fake_before_buffer_release(object); }
static void before_clReleaseProgram(cl_program object) { fake_before_program_release(object); }
static void before_clReleaseKernel(cl_kernel object) { fake_before_kernel_release(object); }
static void before_clReleaseEvent(cl_event object) { (void)object; }

/* Gives an object back even when it is told to fail, so that what stays alive is the caller's fault. */
#define RELEASE(name, type)                              \
  static cl_int CL_API_CALL my_##name(type object) {     \
    cl_int failure;                                      \
    before_##name(object);                               \
    const cl_int code = fake_target.name(object);        \
    if (code == CL_SUCCESS) fake_count(-1);              \
    return fake_fails(#name, &failure) ? failure : code; \
  }
RELEASED(RELEASE)

#define RETAIN(name, type)                           \
  static cl_int CL_API_CALL my_##name(type object) { \
    cl_int failure;                                  \
    if (fake_fails(#name, &failure)) return failure; \
    const cl_int code = fake_target.name(object);    \
    if (code == CL_SUCCESS) fake_count(1);           \
    return code;                                     \
  }
RETAINED(RETAIN)

/* Another event in the place of one that a command left: the command ended badly. */
static void spoil_event(const char *function, cl_command_queue queue, cl_event *event) {
  const char *spoilt = fake_text(FAKE_ends_badly);
  cl_context context = NULL;
  cl_int code = CL_SUCCESS;
  if (spoilt == NULL || strcmp(spoilt, function) != 0) return;
  if (fake_target.clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(cl_context), &context, NULL) != CL_SUCCESS) return;
  cl_event bad = fake_target.clCreateUserEvent(context, &code);
  if (code != CL_SUCCESS) return;
  (void)fake_target.clSetUserEventStatus(bad, CL_OUT_OF_RESOURCES);
  (void)fake_target.clReleaseEvent(*event);
  *event = bad;
  fake_note("%s ends badly", function);
}

#define ENQUEUE(name, parameters, answer)                 \
  static cl_int CL_API_CALL my_##name parameters {        \
    cl_int failure;                                       \
    if (fake_fails(#name, &failure)) return failure;      \
    const cl_int code = answer;                           \
    if (code != CL_SUCCESS || event == NULL) return code; \
    fake_count(1);                                        \
    spoil_event(#name, q, event);                         \
    return code;                                          \
  }
ENQUEUED(ENQUEUE)

static void *CL_API_CALL my_clEnqueueMapBuffer(cl_command_queue q, cl_mem m, cl_bool block, cl_map_flags flags, size_t at, size_t n,
                                               cl_uint w, const cl_event *wait, cl_event *event, cl_int *code) {
  cl_int failure;
  if (fake_fails("clEnqueueMapBuffer", &failure)) return no_object(failure, code);
  void *memory = fake_target.clEnqueueMapBuffer(q, m, block, flags, at, n, w, wait, event, code);
  if (memory != NULL && event != NULL) fake_count(1);
  return memory;
}

static cl_int CL_API_CALL my_clCreateSubDevices(cl_device_id id, const cl_device_partition_property *p, cl_uint n, cl_device_id *ids,
                                                cl_uint *found) {
  cl_uint made = 0;
  cl_int failure;
  if (fake_fails("clCreateSubDevices", &failure)) return failure;
  const cl_int code = fake_target.clCreateSubDevices(id, p, n, ids, &made);
  if (code == CL_SUCCESS && ids != NULL) fake_count((long)made);
  if (found != NULL) *found = made;
  return code;
}

/* A layer that knows nothing of an extension has no functions for it. */
static void *CL_API_CALL my_clGetExtensionFunctionAddressForPlatform(cl_platform_id platform, const char *name) {
  cl_int failure;
  if (fake_fails("clGetExtensionFunctionAddressForPlatform", &failure)) return NULL;
  return fake_target.clGetExtensionFunctionAddressForPlatform(platform, name);
}

/* --------------------------------------------------------------- the layer */

EXPORT cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t n, void *value, size_t *bytes) {
  const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  static const char NAME[] = "fake driver";
  const void *answer = what == CL_LAYER_API_VERSION ? (const void *)&version : what == CL_LAYER_NAME ? NAME : NULL;
  const size_t length = what == CL_LAYER_API_VERSION ? sizeof version : sizeof NAME;
  if (answer == NULL || (value != NULL && n < length)) return CL_INVALID_VALUE;
  if (value != NULL) memcpy(value, answer, length);
  if (bytes != NULL) *bytes = length;
  return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_here,
                                      const cl_icd_dispatch **dispatch) {
  static cl_icd_dispatch mine;
  const size_t bytes = entries * sizeof(void *) < sizeof fake_target ? entries * sizeof(void *) : sizeof fake_target;
  memcpy(&fake_target, target, bytes);
  mine = fake_target;
#define PUT(name, ...)        mine.name = my_##name;
#define PUT_SECOND(type, ...) PUT(__VA_ARGS__)
  FORWARDED(PUT)
  CREATED(PUT_SECOND)
  RELEASED(PUT)
  RETAINED(PUT)
  ENQUEUED(PUT)
  PUT(clCreateSubDevices)
  PUT(clEnqueueMapBuffer)
  PUT(clGetExtensionFunctionAddressForPlatform)
  fake_settings_from_environment();
  fake.loaded = 1;
  *entries_here = (cl_uint)(bytes / sizeof(void *));
  *dispatch = &mine;
  return CL_SUCCESS;
}
