/* matmul_item: b constant, packed, in registers alone: a 1x1 convolution over m pixels by the kernel of conv_item, for GPUs whose local
 * memory is ordinary memory. config: as row_item_tile.h says. */
#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_item_tile.h"
#include "row_matmul.h"
#include "rows.h"

static icn_gpu_matrix product_matrix(const icn_problem *problem) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  return (icn_gpu_matrix){s.m, s.n, s.k, s.batch};
}

bool icn_matmul_item_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_matmul_packable(problem, why_not)) return false;
  const icn_gpu_matrix x = product_matrix(problem);
  return icn_item_sizes_ok(&x, why_not);
}

void icn_matmul_item_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  icn_item_choose_tile(&x, problem, device, config);
}

double icn_matmul_item_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return icn_item_cost(&x, problem, device, config);
}

uint64_t icn_matmul_item_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_gpu_matrix x = product_matrix(problem);
  return (uint64_t)icn_item_packed_elems(&x, config) * sizeof(float);
}

void icn_matmul_item_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_matmul_pack_panels(problem, config->value[ICN_ITEM_PANEL], icn_matmul_inner(problem).k, constants, packed);
}

icn_status icn_matmul_item_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                icn_error *error) {
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_item: the leading dimensions do not collapse");
  const icn_gpu_matrix x = product_matrix(problem);
  const bool residual = icn_matmul_c_is_residual(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_item.cl", "conv_item");
  icn_item_range(launch, device, &x, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_tensor(launch, residual ? ICN_OPERAND_IN + 2 : ICN_OPERAND_IN + 0);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){1, s.m, s.m > 1 ? s.a_m : s.k, s.k, config->value[ICN_ITEM_PANEL]});
  icn_launch_int8(launch, (const int64_t[8]){s.m, 1, s.m, s.m > 1 ? s.y_m : s.n, s.n});
  icn_launch_int8(launch, (const int64_t[8]){1, 1, 1, 1, 1, 1, 0, 0});
  icn_launch_int(launch, residual ? (s.m > 1 ? s.c_m : s.n) : 0);
  icn_launch_epilogue(launch, problem);
  icn_split_emit(emit, &x, problem, device, config, config->value[ICN_ITEM_PANEL], x.depth);
done:
  return status;
}
