#include "support/proto_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void proto_free(proto_writer *writer) {
  free(writer->data);
  memset(writer, 0, sizeof *writer);
}

void proto_raw(proto_writer *writer, const void *data, size_t bytes) {
  if (writer->bytes + bytes > writer->capacity) {
    writer->capacity = 2 * (writer->bytes + bytes) + 64;
    writer->data = realloc(writer->data, writer->capacity);
    if (writer->data == NULL) {
      fprintf(stderr, "proto_writer: out of memory\n");
      exit(99);
    }
  }
  if (bytes > 0) memcpy(writer->data + writer->bytes, data, bytes);
  writer->bytes += bytes;
}

void proto_varint(proto_writer *writer, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    proto_raw(writer, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

void proto_tag(proto_writer *writer, unsigned field, unsigned wire_type) { proto_varint(writer, (uint64_t)field << 3 | wire_type); }

void proto_int(proto_writer *writer, unsigned field, int64_t value) {
  proto_tag(writer, field, 0);
  proto_varint(writer, (uint64_t)value);
}

static void raw_float(proto_writer *writer, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
  proto_raw(writer, bytes, sizeof bytes);
}

void proto_float(proto_writer *writer, unsigned field, float value) {
  proto_tag(writer, field, 5);
  raw_float(writer, value);
}

void proto_bytes(proto_writer *writer, unsigned field, const void *data, size_t bytes) {
  proto_tag(writer, field, 2);
  proto_varint(writer, bytes);
  proto_raw(writer, data, bytes);
}

void proto_text(proto_writer *writer, unsigned field, const char *text) { proto_bytes(writer, field, text, strlen(text)); }

void proto_sub(proto_writer *writer, unsigned field, proto_writer *sub) {
  proto_bytes(writer, field, sub->data, sub->bytes);
  proto_free(sub);
}

void proto_packed_floats(proto_writer *writer, unsigned field, const float *values, size_t count) {
  proto_writer packed = {0};
  for (size_t i = 0; i < count; i++) raw_float(&packed, values[i]);
  proto_sub(writer, field, &packed);
}

void proto_packed_ints(proto_writer *writer, unsigned field, const int64_t *values, size_t count) {
  proto_writer packed = {0};
  for (size_t i = 0; i < count; i++) proto_varint(&packed, (uint64_t)values[i]);
  proto_sub(writer, field, &packed);
}

/* ------------------------------------------------------------------ models */

model_writer model_begin(int64_t opset) {
  model_writer model;
  memset(&model, 0, sizeof model);
  model.opset = opset;
  return model;
}

static void finish_node(model_writer *model) {
  if (model->node.bytes > 0) proto_sub(&model->graph, GRAPH_NODE, &model->node);
}

proto_writer model_end(model_writer *model) {
  proto_writer file = {0}, import = {0};
  finish_node(model);
  proto_text(&model->graph, GRAPH_NAME, "graph");
  proto_int(&file, MODEL_IR_VERSION, 8);
  proto_text(&file, MODEL_PRODUCER, "test");
  proto_sub(&file, MODEL_GRAPH, &model->graph);
  proto_text(&import, 1, "");
  proto_int(&import, 2, model->opset);
  proto_sub(&file, MODEL_OPSET, &import);
  return file;
}

static void value_info(model_writer *model, unsigned field, const char *name, int type, int rank, const int64_t *dims) {
  proto_writer info = {0}, type_proto = {0}, tensor = {0}, shape = {0};
  proto_int(&tensor, 1, type);
  for (int k = 0; k < rank; k++) {
    proto_writer dim = {0};
    if (dims[k] >= 0) {
      proto_int(&dim, 1, dims[k]);
    } else {
      proto_text(&dim, 2, "open");
    }
    proto_sub(&shape, 1, &dim);
  }
  if (rank >= 0) proto_sub(&tensor, 2, &shape);
  proto_sub(&type_proto, 1, &tensor);
  proto_text(&info, 1, name);
  proto_sub(&info, 2, &type_proto);
  proto_sub(&model->graph, field, &info);
}

void model_input(model_writer *model, const char *name, int type, int rank, const int64_t *dims) {
  value_info(model, GRAPH_INPUT, name, type, rank, dims);
}

void model_output(model_writer *model, const char *name) { value_info(model, GRAPH_OUTPUT, name, ONNX_FLOAT, -1, NULL); }

proto_writer tensor_begin(const char *name, int type, int rank, const int64_t *dims) {
  proto_writer tensor = {0};
  for (int k = 0; k < rank; k++) proto_int(&tensor, TENSOR_DIMS, dims[k]);
  proto_int(&tensor, TENSOR_TYPE, type);
  if (name != NULL) proto_text(&tensor, TENSOR_NAME_FIELD, name);
  return tensor;
}

void model_tensor(model_writer *model, const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes) {
  proto_writer tensor = tensor_begin(name, type, rank, dims);
  proto_bytes(&tensor, TENSOR_RAW, data, bytes);
  proto_sub(&model->graph, GRAPH_INITIALIZER, &tensor);
}

static size_t product(int rank, const int64_t *dims) {
  size_t elems = 1;
  for (int k = 0; k < rank; k++) elems *= (size_t)dims[k];
  return elems;
}

void model_floats(model_writer *model, const char *name, int rank, const int64_t *dims, const float *values) {
  model_tensor(model, name, ONNX_FLOAT, rank, dims, values, product(rank, dims) * sizeof *values);
}

void model_ints(model_writer *model, const char *name, int rank, const int64_t *dims, const int64_t *values) {
  model_tensor(model, name, ONNX_INT64, rank, dims, values, product(rank, dims) * sizeof *values);
}

/* ------------------------------------------------------------------- nodes */

static void names(proto_writer *node, unsigned field, const char *list) {
  while (*list != '\0') {
    size_t length = strcspn(list, ",");
    proto_bytes(node, field, list, length);
    list += length;
    list += *list == ',';
  }
}

void model_node(model_writer *model, const char *op, const char *name, const char *inputs, const char *outputs) {
  finish_node(model);
  names(&model->node, 1, inputs);
  names(&model->node, 2, outputs);
  proto_text(&model->node, 3, name);
  proto_text(&model->node, 4, op);
}

void node_domain(model_writer *model, const char *domain) { proto_text(&model->node, 7, domain); }

static proto_writer attr_begin(const char *name, int type) {
  proto_writer attr = {0};
  proto_text(&attr, 1, name);
  proto_int(&attr, 20, type);
  return attr;
}

static void attr_end(model_writer *model, proto_writer *attr) { proto_sub(&model->node, 5, attr); }

void node_float(model_writer *model, const char *name, float value) {
  proto_writer attr = attr_begin(name, 1);
  proto_float(&attr, 2, value);
  attr_end(model, &attr);
}

void node_int(model_writer *model, const char *name, int64_t value) {
  proto_writer attr = attr_begin(name, 2);
  proto_int(&attr, 3, value);
  attr_end(model, &attr);
}

void node_string(model_writer *model, const char *name, const char *value) {
  proto_writer attr = attr_begin(name, 3);
  proto_text(&attr, 4, value);
  attr_end(model, &attr);
}

void node_floats(model_writer *model, const char *name, size_t count, const float *values) {
  proto_writer attr = attr_begin(name, 6);
  for (size_t i = 0; i < count; i++) proto_float(&attr, 7, values[i]);
  attr_end(model, &attr);
}

void node_ints(model_writer *model, const char *name, size_t count, const int64_t *values) {
  proto_writer attr = attr_begin(name, 7);
  for (size_t i = 0; i < count; i++) proto_int(&attr, 8, values[i]);
  attr_end(model, &attr);
}

void node_tensor(model_writer *model, const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes) {
  proto_writer attr = attr_begin(name, 4), tensor = tensor_begin(NULL, type, rank, dims);
  proto_bytes(&tensor, TENSOR_RAW, data, bytes);
  proto_sub(&attr, 5, &tensor);
  attr_end(model, &attr);
}
