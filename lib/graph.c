#include "graph.h"

#include <assert.h>
#include <string.h>

void icn_graph_init(icn_graph *graph, const icn_allocator *allocator) {
  memset(graph, 0, sizeof *graph);
  icn_arena_init(&graph->arena, allocator);
  icn_arena_init(&graph->constants, allocator);
}

void icn_graph_fini(icn_graph *graph) {
  icn_arena_fini(&graph->arena);
  icn_arena_fini(&graph->constants);
  icn_allocator allocator = graph->arena.allocator;
  icn_graph_init(graph, &allocator);
}

void icn_graph_drop_constants(icn_graph *graph) {
  static const char gone[sizeof(double)];
  icn_allocator allocator = graph->arena.allocator;
  icn_arena_fini(&graph->constants);
  icn_arena_init(&graph->constants, &allocator);
  for (size_t v = 0; v < graph->value_count; v++)
    if (graph->values[v].data != NULL) graph->values[v].data = gone;
}

/* Room for at least one, so that NULL is no memory. */
static void *array_copy(icn_arena *arena, const void *items, size_t count, size_t size) {
  void *copy = icn_arena_array(arena, count > 0 ? count : 1, size);
  if (copy != NULL && count > 0) memcpy(copy, items, count * size);
  return copy;
}

icn_status icn_graph_copy(const icn_graph *from, icn_graph *to, icn_error *error) {
  icn_graph copy = *from;
  bool ok = true;
  copy.values = array_copy(&to->arena, from->values, from->value_count, sizeof *copy.values);
  copy.nodes = array_copy(&to->arena, from->nodes, from->node_count, sizeof *copy.nodes);
  copy.inputs = array_copy(&to->arena, from->inputs, from->input_count, sizeof *copy.inputs);
  copy.outputs = array_copy(&to->arena, from->outputs, from->output_count, sizeof *copy.outputs);
  copy.output_names = array_copy(&to->arena, from->output_names, from->output_count, sizeof *copy.output_names);
  ok = copy.values != NULL && copy.nodes != NULL && copy.inputs != NULL && copy.outputs != NULL && copy.output_names != NULL;
  for (size_t n = 0; n < from->node_count && ok; n++) {
    copy.nodes[n].inputs = array_copy(&to->arena, from->nodes[n].inputs, (size_t)from->nodes[n].input_count, sizeof(int));
    ok = copy.nodes[n].inputs != NULL;
  }
  if (!ok) return icn_error_memory(error, from->node_count * sizeof *copy.nodes, "a copy of the graph");
  copy.value_capacity = from->value_count;
  copy.node_capacity = from->node_count;
  copy.arena = to->arena;
  copy.constants = to->constants;
  *to = copy;
  return ICN_OK;
}

/* ------------------------------------------------------------------ adding */

int icn_graph_add_value(icn_graph *graph, const char *name, const icn_shape *shape, icn_dtype dtype) {
  if (graph->value_count >= INT32_MAX) return -1;
  char *copy =
      name != NULL ? icn_arena_text(&graph->arena, name, strlen(name)) : icn_arena_format(&graph->arena, "value_%zu", graph->value_count);
  if (copy == NULL) return -1;
  icn_value *values = icn_arena_grow(&graph->arena, graph->values, graph->value_count, &graph->value_capacity, sizeof *values);
  if (values == NULL) return -1;
  graph->values = values;
  icn_value *value = &values[graph->value_count];
  memset(value, 0, sizeof *value);
  value->name = copy;
  value->shape = icn_shape_make(shape->rank, shape->dim);
  value->dtype = dtype;
  value->producer = -1;
  return (int)graph->value_count++;
}

int icn_graph_add_constant(icn_graph *graph, const char *name, const icn_shape *shape, icn_dtype dtype, const void *data) {
  assert(data != NULL);
  int index = icn_graph_add_value(graph, name, shape, dtype);
  if (index >= 0) graph->values[index].data = data;
  return index;
}

/* Room for one node with its own copy of `inputs`; not counted yet. */
static icn_node *reserve_node(icn_graph *graph, const char *name, const char *origin, const int *inputs, int input_count) {
  icn_node *nodes = icn_arena_grow(&graph->arena, graph->nodes, graph->node_count, &graph->node_capacity, sizeof *nodes);
  if (nodes == NULL) return NULL;
  graph->nodes = nodes;
  icn_node *node = &nodes[graph->node_count];
  memset(node, 0, sizeof *node);
  node->name =
      name != NULL ? icn_arena_text(&graph->arena, name, strlen(name)) : icn_arena_format(&graph->arena, "node_%zu", graph->node_count);
  node->origin = icn_arena_text(&graph->arena, origin != NULL ? origin : "", origin != NULL ? strlen(origin) : 0);
  node->inputs = icn_arena_array(&graph->arena, input_count > 0 ? (size_t)input_count : 1, sizeof(int));
  if (node->name == NULL || node->origin == NULL || node->inputs == NULL) return NULL;
  if (input_count > 0) memcpy(node->inputs, inputs, (size_t)input_count * sizeof(int));
  node->input_count = input_count;
  return node;
}

int icn_graph_add_node(icn_graph *graph, icn_op op, const char *name, const char *origin, const int *inputs, int input_count,
                       const icn_params *params, const char *output_name, const icn_shape *shape) {
  if (graph->node_count >= INT32_MAX) return -1;
  icn_node *node = reserve_node(graph, name, origin, inputs, input_count);
  if (node == NULL) return -1;
  node->op = op;
  if (params != NULL) node->params = *params;
  int output = icn_graph_add_value(graph, output_name, shape, ICN_F32);
  if (output < 0) return -1;
  node->output = output;
  graph->values[output].producer = (int)graph->node_count++;
  return output;
}

bool icn_graph_insert_node(icn_graph *graph, int index) {
  if (graph->node_count >= INT32_MAX) return false;
  icn_node *nodes = icn_arena_grow(&graph->arena, graph->nodes, graph->node_count, &graph->node_capacity, sizeof *nodes);
  if (nodes == NULL) return false;
  graph->nodes = nodes;
  memmove(&nodes[index + 1], &nodes[index], (graph->node_count - (size_t)index) * sizeof *nodes);
  memset(&nodes[index], 0, sizeof *nodes);
  graph->node_count++;
  for (size_t v = 0; v < graph->value_count; v++)
    if (graph->values[v].producer >= index) graph->values[v].producer++;
  return true;
}

/* ----------------------------------------------------------------- queries */

void icn_graph_count_uses(const icn_graph *graph, int *uses) {
  if (graph->value_count == 0) return;
  memset(uses, 0, graph->value_count * sizeof(int));
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_NONE) continue;
    for (int i = 0; i < node->input_count; i++) {
      if (node->inputs[i] != ICN_NO_VALUE) uses[node->inputs[i]]++;
    }
  }
  for (size_t i = 0; i < graph->output_count; i++) uses[graph->outputs[i]]++;
}

icn_shape icn_graph_whole_shape(const icn_graph *graph, int value) {
  icn_shape shape = graph->values[value].shape;
  if (graph->values[value].sliced) shape.dim[0] *= graph->slices;
  return shape;
}

void icn_graph_replace_value(icn_graph *graph, int from, int to) {
  for (size_t n = 0; n < graph->node_count; n++) {
    icn_node *node = &graph->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
      if (node->inputs[i] == from) node->inputs[i] = to;
    }
  }
  for (size_t i = 0; i < graph->output_count; i++) {
    if (graph->outputs[i] == from) graph->outputs[i] = to;
  }
}

static void dump_value(const icn_graph *graph, int index, icn_text *text) {
  if (index == ICN_NO_VALUE) {
    icn_text_append(text, "-");
    return;
  }
  char shape[ICN_SHAPE_TEXT_BYTES];
  const icn_value *value = &graph->values[index];
  icn_text_append(text, "%s%s[%s]", value->data != NULL ? "const " : "", value->name, icn_shape_text(&value->shape, shape));
}

void icn_graph_dump(const icn_graph *graph, icn_text *text) {
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_NONE) continue;
    icn_text_append(text, "%s \"%s\"", icn_op_name(node->op), node->name);
    if (node->params.function != ICN_FN_IDENTITY) icn_text_append(text, " %s", icn_function_name(node->params.function));
    icn_text_append(text, " (");
    for (int i = 0; i < node->input_count; i++) {
      if (i > 0) icn_text_append(text, ", ");
      dump_value(graph, node->inputs[i], text);
    }
    icn_text_append(text, ") -> ");
    dump_value(graph, node->output, text);
    if (node->epilogue.function != ICN_FN_IDENTITY) icn_text_append(text, " then %s", icn_function_name(node->epilogue.function));
    icn_text_append(text, "\n");
  }
}

/* --------------------------------------------------------------- constants */

float icn_half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
  uint32_t exponent = half >> 10 & 31U;
  uint32_t fraction = half & 1023U;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000U | fraction << 13; /* infinity, NaN */
  } else if (exponent != 0) {
    bits = sign | (exponent + 112U) << 23 | fraction << 13;
  } else {
    float magnitude = (float)fraction * (1.0F / 16777216.0F); /* subnormal: fraction * 2^-24, exact */
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= sign;
  }
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint16_t icn_float_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000U, magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return (uint16_t)(sign | 0x7E00U);  /* NaN */
  if (magnitude >= 0x477FF000U) return (uint16_t)(sign | 0x7C00U); /* 65520 and more */
  /* Normal: 13 bits of the fraction go; subnormal: the step is 2^-24 whatever the exponent. */
  const uint32_t exponent = magnitude >> 23, drop = exponent >= 113 ? 13 : 126 - exponent;
  if (drop > 24) return (uint16_t)sign; /* below 2^-25 */
  const uint32_t kept = exponent >= 113 ? magnitude - (112U << 23) : (magnitude & 0x7FFFFFU) | 0x800000U;
  const uint32_t half = kept >> drop, rest = kept & ((1U << drop) - 1U), middle = 1U << (drop - 1);
  return (uint16_t)(sign | (half + (rest > middle || (rest == middle && (half & 1U) != 0))));
}

/* Loads one element of `type` from a place that may be unaligned. */
#define LOAD(type, name, value, i) \
  type name;                       \
  memcpy(&name, (const char *)(value)->data + (size_t)(i) * sizeof name, sizeof name)

float icn_const_f32(const icn_value *value, int64_t i) {
  switch (value->dtype) {
    case ICN_F32: {
      LOAD(float, x, value, i);
      return x;
    }
    case ICN_F16: {
      LOAD(uint16_t, x, value, i);
      return icn_half_to_float(x);
    }
    case ICN_BF16: { /* the upper half of a float */
      LOAD(uint16_t, x, value, i);
      const uint32_t bits = (uint32_t)x << 16;
      float whole;
      memcpy(&whole, &bits, sizeof whole);
      return whole;
    }
    case ICN_F64: {
      LOAD(double, x, value, i);
      return (float)x;
    }
    default:
      return (float)icn_const_i64(value, i);
  }
}

int64_t icn_const_i64(const icn_value *value, int64_t i) {
  switch (value->dtype) {
    case ICN_I64: {
      LOAD(int64_t, x, value, i);
      return x;
    }
    case ICN_I32: {
      LOAD(int32_t, x, value, i);
      return x;
    }
    case ICN_I8: {
      LOAD(int8_t, x, value, i);
      return x;
    }
    case ICN_U8:
    case ICN_BOOL: {
      LOAD(uint8_t, x, value, i);
      return x;
    }
    default: {
      float x = icn_const_f32(value, i);
      if (!(x > -9.2e18F)) return INT64_MIN; /* NaN too: a conversion out of range would be undefined */
      return x < 9.2e18F ? (int64_t)x : INT64_MAX;
    }
  }
}

void icn_const_copy_f32(const icn_value *value, int64_t count, float *to) {
  if (count <= 0) return;
  if (value->dtype == ICN_F32) {
    memcpy(to, value->data, (size_t)count * sizeof *to);
  } else {
    for (int64_t i = 0; i < count; i++) to[i] = icn_const_f32(value, i);
  }
}

const float *icn_const_floats(const icn_value *value, icn_arena *arena) {
  if (value->dtype == ICN_F32 && (uintptr_t)value->data % sizeof(float) == 0) return value->data;
  int64_t elems = icn_shape_elems(&value->shape);
  if (elems < 0) return NULL;
  float *copy = icn_arena_array(arena, elems > 0 ? (size_t)elems : 1, sizeof *copy);
  if (copy == NULL) return NULL;
  icn_const_copy_f32(value, elems, copy);
  return copy;
}
