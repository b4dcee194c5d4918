/* What the Winograd rows share: the sizes of a problem cut into tiles, the checks before them, and packing. */
#ifndef ICN_LIB_ROW_WINOGRAD_H
#define ICN_LIB_ROW_WINOGRAD_H

#include "row_conv.h"
#include "winograd.h"

/* config->value[ICN_WINOGRAD_M]: m of F(m, r), in every Winograd row. */
enum { ICN_WINOGRAD_M = 0 };

/* What one problem comes to with one m. */
typedef struct icn_winograd_sizes {
  icn_conv_sizes s;
  int dims, r, stride, n; /* axes that are transformed; taps, stride and points along one of them */
  bool down;              /* one axis: y */
  int64_t points, tiles_y, tiles_x, tiles;
} icn_winograd_sizes;

icn_winograd_sizes icn_winograd_sizes_of(const icn_problem *problem, int m);

/* m of F(m, r) that are tried, ended by 0. */
extern const int32_t icn_winograd_ms[];
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
 * packed[panel * panel_step + p * point_step + ic * width + oc % width]. What no element is written to is left as it is. */
typedef struct icn_winograd_packing {
  int64_t width, panel_step, point_step;
} icn_winograd_packing;
/* U = G g G^T, transformed in double and rounded once. */
void icn_winograd_pack_panels(const icn_problem *problem, int m, const icn_winograd_packing *packing, const icn_value *const *constants,
                              float *packed);

#endif
