/* Matrix products through local memory. matmul_packed_gpu: b constant, packed; it is a 1x1 convolution over m pixels and runs the kernel of
 * conv_gpu. matmul_gpu: b in place, any strides (kernels/matmul_gpu.cl). config: as row_gpu_tile.h says. */

#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_matmul.h"
#include "row_support.h"
#include "rows.h"

static icn_gpu_matrix product_matrix(const icn_problem *problem) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  return (icn_gpu_matrix){s.m, s.n, s.k, s.batch};
}

/* ------------------------------------------------------------ matmul_packed_gpu */

bool icn_matmul_packed_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_matmul_packable(problem, why_not)) return false;
  const icn_gpu_matrix x = product_matrix(problem);
  return icn_gpu_sizes_ok(&x, why_not) && icn_gpu_tile_ok(device, why_not) && icn_gpu_tile_pays(device, why_not);
}

void icn_matmul_packed_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  icn_gpu_choose_split(&x, problem, device, config);
}

double icn_matmul_packed_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return icn_gpu_tile_cost(&x, problem, device, config);
}

uint64_t icn_matmul_packed_gpu_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return (uint64_t)icn_gpu_packed_elems(&x, config) * sizeof(float);
}

void icn_matmul_packed_gpu_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_matmul_pack_panels(problem, config->value[ICN_GPU_BN], icn_round_up(icn_matmul_inner(problem).k, ICN_GPU_DEPTH), constants, packed);
}

icn_status icn_matmul_packed_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                      icn_error *error) {
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_packed_gpu: the leading dimensions do not collapse");
  const icn_gpu_matrix x = product_matrix(problem);
  const bool residual = icn_matmul_c_is_residual(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_gpu.cl", "conv_gpu");
  icn_gpu_range(launch, &x, config, false);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_tensor(launch, residual ? ICN_OPERAND_IN + 2 : ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){1, s.m, s.m > 1 ? s.a_m : s.k, s.k});
  icn_launch_int8(launch, (const int64_t[8]){s.m, 1, s.m, s.m > 1 ? s.y_m : s.n, s.n});
  icn_launch_int8(launch, (const int64_t[8]){1, 1, 1, 1, 1, 1, 0, 0});
  icn_launch_int(launch, residual ? (s.m > 1 ? s.c_m : s.n) : 0);
  icn_launch_epilogue(launch, problem);
  icn_split_emit(emit, &x, problem, device, config, config->value[ICN_GPU_BN], icn_round_up(x.depth, ICN_GPU_DEPTH));
done:
  return status;
}

/* ------------------------------------------------------------ matmul_gpu */

bool icn_matmul_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  icn_matmul_sizes s;
  if (!icn_matmul_collapse(problem, &s, why_not)) return false;
  const icn_gpu_matrix x = product_matrix(problem);
  return icn_gpu_sizes_ok(&x, why_not) && icn_gpu_tile_ok(device, why_not);
}

void icn_matmul_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  icn_gpu_choose_tile(&x, device, config);
}

double icn_matmul_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return 1.2 * icn_gpu_tile_cost(&x, problem, device, config); /* loads of b are not vectors */
}

icn_status icn_matmul_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                               icn_error *error) {
  (void)device;
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_gpu: the leading dimensions do not collapse");
  const icn_gpu_matrix x = product_matrix(problem);
  icn_launch *launch = icn_emit_launch(emit, "matmul_gpu.cl", "matmul_gpu");
  icn_gpu_range(launch, &x, config, true);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 1);
  icn_launch_optional(launch, problem, 2);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.m, s.n, s.k, s.a_m == 1 && s.a_k != 1, s.b_k == 1 && s.b_n != 1});
  icn_launch_int8(launch, (const int64_t[8]){s.a_m, s.a_k, s.a_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.b_k, s.b_n, s.b_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.y_m, s.y_n, s.y_batch});
  icn_launch_int8(launch, (const int64_t[8]){s.c_m, s.c_n, s.c_batch, icn_problem_has(problem, 2)});
  icn_launch_float(launch, problem->params.alpha);
  icn_launch_float(launch, problem->params.beta);
  icn_launch_epilogue(launch, problem);
done:
  return status;
}
