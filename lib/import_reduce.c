/* Reductions and softmax. */
#include "import_internal.h"

typedef struct reduction {
  uint32_t axes;
  bool keep;
} reduction;

static reduction read_reduction(icn_importer *im, int rank) {
  size_t count;
  const int64_t *axes = icn_im_ints_either(im, "axes", 1, &count);
  reduction r = {icn_im_axes(im, axes, count, rank), icn_im_int(im, "keepdims", 1) != 0};
  if (count == 0 && icn_im_int(im, "noop_with_empty_axes", 0) == 0) r.axes = (1U << rank) - 1U;
  return r;
}

/* The reduction over no dimensions at all: what the function makes of a single element. */
static int reduce_nothing(icn_importer *im, icn_function function, int x) {
  switch (function) {
    case ICN_FN_L1:
    case ICN_FN_L2:
      return icn_im_unary(im, ICN_FN_ABS, x, 0, 0, 0);
    case ICN_FN_SUM_SQUARE:
      return icn_im_unary(im, ICN_FN_SQUARE, x, 0, 0, 0);
    default:
      return x;
  }
}

static int reduce_over(icn_importer *im, icn_function function, int x, uint32_t axes) {
  return axes == 0 ? reduce_nothing(im, function, x) : icn_im_reduce(im, function, x, axes);
}

/* Takes the reduced dimensions out, unless they are kept. */
static int drop_axes(icn_importer *im, int x, reduction r) {
  if (!icn_im_ok(im) || r.keep) return x;
  icn_shape from = icn_im_shape(im, x), shape = icn_shape_make(0, NULL);
  for (int k = 0; k < from.rank; k++) {
    if ((r.axes >> k & 1U) == 0) shape.dim[shape.rank++] = from.dim[k];
  }
  return icn_im_reshape(im, x, &shape);
}

int icn_import_reduce(icn_importer *im) {
  int x = icn_im_input(im, 0);
  reduction r = read_reduction(im, icn_im_shape(im, x).rank);
  return drop_axes(im, reduce_over(im, im->row->function, x, r.axes), r);
}

int icn_import_reduce_log_sum(icn_importer *im) {
  int x = icn_im_input(im, 0);
  reduction r = read_reduction(im, icn_im_shape(im, x).rank);
  return drop_axes(im, icn_im_unary(im, ICN_FN_LOG, reduce_over(im, ICN_FN_ADD, x, r.axes), 0, 0, 0), r);
}

/* The largest value is taken out first, so that exp stays finite. */
int icn_import_reduce_log_sum_exp(icn_importer *im) {
  int x = icn_im_input(im, 0);
  reduction r = read_reduction(im, icn_im_shape(im, x).rank);
  if (r.axes == 0) return x;
  int largest = icn_im_reduce(im, ICN_FN_MAX, x, r.axes);
  int exponential = icn_im_unary(im, ICN_FN_EXP, icn_im_binary(im, ICN_FN_SUB, x, largest), 0, 0, 0);
  int log_sum = icn_im_unary(im, ICN_FN_LOG, icn_im_reduce(im, ICN_FN_ADD, exponential, r.axes), 0, 0, 0);
  return drop_axes(im, icn_im_binary(im, ICN_FN_ADD, log_sum, largest), r);
}

/* ----------------------------------------------------------------- softmax */

static int softmax_along(icn_importer *im, int x, int axis) {
  icn_params params = {.function = im->row->function, .axis = axis};
  icn_shape shape = icn_im_shape(im, x);
  return icn_im_emit(im, ICN_OP_SOFTMAX, &params, &x, 1, &shape);
}

int icn_import_softmax(icn_importer *im) {
  int x = icn_im_input(im, 0);
  int rank = icn_im_shape(im, x).rank;
  if (rank == 0) return icn_im_fail(im, ICN_UNSUPPORTED, "the input is a scalar");
  return softmax_along(im, x, icn_im_axis(im, icn_im_int(im, "axis", -1), rank));
}

/* Before opset 13: over all dimensions from `axis` on, as if the input were a matrix. */
int icn_import_softmax_flat(icn_importer *im) {
  int x = icn_im_input(im, 0);
  icn_shape shape = icn_im_shape(im, x), matrix = icn_shape_make(2, (int64_t[]){1, 1});
  if (shape.rank == 0) return icn_im_fail(im, ICN_UNSUPPORTED, "the input is a scalar");
  int axis = icn_im_axis(im, icn_im_int(im, "axis", shape.rank == 1 ? 0 : 1), shape.rank);
  for (int k = 0; k < shape.rank; k++) matrix.dim[k < axis ? 0 : 1] *= shape.dim[k];
  if (matrix.dim[1] == shape.dim[axis]) return softmax_along(im, x, axis); /* nothing but ones behind it */
  return icn_im_reshape(im, softmax_along(im, icn_im_reshape(im, x, &matrix), 1), &shape);
}
