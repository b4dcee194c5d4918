#include "problem.h"

#include <assert.h>
#include <string.h>

static void exchange(int64_t pair[2]) {
  const int64_t h = pair[0];
  pair[0] = pair[1];
  pair[1] = h;
}

icn_params icn_params_turned(const icn_params *params) {
  icn_params turned = *params;
  exchange(turned.kernel);
  exchange(turned.dilation);
  exchange(turned.pad_begin);
  exchange(turned.pad_end);
  return turned;
}

icn_view icn_view_broadcast(const icn_view *view, const icn_shape *shape) {
  icn_view result;
  memset(&result, 0, sizeof result);
  result.shape = *shape;
  result.offset = view->offset;
  int shift = shape->rank - view->shape.rank;
  assert(shift >= 0);
  for (int k = 0; k < view->shape.rank; k++) {
    bool repeats = view->shape.dim[k] == 1 && shape->dim[k + shift] != 1;
    assert(repeats || view->shape.dim[k] == shape->dim[k + shift]);
    result.stride[k + shift] = repeats ? 0 : view->stride[k];
  }
  return result;
}

icn_view icn_problem_view_through(const icn_node *node, const icn_shape *out_shape, const icn_view *view) {
  if (node->op == ICN_OP_EXPAND) return icn_view_broadcast(view, out_shape);
  assert(node->op == ICN_OP_SLICE || node->op == ICN_OP_TRANSPOSE);
  icn_view result;
  memset(&result, 0, sizeof result);
  result.shape = *out_shape;
  result.offset = view->offset;
  for (int k = 0; k < out_shape->rank; k++) {
    if (node->op == ICN_OP_TRANSPOSE) {
      result.stride[k] = view->stride[node->params.perm[k]];
    } else {
      result.offset += node->params.begin[k] * view->stride[k];
      result.stride[k] = out_shape->dim[k] > 1 ? node->params.step[k] * view->stride[k] : view->stride[k];
    }
  }
  return result;
}

/* The part of a dense concat result that input `part` fills. */
static icn_view concat_part(const icn_graph *graph, const icn_node *node, int part) {
  int axis = node->params.axis;
  icn_view view = icn_view_dense(&graph->values[node->output].shape);
  for (int i = 0; i < part; i++) view.offset += graph->values[node->inputs[i]].shape.dim[axis] * view.stride[axis];
  view.shape = graph->values[node->inputs[part]].shape;
  return view;
}

static icn_view flat_view(const icn_shape *shape) {
  int64_t elems = icn_shape_elems(shape);
  icn_shape flat = icn_shape_make(1, &elems);
  return icn_view_dense(&flat);
}

/* A graph-only operation as COPY. */
static void make_copy(const icn_graph *graph, const icn_node *node, int part, icn_problem *problem) {
  int v = node->inputs[node->op == ICN_OP_CONCAT ? part : 0];
  const icn_value *x = &graph->values[v];
  const icn_shape *out = &graph->values[node->output].shape;
  problem->op = ICN_OP_COPY;
  problem->present = 1;
  problem->constant = x->data != NULL ? 1 : 0;
  problem->in[0] = icn_view_dense(&x->shape);
  problem->out = icn_view_dense(out);
  if (node->op == ICN_OP_CONCAT) {
    problem->out = concat_part(graph, node, part);
  } else if (node->op == ICN_OP_RESHAPE) {
    problem->in[0] = flat_view(&x->shape);
    problem->out = flat_view(out);
  } else {
    problem->in[0] = icn_problem_view_through(node, out, &problem->in[0]);
  }
}

static bool is_graph_only(icn_op op) {
  return op == ICN_OP_RESHAPE || op == ICN_OP_TRANSPOSE || op == ICN_OP_SLICE || op == ICN_OP_EXPAND || op == ICN_OP_CONCAT;
}

icn_problem icn_problem_from_node(const icn_graph *graph, const icn_node *node, int part) {
  icn_problem problem;
  memset(&problem, 0, sizeof problem); /* padding too, so that problems compare with memcmp */
  problem.precision = ICN_PRECISION_FP32;
  if (is_graph_only(node->op)) {
    make_copy(graph, node, part, &problem);
    return problem;
  }
  assert(part == 0 && node->input_count <= ICN_MAX_INPUTS);
  problem.op = node->op;
  problem.params = node->params;
  problem.epilogue = node->epilogue;
  problem.out = icn_view_dense(&graph->values[node->output].shape);
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i] == ICN_NO_VALUE) continue;
    const icn_value *value = &graph->values[node->inputs[i]];
    problem.present |= 1U << i;
    if (value->data != NULL) problem.constant |= 1U << i;
    problem.in[i] = icn_view_dense(&value->shape);
    bool broadcasts = node->op == ICN_OP_BINARY || (node->op == ICN_OP_MATMUL && i == 2);
    if (broadcasts) problem.in[i] = icn_view_broadcast(&problem.in[i], &problem.out.shape);
  }
  return problem;
}

/* ------------------------------------------------------------------ sizes */

double icn_problem_flop(const icn_problem *problem) {
  const icn_params *p = &problem->params;
  double out = (double)icn_shape_elems(&problem->out.shape);
  double in = (double)icn_shape_elems(&problem->in[0].shape);
  switch (problem->op) {
    case ICN_OP_CONV: {
      const int64_t *w = problem->in[ICN_CONV_WEIGHT].shape.dim;
      return 2.0 * out * (double)(w[1] * w[2] * w[3]);
    }
    case ICN_OP_CONV_TRANSPOSE: {
      const int64_t *w = problem->in[ICN_CONV_WEIGHT].shape.dim;
      return 2.0 * in * (double)(w[1] * w[2] * w[3]);
    }
    case ICN_OP_MATMUL: {
      const icn_shape *a = &problem->in[0].shape;
      return 2.0 * out * (double)a->dim[a->rank - (p->transpose_a != 0 ? 2 : 1)];
    }
    case ICN_OP_POOL:
      return out * (double)p->kernel[0] * (double)p->kernel[1];
    case ICN_OP_AFFINE:
      return 2.0 * out;
    case ICN_OP_REDUCE:
      return in;
    case ICN_OP_SOFTMAX:
      return 3.0 * out;
    case ICN_OP_LRN:
      return out * (2.0 * (double)p->kernel[0] + 3.0);
    case ICN_OP_RESAMPLE:
      return 2.0 * out * (double)problem->in[1].shape.dim[1];
    case ICN_OP_UNARY:
    case ICN_OP_BINARY:
      return out;
    default:
      return 0.0;
  }
}

double icn_problem_bytes(const icn_problem *problem) {
  double elems = (double)icn_shape_elems(&problem->out.shape);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(problem, i)) continue;
    const icn_view *view = &problem->in[i];
    double distinct = 1.0; /* a broadcast dim is read once */
    for (int k = 0; k < view->shape.rank; k++) {
      if (view->stride[k] != 0) distinct *= (double)view->shape.dim[k];
    }
    const bool halves = problem->precision == ICN_PRECISION_FP16W && i == ICN_CONV_WEIGHT;
    elems += halves ? distinct / 2 : distinct;
  }
  return elems * 4.0;
}
