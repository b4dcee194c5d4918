/* What the rows of CONV and CONV_TRANSPOSE share: the sizes of a problem by name, the checks before them, and pieces of launches. */
#ifndef ICN_LIB_ROW_CONV_H
#define ICN_LIB_ROW_CONV_H

#include "kernel.h"

/* Sizes of a rank-4 convolution. For CONV_TRANSPOSE too: x is the input, y the output, oc and ic are those of one group. */
typedef struct icn_conv_sizes {
  int64_t n, c, h, w;         /* input */
  int64_t k, oh, ow;          /* output channels, rows, columns */
  int64_t groups, ic, oc;     /* channels of one group */
  int64_t kh, kw;             /* window */
  int64_t pixels;             /* n * oh * ow */
  int64_t pixels_in, weights; /* n * h * w; elements of the weight tensor */
} icn_conv_sizes;

icn_conv_sizes icn_conv_sizes_of(const icn_problem *problem);
/* Rank 4 throughout, consistent shapes, no dimension of 0, every coordinate that a kernel computes fits 31 bits, and a window that some
 * channels have turned is a line. */
bool icn_conv_fits(const icn_problem *problem, icn_reason *why_not);
/* Weights, and bias and weight scale where present, are constants, so that they can be packed. */
bool icn_conv_packable(const icn_problem *problem, icn_reason *why_not);
/* Linear channels (epilogue.from) end at a multiple of `multiple` and in the only group; 0: there are none. */
bool icn_conv_linear_ok(const icn_problem *problem, int32_t multiple, icn_reason *why_not);
/* Channels with a turned window begin at a multiple of `multiple`; 0: there are none. */
bool icn_conv_turned_ok(const icn_problem *problem, int64_t multiple, icn_reason *why_not);
/* Input, output and (where present) residual are NHWC. */
bool icn_conv_is_nhwc(const icn_problem *problem, icn_reason *why_not);

/* Weight [oc][ic][ky][kx] (the view's own order of dims) as packing reads it: through the view, times weight_scale[oc]. */
float icn_conv_weight(const icn_problem *problem, const icn_value *const *constants, int64_t oc, int64_t ic, int64_t ky, int64_t kx);
/* bias[oc], 0 without a bias. */
float icn_conv_bias(const icn_problem *problem, const icn_value *const *constants, int64_t oc);

enum { ICN_CONV_WIDEST_PANEL = 128, ICN_CONV_WIDEST_ITEM_PANEL = 64 };
/* weight[group][panel][ky][kx][ic][lane] in panels of `width` lanes (output channels) and `depth` lines (kh * kw * ic or more), then
 * bias[group][panel][lane]; lines and lanes without a weight are 0. */
void icn_conv_pack_panels(const icn_problem *problem, int64_t width, int64_t depth, const icn_value *const *constants, float *packed);

/* Pushes operand IN + `input`, or the first input where it is absent: a kernel argument must be some buffer. */
void icn_launch_optional(icn_launch *launch, const icn_problem *problem, int input);
/* Pushes strides (n, c, h, w) and dims of a rank-4 view as one int8; zeros where `view` is NULL. */
void icn_launch_view4(icn_launch *launch, const icn_view *view);
/* Pushes function, alpha, beta. */
void icn_launch_epilogue(icn_launch *launch, const icn_problem *problem);

#endif
