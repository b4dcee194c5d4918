/* Convolution as implicit GEMM for GPUs without local memory of their own: an item computes PIXELS pixels x 4 * COLUMNS channels in
 * registers; the cache brings neighbours together.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * x, y and residual are NHWC with a pixel stride of their own. Weights are packed [group][panel][ky][kx][ic][width], so that neighbouring
 * items read neighbouring channels, the biases [group][panel][width] behind them. Taps in the padding read `zeros`, which holds a group's
 * channels. Global: at least (oc / (4 * COLUMNS), rows / PIXELS, groups); local: any, 1 along groups. Checked by icn_conv_item_applies().
 */
#include "common.clh"

#ifndef PIXELS
#define PIXELS 4
#endif
#ifndef COLUMNS
#define COLUMNS 1
#endif

/* One input channel: its pixels times a line of weights. The loops have constant bounds and go when compiled. */
#define STEP(component)                                                            \
  {                                                                                \
    for (int c = 0; c < COLUMNS; c++) {                                            \
      const float4 b = vload4(c, weights);                                         \
      for (int i = 0; i < PIXELS; i++) acc[i * COLUMNS + c] += a[i].component * b; \
    }                                                                              \
    weights += width;                                                              \
  }

/* in: h, w, pixel stride, channels of a group, width of a panel of weights; out: rows (n*oh*ow), oh, ow, pixel stride, channels of a group;
 * window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
__kernel void conv_item(__global const STORE *x, int x_offset, __global const STORE *packed, int packed_offset,
                        __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, __global const STORE *zeros,
                        int zeros_offset, int8 in, int8 out, int8 window, int residual_stride, int function, float alpha, float beta) {
  const int column = (int)get_global_id(0) * 4 * COLUMNS, row = (int)get_global_id(1) * PIXELS, group = (int)get_global_id(2);
  const int h = in.s0, w = in.s1, x_stride = in.s2, channels = in.s3, rows = out.s0, oh = out.s1, ow = out.s2;
  const int kh = window.s0, kw = window.s1, width = in.s4;
  if (column >= out.s4 || row >= rows) return;
  const int panels = (out.s4 + width - 1) / width, panel = group * panels + column / width, lane = column % width;
  const size_t depth = (size_t)kh * kw * channels;
  __global const STORE *weights = packed + packed_offset + panel * depth * width + lane;
  __global const STORE *bias = packed + packed_offset + (size_t)get_global_size(2) * panels * depth * width + (size_t)panel * width + lane;
  x += x_offset + group * channels;
  zeros += zeros_offset;

  int top[PIXELS], left[PIXELS], image[PIXELS];
#pragma unroll
  for (int i = 0; i < PIXELS; i++) {
    const int m = row + i, ox = m % ow, oy = m / ow % oh;
    top[i] = m < rows ? oy * window.s2 - window.s6 : -(1 << 30); /* a surplus row is outside the image */
    left[i] = ox * window.s3 - window.s7;
    image[i] = m / ow / oh * h;
  }
  float4 acc[PIXELS * COLUMNS];
#pragma unroll
  for (int i = 0; i < PIXELS * COLUMNS; i++) acc[i] = 0;

  for (int ky = 0; ky < kh; ky++)
    for (int kx = 0; kx < kw; kx++) {
      __global const STORE *from[PIXELS];
#pragma unroll
      for (int i = 0; i < PIXELS; i++) {
        const int iy = top[i] + ky * window.s4, ix = left[i] + kx * window.s5;
        const bool inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
        from[i] = inside ? x + (size_t)((image[i] + iy) * w + ix) * x_stride : zeros;
      }
      float4 a[PIXELS];
      int ic = 0;
      for (; ic + 4 <= channels; ic += 4) {
#pragma unroll
        for (int i = 0; i < PIXELS; i++) a[i] = vload4(0, from[i] + ic);
        STEP(s0)
        STEP(s1)
        STEP(s2)
        STEP(s3)
      }
      for (; ic < channels; ic++) {
#pragma unroll
        for (int i = 0; i < PIXELS; i++) a[i].s0 = from[i][ic];
        STEP(s0)
      }
    }

  const int lanes = min(out.s4 - column, 4 * COLUMNS);
  y += y_offset + group * out.s4 + column;
  residual += residual_offset + group * out.s4 + column;
#pragma unroll
  for (int i = 0; i < PIXELS; i++) {
    const int m = row + i;
    if (m < rows) {
      MATH value[4 * COLUMNS];
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) vstore4(acc[i * COLUMNS + c] + vload4(c, bias), c, value);
#pragma unroll
      for (int j = 0; j < 4 * COLUMNS; j++)
        if (j < lanes) {
          MATH v = value[j];
          if (residual_stride != 0) v += residual[(size_t)m * residual_stride + j];
          y[(size_t)m * out.s3 + j] = icn_activate(v, function, alpha, beta);
        }
    }
  }
}
