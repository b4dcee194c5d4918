/* Executors: every device against the reference, batches and shapes, shared weights, threads, runs in flight, values, misuse. */

#include <math.h>
#include <pthread.h>

#include "model.h"
#include "support/api_model.h"
#include "support/icn_test.h"

enum { EDGE = 33, IMAGE = 3 * EDGE * EDGE, MAX_BATCH = 7 };

typedef struct fixture {
  icn_context *context;
  proto_writer file;
  icn_model *model;
  const icn_device *reference;
  float images[MAX_BATCH * IMAGE];
  float want_scores[MAX_BATCH * 10], want_features[MAX_BATCH * 20];
} fixture;

static icn_input_shape square(int64_t batch, int64_t size) {
  return (icn_input_shape){.name = "x", .rank = 4, .dim = {batch, 3, size, size}};
}

static icn_executor *create(const fixture *f, const icn_device *device, const icn_input_shape *shape, icn_executor_options *given) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  if (given == NULL) {
    icn_executor_options_init(&options);
    given = &options;
  }
  given->device = device;
  given->shapes = shape;
  given->shape_count = 1;
  if (icn_executor_create(f->model, given, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

static void run(icn_executor *executor, const float *images, float *scores, float *features) {
  icn_error error;
  float *outputs[] = {scores, features};
  if (icn_executor_run(executor, &images, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  f.context = api_context();
  f.file = api_model_write();
  f.model = api_model_load(f.context, &f.file);
  assert_int_equal(icn_context_find_device(f.context, "reference", &f.reference, &error), ICN_OK);
  api_fill(f.images, MAX_BATCH * IMAGE, 99);
  const icn_input_shape shape = square(MAX_BATCH, EDGE);
  icn_executor *executor = create(&f, f.reference, &shape, NULL);
  run(executor, f.images, f.want_scores, f.want_features);
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

static void assert_right(const fixture *f, size_t first, size_t batch, const float *scores, const float *features) {
  assert_true(api_difference(scores, f->want_scores + first * 10, batch * 10) < 1e-5);
  assert_true(api_difference(features, f->want_features + first * 20, batch * 20) < 1e-5);
}

/* ------------------------------------------------------------------ results */

static void the_model_describes_itself(void **state) {
  const fixture *f = *state;
  assert_int_equal(icn_model_input_count(f->model), 1);
  const icn_tensor_info input = icn_model_input(f->model, 0);
  assert_string_equal(input.name, "x");
  assert_int_equal(input.rank, 4);
  assert_int_equal(input.dim[0], -1);
  assert_int_equal(input.dim[1], 3);
  assert_int_equal(icn_model_output_count(f->model), 2);
  assert_string_equal(icn_model_output_name(f->model, 1), "features");
  assert_null(icn_model_output_name(f->model, 2));
}

static void devices_agree_with_the_reference(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  const icn_input_shape shape = square(2, EDGE);
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    for (int off = 0; off < 2; off++) {
      float scores[20], features[40];
      icn_executor_options options;
      icn_executor_options_init(&options);
      options.disabled_passes = off ? "all" : NULL;
      icn_executor *executor = create(f, icn_context_device(f->context, d), &shape, &options);
      assert_ptr_equal(icn_executor_device(executor), icn_context_device(f->context, d));
      assert_int_equal(icn_executor_input(executor, 0).dim[0], 2);
      assert_string_equal(icn_executor_output(executor, 0).name, "scores");
      assert_int_equal(icn_executor_output(executor, 1).dim[1], 20);
      for (int repeat = 0; repeat < 2; repeat++) {
        memset(scores, 0xFF, sizeof scores);
        run(executor, f->images, scores, features);
        assert_right(f, 0, 2, scores, features);
      }
      icn_executor_destroy(executor);
    }
  }
}

static void a_batch_equals_single_runs(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  float scores[70], features[140], single_scores[10], single_features[20];
  const icn_input_shape seven = square(7, EDGE), one = square(1, EDGE);
  icn_executor *batch = create(f, NULL, &seven, NULL), *single = create(f, NULL, &one, NULL);
  run(batch, f->images, scores, features);
  assert_right(f, 0, 7, scores, features);
  for (size_t i = 0; i < 7; i++) {
    run(single, f->images + i * IMAGE, single_scores, single_features);
    assert_true(api_difference(single_scores, scores + i * 10, 10) < 2e-6);
    assert_true(api_difference(single_features, features + i * 20, 20) < 2e-6);
  }
  icn_executor_destroy(batch);
  icn_executor_destroy(single);
}

/* Each layer by itself, with and without passes; what is asked too early or of the wrong executor is refused. */
/* Half-precision weights: half the bytes, nearly the same results, and each layer right by itself. */
static void weights_can_be_halves(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(2, EDGE);
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_executor_options options;
    icn_executor_options_init(&options);
    options.keep_values = 1;
    icn_executor *floats = create(f, icn_context_device(f->context, d), &shape, &options);
    options.precision = ICN_PRECISION_FP16W;
    icn_executor *halves = create(f, icn_context_device(f->context, d), &shape, &options);
    const double part = (double)icn_executor_memory(halves).weight_bytes / (double)icn_executor_memory(floats).weight_bytes;
    assert_true(part > 0.45 && part < 0.75);
    float scores[2 * 10], features[2 * 20];
    run(halves, f->images, scores, features);
    const double error = fmax(api_difference(scores, f->want_scores, 20), api_difference(features, f->want_features, 40));
    assert_true(error > 1e-6 && error < 5e-3);
    for (size_t i = 0; i < icn_executor_layer_count(halves); i++) {
      icn_layer_check check;
      icn_error problem;
      if (icn_executor_check_layer(halves, i, &check, &problem) != ICN_OK) fail_msg("%s", problem.message);
      assert_int_equal(check.wrong, 0);
    }
    icn_executor_destroy(floats);
    icn_executor_destroy(halves);
  }
}

static void layers_are_checked(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(2, EDGE);
  float scores[20], features[40];
  icn_layer_check check;
  icn_error error;
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    for (int off = 0; off < 2; off++) {
      icn_executor_options options;
      icn_executor_options_init(&options);
      options.disabled_passes = off ? "all" : NULL;
      options.keep_values = 1;
      icn_executor *executor = create(f, icn_context_device(f->context, d), &shape, &options);
      assert_int_equal(icn_executor_check_layer(executor, 0, &check, &error), ICN_STATE);
      run(executor, f->images, scores, features);
      assert_true(icn_executor_layer_count(executor) > 2);
      for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
        if (icn_executor_check_layer(executor, i, &check, &error) != ICN_OK) fail_msg("layer %zu: %s", i, error.message);
        if (check.wrong > 0) fail_msg("layer %zu: %zu elements, %g", i, check.wrong, check.part);
        assert_true(check.part <= 1);
        assert_true(check.error <= 1e-5 * check.largest);
      }
      assert_int_equal(icn_executor_check_layer(executor, icn_executor_layer_count(executor), &check, &error), ICN_ARGUMENT);
      icn_executor_destroy(executor);
    }
  }
  assert_int_equal(icn_executor_check_layer(NULL, 0, &check, &error), ICN_ARGUMENT);
  const icn_device *reference = NULL;
  assert_int_equal(icn_context_find_device(f->context, "reference", &reference, &error), ICN_OK);
  icn_executor *plain = create(f, reference, &shape, NULL);
  assert_int_equal(icn_executor_check_layer(plain, 0, &check, &error), ICN_UNSUPPORTED);
  icn_executor_destroy(plain);
}

static void cores_do_not_change_results(void **state) {
  const fixture *f = *state;
  float scores[10], features[20];
  const icn_input_shape shape = square(1, EDGE);
  size_t limited = 0;
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    icn_executor_options options;
    icn_executor *executor = NULL;
    icn_error error;
    icn_executor_options_init(&options);
    options.device = icn_context_device(f->context, d);
    options.shapes = &shape;
    options.shape_count = 1;
    options.cores = 1;
    const icn_status status = icn_executor_create(f->model, &options, &executor, &error);
    if (status == ICN_UNSUPPORTED) continue;
    if (status != ICN_OK) fail_msg("%s", error.message);
    run(executor, f->images, scores, features);
    assert_right(f, 0, 1, scores, features);
    icn_executor_destroy(executor);
    limited++;
  }
  if (limited == 0) skip();
}

static void unwanted_outputs_are_left_out(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(1, EDGE);
  const icn_device *const devices[] = {f->reference, icn_context_device(f->context, 0)};
  for (size_t d = 0; d < 2; d++) {
    if (devices[d] == NULL) continue;
    float features[20];
    icn_executor *executor = create(f, devices[d], &shape, NULL);
    run(executor, f->images, NULL, features);
    assert_true(api_difference(features, f->want_features, 20) < 1e-5);
    icn_executor_destroy(executor);
  }
}

static void nan_and_infinity_crash_nothing(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  float scores[10], features[20], *image = malloc(IMAGE * sizeof *image);
  assert_non_null(image);
  memcpy(image, f->images, IMAGE * sizeof *image);
  image[0] = NAN;
  image[1000] = INFINITY;
  const icn_input_shape shape = square(1, EDGE);
  icn_executor *executor = create(f, NULL, &shape, NULL);
  run(executor, image, scores, features);
  assert_true(isnan(features[0]));
  run(executor, f->images, scores, features); /* nothing of it stays */
  assert_right(f, 0, 1, scores, features);
  icn_executor_destroy(executor);
  free(image);
}

/* ------------------------------------------------------------------ sharing */

static void shapes_and_batches_share_weights(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  const icn_input_shape shapes[] = {square(1, EDGE), square(4, EDGE), square(2, 48)};
  icn_executor *executors[3];
  assert_int_equal(icn_model_weight_bytes(f->model), 0);
  uint64_t first = 0, sum = 0;
  for (size_t i = 0; i < 3; i++) {
    /* one row for all, so that the packed weights are the same */
    icn_executor_options options;
    icn_executor_options_init(&options);
    executors[i] = create(f, NULL, &shapes[i], &options);
    sum += icn_executor_memory(executors[i]).weight_bytes;
    if (i == 0) first = icn_model_weight_bytes(f->model);
  }
  assert_true(first > 0);
  assert_true(sum >= 3 * first);
  assert_int_equal(icn_model_weight_bytes(f->model), first);
  icn_executor_destroy(executors[0]); /* the others keep what it uploaded */
  float scores[40], features[80];
  run(executors[1], f->images, scores, features);
  assert_right(f, 0, 4, scores, features);
  icn_executor_destroy(executors[1]);
  assert_int_equal(icn_model_weight_bytes(f->model), first);
  icn_executor_destroy(executors[2]);
  assert_int_equal(icn_model_weight_bytes(f->model), 0);
}

typedef struct worker {
  const fixture *f;
  size_t number;
  bool right;
} worker;

/* cmocka's assertions belong to the main thread, so a worker only tells. */
static void *work(void *argument) {
  worker *w = argument;
  const icn_input_shape shape = square(1, EDGE);
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  for (int round = 0; round < 3; round++) {
    icn_executor *executor = NULL;
    icn_error error;
    if (icn_executor_create(w->f->model, &options, &executor, &error) != ICN_OK) return NULL;
    for (size_t i = 0; i < 5; i++) {
      float scores[10], features[20];
      const size_t image = (w->number + i) % MAX_BATCH;
      const float *input = w->f->images + image * IMAGE;
      float *outputs[] = {scores, features};
      if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) return NULL;
      if (!(api_difference(scores, w->f->want_scores + image * 10, 10) < 1e-5)) return NULL;
    }
    icn_executor_destroy(executor);
  }
  w->right = true;
  return NULL;
}

static void threads_have_their_own_executors(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  enum { THREADS = 3 };
  pthread_t threads[THREADS];
  worker workers[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){f, i, false};
    assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (size_t i = 0; i < THREADS; i++) assert_true(workers[i].right);
  assert_int_equal(icn_model_weight_bytes(f->model), 0);
}

/* A context, a model and an executor of its own for each thread: nothing in the process is shared. */
static void *work_alone(void *argument) {
  worker *w = argument;
  icn_error error;
  icn_context *context = NULL;
  icn_model *model = NULL;
  icn_executor *executor = NULL;
  icn_executor_options options;
  float scores[10], features[20], *outputs[] = {scores, features};
  const float *input = w->f->images + w->number * IMAGE;
  const icn_input_shape shape = square(1, EDGE);
  icn_executor_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  icn_status status = icn_context_create(NULL, &context, &error);
  if (status == ICN_OK) status = icn_model_load_memory(context, w->f->file.data, w->f->file.bytes, &model, &error);
  if (status == ICN_OK) status = icn_executor_create(model, &options, &executor, &error);
  if (status == ICN_OK) status = icn_executor_run(executor, &input, outputs, &error);
  w->right = status == ICN_OK && api_difference(scores, w->f->want_scores + w->number * 10, 10) < 1e-5;
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return NULL;
}

static void threads_have_their_own_contexts(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  worker workers[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){f, i, false};
    assert_int_equal(pthread_create(&threads[i], NULL, work_alone, &workers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (size_t i = 0; i < THREADS; i++) assert_true(workers[i].right);
}

/* ---------------------------------------------------------------------- runs */

static void one_run_at_a_time(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(1, EDGE);
  const icn_device *const devices[] = {f->reference, icn_context_device(f->context, 0)};
  for (size_t d = 0; d < 2; d++) {
    if (devices[d] == NULL) continue;
    icn_error error;
    icn_run *first = NULL, *second = NULL;
    float scores[10], features[20], *outputs[] = {scores, features};
    const float *input = f->images;
    icn_executor *executor = create(f, devices[d], &shape, NULL);
    assert_int_equal(icn_executor_submit(executor, &input, outputs, &first, &error), ICN_OK);
    assert_int_equal(icn_executor_submit(executor, &input, outputs, &second, &error), ICN_STATE);
    assert_null(second);
    assert_int_equal(icn_run_wait(first, &error), ICN_OK);
    assert_int_equal(icn_run_wait(first, &error), ICN_OK); /* twice is allowed */
    assert_right(f, 0, 1, scores, features);
    assert_int_equal(icn_executor_submit(executor, &input, outputs, &second, &error), ICN_OK);
    icn_run_destroy(second); /* without waiting */
    icn_run_destroy(first);
    run(executor, f->images, scores, features);
    icn_executor_destroy(executor);
  }
}

static void values_are_read_by_name(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  const icn_input_shape shape = square(2, EDGE);
  icn_executor_options options;
  icn_error error;
  float scores[20], features[40];
  icn_executor_options_init(&options);
  options.keep_values = 1;
  icn_executor *want = create(f, f->reference, &shape, &options), *got = create(f, NULL, &shape, &options);
  float *a = malloc(2 * 20 * 17 * 17 * 4 * sizeof *a), *b = malloc(2 * 20 * 17 * 17 * 4 * sizeof *b);
  assert_non_null(a);
  assert_non_null(b);
  assert_true(icn_executor_value_count(got) > 0);
  assert_int_equal(icn_executor_read_value(got, 0, a, &error), ICN_STATE);
  run(want, f->images, scores, features);
  run(got, f->images, scores, features);
  size_t compared = 0, joined = 0;
  for (size_t i = 0; i < icn_executor_value_count(got); i++) {
    const icn_tensor_info info = icn_executor_value(got, i);
    for (size_t j = 0; j < icn_executor_value_count(want); j++) {
      const icn_tensor_info other = icn_executor_value(want, j);
      if (strcmp(info.name, other.name) != 0) continue;
      size_t count = 1;
      assert_int_equal(info.rank, other.rank);
      for (int k = 0; k < info.rank; k++) {
        assert_int_equal(info.dim[k], other.dim[k]);
        count *= (size_t)info.dim[k];
      }
      assert_int_equal(icn_executor_read_value(got, i, a, &error), ICN_OK);
      assert_int_equal(icn_executor_read_value(want, j, b, &error), ICN_OK);
      if (!(api_difference(a, b, count) < 1e-5)) fail_msg("value '%s' differs by %g", info.name, api_difference(a, b, count));
      compared++;
      joined += strcmp(info.name, "joined") == 0;
    }
  }
  assert_true(compared >= 4);
  assert_int_equal(joined, 1);
  assert_int_equal(icn_executor_read_value(got, 10000, a, &error), ICN_ARGUMENT);
  free(a);
  free(b);
  icn_executor_destroy(want);
  icn_executor_destroy(got);
}

static void values_are_not_kept_unasked(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(1, EDGE);
  icn_executor *executor = create(f, f->reference, &shape, NULL);
  icn_error error;
  float scores[10], features[20], value[8 * EDGE * EDGE];
  run(executor, f->images, scores, features);
  assert_int_equal(icn_executor_read_value(executor, 0, value, &error), ICN_STATE);
  icn_executor_destroy(executor);
}

static void layers_are_described_and_timed(void **state) {
  const fixture *f = *state;
  const icn_input_shape shape = square(1, EDGE);
  const icn_device *const devices[] = {f->reference, icn_context_device(f->context, 0)};
  for (size_t d = 0; d < 2; d++) {
    if (devices[d] == NULL) continue;
    icn_executor_options options;
    float scores[10], features[20];
    icn_executor_options_init(&options);
    options.profile = 1;
    icn_executor *executor = create(f, devices[d], &shape, &options);
    run(executor, f->images, scores, features);
    double flop = 0, seconds = 0;
    assert_true(icn_executor_layer_count(executor) >= 5);
    for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
      const icn_layer_info layer = icn_executor_layer(executor, i);
      assert_true(strlen(layer.name) > 0 && strlen(layer.problem) > 0 && strlen(layer.row) > 0);
      assert_true(layer.seconds >= 0);
      flop += layer.flop;
      seconds += layer.seconds;
    }
    assert_true(flop > 2.0 * 8 * 27 * 17 * 17);
    assert_true(seconds > 0 && seconds < 60);
    icn_executor_destroy(executor);
  }
}

/* -------------------------------------------------------------------- misuse */

static void expect_refusal(const fixture *f, const icn_executor_options *options, icn_status want, const char *words) {
  icn_executor *executor = NULL;
  icn_error error;
  const icn_status status = icn_executor_create(f->model, options, &executor, &error);
  assert_null(executor);
  if (status != want || strstr(error.message, words) == NULL) fail_msg("%s: '%s'", icn_status_name(status), error.message);
}

static void a_device_of_another_context_is_refused(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  icn_context *other = api_context();
  const icn_input_shape shape = square(1, EDGE);
  icn_executor_options options;
  icn_executor_options_init(&options);
  options.device = icn_context_device(other, 0);
  options.shapes = &shape;
  options.shape_count = 1;
  expect_refusal(f, &options, ICN_ARGUMENT, "context");
  icn_context_destroy(other);
}

static void options_are_checked(void **state) {
  const fixture *f = *state;
  icn_input_shape shape = square(1, EDGE);
  icn_executor_options good, options;
  icn_executor_options_init(&good);
  good.device = f->reference;
  good.shapes = &shape;
  good.shape_count = 1;
  options = good;
  options.struct_bytes = 0;
  expect_refusal(f, &options, ICN_ARGUMENT, "icn_executor_options_init");
  options = good;
  options.batch = -3;
  expect_refusal(f, &options, ICN_ARGUMENT, "-3");
  options = good;
  options.shapes = NULL;
  expect_refusal(f, &options, ICN_ARGUMENT, "NULL");
  options = good;
  options.precision = ICN_PRECISION_FP16;
  expect_refusal(f, &options, ICN_UNSUPPORTED, "reserved");
  options.precision = (icn_precision)77;
  expect_refusal(f, &options, ICN_ARGUMENT, "77");
  options = good;
  options.self_test = (icn_self_test)66;
  expect_refusal(f, &options, ICN_ARGUMENT, "66");
  options = good;
  options.disabled_passes = "no_such_pass";
  expect_refusal(f, &options, ICN_ARGUMENT, "concat_view");
  options = good;
  options.forced_rows = "no_such_row";
  expect_refusal(f, &options, ICN_ARGUMENT, "no_such_row");
  expect_refusal(f, &options, ICN_ARGUMENT, "plan --why");
  options = good;
  options.cores = 1000;
  expect_refusal(f, &options, ICN_ARGUMENT, "1000");
  options = good;
  shape.name = "no_such_input";
  expect_refusal(f, &options, ICN_ARGUMENT, "no_such_input");
  shape = square(1, EDGE);
  shape.dim[1] = 5; /* the model says 3 */
  expect_refusal(f, &options, ICN_ARGUMENT, "x");
  options.shape_count = 0; /* height and width stay open */
  expect_refusal(f, &options, ICN_ARGUMENT, "x");
}

static void null_is_refused_everywhere(void **state) {
  const fixture *f = *state;
  icn_error error;
  icn_executor *executor = NULL;
  icn_model *model = NULL;
  icn_run *started = NULL;
  const icn_input_shape shape = square(1, EDGE);
  const float *input = f->images, *missing = NULL;
  float scores[10], features[20], *outputs[] = {scores, features};
  assert_int_equal(icn_model_load(NULL, "x", &model, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_load(f->context, NULL, &model, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_load(f->context, "x", NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_load_memory(f->context, NULL, 1, &model, &error), ICN_ARGUMENT);
  assert_int_equal(icn_model_load_memory(f->context, "", 0, &model, &error), ICN_FORMAT);
  assert_int_equal(icn_executor_create(NULL, NULL, &executor, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_create(f->model, NULL, NULL, &error), ICN_ARGUMENT);
  executor = create(f, f->reference, &shape, NULL);
  assert_int_equal(icn_executor_submit(NULL, &input, outputs, &started, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_submit(executor, NULL, outputs, &started, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_submit(executor, &missing, outputs, &started, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "'x'"));
  assert_int_equal(icn_executor_submit(executor, &input, NULL, &started, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_submit(executor, &input, outputs, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_read_value(executor, 0, NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_read_value(NULL, 0, scores, &error), ICN_ARGUMENT);
  assert_int_equal(icn_run_wait(NULL, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_input(executor, 7).rank, -1);
  assert_int_equal(icn_executor_input_count(NULL) + icn_executor_output_count(NULL) + icn_executor_layer_count(NULL), 0);
  icn_run_destroy(NULL);
  icn_executor_destroy(NULL);
  icn_model_destroy(NULL);
  icn_executor_destroy(executor);
}

static void broken_models_leave_a_sentence(void **state) {
  const fixture *f = *state;
  icn_error error;
  icn_model *model = NULL;
  assert_int_equal(icn_model_load(f->context, "/no/such/model.onnx", &model, &error), ICN_IO);
  assert_non_null(strstr(error.message, "/no/such/model.onnx"));
  assert_null(model);
  assert_int_equal(icn_model_load(f->context, "/", &model, &error), ICN_IO);
  assert_int_equal(icn_model_load(f->context, "builtin:no_such_network", &model, &error), ICN_ARGUMENT);
  assert_non_null(strstr(error.message, "inception_v3"));
  static const char NOISE[] = "this is not a model, it is a line of English text";
  assert_int_equal(icn_model_load_memory(f->context, NOISE, sizeof NOISE, &model, &error), ICN_FORMAT);
  assert_true(strlen(error.message) > 0);
}

static void plans_and_sources_are_text(void **state) {
  const fixture *f = *state;
  icn_error error;
  char *text = NULL, *record = NULL;
  const icn_input_shape shape = square(1, EDGE);
  icn_plan_options options;
  icn_plan_options_init(&options);
  options.shapes = &shape;
  options.shape_count = 1;
  options.device = f->reference;
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_UNSUPPORTED);
  options.device = NULL;
  if (icn_context_device_count(f->context) == 0) skip();
  const icn_device *device = icn_context_device(f->context, 0);
  if (icn_device_record(device, f->context, &record, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_non_null(strstr(record, "\nflop_per_second: "));
  assert_null(strstr(record, "_per_second: 0\n")); /* measured */
  options.device_text = record;
  options.why = 1;
  if (icn_model_plan(f->model, &options, &text, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_non_null(strstr(text, "conv1"));
  icn_text_destroy(f->context, text);
  options.device = device;
  assert_int_equal(icn_model_plan(f->model, &options, &text, &error), ICN_ARGUMENT);
  icn_text_destroy(f->context, record);
  assert_int_equal(icn_model_plan(NULL, &options, &text, &error), ICN_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_model_describes_itself),
      cmocka_unit_test(devices_agree_with_the_reference),
      cmocka_unit_test(a_batch_equals_single_runs),
      cmocka_unit_test(weights_can_be_halves),
      cmocka_unit_test(layers_are_checked),
      cmocka_unit_test(cores_do_not_change_results),
      cmocka_unit_test(unwanted_outputs_are_left_out),
      cmocka_unit_test(nan_and_infinity_crash_nothing),
      cmocka_unit_test(shapes_and_batches_share_weights),
      cmocka_unit_test(threads_have_their_own_executors),
      cmocka_unit_test(threads_have_their_own_contexts),
      cmocka_unit_test(one_run_at_a_time),
      cmocka_unit_test(values_are_read_by_name),
      cmocka_unit_test(values_are_not_kept_unasked),
      cmocka_unit_test(layers_are_described_and_timed),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(a_device_of_another_context_is_refused),
      cmocka_unit_test(null_is_refused_everywhere),
      cmocka_unit_test(broken_models_leave_a_sentence),
      cmocka_unit_test(plans_and_sources_are_text),
  };
  return cmocka_run_group_tests_name("executor", tests, set_up, tear_down);
}
