/* Shapes, element types and strided views: how every tensor is described, in the graph, in problems and in tests. */
#ifndef ICN_LIB_TENSOR_H
#define ICN_LIB_TENSOR_H

#include "base.h"

typedef enum icn_dtype { ICN_F32 = 0, ICN_F16, ICN_F64, ICN_I64, ICN_I32, ICN_I8, ICN_U8, ICN_BOOL, ICN_BF16, ICN_DTYPE_COUNT } icn_dtype;

/* Bytes of one element. */
size_t icn_dtype_bytes(icn_dtype dtype);
const char *icn_dtype_name(icn_dtype dtype);
bool icn_dtype_is_float(icn_dtype dtype);

/* dim[0..rank), in the model's order (rank 4: n, c, h, w). Rank 0 is a scalar. Unused dims are 0, so shapes compare with memcmp. */
typedef struct icn_shape {
  int32_t rank;
  int64_t dim[ICN_MAX_RANK];
} icn_shape;

/* The product of the dims (1 for a scalar); -1 when that of the dims that are not 0 is above 2^40, which is our limit for one tensor. */
int64_t icn_shape_elems(const icn_shape *shape);
bool icn_shape_equal(const icn_shape *a, const icn_shape *b);
icn_shape icn_shape_make(int rank, const int64_t *dim);
enum { ICN_SHAPE_TEXT_BYTES = 160 };
/* "1x3x299x299" ("scalar" for rank 0) into text; returns text. */
const char *icn_shape_text(const icn_shape *shape, char text[ICN_SHAPE_TEXT_BYTES]);

/* Where the elements of a tensor lie: element (i0, i1, ...) of `shape`, in the model's order, is at base[offset + sum i_k * stride[k]].
 * Strides and offset count elements. A broadcast dimension has stride 0; a reversed one a negative stride. */
typedef struct icn_view {
  icn_shape shape;
  int64_t stride[ICN_MAX_RANK];
  int64_t offset;
} icn_view;

/* Dense in the model's order. */
icn_view icn_view_dense(const icn_shape *shape);
/* The layout of activations on a device: rank 4 is NHWC with `pixel_stride` elements from pixel to pixel (0: the channel count),
 * other ranks dense in the model's order. */
icn_view icn_view_device(const icn_shape *shape, int64_t pixel_stride);
/* True for a rank-4 view whose channels are adjacent and whose rows and images are dense in pixels: what NHWC kernels need. */
bool icn_view_is_nhwc(const icn_view *view);
/* Elements from pixel to pixel of an NHWC view (stride of w, or what it would be when w is 1). */
int64_t icn_view_pixel_stride(const icn_view *view);
/* True when the elements lie in the model's order without gaps (dims of 1 may have any stride). */
bool icn_view_is_dense(const icn_view *view);
/* One past the largest element index that the view touches, offset included (0 when empty). */
int64_t icn_view_extent(const icn_view *view);
bool icn_view_equal(const icn_view *a, const icn_view *b);
/* Elements of `view` (its offset included) in base[] as dense data in the model's order; of any type of 4 bytes. */
void icn_view_gather(const icn_view *view, const float *base, float *data);

#endif
