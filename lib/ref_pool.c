/* Pooling and local response normalisation. */
#include <math.h>

#include "ref_internal.h"

typedef struct window {
  int64_t begin, count, padded; /* first input index; taps; taps inside the padded input */
} window;

/* Taps of one output along an axis. In ceil mode the last window may reach beyond the padding: such taps count for nobody. */
static window window_at(const icn_params *q, int axis, int64_t o, int64_t limit) {
  window w = {o * q->stride[axis] - q->pad_begin[axis], q->kernel[axis], 0};
  for (int64_t k = 0; k < w.count; k++) w.padded += w.begin + k * q->dilation[axis] < limit + q->pad_end[axis] ? 1 : 0;
  return w;
}

static double start_of(icn_function function) { return function == ICN_FN_MAX ? -INFINITY : 0.0; }

static double accumulate(const icn_params *q, double sum, double x) {
  switch (q->function) {
    case ICN_FN_MAX:
      return icn_ref_binary(ICN_FN_MAX, sum, x);
    case ICN_FN_L1:
      return sum + fabs(x);
    case ICN_FN_L2:
      return sum + x * x;
    case ICN_FN_LP:
      return sum + pow(fabs(x), (double)q->alpha);
    default:
      return sum + x;
  }
}

static double finish(const icn_params *q, double sum, int64_t count, int64_t padded_count) {
  int64_t divisor = q->count_include_pad != 0 ? padded_count : count;
  switch (q->function) {
    case ICN_FN_MEAN:
      return divisor == 0 ? 0.0 : sum / (double)divisor;
    case ICN_FN_L2:
      return sqrt(sum);
    case ICN_FN_LP:
      return pow(sum, 1.0 / (double)q->alpha);
    default:
      return sum;
  }
}

/* Padding is never read: it is nothing to MAX and 0 to the others. A window wholly in padding gives -infinity for MAX (nothing is larger
 * than nothing) and 0 for the others; common runtimes refuse such models. NaN in a window makes its result NaN. */
static double pool_one(const icn_params *q, const icn_view *x, const float *image, int64_t oy, int64_t ox) {
  window wy = window_at(q, 0, oy, x->shape.dim[2]), wx = window_at(q, 1, ox, x->shape.dim[3]);
  double sum = start_of(q->function);
  int64_t count = 0;
  for (int64_t ky = 0; ky < wy.count; ky++) {
    int64_t iy = wy.begin + ky * q->dilation[0];
    if (iy < 0 || iy >= x->shape.dim[2]) continue;
    for (int64_t kx = 0; kx < wx.count; kx++) {
      int64_t ix = wx.begin + kx * q->dilation[1];
      if (ix < 0 || ix >= x->shape.dim[3]) continue;
      sum = accumulate(q, sum, (double)image[iy * x->stride[2] + ix * x->stride[3]]);
      count++;
    }
  }
  return finish(q, sum, count, wy.padded * wx.padded);
}

icn_status icn_ref_pool(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const icn_view *x = &problem->in[0], *y = &problem->out;
  for (int64_t n = 0; n < y->shape.dim[0]; n++) {
    for (int64_t c = 0; c < y->shape.dim[1]; c++) {
      const float *image = (const float *)in[0] + x->offset + n * x->stride[0] + c * x->stride[1];
      float *result = out + y->offset + n * y->stride[0] + c * y->stride[1];
      const icn_view *biases = &problem->in[ICN_POOL_BIAS];
      const bool biased = icn_problem_has(problem, ICN_POOL_BIAS);
      const double bias = biased ? (double)((const float *)in[ICN_POOL_BIAS])[biases->offset + c * biases->stride[0]] : 0;
      for (int64_t oy = 0; oy < y->shape.dim[2]; oy++) {
        for (int64_t ox = 0; ox < y->shape.dim[3]; ox++) {
          result[oy * y->stride[2] + ox * y->stride[3]] = icn_ref_finish(problem, pool_one(&problem->params, x, image, oy, ox) + bias);
        }
      }
    }
  }
  return ICN_OK;
}

/* x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta. The window starts (size - 1) / 2 channels below. */
icn_status icn_ref_lrn(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  (void)means;
  const icn_params *q = &problem->params;
  const icn_view *x = &problem->in[0], *y = &problem->out;
  const float *data = in[0];
  int64_t size = q->kernel[0], channels = x->shape.dim[1];
  const icn_view *views[2] = {x, y};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &x->shape, views, 2); more; more = icn_walk_next(&walk)) {
    int64_t c = walk.index[1], first = icn_max64(c - (size - 1) / 2, 0), last = icn_min64(c + size / 2, channels - 1);
    double sum = 0.0;
    for (int64_t k = first; k <= last; k++) {
      double value = (double)data[walk.at[0] + (k - c) * x->stride[1]];
      sum += value * value;
    }
    double base = (double)q->gamma + (double)q->alpha / (double)size * sum;
    out[walk.at[1]] = (float)((double)data[walk.at[0]] / pow(base, (double)q->beta));
  }
  return ICN_OK;
}
