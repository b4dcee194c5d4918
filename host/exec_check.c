/* One layer of a finished run against the reference, fed with the very inputs that the device gave the layer. */
#include <math.h>
#include <string.h>

#include "executor.h"
#include "magnitude.h"
#include "ref.h"
#include "winograd_bound.h"

typedef struct layer_data {
  icn_problem dense; /* the layer's problem with every view dense */
  void *input[ICN_MAX_INPUTS];
  float *got, *want, *magnitude;
} layer_data;

static icn_status new_floats(const icn_allocator *allocator, int64_t count, float **floats, icn_error *error) {
  const size_t elems = (size_t)icn_max64(count, 1);
  *floats = icn_allocate_array(allocator, elems, sizeof(float));
  return *floats != NULL ? ICN_OK : icn_error_memory(error, elems * sizeof(float), "checking a layer");
}

/* A constant that only the packed weights hold: as the graph has it. */
static icn_status read_constant(icn_executor *executor, const icn_plan_layer *layer, int input, float *data, icn_error *error) {
  const icn_node *node = layer->node < 0 ? NULL : &executor->graph.nodes[layer->node];
  if (node == NULL || input >= node->input_count || executor->graph.values[node->inputs[input]].data == NULL)
    return icn_error_set(error, ICN_UNSUPPORTED, "layer '%s': its input %d is not stored", layer->name, input);
  float *stored = NULL;
  icn_status status = new_floats(&executor->context->allocator, icn_plan_constant_elems(&executor->graph, layer, input), &stored, error);
  if (status != ICN_OK) return status;
  icn_plan_constant(&executor->graph, layer, input, stored);
  icn_view_gather(&layer->problem.in[input], stored, data);
  icn_release(&executor->context->allocator, stored);
  return ICN_OK;
}

static icn_status read_operands(icn_executor *executor, const icn_plan_layer *layer, layer_data *data, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &executor->context->allocator;
  data->dense = layer->problem;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&layer->problem, i)) continue;
    const icn_view *view = &layer->problem.in[i];
    float *input = NULL;
    data->dense.in[i] = icn_view_dense(&view->shape);
    ICN_TRY(new_floats(allocator, icn_shape_elems(&view->shape), &input, error));
    data->input[i] = input;
    if (layer->place[i].buffer >= 0) {
      ICN_TRY(icn_exec_device_read_view(executor, &layer->place[i], view, input, error));
    } else {
      ICN_TRY(read_constant(executor, layer, i, input, error));
    }
  }
  const int64_t count = icn_shape_elems(&layer->problem.out.shape);
  data->dense.out = icn_view_dense(&layer->problem.out.shape);
  ICN_TRY(new_floats(allocator, count, &data->got, error));
  ICN_TRY(new_floats(allocator, count, &data->want, error));
  ICN_TRY(new_floats(allocator, count, &data->magnitude, error));
  ICN_TRY(icn_exec_device_read_view(executor, &layer->place[ICN_OPERAND_OUT], &layer->problem.out, data->got, error));
done:
  return status;
}

static icn_status compute(const icn_executor *executor, const icn_plan_layer *layer, layer_data *data, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &executor->context->allocator;
  const icn_winograd_form form = icn_row_winograd_form(layer->choice.row, &layer->choice.config);
  const void *in[ICN_MAX_INPUTS];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = data->input[i];
  ICN_TRY(icn_ref_compute(&data->dense, in, data->want, allocator, error));
  if (form.m > 0) {
    ICN_TRY(icn_winograd_magnitude(&data->dense, form, in, data->magnitude, allocator, error));
  } else {
    ICN_TRY(icn_magnitude(&data->dense, in, data->want, data->magnitude, allocator, error));
  }
done:
  return status;
}

static void judge(const icn_plan_layer *layer, const layer_data *data, icn_layer_check *check) {
  const icn_row *row = layer->choice.row;
  const double tolerance = icn_sum_tolerance(&data->dense, row->tolerance) + icn_row_tolerance(row, &data->dense) - row->tolerance;
  const bool spreads = icn_row_is_winograd(row);
  const int64_t count = icn_shape_elems(&data->dense.out.shape);
  for (int64_t i = 0; i < count; i++) {
    const float got = data->got[i], want = data->want[i];
    const double part = icn_error_part(got, want, data->magnitude[i], tolerance, spreads);
    const double error = part == 0 ? 0 : (isinf(part) && !isfinite(got) ? (double)INFINITY : fabs((double)got - (double)want));
    if (part > check->part) check->part = part;
    if (error > check->error) check->error = error;
    if (isfinite(want) && fabs((double)want) > check->largest) check->largest = fabs((double)want);
    check->wrong += part > 1;
  }
}

icn_status icn_executor_check_layer(icn_executor *executor, size_t index, icn_layer_check *check, icn_error *error) {
  icn_status status = ICN_OK;
  layer_data data;
  memset(&data, 0, sizeof data);
  icn_error_clear(error);
  ICN_REQUIRE(executor != NULL && check != NULL, ICN_ARGUMENT, "icn_executor_check_layer: %s is NULL",
              executor == NULL ? "executor" : "check");
  *check = (icn_layer_check){0};
  ICN_REQUIRE(index < executor->layer_count, ICN_ARGUMENT, "layer %zu is out of range: there are %zu", index, executor->layer_count);
  ICN_REQUIRE(executor->runtime != NULL, ICN_UNSUPPORTED, "the reference is what layers are checked against");
  ICN_REQUIRE(executor->keep_values, ICN_STATE, "the executor does not keep its values (options.keep_values)");
  ICN_REQUIRE(executor->has_run, ICN_STATE, "no run has finished, so there is nothing to check");
  const icn_plan_layer *layer = &executor->plan.layers[index];
  ICN_TRY(read_operands(executor, layer, &data, error));
  ICN_TRY(compute(executor, layer, &data, error));
  judge(layer, &data, check);
done:
  if (executor == NULL) return status;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(&executor->context->allocator, data.input[i]);
  icn_release(&executor->context->allocator, data.got);
  icn_release(&executor->context->allocator, data.want);
  icn_release(&executor->context->allocator, data.magnitude);
  return status;
}
