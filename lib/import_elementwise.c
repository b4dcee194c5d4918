/* Scalar functions, binary operators with broadcasting, variadic ones, comparisons of constants. */
#include <math.h>
#include <string.h>

#include "import_internal.h"

/* One scalar function of the table's row, with its attributes' defaults there. */
int icn_import_unary(icn_importer *im) {
  const icn_import_row *row = im->row;
  return icn_im_unary(im, row->function, icn_im_input(im, 0), icn_im_float(im, "alpha", row->alpha), icn_im_float(im, "beta", row->beta),
                      icn_im_float(im, "gamma", row->gamma));
}

int icn_import_gelu(icn_importer *im) {
  const char *approximate = icn_im_string(im, "approximate", "none");
  if (strcmp(approximate, "none") == 0) return icn_im_unary(im, ICN_FN_GELU, icn_im_input(im, 0), 0, 0, 0);
  if (strcmp(approximate, "tanh") == 0) return icn_im_unary(im, ICN_FN_GELU_TANH, icn_im_input(im, 0), 0, 0, 0);
  return icn_im_fail(im, ICN_UNSUPPORTED, "approximate is '%.60s'; 'none' and 'tanh' are supported", approximate);
}

/* x * sigmoid(alpha * x) */
int icn_import_swish(icn_importer *im) {
  int x = icn_im_input(im, 0), scaled = x;
  float alpha = icn_im_float(im, "alpha", im->row->alpha);
  if (alpha != 1.0F) scaled = icn_im_binary(im, ICN_FN_MUL, x, icn_im_scalar(im, alpha));
  return icn_im_binary(im, ICN_FN_MUL, x, icn_im_unary(im, ICN_FN_SIGMOID, scaled, 0, 0, 0));
}

/* Bound k (1: min, 2: max) where it is a single constant, or `otherwise`; false when it needs a binary operation. */
static bool clip_bound(icn_importer *im, size_t k, float otherwise, float *bound) {
  int input = icn_im_input(im, k);
  icn_shape shape = icn_im_shape(im, input);
  *bound = otherwise;
  if (input == ICN_NO_VALUE) return true;
  if (!icn_im_is_constant(im, input) || !icn_im_is_float(im, input) || icn_shape_elems(&shape) != 1) return false;
  *bound = icn_const_f32(&im->graph->values[input], 0);
  return true;
}

int icn_import_clip(icn_importer *im) {
  int x = icn_im_input(im, 0);
  float low = icn_im_float(im, "min", -INFINITY), high = icn_im_float(im, "max", INFINITY);
  bool fixed = clip_bound(im, 1, low, &low);
  fixed = clip_bound(im, 2, high, &high) && fixed;
  if (fixed && low == -INFINITY && high == INFINITY) return x;
  if (fixed && low == 0.0F && high == INFINITY) return icn_im_unary(im, ICN_FN_RELU, x, 0, 0, 0);
  if (fixed) return icn_im_unary(im, ICN_FN_CLIP, x, low, high, 0);
  if (icn_im_input(im, 1) != ICN_NO_VALUE) x = icn_im_binary(im, ICN_FN_MAX, x, icn_im_input(im, 1));
  if (icn_im_input(im, 2) != ICN_NO_VALUE) x = icn_im_binary(im, ICN_FN_MIN, x, icn_im_input(im, 2));
  return x;
}

int icn_import_binary(icn_importer *im) {
  int a = icn_im_input(im, 0), b = icn_im_input(im, 1);
  int result = icn_im_binary(im, im->row->function, a, b);
  icn_shape a_shape = icn_im_shape(im, a), shape = icn_im_shape(im, result);
  if (icn_im_ok(im) && im->row->function == ICN_FN_PRELU && !icn_shape_equal(&a_shape, &shape)) {
    return icn_im_fail(im, ICN_FORMAT, "its slope does not broadcast to the input's shape");
  }
  return result;
}

int icn_import_pow(icn_importer *im) {
  int x = icn_im_input(im, 0), exponent = icn_im_input(im, 1);
  icn_shape x_shape = icn_im_shape(im, x), shape = icn_im_shape(im, exponent);
  if (icn_im_is_float(im, x)) exponent = icn_im_as_float(im, exponent); /* integer exponents of float bases are allowed */
  bool single = icn_im_is_constant(im, exponent) && icn_shape_elems(&shape) == 1 && shape.rank <= x_shape.rank;
  if (icn_im_ok(im) && single && icn_im_is_float(im, x)) {
    float power = icn_const_f32(&im->graph->values[exponent], 0);
    if (power == 1.0F) return x;
    if (power == 2.0F) return icn_im_unary(im, ICN_FN_SQUARE, x, 0, 0, 0);
    if (power == 0.5F) return icn_im_unary(im, ICN_FN_SQRT, x, 0, 0, 0);
    if (power == -1.0F) return icn_im_unary(im, ICN_FN_RECIPROCAL, x, 0, 0, 0);
  }
  return icn_im_binary(im, ICN_FN_POW, x, exponent);
}

/* Sum, Mean, Max, Min of any number of inputs. */
int icn_import_variadic(icn_importer *im) {
  size_t count = icn_im_input_count(im);
  icn_function function = im->row->function == ICN_FN_MEAN ? ICN_FN_ADD : im->row->function;
  int total = icn_im_input(im, 0);
  for (size_t k = 1; k < count && icn_im_ok(im); k++) {
    int next = icn_im_input(im, k);
    if (next == ICN_NO_VALUE) return icn_im_fail(im, ICN_FORMAT, "its input %zu is missing", k);
    total = icn_im_binary(im, function, total, next);
  }
  if (im->row->function == ICN_FN_MEAN && count > 1) total = icn_im_binary(im, ICN_FN_DIV, total, icn_im_scalar(im, (float)count));
  return total;
}

/* ------------------------------------------------- for constants only */

static double relation_of(icn_relation relation, double a, double b) {
  switch (relation) {
    case ICN_EQUAL:
      return a == b;
    case ICN_GREATER:
      return a > b;
    case ICN_GREATER_OR_EQUAL:
      return a >= b;
    case ICN_LESS:
      return a < b;
    case ICN_LESS_OR_EQUAL:
      return a <= b;
    case ICN_AND:
      return a != 0 && b != 0;
    case ICN_OR:
      return a != 0 || b != 0;
    default:
      return (a != 0) != (b != 0);
  }
}

static int64_t int_relation(icn_relation relation, int64_t a, int64_t b, bool truncated) {
  switch (relation) {
    case ICN_EQUAL:
      return a == b;
    case ICN_GREATER:
      return a > b;
    case ICN_GREATER_OR_EQUAL:
      return a >= b;
    case ICN_LESS:
      return a < b;
    case ICN_LESS_OR_EQUAL:
      return a <= b;
    case ICN_MOD: {
      if (b == 0 || b == -1) return 0;
      int64_t rest = a % b; /* of the dividend's sign; without fmod it has the divisor's */
      return !truncated && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    default:
      return relation_of(relation, (double)a, (double)b) != 0;
  }
}

static int need_constants(icn_importer *im) {
  for (size_t k = 0; k < icn_im_input_count(im); k++) {
    if (icn_im_is_constant(im, icn_im_input(im, k))) continue;
    return icn_im_fail(im, ICN_UNSUPPORTED, "its input %zu is computed at run time; the operator is supported for constants only", k);
  }
  return 0;
}

/* Both inputs are brought to the result's shape first, so that one index serves all. */
int icn_import_compare(icn_importer *im) {
  icn_relation relation = (icn_relation)im->row->variant;
  int a = icn_im_input(im, 0), b = icn_im_input(im, 1);
  icn_shape shape, a_shape = icn_im_shape(im, a), b_shape = icn_im_shape(im, b);
  if (need_constants(im) < 0 || !icn_im_broadcast(im, &a_shape, &b_shape, &shape)) return ICN_NO_VALUE;
  bool floats = icn_im_is_float(im, a) || icn_im_is_float(im, b);
  if (floats && relation == ICN_MOD) return icn_im_fail(im, ICN_UNSUPPORTED, "it is supported for integers only");
  a = icn_im_expand(im, a, &shape);
  b = icn_im_expand(im, b, &shape);
  void *data;
  int result = icn_im_new_constant(im, &shape, ICN_I64, &data);
  for (int64_t i = 0; icn_im_ok(im) && i < icn_shape_elems(&shape); i++) {
    const icn_value *x = &im->graph->values[a], *y = &im->graph->values[b];
    ((int64_t *)data)[i] = floats ? relation_of(relation, (double)icn_const_f32(x, i), (double)icn_const_f32(y, i)) != 0
                                  : int_relation(relation, icn_const_i64(x, i), icn_const_i64(y, i), icn_im_int(im, "fmod", 0) != 0);
  }
  return result;
}

int icn_import_logic_not(icn_importer *im) {
  int x = icn_im_input(im, 0);
  icn_shape shape = icn_im_shape(im, x);
  void *data;
  if (need_constants(im) < 0) return ICN_NO_VALUE;
  int result = icn_im_new_constant(im, &shape, ICN_I64, &data);
  for (int64_t i = 0; icn_im_ok(im) && i < icn_shape_elems(&shape); i++) {
    ((int64_t *)data)[i] = icn_const_i64(&im->graph->values[x], i) == 0;
  }
  return result;
}

/* True when all elements of a constant are alike; *truth is what they are. */
static bool uniform_condition(const icn_value *condition, bool *truth) {
  int64_t elems = icn_shape_elems(&condition->shape);
  if (elems < 1) return false;
  *truth = icn_const_i64(condition, 0) != 0;
  for (int64_t i = 1; i < elems; i++) {
    if ((icn_const_i64(condition, i) != 0) != *truth) return false;
  }
  return true;
}

static int select_constants(icn_importer *im, int condition, int x, int y, const icn_shape *shape) {
  void *data;
  bool is_float = icn_im_is_float(im, x);
  int result = icn_im_new_constant(im, shape, is_float ? ICN_F32 : ICN_I64, &data);
  for (int64_t i = 0; icn_im_ok(im) && i < icn_shape_elems(shape); i++) {
    const icn_value *from = &im->graph->values[icn_const_i64(&im->graph->values[condition], i) != 0 ? x : y];
    if (is_float) ((float *)data)[i] = icn_const_f32(from, i);
    if (!is_float) ((int64_t *)data)[i] = icn_const_i64(from, i);
  }
  return result;
}

int icn_import_where(icn_importer *im) {
  int condition = icn_im_input(im, 0), x = icn_im_input(im, 1), y = icn_im_input(im, 2);
  if (!icn_im_is_constant(im, condition)) return icn_im_fail(im, ICN_UNSUPPORTED, "its condition is computed at run time");
  if (icn_im_is_float(im, x) != icn_im_is_float(im, y)) return icn_im_fail(im, ICN_FORMAT, "its inputs mix float and integer tensors");
  icn_shape c_shape = icn_im_shape(im, condition), x_shape = icn_im_shape(im, x), y_shape = icn_im_shape(im, y), both, shape;
  if (!icn_im_broadcast(im, &x_shape, &y_shape, &both) || !icn_im_broadcast(im, &both, &c_shape, &shape)) return ICN_NO_VALUE;
  bool truth = false;
  if (uniform_condition(&im->graph->values[condition], &truth)) return icn_im_expand(im, truth ? x : y, &shape);
  if (need_constants(im) < 0) return ICN_NO_VALUE;
  condition = icn_im_expand(im, condition, &shape);
  x = icn_im_expand(im, x, &shape);
  y = icn_im_expand(im, y, &shape);
  return select_constants(im, condition, x, y, &shape);
}

int icn_import_range(icn_importer *im) {
  if (need_constants(im) < 0) return ICN_NO_VALUE;
  const icn_value *values = im->graph->values;
  bool is_float = icn_im_is_float(im, icn_im_input(im, 0));
  double number[3];
  for (size_t k = 0; k < 3; k++) {
    const icn_value *value = &values[icn_im_input(im, k)];
    if (icn_shape_elems(&value->shape) != 1) return icn_im_fail(im, ICN_FORMAT, "its input %zu must be one number", k);
    number[k] = is_float ? (double)icn_const_f32(value, 0) : (double)icn_const_i64(value, 0);
  }
  double count = ceil((number[1] - number[0]) / number[2]);
  if (!(number[2] != 0) || !(count <= (double)ICN_IMPORT_MAX_ELEMS)) return icn_im_fail(im, ICN_FORMAT, "its range does not end");
  icn_shape shape = icn_shape_make(1, (int64_t[]){count > 0 ? (int64_t)count : 0});
  void *data;
  int result = icn_im_new_constant(im, &shape, is_float ? ICN_F32 : ICN_I64, &data);
  int64_t start = is_float ? 0 : icn_const_i64(&im->graph->values[im->inputs[0]], 0);
  int64_t step = is_float ? 0 : icn_const_i64(&im->graph->values[im->inputs[2]], 0);
  for (int64_t i = 0; icn_im_ok(im) && i < shape.dim[0]; i++) {
    if (is_float) ((float *)data)[i] = (float)(number[0] + (double)i * number[2]);
    if (!is_float) ((int64_t *)data)[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)step); /* wraps, never overflows */
  }
  return result;
}
