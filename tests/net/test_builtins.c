/* Every built-in network, small, on every device: each output is the reference's, each layer is right by itself, values keep their range,
 * and what comes out depends on the picture. Narrow layers have channel counts that divide by nothing. */
#include <math.h>

#include "clinception/clinception.h"
#include "support/icn_test.h"

enum { CLASSES = 7, BATCH = 2, MOST_OUTPUTS = 3, LARGEST_SIDE = 128, MOST_FLOATS = BATCH * 3 * LARGEST_SIDE * LARGEST_SIDE };

static const struct {
  const char *spec;
  size_t outputs;
} NETWORKS[] = {
    {"builtin:googlenet:input=64,width=0.1,classes=7,aux=1", 3},
    {"builtin:googlenet_bn:input=72,width=0.1,classes=7,aux=1", 3},
    {"builtin:googlenet_bn:input=64,width=0.1,classes=7,aux=1,aux_bn=1", 3},
    {"builtin:bn_inception:input=65,width=0.1,classes=7", 1},
    {"builtin:bn_inception:input=64,width=0.1,classes=7,separable=0", 1},
    {"builtin:inception_v2:input=91,width=0.1,classes=7", 1},
    {"builtin:inception_v2:input=91,width=0.1,classes=7,first_7x7=1", 1},
    {"builtin:inception_v3:input=79,width=0.1,classes=7,aux=1", 2},
    {"builtin:inception_v3:input=79,width=0.1,classes=7,aux=1,aux_bn=0", 2},
    {"builtin:inception_v3:input=96,width=0.1,classes=7,first_stride=1,first_pool=1", 1},
    {"builtin:inception_28:width=0.5,classes=7,aux=1", 2},
};

typedef struct fixture {
  icn_context *context;
  float image[MOST_FLOATS];
} fixture;

typedef float scores[MOST_OUTPUTS][BATCH * CLASSES];

/* The first picture is smooth, the second one noise. */
static void fill_pictures(float *image, int64_t floats) {
  uint32_t seed = 1;
  for (int64_t i = 0; i < floats; i++) {
    seed = seed * 1664525U + 1013904223U;
    image[i] = i < floats / BATCH ? 0.5F + 0.4F * sinf((float)i * 0.013F) : (float)(seed >> 8) / 16777216.0F;
  }
}

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  if (icn_context_create(NULL, &f.context, &error) != ICN_OK) return -1;
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_context_destroy(f->context);
  return 0;
}

static icn_executor *run(fixture *f, icn_model *model, const icn_device *device, const char *rows, scores got) {
  icn_executor_options options;
  icn_executor *executor = NULL;
  icn_error error;
  const float *input = f->image;
  float *outputs[MOST_OUTPUTS] = {got[0], got[1], got[2]};
  icn_executor_options_init(&options);
  options.device = device;
  options.batch = BATCH;
  options.forced_rows = rows;
  options.keep_values = 1;
  if (icn_executor_create(model, &options, &executor, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_executor_run(executor, &input, outputs, &error) != ICN_OK) fail_msg("%s", error.message);
  return executor;
}

/* Probabilities, other ones for the other picture. */
static void check_outputs(const char *spec, const icn_executor *executor, scores got) {
  for (size_t o = 0; o < icn_executor_output_count(executor); o++) {
    float difference = 0;
    assert_int_equal(icn_executor_output(executor, o).dim[1], CLASSES);
    for (int b = 0; b < BATCH; b++) {
      float sum = 0;
      for (int k = 0; k < CLASSES; k++) sum += got[o][b * CLASSES + k];
      assert_true(fabsf(sum - 1) < 1e-5F);
    }
    for (int k = 0; k < CLASSES; k++) difference = fmaxf(difference, fabsf(got[o][k] - got[o][CLASSES + k]));
    if (difference < 1e-3F) fail_msg("%s: output %zu is the same for every picture", spec, o);
  }
}

/* The standard deviation of each value of the network that has enough elements to speak of one. */
static void check_range(const char *spec, icn_executor *executor) {
  double least = INFINITY, largest = 0;
  for (size_t v = 0; v < icn_executor_value_count(executor); v++) {
    const icn_tensor_info info = icn_executor_value(executor, v);
    icn_error error;
    size_t count = 1;
    double sum = 0, squares = 0;
    for (int k = 0; k < info.rank; k++) count *= (size_t)info.dim[k];
    if (count < 64) continue;
    float *data = malloc(count * sizeof *data);
    assert_non_null(data);
    if (icn_executor_read_value(executor, v, data, &error) != ICN_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++) {
      sum += (double)data[i];
      squares += (double)data[i] * (double)data[i];
    }
    free(data);
    const double mean = sum / (double)count, deviation = sqrt(squares / (double)count - mean * mean);
    if (!(deviation > 0.001 && deviation < 10)) fail_msg("%s: %s has a standard deviation of %g", spec, info.name, deviation);
    least = fmin(least, deviation);
    largest = fmax(largest, deviation);
  }
  print_message("  %s: standard deviations from %.3g to %.3g\n", spec, least, largest);
  assert_true(largest > 0);
}

static void check_layers(const char *spec, icn_executor *executor) {
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
    icn_layer_check check;
    icn_error error;
    if (icn_executor_check_layer(executor, i, &check, &error) != ICN_OK) fail_msg("%s", error.message);
    if (check.wrong > 0 || !(check.part <= 1))
      fail_msg("%s: %s on %s has %zu wrong elements", spec, icn_executor_layer(executor, i).name, icn_executor_layer(executor, i).row,
               check.wrong);
  }
}

/* From end to end: what each layer rounds is carried on, and narrow layers have little to average over. */
static void check_agreement(const char *spec, size_t outputs, scores got, scores want, float limit) {
  for (size_t o = 0; o < outputs; o++)
    for (int k = 0; k < BATCH * CLASSES; k++)
      if (!(fabsf(got[o][k] - want[o][k]) <= limit))
        fail_msg("%s: output %zu, score %d is %.9g, expected %.9g", spec, o, k, (double)got[o][k], (double)want[o][k]);
}

static void check_network(fixture *f, size_t network) {
  static scores want, got;
  const char *spec = NETWORKS[network].spec;
  const icn_device *reference = NULL;
  icn_model *model = NULL;
  icn_error error;
  if (icn_model_load(f->context, spec, &model, &error) != ICN_OK) fail_msg("%s", error.message);
  const int64_t side = icn_model_input(model, 0).dim[2];
  assert_true(side <= LARGEST_SIDE);
  fill_pictures(f->image, BATCH * 3 * side * side);
  assert_int_equal(icn_context_find_device(f->context, "reference", &reference, &error), ICN_OK);
  icn_executor *executor = run(f, model, reference, NULL, want);
  assert_int_equal(icn_executor_output_count(executor), NETWORKS[network].outputs);
  assert_string_equal(icn_executor_output(executor, 0).name, "probabilities");
  check_outputs(spec, executor, want);
  check_range(spec, executor);
  icn_executor_destroy(executor);
  for (size_t d = 0; d < icn_context_device_count(f->context); d++) {
    for (int exact = 0; exact < 2; exact++) {
      executor = run(f, model, icn_context_device(f->context, d), exact == 1 ? "-winograd*" : NULL, got);
      check_agreement(spec, NETWORKS[network].outputs, got, want, exact == 1 ? 2e-5F : 1e-4F);
      check_layers(spec, executor);
      icn_executor_destroy(executor);
    }
  }
  icn_model_destroy(model);
}

static void networks_compute_what_the_reference_does(void **state) {
  const fixture *f = *state;
  if (icn_context_device_count(f->context) == 0) skip();
  for (size_t i = 0; i < sizeof NETWORKS / sizeof NETWORKS[0]; i++) check_network(*state, i);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(networks_compute_what_the_reference_does)};
  return cmocka_run_group_tests_name("builtins", tests, set_up, tear_down);
}
