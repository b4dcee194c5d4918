/* REDUCE, SOFTMAX and LRN. */
#include "support/kernel_case.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static void add_reduce(kernel_suite *suite, icn_function function, int rank, const int64_t *dim, uint32_t axes, unsigned flags) {
  kernel_case *c = kernel_suite_add(suite, ICN_OP_REDUCE, flags);
  int64_t out[ICN_MAX_RANK];
  c->problem.params.function = function;
  c->problem.params.axes = axes;
  for (int k = 0; k < rank; k++) out[k] = (axes >> k & 1U) != 0 ? 1 : dim[k];
  kernel_case_input(c, 0, rank, dim);
  kernel_case_output(c, rank, out);
}

static void add_reduce_cases(kernel_suite *suite) {
  static const icn_function functions[] = {ICN_FN_ADD,  ICN_FN_MAX, ICN_FN_MIN, ICN_FN_MUL,
                                           ICN_FN_MEAN, ICN_FN_L1,  ICN_FN_L2,  ICN_FN_SUM_SQUARE};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    icn_function f = functions[i];
    add_reduce(suite, f, 4, DIMS(2, 35, 4, 3), 0xC, 0); /* spatial: an outer reduction in NHWC */
    add_reduce(suite, f, 4, DIMS(2, 35, 4, 3), 0x2, 0); /* channels: an inner one */
    add_reduce(suite, f, 3, DIMS(4, 3, 37), 0x4, 0);
    add_reduce(suite, f, 3, DIMS(3, 5, 41), 0x5, 0);
    add_reduce(suite, f, 1, DIMS(300), 0x1, 0);
  }
  add_reduce(suite, ICN_FN_MAX, 4, DIMS(2, 35, 4, 3), 0xC, KERNEL_SPECIAL);
  add_reduce(suite, ICN_FN_MIN, 2, DIMS(3, 150), 0x2, KERNEL_SPECIAL);
  add_reduce(suite, ICN_FN_ADD, 2, DIMS(40, 33), 0x1, KERNEL_SPECIAL);
  add_reduce(suite, ICN_FN_ADD, 3, DIMS(2, 3, 4), 0, 0); /* nothing is reduced */
  add_reduce(suite, ICN_FN_MEAN, 0, NULL, 0, 0);
  add_reduce(suite, ICN_FN_ADD, 8, DIMS(2, 3, 2, 3, 2, 3, 2, 17), 0xAA, 0);
  add_reduce(suite, ICN_FN_ADD, 8, DIMS(2, 3, 2, 3, 2, 3, 2, 17), 0x55, 0);
  add_reduce(suite, ICN_FN_MEAN, 4, DIMS(1, 2048, 8, 8), 0xC, KERNEL_LARGE);
  add_reduce(suite, ICN_FN_MEAN, 4, DIMS(1, 1280, 7, 7), 0xE, KERNEL_LARGE);
  add_reduce(suite, ICN_FN_ADD, 1, DIMS(300007), 0x1, KERNEL_LARGE | KERNEL_POSITIVE); /* the error must not grow with the count */
  add_reduce(suite, ICN_FN_ADD, 2, DIMS(70001, 20), 0x1, KERNEL_LARGE | KERNEL_POSITIVE);
}

static void add_softmax(kernel_suite *suite, icn_function function, int rank, const int64_t *dim, int axis, unsigned flags) {
  kernel_case *c = kernel_suite_add(suite, ICN_OP_SOFTMAX, flags);
  c->problem.params.function = function;
  c->problem.params.axis = axis;
  kernel_case_input(c, 0, rank, dim);
  kernel_case_output(c, rank, dim);
}

static void add_softmax_cases(kernel_suite *suite) {
  for (int i = 0; i < 2; i++) {
    icn_function f = i == 0 ? ICN_FN_EXP : ICN_FN_LOG;
    add_softmax(suite, f, 2, DIMS(1, 1000), 1, KERNEL_WIDE);
    add_softmax(suite, f, 2, DIMS(7, 1008), 1, KERNEL_WIDE);
    add_softmax(suite, f, 2, DIMS(3, 5), 1, 0);
    add_softmax(suite, f, 2, DIMS(130, 4), 0, KERNEL_WIDE);
    add_softmax(suite, f, 4, DIMS(2, 21, 5, 3), 1, KERNEL_WIDE); /* channels of NHWC: adjacent */
    add_softmax(suite, f, 4, DIMS(2, 5, 19, 3), 2, 0);
    add_softmax(suite, f, 4, DIMS(2, 3, 5, 150), 3, 0);
    add_softmax(suite, f, 1, DIMS(1), 0, 0);
    add_softmax(suite, f, 5, DIMS(2, 3, 2, 17, 4), 3, 0);
    add_softmax(suite, f, 2, DIMS(9, 140), 1, KERNEL_SPECIAL);
    add_softmax(suite, f, 2, DIMS(40, 5), 1, KERNEL_SPECIAL);
    add_softmax(suite, f, 2, DIMS(2, 21841), 1, KERNEL_LARGE | KERNEL_WIDE);
  }
}

static void add_lrn(kernel_suite *suite, int rank, const int64_t *dim, int64_t size, float alpha, float beta, float bias, unsigned flags) {
  kernel_case *c = kernel_suite_add(suite, ICN_OP_LRN, flags);
  c->problem.params.kernel[0] = size;
  c->problem.params.alpha = alpha;
  c->problem.params.beta = beta;
  c->problem.params.gamma = bias;
  kernel_case_input(c, 0, rank, dim);
  kernel_case_output(c, rank, dim);
}

static void add_lrn_cases(kernel_suite *suite) {
  add_lrn(suite, 4, DIMS(1, 64, 56, 56), 5, 1e-4F, 0.75F, 1.0F, KERNEL_LARGE | KERNEL_WIDE); /* GoogLeNet */
  add_lrn(suite, 4, DIMS(1, 192, 14, 14), 5, 1e-4F, 0.75F, 1.0F, KERNEL_LARGE | KERNEL_WIDE);
  add_lrn(suite, 4, DIMS(2, 37, 3, 4), 5, 0.5F, 0.75F, 2.0F, 0);
  add_lrn(suite, 4, DIMS(1, 5, 3, 3), 3, 0.1F, 0.5F, 1.0F, 0);
  add_lrn(suite, 4, DIMS(1, 20, 2, 3), 4, 0.1F, 0.75F, 1.0F, 0);  /* even: one more above than below */
  add_lrn(suite, 4, DIMS(1, 18, 2, 3), 41, 0.1F, 0.75F, 1.0F, 0); /* wider than the channels */
  add_lrn(suite, 3, DIMS(2, 19, 5), 5, 0.5F, 0.75F, 2.0F, 0);
  add_lrn(suite, 2, DIMS(3, 33), 1, 0.5F, 1.0F, 1.0F, 0);
  add_lrn(suite, 4, DIMS(1, 33, 2, 3), 5, 0.5F, 0.75F, 2.0F, KERNEL_SPECIAL);
}

static void add_cases(kernel_suite *suite) {
  add_reduce_cases(suite);
  add_softmax_cases(suite);
  add_lrn_cases(suite);
}

int main(void) { return kernel_suite_main("reduce", add_cases); }
