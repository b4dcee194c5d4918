/* Operator cases through the public API: load, plan for a device, run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy_read.h"
#include "onnx_case.h"

enum { MAX_TENSORS = 32 };

typedef struct device_case {
  icn_model *model;
  icn_executor *executor;
  npy_array inputs[MAX_TENSORS];
  float *outputs[MAX_TENSORS];
  size_t input_count, output_count;
} device_case;

static icn_status read_inputs(const char *folder, device_case *c, icn_input_shape *shapes, size_t *shape_count, icn_error *error) {
  icn_status status = ICN_OK;
  size_t count = icn_model_input_count(c->model);
  ICN_REQUIRE(count <= MAX_TENSORS, ICN_ARGUMENT, "too many inputs");
  for (size_t i = 0; i < count; i++) {
    char path[1024];
    icn_tensor_info info = icn_model_input(c->model, i);
    bool open = false;
    snprintf(path, sizeof path, "%s/in_%s.npy", folder, info.name);
    ICN_REQUIRE(npy_read(path, &c->inputs[i]), ICN_IO, "%.400s cannot be read", path);
    c->input_count++;
    for (int k = 0; k < info.rank; k++) open = open || info.dim[k] < 0;
    if (!open) continue;
    icn_input_shape *shape = &shapes[(*shape_count)++];
    shape->name = info.name;
    shape->rank = c->inputs[i].shape.rank;
    memcpy(shape->dim, c->inputs[i].shape.dim, sizeof shape->dim);
  }
done:
  return status;
}

static icn_shape output_shape(const device_case *c, size_t o) {
  icn_tensor_info info = icn_executor_output(c->executor, o);
  return icn_shape_make(info.rank, info.dim);
}

static icn_status run(device_case *c, icn_error *error) {
  icn_status status = ICN_OK;
  const float *inputs[MAX_TENSORS] = {NULL};
  ICN_REQUIRE(icn_executor_output_count(c->executor) <= MAX_TENSORS, ICN_ARGUMENT, "too many outputs");
  for (size_t i = 0; i < c->input_count; i++) inputs[i] = c->inputs[i].data;
  for (size_t o = 0; o < icn_executor_output_count(c->executor); o++) {
    icn_shape shape = output_shape(c, o);
    c->outputs[o] = malloc(((size_t)icn_shape_elems(&shape) + 1) * sizeof(float));
    c->output_count++;
    ICN_REQUIRE(c->outputs[o] != NULL, ICN_NO_MEMORY, "out of memory");
  }
  ICN_TRY(icn_executor_run(c->executor, inputs, c->outputs, error));
done:
  return status;
}

static icn_status load_and_run(icn_context *context, const icn_device *device, const char *folder, const char *disabled_passes,
                               device_case *c, icn_error *error) {
  icn_status status = ICN_OK;
  char path[1024];
  icn_input_shape shapes[MAX_TENSORS];
  icn_executor_options options;
  memset(shapes, 0, sizeof shapes);
  icn_executor_options_init(&options);
  options.device = device;
  options.disabled_passes = disabled_passes;
  options.shapes = shapes;
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  ICN_TRY(icn_model_load(context, path, &c->model, error));
  ICN_TRY(read_inputs(folder, c, shapes, &options.shape_count, error));
  ICN_TRY(icn_executor_create(c->model, &options, &c->executor, error));
  ICN_TRY(run(c, error));
done:
  return status;
}

/* Layers but the copies in and out: 0 where everything was folded at load, or is a mere view. */
static size_t count_layers(const icn_executor *executor) {
  size_t count = 0;
  for (size_t i = 0; i < icn_executor_layer_count(executor); i++) {
    const char *name = icn_executor_layer(executor, i).name;
    if (strncmp(name, "input ", 6) != 0 && strncmp(name, "output ", 7) != 0) count++;
  }
  return count;
}

case_result onnx_case_device(icn_context *context, const icn_device *device, const char *folder, const char *disabled_passes,
                             case_tolerance tolerance) {
  case_result result = {CASE_RIGHT, 0, ""};
  device_case c;
  icn_error error;
  memset(&c, 0, sizeof c);
  memset(&error, 0, sizeof error);
  icn_status status = load_and_run(context, device, folder, disabled_passes, &c, &error);
  if (status != ICN_OK) onnx_case_fail(&result, status, &error);
  if (status == ICN_OK) result.nodes = count_layers(c.executor);
  for (size_t o = 0; status == ICN_OK && o < c.output_count && result.outcome == CASE_RIGHT; o++) {
    icn_shape shape = output_shape(&c, o);
    const char *name = icn_executor_output(c.executor, o).name;
    if (!onnx_case_compare(folder, name, &shape, c.outputs[o], tolerance, &result)) result.outcome = CASE_WRONG;
  }
  for (size_t i = 0; i < c.input_count; i++) free(c.inputs[i].data);
  for (size_t o = 0; o < c.output_count; o++) free(c.outputs[o]);
  icn_executor_destroy(c.executor);
  icn_model_destroy(c.model);
  return result;
}
