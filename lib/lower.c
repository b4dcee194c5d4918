#include "lower.h"

#include <string.h>

static bool empty(const icn_lowering *lowering, int value) {
  return value != ICN_NO_VALUE && icn_shape_elems(&lowering->graph->values[value].shape) == 0;
}

/* --------------------------------------------------- nodes that only move */

static icn_status lower_concat(icn_lowering *lowering, int n, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_node *node = &lowering->graph->nodes[n];
  const icn_slot *joined = &lowering->slots[node->output];
  for (int part = 0; part < node->input_count; part++) {
    int value = node->inputs[part];
    if (empty(lowering, value)) continue;
    icn_slot to = {joined->storage, icn_lower_concat_part(lowering->graph, node, part, &joined->view)}, from;
    if (icn_lower_same_place(&lowering->slots[value], &to)) continue;
    ICN_TRY(icn_lower_read_raw(lowering, value, &from, error));
    ICN_TRY(icn_lower_copy(lowering, node->name, n, &from, &to, error));
  }
done:
  return status;
}

/* What the output of RESHAPE, TRANSPOSE, SLICE or EXPAND is as a view of its input at `from`; false when that is not possible. */
static bool seen_through(const icn_lowering *lowering, const icn_node *node, const icn_slot *from, icn_slot *seen) {
  const icn_shape *shape = &lowering->graph->values[node->output].shape;
  seen->storage = from->storage;
  if (from->storage < 0) return false;
  if (node->op == ICN_OP_RESHAPE) return icn_lower_reshaped(&from->view, shape, &seen->view);
  seen->view = icn_problem_view_through(node, shape, &from->view);
  return true;
}

/* True when the output is nothing but a view of the input, as lower_views.c arranged it. */
static bool is_view(const icn_lowering *lowering, const icn_node *node, const icn_slot *from) {
  icn_slot seen;
  return seen_through(lowering, node, from, &seen) && icn_lower_same_place(&seen, &lowering->slots[node->output]);
}

static icn_status copy_reshaped(icn_lowering *lowering, int n, const icn_slot *from, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_node *node = &lowering->graph->nodes[n];
  icn_slot to = lowering->slots[node->output];
  if (icn_view_is_dense(&from->view)) {
    icn_slot same = {from->storage, icn_view_dense(&to.view.shape)};
    same.view.offset = from->view.offset;
    return icn_lower_copy(lowering, node->name, n, &same, &to, error);
  }
  icn_slot order = {to.storage, icn_view_dense(&from->view.shape)}; /* the input in the model's order: where it ends, or in passing */
  order.view.offset = to.view.offset;
  bool in_passing = !icn_view_is_dense(&to.view);
  if (in_passing) {
    uint64_t bytes = (uint64_t)icn_shape_elems(&to.view.shape) * sizeof(float);
    order.view.offset = 0;
    order.storage = icn_lower_storage(lowering, ICN_BUFFER_ARENA, -1, -1, bytes);
    if (order.storage < 0) return icn_error_memory(error, sizeof(icn_storage), "a copy's place");
  }
  ICN_TRY(icn_lower_copy(lowering, node->name, n, from, &order, error));
  if (in_passing) {
    order.view = icn_view_dense(&to.view.shape);
    ICN_TRY(icn_lower_copy(lowering, node->name, n, &order, &to, error));
  }
done:
  return status;
}

static icn_status lower_move(icn_lowering *lowering, int n, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_node *node = &lowering->graph->nodes[n];
  int value = node->inputs[0];
  icn_slot from, seen;
  if (is_view(lowering, node, &lowering->raw[value])) return ICN_OK;
  if (is_view(lowering, node, &lowering->slots[value])) return icn_lower_read(lowering, value, &from, error);
  ICN_TRY(icn_lower_read_raw(lowering, value, &from, error));
  if (node->op == ICN_OP_RESHAPE) return copy_reshaped(lowering, n, &from, error);
  seen_through(lowering, node, &from, &seen);
  ICN_TRY(icn_lower_copy(lowering, node->name, n, &seen, &lowering->slots[node->output], error));
done:
  return status;
}

/* -------------------------------------------------------------- all layers */

static icn_status lower_kernel(icn_lowering *lowering, int n, icn_error *error) {
  icn_status status = ICN_OK;
  bool paired = false;
  if (lowering->lowered[n]) return ICN_OK;
  ICN_TRY(icn_lower_pair(lowering, n, &paired, error));
  if (!paired) ICN_TRY(icn_lower_kernel(lowering, n, error));
done:
  return status;
}

static icn_status lower_node(icn_lowering *lowering, int n, icn_error *error) {
  const icn_node *node = &lowering->graph->nodes[n];
  if (node->op == ICN_OP_NONE || empty(lowering, node->output)) return ICN_OK;
  if (node->op == ICN_OP_CONCAT) return lower_concat(lowering, n, error);
  if (node->op == ICN_OP_STACK) return ICN_OK; /* lower_views.c had it made in its place */
  for (int i = 0; i < node->input_count; i++) {
    if (empty(lowering, node->inputs[i])) {
      return icn_error_set(error, ICN_UNSUPPORTED, "node '%s': input %d of %s has no elements, but its output has", node->name, i,
                           node->origin == NULL ? icn_op_name(node->op) : node->origin);
    }
  }
  switch (node->op) {
    case ICN_OP_RESHAPE:
    case ICN_OP_TRANSPOSE:
    case ICN_OP_SLICE:
    case ICN_OP_EXPAND:
      return lower_move(lowering, n, error);
    default:
      return lower_kernel(lowering, n, error);
  }
}

/* Copies `value` to every graph output that it is, unless it was made right there. */
static icn_status lower_outputs(icn_lowering *lowering, int value, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  for (size_t o = 0; o < graph->output_count; o++) {
    if (graph->outputs[o] != value || empty(lowering, value)) continue;
    const icn_slot *slot = &lowering->slots[value];
    if (slot->storage >= 0 && lowering->storages[slot->storage].kind == ICN_BUFFER_OUTPUT &&
        lowering->storages[slot->storage].index == (int)o) {
      continue;
    }
    icn_slot from, to = {-1, icn_view_dense(&graph->values[value].shape)};
    uint64_t bytes = (uint64_t)icn_shape_elems(&to.view.shape) * sizeof(float);
    to.storage = icn_lower_storage(lowering, ICN_BUFFER_OUTPUT, (int)o, -1, bytes);
    const char *name = icn_arena_format(&lowering->plan->arena, "output %s", graph->output_names[o]);
    if (to.storage < 0 || name == NULL) ICN_TRY(icn_error_memory(error, sizeof(icn_storage), "an output's place"));
    ICN_TRY(icn_lower_read_raw(lowering, value, &from, error));
    ICN_TRY(icn_lower_copy(lowering, name, -1, &from, &to, error));
  }
done:
  return status;
}

icn_status icn_lower_layers(icn_lowering *lowering, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  for (size_t o = 0; o < graph->output_count; o++) {
    int value = graph->outputs[o];
    bool first = true; /* lower_outputs serves all outputs that are one value */
    for (size_t before = 0; before < o; before++) first = first && graph->outputs[before] != value;
    if (first && graph->values[value].producer < 0) ICN_TRY(lower_outputs(lowering, value, error));
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    lowering->slicing = graph->slices > 1 && (int)n < graph->sliced_nodes;
    ICN_TRY(lower_node(lowering, (int)n, error));
    lowering->slicing = false;
    if (graph->nodes[n].op != ICN_OP_NONE) ICN_TRY(lower_outputs(lowering, graph->nodes[n].output, error));
  }
done:
  return status;
}
