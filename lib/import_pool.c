/* Pools with a window, and global ones. */
#include <string.h>

#include "import_internal.h"

/* Pads and size of the output along h (0) or w (1). */
static int64_t pool_extent(icn_importer *im, icn_params *p, int k, int64_t in) {
  const char *auto_pad = icn_im_string(im, "auto_pad", "NOTSET");
  bool upper = strcmp(auto_pad, "SAME_UPPER") == 0, lower = strcmp(auto_pad, "SAME_LOWER") == 0, valid = strcmp(auto_pad, "VALID") == 0;
  bool ceil_mode = icn_im_int(im, "ceil_mode", 0) != 0;
  int64_t window = (p->kernel[k] - 1) * p->dilation[k] + 1, stride = p->stride[k];
  if (!upper && !lower && !valid && strcmp(auto_pad, "NOTSET") != 0 && auto_pad[0] != '\0') {
    icn_im_fail(im, ICN_FORMAT, "auto_pad is '%.60s'", auto_pad);
    return 0;
  }
  if (upper || lower) {
    int64_t out = icn_div_up(in, stride);
    int64_t total = icn_max64((out - 1) * stride + window - in, 0);
    p->pad_begin[k] = upper ? total / 2 : total - total / 2;
    p->pad_end[k] = total - p->pad_begin[k];
    return out;
  }
  if (valid) p->pad_begin[k] = p->pad_end[k] = 0;
  int64_t room = in + p->pad_begin[k] + p->pad_end[k] - window;
  if (room < 0 && (!ceil_mode || room <= -stride)) {
    icn_im_fail(im, ICN_FORMAT, "its window of %lld does not fit into the padded input of %lld", (long long)window,
                (long long)(room + window));
    return 0;
  }
  int64_t out = (ceil_mode ? room + stride - 1 : room) / stride + 1;
  /* The last window must start inside the input or the padding before it. */
  if (ceil_mode && (out - 1) * stride >= in + p->pad_begin[k]) out--;
  return out;
}

int icn_import_pool(icn_importer *im) {
  int x = icn_im_input(im, 0);
  icn_shape from = icn_im_shape(im, x);
  icn_params params = {.function = im->row->function};
  if (!icn_im_window(im, &from, NULL, &params)) return ICN_NO_VALUE;
  int64_t p = icn_im_int(im, "p", 2);
  if (params.function == ICN_FN_LP && (p < 1 || p > 64)) return icn_im_fail(im, ICN_UNSUPPORTED, "p is %lld", (long long)p);
  if (params.function == ICN_FN_LP) params.alpha = (float)p;
  params.count_include_pad = icn_im_int(im, "count_include_pad", 0) != 0 ? 1 : 0;
  icn_shape shape = icn_shape_make(4, (int64_t[]){from.dim[0], from.dim[1], 1, 1});
  for (int k = 4 - from.rank; k < 2; k++) shape.dim[2 + k] = pool_extent(im, &params, k, from.dim[from.rank - 2 + k]);
  x = icn_im_to_2d(im, x);
  return icn_im_from_2d(im, icn_im_emit(im, ICN_OP_POOL, &params, &x, 1, &shape), from.rank);
}

/* A window over the whole image where there is one, else a reduction. */
int icn_import_global_pool(icn_importer *im) {
  int x = icn_im_input(im, 0);
  icn_shape shape = icn_im_shape(im, x);
  int64_t p = icn_im_int(im, "p", 2);
  icn_params params = {.function = im->row->function};
  if (shape.rank < 3) return icn_im_fail(im, ICN_FORMAT, "its input has no spatial dimensions");
  if (params.function == ICN_FN_LP && (p < 1 || p > 64)) return icn_im_fail(im, ICN_UNSUPPORTED, "p is %lld", (long long)p);
  if (shape.rank != 4) {
    if (params.function == ICN_FN_LP && p > 2)
      return icn_im_fail(im, ICN_UNSUPPORTED, "p is %lld and the rank %d", (long long)p, shape.rank);
    if (params.function == ICN_FN_LP) params.function = p == 1 ? ICN_FN_L1 : ICN_FN_L2;
    return icn_im_reduce(im, params.function, x, ((1U << shape.rank) - 1U) & ~3U);
  }
  if (params.function == ICN_FN_LP) params.alpha = (float)p;
  for (int k = 0; k < 2; k++) {
    params.kernel[k] = shape.dim[2 + k];
    params.stride[k] = params.dilation[k] = 1;
    shape.dim[2 + k] = 1;
  }
  if (params.kernel[0] == 0 || params.kernel[1] == 0) return icn_im_fail(im, ICN_FORMAT, "its input is empty");
  return icn_im_emit(im, ICN_OP_POOL, &params, &x, 1, &shape);
}
