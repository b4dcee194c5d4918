/* UNARY (every function), BINARY (every function, broadcasting) and AFFINE. */
#include "case_families.h"

static icn_case *add_unary(icn_case_list *list, icn_function function, int rank, const int64_t *dim, unsigned flags) {
  bool positive = function == ICN_FN_LOG || function == ICN_FN_SQRT || function == ICN_FN_RSQRT;
  if (positive && (flags & ICN_CASE_SPECIAL) == 0) flags |= ICN_CASE_POSITIVE;
  icn_case *c = icn_case_add(list, ICN_OP_UNARY, flags);
  icn_params *params = &c->problem.params;
  params->function = function;
  params->alpha = function == ICN_FN_HARD_SIGMOID ? 0.2F : (function == ICN_FN_CLIP ? -0.75F : 0.25F);
  if (function == ICN_FN_SELU) params->alpha = 1.67326319F;
  if (function == ICN_FN_CELU) params->alpha = 2.0F;
  params->beta = function == ICN_FN_CLIP ? 2.0F : 0.5F;
  params->gamma = function == ICN_FN_SELU ? 1.05070102F : 0.0F;
  icn_case_input(c, 0, rank, dim);
  icn_case_output(c, rank, dim);
  return c;
}

static void add_binary(icn_case_list *list, icn_function function, int rank, const int64_t *out, int a_rank, const int64_t *a, int b_rank,
                       const int64_t *b, unsigned flags) {
  if (function == ICN_FN_POW || function == ICN_FN_DIV) flags |= (flags & ICN_CASE_SPECIAL) != 0 ? 0 : ICN_CASE_POSITIVE;
  icn_case *c = icn_case_add(list, ICN_OP_BINARY, flags);
  c->problem.params.function = function;
  icn_case_input(c, 0, a_rank, a);
  icn_case_input(c, 1, b_rank, b);
  icn_case_output(c, rank, out);
}

static icn_case *add_affine(icn_case_list *list, int rank, const int64_t *dim, unsigned flags) {
  icn_case *c = icn_case_add(list, ICN_OP_AFFINE, flags);
  icn_case_input(c, 0, rank, dim);
  icn_case_constant(c, 1, 1, (const int64_t[]){dim[1]});
  icn_case_constant(c, 2, 1, (const int64_t[]){dim[1]});
  icn_case_output(c, rank, dim);
  return c;
}

/* As a picture arrives: planes; wanted: pixels, `gap` elements between them. */
static void add_affine_planes(icn_case_list *list, const int64_t *dim, int64_t gap, unsigned flags) {
  icn_case *c = add_affine(list, 4, dim, flags | ICN_CASE_VIEWS_GIVEN);
  c->problem.in[0] = icn_view_dense(&c->problem.in[0].shape);
  c->problem.out = icn_view_device(&c->problem.out.shape, dim[1] + gap);
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static void add_unary_cases(icn_case_list *list) {
  for (icn_function f = ICN_FN_IDENTITY; f < ICN_FN_UNARY_END; f++) {
    add_unary(list, f, 4, DIMS(1, 19, 3, 5), 0);
    add_unary(list, f, 2, DIMS(3, 101), ICN_CASE_WIDE);
    add_unary(list, f, 1, DIMS(523), ICN_CASE_SPECIAL);
  }
  add_unary(list, ICN_FN_SIGMOID, 4, DIMS(1, 96, 35, 35), ICN_CASE_LARGE);
  add_unary(list, ICN_FN_RELU, 4, DIMS(2, 288, 17, 17), ICN_CASE_LARGE);
  add_unary(list, ICN_FN_CLIP, 0, NULL, 0);
  add_unary(list, ICN_FN_CLIP, 2, DIMS(3, 37), 0)->problem.params.alpha = 2.5F; /* above the upper bound, which has the last word */
  add_unary(list, ICN_FN_RELU, 1, DIMS(1), 0);
  add_unary(list, ICN_FN_TANH, 8, DIMS(2, 1, 3, 2, 1, 2, 3, 5), 0);
  add_unary(list, ICN_FN_EXP, 1, DIMS(9001), ICN_CASE_LARGE | ICN_CASE_WIDE);
}

static void add_binary_cases(icn_case_list *list) {
  for (icn_function f = ICN_FN_ADD; f < ICN_FN_BINARY_END; f++) {
    add_binary(list, f, 4, DIMS(1, 19, 3, 5), 4, DIMS(1, 19, 3, 5), 4, DIMS(1, 19, 3, 5), 0);
    add_binary(list, f, 4, DIMS(2, 33, 3, 5), 4, DIMS(2, 33, 3, 5), 3, DIMS(33, 1, 1), 0); /* a channel each */
    add_binary(list, f, 2, DIMS(7, 65), 0, NULL, 2, DIMS(7, 65), 0);                       /* scalar left */
    add_binary(list, f, 3, DIMS(4, 3, 17), 3, DIMS(4, 1, 17), 2, DIMS(3, 1), 0);           /* both are repeated */
    add_binary(list, f, 1, DIMS(211), 1, DIMS(211), 1, DIMS(211), ICN_CASE_SPECIAL);
  }
  add_binary(list, ICN_FN_ADD, 4, DIMS(1, 256, 35, 35), 4, DIMS(1, 256, 35, 35), 4, DIMS(1, 256, 35, 35), ICN_CASE_LARGE);
  add_binary(list, ICN_FN_MUL, 4, DIMS(1, 96, 35, 35), 4, DIMS(1, 96, 35, 35), 4, DIMS(1, 96, 1, 1), ICN_CASE_LARGE);
  add_binary(list, ICN_FN_MUL, 4, DIMS(2, 3, 5, 7), 4, DIMS(2, 3, 1, 7), 4, DIMS(1, 1, 5, 1), 0);
  add_binary(list, ICN_FN_SUB, 4, DIMS(2, 40, 5, 7), 4, DIMS(2, 40, 5, 7), 1, DIMS(7), 0); /* along w */
  add_binary(list, ICN_FN_PRELU, 4, DIMS(1, 32, 5, 7), 4, DIMS(1, 32, 5, 7), 3, DIMS(32, 1, 1), 0);
  add_binary(list, ICN_FN_MAX, 0, NULL, 0, NULL, 0, NULL, 0);
  add_binary(list, ICN_FN_ADD, 8, DIMS(2, 1, 3, 2, 2, 2, 3, 5), 5, DIMS(2, 2, 1, 3, 5), 8, DIMS(2, 1, 3, 1, 1, 2, 1, 1), 0);
}

static void add_affine_cases(icn_case_list *list) {
  add_affine(list, 4, DIMS(1, 3, 5, 7), 0);
  add_affine(list, 4, DIMS(2, 35, 5, 7), 0);
  add_affine(list, 4, DIMS(1, 96, 35, 35), ICN_CASE_LARGE);
  add_affine(list, 4, DIMS(1, 1, 4, 9), 0);
  add_affine(list, 2, DIMS(5, 67), 0);
  add_affine(list, 3, DIMS(2, 5, 33), 0);
  add_affine(list, 5, DIMS(2, 3, 2, 4, 5), 0);
  add_affine(list, 4, DIMS(1, 24, 3, 3), ICN_CASE_SPECIAL);
  add_affine_planes(list, DIMS(2, 3, 7, 9), 0, 0);
  add_affine_planes(list, DIMS(1, 3, 41, 43), 0, ICN_CASE_SPECIAL);
  add_affine_planes(list, DIMS(2, 5, 3, 11), 0, 0);
  add_affine_planes(list, DIMS(1, 3, 6, 7), 4, 0);
  add_affine_planes(list, DIMS(1, 1, 1, 13), 0, 0);
}

void icn_cases_elementwise(icn_case_list *list) {
  add_unary_cases(list);
  add_binary_cases(list);
  add_affine_cases(list);
}
