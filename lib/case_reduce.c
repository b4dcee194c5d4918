/* REDUCE, SOFTMAX and LRN. */
#include "case_families.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static void add_reduce(icn_case_list *list, icn_function function, int rank, const int64_t *dim, uint32_t axes, unsigned flags) {
  icn_case *c = icn_case_add(list, ICN_OP_REDUCE, flags);
  int64_t out[ICN_MAX_RANK];
  c->problem.params.function = function;
  c->problem.params.axes = axes;
  for (int k = 0; k < rank; k++) out[k] = (axes >> k & 1U) != 0 ? 1 : dim[k];
  icn_case_input(c, 0, rank, dim);
  icn_case_output(c, rank, out);
}

static void add_reduce_cases(icn_case_list *list) {
  static const icn_function functions[] = {ICN_FN_ADD,  ICN_FN_MAX, ICN_FN_MIN, ICN_FN_MUL,
                                           ICN_FN_MEAN, ICN_FN_L1,  ICN_FN_L2,  ICN_FN_SUM_SQUARE};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    icn_function f = functions[i];
    add_reduce(list, f, 4, DIMS(2, 35, 4, 3), 0xC, 0); /* spatial: an outer reduction in NHWC */
    add_reduce(list, f, 4, DIMS(2, 35, 4, 3), 0x2, 0); /* channels: an inner one */
    add_reduce(list, f, 3, DIMS(4, 3, 37), 0x4, 0);
    add_reduce(list, f, 3, DIMS(3, 5, 41), 0x5, 0);
    add_reduce(list, f, 1, DIMS(300), 0x1, 0);
  }
  add_reduce(list, ICN_FN_MAX, 4, DIMS(2, 35, 4, 3), 0xC, ICN_CASE_SPECIAL);
  add_reduce(list, ICN_FN_MIN, 2, DIMS(3, 150), 0x2, ICN_CASE_SPECIAL);
  add_reduce(list, ICN_FN_ADD, 2, DIMS(40, 33), 0x1, ICN_CASE_SPECIAL);
  add_reduce(list, ICN_FN_ADD, 3, DIMS(2, 3, 4), 0, 0); /* nothing is reduced */
  add_reduce(list, ICN_FN_MEAN, 0, NULL, 0, 0);
  add_reduce(list, ICN_FN_ADD, 8, DIMS(2, 3, 2, 3, 2, 3, 2, 17), 0xAA, 0);
  add_reduce(list, ICN_FN_ADD, 8, DIMS(2, 3, 2, 3, 2, 3, 2, 17), 0x55, 0);
  add_reduce(list, ICN_FN_MEAN, 4, DIMS(1, 2048, 8, 8), 0xC, ICN_CASE_LARGE);
  add_reduce(list, ICN_FN_MEAN, 4, DIMS(1, 1280, 7, 7), 0xE, ICN_CASE_LARGE);
  add_reduce(list, ICN_FN_ADD, 1, DIMS(300007), 0x1, ICN_CASE_LARGE | ICN_CASE_POSITIVE); /* the error must not grow with the count */
  add_reduce(list, ICN_FN_ADD, 2, DIMS(70001, 20), 0x1, ICN_CASE_LARGE | ICN_CASE_POSITIVE);
}

static void add_softmax(icn_case_list *list, icn_function function, int rank, const int64_t *dim, int axis, unsigned flags) {
  icn_case *c = icn_case_add(list, ICN_OP_SOFTMAX, flags);
  c->problem.params.function = function;
  c->problem.params.axis = axis;
  icn_case_input(c, 0, rank, dim);
  icn_case_output(c, rank, dim);
}

static void add_softmax_cases(icn_case_list *list) {
  for (int i = 0; i < 2; i++) {
    icn_function f = i == 0 ? ICN_FN_EXP : ICN_FN_LOG;
    add_softmax(list, f, 2, DIMS(1, 1000), 1, ICN_CASE_WIDE);
    add_softmax(list, f, 2, DIMS(7, 1008), 1, ICN_CASE_WIDE);
    add_softmax(list, f, 2, DIMS(3, 5), 1, 0);
    add_softmax(list, f, 2, DIMS(130, 4), 0, ICN_CASE_WIDE);
    add_softmax(list, f, 4, DIMS(2, 21, 5, 3), 1, ICN_CASE_WIDE); /* channels of NHWC: adjacent */
    add_softmax(list, f, 4, DIMS(2, 5, 19, 3), 2, 0);
    add_softmax(list, f, 4, DIMS(2, 3, 5, 150), 3, 0);
    add_softmax(list, f, 1, DIMS(1), 0, 0);
    add_softmax(list, f, 5, DIMS(2, 3, 2, 17, 4), 3, 0);
    add_softmax(list, f, 2, DIMS(9, 140), 1, ICN_CASE_SPECIAL);
    add_softmax(list, f, 2, DIMS(40, 5), 1, ICN_CASE_SPECIAL);
    add_softmax(list, f, 2, DIMS(2, 21841), 1, ICN_CASE_LARGE | ICN_CASE_WIDE);
  }
}

static void add_lrn(icn_case_list *list, int rank, const int64_t *dim, int64_t size, float alpha, float beta, float bias, unsigned flags) {
  icn_case *c = icn_case_add(list, ICN_OP_LRN, flags);
  c->problem.params.kernel[0] = size;
  c->problem.params.alpha = alpha;
  c->problem.params.beta = beta;
  c->problem.params.gamma = bias;
  icn_case_input(c, 0, rank, dim);
  icn_case_output(c, rank, dim);
}

static void add_lrn_cases(icn_case_list *list) {
  add_lrn(list, 4, DIMS(1, 64, 56, 56), 5, 1e-4F, 0.75F, 1.0F, ICN_CASE_LARGE | ICN_CASE_WIDE); /* GoogLeNet */
  add_lrn(list, 4, DIMS(1, 192, 14, 14), 5, 1e-4F, 0.75F, 1.0F, ICN_CASE_LARGE | ICN_CASE_WIDE);
  add_lrn(list, 4, DIMS(2, 37, 3, 4), 5, 0.5F, 0.75F, 2.0F, 0);
  add_lrn(list, 4, DIMS(1, 5, 3, 3), 3, 0.1F, 0.5F, 1.0F, 0);
  add_lrn(list, 4, DIMS(1, 20, 2, 3), 4, 0.1F, 0.75F, 1.0F, 0);  /* even: one more above than below */
  add_lrn(list, 4, DIMS(1, 18, 2, 3), 41, 0.1F, 0.75F, 1.0F, 0); /* wider than the channels */
  add_lrn(list, 3, DIMS(2, 19, 5), 5, 0.5F, 0.75F, 2.0F, 0);
  add_lrn(list, 2, DIMS(3, 33), 1, 0.5F, 1.0F, 1.0F, 0);
  add_lrn(list, 4, DIMS(1, 33, 2, 3), 5, 0.5F, 0.75F, 2.0F, ICN_CASE_SPECIAL);
}

void icn_cases_reduce(icn_case_list *list) {
  add_reduce_cases(list);
  add_softmax_cases(list);
  add_lrn_cases(list);
}
