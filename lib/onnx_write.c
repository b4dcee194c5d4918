/* Every message is encoded twice: to count its bytes, which stand before it, and to write them. The data of tensors are converted in the
 * second walk only. */
#include "onnx_write.h"

#include <pb_encode.h>
#include <string.h>

#include "recipe_text.h"

enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_METADATA = 14, OPSET_VERSION = 2 };
enum { METADATA_KEY = 1, METADATA_VALUE = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum { ATTR_NAME = 1, ATTR_F = 2, ATTR_I = 3, ATTR_S = 4, ATTR_FLOATS = 7, ATTR_INTS = 8, ATTR_TYPE = 20 };
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9, TYPE_FLOAT = 1 };
enum {
  VALUE_NAME = 1,
  VALUE_TYPE = 2,
  TYPE_TENSOR = 1,
  TENSOR_TYPE_ELEM = 1,
  TENSOR_TYPE_SHAPE = 2,
  SHAPE_DIM = 1,
  DIM_VALUE = 1,
  DIM_NAME = 2
};
enum { CHUNK = 2048 /* floats that are converted at once */ };

typedef struct writing {
  const icn_source *source;
  const icn_shape *shapes;
  const icn_onnx_sink *sink;
  icn_error *error;
  icn_status status; /* of the sink */
} writing;

typedef bool encoder(pb_ostream_t *out, const void *what);

/* An input's or output's name and shape. */
typedef struct value_info {
  const char *name;
  const icn_shape *shape;
} value_info;

/* -------------------------------------------------------------- the pieces */

static bool put_message(pb_ostream_t *out, uint32_t field, encoder *encode, const void *what) {
  pb_ostream_t sizing = PB_OSTREAM_SIZING;
  return encode(&sizing, what) && pb_encode_tag(out, PB_WT_STRING, field) && pb_encode_varint(out, sizing.bytes_written) &&
         encode(out, what);
}

static bool put_text(pb_ostream_t *out, uint32_t field, const char *text) {
  return pb_encode_tag(out, PB_WT_STRING, field) && pb_encode_string(out, (const pb_byte_t *)text, strlen(text));
}

static bool put_int(pb_ostream_t *out, uint32_t field, int64_t value) {
  return pb_encode_tag(out, PB_WT_VARINT, field) && pb_encode_varint(out, (uint64_t)value);
}

static bool put_float(pb_ostream_t *out, uint32_t field, float value) {
  return pb_encode_tag(out, PB_WT_32BIT, field) && pb_encode_fixed32(out, &value);
}

/* ----------------------------------------------------------------- tensors */

static bool put_floats(pb_ostream_t *out, const icn_source_tensor *tensor, size_t elems) {
  float floats[CHUNK];
  if (out->callback == NULL) return pb_write(out, NULL, elems * sizeof *floats);
  for (size_t done = 0; done < elems; done += CHUNK) {
    const size_t count = elems - done < CHUNK ? elems - done : CHUNK;
    const icn_value value = {.dtype = tensor->dtype, .data = (const uint8_t *)tensor->data + done * icn_dtype_bytes(tensor->dtype)};
    icn_const_copy_f32(&value, (int64_t)count, floats);
    if (!pb_write(out, (const pb_byte_t *)floats, count * sizeof *floats)) return false;
  }
  return true;
}

static bool put_tensor(pb_ostream_t *out, const void *what) {
  const icn_source_tensor *tensor = what;
  const size_t elems = (size_t)icn_shape_elems(&tensor->shape);
  for (int k = 0; k < tensor->shape.rank; k++)
    if (!put_int(out, TENSOR_DIM, tensor->shape.dim[k])) return false;
  return put_int(out, TENSOR_TYPE, TYPE_FLOAT) && put_text(out, TENSOR_NAME, tensor->name) &&
         pb_encode_tag(out, PB_WT_STRING, TENSOR_RAW) && pb_encode_varint(out, elems * sizeof(float)) && put_floats(out, tensor, elems);
}

/* ------------------------------------------------------------------- nodes */

static bool put_attr(pb_ostream_t *out, const void *what) {
  const icn_source_attr *attr = what;
  bool ok = put_text(out, ATTR_NAME, attr->name) && put_int(out, ATTR_TYPE, attr->kind);
  if (attr->kind == ICN_ATTR_FLOAT) ok = ok && put_float(out, ATTR_F, attr->f);
  if (attr->kind == ICN_ATTR_INT) ok = ok && put_int(out, ATTR_I, attr->i);
  if (attr->kind == ICN_ATTR_STRING) ok = ok && put_text(out, ATTR_S, attr->s);
  for (size_t i = 0; ok && attr->kind == ICN_ATTR_FLOATS && i < attr->count; i++) ok = put_float(out, ATTR_FLOATS, attr->floats[i]);
  for (size_t i = 0; ok && attr->kind == ICN_ATTR_INTS && i < attr->count; i++) ok = put_int(out, ATTR_INTS, attr->ints[i]);
  return ok;
}

static bool put_node(pb_ostream_t *out, const void *what) {
  const icn_source_node *node = what;
  bool ok = true;
  for (size_t i = 0; ok && i < node->input_count; i++) ok = put_text(out, NODE_INPUT, node->inputs[i]);
  for (size_t i = 0; ok && i < node->output_count; i++) ok = put_text(out, NODE_OUTPUT, node->outputs[i]);
  ok = ok && put_text(out, NODE_NAME, node->name) && put_text(out, NODE_OP, node->op);
  for (size_t i = 0; ok && i < node->attr_count; i++) ok = put_message(out, NODE_ATTRIBUTE, put_attr, &node->attrs[i]);
  return ok && (node->domain[0] == '\0' || put_text(out, NODE_DOMAIN, node->domain));
}

/* ------------------------------------------------------- inputs and outputs */

static bool put_dim(pb_ostream_t *out, const void *what) {
  const int64_t dim = *(const int64_t *)what;
  return dim < 0 ? put_text(out, DIM_NAME, "N") : put_int(out, DIM_VALUE, dim);
}

static bool put_shape(pb_ostream_t *out, const void *what) {
  const icn_shape *shape = what;
  bool ok = true;
  for (int k = 0; ok && k < shape->rank; k++) ok = put_message(out, SHAPE_DIM, put_dim, &shape->dim[k]);
  return ok;
}

static bool put_tensor_type(pb_ostream_t *out, const void *what) {
  return put_int(out, TENSOR_TYPE_ELEM, TYPE_FLOAT) && put_message(out, TENSOR_TYPE_SHAPE, put_shape, what);
}

static bool put_type(pb_ostream_t *out, const void *what) { return put_message(out, TYPE_TENSOR, put_tensor_type, what); }

static bool put_value(pb_ostream_t *out, const void *what) {
  const value_info *value = what;
  return put_text(out, VALUE_NAME, value->name) && put_message(out, VALUE_TYPE, put_type, value->shape);
}

/* ------------------------------------------------------------------- model */

static bool put_graph(pb_ostream_t *out, const void *what) {
  const writing *w = what;
  const icn_source *source = w->source;
  bool ok = true;
  for (size_t i = 0; ok && i < source->node_count; i++) ok = put_message(out, GRAPH_NODE, put_node, &source->nodes[i]);
  ok = ok && put_text(out, GRAPH_NAME, "network");
  for (size_t i = 0; ok && i < source->tensor_count; i++) ok = put_message(out, GRAPH_INITIALIZER, put_tensor, &source->tensors[i]);
  for (size_t i = 0; ok && i < source->input_count; i++)
    ok = put_message(out, GRAPH_INPUT, put_value, &(value_info){source->inputs[i].name, &source->inputs[i].shape});
  for (size_t i = 0; ok && i < source->output_count; i++)
    ok = put_message(out, GRAPH_OUTPUT, put_value, &(value_info){source->outputs[i], &w->shapes[i]});
  return ok;
}

static bool put_opset(pb_ostream_t *out, const void *what) { return put_int(out, OPSET_VERSION, *(const int64_t *)what); }

/* The preprocessing recipe, which the file then carries. */
static bool put_recipe(pb_ostream_t *out, const void *what) {
  return put_text(out, METADATA_KEY, ICN_RECIPE_KEY) && put_text(out, METADATA_VALUE, what);
}

static bool put_model(pb_ostream_t *out, const void *what) {
  const writing *w = what;
  return put_int(out, MODEL_IR_VERSION, w->source->ir_version) && put_text(out, MODEL_PRODUCER, w->source->producer) &&
         put_message(out, MODEL_OPSET, put_opset, &w->source->opset) && put_message(out, MODEL_GRAPH, put_graph, w) &&
         (w->source->recipe == NULL || put_message(out, MODEL_METADATA, put_recipe, w->source->recipe));
}

static bool to_sink(pb_ostream_t *out, const pb_byte_t *data, size_t bytes) {
  writing *w = out->state;
  if (w->status == ICN_OK) w->status = w->sink->take(w->sink->user, data, bytes, w->error);
  return w->status == ICN_OK;
}

/* The floats alone, before anything counts bytes in a size_t, which may have 32 bits. */
static icn_status check_bytes(const icn_source *source, icn_error *error) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < source->tensor_count && bytes <= INT32_MAX; i++) {
    const uint64_t elems = (uint64_t)icn_shape_elems(&source->tensors[i].shape);
    bytes += elems > INT32_MAX ? (uint64_t)INT32_MAX + 1 : elems * sizeof(float);
  }
  return bytes <= INT32_MAX ? ICN_OK
                            : icn_error_set(error, ICN_UNSUPPORTED,
                                            "the model's weights have more than the 2 GiB that an ONNX file in one piece may have");
}

static icn_status check_parts(const icn_source *source, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < source->tensor_count; i++) {
    const icn_source_tensor *tensor = &source->tensors[i];
    ICN_REQUIRE(tensor->supported && icn_dtype_is_float(tensor->dtype) && icn_shape_elems(&tensor->shape) >= 0, ICN_UNSUPPORTED,
                "the tensor '%.100s' holds no floats: it cannot be written", tensor->name);
  }
  for (size_t n = 0; n < source->node_count; n++) {
    for (size_t i = 0; i < source->nodes[n].attr_count; i++) {
      const icn_attr_kind kind = source->nodes[n].attrs[i].kind;
      ICN_REQUIRE(
          kind == ICN_ATTR_FLOAT || kind == ICN_ATTR_INT || kind == ICN_ATTR_STRING || kind == ICN_ATTR_FLOATS || kind == ICN_ATTR_INTS,
          ICN_UNSUPPORTED, "the attribute '%.60s' of node '%.100s' is of a kind that cannot be written", source->nodes[n].attrs[i].name,
          source->nodes[n].name);
    }
  }
done:
  return status;
}

icn_status icn_onnx_write(const icn_source *source, const icn_shape *shapes, const icn_onnx_sink *sink, icn_error *error) {
  icn_status status = ICN_OK;
  writing w = {source, shapes, sink, error, ICN_OK};
  pb_ostream_t sizing = PB_OSTREAM_SIZING, out = {.callback = to_sink, .state = &w, .max_size = SIZE_MAX};
  ICN_TRY(check_parts(source, error));
  ICN_TRY(check_bytes(source, error));
  ICN_REQUIRE(put_model(&sizing, &w) && sizing.bytes_written <= INT32_MAX, ICN_UNSUPPORTED,
              "the model would have %zu bytes, and an ONNX file in one piece may have 2 GiB", sizing.bytes_written);
  if (!put_model(&out, &w)) status = w.status != ICN_OK ? w.status : icn_error_set(error, ICN_FORMAT, "the model cannot be encoded");
done:
  return status;
}
