/* Depthwise convolution (one input channel a group, one output channel each): one work-item computes `run` pixels of a row x VW channels.
 *
 *   y[n][oy][ox][c] = act(bias[c] + residual + sum over ky, kx of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][c] * w[c][ky][kx])
 *
 * x, y and residual are NHWC. Weights are packed [ky][kx][channels], the biases behind them; channels are padded to whole vectors.
 * global: at least channel vectors, at least runs of a row, n*oh; local: any. CPU devices run a whole row in an item, GPUs one pixel, so
 * that neighbouring items read neighbouring channels. Checked by icn_depthwise_applies() and icn_depthwise4_applies() in
 * lib/row_depthwise.c. */
#include "tile.clh"

/* in: h, w, pixel stride; out: oh, ow, pixel stride, channels, run; window: kh, kw, stride, dilation, leading padding. residual_stride:
 * pixels of the residual, 0 when there is none. */
__kernel void depthwise(__global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset,
                        __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, int8 in, int8 out,
                        int8 window, int residual_stride, int function, float alpha, float beta) {
  const int c = (int)get_global_id(0) * VW, begin = (int)get_global_id(1) * out.s4, line = (int)get_global_id(2);
  const int h = in.s0, w = in.s1, x_stride = in.s2, oh = out.s0, ow = out.s1, lanes = out.s3 - c;
  if (lanes <= 0 || begin >= ow) return;
  const int kh = window.s0, kw = window.s1, padded = (out.s3 + VW - 1) / VW * VW;
  const int n = line / oh, top = line % oh * window.s2 - window.s6;
  const int end = min(begin + out.s4, ow);

  x += x_offset + (size_t)n * h * w * x_stride + c;
  packed += packed_offset + c;
  y += y_offset + ((size_t)line * ow + begin) * out.s2 + c;
  residual += residual_offset + ((size_t)line * ow + begin) * residual_stride + c;
  for (int ox = begin; ox < end; ox++) {
    const int left = ox * window.s3 - window.s7;
    VEC sum = WLOAD(0, packed + kh * kw * padded);
    for (int ky = 0; ky < kh; ky++) {
      const int iy = top + ky * window.s4;
      if (iy < 0 || iy >= h) continue;
      for (int kx = 0; kx < kw; kx++) {
        const int ix = left + kx * window.s5;
        if (ix < 0 || ix >= w) continue;
        sum += icn_load_some(x + ((size_t)iy * w + ix) * x_stride, lanes) * WLOAD(0, packed + (ky * kw + kx) * padded);
      }
    }
    if (residual_stride != 0) sum += icn_load_some(residual, lanes);
    icn_store_some(icn_activate_vec(sum, function, alpha, beta), y, lanes);
    y += out.s2;
    residual += residual_stride;
  }
}
