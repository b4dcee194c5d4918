/* Transposed convolution on NHWC with packed weights, gather form: one work-item computes one pixel x VW channels of a group.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + sum over ky, kx with oy+ph-ky*dh = iy*sh, ox+pw-kx*dw = ix*sw and over ic of the group
 *                                     of x[n][iy][ix][ic] * w[ic][oc][ky][kx])
 *
 * Weights are packed [group][ky][kx][ic][channel], the biases [group][channel] behind them; channels are padded to whole vectors. Neighbouring
 * items of dimension 0 read neighbouring weights and write neighbouring channels.
 * global: at least channel vectors of a group, pixels (n*oh*ow), groups; local: any. Checked by icn_conv_transpose_nhwc_applies() in
 * lib/row_conv_transpose.c. */
#include "tile.clh"

/* in: h, w, pixel stride, channels of a group; out: pixels, oh, ow, pixel stride, channels of a group; window: kh, kw, stride, dilation,
 * leading padding. */
__kernel void conv_transpose_nhwc(__global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset, __global STORE *y,
                                  int y_offset, int8 in, int8 out, int8 window, int function, float alpha, float beta) {
  const int oc = (int)get_global_id(0) * VW, pixel = (int)get_global_id(1), group = (int)get_global_id(2);
  const int groups = (int)get_global_size(2), channels = in.s3, padded = (out.s4 + VW - 1) / VW * VW;
  if (oc >= out.s4 || pixel >= out.s0) return;
  const int ox = pixel % out.s2, oy = pixel / out.s2 % out.s1, n = pixel / out.s2 / out.s1;
  const int taps = window.s0 * window.s1;

  x += x_offset + group * channels;
  packed += packed_offset + oc;
  VEC sum = WLOAD(0, packed + (size_t)groups * taps * channels * padded + group * padded);
  for (int ky = 0; ky < window.s0; ky++) {
    const int row = oy + window.s6 - ky * window.s4, iy = row / window.s2;
    if (row < 0 || row % window.s2 != 0 || iy >= in.s0) continue;
    for (int kx = 0; kx < window.s1; kx++) {
      const int column = ox + window.s7 - kx * window.s5, ix = column / window.s3;
      if (column < 0 || column % window.s3 != 0 || ix >= in.s1) continue;
      __global const STORE *from = x + (size_t)((n * in.s0 + iy) * in.s1 + ix) * in.s2;
      __global const WEIGHT *weight = packed + (size_t)(group * taps + ky * window.s1 + kx) * channels * padded;
      for (int ic = 0; ic < channels; ic++) {
        sum += from[ic] * WLOAD(0, weight);
        weight += padded;
      }
    }
  }
  y += y_offset + group * out.s4 + oc + (size_t)pixel * out.s3;
  icn_store_some(icn_activate_vec(sum, function, alpha, beta), y, out.s4 - oc);
}
