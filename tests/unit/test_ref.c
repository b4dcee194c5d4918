/* The reference: numbers checked by hand, and properties that must hold for any numbers. */
#include "support/icn_test.h"

#include <float.h>
#include <math.h>

#include "ref.h"

static icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w) { return icn_shape_make(4, (const int64_t[]){n, c, h, w}); }

static uint32_t seed = 20240611;
static float random_float(void) {
  seed = seed * 1664525U + 1013904223U;
  return (float)(int32_t)(seed >> 8 & 0xFFFFU) / 32768.0F - 1.0F;
}

static void fill(float *data, int64_t count) {
  for (int64_t i = 0; i < count; i++) data[i] = random_float();
}

static icn_problem problem_of(icn_op op) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  p.op = op;
  return p;
}

static void set_input(icn_problem *p, int i, icn_shape shape) {
  p->present |= 1U << i;
  p->in[i] = icn_view_dense(&shape);
}

static void compute(const icn_problem *p, const void *const *in, float *out) {
  icn_error error;
  icn_error_clear(&error);
  assert_int_equal(icn_ref_compute(p, in, out, NULL, &error), ICN_OK);
}

static void assert_floats(const float *have, const float *want, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!(fabsf(have[i] - want[i]) <= 1e-6F * fmaxf(1.0F, fabsf(want[i])))) {
      fail_msg("element %zu is %.9g, expected %.9g", i, (double)have[i], (double)want[i]);
    }
  }
}

/* ---------------------------------------------------------------- by hand */

static icn_problem conv_problem(icn_shape x, icn_shape w, icn_shape y, int64_t stride, int64_t pad, int64_t groups) {
  icn_problem p = problem_of(ICN_OP_CONV);
  set_input(&p, 0, x);
  set_input(&p, 1, w);
  p.out = icn_view_dense(&y);
  for (int k = 0; k < 2; k++) {
    p.params.kernel[k] = w.dim[2 + k];
    p.params.stride[k] = stride;
    p.params.dilation[k] = 1;
    p.params.pad_begin[k] = p.params.pad_end[k] = pad;
  }
  p.params.groups = groups;
  return p;
}

static void conv_by_hand(void **state) {
  (void)state;
  const float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w[9] = {1, 0, -1, 2, 0, -2, 1, 0, -1}, bias[1] = {10};
  float y[9];
  icn_problem p = conv_problem(shape4(1, 1, 3, 3), shape4(1, 1, 3, 3), shape4(1, 1, 3, 3), 1, 1, 1);
  set_input(&p, 2, icn_shape_make(1, (const int64_t[]){1}));
  const void *in[ICN_MAX_INPUTS] = {x, w, bias};
  compute(&p, in, y);
  assert_floats(y, (const float[]){1, 4, 19, -10, 2, 30, -11, 4, 31}, 9);
  p.epilogue.function = ICN_FN_RELU;
  compute(&p, in, y);
  assert_floats(y, (const float[]){1, 4, 19, 0, 2, 30, 0, 4, 31}, 9);
}

static void conv_applies_scale_residual_and_clip(void **state) {
  (void)state;
  const float x[2] = {1, 2}, w[4] = {1, 2, 3, 4}, bias[2] = {0.5F, -1}, residual[2] = {10, 20}, scale[2] = {2, 0.5F};
  float y[2];
  icn_problem p = conv_problem(shape4(1, 2, 1, 1), shape4(2, 2, 1, 1), shape4(1, 2, 1, 1), 1, 0, 1);
  set_input(&p, ICN_CONV_BIAS, icn_shape_make(1, (const int64_t[]){2}));
  set_input(&p, ICN_CONV_RESIDUAL, shape4(1, 2, 1, 1));
  set_input(&p, ICN_CONV_SCALE, icn_shape_make(1, (const int64_t[]){2}));
  p.epilogue = (icn_epilogue){ICN_FN_CLIP, 0.0F, 24.0F, 0};
  const void *in[ICN_MAX_INPUTS] = {x, w, bias, residual, scale};
  compute(&p, in, y);
  assert_floats(y, (const float[]){20.5F, 24.0F}, 2); /* 2 * 5 + 0.5 + 10; 0.5 * 11 - 1 + 20 = 24.5 clipped */
}

static void conv_transpose_by_hand(void **state) {
  (void)state;
  const float x[4] = {1, 2, 3, 4}, w[4] = {1, 10, 100, 1000};
  float y[9];
  icn_problem p = conv_problem(shape4(1, 1, 2, 2), shape4(1, 1, 2, 2), shape4(1, 1, 3, 3), 1, 0, 1);
  p.op = ICN_OP_CONV_TRANSPOSE;
  const void *in[2] = {x, w};
  compute(&p, in, y);
  assert_floats(y, (const float[]){1, 12, 20, 103, 1234, 2040, 300, 3400, 4000}, 9);
}

static void matmul_by_hand(void **state) {
  (void)state;
  const float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 2, 3, 4, 5, 6}, c[2] = {100, 200};
  float y[4];
  icn_problem p = problem_of(ICN_OP_MATMUL);
  set_input(&p, 0, icn_shape_make(2, (const int64_t[]){2, 3}));
  set_input(&p, 1, icn_shape_make(2, (const int64_t[]){3, 2}));
  icn_shape out = icn_shape_make(2, (const int64_t[]){2, 2});
  p.out = icn_view_dense(&out);
  p.params.alpha = 1.0F;
  const void *in[3] = {a, b, c};
  compute(&p, in, y);
  assert_floats(y, (const float[]){22, 28, 49, 64}, 4);
  set_input(&p, 2, icn_shape_make(1, (const int64_t[]){2}));
  p.params.alpha = 0.5F;
  p.params.beta = 2.0F;
  compute(&p, in, y);
  assert_floats(y, (const float[]){211, 414, 224.5F, 432}, 4);
  p.present = 3;
  p.params.alpha = 1.0F;
  p.params.transpose_a = p.params.transpose_b = 1;
  set_input(&p, 0, icn_shape_make(2, (const int64_t[]){3, 2}));
  set_input(&p, 1, icn_shape_make(2, (const int64_t[]){2, 3}));
  compute(&p, in, y); /* a^T = [1 3 5; 2 4 6], b^T = [1 4; 2 5; 3 6] */
  assert_floats(y, (const float[]){22, 49, 28, 64}, 4);
}

static void matmul_broadcasts_leading_dims(void **state) {
  (void)state;
  float a[2 * 1 * 2 * 3], b[4 * 3 * 2], y[2 * 4 * 2 * 2], one[4];
  fill(a, 12);
  fill(b, 24);
  icn_problem p = problem_of(ICN_OP_MATMUL);
  set_input(&p, 0, shape4(2, 1, 2, 3));
  set_input(&p, 1, icn_shape_make(3, (const int64_t[]){4, 3, 2}));
  icn_shape out = shape4(2, 4, 2, 2);
  p.out = icn_view_dense(&out);
  p.params.alpha = 1.0F;
  compute(&p, (const void *[]){a, b}, y);
  icn_problem q = problem_of(ICN_OP_MATMUL);
  set_input(&q, 0, icn_shape_make(2, (const int64_t[]){2, 3}));
  set_input(&q, 1, icn_shape_make(2, (const int64_t[]){3, 2}));
  out = icn_shape_make(2, (const int64_t[]){2, 2});
  q.out = icn_view_dense(&out);
  q.params.alpha = 1.0F;
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 4; j++) {
      compute(&q, (const void *[]){a + i * 6, b + j * 6}, one);
      assert_memory_equal(one, y + (i * 4 + j) * 4, sizeof one);
    }
  }
}

static icn_problem pool_problem(icn_function function, icn_shape x, icn_shape y) {
  icn_problem p = problem_of(ICN_OP_POOL);
  p.params.function = function;
  set_input(&p, 0, x);
  p.out = icn_view_dense(&y);
  for (int k = 0; k < 2; k++) p.params.kernel[k] = p.params.stride[k] = p.params.dilation[k] = 1;
  return p;
}

static void pools_by_hand(void **state) {
  (void)state;
  const float x[7] = {1, 2, 3, 4, 5, 6, 7};
  float y[3];
  icn_problem p = pool_problem(ICN_FN_MAX, shape4(1, 1, 1, 7), shape4(1, 1, 1, 3));
  p.params.kernel[1] = p.params.stride[1] = 3;
  p.params.pad_begin[1] = 1; /* windows: pad 1 2, 3 4 5, 6 7 beyond */
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){2, 5, 7}, 3);
  p.params.function = ICN_FN_MEAN;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1.5F, 4, 6.5F}, 3);
  p.params.count_include_pad = 1;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1, 4, 6.5F}, 3);
  p.params.pad_end[1] = 1;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1, 4, 13.0F / 3}, 3);
  p.params.function = ICN_FN_L2;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){sqrtf(5), sqrtf(50), sqrtf(85)}, 3);
  p.params.function = ICN_FN_LP;
  p.params.alpha = 3.0F;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){cbrtf(9), cbrtf(216), cbrtf(559)}, 3);
}

static void pool_edge_cases(void **state) {
  (void)state;
  float x[3] = {-5, NAN, -7}, y[2];
  icn_problem p = pool_problem(ICN_FN_MAX, shape4(1, 1, 1, 3), shape4(1, 1, 1, 2));
  p.params.kernel[1] = 2;
  compute(&p, (const void *[]){x}, y);
  assert_true(isnan(y[0]) && isnan(y[1]));
  p.params.stride[1] = 4; /* the second window starts behind the input */
  compute(&p, (const void *[]){x}, y);
  assert_true(isnan(y[0]) && isinf(y[1]) && y[1] < 0);
  p.params.function = ICN_FN_MEAN;
  compute(&p, (const void *[]){x}, y);
  assert_true(y[1] == 0.0F);
}

static void lrn_by_hand(void **state) {
  (void)state;
  const float x[4] = {1, 2, 3, 4};
  float y[4];
  icn_problem p = problem_of(ICN_OP_LRN);
  set_input(&p, 0, shape4(1, 4, 1, 1));
  p.out = p.in[0];
  p.params.kernel[0] = 3;
  p.params.alpha = 3.0F;
  p.params.beta = 1.0F;
  p.params.gamma = 1.0F;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1.0F / 6, 2.0F / 15, 3.0F / 30, 4.0F / 26}, 4);
  p.params.kernel[0] = 2; /* even: one channel above */
  p.params.alpha = 2.0F;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1.0F / 6, 2.0F / 14, 3.0F / 26, 4.0F / 17}, 4);
}

static void reductions_by_hand(void **state) {
  (void)state;
  const float x[6] = {1, -2, 3, -4, 5, -6};
  float y[3];
  icn_problem p = problem_of(ICN_OP_REDUCE);
  set_input(&p, 0, icn_shape_make(2, (const int64_t[]){2, 3}));
  icn_shape out = icn_shape_make(2, (const int64_t[]){1, 3});
  p.out = icn_view_dense(&out);
  p.params.axes = 1;
  const struct {
    icn_function function;
    float want[3];
  } cases[] = {
      {ICN_FN_ADD, {-3, 3, -3}},         {ICN_FN_MEAN, {-1.5F, 1.5F, -1.5F}},
      {ICN_FN_MAX, {1, 5, 3}},           {ICN_FN_MIN, {-4, -2, -6}},
      {ICN_FN_MUL, {-4, -10, -18}},      {ICN_FN_L1, {5, 7, 9}},
      {ICN_FN_SUM_SQUARE, {17, 29, 45}}, {ICN_FN_L2, {4.1231056F, 5.3851648F, 6.7082039F}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    p.params.function = cases[i].function;
    compute(&p, (const void *[]){x}, y);
    assert_floats(y, cases[i].want, 3);
  }
  p.params.axes = 3;
  p.params.function = ICN_FN_ADD;
  out.dim[1] = 1;
  p.out = icn_view_dense(&out);
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){-3}, 1);
}

static void softmax_sums_to_one(void **state) {
  (void)state;
  float x[24], y[24], l[24];
  fill(x, 24);
  x[5] = 1000.0F; /* no overflow */
  icn_problem p = problem_of(ICN_OP_SOFTMAX);
  set_input(&p, 0, icn_shape_make(3, (const int64_t[]){2, 3, 4}));
  p.out = p.in[0];
  p.params.axis = 1;
  p.params.function = ICN_FN_EXP;
  compute(&p, (const void *[]){x}, y);
  p.params.function = ICN_FN_LOG;
  compute(&p, (const void *[]){x}, l);
  for (int i = 0; i < 8; i++) {
    const float *column = y + i / 4 * 12 + i % 4;
    assert_true(fabsf(column[0] + column[4] + column[8] - 1.0F) < 1e-6F);
  }
  for (int i = 0; i < 24; i++) assert_true(fabsf(expf(l[i]) - y[i]) < 1e-6F);
  assert_true(y[5] == 1.0F);
}

static void pads_by_hand(void **state) {
  (void)state;
  const float x[3] = {1, 2, 3};
  float y[7];
  icn_problem p = problem_of(ICN_OP_PAD);
  set_input(&p, 0, icn_shape_make(1, (const int64_t[]){3}));
  icn_shape out = icn_shape_make(1, (const int64_t[]){7});
  p.out = icn_view_dense(&out);
  p.params.begin[0] = p.params.end[0] = 2;
  p.params.alpha = 9.0F;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){9, 9, 1, 2, 3, 9, 9}, 7);
  p.params.pad_mode = ICN_PAD_REFLECT;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){3, 2, 1, 2, 3, 2, 1}, 7);
  p.params.pad_mode = ICN_PAD_EDGE;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){1, 1, 1, 2, 3, 3, 3}, 7);
  p.params.pad_mode = ICN_PAD_WRAP;
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){2, 3, 1, 2, 3, 1, 2}, 7);
  p.params.pad_mode = ICN_PAD_CONSTANT;
  p.params.begin[0] = -1;
  p.params.end[0] = 1;
  out.dim[0] = 3;
  p.out = icn_view_dense(&out);
  compute(&p, (const void *[]){x}, y);
  assert_floats(y, (const float[]){2, 3, 9}, 3);
}

static void resample_skips_taps_of_no_weight(void **state) {
  (void)state;
  const float x[4] = {1, 2, 3, 4}, weight[6] = {1, 0, 0.5F, 0.5F, 0, 1};
  const int32_t index[6] = {1, -999, 0, 1, 1 << 30, 0};
  float y[6];
  icn_problem p = problem_of(ICN_OP_RESAMPLE);
  set_input(&p, 0, icn_shape_make(2, (const int64_t[]){2, 2}));
  set_input(&p, 1, icn_shape_make(2, (const int64_t[]){3, 2}));
  set_input(&p, 2, icn_shape_make(2, (const int64_t[]){3, 2}));
  icn_shape out = icn_shape_make(2, (const int64_t[]){2, 3});
  p.out = icn_view_dense(&out);
  p.params.axis = 1;
  compute(&p, (const void *[]){x, index, weight}, y);
  assert_floats(y, (const float[]){2, 1.5F, 1, 4, 3.5F, 3}, 6);
}

static void scalar_functions(void **state) {
  (void)state;
  const struct {
    icn_function function;
    double x, a, b, g, want;
  } cases[] = {
      {ICN_FN_RELU, -1, 0, 0, 0, 0},
      {ICN_FN_CLIP, 9, 0, 6, 0, 6},
      {ICN_FN_CLIP, -9, 5, 3, 0, 3}, /* min above max: max wins */
      {ICN_FN_LEAKY_RELU, -2, 0.1, 0, 0, -0.2},
      {ICN_FN_SIGMOID, 0, 0, 0, 0, 0.5},
      {ICN_FN_TANH, 1, 0, 0, 0, 0.7615941559557649},
      {ICN_FN_HARD_SIGMOID, 1, 0.2, 0.5, 0, 0.7},
      {ICN_FN_HARD_SWISH, 1, 0, 0, 0, 2.0 / 3},
      {ICN_FN_ELU, -1, 2, 0, 0, -1.2642411176571153},
      {ICN_FN_SELU, -1, 1.67326, 0, 1.0507, -1.111327540011132},
      {ICN_FN_CELU, -1, 2, 0, 0, -0.7869386805747332},
      {ICN_FN_SOFTPLUS, 1000, 0, 0, 0, 1000},
      {ICN_FN_SOFTPLUS, 0, 0, 0, 0, 0.6931471805599453},
      {ICN_FN_SOFTSIGN, -3, 0, 0, 0, -0.75},
      {ICN_FN_MISH, 1, 0, 0, 0, 0.8650983882673103},
      {ICN_FN_THRESHOLDED_RELU, 1, 1, 0, 0, 0},
      {ICN_FN_GELU, 1, 0, 0, 0, 0.8413447460685429},
      {ICN_FN_GELU_TANH, 1, 0, 0, 0, 0.8411919906082768},
      {ICN_FN_EXP, 1, 0, 0, 0, 2.718281828459045},
      {ICN_FN_LOG, 2, 0, 0, 0, 0.6931471805599453},
      {ICN_FN_SQRT, 9, 0, 0, 0, 3},
      {ICN_FN_RSQRT, 4, 0, 0, 0, 0.5},
      {ICN_FN_ABS, -3, 0, 0, 0, 3},
      {ICN_FN_NEG, 3, 0, 0, 0, -3},
      {ICN_FN_RECIPROCAL, 4, 0, 0, 0, 0.25},
      {ICN_FN_FLOOR, -1.5, 0, 0, 0, -2},
      {ICN_FN_CEIL, -1.5, 0, 0, 0, -1},
      {ICN_FN_ERF, 1, 0, 0, 0, 0.8427007929497149},
      {ICN_FN_SQUARE, -3, 0, 0, 0, 9},
      {ICN_FN_SIGN, -3, 0, 0, 0, -1},
      {ICN_FN_SIGN, 0, 0, 0, 0, 0},
      {ICN_FN_SIGN, 1e-30, 0, 0, 0, 1},
      {ICN_FN_ROUND, -0.5, 0, 0, 0, 0},
      {ICN_FN_ROUND, 1.5, 0, 0, 0, 2},
      {ICN_FN_ROUND, 2.5, 0, 0, 0, 2},
      {ICN_FN_ROUND, -2.5, 0, 0, 0, -2},
      {ICN_FN_ROUND, 0.49999999999999994, 0, 0, 0, 0}, /* the number below a half */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double have = icn_ref_unary(cases[i].function, cases[i].x, cases[i].a, cases[i].b, cases[i].g);
    if (fabs(have - cases[i].want) > 1e-7 * fmax(1.0, fabs(cases[i].want))) {
      fail_msg("%s(%g) is %.17g", icn_function_name(cases[i].function), cases[i].x, have);
    }
  }
  for (int fn = 0; fn < ICN_FN_UNARY_END; fn++) assert_true(isnan(icn_ref_unary((icn_function)fn, NAN, 1, 2, 1)));
  assert_true(isnan(icn_ref_binary(ICN_FN_MAX, NAN, 1)) && isnan(icn_ref_binary(ICN_FN_MAX, 1, NAN)));
  assert_true(isnan(icn_ref_binary(ICN_FN_MIN, NAN, 1)) && isnan(icn_ref_binary(ICN_FN_MIN, 1, NAN)));
  assert_true(icn_ref_binary(ICN_FN_PRELU, -2, 3) == -6 && icn_ref_binary(ICN_FN_PRELU, 2, 3) == 2);
  assert_true(icn_ref_binary(ICN_FN_POW, 2, 10) == 1024 && icn_ref_binary(ICN_FN_DIV, 1, 4) == 0.25);
}

/* ------------------------------------------------------------- properties */

/* A convolution of groups = channels equals one convolution a channel. */
static void groups_are_independent(void **state) {
  (void)state;
  float x[2 * 3 * 5 * 5], w[6 * 1 * 3 * 3], whole[2 * 6 * 3 * 3], part[2 * 2 * 3 * 3];
  fill(x, 150);
  fill(w, 54);
  icn_problem p = conv_problem(shape4(2, 3, 5, 5), shape4(6, 1, 3, 3), shape4(2, 6, 3, 3), 2, 1, 3);
  compute(&p, (const void *[]){x, w}, whole);
  for (int64_t g = 0; g < 3; g++) {
    icn_problem q = conv_problem(shape4(2, 1, 5, 5), shape4(2, 1, 3, 3), shape4(2, 2, 3, 3), 2, 1, 1);
    q.in[0].stride[0] = 75; /* a view of one channel */
    q.in[0].offset = g * 25;
    compute(&q, (const void *[]){x, w + g * 18}, part);
    for (int64_t n = 0; n < 2; n++) assert_memory_equal(part + n * 18, whole + (n * 6 + g * 2) * 9, 18 * sizeof(float));
  }
}

/* sum(conv(x) * y) = sum(x * conv_transpose(y)): the two are each other's adjoint. */
static void conv_transpose_is_adjoint(void **state) {
  (void)state;
  float x[4 * 7 * 7], w[6 * 2 * 3 * 3], y[6 * 4 * 4], forward[6 * 4 * 4], backward[4 * 7 * 7];
  fill(x, 196);
  fill(w, 108);
  fill(y, 96);
  icn_problem p = conv_problem(shape4(1, 4, 7, 7), shape4(6, 2, 3, 3), shape4(1, 6, 4, 4), 2, 1, 2);
  compute(&p, (const void *[]){x, w}, forward);
  icn_problem q = conv_problem(shape4(1, 6, 4, 4), shape4(6, 2, 3, 3), shape4(1, 4, 7, 7), 2, 1, 2);
  q.op = ICN_OP_CONV_TRANSPOSE;
  compute(&q, (const void *[]){y, w}, backward);
  double left = 0.0, right = 0.0;
  for (int i = 0; i < 96; i++) left += (double)forward[i] * (double)y[i];
  for (int i = 0; i < 196; i++) right += (double)backward[i] * (double)x[i];
  assert_true(fabs(left - right) < 1e-5);
}

/* Copies x (dense) into an oddly strided place of `room`, describes that place in *view, returns its base. */
static float *scatter(const float *x, const icn_shape *shape, icn_view *view, float *room) {
  icn_view dense = icn_view_dense(shape);
  *view = dense;
  int64_t stride = 2;
  view->offset = 3;
  for (int k = 0; k < shape->rank; k++) { /* reversed order, gaps, the first dim backwards */
    view->stride[k] = k == 0 ? -stride : stride;
    if (k == 0) view->offset += (shape->dim[0] - 1) * stride;
    stride *= shape->dim[k];
  }
  icn_problem copy = problem_of(ICN_OP_COPY);
  set_input(&copy, 0, *shape);
  copy.out = *view;
  compute(&copy, (const void *[]){x}, room);
  return room;
}

/* Every operation gives the same bits whatever the strides, and touches nothing outside its output view. */
static void strides_do_not_matter(void **state) {
  (void)state;
  enum { ROOM = 4096 };
  static float data[3][ROOM], room[3][ROOM], dense_out[ROOM], strided_out[ROOM], gathered[ROOM];
  const int32_t index[6] = {0, 1, 2, 3, 3, 0};
  const icn_shape x = shape4(2, 4, 5, 5);
  const struct {
    icn_op op;
    icn_function function;
    icn_shape second, out;
  } cases[] = {
      {ICN_OP_CONV, 0, {4, {6, 2, 3, 3}}, {4, {2, 6, 3, 3}}},
      {ICN_OP_CONV_TRANSPOSE, 0, {4, {4, 3, 3, 3}}, {4, {2, 6, 9, 9}}},
      {ICN_OP_MATMUL, 0, {4, {1, 4, 5, 3}}, {4, {2, 4, 5, 3}}},
      {ICN_OP_POOL, ICN_FN_MAX, {0, {0}}, {4, {2, 4, 3, 3}}},
      {ICN_OP_UNARY, ICN_FN_TANH, {0, {0}}, {4, {2, 4, 5, 5}}},
      {ICN_OP_BINARY, ICN_FN_SUB, {3, {4, 1, 5}}, {4, {2, 4, 5, 5}}},
      {ICN_OP_AFFINE, 0, {1, {4}}, {4, {2, 4, 5, 5}}},
      {ICN_OP_REDUCE, ICN_FN_MEAN, {0, {0}}, {4, {2, 1, 5, 1}}},
      {ICN_OP_SOFTMAX, ICN_FN_EXP, {0, {0}}, {4, {2, 4, 5, 5}}},
      {ICN_OP_LRN, 0, {0, {0}}, {4, {2, 4, 5, 5}}},
      {ICN_OP_PAD, 0, {0, {0}}, {4, {2, 6, 5, 5}}},
      {ICN_OP_RESAMPLE, 0, {2, {3, 2}}, {4, {2, 3, 5, 5}}},
      {ICN_OP_COPY, 0, {0, {0}}, {4, {2, 4, 5, 5}}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int k = 0; k < 3; k++) fill(data[k], ROOM);
    icn_problem p = problem_of(cases[i].op);
    p.params.function = cases[i].function;
    for (int k = 0; k < 2; k++) {
      p.params.kernel[k] = 3;
      p.params.stride[k] = p.op == ICN_OP_CONV_TRANSPOSE ? 2 : 1;
      p.params.dilation[k] = 1;
      p.params.pad_begin[k] = p.params.pad_end[k] = p.op == ICN_OP_CONV_TRANSPOSE ? 1 : 0;
    }
    p.params.groups = 2;
    p.params.axes = 1U << 1 | 1U << 3;
    p.params.axis = 1;
    p.params.begin[1] = 2;
    p.params.alpha = 0.5F;
    p.params.beta = 0.75F;
    p.params.gamma = 1.0F;
    set_input(&p, 0, x);
    if (cases[i].second.rank > 0) set_input(&p, 1, cases[i].second);
    if (p.op == ICN_OP_AFFINE || p.op == ICN_OP_RESAMPLE) set_input(&p, 2, cases[i].second);
    p.out = icn_view_dense(&cases[i].out);
    const void *in[ICN_MAX_INPUTS] = {data[0], p.op == ICN_OP_RESAMPLE ? (const void *)index : data[1], data[2]};
    compute(&p, in, dense_out);
    icn_problem q = p;
    for (int k = 0; k < 3; k++) {
      if (icn_problem_has(&p, k) && !(p.op == ICN_OP_RESAMPLE && k == 1)) in[k] = scatter(data[k], &p.in[k].shape, &q.in[k], room[k]);
    }
    for (int k = 0; k < ROOM; k++) strided_out[k] = 12345.0F;
    icn_view placed;
    scatter(dense_out, &cases[i].out, &placed, gathered); /* only for its view */
    q.out = placed;
    compute(&q, in, strided_out);
    icn_problem back = problem_of(ICN_OP_COPY);
    back.present = 1;
    back.in[0] = placed;
    back.out = p.out;
    compute(&back, (const void *[]){strided_out}, gathered);
    if (memcmp(gathered, dense_out, (size_t)icn_shape_elems(&cases[i].out) * sizeof(float)) != 0) fail_msg("%s", icn_op_name(p.op));
    int64_t untouched = 0;
    for (int k = 0; k < ROOM; k++) untouched += strided_out[k] == 12345.0F ? 1 : 0;
    assert_int_equal(untouched, ROOM - icn_shape_elems(&cases[i].out));
  }
}

static void unknown_operation_is_refused(void **state) {
  (void)state;
  icn_problem p = problem_of(ICN_OP_CONCAT);
  icn_error error;
  assert_int_equal(icn_ref_compute(&p, NULL, NULL, NULL, &error), ICN_UNSUPPORTED);
  assert_non_null(strstr(error.message, "concat"));
}

/* ------------------------------------------------------------ whole graph */

static void graph_runs_with_views(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_graph graph;
  icn_arena arena;
  icn_error error;
  icn_graph_init(&graph, &allocator);
  icn_arena_init(&arena, &allocator);
  icn_shape s = icn_shape_make(2, (const int64_t[]){2, 3}), t = icn_shape_make(2, (const int64_t[]){3, 2});
  icn_shape joined = icn_shape_make(2, (const int64_t[]){3, 4});
  static const float two[1] = {2.0F};
  icn_shape scalar = icn_shape_make(0, NULL);
  int x = icn_graph_add_value(&graph, "x", &s, ICN_F32);
  graph.values[x].is_input = true;
  int factor = icn_graph_add_constant(&graph, "two", &scalar, ICN_F32, two);
  icn_params transpose = {.perm = {1, 0}}, multiply = {.function = ICN_FN_MUL}, concat = {.axis = 1};
  int turned = icn_graph_add_node(&graph, ICN_OP_TRANSPOSE, "turn", "", &x, 1, &transpose, NULL, &t);
  int doubled = icn_graph_add_node(&graph, ICN_OP_BINARY, "double", "", (const int[]){turned, factor}, 2, &multiply, NULL, &t);
  int y = icn_graph_add_node(&graph, ICN_OP_CONCAT, "join", "", (const int[]){doubled, turned}, 2, &concat, NULL, &joined);
  graph.inputs = &x;
  graph.input_count = 1;
  graph.outputs = &y;
  graph.output_count = 1;
  const float data[6] = {1, 2, 3, 4, 5, 6};
  const float *values[8] = {NULL};
  assert_int_equal(icn_ref_run(&graph, values, &arena, NULL, NULL, &error), ICN_ARGUMENT);
  values[x] = data;
  assert_int_equal(icn_ref_run(&graph, values, &arena, NULL, NULL, &error), ICN_OK);
  assert_floats(values[y], (const float[]){2, 8, 1, 4, 4, 10, 2, 5, 6, 12, 3, 6}, 12);
  icn_arena_fini(&arena);
  icn_graph_fini(&graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv_by_hand),
      cmocka_unit_test(conv_applies_scale_residual_and_clip),
      cmocka_unit_test(conv_transpose_by_hand),
      cmocka_unit_test(matmul_by_hand),
      cmocka_unit_test(matmul_broadcasts_leading_dims),
      cmocka_unit_test(pools_by_hand),
      cmocka_unit_test(pool_edge_cases),
      cmocka_unit_test(lrn_by_hand),
      cmocka_unit_test(reductions_by_hand),
      cmocka_unit_test(softmax_sums_to_one),
      cmocka_unit_test(pads_by_hand),
      cmocka_unit_test(resample_skips_taps_of_no_weight),
      cmocka_unit_test(scalar_functions),
      cmocka_unit_test(groups_are_independent),
      cmocka_unit_test(conv_transpose_is_adjoint),
      cmocka_unit_test(strides_do_not_matter),
      cmocka_unit_test(unknown_operation_is_refused),
      cmocka_unit_test(graph_runs_with_views),
  };
  return cmocka_run_group_tests_name("ref", tests, NULL, NULL);
}
