#include "weight_key.h"

#include <float.h>
#include <string.h>

#include "sources_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint64_t BYTE_ORDER_MARK = 0x0102030405060708;

bool icn_is_resample_index(const icn_graph *graph, int value) {
  for (size_t i = 0; i < graph->node_count; i++) {
    const icn_node *node = &graph->nodes[i];
    if (node->op == ICN_OP_RESAMPLE && node->input_count > 1 && node->inputs[1] == value) return true;
  }
  return false;
}

static void add(XXH3_state_t *state, const void *data, size_t bytes) { (void)XXH3_128bits_update(state, data, bytes); }

static void add_number(XXH3_state_t *state, uint64_t number) { add(state, &number, sizeof number); }

static void add_text(XXH3_state_t *state, const char *text) {
  add_number(state, strlen(text)); /* so that no two lists of texts look alike */
  add(state, text, strlen(text));
}

static void add_constant(XXH3_state_t *state, const icn_graph *graph, int index) {
  const icn_value *value = &graph->values[index];
  add_number(state, (uint64_t)value->dtype);
  add_number(state, (uint64_t)value->shape.rank);
  for (int k = 0; k < value->shape.rank; k++) add_number(state, (uint64_t)value->shape.dim[k]);
  add(state, value->data, (size_t)icn_shape_elems(&value->shape) * icn_dtype_bytes(value->dtype));
}

/* The constant inputs of one of a layer's nodes. */
static void add_node(XXH3_state_t *state, const icn_graph *graph, const icn_plan_layer *layer, int index) {
  const icn_node *node = &graph->nodes[index];
  for (int i = 0; i < node->input_count && i < ICN_MAX_INPUTS; i++) {
    const bool constant = icn_problem_is_constant(&layer->problem, i);
    add_number(state, constant);
    if (constant) add_constant(state, graph, node->inputs[i]);
  }
}

static void add_layer(XXH3_state_t *state, const icn_graph *graph, const icn_plan_layer *layer) {
  char key[ICN_KEY_BYTES];
  add_text(state, layer->choice.row->name);
  add_text(state, icn_problem_key(&layer->problem, key));
  add_number(state, icn_row_packs_halves(layer->choice.row, &layer->problem));
  for (size_t i = 0; i < sizeof layer->choice.config.value / sizeof layer->choice.config.value[0]; i++)
    add_number(state, (uint64_t)layer->choice.config.value[i]);
  add_node(state, graph, layer, layer->node);
  add_number(state, layer->beside >= 0);
  if (layer->beside >= 0) add_node(state, graph, layer, layer->beside);
}

static void add_build(XXH3_state_t *state) {
  add_text(state, icn_version());
  add_text(state, icn_sources_hash);
  add_number(state, BYTE_ORDER_MARK);
  add_number(state, sizeof(void *));
  add_number(state, (uint64_t)FLT_EVAL_METHOD); /* x87 rounds otherwise */
}

icn_cache_key icn_weight_key(const icn_executor *executor) {
  XXH3_state_t state;
  const icn_graph *graph = &executor->graph;
  const icn_plan *plan = &executor->plan;
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  add_build(&state);
  for (size_t i = 0; i < plan->buffer_count; i++) {
    const icn_plan_buffer *buffer = &plan->buffers[i];
    if (!icn_buffer_is_weight(buffer)) continue;
    add_number(&state, (uint64_t)buffer->kind);
    add_number(&state, buffer->bytes);
    if (buffer->kind == ICN_BUFFER_PACKED) add_layer(&state, graph, &plan->layers[buffer->index]);
    if (buffer->kind != ICN_BUFFER_CONSTANT) continue;
    add_number(&state, icn_is_resample_index(graph, buffer->value));
    add_constant(&state, graph, buffer->value);
  }
  XXH128_canonical_t canonical;
  icn_cache_key key;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  memcpy(key.bytes, canonical.digest, sizeof key.bytes);
  return key;
}
