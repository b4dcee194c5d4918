/* Convolution as implicit GEMM for CPU devices: one work-item computes a register tile of MR pixels x NR channels.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * x, y and residual are NHWC with a pixel stride of their own; rows of the tile run over the flattened n*oh*ow, so that small images fill
 * tiles too; the last tile's surplus rows repeat the last pixel and are not stored. Weights are packed [group][panel][ky][kx][ic][NR], the
 * biases [group][panel][NR] behind them, both padded with zeros to whole panels of NR = NV * VW channels. Rows whose tap lies outside the
 * image read `zeros` (at least ic floats), so that the inner loop has no branch.
 * global: tiles of a block, panels, blocks of tiles times groups: in this order items run, so that a block's input or the weights stay in a
 * cache (icn_cpu_tile_block); local: 1, 1, 1. Checked by icn_conv_tile_applies() in lib/row_conv_tile.c. */
#include "tile.clh"

/* in: h, w, pixel stride, channels of a group, blocks; out: rows (n*oh*ow), oh, ow, pixel stride, channels of a group, first channel that the
 * activation is for (a multiple of VW), with -D TURNED first channel whose window is turned (a multiple of NR); window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv_tile(
    __global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset, __global const STORE *residual,
    int residual_offset, __global STORE *y, int y_offset, __global const STORE *zeros, int zeros_offset, int8 in, int8 out, int8 window,
    int residual_stride, int function, float alpha, float beta) {
  const int blocks = in.s4, panels = (int)get_global_size(1), groups = (int)get_global_size(2) / blocks;
  const int group = (int)get_global_id(2) / blocks, block = (int)get_global_id(2) % blocks, panel = (int)get_global_id(1);
  const int tile = (block * (int)get_global_size(0) + (int)get_global_id(0)) * MR;
  const int h = in.s0, w = in.s1, x_stride = in.s2, channels = in.s3;
  const int rows = out.s0, oh = out.s1, ow = out.s2, y_stride = out.s3, out_channels = out.s4;
#ifdef TURNED /* a window that is turned is a line: the same taps in the same order, along the other axis */
  const bool turned = panel * NR >= out.s6;
#endif
  const int kh = ICN_TURNED(window, s0, s1), kw = ICN_TURNED(window, s1, s0), sh = window.s2, sw = window.s3;
  const int dh = ICN_TURNED(window, s4, s5), dw = ICN_TURNED(window, s5, s4);
  const int pad_y = ICN_TURNED(window, s6, s7), pad_x = ICN_TURNED(window, s7, s6);
  const int panel_elems = kh * kw * channels * NR;
  if (tile >= rows) return; /* blocks need not divide the tiles */

  x += x_offset + group * channels;
  zeros += zeros_offset;
  packed += packed_offset;
  __global const WEIGHT *weight = packed + (size_t)(group * panels + panel) * panel_elems;
  __global const WEIGHT *bias = packed + (size_t)groups * panels * panel_elems + (size_t)(group * panels + panel) * NR;

  /* Where each row's window begins: row and column in the image, and the pixel's number. */
  int top[MR], left[MR], pixel[MR];
  int ox = tile % ow, oy = tile / ow % oh, n = tile / ow / oh;
#pragma unroll
  for (int i = 0; i < MR; i++) {
    top[i] = oy * sh - pad_y;
    left[i] = ox * sw - pad_x;
    pixel[i] = (n * h + top[i]) * w + left[i];
    const int more = tile + i + 1 < rows, wrap_x = more & (ox + 1 == ow), wrap_y = wrap_x & (oy + 1 == oh);
    ox = wrap_x ? 0 : ox + more;
    oy = wrap_y ? 0 : oy + wrap_x;
    n += wrap_y;
  }

  /* The first panel of a block brings the input to the cache: the next tile's pixels are called for here. */
  if (panel == 0 && kh * kw * sh * sw == 1)
    for (int i = 0; i < MR; i++)
      for (int c = 0; c < channels; c += 16) ICN_PREFETCH(x + (size_t)min(tile + MR + i, rows - 1) * x_stride + c);

  VEC acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = 0;

  for (int ky = 0; ky < kh; ky++)
    for (int kx = 0; kx < kw; kx++) {
      __global const STORE *row[MR];
      const int shift = ky * dh * w + kx * dw;
#pragma unroll
      for (int i = 0; i < MR; i++) {
        const bool inside = (uint)(top[i] + ky * dh) < (uint)h && (uint)(left[i] + kx * dw) < (uint)w;
        row[i] = inside ? x + (size_t)(pixel[i] + shift) * x_stride : zeros;
      }
      for (int ic = 0; ic < channels; ic++) {
        VEC b[NV];
#pragma unroll
        for (int j = 0; j < NV; j++) {
          b[j] = WLOAD(j, weight);
          ICN_PREFETCH_WEIGHT(j, weight);
        }
#pragma unroll
        for (int i = 0; i < MR; i++) {
          const VEC a = row[i][ic];
#pragma unroll
          for (int j = 0; j < NV; j++) acc[i][j] += a * b[j];
        }
        weight += NR;
      }
    }

  const int oc = panel * NR, count = min(out_channels - oc, NR), live = min(rows - tile, MR);
  y += y_offset + group * out_channels + oc + (size_t)tile * y_stride;
  residual += residual_offset + group * out_channels + oc + (size_t)tile * residual_stride;

  /* The usual case straight from the registers. */
  if (live == MR && count == NR && residual_stride == 0 && function <= ICN_FN_RELU) {
#pragma unroll
    for (int j = 0; j < NV; j++) {
      const VEC b = WLOAD(j, bias), least = function == ICN_FN_RELU && oc + j * VW >= out.s5 ? 0 : -INFINITY;
#pragma unroll
      for (int i = 0; i < MR; i++) {
        const VEC v = acc[i][j] + b;
        VSTORE(v < least ? least : v, j, y + (size_t)i * y_stride);
      }
    }
    return;
  }

  /* All others by way of memory, so that this is one loop and not MR * NV copies of it, which would take seconds to compile. */
  MATH sums[MR * NR];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) VSTORE(acc[i][j], i * NV + j, sums);
  for (int i = 0; i < live; i++) {
    for (int j = 0; j * VW < count; j++) {
      VEC v = VLOAD(i * NV + j, sums) + WLOAD(j, bias);
      if (residual_stride != 0) v += icn_load_some(residual + j * VW, count - j * VW);
      icn_store_some(icn_activate_vec(v, oc + j * VW < out.s5 ? 0 : function, alpha, beta), y + j * VW, count - j * VW);
    }
    y += y_stride;
    residual += residual_stride;
  }
}
