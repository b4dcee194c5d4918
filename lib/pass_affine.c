/* Passes that join scales and shifts: neighbours into one, and the per-channel chains that exporters make of an input normalisation. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "pass_support.h"

/* Turns `node` into AFFINE(x, scale, shift); the caller has filled both constants. */
static bool become_affine(icn_graph *graph, icn_node *node, int x, int scale, int shift) {
  memset(&node->params, 0, sizeof node->params);
  node->op = ICN_OP_AFFINE;
  node->input_count = icn_pass_set_input(graph, node, 2, shift) ? 3 : 0;
  if (node->input_count == 0) return false;
  node->inputs[0] = x;
  node->inputs[1] = scale;
  return true;
}

/* ------------------------------------------------------------ merge_affine */

/* The product of two factors that a float holds is one, too. */
static bool product_fits(double a, double c) {
  const double least = fmin(fabs(a), fabs(c)), product = fabs(a * c);
  return product <= FLT_MAX && (product >= FLT_MIN || least < FLT_MIN);
}

static bool pair_fits(const icn_affine *first, const icn_affine *second, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    if (!product_fits(icn_affine_scale(first, k), icn_affine_scale(second, k))) return false;
  }
  return true;
}

/* second(first(x)) = x * (a * c) + (b * c + d). */
static bool merge_pair(icn_graph *graph, icn_node *node, const icn_affine *first, const icn_affine *second) {
  int64_t count = graph->values[node->output].shape.dim[1];
  icn_shape shape = icn_shape_make(1, &count);
  int scale_value, shift_value;
  float *scale = icn_pass_constant(graph, node, "scale", &shape, &scale_value);
  float *shift = icn_pass_constant(graph, node, "shift", &shape, &shift_value);
  if (scale == NULL || shift == NULL) return false;
  for (int64_t k = 0; k < count; k++) {
    double c = icn_affine_scale(second, k);
    scale[k] = (float)(icn_affine_scale(first, k) * c);
    shift[k] = (float)(icn_affine_shift(first, k) * c + icn_affine_shift(second, k));
  }
  return become_affine(graph, node, first->x, scale_value, shift_value);
}

icn_status icn_pass_merge_affine(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  int *uses = icn_pass_uses(graph);
  if (uses == NULL) return icn_error_memory(error, graph->value_count * sizeof(int), "a pass");
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    icn_affine first, second;
    if (node->op == ICN_OP_NONE || !icn_affine_match(graph, node, 1, &second) || uses[second.x] != 1) continue;
    icn_node *before = icn_pass_producer(graph, second.x);
    if (!icn_affine_match(graph, before, 1, &first)) continue;
    if (!pair_fits(&first, &second, graph->values[node->output].shape.dim[1])) continue;
    ICN_REQUIRE(merge_pair(graph, node, &first, &second), ICN_NO_MEMORY, "out of memory while \"%s\" is merged", node->name);
    before->op = ICN_OP_NONE; /* `node` was its only reader */
    (*changed)++;
  }
done:
  icn_pass_release_uses(graph, uses);
  return status;
}

/* ------------------------------------------------ fold_input_normalisation */

/* One part of a join, followed back to the channels it comes from: x[:, first .. first + count) * scale + shift. */
typedef struct channel_part {
  int x;
  int64_t first, count;
  double scale, shift;
} channel_part;

/* SLICE of whole images: channels [first, first + count), everything else untouched. */
static bool match_channel_slice(const icn_graph *graph, const icn_node *node, channel_part *part) {
  const icn_shape *x = &graph->values[node->inputs[0]].shape, *out = &graph->values[node->output].shape;
  if (x->rank < 2) return false;
  for (int k = 0; k < x->rank; k++) {
    bool forward = node->params.step[k] == 1 || out->dim[k] == 1;
    if (!forward || (k != 1 && (node->params.begin[k] != 0 || out->dim[k] != x->dim[k]))) return false;
  }
  *part = (channel_part){node->inputs[0], node->params.begin[1], out->dim[1], 1.0, 0.0};
  return true;
}

/* RESAMPLE that picks one channel (Gather with a constant index): a single tap of weight 1. */
static bool match_channel_gather(const icn_graph *graph, const icn_node *node, channel_part *part) {
  const icn_value *index = &graph->values[node->inputs[1]], *weight = &graph->values[node->inputs[2]];
  if (node->params.axis != 1 || index->shape.dim[0] != 1) return false;
  int64_t taps = index->shape.dim[1], found = -1;
  for (int64_t t = 0; t < taps; t++) {
    float w = icn_const_f32(weight, t);
    if (w == 0.0F) continue;
    if (w != 1.0F || found >= 0) return false;
    found = icn_const_i64(index, t);
  }
  *part = (channel_part){node->inputs[0], found, 1, 1.0, 0.0};
  return found >= 0;
}

/* x * scale + shift with one number each: applies whatever the shape, so it commutes with reshapes. */
static bool match_uniform(const icn_graph *graph, const icn_node *node, icn_affine *affine) {
  const icn_shape *out = &graph->values[node->output].shape;
  if (node->op == ICN_OP_AFFINE) {
    if (out->dim[1] != 1) return false; /* one channel: one number */
    return icn_affine_match(graph, node, 1, affine);
  }
  return out->rank > 0 && icn_affine_match(graph, node, 0, affine) && icn_shape_elems(&affine->constant.shape) == 1;
}

/* Follows `value` back through scalar scales, shifts and reshapes to a slice of channels. */
static bool trace_part(const icn_graph *graph, int value, channel_part *part) {
  double scale = 1.0, shift = 0.0; /* of what has been passed so far: part = v * scale + shift */
  for (icn_node *node = icn_pass_producer(graph, value); node != NULL; node = icn_pass_producer(graph, value)) {
    icn_affine affine;
    if (node->op == ICN_OP_SLICE || node->op == ICN_OP_RESAMPLE) {
      bool found = node->op == ICN_OP_SLICE ? match_channel_slice(graph, node, part) : match_channel_gather(graph, node, part);
      if (!found) return false;
      part->scale = scale;
      part->shift = shift;
      return true;
    }
    if (node->op == ICN_OP_RESHAPE) {
      value = node->inputs[0];
    } else if (match_uniform(graph, node, &affine)) {
      shift += scale * icn_affine_shift(&affine, 0);
      scale *= icn_affine_scale(&affine, 0);
      value = affine.x;
    } else {
      return false;
    }
  }
  return false;
}

/* The parts are all channels of one x, in order: fills scale and shift (x's channel count each). With scale NULL only checks. */
static bool collect_parts(const icn_graph *graph, const icn_node *node, int *x, float *scale, float *shift) {
  int64_t next = 0;
  const icn_shape *out = &graph->values[node->output].shape;
  for (int i = 0; i < node->input_count; i++) {
    channel_part part;
    if (!trace_part(graph, node->inputs[i], &part)) return false;
    if (i == 0) *x = part.x;
    /* the part's shape here must be that of the slice, so that reshapes on the way have cancelled out */
    bool follows = part.x == *x && part.first == next && graph->values[node->inputs[i]].shape.dim[1] == part.count;
    if (!follows || !icn_shape_equal(&graph->values[part.x].shape, out)) return false;
    for (int64_t k = 0; scale != NULL && k < part.count; k++) {
      scale[next + k] = (float)part.scale;
      shift[next + k] = (float)part.shift;
    }
    next += part.count;
  }
  return next == out->dim[1];
}

icn_status icn_pass_fold_input_normalisation(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    int x = ICN_NO_VALUE, scale_value = ICN_NO_VALUE, shift_value = ICN_NO_VALUE;
    if (node->op != ICN_OP_CONCAT || node->params.axis != 1 || !collect_parts(graph, node, &x, NULL, NULL)) continue;
    icn_shape shape = icn_shape_make(1, &graph->values[node->output].shape.dim[1]);
    float *scale = icn_pass_constant(graph, node, "scale", &shape, &scale_value);
    float *shift = icn_pass_constant(graph, node, "shift", &shape, &shift_value);
    ICN_REQUIRE(scale != NULL && shift != NULL, ICN_NO_MEMORY, "out of memory while \"%s\" is folded", node->name);
    collect_parts(graph, node, &x, scale, shift);
    ICN_REQUIRE(become_affine(graph, node, x, scale_value, shift_value), ICN_NO_MEMORY, "out of memory while \"%s\" is folded", node->name);
    (*changed)++; /* the slices and what followed them are dead now */
  }
done:
  return status;
}
