/* Is a tensor that somebody computed what the reference makes of the same inputs? Asked of samples, where all of it would take long: the
 * self-test of kernels stands on it. */
#ifndef ICN_LIB_PART_CHECK_H
#define ICN_LIB_PART_CHECK_H

#include "kernel.h"

typedef struct icn_part_check {
  size_t elements, compared; /* of the output; those that were compared with the reference */
  double part;               /* the largest error as a part of what rounding explains; wrong is what is above 4 */
  bool wrong;
  char text[200]; /* what is wrong: element, value, what it should be */
} icn_part_check;

enum { ICN_UNWRITTEN = 0x7FC1BEEF }; /* bits of a quiet NaN: an output that holds them was never written */

/* in[i] and got are the bases of problem->in[i] and problem->out, as for icn_ref_compute; `row` with `config` is who computed it. Every
 * element is looked at: one that is not finite, and not written, is compared. Beside these samples: all elements of a small problem; else
 * corners and points spread evenly, so that each row, column and channel has its turn as far as their number goes; for Winograd a few
 * whole tiles, too. Inputs that are not constants are random values of both signs (the row's tolerance is for such). Fails: ICN_NO_MEMORY.
 */
icn_status icn_check_parts(const icn_problem *problem, const icn_row *row, const icn_config *config, const void *const in[ICN_MAX_INPUTS],
                           const float *got, const icn_allocator *allocator, icn_part_check *check, icn_error *error);

#endif
