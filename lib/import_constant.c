/* Constants, shapes of tensors, casts. */
#include <math.h>
#include <string.h>

#include "import_internal.h"

const char *icn_import_type_name(int64_t type) {
  static const char *const NAMES[] = {"undefined", "float32", "uint8",   "int8",   "uint16", "int16",     "int32",      "int64",   "string",
                                      "bool",      "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"};
  return type >= 0 && type < (int64_t)(sizeof NAMES / sizeof NAMES[0]) ? NAMES[type] : "unknown";
}

static int from_tensor(icn_importer *im, const icn_source_tensor *tensor) {
  if (tensor == NULL) return icn_im_fail(im, ICN_FORMAT, "its value is missing");
  if (!tensor->supported) {
    return icn_im_fail(im, ICN_UNSUPPORTED, "its value has the unsupported element type %s (%d)", icn_import_type_name(tensor->onnx_type),
                       tensor->onnx_type);
  }
  const char *base = im->node->outputs[0];
  char *name = icn_arena_format(&im->scratch, "%s/constant.%u", base, ++im->steps);
  if (name == NULL) return icn_im_no_memory(im);
  int value = icn_graph_add_constant(im->graph, name, &tensor->shape, tensor->dtype, tensor->data == NULL ? "" : tensor->data);
  return value < 0 ? icn_im_no_memory(im) : value;
}

int icn_import_constant(icn_importer *im) {
  if (im->node->attr_count != 1) return icn_im_fail(im, ICN_FORMAT, "it has %zu attributes; one value is expected", im->node->attr_count);
  const icn_source_attr *attr = &im->node->attrs[0];
  icn_shape scalar = icn_shape_make(0, NULL), list = icn_shape_make(1, (int64_t[]){(int64_t)attr->count});
  switch (attr->kind) {
    case ICN_ATTR_TENSOR:
      return from_tensor(im, attr->tensor);
    case ICN_ATTR_FLOAT:
      return icn_im_constant(im, &scalar, ICN_F32, &attr->f);
    case ICN_ATTR_INT:
      return icn_im_constant(im, &scalar, ICN_I64, &attr->i);
    case ICN_ATTR_FLOATS:
      return icn_im_constant(im, &list, ICN_F32, attr->floats);
    default:
      return icn_im_constant(im, &list, ICN_I64, attr->ints);
  }
}

int icn_import_constant_of_shape(icn_importer *im) {
  size_t count;
  const int64_t *dims = icn_im_constant_ints(im, 0, "shape", &count);
  const icn_source_attr *attr = icn_im_attr(im, "value");
  icn_shape one = icn_shape_make(1, (int64_t[]){1});
  if (!icn_im_ok(im)) return ICN_NO_VALUE;
  if (count > ICN_MAX_RANK) return icn_im_fail(im, ICN_UNSUPPORTED, "rank %zu is more than %d", count, ICN_MAX_RANK);
  icn_shape shape = icn_shape_make((int)count, dims);
  int value = attr == NULL ? icn_im_scalar(im, 0.0F) : from_tensor(im, attr->tensor);
  icn_shape value_shape = icn_im_shape(im, value);
  if (icn_im_ok(im) && icn_shape_elems(&value_shape) != 1) return icn_im_fail(im, ICN_FORMAT, "its value must be one number");
  if (icn_im_check_shape(im, &shape) < 0) return ICN_NO_VALUE;
  if (count == 0) one = shape;
  return icn_im_expand(im, icn_im_reshape(im, value, &one), &shape);
}

int icn_import_shape(icn_importer *im) {
  icn_shape shape = icn_im_shape(im, icn_im_input(im, 0));
  int64_t start = icn_im_int(im, "start", 0), end = icn_im_int(im, "end", shape.rank);
  start = icn_max64(icn_min64(start < 0 ? start + shape.rank : start, shape.rank), 0);
  end = icn_max64(icn_min64(end < 0 ? end + shape.rank : end, shape.rank), 0);
  icn_shape list = icn_shape_make(1, (int64_t[]){icn_max64(end - start, 0)});
  return icn_im_constant(im, &list, ICN_I64, &shape.dim[start < ICN_MAX_RANK ? start : 0]);
}

int icn_import_size(icn_importer *im) {
  icn_shape shape = icn_im_shape(im, icn_im_input(im, 0)), scalar = icn_shape_make(0, NULL);
  int64_t elems = icn_shape_elems(&shape);
  return icn_im_constant(im, &scalar, ICN_I64, &elems);
}

/* -------------------------------------------------------------------- Cast */

static bool is_float_type(int64_t type) {
  return type == ICN_ONNX_FLOAT || type == ICN_ONNX_FLOAT16 || type == ICN_ONNX_DOUBLE || type == ICN_ONNX_BFLOAT16;
}

/* Keeps the low bits, as a cast to a narrower integer does. */
static int64_t narrow(int64_t type, int64_t x) {
  uint64_t bits = (uint64_t)x;
  int width = type == ICN_ONNX_INT32 || type == ICN_ONNX_UINT32 ? 32 : type == ICN_ONNX_INT16 || type == ICN_ONNX_UINT16 ? 16 : 8;
  if (type == ICN_ONNX_INT64 || type == ICN_ONNX_UINT64) return x;
  uint64_t low = bits & ((1ULL << width) - 1U);
  bool is_signed = type == ICN_ONNX_INT32 || type == ICN_ONNX_INT16 || type == ICN_ONNX_INT8;
  bool negative = is_signed && (low >> (width - 1) & 1U) != 0;
  return negative ? (int64_t)low - (int64_t)(1ULL << width) : (int64_t)low;
}

static int cast_to_ints(icn_importer *im, int x, int64_t type) {
  icn_shape shape = icn_im_shape(im, x);
  void *data;
  int result = icn_im_new_constant(im, &shape, ICN_I64, &data);
  bool is_float = icn_im_is_float(im, x);
  for (int64_t i = 0; icn_im_ok(im) && i < icn_shape_elems(&shape); i++) {
    const icn_value *value = &im->graph->values[x];
    int64_t number = icn_const_i64(value, i);
    if (type == ICN_ONNX_BOOL) number = is_float ? (icn_const_f32(value, i) != 0.0F ? 1 : 0) : number != 0;
    ((int64_t *)data)[i] = type == ICN_ONNX_BOOL ? number : narrow(type, number);
  }
  return result;
}

/* Casts between float types vanish: everything is computed in float32. Integers exist as constants only. */
int icn_import_cast(icn_importer *im) {
  int x = icn_im_input(im, 0);
  int64_t type = icn_im_int(im, "to", 0);
  bool to_ints =
      (type >= ICN_ONNX_UINT8 && type <= ICN_ONNX_INT64) || type == ICN_ONNX_BOOL || type == ICN_ONNX_UINT32 || type == ICN_ONNX_UINT64;
  if (is_float_type(type)) return icn_im_as_float(im, x);
  if (!to_ints)
    return icn_im_fail(im, ICN_UNSUPPORTED, "it casts to the unsupported element type %s (%lld)", icn_import_type_name(type),
                       (long long)type);
  if (!icn_im_is_constant(im, x)) return icn_im_fail(im, ICN_UNSUPPORTED, "it casts a value computed at run time to integers");
  return cast_to_ints(im, x, type);
}
