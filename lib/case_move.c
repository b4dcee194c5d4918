/* COPY between views of any strides, PAD and RESAMPLE. */
#include <string.h>

#include "case_families.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

/* Between the model's order and the device's, in both directions; `wide` is the device side's pixel stride (0: the channels). */
static void add_layout_change(icn_case_list *list, const int64_t *dim, int64_t wide, unsigned flags) {
  icn_shape shape = icn_shape_make(4, dim);
  for (int to_device = 0; to_device < 2; to_device++) {
    icn_case *c = icn_case_add(list, ICN_OP_COPY, flags | ICN_CASE_VIEWS_GIVEN);
    icn_view model = icn_view_dense(&shape), device = icn_view_device(&shape, wide);
    device.offset = wide > dim[1] ? wide - dim[1] : 0;
    c->problem.present = 1;
    c->problem.in[0] = to_device ? model : device;
    c->problem.out = to_device ? device : model;
  }
}

static void add_views(icn_case_list *list, const icn_view *in, const icn_view *out) {
  icn_case *c = icn_case_add(list, ICN_OP_COPY, ICN_CASE_VIEWS_GIVEN);
  c->problem.present = 1;
  c->problem.in[0] = *in;
  c->problem.out = *out;
}

/* Dim k of the result is dim perm[k] of a dense tensor. */
static icn_view permuted(int rank, const int64_t *dim, const int *perm) {
  icn_shape shape = icn_shape_make(rank, dim);
  icn_view dense = icn_view_dense(&shape), view = dense;
  for (int k = 0; k < rank; k++) {
    view.shape.dim[k] = dense.shape.dim[perm[k]];
    view.stride[k] = dense.stride[perm[k]];
  }
  return view;
}

static void add_permutation(icn_case_list *list, int rank, const int64_t *dim, const int *perm) {
  icn_view in = permuted(rank, dim, perm), out = icn_view_dense(&in.shape);
  add_views(list, &in, &out);
}

static void add_slices(icn_case_list *list) {
  icn_shape whole = icn_shape_make(3, DIMS(5, 7, 40));
  icn_view view = icn_view_dense(&whole), out;
  view.shape = icn_shape_make(3, DIMS(2, 7, 19));
  view.stride[0] *= -2; /* 4, 2 */
  view.stride[2] *= 2;
  view.offset = 4 * 280 + 1;
  out = icn_view_dense(&view.shape);
  add_views(list, &view, &out);
  view.stride[2] = -1; /* reversed */
  view.offset = 4 * 280 + 30;
  add_views(list, &view, &out);
  view = out;
  memset(view.stride, 0, sizeof view.stride); /* one value everywhere */
  add_views(list, &view, &out);
  view.stride[1] = 1; /* repeated along the first and last dim */
  add_views(list, &view, &out);
}

static void add_copy_cases(icn_case_list *list) {
  add_layout_change(list, DIMS(1, 3, 299, 299), 0, ICN_CASE_LARGE);
  add_layout_change(list, DIMS(2, 192, 35, 35), 0, ICN_CASE_LARGE);
  add_layout_change(list, DIMS(1, 768, 17, 17), 1280, ICN_CASE_LARGE);
  add_layout_change(list, DIMS(2, 3, 7, 5), 0, 0);
  add_layout_change(list, DIMS(2, 33, 5, 7), 40, 0);
  add_layout_change(list, DIMS(1, 65, 1, 1), 0, 0);
  add_layout_change(list, DIMS(1, 1, 9, 21), 0, 0);
  add_layout_change(list, DIMS(3, 17, 1, 19), 17, 0);
  add_permutation(list, 2, DIMS(37, 50), (const int[]){1, 0});
  add_permutation(list, 3, DIMS(5, 19, 34), (const int[]){2, 0, 1});
  add_permutation(list, 4, DIMS(3, 4, 5, 40), (const int[]){0, 2, 1, 3});
  add_permutation(list, 5, DIMS(2, 3, 4, 5, 6), (const int[]){4, 2, 0, 3, 1});
  add_permutation(list, 8, DIMS(2, 3, 2, 3, 2, 3, 2, 5), (const int[]){7, 6, 5, 4, 3, 2, 1, 0});
  add_slices(list);
  static const int64_t shapes[][4] = {{1, 64, 17, 17}, {2, 19, 3, 5}, {1, 1, 1, 1}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) { /* device layout on both sides */
    icn_case *c = icn_case_add(list, ICN_OP_COPY, 0);
    icn_case_input(c, 0, 4, shapes[i]);
    icn_case_output(c, 4, shapes[i]);
  }
  icn_case *c = icn_case_add(list, ICN_OP_COPY, ICN_CASE_LARGE);
  icn_case_input(c, 0, 1, DIMS(100003));
  icn_case_output(c, 1, DIMS(100003));
  c = icn_case_add(list, ICN_OP_COPY, 0);
  icn_case_input(c, 0, 0, NULL);
  icn_case_output(c, 0, NULL);
}

static void add_pad(icn_case_list *list, icn_pad_mode mode, int rank, const int64_t *dim, const int64_t *begin, const int64_t *end) {
  icn_case *c = icn_case_add(list, ICN_OP_PAD, 0);
  int64_t out[ICN_MAX_RANK];
  c->problem.params.pad_mode = mode;
  c->problem.params.alpha = mode == ICN_PAD_CONSTANT ? 1.25F : 0.0F;
  for (int k = 0; k < rank; k++) {
    c->problem.params.begin[k] = begin[k];
    c->problem.params.end[k] = end[k];
    out[k] = dim[k] + begin[k] + end[k];
  }
  icn_case_input(c, 0, rank, dim);
  icn_case_output(c, rank, out);
}

static void add_pad_cases(icn_case_list *list) {
  for (icn_pad_mode mode = ICN_PAD_CONSTANT; mode <= ICN_PAD_WRAP; mode++) {
    add_pad(list, mode, 4, DIMS(2, 19, 5, 6), DIMS(0, 0, 1, 2), DIMS(0, 0, 3, 1));
    add_pad(list, mode, 4, DIMS(1, 5, 4, 3), DIMS(1, 2, 0, 1), DIMS(0, 3, 2, 2));
    add_pad(list, mode, 4, DIMS(1, 5, 6, 7), DIMS(0, -1, 2, -2), DIMS(0, 2, -3, -1)); /* cropped */
    add_pad(list, mode, 3, DIMS(3, 5, 37), DIMS(2, 1, 0), DIMS(0, 4, 0));
    add_pad(list, mode, 4, DIMS(2, 24, 4, 3), DIMS(1, 0, -1, 2), DIMS(0, 0, 3, -2));
    add_pad(list, mode, 1, DIMS(7), DIMS(6), DIMS(6));
    add_pad(list, mode, 3, DIMS(2, 3, 4), DIMS(1, 2, 3), DIMS(0, 1, 2));
    add_pad(list, mode, 2, DIMS(1, 3), DIMS(0, 7), DIMS(0, 8)); /* more than the axis holds */
    add_pad(list, mode, 8, DIMS(1, 2, 1, 2, 1, 3, 2, 5), DIMS(0, 1, 0, 0, 0, 2, 1, 3), DIMS(0, 0, 0, 1, 0, 0, 1, 4));
  }
  add_pad(list, ICN_PAD_CONSTANT, 2, DIMS(3, 4), DIMS(2, -4), DIMS(0, 1)); /* nothing of the input is left */
  add_pad(list, ICN_PAD_CONSTANT, 0, NULL, NULL, NULL);
}

static void add_resample(icn_case_list *list, int rank, const int64_t *dim, int axis, int64_t size, int64_t taps, unsigned flags) {
  icn_case *c = icn_case_add(list, ICN_OP_RESAMPLE, flags);
  int64_t out[ICN_MAX_RANK];
  c->problem.params.axis = axis;
  for (int k = 0; k < rank; k++) out[k] = k == axis ? size : dim[k];
  icn_case_input(c, 0, rank, dim);
  icn_case_constant(c, 1, 2, DIMS(size, taps));
  icn_case_constant(c, 2, 2, DIMS(size, taps));
  icn_case_output(c, rank, out);
}

static void add_resample_cases(icn_case_list *list) {
  add_resample(list, 4, DIMS(1, 64, 35, 35), 2, 70, 2, ICN_CASE_LARGE);
  add_resample(list, 4, DIMS(1, 64, 35, 35), 3, 17, 4, ICN_CASE_LARGE);
  add_resample(list, 4, DIMS(2, 19, 5, 6), 2, 9, 2, 0);
  add_resample(list, 4, DIMS(2, 19, 5, 6), 3, 3, 5, 0);
  add_resample(list, 4, DIMS(2, 3, 5, 6), 1, 7, 1, 0); /* gather of channels */
  add_resample(list, 4, DIMS(2, 3, 5, 6), 0, 3, 1, 0);
  add_resample(list, 1, DIMS(9), 0, 30, 3, 0);
  add_resample(list, 3, DIMS(2, 7, 33), 1, 4, 2, 0);
  add_resample(list, 5, DIMS(2, 3, 4, 5, 6), 2, 5, 3, 0);
}

void icn_cases_move(icn_case_list *list) {
  add_copy_cases(list);
  add_pad_cases(list);
  add_resample_cases(list);
}
