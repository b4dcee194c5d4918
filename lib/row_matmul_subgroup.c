/* matmul_subgroup: b constant, packed, by sub-groups: a 1x1 convolution over m pixels by the kernel of conv_subgroup. config: as
 * row_subgroup_tile.h says. */
#include "row_conv.h"
#include "row_matmul.h"
#include "row_subgroup_tile.h"
#include "rows.h"

static icn_subgroup_product product_of(const icn_problem *problem) {
  icn_matmul_sizes s = icn_matmul_inner(problem);
  icn_matmul_collapse(problem, &s, NULL);
  return (icn_subgroup_product){{s.m, s.n, s.k, s.batch}, s.k};
}

bool icn_matmul_subgroup_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_subgroup_device_ok(device, why_not) || !icn_matmul_packable(problem, why_not)) return false;
  const icn_subgroup_product p = product_of(problem);
  return icn_subgroup_sizes_ok(&p, why_not);
}

void icn_matmul_subgroup_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  icn_subgroup_choose_tile(&p, problem, device, config);
}

double icn_matmul_subgroup_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  return icn_subgroup_cost(&p, problem, device, config);
}

uint64_t icn_matmul_subgroup_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  return (uint64_t)icn_subgroup_packed_elems(&p, config) * sizeof(float);
}

void icn_matmul_subgroup_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_matmul_pack_panels(problem, icn_subgroup_panel(config), icn_matmul_inner(problem).k, constants, packed);
}

icn_status icn_matmul_subgroup_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                    icn_error *error) {
  icn_status status = ICN_OK;
  icn_matmul_sizes s;
  (void)device;
  ICN_REQUIRE(icn_matmul_collapse(problem, &s, NULL), ICN_UNSUPPORTED, "matmul_subgroup: the leading dimensions do not collapse");
  const icn_subgroup_product p = product_of(problem);
  const bool residual = icn_matmul_c_is_residual(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_subgroup.cl", "conv_subgroup");
  icn_subgroup_range(launch, &p, config);
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
