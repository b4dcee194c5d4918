#include "row_conv.h"

#include <assert.h>
#include <string.h>

icn_conv_sizes icn_conv_sizes_of(const icn_problem *problem) {
  const int64_t *x = problem->in[0].shape.dim, *w = problem->in[1].shape.dim, *y = problem->out.shape.dim;
  icn_conv_sizes sizes = {.n = x[0], .c = x[1], .h = x[2], .w = x[3], .k = y[1], .oh = y[2], .ow = y[3]};
  sizes.groups = icn_max64(problem->params.groups, 1);
  sizes.ic = x[1] / sizes.groups;
  sizes.oc = y[1] / sizes.groups;
  sizes.kh = w[2];
  sizes.kw = w[3];
  sizes.pixels = y[0] * y[2] * y[3];
  sizes.pixels_in = x[0] * x[2] * x[3];
  sizes.weights = w[0] * w[1] * w[2] * w[3];
  return sizes;
}

/* Rank 4 and no empty dimension. */
static bool is_full(const icn_view *view, const char *what, icn_reason *why_not) {
  if (view->shape.rank != 4) return icn_decline(why_not, "%s has rank %d, 4 is needed", what, (int)view->shape.rank);
  for (int k = 0; k < 4; k++)
    if (view->shape.dim[k] < 1) return icn_decline(why_not, "dimension %d of %s is empty", k, what);
  return true;
}

static bool channels_fit(const icn_problem *problem, icn_reason *why_not) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t *w = problem->in[1].shape.dim;
  const bool transpose = problem->op == ICN_OP_CONV_TRANSPOSE;
  if (s.c % s.groups != 0 || s.k % s.groups != 0)
    return icn_decline(why_not, "%lld groups do not divide %lld and %lld channels", (long long)s.groups, (long long)s.c, (long long)s.k);
  if (transpose ? w[0] != s.c || w[1] != s.oc : w[0] != s.k || w[1] != s.ic)
    return icn_decline(why_not, "weights %lldx%lld do not fit %lld and %lld channels in %lld groups", (long long)w[0], (long long)w[1],
                       (long long)s.c, (long long)s.k, (long long)s.groups);
  return true;
}

/* Window coordinates in one dimension: everything between the leading padding and the last tap. `strided` is the side whose index is
 * multiplied by the stride: the output of a convolution, the input of a transposed one. */
static bool axis_fits(const icn_params *p, int axis, int64_t in, int64_t out, int64_t strided, int64_t kernel, icn_reason *why_not) {
  const int64_t limit = INT32_MAX / 2, stride = p->stride[axis], dilation = p->dilation[axis], pad = p->pad_begin[axis];
  if (stride < 1 || dilation < 1 || pad < -limit || pad > limit || stride > limit || dilation > limit || in > limit || out > limit ||
      kernel > limit)
    return icn_decline(why_not, "stride %lld, dilation %lld or padding %lld is out of range", (long long)stride, (long long)dilation,
                       (long long)pad);
  int64_t steps, taps;
  if (!icn_mul_ok(strided - 1, stride, &steps) || !icn_mul_ok(kernel - 1, dilation, &taps) || steps > limit || taps > limit ||
      steps + taps > limit - in)
    return icn_decline(why_not, "window coordinates do not fit 31 bits");
  return true;
}

/* Kernels count the taps of a turned window as those of the other: it is a line. */
static bool turned_fits(const icn_problem *problem, const icn_conv_sizes *s, icn_reason *why_not) {
  if (problem->turned == 0) return true;
  if (problem->op != ICN_OP_CONV || s->groups != 1 || (s->kh != 1 && s->kw != 1) || problem->turned < 0 || problem->turned >= s->k)
    return icn_decline(why_not, "only lines are turned, in one group, for some channels: not %lldx%lld from channel %d of %lld on",
                       (long long)s->kh, (long long)s->kw, (int)problem->turned, (long long)s->k);
  const icn_params turned = icn_params_turned(&problem->params);
  return axis_fits(&turned, 0, s->h, s->oh, s->oh, s->kw, why_not) && axis_fits(&turned, 1, s->w, s->ow, s->ow, s->kh, why_not);
}

bool icn_conv_fits(const icn_problem *problem, icn_reason *why_not) {
  if (!is_full(&problem->in[0], "the input", why_not) || !is_full(&problem->in[1], "the weight tensor", why_not) ||
      !is_full(&problem->out, "the output", why_not) || !channels_fit(problem, why_not))
    return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const bool transpose = problem->op == ICN_OP_CONV_TRANSPOSE;
  return axis_fits(&problem->params, 0, s.h, s.oh, transpose ? s.h : s.oh, s.kh, why_not) &&
         axis_fits(&problem->params, 1, s.w, s.ow, transpose ? s.w : s.ow, s.kw, why_not) && turned_fits(problem, &s, why_not);
}

bool icn_conv_packable(const icn_problem *problem, icn_reason *why_not) {
  if (!icn_problem_is_constant(problem, ICN_CONV_WEIGHT)) return icn_decline(why_not, "the weights are not constant");
  if (icn_problem_has(problem, ICN_CONV_BIAS) && !icn_problem_is_constant(problem, ICN_CONV_BIAS))
    return icn_decline(why_not, "the bias is not constant");
  if (icn_problem_has(problem, ICN_CONV_SCALE) && !icn_problem_is_constant(problem, ICN_CONV_SCALE))
    return icn_decline(why_not, "the weight scale is not constant");
  return true;
}

bool icn_conv_linear_ok(const icn_problem *problem, int32_t multiple, icn_reason *why_not) {
  const int32_t from = problem->epilogue.from;
  if (from == 0) return true;
  if (multiple == 0) return icn_decline(why_not, "the activation begins at channel %d", (int)from);
  if (problem->params.groups > 1) return icn_decline(why_not, "linear channels in %d groups", (int)problem->params.groups);
  return from % multiple == 0 || icn_decline(why_not, "the activation begins at channel %d, no multiple of %d", (int)from, (int)multiple);
}

bool icn_conv_turned_ok(const icn_problem *problem, int64_t multiple, icn_reason *why_not) {
  const int32_t turned = problem->turned;
  if (turned == 0) return true;
  if (multiple == 0) return icn_decline(why_not, "the window is turned from channel %d on", (int)turned);
  return turned % multiple == 0 ||
         icn_decline(why_not, "the window is turned from channel %d on, no multiple of %lld", (int)turned, (long long)multiple);
}

bool icn_conv_is_nhwc(const icn_problem *problem, icn_reason *why_not) {
  if (!icn_view_is_nhwc(&problem->in[0])) return icn_decline(why_not, "the input is not NHWC");
  if (!icn_view_is_nhwc(&problem->out)) return icn_decline(why_not, "the output is not NHWC");
  if (!icn_problem_has(problem, ICN_CONV_RESIDUAL)) return true;
  const icn_view *residual = &problem->in[ICN_CONV_RESIDUAL];
  if (!icn_view_is_nhwc(residual) || !icn_shape_equal(&residual->shape, &problem->out.shape))
    return icn_decline(why_not, "the residual is not NHWC of the output's shape");
  return true;
}

float icn_conv_weight(const icn_problem *problem, const icn_value *const *constants, int64_t oc, int64_t ic, int64_t ky, int64_t kx) {
  const icn_view *w = &problem->in[ICN_CONV_WEIGHT];
  float value =
      icn_const_f32(constants[ICN_CONV_WEIGHT], w->offset + oc * w->stride[0] + ic * w->stride[1] + ky * w->stride[2] + kx * w->stride[3]);
  if (!icn_problem_has(problem, ICN_CONV_SCALE)) return value;
  const icn_view *scale = &problem->in[ICN_CONV_SCALE];
  return value * icn_const_f32(constants[ICN_CONV_SCALE], scale->offset + oc * scale->stride[0]);
}

float icn_conv_bias(const icn_problem *problem, const icn_value *const *constants, int64_t oc) {
  if (!icn_problem_has(problem, ICN_CONV_BIAS)) return 0;
  const icn_view *bias = &problem->in[ICN_CONV_BIAS];
  return icn_const_f32(constants[ICN_CONV_BIAS], bias->offset + oc * bias->stride[0]);
}

void icn_launch_optional(icn_launch *launch, const icn_problem *problem, int input) {
  icn_launch_tensor(launch, ICN_OPERAND_IN + (icn_problem_has(problem, input) ? input : 0));
}

void icn_launch_view4(icn_launch *launch, const icn_view *view) {
  int64_t value[8] = {0};
  for (int k = 0; view != NULL && k < 4; k++) {
    value[k] = view->stride[k];
    value[4 + k] = view->shape.dim[k];
  }
  icn_launch_int8(launch, value);
}

void icn_launch_epilogue(icn_launch *launch, const icn_problem *problem) {
  icn_launch_int(launch, (int64_t)problem->epilogue.function);
  icn_launch_float(launch, problem->epilogue.alpha);
  icn_launch_float(launch, problem->epilogue.beta);
}

/* One panel's weights for the channels k .. k + live - 1: panel[ky][kx][ic][lane]. The scale of a folded batch-norm is multiplied in. */
static void pack_panel(const icn_problem *problem, const icn_conv_sizes *s, const icn_value *const *constants, int64_t k, int64_t live,
                       int64_t width, float *panel) {
  const icn_value *weights = constants[ICN_CONV_WEIGHT];
  const icn_view *w = &problem->in[ICN_CONV_WEIGHT], *scales = &problem->in[ICN_CONV_SCALE];
  float scale[ICN_CONV_WIDEST_PANEL];
  for (int64_t lane = 0; lane < live; lane++) {
    const bool scaled = icn_problem_has(problem, ICN_CONV_SCALE);
    scale[lane] = scaled ? icn_const_f32(constants[ICN_CONV_SCALE], scales->offset + (k + lane) * scales->stride[0]) : 1;
  }
  for (int64_t ic = 0; ic < s->ic; ic++)
    for (int64_t ky = 0; ky < s->kh; ky++)
      for (int64_t kx = 0; kx < s->kw; kx++) {
        float *lanes = panel + ((ky * s->kw + kx) * s->ic + ic) * width;
        const int64_t tap = w->offset + k * w->stride[0] + ic * w->stride[1] + ky * w->stride[2] + kx * w->stride[3];
        for (int64_t lane = 0; lane < live; lane++) {
          const int64_t at = tap + lane * w->stride[0];
          float value;
          if (weights->dtype == ICN_F32) {
            memcpy(&value, (const char *)weights->data + at * (int64_t)sizeof value, sizeof value); /* may be unaligned */
          } else {
            value = icn_const_f32(weights, at);
          }
          lanes[lane] = value * scale[lane];
        }
      }
}

void icn_conv_pack_panels(const icn_problem *problem, int64_t width, int64_t depth, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t count = icn_div_up(s.oc, width), panel_elems = depth * width;
  assert(width <= ICN_CONV_WIDEST_PANEL && depth >= s.kh * s.kw * s.ic);
  memset(packed, 0, (size_t)(s.groups * count * (panel_elems + width)) * sizeof *packed);
  float *bias = packed + s.groups * count * panel_elems;
  for (int64_t group = 0; group < s.groups; group++)
    for (int64_t panel = 0; panel < count; panel++) {
      const int64_t number = group * count + panel, oc = panel * width, k = group * s.oc + oc;
      const int64_t live = icn_min64(width, s.oc - oc);
      pack_panel(problem, &s, constants, k, live, width, packed + number * panel_elems);
      for (int64_t lane = 0; lane < live; lane++) bias[number * width + lane] = icn_conv_bias(problem, constants, k + lane);
    }
}
