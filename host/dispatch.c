#include "dispatch.h"

#include <string.h>

#include "clcall.h"
#include "command_buffer.h"
#include "quirks.h"

struct icn_dispatch {
  icn_runtime *runtime;
  icn_schedule schedule;
  icn_bound_of bound_of;
  const void *user;
  cl_command_queue queues[ICN_SCHEDULE_QUEUES_MAX]; /* by the schedule's number; [0] may be the runtime's own */
  cl_event *events;                                 /* by command: of those that others wait for; this run's or the last one's */
  cl_event *waits;                                  /* room for one command's */
  size_t flush_every;                               /* commands; 0: at the end only */
  size_t next;                                      /* command of the run that is being given to the queues */
  icn_command_buffer *recorded;
};

/* ------------------------------------------------------------------ create */

static icn_status make_queues(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_schedule *schedule = &dispatch->schedule;
  const bool unordered = schedule->kind == ICN_SCHEDULE_OUT_OF_ORDER;
  dispatch->queues[0] = dispatch->runtime->queue;
  for (int q = unordered ? 0 : 1; q < schedule->queue_count; q++)
    ICN_TRY(icn_runtime_queue(dispatch->runtime, unordered, &dispatch->queues[q], error));
done:
  return status;
}

static icn_status record(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_schedule *schedule = &dispatch->schedule;
  ICN_REQUIRE(!dispatch->runtime->profile, ICN_UNSUPPORTED, "a recorded run is one command: its layers cannot be timed");
  ICN_TRY(icn_command_buffer_begin(dispatch->runtime, &dispatch->recorded, error));
  for (size_t c = 0; c < schedule->count; c++) {
    const icn_command *command = &schedule->commands[c];
    ICN_TRY(icn_command_buffer_add(dispatch->recorded, dispatch->bound_of(dispatch->user, (size_t)command->step, command->slice), error));
  }
  ICN_TRY(icn_command_buffer_end(dispatch->recorded, error));
done:
  return status;
}

static icn_status allocate_events(icn_dispatch *dispatch, icn_error *error) {
  const icn_allocator *allocator = &dispatch->runtime->context->allocator;
  const size_t count = dispatch->schedule.count + ICN_SCHEDULE_QUEUES_MAX;
  dispatch->events = icn_allocate_array(allocator, count, sizeof(cl_event));
  dispatch->waits = icn_allocate_array(allocator, count, sizeof(cl_event));
  if (dispatch->events != NULL && dispatch->waits != NULL) return ICN_OK;
  return icn_error_memory(error, 2 * count * sizeof(cl_event), "the schedule's events");
}

icn_status icn_dispatch_create(icn_runtime *runtime, const icn_plan *plan, icn_schedule_kind kind, icn_bound_of bound_of, const void *user,
                               icn_dispatch **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_dispatch *dispatch = NULL;
  const icn_quirk *quirk = icn_quirk_of(icn_runtime_desc(runtime), ICN_AVOID_LONG_QUEUES);
  *result = NULL;
  if (kind == ICN_SCHEDULE_DEFAULT) kind = icn_schedule_default();
  ICN_REQUIRE(kind == ICN_SCHEDULE_IN_ORDER || !runtime->wrapped, ICN_UNSUPPORTED,
              "on the caller's own queue the schedule is 'in-order', not '%s'", icn_schedule_name(kind));
  dispatch = icn_allocate_array(&runtime->context->allocator, 1, sizeof *dispatch);
  if (dispatch == NULL) ICN_TRY(icn_error_memory(error, sizeof *dispatch, "the schedule"));
  dispatch->runtime = runtime;
  dispatch->bound_of = bound_of;
  dispatch->user = user;
  dispatch->flush_every = quirk == NULL ? 0 : (size_t)quirk->number;
  ICN_TRY(icn_schedule_make(plan, kind, &runtime->context->allocator, &dispatch->schedule, error));
  ICN_TRY(make_queues(dispatch, error));
  ICN_TRY(allocate_events(dispatch, error));
  if (kind == ICN_SCHEDULE_RECORDED) ICN_TRY(record(dispatch, error));
  *result = dispatch;
  return ICN_OK;
done:
  icn_dispatch_destroy(dispatch);
  return status;
}

/* With profile the bound launches own the events. */
static void release_events(icn_dispatch *dispatch) {
  const bool own = !dispatch->runtime->profile;
  for (size_t c = 0; dispatch->events != NULL && c < dispatch->schedule.count; c++) {
    if (own && dispatch->events[c] != NULL) (void)dispatch->runtime->cl->clReleaseEvent(dispatch->events[c]);
    dispatch->events[c] = NULL;
  }
}

void icn_dispatch_destroy(icn_dispatch *dispatch) {
  if (dispatch == NULL) return;
  icn_runtime *runtime = dispatch->runtime;
  const icn_allocator *allocator = &runtime->context->allocator;
  (void)icn_dispatch_finish(dispatch, NULL);
  icn_command_buffer_destroy(dispatch->recorded);
  release_events(dispatch);
  for (int q = 0; q < ICN_SCHEDULE_QUEUES_MAX; q++) {
    if (dispatch->queues[q] != NULL && dispatch->queues[q] != runtime->queue) (void)runtime->cl->clReleaseCommandQueue(dispatch->queues[q]);
  }
  icn_release(allocator, dispatch->events);
  icn_release(allocator, dispatch->waits);
  icn_schedule_fini(&dispatch->schedule);
  icn_release(allocator, dispatch);
}

icn_schedule_kind icn_dispatch_kind(const icn_dispatch *dispatch) { return dispatch->schedule.kind; }

/* --------------------------------------------------------------------- run */

static icn_status flush_all(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = dispatch->runtime->cl;
  for (int q = 0; q < dispatch->schedule.queue_count; q++)
    ICN_CL_FOR(icn_runtime_desc(dispatch->runtime)->name, cl->clFlush(dispatch->queues[q]));
done:
  return status;
}

static icn_status enqueue_command(icn_dispatch *dispatch, size_t number, icn_error *error) {
  const icn_command *command = &dispatch->schedule.commands[number];
  for (int w = 0; w < command->wait_count; w++) dispatch->waits[w] = dispatch->events[command->waits[w]];
  const icn_order order = {.queue = dispatch->queues[command->queue],
                           .waits = dispatch->waits,
                           .wait_count = (cl_uint)command->wait_count,
                           .done = command->awaited ? &dispatch->events[number] : NULL};
  return icn_bound_enqueue_ordered(dispatch->runtime, dispatch->bound_of(dispatch->user, (size_t)command->step, command->slice), &order,
                                   error);
}

/* What comes next on the other queues waits for all that is on the runtime's own: the inputs' copies. */
static icn_status fork_queues(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_runtime *runtime = dispatch->runtime;
  const icn_cl *cl = runtime->cl;
  cl_event before = NULL;
  ICN_CL(cl->clEnqueueMarkerWithWaitList(runtime->queue, 0, NULL, &before));
  for (int q = 0; q < dispatch->schedule.queue_count; q++) {
    if (dispatch->queues[q] != runtime->queue) ICN_CL(cl->clEnqueueBarrierWithWaitList(dispatch->queues[q], 1, &before, NULL));
  }
  ICN_CL_FOR(icn_runtime_desc(runtime)->name, cl->clFlush(runtime->queue));
done:
  if (before != NULL) (void)cl->clReleaseEvent(before);
  return status;
}

/* What comes next on the runtime's own queue waits for all other queues. */
static icn_status join_queues(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_runtime *runtime = dispatch->runtime;
  const icn_cl *cl = runtime->cl;
  cl_uint count = 0;
  for (int q = 0; q < dispatch->schedule.queue_count; q++) {
    if (dispatch->queues[q] == runtime->queue) continue;
    ICN_CL(cl->clEnqueueMarkerWithWaitList(dispatch->queues[q], 0, NULL, &dispatch->waits[count]));
    count++;
  }
  ICN_TRY(flush_all(dispatch, error));
  if (count > 0) ICN_CL(cl->clEnqueueBarrierWithWaitList(runtime->queue, count, dispatch->waits, NULL));
done:
  for (cl_uint i = 0; i < count; i++) (void)cl->clReleaseEvent(dispatch->waits[i]);
  return status;
}

icn_status icn_dispatch_begin(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  dispatch->next = 0;
  if (dispatch->recorded != NULL) return ICN_OK;
  release_events(dispatch);
  if (dispatch->schedule.kind != ICN_SCHEDULE_IN_ORDER) ICN_TRY(fork_queues(dispatch, error));
done:
  return status;
}

/* *given ends when all queues have come to here. */
static icn_status mark_portion(icn_dispatch *dispatch, cl_event *given, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = dispatch->runtime->cl;
  const cl_uint queues = (cl_uint)dispatch->schedule.queue_count;
  cl_uint count = 0;
  for (; queues > 1 && count < queues; count++)
    ICN_CL(cl->clEnqueueMarkerWithWaitList(dispatch->queues[count], 0, NULL, &dispatch->waits[count]));
  ICN_CL(cl->clEnqueueMarkerWithWaitList(dispatch->queues[0], count, count > 0 ? dispatch->waits : NULL, given));
  ICN_TRY(flush_all(dispatch, error));
done:
  for (cl_uint i = 0; i < count; i++) (void)cl->clReleaseEvent(dispatch->waits[i]);
  return status;
}

icn_status icn_dispatch_give(icn_dispatch *dispatch, size_t most, size_t *left, cl_event *given, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_schedule *schedule = &dispatch->schedule;
  const size_t end = most == 0 || most > schedule->count - dispatch->next ? schedule->count : dispatch->next + most;
  *left = 0;
  if (dispatch->recorded != NULL) return icn_command_buffer_replay(dispatch->recorded, error);
  for (; dispatch->next < end; dispatch->next++) {
    ICN_TRY(enqueue_command(dispatch, dispatch->next, error));
    if (dispatch->flush_every != 0 && (dispatch->next + 1) % dispatch->flush_every == 0) ICN_TRY(flush_all(dispatch, error));
  }
  *left = schedule->count - end;
  if (*left > 0 && given != NULL) ICN_TRY(mark_portion(dispatch, given, error));
  if (*left == 0 && schedule->kind != ICN_SCHEDULE_IN_ORDER) ICN_TRY(join_queues(dispatch, error));
done:
  return status;
}

icn_status icn_dispatch_enqueue(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  size_t left;
  ICN_TRY(icn_dispatch_begin(dispatch, error));
  ICN_TRY(icn_dispatch_give(dispatch, 0, &left, NULL, error));
done:
  return status;
}

icn_status icn_dispatch_finish(icn_dispatch *dispatch, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = dispatch->runtime->cl;
  for (int q = 0; q < dispatch->schedule.queue_count; q++) {
    if (dispatch->queues[q] == NULL || dispatch->queues[q] == dispatch->runtime->queue) continue;
    const cl_int code = cl->clFinish(dispatch->queues[q]);
    if (code != CL_SUCCESS && status == ICN_OK) status = icn_cl_fail(error, code, "clFinish", icn_runtime_desc(dispatch->runtime)->name);
  }
  const icn_status own = icn_runtime_finish(dispatch->runtime, status == ICN_OK ? error : NULL);
  return status == ICN_OK ? own : status;
}
