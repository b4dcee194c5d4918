/* Convolution as implicit GEMM for GPUs: a work-group computes BM pixels x BN channels through local memory, an item ROWS x 4
 * of them.
 *
 *   y[n][oy][ox][oc] = act(bias[oc] + residual + sum over ky, kx, ic of x[n][oy*sh-ph+ky*dh][ox*sw-pw+kx*dw][ic] * w[oc][ic][ky][kx])
 *
 * x, y and residual are NHWC with a pixel stride of their own; k = (ky, kx, ic) is one index, in steps of BK. Weights are packed
 * [group][panel][k][BN], k padded with zeros to a multiple of BK, the biases [group][panel][BN] behind them. Padding is put in where x is
 * loaded. With -D SPLIT a group sums its part of the depth alone, and sum_parts.cl adds the parts up: y[part][pixel][channel], a group's
 * channels padded to a multiple of 4, no bias, residual or activation. global: BN/4 * panels, BM/ROWS * tiles, groups * parts; local:
 * BN/4, BM/ROWS, 1. Checked by icn_conv_gpu_applies() in lib/row_conv_gpu.c. */
#include "quad.clh"

#ifndef BM
#define BM 64
#endif
#ifndef BN
#define BN 64
#endif
#ifndef ROWS
#define ROWS 4 /* or 8 */
#endif
#define BK    16
#define ITEMS ((BM / ROWS) * (BN / 4))
#define A_ROW (BM + 4) /* a row of the x tile, padded against bank conflicts */
#define LOADS (BM * BK / ITEMS)

/* in: h, w, pixel stride, channels of a group; out: rows (n*oh*ow), oh, ow, pixel stride, channels of a group, first channel that the
 * activation is for (a multiple of 8), with -D TURNED first channel whose window is turned (a multiple of BN), with -D SPLIT parts of the
 * depth; window: kh, kw, stride, dilation, leading padding. residual_stride: pixels of the residual, 0 when there is none. */
__kernel __attribute__((reqd_work_group_size(BN / 4, BM / ROWS, 1))) void conv_gpu(
    __global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset, __global const STORE *residual,
    int residual_offset, __global STORE *y, int y_offset, int8 in, int8 out, int8 window, int residual_stride, int function, float alpha,
    float beta) {
  __local MATH x_tile[BK * A_ROW];
  __local MATH w_tile[BK * BN];
  const int column = (int)get_local_id(0) * 4, row = (int)get_local_id(1) * ROWS;
  const int item = (int)get_local_id(1) * (BN / 4) + (int)get_local_id(0);
  const int panel = (int)get_group_id(0), tile = (int)get_group_id(1) * BM, panels = (int)get_num_groups(0);
  const int h = in.s0, w = in.s1, x_stride = in.s2, channels = in.s3, rows = out.s0, oh = out.s1, ow = out.s2;
#ifdef TURNED /* a window that is turned is a line: the same taps in the same order, along the other axis */
  const bool turned = panel * BN >= out.s6;
#endif
  const int kh = ICN_TURNED(window, s0, s1), kw = ICN_TURNED(window, s1, s0), dh = ICN_TURNED(window, s4, s5);
  const int dw = ICN_TURNED(window, s5, s4), pad_y = ICN_TURNED(window, s6, s7), pad_x = ICN_TURNED(window, s7, s6);
  const int depth = (kh * kw * channels + BK - 1) / BK * BK;
#ifdef SPLIT
  const int parts = out.s7, group = (int)get_group_id(2) / parts;
  const int part = (int)get_group_id(2) % parts, begin = depth / BK * part / parts * BK, end = depth / BK * (part + 1) / parts * BK;
#else
  const int group = (int)get_group_id(2), groups = (int)get_num_groups(2), begin = 0, end = depth;
#endif

  x += x_offset + group * channels;
  packed += packed_offset;
#ifndef SPLIT
  __global const WEIGHT *bias = packed + (size_t)groups * panels * depth * BN + (size_t)(group * panels + panel) * BN + column;
#endif
  packed += (size_t)(group * panels + panel) * depth * BN;

  /* This item loads column `lane` of the x tile, rows first, first + ITEMS / BK, ... */
  const int lane = item % BK, first = item / BK;
  int top[LOADS], left[LOADS], pixel[LOADS];
#pragma unroll
  for (int i = 0; i < LOADS; i++) {
    const int m = tile + first + i * (ITEMS / BK), ox = m % ow, oy = m / ow % oh, n = m / ow / oh;
    top[i] = m < rows ? oy * window.s2 - pad_y : -(1 << 30); /* a surplus row is outside the image */
    left[i] = ox * window.s3 - pad_x;
    pixel[i] = n * h;
  }
  int ic = (begin + lane) % channels, kx = (begin + lane) / channels % kw, ky = (begin + lane) / channels / kw;

  float4 acc[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; i++) acc[i] = 0;

  for (int k = begin; k < end; k += BK) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int iy = top[i] + ky * dh, ix = left[i] + kx * dw;
      const bool inside = ky < kh && iy >= 0 && iy < h && ix >= 0 && ix < w;
      x_tile[lane * A_ROW + first + i * (ITEMS / BK)] = inside ? x[(size_t)((pixel[i] + iy) * w + ix) * x_stride + ic] : 0;
    }
#pragma unroll
    for (int i = item * 4; i < BK * BN; i += ITEMS * 4) vstore4(WLOAD4(0, packed + (size_t)k * BN + i), 0, w_tile + i);
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 4 /* all of BK: AMD's compiler loads all of both tiles first, and then has registers for few waves */
    for (int j = 0; j < BK; j++) {
      const float4 a = vload4(0, x_tile + j * A_ROW + row), b = vload4(0, w_tile + j * BN + column);
      acc[0] += a.s0 * b;
      acc[1] += a.s1 * b;
      acc[2] += a.s2 * b;
      acc[3] += a.s3 * b;
#if ROWS == 8
      const float4 more = vload4(0, x_tile + j * A_ROW + row + 4);
      acc[4] += more.s0 * b;
      acc[5] += more.s1 * b;
      acc[6] += more.s2 * b;
      acc[7] += more.s3 * b;
#endif
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (ic += BK; ic >= channels && ky < kh; ic -= channels) {
      kx++;
      ky += kx == kw;
      kx = kx == kw ? 0 : kx;
    }
  }

  const int oc = panel * BN + column, lanes = min(out.s4 - oc, 4);
#ifdef SPLIT
  (void)residual, (void)residual_offset, (void)residual_stride, (void)function, (void)alpha, (void)beta; /* the second launch's */
  y += y_offset + (size_t)part * rows * out.s3 + group * ((out.s4 + 3) / 4 * 4) + oc;
#pragma unroll
  for (int i = 0; i < ROWS; i++)
    if (tile + row + i < rows && lanes > 0) vstore4(acc[i], 0, y + (size_t)(tile + row + i) * out.s3);
#else
  y += y_offset + group * out.s4 + oc;
  residual += residual_offset + group * out.s4 + oc;
  const float4 activation = icn_activation(oc < out.s5 ? 0 : function, alpha, beta);
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    const int m = tile + row + i;
    if (m < rows)
      icn_store_quad(acc[i] + WLOAD4(0, bias), y + (size_t)m * out.s3, lanes, residual + (size_t)m * residual_stride, residual_stride,
                     activation);
  }
#endif
}
