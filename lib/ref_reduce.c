/* Reductions over dims, and softmax along one. */
#include <math.h>

#include "ref_internal.h"

static double start_of(icn_function function) {
  switch (function) {
    case ICN_FN_MAX:
      return -INFINITY;
    case ICN_FN_MIN:
      return INFINITY;
    case ICN_FN_MUL:
      return 1.0;
    default:
      return 0.0;
  }
}

static double accumulate(icn_function function, double sum, double x) {
  switch (function) {
    case ICN_FN_MAX:
    case ICN_FN_MIN:
    case ICN_FN_MUL:
      return icn_ref_binary(function, sum, x);
    case ICN_FN_L1:
      return sum + fabs(x);
    case ICN_FN_L2:
    case ICN_FN_SUM_SQUARE:
      return sum + x * x;
    default:
      return sum + x;
  }
}

/* The input's view cut into the dims that stay (others become 1) and the dims that are summed over (others become 1). */
static void split_view(const icn_view *x, uint32_t axes, icn_view *kept, icn_view *reduced) {
  *kept = *reduced = *x;
  reduced->offset = 0;
  for (int k = 0; k < x->shape.rank; k++) {
    icn_view *other = (axes >> k & 1U) != 0 ? kept : reduced;
    other->shape.dim[k] = 1;
  }
}

icn_status icn_ref_reduce(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  icn_function function = problem->params.function;
  icn_view kept, reduced;
  split_view(&problem->in[0], problem->params.axes, &kept, &reduced);
  const icn_view *outer_views[2] = {&kept, &problem->out}, *inner_views[1] = {&reduced};
  double count = (double)icn_shape_elems(&reduced.shape);
  icn_walk outer, inner;
  for (bool more = icn_walk_begin(&outer, &kept.shape, outer_views, 2); more; more = icn_walk_next(&outer)) {
    const float *x = (const float *)in[0] + outer.at[0];
    double sum = start_of(function);
    for (bool next = icn_walk_begin(&inner, &reduced.shape, inner_views, 1); next; next = icn_walk_next(&inner)) {
      sum = accumulate(function, sum, (double)x[inner.at[0]]);
    }
    if (function == ICN_FN_MEAN) sum /= count;
    if (function == ICN_FN_L2) sum = sqrt(sum);
    out[outer.at[1]] = (float)sum;
  }
  return ICN_OK;
}

/* exp(x - max) / sum, or x - max - log(sum) for the logarithm. */
icn_status icn_ref_softmax(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  int axis = problem->params.axis;
  bool logarithm = problem->params.function == ICN_FN_LOG;
  icn_view x_view, y_view, unused;
  split_view(&problem->in[0], 1U << axis, &x_view, &unused);
  split_view(&problem->out, 1U << axis, &y_view, &unused);
  int64_t count = problem->out.shape.dim[axis], x_step = problem->in[0].stride[axis], y_step = problem->out.stride[axis];
  const icn_view *views[2] = {&x_view, &y_view};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &x_view.shape, views, 2); more; more = icn_walk_next(&walk)) {
    const float *x = (const float *)in[0] + walk.at[0];
    double largest = -INFINITY, sum = 0.0;
    for (int64_t k = 0; k < count; k++) largest = icn_ref_binary(ICN_FN_MAX, largest, (double)x[k * x_step]);
    for (int64_t k = 0; k < count; k++) sum += exp((double)x[k * x_step] - largest);
    for (int64_t k = 0; k < count; k++) {
      double shifted = (double)x[k * x_step] - largest;
      out[walk.at[1] + k * y_step] = (float)(logarithm ? shifted - log(sum) : exp(shifted) / sum);
    }
  }
  return ICN_OK;
}
