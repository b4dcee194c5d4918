#include "support/api_model.h"

#include <math.h>

#include "support/icn_test.h"

void api_fill(float *values, size_t count, uint32_t seed) {
  uint32_t state = seed * 2654435761U + 12345U;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525U + 1013904223U;
    values[i] = (float)((double)(state >> 8) / 8388608.0 - 1.0);
  }
}

static void add_weights(model_writer *model, const char *name, int rank, const int64_t *dims, uint32_t seed, float scale) {
  size_t count = 1;
  for (int k = 0; k < rank; k++) count *= (size_t)dims[k];
  float *values = malloc(count * sizeof *values);
  assert_non_null(values);
  api_fill(values, count, seed);
  for (size_t i = 0; i < count; i++) values[i] *= scale;
  model_floats(model, name, rank, dims, values);
  free(values);
}

proto_writer api_model_write(void) {
  model_writer model = model_begin(13);
  model_input(&model, "x", ONNX_FLOAT, 4, (const int64_t[]){-1, API_MODEL_CHANNELS, -1, -1});
  add_weights(&model, "w1", 4, (const int64_t[]){8, 3, 3, 3}, 1, 0.3f);
  add_weights(&model, "b1", 1, (const int64_t[]){8}, 2, 0.1f);
  model_node(&model, "Conv", "conv1", "x,w1,b1", "c1");
  node_ints(&model, "pads", 4, (const int64_t[]){1, 1, 1, 1});
  node_ints(&model, "strides", 2, (const int64_t[]){2, 2});
  model_node(&model, "Relu", "relu1", "c1", "a1");
  add_weights(&model, "w2", 4, (const int64_t[]){12, 8, 1, 1}, 3, 0.4f);
  model_node(&model, "Conv", "conv2", "a1,w2", "c2");
  model_node(&model, "Relu", "relu2", "c2", "a2");
  model_node(&model, "MaxPool", "pool", "a1", "p1");
  node_ints(&model, "kernel_shape", 2, (const int64_t[]){3, 3});
  node_ints(&model, "pads", 4, (const int64_t[]){1, 1, 1, 1});
  model_node(&model, "Concat", "join", "a2,p1", "joined");
  node_int(&model, "axis", 1);
  model_node(&model, "GlobalAveragePool", "mean", "joined", "m");
  model_node(&model, "Flatten", "flatten", "m", "features");
  add_weights(&model, "w3", 2, (const int64_t[]){20, API_MODEL_CLASSES}, 4, 0.5f);
  add_weights(&model, "b3", 1, (const int64_t[]){API_MODEL_CLASSES}, 5, 0.5f);
  model_node(&model, "Gemm", "dense", "features,w3,b3", "logits");
  model_node(&model, "Softmax", "softmax", "logits", "scores");
  model_output(&model, "scores");
  model_output(&model, "features");
  return model_end(&model);
}

icn_model *api_model_load(icn_context *context, const proto_writer *file) {
  icn_error error;
  icn_model *model = NULL;
  if (icn_model_load_memory(context, file->data, file->bytes, &model, &error) != ICN_OK) fail_msg("%s", error.message);
  return model;
}

icn_context *api_context(void) {
  icn_context *context = NULL;
  icn_error error;
  if (icn_context_create(NULL, &context, &error) != ICN_OK) fail_msg("%s", error.message);
  return context;
}

double api_difference(const float *a, const float *b, size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(a[i]) && isnan(b[i])) continue;
    if (isnan(a[i]) || isnan(b[i])) return HUGE_VAL;
    const double difference = fabs((double)a[i] - (double)b[i]) / fmax(1.0, fabs((double)b[i]));
    if (difference > worst) worst = difference;
  }
  return worst;
}
