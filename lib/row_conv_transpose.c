/* conv_transpose: any stride, dilation, groups and views, on any device (kernels/conv_transpose.cl).
 * conv_transpose_nhwc, conv_transpose_nhwc4: vectors of channels on NHWC with packed weights, for CPU devices and for GPUs
 * (kernels/conv_transpose_nhwc.cl). config: value[0] = lanes of a vector, value[1] = side of a work-group. */
#include <string.h>

#include "cost.h"
#include "row_conv.h"
#include "row_support.h"
#include "rows.h"

bool icn_conv_transpose_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  return icn_conv_fits(problem, why_not);
}

double icn_conv_transpose_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_cost_roofline(problem, device, 0.02, 1);
}

icn_status icn_conv_transpose_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                   icn_error *error) {
  (void)config, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  icn_launch *launch = icn_emit_launch(emit, "conv_transpose.cl", "conv_transpose");
  icn_launch_items(launch, device, s.pixels * s.k);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_WEIGHT);
  icn_launch_optional(launch, problem, ICN_CONV_BIAS);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int(launch, s.pixels * s.k);
  icn_launch_view4(launch, &problem->in[ICN_CONV_X]);
  icn_launch_view4(launch, &problem->in[ICN_CONV_WEIGHT]);
  icn_launch_view4(launch, &problem->out);
  icn_launch_int8(
      launch, (const int64_t[8]){p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1], s.ic, s.oc});
  icn_launch_int8(launch, (const int64_t[8]){icn_problem_has(problem, ICN_CONV_BIAS), problem->in[ICN_CONV_BIAS].stride[0]});
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}

/* ------------------------------------------------------------ NHWC, packed weights */

enum { VW = 0, SIDE = 1, GPU_SIDE = 8 };

bool icn_conv_transpose_nhwc_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not)) return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  enum { WIDEST_VECTOR = 16 };
  int64_t packed;
  if (!icn_mul_ok(s.kh * s.kw * s.ic + 1, s.groups * (s.oc + WIDEST_VECTOR), &packed) || packed > INT32_MAX)
    return icn_decline(why_not, "the packed weights do not fit 31 bits");
  return true;
}

bool icn_conv_transpose_nhwc4_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (device->max_work_group < GPU_SIDE * GPU_SIDE)
    return icn_decline(why_not, "work-groups of %d items are above the device's %llu", GPU_SIDE * GPU_SIDE,
                       (unsigned long long)device->max_work_group);
  return icn_conv_transpose_nhwc_applies(problem, device, why_not);
}

void icn_conv_transpose_nhwc_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem;
  memset(config, 0, sizeof *config);
  config->value[VW] = icn_cpu_vector(device);
  config->value[SIDE] = 1;
}

void icn_conv_transpose_nhwc4_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  (void)problem, (void)device;
  memset(config, 0, sizeof *config);
  config->value[VW] = 4;
  config->value[SIDE] = GPU_SIDE;
}

double icn_conv_transpose_nhwc_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_cost_on_target(device, ICN_TARGET_CPU, icn_cost_roofline(problem, device, 0.2, 1));
}

double icn_conv_transpose_nhwc4_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  (void)config;
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_cost_roofline(problem, device, 0.1, 1));
}

uint64_t icn_conv_transpose_nhwc_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (uint64_t)(s.groups * icn_round_up(s.oc, config->value[VW]) * (s.kh * s.kw * s.ic + 1)) * sizeof(float);
}

/* weight[group][ky][kx][ic][channel], then bias[group][channel]; channels padded with zeros to whole vectors. */
void icn_conv_transpose_nhwc_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t padded = icn_round_up(s.oc, config->value[VW]);
  memset(packed, 0, (size_t)icn_conv_transpose_nhwc_pack_bytes(problem, config));
  float *line = packed;
  for (int64_t group = 0; group < s.groups; group++)
    for (int64_t ky = 0; ky < s.kh; ky++)
      for (int64_t kx = 0; kx < s.kw; kx++)
        for (int64_t ic = 0; ic < s.ic; ic++, line += padded)
          for (int64_t oc = 0; oc < s.oc; oc++) line[oc] = icn_conv_weight(problem, constants, group * s.ic + ic, oc, ky, kx);
  for (int64_t group = 0; group < s.groups; group++, line += padded)
    for (int64_t oc = 0; oc < s.oc; oc++) line[oc] = icn_conv_bias(problem, constants, group * s.oc + oc);
}

icn_status icn_conv_transpose_nhwc_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                        icn_error *error) {
  (void)device, (void)error;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  const int64_t side = config->value[SIDE], vectors = icn_round_up(icn_div_up(s.oc, config->value[VW]), side);
  icn_launch *launch = icn_emit_launch(emit, "conv_transpose_nhwc.cl", "conv_transpose_nhwc");
  icn_launch_options(launch, "-D VW=%d", (int)config->value[VW]);
  icn_launch_range(launch, 3, (size_t)vectors, (size_t)icn_round_up(s.pixels, side), (size_t)s.groups, (size_t)side, (size_t)side, 1);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), s.ic});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_epilogue(launch, problem);
  return ICN_OK;
}
