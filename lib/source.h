/* A model as its file says it: names, attributes, tensors; nothing inferred yet. The ONNX parser and the built-in networks both make one.
 */
#ifndef ICN_LIB_SOURCE_H
#define ICN_LIB_SOURCE_H

#include "graph.h"
#include "safetensors.h"

typedef struct icn_source_tensor {
  const char *name;
  int onnx_type;   /* TensorProto.DataType */
  icn_dtype dtype; /* valid when `supported` */
  bool supported;  /* false: a type we cannot read (string, complex, bfloat16, 4-bit ...); refused when used */
  icn_shape shape;
  const void *data; /* dense little-endian; in place where the file allows, may be unaligned */
} icn_source_tensor;

typedef enum icn_attr_kind {
  ICN_ATTR_FLOAT = 1,
  ICN_ATTR_INT = 2,
  ICN_ATTR_STRING = 3,
  ICN_ATTR_TENSOR = 4,
  ICN_ATTR_GRAPH = 5,
  ICN_ATTR_FLOATS = 6,
  ICN_ATTR_INTS = 7,
  ICN_ATTR_STRINGS = 8,
  ICN_ATTR_OTHER = 9
} icn_attr_kind;

typedef struct icn_source_attr {
  const char *name;
  icn_attr_kind kind;
  float f;
  int64_t i;
  const char *s; /* NUL-terminated */
  const float *floats;
  const int64_t *ints;
  size_t count; /* of floats or ints */
  const icn_source_tensor *tensor;
} icn_source_attr;

typedef struct icn_source_node {
  const char *op, *domain, *name; /* name: made from the op and position when the file has none */
  const char **inputs;            /* "" for an absent optional input */
  size_t input_count;
  const char **outputs;
  size_t output_count;
  const icn_source_attr *attrs;
  size_t attr_count;
} icn_source_node;

typedef struct icn_source_input {
  const char *name;
  int onnx_type;
  bool has_shape;
  icn_shape shape; /* -1: open */
} icn_source_input;

typedef struct icn_source {
  icn_arena arena;
  int64_t ir_version, opset; /* opset of the default domain */
  const char *producer;
  const char *recipe;             /* the text of ICN_RECIPE_KEY (recipe_text.h), not looked at yet; NULL: it says nothing */
  size_t recipe_at, recipe_bytes; /* where that entry stands in an ONNX file; 0 bytes: nowhere */
  icn_source_tensor *tensors;     /* initialisers */
  size_t tensor_count;
  icn_source_node *nodes; /* in the file's order */
  size_t node_count;
  icn_source_input *inputs; /* initialisers left out */
  size_t input_count;
  const char **outputs;
  size_t output_count;
} icn_source;

void icn_source_init(icn_source *source, const icn_allocator *allocator);
void icn_source_fini(icn_source *source);

/* Is the value a probability by what makes it: a softmax or a sigmoid, behind which nodes only rearrange? */
bool icn_source_is_probability(const icn_source *source, const char *value);

/* Opens external data: `location` is the file's own text (relative; the callee refuses what leaves the model's folder). Data stay valid as
 * long as the model. NULL callback: external data are refused. */
typedef struct icn_external {
  void *user;
  icn_status (*open)(void *user, const char *location, const void **data, uint64_t *bytes, icn_error *error);
} icn_external;

/* Parses an ONNX ModelProto. `data` must stay as long as the source: tensors are read in place. Every length is bounded by its parent
 * before anything is allocated. Fails: ICN_FORMAT, ICN_UNSUPPORTED (opset, external data), ICN_NO_MEMORY. */
icn_status icn_onnx_parse(const void *data, size_t bytes, const icn_external *external, icn_source *source, icn_error *error);

/* A built-in network: `spec` is what follows "builtin:", e.g. "inception_v3:input=299,classes=1000,seed=1". `weights`, which must outlive
 * the source, are taken by name, where they lie. NULL: they come from an integer generator, the same bits everywhere, scaled so that
 * activations keep their range. Fails: ICN_ARGUMENT (names and options that exist are listed, and the smallest input), ICN_FORMAT (weights
 * that do not fit), ICN_NO_MEMORY. */
icn_status icn_builtin_make(const char *spec, const icn_safetensors *weights, icn_source *source, icn_error *error);
/* Only its layers: the list and all that it refers to lie in the source's arena. */
icn_status icn_builtin_layers(const char *spec, icn_source *source, const icn_builtin_layer **layers, size_t *count, icn_error *error);

/* The graph of `source` for given input shapes: names resolved, sorted, attributes checked, shapes inferred, constants folded, operators
 * translated into canonical operations. `batch` fills an open first dimension (0: 1). Constants refer to the source's data, so it must
 * outlive the graph. Fails: ICN_FORMAT (cycle, missing input, duplicate name, shapes that do not fit), ICN_UNSUPPORTED (operator,
 * attribute; node named), ICN_ARGUMENT (a shape that stays unknown, an input that does not exist). */
icn_status icn_import(const icn_source *source, const icn_input_shape *shapes, size_t shape_count, int64_t batch, icn_graph *graph,
                      icn_error *error);

#endif
