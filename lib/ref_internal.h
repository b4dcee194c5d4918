/* What the files of the reference share. */
#ifndef ICN_LIB_REF_INTERNAL_H
#define ICN_LIB_REF_INTERNAL_H

#include "ref.h"

enum { ICN_WALK_VIEWS = 4 };

/* Visits every index of `shape` in the model's order; at[i] is the element of view i there. All views have that shape. */
typedef struct icn_walk {
  icn_shape shape;
  const icn_view *view[ICN_WALK_VIEWS];
  int view_count;
  int64_t index[ICN_MAX_RANK];
  int64_t at[ICN_WALK_VIEWS];
} icn_walk;

/* False when there is nothing to visit. for (bool more = icn_walk_begin(...); more; more = icn_walk_next(&walk)) */
bool icn_walk_begin(icn_walk *walk, const icn_shape *shape, const icn_view *const *views, int view_count);
bool icn_walk_next(icn_walk *walk);

/* Input i, NULL when the problem has none (the caller's list may be shorter then). */
static inline const float *icn_ref_operand(const icn_problem *problem, const void *const *in, int i) {
  return icn_problem_has(problem, i) ? in[i] : NULL;
}

/* (+ bias and residual are in `value` already): the epilogue's function, then the one rounding to float. */
static inline float icn_ref_finish(const icn_problem *problem, double value) {
  const icn_epilogue *e = &problem->epilogue;
  if (e->function == ICN_FN_IDENTITY) return (float)value;
  return (float)icn_ref_unary(e->function, value, (double)e->alpha, (double)e->beta, 0.0);
}

/* What a computation may use: memory for its own sums, and where to leave a sentence. */
typedef struct icn_ref_means {
  const icn_allocator *allocator;
  icn_error *error;
} icn_ref_means;

typedef icn_status (*icn_ref_function)(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_conv(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_conv_transpose(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_matmul(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_pool(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_lrn(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_map_unary(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_map_binary(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_affine(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_reduce(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_softmax(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_copy(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_pad(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);
icn_status icn_ref_resample(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means);

#endif
