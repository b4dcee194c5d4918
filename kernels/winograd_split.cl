/* Winograd convolution in three launches (kernels/winograd.cl is the one in a single launch): winograd_input, a product of matrices for
 * each point by a convolution kernel of its own, winograd_output.
 *
 *   V[tile][p][ic] = B^T d B                                        d: the tile's window of x, zero outside the image
 *   M[tile][p][oc] = sum over ic of V[tile][p][ic] * U[p][ic][oc]   a 1x1 convolution in groups: "pixels" are tiles, groups are points
 *   y = act(A^T M A + bias[oc] + residual)
 *
 * x, y and residual are NHWC with a pixel stride of their own. Neighbouring items take neighbouring channels.
 * global: at least channel vectors, at least tiles; local: any. Checked by lib/row_winograd_split.c. */
#include "vector.clh"

#ifndef WM
#define WM 2
#endif
#ifndef WR
#define WR 3
#endif
#ifndef WS
#define WS 1
#endif
#ifndef WDIM
#define WDIM 2
#endif
#define VEC MATHV
#include "winograd_transform.clh"

#define LINES  (WDIM == 2 ? WN : 1) /* of a window */
#define POINTS (LINES * WN)
#define STEP_Y(down) (WDIM == 2 ? 0 : (down)) /* along a line of a window */
#define STEP_X(down) (WDIM == 2 ? 1 : 1 - (down))

/* The first `lanes` channels at p, zeros after them; without an array, which Intel's compiler would put in memory here. */
static inline VEC load_pixel(__global const STORE *p, int lanes) {
#if VW == 4
  if (lanes < VW) return (VEC)(p[0], lanes > 1 ? p[1] : 0, lanes > 2 ? p[2] : 0, 0);
  return VLOAD(p);
#else
  return icn_load_most(p, lanes, 0.0f);
#endif
}

/* in: h, w, pixel stride, channels, leading padding of y and x, 1 when lines run down (WDIM 1); grid: tiles of an image down and across,
 * tiles in all. */
__kernel void winograd_input(__global const STORE *x, int x_offset, __global STORE *v, int v_offset, int8 in, int8 grid) {
  const int c = (int)get_global_id(0) * VW, tile = (int)get_global_id(1), lanes = in.s3 - c, down = in.s6;
  if (lanes <= 0 || tile >= grid.s2) return;
  const int n = tile / (grid.s0 * grid.s1), place = tile % (grid.s0 * grid.s1);
  const int top = place / grid.s1 * (WDIM == 2 || down != 0 ? WM * WS : 1) - in.s4;
  const int left = place % grid.s1 * (WDIM == 2 || down == 0 ? WM * WS : 1) - in.s5;
  VEC window[POINTS], line[WN], sums[WN];

  x += x_offset + (size_t)n * in.s0 * in.s1 * in.s2 + c;
  v += v_offset + (size_t)tile * POINTS * in.s3 + c;
#ifdef UNROLL
#pragma unroll
#endif
  for (int a = 0; a < LINES; a++) {
#ifdef UNROLL
#pragma unroll
#endif
    for (int b = 0; b < WN; b++) {
      const int iy = top + a + b * STEP_Y(down), ix = left + b * STEP_X(down);
      const bool inside = (uint)iy < (uint)in.s0 && (uint)ix < (uint)in.s1;
      line[b] = 0;
      if (inside) line[b] = load_pixel(x + ((size_t)iy * in.s1 + ix) * in.s2, lanes);
    }
    icn_winograd_input(line, sums);
#pragma unroll
    for (int b = 0; b < WN; b++) window[a * WN + b] = sums[b];
  }
#ifdef UNROLL
#pragma unroll
#endif
  for (int b = 0; b < WN; b++) {
#if WDIM == 2
#pragma unroll
    for (int a = 0; a < WN; a++) line[a] = window[a * WN + b];
    icn_winograd_input(line, sums);
#pragma unroll
    for (int a = 0; a < WN; a++) icn_store_most(sums[a], v + (size_t)(a * WN + b) * in.s3, lanes);
#else
    icn_store_most(window[b], v + (size_t)b * in.s3, lanes);
#endif
  }
}

static inline MATHV activate(MATHV x, int function, float alpha, float beta) {
  if (function == ICN_FN_RELU) return x < (MATHV)(0.0f) ? (MATHV)(0.0f) : x;
  if (function == ICN_FN_CLIP) {
    const MATHV raised = x < (MATHV)(alpha) ? (MATHV)(alpha) : x;
    return raised > (MATHV)(beta) ? (MATHV)(beta) : raised;
  }
  if (function == ICN_FN_LEAKY_RELU) return x < (MATHV)(0.0f) ? alpha * x : x;
  return x;
}

/* out: oh, ow, pixel stride, channels, 1 when lines run down; bias_at: where the biases begin in `packed`; residual_stride: pixels of the
 * residual, 0 when there is none. */
__kernel void winograd_output(__global const STORE *m, int m_offset, __global const WEIGHT *packed, int packed_offset, int bias_at,
                              __global const STORE *residual, int residual_offset, __global STORE *y, int y_offset, int8 out, int8 grid,
                              int residual_stride, int function, float alpha, float beta) {
  const int oc = (int)get_global_id(0) * VW, tile = (int)get_global_id(1), lanes = out.s3 - oc, down = out.s4;
  if (lanes <= 0 || tile >= grid.s2) return;
  const int n = tile / (grid.s0 * grid.s1), place = tile % (grid.s0 * grid.s1);
  const int oy = place / grid.s1 * (WDIM == 2 || down != 0 ? WM : 1), ox = place % grid.s1 * (WDIM == 2 || down == 0 ? WM : 1);
#ifdef HALF_WEIGHTS
  MATH biases[VW];
  for (int i = 0; i < VW; i++) biases[i] = i < lanes ? WLOAD1(bias_at + oc + i, packed + packed_offset) : 0;
  const MATHV bias = VLOAD(biases);
#else
  const MATHV bias = icn_load_most(packed + packed_offset + bias_at + oc, lanes, 0.0f);
#endif
  VEC half_done[WM * LINES], line[WN], sums[WM];

  m += m_offset + (size_t)tile * POINTS * out.s3 + oc;
  y += y_offset + (size_t)n * out.s0 * out.s1 * out.s2 + oc;
  residual += residual_offset + (size_t)n * out.s0 * out.s1 * residual_stride + oc;
#ifdef UNROLL
#pragma unroll
#endif
  for (int a = 0; a < LINES; a++) { /* half_done[b][a]: along the lines first */
#pragma unroll
    for (int b = 0; b < WN; b++) line[b] = icn_load_most(m + (size_t)(a * WN + b) * out.s3, lanes, 0.0f);
    icn_winograd_output(line, sums);
#pragma unroll
    for (int b = 0; b < WM; b++) half_done[b * LINES + a] = sums[b];
  }
#ifdef UNROLL
#pragma unroll
#endif
  for (int b = 0; b < WM; b++) {
#if WDIM == 2
#pragma unroll
    for (int a = 0; a < WN; a++) line[a] = half_done[b * LINES + a];
    icn_winograd_output(line, sums);
#else
    sums[0] = half_done[b];
#endif
#ifdef UNROLL
#pragma unroll
#endif
    for (int a = 0; a < (WDIM == 2 ? WM : 1); a++) {
      const int py = oy + a + b * STEP_Y(down), px = ox + b * STEP_X(down);
      if (py >= out.s0 || px >= out.s1) continue;
      const size_t pixel = (size_t)py * out.s1 + px;
      MATHV value = sums[a] + bias;
      if (residual_stride != 0) value += icn_load_most(residual + pixel * residual_stride, lanes, 0.0f);
      icn_store_most(activate(value, function, alpha, beta), y + pixel * out.s2, lanes);
    }
  }
}
