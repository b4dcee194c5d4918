#include "op.h"

static const char *const OP_NAMES[ICN_OP_COUNT] = {
    [ICN_OP_NONE] = "none",           [ICN_OP_CONV] = "conv",     [ICN_OP_CONV_TRANSPOSE] = "conv_transpose",
    [ICN_OP_MATMUL] = "matmul",       [ICN_OP_POOL] = "pool",     [ICN_OP_UNARY] = "unary",
    [ICN_OP_BINARY] = "binary",       [ICN_OP_AFFINE] = "affine", [ICN_OP_REDUCE] = "reduce",
    [ICN_OP_SOFTMAX] = "softmax",     [ICN_OP_LRN] = "lrn",       [ICN_OP_PAD] = "pad",
    [ICN_OP_RESAMPLE] = "resample",   [ICN_OP_COPY] = "copy",     [ICN_OP_RESHAPE] = "reshape",
    [ICN_OP_TRANSPOSE] = "transpose", [ICN_OP_SLICE] = "slice",   [ICN_OP_EXPAND] = "expand",
    [ICN_OP_CONCAT] = "concat",       [ICN_OP_STACK] = "stack",
};

static const char *const FUNCTION_NAMES[] = {
    [ICN_FN_IDENTITY] = "identity",
    [ICN_FN_RELU] = "relu",
    [ICN_FN_CLIP] = "clip",
    [ICN_FN_LEAKY_RELU] = "leaky_relu",
    [ICN_FN_SIGMOID] = "sigmoid",
    [ICN_FN_TANH] = "tanh",
    [ICN_FN_HARD_SIGMOID] = "hard_sigmoid",
    [ICN_FN_HARD_SWISH] = "hard_swish",
    [ICN_FN_ELU] = "elu",
    [ICN_FN_SELU] = "selu",
    [ICN_FN_CELU] = "celu",
    [ICN_FN_SOFTPLUS] = "softplus",
    [ICN_FN_SOFTSIGN] = "softsign",
    [ICN_FN_MISH] = "mish",
    [ICN_FN_THRESHOLDED_RELU] = "thresholded_relu",
    [ICN_FN_GELU] = "gelu",
    [ICN_FN_GELU_TANH] = "gelu_tanh",
    [ICN_FN_EXP] = "exp",
    [ICN_FN_LOG] = "log",
    [ICN_FN_SQRT] = "sqrt",
    [ICN_FN_RSQRT] = "rsqrt",
    [ICN_FN_ABS] = "abs",
    [ICN_FN_NEG] = "neg",
    [ICN_FN_RECIPROCAL] = "reciprocal",
    [ICN_FN_FLOOR] = "floor",
    [ICN_FN_CEIL] = "ceil",
    [ICN_FN_ERF] = "erf",
    [ICN_FN_SQUARE] = "square",
    [ICN_FN_SIGN] = "sign",
    [ICN_FN_ROUND] = "round",
    [ICN_FN_ADD] = "add",
    [ICN_FN_SUB] = "sub",
    [ICN_FN_MUL] = "mul",
    [ICN_FN_DIV] = "div",
    [ICN_FN_POW] = "pow",
    [ICN_FN_MAX] = "max",
    [ICN_FN_MIN] = "min",
    [ICN_FN_PRELU] = "prelu",
    [ICN_FN_MEAN] = "mean",
    [ICN_FN_L1] = "l1",
    [ICN_FN_L2] = "l2",
    [ICN_FN_SUM_SQUARE] = "sum_square",
    [ICN_FN_LP] = "lp",
};

const char *icn_op_name(icn_op op) {
  unsigned index = (unsigned)op;
  return index < ICN_OP_COUNT ? OP_NAMES[index] : "unknown";
}

const char *icn_function_name(icn_function function) {
  unsigned index = (unsigned)function;
  bool known = index < sizeof FUNCTION_NAMES / sizeof FUNCTION_NAMES[0] && FUNCTION_NAMES[index] != NULL;
  return known ? FUNCTION_NAMES[index] : "unknown";
}

bool icn_function_is_short(icn_function function) {
  static const icn_function SHORT[] = {ICN_FN_IDENTITY,     ICN_FN_RELU,       ICN_FN_CLIP,     ICN_FN_LEAKY_RELU,
                                       ICN_FN_HARD_SIGMOID, ICN_FN_HARD_SWISH, ICN_FN_SOFTSIGN, ICN_FN_THRESHOLDED_RELU,
                                       ICN_FN_SQRT,         ICN_FN_RSQRT,      ICN_FN_ABS,      ICN_FN_NEG,
                                       ICN_FN_RECIPROCAL,   ICN_FN_FLOOR,      ICN_FN_CEIL,     ICN_FN_SQUARE,
                                       ICN_FN_SIGN,         ICN_FN_ROUND,      ICN_FN_ADD,      ICN_FN_SUB,
                                       ICN_FN_MUL,          ICN_FN_DIV,        ICN_FN_MAX,      ICN_FN_MIN,
                                       ICN_FN_PRELU};
  for (size_t i = 0; i < sizeof SHORT / sizeof SHORT[0]; i++) {
    if (SHORT[i] == function) return true;
  }
  return false;
}
