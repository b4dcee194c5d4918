/* Convolution of few input channels (a network's first layer) for GPUs: an item computes PIXELS pixels x OUTPUTS channels in registers.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * x, y and residual are NHWC with a pixel stride of their own; x has CHANNELS channels, 1 to 4. All items of a group read the same weights
 * at the same time: [panel][ky][kx][ic][OUTPUTS], the biases [panel][OUTPUTS] behind them, from constant memory (-D CONSTANT_WEIGHTS), from
 * local memory where the group puts its panel first (-D LOCAL_WEIGHTS, `cache` has room for a panel of floats), or else from where they are.
 * Global: at least (rows / PIXELS, panels, 1); local: any, 1 along panels. Checked by icn_conv_first_gpu_applies(). */
#include "quad.clh"

#ifndef PIXELS
#define PIXELS 1
#endif
#ifndef OUTPUTS
#define OUTPUTS 16
#endif
#ifndef CHANNELS
#define CHANNELS 3
#endif

#ifdef CONSTANT_WEIGHTS
#define PACKED __constant
#else
#define PACKED __global
#endif
#ifdef LOCAL_WEIGHTS
#define LINE __local const MATH
#define LOAD_QUAD(i, p) vload4(i, p)
#else
#define LINE PACKED const WEIGHT
#define LOAD_QUAD(i, p) WLOAD4(i, p)
#endif

/* The tile is unrolled in the source, its sums are variables: not every compiler keeps an array of them in registers. */
#if OUTPUTS == 8
#define EACH_QUAD(DO) DO(0) DO(1)
#elif OUTPUTS == 16
#define EACH_QUAD(DO) DO(0) DO(1) DO(2) DO(3)
#else
#define EACH_QUAD(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#endif
#if CHANNELS == 1
#define EACH_CHANNEL(DO) DO(0)
#elif CHANNELS == 2
#define EACH_CHANNEL(DO) DO(0) DO(1)
#elif CHANNELS == 3
#define EACH_CHANNEL(DO) DO(0) DO(1) DO(2)
#else
#define EACH_CHANNEL(DO) DO(0) DO(1) DO(2) DO(3)
#endif
#if PIXELS == 1
#define EACH_PIXEL(DO) DO(0)
#define SECOND_PIXEL(statement)
#else
#define EACH_PIXEL(DO) DO(0) DO(1)
#define SECOND_PIXEL(statement) statement
#endif

/* Pixel i of the item: its window's corner (a surplus row is outside the image). */
#define START(i)                                                                                        \
  const int m##i = row + i, left##i = m##i % ow * window.s3 - window.s7, image##i = m##i / ow / oh * h; \
  const int top##i = m##i < rows ? m##i / ow % oh * window.s2 - window.s6 : -(1 << 30);
/* A tap in the padding loads the tensor's first pixel and makes zeros of it: no branch. */
#define TAP(i)                                                               \
  const int y##i = top##i + ky * window.s4, x##i = left##i + kx * window.s5; \
  const bool inside##i = y##i >= 0 && y##i < h && x##i >= 0 && x##i < w;     \
  const int from##i = inside##i ? ((image##i + y##i) * w + x##i) * x_stride : 0;
#define SUMS(q) float4 sum##q = 0; SECOND_PIXEL(float4 more##q = 0;)
#define MULTIPLY(q)                           \
  {                                           \
    const float4 b = LOAD_QUAD(q, weights);   \
    sum##q += a0 * b;                         \
    SECOND_PIXEL(more##q += a1 * b;)          \
  }
#define CHANNEL(ic)                                            \
  {                                                            \
    float a0 = x[from0 + ic];                                  \
    a0 = inside0 ? a0 : 0;                                     \
    SECOND_PIXEL(float a1 = x[from1 + ic]; a1 = inside1 ? a1 : 0;) \
    EACH_QUAD(MULTIPLY)                                        \
    weights += OUTPUTS;                                        \
  }
#define STORE_QUAD(m, q, v)                                                                                              \
  icn_store_quad(v + WLOAD4(q, bias), y + (size_t)(m) * out.s3 + 4 * q, out.s4 - column - 4 * q,                         \
                 residual + (size_t)(m) * residual_stride + 4 * q, residual_stride,                                      \
                 icn_activation(column + 4 * q < out.s5 ? 0 : function, alpha, beta));
#define FINISH(q)                     \
  if (m0 < rows) STORE_QUAD(m0, q, sum##q) \
  SECOND_PIXEL(if (m1 < rows) STORE_QUAD(m1, q, more##q))

/* in: h, w, pixel stride; out: rows (n*oh*ow), oh, ow, pixel stride, channels, first channel that the activation is for (a multiple of 8);
 * window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
__kernel void conv_first(__global const STORE *x, int x_offset, PACKED const WEIGHT *packed, int packed_offset,
                         __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, int8 in, int8 out,
                         int8 window, int residual_stride, int function, float alpha, float beta
#ifdef LOCAL_WEIGHTS
                         , __local MATH *cache
#endif
) {
  const int row = (int)get_global_id(0) * PIXELS, panel = (int)get_group_id(1), column = panel * OUTPUTS;
  const int h = in.s0, w = in.s1, x_stride = in.s2, rows = out.s0, oh = out.s1, ow = out.s2, kh = window.s0, kw = window.s1;
  const int panel_elems = kh * kw * CHANNELS * OUTPUTS, panels = (int)get_num_groups(1);
  packed += packed_offset;
  PACKED const WEIGHT *bias = packed + panels * panel_elems + column;
#ifdef LOCAL_WEIGHTS
  for (int i = (int)get_local_id(0) * 4; i < panel_elems; i += (int)get_local_size(0) * 4)
    vstore4(WLOAD4(0, packed + panel * panel_elems + i), 0, cache + i);
  barrier(CLK_LOCAL_MEM_FENCE);
  LINE *weights = cache;
#else
  LINE *weights = packed + panel * panel_elems;
#endif
  if (row >= rows) return;
  x += x_offset;

  EACH_PIXEL(START)
  EACH_QUAD(SUMS)
  for (int ky = 0; ky < kh; ky++)
    for (int kx = 0; kx < kw; kx++) {
      EACH_PIXEL(TAP)
      EACH_CHANNEL(CHANNEL)
    }

  y += y_offset + column;
  residual += residual_offset + column;
  EACH_QUAD(FINISH)
}
