/* LRN across channels: y[n][c][i] = x[n][c][i] * (bias + alpha / size * sum of x^2 over channels [c - before, c + after])^-beta.
 * Made by lib/row_lrn.c. */
#include "functions.clh"
#include "loop.clh"

#define NO_STRIDE (int8)(0)

/* power > 0 where the definition makes sense; pow keeps its NaN and infinity rules otherwise */
static inline MATHV lrn_value(MATHV x, MATHV sum, float scale, float beta, float bias) {
  return x / pow(V(bias) + V(scale) * sum, V(beta));
}

#if VW == 1

/* Any strides. The loop runs over y and x without the channel dim. Global: at least `count` * c items, the channels in the middle (they are
 * item % c); local: any. Checked by icn_lrn_any_applies. */
__kernel void lrn_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int channels,
                      int rank, int8 dim, int8 y_stride, int8 x_stride, int y_step, int x_step, int before, int after, float scale,
                      float beta, float bias) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  const int c = index % channels;
  int4 at = icn_loop_offsets(index / channels, rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  MATH sum = 0;
  for (int k = max(0, c - before); k <= min(channels - 1, c + after); k++) sum += x[k * x_step] * x[k * x_step];
  y[y_offset + at.x + c * y_step] = lrn_value(x[c * x_step], sum, scale, beta, bias);
}

#else

/* Channels are adjacent in x and y. Item (i, j): channels [i * chunk, (i + 1) * chunk) of pixel j. Global: (c / chunk rounded up, pixels);
 * local: any. Checked by icn_lrn_run_applies. */
__kernel void lrn_run(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int chunk, int channels,
                      int rank, int8 dim, int8 y_stride, int8 x_stride, int before, int after, float scale, float beta, float bias) {
  int4 at = icn_loop_offsets((int)get_global_id(1), rank, dim, y_stride, x_stride, NO_STRIDE, NO_STRIDE);
  x += x_offset + at.y;
  y += y_offset + at.x;
  const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, channels);
  for (int c = first; c < last; c += VW) {
    MATHV sum = V(0.0f);
    if (c >= before && c + VW + after <= channels)
      for (int k = -before; k <= after; k++) {
        MATHV neighbour = VLOAD(x + c + k);
        sum += neighbour * neighbour;
      }
    else { /* the first or last channels: some neighbours are missing */
      MATH lane[VW];
      for (int i = 0; i < VW; i++) {
        lane[i] = 0.0f;
        for (int k = max(0, c + i - before); k <= min(channels - 1, c + i + after); k++) lane[i] += x[k] * x[k];
      }
      sum = VLOAD(lane);
    }
    MATHV value = icn_load_most(x + c, last - c, 0.0f);
    icn_store_most(lrn_value(value, sum, scale, beta, bias), y + c, last - c);
  }
}

#endif
