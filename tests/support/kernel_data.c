/* Values for the kernel tests: inputs, the reference's result, and what the error bound is relative to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_run.h"
#include "ref.h"

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static float unit_random(uint64_t *state) { return (float)(next_random(state) >> 40) * 0x1p-24F; }

static bool has_weights(icn_op op) { return op == ICN_OP_CONV || op == ICN_OP_CONV_TRANSPOSE || op == ICN_OP_MATMUL; }

/* One special value in so many, 0: none. Sums over many inputs must mostly stay finite, so that both kinds of result are seen; weights stay
 * ordinary, because rows may multiply them with padding. */
static uint64_t special_rarity(const kernel_case *c, int input) {
  if ((c->flags & KERNEL_SPECIAL) == 0) return 0;
  if (!has_weights(c->problem.op)) return 7;
  return icn_problem_is_constant(&c->problem, input) ? 0 : 61;
}

static float random_value(const kernel_case *c, int input, kernel_mode mode, uint64_t *state) {
  static const float special[] = {NAN, INFINITY, -INFINITY, -0.0F, 0.0F, 0.5F, -2.5F, 1e-30F, -1e-30F, 1e30F, -1e30F};
  const size_t specials = c->problem.op == ICN_OP_LRN ? 9 : 11; /* squares of the last two leave fp32 on the way */
  bool positive = (c->flags & KERNEL_POSITIVE) != 0;
  if (mode == KERNEL_EXACT) {
    int value = (int)(next_random(state) % 7) - 3;
    return (float)(positive ? value + 4 : value);
  }
  const uint64_t rarity = special_rarity(c, input);
  if (rarity > 0 && next_random(state) % rarity == 0) return special[next_random(state) % specials];
  float scale = (c->flags & KERNEL_WIDE) != 0 ? 20.0F : 1.0F;
  return positive ? scale * (unit_random(state) + 0.05F) : scale * (2 * unit_random(state) - 1);
}

/* A table that stays inside the axis; taps of weight 0 may point anywhere. */
static void fill_resample_tables(kernel_data *data, uint64_t *state) {
  int32_t *index = data->input[1];
  float *weight = data->input[2];
  int64_t limit = data->dense.in[0].shape.dim[data->dense.params.axis];
  int64_t count = icn_shape_elems(&data->dense.in[1].shape);
  for (int64_t i = 0; i < count; i++) {
    index[i] = (int32_t)(next_random(state) % (uint64_t)limit);
    if (next_random(state) % 5 != 0) continue;
    weight[i] = 0;
    index[i] = i % 2 == 0 ? -1000000 : 1000000;
  }
}

/* Broadcast dims of the case's own views (stride 0) show one value everywhere: copy it from index 0. */
static void repeat_values(const icn_view *view, float *values) {
  icn_view dense = icn_view_dense(&view->shape);
  int64_t count = icn_shape_elems(&view->shape);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, from = 0;
    for (int k = 0; k < view->shape.rank; k++) {
      int64_t at = rest / dense.stride[k];
      rest -= at * dense.stride[k];
      if (view->stride[k] != 0 || view->shape.dim[k] == 1) from += at * dense.stride[k];
    }
    values[i] = values[from];
  }
}

static bool make_inputs(kernel_data *data, uint64_t *state) {
  const kernel_case *c = data->source;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&c->problem, i)) continue;
    int64_t count = icn_shape_elems(&c->problem.in[i].shape);
    float *values = malloc(sizeof(float) * (size_t)(count + 1));
    data->input[i] = values;
    if (values == NULL) return false;
    for (int64_t k = 0; k < count; k++) values[k] = random_value(c, i, data->mode, state);
    if ((c->flags & KERNEL_VIEWS_GIVEN) != 0) repeat_values(&c->problem.in[i], values);
  }
  if (c->problem.op == ICN_OP_RESAMPLE) fill_resample_tables(data, state);
  return true;
}

/* ------------------------------------------------------------ bounds */

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

/* The reference on absolute values, without the epilogue's function. */
static icn_status sum_of_absolutes(kernel_data *data, icn_error *error) {
  icn_problem problem = data->dense;
  void *absolute[ICN_MAX_INPUTS] = {NULL};
  memset(&problem.epilogue, 0, sizeof problem.epilogue);
  if (problem.op == ICN_OP_BINARY) problem.params.function = ICN_FN_ADD;
  problem.params.alpha = fabsf(problem.params.alpha);
  problem.params.beta = fabsf(problem.params.beta);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (data->input[i] == NULL) continue;
    size_t count = (size_t)icn_shape_elems(&problem.in[i].shape);
    absolute[i] = malloc(sizeof(float) * (count + 1));
    if (absolute[i] == NULL) continue;
    memcpy(absolute[i], data->input[i], sizeof(float) * count);
    if (problem.op == ICN_OP_RESAMPLE && i == 1) continue;
    for (size_t k = 0; k < count; k++) ((float *)absolute[i])[k] = fabsf(((float *)absolute[i])[k]);
  }
  const void *in[ICN_MAX_INPUTS];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = absolute[i];
  icn_status status = icn_ref_compute(&problem, in, data->magnitude, NULL, error);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) free(absolute[i]);
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

static float other_magnitude(const kernel_data *data, int64_t i) {
  float want = fabsf(data->want[i]);
  switch (data->dense.op) {
    case ICN_OP_UNARY: {
      float x = fabsf(((const float *)data->input[0])[i]);
      return loses_digits(data->dense.params.function) && x < 100 ? fmaxf(want, fmaxf(x, 1.0F)) : want;
    }
    case ICN_OP_SOFTMAX: /* exp(-d) carries the rounding of d; a logarithm near 0 that of its argument near 1 */
      return data->dense.params.function == ICN_FN_LOG ? want + 1 : (want > 0 ? want * (1 - logf(want)) : want);
    default:
      return want;
  }
}

static icn_status make_magnitude(kernel_data *data, icn_error *error) {
  if (adds_up(&data->dense)) return sum_of_absolutes(data, error);
  int64_t count = icn_shape_elems(&data->dense.out.shape);
  for (int64_t i = 0; i < count; i++) data->magnitude[i] = other_magnitude(data, i);
  return ICN_OK;
}

/* ------------------------------------------------------------ exactness */

static bool integral(float value) { return floorf(value * 8) == value * 8; }

static bool exact_function(icn_op op, icn_function function) {
  switch (function) {
    case ICN_FN_IDENTITY:
    case ICN_FN_RELU:
    case ICN_FN_CLIP:
    case ICN_FN_THRESHOLDED_RELU:
    case ICN_FN_ABS:
    case ICN_FN_NEG:
    case ICN_FN_FLOOR:
    case ICN_FN_CEIL:
    case ICN_FN_SIGN:
    case ICN_FN_ROUND:
    case ICN_FN_SQUARE:
    case ICN_FN_LEAKY_RELU:
    case ICN_FN_ADD:
    case ICN_FN_SUB:
    case ICN_FN_MAX:
    case ICN_FN_MIN:
    case ICN_FN_PRELU:
    case ICN_FN_L1:
    case ICN_FN_SUM_SQUARE:
      return true;
    case ICN_FN_MUL:
      return op == ICN_OP_BINARY; /* long products leave fp32 */
    default:
      return false;
  }
}

bool kernel_case_is_exact(const icn_problem *problem) {
  switch (problem->op) {
    case ICN_OP_SOFTMAX:
    case ICN_OP_LRN:
      return false;
    case ICN_OP_UNARY:
      return exact_function(problem->op, problem->params.function) && integral(problem->params.alpha) && integral(problem->params.beta);
    case ICN_OP_BINARY:
    case ICN_OP_POOL:
    case ICN_OP_REDUCE:
      return exact_function(problem->op, problem->params.function);
    case ICN_OP_MATMUL:
      if (!integral(problem->params.alpha) || !integral(problem->params.beta)) return false;
      break;
    default:
      break;
  }
  return problem->epilogue.function != ICN_FN_LEAKY_RELU || integral(problem->epilogue.alpha);
}

/* ------------------------------------------------------------ data */

bool kernel_data_make(kernel_data *data, const kernel_case *c, kernel_mode mode, uint64_t seed, icn_error *error) {
  memset(data, 0, sizeof *data);
  data->source = c;
  data->dense = c->problem;
  data->mode = mode;
  data->seed = seed;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(&c->problem, i)) data->dense.in[i] = icn_view_dense(&c->problem.in[i].shape);
  data->dense.out = icn_view_dense(&c->problem.out.shape);
  size_t count = (size_t)icn_shape_elems(&c->problem.out.shape);
  data->want = malloc(sizeof(float) * (count + 1));
  data->magnitude = malloc(sizeof(float) * (count + 1));
  uint64_t state = seed;
  bool ok = data->want != NULL && data->magnitude != NULL && make_inputs(data, &state);
  if (!ok) icn_error_memory(error, count * sizeof(float), "a kernel case");
  const void *in[ICN_MAX_INPUTS];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = data->input[i];
  ok = ok && icn_ref_compute(&data->dense, in, data->want, NULL, error) == ICN_OK;
  ok = ok && (mode == KERNEL_EXACT || make_magnitude(data, error) == ICN_OK);
  if (!ok) kernel_data_free(data);
  return ok;
}

void kernel_data_free(kernel_data *data) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) free(data->input[i]);
  free(data->want);
  free(data->magnitude);
  memset(data, 0, sizeof *data);
}
