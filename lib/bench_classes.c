#include "bench_classes.h"

#include <string.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

typedef enum class_kind { CLASS_CONV, CLASS_MATMUL, CLASS_POOL, CLASS_ADD, CLASS_UNARY, CLASS_SOFTMAX, CLASS_COPY } class_kind;

typedef struct bench_class {
  const char *name;
  class_kind kind;
  int64_t dim[4];                     /* of the input; matmul: m, k, n */
  int64_t outputs, window[2], stride; /* CONV, POOL */
  int64_t groups;
  icn_function function; /* POOL, UNARY */
} bench_class;

static const bench_class CLASSES[] = {
    {"conv 1x1", CLASS_CONV, {1, 768, 17, 17}, 192, {1, 1}, 1, 1, 0},
    {"conv 3x3", CLASS_CONV, {1, 64, 35, 35}, 96, {3, 3}, 1, 1, 0},
    {"conv 1x7", CLASS_CONV, {1, 192, 17, 17}, 192, {1, 7}, 1, 1, 0},
    {"conv 7x1", CLASS_CONV, {1, 192, 17, 17}, 192, {7, 1}, 1, 1, 0},
    {"conv 3x3/2", CLASS_CONV, {1, 96, 35, 35}, 96, {3, 3}, 2, 1, 0},
    {"conv 5x5", CLASS_CONV, {1, 48, 35, 35}, 64, {5, 5}, 1, 1, 0},
    {"depthwise 3x3", CLASS_CONV, {1, 192, 35, 35}, 192, {3, 3}, 1, 192, 0},
    {"matmul, a batch", CLASS_MATMUL, {256, 512, 512}, 0, {0, 0}, 0, 0, 0},
    {"matmul, one vector", CLASS_MATMUL, {1, 2048, 1000}, 0, {0, 0}, 0, 0, 0},
    {"max pool 3x3/2", CLASS_POOL, {1, 192, 71, 71}, 192, {3, 3}, 2, 1, ICN_FN_MAX},
    {"average pool 3x3", CLASS_POOL, {1, 288, 35, 35}, 288, {3, 3}, 1, 1, ICN_FN_MEAN},
    {"add", CLASS_ADD, {1, 288, 35, 35}, 0, {0, 0}, 0, 0, 0},
    {"sigmoid", CLASS_UNARY, {1, 288, 35, 35}, 0, {0, 0}, 0, 0, ICN_FN_SIGMOID},
    {"softmax", CLASS_SOFTMAX, {64, 1000}, 0, {0, 0}, 0, 0, 0},
    {"copy NCHW to NHWC", CLASS_COPY, {1, 3, 299, 299}, 0, {0, 0}, 0, 0, 0},
    {"copy into a join", CLASS_COPY, {1, 288, 35, 35}, 0, {0, 0}, 0, 0, 0},
};
enum { CLASS_COUNT = sizeof CLASSES / sizeof CLASSES[0], JOINED_CHANNELS = 512 };

const char *icn_bench_class(size_t index) { return index < CLASS_COUNT ? CLASSES[index].name : NULL; }

static icn_params window_params(const bench_class *b) {
  icn_params params;
  memset(&params, 0, sizeof params);
  params.groups = b->groups;
  params.function = b->function;
  for (int k = 0; k < 2; k++) {
    params.kernel[k] = b->window[k];
    params.stride[k] = b->stride;
    params.dilation[k] = 1;
    params.pad_begin[k] = params.pad_end[k] = b->stride == 1 ? b->window[k] / 2 : 0;
  }
  return params;
}

static void add_conv(icn_case_list *list, const bench_class *b) {
  const icn_params params = window_params(b);
  icn_case *c = icn_case_add_conv(list, b->dim[0], b->dim[1], b->dim[2], b->dim[3], b->outputs, &params, 0);
  c->problem.epilogue.function = ICN_FN_RELU;
}

static void add_matmul(icn_case_list *list, const bench_class *b) {
  icn_case *c = icn_case_add(list, ICN_OP_MATMUL, 0);
  const int64_t m = b->dim[0], k = b->dim[1], n = b->dim[2];
  c->problem.params.alpha = c->problem.params.beta = 1;
  icn_case_input(c, 0, 2, DIMS(m, k));
  icn_case_constant(c, 1, 2, DIMS(k, n));
  icn_case_constant(c, 2, 1, DIMS(n));
  icn_case_output(c, 2, DIMS(m, n));
}

static void add_pool(icn_case_list *list, const bench_class *b) {
  icn_case *c = icn_case_add(list, ICN_OP_POOL, 0);
  c->problem.params = window_params(b);
  icn_case_input(c, 0, 4, b->dim);
  icn_case_output(c, 4,
                  DIMS(b->dim[0], b->dim[1], icn_case_window_output(&c->problem.params, 0, b->dim[2]),
                       icn_case_window_output(&c->problem.params, 1, b->dim[3])));
}

static void add_elementwise(icn_case_list *list, const bench_class *b) {
  icn_case *c = icn_case_add(list, b->kind == CLASS_ADD ? ICN_OP_BINARY : ICN_OP_UNARY, 0);
  c->problem.params.function = b->kind == CLASS_ADD ? ICN_FN_ADD : b->function;
  icn_case_input(c, 0, 4, b->dim);
  if (b->kind == CLASS_ADD) icn_case_input(c, 1, 4, b->dim);
  icn_case_output(c, 4, b->dim);
}

static void add_softmax(icn_case_list *list, const bench_class *b) {
  icn_case *c = icn_case_add(list, ICN_OP_SOFTMAX, ICN_CASE_WIDE);
  c->problem.params.function = ICN_FN_EXP;
  c->problem.params.axis = 1;
  icn_case_input(c, 0, 2, b->dim);
  icn_case_output(c, 2, b->dim);
}

/* A picture into the device's layout, or an activation into its part of a joined tensor. */
static void add_copy(icn_case_list *list, const bench_class *b) {
  icn_case *c = icn_case_add(list, ICN_OP_COPY, ICN_CASE_VIEWS_GIVEN);
  const icn_shape shape = icn_shape_make(4, b->dim);
  const bool picture = b->dim[1] == 3;
  icn_case_input(c, 0, 4, b->dim);
  if (!picture) c->problem.in[0] = icn_view_device(&shape, 0);
  c->problem.out = icn_view_device(&shape, picture ? 0 : JOINED_CHANNELS);
}

static void add_class(icn_case_list *list, const bench_class *b) {
  switch (b->kind) {
    case CLASS_CONV:
      add_conv(list, b);
      break;
    case CLASS_MATMUL:
      add_matmul(list, b);
      break;
    case CLASS_POOL:
      add_pool(list, b);
      break;
    case CLASS_ADD:
    case CLASS_UNARY:
      add_elementwise(list, b);
      break;
    case CLASS_SOFTMAX:
      add_softmax(list, b);
      break;
    case CLASS_COPY:
      add_copy(list, b);
      break;
  }
}

icn_status icn_bench_class_case(size_t index, icn_case *c, icn_error *error) {
  icn_case_list list = {.allocator = icn_allocator_default()};
  if (index >= CLASS_COUNT) return icn_error_set(error, ICN_ARGUMENT, "there is no benchmark class %zu", index);
  add_class(&list, &CLASSES[index]);
  if (list.failed) return icn_error_memory(error, sizeof *c, "a benchmark");
  *c = list.cases[0];
  c->seed = index + 1;
  icn_cases_free(&list);
  return ICN_OK;
}
