#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "clblast.h"
#include "clcall.h"
#include "program.h"
#include "quirks.h"
#include "runtime_cl.h"

struct icn_bound {
  const icn_cl *cl;
  icn_allocator allocator;
  char *name;
  cl_kernel kernel; /* NULL: a CLBlast call */
  icn_clblast_gemm gemm;
  cl_uint dims;
  size_t global[3], local[3];
  bool chosen_local; /* false: the runtime chooses */
  bool empty;        /* nothing to compute */
  cl_ulong local_bytes;
  cl_event event; /* of the last run, with profile */
};

/* ----------------------------------------------------------------- runtime */

static cl_command_queue create_queue(const icn_share *share, bool profile, bool unordered, cl_int *code) {
  const icn_cl *cl = share->cl;
  cl_command_queue_properties wanted = profile ? CL_QUEUE_PROFILING_ENABLE : 0;
  if (unordered) wanted |= CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
  if (share->desc.opencl_major >= 2 && cl->clCreateCommandQueueWithProperties != NULL) {
    const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, wanted, 0};
    return cl->clCreateCommandQueueWithProperties(share->cl_context, share->id, properties, code);
  }
  return cl->clCreateCommandQueue(share->cl_context, share->id, wanted, code);
}

icn_status icn_runtime_create(const icn_context *context, const icn_device *device, const icn_runtime_options *options,
                              icn_runtime **result, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int code = CL_SUCCESS;
  const icn_runtime_options defaults = {0};
  if (options == NULL) options = &defaults;
  *result = NULL;
  icn_runtime *runtime = icn_allocate_array(&context->allocator, 1, sizeof *runtime);
  if (runtime == NULL) return icn_error_memory(error, sizeof *runtime, "the runtime");
  runtime->context = context;
  runtime->cl = &context->cl;
  ICN_TRY(icn_share_acquire(context, device, options->cores, &runtime->share, error));
  const icn_quirk *quirk = icn_quirk_of(&runtime->share->desc, ICN_AVOID_PROFILING);
  runtime->profile = options->profile && quirk == NULL;
  if (options->profile && quirk != NULL) {
    icn_log(&context->logger, ICN_LOG_WARNING, "device '%s': %s: layer times will be 0 (quirk %s)", device->desc.name, quirk->breaks,
            quirk->name);
  }
  runtime->queue = create_queue(runtime->share, runtime->profile, false, &code);
  if (code == CL_INVALID_QUEUE_PROPERTIES && runtime->profile) {
    icn_log(&context->logger, ICN_LOG_WARNING, "device '%s' has no profiling queue: layer times will be 0", device->desc.name);
    runtime->profile = false;
    runtime->queue = create_queue(runtime->share, false, false, &code);
  }
  ICN_CL_CODE(code, "clCreateCommandQueue(context, device)", device->desc.name);
  *result = runtime;
  return ICN_OK;
done:
  icn_runtime_destroy(runtime);
  return status;
}

icn_status icn_runtime_wrap(icn_share *share, cl_command_queue queue, icn_runtime **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_context *context = share->context;
  cl_command_queue_properties properties = 0;
  *result = NULL;
  icn_runtime *runtime = icn_allocate_array(&context->allocator, 1, sizeof *runtime);
  if (runtime == NULL) {
    icn_share_release(share);
    return icn_error_memory(error, sizeof *runtime, "the runtime");
  }
  runtime->context = context;
  runtime->cl = &context->cl;
  runtime->share = share;
  runtime->wrapped = true;
  ICN_CL(share->cl->clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
  runtime->unordered = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  runtime->profile = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
  ICN_CL(share->cl->clRetainCommandQueue(queue));
  runtime->queue = queue;
  *result = runtime;
  return ICN_OK;
done:
  icn_runtime_destroy(runtime);
  return status;
}

icn_status icn_runtime_queue(const icn_runtime *runtime, bool unordered, cl_command_queue *queue, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int code = CL_SUCCESS;
  const char *device = icn_runtime_desc(runtime)->name;
  *queue = create_queue(runtime->share, runtime->profile, unordered, &code);
  ICN_REQUIRE(!unordered || code != CL_INVALID_QUEUE_PROPERTIES, ICN_UNSUPPORTED, "device '%.60s' has no queue that is out of order",
              device);
  ICN_CL_CODE(code, "clCreateCommandQueue(context, device)", device);
done:
  return status;
}

void icn_runtime_destroy(icn_runtime *runtime) {
  if (runtime == NULL) return;
  if (runtime->queue != NULL) {
    (void)runtime->cl->clFinish(runtime->queue);
    (void)runtime->cl->clReleaseCommandQueue(runtime->queue);
  }
  icn_share_release(runtime->share);
  icn_release(&runtime->context->allocator, runtime);
}

const icn_device_desc *icn_runtime_desc(const icn_runtime *runtime) { return &runtime->share->desc; }

icn_status icn_runtime_finish(icn_runtime *runtime, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_CL_FOR(icn_runtime_desc(runtime)->name, cl->clFinish(runtime->queue));
done:
  /* Reads into the caller's memory may still be on their way when a wait fails: whoever gives that memory back must not find them writing
   * to it. */
  if (status != ICN_OK) (void)cl->clFinish(runtime->queue);
  return status;
}

icn_status icn_runtime_flush(icn_runtime *runtime, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_CL_FOR(icn_runtime_desc(runtime)->name, cl->clFlush(runtime->queue));
done:
  return status;
}

icn_status icn_runtime_order(icn_runtime *runtime, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  if (runtime->unordered) ICN_CL(cl->clEnqueueBarrierWithWaitList(runtime->queue, 0, NULL, NULL));
done:
  return status;
}

/* ----------------------------------------------------------------- buffers */

/* On a CPU device a buffer is memory of this process, and weights are read from beginning to end in every run: with pages of 4 KiB that is
 * a miss of the TLB and an end of what the processor prefetches for every page (half the bandwidth, on a Zen 4). A buffer that cannot be
 * mapped does without. */
static icn_status advise_large_pages(const icn_runtime *runtime, const icn_buffer *buffer, icn_error *error) {
  icn_status status = ICN_OK;
  const uint64_t least = 4 << 20;
  const icn_cl *cl = runtime->cl;
  if (icn_runtime_desc(runtime)->kind != ICN_DEVICE_CPU || buffer->bytes < least) goto done;
  cl_int code = CL_SUCCESS;
  void *memory = cl->clEnqueueMapBuffer(runtime->queue, buffer->memory, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, (size_t)buffer->bytes,
                                        0, NULL, NULL, &code);
  if (code != CL_SUCCESS || memory == NULL) goto done;
  icn_os_advise_large_pages(memory, (size_t)buffer->bytes);
  ICN_CL_FOR(icn_runtime_desc(runtime)->name, cl->clEnqueueUnmapMemObject(runtime->queue, buffer->memory, memory, 0, NULL, NULL));
done:
  return status;
}

icn_status icn_buffer_create(icn_runtime *runtime, uint64_t bytes, const void *initial, icn_buffer **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  const icn_device_desc *desc = icn_runtime_desc(runtime);
  cl_int code = CL_SUCCESS;
  icn_buffer *buffer = NULL;
  *result = NULL;
  ICN_REQUIRE(bytes <= desc->max_allocation_bytes && bytes <= SIZE_MAX, ICN_DEVICE_MEMORY,
              "a buffer of %llu bytes is above the %llu bytes that device '%s' can allocate at once", (unsigned long long)bytes,
              (unsigned long long)desc->max_allocation_bytes, desc->name);
  buffer = icn_allocate_array(&runtime->context->allocator, 1, sizeof *buffer);
  if (buffer == NULL) ICN_TRY(icn_error_memory(error, sizeof *buffer, "a buffer"));
  buffer->share = icn_share_retain(runtime->share);
  buffer->bytes = bytes;
  buffer->memory = cl->clCreateBuffer(runtime->share->cl_context, CL_MEM_READ_WRITE, bytes < 4 ? 4 : (size_t)bytes, NULL, &code);
  if (code != CL_SUCCESS) {
    char subject[sizeof desc->name + 64];
    snprintf(subject, sizeof subject, "a buffer of %llu bytes on '%s'", (unsigned long long)bytes, desc->name);
    ICN_CL_CODE(code, "clCreateBuffer", subject);
  }
  ICN_TRY(advise_large_pages(runtime, buffer, error));
  if (initial != NULL && bytes > 0) ICN_TRY(icn_buffer_write(runtime, buffer, 0, bytes, initial, error));
  *result = buffer;
  return ICN_OK;
done:
  icn_buffer_destroy(buffer);
  return status;
}

void icn_buffer_destroy(icn_buffer *buffer) {
  if (buffer == NULL) return;
  icn_share *share = buffer->share;
  if (buffer->memory != NULL) (void)share->cl->clReleaseMemObject(buffer->memory);
  icn_release(&share->context->allocator, buffer);
  icn_share_release(share);
}

static icn_status check_range(const icn_buffer *buffer, uint64_t offset, uint64_t bytes, icn_error *error) {
  if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return ICN_OK;
  return icn_error_set(error, ICN_ARGUMENT, "%llu bytes at offset %llu are outside a buffer of %llu bytes", (unsigned long long)bytes,
                       (unsigned long long)offset, (unsigned long long)buffer->bytes);
}

icn_status icn_buffer_write(icn_runtime *runtime, icn_buffer *buffer, uint64_t offset_bytes, uint64_t bytes, const void *data,
                            icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_TRY(check_range(buffer, offset_bytes, bytes, error));
  if (bytes == 0) goto done;
  ICN_TRY(icn_runtime_order(runtime, error));
  ICN_CL_FOR(icn_runtime_desc(runtime)->name,
             cl->clEnqueueWriteBuffer(runtime->queue, buffer->memory, CL_TRUE, (size_t)offset_bytes, (size_t)bytes, data, 0, NULL, NULL));
done:
  return status;
}

icn_status icn_buffer_read(icn_runtime *runtime, icn_buffer *buffer, uint64_t offset_bytes, uint64_t bytes, void *data, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_TRY(check_range(buffer, offset_bytes, bytes, error));
  if (bytes == 0) goto done;
  ICN_TRY(icn_runtime_order(runtime, error));
  ICN_CL_FOR(icn_runtime_desc(runtime)->name,
             cl->clEnqueueReadBuffer(runtime->queue, buffer->memory, CL_TRUE, (size_t)offset_bytes, (size_t)bytes, data, 0, NULL, NULL));
done:
  return status;
}

icn_status icn_buffer_write_later(icn_runtime *runtime, icn_buffer *buffer, uint64_t bytes, const void *data, cl_event *done_event,
                                  icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_TRY(check_range(buffer, 0, bytes, error));
  if (bytes == 0) goto done;
  ICN_TRY(icn_runtime_order(runtime, error));
  ICN_CL_FOR(icn_runtime_desc(runtime)->name,
             cl->clEnqueueWriteBuffer(runtime->queue, buffer->memory, CL_FALSE, 0, (size_t)bytes, data, 0, NULL, done_event));
done:
  return status;
}

icn_status icn_buffer_read_later(icn_runtime *runtime, icn_buffer *buffer, uint64_t bytes, void *data, cl_event *done_event,
                                 icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  ICN_TRY(check_range(buffer, 0, bytes, error));
  if (bytes == 0) goto done;
  ICN_TRY(icn_runtime_order(runtime, error));
  ICN_CL_FOR(icn_runtime_desc(runtime)->name,
             cl->clEnqueueReadBuffer(runtime->queue, buffer->memory, CL_FALSE, 0, (size_t)bytes, data, 0, NULL, done_event));
done:
  return status;
}

/* ---------------------------------------------------------- bound launches */

/* A tensor is two arguments: the buffer, then the offset in elements. */
static icn_status set_tensor(icn_bound *bound, cl_uint *position, const icn_buffer *buffer, int64_t offset, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = bound->cl;
  ICN_REQUIRE(buffer != NULL, ICN_ARGUMENT, "%s: an operand that the kernel reads has no buffer", bound->name);
  ICN_REQUIRE(offset >= 0 && offset <= INT32_MAX, ICN_UNSUPPORTED, "%s: the tensor begins at element %lld, above the limit of 2^31 - 1",
              bound->name, (long long)offset);
  const cl_int offset_argument = (cl_int)offset;
  ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, (*position)++, sizeof(cl_mem), &buffer->memory));
  ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, (*position)++, sizeof(cl_int), &offset_argument));
done:
  return status;
}

static icn_status set_arguments(icn_bound *bound, const icn_launch *launch, icn_buffer *const operands[ICN_OPERAND_COUNT],
                                const int64_t offsets[ICN_OPERAND_COUNT], icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = bound->cl;
  cl_uint position = 0;
  for (int i = 0; i < launch->arg_count; i++) {
    const icn_arg *arg = &launch->args[i];
    switch (arg->kind) {
      case ICN_ARG_TENSOR:
        ICN_TRY(set_tensor(bound, &position, operands[arg->as.operand], offsets[arg->as.operand], error));
        break;
      case ICN_ARG_INT:
        ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, position++, sizeof arg->as.i, &arg->as.i));
        break;
      case ICN_ARG_FLOAT:
        ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, position++, sizeof arg->as.f, &arg->as.f));
        break;
      case ICN_ARG_INT8:
        ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, position++, sizeof arg->as.i8, arg->as.i8));
        break;
      case ICN_ARG_LOCAL:
        ICN_CL_FOR(bound->name, cl->clSetKernelArg(bound->kernel, position++, arg->as.local_bytes, NULL));
        break;
    }
  }
done:
  return status;
}

static size_t group_items(const icn_bound *bound) {
  size_t items = 1;
  for (cl_uint k = 0; k < bound->dims; k++) items *= bound->chosen_local ? bound->local[k] : 1;
  return items;
}

/* Smaller groups, where the kernel allows any size: those that count on one have reqd_work_group_size. */
static icn_status shrink_groups(const icn_runtime *runtime, icn_bound *bound, size_t limit, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  size_t required[3] = {0};
  ICN_CL_FOR(bound->name, cl->clGetKernelWorkGroupInfo(bound->kernel, runtime->share->id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                                       sizeof required, required, NULL));
  if (required[0] != 0) goto done;
  while (group_items(bound) > limit) {
    size_t *longest = bound->local;
    for (cl_uint k = 1; k < bound->dims; k++) longest = bound->local[k] > *longest ? &bound->local[k] : longest;
    *longest = *longest % 2 == 0 ? *longest / 2 : 1; /* global sizes stay multiples of it */
  }
done:
  return status;
}

/* The limits of the compiled kernel, which may be lower than the device's. */
static icn_status check_limits(const icn_runtime *runtime, icn_bound *bound, const icn_launch *launch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = runtime->cl;
  const cl_device_id id = runtime->share->id;
  const icn_device_desc *desc = icn_runtime_desc(runtime);
  size_t limit = 0;
  cl_ulong local_bytes = 0;
  ICN_CL_FOR(bound->name, cl->clGetKernelWorkGroupInfo(bound->kernel, id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL));
  if (limit == 0 && icn_quirk_of(desc, ICN_AVOID_NO_ITEMS) != NULL) limit = (size_t)desc->max_work_group;
  if (limit > 0 && group_items(bound) > limit) ICN_TRY(shrink_groups(runtime, bound, limit, error));
  ICN_REQUIRE(group_items(bound) <= limit, ICN_UNSUPPORTED, "%s: kernel '%s' wants work-groups of %zu items, but '%.60s' allows %zu for it",
              bound->name, launch->kernel, group_items(bound), desc->name, limit);
  ICN_CL_FOR(bound->name,
             cl->clGetKernelWorkGroupInfo(bound->kernel, id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local_bytes, &local_bytes, NULL));
  bound->local_bytes = local_bytes;
  ICN_REQUIRE(local_bytes <= desc->local_bytes, ICN_UNSUPPORTED, "%s: kernel '%s' wants %llu bytes of local memory, but '%.60s' has %llu",
              bound->name, launch->kernel, (unsigned long long)local_bytes, desc->name, (unsigned long long)desc->local_bytes);
done:
  return status;
}

static void set_range(icn_bound *bound, const icn_launch *launch) {
  assert(launch->dims >= 1 && launch->dims <= 3);
  bound->dims = launch->dims;
  for (uint32_t k = launch->dims; k < 3; k++) bound->global[k] = bound->local[k] = 1;
  for (uint32_t k = 0; k < launch->dims; k++) {
    bound->global[k] = launch->global[k];
    bound->local[k] = launch->local[k];
    if (launch->local[k] != 0) bound->chosen_local = true;
    if (launch->global[k] == 0) bound->empty = true;
  }
}

icn_status icn_bound_create(icn_runtime *runtime, const icn_launch *launch, icn_buffer *const operands[ICN_OPERAND_COUNT],
                            const int64_t offsets[ICN_OPERAND_COUNT], const char *name, icn_bound **result, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &runtime->context->allocator;
  *result = NULL;
  icn_bound *bound = icn_allocate_array(allocator, 1, sizeof *bound);
  if (bound == NULL) return icn_error_memory(error, sizeof *bound, "a launch");
  bound->cl = runtime->cl;
  bound->allocator = *allocator;
  bound->name = icn_text_copy(allocator, name == NULL ? "a launch" : name);
  if (bound->name == NULL) ICN_TRY(icn_error_memory(error, 64, "a launch's name"));
  if (launch->kind == ICN_LAUNCH_CLBLAST_GEMM) {
    ICN_TRY(icn_clblast_bind(runtime, launch, operands, offsets, bound->name, &bound->gemm, error));
  } else {
    set_range(bound, launch);
    ICN_TRY(icn_program_kernel(runtime->share, launch->file, launch->options, launch->kernel, bound->name, &bound->kernel, error));
    ICN_TRY(set_arguments(bound, launch, operands, offsets, error));
    ICN_TRY(check_limits(runtime, bound, launch, error));
  }
  *result = bound;
  return ICN_OK;
done:
  icn_bound_destroy(bound);
  return status;
}

uint64_t icn_bound_local_bytes(const icn_bound *bound) { return bound->local_bytes; }

void icn_bound_destroy(icn_bound *bound) {
  if (bound == NULL) return;
  icn_allocator allocator = bound->allocator;
  if (bound->event != NULL) (void)bound->cl->clReleaseEvent(bound->event);
  if (bound->kernel != NULL) (void)bound->cl->clReleaseKernel(bound->kernel);
  icn_release(&allocator, bound->name);
  icn_release(&allocator, bound);
}

/* With the sizes: they are what most of these codes are about. */
static icn_status fail_launch(const icn_bound *bound, cl_int code, icn_error *error) {
  char subject[320], groups[80] = "of the driver's choice";
  const size_t *g = bound->global, *l = bound->local;
  if (bound->chosen_local) snprintf(groups, sizeof groups, "of %zu x %zu x %zu", l[0], l[1], l[2]);
  snprintf(subject, sizeof subject, "%.100s, %zu x %zu x %zu work-items in groups %s", bound->name, g[0], g[1], g[2], groups);
  return icn_cl_fail(error, code, "clEnqueueNDRangeKernel", subject);
}

icn_status icn_bound_enqueue_ordered(icn_runtime *runtime, icn_bound *bound, const icn_order *order, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = bound->cl;
  cl_event *event = order->done;
  if (bound->event != NULL) (void)cl->clReleaseEvent(bound->event);
  bound->event = NULL;
  if (runtime->profile) event = &bound->event;
  ICN_TRY(icn_runtime_order(runtime, error));
  if (bound->empty) {
    if (order->done != NULL || order->wait_count > 0) /* what comes behind it on a queue in order relies on its waits */
      ICN_CL_FOR(bound->name,
                 cl->clEnqueueMarkerWithWaitList(order->queue, order->wait_count, order->wait_count == 0 ? NULL : order->waits, event));
  } else if (bound->kernel == NULL) {
    ICN_TRY(icn_clblast_enqueue(runtime, &bound->gemm, bound->name, event, error));
  } else {
    const size_t *local = bound->chosen_local ? bound->local : NULL;
    const cl_int code = cl->clEnqueueNDRangeKernel(order->queue, bound->kernel, bound->dims, NULL, bound->global, local, order->wait_count,
                                                   order->wait_count == 0 ? NULL : order->waits, event);
    if (code != CL_SUCCESS) ICN_TRY(fail_launch(bound, code, error));
  }
  if (order->done != NULL) *order->done = *event;
done:
  return status;
}

icn_status icn_bound_enqueue(icn_runtime *runtime, icn_bound *bound, icn_error *error) {
  return icn_bound_enqueue_ordered(runtime, bound, &(icn_order){.queue = runtime->queue}, error);
}

icn_bound_range icn_bound_as_range(const icn_bound *bound) {
  return (icn_bound_range){bound->name, bound->kernel, bound->dims, bound->global, bound->chosen_local ? bound->local : NULL, bound->empty};
}

double icn_bound_seconds(icn_runtime *runtime, icn_bound *bound) {
  cl_ulong start = 0, end = 0;
  const icn_cl *cl = runtime->cl;
  if (bound->event == NULL) return 0;
  if (cl->clGetEventProfilingInfo(bound->event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) != CL_SUCCESS) return 0;
  if (cl->clGetEventProfilingInfo(bound->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) != CL_SUCCESS) return 0;
  return end > start ? (double)(end - start) * 1e-9 : 0;
}
