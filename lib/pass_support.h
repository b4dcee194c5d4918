/* What the passes share: looking at neighbours, new constants, and "x * scale[c] + shift[c]" in its many spellings. */
#ifndef ICN_LIB_PASS_SUPPORT_H
#define ICN_LIB_PASS_SUPPORT_H

#include "passes.h"

/* New uses list (icn_graph_count_uses), released by icn_pass_release_uses; NULL: no memory. Counts go stale as a pass rewrites: each pass
 * says why what it reads is still right. */
int *icn_pass_uses(const icn_graph *graph);
void icn_pass_release_uses(const icn_graph *graph, int *uses);

/* The node that makes `value`, NULL for inputs, constants and absent values. */
icn_node *icn_pass_producer(const icn_graph *graph, int value);
/* Input i of a node, ICN_NO_VALUE when it has fewer. */
int icn_pass_input(const icn_node *node, int i);
/* Sets input i, growing the list. False: no memory. */
bool icn_pass_set_input(icn_graph *graph, icn_node *node, int i, int value);
bool icn_pass_is_constant(const icn_graph *graph, int value);
/* `producer`, which makes the only thing that `node` reads, takes over node's output; node goes. */
void icn_pass_absorb(icn_graph *graph, icn_node *producer, icn_node *node);
/* Readers of node's output read `value` from now on; node goes. */
void icn_pass_bypass(icn_graph *graph, icn_node *node, int value);

/* A new float constant: its memory (in the arena, to be filled) and its value index; NULL: no memory. */
float *icn_pass_constant(icn_graph *graph, const icn_node *owner, const char *what, const icn_shape *shape, int *value);

/* x * scale[k] + shift[k] along one axis: an AFFINE node, or ADD, SUB, MUL, DIV with a constant that varies along that axis at most. */
typedef struct icn_affine {
  int x; /* the value that it is applied to; same shape as the result */
  icn_op op;
  icn_function function;
  bool reversed;             /* constant - x */
  icn_value constant, shift; /* copies: adding values moves the graph's array */
} icn_affine;

/* False when `node` (may be NULL) is no such thing, or its numbers are so large that folding them could overflow. */
bool icn_affine_match(const icn_graph *graph, const icn_node *node, int axis, icn_affine *affine);
double icn_affine_scale(const icn_affine *affine, int64_t k);
double icn_affine_shift(const icn_affine *affine, int64_t k);
/* Every scale is exactly 1 / every shift exactly 0. */
bool icn_affine_only_shifts(const icn_affine *affine, int64_t count);
bool icn_affine_only_scales(const icn_affine *affine, int64_t count);

/* The passes, one file a family. */
icn_status icn_pass_remove_identity(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_merge_reshape(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_merge_concat(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_remove_dead(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_fold_input_normalisation(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_merge_affine(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_fold_batch_norm(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_fuse_bias(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_fuse_residual(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_merge_siblings(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_swap_pool(icn_graph *graph, int *changed, icn_error *error);
icn_status icn_pass_fuse_activation(icn_graph *graph, int *changed, icn_error *error);

#endif
