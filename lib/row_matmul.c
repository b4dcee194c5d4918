#include "row_matmul.h"

#include <string.h>

#include "row_support.h"

static bool is_matrix(const icn_view *view, const char *what, icn_reason *why_not) {
  if (view->shape.rank < 2) return icn_decline(why_not, "%s has rank %d, at least 2 is needed", what, (int)view->shape.rank);
  for (int k = 0; k < view->shape.rank; k++)
    if (view->shape.dim[k] < 1) return icn_decline(why_not, "dimension %d of %s is empty", k, what);
  return true;
}

/* Right-aligned broadcasting of all dims but the last `inner` to the output's. */
static bool broadcasts(const icn_view *view, const icn_view *out, int inner) {
  const int extra = out->shape.rank - view->shape.rank;
  if (extra < 0) return false;
  for (int k = 0; k < view->shape.rank - inner; k++)
    if (view->shape.dim[k] != 1 && view->shape.dim[k] != out->shape.dim[k + extra]) return false;
  return true;
}

bool icn_matmul_fits(const icn_problem *problem, icn_reason *why_not) {
  const icn_view *a = &problem->in[0], *b = &problem->in[1], *out = &problem->out;
  if (!is_matrix(a, "the first input", why_not) || !is_matrix(b, "the second input", why_not) || !is_matrix(out, "the output", why_not))
    return false;
  const int64_t *a_dim = &a->shape.dim[a->shape.rank - 2], *b_dim = &b->shape.dim[b->shape.rank - 2];
  const int64_t *y_dim = &out->shape.dim[out->shape.rank - 2];
  const bool ta = problem->params.transpose_a != 0, tb = problem->params.transpose_b != 0;
  if (a_dim[ta] != y_dim[0] || b_dim[!tb] != y_dim[1] || a_dim[!ta] != b_dim[tb])
    return icn_decline(why_not, "matrices of %lldx%lld and %lldx%lld do not give %lldx%lld", (long long)a_dim[ta], (long long)a_dim[!ta],
                       (long long)b_dim[tb], (long long)b_dim[!tb], (long long)y_dim[0], (long long)y_dim[1]);
  if (!broadcasts(a, out, 2) || !broadcasts(b, out, 2)) return icn_decline(why_not, "leading dimensions do not broadcast to the output's");
  if (icn_problem_has(problem, 2) && !broadcasts(&problem->in[2], out, 0))
    return icn_decline(why_not, "the third input does not broadcast to the output");
  return true;
}

/* The stride of the dim that lies `from_end` before the end (1: last); 0 where it is broadcast. */
static int64_t stride_at(const icn_view *view, int from_end) {
  const int k = view->shape.rank - from_end;
  return k < 0 || view->shape.dim[k] == 1 ? 0 : view->stride[k];
}

icn_matmul_sizes icn_matmul_inner(const icn_problem *problem) {
  const icn_view *a = &problem->in[0], *b = &problem->in[1], *c = &problem->in[2], *out = &problem->out;
  const bool ta = problem->params.transpose_a != 0, tb = problem->params.transpose_b != 0;
  icn_matmul_sizes s;
  memset(&s, 0, sizeof s);
  s.batch = 1;
  s.m = out->shape.dim[out->shape.rank - 2];
  s.n = out->shape.dim[out->shape.rank - 1];
  s.k = a->shape.dim[a->shape.rank - (ta ? 2 : 1)];
  s.a_m = stride_at(a, ta ? 1 : 2);
  s.a_k = stride_at(a, ta ? 2 : 1);
  s.b_k = stride_at(b, tb ? 1 : 2);
  s.b_n = stride_at(b, tb ? 2 : 1);
  s.y_m = stride_at(out, 2);
  s.y_n = stride_at(out, 1);
  if (icn_problem_has(problem, 2)) {
    s.c_m = stride_at(c, 2);
    s.c_n = stride_at(c, 1);
  }
  return s;
}

/* Batches that continue the rows: one matrix of batch * m rows. */
static void fold_batch(icn_matmul_sizes *s) {
  const bool single = s->m == 1;
  if (s->batch == 1 || s->b_batch != 0) return;
  if (!single && (s->a_batch != s->m * s->a_m || s->y_batch != s->m * s->y_m || s->c_batch != s->m * s->c_m)) return;
  if (single) {
    s->a_m = s->a_batch;
    s->y_m = s->y_batch;
    s->c_m = s->c_batch;
  }
  s->m *= s->batch;
  s->batch = 1;
  s->a_batch = s->c_batch = s->y_batch = 0;
}

bool icn_matmul_collapse(const icn_problem *problem, icn_matmul_sizes *sizes, icn_reason *why_not) {
  if (!icn_matmul_fits(problem, why_not)) return false;
  *sizes = icn_matmul_inner(problem);
  const icn_shape scalar = {.rank = 0};
  const icn_view nothing = icn_view_dense(&scalar);
  const icn_view *views[4] = {&problem->out, &problem->in[0], &problem->in[1], icn_problem_has(problem, 2) ? &problem->in[2] : &nothing};
  const icn_loop loop = icn_loop_make_masked(&problem->out.shape, (1U << (problem->out.shape.rank - 2)) - 1, views, 4);
  if (loop.rank > 1) return icn_decline(why_not, "the leading dimensions do not collapse to one");
  sizes->batch = loop.dim[7];
  sizes->y_batch = loop.stride[0][7];
  sizes->a_batch = loop.stride[1][7];
  sizes->b_batch = loop.stride[2][7];
  sizes->c_batch = loop.stride[3][7];
  fold_batch(sizes);
  return true;
}

bool icn_matmul_c_is_residual(const icn_problem *problem) {
  if (!icn_problem_has(problem, 2)) return false;
  const icn_view *c = &problem->in[2];
  for (int from_end = 2; from_end <= c->shape.rank; from_end++)
    if (stride_at(c, from_end) != 0) return true;
  return !icn_problem_is_constant(problem, 2);
}

bool icn_matmul_packable(const icn_problem *problem, icn_reason *why_not) {
  icn_matmul_sizes s;
  if (!icn_problem_is_constant(problem, 1)) return icn_decline(why_not, "the second input is not constant");
  if (!icn_matmul_collapse(problem, &s, why_not)) return false;
  if (s.batch != 1) return icn_decline(why_not, "the leading dimensions do not fold into the rows");
  if (s.k > 1 && s.a_k != 1) return icn_decline(why_not, "the first input has no adjacent columns");
  if (s.n > 1 && s.y_n != 1) return icn_decline(why_not, "the output has no adjacent columns");
  if (s.a_m < 0 || s.y_m < 0 || s.c_m < 0) return icn_decline(why_not, "rows lie in reverse order");
  if (!icn_matmul_c_is_residual(problem)) return true;
  if (problem->params.beta != 1) return icn_decline(why_not, "the third input is scaled and not constant along the rows");
  if ((s.n > 1 && s.c_n != 1) || (s.m > 1 && s.c_m == 0))
    return icn_decline(why_not, "the third input is broadcast and not a constant row");
  return true;
}

static float weight_at(const icn_problem *problem, const icn_matmul_sizes *sizes, const icn_value *const *constants, int64_t k, int64_t n) {
  return problem->params.alpha * icn_const_f32(constants[1], problem->in[1].offset + k * sizes->b_k + n * sizes->b_n);
}

static float bias_at(const icn_problem *problem, const icn_matmul_sizes *sizes, const icn_value *const *constants, int64_t n) {
  if (!icn_problem_has(problem, 2) || icn_matmul_c_is_residual(problem)) return 0;
  return problem->params.beta * icn_const_f32(constants[2], problem->in[2].offset + n * sizes->c_n);
}

void icn_matmul_pack_panels(const icn_problem *problem, int64_t width, int64_t depth, const icn_value *const *constants, float *packed) {
  const icn_matmul_sizes s = icn_matmul_inner(problem);
  const int64_t count = icn_div_up(s.n, width);
  memset(packed, 0, (size_t)(count * width * (depth + 1)) * sizeof *packed);
  float *bias = packed + count * width * depth;
  for (int64_t n = 0; n < s.n; n++) {
    float *lane = packed + n / width * depth * width + n % width;
    for (int64_t k = 0; k < s.k; k++) lane[k * width] = weight_at(problem, &s, constants, k, n);
    bias[n] = bias_at(problem, &s, constants, n);
  }
}
