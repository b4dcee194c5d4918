/* The universal convolution: one work-item computes one output element, every tensor is read by its own strides.
 *
 *   y[n][oc][oy][ox] = act((bias[oc] + sum over ic, ky, kx of x[n][g*cg+ic][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw] * w[oc][ic][ky][kx] * scale[oc])
 *                          + residual[n][oc][oy][ox])
 *
 * global: at least `count` = n*oh*ow*oc, channels innermost; local: any. Checked by icn_conv_direct_applies() in lib/row_conv_direct.c. */
#include "common.clh"

/* Views hold the strides of n, c, h, w in lo and the dims in hi (weights: oc, ic, kh, kw). window: stride, dilation, leading padding as
 * (h, w) pairs, then input and output channels of a group. extra: has bias, its stride, has scale, its stride, has residual, first
 * channel that the activation is for, with -D TURNED first channel whose window is turned. */
__kernel void conv_direct(__global const STORE *x, int x_offset, __global const STORE *w, int w_offset, __global const STORE *bias,
                          int bias_offset, __global const STORE *scale, int scale_offset, __global const STORE *residual, int residual_offset,
                          __global STORE *y, int y_offset, int count, int8 x_view, int8 w_view, int8 y_view, int8 residual_view, int8 window,
                          int8 extra, int function, float alpha, float beta) {
  const int index = (int)get_global_id(0);
  if (index >= count) return;
  const int oc = index % y_view.s5, ox = index / y_view.s5 % y_view.s7;
  const int oy = index / y_view.s5 / y_view.s7 % y_view.s6, n = index / y_view.s5 / y_view.s7 / y_view.s6;
#ifdef TURNED /* h and w of window, dilation and padding change places */
  const bool turned = oc >= extra.s6;
#endif
  const int kh = ICN_TURNED(w_view, s6, s7), kw = ICN_TURNED(w_view, s7, s6);
  const int tap_y = ICN_TURNED(w_view, s2, s3), tap_x = ICN_TURNED(w_view, s3, s2);
  const int dh = ICN_TURNED(window, s2, s3), dw = ICN_TURNED(window, s3, s2);
  const int channels = window.s6, first = oc / window.s7 * channels;
  const int top = oy * window.s0 - ICN_TURNED(window, s4, s5);
  const int left = ox * window.s1 - ICN_TURNED(window, s5, s4);

  x += x_offset + n * x_view.s0 + first * x_view.s1;
  w += w_offset + oc * w_view.s0;
  MATH sum = 0;
  for (int ky = 0; ky < kh; ky++) {
    const int iy = top + ky * dh;
    if (iy < 0 || iy >= x_view.s6) continue;
    for (int kx = 0; kx < kw; kx++) {
      const int ix = left + kx * dw;
      if (ix < 0 || ix >= x_view.s7) continue;
      __global const STORE *pixel = x + iy * x_view.s2 + ix * x_view.s3;
      __global const STORE *tap = w + ky * tap_y + kx * tap_x;
      for (int ic = 0; ic < channels; ic++) sum += pixel[ic * x_view.s1] * tap[ic * w_view.s1];
    }
  }
  if (extra.s2) sum *= scale[scale_offset + oc * extra.s3];
  if (extra.s0) sum += bias[bias_offset + oc * extra.s1];
  if (extra.s4)
    sum += residual[residual_offset + n * residual_view.s0 + oc * residual_view.s1 + oy * residual_view.s2 + ox * residual_view.s3];
  y[y_offset + n * y_view.s0 + oc * y_view.s1 + oy * y_view.s2 + ox * y_view.s3] =
      icn_activate(sum, oc < extra.s5 ? 0 : function, alpha, beta);
}
