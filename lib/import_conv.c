/* Conv and ConvTranspose, and the window attributes that they share with the pools. One-dimensional windows become rows of height 1. */
#include <string.h>

#include "import_internal.h"

enum { X = 0, WEIGHT = 1, BIAS = 2 };

/* A list of `wanted` numbers in [least, ICN_IMPORT_MAX_SIZE]; `otherwise` fills in for an absent one. */
static bool read_list(icn_importer *im, const char *name, size_t wanted, int64_t least, int64_t otherwise, int64_t *numbers) {
  size_t count;
  const int64_t *list = icn_im_ints(im, name, &count);
  for (size_t k = 0; k < wanted; k++) numbers[k] = list == NULL || count != wanted ? otherwise : list[k];
  if (list != NULL && count != wanted) {
    icn_im_fail(im, ICN_FORMAT, "its attribute %s has %zu numbers; %zu are expected", name, count, wanted);
  }
  for (size_t k = 0; k < wanted && icn_im_ok(im); k++) {
    if (numbers[k] >= least && numbers[k] <= ICN_IMPORT_MAX_SIZE) continue;
    icn_im_fail(im, ICN_FORMAT, "its attribute %s has the number %lld, which is out of range", name, (long long)numbers[k]);
  }
  return icn_im_ok(im);
}

bool icn_im_window(icn_importer *im, const icn_shape *x, const int64_t *kernel, icn_params *params) {
  if (!icn_im_ok(im)) return false;
  char text[ICN_SHAPE_TEXT_BYTES];
  if (x->rank < 3) icn_im_fail(im, ICN_FORMAT, "its input %s has no spatial dimensions", icn_shape_text(x, text));
  if (x->rank > 4) {
    icn_im_fail(im, ICN_UNSUPPORTED, "its input %s has %d spatial dimensions; one and two are supported", icn_shape_text(x, text),
                x->rank - 2);
  }
  if (!icn_im_ok(im)) return false;
  size_t spatial = (size_t)x->rank - 2, first = 2 - spatial;
  int64_t kernels[2], strides[2], dilations[2], pads[4];
  if (kernel == NULL && icn_im_attr(im, "kernel_shape") == NULL) {
    icn_im_fail(im, ICN_FORMAT, "its attribute kernel_shape is missing");
    return false;
  }
  if (!read_list(im, "kernel_shape", spatial, 1, kernel == NULL ? 1 : kernel[0], kernels) ||
      !read_list(im, "strides", spatial, 1, 1, strides) || !read_list(im, "dilations", spatial, 1, 1, dilations) ||
      !read_list(im, "pads", 2 * spatial, 0, 0, pads)) {
    return false;
  }
  for (size_t k = 0; k < 2; k++) params->kernel[k] = params->stride[k] = params->dilation[k] = 1;
  for (size_t k = 0; k < spatial; k++) {
    if (kernel != NULL && icn_im_attr(im, "kernel_shape") == NULL) kernels[k] = kernel[k];
    if (kernel != NULL && kernels[k] != kernel[k]) icn_im_fail(im, ICN_FORMAT, "kernel_shape does not fit the weights");
    params->kernel[first + k] = kernels[k];
    params->stride[first + k] = strides[k];
    params->dilation[first + k] = dilations[k];
    params->pad_begin[first + k] = pads[k];
    params->pad_end[first + k] = pads[spatial + k];
  }
  return icn_im_ok(im);
}

int icn_im_to_2d(icn_importer *im, int x) {
  icn_shape from = icn_im_shape(im, x);
  if (!icn_im_ok(im) || from.rank != 3) return x;
  icn_shape shape = icn_shape_make(4, (int64_t[]){from.dim[0], from.dim[1], 1, from.dim[2]});
  return icn_im_reshape(im, x, &shape);
}

int icn_im_from_2d(icn_importer *im, int x, int rank) {
  icn_shape from = icn_im_shape(im, x);
  if (!icn_im_ok(im) || rank != 3) return x;
  icn_shape shape = icn_shape_make(3, (int64_t[]){from.dim[0], from.dim[1], from.dim[3]});
  return icn_im_reshape(im, x, &shape);
}

/* -------------------------------------------------------------------- Conv */

/* Pads and size of the output along h (0) or w (1) as auto_pad says. */
static int64_t conv_extent(icn_importer *im, icn_params *p, int k, int64_t in) {
  const char *auto_pad = icn_im_string(im, "auto_pad", "NOTSET");
  int64_t window = (p->kernel[k] - 1) * p->dilation[k] + 1;
  bool upper = strcmp(auto_pad, "SAME_UPPER") == 0, lower = strcmp(auto_pad, "SAME_LOWER") == 0;
  if (upper || lower) {
    int64_t out = icn_div_up(in, p->stride[k]);
    int64_t total = icn_max64((out - 1) * p->stride[k] + window - in, 0);
    p->pad_begin[k] = upper ? total / 2 : total - total / 2;
    p->pad_end[k] = total - p->pad_begin[k];
    return out;
  }
  if (strcmp(auto_pad, "VALID") == 0) p->pad_begin[k] = p->pad_end[k] = 0;
  if (strcmp(auto_pad, "VALID") != 0 && strcmp(auto_pad, "NOTSET") != 0 && auto_pad[0] != '\0') {
    icn_im_fail(im, ICN_FORMAT, "auto_pad is '%.60s', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto_pad);
    return 0;
  }
  int64_t padded = in + p->pad_begin[k] + p->pad_end[k];
  if (padded >= window) return (padded - window) / p->stride[k] + 1;
  icn_im_fail(im, ICN_FORMAT, "its window of %lld does not fit into the padded input of %lld", (long long)window, (long long)padded);
  return 0;
}

/* Groups, weights w[a][b][...] and bias; `per_group` is the dim of the weights that holds channels of one group of outputs or inputs. */
static bool check_weights(icn_importer *im, int64_t out_channels, int64_t weight_in, int64_t groups) {
  char x_text[ICN_SHAPE_TEXT_BYTES], w_text[ICN_SHAPE_TEXT_BYTES];
  icn_shape x = icn_im_shape(im, icn_im_input(im, X)), w = icn_im_shape(im, icn_im_input(im, WEIGHT));
  icn_shape bias = icn_im_shape(im, icn_im_input(im, BIAS));
  if (weight_in != x.dim[1] || x.dim[1] % groups != 0 || out_channels % groups != 0) {
    icn_im_fail(im, ICN_FORMAT, "the weights %s do not fit the input %s with group = %lld", icn_shape_text(&w, w_text),
                icn_shape_text(&x, x_text), (long long)groups);
  } else if (icn_im_input(im, BIAS) != ICN_NO_VALUE && (bias.rank != 1 || bias.dim[0] != out_channels)) {
    icn_im_fail(im, ICN_FORMAT, "the bias %s does not fit %lld output channels", icn_shape_text(&bias, w_text), (long long)out_channels);
  }
  return icn_im_ok(im);
}

/* Rank of the weights, group and the window; what both convolutions begin with. */
static bool read_convolution(icn_importer *im, icn_params *params) {
  icn_shape x = icn_im_shape(im, icn_im_input(im, X)), w = icn_im_shape(im, icn_im_input(im, WEIGHT));
  char x_text[ICN_SHAPE_TEXT_BYTES], w_text[ICN_SHAPE_TEXT_BYTES];
  params->groups = icn_im_int(im, "group", 1);
  if (x.rank != w.rank) {
    icn_im_fail(im, ICN_FORMAT, "the input %s and the weights %s have different ranks", icn_shape_text(&x, x_text),
                icn_shape_text(&w, w_text));
  } else if (params->groups < 1 || params->groups > ICN_IMPORT_MAX_SIZE) {
    icn_im_fail(im, ICN_FORMAT, "group is %lld", (long long)params->groups);
  }
  return icn_im_window(im, &x, &w.dim[2], params);
}

static int emit_convolution(icn_importer *im, icn_op op, const icn_params *params, const icn_shape *shape) {
  int rank = icn_im_shape(im, icn_im_input(im, X)).rank, bias = icn_im_input(im, BIAS);
  int inputs[3] = {icn_im_to_2d(im, icn_im_input(im, X)), icn_im_to_2d(im, icn_im_input(im, WEIGHT)), bias};
  return icn_im_from_2d(im, icn_im_emit(im, op, params, inputs, bias == ICN_NO_VALUE ? 2 : 3, shape), rank);
}

int icn_import_conv(icn_importer *im) {
  icn_params params = {0};
  icn_shape x = icn_im_shape(im, icn_im_input(im, X)), w = icn_im_shape(im, icn_im_input(im, WEIGHT));
  if (!read_convolution(im, &params) || !check_weights(im, w.dim[0], w.dim[1] * params.groups, params.groups)) return ICN_NO_VALUE;
  icn_shape shape = icn_shape_make(4, (int64_t[]){x.dim[0], w.dim[0], 1, 1});
  for (int k = 4 - x.rank; k < 2; k++) shape.dim[2 + k] = conv_extent(im, &params, k, x.dim[x.rank - 2 + k]);
  return emit_convolution(im, ICN_OP_CONV, &params, &shape);
}

/* ----------------------------------------------------------- ConvTranspose */

/* Pads and size of the output along h or w. `asked` is from output_shape, -1 when there is none. */
static int64_t transposed_extent(icn_importer *im, icn_params *p, int k, int64_t in, int64_t output_padding, int64_t asked) {
  const char *auto_pad = icn_im_string(im, "auto_pad", "NOTSET");
  bool upper = strcmp(auto_pad, "SAME_UPPER") == 0, lower = strcmp(auto_pad, "SAME_LOWER") == 0;
  int64_t full = (in - 1) * p->stride[k] + (p->kernel[k] - 1) * p->dilation[k] + 1 + output_padding;
  if (strcmp(auto_pad, "VALID") == 0) p->pad_begin[k] = p->pad_end[k] = 0;
  if (asked < 0 && (upper || lower)) asked = in * p->stride[k];
  if (asked < 0) return full - p->pad_begin[k] - p->pad_end[k];
  int64_t total = icn_max64(full - asked, 0);
  p->pad_begin[k] = upper ? total / 2 : total - total / 2;
  p->pad_end[k] = total - p->pad_begin[k];
  return asked;
}

/* Attribute output_shape: spatial sizes, in some files with batch and channels before them. */
static bool read_output_shape(icn_importer *im, size_t spatial, int64_t *sizes) {
  size_t count;
  const int64_t *list = icn_im_ints(im, "output_shape", &count);
  for (size_t k = 0; k < spatial; k++) sizes[k] = -1;
  if (list == NULL || count == 0) return true;
  if (count != spatial && count != spatial + 2) {
    icn_im_fail(im, ICN_FORMAT, "its attribute output_shape has %zu numbers; %zu are expected", count, spatial);
    return false;
  }
  for (size_t k = 0; k < spatial; k++) {
    sizes[k] = list[count - spatial + k];
    if (sizes[k] < 1 || sizes[k] > ICN_IMPORT_MAX_SIZE) icn_im_fail(im, ICN_FORMAT, "its attribute output_shape is out of range");
  }
  return icn_im_ok(im);
}

int icn_import_conv_transpose(icn_importer *im) {
  icn_params params = {0};
  icn_shape x = icn_im_shape(im, icn_im_input(im, X)), w = icn_im_shape(im, icn_im_input(im, WEIGHT));
  if (!read_convolution(im, &params) || !check_weights(im, w.dim[1] * params.groups, w.dim[0], params.groups)) return ICN_NO_VALUE;
  size_t spatial = (size_t)x.rank - 2;
  int64_t output_padding[2], asked[2];
  if (!read_list(im, "output_padding", spatial, 0, 0, output_padding) || !read_output_shape(im, spatial, asked)) return ICN_NO_VALUE;
  icn_shape shape = icn_shape_make(4, (int64_t[]){x.dim[0], w.dim[1] * params.groups, 1, 1});
  for (size_t k = 0; k < spatial; k++) {
    int axis = (int)(2 - spatial + k);
    shape.dim[2 + axis] = transposed_extent(im, &params, axis, x.dim[2 + k], output_padding[k], asked[k]);
    if (shape.dim[2 + axis] < 1) return icn_im_fail(im, ICN_FORMAT, "its pads leave nothing of the output");
  }
  return emit_convolution(im, ICN_OP_CONV_TRANSPOSE, &params, &shape);
}
