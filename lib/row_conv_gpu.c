/* conv_gpu: implicit GEMM through local memory on NHWC with packed weights (kernels/conv_gpu.cl). matmul_packed_gpu: b constant, packed; a
 * 1x1 convolution over m pixels with the same kernel. config: value[0] = BM pixels, value[1] = BN channels of a work-group. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_matmul.h"
#include "row_support.h"
#include "rows.h"

enum { BM = 0, BN = 1, DEPTH_STEP = 16, LARGE = 64, SMALL = 32 };

/* Work-items and local bytes of a group with tiles of `size`. */
static uint64_t group_items(int size) { return (uint64_t)(size / 4) * (uint64_t)(size / 4); }
static uint64_t group_local(int size) { return (uint64_t)DEPTH_STEP * (uint64_t)(size + 4 + size) * sizeof(float); }

static bool tile_ok(const icn_device_desc *device, int size, icn_reason *why_not) {
  if (device->max_work_item[1] < (uint64_t)size / 4)
    return icn_decline(why_not, "work-groups of %dx%d items are needed, the device has at most %d in the second dimension", size / 4,
                       size / 4, (int)device->max_work_item[1]);
  return icn_group_ok(device, group_items(size), group_local(size), why_not);
}

/* The matrix that a problem is: rows x columns, `depth` deep, `groups` times. */
typedef struct matrix {
  int64_t rows, columns, depth, groups;
} matrix;

static matrix conv_matrix(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (matrix){s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups};
}

static matrix product_matrix(const icn_problem *problem) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  return (matrix){s.m, s.n, s.k, 1};
}

static double group_count(const matrix *x, int size) {
  return (double)icn_div_up(x->rows, size) * (double)icn_div_up(x->columns, size) * (double)x->groups;
}

/* Large tiles where they fill the device, else small ones. */
static void choose_tile(const matrix *x, const icn_device_desc *device, icn_config *config) {
  const bool fills = group_count(x, LARGE) >= 2.0 * device->compute_units && x->columns > SMALL;
  memset(config, 0, sizeof *config);
  config->value[BM] = config->value[BN] = fills && tile_ok(device, LARGE, NULL) ? LARGE : SMALL;
}

static double tile_cost(const matrix *x, const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const int size = config->value[BM];
  const double groups = group_count(x, size), flop = 2 * groups * size * size * (double)icn_round_up(x->depth, DEPTH_STEP);
  const double busy = icn_cost_utilisation(groups, device->compute_units);
  return icn_cost_on_target(device, ICN_TARGET_GPU,
                            icn_cost_of(device, flop / busy, icn_problem_bytes(problem), size == LARGE ? 0.5 : 0.35, 1));
}

static int64_t packed_elems(const matrix *x, const icn_config *config) {
  return x->groups * icn_round_up(x->columns, config->value[BN]) * (icn_round_up(x->depth, DEPTH_STEP) + 1);
}

static bool sizes_ok(const matrix *x, icn_reason *why_not) {
  int64_t packed;
  if (!icn_mul_ok(icn_round_up(x->depth, DEPTH_STEP) + 1, x->groups * icn_round_up(x->columns, LARGE), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  if (x->rows > INT32_MAX - LARGE) return icn_decline(why_not, "%lld rows do not fit 31 bits", (long long)x->rows);
  return true;
}

static void push_range(icn_launch *launch, const matrix *x, const icn_config *config) {
  const int64_t bm = config->value[BM], bn = config->value[BN];
  icn_launch_options(launch, "-D BM=%d -D BN=%d", (int)bm, (int)bn);
  icn_launch_range(launch, 3, (size_t)(icn_div_up(x->columns, bn) * (bn / 4)), (size_t)(icn_div_up(x->rows, bm) * (bm / 4)),
                   (size_t)x->groups, (size_t)(bn / 4), (size_t)(bm / 4), 1);
}

/* ------------------------------------------------------------ conv_gpu */

bool icn_conv_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not)) return false;
  const matrix x = conv_matrix(problem);
  return sizes_ok(&x, why_not) && tile_ok(device, SMALL, why_not);
}

void icn_conv_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const matrix x = conv_matrix(problem);
  choose_tile(&x, device, config);
}

double icn_conv_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const matrix x = conv_matrix(problem);
  return tile_cost(&x, problem, device, config);
}

uint64_t icn_conv_gpu_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const matrix x = conv_matrix(problem);
  return (uint64_t)packed_elems(&x, config) * sizeof(float);
}

/* weight[group][panel][ky][kx][ic][lane], each panel padded with zeros to a multiple of DEPTH_STEP; then bias[group][panel][lane]. */
void icn_conv_gpu_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t width = config->value[BN], panels = icn_div_up(s.oc, width);
  const int64_t panel_elems = icn_round_up(s.kh * s.kw * s.ic, DEPTH_STEP) * width;
  memset(packed, 0, icn_conv_gpu_pack_bytes(problem, config));
  float *bias = packed + s.groups * panels * panel_elems;
  for (int64_t k = 0; k < s.k; k++) {
    const int64_t oc = k % s.oc, panel = k / s.oc * panels + oc / width, lane = oc % width;
    for (int64_t ic = 0; ic < s.ic; ic++)
      for (int64_t ky = 0; ky < s.kh; ky++)
        for (int64_t kx = 0; kx < s.kw; kx++)
          packed[panel * panel_elems + ((ky * s.kw + kx) * s.ic + ic) * width + lane] = icn_conv_weight(problem, constants, k, ic, ky, kx);
    bias[panel * width + lane] = icn_conv_bias(problem, constants, k);
  }
}

icn_status icn_conv_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)device, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const matrix x = conv_matrix(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_gpu.cl", "conv_gpu");
  push_range(launch, &x, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ matmul_packed_gpu */

bool icn_matmul_packed_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_matmul_packable(problem, why_not)) return false;
  const matrix x = product_matrix(problem);
  return sizes_ok(&x, why_not) && tile_ok(device, SMALL, why_not);
}

void icn_matmul_packed_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const matrix x = product_matrix(problem);
  choose_tile(&x, device, config);
}

double icn_matmul_packed_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const matrix x = product_matrix(problem);
  return tile_cost(&x, problem, device, config);
}

uint64_t icn_matmul_packed_gpu_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const matrix x = product_matrix(problem);
  return (uint64_t)packed_elems(&x, config) * sizeof(float);
}

void icn_matmul_packed_gpu_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_matmul_sizes s = icn_matmul_inner(problem);
  const int64_t width = config->value[BN], panel_elems = icn_round_up(s.k, DEPTH_STEP) * width;
  memset(packed, 0, icn_matmul_packed_gpu_pack_bytes(problem, config));
  float *bias = packed + icn_div_up(s.n, width) * panel_elems;
  for (int64_t n = 0; n < s.n; n++) {
    for (int64_t k = 0; k < s.k; k++)
      packed[n / width * panel_elems + k * width + n % width] = icn_matmul_weight(problem, &s, constants, k, n);
    bias[n] = icn_matmul_bias(problem, &s, constants, n);
  }
}

icn_status icn_matmul_packed_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                      icn_error *error) {
  (void)device;
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_packed_gpu: the leading dimensions do not collapse");
  const matrix x = product_matrix(problem);
  const bool residual = icn_matmul_c_is_residual(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_gpu.cl", "conv_gpu");
  push_range(launch, &x, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_tensor(launch, residual ? ICN_OPERAND_IN + 2 : ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){1, s.m, s.m > 1 ? s.a_m : s.k, s.k});
  icn_launch_int8(launch, (const int64_t[8]){s.m, 1, s.m, s.m > 1 ? s.y_m : s.n, s.n});
  icn_launch_int8(launch, (const int64_t[8]){1, 1, 1, 1, 1, 1, 0, 0});
  icn_launch_int(launch, residual ? (s.m > 1 ? s.c_m : s.n) : 0);
  icn_launch_epilogue(launch, problem);
done:
  return status;
}
