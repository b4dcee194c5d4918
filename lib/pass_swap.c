/* swap_pool: average pooling, then a 1x1 convolution, in the other order. Both are linear and act on different axes, so they commute:
 * the convolution runs first, and the pool has 32 to 192 channels to average instead of 192 to 2048. Bias and activation stay behind the
 * pool, so that this is right whether padding counts or not: with padding counted, the mean of a constant is smaller at the edge. */
#include <string.h>

#include "pass_support.h"

/* Same size out as in: then the convolution has as many pixels before the pool as behind it. */
static bool is_mean_of_same_size(const icn_graph *graph, const icn_node *pool) {
  if (pool == NULL || pool->op != ICN_OP_POOL || pool->params.function != ICN_FN_MEAN) return false;
  if (pool->epilogue.function != ICN_FN_IDENTITY || icn_pass_input(pool, ICN_POOL_BIAS) != ICN_NO_VALUE) return false;
  return icn_shape_equal(&graph->values[pool->inputs[0]].shape, &graph->values[pool->output].shape);
}

static bool is_constant_or_absent(const icn_graph *graph, int value) { return value == ICN_NO_VALUE || icn_pass_is_constant(graph, value); }

/* One pixel in, one pixel out, fewer channels than before, nothing but constants besides x. */
static bool is_narrowing_1x1(const icn_graph *graph, const icn_node *conv) {
  const icn_params *p = &conv->params;
  if (conv->op != ICN_OP_CONV || p->groups != 1) return false;
  for (int axis = 0; axis < 2; axis++)
    if (p->kernel[axis] != 1 || p->stride[axis] != 1 || p->pad_begin[axis] != 0 || p->pad_end[axis] != 0) return false;
  const int weights = icn_pass_input(conv, ICN_CONV_WEIGHT), bias = icn_pass_input(conv, ICN_CONV_BIAS);
  if (!icn_pass_is_constant(graph, weights) || !is_constant_or_absent(graph, bias) ||
      !is_constant_or_absent(graph, icn_pass_input(conv, ICN_CONV_SCALE)) || icn_pass_input(conv, ICN_CONV_RESIDUAL) != ICN_NO_VALUE)
    return false;
  const int64_t *w = graph->values[weights].shape.dim;
  if (bias != ICN_NO_VALUE && (graph->values[bias].shape.rank != 1 || graph->values[bias].shape.dim[0] != w[0])) return false;
  return w[0] < w[1];
}

/* The nodes change places: `pool`'s, which comes first, becomes the convolution. The pooled value of the model is no longer there. */
static bool swap(icn_graph *graph, icn_node *pool, icn_node *conv) {
  const int x = pool->inputs[0], bias = icn_pass_input(conv, ICN_CONV_BIAS);
  const icn_dtype dtype = graph->values[conv->output].dtype;
  icn_shape shape = graph->values[conv->output].shape;
  const char *name = icn_arena_format(&graph->arena, "%s before pooling", graph->values[conv->output].name);
  int *pool_inputs = icn_arena_array(&graph->arena, 2, sizeof *pool_inputs);
  const int between = name == NULL ? -1 : icn_graph_add_value(graph, name, &shape, dtype);
  if (pool_inputs == NULL || between < 0) return false;
  const icn_node first = *pool, second = *conv;
  pool_inputs[0] = between;
  pool_inputs[1] = bias;
  *pool = second;
  pool->epilogue = first.epilogue; /* none */
  pool->output = between;
  pool->inputs[ICN_CONV_X] = x;
  if (pool->input_count > ICN_CONV_BIAS) pool->inputs[ICN_CONV_BIAS] = ICN_NO_VALUE;
  graph->values[between].producer = (int)(pool - graph->nodes);
  *conv = first;
  conv->epilogue = second.epilogue;
  conv->output = second.output;
  conv->inputs = pool_inputs;
  conv->input_count = bias == ICN_NO_VALUE ? 1 : 2;
  return true;
}

icn_status icn_pass_swap_pool(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *conv = &graph->nodes[n];
    if (!is_narrowing_1x1(graph, conv)) continue;
    /* Values that this pass adds lie behind those that were counted, and no swapped convolution reads one. */
    icn_node *pool = icn_pass_producer(graph, conv->inputs[ICN_CONV_X]);
    if (!is_mean_of_same_size(graph, pool) || uses[pool->output] != 1) continue;
    ICN_REQUIRE(swap(graph, pool, conv), ICN_NO_MEMORY, "out of memory while \"%s\" is moved before its pool", conv->name);
    (*changed)++;
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}
