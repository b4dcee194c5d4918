/* Transposed convolution, gather form: one work-item computes one output element, every tensor is read by its own strides.
 *
 *   y[n][oc][oy][ox] = act(bias[oc] + sum over ic of the group and over ky, kx with oy+ph-ky*dh = iy*sh, ox+pw-kx*dw = ix*sw
 *                                     of x[n][ic][iy][ix] * w[ic][oc - first oc of the group][ky][kx])
 *
 * global: at least `count` = n*oh*ow*oc, channels innermost; local: any. Checked by icn_conv_transpose_applies() in
 * lib/row_conv_transpose.c. */
#include "common.clh"

/* Views hold the strides of n, c, h, w in lo and the dims in hi (weights: ic, oc of a group, kh, kw). window: stride, dilation, leading
 * padding as (h, w) pairs, then input and output channels of a group. extra: has bias, its stride. */
__kernel void conv_transpose(__global const STORE *x, int x_offset, __global const STORE *w, int w_offset, __global const STORE *bias,
                             int bias_offset, __global STORE *y, int y_offset, int count, int8 x_view, int8 w_view, int8 y_view,
                             int8 window, int8 extra, int function, float alpha, float beta) {
  const int index = (int)get_global_id(0);
  if (index >= count) return;
  const int oc = index % y_view.s5, ox = index / y_view.s5 % y_view.s7;
  const int oy = index / y_view.s5 / y_view.s7 % y_view.s6, n = index / y_view.s5 / y_view.s7 / y_view.s6;
  const int channels = window.s6, first = oc / window.s7 * channels;

  x += x_offset + n * x_view.s0 + first * x_view.s1;
  w += w_offset + first * w_view.s0 + oc % window.s7 * w_view.s1;
  MATH sum = 0;
  for (int ky = 0; ky < w_view.s6; ky++) {
    const int row = oy + window.s4 - ky * window.s2, iy = row / window.s0;
    if (row < 0 || row % window.s0 != 0 || iy >= x_view.s6) continue;
    for (int kx = 0; kx < w_view.s7; kx++) {
      const int column = ox + window.s5 - kx * window.s3, ix = column / window.s1;
      if (column < 0 || column % window.s1 != 0 || ix >= x_view.s7) continue;
      __global const STORE *pixel = x + iy * x_view.s2 + ix * x_view.s3;
      __global const STORE *tap = w + ky * w_view.s2 + kx * w_view.s3;
      for (int ic = 0; ic < channels; ic++) sum += pixel[ic * x_view.s1] * tap[ic * w_view.s0];
    }
  }
  if (extra.s0) sum += bias[bias_offset + oc * extra.s1];
  y[y_offset + n * y_view.s0 + oc * y_view.s1 + oy * y_view.s2 + ox * y_view.s3] = icn_activate(sum, function, alpha, beta);
}
