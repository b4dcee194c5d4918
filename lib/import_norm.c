/* Normalisations: batch normalisation of inference as AFFINE, LRN as itself, the others as compositions. */
#include <math.h>

#include "import_internal.h"

enum { X = 0, SCALE = 1, BIAS = 2, MEAN = 3, VARIANCE = 4 };

static bool is_vector(const icn_importer *im, int value, int64_t length) {
  icn_shape shape = icn_im_shape(im, value);
  return shape.rank == 1 && shape.dim[0] == length;
}

/* scale / sqrt(variance + epsilon) and bias - mean * that, in double. */
static int fold_batch_norm(icn_importer *im, double epsilon, int64_t channels, int *shift) {
  icn_shape shape = icn_shape_make(1, &channels);
  void *scales, *shifts;
  int scale = icn_im_new_constant(im, &shape, ICN_F32, &scales);
  *shift = icn_im_new_constant(im, &shape, ICN_F32, &shifts);
  for (int64_t c = 0; icn_im_ok(im) && c < channels; c++) {
    const icn_value *values = im->graph->values;
    double factor =
        (double)icn_const_f32(&values[im->inputs[SCALE]], c) / sqrt((double)icn_const_f32(&values[im->inputs[VARIANCE]], c) + epsilon);
    ((float *)scales)[c] = (float)factor;
    ((float *)shifts)[c] =
        (float)((double)icn_const_f32(&values[im->inputs[BIAS]], c) - (double)icn_const_f32(&values[im->inputs[MEAN]], c) * factor);
  }
  return scale;
}

/* The same where some of them are computed at run time. */
static int compose_batch_norm(icn_importer *im, float epsilon, int *shift) {
  int spread = icn_im_binary(im, ICN_FN_ADD, im->inputs[VARIANCE], icn_im_scalar(im, epsilon));
  int scale = icn_im_binary(im, ICN_FN_DIV, im->inputs[SCALE], icn_im_unary(im, ICN_FN_SQRT, spread, 0, 0, 0));
  *shift = icn_im_binary(im, ICN_FN_SUB, im->inputs[BIAS], icn_im_binary(im, ICN_FN_MUL, im->inputs[MEAN], scale));
  return scale;
}

int icn_import_batch_norm(icn_importer *im) {
  icn_shape shape = icn_im_shape(im, im->inputs[X]);
  char text[ICN_SHAPE_TEXT_BYTES];
  float epsilon = icn_im_float(im, "epsilon", 1e-5F);
  if (icn_im_int(im, "training_mode", 0) != 0) return icn_im_fail(im, ICN_UNSUPPORTED, "training_mode is set; only inference is supported");
  if (icn_im_int(im, "spatial", 1) == 0) return icn_im_fail(im, ICN_UNSUPPORTED, "spatial = 0 is not supported");
  if (shape.rank < 2) return icn_im_fail(im, ICN_UNSUPPORTED, "the input %s has no channel dimension", icn_shape_text(&shape, text));
  bool constant = true;
  for (int k = SCALE; k <= VARIANCE; k++) {
    constant = constant && icn_im_is_constant(im, im->inputs[k]);
    if (!is_vector(im, im->inputs[k], shape.dim[1])) {
      return icn_im_fail(im, ICN_FORMAT, "its input %d must have one number for each of the %lld channels", k, (long long)shape.dim[1]);
    }
  }
  int shift, scale = constant ? fold_batch_norm(im, (double)epsilon, shape.dim[1], &shift) : compose_batch_norm(im, epsilon, &shift);
  icn_params params = {0};
  return icn_im_emit(im, ICN_OP_AFFINE, &params, (int[]){im->inputs[X], scale, shift}, 3, &shape);
}

int icn_import_lrn(icn_importer *im) {
  int x = im->inputs[X];
  icn_shape shape = icn_im_shape(im, x);
  int64_t size = icn_im_int(im, "size", 0);
  if (size < 1 || size > ICN_IMPORT_MAX_SIZE) return icn_im_fail(im, ICN_FORMAT, "its attribute size is %lld", (long long)size);
  if (shape.rank < 2) return icn_im_fail(im, ICN_FORMAT, "its input has no channel dimension");
  icn_params params = {
      .alpha = icn_im_float(im, "alpha", 0.0001F), .beta = icn_im_float(im, "beta", 0.75F), .gamma = icn_im_float(im, "bias", 1.0F)};
  params.kernel[0] = size;
  return icn_im_emit(im, ICN_OP_LRN, &params, &x, 1, &shape);
}

/* ------------------------------------------------------------ compositions */

static int square(icn_importer *im, int x) { return icn_im_unary(im, ICN_FN_SQUARE, x, 0, 0, 0); }

/* x / sqrt(mean of its squares over `axes` + epsilon) */
static int divide_by_rms(icn_importer *im, int x, uint32_t axes, float epsilon) {
  int power = icn_im_reduce(im, ICN_FN_MEAN, square(im, x), axes);
  int spread = icn_im_binary(im, ICN_FN_ADD, power, icn_im_scalar(im, epsilon));
  return icn_im_binary(im, ICN_FN_MUL, x, icn_im_unary(im, ICN_FN_RSQRT, spread, 0, 0, 0));
}

static int subtract_mean(icn_importer *im, int x, uint32_t axes) {
  return icn_im_binary(im, ICN_FN_SUB, x, icn_im_reduce(im, ICN_FN_MEAN, x, axes));
}

/* x * scale[c] + bias[c] where both are vectors along dim 1. */
static int scale_channels(icn_importer *im, int x, int scale, int bias) {
  icn_shape shape = icn_im_shape(im, x);
  icn_params params = {0};
  if (icn_im_ok(im) && (!is_vector(im, scale, shape.dim[1]) || !is_vector(im, bias, shape.dim[1]))) {
    return icn_im_fail(im, ICN_FORMAT, "scale and bias must have one number for each of the %lld channels", (long long)shape.dim[1]);
  }
  return icn_im_emit(im, ICN_OP_AFFINE, &params, (int[]){x, scale, bias}, 3, &shape);
}

/* Bits of all dims from `first` on. */
static uint32_t axes_from(int first, int rank) { return ((1U << rank) - 1U) & ~((1U << first) - 1U); }

int icn_import_instance_norm(icn_importer *im) {
  icn_shape shape = icn_im_shape(im, im->inputs[X]);
  if (shape.rank < 3) return icn_im_fail(im, ICN_FORMAT, "its input has rank %d; at least 3 is expected", shape.rank);
  uint32_t axes = axes_from(2, shape.rank);
  int normal = divide_by_rms(im, subtract_mean(im, im->inputs[X], axes), axes, icn_im_float(im, "epsilon", 1e-5F));
  return scale_channels(im, normal, im->inputs[SCALE], im->inputs[BIAS]);
}

/* A vector with one number a group, repeated for each channel of the group (opset 18 to 20). */
static int repeat_for_group(icn_importer *im, int vector, int64_t groups, int64_t channels) {
  icn_shape column = icn_shape_make(2, (int64_t[]){groups, 1}), matrix = icn_shape_make(2, (int64_t[]){groups, channels / groups});
  icn_shape flat = icn_shape_make(1, &channels);
  return icn_im_reshape(im, icn_im_expand(im, icn_im_reshape(im, vector, &column), &matrix), &flat);
}

int icn_import_group_norm(icn_importer *im) {
  icn_shape shape = icn_im_shape(im, im->inputs[X]);
  int64_t groups = icn_im_int(im, "num_groups", 0);
  if (shape.rank < 3) return icn_im_fail(im, ICN_FORMAT, "its input has rank %d; at least 3 is expected", shape.rank);
  if (groups < 1 || shape.dim[1] % groups != 0) {
    return icn_im_fail(im, ICN_FORMAT, "%lld channels cannot be split into num_groups = %lld", (long long)shape.dim[1], (long long)groups);
  }
  int64_t elems = icn_shape_elems(&shape);
  if (elems == 0) return im->inputs[X];
  icn_shape grouped = icn_shape_make(3, (int64_t[]){shape.dim[0], groups, elems / shape.dim[0] / groups});
  int x = icn_im_reshape(im, im->inputs[X], &grouped), scale = im->inputs[SCALE], bias = im->inputs[BIAS];
  int normal = divide_by_rms(im, subtract_mean(im, x, 4), 4, icn_im_float(im, "epsilon", 1e-5F));
  if (im->source->opset < 21) {
    scale = repeat_for_group(im, scale, groups, shape.dim[1]);
    bias = repeat_for_group(im, bias, groups, shape.dim[1]);
  }
  return scale_channels(im, icn_im_reshape(im, normal, &shape), scale, bias);
}

int icn_import_layer_norm(icn_importer *im) {
  int x = im->inputs[X], rank = icn_im_shape(im, x).rank;
  uint32_t axes = axes_from(icn_im_axis(im, icn_im_int(im, "axis", -1), rank), rank);
  int normal = divide_by_rms(im, subtract_mean(im, x, axes), axes, icn_im_float(im, "epsilon", 1e-5F));
  int scaled = icn_im_binary(im, ICN_FN_MUL, normal, im->inputs[SCALE]);
  int bias = icn_im_input(im, BIAS);
  return bias == ICN_NO_VALUE ? scaled : icn_im_binary(im, ICN_FN_ADD, scaled, bias);
}

int icn_import_rms_norm(icn_importer *im) {
  int x = im->inputs[X], rank = icn_im_shape(im, x).rank;
  uint32_t axes = axes_from(icn_im_axis(im, icn_im_int(im, "axis", -1), rank), rank);
  int normal = divide_by_rms(im, x, axes, icn_im_float(im, "epsilon", 1e-5F));
  return icn_im_binary(im, ICN_FN_MUL, normal, im->inputs[SCALE]);
}

/* (x - mean) / (standard deviation + 1e-9), the constant of the specification's function body. */
int icn_import_mean_variance_norm(icn_importer *im) {
  static const int64_t DEFAULT_AXES[3] = {0, 2, 3};
  int x = im->inputs[X], rank = icn_im_shape(im, x).rank;
  size_t count;
  const int64_t *list = icn_im_ints(im, "axes", &count);
  uint32_t axes = list != NULL ? icn_im_axes(im, list, count, rank) : icn_im_axes(im, DEFAULT_AXES, 3, rank);
  int centred = subtract_mean(im, x, axes);
  int deviation = icn_im_unary(im, ICN_FN_SQRT, icn_im_reduce(im, ICN_FN_MEAN, square(im, centred), axes), 0, 0, 0);
  return icn_im_binary(im, ICN_FN_DIV, centred, icn_im_binary(im, ICN_FN_ADD, deviation, icn_im_scalar(im, 1e-9F)));
}

/* x / norm along one axis, 0 where the norm is 0: the smallest normal number in its place gives that. */
int icn_import_lp_norm(icn_importer *im) {
  int x = im->inputs[X], rank = icn_im_shape(im, x).rank;
  int64_t p = icn_im_int(im, "p", 2);
  uint32_t axes = 1U << icn_im_axis(im, icn_im_int(im, "axis", -1), rank);
  if (p != 1 && p != 2) return icn_im_fail(im, ICN_UNSUPPORTED, "p is %lld; 1 and 2 are supported", (long long)p);
  int norm = icn_im_reduce(im, p == 1 ? ICN_FN_L1 : ICN_FN_L2, x, axes);
  return icn_im_binary(im, ICN_FN_DIV, x, icn_im_binary(im, ICN_FN_MAX, norm, icn_im_scalar(im, 1.17549435e-38F)));
}
