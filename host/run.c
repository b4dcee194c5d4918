/* Runs: started, looked at, waited for. */
#include "executor.h"

#include "clcall.h"

/* Between two looks at a run that is waited for: short beside a network's run, and long beside a look. */
static const double LOOK_SECONDS = 0.0005;

/* A caller's function and what became of the call. The run's own, and goes with it: a run that OpenCL is to call back for does not end
 * before `called`, and that is the last that OpenCL's thread touches. */
struct icn_notice {
  icn_allocator allocator;
  icn_mutex *mutex; /* guards what follows */
  icn_run_callback callback;
  void *user;
  uint64_t caller; /* the thread that is inside the caller's function, 0: none */
  bool called;
};

/* ------------------------------------------------------------------ submit */

static icn_status check_run_arguments(const icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(executor != NULL, ICN_ARGUMENT, "icn_executor_submit: executor is NULL");
  ICN_REQUIRE(executor->active == NULL, ICN_STATE, "the executor has a run in flight: wait for it first");
  ICN_REQUIRE(inputs != NULL || executor->graph.input_count == 0, ICN_ARGUMENT, "icn_executor_submit: inputs is NULL");
  ICN_REQUIRE(outputs != NULL || executor->graph.output_count == 0, ICN_ARGUMENT, "icn_executor_submit: outputs is NULL");
  for (size_t i = 0; i < executor->graph.input_count; i++) {
    ICN_REQUIRE(inputs[i] != NULL, ICN_ARGUMENT, "input %zu ('%s') is NULL", i, executor->inputs[i].name);
  }
done:
  return status;
}

static void notice_destroy(icn_notice *notice) {
  if (notice == NULL) return;
  const icn_allocator allocator = notice->allocator;
  icn_mutex_destroy(notice->mutex);
  icn_release(&allocator, notice);
}

/* Nothing of it is in flight. */
static void release_run(icn_run *run) {
  const icn_executor *executor = run->executor;
  const icn_allocator *allocator = &executor->context->allocator;
  icn_exec_device_release(run);
  notice_destroy(run->notice);
  icn_mutex_destroy(run->mutex);
  icn_release(allocator, run->outputs);
  icn_release(allocator, run->copies);
  icn_release(allocator, run);
}

/* What a run needs that is given piece by piece. */
static icn_status make_window(icn_run *run, float *const *outputs, icn_error *error) {
  const icn_executor *executor = run->executor;
  const icn_allocator *allocator = &executor->context->allocator;
  const size_t count = executor->graph.output_count;
  if (executor->window == 0) return ICN_OK;
  run->outputs = icn_allocate_array(allocator, count + 1, sizeof *run->outputs);
  run->mutex = icn_mutex_create(allocator);
  if (run->outputs == NULL || run->mutex == NULL) return icn_error_memory(error, (count + 1) * sizeof *run->outputs, "a run's window");
  for (size_t i = 0; i < count; i++) run->outputs[i] = outputs[i];
  return ICN_OK;
}

static icn_status start(icn_run *run, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  icn_executor *executor = run->executor;
  const size_t count = executor->graph.input_count + executor->graph.output_count;
  executor->has_run = false;
  if (executor->runtime == NULL) return icn_exec_reference_run(executor, inputs, outputs, error);
  run->copies = icn_allocate_array(&executor->context->allocator, count + 1, sizeof(cl_event));
  if (run->copies == NULL) ICN_TRY(icn_error_memory(error, (count + 1) * sizeof(cl_event), "a run"));
  ICN_TRY(make_window(run, outputs, error));
  ICN_TRY(icn_exec_device_submit(run, inputs, outputs, error));
done:
  return status;
}

icn_status icn_executor_submit(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_run **result,
                               icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_REQUIRE(result != NULL, ICN_ARGUMENT, "icn_executor_submit: run is NULL");
  *result = NULL;
  ICN_TRY(check_run_arguments(executor, inputs, outputs, error));
  icn_run *run = icn_allocate_array(&executor->context->allocator, 1, sizeof *run);
  if (run == NULL) ICN_TRY(icn_error_memory(error, sizeof *run, "a run"));
  run->executor = executor;
  status = start(run, inputs, outputs, error);
  if (status != ICN_OK) {
    release_run(run);
    goto done;
  }
  executor->active = run;
  *result = run;
done:
  return status;
}

/* -------------------------------------------------------------------- wait */

/* True inside the caller's own function, on its thread. */
static bool inside_callback(const icn_run *run) {
  if (run->notice == NULL) return false;
  icn_mutex_lock(run->notice->mutex);
  const bool inside = run->notice->caller == icn_os_thread();
  icn_mutex_unlock(run->notice->mutex);
  return inside;
}

static bool is_called(icn_notice *notice) {
  icn_mutex_lock(notice->mutex);
  const bool called = notice->called;
  icn_mutex_unlock(notice->mutex);
  return called;
}

/* Afterwards nobody calls the caller any more: what `user` points at may go. */
static void wait_for_callback(const icn_run *run) {
  while (run->notice != NULL && !is_called(run->notice)) icn_os_sleep(LOOK_SECONDS);
}

/* Whether nothing of the run is left to do, the caller's function included: it may wait for what the caller holds. A run that failed has
 * ended. */
static icn_status look(icn_run *run, bool *ended, icn_error *error) {
  icn_status status = ICN_OK;
  *ended = run->executor->active != run || run->executor->runtime == NULL;
  if (*ended) goto done;
  if (icn_exec_device_feed(run, ICN_FEED_LOOK) == ICN_OK && run->left > 0) goto done;
  ICN_TRY(icn_exec_device_look(run, ended, error));
  *ended = *ended && (run->notice == NULL || is_called(run->notice));
done:
  return status;
}

static icn_status check_run(const icn_run *run, const char *function, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(run != NULL, ICN_ARGUMENT, "%s: run is NULL", function);
  ICN_REQUIRE(!inside_callback(run), ICN_STATE, "%s: called from the run's own callback, which must return first", function);
done:
  return status;
}

icn_status icn_run_wait(icn_run *run, icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_TRY(check_run(run, "icn_run_wait", error));
  icn_executor *executor = run->executor;
  if (executor->active == run) {
    if (executor->runtime != NULL) (void)icn_exec_device_wait(run);
    wait_for_callback(run);
    executor->has_run = run->status == ICN_OK;
    executor->active = NULL;
  }
  if (run->status != ICN_OK) ICN_FAIL(run->status, "%s", run->error.message);
done:
  return status;
}

icn_status icn_run_wait_for(icn_run *run, double seconds, int *ended, icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_REQUIRE(ended != NULL, ICN_ARGUMENT, "icn_run_wait_for: ended is NULL");
  *ended = 0;
  ICN_REQUIRE(seconds >= 0, ICN_ARGUMENT, "icn_run_wait_for: seconds is %g, expected 0 or more", seconds);
  ICN_TRY(check_run(run, "icn_run_wait_for", error));
  const double start_seconds = icn_os_seconds();
  for (;;) {
    bool over = false;
    ICN_TRY(look(run, &over, error));
    if (over) break;
    const double left = seconds - (icn_os_seconds() - start_seconds);
    if (left <= 0) goto done;
    icn_os_sleep(left < LOOK_SECONDS ? left : LOOK_SECONDS);
  }
  *ended = 1;
  ICN_TRY(icn_run_wait(run, error));
done:
  return status;
}

icn_status icn_run_cancel(icn_run *run, icn_error *error) {
  icn_error_clear(error);
  if (run == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_run_cancel: run is NULL");
  if (run->mutex == NULL) return ICN_OK; /* all of it was given at once */
  icn_mutex_lock(run->mutex);
  run->cancelled = true;
  icn_mutex_unlock(run->mutex);
  return ICN_OK;
}

void icn_run_destroy(icn_run *run) {
  if (run == NULL || inside_callback(run)) return;
  (void)icn_run_wait(run, NULL);
  release_run(run);
}

icn_status icn_executor_run(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_run *run = NULL;
  icn_status status = icn_executor_submit(executor, inputs, outputs, &run, error);
  if (status == ICN_OK) status = icn_run_wait(run, error);
  icn_run_destroy(run);
  return status;
}

/* ------------------------------------------------------------------ notify */

static void call(icn_notice *notice, icn_status status) {
  icn_mutex_lock(notice->mutex);
  notice->caller = icn_os_thread();
  icn_mutex_unlock(notice->mutex);
  notice->callback(notice->user, status);
  icn_mutex_lock(notice->mutex);
  notice->caller = 0;
  notice->called = true;
  icn_mutex_unlock(notice->mutex);
}

static void CL_CALLBACK on_event(cl_event event, cl_int state, void *user) {
  (void)event;
  call(user, state < 0 ? icn_cl_status(state) : ICN_OK);
}

static icn_status make_notice(icn_run *run, icn_run_callback callback, void *user, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &run->executor->context->allocator;
  icn_notice *notice = icn_allocate_array(allocator, 1, sizeof *notice);
  if (notice == NULL) ICN_TRY(icn_error_memory(error, sizeof *notice, "a run's callback"));
  *notice = (icn_notice){.allocator = *allocator, .callback = callback, .user = user};
  notice->mutex = icn_mutex_create(allocator);
  if (notice->mutex == NULL) ICN_TRY(icn_error_memory(error, 64, "a mutex"));
  run->notice = notice;
  return ICN_OK;
done:
  icn_release(allocator, notice);
  return status;
}

icn_status icn_run_notify(icn_run *run, icn_run_callback callback, void *user, icn_error *error) {
  icn_status status = ICN_OK;
  icn_error_clear(error);
  ICN_REQUIRE(run != NULL && callback != NULL, ICN_ARGUMENT, "icn_run_notify: %s is NULL", run == NULL ? "run" : "callback");
  ICN_REQUIRE(run->notice == NULL, ICN_STATE, "the run has a callback already");
  const bool in_flight = run->executor->active == run && run->executor->runtime != NULL;
  if (in_flight && icn_exec_device_feed(run, ICN_FEED_ALL) != ICN_OK) ICN_FAIL(run->status, "%s", run->error.message);
  ICN_TRY(make_notice(run, callback, user, error));
  if (run->ended == NULL || run->executor->active != run) {
    call(run->notice, run->status);
    return ICN_OK;
  }
  const cl_int code = run->executor->runtime->cl->clSetEventCallback(run->ended, CL_COMPLETE, on_event, run->notice);
  if (code == CL_SUCCESS) return ICN_OK;
  notice_destroy(run->notice);
  run->notice = NULL;
  status = icn_cl_fail(error, code, "clSetEventCallback", NULL);
done:
  return status;
}
