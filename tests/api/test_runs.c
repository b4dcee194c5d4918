/* Runs in flight: submit does not wait, looks and time limits, callbacks, destroying, on every schedule. A kernel that hangs until it is
 * let go (the fake driver) shows what waits for what. */
#include <pthread.h>
#include <time.h>

#include "fault/fake_test.h"
#include "support/api_model.h"

enum { EDGE = 16, IMAGE = 3 * EDGE * EDGE };

typedef struct fixture {
  fake_driver *driver;
  proto_writer file;
  icn_context *context;
  icn_model *model;
  float image[IMAGE], want[API_MODEL_CLASSES];
} fixture;

static icn_executor *create_with(const fixture *f, const icn_device *device, icn_schedule_kind schedule, int window) {
  const icn_input_shape shape = {.name = "x", .rank = 4, .dim = {1, 3, EDGE, EDGE}};
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = device;
  options.shapes = &shape;
  options.shape_count = 1;
  options.schedule = schedule;
  options.window = window;
  const icn_status status = icn_executor_create(f->model, &options, &executor, &error);
  if (status != ICN_OK && status != ICN_UNSUPPORTED) fail_msg("%s", error.message);
  return executor;
}

static icn_executor *create(const fixture *f, const icn_device *device, icn_schedule_kind schedule) {
  return create_with(f, device, schedule, 0);
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  const icn_device *reference = NULL;
  f.file = api_model_write();
  f.context = api_context(); /* the loader takes the fake driver with its first call */
  f.driver = fake_driver_open();
  f.driver->reset();
  f.model = api_model_load(f.context, &f.file);
  api_fill(f.image, IMAGE, 3);
  if (icn_context_find_device(f.context, "reference", &reference, &error) != ICN_OK) return -1;
  icn_executor *executor = create(&f, reference, ICN_SCHEDULE_DEFAULT);
  const float *input = f.image;
  float *outputs[] = {f.want, NULL};
  if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) return -1;
  icn_executor_destroy(executor);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  proto_free(&f->file);
  return 0;
}

static fixture *begin(void **state) {
  fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  f->driver->reset();
  return f;
}

static icn_run *submit(const fixture *f, icn_executor *executor, float *scores) {
  const float *input = f->image;
  float *outputs[] = {scores, NULL};
  icn_run *run = NULL;
  icn_error error;
  memset(scores, 0, API_MODEL_CLASSES * sizeof *scores);
  if (icn_executor_submit(executor, &input, outputs, &run, &error) != ICN_OK) fail_msg("%s", error.message);
  return run;
}

static void assert_right(const fixture *f, const float *scores) { assert_true(api_difference(scores, f->want, API_MODEL_CLASSES) < 1e-5); }

/* 1: it has ended. */
static int wait_for(icn_run *run, double seconds) {
  icn_error error;
  int ended = -1;
  if (icn_run_wait_for(run, seconds, &ended, &error) != ICN_OK) fail_msg("%s", error.message);
  return ended;
}

static double seconds_now(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* With the softmax, the last kernel, held back: the run is submitted, goes on, and ends when the kernel is let go. */
static void check_schedule(const fixture *f, icn_executor *executor) {
  float scores[API_MODEL_CLASSES];
  icn_error error;
  icn_run *second = NULL;
  const float *input = f->image;
  float *outputs[] = {scores, NULL};
  f->driver->set("hang", "softmax");
  icn_run *run = submit(f, executor, scores); /* or the test would hang here */
  assert_int_equal(wait_for(run, 0), 0);
  const double start = seconds_now();
  assert_int_equal(wait_for(run, 0.05), 0);
  assert_true(seconds_now() - start >= 0.05);
  assert_int_equal(icn_executor_submit(executor, &input, outputs, &second, &error), ICN_STATE);
  f->driver->release_hanging();
  f->driver->reset();
  assert_int_equal(wait_for(run, 60), 1);
  assert_int_equal(wait_for(run, 0), 1); /* and stays so */
  assert_right(f, scores);
  assert_int_equal(icn_run_wait(run, &error), ICN_OK);
  icn_run_destroy(run);
  icn_run_destroy(submit(f, executor, scores)); /* waits */
  assert_right(f, scores);
}

static void submit_does_not_wait(void **state) {
  const fixture *f = begin(state);
  static const icn_schedule_kind KINDS[] = {ICN_SCHEDULE_IN_ORDER, ICN_SCHEDULE_OUT_OF_ORDER, ICN_SCHEDULE_QUEUES};
  for (size_t k = 0; k < sizeof KINDS / sizeof KINDS[0]; k++) {
    icn_executor *executor = create(f, icn_context_device(f->context, 0), KINDS[k]);
    if (executor == NULL) continue;
    check_schedule(f, executor);
    icn_executor_destroy(executor);
  }
}

/* Two executors of one model: what one waits for does not keep the other. */
static void executors_are_in_flight_together(void **state) {
  const fixture *f = begin(state);
  float scores[2][API_MODEL_CLASSES];
  icn_executor *a = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT),
               *b = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT);
  f->driver->set("hang", "softmax");
  icn_run *held = submit(f, a, scores[0]);
  f->driver->reset(); /* what hangs, hangs on */
  icn_run *free_run = submit(f, b, scores[1]);
  assert_int_equal(wait_for(free_run, 60), 1);
  assert_right(f, scores[1]);
  assert_int_equal(wait_for(held, 0), 0);
  f->driver->release_hanging();
  f->driver->reset();
  assert_int_equal(wait_for(held, 60), 1);
  assert_right(f, scores[0]);
  icn_run_destroy(held);
  icn_run_destroy(free_run);
  icn_executor_destroy(a);
  icn_executor_destroy(b);
}

/* --------------------------------------------------------------- callbacks */

typedef struct told {
  icn_run *run;
  const float *scores;
  float seen[API_MODEL_CLASSES];
  int calls;
  icn_status status, inside, inside_for;
} told;

/* What was written is there, and the run's functions say that this is not the place. */
static void on_end(void *user, icn_status status) {
  told *t = user;
  icn_error error;
  int ended = 0;
  t->calls++;
  t->status = status;
  memcpy(t->seen, t->scores, sizeof t->seen);
  t->inside = icn_run_wait(t->run, &error);
  t->inside_for = icn_run_wait_for(t->run, 1, &ended, &error);
  icn_run_destroy(t->run);
}

static void check_told(const fixture *f, const told *t) {
  assert_int_equal(t->calls, 1);
  assert_int_equal(t->status, ICN_OK);
  assert_int_equal(t->inside, ICN_STATE);
  assert_int_equal(t->inside_for, ICN_STATE);
  assert_right(f, t->seen);
}

static void callbacks_are_called_once(void **state) {
  const fixture *f = begin(state);
  icn_error error;
  const icn_device *reference = NULL;
  assert_int_equal(icn_context_find_device(f->context, "reference", &reference, &error), ICN_OK);
  const icn_device *const devices[] = {icn_context_device(f->context, 0), reference};
  for (size_t d = 0; d < 2; d++) {
    float scores[API_MODEL_CLASSES];
    icn_executor *executor = create(f, devices[d], ICN_SCHEDULE_DEFAULT);
    if (d == 0) f->driver->set("hang", "softmax");
    icn_run *run = submit(f, executor, scores);
    told early = {.run = run, .scores = scores}, late = early;
    assert_int_equal(icn_run_notify(run, on_end, &early, &error), ICN_OK);
    assert_int_equal(icn_run_notify(run, on_end, &early, &error), ICN_STATE); /* one a run */
    assert_int_equal(early.calls, d == 0 ? 0 : 1);
    f->driver->release_hanging();
    f->driver->reset();
    assert_int_equal(icn_run_wait(run, &error), ICN_OK);
    check_told(f, &early);
    icn_run_destroy(run);
    late.run = run = submit(f, executor, scores);
    assert_int_equal(icn_run_wait(run, &error), ICN_OK);
    assert_int_equal(icn_run_notify(run, on_end, &late, &error), ICN_OK); /* has ended: from here */
    check_told(f, &late);
    icn_run_destroy(run);
    icn_executor_destroy(executor);
  }
}

/* A callback that does not come back: what it waits for is held by whoever looks at the run. */
typedef struct gate {
  pthread_mutex_t mutex;
  int entered;
} gate;

static void stop_at_gate(void *user, icn_status status) {
  gate *g = user;
  (void)status;
  __atomic_store_n(&g->entered, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&g->mutex);
  pthread_mutex_unlock(&g->mutex);
}

static void a_look_does_not_wait_for_the_callback(void **state) {
  const fixture *f = begin(state);
  static gate g = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  float scores[API_MODEL_CLASSES];
  icn_error error;
  icn_executor *executor = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT);
  f->driver->set("hang", "softmax"); /* so that the driver's thread calls, not this one */
  icn_run *run = submit(f, executor, scores);
  assert_int_equal(icn_run_notify(run, stop_at_gate, &g, &error), ICN_OK);
  pthread_mutex_lock(&g.mutex);
  f->driver->release_hanging();
  f->driver->reset();
  while (!__atomic_load_n(&g.entered, __ATOMIC_SEQ_CST)) assert_int_equal(wait_for(run, 0), 0);
  assert_int_equal(wait_for(run, 0), 0); /* or the test would hang here: the callback waits for this thread */
  assert_int_equal(wait_for(run, 0.01), 0);
  pthread_mutex_unlock(&g.mutex);
  assert_int_equal(wait_for(run, 60), 1);
  assert_right(f, scores);
  icn_run_destroy(run);
  icn_executor_destroy(executor);
}

static void failing_callbacks_are_a_sentence(void **state) {
  const fixture *f = begin(state);
  float scores[API_MODEL_CLASSES];
  icn_error error;
  int ended = 0;
  icn_executor *executor = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT);
  icn_run *run = submit(f, executor, scores);
  told t = {.run = run, .scores = scores};
  fake_driver_fail(f->driver, "clSetEventCallback", EVERY_CALL, -5);
  assert_int_equal(icn_run_notify(run, on_end, &t, &error), ICN_DEVICE);
  assert_non_null(strstr(error.message, "clSetEventCallback"));
  fake_driver_fail(f->driver, "clGetEventInfo", EVERY_CALL, -5);
  assert_int_equal(icn_run_wait_for(run, 1, &ended, &error), ICN_DEVICE);
  assert_non_null(strstr(error.message, "clGetEventInfo"));
  f->driver->reset();
  assert_int_equal(icn_run_wait(run, &error), ICN_OK);
  assert_int_equal(t.calls, 0);
  assert_right(f, scores);
  icn_run_destroy(run);
  icn_executor_destroy(executor);
}

/* What fails only when the device comes to it: nothing of it may be lost, or a result of another input would be a good one. */
static void what_ends_badly_is_a_failed_run(void **state) {
  const fixture *f = begin(state);
  static const char *const COMMANDS[] = {"clEnqueueWriteBuffer", "clEnqueueReadBuffer", "clEnqueueMarkerWithWaitList"};
  float scores[API_MODEL_CLASSES];
  icn_error error;
  icn_executor *executor = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT);
  for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
    f->driver->set("ends_badly", COMMANDS[i]);
    icn_run *run = submit(f, executor, scores);
    f->driver->reset();
    if (icn_run_wait(run, &error) != ICN_DEVICE) fail_msg("%s ended badly, the run did not", COMMANDS[i]);
    assert_non_null(strstr(error.message, "clWaitForEvents"));
    icn_run_destroy(run);
    icn_run_destroy(submit(f, executor, scores)); /* the next one is as ever */
    assert_right(f, scores);
  }
  icn_executor_destroy(executor);
}

/* ----------------------------------------------------- piece by piece, cancel */

/* Launches since `watch_launches`. */
static void watch_launches(const fixture *f) { f->driver->set("fail", "clEnqueueNDRangeKernel:1000000000:-1"); }
static long launches(const fixture *f) { return f->driver->calls; }

/* A run of that executor with all kernels held back. */
static icn_run *submit_held(const fixture *f, icn_executor *executor, float *scores) {
  f->driver->reset();
  f->driver->set("hang", "*");
  watch_launches(f);
  return submit(f, executor, scores);
}

static void let_go(const fixture *f) {
  f->driver->set("hang", NULL);
  f->driver->release_hanging();
}

/* However it is waited for: right, and never more in flight than the window has. */
static void check_window(const fixture *f, icn_executor *executor, long window, bool recorded) {
  float scores[API_MODEL_CLASSES];
  icn_error error;
  if (!recorded) {
    icn_run *run = submit_held(f, executor, scores);
    assert_true(launches(f) >= 1 && launches(f) <= window);
    for (int look = 0; look < 3; look++) assert_int_equal(wait_for(run, 0), 0);
    assert_true(launches(f) <= window);
    let_go(f);
    assert_int_equal(wait_for(run, 60), 1);
    assert_right(f, scores);
    icn_run_destroy(run);
  }
  icn_run *run = submit(f, executor, scores);
  if (icn_run_wait(run, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_right(f, scores);
  icn_run_destroy(run);
  icn_run_destroy(submit(f, executor, scores));
  assert_right(f, scores);
}

static void windows_change_nothing_but_the_pace(void **state) {
  const fixture *f = begin(state);
  static const int WINDOWS[] = {1, 2, 3, 6, 1000};
  for (int kind = ICN_SCHEDULE_IN_ORDER; kind <= ICN_SCHEDULE_RECORDED; kind++) {
    for (size_t w = 0; w < sizeof WINDOWS / sizeof WINDOWS[0]; w++) {
      f->driver->reset();
      icn_executor *executor = create_with(f, icn_context_device(f->context, 0), (icn_schedule_kind)kind, WINDOWS[w]);
      if (executor == NULL) continue;
      check_window(f, executor, WINDOWS[w], kind == ICN_SCHEDULE_RECORDED);
      icn_executor_destroy(executor);
    }
  }
}

static void a_cancelled_run_gives_no_more(void **state) {
  const fixture *f = begin(state);
  for (int kind = ICN_SCHEDULE_IN_ORDER; kind <= ICN_SCHEDULE_QUEUES; kind++) {
    float scores[API_MODEL_CLASSES];
    icn_error error;
    int ended = 0;
    icn_executor *executor = create_with(f, icn_context_device(f->context, 0), (icn_schedule_kind)kind, 2);
    if (executor == NULL) continue;
    for (int how = 0; how < 3; how++) { /* waited for, looked at, destroyed */
      icn_run *run = submit_held(f, executor, scores);
      assert_int_equal(icn_run_cancel(run, &error), ICN_OK);
      assert_int_equal(icn_run_wait_for(run, 0, &ended, &error), ICN_OK); /* what was given goes on */
      assert_int_equal(ended, 0);
      let_go(f);
      if (how == 0) assert_int_equal(icn_run_wait(run, &error), ICN_CANCELLED);
      if (how == 1) assert_int_equal(icn_run_wait_for(run, 60, &ended, &error), ICN_CANCELLED);
      if (how < 2 && strstr(error.message, " launches to come") == NULL) fail_msg("%s", error.message);
      icn_run_destroy(run);
      assert_true(launches(f) <= 2);
      f->driver->reset();
      icn_run_destroy(submit(f, executor, scores));
      assert_right(f, scores);
    }
    icn_executor_destroy(executor);
  }
}

typedef struct canceller {
  const fixture *f;
  icn_run *run;
  icn_status status;
} canceller;

static void *cancel_soon(void *user) {
  canceller *c = user;
  const struct timespec pause = {.tv_nsec = 30000000};
  icn_error error;
  (void)nanosleep(&pause, NULL);
  c->status = icn_run_cancel(c->run, &error);
  c->f->driver->release_hanging();
  return NULL;
}

static void another_thread_cancels_what_is_waited_for(void **state) {
  const fixture *f = begin(state);
  float scores[API_MODEL_CLASSES];
  icn_error error;
  pthread_t thread;
  icn_executor *executor = create_with(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT, 1);
  canceller c = {f, submit_held(f, executor, scores), ICN_STATE};
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
  assert_int_equal(icn_run_wait(c.run, &error), ICN_CANCELLED);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(c.status, ICN_OK);
  assert_true(launches(f) <= 1);
  icn_run_destroy(c.run);
  icn_executor_destroy(executor);
}

static void what_was_given_completely_ends_as_ever(void **state) {
  const fixture *f = begin(state);
  float scores[API_MODEL_CLASSES];
  icn_error error;
  for (int window = 0; window <= 4; window += 4) {
    icn_executor *executor = create_with(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT, window);
    icn_run *run = submit(f, executor, scores);
    told t = {.run = run, .scores = scores};
    if (window > 0) assert_int_equal(icn_run_notify(run, on_end, &t, &error), ICN_OK); /* gives the rest */
    assert_int_equal(icn_run_cancel(run, &error), ICN_OK);
    assert_int_equal(icn_run_wait(run, &error), ICN_OK);
    assert_right(f, scores);
    if (window > 0) check_told(f, &t);
    icn_run_destroy(run);
    icn_executor_destroy(executor);
  }
}

/* Each call that gives or waits for a later portion fails: a status, and the next run is as ever. */
static void failing_portions_are_orderly(void **state) {
  const fixture *f = begin(state);
  static const char *const FUNCTIONS[] = {"clEnqueueNDRangeKernel", "clEnqueueMarkerWithWaitList", "clWaitForEvents", "clFlush",
                                          "clEnqueueReadBuffer"};
  float scores[API_MODEL_CLASSES];
  icn_error error;
  size_t failed = 0;
  icn_executor *executor = create_with(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT, 2);
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
    for (long call = 1; call <= 4; call++) {
      icn_run *run = submit_held(f, executor, scores);
      fake_driver_fail(f->driver, FUNCTIONS[i], call, -5);
      let_go(f);
      const icn_status status = icn_run_wait(run, &error);
      if (status != ICN_OK && (status != ICN_DEVICE || error.message[0] == '\0')) fail_msg("%s: %d", FUNCTIONS[i], (int)status);
      if (status == ICN_OK) assert_right(f, scores);
      failed += status != ICN_OK;
      icn_run_destroy(run);
      f->driver->reset();
      icn_run_destroy(submit(f, executor, scores));
      assert_right(f, scores);
    }
  }
  assert_true(failed >= 10);
  icn_executor_destroy(executor);
}

static void wrong_arguments_are_refused(void **state) {
  const fixture *f = begin(state);
  float scores[API_MODEL_CLASSES];
  icn_error error;
  int ended = 5;
  icn_executor *executor = create(f, icn_context_device(f->context, 0), ICN_SCHEDULE_DEFAULT);
  icn_run *run = submit(f, executor, scores);
  assert_int_equal(icn_run_wait_for(NULL, 1, &ended, &error), ICN_ARGUMENT);
  assert_int_equal(ended, 0);
  assert_int_equal(icn_run_wait_for(run, 1, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_run_wait_for(run, -1, &ended, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "-1"));
  assert_int_equal(icn_run_notify(NULL, on_end, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_run_cancel(NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_run_notify(run, NULL, NULL, &error), ICN_ARGUMENT);
  icn_run_destroy(run);
  icn_run_destroy(NULL);
  icn_executor_destroy(executor);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(submit_does_not_wait),
      cmocka_unit_test(executors_are_in_flight_together),
      cmocka_unit_test(callbacks_are_called_once),
      cmocka_unit_test(a_look_does_not_wait_for_the_callback),
      cmocka_unit_test(failing_callbacks_are_a_sentence),
      cmocka_unit_test(what_ends_badly_is_a_failed_run),
      cmocka_unit_test(windows_change_nothing_but_the_pace),
      cmocka_unit_test(a_cancelled_run_gives_no_more),
      cmocka_unit_test(another_thread_cancels_what_is_waited_for),
      cmocka_unit_test(what_was_given_completely_ends_as_ever),
      cmocka_unit_test(failing_portions_are_orderly),
      cmocka_unit_test(wrong_arguments_are_refused),
  };
  return cmocka_run_group_tests_name("runs", tests, set_up, tear_down);
}
