/* A few elements of an operation's result as a problem of its own: what makes it cheap to ask the reference for samples. */
#ifndef ICN_LIB_PROBLEM_PART_H
#define ICN_LIB_PROBLEM_PART_H

#include "problem.h"

/* Of each dim of the output `count` elements from `first` on. */
typedef struct icn_box {
  int64_t first[ICN_MAX_RANK], count[ICN_MAX_RANK];
  int64_t slack; /* CONV: so many rows and columns of x stay behind those that are read (an error bound may look at them) */
} icn_box;

/* The whole output. */
icn_box icn_box_whole(const icn_problem *problem);
/* *part computes exactly what `problem` does in the box, from views into the same tensors, cut to what it reads. Where an operation gives
 * no part of a dim the box is widened to all of it (to whole groups, of a convolution's channels); of channels on both sides of
 * problem.turned those below stay. `problem` is valid and the box inside its output, not empty. */
void icn_problem_part(const icn_problem *problem, icn_box *box, icn_problem *part);

#endif
