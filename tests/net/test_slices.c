/* A batch in slices on real devices: the first layers run once for each image, the results are those of the batch as a whole, a second run
 * and profiling change nothing. On the built-in Inception-v3, large enough for its activations to leave a core's cache. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "clinception/clinception.h"
#include "support/icn_test.h"

enum { CLASSES = 10, SIDE = 139, INPUT = 3 * SIDE * SIDE, BATCH = 4 };

typedef struct fixture {
  icn_context *context;
  icn_model *model;
  float images[BATCH * INPUT];
} fixture;

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  if (icn_context_create(NULL, &f.context, &error) != ICN_OK) return -1;
  if (icn_model_load(f.context, "builtin:inception_v3:input=139,classes=10", &f.model, &error) != ICN_OK) return -1;
  for (size_t i = 0; i < BATCH * INPUT; i++) f.images[i] = (float)((i * 7919 + i / INPUT * 31) % 256) / 255.0F;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_model_destroy(f->model);
  icn_context_destroy(f->context);
  return 0;
}

/* On one core, so that caches are small on every machine; NULL where the device cannot be divided. */
static icn_executor *create(const fixture *f, const icn_device *device, int64_t batch, const char *passes_off, bool profile, bool keep) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  icn_executor_options_init(&options);
  options.device = device;
  options.batch = batch;
  options.cores = 1;
  options.disabled_passes = passes_off;
  options.profile = profile;
  options.keep_values = keep;
  const icn_status status = icn_executor_create(f->model, &options, &executor, &error);
  if (status != ICN_OK && status != ICN_UNSUPPORTED) fail_msg("%s", error.message);
  return executor;
}

static void run(const fixture *f, icn_executor *executor, float *scores) {
  icn_error error;
  const float *input = f->images;
  if (icn_executor_run(executor, &input, &scores, &error) != ICN_OK) fail_msg("%s", error.message);
}

static size_t sliced_layers(const icn_executor *executor, bool timed) {
  size_t sliced = 0;
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
    const icn_layer_info layer = icn_executor_layer(executor, i);
    assert_true(layer.runs == 1 || layer.runs == BATCH);
    assert_true(!timed || layer.seconds > 0);
    if (layer.runs > 1) assert_int_equal(sliced, i); /* the first ones */
    sliced += layer.runs > 1;
  }
  return sliced;
}

static void assert_close(const float *got, const float *want) {
  for (int i = 0; i < BATCH * CLASSES; i++)
    if (!(fabsf(got[i] - want[i]) <= 2e-6F)) fail_msg("score %d is %.9g, expected %.9g", i, (double)got[i], (double)want[i]);
}

static void check_device(const fixture *f, const icn_device *device) {
  float whole[BATCH * CLASSES], sliced[BATCH * CLASSES], again[BATCH * CLASSES];
  icn_executor *off = create(f, device, BATCH, "slice_batch", false, false), *on = create(f, device, BATCH, NULL, false, false);
  icn_executor *timed = create(f, device, BATCH, NULL, true, false), *kept = create(f, device, BATCH, NULL, false, true);
  run(f, off, whole);
  run(f, on, sliced);
  run(f, on, again);
  assert_close(sliced, whole);
  assert_memory_equal(sliced, again, sizeof sliced);
  run(f, timed, again);
  assert_memory_equal(sliced, again, sizeof sliced);
  assert_int_equal(sliced_layers(off, false), 0);
  assert_int_equal(sliced_layers(kept, false), 0); /* whose every value can be read, of all images */
  const size_t layers = sliced_layers(on, false), count = icn_executor_layer_count(on);
  assert_true(layers > 0 && layers < count);
  assert_int_equal(sliced_layers(timed, true), layers);
  assert_true(icn_executor_memory(on).arena_bytes < icn_executor_memory(off).arena_bytes);
  print_message("%s: %zu of %zu layers in slices, activations %.1f instead of %.1f MiB\n", icn_device_get_info(device).name, layers, count,
                (double)icn_executor_memory(on).arena_bytes / 1048576, (double)icn_executor_memory(off).arena_bytes / 1048576);
  icn_executor_destroy(off);
  icn_executor_destroy(on);
  icn_executor_destroy(timed);
  icn_executor_destroy(kept);
}

static void slices_agree_with_the_whole_batch(void **state) {
  const fixture *f = *state;
  size_t checked = 0;
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    const icn_device *device = icn_context_device(f->context, d);
    if (icn_device_get_info(device).kind != ICN_DEVICE_CPU) continue;
    icn_executor *possible = create(f, device, 1, NULL, false, false);
    if (possible == NULL) continue;
    icn_executor_destroy(possible);
    check_device(f, device);
    checked++;
  }
  if (checked == 0) skip();
}

/* What goes in and comes out is the whole batch, and each image's result is its own: as near as two plans with other tiles come, which is
 * what the network's probabilities may be off. */
static void images_keep_their_places(void **state) {
  fixture *f = *state;
  size_t checked = 0;
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    const icn_device *device = icn_context_device(f->context, d);
    float scores[BATCH * CLASSES], alone[CLASSES];
    icn_executor *batch = create(f, device, BATCH, NULL, false, false), *single = create(f, device, 1, NULL, false, false);
    if (batch == NULL || single == NULL) {
      icn_executor_destroy(batch);
      icn_executor_destroy(single);
      continue;
    }
    checked++;
    assert_int_equal(icn_executor_input(batch, 0).dim[0], BATCH);
    assert_int_equal(icn_executor_output(batch, 0).dim[0], BATCH);
    run(f, batch, scores);
    for (int c = 0, same = 0; c < CLASSES; c++) { /* or else places would not matter */
      same += fabsf(scores[c] - scores[CLASSES + c]) < 1e-4F;
      assert_true(same < CLASSES);
    }
    for (size_t i = 0; i < BATCH; i++) {
      const float *image = f->images + i * INPUT;
      float *to = alone;
      icn_error error;
      if (icn_executor_run(single, &image, &to, &error) != ICN_OK) fail_msg("%s", error.message);
      for (int c = 0; c < CLASSES; c++)
        if (!(fabsf(alone[c] - scores[i * CLASSES + (size_t)c]) <= 5e-6F))
          fail_msg("image %zu: score %d is %.9g, alone %.9g", i, c, (double)scores[i * CLASSES + (size_t)c], (double)alone[c]);
    }
    icn_executor_destroy(batch);
    icn_executor_destroy(single);
  }
  if (checked == 0) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_agree_with_the_whole_batch),
      cmocka_unit_test(images_keep_their_places),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
