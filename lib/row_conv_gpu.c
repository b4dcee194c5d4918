/* conv_gpu: implicit GEMM through local memory on NHWC with packed weights (kernels/conv_gpu.cl). config: as row_gpu_tile.h says. */
#include "row_conv.h"
#include "row_gpu_split.h"
#include "row_support.h"
#include "rows.h"

/* What an item computes at once shares an activation, what a group does a window, whichever tile it has. */
enum { LINEAR_MULTIPLE = 8, TURNED_MULTIPLE = ICN_GPU_WIDEST };

static icn_gpu_matrix conv_matrix(const icn_problem *problem) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (icn_gpu_matrix){s.pixels, s.oc, s.kh * s.kw * s.ic, s.groups};
}

bool icn_conv_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, LINEAR_MULTIPLE, why_not) || !icn_conv_turned_ok(problem, TURNED_MULTIPLE, why_not))
    return false;
  const icn_gpu_matrix x = conv_matrix(problem);
  return icn_gpu_sizes_ok(&x, why_not) && icn_gpu_tile_ok(device, why_not) && icn_gpu_tile_pays(device, why_not);
}

void icn_conv_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  icn_gpu_choose_split(&x, problem, device, config);
}

double icn_conv_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return icn_gpu_tile_cost(&x, problem, device, config);
}

uint64_t icn_conv_gpu_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_gpu_matrix x = conv_matrix(problem);
  return (uint64_t)icn_gpu_packed_elems(&x, config) * sizeof(float);
}

void icn_conv_gpu_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  icn_conv_pack_panels(problem, config->value[ICN_GPU_BN], icn_round_up(s.kh * s.kw * s.ic, ICN_GPU_DEPTH), constants, packed);
}

icn_status icn_conv_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                             icn_error *error) {
  (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const icn_gpu_matrix x = conv_matrix(problem);
  icn_launch *launch = icn_emit_launch(emit, "conv_gpu.cl", "conv_gpu");
  icn_gpu_range(launch, &x, config, false);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc, problem->epilogue.from,
                                             problem->turned});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  icn_split_emit(emit, &x, problem, device, config, config->value[ICN_GPU_BN], icn_round_up(x.depth, ICN_GPU_DEPTH));
  return ICN_OK;
}
