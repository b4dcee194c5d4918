#include "pass_support.h"

#include <math.h>
#include <string.h>

int *icn_pass_uses(const icn_graph *graph) {
  int *uses = icn_allocate_array(&graph->arena.allocator, graph->value_count + 1, sizeof *uses);
  if (uses != NULL) icn_graph_count_uses(graph, uses);
  return uses;
}

void icn_pass_release_uses(const icn_graph *graph, int *uses) { icn_release(&graph->arena.allocator, uses); }

icn_node *icn_pass_producer(const icn_graph *graph, int value) {
  if (value == ICN_NO_VALUE || graph->values[value].producer < 0) return NULL;
  return &graph->nodes[graph->values[value].producer];
}

int icn_pass_input(const icn_node *node, int i) { return i < node->input_count ? node->inputs[i] : ICN_NO_VALUE; }

bool icn_pass_set_input(icn_graph *graph, icn_node *node, int i, int value) {
  if (i >= node->input_count) {
    int *longer = icn_arena_array(&graph->arena, (size_t)i + 1, sizeof *longer);
    if (longer == NULL) return false;
    for (int k = 0; k <= i; k++) longer[k] = icn_pass_input(node, k);
    node->inputs = longer;
    node->input_count = i + 1;
  }
  node->inputs[i] = value;
  return true;
}

bool icn_pass_is_constant(const icn_graph *graph, int value) { return value != ICN_NO_VALUE && graph->values[value].data != NULL; }

void icn_pass_absorb(icn_graph *graph, icn_node *producer, icn_node *node) {
  graph->values[producer->output].producer = -1;
  producer->output = node->output;
  graph->values[node->output].producer = (int)(producer - graph->nodes);
  node->op = ICN_OP_NONE;
}

void icn_pass_bypass(icn_graph *graph, icn_node *node, int value) {
  icn_graph_replace_value(graph, node->output, value);
  node->op = ICN_OP_NONE;
}

float *icn_pass_constant(icn_graph *graph, const icn_node *owner, const char *what, const icn_shape *shape, int *value) {
  int64_t elems = icn_shape_elems(shape);
  char *name = icn_arena_format(&graph->arena, "%s.%s.%zu", owner->name, what, graph->value_count);
  float *data = icn_arena_array(&graph->constants, elems > 0 ? (size_t)elems : 1, sizeof *data);
  if (name == NULL || data == NULL) return NULL;
  *value = icn_graph_add_constant(graph, name, shape, ICN_F32, data);
  return *value < 0 ? NULL : data;
}

/* ------------------------------------------------------------------ affine */

static const double MOST_TAME = 0x1p60;

/* Broadcast to `out`, the constant varies along `axis` at most. */
static bool varies_along(const icn_shape *constant, const icn_shape *out, int axis) {
  int shift = out->rank - constant->rank;
  if (shift < 0) return false;
  for (int k = 0; k < constant->rank; k++) {
    if (constant->dim[k] != 1 && (k + shift != axis || constant->dim[k] != out->dim[axis])) return false;
  }
  return true;
}

static bool match_binary(const icn_graph *graph, const icn_node *node, int axis, int x_input, icn_affine *affine) {
  int x = node->inputs[x_input], c = node->inputs[1 - x_input];
  if (icn_pass_is_constant(graph, x) || !icn_pass_is_constant(graph, c)) return false;
  const icn_shape *out = &graph->values[node->output].shape;
  if (!icn_shape_equal(&graph->values[x].shape, out) || !varies_along(&graph->values[c].shape, out, axis)) return false;
  affine->x = x;
  affine->reversed = x_input == 1;
  affine->constant = graph->values[c];
  return true;
}

/* No factor or term is so large (or infinite, or NaN) that multiplying weights or another factor by it could leave the range of float where
 * the operations one by one would not. */
static bool is_tame(const icn_affine *affine, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    if (!(fabs(icn_affine_scale(affine, k)) <= MOST_TAME && fabs(icn_affine_shift(affine, k)) <= MOST_TAME)) return false;
  }
  return true;
}

static bool match_any(const icn_graph *graph, const icn_node *node, int axis, icn_affine *affine) {
  memset(affine, 0, sizeof *affine);
  affine->op = node->op;
  affine->function = node->params.function;
  if (node->op == ICN_OP_AFFINE) {
    if (axis != 1 || !icn_pass_is_constant(graph, node->inputs[1]) || !icn_pass_is_constant(graph, node->inputs[2])) return false;
    affine->x = node->inputs[0];
    affine->constant = graph->values[node->inputs[1]];
    affine->shift = graph->values[node->inputs[2]];
    return true;
  }
  if (node->op != ICN_OP_BINARY || axis < 0 || axis >= graph->values[node->output].shape.rank) return false;
  switch (node->params.function) {
    case ICN_FN_ADD:
    case ICN_FN_MUL:
    case ICN_FN_SUB:
      return match_binary(graph, node, axis, 0, affine) || match_binary(graph, node, axis, 1, affine);
    case ICN_FN_DIV:
      return match_binary(graph, node, axis, 0, affine);
    default:
      return false;
  }
}

bool icn_affine_match(const icn_graph *graph, const icn_node *node, int axis, icn_affine *affine) {
  if (node == NULL || !match_any(graph, node, axis, affine)) return false;
  return is_tame(affine, graph->values[node->output].shape.dim[axis]);
}

static double constant_at(const icn_value *value, int64_t k) {
  return (double)icn_const_f32(value, icn_shape_elems(&value->shape) == 1 ? 0 : k);
}

double icn_affine_scale(const icn_affine *affine, int64_t k) {
  if (affine->op == ICN_OP_AFFINE || affine->function == ICN_FN_MUL) return constant_at(&affine->constant, k);
  if (affine->function == ICN_FN_DIV) return 1.0 / constant_at(&affine->constant, k);
  return affine->function == ICN_FN_SUB && affine->reversed ? -1.0 : 1.0;
}

double icn_affine_shift(const icn_affine *affine, int64_t k) {
  if (affine->op == ICN_OP_AFFINE) return constant_at(&affine->shift, k);
  if (affine->function == ICN_FN_ADD) return constant_at(&affine->constant, k);
  if (affine->function == ICN_FN_SUB) return affine->reversed ? constant_at(&affine->constant, k) : -constant_at(&affine->constant, k);
  return 0.0;
}

bool icn_affine_only_shifts(const icn_affine *affine, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    if (icn_affine_scale(affine, k) != 1.0) return false;
  }
  return true;
}

bool icn_affine_only_scales(const icn_affine *affine, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    if (icn_affine_shift(affine, k) != 0.0) return false;
  }
  return true;
}
