/* conv_transpose: any stride, dilation, groups and views, on any device (kernels/conv_transpose.cl). */
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
