/* Convolution as implicit GEMM by sub-groups: LANES items compute PIXELS pixels x LANES * COLUMNS channels together, in registers and
 * without local memory.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * Each lane loads one input channel (DEPTH of them) of each pixel and gives it to the others when its turn comes; of a line of weights it
 * loads its own columns, LANES channels apart. Input channels beyond a multiple of LANES * DEPTH are read by all lanes, one by one.
 *
 * x, y and residual are NHWC with a pixel stride of their own. Weights are packed [group][panel][ky][kx][ic][LANES * COLUMNS], the biases
 * [group][panel][LANES * COLUMNS] behind them. Global: (panels * LANES, pixels / PIXELS, groups); local: (LANES, 1, 1), which is one
 * sub-group; PIXELS <= LANES. Checked by icn_conv_subgroup_applies(). */
#include "quad.clh"

#ifdef cl_intel_subgroups
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#if defined(HALF_WEIGHTS) && defined(cl_intel_subgroups_short) && defined(cl_khr_fp16)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define HALF_BLOCKS
#endif
#endif

#ifndef PIXELS
#define PIXELS 8
#endif
#ifndef COLUMNS
#define COLUMNS 1
#endif
#ifndef LANES
#define LANES 16
#endif
#ifndef DEPTH
#define DEPTH 1
#endif
#define WIDTH (LANES * COLUMNS) /* of a panel of weights */

/* N elements of each lane, LANES apart. Without the extension (no device takes the row there, compilers see it) the lanes are no sub-group
 * and load for themselves what another would give them. */
#ifdef cl_intel_subgroups
#define SUB_GROUP __attribute__((intel_reqd_sub_group_size(LANES)))
#define LANE ((int)get_sub_group_local_id())
#define BLOCK1(p) as_float(intel_sub_group_block_read((__global const uint *)(p)))
#define BLOCK2(p) as_float2(intel_sub_group_block_read2((__global const uint *)(p)))
#define BLOCK4(p) as_float4(intel_sub_group_block_read4((__global const uint *)(p)))
#define BLOCK8(p) as_float8(intel_sub_group_block_read8((__global const uint *)(p)))
#else
#define SUB_GROUP
#define LANE ((int)get_local_id(0))
#endif
#if defined(HALF_BLOCKS)
#define WEIGHTS1(p) convert_float(as_half(intel_sub_group_block_read_us((__global const ushort *)(p))))
#define WEIGHTS2(p) convert_float2(as_half2(intel_sub_group_block_read_us2((__global const ushort *)(p))))
#define WEIGHTS4(p) convert_float4(as_half4(intel_sub_group_block_read_us4((__global const ushort *)(p))))
#define WEIGHTS8(p) convert_float8(as_half8(intel_sub_group_block_read_us8((__global const ushort *)(p))))
#elif defined(cl_intel_subgroups) && !defined(HALF_WEIGHTS)
#define WEIGHTS1(p) BLOCK1(p)
#define WEIGHTS2(p) BLOCK2(p)
#define WEIGHTS4(p) BLOCK4(p)
#define WEIGHTS8(p) BLOCK8(p)
#else
#define WEIGHTS1(p) WLOAD1(lane, p)
#define WEIGHTS2(p) (float2)(WLOAD1(lane, p), WLOAD1(lane + LANES, p))
#define WEIGHTS4(p) (float4)(WEIGHTS2(p), WEIGHTS2((p) + 2 * LANES))
#define WEIGHTS8(p) (float8)(WEIGHTS4(p), WEIGHTS4((p) + 4 * LANES))
#endif

/* A lane's columns of one line, and those of four. */
#if COLUMNS == 1
#define SUMS float
#define LINE_OF_WEIGHTS(p) WEIGHTS1(p)
#define FOUR_LINES(MULTIPLY, k)             \
  {                                         \
    const float4 four = WEIGHTS4(weights);  \
    LINE(MULTIPLY, (k), four.s0)            \
    LINE(MULTIPLY, (k) + 1, four.s1)        \
    LINE(MULTIPLY, (k) + 2, four.s2)        \
    LINE(MULTIPLY, (k) + 3, four.s3)        \
    weights += 4 * WIDTH;                   \
  }
#elif COLUMNS == 2
#define SUMS float2
#define LINE_OF_WEIGHTS(p) WEIGHTS2(p)
#define FOUR_LINES(MULTIPLY, k)             \
  {                                         \
    const float8 four = WEIGHTS8(weights);  \
    LINE(MULTIPLY, (k), four.s01)           \
    LINE(MULTIPLY, (k) + 1, four.s23)       \
    LINE(MULTIPLY, (k) + 2, four.s45)       \
    LINE(MULTIPLY, (k) + 3, four.s67)       \
    weights += 4 * WIDTH;                   \
  }
#else
#define SUMS float4
#define LINE_OF_WEIGHTS(p) WEIGHTS4(p)
#define FOUR_LINES(MULTIPLY, k)                           \
  {                                                       \
    const float8 two = WEIGHTS8(weights);                 \
    LINE(MULTIPLY, (k), two.lo)                           \
    LINE(MULTIPLY, (k) + 1, two.hi)                       \
    const float8 more = WEIGHTS8(weights + 2 * WIDTH);    \
    LINE(MULTIPLY, (k) + 2, more.lo)                      \
    LINE(MULTIPLY, (k) + 3, more.hi)                      \
    weights += 4 * WIDTH;                                 \
  }
#endif
#if LANES == 8
#define LINES_OF_LANES(MULTIPLY) FOUR_LINES(MULTIPLY, 0) FOUR_LINES(MULTIPLY, 4)
#else
#define LINES_OF_LANES(MULTIPLY) FOUR_LINES(MULTIPLY, 0) FOUR_LINES(MULTIPLY, 4) FOUR_LINES(MULTIPLY, 8) FOUR_LINES(MULTIPLY, 12)
#endif

/* The tile is unrolled in the source, its sums are variables: not every compiler keeps an array of them in registers. */
#if PIXELS == 1
#define EACH_PIXEL(DO) DO(0)
#elif PIXELS == 2
#define EACH_PIXEL(DO) DO(0) DO(1)
#elif PIXELS == 4
#define EACH_PIXEL(DO) DO(0) DO(1) DO(2) DO(3)
#elif PIXELS == 8
#define EACH_PIXEL(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#else
#define EACH_PIXEL(DO) \
  DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#endif

#define START(i) SUMS sum##i = 0;
/* The corner of pixel m's window, and the first row of its image among all images' rows; a surplus pixel is outside the image. */
static inline int4 corner_of(int m, int8 in, int8 out, int8 window) {
  const int line = m / out.s2, top = line % out.s1 * window.s2 - window.s6, left = m % out.s2 * window.s3 - window.s7;
  return (int4)(m < out.s0 ? top : -(1 << 30), left, line / out.s1 * in.s0, 0);
}
/* Where a tap lies in x, -1 in the padding. */
static inline int tap_of(int4 corner, int ky, int kx, int8 in, int8 window) {
  const int top = corner.s0 + ky * window.s4, left = corner.s1 + kx * window.s5;
  const bool inside = top >= 0 && top < in.s0 && left >= 0 && left < in.s1;
  return inside ? ((corner.s2 + top) * in.s1 + left) * in.s2 : -1;
}

/* Each lane keeps the books of one pixel. A tap in the padding loads the tensor's first pixel and makes zeros of it: lanes stay together. */
#ifdef cl_intel_subgroups
#define OWN_CORNER const int4 corner = corner_of(row + lane, in, out, window);
#define OWN_TAP const int own = tap_of(corner, ky, kx, in, window);
#define TAP(i) const int from##i = sub_group_broadcast(own, i);
#else
#define OWN_CORNER
#define OWN_TAP
#define TAP(i) const int from##i = tap_of(corner_of(row + i, in, out, window), ky, kx, in, window);
#endif
#ifdef cl_intel_subgroups
#if DEPTH == 1
#define LOAD(i)                                     \
  float a##i = BLOCK1(x + (max(from##i, 0) + ic));  \
  a##i = from##i >= 0 ? a##i : 0;
#define OF_LANE(i) sub_group_broadcast(a##i, k)
#else
#define LOAD(i)                                     \
  float2 a##i = BLOCK2(x + (max(from##i, 0) + ic)); \
  a##i = from##i >= 0 ? a##i : (float2)(0);
#define OF_LANE(i) sub_group_broadcast(a##i.s0, k)
#define OF_LANE_NEXT(i) sub_group_broadcast(a##i.s1, k)
#endif
#else
#define LOAD(i)
#define OF_LANE(i) (from##i >= 0 ? x[from##i + ic + (int)k] : 0)
#define OF_LANE_NEXT(i) (from##i >= 0 ? x[from##i + ic + LANES + (int)k] : 0)
#endif
#define MULTIPLY(i) sum##i += OF_LANE(i) * b;
#define MULTIPLY_NEXT(i) sum##i += OF_LANE_NEXT(i) * b;
#define MULTIPLY_ONE(i) sum##i += (from##i >= 0 ? x[from##i + ic + (int)k] : 0) * b;
/* Input channel k of those that the lanes hold: each pixel's times a line of weights. */
#define LINE(MULTIPLY_EACH, channel, line) \
  {                                        \
    const uint k = channel;                \
    const SUMS b = line;                   \
    EACH_PIXEL(MULTIPLY_EACH)              \
  }

/* y[channel] = act(v + residual[channel]); a lane without a channel of its own does nothing. */
static inline void store_one(float v, int channel, int channels, int from, __global STORE *y, __global const STORE *residual,
                             int has_residual, float4 activation) {
  if (channel >= channels) return;
  if (has_residual != 0) v += residual[channel];
  if (channel >= from) {
    v = v < 0 ? activation.s0 * v : v;
    v = v < activation.s1 ? activation.s1 : v;
    v = v > activation.s2 ? activation.s2 : v;
  }
  y[channel] = v;
}

#define STORE_ONE(i, v, c)                                                                                         \
  store_one(v, column + c * LANES, out.s4, out.s5, y + (row + i) * out.s3, residual + (row + i) * residual_stride, \
            residual_stride, activation);
#if COLUMNS == 1
#define STORE_COLUMNS(i) STORE_ONE(i, sum##i, 0)
#elif COLUMNS == 2
#define STORE_COLUMNS(i) STORE_ONE(i, sum##i.s0, 0) STORE_ONE(i, sum##i.s1, 1)
#else
#define STORE_COLUMNS(i) STORE_ONE(i, sum##i.s0, 0) STORE_ONE(i, sum##i.s1, 1) STORE_ONE(i, sum##i.s2, 2) STORE_ONE(i, sum##i.s3, 3)
#endif
#define FINISH(i)         \
  if (row + i < out.s0) { \
    sum##i += bias;       \
    STORE_COLUMNS(i)      \
  }

/* in: h, w, pixel stride, channels of a group; out: rows (n*oh*ow), oh, ow, pixel stride, channels of a group, first channel that the
 * activation is for; window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
SUB_GROUP __attribute__((reqd_work_group_size(LANES, 1, 1))) __kernel void conv_subgroup(
    __global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset, __global const STORE *residual,
    int residual_offset, __global STORE *y, int y_offset, int8 in, int8 out, int8 window, int residual_stride, int function, float alpha,
    float beta) {
  const int lane = LANE, panels = (int)get_num_groups(0), group = (int)get_group_id(2), row = (int)get_group_id(1) * PIXELS;
  const int kh = window.s0, kw = window.s1, channels = in.s3, panel = group * panels + (int)get_group_id(0);
  const size_t depth = (size_t)kh * kw * channels;
  __global const WEIGHT *weights = packed + packed_offset + panel * depth * WIDTH;
  __global const WEIGHT *biases = packed + packed_offset + get_num_groups(2) * panels * depth * WIDTH + (size_t)panel * WIDTH;
  x += x_offset + group * channels;

  OWN_CORNER
  EACH_PIXEL(START)
  for (int ky = 0; ky < kh; ky++)
    for (int kx = 0; kx < kw; kx++) {
      OWN_TAP
      EACH_PIXEL(TAP)
      int ic = 0;
      for (; ic + LANES * DEPTH <= channels; ic += LANES * DEPTH) {
        EACH_PIXEL(LOAD)
        LINES_OF_LANES(MULTIPLY)
#if DEPTH == 2
        LINES_OF_LANES(MULTIPLY_NEXT)
#endif
      }
      for (; ic < channels; ic++) {
        LINE(MULTIPLY_ONE, 0, LINE_OF_WEIGHTS(weights))
        weights += WIDTH;
      }
    }

  const int column = (int)get_group_id(0) * WIDTH + lane;
  const SUMS bias = LINE_OF_WEIGHTS(biases);
  y += y_offset + group * out.s4;
  residual += residual_offset + group * out.s4;
  const float4 activation = icn_activation(function, alpha, beta);
  EACH_PIXEL(FINISH)
}
