/* The operators that the importer understands: one row an operator and opset range. To add one, write a short translator (import_*.c) that
 * composes canonical operations, declare it in import_internal.h, and add a row here. Operators that are one scalar function need no
 * translator of their own: icn_import_unary and icn_import_binary take the function from the row. */
#include <string.h>

#include "import_internal.h"

#define WINDOW "auto_pad:s kernel_shape:I pads:I strides:I dilations:I "
#define UNARY(op, since, function) \
  { op, since, 0, 1, 1, "", icn_import_unary, function, 0, 0, 0, 0 }
#define BINARY(op, since, function) \
  { op, since, 0, 2, 2, "", icn_import_binary, function, 0, 0, 0, 0 }
#define VARIADIC(op, since, function) \
  { op, since, 0, 1, -1, "", icn_import_variadic, function, 0, 0, 0, 0 }
#define COMPARE(op, since, attributes, relation) \
  { op, since, 0, 2, 2, attributes, icn_import_compare, ICN_FN_IDENTITY, 0, 0, 0, relation }
#define OTHER(op, since, until, min_inputs, max_inputs, attributes, translator) \
  { op, since, until, min_inputs, max_inputs, attributes, icn_import_##translator, ICN_FN_IDENTITY, 0, 0, 0, 0 }
#define REDUCE(op, function) \
  { op, 1, 0, 1, 2, "axes:I keepdims:i noop_with_empty_axes:i", icn_import_reduce, function, 0, 0, 0, 0 }

static const icn_import_row ROWS[] = {
    /* scalar functions */
    UNARY("Abs", 6, ICN_FN_ABS),
    UNARY("Ceil", 6, ICN_FN_CEIL),
    {"Celu", 12, 0, 1, 1, "alpha:f", icn_import_unary, ICN_FN_CELU, 1.0F, 0, 0, 0},
    OTHER("Clip", 6, 0, 1, 3, "min:f max:f", clip),
    {"Elu", 6, 0, 1, 1, "alpha:f", icn_import_unary, ICN_FN_ELU, 1.0F, 0, 0, 0},
    UNARY("Erf", 9, ICN_FN_ERF),
    UNARY("Exp", 6, ICN_FN_EXP),
    UNARY("Floor", 6, ICN_FN_FLOOR),
    OTHER("Gelu", 20, 0, 1, 1, "approximate:s", gelu),
    {"HardSigmoid", 6, 0, 1, 1, "alpha:f beta:f", icn_import_unary, ICN_FN_HARD_SIGMOID, 0.2F, 0.5F, 0, 0},
    UNARY("HardSwish", 14, ICN_FN_HARD_SWISH),
    {"LeakyRelu", 6, 0, 1, 1, "alpha:f", icn_import_unary, ICN_FN_LEAKY_RELU, 0.01F, 0, 0, 0},
    UNARY("Log", 6, ICN_FN_LOG),
    UNARY("Mish", 18, ICN_FN_MISH),
    UNARY("Neg", 6, ICN_FN_NEG),
    UNARY("Reciprocal", 6, ICN_FN_RECIPROCAL),
    UNARY("Relu", 6, ICN_FN_RELU),
    UNARY("Round", 11, ICN_FN_ROUND),
    {"Selu", 6, 0, 1, 1, "alpha:f gamma:f", icn_import_unary, ICN_FN_SELU, 1.67326319217681884765625F, 0, 1.05070102214813232421875F, 0},
    UNARY("Sigmoid", 6, ICN_FN_SIGMOID),
    UNARY("Sign", 9, ICN_FN_SIGN),
    UNARY("Softplus", 1, ICN_FN_SOFTPLUS),
    UNARY("Softsign", 1, ICN_FN_SOFTSIGN),
    UNARY("Sqrt", 6, ICN_FN_SQRT),
    {"Swish", 24, 0, 1, 1, "alpha:f", icn_import_swish, ICN_FN_IDENTITY, 1.0F, 0, 0, 0},
    UNARY("Tanh", 6, ICN_FN_TANH),
    {"ThresholdedRelu", 10, 0, 1, 1, "alpha:f", icn_import_unary, ICN_FN_THRESHOLDED_RELU, 1.0F, 0, 0, 0},
    /* element by element, with broadcasting */
    BINARY("Add", 7, ICN_FN_ADD),
    BINARY("Div", 7, ICN_FN_DIV),
    BINARY("Mul", 7, ICN_FN_MUL),
    BINARY("PRelu", 7, ICN_FN_PRELU),
    BINARY("Sub", 7, ICN_FN_SUB),
    OTHER("Pow", 7, 0, 2, 2, "", pow),
    VARIADIC("Max", 6, ICN_FN_MAX),
    VARIADIC("Mean", 6, ICN_FN_MEAN),
    VARIADIC("Min", 6, ICN_FN_MIN),
    VARIADIC("Sum", 6, ICN_FN_ADD),
    /* windows */
    OTHER("Conv", 1, 0, 2, 3, WINDOW "group:i", conv),
    OTHER("ConvTranspose", 1, 0, 2, 3, WINDOW "group:i output_padding:I output_shape:I", conv_transpose),
    {"AveragePool", 7, 0, 1, 1, WINDOW "ceil_mode:i count_include_pad:i", icn_import_pool, ICN_FN_MEAN, 0, 0, 0, 0},
    {"LpPool", 2, 0, 1, 1, WINDOW "ceil_mode:i p:i", icn_import_pool, ICN_FN_LP, 0, 0, 0, 0},
    {"MaxPool", 1, 0, 1, 1, WINDOW "ceil_mode:i storage_order:i", icn_import_pool, ICN_FN_MAX, 0, 0, 0, 0},
    {"GlobalAveragePool", 1, 0, 1, 1, "", icn_import_global_pool, ICN_FN_MEAN, 0, 0, 0, 0},
    {"GlobalLpPool", 2, 0, 1, 1, "p:i", icn_import_global_pool, ICN_FN_LP, 0, 0, 0, 0},
    {"GlobalMaxPool", 1, 0, 1, 1, "", icn_import_global_pool, ICN_FN_MAX, 0, 0, 0, 0},
    /* matrix products */
    OTHER("Gemm", 7, 0, 2, 3, "alpha:f beta:f transA:i transB:i", gemm),
    OTHER("MatMul", 1, 0, 2, 2, "", matmul),
    /* normalisation */
    OTHER("BatchNormalization", 7, 0, 5, 5, "epsilon:f momentum:f spatial:i training_mode:i", batch_norm),
    OTHER("GroupNormalization", 18, 0, 3, 3, "epsilon:f num_groups:i stash_type:i", group_norm),
    OTHER("InstanceNormalization", 6, 0, 3, 3, "epsilon:f", instance_norm),
    OTHER("LRN", 1, 0, 1, 1, "alpha:f beta:f bias:f size:i", lrn),
    OTHER("LayerNormalization", 17, 0, 2, 3, "axis:i epsilon:f stash_type:i", layer_norm),
    OTHER("LpNormalization", 1, 0, 1, 1, "axis:i p:i", lp_norm),
    OTHER("MeanVarianceNormalization", 9, 0, 1, 1, "axes:I", mean_variance_norm),
    OTHER("RMSNormalization", 23, 0, 2, 2, "axis:i epsilon:f stash_type:i", rms_norm),
    {"LogSoftmax", 13, 0, 1, 1, "axis:i", icn_import_softmax, ICN_FN_LOG, 0, 0, 0, 0},
    {"LogSoftmax", 1, 12, 1, 1, "axis:i", icn_import_softmax_flat, ICN_FN_LOG, 0, 0, 0, 0},
    {"Softmax", 13, 0, 1, 1, "axis:i", icn_import_softmax, ICN_FN_EXP, 0, 0, 0, 0},
    {"Softmax", 1, 12, 1, 1, "axis:i", icn_import_softmax_flat, ICN_FN_EXP, 0, 0, 0, 0},
    /* reductions */
    REDUCE("ReduceL1", ICN_FN_L1),
    REDUCE("ReduceL2", ICN_FN_L2),
    REDUCE("ReduceMax", ICN_FN_MAX),
    REDUCE("ReduceMean", ICN_FN_MEAN),
    REDUCE("ReduceMin", ICN_FN_MIN),
    REDUCE("ReduceProd", ICN_FN_MUL),
    REDUCE("ReduceSum", ICN_FN_ADD),
    REDUCE("ReduceSumSquare", ICN_FN_SUM_SQUARE),
    OTHER("ReduceLogSum", 1, 0, 1, 2, "axes:I keepdims:i noop_with_empty_axes:i", reduce_log_sum),
    OTHER("ReduceLogSumExp", 1, 0, 1, 2, "axes:I keepdims:i noop_with_empty_axes:i", reduce_log_sum_exp),
    /* movement */
    OTHER("Cast", 6, 0, 1, 1, "to:i saturate:i round_mode:s", cast),
    OTHER("Concat", 4, 0, 1, -1, "axis:i", concat),
    OTHER("DepthToSpace", 1, 0, 1, 1, "blocksize:i mode:s", depth_to_space),
    OTHER("Dropout", 7, 11, 1, 1, "ratio:f", dropout),
    OTHER("Dropout", 12, 0, 1, 3, "seed:i", dropout),
    OTHER("Expand", 8, 0, 2, 2, "", expand),
    OTHER("Flatten", 1, 0, 1, 1, "axis:i", flatten),
    OTHER("Gather", 1, 0, 2, 2, "axis:i", gather),
    OTHER("Identity", 1, 0, 1, 1, "", identity),
    OTHER("Pad", 2, 0, 1, 4, "mode:s pads:I value:f", pad),
    OTHER("Reshape", 5, 0, 2, 2, "allowzero:i", reshape),
    OTHER("Resize", 11, 0, 1, 4,
          "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f "
          "keep_aspect_ratio_policy:s mode:s nearest_mode:s",
          resize),
    OTHER("Resize", 10, 10, 2, 2, "mode:s", resize_10),
    OTHER("Slice", 1, 0, 1, 5, "axes:I starts:I ends:I", slice),
    OTHER("SpaceToDepth", 1, 0, 1, 1, "blocksize:i mode:s", space_to_depth),
    OTHER("Split", 2, 0, 1, 2, "axis:i split:I num_outputs:i", split),
    OTHER("Squeeze", 1, 0, 1, 2, "axes:I", squeeze),
    OTHER("Tile", 6, 0, 2, 2, "", tile),
    OTHER("Transpose", 1, 0, 1, 1, "perm:I", transpose),
    OTHER("Unsqueeze", 1, 0, 1, 2, "axes:I", unsqueeze),
    OTHER("Upsample", 7, 10, 1, 2, "mode:s scales:F", resize_10),
    /* constants and shapes; the ones below Where are for constants only */
    OTHER("Constant", 1, 0, 0, 0, "value:t value_float:f value_floats:F value_int:i value_ints:I", constant),
    OTHER("ConstantOfShape", 9, 0, 1, 1, "value:t", constant_of_shape),
    OTHER("Shape", 1, 0, 1, 1, "start:i end:i", shape),
    OTHER("Size", 1, 0, 1, 1, "", size),
    OTHER("Where", 9, 0, 3, 3, "", where),
    OTHER("Range", 11, 0, 3, 3, "stash_type:i", range),
    OTHER("Not", 1, 0, 1, 1, "", logic_not),
    COMPARE("Equal", 7, "", ICN_EQUAL),
    COMPARE("Greater", 7, "", ICN_GREATER),
    COMPARE("GreaterOrEqual", 12, "", ICN_GREATER_OR_EQUAL),
    COMPARE("Less", 7, "", ICN_LESS),
    COMPARE("LessOrEqual", 12, "", ICN_LESS_OR_EQUAL),
    COMPARE("And", 7, "", ICN_AND),
    COMPARE("Or", 7, "", ICN_OR),
    COMPARE("Xor", 7, "", ICN_XOR),
    COMPARE("Mod", 10, "fmod:i", ICN_MOD),
};

size_t icn_import_row_count(void) { return sizeof ROWS / sizeof ROWS[0]; }
const icn_import_row *icn_import_row_at(size_t index) { return index < icn_import_row_count() ? &ROWS[index] : NULL; }

const icn_import_row *icn_import_find_row(const char *op, int64_t opset) {
  for (size_t i = 0; i < icn_import_row_count(); i++) {
    if (opset >= ROWS[i].since && (ROWS[i].until == 0 || opset <= ROWS[i].until) && strcmp(ROWS[i].op, op) == 0) return &ROWS[i];
  }
  return NULL;
}
