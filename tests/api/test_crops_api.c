/* icn_classify_crops: the mean of what the crops give one by one, whatever the executor's batch; logits and probabilities. */
#include <math.h>

#include "source.h"
#include "support/icn_test.h"

enum { SIDE = 8, CLASSES = 3, VALUES = 3 * SIDE * SIDE };

static icn_context *context;
static icn_model *model;
static icn_image *image;

static const char *data_path(const char *name, char path[1024]) {
  snprintf(path, 1024, "%s/%s", getenv("ICN_TEST_DATA"), name);
  return path;
}

static int setup(void **state) {
  (void)state;
  char path[1024];
  icn_error error;
  if (icn_context_create(NULL, &context, &error) != ICN_OK) return -1;
  if (icn_model_load(context, data_path("tool/colours.onnx", path), &model, &error) != ICN_OK) return -1;
  return icn_image_load(context, data_path("images/picture.png", path), &image, &error) == ICN_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  icn_image_destroy(image);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return 0;
}

static icn_executor *executor_of(int64_t batch) {
  icn_executor *executor;
  icn_executor_options options;
  icn_error error;
  icn_executor_options_init(&options);
  options.batch = batch;
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

/* By a batch of one, crop by crop. */
static void mean_of_crops(int crops, const icn_preprocess *recipe, double mean[CLASSES]) {
  icn_executor *executor = executor_of(1);
  float tensor[VALUES], scores[CLASSES];
  for (int c = 0; c < CLASSES; c++) mean[c] = 0.0;
  for (int k = 0; k < crops; k++) {
    assert_int_equal(icn_image_to_crops(image, recipe, crops, k, 1, SIDE, SIDE, tensor, NULL), ICN_OK);
    assert_int_equal(icn_executor_run(executor, &(const float *){tensor}, &(float *){scores}, NULL), ICN_OK);
    for (int c = 0; c < CLASSES; c++) mean[c] += (double)scores[c] / crops;
  }
  icn_executor_destroy(executor);
}

static void the_mean_in_any_batch(void **state) {
  (void)state;
  static const int kinds[] = {1, 5, 10, 12, 144}, batches[] = {1, 5, 7, 12};
  icn_preprocess recipe;
  assert_int_equal(icn_preprocess_init(&recipe, "torchvision", NULL), ICN_OK);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    double mean[CLASSES];
    mean_of_crops(kinds[i], &recipe, mean);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
      icn_executor *executor = executor_of(batches[b]);
      icn_class top[CLASSES];
      size_t count = CLASSES;
      icn_error error;
      if (icn_classify_crops(executor, image, &recipe, kinds[i], ICN_SCORES_AUTO, top, &count, &error) != ICN_OK)
        fail_msg("%d crops, batch %d: %s", kinds[i], batches[b], error.message);
      assert_int_equal(count, CLASSES);
      for (size_t k = 0; k < count; k++) {
        assert_true(k == 0 || top[k].score <= top[k - 1].score);
        if (fabs(mean[top[k].index] - (double)top[k].score) > 2e-6)
          fail_msg("%d crops, batch %d: class %d has %g, not %g", kinds[i], batches[b], top[k].index, (double)top[k].score,
                   mean[top[k].index]);
      }
      icn_executor_destroy(executor);
    }
  }
}

static void logits_become_probabilities(void **state) {
  (void)state;
  icn_executor *executor = executor_of(5);
  icn_class top[CLASSES], soft[CLASSES];
  size_t count = CLASSES;
  icn_class_output output;
  assert_int_equal(icn_executor_class_output(executor, &output, NULL), ICN_OK);
  assert_int_equal(output.batch, 5);
  assert_int_equal(output.classes, CLASSES);
  assert_int_equal(output.scores, ICN_SCORES_PROBABILITIES); /* it ends in a softmax */
  assert_int_equal(icn_classify_crops(executor, image, NULL, 1, ICN_SCORES_PROBABILITIES, top, &count, NULL), ICN_OK);
  assert_int_equal(icn_classify_crops(executor, image, NULL, 1, ICN_SCORES_LOGITS, soft, &count, NULL), ICN_OK);
  double sum = 0.0;
  for (int k = 0; k < CLASSES; k++) sum += exp((double)top[k].score);
  for (int k = 0; k < CLASSES; k++) {
    assert_int_equal(top[k].index, soft[k].index);
    assert_true(fabs(exp((double)top[k].score) / sum - (double)soft[k].score) < 1e-6);
  }
  icn_executor_destroy(executor);
}

static void what_cannot_be(void **state) {
  (void)state;
  icn_executor *executor = executor_of(2);
  icn_class top[CLASSES];
  size_t count = CLASSES;
  icn_error error;
  assert_int_equal(icn_classify(executor, image, NULL, top, &count, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "batch is 2"));
  assert_int_equal(icn_classify_crops(executor, image, NULL, 11, ICN_SCORES_AUTO, top, &count, &error), ICN_ARGUMENT);
  assert_int_equal(icn_classify_crops(executor, image, NULL, 10, (icn_scores)7, top, &count, &error), ICN_ARGUMENT);
  assert_int_equal(icn_classify_crops(NULL, image, NULL, 10, ICN_SCORES_AUTO, top, &count, &error), ICN_ARGUMENT);
  assert_int_equal(icn_classify_crops(executor, NULL, NULL, 10, ICN_SCORES_AUTO, top, &count, &error), ICN_ARGUMENT);
  assert_int_equal(icn_executor_class_output(NULL, NULL, &error), ICN_ARGUMENT);
  icn_executor_destroy(executor);
}

/* By the node that makes the output, through nodes that only rearrange. */
static void what_ends_in_a_softmax(void **state) {
  (void)state;
  static const char *const in[][1] = {{"x"}, {"a"}, {"b"}, {"b"}, {"loop"}};
  static const char *const out[][1] = {{"a"}, {"b"}, {"soft"}, {"linear"}, {"loop"}};
  static const char *const ops[] = {"Softmax", "Reshape", "Identity", "Relu", "Identity"};
  icn_source_node nodes[5] = {{0}};
  for (int i = 0; i < 5; i++) {
    nodes[i] = (icn_source_node){.op = ops[i],
                                 .inputs = (const char **)(uintptr_t)in[i],
                                 .input_count = 1,
                                 .outputs = (const char **)(uintptr_t)out[i],
                                 .output_count = 1};
  }
  const icn_source source = {.nodes = nodes, .node_count = 5};
  assert_true(icn_source_is_probability(&source, "a"));
  assert_true(icn_source_is_probability(&source, "soft"));
  assert_false(icn_source_is_probability(&source, "linear"));
  assert_false(icn_source_is_probability(&source, "x"));
  assert_false(icn_source_is_probability(&source, "loop"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_mean_in_any_batch),
      cmocka_unit_test(logits_become_probabilities),
      cmocka_unit_test(what_cannot_be),
      cmocka_unit_test(what_ends_in_a_softmax),
  };
  return cmocka_run_group_tests_name("crops_api", tests, setup, teardown);
}
