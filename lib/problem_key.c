/* The canonical text key of a problem: operation, sizes, fusion, layouts where they are not the usual ones, precision. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "problem.h"

/* A bounded writer: what does not fit becomes a hash of everything at the end, so that different problems keep different keys. */
typedef struct key_writer {
  char *key;
  size_t length;
  uint64_t hash;
  bool full;
} key_writer;

static void put(key_writer *w, const char *format, ...) ICN_PRINTF(2, 3);

enum { PIECE_BYTES = 256, TAIL_BYTES = 20 };

static void put(key_writer *w, const char *format, ...) {
  char piece[PIECE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  assert(length >= 0 && length < PIECE_BYTES);
  for (int i = 0; i < length; i++) w->hash = (w->hash ^ (unsigned char)piece[i]) * 0x100000001B3ULL; /* FNV-1a */
  if (w->full || w->length + (size_t)length + TAIL_BYTES > ICN_KEY_BYTES) {
    w->full = true;
    return;
  }
  memcpy(w->key + w->length, piece, (size_t)length + 1);
  w->length += (size_t)length;
}

/* Nine digits, and a point whatever the host's locale writes there (more than one byte in some). */
static void put_real(key_writer *w, const char *before, double value) {
  char text[64];
  size_t length = 0;
  snprintf(text, sizeof text, "%.9g", value);
  for (const char *c = text; *c != '\0'; c++) {
    if (strchr("0123456789+-einfa", *c) != NULL) {
      text[length++] = *c;
    } else if (length > 0 && text[length - 1] != '.') {
      text[length++] = '.';
    }
  }
  text[length] = '\0';
  put(w, "%s%s", before, text);
}

static void put_shape(key_writer *w, const icn_shape *shape) {
  char text[ICN_SHAPE_TEXT_BYTES];
  put(w, " %s", icn_shape_text(shape, text));
}

static void put_pair(key_writer *w, const char *name, const int64_t pair[2], const char *between) {
  put(w, " %s%lld%s%lld", name, (long long)pair[0], between, (long long)pair[1]);
}

/* Layout of one operand: nothing for NHWC without gaps (rank 4) or dense in the model's order (other ranks) at offset 0. */
static void put_layout(key_writer *w, const char *operand, const icn_view *view) {
  bool rank4 = view->shape.rank == 4;
  bool nhwc = icn_view_is_nhwc(view);
  bool usual = rank4 ? nhwc && icn_view_pixel_stride(view) == view->shape.dim[1] : icn_view_is_dense(view);
  if (usual && view->offset == 0) return;
  put(w, " %s:", operand);
  if (usual) {
    put(w, "at");
  } else if (nhwc) {
    put(w, "/%lld", (long long)icn_view_pixel_stride(view));
  } else if (rank4 && icn_view_is_dense(view)) {
    put(w, "nchw");
  } else {
    for (int k = 0; k < view->shape.rank; k++) {
      long long stride = view->shape.dim[k] > 1 ? (long long)view->stride[k] : 0;
      put(w, k == 0 ? "s%lld" : ",%lld", stride);
    }
  }
  if (view->offset != 0) put(w, "+%lld", (long long)view->offset);
}

/* Weights and other parameters in the file's order are the usual case: only what differs is written. */
static void put_operand(key_writer *w, const icn_problem *p, int i, const char *name, bool constant_is_usual) {
  if (!icn_problem_has(p, i)) return;
  bool constant = icn_problem_is_constant(p, i);
  if (constant != constant_is_usual) put(w, constant ? " %s:const" : " %s:var", name);
  if (constant && icn_view_is_dense(&p->in[i]) && p->in[i].offset == 0) return;
  put_layout(w, name, &p->in[i]);
}

static void put_function(key_writer *w, icn_function function, double alpha, double beta) {
  if (function == ICN_FN_IDENTITY) return;
  put(w, " %s", icn_function_name(function));
  if (function != ICN_FN_CLIP && function != ICN_FN_LEAKY_RELU) return;
  put_real(w, "(", alpha);
  if (function == ICN_FN_CLIP) put_real(w, ",", beta);
  put(w, ")");
}

static void put_window(key_writer *w, const icn_problem *p) {
  const icn_params *q = &p->params;
  put_pair(w, "r", q->kernel, "x");
  put_pair(w, "s", q->stride, "x");
  put_pair(w, "p", q->pad_begin, ",");
  if (memcmp(q->pad_begin, q->pad_end, sizeof q->pad_begin) != 0) put(w, ",%lld,%lld", (long long)q->pad_end[0], (long long)q->pad_end[1]);
  if (q->dilation[0] != 1 || q->dilation[1] != 1) put_pair(w, "d", q->dilation, "x");
}

static void put_conv(key_writer *w, const icn_problem *p) {
  put_shape(w, &p->in[ICN_CONV_X].shape);
  put(w, " k%lld", (long long)p->out.shape.dim[1]);
  put_window(w, p);
  if (p->params.groups != 1) put(w, " g%lld", (long long)p->params.groups);
  if (p->turned != 0) put(w, " turned%d", (int)p->turned);
  if (p->op == ICN_OP_CONV_TRANSPOSE) put(w, " to %lldx%lld", (long long)p->out.shape.dim[2], (long long)p->out.shape.dim[3]);
  if (icn_problem_has(p, ICN_CONV_BIAS)) put(w, " bias");
  if (icn_problem_has(p, ICN_CONV_RESIDUAL)) put(w, " residual");
  if (icn_problem_has(p, ICN_CONV_SCALE)) put(w, " scale");
  put_operand(w, p, ICN_CONV_X, "x", false);
  put_operand(w, p, ICN_CONV_WEIGHT, "w", true);
  put_operand(w, p, ICN_CONV_BIAS, "bias", true);
  put_operand(w, p, ICN_CONV_RESIDUAL, "residual", false);
  put_operand(w, p, ICN_CONV_SCALE, "scale", true);
}

static void put_matmul(key_writer *w, const icn_problem *p) {
  put_shape(w, &p->in[0].shape);
  if (p->params.transpose_a != 0) put(w, "^T");
  put(w, " *");
  put_shape(w, &p->in[1].shape);
  if (p->params.transpose_b != 0) put(w, "^T");
  if (p->params.alpha != 1.0F) put_real(w, " alpha", (double)p->params.alpha);
  if (icn_problem_has(p, 2)) put(w, " c");
  if (icn_problem_has(p, 2) && p->params.beta != 1.0F) put_real(w, " beta", (double)p->params.beta);
  put_operand(w, p, 0, "a", false);
  put_operand(w, p, 1, "b", true);
  put_operand(w, p, 2, "c", true);
}

static void put_pool(key_writer *w, const icn_problem *p) {
  put_shape(w, &p->in[0].shape);
  put_window(w, p);
  put(w, " to %lldx%lld", (long long)p->out.shape.dim[2], (long long)p->out.shape.dim[3]);
  if (p->params.function == ICN_FN_MEAN && p->params.count_include_pad != 0) put(w, " include_pad");
  if (p->params.function == ICN_FN_LP) put_real(w, " p", (double)p->params.alpha);
  if (icn_problem_has(p, ICN_POOL_BIAS)) put(w, " bias");
  put_operand(w, p, 0, "x", false);
  put_operand(w, p, ICN_POOL_BIAS, "bias", true);
}

static void put_constants(key_writer *w, const icn_params *q) {
  if (q->alpha == 0.0F && q->beta == 0.0F && q->gamma == 0.0F) return;
  put_real(w, " (", (double)q->alpha);
  put_real(w, ",", (double)q->beta);
  put_real(w, ",", (double)q->gamma);
  put(w, ")");
}

static void put_elementwise(key_writer *w, const icn_problem *p) {
  const icn_params *q = &p->params;
  put_shape(w, &p->out.shape);
  put_constants(w, q);
  put_operand(w, p, 0, p->op == ICN_OP_BINARY ? "a" : "x", false);
  put_operand(w, p, 1, p->op == ICN_OP_BINARY ? "b" : "scale", p->op != ICN_OP_BINARY);
  put_operand(w, p, 2, "shift", true);
}

/* Operations whose output differs from their input in ways that params say. */
static void put_general(key_writer *w, const icn_problem *p) {
  const icn_params *q = &p->params;
  put_shape(w, &p->in[0].shape);
  put(w, " to");
  put_shape(w, &p->out.shape);
  if (p->op == ICN_OP_REDUCE) put(w, " axes%x", (unsigned)q->axes);
  if (p->op == ICN_OP_SOFTMAX || p->op == ICN_OP_RESAMPLE) put(w, " axis%d", (int)q->axis);
  if (p->op == ICN_OP_RESAMPLE) put(w, " taps%lld", (long long)p->in[1].shape.dim[1]);
  if (p->op == ICN_OP_LRN) put(w, " size%lld", (long long)q->kernel[0]);
  if (p->op == ICN_OP_PAD) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    put(w, " %s begin", modes[q->pad_mode]);
    for (int k = 0; k < p->out.shape.rank; k++) put(w, k == 0 ? "%lld" : ",%lld", (long long)q->begin[k]);
  }
  put_constants(w, q);
  put_operand(w, p, 0, "x", false);
  put_operand(w, p, 1, "index", true);
  put_operand(w, p, 2, "weight", true);
}

static const char *precision_name(icn_precision precision) {
  static const char *const names[] = {"f32", "f16w", "f16s", "f16", "auto"};
  return names[precision];
}

static void put_body(key_writer *w, const icn_problem *p) {
  switch (p->op) {
    case ICN_OP_CONV:
    case ICN_OP_CONV_TRANSPOSE:
      put_conv(w, p);
      break;
    case ICN_OP_MATMUL:
      put_matmul(w, p);
      break;
    case ICN_OP_POOL:
      put_pool(w, p);
      break;
    case ICN_OP_UNARY:
    case ICN_OP_BINARY:
    case ICN_OP_AFFINE:
      put_elementwise(w, p);
      break;
    default:
      put_general(w, p);
      break;
  }
}

const char *icn_problem_key(const icn_problem *problem, char key[ICN_KEY_BYTES]) {
  key_writer w = {key, 0, 0xCBF29CE484222325ULL, false};
  key[0] = '\0';
  put(&w, "%s", icn_op_name(problem->op));
  bool identity_named = problem->op == ICN_OP_UNARY;
  if (problem->params.function != ICN_FN_IDENTITY || identity_named) put(&w, " %s", icn_function_name(problem->params.function));
  put_body(&w, problem);
  put_layout(&w, "y", &problem->out);
  put_function(&w, problem->epilogue.function, (double)problem->epilogue.alpha, (double)problem->epilogue.beta);
  if (problem->epilogue.from != 0) put(&w, " from%d", (int)problem->epilogue.from);
  put(&w, " %s", precision_name(problem->precision));
  if (w.full) snprintf(key + w.length, ICN_KEY_BYTES - w.length, " #%016llx", (unsigned long long)w.hash);
  return key;
}
