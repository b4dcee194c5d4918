/* The reference's entry points: one problem, one whole graph. The loop nests are in ref_*.c. */
#include <assert.h>
#include <string.h>

#include "ref_internal.h"

bool icn_walk_begin(icn_walk *walk, const icn_shape *shape, const icn_view *const *views, int view_count) {
  memset(walk, 0, sizeof *walk);
  walk->shape = *shape;
  walk->view_count = view_count;
  for (int i = 0; i < view_count; i++) {
    assert(views[i]->shape.rank == shape->rank);
    walk->view[i] = views[i];
    walk->at[i] = views[i]->offset;
  }
  return icn_shape_elems(shape) > 0;
}

bool icn_walk_next(icn_walk *walk) {
  for (int k = walk->shape.rank - 1; k >= 0; k--) {
    if (++walk->index[k] < walk->shape.dim[k]) {
      for (int i = 0; i < walk->view_count; i++) walk->at[i] += walk->view[i]->stride[k];
      return true;
    }
    for (int i = 0; i < walk->view_count; i++) walk->at[i] -= (walk->shape.dim[k] - 1) * walk->view[i]->stride[k];
    walk->index[k] = 0;
  }
  return false;
}

static const icn_ref_function FUNCTIONS[ICN_OP_COUNT] = {
    [ICN_OP_CONV] = icn_ref_conv,       [ICN_OP_CONV_TRANSPOSE] = icn_ref_conv_transpose,
    [ICN_OP_MATMUL] = icn_ref_matmul,   [ICN_OP_POOL] = icn_ref_pool,
    [ICN_OP_UNARY] = icn_ref_map_unary, [ICN_OP_BINARY] = icn_ref_map_binary,
    [ICN_OP_AFFINE] = icn_ref_affine,   [ICN_OP_REDUCE] = icn_ref_reduce,
    [ICN_OP_SOFTMAX] = icn_ref_softmax, [ICN_OP_LRN] = icn_ref_lrn,
    [ICN_OP_PAD] = icn_ref_pad,         [ICN_OP_RESAMPLE] = icn_ref_resample,
    [ICN_OP_COPY] = icn_ref_copy,
};

icn_status icn_ref_compute(const icn_problem *problem, const void *const *in, float *out, const icn_allocator *allocator,
                           icn_error *error) {
  unsigned op = (unsigned)problem->op;
  if (op >= ICN_OP_COUNT || FUNCTIONS[op] == NULL) {
    return icn_error_set(error, ICN_UNSUPPORTED, "the reference does not compute the operation \"%s\"", icn_op_name(problem->op));
  }
  const icn_allocator standard = icn_allocator_default();
  const icn_ref_means means = {allocator != NULL ? allocator : &standard, error};
  return FUNCTIONS[op](problem, in, out, &means);
}

/* ------------------------------------------------------------- whole graph */

/* RESAMPLE reads its index as int32_t: a copy that is aligned. */
static const void *index_constant(const icn_value *value, icn_arena *arena) {
  int64_t elems = icn_shape_elems(&value->shape);
  int32_t *index = icn_arena_array(arena, (size_t)icn_max64(elems, 1), sizeof *index);
  for (int64_t i = 0; index != NULL && i < elems; i++) index[i] = (int32_t)icn_const_i64(value, i);
  return index;
}

static icn_status make_constant(const icn_graph *graph, int v, const float **values, icn_arena *arena, icn_error *error) {
  if (values[v] != NULL || graph->values[v].data == NULL) return ICN_OK;
  values[v] = icn_const_floats(&graph->values[v], arena);
  if (values[v] == NULL) return icn_error_memory(error, 0, graph->values[v].name);
  return ICN_OK;
}

static icn_status run_node(const icn_graph *graph, const icn_node *node, const float **values, icn_arena *arena, icn_error *error) {
  icn_status status = ICN_OK;
  int64_t elems = icn_shape_elems(&graph->values[node->output].shape);
  float *out = icn_arena_array(arena, (size_t)icn_max64(elems, 1), sizeof *out);
  if (out == NULL) return icn_error_memory(error, (size_t)elems * sizeof *out, graph->values[node->output].name);
  for (int i = 0; i < node->input_count; i++) {
    int v = node->inputs[i];
    if (v == ICN_NO_VALUE) continue;
    ICN_TRY(make_constant(graph, v, values, arena, error));
    ICN_REQUIRE(values[v] != NULL, ICN_ARGUMENT, "node \"%s\": its input \"%s\" was not given", node->name, graph->values[v].name);
  }
  int parts = node->op == ICN_OP_CONCAT ? node->input_count : 1;
  for (int part = 0; part < parts; part++) {
    const void *in[ICN_MAX_INPUTS] = {NULL};
    icn_problem problem = icn_problem_from_node(graph, node, part);
    for (int i = 0; i < ICN_MAX_INPUTS; i++) {
      if (icn_problem_has(&problem, i)) in[i] = values[node->inputs[parts > 1 ? part : i]];
    }
    if (node->op == ICN_OP_RESAMPLE) {
      in[1] = index_constant(&graph->values[node->inputs[1]], arena);
      if (in[1] == NULL) return icn_error_memory(error, 0, node->name);
    }
    ICN_TRY(icn_ref_compute(&problem, in, out, &arena->allocator, error));
  }
  values[node->output] = out;
done:
  return status;
}

icn_status icn_ref_run(const icn_graph *graph, const float **values, icn_arena *arena,
                       void (*progress)(void *user, size_t done, size_t count), void *user, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t v = 0; v < graph->value_count; v++) {
    if (!graph->values[v].is_input) values[v] = NULL;
  }
  for (size_t i = 0; i < graph->input_count; i++) {
    ICN_REQUIRE(values[graph->inputs[i]] != NULL, ICN_ARGUMENT, "input \"%s\" was not given", graph->values[graph->inputs[i]].name);
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    if (graph->nodes[n].op != ICN_OP_NONE) ICN_TRY(run_node(graph, &graph->nodes[n], values, arena, error));
    if (progress != NULL) progress(user, n + 1, graph->node_count);
  }
  for (size_t i = 0; i < graph->output_count; i++) ICN_TRY(make_constant(graph, graph->outputs[i], values, arena, error));
done:
  return status;
}
