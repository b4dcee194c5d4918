/* What the Winograd rows share: the sizes of a problem cut into tiles, the checks before them, and packing. */
#ifndef ICN_LIB_ROW_WINOGRAD_H
#define ICN_LIB_ROW_WINOGRAD_H

#include "row_conv.h"
#include "winograd.h"

/* config->value[ICN_WINOGRAD_M]: m of F(m, r), in every Winograd row. A folded pixel has 16 lanes, 8 for each of its two rows. */
enum { ICN_WINOGRAD_M = 0, ICN_WINOGRAD_FOLDED_LANES = 16 };

/* What one problem comes to with one m. */
typedef struct icn_winograd_sizes {
  icn_conv_sizes s;
  int dims, r, stride, n; /* axes that are transformed; taps, stride and points along one of them */
  bool down, folded;      /* one axis: y; pixels are folded: s is the problem as it is, all others describe the folded one */
  int64_t lanes, depth;   /* channels of V, and how many of them are multiplied: s.c both unless pixels are folded */
  int64_t points, tiles_y, tiles_x, tiles;
} icn_winograd_sizes;

icn_winograd_sizes icn_winograd_sizes_of(const icn_problem *problem, int m);
/* The same, `folded`: of a problem of stride 2 with 2 x 2 pixels folded into one (row_winograd_s2d.c). */
icn_winograd_sizes icn_winograd_fused_sizes(const icn_problem *problem, bool folded, int m);

/* m of F(m, r) that are tried, the least first, ended by 0. */
extern const int32_t icn_winograd_ms[];
/* False for an m that the device's description asks to do without (most_winograd_m). */
static inline bool icn_winograd_m_wanted(const icn_device_desc *device, int32_t m) {
  return device->most_winograd_m == 0 || m <= device->most_winograd_m;
}
/* Operations of the transforms of all tiles, each as one multiply-add; of the products. */
double icn_winograd_input_flop(const icn_winograd_sizes *w, int m);
double icn_winograd_output_flop(const icn_winograd_sizes *w, int m);
double icn_winograd_product_flop(const icn_winograd_sizes *w);
/* There is such a tile, and its error is small enough: in two dimensions at most 8 x 8 points (11 x 11 with stride 2, where each phase has
 * half of them), since the error grows with the square of what one dimension gives: F(6x6, 5x5) is at 1e-4 of the largest output. */
bool icn_winograd_tile_ok(const icn_winograd_sizes *w, int m);

/* The product of the rows in three launches as a convolution: V[tile][p][ic] is an image of one column, M[tile][p][oc] too. */
icn_problem icn_winograd_product(const icn_winograd_sizes *w);

/* Constants, NHWC, one group, no dilation, and a window that has tiles: 3x3 and 5x5, 3, 5 or 7 along one axis with stride 1; 3x3, 5x5 and
 * 7x7 with stride 2. */
bool icn_winograd_problem_ok(const icn_problem *problem, icn_reason *why_not);

/* Where the element of point p, input channel ic and output channel oc goes: panel oc / width, then
 * packed[panel * panel_step + p * point_step + ic * width + oc % width]. What no element is written to is left as it is. Folded: ic is
 * (row * 2 + column) * c + channel of the pixels that are one. */
typedef struct icn_winograd_packing {
  int64_t width, panel_step, point_step;
  bool folded;
} icn_winograd_packing;
/* U = G g G^T, transformed in double and rounded once. */
void icn_winograd_pack_panels(const icn_problem *problem, int m, const icn_winograd_packing *packing, const icn_value *const *constants,
                              float *packed);

/* What the rows in one launch for CPUs are made of (row_winograd.c); `folded`: as row_winograd_s2d.c has it. applies: for any window of
 * this stride, with that many channels as they are multiplied. */
bool icn_winograd_fused_applies(const icn_problem *problem, const icn_device_desc *device, int64_t stride, int64_t depth,
                                icn_reason *why_not);
void icn_winograd_fused_configure(const icn_problem *problem, bool folded, const icn_device_desc *device, icn_config *config);
double icn_winograd_fused_cost(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config);
uint64_t icn_winograd_fused_pack_bytes(const icn_problem *problem, bool folded, const icn_config *config);
void icn_winograd_fused_pack(const icn_problem *problem, bool folded, const icn_config *config, const icn_value *const *constants,
                             float *packed);
void icn_winograd_fused_emit(const icn_problem *problem, bool folded, const icn_device_desc *device, const icn_config *config,
                             icn_emit *emit);

#endif
