/* Operators that move elements without computing: reshapes, slices, joins, repeats, pads. They serve integer constants as well. */
#include <string.h>

#include "import_internal.h"

static const int64_t ONES[ICN_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};

int icn_import_identity(icn_importer *im) { return icn_im_input(im, 0); }

int icn_import_dropout(icn_importer *im) {
  size_t count;
  const int64_t *training = icn_im_constant_ints(im, 2, "training_mode", &count);
  if (count > 0 && training[0] != 0) return icn_im_fail(im, ICN_UNSUPPORTED, "training_mode is set; only inference is supported");
  return icn_im_input(im, 0);
}

/* ----------------------------------------------------------------- reshapes */

int icn_import_reshape(icn_importer *im) {
  int x = icn_im_input(im, 0), open = -1;
  size_t count;
  const int64_t *wanted = icn_im_constant_ints(im, 1, "shape", &count);
  icn_shape from = icn_im_shape(im, x), shape = icn_shape_make(0, NULL);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (count > ICN_MAX_RANK) return icn_im_fail(im, ICN_UNSUPPORTED, "rank %zu is more than %d", count, ICN_MAX_RANK);
  bool allow_zero = icn_im_int(im, "allowzero", 0) != 0;
  for (size_t k = 0; k < count; k++) {
    bool copied = wanted[k] == 0 && !allow_zero;
    if (copied && (int)k >= from.rank)
      return icn_im_fail(im, ICN_FORMAT, "dimension %zu of its shape is 0, but the input has no such one", k);
    if (wanted[k] < -1 || (wanted[k] == -1 && open >= 0))
      return icn_im_fail(im, ICN_FORMAT, "its shape has the dimension %lld", (long long)wanted[k]);
    if (wanted[k] == -1) open = (int)k;
    shape.dim[shape.rank++] = copied ? from.dim[k] : wanted[k] == -1 ? 1 : wanted[k];
  }
  int64_t elems = icn_shape_elems(&from), known = icn_im_check_shape(im, &shape);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (open >= 0) shape.dim[open] = known > 0 ? elems / known : 0;
  return icn_im_reshape(im, x, &shape);
}

int icn_import_flatten(icn_importer *im) {
  icn_shape from = icn_im_shape(im, icn_im_input(im, 0)), shape = icn_shape_make(2, ONES);
  int64_t axis = icn_im_int(im, "axis", 1);
  if (axis < -from.rank || axis > from.rank) return icn_im_fail(im, ICN_FORMAT, "axis %lld is out of range", (long long)axis);
  if (axis < 0) axis += from.rank;
  for (int k = 0; k < from.rank; k++) shape.dim[k < axis ? 0 : 1] *= from.dim[k];
  return icn_im_reshape(im, icn_im_input(im, 0), &shape);
}

int icn_import_squeeze(icn_importer *im) {
  int x = icn_im_input(im, 0);
  size_t count;
  const int64_t *list = icn_im_ints_either(im, "axes", 1, &count);
  icn_shape from = icn_im_shape(im, x), shape = icn_shape_make(0, NULL);
  uint32_t axes = icn_im_axes(im, list, count, from.rank);
  for (int k = 0; k < from.rank && icn_im_ok(im); k++) {
    bool listed = (axes >> k & 1U) != 0;
    if (listed && from.dim[k] != 1) icn_im_fail(im, ICN_FORMAT, "dimension %d is %lld, not 1", k, (long long)from.dim[k]);
    if (list == NULL ? from.dim[k] != 1 : !listed) shape.dim[shape.rank++] = from.dim[k];
  }
  return icn_im_reshape(im, x, &shape);
}

int icn_import_unsqueeze(icn_importer *im) {
  int x = icn_im_input(im, 0);
  size_t count;
  const int64_t *list = icn_im_ints_either(im, "axes", 1, &count);
  icn_shape from = icn_im_shape(im, x), shape = icn_shape_make(0, NULL);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (list == NULL) return icn_im_fail(im, ICN_FORMAT, "its axes are missing");
  if (count > (size_t)(ICN_MAX_RANK - from.rank))
    return icn_im_fail(im, ICN_UNSUPPORTED, "the result has more than %d dimensions", ICN_MAX_RANK);
  shape.rank = from.rank + (int32_t)count;
  uint32_t axes = icn_im_axes(im, list, count, shape.rank);
  for (int k = 0, source = 0; k < shape.rank && icn_im_ok(im); k++) shape.dim[k] = (axes >> k & 1U) != 0 ? 1 : from.dim[source++];
  return icn_im_reshape(im, x, &shape);
}

int icn_import_transpose(icn_importer *im) {
  int x = icn_im_input(im, 0), rank = icn_im_shape(im, x).rank;
  size_t count;
  const int64_t *list = icn_im_ints(im, "perm", &count);
  int32_t perm[ICN_MAX_RANK] = {0};
  if (list != NULL && count != (size_t)rank)
    return icn_im_fail(im, ICN_FORMAT, "perm has %zu numbers for a tensor of rank %d", count, rank);
  icn_im_axes(im, list, count, rank);
  for (int k = 0; k < rank && icn_im_ok(im); k++) perm[k] = list == NULL ? rank - 1 - k : icn_im_axis(im, list[k], rank);
  return icn_im_ok(im) ? icn_im_transpose(im, x, perm) : ICN_NO_VALUE;
}

/* n, c, h, w of a rank-4 input and a block size that is in range. */
static bool read_blocks(icn_importer *im, icn_shape *from, int64_t *block) {
  *from = icn_im_shape(im, icn_im_input(im, 0));
  *block = icn_im_int(im, "blocksize", 0);
  if (from->rank != 4) icn_im_fail(im, ICN_FORMAT, "its input has rank %d; 4 is expected", from->rank);
  if (*block < 1 || *block > 32768) icn_im_fail(im, ICN_FORMAT, "blocksize is %lld", (long long)*block);
  return icn_im_ok(im);
}

static bool is_column_first(icn_importer *im, const char *otherwise) {
  const char *mode = icn_im_string(im, "mode", otherwise);
  if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0) icn_im_fail(im, ICN_FORMAT, "mode is '%.60s'; DCR and CRD are defined", mode);
  return strcmp(mode, "CRD") == 0;
}

int icn_import_depth_to_space(icn_importer *im) {
  static const int32_t DCR[6] = {0, 3, 4, 1, 5, 2}, CRD[6] = {0, 1, 4, 2, 5, 3};
  icn_shape from;
  int64_t b;
  bool crd = is_column_first(im, "DCR");
  if (!read_blocks(im, &from, &b)) return ICN_NO_VALUE;
  int64_t n = from.dim[0], c = from.dim[1] / (b * b), h = from.dim[2], w = from.dim[3];
  if (from.dim[1] % (b * b) != 0)
    return icn_im_fail(im, ICN_FORMAT, "%lld channels are no multiple of blocksize squared", (long long)from.dim[1]);
  icn_shape split = crd ? icn_shape_make(6, (int64_t[]){n, c, b, b, h, w}) : icn_shape_make(6, (int64_t[]){n, b, b, c, h, w});
  icn_shape shape = icn_shape_make(4, (int64_t[]){n, c, h * b, w * b});
  return icn_im_reshape(im, icn_im_transpose(im, icn_im_reshape(im, icn_im_input(im, 0), &split), crd ? CRD : DCR), &shape);
}

int icn_import_space_to_depth(icn_importer *im) {
  static const int32_t DCR[6] = {0, 3, 5, 1, 2, 4}, CRD[6] = {0, 1, 3, 5, 2, 4};
  icn_shape from;
  int64_t b;
  bool crd = is_column_first(im, "DCR");
  if (!read_blocks(im, &from, &b)) return ICN_NO_VALUE;
  if (from.dim[2] % b != 0 || from.dim[3] % b != 0)
    return icn_im_fail(im, ICN_FORMAT, "its input is no multiple of blocksize %lld", (long long)b);
  int64_t n = from.dim[0], c = from.dim[1], h = from.dim[2] / b, w = from.dim[3] / b;
  icn_shape split = icn_shape_make(6, (int64_t[]){n, c, h, b, w, b}), shape = icn_shape_make(4, (int64_t[]){n, c * b * b, h, w});
  return icn_im_reshape(im, icn_im_transpose(im, icn_im_reshape(im, icn_im_input(im, 0), &split), crd ? CRD : DCR), &shape);
}

/* ------------------------------------------------------------------- joins */

int icn_import_concat(icn_importer *im) {
  size_t count = icn_im_input_count(im);
  icn_shape first = icn_im_shape(im, icn_im_input(im, 0));
  if (icn_im_attr(im, "axis") == NULL) return icn_im_fail(im, ICN_FORMAT, "its attribute axis is missing");
  int axis = icn_im_axis(im, icn_im_int(im, "axis", 0), first.rank);
  for (size_t i = 1; i < count && icn_im_ok(im); i++) {
    icn_shape other = icn_im_shape(im, icn_im_input(im, i));
    if (icn_im_input(im, i) == ICN_NO_VALUE) return icn_im_fail(im, ICN_FORMAT, "its input %zu is missing", i);
    char a[ICN_SHAPE_TEXT_BYTES], b[ICN_SHAPE_TEXT_BYTES];
    icn_shape_text(&other, b);
    other.dim[axis] = first.dim[axis];
    if (!icn_shape_equal(&first, &other)) {
      return icn_im_fail(im, ICN_FORMAT, "its inputs %s and %s differ outside axis %d", icn_shape_text(&first, a), b, axis);
    }
  }
  return icn_im_ok(im) ? icn_im_concat(im, im->inputs, (int)count, axis) : ICN_NO_VALUE;
}

/* ------------------------------------------------------------------ slices */

/* begin and count of one axis from ONNX's start, end, step with their clamping. */
static int64_t clamp_slice(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *begin) {
  if (start < 0) start = start < -dim ? 0 : start + dim;
  if (end < 0) end = end < -dim ? -1 : end + dim;
  start = step > 0 ? icn_min64(start, dim) : icn_min64(start, dim - 1);
  end = step > 0 ? icn_max64(icn_min64(end, dim), 0) : icn_max64(icn_min64(end, dim), -1);
  *begin = start;
  if (step > 0) return end > start ? (end - start - 1) / step + 1 : 0;
  if (start <= end) return 0;
  return step < -dim ? 1 : (start - end - 1) / -step + 1;
}

int icn_import_slice(icn_importer *im) {
  int x = icn_im_input(im, 0);
  size_t start_count, end_count, axis_count, step_count;
  const int64_t *starts = icn_im_ints_either(im, "starts", 1, &start_count), *ends = icn_im_ints_either(im, "ends", 2, &end_count);
  const int64_t *axes = icn_im_ints_either(im, "axes", 3, &axis_count), *steps = icn_im_constant_ints(im, 4, "steps", &step_count);
  icn_shape shape = icn_im_shape(im, x);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  bool fits = starts != NULL && ends != NULL && end_count == start_count && (axes == NULL || axis_count == start_count) &&
              (steps == NULL || step_count == start_count) && start_count <= (size_t)shape.rank;
  if (!fits) return icn_im_fail(im, ICN_FORMAT, "its starts, ends, axes and steps differ in length or exceed the rank");
  icn_im_axes(im, axes, axes == NULL ? 0 : axis_count, shape.rank);
  int64_t begin[ICN_MAX_RANK] = {0}, step[ICN_MAX_RANK];
  memcpy(step, ONES, sizeof step);
  for (size_t i = 0; i < start_count && icn_im_ok(im); i++) {
    int axis = axes == NULL ? (int)i : icn_im_axis(im, axes[i], shape.rank);
    if (steps != NULL) step[axis] = steps[i];
    if (step[axis] == 0) return icn_im_fail(im, ICN_FORMAT, "a step is 0");
    shape.dim[axis] = clamp_slice(shape.dim[axis], starts[i], ends[i], step[axis], &begin[axis]);
    if (shape.dim[axis] <= 1) step[axis] = 1; /* a step that is never taken may be any number */
  }
  return icn_im_slice(im, x, begin, step, &shape);
}

/* Sizes of a Split's parts; NULL after a failure. */
static const int64_t *split_sizes(icn_importer *im, int64_t dim) {
  size_t count, parts = im->node->output_count;
  const int64_t *given = icn_im_ints_either(im, "split", 1, &count);
  if (!icn_im_ok(im)) return NULL;
  if (given != NULL && count > 0) {
    int64_t total = 0;
    for (size_t i = 0; i < count && total >= 0; i++) total = given[i] < 0 || given[i] > dim ? -1 : total + given[i];
    if (count == parts && total == dim) return given;
    icn_im_fail(im, ICN_FORMAT, "its split of %zu parts does not fit %lld elements and %zu outputs", count, (long long)dim, parts);
    return NULL;
  }
  int64_t wanted = icn_im_int(im, "num_outputs", (int64_t)parts);
  int64_t *sizes = icn_arena_array(&im->scratch, parts, sizeof(int64_t));
  if (sizes == NULL) icn_im_no_memory(im);
  if (wanted != (int64_t)parts) icn_im_fail(im, ICN_FORMAT, "num_outputs is %lld, but it has %zu outputs", (long long)wanted, parts);
  bool uneven = icn_im_attr(im, "num_outputs") != NULL;
  if (!uneven && dim % (int64_t)parts != 0)
    icn_im_fail(im, ICN_FORMAT, "%lld elements do not split into %zu equal parts", (long long)dim, parts);
  if (!icn_im_ok(im)) return NULL;
  int64_t chunk = icn_div_up(dim, (int64_t)parts);
  for (size_t i = 0; i < parts; i++) {
    sizes[i] = icn_max64(icn_min64(chunk, dim), 0); /* the last part is the smaller one */
    dim -= sizes[i];
  }
  return sizes;
}

int icn_import_split(icn_importer *im) {
  int x = icn_im_input(im, 0), first = ICN_NO_VALUE;
  icn_shape shape = icn_im_shape(im, x);
  int axis = icn_im_axis(im, icn_im_int(im, "axis", 0), shape.rank);
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  const int64_t *sizes = split_sizes(im, shape.dim[axis]);
  int64_t begin[ICN_MAX_RANK] = {0};
  for (size_t i = 0; i < im->node->output_count && icn_im_ok(im); i++) {
    shape.dim[axis] = sizes[i];
    int part = icn_im_slice(im, x, begin, NULL, &shape);
    if (i == 0) first = part;
    if (i > 0) icn_im_set_output(im, i, part);
    begin[axis] += sizes[i];
  }
  return first;
}

int icn_import_gather(icn_importer *im) {
  int x = icn_im_input(im, 0);
  size_t count;
  icn_shape from = icn_im_shape(im, x), indices = icn_im_shape(im, icn_im_input(im, 1)), shape = icn_shape_make(0, NULL);
  int axis = icn_im_axis(im, icn_im_int(im, "axis", 0), from.rank);
  const int64_t *list = icn_im_constant_ints(im, 1, "indices", &count);
  int64_t *index = icn_arena_array(&im->scratch, count, sizeof(int64_t));
  if (index == NULL) return icn_im_no_memory(im);
  for (size_t i = 0; i < count && icn_im_ok(im); i++) {
    index[i] = list[i] < 0 ? list[i] + from.dim[axis] : list[i];
    if (index[i] >= 0 && index[i] < from.dim[axis]) continue;
    return icn_im_fail(im, ICN_FORMAT, "its index %lld is out of range for a dimension of %lld", (long long)list[i],
                       (long long)from.dim[axis]);
  }
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (from.rank - 1 + indices.rank > ICN_MAX_RANK)
    return icn_im_fail(im, ICN_UNSUPPORTED, "the result has more than %d dimensions", ICN_MAX_RANK);
  for (int k = 0; k < axis; k++) shape.dim[shape.rank++] = from.dim[k];
  for (int k = 0; k < indices.rank; k++) shape.dim[shape.rank++] = indices.dim[k];
  for (int k = axis + 1; k < from.rank; k++) shape.dim[shape.rank++] = from.dim[k];
  return icn_im_reshape(im, icn_im_gather(im, x, axis, index, count), &shape);
}

/* ----------------------------------------------------------------- repeats */

int icn_import_expand(icn_importer *im) {
  int x = icn_im_input(im, 0);
  size_t count;
  const int64_t *dims = icn_im_constant_ints(im, 1, "shape", &count);
  icn_shape from = icn_im_shape(im, x), shape;
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (count > ICN_MAX_RANK) return icn_im_fail(im, ICN_UNSUPPORTED, "rank %zu is more than %d", count, ICN_MAX_RANK);
  icn_shape wanted = icn_shape_make((int)count, dims);
  if (icn_im_check_shape(im, &wanted) < 0 || !icn_im_broadcast(im, &from, &wanted, &shape)) return ICN_NO_VALUE;
  return icn_im_expand(im, x, &shape);
}

/* One axis of Tile: the indices 0 .. dim-1 again and again. */
static int tile_axis(icn_importer *im, int x, int axis, int64_t repeats) {
  icn_shape shape = icn_im_shape(im, x);
  int64_t dim = shape.dim[axis];
  if (!icn_im_ok(im) || dim == 0 || repeats == 1) return x;
  if (!icn_mul_ok(dim, repeats, &shape.dim[axis])) return icn_im_fail(im, ICN_UNSUPPORTED, "its result is too large");
  if (icn_im_check_shape(im, &shape) < 0) return ICN_NO_VALUE;
  if (dim == 1) return icn_im_expand(im, x, &shape);
  int64_t *index = icn_arena_array(&im->scratch, (size_t)shape.dim[axis], sizeof(int64_t));
  if (index == NULL) return icn_im_no_memory(im);
  for (int64_t o = 0; o < shape.dim[axis]; o++) index[o] = o % dim;
  return icn_im_gather(im, x, axis, index, (size_t)shape.dim[axis]);
}

int icn_import_tile(icn_importer *im) {
  int x = icn_im_input(im, 0), rank = icn_im_shape(im, x).rank;
  size_t count;
  const int64_t *repeats = icn_im_constant_ints(im, 1, "repeats", &count);
  if (icn_im_ok(im) && count != (size_t)rank) return icn_im_fail(im, ICN_FORMAT, "it has %zu repeats for a tensor of rank %d", count, rank);
  for (int axis = 0; axis < rank && icn_im_ok(im); axis++) {
    if (repeats[axis] < 0) return icn_im_fail(im, ICN_FORMAT, "a number of repeats is %lld", (long long)repeats[axis]);
    x = tile_axis(im, x, axis, repeats[axis]);
  }
  return x;
}

/* -------------------------------------------------------------------- pads */

static bool read_pad_mode(icn_importer *im, icn_pad_mode *mode) {
  static const char *const NAMES[4] = {
      [ICN_PAD_CONSTANT] = "constant", [ICN_PAD_REFLECT] = "reflect", [ICN_PAD_EDGE] = "edge", [ICN_PAD_WRAP] = "wrap"};
  const char *text = icn_im_string(im, "mode", "constant");
  for (int k = 0; k < 4; k++) {
    if (strcmp(text, NAMES[k]) == 0) {
      *mode = (icn_pad_mode)k;
      return true;
    }
  }
  icn_im_fail(im, ICN_UNSUPPORTED, "mode is '%.60s'; constant, reflect, edge and wrap are supported", text);
  return false;
}

static bool pad_in_range(int64_t pad) { return pad >= -ICN_IMPORT_MAX_SIZE && pad <= ICN_IMPORT_MAX_SIZE; }

/* begin[] and end[] for every dimension from the list of both, which may be for some axes only. */
static bool read_pads(icn_importer *im, int rank, icn_params *params) {
  size_t count, axis_count;
  const int64_t *pads = icn_im_ints_either(im, "pads", 1, &count), *axes = icn_im_constant_ints(im, 3, "axes", &axis_count);
  if (!icn_im_ok(im)) return false;
  if (axes == NULL) axis_count = (size_t)rank;
  if (pads == NULL || count != 2 * axis_count || axis_count > (size_t)rank) {
    icn_im_fail(im, ICN_FORMAT, "its pads have %zu numbers for %zu axes", count, axis_count);
    return false;
  }
  if (axes != NULL) icn_im_axes(im, axes, axis_count, rank);
  for (size_t i = 0; i < axis_count && icn_im_ok(im); i++) {
    int axis = axes == NULL ? (int)i : icn_im_axis(im, axes[i], rank);
    params->begin[axis] = pads[i];
    params->end[axis] = pads[axis_count + i];
    if (!pad_in_range(pads[i]) || !pad_in_range(pads[axis_count + i])) {
      icn_im_fail(im, ICN_UNSUPPORTED, "a pad is out of range");
    }
  }
  return icn_im_ok(im);
}

/* What negative pads take away, so that only positive ones are left. */
static int crop(icn_importer *im, int x, icn_params *params) {
  icn_shape shape = icn_im_shape(im, x);
  int64_t begin[ICN_MAX_RANK] = {0};
  for (int k = 0; k < shape.rank; k++) {
    begin[k] = icn_max64(-params->begin[k], 0);
    shape.dim[k] -= begin[k] + icn_max64(-params->end[k], 0);
    params->begin[k] = icn_max64(params->begin[k], 0);
    params->end[k] = icn_max64(params->end[k], 0);
  }
  return icn_im_slice(im, x, begin, NULL, &shape);
}

/* Reflection has no element to repeat beyond dim - 1, the other modes none in an empty dimension. */
static bool check_pad_reach(icn_importer *im, const icn_shape *from, const icn_params *params) {
  for (int k = 0; k < from->rank && params->pad_mode != ICN_PAD_CONSTANT; k++) {
    int64_t largest = icn_max64(params->begin[k], params->end[k]), limit = from->dim[k] - (params->pad_mode == ICN_PAD_REFLECT ? 1 : 0);
    if (params->pad_mode == ICN_PAD_EDGE && from->dim[k] > 0) continue;
    if (largest <= limit || largest == 0) continue;
    icn_im_fail(im, ICN_UNSUPPORTED, "a pad of %lld is too large for a dimension of %lld", (long long)largest, (long long)from->dim[k]);
  }
  return icn_im_ok(im);
}

int icn_import_pad(icn_importer *im) {
  int x = icn_im_input(im, 0), rank = icn_im_shape(im, x).rank;
  icn_params params = {.alpha = icn_im_float(im, "value", 0.0F)};
  if (!read_pad_mode(im, &params.pad_mode) || !read_pads(im, rank, &params)) return ICN_NO_VALUE;
  size_t count;
  const float *value = icn_im_constant_floats(im, 2, "constant_value", &count);
  if (count > 0) params.alpha = value[0];
  x = crop(im, x, &params);
  icn_shape shape = icn_im_shape(im, x);
  if (!icn_im_ok(im) || !check_pad_reach(im, &shape, &params)) return ICN_NO_VALUE;
  for (int k = 0; k < rank; k++) shape.dim[k] += params.begin[k] + params.end[k];
  return icn_im_emit(im, ICN_OP_PAD, &params, &x, 1, &shape);
}
