/* ModelProto and GraphProto: from a file's bytes to an icn_source. What is inside nodes and tensors: onnx_node.c, onnx_tensor.c. */
#include <stdlib.h>
#include <string.h>

#include "onnx_wire.h"
#include "recipe_text.h"

enum { OLDEST_OPSET = 7, NEWEST_OPSET = 28, LARGEST_IR_VERSION = 1000 };
enum { IR_VERSION = 1, PRODUCER = 2, GRAPH = 7, OPSET_IMPORT = 8, METADATA = 14 };
enum { NODE = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, SPARSE_INITIALIZER = 15 };

static const icn_onnx_schema MODEL_PROTO = {"model",
                                            {[IR_VERSION] = ICN_WIRE_INT,
                                             [PRODUCER] = ICN_WIRE_BYTES,
                                             [GRAPH] = ICN_WIRE_BYTES,
                                             [OPSET_IMPORT] = ICN_WIRE_BYTES,
                                             [METADATA] = ICN_WIRE_BYTES}};
static const icn_onnx_schema ENTRY_PROTO = {"metadata entry", {[1] = ICN_WIRE_BYTES, [2] = ICN_WIRE_BYTES}};
static const icn_onnx_schema OPSET_PROTO = {"operator set", {[1] = ICN_WIRE_BYTES, [2] = ICN_WIRE_INT}};
static const icn_onnx_schema GRAPH_PROTO = {"graph",
                                            {[NODE] = ICN_WIRE_BYTES,
                                             [INITIALIZER] = ICN_WIRE_BYTES,
                                             [INPUT] = ICN_WIRE_BYTES,
                                             [OUTPUT] = ICN_WIRE_BYTES,
                                             [SPARSE_INITIALIZER] = ICN_WIRE_BYTES}};
static const icn_onnx_schema TENSOR_NAME = {"tensor", {[8] = ICN_WIRE_BYTES}};
static const icn_onnx_schema VALUE_PROTO = {"input or output", {[1] = ICN_WIRE_BYTES, [2] = ICN_WIRE_BYTES}};
static const icn_onnx_schema TYPE_PROTO = {
    "type", {[1] = ICN_WIRE_BYTES, [4] = ICN_WIRE_BYTES, [5] = ICN_WIRE_BYTES, [8] = ICN_WIRE_BYTES, [9] = ICN_WIRE_BYTES}};
static const icn_onnx_schema TENSOR_TYPE_PROTO = {"tensor type", {[1] = ICN_WIRE_INT, [2] = ICN_WIRE_BYTES}};
static const icn_onnx_schema SHAPE_PROTO = {"shape", {[1] = ICN_WIRE_BYTES}};
static const icn_onnx_schema DIM_PROTO = {"dimension", {[1] = ICN_WIRE_INT}};

/* ---------------------------------------------------- files of other kinds */

/* What a file is that people mistake for a model, by its first bytes; NULL when they say nothing. */
static const char *other_kind(const uint8_t *data, size_t bytes) {
  static const struct {
    size_t at, bytes;
    const char *mark, *kind;
  } kinds[] = {
      {0, 3, "\xff\xd8\xff", "a JPEG picture"},
      {0, 4, "\x89PNG", "a PNG picture"},
      {0, 2, "BM", "a BMP picture"},
      {0, 4, "PK\x03\x04", "a ZIP archive (PyTorch's .pt and .pth files are; export the model to ONNX)"},
      {0, 4, "\x89HDF", "an HDF5 file (Keras saves these; convert the model to ONNX)"},
      {4, 4, "TFL3", "a TensorFlow Lite model"},
      {0, 4, "GGUF", "a GGUF model"},
      {4, 6, "\0\0\0\0{\"", "a safetensors file, which has weights and no network (a built-in network takes them)"},
      {0, 6, "\x93NUMPY", "a NumPy array"},
      {0, 2, "\x1f\x8b", "compressed by gzip"},
      {0, 4,
       "\x7f"
       "ELF",
       "a program"},
      {0, 4, "%PDF", "a PDF document"},
      {0, 34, "version https://git-lfs.github.com", "a Git LFS pointer: the model itself was not downloaded (git lfs pull)"},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (bytes >= kinds[i].at + kinds[i].bytes && memcmp(data + kinds[i].at, kinds[i].mark, kinds[i].bytes) == 0) return kinds[i].kind;
  }
  size_t looked = bytes < 64 ? bytes : 64, printable = 0;
  while (printable < looked && ((data[printable] >= ' ' && data[printable] < 0x7f) || (data[printable] >= '\t' && data[printable] <= '\r')))
    printable++;
  return looked > 0 && printable == looked ? "text" : NULL;
}

/* ------------------------------------------------------- inputs and outputs */

static void take_dim(icn_onnx_parser *parser, const icn_onnx_field *dim, icn_shape *shape) {
  icn_onnx_message message = icn_onnx_open(&DIM_PROTO, dim->bytes);
  icn_onnx_field field;
  int64_t value = -1; /* a dimension with a name, or with nothing, is open */
  while (icn_onnx_next(parser, &message, &field)) value = (int64_t)field.value;
  if (parser->status != ICN_OK) return;
  if (shape->rank == ICN_MAX_RANK) {
    icn_onnx_fail(parser, ICN_UNSUPPORTED, dim->at, "it has more than %d dimensions", ICN_MAX_RANK);
  } else {
    shape->dim[shape->rank++] = value < 0 ? -1 : value;
  }
}

static void take_tensor_type(icn_onnx_parser *parser, icn_span span, icn_source_input *input) {
  icn_onnx_message message = icn_onnx_open(&TENSOR_TYPE_PROTO, span);
  icn_onnx_field field, dim;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == 1) {
      input->onnx_type = field.value < 1000 ? (int)field.value : 0;
      continue;
    }
    icn_onnx_message dims = icn_onnx_open(&SHAPE_PROTO, field.bytes);
    input->has_shape = true;
    input->shape = icn_shape_make(0, NULL);
    while (icn_onnx_next(parser, &dims, &dim)) take_dim(parser, &dim, &input->shape);
  }
}

static void take_type(icn_onnx_parser *parser, icn_span span, icn_source_input *input) {
  icn_onnx_message message = icn_onnx_open(&TYPE_PROTO, span);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == 1) {
      take_tensor_type(parser, field.bytes, input);
    } else {
      icn_onnx_fail(parser, ICN_UNSUPPORTED, field.at, "it is not a dense tensor but a sequence, map, sparse tensor or optional");
    }
  }
}

/* The type is read for inputs only: `input` is NULL for outputs. */
static const char *take_value_info(icn_onnx_parser *parser, const icn_onnx_field *info, const char *kind, size_t index,
                                   icn_source_input *input) {
  icn_onnx_message message = icn_onnx_open(&VALUE_PROTO, info->bytes);
  icn_onnx_field field, type;
  const char *name = "";
  memset(&type, 0, sizeof type);
  icn_onnx_where(parser, "%s %zu", kind, index);
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == 1) name = icn_onnx_name(parser, &field);
    if (field.number == 2) type = field;
  }
  if (parser->status == ICN_OK && name[0] == '\0') icn_onnx_fail(parser, ICN_FORMAT, info->at, "it has no name");
  if (parser->status != ICN_OK) return NULL;
  icn_onnx_where(parser, "%s '%.150s'", kind, name);
  if (input != NULL && type.number != 0) take_type(parser, type.bytes, input);
  return name;
}

/* ------------------------------------------------------------------- graph */

typedef struct graph_counts {
  size_t nodes, tensors, inputs, outputs;
} graph_counts;

static graph_counts count_graph(icn_onnx_parser *parser, icn_span span) {
  graph_counts counts = {0, 0, 0, 0};
  icn_onnx_message message = icn_onnx_open(&GRAPH_PROTO, span);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    counts.nodes += field.number == NODE;
    counts.tensors += field.number == INITIALIZER;
    counts.inputs += field.number == INPUT;
    counts.outputs += field.number == OUTPUT;
    if (field.number == SPARSE_INITIALIZER) icn_onnx_fail(parser, ICN_UNSUPPORTED, field.at, "it has sparse initializers");
  }
  if (parser->status == ICN_OK && counts.outputs == 0) icn_onnx_fail(parser, ICN_FORMAT, span.data, "its graph has no outputs");
  return counts;
}

/* The name stands behind the shape and small values in the file, but is wanted in every message. */
static void name_initializer(icn_onnx_parser *parser, icn_span span, size_t index) {
  icn_onnx_message message = icn_onnx_open(&TENSOR_NAME, span);
  icn_onnx_field field;
  icn_onnx_where(parser, "initializer %zu", index);
  while (icn_onnx_next(parser, &message, &field)) {
    int shown = field.bytes.bytes < 150 ? (int)field.bytes.bytes : 150;
    icn_onnx_where(parser, "initializer '%.*s'", shown, (const char *)field.bytes.data);
  }
}

static void take_initializer(icn_onnx_parser *parser, const icn_onnx_field *field) {
  icn_source *source = parser->source;
  icn_source_tensor *tensor = &source->tensors[source->tensor_count];
  name_initializer(parser, field->bytes, source->tensor_count);
  icn_onnx_tensor(parser, field->bytes, tensor);
  if (parser->status == ICN_OK && tensor->name[0] == '\0') icn_onnx_fail(parser, ICN_FORMAT, field->at, "it has no name");
  if (parser->status == ICN_OK) source->tensor_count++;
}

static void fill_graph(icn_onnx_parser *parser, icn_span span) {
  icn_source *source = parser->source;
  icn_onnx_message message = icn_onnx_open(&GRAPH_PROTO, span);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == NODE) {
      if (icn_onnx_node(parser, field.bytes, source->node_count, &source->nodes[source->node_count]) == ICN_OK) source->node_count++;
    } else if (field.number == INITIALIZER) {
      take_initializer(parser, &field);
    } else if (field.number == INPUT) {
      icn_source_input *input = &source->inputs[source->input_count];
      input->name = take_value_info(parser, &field, "input", source->input_count, input);
      source->input_count += input->name != NULL;
    } else if (field.number == OUTPUT) {
      const char *name = take_value_info(parser, &field, "output", source->output_count, NULL);
      if (name != NULL) source->outputs[source->output_count++] = name;
    }
    icn_onnx_where(parser, "model"); /* where a failure of the next step is */
  }
}

static int compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The names sorted, in the source's arena; a duplicate is a failure. */
static const char **sort_names(icn_onnx_parser *parser, const char *kind, const char **names, size_t count) {
  if (count > 1) qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 1; i < count; i++) {
    if (strcmp(names[i - 1], names[i]) == 0) icn_onnx_fail(parser, ICN_FORMAT, NULL, "two %s have the name '%s'", kind, names[i]);
  }
  return names;
}

/* Until IR version 4 every initializer had to be among the inputs too. */
static void drop_initialized_inputs(icn_onnx_parser *parser) {
  icn_source *source = parser->source;
  const char **tensors = icn_arena_array(&source->arena, source->tensor_count, sizeof *tensors);
  const char **inputs = icn_arena_array(&source->arena, source->input_count, sizeof *inputs);
  if (tensors == NULL || inputs == NULL) {
    icn_onnx_no_memory(parser, (source->tensor_count + source->input_count) * sizeof *tensors);
    return;
  }
  for (size_t i = 0; i < source->tensor_count; i++) tensors[i] = source->tensors[i].name;
  for (size_t i = 0; i < source->input_count; i++) inputs[i] = source->inputs[i].name;
  sort_names(parser, "initializers", tensors, source->tensor_count);
  sort_names(parser, "inputs", inputs, source->input_count);
  size_t kept = 0;
  for (size_t i = 0; i < source->input_count; i++) {
    const char *name = source->inputs[i].name;
    bool is_constant = source->tensor_count > 0 && bsearch(&name, tensors, source->tensor_count, sizeof *tensors, compare_names) != NULL;
    if (!is_constant) source->inputs[kept++] = source->inputs[i];
  }
  source->input_count = kept;
}

static void take_graph(icn_onnx_parser *parser, icn_span span) {
  icn_source *source = parser->source;
  graph_counts counts = count_graph(parser, span);
  if (parser->status != ICN_OK) return;
  source->nodes = icn_arena_array(&source->arena, counts.nodes, sizeof *source->nodes);
  source->tensors = icn_arena_array(&source->arena, counts.tensors, sizeof *source->tensors);
  source->inputs = icn_arena_array(&source->arena, counts.inputs, sizeof *source->inputs);
  source->outputs = icn_arena_array(&source->arena, counts.outputs, sizeof *source->outputs);
  if (source->nodes == NULL || source->tensors == NULL || source->inputs == NULL || source->outputs == NULL) {
    icn_onnx_no_memory(parser, counts.nodes * sizeof *source->nodes + counts.tensors * sizeof *source->tensors);
    return;
  }
  fill_graph(parser, span);
  if (parser->status == ICN_OK) drop_initialized_inputs(parser);
}

/* ------------------------------------------------------------------- model */

typedef struct model_parts {
  icn_span graph;
  size_t graphs, opsets;
} model_parts;

static void take_opset(icn_onnx_parser *parser, const icn_onnx_field *import, model_parts *parts) {
  icn_onnx_message message = icn_onnx_open(&OPSET_PROTO, import->bytes);
  icn_onnx_field field;
  const char *domain = "";
  int64_t version = 0;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == 1) domain = icn_onnx_name(parser, &field);
    if (field.number == 2) version = (int64_t)field.value;
  }
  if (parser->status != ICN_OK || (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0)) return;
  if (parts->opsets > 0 && version != parser->source->opset) {
    icn_onnx_fail(parser, ICN_FORMAT, import->at, "it imports the operator sets %lld and %lld of ONNX at once",
                  (long long)parser->source->opset, (long long)version);
  }
  parser->source->opset = version;
  parts->opsets++;
}

static void take_ir_version(icn_onnx_parser *parser, const icn_onnx_field *field) {
  if (field->value < 1 || field->value > LARGEST_IR_VERSION) {
    icn_onnx_fail(parser, ICN_FORMAT, field->at, "its IR version would be %llu", (unsigned long long)field->value);
    return;
  }
  parser->source->ir_version = (int64_t)field->value;
  icn_onnx_where(parser, "model"); /* from here on it is a damaged model, not something else */
}

/* Only the recipe is read. Where there are several, the last one holds. */
static void take_metadata(icn_onnx_parser *parser, const icn_onnx_field *entry) {
  static const char KEY[] = ICN_RECIPE_KEY;
  icn_onnx_message message = icn_onnx_open(&ENTRY_PROTO, entry->bytes);
  icn_onnx_field field, value;
  bool is_recipe = false;
  memset(&value, 0, sizeof value);
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == 2) value = field;
    if (field.number == 1) is_recipe = field.bytes.bytes == sizeof KEY - 1 && memcmp(field.bytes.data, KEY, sizeof KEY - 1) == 0;
  }
  if (parser->status != ICN_OK || !is_recipe) return;
  icn_onnx_where(parser, "metadata '%s'", KEY);
  parser->source->recipe = value.number == 0 ? "" : icn_onnx_name(parser, &value);
  parser->source->recipe_at = (size_t)(entry->at - parser->start);
  parser->source->recipe_bytes = (size_t)(entry->bytes.data + entry->bytes.bytes - entry->at);
  icn_onnx_where(parser, "model");
}

static void scan_model(icn_onnx_parser *parser, icn_span span, model_parts *parts) {
  icn_onnx_message message = icn_onnx_open(&MODEL_PROTO, span);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    switch (field.number) {
      case IR_VERSION:
        take_ir_version(parser, &field);
        break;
      case PRODUCER:
        parser->source->producer = icn_onnx_text(parser, &field);
        break;
      case OPSET_IMPORT:
        take_opset(parser, &field, parts);
        break;
      case METADATA:
        take_metadata(parser, &field);
        break;
      case GRAPH:
        parts->graph = field.bytes;
        parts->graphs++;
        break;
      default:
        break;
    }
  }
}

static void check_model(icn_onnx_parser *parser, const model_parts *parts) {
  const icn_source *source = parser->source;
  if (source->ir_version == 0) {
    icn_onnx_fail(parser, ICN_FORMAT, NULL, "it has no IR version");
  } else if (parts->graphs != 1) {
    icn_onnx_fail(parser, ICN_FORMAT, NULL,
                  parts->graphs == 0 ? "it has no graph: the file is cut off or damaged" : "it has several graphs");
  } else if (parts->opsets == 0 && source->ir_version >= 3) {
    icn_onnx_fail(parser, ICN_FORMAT, NULL, "it does not say which ONNX operator set it uses");
  } else if (source->opset < OLDEST_OPSET) {
    icn_onnx_fail(parser, ICN_UNSUPPORTED, NULL,
                  "its ONNX operator set %lld is too old: %d to %d are supported (onnx.version_converter can raise it)",
                  parts->opsets == 0 ? 1LL : (long long)source->opset, OLDEST_OPSET, NEWEST_OPSET);
  } else if (source->opset > NEWEST_OPSET) {
    icn_onnx_fail(parser, ICN_UNSUPPORTED, NULL, "its ONNX operator set %lld is too new: %d to %d are supported", (long long)source->opset,
                  OLDEST_OPSET, NEWEST_OPSET);
  }
}

icn_status icn_onnx_parse(const void *data, size_t bytes, const icn_external *external, icn_source *source, icn_error *error) {
  icn_onnx_parser parser;
  model_parts parts;
  memset(&parts, 0, sizeof parts);
  memset(&parser, 0, sizeof parser);
  parser.source = source;
  parser.external = external;
  parser.start = data;
  parser.error = error;
  icn_onnx_where(&parser, "not an ONNX model");
  if (bytes == 0) return icn_onnx_fail(&parser, ICN_FORMAT, NULL, "the file is empty");
  const char *kind = other_kind(data, bytes);
  if (kind != NULL) return icn_onnx_fail(&parser, ICN_FORMAT, NULL, "the file is %s", kind);
  scan_model(&parser, (icn_span){data, bytes}, &parts);
  if (parser.status == ICN_OK) check_model(&parser, &parts);
  if (parser.status == ICN_OK) take_graph(&parser, parts.graph);
  return parser.status;
}
