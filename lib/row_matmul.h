/* What the rows of MATMUL share: sizes and strides by name, transposition and broadcasting resolved. */
#ifndef ICN_LIB_ROW_MATMUL_H
#define ICN_LIB_ROW_MATMUL_H

#include "kernel.h"

/* Leading dims collapsed to one batch; a[batch][m][k], b[batch][k][n], c[batch][m][n], y[batch][m][n] with a stride for each index (0 where
 * broadcast or of size 1). Batches that are only more rows of one product are folded into m. */
typedef struct icn_matmul_sizes {
  int64_t batch, m, n, k;
  int64_t a_batch, a_m, a_k;
  int64_t b_batch, b_k, b_n;
  int64_t c_batch, c_m, c_n;
  int64_t y_batch, y_m, y_n;
} icn_matmul_sizes;

/* Ranks 2 to 8, consistent shapes, no empty dimension. */
bool icn_matmul_fits(const icn_problem *problem, icn_reason *why_not);
/* Strides of the last two dims as m, k / k, n / m, n, transposition resolved. */
icn_matmul_sizes icn_matmul_inner(const icn_problem *problem);
/* The same with the leading dims collapsed; declines when they do not collapse to one stride in every tensor. */
bool icn_matmul_collapse(const icn_problem *problem, icn_matmul_sizes *sizes, icn_reason *why_not);

/* What a row with packed b and bias needs: b constant without a batch of its own; c absent, or a constant that depends on n alone (the
 * bias), or any c with adjacent columns and beta 1 (the residual). */
bool icn_matmul_packable(const icn_problem *problem, icn_reason *why_not);
/* c is added as a residual, not packed as a bias. */
bool icn_matmul_c_is_residual(const icn_problem *problem);
/* alpha * b as weight[panel][k][lane] in panels of `width` lanes (columns) and `depth` lines (k or more), then bias[panel][lane], which is
 * beta * c[n] or 0; lines and lanes without a weight are 0. */
void icn_matmul_pack_panels(const icn_problem *problem, int64_t width, int64_t depth, const icn_value *const *constants, float *packed);

#endif
