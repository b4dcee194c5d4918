/* depthwise, depthwise4: one input and one output channel a group, vectors of channels on NHWC, for CPU devices (a row of pixels an item)
 * and for GPUs (a pixel an item, neighbours read neighbouring channels) (kernels/depthwise.cl).
 * config: value[0] = lanes of a vector, value[1] = pixels of a row that one work-item computes, value[2] and [3] = work-items of a
 * work-group along channels and pixels. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

enum { VW = 0, RUN = 1, GROUP_CHANNELS = 2, GROUP_PIXELS = 3, GPU_SIDE = 8 };

bool icn_depthwise_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, 0, why_not) || !icn_conv_turned_ok(problem, 0, why_not))
    return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  if (s.ic != 1 || s.oc != 1)
    return icn_decline(why_not, "%lld input and %lld output channels a group, one of each is needed", (long long)s.ic, (long long)s.oc);
  int64_t packed;
  if (!icn_mul_ok(s.kh * s.kw + 1, s.k + 16, &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  return true;
}

bool icn_depthwise4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (device->max_work_group < GPU_SIDE * GPU_SIDE || device->max_work_item[0] < GPU_SIDE || device->max_work_item[1] < GPU_SIDE)
    return icn_decline(why_not, "work-groups of %d x %d items are above the device's limits", GPU_SIDE, GPU_SIDE);
  return icn_depthwise_applies(problem, device, why_not);
}

void icn_depthwise_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  memset(config, 0, sizeof *config);
  config->value[VW] = icn_cpu_vector(device);
  config->value[RUN] = (int32_t)problem->out.shape.dim[3];
  config->value[GROUP_CHANNELS] = config->value[GROUP_PIXELS] = 1;
}

void icn_depthwise4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem, (void)device;
  memset(config, 0, sizeof *config);
  config->value[VW] = 4;
  config->value[RUN] = 1;
  config->value[GROUP_CHANNELS] = config->value[GROUP_PIXELS] = GPU_SIDE;
}

double icn_depthwise_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_cost_on_target(device, ICN_TARGET_CPU, icn_cost_roofline(problem, device, 0.2, 1));
}

double icn_depthwise4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_cost_roofline(problem, device, 0.1, 1));
}

uint64_t icn_depthwise_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (uint64_t)(icn_round_up(s.k, config->value[VW]) * (s.kh * s.kw + 1)) * sizeof(float);
}

/* weight[ky][kx][channel], then bias[channel]; channels padded with zeros to whole vectors. */
void icn_depthwise_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t padded = icn_round_up(s.k, config->value[VW]);
  memset(packed, 0, (size_t)icn_depthwise_pack_bytes(problem, config));
  for (int64_t c = 0; c < s.k; c++) {
    for (int64_t ky = 0; ky < s.kh; ky++)
      for (int64_t kx = 0; kx < s.kw; kx++) packed[(ky * s.kw + kx) * padded + c] = icn_conv_weight(problem, constants, c, 0, ky, kx);
    packed[s.kh * s.kw * padded + c] = icn_conv_bias(problem, constants, c);
  }
}

icn_status icn_depthwise_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                              icn_error *error) {
  (void)device, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const int64_t along_channels = config->value[GROUP_CHANNELS], along_pixels = config->value[GROUP_PIXELS];
  const int64_t vectors = icn_round_up(icn_div_up(s.k, config->value[VW]), along_channels);
  const int64_t runs = icn_round_up(icn_div_up(s.ow, config->value[RUN]), along_pixels), lines = s.n * s.oh;
  icn_launch *launch = icn_emit_launch(emit, "depthwise.cl", "depthwise");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[VW]);
  icn_launch_range(launch, 3, (size_t)vectors, (size_t)runs, (size_t)lines, (size_t)along_channels, (size_t)along_pixels, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X])});
  icn_launch_int8(launch, (const int64_t[8]){s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.k, config->value[RUN]});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}
