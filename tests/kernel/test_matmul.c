/* MATMUL: fully connected layers, small and odd sizes, transposition, leading dimensions, the third input and the epilogue. */
#include "support/kernel_case.h"

typedef struct shape {
  int rank;
  int64_t dim[ICN_MAX_RANK];
} shape;

/* a, b, y by rank and dims; b constant where `constant`. */
static kernel_case *add(kernel_suite *suite, shape a, shape b, shape y, bool constant) {
  kernel_case *c = kernel_suite_add(suite, ICN_OP_MATMUL, 0);
  c->problem.params.alpha = 1;
  c->problem.params.beta = 1;
  kernel_case_input(c, 0, a.rank, a.dim);
  if (constant)
    kernel_case_constant(c, 1, b.rank, b.dim);
  else
    kernel_case_input(c, 1, b.rank, b.dim);
  kernel_case_output(c, y.rank, y.dim);
  return c;
}

static kernel_case *add_matrix(kernel_suite *suite, int64_t m, int64_t n, int64_t k, bool constant) {
  return add(suite, (shape){2, {m, k}}, (shape){2, {k, n}}, (shape){2, {m, n}}, constant);
}

static void add_sizes(kernel_suite *suite) {
  static const int64_t SIZES[][3] = {{1, 1, 1},    {1, 7, 5},    {2, 3, 1},     {3, 16, 9},    {4, 64, 20},
                                     {5, 33, 31},  {8, 48, 17},  {13, 65, 64},  {14, 32, 16},  {15, 31, 33},
                                     {64, 64, 16}, {65, 67, 15}, {1, 1000, 64}, {7, 100, 130}, {70, 130, 40}};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
    for (int constant = 0; constant < 2; constant++) {
      add_matrix(suite, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      kernel_case *c = add_matrix(suite, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      kernel_case_constant(c, 2, 1, (const int64_t[]){SIZES[i][1]});
      c->problem.epilogue.function = ICN_FN_RELU;
    }
  static const int64_t LAYERS[][3] = {{1, 1000, 2048}, {1, 1000, 1024}, {3, 5, 2048}, {8, 1000, 2048}}; /* the networks' */
  for (size_t i = 0; i < sizeof LAYERS / sizeof LAYERS[0]; i++) {
    kernel_case *c = add_matrix(suite, LAYERS[i][0], LAYERS[i][1], LAYERS[i][2], true);
    c->flags |= KERNEL_LARGE;
    kernel_case_constant(c, 2, 1, (const int64_t[]){LAYERS[i][1]});
  }
}

static void add_transposed(kernel_suite *suite) {
  const int64_t m = 9, n = 37, k = 21;
  for (int ta = 0; ta < 2; ta++)
    for (int tb = 0; tb < 2; tb++)
      for (int constant = 0; constant < 2; constant++) {
        const shape a = {2, {ta ? k : m, ta ? m : k}}, b = {2, {tb ? n : k, tb ? k : n}};
        kernel_case *c = add(suite, a, b, (shape){2, {m, n}}, constant);
        c->problem.params.transpose_a = ta;
        c->problem.params.transpose_b = tb;
        c->problem.params.alpha = 0.5f;
        c->problem.params.beta = 0.25f;
        kernel_case_constant(c, 2, 1, (const int64_t[]){n});
      }
}

static void add_leading(kernel_suite *suite) {
  for (int constant = 0; constant < 2; constant++) {
    add(suite, (shape){3, {3, 5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(suite, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(suite, (shape){3, {3, 1, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 1, 20}}, constant);
    add(suite, (shape){2, {5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(suite, (shape){3, {1, 5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(suite, (shape){4, {2, 3, 5, 7}}, (shape){4, {2, 3, 7, 20}}, (shape){4, {2, 3, 5, 20}}, constant);
    add(suite, (shape){5, {2, 1, 3, 5, 7}}, (shape){5, {1, 4, 1, 7, 6}}, (shape){5, {2, 4, 3, 5, 6}}, constant);
    add(suite, (shape){8, {2, 1, 2, 1, 2, 1, 3, 4}}, (shape){8, {1, 2, 1, 2, 1, 2, 4, 5}}, (shape){8, {2, 2, 2, 2, 2, 2, 3, 5}}, constant);
  }
}

/* The third input in every shape that broadcasts, constant and not, with and without beta. */
static void add_third(kernel_suite *suite) {
  static const shape THIRD[] = {{0, {0}}, {1, {1}}, {1, {40}}, {2, {1, 40}}, {2, {6, 1}}, {2, {6, 40}}, {2, {1, 1}}};
  for (size_t i = 0; i < sizeof THIRD / sizeof THIRD[0]; i++)
    for (int variant = 0; variant < 4; variant++) {
      kernel_case *c = add_matrix(suite, 6, 40, 11, true);
      if (variant & 1)
        kernel_case_constant(c, 2, THIRD[i].rank, THIRD[i].dim);
      else
        kernel_case_input(c, 2, THIRD[i].rank, THIRD[i].dim);
      c->problem.params.beta = variant & 2 ? 2.0f : 1.0f;
      c->problem.epilogue = (icn_epilogue){variant & 2 ? ICN_FN_CLIP : ICN_FN_LEAKY_RELU, 0.125f, 6};
    }
  kernel_case *c = add(suite, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, true);
  kernel_case_input(c, 2, 3, (const int64_t[]){3, 5, 20});
  c = add(suite, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, true);
  kernel_case_input(c, 2, 3, (const int64_t[]){3, 1, 20});
}

/* NaN and infinity: they reach exactly the rows and columns that hold them. */
static void add_specials(kernel_suite *suite) {
  static const int64_t SIZES[][3] = {{1, 7, 5}, {5, 33, 11}, {9, 48, 17}, {70, 40, 20}};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
    for (int constant = 0; constant < 2; constant++) {
      kernel_case *c = add_matrix(suite, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      c->flags |= KERNEL_SPECIAL;
      c->problem.epilogue.function = constant ? ICN_FN_RELU : ICN_FN_IDENTITY;
    }
}

static void add_cases(kernel_suite *suite) {
  add_sizes(suite);
  add_transposed(suite);
  add_leading(suite);
  add_third(suite);
  add_specials(suite);
}

int main(void) { return kernel_suite_main("matmul", add_cases); }
