/* Where values lie. Two walks: backwards, consumers choose places for what they read (parts of a concat, what goes straight into a graph
 * output); forwards, everything else gets memory of its own or is a view of what it is made from. */
#include <assert.h>
#include <string.h>

#include "lower.h"

/* ------------------------------------------------------------------- views */

bool icn_lower_plain(const icn_view *view) { return view->shape.rank == 4 ? icn_view_is_nhwc(view) : icn_view_is_dense(view); }

bool icn_lower_same_place(const icn_slot *a, const icn_slot *b) {
  if (a->storage != b->storage || a->view.offset != b->view.offset || !icn_shape_equal(&a->view.shape, &b->view.shape)) return false;
  for (int k = 0; k < a->view.shape.rank; k++) {
    if (a->view.shape.dim[k] > 1 && a->view.stride[k] != b->view.stride[k]) return false;
  }
  return true;
}

bool icn_lower_reshaped(const icn_view *view, const icn_shape *shape, icn_view *reshaped) {
  icn_view dense = icn_view_dense(shape);
  if (!icn_view_is_dense(view) || !icn_lower_plain(&dense)) return false;
  *reshaped = icn_view_device(shape, 0); /* the same places: only strides of dims of 1 differ */
  reshaped->offset = view->offset;
  return true;
}

icn_view icn_lower_concat_part(const icn_graph *graph, const icn_node *concat, int part, const icn_view *joined) {
  int axis = concat->params.axis;
  icn_view view = *joined;
  for (int i = 0; i < part; i++) view.offset += graph->values[concat->inputs[i]].shape.dim[axis] * joined->stride[axis];
  view.shape = graph->values[concat->inputs[part]].shape;
  return view;
}

/* ------------------------------------------------------------------ places */

static bool enabled(const icn_lowering *lowering, const char *name) { return !icn_list_has(lowering->request->disabled_passes, name); }

static const icn_value *value_at(const icn_lowering *lowering, int value) { return &lowering->graph->values[value]; }

static bool stored(const icn_lowering *lowering, int value) {
  return value != ICN_NO_VALUE && icn_shape_elems(&value_at(lowering, value)->shape) > 0;
}

/* True for a value that a node makes and that has no place yet. */
static bool unplaced(const icn_lowering *lowering, int value) {
  if (!stored(lowering, value) || lowering->slots[value].storage >= 0) return false;
  int producer = value_at(lowering, value)->producer;
  return producer >= 0 && lowering->graph->nodes[producer].op != ICN_OP_NONE;
}

static uint64_t bytes_of(const icn_shape *shape) { return (uint64_t)icn_shape_elems(shape) * sizeof(float); }

static icn_status place_root(icn_lowering *lowering, int value, icn_buffer_kind kind, int index, const icn_view *view, icn_error *error) {
  int storage = icn_lower_storage(lowering, kind, index, -1, bytes_of(&view->shape));
  if (storage < 0) return icn_error_memory(error, sizeof(icn_storage), "a value's place");
  lowering->slots[value] = (icn_slot){storage, *view};
  return ICN_OK;
}

static icn_status place_own(icn_lowering *lowering, int value, icn_error *error) {
  icn_view view = icn_view_device(&value_at(lowering, value)->shape, 0);
  return place_root(lowering, value, ICN_BUFFER_ARENA, 0, &view, error);
}

/* The slices of `value`, so many elements apart, lie one behind the other in its storage. All that is sliced and lies in one storage is
 * a part of the same images, so one distance holds for it all. */
static void place_slices(icn_lowering *lowering, int value, int64_t elems) {
  icn_storage *storage = &lowering->storages[lowering->slots[value].storage];
  assert(storage->slice_elems == 0 || storage->slice_elems == elems);
  storage->slice_elems = elems;
  if (storage->kind == ICN_BUFFER_INPUT) storage->bytes *= (uint64_t)lowering->graph->slices;
}

/* A graph input lies in its own buffer, dense; kernels that want another layout read a copy in the arena. */
static icn_status place_inputs(icn_lowering *lowering, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < lowering->graph->input_count; i++) {
    int value = lowering->graph->inputs[i];
    if (!stored(lowering, value)) continue;
    const icn_shape *shape = &value_at(lowering, value)->shape;
    icn_view dense = icn_view_dense(shape), device;
    ICN_TRY(place_root(lowering, value, ICN_BUFFER_INPUT, (int)i, &dense, error));
    lowering->raw[value] = lowering->slots[value];
    if (value_at(lowering, value)->sliced) place_slices(lowering, value, icn_shape_elems(shape));
    if (icn_lower_reshaped(&dense, shape, &device)) {
      lowering->slots[value].view = device;
      lowering->input_copied[value] = true; /* no copy is wanted */
    } else {
      ICN_TRY(place_own(lowering, value, error));
    }
  }
done:
  return status;
}

static bool copies_by_view(icn_op op) {
  return op == ICN_OP_TRANSPOSE || op == ICN_OP_SLICE || op == ICN_OP_EXPAND || op == ICN_OP_RESHAPE;
}

/* A value that is a graph output is made right there when its layout is the model's, or when a COPY that is free to choose makes it. */
static icn_status place_outputs(icn_lowering *lowering, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  for (size_t i = 0; i < graph->output_count; i++) {
    int value = graph->outputs[i];
    if (!unplaced(lowering, value) || lowering->concat_uses[value] > 0) continue;
    const icn_shape *shape = &graph->values[value].shape;
    icn_view dense = icn_view_dense(shape), view;
    bool only_copied = lowering->uses[value] == 1 && copies_by_view(graph->nodes[graph->values[value].producer].op);
    if (!icn_lower_reshaped(&dense, shape, &view)) {
      if (!only_copied) continue;
      view = dense;
    }
    ICN_TRY(place_root(lowering, value, ICN_BUFFER_OUTPUT, (int)i, &view, error));
  }
done:
  return status;
}

/* A join that begins with the last channels of a wider tensor (siblings merged into one convolution): one piece of memory holds the wider
 * tensor's other channels and, right behind them, the join, so that both are made in place. */
static icn_status place_behind_siblings(icn_lowering *lowering, const icn_node *concat, bool *placed, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  const int part = concat->inputs[0];
  *placed = false;
  if (!enabled(lowering, "reshape_view") || concat->params.axis != 1 || !unplaced(lowering, part)) goto done;
  const icn_node *slice = &graph->nodes[value_at(lowering, part)->producer];
  if (slice->op != ICN_OP_SLICE || !unplaced(lowering, slice->inputs[0])) goto done;
  const icn_shape *wide = &value_at(lowering, slice->inputs[0])->shape, *joined = &value_at(lowering, concat->output)->shape;
  const int64_t others = wide->dim[1] - value_at(lowering, part)->shape.dim[1];
  if (wide->rank != 4 || slice->params.begin[1] != others) goto done;
  for (int k = 0; k < 4; k++) {
    if (slice->params.step[k] != 1 || (k != 1 && slice->params.begin[k] != 0)) goto done;
  }
  if (joined->rank != 4 || wide->dim[0] != joined->dim[0] || wide->dim[2] != joined->dim[2] || wide->dim[3] != joined->dim[3]) goto done;
  icn_shape both = *joined;
  both.dim[1] += others;
  if (both.dim[1] % 512 == 0) both.dim[1] += 16; /* pixels a power of two apart would share a few sets of every cache */
  icn_view whole = icn_view_device(&both, 0);
  ICN_TRY(place_root(lowering, slice->inputs[0], ICN_BUFFER_ARENA, 0, &whole, error));
  lowering->slots[slice->inputs[0]].view.shape = *wide;
  lowering->slots[concat->output] = lowering->slots[slice->inputs[0]];
  lowering->slots[concat->output].view.shape = *joined;
  lowering->slots[concat->output].view.offset += others * whole.stride[1];
  *placed = true;
done:
  return status;
}

static icn_status place_concat(icn_lowering *lowering, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  if (!enabled(lowering, "concat_view") || !stored(lowering, node->output)) goto done;
  if (unplaced(lowering, node->output)) {
    bool placed;
    ICN_TRY(place_behind_siblings(lowering, node, &placed, error));
    if (!placed) ICN_TRY(place_own(lowering, node->output, error));
  }
  icn_slot joined = lowering->slots[node->output];
  for (int part = 0; part < node->input_count; part++) {
    if (!unplaced(lowering, node->inputs[part])) continue;
    icn_view view = icn_lower_concat_part(lowering->graph, node, part, &joined.view);
    if (icn_lower_plain(&view)) lowering->slots[node->inputs[part]] = (icn_slot){joined.storage, view};
  }
done:
  return status;
}

/* Backwards: what is computed in slices is put straight into its part of the whole. Nothing else can have chosen its place: all other
 * readers stand before it. */
static icn_status place_stack(icn_lowering *lowering, const icn_node *node, icn_error *error) {
  icn_status status = ICN_OK;
  if (!stored(lowering, node->output)) goto done;
  assert(unplaced(lowering, node->inputs[0]));
  if (unplaced(lowering, node->output)) ICN_TRY(place_own(lowering, node->output, error));
  const icn_slot *whole = &lowering->slots[node->output];
  icn_view view = whole->view;
  view.shape.dim[0] = value_at(lowering, node->inputs[0])->shape.dim[0];
  place_slices(lowering, node->output, view.shape.dim[0] * view.stride[0]);
  lowering->slots[node->inputs[0]] = (icn_slot){whole->storage, view};
done:
  return status;
}

/* Backwards: a reshape whose result has its place (part of a concat, a graph output) wants its input there. */
static void place_reshape_input(icn_lowering *lowering, const icn_node *node) {
  icn_slot out = lowering->slots[node->output];
  icn_view view;
  if (!enabled(lowering, "reshape_view") || out.storage < 0 || !unplaced(lowering, node->inputs[0])) return;
  if (!icn_lower_reshaped(&out.view, &value_at(lowering, node->inputs[0])->shape, &view)) return;
  lowering->slots[node->inputs[0]] = (icn_slot){out.storage, view};
}

/* Forwards: a value that is its input seen differently needs no memory. */
static bool place_as_view(icn_lowering *lowering, const icn_node *node) {
  if (!enabled(lowering, "reshape_view") || !copies_by_view(node->op)) return false;
  const icn_shape *shape = &value_at(lowering, node->output)->shape;
  const icn_slot candidates[2] = {lowering->raw[node->inputs[0]], lowering->slots[node->inputs[0]]};
  for (int i = 0; i < 2; i++) {
    icn_view view;
    if (candidates[i].storage < 0) continue;
    if (node->op == ICN_OP_RESHAPE) {
      if (!icn_lower_reshaped(&candidates[i].view, shape, &view)) continue;
    } else {
      view = icn_problem_view_through(node, shape, &candidates[i].view);
      if (!icn_lower_plain(&view)) continue;
    }
    lowering->slots[node->output] = (icn_slot){candidates[i].storage, view};
    return true;
  }
  return false;
}

icn_status icn_lower_views(icn_lowering *lowering, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  for (size_t v = 0; v < graph->value_count; v++) lowering->slots[v].storage = lowering->raw[v].storage = -1;
  ICN_TRY(place_inputs(lowering, error));
  ICN_TRY(place_outputs(lowering, error));
  for (size_t n = graph->node_count; n-- > 0;) {
    const icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_CONCAT) ICN_TRY(place_concat(lowering, node, error));
    if (node->op == ICN_OP_STACK) ICN_TRY(place_stack(lowering, node, error));
    if (node->op == ICN_OP_RESHAPE) place_reshape_input(lowering, node);
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_NONE || !unplaced(lowering, node->output)) continue;
    if (!place_as_view(lowering, node)) ICN_TRY(place_own(lowering, node->output, error));
  }
done:
  return status;
}
