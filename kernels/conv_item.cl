/* Convolution as implicit GEMM for GPUs without local memory of their own: an item computes PIXELS pixels x 4 * COLUMNS channels in
 * registers; the cache brings neighbours together.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * x, y and residual are NHWC with a pixel stride of their own. Weights are packed [group][panel][ky][kx][ic][width], so that neighbouring
 * items read neighbouring channels, the biases [group][panel][width] behind them. With -D SPLIT an item sums its part of the taps and
 * channels alone, and sum_parts.cl adds the parts up: y[part][pixel][channel], a group's channels padded to a multiple of 4, no bias,
 * residual or activation. Global: at least (oc / (4 * COLUMNS), rows / PIXELS, groups * parts); local: any, 1 along groups. Checked by
 * icn_conv_item_applies(). */
#include "quad.clh"

#ifndef PIXELS
#define PIXELS 4
#endif
#ifndef COLUMNS
#define COLUMNS 1
#endif

/* The tile is unrolled in the source, its sums are variables: not every compiler keeps an array of them in registers. */
#if PIXELS == 1
#define EACH_PIXEL(DO) DO(0)
#elif PIXELS == 2
#define EACH_PIXEL(DO) DO(0) DO(1)
#else
#define EACH_PIXEL(DO) DO(0) DO(1) DO(2) DO(3)
#endif
#if COLUMNS == 1
#define SECOND_COLUMN(statement)
#else
#define SECOND_COLUMN(statement) statement
#endif

/* Pixel i of the item: its window's corner (a surplus row is outside the image), its sums. */
#define START(i)                                                                                        \
  const int m##i = row + i, left##i = m##i % ow * window.s3 - pad_x, image##i = m##i / ow / oh * h; \
  const int top##i = m##i < rows ? m##i / ow % oh * window.s2 - pad_y : -(1 << 30);                 \
  float4 sum##i = 0;                                                                                    \
  SECOND_COLUMN(float4 more##i = 0;)
/* A tap in the padding loads the tensor's first pixel and makes zeros of it: no branch, and offsets take half a pointer's registers. */
#define TAP(i)                                                               \
  const int y##i = top##i + ky * dh, x##i = left##i + kx * dw; \
  const bool inside##i = y##i >= 0 && y##i < h && x##i >= 0 && x##i < w;     \
  const int from##i = inside##i ? ((image##i + y##i) * w + x##i) * x_stride : 0;
#define LOAD(i)                                \
  float4 a##i = vload4(0, x + (from##i + ic)); \
  a##i = inside##i ? a##i : (float4)(0);
#define LOAD_ONE(i)             \
  float a##i = x[from##i + ic]; \
  a##i = inside##i ? a##i : 0;
/* One input channel: its pixels times a line of weights. */
#define MULTIPLY(i, a) sum##i += a * b0; SECOND_COLUMN(more##i += a * b1;)
#define MULTIPLY_S0(i) MULTIPLY(i, a##i.s0)
#define MULTIPLY_S1(i) MULTIPLY(i, a##i.s1)
#define MULTIPLY_S2(i) MULTIPLY(i, a##i.s2)
#define MULTIPLY_S3(i) MULTIPLY(i, a##i.s3)
#define MULTIPLY_ONE(i) MULTIPLY(i, a##i)
#define STEP(MULTIPLY_EACH)                              \
  {                                                      \
    const float4 b0 = WLOAD4(0, weights);                \
    SECOND_COLUMN(const float4 b1 = WLOAD4(1, weights);) \
    EACH_PIXEL(MULTIPLY_EACH)                            \
    weights += width;                                    \
  }
#define FINISH_PART(i)                                                                             \
  if (m##i < rows) {                                                                               \
    vstore4(sum##i, 0, y + (size_t)m##i * out.s3);                                                 \
    SECOND_COLUMN(if (column + 4 < out.s4) vstore4(more##i, 0, y + (size_t)m##i * out.s3 + 4);)    \
  }
#define FINISH(i)                                                                                                         \
  if (m##i < rows) {                                                                                                      \
    icn_store_quad(sum##i + WLOAD4(0, bias), y + (size_t)m##i * out.s3, lanes, residual + (size_t)m##i * residual_stride, \
                   residual_stride, activation);                                                                          \
    SECOND_COLUMN(icn_store_quad(more##i + WLOAD4(1, bias), y + (size_t)m##i * out.s3 + 4, lanes - 4,                     \
                                 residual + (size_t)m##i * residual_stride + 4, residual_stride, activation);)            \
  }

/* in: h, w, pixel stride, channels of a group, width of a panel of weights; out: rows (n*oh*ow), oh, ow, pixel stride, channels of a group,
 * first channel that the activation is for, with -D TURNED first channel whose window is turned (multiples of 8), with -D SPLIT parts of
 * the depth; window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
__kernel void conv_item(__global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset,
                        __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, int8 in, int8 out,
                        int8 window, int residual_stride, int function, float alpha, float beta) {
  const int column = (int)get_global_id(0) * 4 * COLUMNS, row = (int)get_global_id(1) * PIXELS;
  const int h = in.s0, w = in.s1, x_stride = in.s2, channels = in.s3, rows = out.s0, oh = out.s1, ow = out.s2;
#ifdef TURNED /* a window that is turned is a line: the same taps in the same order, along the other axis */
  const bool turned = column >= out.s6;
#endif
  const int kh = ICN_TURNED(window, s0, s1), kw = ICN_TURNED(window, s1, s0), width = in.s4;
  const int dh = ICN_TURNED(window, s4, s5), dw = ICN_TURNED(window, s5, s4);
  const int pad_y = ICN_TURNED(window, s6, s7), pad_x = ICN_TURNED(window, s7, s6);
  if (column >= out.s4 || row >= rows) return;
  const size_t depth = (size_t)kh * kw * channels;
#ifdef SPLIT
  const int parts = out.s7, group = (int)get_global_id(2) / parts;
  const int part = (int)get_global_id(2) % parts, vectors = (int)((depth + 3) / 4);
  const int begin = vectors * part / parts * 4, end = min(vectors * (part + 1) / parts * 4, (int)depth);
#else
  const int group = (int)get_global_id(2), groups = (int)get_global_size(2);
#endif
  const int panels = (out.s4 + width - 1) / width, panel = group * panels + column / width, lane = column % width;
  __global const WEIGHT *weights = packed + packed_offset + panel * depth * width + lane;
#ifndef SPLIT
  __global const WEIGHT *bias = packed + packed_offset + (size_t)groups * panels * depth * width + (size_t)panel * width + lane;
#endif
  x += x_offset + group * channels;

  EACH_PIXEL(START)
#ifdef SPLIT
  weights += (size_t)begin * width;
  for (int k = begin, next; k < end; k = next) { /* the taps that the part has channels of */
    const int tap = k / channels, ky = tap / kw, kx = tap % kw;
    next = min((tap + 1) * channels, end);
    {
      int ic = k - tap * channels;
      const int last = ic + next - k;
#else
  for (int ky = 0; ky < kh; ky++)
    for (int kx = 0; kx < kw; kx++) {
      int ic = 0;
      const int last = channels;
#endif
      EACH_PIXEL(TAP)
      for (; ic + 4 <= last; ic += 4) {
        EACH_PIXEL(LOAD)
        STEP(MULTIPLY_S0)
        STEP(MULTIPLY_S1)
        STEP(MULTIPLY_S2)
        STEP(MULTIPLY_S3)
      }
      for (; ic < last; ic++) {
        EACH_PIXEL(LOAD_ONE)
        STEP(MULTIPLY_ONE)
      }
    }
#ifdef SPLIT
  }
#endif

#ifdef SPLIT
  (void)residual, (void)residual_offset, (void)residual_stride, (void)function, (void)alpha, (void)beta; /* the second launch's */
  y += y_offset + (size_t)part * rows * out.s3 + group * ((out.s4 + 3) / 4 * 4) + column;
  EACH_PIXEL(FINISH_PART)
#else
  const int lanes = out.s4 - column;
  y += y_offset + group * out.s4 + column;
  residual += residual_offset + group * out.s4 + column;
  const float4 activation = icn_activation(column < out.s5 ? 0 : function, alpha, beta);
  EACH_PIXEL(FINISH)
#endif
}
