/* What the operator translators share. A translator turns one ONNX node into canonical operations: it reads inputs and attributes with the
 * helpers below, composes values, and returns the value of the node's first output.
 *
 * Errors are sticky, as in icn_text: the first failure is kept in the importer and every helper does nothing from then on, so that
 * translators compose values without a check after each step. A value index of ICN_NO_VALUE is an absent input. */
#ifndef ICN_LIB_IMPORT_INTERNAL_H
#define ICN_LIB_IMPORT_INTERNAL_H

#include "source.h"

/* TensorProto.DataType, as far as the library knows them. */
enum {
  ICN_ONNX_FLOAT = 1,
  ICN_ONNX_UINT8 = 2,
  ICN_ONNX_INT8 = 3,
  ICN_ONNX_UINT16 = 4,
  ICN_ONNX_INT16 = 5,
  ICN_ONNX_INT32 = 6,
  ICN_ONNX_INT64 = 7,
  ICN_ONNX_STRING = 8,
  ICN_ONNX_BOOL = 9,
  ICN_ONNX_FLOAT16 = 10,
  ICN_ONNX_DOUBLE = 11,
  ICN_ONNX_UINT32 = 12,
  ICN_ONNX_UINT64 = 13,
  ICN_ONNX_BFLOAT16 = 16
};
/* "int64" for ICN_ONNX_INT64; "unknown" for a number that the table does not have. Static. */
const char *icn_import_type_name(int64_t type);

/* Limits: elements of one value (kernels index with 32 bits), bytes of all folded constants (beside what the model's own weights have),
 * operations of one folded node. */
#define ICN_IMPORT_MAX_ELEMS        INT32_MAX
#define ICN_IMPORT_MAX_FOLDED_BYTES ((int64_t)1 << 28)
#define ICN_IMPORT_MAX_FOLDED_FLOP  4e9
/* Attribute numbers beyond this are refused, so that sums and products of a few of them cannot overflow. */
#define ICN_IMPORT_MAX_SIZE ((int64_t)1 << 30)

typedef struct icn_importer icn_importer;
typedef struct icn_import_row icn_import_row;
typedef int (*icn_translator)(icn_importer *im);

/* One row of the operator table (import_table.c). */
struct icn_import_row {
  const char *op;
  int since, until;           /* opsets; until 0: to the newest */
  int min_inputs, max_inputs; /* the first min_inputs must be present; max_inputs -1: any number */
  const char *attributes;     /* "axis:i pads:I": the ones that are understood; i int, f float, s string, t tensor, I ints, F floats */
  icn_translator translate;
  icn_function function;    /* for translators that serve several operators */
  float alpha, beta, gamma; /* defaults of the attributes of these names, where the translator reads them */
  int variant;              /* of icn_import_compare: an icn_relation */
};

typedef enum icn_relation {
  ICN_EQUAL,
  ICN_GREATER,
  ICN_GREATER_OR_EQUAL,
  ICN_LESS,
  ICN_LESS_OR_EQUAL,
  ICN_AND,
  ICN_OR,
  ICN_XOR,
  ICN_MOD
} icn_relation;

const icn_import_row *icn_import_find_row(const char *op, int64_t opset);
size_t icn_import_row_count(void);
const icn_import_row *icn_import_row_at(size_t index);

/* Where a name of the model comes from. */
typedef enum icn_name_kind { ICN_NAME_TENSOR, ICN_NAME_INPUT, ICN_NAME_OUTPUT } icn_name_kind;
typedef struct icn_import_name {
  const char *name; /* NULL: an empty slot of the table */
  icn_name_kind kind;
  size_t index;  /* of the tensor, input or node in the source */
  size_t output; /* which output of the node */
  int value;     /* graph value once there is one */
} icn_import_name;

struct icn_importer {
  const icn_source *source;
  icn_graph *graph;
  icn_arena scratch; /* dies with the import */
  icn_status status;
  icn_error *error;
  int64_t folded_bytes, folded_limit;
  icn_import_name *names; /* hash table */
  size_t name_capacity;
  /* the node being translated */
  const icn_source_node *node;
  const icn_import_row *row;
  int *inputs; /* values, input_count of them */
  unsigned steps;
};

/* ------------------------------------------------------------------ errors */

/* Keeps the first failure: "node 'NAME' (OP): " and the sentence. Returns ICN_NO_VALUE, so that `return icn_im_fail(...)` works. */
int icn_im_fail(icn_importer *im, icn_status code, const char *format, ...) ICN_PRINTF(3, 4);
int icn_im_no_memory(icn_importer *im);
static inline bool icn_im_ok(const icn_importer *im) { return im->status == ICN_OK; }

/* ---------------------------------------------------------- import_inputs.c */

icn_status icn_im_add_inputs(icn_importer *im, const icn_input_shape *shapes, size_t shape_count, int64_t batch, icn_error *error);

/* ------------------------------------------------------ inputs, attributes */

icn_import_name *icn_im_find_name(const icn_importer *im, const char *name);
/* Input k as a value, ICN_NO_VALUE when absent. */
int icn_im_input(const icn_importer *im, size_t k);
static inline size_t icn_im_input_count(const icn_importer *im) { return im->node->input_count; }
/* Shape of a value; a scalar for ICN_NO_VALUE. */
icn_shape icn_im_shape(const icn_importer *im, int value);
bool icn_im_is_constant(const icn_importer *im, int value);
bool icn_im_is_float(const icn_importer *im, int value);

const icn_source_attr *icn_im_attr(const icn_importer *im, const char *name);
int64_t icn_im_int(const icn_importer *im, const char *name, int64_t otherwise);
float icn_im_float(const icn_importer *im, const char *name, float otherwise);
const char *icn_im_string(const icn_importer *im, const char *name, const char *otherwise);
/* NULL and *count 0 when absent. */
const int64_t *icn_im_ints(const icn_importer *im, const char *name, size_t *count);

/* All numbers of constant input k as integers (in scratch); NULL when it is absent (*count 0) or on failure. `what` names it in messages.
 */
const int64_t *icn_im_constant_ints(icn_importer *im, size_t k, const char *what, size_t *count);
const float *icn_im_constant_floats(icn_importer *im, size_t k, const char *what, size_t *count);
/* Lists that older opsets have as an attribute and newer ones as an input. */
const int64_t *icn_im_ints_either(icn_importer *im, const char *name, size_t k, size_t *count);
/* A negative axis counted from the end; fails when out of range of rank. */
int icn_im_axis(icn_importer *im, int64_t axis, int rank);
/* A bit for each axis; fails when one is out of range or twice. */
uint32_t icn_im_axes(icn_importer *im, const int64_t *axes, size_t count, int rank);

/* ------------------------------------------------------------------ values */

/* One operation, or its result where all inputs are constants. The shape is bounded before anything is allocated. */
int icn_im_emit(icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count, const icn_shape *shape);
int icn_im_unary(icn_importer *im, icn_function function, int x, float alpha, float beta, float gamma);
/* Broadcasts both ways. */
int icn_im_binary(icn_importer *im, icn_function function, int a, int b);
int icn_im_reduce(icn_importer *im, icn_function function, int x, uint32_t axes);
int icn_im_reshape(icn_importer *im, int x, const icn_shape *shape);
int icn_im_transpose(icn_importer *im, int x, const int32_t *perm);
int icn_im_slice(icn_importer *im, int x, const int64_t *begin, const int64_t *step, const icn_shape *shape);
int icn_im_expand(icn_importer *im, int x, const icn_shape *shape);
int icn_im_concat(icn_importer *im, const int *inputs, int count, int axis);
/* out[.., o, ..] = x[.., index[o], ..]: a SLICE where the indices are an arithmetic progression, else a RESAMPLE. */
int icn_im_gather(icn_importer *im, int x, int axis, const int64_t *index, size_t count);

int icn_im_scalar(icn_importer *im, float value);
/* Copies `data` into the graph (and counts it as folded). */
int icn_im_constant(icn_importer *im, const icn_shape *shape, icn_dtype dtype, const void *data);
/* An uninitialised constant to fill: *data points at it. */
int icn_im_new_constant(icn_importer *im, const icn_shape *shape, icn_dtype dtype, void **data);
/* The same numbers as float32 (x itself when it is of a float type). x must be a constant otherwise. */
int icn_im_as_float(icn_importer *im, int x);
/* A constant with the data of another but another shape. */
int icn_im_alias(icn_importer *im, int x, const icn_shape *shape);

/* False (and a failure) when a and b do not broadcast. */
bool icn_im_broadcast(icn_importer *im, const icn_shape *a, const icn_shape *b, icn_shape *shape);
/* Refuses shapes with a negative dim or too many elements; returns the element count or -1. */
int64_t icn_im_check_shape(icn_importer *im, const icn_shape *shape);
/* Binds output k (> 0) of the node; the translator returns output 0. */
void icn_im_set_output(icn_importer *im, size_t k, int value);

/* ------------------------------------------------------------ import_fold.c */

/* The constant that `op` makes of constants. */
int icn_im_fold(icn_importer *im, icn_op op, const icn_params *params, const int *inputs, int count, const icn_shape *shape);

/* ------------------------------------------------- import_conv.c, for pools */

/* Kernel, strides, dilations, pads of a window operator in params (1-D windows get h = 1). Fails on rank and counts. */
bool icn_im_window(icn_importer *im, const icn_shape *x, const int64_t *kernel, icn_params *params);
/* Inserts h = 1 into rank 3 values; others come back as they are. */
int icn_im_to_2d(icn_importer *im, int x);
/* Removes it again when `rank` is 3. */
int icn_im_from_2d(icn_importer *im, int x, int rank);

/* ------------------------------------------------------------- translators */

#define ICN_TRANSLATOR(name) int icn_import_##name(icn_importer *im)
ICN_TRANSLATOR(batch_norm);
ICN_TRANSLATOR(binary);
ICN_TRANSLATOR(cast);
ICN_TRANSLATOR(clip);
ICN_TRANSLATOR(compare);
ICN_TRANSLATOR(concat);
ICN_TRANSLATOR(constant);
ICN_TRANSLATOR(constant_of_shape);
ICN_TRANSLATOR(conv);
ICN_TRANSLATOR(conv_transpose);
ICN_TRANSLATOR(depth_to_space);
ICN_TRANSLATOR(dropout);
ICN_TRANSLATOR(expand);
ICN_TRANSLATOR(flatten);
ICN_TRANSLATOR(gather);
ICN_TRANSLATOR(gelu);
ICN_TRANSLATOR(gemm);
ICN_TRANSLATOR(global_pool);
ICN_TRANSLATOR(group_norm);
ICN_TRANSLATOR(identity);
ICN_TRANSLATOR(instance_norm);
ICN_TRANSLATOR(layer_norm);
ICN_TRANSLATOR(logic_not);
ICN_TRANSLATOR(lp_norm);
ICN_TRANSLATOR(lrn);
ICN_TRANSLATOR(matmul);
ICN_TRANSLATOR(mean_variance_norm);
ICN_TRANSLATOR(pad);
ICN_TRANSLATOR(pool);
ICN_TRANSLATOR(pow);
ICN_TRANSLATOR(range);
ICN_TRANSLATOR(reduce);
ICN_TRANSLATOR(reduce_log_sum);
ICN_TRANSLATOR(reduce_log_sum_exp);
ICN_TRANSLATOR(reshape);
ICN_TRANSLATOR(resize);
ICN_TRANSLATOR(resize_10);
ICN_TRANSLATOR(rms_norm);
ICN_TRANSLATOR(shape);
ICN_TRANSLATOR(size);
ICN_TRANSLATOR(slice);
ICN_TRANSLATOR(softmax);
ICN_TRANSLATOR(softmax_flat);
ICN_TRANSLATOR(space_to_depth);
ICN_TRANSLATOR(split);
ICN_TRANSLATOR(squeeze);
ICN_TRANSLATOR(swish);
ICN_TRANSLATOR(tile);
ICN_TRANSLATOR(transpose);
ICN_TRANSLATOR(unary);
ICN_TRANSLATOR(unsqueeze);
ICN_TRANSLATOR(variadic);
ICN_TRANSLATOR(where);

#endif
