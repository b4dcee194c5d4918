#include "command_buffer.h"

#include <stdio.h>
#include <string.h>

#include "clcall.h"

/* The extension's own types: headers of different years have different names for them (it was provisional up to 0.9), or none. What we call
 * looks alike in all versions. */
typedef struct khr_command_buffer *khr_buffer;
typedef khr_buffer(CL_API_CALL *create_fn)(cl_uint, const cl_command_queue *, const cl_ulong *, cl_int *);
typedef cl_int(CL_API_CALL *buffer_fn)(khr_buffer);
typedef cl_int(CL_API_CALL *enqueue_fn)(cl_uint, cl_command_queue *, khr_buffer, cl_uint, const cl_event *, cl_event *);
typedef cl_int(CL_API_CALL *ndrange_fn)(khr_buffer, cl_command_queue, const cl_ulong *, cl_kernel, cl_uint, const size_t *, const size_t *,
                                        const size_t *, cl_uint, const cl_uint *, cl_uint *, void **);

enum { INCOMPATIBLE_COMMAND_QUEUE = -1139 }; /* CL_INCOMPATIBLE_COMMAND_QUEUE_KHR */

struct icn_command_buffer {
  icn_runtime *runtime;
  create_fn create;
  buffer_fn finalize, release;
  enqueue_fn enqueue;
  ndrange_fn ndrange;
  khr_buffer buffer;
  size_t count; /* launches in it */
};

/* Copies the address of `name` into the function pointer `target`. */
static icn_status find(const icn_runtime *runtime, const char *name, void *target, icn_error *error) {
  const icn_cl *cl = runtime->cl;
  const cl_platform_id platform = runtime->share->device->platform;
  void *address = cl->clGetExtensionFunctionAddressForPlatform == NULL || platform == NULL
                      ? NULL
                      : cl->clGetExtensionFunctionAddressForPlatform(platform, name);
  memcpy(target, &address, sizeof address);
  if (address != NULL) return ICN_OK;
  return icn_error_set(error, ICN_UNSUPPORTED, "device '%.60s' claims cl_khr_command_buffer, but its driver has no function %s",
                       icn_runtime_desc(runtime)->name, name);
}

static icn_status find_all(icn_command_buffer *commands, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_runtime *runtime = commands->runtime;
  ICN_TRY(find(runtime, "clCreateCommandBufferKHR", &commands->create, error));
  ICN_TRY(find(runtime, "clFinalizeCommandBufferKHR", &commands->finalize, error));
  ICN_TRY(find(runtime, "clReleaseCommandBufferKHR", &commands->release, error));
  ICN_TRY(find(runtime, "clEnqueueCommandBufferKHR", &commands->enqueue, error));
  ICN_TRY(find(runtime, "clCommandNDRangeKernelKHR", &commands->ndrange, error));
done:
  return status;
}

icn_status icn_command_buffer_begin(icn_runtime *runtime, icn_command_buffer **result, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int code = CL_SUCCESS;
  icn_command_buffer *commands = NULL;
  const icn_device_desc *desc = icn_runtime_desc(runtime);
  *result = NULL;
  ICN_REQUIRE(icn_device_desc_has_extension(desc, "cl_khr_command_buffer"), ICN_UNSUPPORTED,
              "device '%.60s' cannot record commands: it has no cl_khr_command_buffer", desc->name);
  commands = icn_allocate_array(&runtime->context->allocator, 1, sizeof *commands);
  if (commands == NULL) ICN_TRY(icn_error_memory(error, sizeof *commands, "a command buffer"));
  commands->runtime = runtime;
  ICN_TRY(find_all(commands, error));
  commands->buffer = commands->create(1, &runtime->queue, NULL, &code);
  ICN_REQUIRE(code != INCOMPATIBLE_COMMAND_QUEUE, ICN_UNSUPPORTED, "device '%.60s' cannot record commands for a queue that is in order",
              desc->name);
  ICN_CL_CODE(code, "clCreateCommandBufferKHR(1 queue)", desc->name);
  *result = commands;
  return ICN_OK;
done:
  icn_command_buffer_destroy(commands);
  return status;
}

icn_status icn_command_buffer_add(icn_command_buffer *commands, const icn_bound *bound, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_bound_range range = icn_bound_as_range(bound);
  if (range.empty) goto done;
  ICN_CL_CODE(
      commands->ndrange(commands->buffer, NULL, NULL, range.kernel, range.dims, NULL, range.global, range.local, 0, NULL, NULL, NULL),
      "clCommandNDRangeKernelKHR", range.name);
  commands->count++;
done:
  return status;
}

icn_status icn_command_buffer_end(icn_command_buffer *commands, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_CL_CODE(commands->finalize(commands->buffer), "clFinalizeCommandBufferKHR", icn_runtime_desc(commands->runtime)->name);
done:
  return status;
}

icn_status icn_command_buffer_replay(icn_command_buffer *commands, icn_error *error) {
  icn_status status = ICN_OK;
  if (commands->count == 0) goto done;
  ICN_CL_CODE(commands->enqueue(0, NULL, commands->buffer, 0, NULL, NULL), "clEnqueueCommandBufferKHR",
              icn_runtime_desc(commands->runtime)->name);
done:
  return status;
}

void icn_command_buffer_destroy(icn_command_buffer *commands) {
  if (commands == NULL) return;
  if (commands->buffer != NULL) (void)commands->release(commands->buffer);
  icn_release(&commands->runtime->context->allocator, commands);
}
