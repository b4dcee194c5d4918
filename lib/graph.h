/* The graph: values and nodes in arrays, referred to by index. Shapes are static: an importer makes a graph for given input shapes. */
#ifndef ICN_LIB_GRAPH_H
#define ICN_LIB_GRAPH_H

#include "op.h"

enum { ICN_NO_VALUE = -1, ICN_CONV_X = 0, ICN_CONV_WEIGHT = 1, ICN_CONV_BIAS = 2, ICN_CONV_RESIDUAL = 3, ICN_CONV_SCALE = 4 };
enum { ICN_POOL_BIAS = 1 };

/* Constants keep the dtype and the place of the file (BORROWED: may be unaligned, read them by icn_const_*); made ones lie in the
 * graph's arena of constants. */
typedef struct icn_value {
  const char *name; /* from the model, or made from its node's name; unique */
  icn_shape shape;
  icn_dtype dtype;  /* values that are computed are ICN_F32 */
  int producer;     /* node index, -1 for inputs and constants */
  const void *data; /* constants: dense in the model's order, little-endian; else NULL */
  bool is_input;
  bool sliced; /* `shape` is that of one slice of the batch (slice.h) */
} icn_value;

typedef struct icn_node {
  icn_op op;          /* ICN_OP_NONE: removed by a pass */
  const char *name;   /* the model's name for it: in every message and profile line */
  const char *origin; /* ONNX operator type */
  int *inputs;        /* value indices or ICN_NO_VALUE */
  int input_count;
  int output;
  icn_params params;
  icn_epilogue epilogue;
} icn_node;

typedef struct icn_graph {
  icn_arena arena;     /* owns everything below and all names */
  icn_arena constants; /* the elements of constants that importing and passes made; those of the file lie there */
  icn_value *values;
  size_t value_count, value_capacity;
  icn_node *nodes; /* in an order in which producers come before users */
  size_t node_count, node_capacity;
  int slices;       /* of the batch, 0 or 1: it is computed as a whole (slice.h) */
  int sliced_nodes; /* so many nodes, from the first on, are computed once for each slice */
  int *inputs;      /* values; constants are not inputs */
  size_t input_count;
  int *outputs;              /* values; an output may be a constant or an input */
  const char **output_names; /* the model's names (two outputs may be one value after passes) */
  size_t output_count;
} icn_graph;

void icn_graph_init(icn_graph *graph, const icn_allocator *allocator);
void icn_graph_fini(icn_graph *graph);
/* Gives back the memory of made constants, once all are where they are read (an executor's weights are on its device). Every constant stays
 * one, but its elements must not be read any more. */
void icn_graph_drop_constants(icn_graph *graph);

/* Makes of `to`, which is initialised, what `from` is; what it held is no longer part of it. Names and the elements of constants stay where
 * they are: `from` must outlive `to`, unless `to` is what `from` was a copy of. Fails: ICN_NO_MEMORY. */
icn_status icn_graph_copy(const icn_graph *from, icn_graph *to, icn_error *error);

/* Both return an index or -1 when memory ran out. `name` is copied. */
int icn_graph_add_value(icn_graph *graph, const char *name, const icn_shape *shape, icn_dtype dtype);
int icn_graph_add_constant(icn_graph *graph, const char *name, const icn_shape *shape, icn_dtype dtype, const void *data);
/* Adds a node that writes a new float value of `shape`; returns the output VALUE's index or -1. `inputs` is copied. */
int icn_graph_add_node(icn_graph *graph, icn_op op, const char *name, const char *origin, const int *inputs, int input_count,
                       const icn_params *params, const char *output_name, const icn_shape *shape);

/* Makes room for a node at `index`: those from there on move up by one, and the one at `index` is empty (ICN_OP_NONE) until the caller
 * fills it. False: no memory. */
bool icn_graph_insert_node(icn_graph *graph, int index);

/* uses[v] = number of node inputs that read value v, graph outputs included. Caller gives value_count ints. */
void icn_graph_count_uses(const icn_graph *graph, int *uses);
/* Points every reader of `from` (graph outputs too) at `to`. */
void icn_graph_replace_value(icn_graph *graph, int from, int to);
/* The shape of a value as its user sees it: of all slices together. */
icn_shape icn_graph_whole_shape(const icn_graph *graph, int value);
/* Every index in range, every shape known, producers before users, shapes fit their operations: ICN_FORMAT with the node's name otherwise.
 */
icn_status icn_graph_validate(const icn_graph *graph, icn_error *error);
/* One line a node. For tests and people. */
void icn_graph_dump(const icn_graph *graph, icn_text *text);

/* Element i of a constant, whatever its dtype and alignment. */
float icn_const_f32(const icn_value *value, int64_t i);
int64_t icn_const_i64(const icn_value *value, int64_t i);
/* Its first `count` elements as floats. */
void icn_const_copy_f32(const icn_value *value, int64_t count, float *to);
/* All elements as an aligned float array: the data itself when it is aligned f32, else a copy in the arena (NULL: no memory). */
const float *icn_const_floats(const icn_value *value, icn_arena *arena);
/* IEEE half to float. */
float icn_half_to_float(uint16_t half);
/* To the nearest half, ties to even; above 65519.99 infinity. */
uint16_t icn_float_to_half(float value);

#endif
