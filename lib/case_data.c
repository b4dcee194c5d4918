/* Values for the kernel cases: inputs, the reference's result, and what the error bound is relative to. */
#include <math.h>
#include <string.h>

#include "cases.h"
#include "magnitude.h"
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
static uint64_t special_rarity(const icn_case *c, int input) {
  if ((c->flags & ICN_CASE_SPECIAL) == 0) return 0;
  if (!has_weights(c->problem.op)) return 7;
  return icn_problem_is_constant(&c->problem, input) ? 0 : 61;
}

static float random_value(const icn_case *c, int input, icn_case_mode mode, uint64_t *state) {
  static const float special[] = {NAN, INFINITY, -INFINITY, -0.0F, 0.0F, 0.5F, -2.5F, 1e-30F, -1e-30F, 1e30F, -1e30F};
  const size_t specials = c->problem.op == ICN_OP_LRN ? 9 : 11; /* squares of the last two leave fp32 on the way */
  bool positive = (c->flags & ICN_CASE_POSITIVE) != 0;
  if (mode == ICN_CASE_EXACT) {
    int value = (int)(next_random(state) % 7) - 3;
    return (float)(positive ? value + 4 : value);
  }
  const uint64_t rarity = special_rarity(c, input);
  if (rarity > 0 && next_random(state) % rarity == 0) return special[next_random(state) % specials];
  float scale = (c->flags & ICN_CASE_WIDE) != 0 ? 20.0F : 1.0F;
  return positive ? scale * (unit_random(state) + 0.05F) : scale * (2 * unit_random(state) - 1);
}

/* A table that stays inside the axis; taps of weight 0 may point anywhere. */
static void fill_resample_tables(icn_case_data *data, uint64_t *state) {
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

static icn_status new_floats(const icn_case_data *data, int64_t count, float **floats, icn_error *error) {
  const size_t bytes = sizeof(float) * (size_t)(count + 1);
  *floats = icn_allocate(&data->allocator, bytes);
  return *floats != NULL ? ICN_OK : icn_error_memory(error, bytes, "a kernel case");
}

static icn_status make_inputs(icn_case_data *data, uint64_t *state, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_case *c = data->source;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&c->problem, i)) continue;
    int64_t count = icn_shape_elems(&c->problem.in[i].shape);
    float *values = NULL;
    ICN_TRY(new_floats(data, count, &values, error));
    data->input[i] = values;
    for (int64_t k = 0; k < count; k++) values[k] = random_value(c, i, data->mode, state);
    if ((c->flags & ICN_CASE_VIEWS_GIVEN) != 0) repeat_values(&c->problem.in[i], values);
  }
  if (c->problem.op == ICN_OP_RESAMPLE) fill_resample_tables(data, state);
done:
  return status;
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

static bool is_exact(const icn_problem *problem) {
  switch (problem->op) {
    case ICN_OP_SOFTMAX:
    case ICN_OP_LRN:
      return false;
    case ICN_OP_UNARY:
      return exact_function(problem->op, problem->params.function) && integral(problem->params.alpha) && integral(problem->params.beta);
    case ICN_OP_POOL:
      if (!exact_function(problem->op, problem->params.function)) return false;
      break;
    case ICN_OP_BINARY:
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

bool icn_case_has_mode(const icn_case *c, icn_case_mode mode) {
  return mode != ICN_CASE_EXACT || ((c->flags & (ICN_CASE_NO_EXACT | ICN_CASE_SPECIAL)) == 0 && is_exact(&c->problem));
}

/* ------------------------------------------------------------ data */

icn_status icn_case_data_make(icn_case_data *data, const icn_case *c, icn_case_mode mode, const icn_allocator *allocator,
                              icn_error *error) {
  icn_status status = ICN_OK;
  memset(data, 0, sizeof *data);
  data->allocator = allocator != NULL ? *allocator : icn_allocator_default();
  data->source = c;
  data->dense = c->problem;
  data->mode = mode;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(&c->problem, i)) data->dense.in[i] = icn_view_dense(&c->problem.in[i].shape);
  data->dense.out = icn_view_dense(&c->problem.out.shape);
  const int64_t count = icn_shape_elems(&c->problem.out.shape);
  uint64_t state = c->seed;
  const void *in[ICN_MAX_INPUTS];
  ICN_TRY(new_floats(data, count, &data->want, error));
  ICN_TRY(make_inputs(data, &state, error));
  for (int i = 0; i < ICN_MAX_INPUTS; i++) in[i] = data->input[i];
  ICN_TRY(icn_ref_compute(&data->dense, in, data->want, &data->allocator, error));
  if (mode == ICN_CASE_EXACT) goto done;
  ICN_TRY(new_floats(data, count, &data->magnitude, error));
  ICN_TRY(icn_magnitude(&data->dense, in, data->want, data->magnitude, &data->allocator, error));
done:
  if (status != ICN_OK) icn_case_data_free(data);
  return status;
}

void icn_case_data_free(icn_case_data *data) {
  for (int i = 0; i < ICN_MAX_INPUTS; i++) icn_release(&data->allocator, data->input[i]);
  icn_release(&data->allocator, data->want);
  icn_release(&data->allocator, data->magnitude);
  memset(data, 0, sizeof *data);
}
