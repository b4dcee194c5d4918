/* Resize and Upsample: one RESAMPLE an axis, with tables computed here in double. Coordinates and filters follow the specification of
 * Resize; a filter with antialiasing is the same one stretched by the reciprocal of the scale. */
#include <math.h>
#include <string.h>

#include "import_internal.h"

typedef enum resize_mode { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC } resize_mode;
typedef enum coordinate_mode {
  HALF_PIXEL,
  HALF_PIXEL_SYMMETRIC,
  PYTORCH_HALF_PIXEL,
  ALIGN_CORNERS,
  ASYMMETRIC,
  TF_CROP_AND_RESIZE,
  TF_HALF_PIXEL_FOR_NN
} coordinate_mode;
typedef enum nearest_mode { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL, CEIL_WHEN_SHRINKING } nearest_mode;

typedef struct resize {
  resize_mode mode;
  coordinate_mode coordinates;
  nearest_mode nearest;
  bool exclude_outside, antialias, has_roi;
  double cubic_a;
  float extrapolation;
  /* for each dimension of the input */
  double scale[ICN_MAX_RANK], roi_begin[ICN_MAX_RANK], roi_end[ICN_MAX_RANK];
  int64_t out[ICN_MAX_RANK];
} resize;

/* --------------------------------------------------------------- one axis */

/* Where output position o lies in an input of `in` positions. */
static double source_position(const resize *r, int axis, int64_t in, int64_t o) {
  double scale = r->scale[axis], length = scale * (double)in, x = (double)o, last = (double)(in - 1);
  switch (r->coordinates) {
    case ALIGN_CORNERS:
      return length == 1.0 ? 0.0 : x * last / (length - 1.0);
    case ASYMMETRIC:
      return x / scale;
    case TF_CROP_AND_RESIZE: {
      double begin = r->roi_begin[axis], extent = r->roi_end[axis] - begin;
      return begin * last + (length == 1.0 ? extent * last / 2.0 : x * extent * last / (length - 1.0));
    }
    case PYTORCH_HALF_PIXEL:
      return r->out[axis] > 1 ? (x + 0.5) / scale - 0.5 : 0.0;
    case HALF_PIXEL_SYMMETRIC:
      return (double)in / 2.0 * (1.0 - (double)r->out[axis] / length) + (x + 0.5) / scale - 0.5;
    case TF_HALF_PIXEL_FOR_NN:
      return (x + 0.5) / scale;
    default:
      return (x + 0.5) / scale - 0.5;
  }
}

static double round_position(const resize *r, int axis, double x) {
  switch (r->nearest) {
    case ROUND_PREFER_FLOOR:
      return ceil(x - 0.5);
    case ROUND_PREFER_CEIL:
      return floor(x + 0.5);
    case FLOOR:
      return floor(x);
    case CEIL_WHEN_SHRINKING:
      return r->scale[axis] < 1.0 ? ceil(x) : floor(x);
    default:
      return ceil(x);
  }
}

/* Height of the filter at distance x. */
static double filter_at(const resize *r, double x) {
  double a = r->cubic_a;
  x = fabs(x);
  if (r->mode == MODE_LINEAR) return x < 1.0 ? 1.0 - x : 0.0;
  if (x <= 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

/* The weights of one output position; indices outside the input read its edge. */
static void fill_taps(const resize *r, double position, double stretch, int64_t first, int64_t in, int64_t taps, int32_t *index,
                      float *weight, double *scratch) {
  double base = floor(position), sum = 0.0;
  for (int64_t t = 0; t < taps; t++) {
    double at = base + (double)(first + t);
    bool outside = at < 0.0 || at > (double)(in - 1);
    scratch[t] = r->exclude_outside && outside ? 0.0 : filter_at(r, (at - position) * stretch);
    sum += scratch[t];
    index[t] = (int32_t)fmin(fmax(at, 0.0), (double)(in - 1));
  }
  bool normalise = r->exclude_outside || r->antialias;
  for (int64_t t = 0; t < taps; t++) weight[t] = (float)(normalise && sum != 0.0 ? scratch[t] / sum : scratch[t]);
}

static bool is_extrapolated(const resize *r, int64_t in, double position) {
  return r->coordinates == TF_CROP_AND_RESIZE && !(position >= 0.0 && position <= (double)(in - 1));
}

static int resample_filtered(icn_importer *im, const resize *r, int x, int axis, int64_t in) {
  double stretch = r->antialias ? fmin(r->scale[axis], 1.0) : 1.0, reach = r->mode == MODE_LINEAR ? 1.0 : 2.0;
  double before = floor(-reach / stretch) + 1.0; /* the first tap, counted from the position's floor */
  if (before < -1e6) return icn_im_fail(im, ICN_UNSUPPORTED, "a scale of %g is too small", r->scale[axis]);
  int64_t first = (int64_t)before, taps = 2 - 2 * first;
  icn_shape shape = icn_im_shape(im, x), table = icn_shape_make(2, (int64_t[]){r->out[axis], taps});
  void *indices, *weights;
  int index = icn_im_new_constant(im, &table, ICN_I32, &indices), weight = icn_im_new_constant(im, &table, ICN_F32, &weights);
  double *scratch = icn_arena_array(&im->scratch, (size_t)taps, sizeof(double));
  if (scratch == NULL) icn_im_no_memory(im);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  for (int64_t o = 0; o < r->out[axis]; o++) {
    double position = source_position(r, axis, in, o);
    float *row = (float *)weights + o * taps;
    fill_taps(r, position, stretch, first, in, taps, (int32_t *)indices + o * taps, row, scratch);
    if (is_extrapolated(r, in, position)) memset(row, 0, (size_t)taps * sizeof(float));
  }
  icn_params params = {.axis = axis};
  shape.dim[axis] = r->out[axis];
  return icn_im_emit(im, ICN_OP_RESAMPLE, &params, (int[]){x, index, weight}, 3, &shape);
}

static int resample_nearest(icn_importer *im, const resize *r, int x, int axis, int64_t in) {
  int64_t *index = icn_arena_array(&im->scratch, (size_t)r->out[axis], sizeof(int64_t));
  if (index == NULL) return icn_im_no_memory(im);
  for (int64_t o = 0; o < r->out[axis]; o++) {
    double position = round_position(r, axis, source_position(r, axis, in, o));
    index[o] = (int64_t)fmin(fmax(position, 0.0), (double)(in - 1));
  }
  return icn_im_gather(im, x, axis, index, (size_t)r->out[axis]);
}

static int resample_axis(icn_importer *im, const resize *r, int x, int axis) {
  icn_shape shape = icn_im_shape(im, x);
  int64_t in = shape.dim[axis];
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  shape.dim[axis] = r->out[axis];
  if (icn_im_check_shape(im, &shape) < 0) return ICN_NO_VALUE;
  if (in == 0) return icn_im_fail(im, ICN_FORMAT, "its input is empty");
  bool whole = !r->has_roi || (r->roi_begin[axis] == 0.0 && r->roi_end[axis] == 1.0);
  if (r->out[axis] == in && whole && fabs(r->scale[axis] - 1.0) < 1e-9) return x;
  return r->mode == MODE_NEAREST ? resample_nearest(im, r, x, axis, in) : resample_filtered(im, r, x, axis, in);
}

/* ---------------------------------------------------------- extrapolation */

/* 1 inside and 0 outside along one axis, as a constant that broadcasts; *any says whether something is outside. */
static int inside_mask(icn_importer *im, const resize *r, int axis, const icn_shape *from, bool *any) {
  icn_shape shape = *from;
  void *data;
  for (int k = 0; k < shape.rank; k++) shape.dim[k] = k == axis ? r->out[axis] : 1;
  *any = false;
  int mask = icn_im_new_constant(im, &shape, ICN_F32, &data);
  for (int64_t o = 0; icn_im_ok(im) && o < r->out[axis]; o++) {
    bool outside = is_extrapolated(r, from->dim[axis], source_position(r, axis, from->dim[axis], o));
    ((float *)data)[o] = outside ? 0.0F : 1.0F;
    *any = *any || outside;
  }
  return mask;
}

/* tf_crop_and_resize: what lies outside becomes the extrapolation value: x * inside + value * (1 - inside), each axis a factor of
 * `inside`. Filters have weight 0 there already; nearest ones read the edge. */
static int extrapolate(icn_importer *im, const resize *r, int x, const icn_shape *from) {
  int inside = icn_im_scalar(im, 1.0F);
  bool needed = false;
  for (int axis = 0; axis < from->rank && icn_im_ok(im); axis++) {
    bool any;
    int mask = inside_mask(im, r, axis, from, &any);
    if (any) inside = icn_im_binary(im, ICN_FN_MUL, inside, mask);
    needed = needed || any;
  }
  if (!needed) return x;
  if (r->mode == MODE_NEAREST) x = icn_im_binary(im, ICN_FN_MUL, x, inside);
  if (r->extrapolation == 0.0F) return x;
  int value = icn_im_scalar(im, r->extrapolation);
  int fill = icn_im_binary(im, ICN_FN_SUB, value, icn_im_binary(im, ICN_FN_MUL, inside, value));
  return icn_im_binary(im, ICN_FN_ADD, x, fill);
}

/* Shrinking axes first: there is less to do for the others then. */
static int resample_all(icn_importer *im, const resize *r, int x) {
  icn_shape from = icn_im_shape(im, x);
  for (int grow = 0; grow < 2; grow++) {
    for (int axis = 0; axis < from.rank && icn_im_ok(im); axis++) {
      if ((r->out[axis] > from.dim[axis]) == (grow == 1)) x = resample_axis(im, r, x, axis);
    }
  }
  if (r->coordinates != TF_CROP_AND_RESIZE || !icn_im_ok(im)) return x;
  return extrapolate(im, r, x, &from);
}

/* ------------------------------------------------------------- attributes */

/* The number of `attribute`'s value in a list of names that ends with NULL; `fallback` when it is absent. */
static int choose(icn_importer *im, const char *attribute, const char *fallback, const char *const *names) {
  const char *text = icn_im_string(im, attribute, fallback);
  for (int k = 0; names[k] != NULL; k++) {
    if (strcmp(names[k], text) == 0) return k;
  }
  icn_im_fail(im, ICN_UNSUPPORTED, "its attribute %s is '%.60s'", attribute, text);
  return 0;
}

static bool valid_scale(icn_importer *im, double scale) {
  if (scale > 0.0 && scale <= (double)ICN_IMPORT_MAX_SIZE) return true;
  icn_im_fail(im, ICN_FORMAT, "a scale is %g", scale);
  return false;
}

/* Sizes are rounded down in float32, as shape inference of the onnx package does it. */
static bool set_scales(icn_importer *im, resize *r, const icn_shape *from, const float *scales, const int *axes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int axis = axes[i];
    if (!valid_scale(im, (double)scales[i])) return false;
    r->scale[axis] = (double)scales[i];
    float size = floorf((float)from->dim[axis] * scales[i]);
    if (!(size <= (float)ICN_IMPORT_MAX_SIZE)) icn_im_fail(im, ICN_UNSUPPORTED, "its result is too large");
    r->out[axis] = icn_im_ok(im) ? (int64_t)size : 0;
  }
  return icn_im_ok(im);
}

static bool set_sizes(icn_importer *im, resize *r, const icn_shape *from, const int64_t *sizes, const int *axes, size_t count) {
  static const char *const POLICIES[] = {"stretch", "not_larger", "not_smaller", NULL};
  int policy = choose(im, "keep_aspect_ratio_policy", "stretch", POLICIES);
  double common = policy == 1 ? INFINITY : 0.0;
  for (size_t i = 0; i < count && icn_im_ok(im); i++) {
    int axis = axes[i];
    if (sizes[i] < 1 || sizes[i] > ICN_IMPORT_MAX_SIZE || from->dim[axis] < 1) {
      icn_im_fail(im, ICN_FORMAT, "it resizes %lld to %lld", (long long)from->dim[axis], (long long)sizes[i]);
      return false;
    }
    r->out[axis] = sizes[i];
    r->scale[axis] = (double)sizes[i] / (double)from->dim[axis];
    common = policy == 1 ? fmin(common, r->scale[axis]) : fmax(common, r->scale[axis]);
  }
  for (size_t i = 0; i < count && policy != 0 && icn_im_ok(im); i++) {
    double size = common * (double)from->dim[axes[i]] + 0.5;
    if (size > (double)ICN_IMPORT_MAX_SIZE) icn_im_fail(im, ICN_UNSUPPORTED, "its result is too large");
    r->scale[axes[i]] = common;
    r->out[axes[i]] = icn_im_ok(im) ? (int64_t)size : 0;
  }
  return icn_im_ok(im);
}

static void start_axes(resize *r, const icn_shape *from) {
  for (int k = 0; k < from->rank; k++) {
    r->scale[k] = r->roi_end[k] = 1.0;
    r->roi_begin[k] = 0.0;
    r->out[k] = from->dim[k];
  }
}

/* The axes that roi, scales and sizes speak of. */
static size_t read_axes(icn_importer *im, int rank, int *axes) {
  size_t count;
  const int64_t *list = icn_im_ints(im, "axes", &count);
  if (list == NULL) count = (size_t)rank;
  icn_im_axes(im, list, list == NULL ? 0 : count, rank);
  for (size_t i = 0; i < count && icn_im_ok(im); i++) axes[i] = list == NULL ? (int)i : icn_im_axis(im, list[i], rank);
  return icn_im_ok(im) ? count : 0;
}

static bool read_roi(icn_importer *im, resize *r, const int *axes, size_t count) {
  size_t length;
  r->has_roi = r->coordinates == TF_CROP_AND_RESIZE;
  if (!r->has_roi) return true; /* other modes ignore it */
  const float *roi = icn_im_constant_floats(im, 1, "roi", &length);
  if (!icn_im_ok(im)) return false;
  if (roi == NULL || length != 2 * count) {
    icn_im_fail(im, ICN_FORMAT, "its roi has %zu numbers for %zu axes", length, count);
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    r->roi_begin[axes[i]] = (double)roi[i];
    r->roi_end[axes[i]] = (double)roi[count + i];
  }
  return true;
}

static bool read_target(icn_importer *im, resize *r, const icn_shape *from) {
  int axes[ICN_MAX_RANK];
  size_t count = read_axes(im, from->rank, axes), scale_count, size_count;
  start_axes(r, from);
  const float *scales = icn_im_constant_floats(im, 2, "scales", &scale_count);
  const int64_t *sizes = icn_im_constant_ints(im, 3, "sizes", &size_count);
  if (!icn_im_ok(im) || !read_roi(im, r, axes, count)) return false;
  if (scale_count > 0 && scale_count == count) return set_scales(im, r, from, scales, axes, count);
  if (scale_count == 0 && size_count > 0 && size_count == count) return set_sizes(im, r, from, sizes, axes, count);
  icn_im_fail(im, ICN_FORMAT, "it has %zu scales and %zu sizes for %zu axes", scale_count, size_count, count);
  return false;
}

int icn_import_resize(icn_importer *im) {
  static const char *const MODES[] = {"nearest", "linear", "cubic", NULL};
  static const char *const COORDINATES[] = {[HALF_PIXEL] = "half_pixel",
                                            [HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
                                            [PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
                                            [ALIGN_CORNERS] = "align_corners",
                                            [ASYMMETRIC] = "asymmetric",
                                            [TF_CROP_AND_RESIZE] = "tf_crop_and_resize",
                                            [TF_HALF_PIXEL_FOR_NN] = "tf_half_pixel_for_nn",
                                            NULL};
  static const char *const NEAREST[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
  int x = icn_im_input(im, 0);
  icn_shape from = icn_im_shape(im, x);
  resize r;
  memset(&r, 0, sizeof r);
  r.mode = (resize_mode)choose(im, "mode", "nearest", MODES);
  r.coordinates = (coordinate_mode)choose(im, "coordinate_transformation_mode", "half_pixel", COORDINATES);
  r.nearest = (nearest_mode)choose(im, "nearest_mode", "round_prefer_floor", NEAREST);
  r.exclude_outside = icn_im_int(im, "exclude_outside", 0) != 0;
  r.antialias = icn_im_int(im, "antialias", 0) != 0 && r.mode != MODE_NEAREST;
  r.cubic_a = (double)icn_im_float(im, "cubic_coeff_a", -0.75F);
  r.extrapolation = icn_im_float(im, "extrapolation_value", 0.0F);
  return read_target(im, &r, &from) ? resample_all(im, &r, x) : ICN_NO_VALUE;
}

/* Upsample, and Resize as it was in opset 10: asymmetric coordinates; nearest takes the pixel before (shrinking: behind, as ONNX Runtime).
 */
int icn_import_resize_10(icn_importer *im) {
  static const char *const MODES[] = {"nearest", "linear", NULL};
  int x = icn_im_input(im, 0), axes[ICN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  icn_shape from = icn_im_shape(im, x);
  const icn_source_attr *attr = icn_im_attr(im, "scales");
  size_t count = attr == NULL ? 0 : attr->count;
  const float *scales = attr == NULL ? icn_im_constant_floats(im, 1, "scales", &count) : attr->floats;
  resize r;
  memset(&r, 0, sizeof r);
  r.mode = (resize_mode)choose(im, "mode", "nearest", MODES);
  r.coordinates = ASYMMETRIC;
  r.nearest = CEIL_WHEN_SHRINKING;
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (count != (size_t)from.rank) return icn_im_fail(im, ICN_FORMAT, "it has %zu scales for a tensor of rank %d", count, from.rank);
  start_axes(&r, &from);
  return set_scales(im, &r, &from, scales, axes, count) ? resample_all(im, &r, x) : ICN_NO_VALUE;
}
