/* Matrix products. */
#include <string.h>

#include "import_internal.h"

/* An integer attribute that is a flag. */
static int32_t flag(const icn_importer *im, const char *name) { return icn_im_int(im, name, 0) != 0 ? 1 : 0; }

int icn_import_gemm(icn_importer *im) {
  int inputs[3] = {icn_im_input(im, 0), icn_im_input(im, 1), icn_im_input(im, 2)};
  icn_shape a = icn_im_shape(im, inputs[0]), b = icn_im_shape(im, inputs[1]), c = icn_im_shape(im, inputs[2]), with_c;
  char a_text[ICN_SHAPE_TEXT_BYTES], b_text[ICN_SHAPE_TEXT_BYTES];
  icn_params params = {.alpha = icn_im_float(im, "alpha", 1.0F),
                       .beta = icn_im_float(im, "beta", 1.0F),
                       .transpose_a = flag(im, "transA"),
                       .transpose_b = flag(im, "transB")};
  if (a.rank != 2 || b.rank != 2 || a.dim[1 - params.transpose_a] != b.dim[params.transpose_b]) {
    return icn_im_fail(im, ICN_FORMAT, "the matrices %s%s and %s%s do not fit", icn_shape_text(&a, a_text),
                       params.transpose_a ? " (transposed)" : "", icn_shape_text(&b, b_text), params.transpose_b ? " (transposed)" : "");
  }
  icn_shape shape = icn_shape_make(2, (int64_t[]){a.dim[params.transpose_a], b.dim[1 - params.transpose_b]});
  int count = inputs[2] == ICN_NO_VALUE || params.beta == 0.0F ? 2 : 3;
  if (count == 3 && (!icn_im_broadcast(im, &shape, &c, &with_c) || !icn_shape_equal(&with_c, &shape))) {
    return icn_im_fail(im, ICN_FORMAT, "its third input does not broadcast to %s", icn_shape_text(&shape, a_text));
  }
  if (count == 2) params.beta = 1.0F;
  return icn_im_emit(im, ICN_OP_MATMUL, &params, inputs, count, &shape);
}

/* a[...][m][k] b[...][k][n], broadcast in front. */
static int multiply(icn_importer *im, int a, int b) {
  icn_params params = {.alpha = 1.0F, .beta = 1.0F};
  icn_shape a_shape = icn_im_shape(im, a), b_shape = icn_im_shape(im, b), shape;
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  int64_t m = a_shape.dim[a_shape.rank - 2], k = a_shape.dim[a_shape.rank - 1], n = b_shape.dim[b_shape.rank - 1];
  if (b_shape.dim[b_shape.rank - 2] != k) {
    char a_text[ICN_SHAPE_TEXT_BYTES], b_text[ICN_SHAPE_TEXT_BYTES];
    return icn_im_fail(im, ICN_FORMAT, "the matrices %s and %s do not fit", icn_shape_text(&a_shape, a_text),
                       icn_shape_text(&b_shape, b_text));
  }
  icn_shape a_batch = icn_shape_make(a_shape.rank - 2, a_shape.dim), b_batch = icn_shape_make(b_shape.rank - 2, b_shape.dim);
  if (!icn_im_broadcast(im, &a_batch, &b_batch, &shape)) return ICN_NO_VALUE;
  shape.dim[shape.rank++] = m;
  shape.dim[shape.rank++] = n;
  return icn_im_emit(im, ICN_OP_MATMUL, &params, (int[]){a, b}, 2, &shape);
}

int icn_import_matmul(icn_importer *im) {
  int a = icn_im_input(im, 0), b = icn_im_input(im, 1);
  icn_shape a_shape = icn_im_shape(im, a), b_shape = icn_im_shape(im, b);
  if (a_shape.rank == 0 || b_shape.rank == 0) return icn_im_fail(im, ICN_FORMAT, "a scalar has no matrix product");
  bool a_vector = a_shape.rank == 1, b_vector = b_shape.rank == 1;
  icn_shape row = icn_shape_make(2, (int64_t[]){1, a_shape.dim[0]}), column = icn_shape_make(2, (int64_t[]){b_shape.dim[0], 1});
  if (a_vector) a = icn_im_reshape(im, a, &row);
  if (b_vector) b = icn_im_reshape(im, b, &column);
  int product = multiply(im, a, b);
  if (!icn_im_ok(im) || (!a_vector && !b_vector)) return product;
  icn_shape full = icn_im_shape(im, product), shape = icn_shape_make(full.rank - 2, full.dim);
  if (!a_vector) shape.dim[shape.rank++] = full.dim[full.rank - 2];
  if (!b_vector) shape.dim[shape.rank++] = full.dim[full.rank - 1];
  return icn_im_reshape(im, product, &shape);
}
