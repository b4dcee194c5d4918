/* MATMUL: fully connected layers, small and odd sizes, transposition, leading dimensions, the third input and the epilogue. */
#include "case_families.h"

typedef struct shape {
  int rank;
  int64_t dim[ICN_MAX_RANK];
} shape;

/* a, b, y by rank and dims; b constant where `constant`. */
static icn_case *add(icn_case_list *list, shape a, shape b, shape y, bool constant) {
  icn_case *c = icn_case_add(list, ICN_OP_MATMUL, 0);
  c->problem.params.alpha = 1;
  c->problem.params.beta = 1;
  icn_case_input(c, 0, a.rank, a.dim);
  if (constant)
    icn_case_constant(c, 1, b.rank, b.dim);
  else
    icn_case_input(c, 1, b.rank, b.dim);
  icn_case_output(c, y.rank, y.dim);
  return c;
}

static icn_case *add_matrix(icn_case_list *list, int64_t m, int64_t n, int64_t k, bool constant) {
  return add(list, (shape){2, {m, k}}, (shape){2, {k, n}}, (shape){2, {m, n}}, constant);
}

static void add_sizes(icn_case_list *list) {
  static const int64_t SIZES[][3] = {{1, 1, 1},    {1, 7, 5},    {2, 3, 1},     {3, 16, 9},    {4, 64, 20},
                                     {5, 33, 31},  {8, 48, 17},  {13, 65, 64},  {14, 32, 16},  {15, 31, 33},
                                     {64, 64, 16}, {65, 67, 15}, {1, 1000, 64}, {7, 100, 130}, {70, 130, 40}};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
    for (int constant = 0; constant < 2; constant++) {
      add_matrix(list, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      icn_case *c = add_matrix(list, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      icn_case_constant(c, 2, 1, (const int64_t[]){SIZES[i][1]});
      c->problem.epilogue.function = ICN_FN_RELU;
    }
  static const int64_t LAYERS[][3] = {{1, 1000, 2048},
                                      {1, 1000, 1024},
                                      {3, 5, 2048},
                                      {8, 1000, 2048},
                                      {8000, 100, 112}}; /* the networks', and one that is computed in blocks on CPU devices */
  for (size_t i = 0; i < sizeof LAYERS / sizeof LAYERS[0]; i++) {
    icn_case *c = add_matrix(list, LAYERS[i][0], LAYERS[i][1], LAYERS[i][2], true);
    c->flags |= ICN_CASE_LARGE;
    icn_case_constant(c, 2, 1, (const int64_t[]){LAYERS[i][1]});
  }
}

static void add_transposed(icn_case_list *list) {
  const int64_t m = 9, n = 37, k = 21;
  for (int ta = 0; ta < 2; ta++)
    for (int tb = 0; tb < 2; tb++)
      for (int constant = 0; constant < 2; constant++) {
        const shape a = {2, {ta ? k : m, ta ? m : k}}, b = {2, {tb ? n : k, tb ? k : n}};
        icn_case *c = add(list, a, b, (shape){2, {m, n}}, constant);
        c->problem.params.transpose_a = ta;
        c->problem.params.transpose_b = tb;
        c->problem.params.alpha = 0.5f;
        c->problem.params.beta = 0.25f;
        icn_case_constant(c, 2, 1, (const int64_t[]){n});
      }
}

static void add_leading(icn_case_list *list) {
  for (int constant = 0; constant < 2; constant++) {
    add(list, (shape){3, {3, 5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(list, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(list, (shape){3, {3, 1, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 1, 20}}, constant);
    add(list, (shape){2, {5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(list, (shape){3, {1, 5, 7}}, (shape){3, {3, 7, 20}}, (shape){3, {3, 5, 20}}, constant);
    add(list, (shape){4, {2, 3, 5, 7}}, (shape){4, {2, 3, 7, 20}}, (shape){4, {2, 3, 5, 20}}, constant);
    add(list, (shape){5, {2, 1, 3, 5, 7}}, (shape){5, {1, 4, 1, 7, 6}}, (shape){5, {2, 4, 3, 5, 6}}, constant);
    add(list, (shape){8, {2, 1, 2, 1, 2, 1, 3, 4}}, (shape){8, {1, 2, 1, 2, 1, 2, 4, 5}}, (shape){8, {2, 2, 2, 2, 2, 2, 3, 5}}, constant);
  }
}

/* The third input in every shape that broadcasts, constant and not, with and without beta. */
static void add_third(icn_case_list *list) {
  static const shape THIRD[] = {{0, {0}}, {1, {1}}, {1, {40}}, {2, {1, 40}}, {2, {6, 1}}, {2, {6, 40}}, {2, {1, 1}}};
  for (size_t i = 0; i < sizeof THIRD / sizeof THIRD[0]; i++)
    for (int variant = 0; variant < 4; variant++) {
      icn_case *c = add_matrix(list, 6, 40, 11, true);
      if (variant & 1)
        icn_case_constant(c, 2, THIRD[i].rank, THIRD[i].dim);
      else
        icn_case_input(c, 2, THIRD[i].rank, THIRD[i].dim);
      c->problem.params.beta = variant & 2 ? 2.0f : 1.0f;
      c->problem.epilogue = (icn_epilogue){variant & 2 ? ICN_FN_CLIP : ICN_FN_LEAKY_RELU, 0.125f, 6, 0};
    }
  icn_case *c = add(list, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, true);
  icn_case_input(c, 2, 3, (const int64_t[]){3, 5, 20});
  c = add(list, (shape){3, {3, 5, 7}}, (shape){2, {7, 20}}, (shape){3, {3, 5, 20}}, true);
  icn_case_input(c, 2, 3, (const int64_t[]){3, 1, 20});
}

/* NaN and infinity: they reach exactly the rows and columns that hold them. */
static void add_specials(icn_case_list *list) {
  static const int64_t SIZES[][3] = {{1, 7, 5}, {5, 33, 11}, {9, 48, 17}, {70, 40, 20}};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
    for (int constant = 0; constant < 2; constant++) {
      icn_case *c = add_matrix(list, SIZES[i][0], SIZES[i][1], SIZES[i][2], constant);
      c->flags |= ICN_CASE_SPECIAL;
      c->problem.epilogue.function = constant ? ICN_FN_RELU : ICN_FN_IDENTITY;
    }
}

void icn_cases_matmul(icn_case_list *list) {
  add_sizes(list);
  add_transposed(list);
  add_leading(list);
  add_third(list);
  add_specials(list);
}
