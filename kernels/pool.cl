/* POOL: windows over x[n][c][h][w] to y[n][c][oh][ow]. Made by lib/row_pool.c.
 *
 *   for each (n, oy, ox, c):
 *     value = combine over ky, kx of x[n][c][oy * sh + ky * dh - pt][ox * sw + kx * dw - pl], positions outside the image left out
 *     y[n][c][oy][ox] = act(value + bias[c])
 *
 * MAX: the largest (NaN wins); MEAN: sum / count; L1, L2, LP: (sum |x|^p)^(1/p). Sums are made a window row at a time, so that the error
 * grows with kh + kw, not with kh * kw. Arguments, packed eight a vector:
 *   xs = (c, h, w, stride of n, c, h, w, 0)      ys = (ow, oh, n, stride of n, c, h, w, 0)
 *   window = (kh, kw, sh, sw, dh, dw, pt, pl)    how = (function, count padding too, pb, pr, 1 with a bias, act, 0, 0)
 */
#include "functions.clh"

#define ICN_FN_MEAN 96
#define ICN_FN_L1 97
#define ICN_FN_L2 98
#define ICN_FN_LP 100

#define X_C xs.s0
#define X_H xs.s1
#define X_W xs.s2
#define Y_W ys.s0
#define Y_H ys.s1
#define Y_N ys.s2

/* Taps of one axis that lie in [low, high): those k with low <= start + k * dilation < high, of 0 <= k < taps, as (first, end). */
static inline int2 taps_between(int start, int taps, int dilation, int low, int high) {
#if VW > 4 /* CPUs: without a division; GPUs would keep both ways in registers and run fewer waves */
  if (dilation == 1) {
    const int begin = max(low - start, 0);
    return (int2)(begin, max(begin, min(taps, high - start)));
  }
#endif
  int first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
  int end = start >= high ? 0 : min(taps, (high - start + dilation - 1) / dilation);
  return (int2)(first, max(first, end));
}

/* What an average divides by. */
static inline float mean_divisor(int start_y, int start_x, int2 ky, int2 kx, int8 xs, int8 window, int8 how) {
  if (how.s1 == 0) return (float)((ky.y - ky.x) * (kx.y - kx.x));
  int2 padded_y = taps_between(start_y, window.s0, window.s4, -window.s6, X_H + how.s2);
  int2 padded_x = taps_between(start_x, window.s1, window.s5, -window.s7, X_W + how.s3);
  return (float)((padded_y.y - padded_y.x) * (padded_x.y - padded_x.x));
}

/* What one element adds to a sum. LP is defined for programs that need it: pow() takes more registers than all the rest. */
static inline MATHV pool_term(MATHV x, int function, float p) {
  (void)p; /* LP's alone */
  if (function == ICN_FN_L1) return fabs(x);
  if (function == ICN_FN_L2) return x * x;
#ifdef LP
  if (function == ICN_FN_LP) return pow(fabs(x), V(p));
#endif
  return x;
}

static inline MATHV pool_result(MATHV sum, int function, float p, float divisor) {
  (void)p;
  if (function == ICN_FN_MEAN) return sum / V(fmax(divisor, 1.0f)); /* a window wholly in padding: 0 */
  if (function == ICN_FN_L2) return sqrt(sum);
#ifdef LP
  if (function == ICN_FN_LP) return pow(sum, V(1.0f / p));
#endif
  return sum;
}

/* act(v + bias) of n <= VW channels. */
static inline MATHV pool_finish(MATHV v, __global const STORE *bias, int n, int8 how, float alpha, float beta) {
  if (how.s4 != 0) v += icn_load_most(bias, n, 0.0f);
  if (how.s5 == ICN_FN_RELU) return v < V(0.0f) ? V(0.0f) : v;
  if (how.s5 == ICN_FN_CLIP) {
    const MATHV raised = v < V(alpha) ? V(alpha) : v;
    return raised > V(beta) ? V(beta) : raised;
  }
  if (how.s5 == ICN_FN_LEAKY_RELU) return v < V(0.0f) ? V(alpha) * v : v;
  return v;
}

/* One window over n <= VW channels that start at x (row and tap steps in elements). */
static inline MATHV pool_window(__global const STORE *x, int n, int2 ky, int2 kx, int row_step, int tap_step, int function, float p,
                         float divisor) {
  if (function == ICN_FN_MAX) {
    MATHV most = V(-INFINITY);
    for (int y = ky.x; y < ky.y; y++)
      for (int k = kx.x; k < kx.y; k++) most = icn_max(icn_load_most(x + y * row_step + k * tap_step, n, 0.0f), most);
    return most;
  }
  MATHV sum = V(0.0f);
  for (int y = ky.x; y < ky.y; y++) {
    MATHV row = V(0.0f);
    for (int k = kx.x; k < kx.y; k++) row += pool_term(icn_load_most(x + y * row_step + k * tap_step, n, 0.0f), function, p);
    sum += row;
  }
  return pool_result(sum, function, p, divisor);
}

#if VW == 1

/* Any strides. Global: at least n * oh * ow * c items, channels fastest; local: any. Checked by icn_pool_any_applies. */
__kernel void pool_any(__global const STORE *restrict x, int x_offset, __global const STORE *bias, int bias_offset, __global STORE *restrict y, int y_offset, int count, int8 xs, int8 ys,
                       int8 window, int8 how, float p, float alpha, float beta) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  const int pixel = index / X_C, c = index - pixel * X_C;
  const int line = pixel / Y_W, ox = pixel - line * Y_W;
  const int n = line / Y_H, oy = line - n * Y_H;
  int start_y = oy * window.s2 - window.s6, start_x = ox * window.s3 - window.s7;
  int2 ky = taps_between(start_y, window.s0, window.s4, 0, X_H);
  int2 kx = taps_between(start_x, window.s1, window.s5, 0, X_W);
  int from = x_offset + n * xs.s3 + c * xs.s4 + start_y * xs.s5 + start_x * xs.s6;
  float divisor = mean_divisor(start_y, start_x, ky, kx, xs, window, how);
  const float value = pool_window(x + from, 1, ky, kx, window.s4 * xs.s5, window.s5 * xs.s6, how.s0, p, divisor);
  y[y_offset + n * ys.s3 + c * ys.s4 + oy * ys.s5 + ox * ys.s6] = pool_finish(value, bias + bias_offset + c, 1, how, alpha, beta);
}

#else

/* The common windows over VW channels: no function to choose and no partial vector inside the loops. */
#if VW > 4 /* CPUs: the search for NaN apart from the comparison, which is one instruction then; it costs GPUs registers */
static inline MATHV window_max(__global const STORE *x, int2 ky, int2 kx, int row_step, int tap_step) {
  MATHV most = V(-INFINITY);
  ICN_JOIN(int, VW) no_number = 0; /* what a comparison of MATHV gives */
  for (int y = ky.x; y < ky.y; y++)
    for (int k = kx.x; k < kx.y; k++) {
      const MATHV value = VLOAD(x + y * row_step + k * tap_step);
      no_number |= value != value;
      most = most > value ? most : value;
    }
  return no_number != 0 ? V(NAN) : most;
}
#else
static inline MATHV window_max(__global const STORE *x, int2 ky, int2 kx, int row_step, int tap_step) {
  MATHV most = V(-INFINITY);
  for (int y = ky.x; y < ky.y; y++)
    for (int k = kx.x; k < kx.y; k++) most = icn_max(VLOAD(x + y * row_step + k * tap_step), most);
  return most;
}
#endif

static inline MATHV window_sum(__global const STORE *x, int2 ky, int2 kx, int row_step, int tap_step) {
  MATHV sum = V(0.0f);
  for (int y = ky.x; y < ky.y; y++) {
    MATHV row = V(0.0f);
    for (int k = kx.x; k < kx.y; k++) row += VLOAD(x + y * row_step + k * tap_step);
    sum += row;
  }
  return sum;
}

/* NHWC: the stride of c is 1 in x and y. Item (i, j, k): channels [i * chunk, (i + 1) * chunk) of pixels [j * pixels, (j + 1) * pixels) of
 * output row k of all n * oh. Global: (c / chunk, ow / pixels, n * oh) rounded up; local: any. Checked by icn_pool_nhwc_applies. */
__kernel void pool_nhwc(__global const STORE *restrict x, int x_offset, __global const STORE *bias, int bias_offset, __global STORE *restrict y, int y_offset, int chunk, int pixels,
                        int8 xs, int8 ys, int8 window, int8 how, float p, float alpha, float beta) {
  bias += bias_offset;
  const int c_first = (int)get_global_id(0) * chunk;
  const int c_end = min(c_first + chunk, X_C);
  const int ox_first = (int)get_global_id(1) * pixels;
  const int ox_end = min(ox_first + pixels, Y_W);
  const int n = (int)get_global_id(2) / Y_H, oy = (int)get_global_id(2) - n * Y_H;
  const int start_y = oy * window.s2 - window.s6;
  const int2 ky = taps_between(start_y, window.s0, window.s4, 0, X_H);
  const int row_step = window.s4 * xs.s5, tap_step = window.s5 * xs.s6;
  for (int ox = ox_first; ox < ox_end; ox++) {
    const int start_x = ox * window.s3 - window.s7;
    const int2 kx = taps_between(start_x, window.s1, window.s5, 0, X_W);
    const float divisor = fmax(mean_divisor(start_y, start_x, ky, kx, xs, window, how), 1.0f);
    __global const STORE *from = x + (x_offset + n * xs.s3 + start_y * xs.s5 + start_x * xs.s6);
    __global STORE *to = y + (y_offset + n * ys.s3 + oy * ys.s5 + ox * ys.s6);
    int c = c_first;
    if (how.s0 == ICN_FN_MAX)
      for (; c + VW <= c_end; c += VW)
        VSTORE(pool_finish(window_max(from + c, ky, kx, row_step, tap_step), bias + c, VW, how, alpha, beta), to + c);
    else if (how.s0 == ICN_FN_MEAN)
      for (; c + VW <= c_end; c += VW)
        VSTORE(pool_finish(window_sum(from + c, ky, kx, row_step, tap_step) / V(divisor), bias + c, VW, how, alpha, beta), to + c);
    for (; c < c_end; c += VW) {
      const MATHV value = pool_window(from + c, c_end - c, ky, kx, row_step, tap_step, how.s0, p, divisor);
      icn_store_most(pool_finish(value, bias + c, c_end - c, how, alpha, beta), to + c, c_end - c);
    }
  }
}

/* NHWC, large windows (global pooling): a work-group of LANES x TAP_ROWS items makes VW * LANES channels of one output pixel; each of the
 * TAP_ROWS takes every TAP_ROWS-th window row, then a tree in local memory. Global: (LANES * groups over c, TAP_ROWS, n * oh * ow);
 * local: (LANES, TAP_ROWS, 1). Checked by icn_pool_group_applies. */
#ifndef LANES
#define LANES 16
#endif
#ifndef TAP_ROWS
#define TAP_ROWS 4
#endif

__kernel __attribute__((reqd_work_group_size(LANES, TAP_ROWS, 1))) void pool_group(__global const STORE *restrict x, int x_offset,
                                                                                 __global const STORE *bias, int bias_offset, __global STORE *restrict y, int y_offset, int8 xs, int8 ys,
                                                                                 int8 window, int8 how, float p, float alpha, float beta) {
  __local MATHV part[TAP_ROWS][LANES];
  const int lane = (int)get_local_id(0), slice = (int)get_local_id(1);
  const int function = how.s0;
  const int c = (int)get_global_id(0) * VW;
  const int pixel = (int)get_global_id(2);
  const int ox = pixel % Y_W, oy = pixel / Y_W % Y_H, n = pixel / Y_W / Y_H;
  int start_y = oy * window.s2 - window.s6, start_x = ox * window.s3 - window.s7;
  int2 ky = taps_between(start_y, window.s0, window.s4, 0, X_H);
  int2 kx = taps_between(start_x, window.s1, window.s5, 0, X_W);
  MATHV value = V(function == ICN_FN_MAX ? -INFINITY : 0.0f);
  if (c < X_C) {
    __global const STORE *from = x + x_offset + n * xs.s3 + start_y * xs.s5 + start_x * xs.s6 + c;
    for (int tap_y = ky.x + slice; tap_y < ky.y; tap_y += TAP_ROWS) {
      MATHV row = V(function == ICN_FN_MAX ? -INFINITY : 0.0f);
      for (int tap_x = kx.x; tap_x < kx.y; tap_x++) {
        MATHV term = icn_load_most(from + tap_y * window.s4 * xs.s5 + tap_x * window.s5 * xs.s6, X_C - c, 0.0f);
        row = function == ICN_FN_MAX ? icn_max(term, row) : row + pool_term(term, function, p);
      }
      value = function == ICN_FN_MAX ? icn_max(row, value) : value + row;
    }
  }
  part[slice][lane] = value;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (slice != 0 || c >= X_C) return;
  for (int k = 1; k < TAP_ROWS; k++) value = function == ICN_FN_MAX ? icn_max(part[k][lane], value) : value + part[k][lane];
  if (function != ICN_FN_MAX) value = pool_result(value, function, p, mean_divisor(start_y, start_x, ky, kx, xs, window, how));
  value = pool_finish(value, bias + bias_offset + c, X_C - c, how, alpha, beta);
  icn_store_most(value, y + y_offset + n * ys.s3 + oy * ys.s5 + ox * ys.s6 + c, X_C - c);
}

#endif
