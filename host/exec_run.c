/* A run on an OpenCL device: what is given to its queues when, and what is waited for. */
#include "executor.h"

#include "clcall.h"

/* ------------------------------------------------------------------- giving */

static icn_status write_inputs(icn_run *run, const float *const *inputs, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_executor *executor = run->executor;
  for (size_t i = 0; i < executor->graph.input_count; i++) {
    const int buffer = executor->input_buffers[i];
    if (buffer < 0) continue; /* nothing reads it */
    ICN_TRY(icn_buffer_write_later(executor->runtime, executor->buffers[buffer], icn_exec_info_bytes(&executor->inputs[i]), inputs[i],
                                   &run->copies[i], error));
  }
done:
  return status;
}

/* Behind all launches: the outputs, and what says that the run has ended. */
static icn_status read_outputs(icn_run *run, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_executor *executor = run->executor;
  icn_runtime *runtime = executor->runtime;
  const icn_cl *cl = runtime->cl;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    if (outputs[i] == NULL) continue;
    ICN_TRY(icn_buffer_read_later(runtime, executor->buffers[executor->output_buffers[i]], icn_exec_info_bytes(&executor->outputs[i]),
                                  outputs[i], &run->copies[executor->graph.input_count + i], error));
  }
  ICN_TRY(icn_runtime_order(runtime, error));
  ICN_CL(cl->clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &run->ended));
  ICN_TRY(icn_runtime_flush(runtime, error));
done:
  return status;
}

static bool is_cancelled(const icn_run *run) {
  if (run->mutex == NULL) return false;
  icn_mutex_lock(run->mutex);
  const bool cancelled = run->cancelled;
  icn_mutex_unlock(run->mutex);
  return cancelled;
}

/* Whether the device is done with a portion; one that ended badly is a failed run. */
static icn_status look_at_portion(const icn_run *run, const cl_event *portion, bool *ended, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int state = CL_COMPLETE;
  const icn_cl *cl = run->executor->runtime->cl;
  if (*portion != NULL) ICN_CL(cl->clGetEventInfo(*portion, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
  *ended = state <= CL_COMPLETE;
  if (state < 0) ICN_TRY(icn_cl_fail(error, state, "a launch of the run", icn_runtime_desc(run->executor->runtime)->name));
done:
  return status;
}

static void forget_portion(const icn_run *run, cl_event *portion) {
  if (*portion != NULL) (void)run->executor->runtime->cl->clReleaseEvent(*portion);
  *portion = NULL;
}

/* Two portions are in flight, each half of the window, so that the device has work while the next one is given; of a window of one launch
 * one. *full: none may be given yet. */
static icn_status make_room(icn_run *run, icn_feed how, bool *full, icn_error *error) {
  icn_status status = ICN_OK;
  bool ended = true;
  const icn_cl *cl = run->executor->runtime->cl;
  cl_event *oldest = &run->portion[run->executor->window > 1 ? 1 : 0];
  if (how == ICN_FEED_WAIT && *oldest != NULL) ICN_CL_FOR("the run's launches", cl->clWaitForEvents(1, oldest));
  if (how == ICN_FEED_LOOK) ICN_TRY(look_at_portion(run, oldest, &ended, error));
  *full = !ended;
  if (*full) goto done;
  forget_portion(run, &run->portion[1]);
  if (run->executor->window > 1)
    run->portion[1] = run->portion[0];
  else
    forget_portion(run, &run->portion[0]);
  run->portion[0] = NULL;
done:
  return status;
}

static icn_status feed(icn_run *run, icn_feed how, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_executor *executor = run->executor;
  const size_t portion = executor->window > 1 ? executor->window / 2 : executor->window;
  bool full = false;
  while (run->left > 0) {
    ICN_TRY(make_room(run, how, &full, error));
    if (full) break;
    if (is_cancelled(run)) ICN_FAIL(ICN_CANCELLED, "the run was cancelled, with %zu launches to come", run->left);
    ICN_TRY(icn_dispatch_give(executor->dispatch, how == ICN_FEED_ALL ? 0 : portion, &run->left, &run->portion[0], error));
    if (run->left == 0) ICN_TRY(read_outputs(run, run->outputs, error));
  }
done:
  return status;
}

icn_status icn_exec_device_feed(icn_run *run, icn_feed how) {
  if (run->status == ICN_OK) run->status = feed(run, how, &run->error);
  return run->status;
}

icn_status icn_exec_device_look(const icn_run *run, bool *ended, icn_error *error) {
  icn_status status = ICN_OK;
  cl_int state = CL_COMPLETE;
  const icn_cl *cl = run->executor->runtime->cl;
  icn_error ignored;
  *ended = true;
  if (run->ended != NULL) {
    ICN_CL(cl->clGetEventInfo(run->ended, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
    *ended = state <= CL_COMPLETE;
  } else { /* it failed, or was cancelled: what was given goes on */
    bool last = true;
    (void)look_at_portion(run, &run->portion[1], ended, &ignored);
    (void)look_at_portion(run, &run->portion[0], &last, &ignored);
    *ended = *ended && last;
  }
done:
  return status;
}

icn_status icn_exec_device_submit(icn_run *run, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_executor *executor = run->executor;
  for (size_t i = 0; i < executor->graph.output_count; i++) {
    ICN_REQUIRE(outputs[i] == NULL || executor->output_buffers[i] >= 0, ICN_UNSUPPORTED, "the plan does not write output '%s'",
                executor->outputs[i].name);
  }
  status = write_inputs(run, inputs, error);
  if (status == ICN_OK) status = icn_dispatch_begin(executor->dispatch, error);
  if (status == ICN_OK && executor->window > 0) {
    run->left = 1; /* at least */
    status = feed(run, ICN_FEED_LOOK, error);
  } else if (status == ICN_OK) {
    status = icn_dispatch_give(executor->dispatch, 0, &run->left, NULL, error);
    if (status == ICN_OK) status = read_outputs(run, outputs, error);
  }
  if (status != ICN_OK) (void)icn_dispatch_finish(executor->dispatch, NULL); /* the caller's memory is in the queue */
done:
  return status;
}

/* ------------------------------------------------------------------ waiting */

static void take_times(icn_executor *executor) {
  for (size_t i = 0; i < executor->layer_count; i++) executor->layers[i].seconds = 0;
  for (size_t i = 0; i < executor->plan.step_count * (size_t)executor->plan.slices; i++) {
    if (executor->bounds[i] == NULL) continue;
    const icn_plan_step *step = &executor->plan.steps[i / (size_t)executor->plan.slices];
    executor->layers[step->layer].seconds += icn_bound_seconds(executor->runtime, executor->bounds[i]);
  }
}

/* A copy that ended badly is a failed run, whatever clFinish says, and so is an end that its callback calls a failure. */
static icn_status wait_for_events(const icn_run *run, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_executor *executor = run->executor;
  const icn_cl *cl = executor->runtime->cl;
  const size_t inputs = executor->graph.input_count;
  for (size_t i = 0; i < inputs + executor->graph.output_count; i++) {
    const char *name = i < inputs ? executor->inputs[i].name : executor->outputs[i - inputs].name;
    if (run->copies[i] != NULL) ICN_CL_FOR(name, cl->clWaitForEvents(1, &run->copies[i]));
  }
  ICN_CL_FOR(icn_runtime_desc(executor->runtime)->name, cl->clWaitForEvents(1, &run->ended));
done:
  return status;
}

/* What a caller has put into its own queue behind the run is not waited for, unless the run has failed and may still be about. */
icn_status icn_exec_device_wait(icn_run *run) {
  icn_executor *executor = run->executor;
  if (icn_exec_device_feed(run, ICN_FEED_WAIT) == ICN_OK) run->status = wait_for_events(run, &run->error);
  if (run->status != ICN_OK || !executor->runtime->wrapped) {
    const icn_status finished = icn_dispatch_finish(executor->dispatch, run->status == ICN_OK ? &run->error : NULL);
    if (run->status == ICN_OK) run->status = finished;
  }
  if (run->status == ICN_OK && executor->profile) take_times(executor);
  return run->status;
}

void icn_exec_device_release(icn_run *run) {
  const icn_executor *executor = run->executor;
  if (executor->runtime == NULL) return;
  const size_t copies = executor->graph.input_count + executor->graph.output_count;
  for (size_t i = 0; run->copies != NULL && i < copies; i++) {
    if (run->copies[i] != NULL) (void)executor->runtime->cl->clReleaseEvent(run->copies[i]);
  }
  if (run->ended != NULL) (void)executor->runtime->cl->clReleaseEvent(run->ended);
  for (int i = 0; i < 2; i++) forget_portion(run, &run->portion[i]);
}
