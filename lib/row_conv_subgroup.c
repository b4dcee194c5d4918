/* conv_subgroup: implicit GEMM on NHWC with packed weights by sub-groups, for GPUs whose lanes can hand each other what they hold
 * (kernels/conv_subgroup.cl). config: as row_subgroup_tile.h says. */
#include "row_conv.h"
#include "row_subgroup_tile.h"
#include "rows.h"

static icn_subgroup_product product_of(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (icn_subgroup_product){{s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups}, s.ic};
}

bool icn_conv_subgroup_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_subgroup_device_ok(device, why_not) || !icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) ||
      !icn_conv_is_nhwc(problem, why_not) || !icn_conv_linear_ok(problem, 1, why_not) || !icn_conv_turned_ok(problem, 0, why_not))
    return false;
  const icn_subgroup_product p = product_of(problem);
  return icn_subgroup_sizes_ok(&p, why_not);
}

void icn_conv_subgroup_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  icn_subgroup_choose_tile(&p, problem, device, config);
}

double icn_conv_subgroup_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  return icn_subgroup_cost(&p, problem, device, config);
}

uint64_t icn_conv_subgroup_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_subgroup_product p = product_of(problem);
  return (uint64_t)icn_subgroup_packed_elems(&p, config) * sizeof(float);
}

void icn_conv_subgroup_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_conv_pack_panels(problem, icn_subgroup_panel(config), product_of(problem).x.depth, constants, packed);
}

icn_status icn_conv_subgroup_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                  icn_error *error) {
  (void)device, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const icn_subgroup_product product = product_of(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_subgroup.cl", "conv_subgroup");
  icn_subgroup_range(launch, &product, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc, problem->epilogue.from});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}
