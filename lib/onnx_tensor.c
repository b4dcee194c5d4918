/* TensorProto: dims, type and values. Raw bytes, whole packed floats and external files are used where they stand; everything else is
 * decoded into the source's arena. */
#include <stdio.h>
#include <string.h>

#include "onnx_wire.h"

enum { DIMS = 1, DATA_TYPE = 2, SEGMENT = 3, FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, NAME = 8, RAW_DATA = 9, DOUBLE_DATA = 10 };
enum { UINT64_DATA = 11, EXTERNAL_DATA = 13, DATA_LOCATION = 14 };

static const icn_onnx_schema TENSOR = {"tensor",
                                       {[DIMS] = ICN_WIRE_INTS,
                                        [DATA_TYPE] = ICN_WIRE_INT,
                                        [SEGMENT] = ICN_WIRE_BYTES,
                                        [FLOAT_DATA] = ICN_WIRE_FLOATS,
                                        [INT32_DATA] = ICN_WIRE_INTS,
                                        [INT64_DATA] = ICN_WIRE_INTS,
                                        [NAME] = ICN_WIRE_BYTES,
                                        [RAW_DATA] = ICN_WIRE_BYTES,
                                        [DOUBLE_DATA] = ICN_WIRE_DOUBLES,
                                        [UINT64_DATA] = ICN_WIRE_INTS,
                                        [EXTERNAL_DATA] = ICN_WIRE_BYTES,
                                        [DATA_LOCATION] = ICN_WIRE_INT}};
static const icn_onnx_schema ENTRY = {"external data", {[1] = ICN_WIRE_BYTES, [2] = ICN_WIRE_BYTES}};

/* TensorProto.DataType; `field` holds the values where they are not raw. */
static const struct {
  bool supported;
  icn_dtype dtype;
  uint32_t field;
  int64_t least, most; /* of values that stand in int32_data */
} TYPES[] = {
    [1] = {true, ICN_F32, FLOAT_DATA, 0, 0},
    [2] = {true, ICN_U8, INT32_DATA, 0, UINT8_MAX},
    [3] = {true, ICN_I8, INT32_DATA, INT8_MIN, INT8_MAX},
    [6] = {true, ICN_I32, INT32_DATA, INT32_MIN, INT32_MAX},
    [7] = {true, ICN_I64, INT64_DATA, 0, 0},
    [9] = {true, ICN_BOOL, INT32_DATA, 0, 1},
    [10] = {true, ICN_F16, INT32_DATA, 0, UINT16_MAX},
    [11] = {true, ICN_F64, DOUBLE_DATA, 0, 0},
};
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES, LARGEST_TYPE = 1000 };

/* What the first walk finds. */
typedef struct tensor_parts {
  icn_span message;
  int64_t type;
  bool has_raw, has_segment, is_external;
  icn_span raw;
  size_t counts[ICN_ONNX_FIELDS]; /* values in each typed field */
  size_t chunks[ICN_ONNX_FIELDS]; /* and how many fields they came in */
  icn_onnx_field last[ICN_ONNX_FIELDS];
  const char *location;
  uint64_t offset, length;
  bool has_length;
} tensor_parts;

/* -------------------------------------------------------------- first walk */

static void take_dims(icn_onnx_parser *parser, const icn_onnx_field *field, icn_shape *shape) {
  icn_onnx_ints dims = icn_onnx_ints_open(field);
  int64_t dim;
  while (icn_onnx_ints_next(parser, &dims, &dim)) {
    if (dim < 0) {
      icn_onnx_fail(parser, ICN_FORMAT, field->at, "dimension %d of the shape is %lld", (int)shape->rank, (long long)dim);
    } else if (shape->rank == ICN_MAX_RANK) {
      icn_onnx_fail(parser, ICN_UNSUPPORTED, field->at, "the shape has more than %d dimensions", ICN_MAX_RANK);
    } else {
      shape->dim[shape->rank++] = dim;
    }
  }
}

static uint64_t parse_decimal(icn_onnx_parser *parser, const icn_onnx_field *field, const char *key, const char *text) {
  uint64_t value = 0;
  const char *c = text;
  for (; *c >= '0' && *c <= '9' && value <= (UINT64_MAX - 9) / 10; c++) value = value * 10 + (uint64_t)(*c - '0');
  if (*c != '\0' || c == text) {
    icn_onnx_fail(parser, ICN_FORMAT, field->at, "the %s of its external data is '%s', which is no byte count", key, text);
  }
  return value;
}

static void take_external(icn_onnx_parser *parser, const icn_onnx_field *entry, tensor_parts *parts) {
  icn_onnx_message message = icn_onnx_open(&ENTRY, entry->bytes);
  icn_onnx_field field;
  const char *key = "", *value = "";
  while (icn_onnx_next(parser, &message, &field)) {
    const char *text = icn_onnx_name(parser, &field);
    if (field.number == 1) key = text;
    if (field.number == 2) value = text;
  }
  if (parser->status != ICN_OK) return;
  if (strcmp(key, "location") == 0) parts->location = value;
  if (strcmp(key, "offset") == 0) parts->offset = parse_decimal(parser, entry, key, value);
  if (strcmp(key, "length") == 0) {
    parts->length = parse_decimal(parser, entry, key, value);
    parts->has_length = true;
  }
}

static void scan(icn_onnx_parser *parser, icn_source_tensor *tensor, tensor_parts *parts) {
  icn_onnx_message message = icn_onnx_open(&TENSOR, parts->message);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    switch (field.number) {
      case DIMS:
        take_dims(parser, &field, &tensor->shape);
        break;
      case DATA_TYPE:
        parts->type = (int64_t)field.value;
        break;
      case SEGMENT:
        parts->has_segment = true;
        break;
      case NAME:
        tensor->name = icn_onnx_name(parser, &field);
        break;
      case EXTERNAL_DATA:
        take_external(parser, &field, parts);
        break;
      case DATA_LOCATION:
        parts->is_external = field.value == 1;
        break;
      case RAW_DATA:
        parts->raw = field.bytes;
        parts->has_raw = field.bytes.bytes > 0;
        break;
      default: {
        size_t count = icn_onnx_count(parser, &field);
        parts->counts[field.number] += count;
        parts->chunks[field.number] += count > 0;
        if (count > 0) parts->last[field.number] = field;
      }
    }
  }
}

/* ------------------------------------------------------------------ values */

static void put_little_endian(uint8_t *out, uint64_t bits, size_t bytes) {
  for (size_t k = 0; k < bytes; k++) out[k] = (uint8_t)(bits >> 8 * k);
}

static uint8_t *put_ints(icn_onnx_parser *parser, const icn_onnx_field *field, int64_t type, uint8_t *out) {
  icn_onnx_ints ints = icn_onnx_ints_open(field);
  size_t size = icn_dtype_bytes(TYPES[type].dtype);
  int64_t value;
  while (icn_onnx_ints_next(parser, &ints, &value)) {
    if (field->number == INT32_DATA && (value < TYPES[type].least || value > TYPES[type].most)) {
      icn_onnx_fail(parser, ICN_FORMAT, field->at, "the value %lld does not fit its type %s", (long long)value,
                    icn_dtype_name(TYPES[type].dtype));
    }
    put_little_endian(out, (uint64_t)value, size);
    out += size;
  }
  return out;
}

/* The second walk: decodes every field `number`; there are `elems` values in all. */
static void decode(icn_onnx_parser *parser, const tensor_parts *parts, size_t elems, icn_source_tensor *tensor) {
  uint32_t number = TYPES[parts->type].field;
  uint8_t *out = icn_arena_array(&parser->source->arena, elems, icn_dtype_bytes(tensor->dtype));
  tensor->data = out;
  if (out == NULL) {
    icn_onnx_no_memory(parser, elems * icn_dtype_bytes(tensor->dtype));
    return;
  }
  icn_onnx_message message = icn_onnx_open(&TENSOR, parts->message);
  icn_onnx_field field;
  while (icn_onnx_next(parser, &message, &field)) {
    if (field.number != number) continue;
    if (number == INT32_DATA || number == INT64_DATA) {
      out = put_ints(parser, &field, parts->type, out);
    } else if (field.bytes.bytes > 0) {
      memcpy(out, field.bytes.data, field.bytes.bytes); /* floats and doubles: little-endian on the wire as in our data */
      out += field.bytes.bytes;
    }
  }
}

static void take_external_values(icn_onnx_parser *parser, const tensor_parts *parts, uint64_t bytes, icn_source_tensor *tensor) {
  const uint8_t *at = parts->message.data;
  const void *data = NULL;
  uint64_t available = 0;
  icn_error reason;
  if (parts->location == NULL) {
    icn_onnx_fail(parser, ICN_FORMAT, at, "its data are said to be external, but no file is named");
  } else if (parser->external == NULL) {
    icn_onnx_fail(parser, ICN_UNSUPPORTED, at, "its data are in the file '%s', and this model was loaded without its folder",
                  parts->location);
  } else if (parts->has_length && parts->length != bytes) {
    icn_onnx_fail(parser, ICN_FORMAT, at, "its external data have %llu bytes, its shape and type need %llu",
                  (unsigned long long)parts->length, (unsigned long long)bytes);
  }
  if (parser->status != ICN_OK) return;
  icn_error_clear(&reason);
  icn_status status = parser->external->open(parser->external->user, parts->location, &data, &available, &reason);
  if (status != ICN_OK) {
    icn_onnx_fail(parser, status, NULL, "%s", reason.message);
  } else if (parts->offset > available || bytes > available - parts->offset) {
    icn_onnx_fail(parser, ICN_FORMAT, at, "its data are %llu bytes at offset %llu of '%s', which has only %llu", (unsigned long long)bytes,
                  (unsigned long long)parts->offset, parts->location, (unsigned long long)available);
  } else if (bytes > 0) {
    tensor->data = (const uint8_t *)data + parts->offset;
  }
}

/* Exactly one place holds values, and it holds what the shape says. */
static void take_values(icn_onnx_parser *parser, const tensor_parts *parts, size_t elems, icn_source_tensor *tensor) {
  char shape[ICN_SHAPE_TEXT_BYTES];
  const uint8_t *at = parts->message.data;
  size_t bytes = elems * icn_dtype_bytes(tensor->dtype);
  uint32_t number = TYPES[parts->type].field;
  for (uint32_t other = 0; other < ICN_ONNX_FIELDS; other++) {
    if (parts->chunks[other] > 0 && (other != number || parts->has_raw)) {
      icn_onnx_fail(parser, ICN_FORMAT, at, "it has values in field %u beside those its type %s has", (unsigned)other,
                    icn_dtype_name(tensor->dtype));
    }
  }
  if (parser->status != ICN_OK) return;
  icn_shape_text(&tensor->shape, shape);
  if (parts->has_raw && parts->raw.bytes != bytes) {
    icn_onnx_fail(parser, ICN_FORMAT, at, "%zu bytes of data are there, the shape %s of %s needs %zu", parts->raw.bytes, shape,
                  icn_dtype_name(tensor->dtype), bytes);
  } else if (!parts->has_raw && parts->counts[number] != elems) {
    icn_onnx_fail(parser, ICN_FORMAT, at, "%zu values are there, the shape %s needs %zu", parts->counts[number], shape, elems);
  } else if (parts->has_raw) {
    tensor->data = parts->raw.data;
  } else if (elems > 0 && parts->chunks[number] == 1 && (number == FLOAT_DATA || number == DOUBLE_DATA)) {
    tensor->data = parts->last[number].bytes.data;
  } else if (elems > 0) {
    decode(parser, parts, elems, tensor);
  }
}

icn_status icn_onnx_tensor(icn_onnx_parser *parser, icn_span span, icn_source_tensor *tensor) {
  static const uint8_t empty[8]; /* tensors of no elements point somewhere */
  char shape[ICN_SHAPE_TEXT_BYTES];
  tensor_parts parts;
  memset(&parts, 0, sizeof parts);
  memset(tensor, 0, sizeof *tensor);
  tensor->name = "";
  parts.message = span;
  scan(parser, tensor, &parts);
  if (parser->status != ICN_OK) return parser->status;
  if (parts.has_segment) return icn_onnx_fail(parser, ICN_UNSUPPORTED, span.data, "it is cut into segments, which is not supported");
  if (parts.type < 1 || parts.type > LARGEST_TYPE) {
    return icn_onnx_fail(parser, ICN_FORMAT, span.data, "its data type is %lld, which ONNX does not have", (long long)parts.type);
  }
  tensor->onnx_type = (int)parts.type;
  tensor->supported = parts.type < TYPE_COUNT && TYPES[parts.type].supported;
  int64_t elems = icn_shape_elems(&tensor->shape);
  if (elems < 0 || (uint64_t)elems > SIZE_MAX / 8) {
    return icn_onnx_fail(parser, ICN_FORMAT, span.data, "its shape %s has too many elements", icn_shape_text(&tensor->shape, shape));
  }
  if (!tensor->supported) return ICN_OK; /* refused where it is used */
  tensor->dtype = TYPES[parts.type].dtype;
  tensor->data = empty;
  if (parts.is_external) {
    take_external_values(parser, &parts, (uint64_t)elems * icn_dtype_bytes(tensor->dtype), tensor);
  } else {
    take_values(parser, &parts, (size_t)elems, tensor);
  }
  return parser->status;
}
