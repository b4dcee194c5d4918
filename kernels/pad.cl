/* PAD: y[i] = x[i - begin], positions outside x by the mode: 0 a constant, 1 reflected without repeating the edge, 2 the edge, 3 wrapped
 * around. begin is negative where x is cropped. Made by lib/row_pad.c. */
#include "vector.clh"

/* Where position i of an axis of n elements is read; -1: outside (constant mode). Any distance outside is folded back. */
static inline int pad_source(int i, int n, int mode) {
  if (i >= 0 && i < n) return i;
  if (mode == 0) return -1;
  if (mode == 2 || n == 1) return i < 0 ? 0 : n - 1;
  int period = mode == 1 ? 2 * (n - 1) : n;
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i; /* only a reflection reaches the second half */
}

/* One dim of a padded tensor: takes the position along it off `index`, and moves `from` and `to` along. */
#define ICN_PAD_DIM(k)                                   \
  if (y_dim.k != 1 || x_dim.k != 1) {                    \
    int outer = index / y_dim.k;                         \
    int i = index - outer * y_dim.k;                     \
    int source = pad_source(i - begin.k, x_dim.k, mode); \
    inside = inside && source >= 0;                      \
    from += source * x_stride.k;                         \
    to += i * y_stride.k;                                \
    index = outer;                                       \
  }
#define ICN_PAD_DIMS \
  ICN_PAD_DIM(s7) ICN_PAD_DIM(s6) ICN_PAD_DIM(s5) ICN_PAD_DIM(s4) ICN_PAD_DIM(s3) ICN_PAD_DIM(s2) ICN_PAD_DIM(s1) ICN_PAD_DIM(s0)

#if VW == 1

/* Any strides. Global: at least `count` items; local: any. Dims are right-aligned, not merged. Checked by icn_pad_any_applies. */
__kernel void pad_any(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int count, int8 y_dim,
                      int8 x_dim, int8 begin, int8 y_stride, int8 x_stride, int mode, float value) {
  int index = (int)get_global_id(0);
  if (index >= count) return;
  int from = x_offset, to = y_offset;
  bool inside = true;
  ICN_PAD_DIMS
  y[to] = inside ? x[from] : value;
}

#else

/* One dim (`run` elements) is contiguous in x and y and not padded: channels of NHWC. The dims are the others. Item (i, j): elements [i *
 * chunk, (i + 1) * chunk) of row j. Global: (run / chunk rounded up, rows); local: any. Checked by icn_pad_run_applies. */
__kernel void pad_run(__global const STORE *restrict x, int x_offset, __global STORE *restrict y, int y_offset, int run, int chunk,
                      int8 y_dim, int8 x_dim, int8 begin, int8 y_stride, int8 x_stride, int mode, float value) {
  int index = (int)get_global_id(1);
  int from = x_offset, to = y_offset;
  bool inside = true;
  ICN_PAD_DIMS
  const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, run);
  for (int i = first; i < last; i += VW) {
    MATHV v = (MATHV)(value);
    if (inside) v = icn_load_most(x + from + i, last - i, 0.0f);
    icn_store_most(v, y + to + i, last - i);
  }
}

#endif
