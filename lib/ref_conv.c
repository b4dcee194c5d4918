/* Convolution, transposed convolution, matrix product: a sum of products in double, one accumulator for each output channel or column. */
#include <string.h>

#include "ref_internal.h"

/* One group's weights as double [ic][ky][kx][oc], so that the innermost loop runs over neighbours. With a weight scale each weight is the
 * float product weight * scale[oc], rounded as packing rounds it: kernels see the same numbers. */
static void gather_weights(const icn_problem *p, const void *const *in, int64_t group, int64_t ic_count, int64_t oc_count,
                           double *weights) {
  const icn_view *w = &p->in[ICN_CONV_WEIGHT];
  const float *data = (const float *)in[ICN_CONV_WEIGHT] + w->offset;
  const float *scale = icn_ref_operand(p, in, ICN_CONV_SCALE);
  const icn_view *scale_view = &p->in[ICN_CONV_SCALE];
  bool transposed = p->op == ICN_OP_CONV_TRANSPOSE;
  for (int64_t ic = 0; ic < ic_count; ic++) {
    for (int64_t ky = 0; ky < p->params.kernel[0]; ky++) {
      for (int64_t kx = 0; kx < p->params.kernel[1]; kx++) {
        for (int64_t oc = 0; oc < oc_count; oc++) {
          int64_t i0 = transposed ? group * ic_count + ic : group * oc_count + oc, i1 = transposed ? oc : ic;
          float weight = data[i0 * w->stride[0] + i1 * w->stride[1] + ky * w->stride[2] + kx * w->stride[3]];
          if (scale != NULL) weight *= scale[scale_view->offset + (group * oc_count + oc) * scale_view->stride[0]];
          *weights++ = (double)weight;
        }
      }
    }
  }
}

/* One output pixel of a group: + bias, + residual, function, one rounding. */
static void store_pixel(const icn_problem *p, const void *const *in, int64_t n, int64_t oc0, int64_t oy, int64_t ox, const double *sum,
                        int64_t oc_count, float *out) {
  const float *bias = icn_ref_operand(p, in, ICN_CONV_BIAS), *residual = icn_ref_operand(p, in, ICN_CONV_RESIDUAL);
  const icn_view *b = &p->in[ICN_CONV_BIAS], *r = &p->in[ICN_CONV_RESIDUAL], *y = &p->out;
  for (int64_t k = 0; k < oc_count; k++) {
    int64_t oc = oc0 + k;
    double value = sum[k];
    if (bias != NULL) value += (double)bias[b->offset + oc * b->stride[0]];
    if (residual != NULL) {
      value += (double)residual[r->offset + n * r->stride[0] + oc * r->stride[1] + oy * r->stride[2] + ox * r->stride[3]];
    }
    const float end = oc < p->epilogue.from ? (float)value : icn_ref_finish(p, value);
    out[y->offset + n * y->stride[0] + oc * y->stride[1] + oy * y->stride[2] + ox * y->stride[3]] = end;
  }
}

/* The input row or column that tap k of output o reads; -1 when there is none. */
static int64_t source_index(const icn_problem *p, int axis, int64_t o, int64_t k) {
  const icn_params *q = &p->params;
  int64_t i, limit = p->in[ICN_CONV_X].shape.dim[2 + axis];
  if (p->op == ICN_OP_CONV) {
    i = o * q->stride[axis] - q->pad_begin[axis] + k * q->dilation[axis];
  } else {
    int64_t reach = o + q->pad_begin[axis] - k * q->dilation[axis];
    if (reach < 0 || reach % q->stride[axis] != 0) return -1;
    i = reach / q->stride[axis];
  }
  return i >= 0 && i < limit ? i : -1;
}

static void sum_pixel(const icn_problem *p, const float *x, int64_t oy, int64_t ox, const double *weights, int64_t ic_count,
                      int64_t oc_count, double *restrict sum) {
  const icn_view *view = &p->in[ICN_CONV_X];
  int64_t kernel_h = p->params.kernel[0], kernel_w = p->params.kernel[1];
  memset(sum, 0, (size_t)oc_count * sizeof *sum);
  for (int64_t ic = 0; ic < ic_count; ic++) {
    for (int64_t ky = 0; ky < kernel_h; ky++) {
      int64_t iy = source_index(p, 0, oy, ky);
      if (iy < 0) continue;
      for (int64_t kx = 0; kx < kernel_w; kx++) {
        int64_t ix = source_index(p, 1, ox, kx);
        if (ix < 0) continue;
        double value = (double)x[ic * view->stride[1] + iy * view->stride[2] + ix * view->stride[3]];
        const double *restrict w = weights + ((ic * kernel_h + ky) * kernel_w + kx) * oc_count;
        for (int64_t oc = 0; oc < oc_count; oc++) sum[oc] += value * w[oc];
      }
    }
  }
}

static icn_status convolve(const icn_problem *p, const void *const *in, float *out, const icn_ref_means *means) {
  const icn_view *x = &p->in[ICN_CONV_X];
  const int64_t *y = p->out.shape.dim;
  int64_t groups = p->params.groups, ic_count = x->shape.dim[1] / groups, oc_count = y[1] / groups;
  if (oc_count == 0) return ICN_OK;
  int64_t weight_count = ic_count * oc_count * p->params.kernel[0] * p->params.kernel[1];
  double *weights = icn_allocate_array(means->allocator, (size_t)(weight_count + oc_count), sizeof(double));
  if (weights == NULL)
    return icn_error_memory(means->error, (size_t)(weight_count + oc_count) * sizeof(double), "the reference convolution");
  double *sum = weights + weight_count;
  for (int64_t g = 0; g < groups; g++) {
    gather_weights(p, in, g, ic_count, oc_count, weights);
    for (int64_t n = 0; n < y[0]; n++) {
      const float *image = (const float *)in[ICN_CONV_X] + x->offset + n * x->stride[0] + g * ic_count * x->stride[1];
      for (int64_t oy = 0; oy < y[2]; oy++) {
        for (int64_t ox = 0; ox < y[3]; ox++) {
          sum_pixel(p, image, oy, ox, weights, ic_count, oc_count, sum);
          store_pixel(p, in, n, g * oc_count, oy, ox, sum, oc_count, out);
        }
      }
    }
  }
  icn_release(means->allocator, weights);
  return ICN_OK;
}

/* `count` indices of one dimension, from `first` on. */
static void narrow(icn_view *view, int dim, int64_t first, int64_t count) {
  view->offset += first * view->stride[dim];
  view->shape.dim[dim] = count;
}

/* One of the two convolutions that a problem with turned channels is: its channels of every operand, its own window. */
static icn_problem half_of(const icn_problem *pair, bool turned) {
  icn_problem p = *pair;
  const int64_t first = turned ? pair->turned : 0, count = turned ? pair->out.shape.dim[1] - first : pair->turned;
  icn_view *w = &p.in[ICN_CONV_WEIGHT];
  p.turned = 0;
  narrow(&p.out, 1, first, count);
  narrow(w, 0, first, count);
  if (icn_problem_has(pair, ICN_CONV_BIAS)) narrow(&p.in[ICN_CONV_BIAS], 0, first, count);
  if (icn_problem_has(pair, ICN_CONV_SCALE)) narrow(&p.in[ICN_CONV_SCALE], 0, first, count);
  if (icn_problem_has(pair, ICN_CONV_RESIDUAL)) narrow(&p.in[ICN_CONV_RESIDUAL], 1, first, count);
  p.epilogue.from = (int32_t)icn_max64(pair->epilogue.from - first, 0);
  if (!turned) return p;
  p.params = icn_params_turned(&pair->params);
  for (int k = 2; k < 4; k++) {
    w->shape.dim[k] = pair->in[ICN_CONV_WEIGHT].shape.dim[5 - k];
    w->stride[k] = pair->in[ICN_CONV_WEIGHT].stride[5 - k];
  }
  return p;
}

icn_status icn_ref_conv(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  if (problem->turned == 0) return convolve(problem, in, out, means);
  const icn_problem straight = half_of(problem, false), turned = half_of(problem, true);
  const icn_status status = convolve(&straight, in, out, means);
  return status == ICN_OK ? convolve(&turned, in, out, means) : status;
}

icn_status icn_ref_conv_transpose(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  return convolve(problem, in, out, means);
}

/* ----------------------------------------------------------- matrix product */

/* One matrix of a stack: rows and columns of op(a), op(b) and out, as strides from their first elements. */
typedef struct matrices {
  const float *a, *b, *c;
  float *out;
  int64_t m, n, k;
  int64_t a_row, a_column, b_row, b_column, c_row, c_column, out_row, out_column;
} matrices;

static void multiply(const icn_problem *p, const matrices *x, double *restrict sum) {
  for (int64_t m = 0; m < x->m; m++) {
    memset(sum, 0, (size_t)x->n * sizeof *sum);
    for (int64_t k = 0; k < x->k; k++) {
      double a = (double)x->a[m * x->a_row + k * x->a_column];
      const float *b = x->b + k * x->b_row;
      if (x->b_column == 1) {
        for (int64_t n = 0; n < x->n; n++) sum[n] += a * (double)b[n];
      } else {
        for (int64_t n = 0; n < x->n; n++) sum[n] += a * (double)b[n * x->b_column];
      }
    }
    for (int64_t n = 0; n < x->n; n++) {
      double value = (double)p->params.alpha * sum[n];
      if (x->c != NULL) value += (double)p->params.beta * (double)x->c[m * x->c_row + n * x->c_column];
      x->out[m * x->out_row + n * x->out_column] = icn_ref_finish(p, value);
    }
  }
}

/* The leading dims of a view, broadcast to the output's. */
static icn_view leading(const icn_view *view, const icn_shape *lead) {
  icn_view part = *view;
  part.shape.rank = view->shape.rank - 2;
  return icn_view_broadcast(&part, lead);
}

static void set_strides(const icn_problem *p, matrices *x) {
  const icn_view *a = &p->in[0], *b = &p->in[1], *out = &p->out;
  int ta = p->params.transpose_a != 0, tb = p->params.transpose_b != 0;
  int ra = a->shape.rank, rb = b->shape.rank, ro = out->shape.rank;
  x->m = out->shape.dim[ro - 2];
  x->n = out->shape.dim[ro - 1];
  x->k = a->shape.dim[ra - 1 - ta];
  x->a_row = a->stride[ra - 2 + ta];
  x->a_column = a->stride[ra - 1 - ta];
  x->b_row = b->stride[rb - 2 + tb];
  x->b_column = b->stride[rb - 1 - tb];
  x->out_row = out->stride[ro - 2];
  x->out_column = out->stride[ro - 1];
}

icn_status icn_ref_matmul(const icn_problem *problem, const void *const *in, float *out, const icn_ref_means *means) {
  matrices x;
  memset(&x, 0, sizeof x);
  set_strides(problem, &x);
  if (x.n == 0) return ICN_OK;
  double *sum = icn_allocate_array(means->allocator, (size_t)x.n, sizeof *sum);
  if (sum == NULL) return icn_error_memory(means->error, (size_t)x.n * sizeof *sum, "the reference matrix product");
  icn_shape lead = icn_shape_make(problem->out.shape.rank - 2, problem->out.shape.dim);
  icn_view a = leading(&problem->in[0], &lead), b = leading(&problem->in[1], &lead), y = leading(&problem->out, &lead);
  icn_view c = y, c_whole = problem->out;
  const float *c_data = icn_ref_operand(problem, in, 2);
  if (c_data != NULL) {
    c_whole = icn_view_broadcast(&problem->in[2], &problem->out.shape);
    c = leading(&c_whole, &lead);
    x.c_row = c_whole.stride[c_whole.shape.rank - 2];
    x.c_column = c_whole.stride[c_whole.shape.rank - 1];
  }
  const icn_view *views[4] = {&a, &b, &y, &c};
  icn_walk walk;
  for (bool more = icn_walk_begin(&walk, &lead, views, 4); more; more = icn_walk_next(&walk)) {
    x.a = (const float *)in[0] + walk.at[0];
    x.b = (const float *)in[1] + walk.at[1];
    x.out = out + walk.at[2];
    x.c = c_data == NULL ? NULL : c_data + walk.at[3];
    multiply(problem, &x, sum);
  }
  icn_release(means->allocator, sum);
  return ICN_OK;
}
