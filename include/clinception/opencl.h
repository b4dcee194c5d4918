/* clinception inside a program that speaks OpenCL itself: the caller's context, device, queue and buffers.
 *
 * The caller must reach OpenCL through the same library as clinception does (the system's ICD loader, or what
 * icn_context_options.opencl_library names): OpenCL objects mean nothing to another one. */
#ifndef CLINCEPTION_OPENCL_H
#define CLINCEPTION_OPENCL_H

#include <CL/cl.h>

#include "clinception/clinception.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As icn_executor_create, on the caller's `context`, `device` (one of the context's) and `queue` (of that context and device; on one that
 * is out of order, our commands still run one after another, with barriers between them). The context and the queue are retained until the
 * executor is destroyed. options->device must be NULL and options->cores 0; with options->profile the queue must have
 * CL_QUEUE_PROFILING_ENABLE, else layer times are 0; options->schedule is the default or ICN_SCHEDULE_IN_ORDER, and
 * options->window 0 (else ICN_UNSUPPORTED). The
 * executor can also be run from host memory (icn_executor_run, icn_executor_submit); icn_run_wait waits for the run, not for what the
 * caller has put into the queue behind it. Each such executor holds its own copy of the weights. *executor is NEW. Fails: as
 * icn_executor_create; ICN_ARGUMENT when the objects do not belong together. */
ICN_API icn_status icn_opencl_executor_create(icn_model *model, cl_context context, cl_device_id device, cl_command_queue queue,
                                              const icn_executor_options *options, icn_executor **executor, icn_error *error);

/* Enqueues one run on the executor's queue and returns at once. inputs[i] and outputs[i] are buffers of the caller's context, BORROWED
 * until the run has completed: `float[dim0]...[dimN]` from byte 0 on, dense, in the model's layout, for input or output i; outputs[i] may
 * be NULL. They are copied on the device (never through the host), so they may be reused as soon as the run has completed. The run begins
 * after everything that is in the queue already and after the `wait_count` events of `wait_list`; `done` (may be NULL) receives a NEW event
 * (clReleaseEvent) that completes with the run: on an out-of-order queue, the caller's own commands that use the outputs wait for it.
 * Several runs may be in the queue at once; they run one after another. Fails: ICN_ARGUMENT (NULL, a buffer of another context or too
 * small), ICN_STATE (an icn_run is in flight), ICN_DEVICE; then nothing remains enqueued and *done is NULL. Layer times (options->profile)
 * are those of icn_executor_run only. */
ICN_API icn_status icn_opencl_executor_enqueue(icn_executor *executor, const cl_mem *inputs, const cl_mem *outputs, cl_uint wait_count,
                                               const cl_event *wait_list, cl_event *done, icn_error *error);

#ifdef __cplusplus
}
#endif
#endif
