/* Passes that move work into the epilogue of a convolution or matrix product: bias, residual, activation. */
#include "pass_support.h"

/* `value` is made by a CONV, CONV_TRANSPOSE or MATMUL without an epilogue function and read once: NULL otherwise. Counts stay right while a
 * pass runs: absorbing leaves the count of the value that the producer makes from then on as it was. */
static icn_node *open_producer(const icn_graph *graph, const int *uses, int value) {
  icn_node *node = icn_pass_producer(graph, value);
  if (node == NULL || uses[value] != 1 || node->epilogue.function != ICN_FN_IDENTITY) return NULL;
  return node->op == ICN_OP_CONV || node->op == ICN_OP_CONV_TRANSPOSE || node->op == ICN_OP_MATMUL ? node : NULL;
}

/* --------------------------------------------------------- fuse_activation */

static bool is_epilogue_function(icn_function function) {
  return function == ICN_FN_RELU || function == ICN_FN_CLIP || function == ICN_FN_LEAKY_RELU;
}

icn_status icn_pass_fuse_activation(icn_graph *graph, int *changed, icn_error *error) {
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    if (node->op != ICN_OP_UNARY || !is_epilogue_function(node->params.function)) continue;
    icn_node *producer = open_producer(graph, uses, node->inputs[0]);
    if (producer == NULL) continue;
    producer->epilogue = (icn_epilogue){.function = node->params.function, .alpha = node->params.alpha, .beta = node->params.beta};
    icn_pass_absorb(graph, producer, node);
    (*changed)++;
  }
  icn_pass_release_uses(graph, uses);
  return ICN_OK;
}

/* ----------------------------------------------------------- fuse_residual */

/* The convolution that can take ADD's other operand as its residual: that operand must exist when the convolution runs. */
static icn_node *residual_host(const icn_graph *graph, const int *uses, const icn_node *add, int side) {
  icn_node *conv = open_producer(graph, uses, add->inputs[side]);
  int other = add->inputs[1 - side];
  if (conv == NULL || conv->op != ICN_OP_CONV || icn_pass_input(conv, ICN_CONV_RESIDUAL) != ICN_NO_VALUE) return NULL;
  const icn_value *value = &graph->values[other];
  bool earlier = value->is_input || (value->producer >= 0 && value->producer < (int)(conv - graph->nodes));
  bool same = icn_shape_equal(&value->shape, &graph->values[conv->output].shape) &&
              icn_shape_equal(&value->shape, &graph->values[add->output].shape);
  return earlier && same && value->data == NULL ? conv : NULL;
}

icn_status icn_pass_fuse_residual(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    if (node->op != ICN_OP_BINARY || node->params.function != ICN_FN_ADD) continue;
    for (int side = 0; side < 2; side++) {
      icn_node *conv = residual_host(graph, uses, node, side);
      if (conv == NULL) continue;
      ICN_REQUIRE(icn_pass_set_input(graph, conv, ICN_CONV_RESIDUAL, node->inputs[1 - side]), ICN_NO_MEMORY,
                  "out of memory while a residual is fused into \"%s\"", conv->name);
      icn_pass_absorb(graph, conv, node);
      (*changed)++;
      break;
    }
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}

/* --------------------------------------------------------------- fuse_bias */

/* Index of the axis along which a node's bias varies. */
static int bias_axis(const icn_graph *graph, const icn_node *node) {
  return node->op == ICN_OP_MATMUL ? graph->values[node->output].shape.rank - 1 : 1;
}

/* The node's bias is absent, or a constant with one element a channel (or one for all): something can be added to it. */
static bool bias_is_open(const icn_graph *graph, const icn_node *node, int64_t count) {
  int bias = icn_pass_input(node, ICN_CONV_BIAS);
  if (bias == ICN_NO_VALUE) return true;
  if (!icn_pass_is_constant(graph, bias)) return false;
  const icn_shape *shape = &graph->values[bias].shape;
  int64_t elems = icn_shape_elems(shape);
  return elems == 1 || (elems == count && shape->dim[shape->rank - 1] == count);
}

/* bias[k] = factor * bias[k] * scale[k] + shift[k], with MATMUL's beta as factor. */
static bool rebuild_bias(icn_graph *graph, icn_node *node, const icn_affine *affine, int64_t count) {
  icn_shape shape = icn_shape_make(1, &count);
  int bias = icn_pass_input(node, ICN_CONV_BIAS), made;
  float *data = icn_pass_constant(graph, node, "bias", &shape, &made);
  if (data == NULL) return false;
  double factor = node->op == ICN_OP_MATMUL ? (double)node->params.beta : 1.0;
  for (int64_t k = 0; k < count; k++) {
    double old = 0.0;
    if (bias != ICN_NO_VALUE) {
      const icn_value *value = &graph->values[bias];
      old = factor * (double)icn_const_f32(value, icn_shape_elems(&value->shape) == 1 ? 0 : k);
    }
    data[k] = (float)(old * icn_affine_scale(affine, k) + icn_affine_shift(affine, k));
  }
  if (node->op == ICN_OP_MATMUL) node->params.beta = 1.0F;
  return icn_pass_set_input(graph, node, ICN_CONV_BIAS, made);
}

/* The node that makes what `node` (a scale and shift) reads, if it can take it over; *count channels. */
static icn_node *affine_host(const icn_graph *graph, const int *uses, const icn_node *node, icn_affine *affine, int64_t *count) {
  if (node->op != ICN_OP_AFFINE && node->op != ICN_OP_BINARY) return NULL;
  for (int i = 0; i < 2; i++) {
    icn_node *host = open_producer(graph, uses, node->inputs[i]);
    if (host == NULL) continue;
    int axis = bias_axis(graph, host);
    if (!icn_affine_match(graph, node, axis, affine) || affine->x != node->inputs[i]) continue;
    *count = graph->values[host->output].shape.dim[axis];
    return bias_is_open(graph, host, *count) ? host : NULL;
  }
  return NULL;
}

icn_status icn_pass_fuse_bias(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    icn_affine affine;
    int64_t count;
    icn_node *host = affine_host(graph, uses, node, &affine, &count);
    if (host == NULL || !icn_affine_only_shifts(&affine, count)) continue;
    ICN_REQUIRE(rebuild_bias(graph, host, &affine, count), ICN_NO_MEMORY, "out of memory while a bias is fused into \"%s\"", host->name);
    icn_pass_absorb(graph, host, node);
    (*changed)++;
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}

/* -------------------------------------------- fold_batch_norm: after weights */

/* Weights of CONV stay where they are: scale[oc] is an input of its own, so that no second copy of the weights is made. */
static bool scale_conv(icn_graph *graph, icn_node *conv, const icn_affine *affine, int64_t count) {
  icn_shape shape = icn_shape_make(1, &count);
  int old = icn_pass_input(conv, ICN_CONV_SCALE), made;
  float *data = icn_pass_constant(graph, conv, "scale", &shape, &made);
  if (data == NULL) return false;
  for (int64_t k = 0; k < count; k++) {
    double before = old == ICN_NO_VALUE ? 1.0 : (double)icn_const_f32(&graph->values[old], k);
    data[k] = (float)(before * icn_affine_scale(affine, k));
  }
  return icn_pass_set_input(graph, conv, ICN_CONV_SCALE, made);
}

/* The output channel or column that element i of the weights belongs to. */
static int64_t weight_channel(const icn_node *node, const icn_shape *w, int64_t i) {
  if (node->op == ICN_OP_MATMUL) {
    int64_t columns = w->dim[w->rank - 1];
    return node->params.transpose_b != 0 ? i / columns % w->dim[w->rank - 2] : i % columns;
  }
  int64_t window = w->dim[2] * w->dim[3], group = i / (window * w->dim[1]) / (w->dim[0] / node->params.groups);
  return group * w->dim[1] + i / window % w->dim[1];
}

/* CONV_TRANSPOSE and MATMUL have no scale input: their weights are made anew. */
static bool scale_weights(icn_graph *graph, icn_node *node, const icn_affine *affine) {
  int made, old = node->inputs[1];
  icn_shape shape = graph->values[old].shape;
  float *data = icn_pass_constant(graph, node, "weight", &shape, &made);
  if (data == NULL) return false;
  for (int64_t i = 0, count = icn_shape_elems(&shape); i < count; i++) {
    data[i] = (float)((double)icn_const_f32(&graph->values[old], i) * icn_affine_scale(affine, weight_channel(node, &shape, i)));
  }
  node->inputs[1] = made;
  return true;
}

static bool fold_after(icn_graph *graph, icn_node *host, const icn_affine *affine, int64_t count) {
  if (!icn_affine_only_shifts(affine, count)) {
    bool done = host->op == ICN_OP_CONV ? scale_conv(graph, host, affine, count) : scale_weights(graph, host, affine);
    if (!done) return false;
  }
  bool nothing_to_add = icn_pass_input(host, ICN_CONV_BIAS) == ICN_NO_VALUE && icn_affine_only_scales(affine, count);
  return nothing_to_add || rebuild_bias(graph, host, affine, count);
}

/* ------------------------------------------- fold_batch_norm: before weights */

/* conv(x * scale + shift) = conv'(x) with weights w * scale[ic] and bias + sum of w * shift[ic]: exact where no tap reads padding, or where
 * all shifts are 0. */
static bool can_fold_before(const icn_graph *graph, const int *uses, const icn_node *conv, icn_affine *affine) {
  if (conv->op != ICN_OP_CONV || !icn_pass_is_constant(graph, conv->inputs[ICN_CONV_WEIGHT])) return false;
  int x = conv->inputs[ICN_CONV_X];
  if (uses[x] != 1 || !icn_affine_match(graph, icn_pass_producer(graph, x), 1, affine)) return false;
  int scale = icn_pass_input(conv, ICN_CONV_SCALE);
  if (scale != ICN_NO_VALUE && !icn_pass_is_constant(graph, scale)) return false;
  if (!bias_is_open(graph, conv, graph->values[conv->output].shape.dim[1])) return false;
  const icn_params *q = &conv->params;
  bool padded = q->pad_begin[0] != 0 || q->pad_begin[1] != 0 || q->pad_end[0] != 0 || q->pad_end[1] != 0;
  return !padded || icn_affine_only_scales(affine, graph->values[x].shape.dim[1]);
}

/* Writes the new weights and adds to bias[oc] what the shifts amount to. */
static void fill_before(const icn_graph *graph, const icn_node *conv, const icn_affine *affine, float *weight, float *bias) {
  const icn_value *w = &graph->values[conv->inputs[ICN_CONV_WEIGHT]];
  int scale = icn_pass_input(conv, ICN_CONV_SCALE), old_bias = icn_pass_input(conv, ICN_CONV_BIAS);
  int64_t oc_count = w->shape.dim[0], ic_count = w->shape.dim[1], window = w->shape.dim[2] * w->shape.dim[3];
  for (int64_t oc = 0; oc < oc_count; oc++) {
    int64_t first = oc / (oc_count / conv->params.groups) * ic_count;
    double sum = 0.0, factor = scale == ICN_NO_VALUE ? 1.0 : (double)icn_const_f32(&graph->values[scale], oc);
    for (int64_t i = oc * ic_count * window; i < (oc + 1) * ic_count * window; i++) {
      int64_t ic = first + i / window % ic_count;
      double value = (double)icn_const_f32(w, i);
      weight[i] = (float)(value * icn_affine_scale(affine, ic));
      sum += value * icn_affine_shift(affine, ic);
    }
    double old = old_bias == ICN_NO_VALUE ? 0.0 : (double)icn_const_f32(&graph->values[old_bias], oc);
    bias[oc] = (float)(old + factor * sum);
  }
}

static bool fold_before(icn_graph *graph, icn_node *conv, const icn_affine *affine) {
  int new_weight, new_bias;
  icn_shape w = graph->values[conv->inputs[ICN_CONV_WEIGHT]].shape, b = icn_shape_make(1, &w.dim[0]);
  float *weight = icn_pass_constant(graph, conv, "weight", &w, &new_weight);
  float *bias = icn_pass_constant(graph, conv, "bias", &b, &new_bias);
  if (weight == NULL || bias == NULL) return false;
  fill_before(graph, conv, affine, weight, bias);
  conv->inputs[ICN_CONV_WEIGHT] = new_weight;
  conv->inputs[ICN_CONV_X] = affine->x;
  return icn_pass_set_input(graph, conv, ICN_CONV_BIAS, new_bias);
}

icn_status icn_pass_fold_batch_norm(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    icn_affine affine;
    int64_t count;
    icn_node *host = affine_host(graph, uses, node, &affine, &count);
    bool fits = host != NULL && icn_pass_is_constant(graph, host->inputs[1]) && icn_pass_input(host, ICN_CONV_RESIDUAL) == ICN_NO_VALUE;
    if (fits) {
      ICN_REQUIRE(fold_after(graph, host, &affine, count), ICN_NO_MEMORY, "out of memory while \"%s\" is folded", node->name);
      icn_pass_absorb(graph, host, node);
      (*changed)++;
    } else if (node->op != ICN_OP_NONE && can_fold_before(graph, uses, node, &affine)) {
      icn_node *before = icn_pass_producer(graph, node->inputs[ICN_CONV_X]);
      ICN_REQUIRE(fold_before(graph, node, &affine), ICN_NO_MEMORY, "out of memory while \"%s\" is folded", before->name);
      before->op = ICN_OP_NONE; /* this convolution was its only reader */
      (*changed)++;
    }
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}
