#include "problem_part.h"

#include <string.h>

icn_box icn_box_whole(const icn_problem *problem) {
  icn_box box;
  memset(&box, 0, sizeof box);
  memcpy(box.count, problem->out.shape.dim, sizeof box.count);
  return box;
}

static void cut(icn_view *view, int dim, int64_t first, int64_t count) {
  view->offset += first * view->stride[dim];
  view->shape.dim[dim] = count;
}

/* Dim k of an output of `rank` dims, of an operand that is broadcast to it. */
static void cut_broadcast(icn_view *view, int rank, int k, const icn_box *box) {
  const int own = k - (rank - view->shape.rank);
  if (own >= 0 && view->shape.dim[own] != 1) cut(view, own, box->first[k], box->count[k]);
}

static void take_whole(const icn_problem *problem, int dim, icn_box *box) {
  box->first[dim] = 0;
  box->count[dim] = problem->out.shape.dim[dim];
}

/* ----------------------------------------------------------------- windows */

/* Rows (axis 0) or columns (1) of x that the box's windows reach; padding becomes what keeps every tap where it was. */
static void cut_windows(icn_problem *part, int axis, const icn_box *box) {
  icn_params *q = &part->params;
  icn_view *x = &part->in[0];
  const int dim = 2 + axis;
  const int64_t limit = x->shape.dim[dim], first = box->first[dim], last = first + box->count[dim] - 1;
  const int64_t from = first * q->stride[axis] - q->pad_begin[axis];
  const int64_t to = last * q->stride[axis] - q->pad_begin[axis] + (q->kernel[axis] - 1) * q->dilation[axis] + box->slack;
  const int64_t low = icn_max64(0, icn_min64(from, limit - 1)), high = icn_max64(low, icn_min64(to, limit - 1));
  q->pad_begin[axis] = low - from;
  q->pad_end[axis] += limit - 1 - high; /* an average that counts padding asks where the padded input ends */
  if (limit > 0) cut(x, dim, low, high - low + 1);
}

/* Channels inside one group, or whole groups. */
static void cut_groups(const icn_problem *problem, icn_box *box, icn_problem *part) {
  const int64_t groups = problem->params.groups, own = problem->out.shape.dim[1] / groups, inner = problem->in[0].shape.dim[1] / groups;
  const int64_t first = box->first[1] / own, last = (box->first[1] + box->count[1] - 1) / own;
  if (first != last) {
    box->first[1] = first * own;
    box->count[1] = (last - first + 1) * own;
  }
  part->params.groups = last - first + 1;
  cut(&part->in[ICN_CONV_X], 1, first * inner, part->params.groups * inner);
}

static void cut_conv(const icn_problem *problem, icn_box *box, icn_problem *part) {
  const int64_t turned = problem->turned;
  if (turned > 0 && box->first[1] < turned) box->count[1] = icn_min64(box->count[1], turned - box->first[1]);
  if (turned > 0 && box->first[1] >= turned) {
    icn_view *w = &part->in[ICN_CONV_WEIGHT];
    part->params = icn_params_turned(&problem->params);
    for (int k = 2; k < 4; k++) {
      w->shape.dim[k] = problem->in[ICN_CONV_WEIGHT].shape.dim[5 - k];
      w->stride[k] = problem->in[ICN_CONV_WEIGHT].stride[5 - k];
    }
  }
  part->turned = 0;
  cut_groups(problem, box, part);
  part->epilogue.from = (int32_t)icn_max64(problem->epilogue.from - box->first[1], 0);
  cut(&part->in[ICN_CONV_WEIGHT], 0, box->first[1], box->count[1]);
  if (icn_problem_has(problem, ICN_CONV_BIAS)) cut(&part->in[ICN_CONV_BIAS], 0, box->first[1], box->count[1]);
  if (icn_problem_has(problem, ICN_CONV_SCALE)) cut(&part->in[ICN_CONV_SCALE], 0, box->first[1], box->count[1]);
  for (int k = 0; k < 4 && icn_problem_has(problem, ICN_CONV_RESIDUAL); k++)
    cut(&part->in[ICN_CONV_RESIDUAL], k, box->first[k], box->count[k]);
  cut(&part->in[ICN_CONV_X], 0, box->first[0], box->count[0]);
  for (int axis = 0; axis < 2; axis++) cut_windows(part, axis, box);
}

static void cut_conv_transpose(const icn_problem *problem, icn_box *box, icn_problem *part) {
  take_whole(problem, 2, box);
  take_whole(problem, 3, box);
  if (problem->params.groups != 1) take_whole(problem, 1, box);
  cut(&part->in[ICN_CONV_X], 0, box->first[0], box->count[0]);
  if (problem->params.groups != 1) return;
  cut(&part->in[ICN_CONV_WEIGHT], 1, box->first[1], box->count[1]);
  if (icn_problem_has(problem, ICN_CONV_BIAS)) cut(&part->in[ICN_CONV_BIAS], 0, box->first[1], box->count[1]);
}

static void cut_pool(const icn_problem *problem, icn_box *box, icn_problem *part) {
  for (int k = 0; k < 2; k++) cut(&part->in[0], k, box->first[k], box->count[k]);
  if (icn_problem_has(problem, ICN_POOL_BIAS)) cut(&part->in[ICN_POOL_BIAS], 0, box->first[1], box->count[1]);
  for (int axis = 0; axis < 2; axis++) cut_windows(part, axis, box);
}

/* ------------------------------------------------------------------ others */

static void cut_matmul(const icn_problem *problem, icn_box *box, icn_problem *part) {
  const int rank = problem->out.shape.rank;
  icn_view *a = &part->in[0], *b = &part->in[1];
  const int row = a->shape.rank - (problem->params.transpose_a != 0 ? 1 : 2);
  const int column = b->shape.rank - (problem->params.transpose_b != 0 ? 2 : 1);
  for (int k = 0; k < rank - 2; k++) {
    cut_broadcast(a, rank, k, box);
    cut_broadcast(b, rank, k, box);
  }
  cut(a, row, box->first[rank - 2], box->count[rank - 2]);
  cut(b, column, box->first[rank - 1], box->count[rank - 1]);
  for (int k = 0; k < rank && icn_problem_has(problem, 2); k++) cut_broadcast(&part->in[2], rank, k, box);
}

/* Every dim of `input` as the output's, but for those in `whole` (bit k: dim k). */
static void cut_alike(const icn_problem *problem, int input, uint32_t whole, icn_box *box, icn_problem *part) {
  for (int k = 0; k < problem->out.shape.rank; k++) {
    if ((whole >> k & 1U) != 0)
      take_whole(problem, k, box);
    else
      cut(&part->in[input], k, box->first[k], box->count[k]);
  }
}

static void cut_affine(const icn_problem *problem, icn_box *box, icn_problem *part) {
  cut_alike(problem, 0, 0, box, part);
  for (int i = 1; i < 3; i++) cut(&part->in[i], 0, box->first[1], box->count[1]);
}

/* Along its axis the tables say where x is read. */
static void cut_resample(const icn_problem *problem, icn_box *box, icn_problem *part) {
  const int axis = problem->params.axis;
  for (int k = 0; k < problem->out.shape.rank; k++)
    if (k != axis) cut(&part->in[0], k, box->first[k], box->count[k]);
  for (int i = 1; i < 3; i++) cut(&part->in[i], 0, box->first[axis], box->count[axis]);
}

static void cut_pad(const icn_problem *problem, icn_box *box, icn_problem *part) {
  for (int k = 0; k < problem->out.shape.rank; k++) {
    const bool plain = problem->params.begin[k] == 0 && problem->in[0].shape.dim[k] == problem->out.shape.dim[k];
    if (plain)
      cut(&part->in[0], k, box->first[k], box->count[k]);
    else
      part->params.begin[k] -= box->first[k];
  }
}

void icn_problem_part(const icn_problem *problem, icn_box *box, icn_problem *part) {
  const int rank = problem->out.shape.rank;
  *part = *problem;
  switch (problem->op) {
    case ICN_OP_CONV:
      cut_conv(problem, box, part);
      break;
    case ICN_OP_CONV_TRANSPOSE:
      cut_conv_transpose(problem, box, part);
      break;
    case ICN_OP_POOL:
      cut_pool(problem, box, part);
      break;
    case ICN_OP_MATMUL:
      cut_matmul(problem, box, part);
      break;
    case ICN_OP_UNARY:
    case ICN_OP_COPY:
      cut_alike(problem, 0, 0, box, part);
      break;
    case ICN_OP_BINARY:
      for (int i = 0; i < 2; i++)
        for (int k = 0; k < rank; k++) cut_broadcast(&part->in[i], rank, k, box);
      break;
    case ICN_OP_AFFINE:
      cut_affine(problem, box, part);
      break;
    case ICN_OP_REDUCE:
      cut_alike(problem, 0, problem->params.axes, box, part);
      break;
    case ICN_OP_SOFTMAX:
      cut_alike(problem, 0, 1U << problem->params.axis, box, part);
      break;
    case ICN_OP_LRN:
      cut_alike(problem, 0, 2, box, part);
      break;
    case ICN_OP_RESAMPLE:
      cut_resample(problem, box, part);
      break;
    case ICN_OP_PAD:
      cut_pad(problem, box, part);
      break;
    default:
      *box = icn_box_whole(problem);
      return;
  }
  for (int k = 0; k < rank; k++) cut(&part->out, k, box->first[k], box->count[k]);
}
