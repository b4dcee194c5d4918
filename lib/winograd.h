/* Winograd's minimal filtering F(m, r): m outputs of an r-tap correlation with n = m + r - 1 multiplications (Lavin & Gray, arXiv
 * 1509.09308), made from its points by the Cook-Toom construction in exact rationals:
 *
 *   y = A^T [(G g) * (B^T d)]    d: n inputs, g: r taps, y: m outputs, * element by element
 *
 * With stride 2, y[o] = sum of d[2 o + k] g[k] splits into two of stride 1, even inputs with even taps and odd ones with odd taps (DWM,
 * arXiv 2002.00552): the points of one stand beside those of the other, n = 2 m + r - 2, and that is also how many inputs a tile reads.
 *
 * In two dimensions each matrix is applied along both axes, F(m x m, r x r). Row j of G and of B^T may be scaled by 1/s and s: powers of
 * two are chosen such that both are of like size, which rounds nothing and keeps transformed weights and inputs near 1. */
#ifndef ICN_LIB_WINOGRAD_H
#define ICN_LIB_WINOGRAD_H

#include "base.h"

enum { ICN_WINOGRAD_MAX_M = 6, ICN_WINOGRAD_MAX_R = 7, ICN_WINOGRAD_MAX_N = 12 };

typedef struct icn_rational {
  int64_t num, den; /* den > 0, no common divisor */
} icn_rational;

/* How a row computes: with F(m, r), m = 0 for rows that compute directly; folded: space to depth, 2 x 2 pixels are one of four times as
 * many channels and a convolution of stride 2 and r taps is one of stride 1 and (r + 1) / 2 taps (row_winograd_s2d.c). */
typedef struct icn_winograd_form {
  int m;
  bool folded;
} icn_winograd_form;

typedef struct icn_winograd {
  int m, r, stride, n;
  icn_rational at[ICN_WINOGRAD_MAX_M][ICN_WINOGRAD_MAX_N];
  icn_rational g[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_R];
  icn_rational bt[ICN_WINOGRAD_MAX_N][ICN_WINOGRAD_MAX_N];
} icn_winograd;

/* False when there are no points for these. There are for r = 3, 5 and 7, with m = 2, 3, 4, 6 and stride 1, and with stride 2 as far as n
 * is not above ICN_WINOGRAD_MAX_N; with stride 1 for r = 2 and 4, too (what 3 and 7 taps of stride 2 are once pixels are folded). */
bool icn_winograd_make(int m, int r, int stride, icn_winograd *made);
bool icn_winograd_exists(int m, int r, int stride); /* the same answer, without the matrices: selection asks some thousand times */
double icn_rational_double(icn_rational x);

/* Vector operations (additions, multiplications, multiply-adds) of one B^T d and one A^T m, as the emitted code has them. */
typedef struct icn_winograd_ops {
  int input, output;
} icn_winograd_ops;
icn_winograd_ops icn_winograd_count(int m, int r, int stride);
/* The same from a table. */
icn_winograd_ops icn_winograd_operations(int m, int r, int stride);

/* The name under which kernels include what icn_winograd_source() writes. */
#define ICN_WINOGRAD_SOURCE "winograd_transform.clh"
/* Appends the transforms of every F(m, r) as OpenCL C: with WM, WR and WS (stride) defined it declares WN (points) and
 *   void icn_winograd_input(const VEC *d, VEC *z)   z[WN] = B^T d[WN]
 *   void icn_winograd_output(const VEC *z, VEC *y)  y[WM] = A^T z[WN]
 * as straight lines; rows that differ only in the signs of some terms (those of points a and -a) share their sums. */
void icn_winograd_source(icn_text *text);

#endif
