#include "magnitude.h"

#include <math.h>
#include <string.h>

#include "ref.h"

static bool adds_up(const icn_problem *problem) {
  icn_function function = problem->params.function;
  switch (problem->op) {
    case ICN_OP_CONV:
    case ICN_OP_CONV_TRANSPOSE:
    case ICN_OP_MATMUL:
    case ICN_OP_AFFINE:
    case ICN_OP_RESAMPLE:
      return true;
    case ICN_OP_POOL:
      return function == ICN_FN_MEAN;
    case ICN_OP_REDUCE:
      return function == ICN_FN_ADD || function == ICN_FN_MEAN;
    case ICN_OP_BINARY:
      return function == ICN_FN_ADD || function == ICN_FN_SUB;
    default:
      return false;
  }
}

/* The largest slope of the epilogue's function: how much it can enlarge an error. */
static float epilogue_slope(const icn_epilogue *epilogue) {
  switch (epilogue->function) {
    case ICN_FN_LEAKY_RELU:
    case ICN_FN_HARD_SIGMOID:
      return fmaxf(1.0F, fabsf(epilogue->alpha));
    case ICN_FN_HARD_SWISH:
      return 1.5F;
    default:
      return 1.0F;
  }
}

/* What weights come to once they are halves: times their scale, which is 1 afterwards, and none below the least normal half, under which
 * the steps do not get smaller. */
static void raise_to_halves(const icn_problem *problem, float *weights, float *scale) {
  const int64_t count = icn_shape_elems(&problem->in[ICN_CONV_WEIGHT].shape), channels = problem->out.shape.dim[1];
  for (int64_t i = 0; i < count; i++) {
    if (scale != NULL) weights[i] *= scale[i / (count / channels)];
    weights[i] = fmaxf(weights[i], ICN_LEAST_NORMAL_HALF);
  }
  for (int64_t k = 0; scale != NULL && k < channels; k++) scale[k] = 1;
}

/* The reference on absolute values, without the epilogue's function. */
static icn_status sum_of_absolutes(const icn_problem *given, const void *const given_in[ICN_MAX_INPUTS], float *magnitude,
                                   const icn_allocator *allocator, icn_error *error) {
  icn_status status = ICN_OK;
  icn_problem problem = *given;
  const void *in[ICN_MAX_INPUTS] = {NULL};
  float *absolute[ICN_MAX_INPUTS] = {NULL};
  memset(&problem.epilogue, 0, sizeof problem.epilogue);
  if (problem.op == ICN_OP_BINARY) problem.params.function = ICN_FN_ADD;
  problem.params.alpha = fabsf(problem.params.alpha);
  problem.params.beta = fabsf(problem.params.beta);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    in[i] = given_in[i];
    if (given_in[i] == NULL || (problem.op == ICN_OP_RESAMPLE && i == 1)) continue;
    const size_t count = (size_t)icn_shape_elems(&problem.in[i].shape);
    absolute[i] = icn_allocate_array(allocator, count + 1, sizeof(float));
    if (absolute[i] == NULL) ICN_TRY(icn_error_memory(error, (count + 1) * sizeof(float), "an error bound"));
    for (size_t k = 0; k < count; k++) absolute[i][k] = fabsf(((const float *)given_in[i])[k]);
    in[i] = absolute[i];
  }
  if (problem.precision == ICN_PRECISION_FP16W)
    raise_to_halves(&problem, absolute[ICN_CONV_WEIGHT], problem.op == ICN_OP_CONV ? absolute[ICN_CONV_SCALE] : NULL);
  problem.precision = ICN_PRECISION_FP32;
  ICN_TRY(icn_ref_compute(&problem, in, magnitude, allocator, error));
  const float slope = epilogue_slope(&given->epilogue);
  const int64_t count = icn_shape_elems(&problem.out.shape);
  for (int64_t i = 0; i < count && slope > 1; i++) magnitude[i] *= slope;
done:
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(allocator, absolute[i]);
  return status;
}

/* Functions whose result is a difference, so that the error is relative to the input where that is larger. */
static bool loses_digits(icn_function function) {
  switch (function) {
    case ICN_FN_HARD_SIGMOID:
    case ICN_FN_HARD_SWISH:
    case ICN_FN_LOG:
    case ICN_FN_GELU:
    case ICN_FN_GELU_TANH:
    case ICN_FN_MISH:
      return true;
    default:
      return false;
  }
}

static float other_magnitude(const icn_problem *problem, const float *input, float result, int64_t i) {
  const float want = fabsf(result);
  switch (problem->op) {
    case ICN_OP_UNARY: {
      const float x = fabsf(input[i]);
      return loses_digits(problem->params.function) && x < 100 ? fmaxf(want, fmaxf(x, 1.0F)) : want;
    }
    case ICN_OP_SOFTMAX: /* exp(-d) carries the rounding of d; a logarithm near 0 that of its argument near 1 */
      return problem->params.function == ICN_FN_LOG ? want + 1 : (want > 0 ? want * (1 - logf(want)) : want);
    default:
      return want;
  }
}

icn_status icn_magnitude(const icn_problem *problem, const void *const in[ICN_MAX_INPUTS], const float *want, float *magnitude,
                         const icn_allocator *allocator, icn_error *error) {
  if (adds_up(problem)) return sum_of_absolutes(problem, in, magnitude, allocator, error);
  const int64_t count = icn_shape_elems(&problem->out.shape);
  for (int64_t i = 0; i < count; i++) magnitude[i] = other_magnitude(problem, in[0], want[i], i);
  return ICN_OK;
}

double icn_sum_tolerance(const icn_problem *problem, double tolerance) {
  const int64_t out = icn_shape_elems(&problem->out.shape);
  if (!adds_up(problem) || out == 0) return tolerance;
  const bool products = problem->op == ICN_OP_CONV || problem->op == ICN_OP_CONV_TRANSPOSE || problem->op == ICN_OP_MATMUL;
  const double terms = icn_problem_flop(problem) / (double)out / (products ? 2 : 1);
  return fmax(tolerance, 2 * sqrt(terms));
}

double icn_error_allowed(double tolerance, float magnitude) {
  return tolerance * 0x1p-24 * (double)magnitude + (tolerance > 0 ? 0x1p-126 : 0);
}

double icn_error_part(float got, float want, float magnitude, double tolerance, bool spreads) {
  if (got == want) return 0;
  if (spreads && !isfinite(magnitude)) return isfinite(want) || !isfinite(got) ? 0 : (double)INFINITY;
  if (isnan(want)) return isnan(got) ? 0 : (double)INFINITY;
  if (isinf(want) || !isfinite(got)) return (double)INFINITY;
  const double allowed = icn_error_allowed(tolerance, magnitude);
  return allowed > 0 ? fabs((double)got - (double)want) / allowed : (double)INFINITY;
}
