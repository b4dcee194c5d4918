/* The plain C reference: the specification. Double accumulation, one obvious loop nest an operation, any strides. */
#ifndef ICN_LIB_REF_H
#define ICN_LIB_REF_H

#include "problem.h"

/* Computes `problem`. in[i] is the base pointer of input i (the view's offset is added here), NULL when absent; RESAMPLE's input 1 is
 * int32_t. `out` likewise. Elements outside the output view are not touched. Inputs and output must not overlap.
 * `allocator` (NULL: the C library's) is for the computation's own sums, given back before it returns. Fails: ICN_NO_MEMORY,
 * ICN_UNSUPPORTED for an operation that is none of ours. */
icn_status icn_ref_compute(const icn_problem *problem, const void *const *in, float *out, const icn_allocator *allocator, icn_error *error);

/* One scalar function in double. */
double icn_ref_unary(icn_function function, double x, double alpha, double beta, double gamma);
double icn_ref_binary(icn_function function, double a, double b);

/* Runs a whole graph: every float value gets a dense buffer. `values` has graph->value_count pointers: graph inputs are set by the caller
 * (dense float), all others are filled in here from `arena` (constants too). progress may be NULL; it is called after each node. */
icn_status icn_ref_run(const icn_graph *graph, const float **values, icn_arena *arena,
                       void (*progress)(void *user, size_t done, size_t count), void *user, icn_error *error);

#endif
