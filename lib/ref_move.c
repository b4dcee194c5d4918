/* Operations that move elements: copy, pad, resample. */

#include "ref_internal.h"

icn_status icn_ref_copy(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const float *x = in[0];
  const icn_view *views[2] = {&problem->in[0], &problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 2); more; more = icn_walk_next(&walk)) {
    out[walk.at[1]] = x[walk.at[0]];
  }
  return ICN_OK;
}

static int64_t modulo(int64_t i, int64_t size) {
  int64_t rest = i % size;
  return rest < 0 ? rest + size : rest;
}

/* Where a padded index reads: inside [0, size), or -1 for the constant. */
static int64_t pad_source(icn_pad_mode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case ICN_PAD_EDGE:
      return i < 0 ? 0 : size - 1;
    case ICN_PAD_WRAP:
      return modulo(i, size);
    case ICN_PAD_REFLECT: {
      if (size == 1) return 0;
      int64_t place = modulo(i, 2 * (size - 1)); /* there and back without repeating the ends */
      return place < size ? place : 2 * (size - 1) - place;
    }
    default:
      return -1;
  }
}

icn_status icn_ref_pad(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const icn_params *q = &problem->params;
  const icn_view *x = &problem->in[0];
  const float *data = in[0];
  const icn_view *views[1] = {&problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 1); more; more = icn_walk_next(&walk)) {
    int64_t at = x->offset;
    bool inside = true;
    for (int k = 0; k < x->shape.rank; k++) {
      int64_t i = pad_source(q->pad_mode, walk.index[k] - q->begin[k], x->shape.dim[k]);
      inside = inside && i >= 0;
      at += i * x->stride[k];
    }
    out[walk.at[0]] = inside ? data[at] : q->alpha;
  }
  return ICN_OK;
}

icn_status icn_ref_resample(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  int axis = problem->params.axis;
  const icn_view *x = &problem->in[0], *index_view = &problem->in[1], *weight_view = &problem->in[2];
  const float *data = in[0], *weight = (const float *)in[2] + weight_view->offset;
  const int32_t *index = (const int32_t *)in[1] + index_view->offset;
  icn_view start = *x; /* the element with index 0 along the axis */
  start.shape = problem->out.shape;
  start.stride[axis] = 0;
  const icn_view *views[2] = {&start, &problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 2); more; more = icn_walk_next(&walk)) {
    int64_t o = walk.index[axis];
    double sum = 0.0;
    for (int64_t t = 0; t < index_view->shape.dim[1]; t++) {
      double w = (double)weight[o * weight_view->stride[0] + t * weight_view->stride[1]];
      if (w == 0.0) continue; /* its index may be anything */
      int64_t i = index[o * index_view->stride[0] + t * index_view->stride[1]];
      sum += w * (double)data[walk.at[0] + i * x->stride[axis]];
    }
    out[walk.at[1]] = (float)sum;
  }
  return ICN_OK;
}
