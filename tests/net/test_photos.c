/* From the original pictures to probabilities: decoding, orientation, resizing, the network, on every device. */
#include <math.h>

#include <clinception/clinception.h>

#include "support/icn_test.h"

enum { CLASSES = 5 };

/* JPEG decoders differ by rounding, so their limit is wider. A wrong channel order or resize gives up to 0.33. */
static const struct {
  const char *name, *file;
  double limit;
} photos[] = {
    {"cat_720p", "cat_720p.jpg", 0.05},
    {"drawing", "drawing.png", 0.02},
    {"grace_hopper", "grace_hopper.bmp", 0.02},
    {"hot_dog", "hot_dog.jpg", 0.05},
    {"parrot", "parrot.jpg", 0.05},
    {"sunflower", "sunflower.bmp", 0.02},
    {"kite_and_cold", "kite_and_cold.jpg", 0.05},
};

static void read_expected(const char *name, float probabilities[CLASSES]) {
  char relative[256], path[1024];
  snprintf(relative, sizeof relative, "expected/%s.probabilities.1x5.f32", name);
  assert_non_null(icn_test_shared(relative, path, sizeof path));
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fread(probabilities, sizeof(float), CLASSES, file), CLASSES);
  fclose(file);
}

/* The largest difference of the five probabilities. */
static double classify(icn_context *context, icn_executor *executor, const char *name, const char *file) {
  char relative[256], path[1024];
  icn_error error;
  icn_image *image;
  icn_class top[CLASSES + 1];
  size_t count = CLASSES + 1;
  float expected[CLASSES];
  double largest = 0.0;
  snprintf(relative, sizeof relative, "images/%s", file);
  assert_non_null(icn_test_shared(relative, path, sizeof path));
  if (icn_image_load(context, path, &image, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_classify(executor, image, NULL, top, &count, &error) != ICN_OK) fail_msg("%s: %s", file, error.message);
  icn_image_destroy(image);
  assert_int_equal(count, CLASSES);
  read_expected(name, expected);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) assert_true(top[i].score <= top[i - 1].score);
    largest = fmax(largest, fabs((double)top[i].score - (double)expected[top[i].index]));
  }
  return largest;
}

static void original_photos_are_classified(void **state) {
  (void)state;
  char path[1024];
  icn_error error;
  icn_context *context;
  icn_model *model;
  if (icn_test_shared("models/inception_v3_moderation.onnx", path, sizeof path) == NULL) {
    print_message("skipped: the shared model is not there\n");
    skip();
  }
  if (icn_context_create(NULL, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_model_load(context, path, &model, &error) != ICN_OK) fail_msg("%s", error.message);
  assert_true(icn_context_device_count(context) > 0);
  for (size_t d = 0; d < icn_context_device_count(context); d++) {
    icn_executor *executor;
    icn_executor_options options;
    icn_executor_options_init(&options);
    options.device = icn_context_device(context, d);
    if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < sizeof photos / sizeof photos[0]; i++) {
      double difference = classify(context, executor, photos[i].name, photos[i].file);
      print_message("== %s on device %zu: probabilities within %.5f (limit %.2f)\n", photos[i].file, d, difference, photos[i].limit);
      if (!(difference <= photos[i].limit)) fail_msg("%s differs by %g", photos[i].file, difference);
    }
    icn_executor_destroy(executor);
  }
  icn_model_destroy(model);
  icn_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(original_photos_are_classified)};
  return cmocka_run_group_tests_name("photos", tests, NULL, NULL);
}
