/* Reads ONNX's protocol buffers in place, by nanopb's low-level decoder. Private to the ONNX parser (onnx_*.c).
 *
 * A message is walked field by field. Most are walked twice: once to count, then, into arrays of exactly that size, to fill. Every length
 * is compared with what is left of its parent before it is used, so nothing in a file can make us read outside it. */
#ifndef ICN_LIB_ONNX_WIRE_H
#define ICN_LIB_ONNX_WIRE_H

#include <pb_decode.h>

#include "source.h"

typedef struct icn_span {
  const uint8_t *data;
  size_t bytes;
} icn_span;

/* One parse. The first failure stays in `status`, and every later call does nothing: callers walk on and look once at the end. */
typedef struct icn_onnx_parser {
  icn_source *source;
  const icn_external *external;
  const uint8_t *start; /* of the file: messages say at which byte */
  icn_error *error;
  icn_status status;
  char where[200]; /* begins every message: "node 'conv1' (Conv)" */
} icn_onnx_parser;

/* What a field must be on the wire. The plural ones are repeated numbers, packed or one by one. */
typedef enum icn_wire {
  ICN_WIRE_SKIP = 0,
  ICN_WIRE_INT,
  ICN_WIRE_INTS,
  ICN_WIRE_FLOAT,
  ICN_WIRE_FLOATS,
  ICN_WIRE_DOUBLES,
  ICN_WIRE_BYTES
} icn_wire;

enum { ICN_ONNX_FIELDS = 32 };
typedef struct icn_onnx_schema {
  const char *name;              /* of the message, for people */
  uint8_t wire[ICN_ONNX_FIELDS]; /* icn_wire by field number; others are stepped over */
} icn_onnx_schema;

typedef struct icn_onnx_message {
  const icn_onnx_schema *schema;
  const uint8_t *end;
  pb_istream_t stream;
} icn_onnx_message;

typedef struct icn_onnx_field {
  uint32_t number;
  pb_wire_type_t type; /* as the file has it */
  icn_wire wire;       /* as the schema wants it */
  uint64_t value;      /* of a varint */
  icn_span bytes;      /* everything else: the 4 or 8 bytes of a number, a text, a sub-message, packed numbers */
  const uint8_t *at;   /* its tag */
} icn_onnx_field;

/* Says "WHERE: sentence (byte N)" and makes that the parse's status, which it returns. `at` NULL: without the byte. */
icn_status icn_onnx_fail(icn_onnx_parser *parser, icn_status code, const uint8_t *at, const char *format, ...) ICN_PRINTF(4, 5);
icn_status icn_onnx_no_memory(icn_onnx_parser *parser, size_t bytes);
void icn_onnx_where(icn_onnx_parser *parser, const char *format, ...) ICN_PRINTF(2, 3);

icn_onnx_message icn_onnx_open(const icn_onnx_schema *schema, icn_span span);
/* The next field that the schema names; false at the end and at a failure. */
bool icn_onnx_next(icn_onnx_parser *parser, icn_onnx_message *message, icn_onnx_field *field);

/* Numbers in a field of INTS, FLOATS or DOUBLES. */
size_t icn_onnx_count(icn_onnx_parser *parser, const icn_onnx_field *field);
/* Walks the numbers of a field of INTS. */
typedef struct icn_onnx_ints {
  const icn_onnx_field *field;
  pb_istream_t stream;
  bool done;
} icn_onnx_ints;
icn_onnx_ints icn_onnx_ints_open(const icn_onnx_field *field);
bool icn_onnx_ints_next(icn_onnx_parser *parser, icn_onnx_ints *ints, int64_t *value);
/* The number at data[0..4), little-endian, at any address. */
float icn_onnx_float(const uint8_t *data);

/* A copy with a NUL, in the source's arena. `name` texts must not hold a NUL themselves. NULL after a failure. */
const char *icn_onnx_text(icn_onnx_parser *parser, const icn_onnx_field *field);
const char *icn_onnx_name(icn_onnx_parser *parser, const icn_onnx_field *field);

/* The parts, each in its own file. */
icn_status icn_onnx_tensor(icn_onnx_parser *parser, icn_span span, icn_source_tensor *tensor);
icn_status icn_onnx_node(icn_onnx_parser *parser, icn_span span, size_t index, icn_source_node *node);

#endif
