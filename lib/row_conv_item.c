/* conv_item: implicit GEMM on NHWC with packed weights, in registers alone, for GPUs whose local memory is ordinary memory (kernels/
 * conv_item.cl). config: as row_item_tile.h says. */
#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_item_tile.h"
#include "rows.h"

enum { MULTIPLE = 8 }; /* what an item computes at once shares an activation and a window */

static icn_gpu_matrix conv_matrix(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (icn_gpu_matrix){s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups};
}

bool icn_conv_item_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, MULTIPLE, why_not) || !icn_conv_turned_ok(problem, MULTIPLE, why_not))
    return false;
  const icn_gpu_matrix x = conv_matrix(problem);
  return icn_item_sizes_ok(&x, why_not);
}

void icn_conv_item_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  icn_item_choose_tile(&x, problem, device, config);
}

double icn_conv_item_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return icn_item_cost(&x, problem, device, config);
}

uint64_t icn_conv_item_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return (uint64_t)icn_item_packed_elems(&x, config) * sizeof(float);
}

void icn_conv_item_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_conv_pack_panels(problem, config->value[ICN_ITEM_PANEL], conv_matrix(problem).depth, constants, packed);
}

icn_status icn_conv_item_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const icn_gpu_matrix x = conv_matrix(problem);
  const bool residual = icn_problem_has(problem, ICN_CONV_RESIDUAL);
  icn_launch *launch = icn_emit_launch(emit, "conv_item.cl", "conv_item");
  icn_item_range(launch, device, &x, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch,
                  (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic, config->value[ICN_ITEM_PANEL]});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc, problem->epilogue.from,
                                             problem->turned});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, residual ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  icn_split_emit(emit, &x, problem, device, config, config->value[ICN_ITEM_PANEL], x.depth);
  return ICN_OK;
}
