/* The canonical operations: few, typed, shared by graph, problems, reference and kernels. ONNX operators are translated into them. */
#ifndef ICN_LIB_OP_H
#define ICN_LIB_OP_H

#include "tensor.h"

/* Inputs in order; [x] may be absent (value -1). Shapes in the model's order. One output each.
 * "graph only" operations never become problems: lowering turns them into views or COPY. */
typedef enum icn_op {
  ICN_OP_NONE = 0,
  ICN_OP_CONV,           /* x[n][c][h][w], w[oc][c/groups][kh][kw], [bias[oc]], [residual as out], [weight_scale[oc]]: 2-D; 1-D is h = 1 */
  ICN_OP_CONV_TRANSPOSE, /* x[n][c][h][w], w[c][oc/groups][kh][kw], [bias[oc]] */
  ICN_OP_MATMUL,         /* a[...][m][k], b[...][k][n], [c broadcastable to out]: alpha * op(a) op(b) + beta * c; leading dims broadcast */
  ICN_OP_POOL,           /* x[n][c][h][w], bias[c] (optional), epilogue; function: MAX, MEAN (average), L2 etc. = Lp with p in alpha */
  ICN_OP_UNARY,          /* x; function with alpha, beta */
  ICN_OP_BINARY,         /* a, b broadcastable to out; function */
  ICN_OP_AFFINE,         /* x[n][c]..., scale[c], shift[c]: x * scale[c] + shift[c] along dim 1 */
  ICN_OP_REDUCE,         /* x; function over the dims in `axes`; out has the same rank with 1 there */
  ICN_OP_SOFTMAX,        /* x; along `axis`; function: EXP softmax, LOG log-softmax */
  ICN_OP_LRN,            /* x[n][c]...; size in kernel[0], alpha, beta, bias k in gamma */
  ICN_OP_PAD,            /* x; pad_mode, begin[] / end[] per dim (may be negative: crop), value in alpha */
  ICN_OP_RESAMPLE,  /* x, index int32[out][taps], weight f32[out][taps]: out[.., o, ..] = sum_t weight[o][t] * x[.., index[o][t], ..] along
                     * `axis`.  Resize (each axis), Upsample and Gather with constant indices. Taps of weight 0 are not read. */
  ICN_OP_COPY,      /* x: element by element between two views of one shape */
  ICN_OP_RESHAPE,   /* graph only: same elements in the model's order */
  ICN_OP_TRANSPOSE, /* graph only: out dim k is x dim perm[k] */
  ICN_OP_SLICE,     /* graph only: begin[], step[] per dim (step may be negative); the counts are the output's dims */
  ICN_OP_EXPAND,    /* graph only: broadcast to the output's shape */
  ICN_OP_CONCAT,    /* graph only: any number of inputs along `axis` */
  ICN_OP_STACK,     /* graph only: the slices of a batch (slice.h), one behind the other along dim 0 */
  ICN_OP_COUNT
} icn_op;

/* Scalar functions. A unary one takes x and, from the parameters, a = alpha, b = beta, g = gamma; NaN stays NaN in each. The numbers are
 * fixed, because kernels/functions.clh repeats them: a new one goes at the end of its group. */
typedef enum icn_function {
  ICN_FN_IDENTITY = 0,
  /* unary that may be fused into an epilogue */
  ICN_FN_RELU,       /* max(x, 0), NaN stays */
  ICN_FN_CLIP,       /* min(max(x, a), b), NaN stays */
  ICN_FN_LEAKY_RELU, /* x < 0 ? a * x : x */
  /* other unary */
  ICN_FN_SIGMOID,
  ICN_FN_TANH,
  ICN_FN_HARD_SIGMOID,     /* max(0, min(1, a * x + b)) */
  ICN_FN_HARD_SWISH,       /* x * max(0, min(1, x / 6 + 0.5)) */
  ICN_FN_ELU,              /* x < 0 ? a * (exp(x) - 1) : x */
  ICN_FN_SELU,             /* g * (x <= 0 ? a * (exp(x) - 1) : x) */
  ICN_FN_CELU,             /* max(0, x) + min(0, a * (exp(x / a) - 1)) */
  ICN_FN_SOFTPLUS,         /* log(1 + exp(x)) without overflow */
  ICN_FN_SOFTSIGN,         /* x / (1 + |x|) */
  ICN_FN_MISH,             /* x * tanh(softplus(x)) */
  ICN_FN_THRESHOLDED_RELU, /* x > a ? x : 0, NaN stays */
  ICN_FN_GELU,             /* x * (1 + erf(x / sqrt 2)) / 2 */
  ICN_FN_GELU_TANH,
  ICN_FN_EXP,
  ICN_FN_LOG,
  ICN_FN_SQRT,
  ICN_FN_RSQRT,
  ICN_FN_ABS,
  ICN_FN_NEG,
  ICN_FN_RECIPROCAL,
  ICN_FN_FLOOR,
  ICN_FN_CEIL,
  ICN_FN_ERF,
  ICN_FN_SQUARE,
  ICN_FN_SIGN,  /* -1, 0 or 1; NaN stays */
  ICN_FN_ROUND, /* to the nearest integer, halves to the even one */
  ICN_FN_UNARY_END,
  /* binary */
  ICN_FN_ADD = 64,
  ICN_FN_SUB,
  ICN_FN_MUL,
  ICN_FN_DIV,
  ICN_FN_POW,
  ICN_FN_MAX,
  ICN_FN_MIN,
  ICN_FN_PRELU, /* a < 0 ? a * b : a */
  ICN_FN_BINARY_END,
  /* reductions and pools (ADD, MAX, MIN, MUL serve as sum, max, min, prod) */
  ICN_FN_MEAN = 96,
  ICN_FN_L1,
  ICN_FN_L2,
  ICN_FN_SUM_SQUARE,
  ICN_FN_LP /* pool: (sum |x|^alpha)^(1/alpha) */
} icn_function;

typedef enum icn_pad_mode { ICN_PAD_CONSTANT = 0, ICN_PAD_REFLECT, ICN_PAD_EDGE, ICN_PAD_WRAP } icn_pad_mode;

/* Attributes of an operation. One flat struct, zero where an operation has no use for a field, so that params compare with memcmp. */
typedef struct icn_params {
  icn_function function;
  float alpha, beta, gamma;
  int32_t axis;
  uint32_t axes; /* bit k: dim k is reduced */
  /* windows, index 0 = h, 1 = w */
  int64_t kernel[2], stride[2], dilation[2], pad_begin[2], pad_end[2];
  int64_t groups;                   /* CONV, CONV_TRANSPOSE */
  int32_t count_include_pad;        /* average POOL: divide by the window clipped to the padded input, else to the input */
  int32_t transpose_a, transpose_b; /* MATMUL */
  icn_pad_mode pad_mode;
  int64_t begin[ICN_MAX_RANK], end[ICN_MAX_RANK], step[ICN_MAX_RANK];
  int32_t perm[ICN_MAX_RANK];
} icn_params;

/* What is applied to a CONV, CONV_TRANSPOSE or MATMUL result before it is stored: (+ bias), (+ residual), then function (IDENTITY ..
 * LEAKY_RELU). CONV: channels below `from` get no function: a branch that goes on linearly is computed beside others (merge_siblings). */
typedef struct icn_epilogue {
  icn_function function;
  float alpha, beta;
  int32_t from;
} icn_epilogue;

const char *icn_op_name(icn_op op);                   /* "conv" */
const char *icn_function_name(icn_function function); /* "relu" */
/* True for the scalar functions that are a few instructions; kernels compile the others only where one of them is wanted. */
bool icn_function_is_short(icn_function function);

#endif
