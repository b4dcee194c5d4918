/* Operations on constants, computed at import. Float ones go through the reference; integer ones (shapes, axes, indices) have a small
 * evaluator of their own, because floats cannot hold every 64-bit number. Integer results are int64, booleans 0 or 1. */
#include <assert.h>
#include <string.h>

#include "import_internal.h"
#include "ref.h"

/* ----------------------------------------------------------------- movement */

/* Steps through all elements of a shape in the model's order. */
static bool next_index(const icn_shape *shape, int64_t *index) {
  for (int k = shape->rank - 1; k >= 0; k--) {
    if (++index[k] < shape->dim[k]) return true;
    index[k] = 0;
  }
  return false;
}

static int64_t offset_in(const icn_view *view, const int64_t *index) {
  int64_t offset = view->offset;
  for (int k = 0; k < view->shape.rank; k++) offset += index[k] * view->stride[k];
  return offset;
}

/* Operations that only move elements: one COPY, or one for each part of a CONCAT. */
static bool is_movement(icn_op op) { return op == ICN_OP_SLICE || op == ICN_OP_TRANSPOSE || op == ICN_OP_EXPAND || op == ICN_OP_CONCAT; }

/* A problem's COPY straight from where the constant lies, so that a small slice of large weights costs no more than the slice. */
static void copy_elements(const icn_problem *problem, const icn_value *x, bool is_float, void *out) {
  const icn_shape *shape = &problem->out.shape;
  if (icn_shape_elems(shape) == 0) return;
  int64_t index[ICN_MAX_RANK] = {0};
  do {
    int64_t to = offset_in(&problem->out, index), from = offset_in(&problem->in[0], index);
    if (is_float) ((float *)out)[to] = icn_const_f32(x, from);
    if (!is_float) ((int64_t *)out)[to] = icn_const_i64(x, from);
  } while (next_index(shape, index));
}

static void fold_movement(icn_importer *im, const icn_node *node, bool is_float, void *out) {
  for (int part = 0; part < node->input_count; part++) {
    icn_problem problem = icn_problem_from_node(im->graph, node, part);
    copy_elements(&problem, &im->graph->values[node->inputs[part]], is_float, out);
  }
}

/* ----------------------------------------------------------------- integers */

/* A dense tensor of `from` read as `to`: broadcast dimensions have stride 0. */
static icn_view broadcast_view(const icn_shape *from, const icn_shape *to) {
  icn_view dense = icn_view_dense(from), view = icn_view_dense(to);
  for (int k = 0; k < to->rank; k++) {
    int source = k - (to->rank - from->rank);
    view.stride[k] = source < 0 || from->dim[source] == 1 ? 0 : dense.stride[source];
  }
  return view;
}

static int64_t wrap_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t wrap_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t wrap_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

static int64_t int_divide(icn_importer *im, int64_t a, int64_t b) {
  if (b == 0) {
    icn_im_fail(im, ICN_FORMAT, "an integer is divided by zero");
    return 0;
  }
  return b == -1 ? wrap_sub(0, a) : a / b;
}

static int64_t int_power(int64_t base, int64_t exponent) {
  int64_t power = 1;
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 != 0) power = wrap_mul(power, base);
    base = wrap_mul(base, base);
  }
  return power;
}

static int64_t int_binary(icn_importer *im, icn_function function, int64_t a, int64_t b) {
  switch (function) {
    case ICN_FN_ADD:
      return wrap_add(a, b);
    case ICN_FN_SUB:
      return wrap_sub(a, b);
    case ICN_FN_MUL:
      return wrap_mul(a, b);
    case ICN_FN_DIV:
      return int_divide(im, a, b);
    case ICN_FN_POW:
      return int_power(a, b);
    case ICN_FN_MAX:
      return icn_max64(a, b);
    case ICN_FN_MIN:
      return icn_min64(a, b);
    default:
      icn_im_fail(im, ICN_UNSUPPORTED, "%s of integer tensors is not supported", icn_function_name(function));
      return 0;
  }
}

static int64_t int_unary(icn_importer *im, icn_function function, int64_t x) {
  switch (function) {
    case ICN_FN_IDENTITY:
    case ICN_FN_FLOOR:
    case ICN_FN_CEIL:
      return x;
    case ICN_FN_SIGN:
      return (x > 0) - (x < 0);
    case ICN_FN_ABS:
      return x < 0 ? wrap_sub(0, x) : x;
    case ICN_FN_NEG:
      return wrap_sub(0, x);
    case ICN_FN_RELU:
      return icn_max64(x, 0);
    default:
      icn_im_fail(im, ICN_UNSUPPORTED, "%s of integer tensors is not supported", icn_function_name(function));
      return 0;
  }
}

static void fold_int_unary(icn_importer *im, const icn_params *params, const icn_value *x, int64_t *out, int64_t elems) {
  for (int64_t i = 0; i < elems && icn_im_ok(im); i++) out[i] = int_unary(im, params->function, icn_const_i64(x, i));
}

static void fold_int_binary(icn_importer *im, const icn_params *params, const icn_value *a, const icn_value *b, int64_t *out,
                            const icn_shape *shape) {
  icn_view a_view = broadcast_view(&a->shape, shape), b_view = broadcast_view(&b->shape, shape);
  int64_t index[ICN_MAX_RANK] = {0}, i = 0;
  do {
    int64_t left = icn_const_i64(a, offset_in(&a_view, index)), right = icn_const_i64(b, offset_in(&b_view, index));
    out[i++] = int_binary(im, params->function, left, right);
  } while (icn_im_ok(im) && next_index(shape, index));
}

static int64_t reduce_start(icn_function function) {
  switch (function) {
    case ICN_FN_MUL:
      return 1;
    case ICN_FN_MAX:
      return INT64_MIN;
    case ICN_FN_MIN:
      return INT64_MAX;
    default:
      return 0;
  }
}

static void fold_int_reduce(icn_importer *im, const icn_params *params, const icn_value *x, int64_t *out, const icn_shape *shape) {
  icn_view view = icn_view_dense(shape);
  bool known =
      params->function == ICN_FN_ADD || params->function == ICN_FN_MUL || params->function == ICN_FN_MAX || params->function == ICN_FN_MIN;
  if (!known) {
    icn_im_fail(im, ICN_UNSUPPORTED, "the %s of integer tensors is not supported", icn_function_name(params->function));
    return;
  }
  for (int k = 0; k < shape->rank; k++) {
    if ((params->axes >> k & 1U) != 0) view.stride[k] = 0;
  }
  for (int64_t i = 0; i < icn_shape_elems(shape); i++) out[i] = reduce_start(params->function);
  if (icn_shape_elems(&x->shape) == 0) return;
  int64_t index[ICN_MAX_RANK] = {0}, i = 0;
  do {
    int64_t *total = &out[offset_in(&view, index)];
    *total = int_binary(im, params->function, *total, icn_const_i64(x, i++));
  } while (next_index(&x->shape, index));
}

static void fold_int_gather(const icn_params *params, const icn_value *x, const icn_value *table, int64_t *out, const icn_shape *shape) {
  icn_view view = icn_view_dense(&x->shape);
  int64_t index[ICN_MAX_RANK] = {0}, source[ICN_MAX_RANK], i = 0;
  do {
    memcpy(source, index, sizeof source);
    source[params->axis] = icn_const_i64(table, index[params->axis]);
    out[i++] = icn_const_i64(x, offset_in(&view, source));
  } while (next_index(shape, index));
}

static void fold_int_pad(icn_importer *im, const icn_params *params, const icn_value *x, int64_t *out, const icn_shape *shape) {
  icn_view view = icn_view_dense(&x->shape);
  int64_t index[ICN_MAX_RANK] = {0}, source[ICN_MAX_RANK] = {0}, i = 0;
  if (params->pad_mode != ICN_PAD_CONSTANT || !(params->alpha > -9e18F && params->alpha < 9e18F)) {
    icn_im_fail(im, ICN_UNSUPPORTED, "integer tensors are padded by an integer constant only");
    return;
  }
  do {
    bool inside = true;
    for (int k = 0; k < shape->rank; k++) {
      source[k] = index[k] - params->begin[k];
      inside = inside && source[k] >= 0 && source[k] < x->shape.dim[k];
    }
    out[i++] = inside ? icn_const_i64(x, offset_in(&view, source)) : (int64_t)params->alpha;
  } while (next_index(shape, index));
}

static void fold_ints(icn_importer *im, const icn_node *node, int64_t *out) {
  const icn_value *values = im->graph->values, *x = &values[node->inputs[0]];
  const icn_shape *shape = &values[node->output].shape;
  switch (node->op) {
    case ICN_OP_UNARY:
      fold_int_unary(im, &node->params, x, out, icn_shape_elems(shape));
      break;
    case ICN_OP_BINARY:
      fold_int_binary(im, &node->params, x, &values[node->inputs[1]], out, shape);
      break;
    case ICN_OP_REDUCE:
      fold_int_reduce(im, &node->params, x, out, shape);
      break;
    case ICN_OP_RESAMPLE:
      fold_int_gather(&node->params, x, &values[node->inputs[1]], out, shape);
      break;
    case ICN_OP_PAD:
      fold_int_pad(im, &node->params, x, out, shape);
      break;
    default:
      icn_im_fail(im, ICN_UNSUPPORTED, "the operator is not supported for integer tensors");
  }
}

/* ------------------------------------------------------------------- floats */

/* The base pointers of a node's inputs as the reference wants them. */
static bool float_inputs(icn_importer *im, const icn_node *node, icn_arena *arena, const void **pointers) {
  static const float NOTHING[1] = {0};
  for (int k = 0; k < node->input_count; k++) {
    if (node->inputs[k] == ICN_NO_VALUE) continue;
    const icn_value *value = &im->graph->values[node->inputs[k]];
    if (value->data == NULL || icn_shape_elems(&value->shape) == 0) {
      pointers[k] = NOTHING; /* no elements */
    } else if (value->dtype == ICN_I32 && node->op == ICN_OP_RESAMPLE) {
      pointers[k] = value->data;
    } else {
      pointers[k] = icn_const_floats(value, arena);
    }
    if (pointers[k] == NULL) icn_im_no_memory(im);
  }
  return icn_im_ok(im);
}

/* `arena` holds the copies of inputs that are not aligned floats; it goes when this operation is done. */
static void fold_floats(icn_importer *im, const icn_node *node, icn_arena *arena, float *out) {
  const void *pointers[ICN_MAX_INPUTS] = {NULL};
  assert(node->input_count <= ICN_MAX_INPUTS);
  if (!float_inputs(im, node, arena, pointers)) return;
  icn_problem problem = icn_problem_from_node(im->graph, node, 0);
  if (icn_problem_flop(&problem) > ICN_IMPORT_MAX_FOLDED_FLOP) {
    icn_im_fail(im, ICN_UNSUPPORTED, "its inputs are all constants, but computing it at load would take too long");
    return;
  }
  im->status = icn_ref_compute(&problem, pointers, out, &im->scratch.allocator, im->error);
}

int icn_im_fold(icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count, const icn_shape *shape) {
  void *data;
  bool is_float = icn_im_is_float(im, inputs[0]);
  int value = icn_im_new_constant(im, shape, is_float ? ICN_F32 : ICN_I64, &data);
  if (!icn_im_ok(im) || icn_shape_elems(shape) == 0) return value;
  icn_node node;
  memset(&node, 0, sizeof node);
  node.op = op;
  node.name = im->node->name;
  node.origin = im->node->op;
  node.inputs = icn_arena_array(&im->scratch, (size_t)count, sizeof(int));
  if (node.inputs == NULL) return icn_im_no_memory(im);
  memcpy(node.inputs, inputs, (size_t)count * sizeof(int));
  node.input_count = count;
  node.output = value;
  node.params = *params;
  icn_arena arena;
  icn_arena_init(&arena, &im->scratch.allocator);
  if (is_movement(op)) {
    fold_movement(im, &node, is_float, data);
  } else if (is_float) {
    fold_floats(im, &node, &arena, data);
  } else {
    fold_ints(im, &node, data);
  }
  icn_arena_fini(&arena);
  return value;
}
