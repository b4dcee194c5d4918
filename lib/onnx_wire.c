#include "onnx_wire.h"

#include <stdio.h>
#include <string.h>

static icn_status fail_with(icn_onnx_parser *parser, icn_status code, const uint8_t *at, const char *format, va_list arguments) {
  char sentence[ICN_MESSAGE_BYTES];
  if (parser->status != ICN_OK) return parser->status; /* the first one is the cause */
  vsnprintf(sentence, sizeof sentence, format, arguments);
  parser->status = code;
  if (at == NULL) return icn_error_set(parser->error, code, "%s: %s", parser->where, sentence);
  return icn_error_set(parser->error, code, "%s: %s (byte %zu)", parser->where, sentence, (size_t)(at - parser->start));
}

icn_status icn_onnx_fail(icn_onnx_parser *parser, icn_status code, const uint8_t *at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  icn_status status = fail_with(parser, code, at, format, arguments);
  va_end(arguments);
  return status;
}

icn_status icn_onnx_no_memory(icn_onnx_parser *parser, size_t bytes) {
  if (parser->status == ICN_OK) parser->status = icn_error_memory(parser->error, bytes, parser->where);
  return parser->status;
}

void icn_onnx_where(icn_onnx_parser *parser, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(parser->where, sizeof parser->where, format, arguments);
  va_end(arguments);
}

/* ------------------------------------------------------------------ fields */

icn_onnx_message icn_onnx_open(const icn_onnx_schema *schema, icn_span span) {
  static const uint8_t nothing[1];
  const uint8_t *data = span.data == NULL ? nothing : span.data;
  return (icn_onnx_message){schema, data + span.bytes, pb_istream_from_buffer(data, span.bytes)};
}

static const uint8_t *position(const icn_onnx_message *message) { return message->end - message->stream.bytes_left; }

static bool take_bytes(icn_onnx_parser *parser, icn_onnx_message *message, uint64_t bytes, icn_onnx_field *field) {
  size_t left = message->stream.bytes_left;
  field->bytes = (icn_span){position(message), (size_t)bytes};
  if (bytes <= left && pb_read(&message->stream, NULL, (size_t)bytes)) return true;
  icn_onnx_fail(parser, ICN_FORMAT, field->at,
                "field %u of the %s says that it has %llu bytes, but %zu are left: the file is cut off or damaged", (unsigned)field->number,
                message->schema->name, (unsigned long long)bytes, left);
  return false;
}

static bool take_varint(icn_onnx_parser *parser, icn_onnx_message *message, icn_onnx_field *field, uint64_t *value) {
  if (pb_decode_varint(&message->stream, value)) return true;
  icn_onnx_fail(parser, ICN_FORMAT, field->at, "field %u of the %s holds a broken number: the file is cut off or damaged",
                (unsigned)field->number, message->schema->name);
  return false;
}

static bool take_payload(icn_onnx_parser *parser, icn_onnx_message *message, icn_onnx_field *field) {
  uint64_t bytes = 0;
  switch (field->type) {
    case PB_WT_VARINT:
      return take_varint(parser, message, field, &field->value);
    case PB_WT_32BIT:
      return take_bytes(parser, message, 4, field);
    case PB_WT_64BIT:
      return take_bytes(parser, message, 8, field);
    case PB_WT_STRING:
      return take_varint(parser, message, field, &bytes) && take_bytes(parser, message, bytes, field);
    default:
      break;
  }
  icn_onnx_fail(parser, ICN_FORMAT, field->at, "field %u of the %s has wire type %u, which ONNX does not use", (unsigned)field->number,
                message->schema->name, (unsigned)field->type);
  return false;
}

static bool wire_fits(icn_wire wire, pb_wire_type_t type) {
  switch (wire) {
    case ICN_WIRE_SKIP:
      return true;
    case ICN_WIRE_INT:
      return type == PB_WT_VARINT;
    case ICN_WIRE_INTS:
      return type == PB_WT_VARINT || type == PB_WT_STRING;
    case ICN_WIRE_FLOAT:
      return type == PB_WT_32BIT;
    case ICN_WIRE_FLOATS:
      return type == PB_WT_32BIT || type == PB_WT_STRING;
    case ICN_WIRE_DOUBLES:
      return type == PB_WT_64BIT || type == PB_WT_STRING;
    case ICN_WIRE_BYTES:
      return type == PB_WT_STRING;
  }
  return false;
}

bool icn_onnx_next(icn_onnx_parser *parser, icn_onnx_message *message, icn_onnx_field *field) {
  while (parser->status == ICN_OK && message->stream.bytes_left > 0) {
    bool at_end = false;
    memset(field, 0, sizeof *field);
    field->at = position(message);
    if (!pb_decode_tag(&message->stream, &field->type, &field->number, &at_end) || field->number == 0) {
      icn_onnx_fail(parser, ICN_FORMAT, field->at, "no field of the %s begins here: the file is cut off or damaged", message->schema->name);
      return false;
    }
    if (!take_payload(parser, message, field)) return false;
    if (field->number < ICN_ONNX_FIELDS) field->wire = (icn_wire)message->schema->wire[field->number];
    if (!wire_fits(field->wire, field->type)) {
      icn_onnx_fail(parser, ICN_FORMAT, field->at, "field %u of the %s has wire type %u, which does not fit it", (unsigned)field->number,
                    message->schema->name, (unsigned)field->type);
      return false;
    }
    if (field->wire != ICN_WIRE_SKIP) return true;
  }
  return false;
}

/* ----------------------------------------------------------------- numbers */

static size_t count_packed_ints(icn_onnx_parser *parser, const icn_onnx_field *field) {
  size_t count = 0;
  for (size_t i = 0; i < field->bytes.bytes; i++) count += field->bytes.data[i] < 0x80;
  if (field->bytes.bytes > 0 && field->bytes.data[field->bytes.bytes - 1] >= 0x80) {
    icn_onnx_fail(parser, ICN_FORMAT, field->at, "the last number of field %u is cut off", (unsigned)field->number);
    return 0;
  }
  return count;
}

size_t icn_onnx_count(icn_onnx_parser *parser, const icn_onnx_field *field) {
  if (field->type != PB_WT_STRING) return 1;
  if (field->wire == ICN_WIRE_INTS) return count_packed_ints(parser, field);
  size_t size = field->wire == ICN_WIRE_DOUBLES ? 8 : 4;
  if (field->bytes.bytes % size == 0) return field->bytes.bytes / size;
  icn_onnx_fail(parser, ICN_FORMAT, field->at, "field %u has %zu bytes, which is no whole number of %zu-byte values",
                (unsigned)field->number, field->bytes.bytes, size);
  return 0;
}

icn_onnx_ints icn_onnx_ints_open(const icn_onnx_field *field) {
  bool packed = field->type == PB_WT_STRING;
  return (icn_onnx_ints){field, pb_istream_from_buffer(packed ? field->bytes.data : field->at, packed ? field->bytes.bytes : 0),
                         packed && field->bytes.bytes == 0};
}

bool icn_onnx_ints_next(icn_onnx_parser *parser, icn_onnx_ints *ints, int64_t *value) {
  if (ints->done || parser->status != ICN_OK) return false;
  uint64_t bits = ints->field->value;
  if (ints->field->type == PB_WT_STRING) {
    if (!pb_decode_varint(&ints->stream, &bits)) {
      icn_onnx_fail(parser, ICN_FORMAT, ints->field->at, "field %u holds a number of more than 64 bits", (unsigned)ints->field->number);
      return false;
    }
    ints->done = ints->stream.bytes_left == 0;
  } else {
    ints->done = true;
  }
  *value = (int64_t)bits;
  return true;
}

float icn_onnx_float(const uint8_t *data) {
  uint32_t bits = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* -------------------------------------------------------------------- text */

const char *icn_onnx_text(icn_onnx_parser *parser, const icn_onnx_field *field) {
  if (parser->status != ICN_OK) return NULL;
  const char *text = icn_arena_text(&parser->source->arena, (const char *)field->bytes.data, field->bytes.bytes);
  if (text == NULL) icn_onnx_no_memory(parser, field->bytes.bytes + 1);
  return text;
}

const char *icn_onnx_name(icn_onnx_parser *parser, const icn_onnx_field *field) {
  if (field->bytes.bytes > 0 && memchr(field->bytes.data, 0, field->bytes.bytes) != NULL) {
    icn_onnx_fail(parser, ICN_FORMAT, field->at, "a name of %zu bytes holds a zero byte", field->bytes.bytes);
    return NULL;
  }
  return icn_onnx_text(parser, field);
}
