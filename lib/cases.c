/* Lists of kernel cases: the families, adding a case, its layouts and modes. */
#include "cases.h"

#include <string.h>

#include "case_families.h"

static const struct {
  const char *name;
  void (*add)(icn_case_list *list);
} FAMILIES[] = {{"conv", icn_cases_conv},     {"matmul", icn_cases_matmul},
                {"pool", icn_cases_pool},     {"elementwise", icn_cases_elementwise},
                {"reduce", icn_cases_reduce}, {"move", icn_cases_move}};
enum { FAMILY_COUNT = sizeof FAMILIES / sizeof FAMILIES[0], FIRST_SEED = 1000 };

const char *icn_case_family(size_t index) { return index < FAMILY_COUNT ? FAMILIES[index].name : NULL; }

icn_status icn_cases_make(const char *family, const icn_allocator *allocator, icn_case_list *list, icn_error *error) {
  memset(list, 0, sizeof *list);
  list->allocator = allocator != NULL ? *allocator : icn_allocator_default();
  size_t which = 0;
  while (which < FAMILY_COUNT && strcmp(FAMILIES[which].name, family) != 0) which++;
  if (which == FAMILY_COUNT) return icn_error_set(error, ICN_ARGUMENT, "there is no family of kernel cases \"%s\"", family);
  FAMILIES[which].add(list);
  for (size_t i = 0; i < list->count; i++) list->cases[i].seed = FIRST_SEED + i;
  if (!list->failed) return ICN_OK;
  const size_t bytes = list->capacity * sizeof *list->cases;
  icn_cases_free(list);
  return icn_error_memory(error, bytes, "the kernel cases");
}

void icn_cases_free(icn_case_list *list) {
  icn_release(&list->allocator, list->cases);
  memset(list, 0, sizeof *list);
}

/* ------------------------------------------------------------ building cases */

static icn_case *next_cell(icn_case_list *list) {
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity * 2 + 64;
    icn_case *larger = list->failed ? NULL : icn_allocate_array(&list->allocator, capacity, sizeof *larger);
    if (larger == NULL) {
      list->failed = true;
      return &list->spare;
    }
    if (list->count > 0) memcpy(larger, list->cases, list->count * sizeof *larger);
    icn_release(&list->allocator, list->cases);
    list->cases = larger;
    list->capacity = capacity;
  }
  return &list->cases[list->count++];
}

icn_case *icn_case_add(icn_case_list *list, icn_op op, unsigned flags) {
  icn_case *c = next_cell(list);
  memset(c, 0, sizeof *c);
  c->problem.op = op;
  c->flags = flags;
  c->problem.params.groups = 1;
  for (int axis = 0; axis < 2; axis++)
    c->problem.params.kernel[axis] = c->problem.params.stride[axis] = c->problem.params.dilation[axis] = 1;
  return c;
}

void icn_case_input(icn_case *c, int input, int rank, const int64_t *dim) {
  icn_shape shape = icn_shape_make(rank, dim);
  c->problem.present |= 1U << input;
  c->problem.in[input] = icn_view_dense(&shape);
}

void icn_case_constant(icn_case *c, int input, int rank, const int64_t *dim) {
  icn_case_input(c, input, rank, dim);
  c->problem.constant |= 1U << input;
}

void icn_case_output(icn_case *c, int rank, const int64_t *dim) {
  icn_shape shape = icn_shape_make(rank, dim);
  c->problem.out = icn_view_dense(&shape);
}

int64_t icn_case_window_output(const icn_params *params, int axis, int64_t in) {
  int64_t padded = in + params->pad_begin[axis] + params->pad_end[axis];
  return (padded - params->dilation[axis] * (params->kernel[axis] - 1) - 1) / params->stride[axis] + 1;
}

icn_case *icn_case_add_conv(icn_case_list *list, int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, const icn_params *params,
                            unsigned flags) {
  icn_case *made = icn_case_add(list, ICN_OP_CONV, flags);
  made->problem.params = *params;
  icn_case_input(made, ICN_CONV_X, 4, (const int64_t[]){n, c, h, w});
  icn_case_constant(made, ICN_CONV_WEIGHT, 4, (const int64_t[]){oc, c / params->groups, params->kernel[0], params->kernel[1]});
  icn_case_constant(made, ICN_CONV_BIAS, 1, (const int64_t[]){oc});
  icn_case_output(made, 4, (const int64_t[]){n, oc, icn_case_window_output(params, 0, h), icn_case_window_output(params, 1, w)});
  return made;
}

/* ------------------------------------------------------------ layouts */

/* An activation in the device's layout: dense, or with room between pixels (channel c0 of a wider tensor), or further into its buffer. */
static icn_view device_view(const icn_shape *shape, icn_case_layout layout, int salt) {
  const bool strided = layout == ICN_CASE_STRIDED;
  icn_view view = icn_view_device(shape, shape->rank == 4 && strided ? shape->dim[1] + 5 + 3 * salt : 0);
  if (strided) view.offset = 3 + salt;
  return view;
}

bool icn_case_problem(const icn_case *c, icn_case_layout layout, icn_problem *problem) {
  *problem = c->problem;
  if ((c->flags & ICN_CASE_VIEWS_GIVEN) != 0) return layout == ICN_CASE_DENSE;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i) && !icn_problem_is_constant(problem, i))
      problem->in[i] = device_view(&c->problem.in[i].shape, layout, i);
  problem->out = device_view(&c->problem.out.shape, layout, 1);
  return true;
}

const char *icn_case_mode_name(icn_case_mode mode) { return mode == ICN_CASE_EXACT ? "exact" : "random"; }
const char *icn_case_layout_name(icn_case_layout layout) { return layout == ICN_CASE_DENSE ? "dense" : "strided"; }
