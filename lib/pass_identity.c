/* Passes that remove: nodes that change nothing, chains of reshapes and of joins, nodes that nobody reads. */
#include <string.h>

#include "pass_support.h"

/* A transpose keeps the order of the elements when the dims that are not 1 stay in their order. */
static bool transpose_keeps_order(const icn_node *node, const icn_shape *x) {
  int last = -1;
  for (int k = 0; k < x->rank; k++) {
    int from = node->params.perm[k];
    if (x->dim[from] == 1) continue;
    if (from < last) return false;
    last = from;
  }
  return true;
}

static bool pads_nothing(const icn_node *node, int rank) {
  for (int k = 0; k < rank; k++) {
    if (node->params.begin[k] != 0 || node->params.end[k] != 0) return false;
  }
  return true;
}

/* A whole slice: the output has the input's shape, and no dim of more than one element is reversed. */
static bool slices_nothing(const icn_node *node, const icn_shape *x) {
  for (int k = 0; k < x->rank; k++) {
    if (x->dim[k] > 1 && (node->params.begin[k] != 0 || node->params.step[k] != 1)) return false;
  }
  return true;
}

static bool pools_nothing(const icn_node *node) {
  const icn_params *q = &node->params;
  bool one = (q->function == ICN_FN_MAX || q->function == ICN_FN_MEAN) && q->kernel[0] == 1 && q->kernel[1] == 1;
  return one && q->stride[0] == 1 && q->stride[1] == 1 && q->pad_begin[0] == 0 && q->pad_begin[1] == 0;
}

/* Multiplying by exactly 1 and adding exactly 0, along any axis. */
static bool scales_nothing(const icn_graph *graph, const icn_node *node, int *x) {
  icn_affine affine;
  const icn_shape *out = &graph->values[node->output].shape;
  for (int axis = 0; axis < out->rank; axis++) {
    if (!icn_affine_match(graph, node, axis, &affine)) continue;
    *x = affine.x;
    return icn_affine_only_shifts(&affine, out->dim[axis]) && icn_affine_only_scales(&affine, out->dim[axis]);
  }
  return false;
}

static bool is_identity(const icn_graph *graph, const icn_node *node, int *x) {
  *x = node->inputs[0];
  if (*x == ICN_NO_VALUE) return false;
  const icn_shape *in = &graph->values[*x].shape, *out = &graph->values[node->output].shape;
  bool same = icn_shape_equal(in, out);
  switch (node->op) {
    case ICN_OP_COPY:
      return true;
    case ICN_OP_UNARY:
      return node->params.function == ICN_FN_IDENTITY;
    case ICN_OP_RESHAPE:
    case ICN_OP_EXPAND:
      return same;
    case ICN_OP_TRANSPOSE:
      return same && transpose_keeps_order(node, in);
    case ICN_OP_SLICE:
      return same && slices_nothing(node, in);
    case ICN_OP_CONCAT:
      return node->input_count == 1;
    case ICN_OP_PAD:
      return same && pads_nothing(node, in->rank);
    case ICN_OP_POOL:
      return same && pools_nothing(node);
    case ICN_OP_BINARY:
    case ICN_OP_AFFINE:
      return scales_nothing(graph, node, x);
    default:
      return false;
  }
}

icn_status icn_pass_remove_identity(icn_graph *graph, int *changed, icn_error *error) {
  (void)error;
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    int x;
    if (node->op == ICN_OP_NONE || node->input_count == 0 || !is_identity(graph, node, &x)) continue;
    if (graph->values[x].dtype != ICN_F32) continue; /* the constant's readers expect floats */
    icn_pass_bypass(graph, node, x);
    (*changed)++;
  }
  return ICN_OK;
}

/* ----------------------------------------------------------- merge_reshape */

/* TRANSPOSE of TRANSPOSE: out dim k is middle dim perm[k], which is x dim first->perm[perm[k]]. */
static void compose_transposes(const icn_node *first, icn_node *second, int rank) {
  for (int k = 0; k < rank; k++) second->params.perm[k] = first->params.perm[second->params.perm[k]];
}

icn_status icn_pass_merge_reshape(icn_graph *graph, int *changed, icn_error *error) {
  (void)error;
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    if (node->op != ICN_OP_RESHAPE && node->op != ICN_OP_TRANSPOSE) continue;
    const icn_shape *in = &graph->values[node->inputs[0]].shape;
    if (node->op == ICN_OP_TRANSPOSE && transpose_keeps_order(node, in)) {
      node->op = ICN_OP_RESHAPE; /* only dims of 1 move */
      memset(&node->params, 0, sizeof node->params);
      (*changed)++;
    }
    icn_node *before = icn_pass_producer(graph, node->inputs[0]);
    if (before == NULL || before->op != node->op) continue;
    if (node->op == ICN_OP_TRANSPOSE) compose_transposes(before, node, in->rank);
    node->inputs[0] = before->inputs[0]; /* `before` dies when nobody else reads it */
    (*changed)++;
  }
  return ICN_OK;
}

/* ------------------------------------------------------------ merge_concat */

/* Replaces input i of `join` by all inputs of `inner`. */
static bool splice_inputs(icn_graph *graph, icn_node *join, int i, const icn_node *inner) {
  int count = join->input_count - 1 + inner->input_count;
  int *inputs = icn_arena_array(&graph->arena, (size_t)count, sizeof *inputs);
  if (inputs == NULL) return false;
  memcpy(inputs, join->inputs, (size_t)i * sizeof *inputs);
  memcpy(inputs + i, inner->inputs, (size_t)inner->input_count * sizeof *inputs);
  memcpy(inputs + i + inner->input_count, join->inputs + i + 1, (size_t)(join->input_count - i - 1) * sizeof *inputs);
  join->inputs = inputs;
  join->input_count = count;
  return true;
}

/* A join that only another join along the same axis reads: its parts go there directly, so that neither has to be copied. */
icn_status icn_pass_merge_concat(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *join = &graph->nodes[n];
    if (join->op != ICN_OP_CONCAT) continue;
    for (int i = 0; i < join->input_count; i++) {
      icn_node *inner = icn_pass_producer(graph, join->inputs[i]);
      if (inner == NULL || inner->op != ICN_OP_CONCAT || inner->params.axis != join->params.axis || uses[inner->output] != 1) continue;
      ICN_REQUIRE(splice_inputs(graph, join, i, inner), ICN_NO_MEMORY, "out of memory while \"%s\" is merged", inner->name);
      inner->op = ICN_OP_NONE; /* `join` was its only reader */
      (*changed)++;
    }
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}

/* ------------------------------------------------------------- remove_dead */

icn_status icn_pass_remove_dead(icn_graph *graph, int *changed, icn_error *error) {
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = graph->node_count; n-- > 0;) { /* users come after producers, so one sweep backwards finds whole chains */
    icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_NONE || uses[node->output] > 0) continue;
    for (int i = 0; i < node->input_count; i++) {
      if (node->inputs[i] != ICN_NO_VALUE) uses[node->inputs[i]]--;
    }
    node->op = ICN_OP_NONE;
    (*changed)++;
  }
  icn_pass_release_uses(graph, uses);
  return ICN_OK;
}
