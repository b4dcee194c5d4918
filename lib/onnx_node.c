/* NodeProto and AttributeProto. Sub-graphs (control flow) are noted, not read: the importer declines them. */
#include <string.h>

#include "onnx_wire.h"

enum { INPUT = 1, OUTPUT = 2, NODE_NAME = 3, OP_TYPE = 4, ATTRIBUTE = 5, DOMAIN_NAME = 7 };
enum { ATTR_NAME = 1, ATTR_F = 2, ATTR_I = 3, ATTR_S = 4, ATTR_T = 5, ATTR_G = 6, ATTR_FLOATS = 7, ATTR_INTS = 8, ATTR_STRINGS = 9 };
enum { ATTR_TYPE = 20, ATTR_REFERENCE = 21 };
enum { MOST_ATTRIBUTES = 256 }; /* of one node; keeps the search for duplicates short */

static const icn_onnx_schema NODE = {"node",
                                     {[INPUT] = ICN_WIRE_BYTES,
                                      [OUTPUT] = ICN_WIRE_BYTES,
                                      [NODE_NAME] = ICN_WIRE_BYTES,
                                      [OP_TYPE] = ICN_WIRE_BYTES,
                                      [ATTRIBUTE] = ICN_WIRE_BYTES,
                                      [DOMAIN_NAME] = ICN_WIRE_BYTES}};
static const icn_onnx_schema ATTR = {"attribute",
                                     {[ATTR_NAME] = ICN_WIRE_BYTES,
                                      [ATTR_F] = ICN_WIRE_FLOAT,
                                      [ATTR_I] = ICN_WIRE_INT,
                                      [ATTR_S] = ICN_WIRE_BYTES,
                                      [ATTR_T] = ICN_WIRE_BYTES,
                                      [ATTR_G] = ICN_WIRE_BYTES,
                                      [ATTR_FLOATS] = ICN_WIRE_FLOATS,
                                      [ATTR_INTS] = ICN_WIRE_INTS,
                                      [ATTR_STRINGS] = ICN_WIRE_BYTES,
                                      [ATTR_TYPE] = ICN_WIRE_INT,
                                      [ATTR_REFERENCE] = ICN_WIRE_BYTES}};

/* --------------------------------------------------------------- attribute */

/* What the first walk finds. */
typedef struct attr_parts {
  icn_span message, tensor;
  uint64_t type;
  uint32_t value_field; /* the last field with a value, for files that leave the type out */
  bool has_tensor, is_reference;
  size_t floats, ints, strings;
} attr_parts;

static void scan_attr(icn_onnx_parser *parser, icn_source_attr *attr, attr_parts *parts) {
  icn_onnx_message message = icn_onnx_open(&ATTR, parts->message);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number >= ATTR_F && field.number <= ATTR_STRINGS) parts->value_field = field.number;
    switch (field.number) {
      case ATTR_NAME:
        attr->name = icn_onnx_name(parser, &field);
        break;
      case ATTR_F:
        attr->f = icn_onnx_float(field.bytes.data);
        break;
      case ATTR_I:
        attr->i = (int64_t)field.value;
        break;
      case ATTR_S:
        attr->s = icn_onnx_text(parser, &field);
        break;
      case ATTR_FLOATS:
        parts->floats += icn_onnx_count(parser, &field);
        break;
      case ATTR_INTS:
        parts->ints += icn_onnx_count(parser, &field);
        break;
      case ATTR_STRINGS:
        parts->strings++;
        break;
      case ATTR_TYPE:
        parts->type = field.value;
        break;
      case ATTR_REFERENCE:
        parts->is_reference = field.bytes.bytes > 0;
        break;
      case ATTR_T:
        parts->tensor = field.bytes;
        parts->has_tensor = true;
        break;
      default:
        break;
    }
  }
}

static icn_attr_kind kind_of(const attr_parts *parts) {
  static const icn_attr_kind by_type[] = {ICN_ATTR_OTHER, ICN_ATTR_FLOAT,  ICN_ATTR_INT,  ICN_ATTR_STRING, ICN_ATTR_TENSOR,
                                          ICN_ATTR_GRAPH, ICN_ATTR_FLOATS, ICN_ATTR_INTS, ICN_ATTR_STRINGS};
  static const icn_attr_kind by_field[] = {
      [ATTR_F] = ICN_ATTR_FLOAT, [ATTR_I] = ICN_ATTR_INT,         [ATTR_S] = ICN_ATTR_STRING,  [ATTR_T] = ICN_ATTR_TENSOR,
      [ATTR_G] = ICN_ATTR_GRAPH, [ATTR_FLOATS] = ICN_ATTR_FLOATS, [ATTR_INTS] = ICN_ATTR_INTS, [ATTR_STRINGS] = ICN_ATTR_STRINGS};
  if (parts->is_reference) return ICN_ATTR_OTHER;
  if (parts->type == 0) return parts->value_field == 0 ? ICN_ATTR_OTHER : by_field[parts->value_field];
  return parts->type < sizeof by_type / sizeof *by_type ? by_type[parts->type] : ICN_ATTR_OTHER;
}

static void take_list(icn_onnx_parser *parser, const attr_parts *parts, icn_source_attr *attr) {
  icn_arena *arena = &parser->source->arena;
  float *floats = attr->kind == ICN_ATTR_FLOATS ? icn_arena_array(arena, parts->floats, sizeof *floats) : NULL;
  int64_t *ints = attr->kind == ICN_ATTR_INTS ? icn_arena_array(arena, parts->ints, sizeof *ints) : NULL;
  if (floats == NULL && ints == NULL) {
    icn_onnx_no_memory(parser, attr->count * sizeof *ints);
    return;
  }
  attr->floats = floats;
  attr->ints = ints;
  icn_onnx_message message = icn_onnx_open(&ATTR, parts->message);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    if (floats != NULL && field.number == ATTR_FLOATS) {
      for (size_t i = 0; i + 4 <= field.bytes.bytes; i += 4) *floats++ = icn_onnx_float(field.bytes.data + i);
    }
    if (ints != NULL && field.number == ATTR_INTS) {
      icn_onnx_ints values = icn_onnx_ints_open(&field);
      while (icn_onnx_ints_next(parser, &values, ints)) ints++;
    }
  }
}

static void take_tensor(icn_onnx_parser *parser, const attr_parts *parts, icn_source_attr *attr) {
  icn_source_tensor *tensor = icn_arena_allocate(&parser->source->arena, sizeof *tensor);
  if (tensor == NULL) {
    icn_onnx_no_memory(parser, sizeof *tensor);
  } else if (!parts->has_tensor) {
    icn_onnx_fail(parser, ICN_FORMAT, parts->message.data, "it should hold a tensor, and holds none");
  } else {
    attr->tensor = tensor;
    icn_onnx_tensor(parser, parts->tensor, tensor);
  }
}

static void take_attr(icn_onnx_parser *parser, icn_span span, icn_source_attr *attr) {
  attr_parts parts;
  memset(&parts, 0, sizeof parts);
  parts.message = span;
  attr->name = attr->s = "";
  scan_attr(parser, attr, &parts);
  if (parser->status == ICN_OK && attr->name[0] == '\0') icn_onnx_fail(parser, ICN_FORMAT, span.data, "an attribute has no name");
  if (parser->status != ICN_OK) return;
  attr->kind = kind_of(&parts);
  attr->count = attr->kind == ICN_ATTR_FLOATS ? parts.floats : attr->kind == ICN_ATTR_INTS ? parts.ints : 0;
  if (attr->kind == ICN_ATTR_STRINGS) attr->count = parts.strings;
  if (attr->kind == ICN_ATTR_FLOATS || attr->kind == ICN_ATTR_INTS) take_list(parser, &parts, attr);
  if (attr->kind == ICN_ATTR_TENSOR) {
    char node[sizeof parser->where];
    memcpy(node, parser->where, sizeof node);
    icn_onnx_where(parser, "%.120s, attribute '%.40s'", node, attr->name);
    take_tensor(parser, &parts, attr);
    if (parser->status == ICN_OK) memcpy(parser->where, node, sizeof node);
  }
}

/* -------------------------------------------------------------------- node */

static void scan_node(icn_onnx_parser *parser, icn_span span, icn_source_node *node) {
  icn_onnx_message message = icn_onnx_open(&NODE, span);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    switch (field.number) {
      case INPUT:
        node->input_count++;
        break;
      case OUTPUT:
        node->output_count++;
        break;
      case ATTRIBUTE:
        node->attr_count++;
        break;
      case NODE_NAME:
        node->name = icn_onnx_name(parser, &field);
        break;
      case OP_TYPE:
        node->op = icn_onnx_name(parser, &field);
        break;
      case DOMAIN_NAME:
        node->domain = icn_onnx_name(parser, &field);
        break;
      default:
        break;
    }
  }
  if (parser->status == ICN_OK && strcmp(node->domain, "ai.onnx") == 0) node->domain = "";
}

static void fill_node(icn_onnx_parser *parser, icn_span span, icn_source_node *node, icn_source_attr *attrs) {
  icn_onnx_message message = icn_onnx_open(&NODE, span);
  icn_onnx_field field;
  size_t inputs = 0, outputs = 0, attributes = 0;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number == INPUT) node->inputs[inputs++] = icn_onnx_name(parser, &field);
    if (field.number == OUTPUT) node->outputs[outputs++] = icn_onnx_name(parser, &field);
    if (field.number != ATTRIBUTE) continue;
    icn_source_attr *attr = &attrs[attributes++];
    take_attr(parser, field.bytes, attr);
    for (icn_source_attr *earlier = attrs; parser->status == ICN_OK && earlier < attr; earlier++) {
      if (strcmp(earlier->name, attr->name) == 0) icn_onnx_fail(parser, ICN_FORMAT, field.at, "it has two attributes '%s'", attr->name);
    }
  }
}

icn_status icn_onnx_node(icn_onnx_parser *parser, icn_span span, size_t index, icn_source_node *node) {
  icn_arena *arena = &parser->source->arena;
  icn_onnx_where(parser, "node %zu", index);
  node->op = node->name = node->domain = "";
  scan_node(parser, span, node);
  if (parser->status != ICN_OK) return parser->status;
  if (node->op[0] == '\0') return icn_onnx_fail(parser, ICN_FORMAT, span.data, "it has no operator type");
  if (node->name[0] == '\0') node->name = icn_arena_format(arena, "%s_%zu", node->op, index);
  if (node->name == NULL) return icn_onnx_no_memory(parser, strlen(node->op));
  icn_onnx_where(parser, "node '%.100s' (%.40s)", node->name, node->op);
  if (node->attr_count > MOST_ATTRIBUTES) {
    return icn_onnx_fail(parser, ICN_UNSUPPORTED, span.data, "it has %zu attributes, more than %d", node->attr_count, MOST_ATTRIBUTES);
  }
  node->inputs = icn_arena_array(arena, node->input_count, sizeof *node->inputs);
  node->outputs = icn_arena_array(arena, node->output_count, sizeof *node->outputs);
  icn_source_attr *attrs = icn_arena_array(arena, node->attr_count, sizeof *attrs);
  node->attrs = attrs;
  if (node->inputs == NULL || node->outputs == NULL || attrs == NULL) return icn_onnx_no_memory(parser, span.bytes);
  fill_node(parser, span, node, attrs);
  return parser->status;
}
