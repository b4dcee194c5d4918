/* How far the result of a Winograd row may be from the exact one, element by element. */
#ifndef ICN_LIB_WINOGRAD_BOUND_H
#define ICN_LIB_WINOGRAD_BOUND_H

#include "kernel.h"
#include "winograd.h"

bool icn_row_is_winograd(const icn_row *row);
/* How a configured row computes. */
icn_winograd_form icn_row_winograd_form(const icn_row *row, const icn_config *config);

/* The row's tolerance for results on random data; more where it holds the problem's weights as halves. */
double icn_row_tolerance(const icn_row *row, const icn_problem *problem);

/* magnitude[i] = |bias| + |residual| + sum over ic of |A^T| ((|G| |w|) (|B^T| |x|)) of output i, in the model's order: every product of
 * the three stages with its sign taken away. A stage's rounding errors are at most some units in the last place of such sums, so
 * |got - want| <= tolerance * 2^-24 * magnitude as for direct rows, where magnitude is sum |w x|. `problem` has dense views and no epilogue
 * function that enlarges; in[] are its inputs. With half-precision weights U counts as at least the least normal half. With folded pixels
 * (row_winograd_s2d.c) the sum is over their 4 channels for each ic, and the transforms are those of the folded window. Fails:
 * ICN_NO_MEMORY. */
icn_status icn_winograd_magnitude(const icn_problem *problem, icn_winograd_form form, const void *const in[ICN_MAX_INPUTS],
                                  float *magnitude, const icn_allocator *allocator, icn_error *error);

#endif
