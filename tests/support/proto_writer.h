/* Writes protocol buffers, and with them small ONNX models, for tests. Out of memory ends the test. */
#ifndef ICN_TESTS_PROTO_WRITER_H
#define ICN_TESTS_PROTO_WRITER_H

#include <stddef.h>
#include <stdint.h>

typedef struct proto_writer {
  uint8_t *data;
  size_t bytes, capacity;
} proto_writer;

/* An empty writer is {0}. */
void proto_free(proto_writer *writer);
void proto_raw(proto_writer *writer, const void *data, size_t bytes);
void proto_varint(proto_writer *writer, uint64_t value);
void proto_tag(proto_writer *writer, unsigned field, unsigned wire_type);
void proto_int(proto_writer *writer, unsigned field, int64_t value);
void proto_float(proto_writer *writer, unsigned field, float value);
void proto_bytes(proto_writer *writer, unsigned field, const void *data, size_t bytes);
void proto_text(proto_writer *writer, unsigned field, const char *text);
/* Appends `sub` as a sub-message and frees it. */
void proto_sub(proto_writer *writer, unsigned field, proto_writer *sub);
void proto_packed_floats(proto_writer *writer, unsigned field, const float *values, size_t count);
void proto_packed_ints(proto_writer *writer, unsigned field, const int64_t *values, size_t count);

/* Field numbers and types of onnx.proto that tests use. */
enum { ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT8 = 3, ONNX_INT32 = 6, ONNX_INT64 = 7, ONNX_STRING = 8, ONNX_BOOL = 9, ONNX_FLOAT16 = 10 };
enum { ONNX_DOUBLE = 11, ONNX_BFLOAT16 = 16 };
enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_FLOATS = 4, TENSOR_INT32S = 5, TENSOR_INT64S = 7, TENSOR_NAME_FIELD = 8 };
enum { TENSOR_RAW = 9, TENSOR_DOUBLES = 10, TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14 };

/* A model: parts are added in any order, nodes in the order of the file. Attributes go to the last node. Names of a node's inputs and
 * outputs are comma-separated ("x,w,b"; "x,,b" leaves one out).
 *
 *     model_writer model = model_begin(13);
 *     model_input(&model, "x", ONNX_FLOAT, 4, (int64_t[]){1, 3, 8, 8});      -1: open
 *     model_floats(&model, "w", 4, (int64_t[]){5, 3, 1, 1}, weights);
 *     model_node(&model, "Conv", "conv", "x,w", "y");
 *     node_ints(&model, "pads", 4, (int64_t[]){1, 1, 1, 1});
 *     model_output(&model, "y");
 *     proto_writer file = model_end(&model);       ... file.data, file.bytes ...  proto_free(&file); */
typedef struct model_writer {
  int64_t opset;
  proto_writer graph, node;
} model_writer;

model_writer model_begin(int64_t opset);
proto_writer model_end(model_writer *model);
/* rank -1: no shape. */
void model_input(model_writer *model, const char *name, int type, int rank, const int64_t *dims);
void model_output(model_writer *model, const char *name);
void model_floats(model_writer *model, const char *name, int rank, const int64_t *dims, const float *values);
void model_ints(model_writer *model, const char *name, int rank, const int64_t *dims, const int64_t *values);
/* Any type, raw bytes. */
void model_tensor(model_writer *model, const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes);
void model_node(model_writer *model, const char *op, const char *name, const char *inputs, const char *outputs);
void node_domain(model_writer *model, const char *domain);
void node_int(model_writer *model, const char *name, int64_t value);
void node_float(model_writer *model, const char *name, float value);
void node_string(model_writer *model, const char *name, const char *value);
void node_ints(model_writer *model, const char *name, size_t count, const int64_t *values);
void node_floats(model_writer *model, const char *name, size_t count, const float *values);
void node_tensor(model_writer *model, const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes);

/* A TensorProto without values, to add fields to. */
proto_writer tensor_begin(const char *name, int type, int rank, const int64_t *dims);

#endif
