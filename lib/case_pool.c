/* POOL: the networks' pools, global pools, and small nasty windows. */
#include "case_families.h"

typedef struct pool_case {
  icn_function function;
  int64_t n, c, h, w;
  int64_t kernel[2], stride[2], dilation[2], pad_begin[2], pad_end[2];
  int count_include_pad;
  unsigned flags;
} pool_case;

#define K(a, b) \
  { a, b }
static const pool_case POOLS[] = {
    /* Inception-v3 */
    {ICN_FN_MAX, 1, 64, 147, 147, K(3, 3), K(2, 2), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MAX, 1, 192, 71, 71, K(3, 3), K(2, 2), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MAX, 1, 288, 35, 35, K(3, 3), K(2, 2), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MAX, 2, 768, 17, 17, K(3, 3), K(2, 2), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 192, 35, 35, K(3, 3), K(1, 1), K(1, 1), K(1, 1), K(1, 1), 1, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 256, 35, 35, K(3, 3), K(1, 1), K(1, 1), K(1, 1), K(1, 1), 1, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 768, 17, 17, K(3, 3), K(1, 1), K(1, 1), K(1, 1), K(1, 1), 0, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 1280, 8, 8, K(3, 3), K(1, 1), K(1, 1), K(1, 1), K(1, 1), 0, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 2, 2048, 8, 8, K(8, 8), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MAX, 1, 2048, 8, 8, K(8, 8), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 768, 17, 17, K(5, 5), K(3, 3), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    /* GoogLeNet, in ceil mode: the last window reaches beyond the padding */
    {ICN_FN_MAX, 1, 64, 112, 112, K(3, 3), K(2, 2), K(1, 1), K(0, 0), K(1, 1), 0, ICN_CASE_LARGE},
    {ICN_FN_MAX, 1, 480, 28, 28, K(3, 3), K(1, 1), K(1, 1), K(1, 1), K(1, 1), 0, ICN_CASE_LARGE},
    {ICN_FN_MEAN, 1, 1024, 7, 7, K(7, 7), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    /* a large global pool: the error must not grow with the count */
    {ICN_FN_MEAN, 1, 21, 113, 127, K(113, 127), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_LARGE},
    /* small */
    {ICN_FN_MAX, 1, 1, 1, 1, K(1, 1), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, 0},
    {ICN_FN_MEAN, 1, 3, 5, 7, K(2, 3), K(1, 2), K(1, 1), K(0, 1), K(1, 1), 0, 0},
    {ICN_FN_MEAN, 1, 3, 5, 7, K(2, 3), K(1, 2), K(1, 1), K(0, 1), K(1, 1), 1, 0},
    {ICN_FN_MAX, 2, 17, 6, 5, K(3, 3), K(2, 2), K(1, 1), K(1, 1), K(1, 1), 0, 0},
    {ICN_FN_MEAN, 2, 17, 6, 5, K(3, 3), K(2, 2), K(1, 1), K(1, 1), K(1, 1), 1, 0},
    {ICN_FN_MAX, 1, 33, 9, 9, K(3, 2), K(1, 3), K(2, 3), K(1, 2), K(2, 1), 0, 0},
    {ICN_FN_MEAN, 1, 20, 9, 9, K(3, 2), K(1, 3), K(2, 3), K(1, 2), K(2, 1), 0, 0},
    {ICN_FN_MEAN, 1, 20, 9, 9, K(3, 2), K(1, 3), K(2, 3), K(1, 2), K(2, 1), 1, 0},
    {ICN_FN_MAX, 1, 7, 3, 3, K(5, 5), K(1, 1), K(1, 1), K(2, 2), K(2, 2), 0, 0}, /* window larger than the image */
    {ICN_FN_MEAN, 1, 7, 3, 3, K(5, 5), K(1, 1), K(1, 1), K(2, 2), K(2, 2), 0, 0},
    {ICN_FN_MEAN, 1, 9, 3, 3, K(2, 2), K(2, 2), K(1, 1), K(3, 3), K(3, 3), 0, 0}, /* windows wholly in padding */
    {ICN_FN_MAX, 1, 9, 3, 3, K(2, 2), K(2, 2), K(1, 1), K(3, 3), K(3, 3), 0, 0},
    {ICN_FN_MAX, 1, 13, 1, 31, K(1, 4), K(1, 3), K(1, 1), K(0, 1), K(0, 2), 0, 0}, /* 1-D */
    {ICN_FN_MEAN, 3, 65, 9, 11, K(9, 11), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, 0},
    {ICN_FN_MAX, 1, 67, 10, 3, K(10, 3), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, 0},
    {ICN_FN_L1, 1, 19, 6, 7, K(3, 3), K(1, 2), K(1, 1), K(1, 0), K(0, 1), 0, 0},
    {ICN_FN_L2, 1, 19, 6, 7, K(3, 3), K(1, 2), K(1, 1), K(1, 0), K(0, 1), 0, 0},
    {ICN_FN_LP, 1, 19, 6, 7, K(3, 3), K(1, 2), K(1, 1), K(1, 0), K(0, 1), 0, 0},
    {ICN_FN_L2, 1, 24, 12, 5, K(12, 5), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, 0},
    {ICN_FN_LP, 1, 24, 12, 5, K(12, 5), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, 0},
    /* NaN and infinities */
    {ICN_FN_MAX, 1, 37, 9, 8, K(3, 3), K(2, 2), K(1, 1), K(1, 1), K(1, 1), 0, ICN_CASE_SPECIAL},
    {ICN_FN_MEAN, 1, 37, 9, 8, K(2, 2), K(2, 2), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_SPECIAL},
    {ICN_FN_MAX, 1, 20, 16, 3, K(16, 3), K(1, 1), K(1, 1), K(0, 0), K(0, 0), 0, ICN_CASE_SPECIAL},
};

static void copy_pair(int64_t to[2], const int64_t from[2]) {
  to[0] = from[0];
  to[1] = from[1];
}

/* Bias and activation behind the window, as swap_pool leaves them there. */
static void add_epilogues(icn_case_list *list) {
  static const icn_epilogue EPILOGUES[] = {
      {ICN_FN_IDENTITY, 0, 0, 0}, {ICN_FN_RELU, 0, 0, 0}, {ICN_FN_CLIP, -0.5F, 1.5F, 0}, {ICN_FN_LEAKY_RELU, 0.125F, 0, 0}};
  for (size_t e = 0; e < sizeof EPILOGUES / sizeof EPILOGUES[0]; e++)
    for (int variant = 0; variant < 4; variant++) {
      const int64_t channels = variant & 1 ? 37 : 3, side = variant & 2 ? 11 : 5, kernel = variant & 2 ? 9 : 3;
      icn_case *c = icn_case_add(list, ICN_OP_POOL, 0);
      icn_params *params = &c->problem.params;
      params->function = e % 2 == 0 ? ICN_FN_MEAN : ICN_FN_MAX;
      params->count_include_pad = variant & 1;
      for (int axis = 0; axis < 2; axis++) {
        params->kernel[axis] = kernel;
        params->pad_begin[axis] = params->pad_end[axis] = kernel / 2;
      }
      icn_case_input(c, 0, 4, (const int64_t[]){2, channels, side, side});
      icn_case_output(c, 4, (const int64_t[]){2, channels, side, side});
      if (variant != 0) icn_case_constant(c, ICN_POOL_BIAS, 1, (const int64_t[]){channels});
      c->problem.epilogue = EPILOGUES[e];
    }
}

void icn_cases_pool(icn_case_list *list) {
  for (size_t i = 0; i < sizeof POOLS / sizeof POOLS[0]; i++) {
    const pool_case *p = &POOLS[i];
    icn_case *c = icn_case_add(list, ICN_OP_POOL, p->flags);
    icn_params *params = &c->problem.params;
    params->function = p->function;
    params->alpha = p->function == ICN_FN_LP ? 3.0F : 0.0F;
    params->count_include_pad = p->count_include_pad;
    copy_pair(params->kernel, p->kernel);
    copy_pair(params->stride, p->stride);
    copy_pair(params->dilation, p->dilation);
    copy_pair(params->pad_begin, p->pad_begin);
    copy_pair(params->pad_end, p->pad_end);
    icn_case_input(c, 0, 4, (const int64_t[]){p->n, p->c, p->h, p->w});
    icn_case_output(c, 4, (const int64_t[]){p->n, p->c, icn_case_window_output(params, 0, p->h), icn_case_window_output(params, 1, p->w)});
  }
  add_epilogues(list);
  /* ceil mode: one more output than the formula's floor gives, the window's end counts for nobody */
  icn_case *c = icn_case_add(list, ICN_OP_POOL, 0);
  c->problem.params.function = ICN_FN_MEAN;
  c->problem.params.count_include_pad = 1;
  for (int axis = 0; axis < 2; axis++) c->problem.params.kernel[axis] = 3, c->problem.params.stride[axis] = 2;
  icn_case_input(c, 0, 4, (const int64_t[]){1, 22, 6, 4});
  icn_case_output(c, 4, (const int64_t[]){1, 22, 3, 2});
}
