/* Executors on the caller's own OpenCL objects (clinception/opencl.h). */

#include "clinception/opencl.h"

#include <string.h>

#include "clcall.h"
#include "executor.h"

enum { MAX_CONTEXT_DEVICES = 64 };

/* The device is one of the context's; the queue belongs to both. */
static icn_status check_objects(const icn_cl *cl, cl_context context, cl_device_id device, cl_command_queue queue, icn_error *error) {
  icn_status status = ICN_OK;
  cl_device_id devices[MAX_CONTEXT_DEVICES], queue_device = NULL;
  cl_context queue_context = NULL;
  size_t bytes = 0;
  bool found = false;
  ICN_CL(cl->clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, NULL, &bytes));
  ICN_REQUIRE(bytes <= sizeof devices, ICN_UNSUPPORTED, "the cl_context has %zu devices, above our limit of %d", bytes / sizeof devices[0],
              MAX_CONTEXT_DEVICES);
  ICN_CL(cl->clGetContextInfo(context, CL_CONTEXT_DEVICES, bytes, devices, NULL));
  for (size_t i = 0; i < bytes / sizeof devices[0]; i++) found = found || devices[i] == device;
  ICN_REQUIRE(found, ICN_ARGUMENT, "the cl_device_id is none of the cl_context's devices");
  ICN_CL(cl->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(cl_context), &queue_context, NULL));
  ICN_CL(cl->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof(cl_device_id), &queue_device, NULL));
  ICN_REQUIRE(queue_context == context, ICN_ARGUMENT, "the cl_command_queue belongs to another cl_context");
  ICN_REQUIRE(queue_device == device, ICN_ARGUMENT, "the cl_command_queue belongs to another device");
done:
  return status;
}

icn_status icn_opencl_executor_create(icn_model *model, cl_context context, cl_device_id device, cl_command_queue queue,
                                      const icn_executor_options *options, icn_executor **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_share *share = NULL;
  icn_runtime *runtime = NULL;
  icn_error_clear(error);
  ICN_REQUIRE(model != NULL && result != NULL, ICN_ARGUMENT, "icn_opencl_executor_create: %s is NULL",
              model == NULL ? "model" : "executor");
  *result = NULL;
  ICN_REQUIRE(context != NULL && device != NULL && queue != NULL, ICN_ARGUMENT, "icn_opencl_executor_create: an OpenCL object is NULL");
  ICN_REQUIRE(options == NULL || options->device == NULL, ICN_ARGUMENT, "options.device must be NULL: the device is the caller's own");
  ICN_REQUIRE(options == NULL || options->cores == 0, ICN_ARGUMENT, "options.cores must be 0: pass a sub-device instead");
  const icn_context *ours = model->context;
  ICN_REQUIRE(ours->cl.library != NULL, ICN_NO_DEVICE, "the context has no OpenCL: %s", ours->opencl_problem);
  ICN_TRY(check_objects(&ours->cl, context, device, queue, error));
  ICN_TRY(icn_share_wrap(ours, context, device, &share, error));
  ICN_TRY(icn_runtime_wrap(share, queue, &runtime, error));
  ICN_TRY(icn_executor_create_on(model, options, share->device, runtime, result, error));
done:
  return status;
}

/* --------------------------------------------------------------------- run */

static icn_status check_buffer(const icn_executor *executor, cl_mem memory, const icn_tensor_info *info, const char *what,
                               icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = executor->runtime->cl;
  cl_context context = NULL;
  size_t bytes = 0;
  ICN_CL_FOR(info->name, cl->clGetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof(cl_context), &context, NULL));
  ICN_REQUIRE(context == executor->runtime->share->cl_context, ICN_ARGUMENT, "the buffer of %s '%s' belongs to another cl_context", what,
              info->name);
  ICN_CL_FOR(info->name, cl->clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL));
  ICN_REQUIRE(bytes >= icn_exec_info_bytes(info), ICN_ARGUMENT, "the buffer of %s '%s' has %zu bytes, expected at least %llu", what,
              info->name, bytes, (unsigned long long)icn_exec_info_bytes(info));
done:
  return status;
}

static icn_status check_arguments(const icn_executor *executor, const cl_mem *inputs, const cl_mem *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(executor->runtime != NULL, ICN_ARGUMENT, "the reference device takes no OpenCL buffers");
  ICN_REQUIRE(executor->active == NULL, ICN_STATE, "the executor has a run in flight: wait for it first");
  ICN_REQUIRE(inputs != NULL || executor->graph.input_count == 0, ICN_ARGUMENT, "icn_opencl_executor_enqueue: inputs is NULL");
  ICN_REQUIRE(outputs != NULL || executor->graph.output_count == 0, ICN_ARGUMENT, "icn_opencl_executor_enqueue: outputs is NULL");
  for (size_t i = 0; i < executor->graph.input_count; i++) {
    ICN_REQUIRE(inputs[i] != NULL, ICN_ARGUMENT, "input %zu ('%s') is NULL", i, executor->inputs[i].name);
    ICN_TRY(check_buffer(executor, inputs[i], &executor->inputs[i], "input", error));
  }
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    if (outputs[i] != NULL) ICN_TRY(check_buffer(executor, outputs[i], &executor->outputs[i], "output", error));
  }
done:
  return status;
}

static icn_status enqueue_copy(const icn_executor *executor, cl_mem from, cl_mem to, const icn_tensor_info *info, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = executor->runtime->cl;
  const size_t bytes = (size_t)icn_exec_info_bytes(info);
  if (bytes == 0) goto done;
  ICN_TRY(icn_runtime_order(executor->runtime, error));
  ICN_CL_FOR(info->name, cl->clEnqueueCopyBuffer(executor->runtime->queue, from, to, 0, 0, bytes, 0, NULL, NULL));
done:
  return status;
}

static icn_status enqueue_all(icn_executor *executor, const cl_mem *inputs, const cl_mem *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < executor->graph.input_count; i++) {
    const int buffer = executor->input_buffers[i];
    if (buffer < 0) continue; /* nothing reads it */
    ICN_TRY(enqueue_copy(executor, inputs[i], executor->buffers[buffer]->memory, &executor->inputs[i], error));
  }
  ICN_TRY(icn_dispatch_enqueue(executor->dispatch, error));
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    const int buffer = executor->output_buffers[i];
    if (outputs[i] == NULL) continue;
    ICN_REQUIRE(buffer >= 0, ICN_UNSUPPORTED, "the plan does not write output '%s'", executor->outputs[i].name);
    ICN_TRY(enqueue_copy(executor, executor->buffers[buffer]->memory, outputs[i], &executor->outputs[i], error));
  }
done:
  return status;
}

icn_status icn_opencl_executor_enqueue(icn_executor *executor, const cl_mem *inputs, const cl_mem *outputs, cl_uint wait_count,
                                       const cl_event *wait_list, cl_event *run_done, icn_error *error) {
  icn_status status = ICN_OK;
  bool begun = false;
  icn_error_clear(error);
  if (run_done != NULL) *run_done = NULL;
  if (executor == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_opencl_executor_enqueue: executor is NULL");
  ICN_TRY(check_arguments(executor, inputs, outputs, error));
  const icn_cl *cl = executor->runtime->cl;
  cl_command_queue queue = executor->runtime->queue;
  begun = true;
  if (wait_count > 0) ICN_CL(cl->clEnqueueBarrierWithWaitList(queue, wait_count, wait_list, NULL));
  ICN_TRY(enqueue_all(executor, inputs, outputs, error));
  if (run_done != NULL) ICN_CL(cl->clEnqueueMarkerWithWaitList(queue, 0, NULL, run_done));
  ICN_TRY(icn_runtime_flush(executor->runtime, error));
  executor->has_run = true; /* whoever reads a value through us waits for the run */
done:
  if (status != ICN_OK && begun) {
    (void)icn_runtime_finish(executor->runtime, NULL);
    if (run_done != NULL && *run_done != NULL) (void)executor->runtime->cl->clReleaseEvent(*run_done);
    if (run_done != NULL) *run_done = NULL;
  }
  return status;
}
