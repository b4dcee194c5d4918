/* Layers: a problem on the places of its operands, the row that computes it, the launches that the row makes. */
#include <string.h>

#include "lower.h"
#include "row_space.h"

int icn_lower_storage(icn_lowering *lowering, icn_buffer_kind kind, int index, int value, uint64_t bytes) {
  icn_storage *storages =
      icn_arena_grow(&lowering->plan->arena, lowering->storages, lowering->storage_count, &lowering->storage_capacity, sizeof *storages);
  if (storages == NULL) return -1;
  lowering->storages = storages;
  storages[lowering->storage_count] = (icn_storage){kind, index, value, bytes, 0};
  return (int)lowering->storage_count++;
}

static int constant_storage(icn_lowering *lowering, int value) {
  if (lowering->constants[value] < 0) {
    uint64_t bytes = (uint64_t)icn_shape_elems(&lowering->graph->values[value].shape) * sizeof(float);
    lowering->constants[value] = icn_lower_storage(lowering, ICN_BUFFER_CONSTANT, -1, value, bytes);
  }
  return lowering->constants[value];
}

/* ------------------------------------------------------------------- reads */

icn_status icn_lower_read(icn_lowering *lowering, int value, icn_slot *slot, icn_error *error) {
  const icn_value *read = &lowering->graph->values[value];
  if (read->data != NULL) return icn_lower_read_raw(lowering, value, slot, error);
  *slot = lowering->slots[value];
  if (!read->is_input || lowering->input_copied[value]) return ICN_OK;
  lowering->input_copied[value] = true;
  const char *name = icn_arena_format(&lowering->plan->arena, "input %s", read->name);
  if (name == NULL) return icn_error_memory(error, strlen(read->name), "a layer's name");
  return icn_lower_copy(lowering, name, -1, &lowering->raw[value], slot, error);
}

icn_status icn_lower_read_raw(icn_lowering *lowering, int value, icn_slot *slot, icn_error *error) {
  const icn_value *read = &lowering->graph->values[value];
  *slot = lowering->raw[value].storage >= 0 ? lowering->raw[value] : lowering->slots[value];
  if (read->data == NULL) return ICN_OK;
  *slot = (icn_slot){constant_storage(lowering, value), icn_view_dense(&read->shape)};
  if (slot->storage < 0) return icn_error_memory(error, sizeof(icn_storage), "a constant's place");
  return ICN_OK;
}

/* ------------------------------------------------------------- one layer */

/* One buffer for all layers, as large as the largest need. */
static int common_storage(icn_lowering *lowering, int *storage, icn_buffer_kind kind, uint64_t bytes) {
  if (*storage < 0) *storage = icn_lower_storage(lowering, kind, -1, -1, bytes);
  if (*storage >= 0 && lowering->storages[*storage].bytes < bytes) lowering->storages[*storage].bytes = bytes;
  return *storage;
}

/* The constants of two nodes are the same elements. */
static bool same_constants(const icn_graph *graph, int a, int b, const icn_problem *problem) {
  if (a < 0 || b < 0) return a == b;
  for (int i = 0; i < graph->nodes[a].input_count && i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(problem, i) || !icn_problem_is_constant(problem, i)) continue;
    const icn_value *one = &graph->values[graph->nodes[a].inputs[i]], *other = &graph->values[graph->nodes[b].inputs[i]];
    if (one->data != other->data || one->dtype != other->dtype) return false;
  }
  return true;
}

/* Both layers have the same packed weights: a model may read one constant in many places. */
static bool same_packing(const icn_graph *graph, const icn_plan_layer *a, const icn_plan_layer *b) {
  const icn_problem *p = &a->problem, *q = &b->problem;
  if (a->choice.row != b->choice.row || memcmp(&a->choice.config, &b->choice.config, sizeof a->choice.config) != 0) return false;
  if (p->present != q->present || p->constant != q->constant || p->precision != q->precision || p->turned != q->turned) return false;
  if (memcmp(&p->params, &q->params, sizeof p->params) != 0 || !icn_shape_equal(&p->out.shape, &q->out.shape)) return false;
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(p, i) && !icn_shape_equal(&p->in[i].shape, &q->in[i].shape)) return false;
  return same_constants(graph, a->node, b->node, p) && same_constants(graph, a->beside, b->beside, p);
}

/* Those of an earlier layer, or new ones. */
static int packed_storage(icn_lowering *lowering, const icn_plan_layer *layer) {
  const icn_plan *plan = lowering->plan;
  for (size_t l = 0; l < plan->layer_count; l++) {
    const icn_plan_layer *other = &plan->layers[l];
    const int storage = other->place[ICN_OPERAND_PACKED].buffer;
    if (storage >= 0 && same_packing(lowering->graph, other, layer)) return storage;
  }
  return icn_lower_storage(lowering, ICN_BUFFER_PACKED, (int)plan->layer_count, -1,
                           icn_row_pack_bytes(layer->choice.row, &layer->problem, &layer->choice.config));
}

static int operand_storage(icn_lowering *lowering, const icn_plan_layer *layer, const icn_operands *slots, int operand) {
  if (operand == ICN_OPERAND_OUT) return slots->out.storage;
  if (operand == ICN_OPERAND_ZEROS) {
    return common_storage(lowering, &lowering->zeros, ICN_BUFFER_ZEROS, layer->emit.zeros_elems * sizeof(float));
  }
  if (operand == ICN_OPERAND_LIBRARY) return common_storage(lowering, &lowering->library, ICN_BUFFER_LIBRARY, layer->emit.library_bytes);
  if (operand == ICN_OPERAND_PACKED) return packed_storage(lowering, layer);
  if (operand >= ICN_OPERAND_SCRATCH) {
    return icn_lower_storage(lowering, ICN_BUFFER_ARENA, -1, -1, layer->emit.scratch_bytes[operand - ICN_OPERAND_SCRATCH]);
  }
  if (!icn_problem_is_constant(&layer->problem, operand)) return slots->in[operand].storage;
  return constant_storage(lowering, lowering->graph->nodes[layer->node].inputs[operand]);
}

static icn_status place_operands(icn_lowering *lowering, icn_plan_layer *layer, const icn_operands *slots, icn_error *error) {
  for (int operand = 0; operand < ICN_OPERAND_COUNT; operand++) {
    layer->place[operand] = (icn_place){-1, 0};
    if (!icn_emit_uses(&layer->emit, operand)) continue;
    layer->place[operand].buffer = operand_storage(lowering, layer, slots, operand);
    if (layer->place[operand].buffer < 0) return icn_error_memory(error, sizeof(icn_storage), "an operand's place");
    if (lowering->slicing) layer->slice_elems[operand] = lowering->storages[layer->place[operand].buffer].slice_elems;
  }
  return ICN_OK;
}

/* The choice that was made beforehand for the layer's node, where it is for this problem: the node may also need copies. */
static const icn_fixed_choice *fixed_choice(const icn_lowering *lowering, const icn_plan_layer *layer) {
  const icn_fixed_choice *fixed = lowering->request->fixed == NULL || layer->node < 0 ? NULL : &lowering->request->fixed[layer->node];
  if (fixed == NULL || fixed->choice.row == NULL || fixed->choice.row->op != layer->problem.op) return NULL;
  const icn_row *row = fixed->choice.row;
  return icn_select_may(row, &layer->problem, lowering->device, lowering->request->forced_rows, NULL) &&
                 icn_row_takes(row, &layer->problem, lowering->device, &fixed->choice.config, NULL)
             ? fixed
             : NULL;
}

static icn_status choose(icn_lowering *lowering, icn_plan_layer *layer, icn_error *error) {
  icn_status status = ICN_OK;
  icn_text why;
  icn_text_init(&why, &lowering->plan->arena.allocator);
  bool wanted = lowering->request->why;
  ICN_TRY(icn_select_tuned(lowering->rows, &layer->problem, lowering->device, lowering->request->forced_rows, lowering->request->tuning,
                           layer->name, &layer->choice, wanted ? &why : NULL, error));
  const icn_fixed_choice *fixed = fixed_choice(lowering, layer);
  if (fixed != NULL) layer->choice = fixed->choice;
  if (wanted) {
    layer->why = icn_arena_format(&lowering->plan->arena, "%s%s", fixed == NULL ? "" : fixed->why, why.data == NULL ? "" : why.data);
    if (layer->why == NULL) status = icn_error_memory(error, why.length, "the reasons of a choice");
  }
done:
  icn_text_fini(&why);
  return status;
}

icn_status icn_lower_layer(icn_lowering *lowering, const char *name, int node, int beside, const icn_problem *problem,
                           const icn_operands *slots, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan *plan = lowering->plan;
  icn_plan_layer *layers = icn_arena_grow(&plan->arena, plan->layers, plan->layer_count, &lowering->layer_capacity, sizeof *layers);
  if (layers == NULL) return icn_error_memory(error, sizeof *layers, "the plan's layers");
  plan->layers = layers;
  icn_plan_layer *layer = &layers[plan->layer_count];
  memset(layer, 0, sizeof *layer);
  layer->name = name;
  layer->node = node;
  layer->beside = beside;
  layer->slices = lowering->slicing ? lowering->graph->slices : 1;
  layer->problem = *problem;
  ICN_TRY(choose(lowering, layer, error));
  ICN_TRY(icn_row_emit(layer->choice.row, problem, lowering->device, &layer->choice.config, &layer->emit, error));
  ICN_TRY(place_operands(lowering, layer, slots, error));
  plan->layer_count++;
done:
  return status;
}

icn_status icn_lower_copy(icn_lowering *lowering, const char *name, int node, const icn_slot *from, const icn_slot *to, icn_error *error) {
  icn_problem problem;
  icn_operands slots;
  memset(&problem, 0, sizeof problem);
  memset(&slots, 0, sizeof slots);
  problem.op = ICN_OP_COPY;
  problem.present = 1;
  problem.in[0] = from->view;
  problem.out = to->view;
  slots.in[0] = *from;
  slots.out = *to;
  return icn_lower_layer(lowering, name, node, -1, &problem, &slots, error);
}

/* ------------------------------------------------------------ a graph node */

/* The node's problem with its operands where `slots` says. Broadcast inputs stay broadcast. */
icn_problem icn_lower_problem(const icn_lowering *lowering, const icn_node *node, const icn_operands *slots) {
  icn_problem problem = icn_problem_from_node(lowering->graph, node, 0);
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (!icn_problem_has(&problem, i) || icn_problem_is_constant(&problem, i)) continue;
    problem.in[i] = icn_view_broadcast(&slots->in[i].view, &problem.in[i].shape);
  }
  problem.out = slots->out.view;
  const bool weighted = node->op == ICN_OP_CONV || node->op == ICN_OP_CONV_TRANSPOSE || node->op == ICN_OP_MATMUL;
  if (weighted && icn_problem_is_constant(&problem, ICN_CONV_WEIGHT)) problem.precision = lowering->request->precision;
  return problem;
}

/* A second way for problems that no row takes where they lie: dense operands, NHWC or in the model's order. */
typedef enum relayout { RELAYOUT_COMPACT, RELAYOUT_MODEL_ORDER, RELAYOUT_COUNT } relayout;

static void relay(icn_slot *slot, relayout layout) {
  const icn_shape *shape = &slot->view.shape;
  icn_view view = layout == RELAYOUT_COMPACT ? icn_view_device(shape, 0) : icn_view_dense(shape);
  if (slot->storage < 0 || icn_lower_same_place(slot, &(icn_slot){slot->storage, view})) return;
  *slot = (icn_slot){-1, view};
}

static icn_operands relayed(const icn_problem *problem, const icn_operands *slots, relayout layout) {
  icn_operands other = *slots;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (icn_problem_has(problem, i) && !icn_problem_is_constant(problem, i)) relay(&other.in[i], layout);
  }
  relay(&other.out, layout);
  return other;
}

static icn_status give_memory(icn_lowering *lowering, icn_slot *slot, icn_error *error) {
  uint64_t bytes = (uint64_t)icn_shape_elems(&slot->view.shape) * sizeof(float);
  slot->storage = icn_lower_storage(lowering, ICN_BUFFER_ARENA, -1, -1, bytes);
  return slot->storage < 0 ? icn_error_memory(error, sizeof(icn_storage), "a copy's place") : ICN_OK;
}

/* Copies what was relayed, computes, copies the result to its place. */
static icn_status add_relayed(icn_lowering *lowering, int node, const icn_problem *problem, const icn_operands *slots, icn_operands *other,
                              icn_error *error) {
  icn_status status = ICN_OK;
  const char *name = lowering->graph->nodes[node].name;
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    if (slots->in[i].storage < 0 || other->in[i].storage >= 0) continue;
    ICN_TRY(give_memory(lowering, &other->in[i], error));
    ICN_TRY(icn_lower_copy(lowering, name, node, &slots->in[i], &other->in[i], error));
  }
  bool copy_out = other->out.storage < 0;
  if (copy_out) ICN_TRY(give_memory(lowering, &other->out, error));
  ICN_TRY(icn_lower_layer(lowering, name, node, -1, problem, other, error));
  if (copy_out) ICN_TRY(icn_lower_copy(lowering, name, node, &other->out, &slots->out, error));
done:
  return status;
}

icn_status icn_lower_operands(icn_lowering *lowering, const icn_node *node, icn_operands *slots, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_problem problem = icn_problem_from_node(lowering->graph, node, 0);
  memset(slots, 0, sizeof *slots);
  slots->out = lowering->slots[node->output];
  for (int i = 0; i < ICN_MAX_INPUTS; i++) {
    slots->in[i].storage = -1;
    if (!icn_problem_has(&problem, i) || icn_problem_is_constant(&problem, i)) continue;
    /* It moves every element anyway: a graph input need not be copied to the device's order first. */
    if (node->op == ICN_OP_AFFINE && i == 0)
      ICN_TRY(icn_lower_read_raw(lowering, node->inputs[i], &slots->in[i], error));
    else
      ICN_TRY(icn_lower_read(lowering, node->inputs[i], &slots->in[i], error));
  }
done:
  return status;
}

icn_status icn_lower_kernel(icn_lowering *lowering, int node, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_node *made = &lowering->graph->nodes[node];
  icn_choice choice;
  icn_operands slots;
  ICN_TRY(icn_lower_operands(lowering, made, &slots, error));
  icn_problem problem = icn_lower_problem(lowering, made, &slots);
  status = icn_lower_layer(lowering, made->name, node, -1, &problem, &slots, error);
  for (int layout = 0; layout < RELAYOUT_COUNT && status == ICN_UNSUPPORTED; layout++) {
    icn_operands other = relayed(&problem, &slots, (relayout)layout);
    icn_problem changed = icn_lower_problem(lowering, made, &other);
    if (icn_select_from(lowering->rows, &changed, lowering->device, lowering->request->forced_rows, made->name, &choice, NULL, NULL) !=
        ICN_OK)
      continue;
    icn_error_clear(error);
    return add_relayed(lowering, node, &changed, &slots, &other, error);
  }
done:
  return status;
}
