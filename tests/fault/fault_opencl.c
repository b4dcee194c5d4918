/* The forwarding OpenCL library; see fault_opencl.h. It has exactly the functions that the library under test requires. */

#include "fault/fault_opencl.h"

#include <CL/cl.h>
#include <CL/cl_icd.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static fault_control control;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* drivers and tests may call from several threads */
static void *real_library;

EXPORT fault_control *icn_fault_control(void) { return &control; }

/* True when this call is the one that fails. */
static int hit(const char *function) {
  int result = 0;
  pthread_mutex_lock(&mutex);
  if (control.function != NULL && strcmp(control.function, function) == 0) result = ++control.calls == control.at || control.at < 0;
  pthread_mutex_unlock(&mutex);
  return result;
}

static void count(long change) {
  pthread_mutex_lock(&mutex);
  control.alive += change;
  if (control.alive > control.peak) control.peak = control.alive;
  pthread_mutex_unlock(&mutex);
}

static void *real_function(const char *name) {
  pthread_mutex_lock(&mutex);
  if (real_library == NULL) real_library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  void *function = real_library == NULL ? NULL : dlsym(real_library, name);
  pthread_mutex_unlock(&mutex);
  return function;
}

/* Declares `call` as the real function. */
#define REAL(name, call)                     \
  cl_api_##name call;                        \
  void *const symbol = real_function(#name); \
  memcpy(&call, &symbol, sizeof call)

/* A function that returns a code. */
#define FORWARD(name, parameters, arguments)           \
  EXPORT cl_int CL_API_CALL name parameters {          \
    REAL(name, call);                                  \
    return hit(#name) ? control.code : call arguments; \
  }

/* One that returns a new object and writes a code. */
#define CREATE(type, name, parameters, arguments) \
  EXPORT type CL_API_CALL name parameters {       \
    REAL(name, call);                             \
    if (hit(#name)) {                             \
      if (code != NULL) *code = control.code;     \
      return NULL;                                \
    }                                             \
    type object = call arguments;                 \
    if (object != NULL) count(1);                 \
    return object;                                \
  }

/* One that gives an object back: it does so even when it is told to fail, so that what stays alive is the caller's fault. */
#define RELEASE(name, type)                     \
  EXPORT cl_int CL_API_CALL name(type object) { \
    REAL(name, call);                           \
    const cl_int code = call(object);           \
    if (code == CL_SUCCESS) count(-1);          \
    return hit(#name) ? control.code : code;    \
  }

#define RETAIN(name, type)                      \
  EXPORT cl_int CL_API_CALL name(type object) { \
    REAL(name, call);                           \
    if (hit(#name)) return control.code;        \
    const cl_int code = call(object);           \
    if (code == CL_SUCCESS) count(1);           \
    return code;                                \
  }

/* One that may leave an event. */
#define ENQUEUE(name, parameters, arguments)           \
  EXPORT cl_int CL_API_CALL name parameters {          \
    REAL(name, call);                                  \
    if (hit(#name)) return control.code;               \
    const cl_int code = call arguments;                \
    if (code == CL_SUCCESS && event != NULL) count(1); \
    return code;                                       \
  }

/* clang-format off */
FORWARD(clGetPlatformIDs, (cl_uint n, cl_platform_id *ids, cl_uint *found), (n, ids, found))
FORWARD(clGetPlatformInfo, (cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *bytes), (id, what, n, value, bytes))
FORWARD(clGetDeviceIDs, (cl_platform_id id, cl_device_type type, cl_uint n, cl_device_id *ids, cl_uint *found), (id, type, n, ids, found))
FORWARD(clGetDeviceInfo, (cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes), (id, what, n, value, bytes))
FORWARD(clGetContextInfo, (cl_context c, cl_context_info what, size_t n, void *value, size_t *bytes), (c, what, n, value, bytes))
FORWARD(clGetCommandQueueInfo, (cl_command_queue q, cl_command_queue_info what, size_t n, void *value, size_t *bytes), (q, what, n, value, bytes))
FORWARD(clGetMemObjectInfo, (cl_mem m, cl_mem_info what, size_t n, void *value, size_t *bytes), (m, what, n, value, bytes))
FORWARD(clGetProgramInfo, (cl_program p, cl_program_info what, size_t n, void *value, size_t *bytes), (p, what, n, value, bytes))
FORWARD(clGetProgramBuildInfo, (cl_program p, cl_device_id id, cl_program_build_info what, size_t n, void *value, size_t *bytes), (p, id, what, n, value, bytes))
FORWARD(clGetEventProfilingInfo, (cl_event e, cl_profiling_info what, size_t n, void *value, size_t *bytes), (e, what, n, value, bytes))
FORWARD(clBuildProgram, (cl_program p, cl_uint n, const cl_device_id *ids, const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *user), (p, n, ids, options, notify, user))
FORWARD(clSetKernelArg, (cl_kernel k, cl_uint index, size_t n, const void *value), (k, index, n, value))
FORWARD(clWaitForEvents, (cl_uint n, const cl_event *events), (n, events))
FORWARD(clFlush, (cl_command_queue q), (q))
FORWARD(clFinish, (cl_command_queue q), (q))
CREATE(cl_context, clCreateContext, (const cl_context_properties *p, cl_uint n, const cl_device_id *ids, void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *code), (p, n, ids, notify, user, code))
CREATE(cl_command_queue, clCreateCommandQueue, (cl_context c, cl_device_id id, cl_command_queue_properties p, cl_int *code), (c, id, p, code))
CREATE(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags flags, size_t n, void *host, cl_int *code), (c, flags, n, host, code))
CREATE(cl_program, clCreateProgramWithSource, (cl_context c, cl_uint n, const char **text, const size_t *bytes, cl_int *code), (c, n, text, bytes, code))
CREATE(cl_program, clCreateProgramWithBinary, (cl_context c, cl_uint n, const cl_device_id *ids, const size_t *bytes, const unsigned char **data, cl_int *each, cl_int *code), (c, n, ids, bytes, data, each, code))
CREATE(cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code), (p, name, code))
RELEASE(clReleaseDevice, cl_device_id)
RELEASE(clReleaseContext, cl_context)
RELEASE(clReleaseCommandQueue, cl_command_queue)
RELEASE(clReleaseMemObject, cl_mem)
RELEASE(clReleaseProgram, cl_program)
RELEASE(clReleaseKernel, cl_kernel)
RELEASE(clReleaseEvent, cl_event)
RETAIN(clRetainContext, cl_context)
RETAIN(clRetainCommandQueue, cl_command_queue)
ENQUEUE(clEnqueueReadBuffer, (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, void *data, cl_uint w, const cl_event *wait, cl_event *event), (q, m, block, at, n, data, w, wait, event))
ENQUEUE(clEnqueueWriteBuffer, (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, const void *data, cl_uint w, const cl_event *wait, cl_event *event), (q, m, block, at, n, data, w, wait, event))
ENQUEUE(clEnqueueCopyBuffer, (cl_command_queue q, cl_mem from, cl_mem to, size_t a, size_t b, size_t n, cl_uint w, const cl_event *wait, cl_event *event), (q, from, to, a, b, n, w, wait, event))
ENQUEUE(clEnqueueNDRangeKernel, (cl_command_queue q, cl_kernel k, cl_uint dims, const size_t *offset, const size_t *global, const size_t *local, cl_uint w, const cl_event *wait, cl_event *event), (q, k, dims, offset, global, local, w, wait, event))
ENQUEUE(clEnqueueMarkerWithWaitList, (cl_command_queue q, cl_uint w, const cl_event *wait, cl_event *event), (q, w, wait, event))
ENQUEUE(clEnqueueBarrierWithWaitList, (cl_command_queue q, cl_uint w, const cl_event *wait, cl_event *event), (q, w, wait, event))
/* clang-format on */

EXPORT cl_int CL_API_CALL clCreateSubDevices(cl_device_id id, const cl_device_partition_property *p, cl_uint n, cl_device_id *ids,
                                             cl_uint *found) {
  cl_uint made = 0;
  REAL(clCreateSubDevices, call);
  if (hit("clCreateSubDevices")) return control.code;
  const cl_int code = call(id, p, n, ids, &made);
  if (code == CL_SUCCESS && ids != NULL) count((long)made);
  if (found != NULL) *found = made;
  return code;
}

static int is_limited(cl_kernel kernel) {
  char name[256] = "";
  REAL(clGetKernelInfo, call);
  if (control.limited_kernels == NULL) return 0;
  return call(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL) == CL_SUCCESS && strstr(name, control.limited_kernels) != NULL;
}

EXPORT cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel k, cl_device_id id, cl_kernel_work_group_info what, size_t n, void *value,
                                                   size_t *bytes) {
  REAL(clGetKernelWorkGroupInfo, call);
  if (hit("clGetKernelWorkGroupInfo")) return control.code;
  const cl_int code = call(k, id, what, n, value, bytes);
  if (code == CL_SUCCESS && what == CL_KERNEL_WORK_GROUP_SIZE && value != NULL && is_limited(k)) {
    size_t limit;
    memcpy(&limit, value, sizeof limit);
    if (limit > control.work_group_limit) memcpy(value, &control.work_group_limit, sizeof limit);
  }
  return code;
}
