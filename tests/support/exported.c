#include "exported.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, SPAN = 2 };

static void give_up(const char *path, const char *why) {
  fprintf(stderr, "exported: %s %s\n", path, why);
  exit(99);
}

/* One field of a message: `data`, `bytes` of a span, or `value`; `at` to `end` with its tag. */
typedef struct field {
  unsigned number, wire;
  uint64_t value;
  const uint8_t *data, *at, *end;
} field;

static uint64_t take_varint(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  give_up("the model", "is no whole protocol buffer");
  return 0;
}

static bool next_field(const uint8_t **at, const uint8_t *end, field *f) {
  if (*at == end) return false;
  f->at = *at;
  uint64_t tag = take_varint(at, end);
  f->number = (unsigned)(tag >> 3);
  f->wire = (unsigned)(tag & 7);
  f->value = f->wire == 1 ? 8 : f->wire == 5 ? 4 : take_varint(at, end);
  f->data = *at;
  if (f->wire != VARINT) {
    if (f->value > (uint64_t)(end - *at)) give_up("the model", "is cut off");
    *at += f->value;
  }
  f->end = *at;
  return true;
}

typedef struct tensor {
  bool has_values;
  uint64_t type, elems, first; /* first: the leading dimension */
  int rank;
} tensor;

static void add_dim(tensor *t, uint64_t dim) {
  if (t->rank++ == 0) t->first = dim;
  t->elems *= dim;
}

static tensor look_at(const field *message) {
  tensor t = {.elems = 1};
  field f;
  for (const uint8_t *at = message->data; next_field(&at, message->end, &f);) {
    if (f.number == TENSOR_TYPE) t.type = f.value;
    if (f.number == TENSOR_DIMS && f.wire == VARINT) add_dim(&t, f.value);
    if (f.number == TENSOR_DIMS && f.wire == SPAN) {
      for (const uint8_t *dims = f.data; dims < f.end;) add_dim(&t, take_varint(&dims, f.end));
    }
    bool values = (f.number >= TENSOR_FLOATS && f.number <= TENSOR_INT64S) || (f.number >= TENSOR_RAW && f.number <= TENSOR_EXTERNAL);
    if (values && (f.wire != SPAN || f.value > 0)) t.has_values = true;
  }
  return t;
}

static void add_filled(proto_writer *graph, const field *message, const tensor *t, uint32_t *seed) {
  proto_writer filled = {0};
  const float scale = t->rank >= 2 ? (float)t->first / (float)t->elems : 1.0F;
  float *values = malloc((size_t)t->elems * sizeof *values);
  if (values == NULL) give_up("the model", "is too large for this machine");
  for (uint64_t i = 0; i < t->elems; i++) {
    *seed = *seed * 1664525U + 1013904223U;
    values[i] = scale * (0.5F + (float)(*seed >> 8) / 16777216.0F);
  }
  proto_raw(&filled, message->data, (size_t)message->value);
  proto_bytes(&filled, TENSOR_RAW, values, (size_t)t->elems * sizeof *values);
  proto_sub(graph, GRAPH_INITIALIZER, &filled);
  free(values);
}

static void add_graph(proto_writer *model, const field *message, uint32_t *seed) {
  proto_writer graph = {0};
  field f;
  for (const uint8_t *at = message->data; next_field(&at, message->end, &f);) {
    tensor t = {.has_values = true};
    if (f.number == GRAPH_INITIALIZER) t = look_at(&f);
    if (!t.has_values && t.type == ONNX_FLOAT && t.elems > 0) {
      add_filled(&graph, &f, &t, seed);
    } else {
      proto_raw(&graph, f.at, (size_t)(f.end - f.at));
    }
  }
  proto_sub(model, MODEL_GRAPH, &graph);
}

static proto_writer read_whole(const char *path) {
  proto_writer file = {0};
  uint8_t part[4096];
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) give_up(path, "cannot be opened");
  for (size_t count; (count = fread(part, 1, sizeof part, stream)) > 0;) proto_raw(&file, part, count);
  fclose(stream);
  return file;
}

proto_writer exported_filled(const char *path, uint32_t seed) {
  proto_writer file = read_whole(path), model = {0};
  field f;
  for (const uint8_t *at = file.data; next_field(&at, file.data + file.bytes, &f);) {
    if (f.number == MODEL_GRAPH) {
      add_graph(&model, &f, &seed);
    } else {
      proto_raw(&model, f.at, (size_t)(f.end - f.at));
    }
  }
  proto_free(&file);
  return model;
}
