/* Loads networks. A model without weights is rewritten on the level of protocol buffers: every message on the way from the model to its
 * initialisers is copied field by field, and a tensor without values gets raw data. */
#include "support/network.h"

#include <string.h>

#include "os.h"
#include "passes.h"
#include "support/proto_writer.h"

typedef struct reader {
  const uint8_t *at, *end;
  bool failed;
} reader;

typedef struct field {
  unsigned number, type;
  uint64_t value;            /* of a varint */
  const uint8_t *start, *at; /* the whole field, and its contents */
  size_t bytes;              /* of the contents */
} field;

static uint64_t read_varint(reader *r) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (r->at == r->end) break;
    uint8_t byte = *r->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  r->failed = true;
  return 0;
}

static bool read_field(reader *r, field *f) {
  if (r->failed || r->at == r->end) return false;
  f->start = r->at;
  uint64_t tag = read_varint(r);
  f->number = (unsigned)(tag >> 3);
  f->type = (unsigned)(tag & 7);
  f->value = f->type == 0 ? read_varint(r) : 0;
  uint64_t bytes = f->type == 2 ? read_varint(r) : f->type == 1 ? 8 : f->type == 5 ? 4 : 0;
  f->at = r->at;
  f->bytes = (size_t)bytes;
  if (bytes > (uint64_t)(r->end - r->at) || f->type == 3 || f->type == 4 || f->type > 5) r->failed = true;
  if (!r->failed) r->at += bytes;
  return !r->failed;
}

static reader reader_of(const field *f) { return (reader){f->at, f->at + f->bytes, false}; }

static void add_values(proto_writer *out, uint64_t count, uint32_t *seed) {
  proto_writer raw = {0};
  for (uint64_t i = 0; i < count; i++) {
    *seed = *seed * 1664525U + 1013904223U;
    const float value = (float)((*seed >> 16) % 1000 + 1) * 0x1p-14F;
    proto_raw(&raw, &value, sizeof value);
  }
  proto_sub(out, TENSOR_RAW, &raw);
}

/* One initialiser: as it stands, and its values when it brings none. */
static bool copy_tensor(const field *tensor, proto_writer *out, uint32_t *seed) {
  reader r = reader_of(tensor);
  field f;
  uint64_t count = 1;
  bool has_values = false, is_float = false;
  proto_raw(out, tensor->at, tensor->bytes);
  while (read_field(&r, &f)) {
    if (f.number == TENSOR_DIMS && f.type == 0) count *= f.value;
    if (f.number == TENSOR_DIMS && f.type == 2)
      for (reader dims = reader_of(&f); !dims.failed && dims.at < dims.end;) count *= read_varint(&dims);
    if (f.number == TENSOR_TYPE) is_float = f.value == ONNX_FLOAT;
    if (f.number == TENSOR_FLOATS || f.number == TENSOR_RAW || f.number == TENSOR_EXTERNAL) has_values |= f.bytes > 0;
  }
  if (r.failed || count > UINT32_MAX / 8) return false;
  if (is_float && !has_values) add_values(out, count, seed);
  return true;
}

static bool copy_graph(const field *graph, proto_writer *out, uint32_t *seed) {
  reader r = reader_of(graph);
  field f;
  while (read_field(&r, &f)) {
    proto_writer tensor = {0};
    if (f.number != GRAPH_INITIALIZER) {
      proto_raw(out, f.start, (size_t)(r.at - f.start));
    } else if (copy_tensor(&f, &tensor, seed)) {
      proto_sub(out, GRAPH_INITIALIZER, &tensor);
    } else {
      proto_free(&tensor);
      return false;
    }
  }
  return !r.failed;
}

static bool copy_model(const icn_mapping *file, proto_writer *out) {
  reader r = {file->data, (const uint8_t *)file->data + file->bytes, false};
  field f;
  uint32_t seed = 20261122;
  while (read_field(&r, &f)) {
    proto_writer graph = {0};
    if (f.number != MODEL_GRAPH) {
      proto_raw(out, f.start, (size_t)(r.at - f.start));
    } else if (copy_graph(&f, &graph, &seed)) {
      proto_sub(out, MODEL_GRAPH, &graph);
    } else {
      proto_free(&graph);
      return false;
    }
  }
  return !r.failed;
}

static icn_status load_file(const char *path, test_network *network, icn_error *error) {
  icn_mapping file = {0};
  proto_writer filled = {0};
  icn_status status = icn_os_map(path, &file, error);
  if (status != ICN_OK) return status;
  const bool ok = file.bytes > 0 && copy_model(&file, &filled);
  icn_os_unmap(&file);
  network->file = filled.data;
  network->file_bytes = filled.bytes;
  if (!ok) return icn_error_set(error, ICN_FORMAT, "'%s' is no ONNX model", path);
  return icn_onnx_parse(filled.data, filled.bytes, NULL, &network->source, error);
}

icn_status test_network_load(const char *name, int64_t batch, test_network *network, icn_error *error) {
  static const char BUILTIN[] = "builtin:";
  const icn_allocator allocator = icn_allocator_default();
  memset(network, 0, sizeof *network);
  icn_source_init(&network->source, &allocator);
  icn_graph_init(&network->graph, &allocator);
  icn_status status = strncmp(name, BUILTIN, sizeof BUILTIN - 1) == 0
                          ? icn_builtin_make(name + sizeof BUILTIN - 1, NULL, &network->source, error)
                          : load_file(name, network, error);
  if (status == ICN_OK) status = icn_import(&network->source, NULL, 0, batch, &network->graph, error);
  if (status == ICN_OK) status = icn_passes_run(&network->graph, NULL, NULL, error);
  if (status != ICN_OK) test_network_unload(network);
  return status;
}

void test_network_unload(test_network *network) {
  proto_writer file = {network->file, 0, 0};
  icn_graph_fini(&network->graph);
  icn_source_fini(&network->source);
  proto_free(&file);
  memset(network, 0, sizeof *network);
}
