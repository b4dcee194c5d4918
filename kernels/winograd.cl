/* Winograd convolution of stride WS (1, or 2 along both axes) for CPU devices, F(WM, WR) along one axis (WDIM 1) or both (WDIM 2): one work-item takes blocks
 * of tiles through transform, multiplication and inverse transform, with scratch that stays in its core's cache.
 *
 *   V[p][tile][ic] = B^T d B                              d: the tile's window of x, zero outside the image
 *   M[p][tile][oc] = sum over ic of V[p][tile][ic] * U[p][ic][oc]         U = G g G^T, packed [panel][p][ic][NR]
 *   y = act(A^T M A + bias[oc] + residual)                (Lavin & Gray, arXiv 1509.09308)
 *
 * x, y and residual are NHWC with a pixel stride of their own. The biases [panel][NR] stand behind the packed weights; both are padded with
 * zeros to whole panels of NR = NV * VW channels. The work is blocks of tiles times splits (ranges of panels); each work-item takes an
 * equal range of it, blocks outermost, so that a block's V serves all its panels. Register tiles are MR tiles x NR channels; where MR does
 * not divide a block, its last rows are computed twice.
 * With -D FOLD=C (C <= 4 channels and a pixel stride of C, space to depth) 2 x 2 pixels of x are one, so that a convolution of stride 2 and
 * r taps is one of stride 1 (WS) and (r + 1) / 2 taps (WR): output o reads x[2 o - pad + k], and with X[j] = (x[2 j - pad], x[2 j - pad + 1])
 * that is X[o + t][phase] with k = 2 t + phase. A folded pixel has 16 lanes, row * 8 + column * C + channel, so that each row of it is one
 * load; lanes that are none of the 4 C hold what stands beside in x. They are transformed, lane by lane, and never multiplied.
 * scratch, for each work-item: V[POINTS][block][padded ic], M[POINTS][block][NR], a window [POINTS][VW] ([POINTS][16] folded).
 * global: work-items, one for each core; local: 1. Checked by icn_winograd_fused_applies() in lib/row_winograd.c. */
#include "tile.clh"

#ifndef WM
#define WM 4
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
#include "winograd_transform.clh"

#define LINES  (WDIM == 2 ? WN : 1) /* of a window */
#define POINTS (LINES * WN)

/* Along which axis a line of a window runs: both dimensions tile x, one dimension what the problem says (down: 1 for y). */
#define STEP_Y(down) (WDIM == 2 ? 0 : (down))
#define STEP_X(down) (WDIM == 2 ? 1 : 1 - (down))

#ifdef FOLD
#define ROW_LANES 8 /* of a folded pixel */
#define LANES     (2 * ROW_LANES)
/* Outputs of a step of x; channels that are multiplied, and which lane of V each of them is. */
#define STEP      2
#define CHANNELS  (4 * FOLD)
#define PADDED    LANES
#define LANE(ic)  ((ic) < 2 * FOLD ? (ic) : (ic) + ROW_LANES - 2 * FOLD)
#else
#define STEP     WS
#define CHANNELS in.s3
#define PADDED   (channels + VW - 1) / VW * VW
#define LANE(ic) ic
#endif

/* VW lanes of a pixel; row_step: from the first row of a folded one to the second. */
#if defined(FOLD) && VW > ROW_LANES
static inline VEC load_rows(__global const STORE *d, int row_step) {
  VEC v = 0; /* Oclgrind does not survive a vector made of two where it looks for values that nobody wrote */
  v.lo = vload8(0, d);
  v.hi = vload8(0, d + row_step);
  return v;
}
#define PIXEL(d, row_step) load_rows(d, row_step)
#else
#define PIXEL(d, row_step) VLOAD(0, d)
#endif

/* B^T d B of VW channels of a window whose lines and pixels are that many elements apart, into v, v_step elements from point to point. */
static void transform_window(__global const STORE *d, int line_step, int pixel_step, int row_step, __global STORE *v, int v_step) {
  VEC line[WN], sums[WN];
  (void)row_step; /* of folded pixels only */
#if WDIM == 2
  VEC half_done[POINTS];
  for (int a = 0; a < WN; a++, d += line_step) {
#pragma unroll
    for (int b = 0; b < WN; b++) line[b] = PIXEL(d + b * pixel_step, row_step);
    icn_winograd_input(line, sums);
#pragma unroll
    for (int b = 0; b < WN; b++) half_done[a * WN + b] = sums[b];
  }
  for (int b = 0; b < WN; b++) {
#pragma unroll
    for (int a = 0; a < WN; a++) line[a] = half_done[a * WN + b];
    icn_winograd_input(line, sums);
#pragma unroll
    for (int a = 0; a < WN; a++) VSTORE(sums[a], 0, v + (a * WN + b) * v_step);
  }
#else
  (void)line_step; /* one line */
#pragma unroll
  for (int b = 0; b < WN; b++) line[b] = PIXEL(d + b * pixel_step, row_step);
  icn_winograd_input(line, sums);
#pragma unroll
  for (int b = 0; b < WN; b++) VSTORE(sums[b], 0, v + b * v_step);
#endif
}

#ifdef FOLD
/* A window that reaches over the image's edge, lane by lane, with zeros where nothing is. */
static void copy_window(__global const STORE *x, int h, int w, int top, int left, __global STORE *window) {
  for (int a = 0; a < WN; a++)
    for (int b = 0; b < WN; b++)
      for (int row = 0; row < 2; row++, window += ROW_LANES) {
        const int iy = top + 2 * a + row, ix = left + 2 * b;
#pragma unroll
        for (int lane = 0; lane < ROW_LANES; lane++) {
          const bool inside = lane < 2 * FOLD && (uint)iy < (uint)h && (uint)(ix + lane / FOLD) < (uint)w;
          window[lane] = inside ? x[((size_t)iy * w + (ix + lane / FOLD)) * FOLD + lane % FOLD] : 0;
        }
      }
}

/* One tile's V. x points at its image. The last vector of a window that counts as inside ends inside of the image, too: behind the image there
 * may be nothing at all. */
static void transform_tile(__global const STORE *x, int h, int w, int x_stride, int channels, int top, int left, int down,
                           __global STORE *v, int v_step, __global STORE *window) {
  const int last_y = top + 2 * WN - 1, last_x = left + 2 * WN - 1;
  const bool inside = top >= 0 && left >= 0 && last_y < h && last_x < w && ((h - last_y) * w - (last_x - 1)) * FOLD >= ROW_LANES;
  if (!inside) copy_window(x, h, w, top, left, window);
  for (int c = 0; c < LANES; c += VW) {
    const int row = c / ROW_LANES, lane = c % ROW_LANES;
    if (lane >= 2 * FOLD) continue; /* none of these is multiplied */
    if (inside)
      transform_window(x + ((size_t)(top + row) * w + left) * FOLD + lane, 2 * w * FOLD, 2 * FOLD, w * FOLD, v + c, v_step);
    else
      transform_window(window + c, WN * LANES, LANES, ROW_LANES, v + c, v_step);
  }
  (void)x_stride, (void)channels, (void)down; /* FOLD, all, both axes */
}
#else
/* A window that reaches over the image's edge, or whose last channels are no whole vector, with zeros where nothing is. */
static void copy_window(__global const STORE *x, int h, int w, int x_stride, int top, int left, int down, int lanes,
                        __global STORE *window) {
  for (int a = 0; a < LINES; a++)
    for (int b = 0; b < WN; b++, window += VW) {
      const int iy = top + a + b * STEP_Y(down), ix = left + b * STEP_X(down);
      const bool inside = (uint)iy < (uint)h && (uint)ix < (uint)w;
      VEC v = 0;
      if (inside) v = icn_load_some(x + ((size_t)iy * w + ix) * x_stride, lanes);
      VSTORE(v, 0, window);
    }
}

/* One tile's V, all channels. x points at its image. */
static void transform_tile(__global const STORE *x, int h, int w, int x_stride, int channels, int top, int left, int down,
                           __global STORE *v, int v_step, __global STORE *window) {
  const int last_y = top + LINES - 1 + STEP_Y(down) * (WN - 1), last_x = left + STEP_X(down) * (WN - 1);
  const bool inside = top >= 0 && left >= 0 && last_y < h && last_x < w;
  const int line_step = w * x_stride, pixel_step = WDIM == 2 || down == 0 ? x_stride : line_step;
  for (int c = 0; c < channels; c += VW) {
    if (inside && channels - c >= VW) {
      transform_window(x + ((size_t)top * w + left) * x_stride + c, line_step, pixel_step, 0, v + c, v_step);
    } else {
      copy_window(x + c, h, w, x_stride, top, left, down, channels - c, window);
      transform_window(window, WN * VW, VW, 0, v + c, v_step);
    }
  }
}
#endif

/* m[row][NR] = v[row][channels] * u[channels][NR] for `rows` rows, MR or more. */
static void multiply(__global const STORE *v, int v_stride, int channels, __global const WEIGHT *u, int rows, __global STORE *m) {
  for (int done = 0; done < rows; done += MR) {
    const int row = min(done, rows - MR);
    __global const STORE *a = v + row * v_stride;
    __global const WEIGHT *weight = u;
    VEC acc[MR][NV];
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
      for (int j = 0; j < NV; j++) acc[i][j] = 0;
#ifdef FOLD
#pragma unroll
#endif
    for (int ic = 0; ic < channels; ic++, weight += NR) {
      VEC b[NV];
#pragma unroll
      for (int j = 0; j < NV; j++) {
        b[j] = WLOAD(j, weight);
        ICN_PREFETCH_WEIGHT(j, weight);
      }
#pragma unroll
      for (int i = 0; i < MR; i++) {
        const VEC value = a[i * v_stride + LANE(ic)];
#pragma unroll
        for (int j = 0; j < NV; j++) acc[i][j] += value * b[j];
      }
    }
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
      for (int j = 0; j < NV; j++) VSTORE(acc[i][j], j, m + (row + i) * NR);
  }
}

/* Where a tile's pixels go, and what becomes of them on the way. y and residual point at the image and the vector's first channel. */
typedef struct target {
  __global const STORE *residual;
  __global STORE *y;
  int residual_stride, y_stride, oh, ow, down;
  int lanes; /* channels from here on */
  int function;
  float alpha, beta;
} target;

/* Pixels of one line of a tile, from (oy, ox) on: bias, residual, activation, and what lies inside the image is stored. */
static void store_line(const VEC *line, VEC bias, const target *to, int oy, int ox) {
  for (int b = 0; b < WM; b++) {
    const int py = oy + b * STEP_Y(to->down), px = ox + b * STEP_X(to->down);
    if (py >= to->oh || px >= to->ow) return;
    const size_t pixel = (size_t)py * to->ow + px;
    VEC v = line[b] + bias;
    if (to->residual_stride != 0) v += icn_load_some(to->residual + pixel * to->residual_stride, to->lanes);
    icn_store_some(icn_activate_vec(v, to->function, to->alpha, to->beta), to->y + pixel * to->y_stride, to->lanes);
  }
}

/* The same for the first `count` pixels where all lanes count and nothing but a ReLU or nothing follows, as in most layers of most networks:
 * half the time of conditions for each pixel. */
static inline void store_plain_line(const VEC *line, VEC bias, VEC least, __global STORE *y, int pixel_step, int count) {
#pragma unroll
  for (int b = 0; b < WM; b++) {
    const VEC v = line[b] + bias;
    if (b < count) VSTORE(v < least ? least : v, 0, y + b * pixel_step);
  }
}

/* y = A^T M A of VW channels of a tile at (oy, ox); m_step elements from point to point. */
static void inverse_tile(__global const STORE *m, int m_step, VEC bias, const target *to, int oy, int ox) {
  const bool plain = to->lanes >= VW && to->residual_stride == 0 && to->function <= ICN_FN_RELU;
  const VEC least = to->function == ICN_FN_RELU ? 0.0f : -INFINITY;
  const int row_step = to->ow * to->y_stride, pixel_step = STEP_Y(to->down) != 0 ? row_step : to->y_stride;
  const int count = STEP_Y(to->down) != 0 ? to->oh - oy : to->ow - ox;
  __global STORE *y = to->y + ((size_t)oy * to->ow + ox) * to->y_stride;
  VEC line[WN], sums[WM];
#if WDIM == 2
  VEC half_done[WM * WN];
  for (int b = 0; b < WN; b++) {
#pragma unroll
    for (int a = 0; a < WN; a++) line[a] = VLOAD(0, m + (a * WN + b) * m_step);
    icn_winograd_output(line, sums);
#pragma unroll
    for (int a = 0; a < WM; a++) half_done[a * WN + b] = sums[a];
  }
  for (int a = 0; a < WM && oy + a < to->oh; a++, y += row_step) {
#pragma unroll
    for (int b = 0; b < WN; b++) line[b] = half_done[a * WN + b];
    icn_winograd_output(line, sums);
    if (plain)
      store_plain_line(sums, bias, least, y, pixel_step, count);
    else
      store_line(sums, bias, to, oy + a, ox);
  }
#else
#pragma unroll
  for (int b = 0; b < WN; b++) line[b] = VLOAD(0, m + b * m_step);
  icn_winograd_output(line, sums);
  if (plain)
    store_plain_line(sums, bias, least, y, pixel_step, count);
  else
    store_line(sums, bias, to, oy, ox);
#endif
}

/* Where a tile is: its image, and its row and column among that image's tiles. */
typedef struct place {
  int n, y, x;
} place;

static place place_of(int tile, int tiles_y, int tiles_x) {
  const place p = {tile / (tiles_y * tiles_x), tile / tiles_x % tiles_y, tile % tiles_x};
  return p;
}

/* The next tile's, without a division. */
static void step_place(place *p, int tiles_y, int tiles_x) {
  if (++p->x < tiles_x) return;
  p->x = 0;
  if (++p->y < tiles_y) return;
  p->y = 0;
  p->n++;
}

/* in: h, w, pixel stride, channels, leading padding of y and x, 1 when lines run down (WDIM 1); out: oh, ow, pixel stride, channels;
 * grid: tiles of an image down and across, tiles in all, block, splits, panels, scratch elements of a work-item. residual_stride: pixels
 * of the residual, 0 when there is none. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_fused(
    __global const STORE *x, int x_offset, __global const WEIGHT *packed, int packed_offset, __global const STORE *residual,
    int residual_offset, __global STORE *y, int y_offset, __global STORE *scratch, int scratch_offset, int8 in, int8 out, int8 grid,
    int residual_stride, int function, float alpha, float beta) {
  const int worker = (int)get_global_id(0), workers = (int)get_global_size(0);
  const int h = in.s0, w = in.s1, x_stride = in.s2, channels = CHANNELS, down = in.s6;
  const int oh = out.s0, ow = out.s1, y_stride = out.s2, out_channels = out.s3;
  const int tiles_y = grid.s0, tiles_x = grid.s1, tiles = grid.s2, block = grid.s3, splits = grid.s4, panels = grid.s5;
  const int blocks = (tiles + block - 1) / block, padded = PADDED;
  const int along_y = WDIM == 2 || down != 0 ? WM : 1, along_x = WDIM == 2 || down == 0 ? WM : 1;

  x += x_offset;
  y += y_offset;
  residual += residual_offset;
  packed += packed_offset;
  __global STORE *v = scratch + scratch_offset + (size_t)worker * grid.s6;
  __global STORE *m = v + POINTS * block * padded, *window = m + POINTS * block * NR;
  __global const WEIGHT *bias = packed + (size_t)panels * POINTS * channels * NR;

  const int from = (int)((long)blocks * splits * worker / workers), end = (int)((long)blocks * splits * (worker + 1) / workers);
  for (int item = from; item < end; item++) {
    const int first = item / splits * block, split = item % splits;
    const int live = min(block, tiles - first), rows = max(live, MR);
    place at = place_of(first, tiles_y, tiles_x);
    for (int k = 0; k < rows && (item == from || split == 0); k++) {
      const int top = at.y * along_y * STEP - in.s4, left = at.x * along_x * STEP - in.s5;
      transform_tile(x + (size_t)at.n * h * w * x_stride, h, w, x_stride, channels, top, left, down, v + k * padded, block * padded, window);
      if (k + 1 < live) step_place(&at, tiles_y, tiles_x);
    }
    for (int panel = panels * split / splits; panel < panels * (split + 1) / splits; panel++) {
      __global const WEIGHT *u = packed + (size_t)panel * POINTS * channels * NR;
      for (int p = 0; p < POINTS; p++, u += channels * NR)
        multiply(v + p * block * padded, padded, channels, u, rows, m + p * block * NR);
      at = place_of(first, tiles_y, tiles_x);
      for (int k = 0; k < live; k++, step_place(&at, tiles_y, tiles_x)) {
        const int oy = at.y * along_y, ox = at.x * along_x;
        for (int j = 0; j < NV; j++) {
          const int oc = panel * NR + j * VW;
          if (oc >= out_channels) break;
          const target to = {residual + (size_t)at.n * oh * ow * residual_stride + oc,
                             y + (size_t)at.n * oh * ow * y_stride + oc,
                             residual_stride,
                             y_stride,
                             oh,
                             ow,
                             down,
                             out_channels - oc,
                             function,
                             alpha,
                             beta};
          inverse_tile(m + k * NR + j * VW, block * NR, WLOAD(0, bias + oc), &to, oy, ox);
        }
      }
    }
  }
}
