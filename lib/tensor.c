#include "tensor.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  size_t bytes;
} DTYPES[ICN_DTYPE_COUNT] = {
    [ICN_F32] = {"float32", 4}, [ICN_F16] = {"float16", 2}, [ICN_F64] = {"float64", 8},
    [ICN_I64] = {"int64", 8},   [ICN_I32] = {"int32", 4},   [ICN_I8] = {"int8", 1},
    [ICN_U8] = {"uint8", 1},    [ICN_BOOL] = {"bool", 1},   [ICN_BF16] = {"bfloat16", 2},
};

size_t icn_dtype_bytes(icn_dtype dtype) { return DTYPES[dtype].bytes; }
const char *icn_dtype_name(icn_dtype dtype) { return DTYPES[dtype].name; }
bool icn_dtype_is_float(icn_dtype dtype) { return dtype == ICN_F32 || dtype == ICN_F16 || dtype == ICN_F64 || dtype == ICN_BF16; }

int64_t icn_shape_elems(const icn_shape *shape) {
  int64_t elems = 1;
  bool empty = false;
  for (int k = 0; k < shape->rank; k++) {
    if (shape->dim[k] == 0) { /* the other dims still make strides, so they are held to the limit too */
      empty = true;
      continue;
    }
    if (!icn_mul_ok(elems, shape->dim[k], &elems) || elems > (int64_t)1 << 40) return -1;
  }
  return empty ? 0 : elems;
}

bool icn_shape_equal(const icn_shape *a, const icn_shape *b) {
  return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof(int64_t) * (size_t)a->rank) == 0;
}

icn_shape icn_shape_make(int rank, const int64_t *dim) {
  icn_shape shape;
  memset(&shape, 0, sizeof shape);
  shape.rank = rank;
  for (int k = 0; k < rank; k++) shape.dim[k] = dim[k];
  return shape;
}

const char *icn_shape_text(const icn_shape *shape, char text[ICN_SHAPE_TEXT_BYTES]) {
  if (shape->rank == 0) snprintf(text, ICN_SHAPE_TEXT_BYTES, "scalar");
  size_t length = 0;
  for (int k = 0; k < shape->rank && length < ICN_SHAPE_TEXT_BYTES; k++) { /* eight damaged dims may be longer than the text */
    length += (size_t)snprintf(text + length, ICN_SHAPE_TEXT_BYTES - length, k == 0 ? "%lld" : "x%lld", (long long)shape->dim[k]);
  }
  return text;
}

icn_view icn_view_dense(const icn_shape *shape) {
  icn_view view;
  memset(&view, 0, sizeof view);
  view.shape = *shape;
  int64_t stride = 1;
  for (int k = shape->rank - 1; k >= 0; k--) {
    view.stride[k] = stride;
    stride *= shape->dim[k];
  }
  return view;
}

icn_view icn_view_device(const icn_shape *shape, int64_t pixel_stride) {
  if (shape->rank != 4) return icn_view_dense(shape);
  icn_view view;
  memset(&view, 0, sizeof view);
  view.shape = *shape;
  int64_t pixel = pixel_stride != 0 ? pixel_stride : shape->dim[1];
  view.stride[1] = 1;
  view.stride[3] = pixel;
  view.stride[2] = pixel * shape->dim[3];
  view.stride[0] = pixel * shape->dim[3] * shape->dim[2];
  return view;
}

int64_t icn_view_pixel_stride(const icn_view *view) {
  const int64_t *dim = view->shape.dim;
  if (dim[3] > 1) return view->stride[3];
  if (dim[2] > 1) return view->stride[2]; /* w is 1: a row is one pixel */
  if (dim[0] > 1) return view->stride[0]; /* an image is one pixel */
  return dim[1];
}

bool icn_view_is_nhwc(const icn_view *view) {
  if (view->shape.rank != 4) return false;
  const int64_t *dim = view->shape.dim;
  int64_t pixel = icn_view_pixel_stride(view);
  if (pixel < dim[1]) return false;
  return (dim[1] == 1 || view->stride[1] == 1) && (dim[3] == 1 || view->stride[3] == pixel) &&
         (dim[2] == 1 || view->stride[2] == pixel * dim[3]) && (dim[0] == 1 || view->stride[0] == pixel * dim[3] * dim[2]);
}

bool icn_view_is_dense(const icn_view *view) {
  int64_t stride = 1;
  for (int k = view->shape.rank - 1; k >= 0; k--) {
    if (view->shape.dim[k] != 1 && view->stride[k] != stride) return false;
    stride *= view->shape.dim[k];
  }
  return true;
}

int64_t icn_view_extent(const icn_view *view) {
  int64_t last = view->offset;
  for (int k = 0; k < view->shape.rank; k++) {
    if (view->shape.dim[k] == 0) return 0;
    if (view->stride[k] > 0) last += (view->shape.dim[k] - 1) * view->stride[k];
  }
  return last + 1;
}

bool icn_view_equal(const icn_view *a, const icn_view *b) {
  return icn_shape_equal(&a->shape, &b->shape) && a->offset == b->offset &&
         memcmp(a->stride, b->stride, sizeof(int64_t) * (size_t)a->shape.rank) == 0;
}

void icn_view_gather(const icn_view *view, const float *base, float *data) {
  const int rank = view->shape.rank;
  const int64_t elems = icn_shape_elems(&view->shape);
  int64_t index[ICN_MAX_RANK] = {0}, at = view->offset;
  for (int64_t i = 0; i < elems; i++) {
    memcpy(&data[i], &base[at], sizeof *data); /* a float that is none keeps its bits */
    for (int k = rank - 1; k >= 0; k--) {
      at += view->stride[k];
      if (++index[k] < view->shape.dim[k]) break;
      at -= view->stride[k] * view->shape.dim[k];
      index[k] = 0;
    }
  }
}
