/* icn_graph_validate: indices in range, producers before users, and a shape rule for each operation. */
#include "graph.h"

#define AT        "node \"%s\" (%s): "
#define WHO(node) (node)->name, icn_op_name((node)->op)

typedef icn_status (*shape_rule)(const icn_graph *graph, const icn_node *node, icn_error *error);

/* Input i, or NULL when it is absent. */
static const icn_value *input(const icn_graph *graph, const icn_node *node, int i) {
  if (i >= node->input_count || node->inputs[i] == ICN_NO_VALUE) return NULL;
  return &graph->values[node->inputs[i]];
}

static const icn_shape *out_shape(const icn_graph *graph, const icn_node *node) { return &graph->values[node->output].shape; }

/* The first `needed` inputs are there, and no more than `most`. */
static icn_status check_inputs(const icn_graph *graph, const icn_node *node, int needed, int most, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(node->input_count <= most, ICN_FORMAT, AT "it has %d inputs, at most %d are expected", WHO(node), node->input_count, most);
  for (int i = 0; i < needed; i++) {
    ICN_REQUIRE(input(graph, node, i) != NULL, ICN_FORMAT, AT "input %d is missing", WHO(node), i);
  }
done:
  return status;
}

static icn_status check_same_shape(const icn_node *node, const char *what, const icn_shape *shape, const icn_shape *expected,
                                   icn_error *error) {
  icn_status status = ICN_OK;
  char have[ICN_SHAPE_TEXT_BYTES], want[ICN_SHAPE_TEXT_BYTES];
  ICN_REQUIRE(icn_shape_equal(shape, expected), ICN_FORMAT, AT "%s has shape %s, expected %s", WHO(node), what, icn_shape_text(shape, have),
              icn_shape_text(expected, want));
done:
  return status;
}

/* An optional vector input of `count` elements. */
static icn_status check_vector(const icn_graph *graph, const icn_node *node, int i, const char *what, int64_t count, icn_error *error) {
  const icn_value *value = input(graph, node, i);
  if (value == NULL) return ICN_OK;
  icn_shape expected = icn_shape_make(1, &count);
  return check_same_shape(node, what, &value->shape, &expected, error);
}

static icn_status check_rank(const icn_node *node, const char *what, const icn_shape *shape, int least, int most, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(shape->rank >= least && shape->rank <= most, ICN_FORMAT, AT "%s has rank %d, expected %d to %d", WHO(node), what,
              (int)shape->rank, least, most);
done:
  return status;
}

/* Right-aligned, each dim equal or 1. */
static bool broadcasts_to(const icn_shape *shape, const icn_shape *to) {
  if (shape->rank > to->rank) return false;
  for (int k = 0; k < shape->rank; k++) {
    int64_t dim = shape->dim[k];
    if (dim != 1 && dim != to->dim[to->rank - shape->rank + k]) return false;
  }
  return true;
}

static icn_status check_broadcast(const icn_node *node, const char *what, const icn_shape *shape, const icn_shape *to, icn_error *error) {
  icn_status status = ICN_OK;
  char have[ICN_SHAPE_TEXT_BYTES], want[ICN_SHAPE_TEXT_BYTES];
  ICN_REQUIRE(broadcasts_to(shape, to), ICN_FORMAT, AT "%s of shape %s does not broadcast to %s", WHO(node), what,
              icn_shape_text(shape, have), icn_shape_text(to, want));
done:
  return status;
}

/* Windows are positive, and small enough that no index computed from them overflows. */
static icn_status check_window(const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  const int64_t limit = 1 << 30;
  const icn_params *p = &node->params;
  for (int k = 0; k < 2; k++) {
    ICN_REQUIRE(p->kernel[k] >= 1 && p->stride[k] >= 1 && p->dilation[k] >= 1, ICN_FORMAT,
                AT "window %lldx%lld, stride %lldx%lld and dilation %lldx%lld must be at least 1", WHO(node), (long long)p->kernel[0],
                (long long)p->kernel[1], (long long)p->stride[0], (long long)p->stride[1], (long long)p->dilation[0],
                (long long)p->dilation[1]);
    bool small = p->kernel[k] <= limit && p->stride[k] <= limit && p->dilation[k] <= limit && p->pad_begin[k] <= limit &&
                 p->pad_end[k] <= limit && p->pad_begin[k] >= -limit && p->pad_end[k] >= -limit;
    ICN_REQUIRE(small, ICN_FORMAT, AT "a window size, stride, dilation or padding is above 2^30", WHO(node));
  }
done:
  return status;
}

/* Output size along h (k = 0) or w (k = 1); `ceil_too` allows one partial window at the end. */
static icn_status check_windows_fit(const icn_node *node, const icn_shape *x, const icn_shape *out, bool ceil_too, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_params *p = &node->params;
  for (int k = 0; k < 2; k++) {
    int64_t span = x->dim[2 + k] + p->pad_begin[k] + p->pad_end[k] - ((p->kernel[k] - 1) * p->dilation[k] + 1);
    int64_t full = span < 0 ? 0 : span / p->stride[k] + 1;
    int64_t most = ceil_too ? (span < 0 ? 1 : icn_div_up(span, p->stride[k]) + 1) : full;
    int64_t have = out->dim[2 + k];
    ICN_REQUIRE(have >= full && have <= most, ICN_FORMAT, AT "output %s is %lld, expected %lld", WHO(node), k == 0 ? "height" : "width",
                (long long)have, (long long)full);
  }
done:
  return status;
}

static icn_status check_channels(const icn_node *node, int64_t channels, int64_t weight_channels, int64_t oc, icn_error *error) {
  icn_status status = ICN_OK;
  int64_t groups = node->params.groups;
  ICN_REQUIRE(groups >= 1 && channels % groups == 0 && oc % groups == 0, ICN_FORMAT,
              AT "%lld input and %lld output channels do not divide by %lld groups", WHO(node), (long long)channels, (long long)oc,
              (long long)groups);
  ICN_REQUIRE(weight_channels == channels / groups, ICN_FORMAT, AT "weights are for %lld channels a group, the input has %lld", WHO(node),
              (long long)weight_channels, (long long)(channels / groups));
done:
  return status;
}

static icn_status rule_conv(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 2, 5, error));
  const icn_shape *x = &input(graph, node, ICN_CONV_X)->shape, *w = &input(graph, node, ICN_CONV_WEIGHT)->shape;
  const icn_shape *out = out_shape(graph, node);
  ICN_TRY(check_rank(node, "input", x, 4, 4, error));
  ICN_TRY(check_rank(node, "weight", w, 4, 4, error));
  ICN_TRY(check_rank(node, "output", out, 4, 4, error));
  ICN_TRY(check_window(node, error));
  ICN_TRY(check_channels(node, x->dim[1], w->dim[1], w->dim[0], error));
  ICN_REQUIRE(w->dim[2] == node->params.kernel[0] && w->dim[3] == node->params.kernel[1], ICN_FORMAT,
              AT "weights have a %lldx%lld window, the attributes say %lldx%lld", WHO(node), (long long)w->dim[2], (long long)w->dim[3],
              (long long)node->params.kernel[0], (long long)node->params.kernel[1]);
  ICN_REQUIRE(out->dim[0] == x->dim[0] && out->dim[1] == w->dim[0], ICN_FORMAT, AT "output is %lldx%lld.., expected %lldx%lld..", WHO(node),
              (long long)out->dim[0], (long long)out->dim[1], (long long)x->dim[0], (long long)w->dim[0]);
  ICN_TRY(check_windows_fit(node, x, out, false, error));
  ICN_TRY(check_vector(graph, node, ICN_CONV_BIAS, "bias", w->dim[0], error));
  ICN_TRY(check_vector(graph, node, ICN_CONV_SCALE, "weight scale", w->dim[0], error));
  const icn_value *residual = input(graph, node, ICN_CONV_RESIDUAL);
  if (residual != NULL) ICN_TRY(check_same_shape(node, "residual", &residual->shape, out, error));
done:
  return status;
}

static icn_status rule_conv_transpose(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 2, 3, error));
  const icn_shape *x = &input(graph, node, ICN_CONV_X)->shape, *w = &input(graph, node, ICN_CONV_WEIGHT)->shape;
  const icn_shape *out = out_shape(graph, node);
  ICN_TRY(check_rank(node, "input", x, 4, 4, error));
  ICN_TRY(check_rank(node, "weight", w, 4, 4, error));
  ICN_TRY(check_rank(node, "output", out, 4, 4, error));
  ICN_TRY(check_window(node, error));
  ICN_REQUIRE(w->dim[0] == x->dim[1], ICN_FORMAT, AT "weights are for %lld channels, the input has %lld", WHO(node), (long long)w->dim[0],
              (long long)x->dim[1]);
  ICN_TRY(check_channels(node, out->dim[1], w->dim[1], x->dim[1], error));
  ICN_REQUIRE(out->dim[0] == x->dim[0], ICN_FORMAT, AT "output batch is %lld, the input's is %lld", WHO(node), (long long)out->dim[0],
              (long long)x->dim[0]);
  ICN_REQUIRE(w->dim[2] == node->params.kernel[0] && w->dim[3] == node->params.kernel[1], ICN_FORMAT,
              AT "weights have a %lldx%lld window, the attributes say %lldx%lld", WHO(node), (long long)w->dim[2], (long long)w->dim[3],
              (long long)node->params.kernel[0], (long long)node->params.kernel[1]);
  ICN_TRY(check_vector(graph, node, ICN_CONV_BIAS, "bias", out->dim[1], error));
done:
  return status;
}

static icn_status rule_matmul(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 2, 3, error));
  const icn_shape *a = &input(graph, node, 0)->shape, *b = &input(graph, node, 1)->shape, *out = out_shape(graph, node);
  const icn_value *c = input(graph, node, 2);
  ICN_TRY(check_rank(node, "a", a, 2, ICN_MAX_RANK, error));
  ICN_TRY(check_rank(node, "b", b, 2, ICN_MAX_RANK, error));
  ICN_TRY(check_rank(node, "output", out, (int)icn_max64(a->rank, b->rank), ICN_MAX_RANK, error));
  int ta = node->params.transpose_a != 0, tb = node->params.transpose_b != 0;
  int64_t m = a->dim[a->rank - 2 + ta], ka = a->dim[a->rank - 1 - ta], kb = b->dim[b->rank - 2 + tb], n = b->dim[b->rank - 1 - tb];
  ICN_REQUIRE(ka == kb, ICN_FORMAT, AT "a has %lld columns, b has %lld rows", WHO(node), (long long)ka, (long long)kb);
  ICN_REQUIRE(out->dim[out->rank - 2] == m && out->dim[out->rank - 1] == n, ICN_FORMAT, AT "output is ..x%lldx%lld, expected ..x%lldx%lld",
              WHO(node), (long long)out->dim[out->rank - 2], (long long)out->dim[out->rank - 1], (long long)m, (long long)n);
  icn_shape lead = icn_shape_make(out->rank - 2, out->dim);
  icn_shape a_lead = icn_shape_make(a->rank - 2, a->dim), b_lead = icn_shape_make(b->rank - 2, b->dim);
  ICN_TRY(check_broadcast(node, "the leading part of a", &a_lead, &lead, error));
  ICN_TRY(check_broadcast(node, "the leading part of b", &b_lead, &lead, error));
  if (c != NULL) ICN_TRY(check_broadcast(node, "c", &c->shape, out, error));
done:
  return status;
}

static icn_status rule_pool(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 2, error));
  const icn_shape *x = &input(graph, node, 0)->shape, *out = out_shape(graph, node);
  icn_function function = node->params.function;
  ICN_REQUIRE(function == ICN_FN_MAX || function == ICN_FN_MEAN || function == ICN_FN_LP || function == ICN_FN_L2 || function == ICN_FN_L1,
              ICN_FORMAT, AT "\"%s\" is no pooling function", WHO(node), icn_function_name(function));
  ICN_TRY(check_rank(node, "input", x, 4, 4, error));
  ICN_TRY(check_rank(node, "output", out, 4, 4, error));
  ICN_TRY(check_window(node, error));
  ICN_REQUIRE(out->dim[0] == x->dim[0] && out->dim[1] == x->dim[1], ICN_FORMAT, AT "output is %lldx%lld.., expected %lldx%lld..", WHO(node),
              (long long)out->dim[0], (long long)out->dim[1], (long long)x->dim[0], (long long)x->dim[1]);
  ICN_TRY(check_windows_fit(node, x, out, true, error));
  ICN_TRY(check_vector(graph, node, ICN_POOL_BIAS, "bias", out->dim[1], error));
done:
  return status;
}

static icn_status rule_same(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  ICN_TRY(check_same_shape(node, "output", out_shape(graph, node), &input(graph, node, 0)->shape, error));
done:
  return status;
}

static icn_status rule_unary(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(node->params.function < ICN_FN_UNARY_END, ICN_FORMAT, AT "\"%s\" is no unary function", WHO(node),
              icn_function_name(node->params.function));
  ICN_TRY(rule_same(graph, node, error));
done:
  return status;
}

static icn_status rule_binary(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  icn_function function = node->params.function;
  ICN_TRY(check_inputs(graph, node, 2, 2, error));
  ICN_REQUIRE(function >= ICN_FN_ADD && function < ICN_FN_BINARY_END, ICN_FORMAT, AT "\"%s\" is no binary function", WHO(node),
              icn_function_name(function));
  for (int i = 0; i < 2; i++) {
    ICN_TRY(check_broadcast(node, i == 0 ? "a" : "b", &input(graph, node, i)->shape, out_shape(graph, node), error));
  }
done:
  return status;
}

static icn_status rule_affine(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 3, 3, error));
  const icn_shape *x = &input(graph, node, 0)->shape;
  ICN_TRY(check_rank(node, "input", x, 2, ICN_MAX_RANK, error));
  ICN_TRY(check_same_shape(node, "output", out_shape(graph, node), x, error));
  ICN_TRY(check_vector(graph, node, 1, "scale", x->dim[1], error));
  ICN_TRY(check_vector(graph, node, 2, "shift", x->dim[1], error));
done:
  return status;
}

static icn_status rule_reduce(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  icn_shape expected = input(graph, node, 0)->shape;
  ICN_REQUIRE(node->params.axes >> expected.rank == 0, ICN_FORMAT, AT "an axis is above the input's rank %d", WHO(node),
              (int)expected.rank);
  for (int k = 0; k < expected.rank; k++) {
    if ((node->params.axes >> k & 1U) != 0) expected.dim[k] = 1;
  }
  ICN_TRY(check_same_shape(node, "output", out_shape(graph, node), &expected, error));
done:
  return status;
}

static icn_status check_axis(const icn_node *node, const icn_shape *shape, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(node->params.axis >= 0 && node->params.axis < shape->rank, ICN_FORMAT, AT "axis %d is not in 0 to %d", WHO(node),
              (int)node->params.axis, (int)shape->rank - 1);
done:
  return status;
}

static icn_status rule_softmax(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(rule_same(graph, node, error));
  ICN_TRY(check_axis(node, out_shape(graph, node), error));
done:
  return status;
}

static icn_status rule_lrn(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(rule_same(graph, node, error));
  ICN_TRY(check_rank(node, "input", out_shape(graph, node), 2, ICN_MAX_RANK, error));
  ICN_REQUIRE(node->params.kernel[0] >= 1 && node->params.kernel[0] <= 1 << 30, ICN_FORMAT, AT "size is %lld, expected 1 to 2^30",
              WHO(node), (long long)node->params.kernel[0]);
done:
  return status;
}

static icn_status rule_pad(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  const icn_shape *x = &input(graph, node, 0)->shape, *out = out_shape(graph, node);
  ICN_TRY(check_rank(node, "output", out, x->rank, x->rank, error));
  const int64_t limit = (int64_t)1 << 40;
  for (int k = 0; k < x->rank; k++) {
    int64_t begin = node->params.begin[k], end = node->params.end[k];
    bool fits = begin <= limit && begin >= -limit && end <= limit && end >= -limit && out->dim[k] == x->dim[k] + begin + end;
    ICN_REQUIRE(fits, ICN_FORMAT, AT "dimension %d is %lld, padded by %lld and %lld it cannot be %lld", WHO(node), k, (long long)x->dim[k],
                (long long)begin, (long long)end, (long long)out->dim[k]);
    ICN_REQUIRE(x->dim[k] > 0 || out->dim[k] == 0 || node->params.pad_mode == ICN_PAD_CONSTANT, ICN_FORMAT,
                AT "dimension %d is empty: there is nothing to pad it with", WHO(node), k);
  }
done:
  return status;
}

static icn_status rule_resample(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 3, 3, error));
  icn_shape expected = input(graph, node, 0)->shape;
  const icn_value *index = input(graph, node, 1), *weight = input(graph, node, 2);
  ICN_TRY(check_axis(node, &expected, error));
  ICN_REQUIRE(index->data != NULL && index->dtype == ICN_I32 && weight->data != NULL && weight->dtype == ICN_F32, ICN_FORMAT,
              AT "index and weight must be int32 and float32 constants", WHO(node));
  ICN_TRY(check_rank(node, "index", &index->shape, 2, 2, error));
  ICN_TRY(check_same_shape(node, "weight", &weight->shape, &index->shape, error));
  int64_t limit = expected.dim[node->params.axis];
  for (int64_t i = 0, count = icn_shape_elems(&index->shape); i < count; i++) {
    int64_t at = icn_const_i64(index, i);
    ICN_REQUIRE((at >= 0 && at < limit) || icn_const_f32(weight, i) == 0.0F, ICN_FORMAT, AT "index %lld is not in 0 to %lld", WHO(node),
                (long long)at, (long long)limit - 1);
  }
  expected.dim[node->params.axis] = index->shape.dim[0];
  ICN_TRY(check_same_shape(node, "output", out_shape(graph, node), &expected, error));
done:
  return status;
}

static icn_status rule_reshape(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  const icn_shape *x = &input(graph, node, 0)->shape, *out = out_shape(graph, node);
  char have[ICN_SHAPE_TEXT_BYTES], want[ICN_SHAPE_TEXT_BYTES];
  ICN_REQUIRE(icn_shape_elems(x) == icn_shape_elems(out), ICN_FORMAT, AT "%s cannot become %s: the number of elements differs", WHO(node),
              icn_shape_text(x, have), icn_shape_text(out, want));
done:
  return status;
}

static icn_status rule_transpose(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  const icn_shape *x = &input(graph, node, 0)->shape;
  icn_shape expected = *x;
  uint32_t seen = 0;
  for (int k = 0; k < x->rank; k++) {
    int32_t from = node->params.perm[k];
    ICN_REQUIRE(from >= 0 && from < x->rank && (seen >> from & 1U) == 0, ICN_FORMAT, AT "perm is no permutation of 0 to %d", WHO(node),
                (int)x->rank - 1);
    seen |= 1U << from;
    expected.dim[k] = x->dim[from];
  }
  ICN_TRY(check_same_shape(node, "output", out_shape(graph, node), &expected, error));
done:
  return status;
}

static icn_status rule_slice(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  const icn_shape *x = &input(graph, node, 0)->shape, *out = out_shape(graph, node);
  ICN_TRY(check_rank(node, "output", out, x->rank, x->rank, error));
  for (int k = 0; k < x->rank; k++) {
    int64_t begin = node->params.begin[k], step = node->params.step[k];
    if (out->dim[k] == 0) continue;
    bool fits = step != 0 && begin >= 0 && begin < x->dim[k] && out->dim[k] <= x->dim[k];
    /* a single element may have any step; with more, |step| is below the dimension, so that the product cannot overflow */
    if (fits && out->dim[k] > 1) {
      fits = step < x->dim[k] && step > -x->dim[k];
      int64_t last = fits ? begin + (out->dim[k] - 1) * step : -1;
      fits = last >= 0 && last < x->dim[k];
    }
    ICN_REQUIRE(fits, ICN_FORMAT, AT "%lld elements from %lld by %lld leave dimension %d of %lld", WHO(node), (long long)out->dim[k],
                (long long)begin, (long long)step, k, (long long)x->dim[k]);
  }
done:
  return status;
}

static icn_status rule_expand(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  ICN_TRY(check_broadcast(node, "input", &input(graph, node, 0)->shape, out_shape(graph, node), error));
done:
  return status;
}

static icn_status rule_concat(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(node->input_count >= 1, ICN_FORMAT, AT "it has no inputs", WHO(node));
  ICN_TRY(check_inputs(graph, node, node->input_count, node->input_count, error));
  ICN_TRY(check_axis(node, out_shape(graph, node), error));
  int32_t axis = node->params.axis;
  icn_shape expected = *out_shape(graph, node);
  int64_t sum = 0;
  for (int i = 0; i < node->input_count; i++) {
    const icn_shape *x = &input(graph, node, i)->shape;
    ICN_TRY(check_rank(node, "an input", x, expected.rank, expected.rank, error));
    expected.dim[axis] = x->dim[axis];
    ICN_TRY(check_same_shape(node, "an input", x, &expected, error));
    sum += x->dim[axis];
  }
  ICN_REQUIRE(sum == out_shape(graph, node)->dim[axis], ICN_FORMAT, AT "the inputs have %lld along axis %d, the output %lld", WHO(node),
              (long long)sum, (int)axis, (long long)out_shape(graph, node)->dim[axis]);
done:
  return status;
}

static icn_status rule_stack(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(check_inputs(graph, node, 1, 1, error));
  ICN_REQUIRE(graph->slices > 1, ICN_FORMAT, AT "the graph's batch has no slices", WHO(node));
  const icn_shape *x = &input(graph, node, 0)->shape;
  icn_shape expected = *x;
  ICN_TRY(check_rank(node, "its input", x, 1, ICN_MAX_RANK, error));
  expected.dim[0] *= graph->slices;
  ICN_TRY(check_same_shape(node, "its output", out_shape(graph, node), &expected, error));
done:
  return status;
}

static const shape_rule RULES[ICN_OP_COUNT] = {
    [ICN_OP_CONV] = rule_conv,
    [ICN_OP_CONV_TRANSPOSE] = rule_conv_transpose,
    [ICN_OP_MATMUL] = rule_matmul,
    [ICN_OP_POOL] = rule_pool,
    [ICN_OP_UNARY] = rule_unary,
    [ICN_OP_BINARY] = rule_binary,
    [ICN_OP_AFFINE] = rule_affine,
    [ICN_OP_REDUCE] = rule_reduce,
    [ICN_OP_SOFTMAX] = rule_softmax,
    [ICN_OP_LRN] = rule_lrn,
    [ICN_OP_PAD] = rule_pad,
    [ICN_OP_RESAMPLE] = rule_resample,
    [ICN_OP_COPY] = rule_same,
    [ICN_OP_RESHAPE] = rule_reshape,
    [ICN_OP_TRANSPOSE] = rule_transpose,
    [ICN_OP_SLICE] = rule_slice,
    [ICN_OP_EXPAND] = rule_expand,
    [ICN_OP_CONCAT] = rule_concat,
    [ICN_OP_STACK] = rule_stack,
};

/* Channels below `from` get no function: a convolution's own. */
static icn_status check_epilogue(const icn_graph *graph, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  const int64_t most = node->op == ICN_OP_CONV ? out_shape(graph, node)->dim[1] : 0;
  ICN_REQUIRE(node->epilogue.from >= 0 && node->epilogue.from <= most, ICN_FORMAT, AT "its function begins at channel %d of %lld",
              WHO(node), (int)node->epilogue.from, (long long)most);
done:
  return status;
}

static icn_status check_value(const icn_graph *graph, size_t v, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_value *value = &graph->values[v];
  ICN_REQUIRE(value->shape.rank >= 0 && value->shape.rank <= ICN_MAX_RANK, ICN_FORMAT, "value \"%s\" has rank %d, at most %d is possible",
              value->name, (int)value->shape.rank, ICN_MAX_RANK);
  for (int k = 0; k < value->shape.rank; k++) {
    ICN_REQUIRE(value->shape.dim[k] >= 0, ICN_FORMAT, "value \"%s\": dimension %d is unknown", value->name, k);
    ICN_REQUIRE(value->shape.dim[k] <= (int64_t)1 << 40, ICN_FORMAT, "value \"%s\": dimension %d is above 2^40", value->name, k);
  }
  ICN_REQUIRE(icn_shape_elems(&value->shape) >= 0, ICN_FORMAT, "value \"%s\" has more than 2^40 elements", value->name);
  ICN_REQUIRE(value->producer < (int)graph->node_count, ICN_FORMAT, "value \"%s\" has no such producer as %d", value->name,
              value->producer);
  ICN_REQUIRE(value->data != NULL || value->dtype == ICN_F32, ICN_FORMAT, "value \"%s\" is %s, computed values must be float32",
              value->name, icn_dtype_name(value->dtype));
done:
  return status;
}

/* Every input is in range and is a graph input, a constant or made by an earlier node. */
static icn_status check_node_indices(const icn_graph *graph, size_t n, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_node *node = &graph->nodes[n];
  int values = (int)graph->value_count;
  ICN_REQUIRE((unsigned)node->op < ICN_OP_COUNT, ICN_FORMAT, "node \"%s\" has no such operation as %d", node->name, (int)node->op);
  ICN_REQUIRE(node->output >= 0 && node->output < values && graph->values[node->output].producer == (int)n, ICN_FORMAT,
              AT "its output is not its own", WHO(node));
  for (int i = 0; i < node->input_count; i++) {
    int v = node->inputs[i];
    ICN_REQUIRE(v >= ICN_NO_VALUE && v < values, ICN_FORMAT, AT "input %d is value %d of %d", WHO(node), i, v, values);
    if (v == ICN_NO_VALUE) continue;
    const icn_value *value = &graph->values[v];
    bool known = value->is_input || value->data != NULL || (value->producer >= 0 && value->producer < (int)n);
    ICN_REQUIRE(known, ICN_FORMAT, AT "input %d, \"%s\", is not made before it is used", WHO(node), i, value->name);
    ICN_REQUIRE(value->producer < 0 || graph->nodes[value->producer].op != ICN_OP_NONE, ICN_FORMAT,
                AT "input %d, \"%s\", was made by a node that has been removed", WHO(node), i, value->name);
  }
done:
  return status;
}

static icn_status check_lists(const icn_graph *graph, icn_error *error) {
  icn_status status = ICN_OK;
  int values = (int)graph->value_count;
  for (size_t i = 0; i < graph->input_count; i++) {
    int v = graph->inputs[i];
    ICN_REQUIRE(v >= 0 && v < values && graph->values[v].is_input, ICN_FORMAT, "graph input %zu is value %d, which is no input", i, v);
  }
  for (size_t i = 0; i < graph->output_count; i++) {
    int v = graph->outputs[i];
    ICN_REQUIRE(v >= 0 && v < values, ICN_FORMAT, "graph output %zu is value %d of %d", i, v, values);
    const icn_value *value = &graph->values[v];
    bool made = value->is_input || value->data != NULL || (value->producer >= 0 && graph->nodes[value->producer].op != ICN_OP_NONE);
    ICN_REQUIRE(made, ICN_FORMAT, "graph output \"%s\" is never computed", value->name);
  }
done:
  return status;
}

icn_status icn_graph_validate(const icn_graph *graph, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t v = 0; v < graph->value_count; v++) ICN_TRY(check_value(graph, v, error));
  ICN_TRY(check_lists(graph, error));
  for (size_t n = 0; n < graph->node_count; n++) {
    if (graph->nodes[n].op == ICN_OP_NONE) continue;
    ICN_TRY(check_node_indices(graph, n, error));
    ICN_TRY(RULES[graph->nodes[n].op](graph, &graph->nodes[n], error));
    ICN_TRY(check_epilogue(graph, &graph->nodes[n], error));
  }
done:
  return status;
}
