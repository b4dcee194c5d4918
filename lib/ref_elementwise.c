/* Scalar functions and the operations that apply one to each element. */
#include <math.h>

#include "ref_internal.h"

/* log(1 + exp(x)) where neither overflow nor cancellation can happen. */
static double softplus(double x) { return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

/* Lower bound, then upper bound; NaN passes both comparisons. */
static double clamp(double x, double low, double high) {
  double raised = x < low ? low : x;
  return raised > high ? high : raised;
}

double icn_ref_unary(icn_function function, double x, double alpha, double beta, double gamma) {
  switch (function) {
    case ICN_FN_IDENTITY:
      return x;
    case ICN_FN_RELU:
      return x < 0.0 ? 0.0 : x;
    case ICN_FN_CLIP:
      return clamp(x, alpha, beta);
    case ICN_FN_LEAKY_RELU:
      return x < 0.0 ? alpha * x : x;
    case ICN_FN_SIGMOID:
      return 1.0 / (1.0 + exp(-x));
    case ICN_FN_TANH:
      return tanh(x);
    case ICN_FN_HARD_SIGMOID:
      return clamp(alpha * x + beta, 0.0, 1.0);
    case ICN_FN_HARD_SWISH:
      return x * clamp(x / 6.0 + 0.5, 0.0, 1.0);
    case ICN_FN_ELU:
      return x < 0.0 ? alpha * expm1(x) : x;
    case ICN_FN_SELU:
      return gamma * (x <= 0.0 ? alpha * expm1(x) : x);
    case ICN_FN_CELU:
      return x < 0.0 ? clamp(alpha * expm1(x / alpha), -INFINITY, 0.0) : x;
    case ICN_FN_SOFTPLUS:
      return softplus(x);
    case ICN_FN_SOFTSIGN:
      return x / (1.0 + fabs(x));
    case ICN_FN_MISH:
      return x * tanh(softplus(x));
    case ICN_FN_THRESHOLDED_RELU:
      return x > alpha || x != x ? x : 0.0;
    case ICN_FN_GELU:
      return x * 0.5 * (1.0 + erf(x * 0.70710678118654752440));
    case ICN_FN_GELU_TANH:
      return x * 0.5 * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case ICN_FN_EXP:
      return exp(x);
    case ICN_FN_LOG:
      return log(x);
    case ICN_FN_SQRT:
      return sqrt(x);
    case ICN_FN_RSQRT:
      return 1.0 / sqrt(x);
    case ICN_FN_ABS:
      return fabs(x);
    case ICN_FN_NEG:
      return -x;
    case ICN_FN_RECIPROCAL:
      return 1.0 / x;
    case ICN_FN_FLOOR:
      return floor(x);
    case ICN_FN_CEIL:
      return ceil(x);
    case ICN_FN_ERF:
      return erf(x);
    case ICN_FN_SQUARE:
      return x * x;
    case ICN_FN_SIGN:
      return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x);
    case ICN_FN_ROUND:
      return rint(x);
    default:
      return NAN; /* no unary function */
  }
}

double icn_ref_binary(icn_function function, double a, double b) {
  switch (function) {
    case ICN_FN_ADD:
      return a + b;
    case ICN_FN_SUB:
      return a - b;
    case ICN_FN_MUL:
      return a * b;
    case ICN_FN_DIV:
      return a / b;
    case ICN_FN_POW:
      return pow(a, b);
    case ICN_FN_MAX:
      return a > b || a != a ? a : b; /* a NaN on either side wins */
    case ICN_FN_MIN:
      return a < b || a != a ? a : b;
    case ICN_FN_PRELU:
      return a < 0.0 ? a * b : a;
    default:
      return NAN; /* no binary function */
  }
}

icn_status icn_ref_map_unary(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const icn_params *q = &problem->params;
  const float *x = in[0];
  const icn_view *views[2] = {&problem->in[0], &problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 2); more; more = icn_walk_next(&walk)) {
    double value = icn_ref_unary(q->function, (double)x[walk.at[0]], (double)q->alpha, (double)q->beta, (double)q->gamma);
    out[walk.at[1]] = (float)value;
  }
  return ICN_OK;
}

icn_status icn_ref_map_binary(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const float *a = in[0], *b = in[1];
  icn_view a_view = icn_view_broadcast(&problem->in[0], &problem->out.shape);
  icn_view b_view = icn_view_broadcast(&problem->in[1], &problem->out.shape);
  const icn_view *views[3] = {&a_view, &b_view, &problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 3); more; more = icn_walk_next(&walk)) {
    out[walk.at[2]] = (float)icn_ref_binary(problem->params.function, (double)a[walk.at[0]], (double)b[walk.at[1]]);
  }
  return ICN_OK;
}

icn_status icn_ref_affine(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const float *x = in[0], *scale = (const float *)in[1] + problem->in[1].offset, *shift = (const float *)in[2] + problem->in[2].offset;
  const icn_view *views[2] = {&problem->in[0], &problem->out};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &problem->out.shape, views, 2); more; more = icn_walk_next(&walk)) {
    int64_t c = walk.index[1];
    double a = (double)scale[c * problem->in[1].stride[0]], b = (double)shift[c * problem->in[2].stride[0]];
    out[walk.at[1]] = (float)((double)x[walk.at[0]] * a + b);
  }
  return ICN_OK;
}
