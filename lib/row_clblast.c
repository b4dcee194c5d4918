/* clblast_conv, clblast_matmul: the library CLBlast, where the device's description says that it can be called ("icn_clblast" among the
 * extensions). Weights are read in place; scale, bias, residual and activation follow in a launch of their own (kernels/gemm_epilogue.cl).
 * Selection takes these rows when they are asked for by name: nothing is known beforehand of the library's speed on a device. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_matmul.h"
#include "row_support.h"
#include "rows.h"

/* A row-major product y[m][n] = alpha * op(a) op(b), and what follows it. */
typedef struct gemm {
  int64_t m, n, k, lda, ldb, ldc;
  bool transpose_a, transpose_b;
  float alpha;
} gemm;

static const double LIBRARY_FACTOR = 20; /* dearer than any row of ours that is made for the device */

static bool library_ok(const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_device_desc_has_extension(device, "icn_clblast"))
    return icn_decline(why_not, "CLBlast cannot be called: it is not installed, or OpenCL was not opened by the system's loader");
  return true;
}

static double library_cost(const icn_problem *problem, const icn_device_desc *device) {
  return LIBRARY_FACTOR * icn_cost_roofline(problem, device, 0.1, 2);
}

/* One of the two strides of a matrix is 1, the other is at least the length of a line: a leading dimension. */
static bool leading(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, bool *transposed, int64_t *ld) {
  const int64_t row = rows > 1 ? row_stride : columns, column = columns > 1 ? column_stride : 1;
  *transposed = false;
  *ld = row;
  if (column == 1 && row >= columns) return true;
  const int64_t down = rows > 1 ? row_stride : 1, across = columns > 1 ? column_stride : rows;
  *transposed = true;
  *ld = across;
  return down == 1 && across >= rows;
}

/* CLBlast copies what is no multiple of its tile: room for a, b and c up to whole tiles of the largest size in its database. Where a
 * device's tile is larger still, the host finds that out when it binds the launch, and the plan is made anew without this row. */
static uint64_t copies_bytes(const gemm *g) {
  enum { LARGEST_TILE = 128 };
  const uint64_t m = (uint64_t)icn_div_up(g->m, LARGEST_TILE) * LARGEST_TILE, n = (uint64_t)icn_div_up(g->n, LARGEST_TILE) * LARGEST_TILE,
                 k = (uint64_t)icn_div_up(g->k, LARGEST_TILE) * LARGEST_TILE;
  return (m * k + k * n + m * n) * sizeof(float);
}

static void push_gemm(icn_emit *emit, const gemm *g) {
  icn_launch *launch = icn_emit_launch(emit, "", "CLBlastSgemm");
  launch->kind = ICN_LAUNCH_CLBLAST_GEMM;
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 1);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_LIBRARY);
  emit->library_bytes = copies_bytes(g);
  const int64_t numbers[] = {g->transpose_a, g->transpose_b, g->m, g->n, g->k, g->lda, g->ldb, g->ldc};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) icn_launch_int(launch, numbers[i]);
  icn_launch_float(launch, g->alpha);
  icn_launch_float(launch, 0);
}

/* -1 for an input that is absent. */
static void push_epilogue(icn_emit *emit, const icn_device_desc *device, const icn_problem *problem, const gemm *g, int scale, int bias,
                          int residual, int64_t residual_stride, int64_t bias_stride) {
  if (scale < 0 && bias < 0 && residual < 0 && problem->epilogue.function == ICN_FN_IDENTITY) return;
  icn_launch *launch = icn_emit_launch(emit, "gemm_epilogue.cl", "gemm_epilogue");
  icn_launch_items(launch, device, g->m * g->n);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_tensor(launch, ICN_OPERAND_IN + (scale < 0 ? 0 : scale));
  icn_launch_tensor(launch, ICN_OPERAND_IN + (bias < 0 ? 0 : bias));
  icn_launch_tensor(launch, ICN_OPERAND_IN + (residual < 0 ? 0 : residual));
  icn_launch_int(launch, g->m * g->n);
  icn_launch_int8(launch, (const int64_t[8]){g->n, g->ldc, residual_stride, scale >= 0, bias >= 0, residual >= 0,
                                             scale >= 0 ? problem->in[scale].stride[0] : 0, bias_stride});
  icn_launch_epilogue(launch, problem);
}

/* ------------------------------------------------------------ clblast_conv: 1x1, stride 1 */

static bool conv_gemm(const icn_problem *problem, gemm *g) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_view *w = &problem->in[ICN_CONV_WEIGHT];
  *g = (gemm){.m = s.pixels, .n = s.k, .k = s.c, .alpha = 1};
  g->lda = s.pixels > 1 ? icn_view_pixel_stride(&problem->in[ICN_CONV_X]) : s.c;
  g->ldc = s.pixels > 1 ? icn_view_pixel_stride(&problem->out) : s.k;
  return leading(s.c, s.k, w->stride[1], w->stride[0], &g->transpose_b, &g->ldb);
}

bool icn_clblast_conv_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_conv_linear_ok(problem, 0, why_not) || !icn_conv_turned_ok(problem, 0, why_not)) return false;
  if (!library_ok(device, why_not) || !icn_conv_fits(problem, why_not) || !icn_conv_is_nhwc(problem, why_not)) return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  if (s.kh != 1 || s.kw != 1 || p->stride[0] != 1 || p->stride[1] != 1 || s.groups != 1 || s.oh != s.h || s.ow != s.w ||
      p->pad_begin[0] != 0 || p->pad_begin[1] != 0)
    return icn_decline(why_not, "only 1x1 windows of stride 1 without padding and groups are one matrix product");
  gemm g;
  if (!conv_gemm(problem, &g)) return icn_decline(why_not, "the weights' strides are no leading dimension");
  return true;
}

double icn_clblast_conv_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return library_cost(problem, device);
}

icn_status icn_clblast_conv_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)config;
  icn_status status = ICN_OK;
  gemm g;
  ICN_REQUIRE(conv_gemm(problem, &g), ICN_UNSUPPORTED, "clblast_conv: the weights' strides are no leading dimension");
  const bool bias = icn_problem_has(problem, ICN_CONV_BIAS), residual = icn_problem_has(problem, ICN_CONV_RESIDUAL);
  push_gemm(emit, &g);
  push_epilogue(emit, device, problem, &g, icn_problem_has(problem, ICN_CONV_SCALE) ? ICN_CONV_SCALE : -1, bias ? ICN_CONV_BIAS : -1,
                residual ? ICN_CONV_RESIDUAL : -1, residual ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0,
                bias ? problem->in[ICN_CONV_BIAS].stride[0] : 0);
done:
  return status;
}

/* ------------------------------------------------------------ clblast_matmul */

static bool matmul_gemm(const icn_problem *problem, const icn_matmul_sizes *s, gemm *g) {
  bool transpose_c;
  *g = (gemm){.m = s->m, .n = s->n, .k = s->k, .alpha = problem->params.alpha};
  return leading(s->m, s->k, s->a_m, s->a_k, &g->transpose_a, &g->lda) && leading(s->k, s->n, s->b_k, s->b_n, &g->transpose_b, &g->ldb) &&
         leading(s->m, s->n, s->y_m, s->y_n, &transpose_c, &g->ldc) && !transpose_c;
}

/* The third input is a row that is added as it is (a bias), or a matrix with adjacent columns (a residual). */
static bool third_ok(const icn_problem *problem, const icn_matmul_sizes *s) {
  if (!icn_problem_has(problem, 2)) return true;
  return problem->params.beta == 1 && (s->m == 1 || s->c_m == 0 || ((s->n == 1 || s->c_n == 1) && s->c_m > 0));
}

bool icn_clblast_matmul_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  icn_matmul_sizes s;
  gemm g;
  if (!library_ok(device, why_not) || !icn_matmul_collapse(problem, &s, why_not)) return false;
  if (s.batch != 1) return icn_decline(why_not, "the leading dimensions do not fold into the rows");
  if (!matmul_gemm(problem, &s, &g)) return icn_decline(why_not, "a matrix has no leading dimension");
  if (!third_ok(problem, &s)) return icn_decline(why_not, "the third input is scaled, or neither a row nor a matrix with adjacent columns");
  return true;
}

double icn_clblast_matmul_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return library_cost(problem, device);
}

icn_status icn_clblast_matmul_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                   icn_error *error) {
  (void)config;
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  gemm g;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL) && matmul_gemm(problem, &s, &g), ICN_UNSUPPORTED,
              "clblast_matmul: a matrix has no leading dimension");
  const bool third = icn_problem_has(problem, 2), row = s.m == 1 || s.c_m == 0;
  push_gemm(emit, &g);
  push_epilogue(emit, device, problem, &g, -1, third && row ? 2 : -1, third && !row ? 2 : -1, s.c_m, s.c_n);
done:
  return status;
}
