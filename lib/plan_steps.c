/* From layers to a plan that can run: steps, memory, buffers, dependencies. */
#include <inttypes.h>
#include <string.h>

#include "lower.h"
#include "memplan.h"

static icn_status out_of_memory(icn_error *error, size_t bytes) { return icn_error_memory(error, bytes, "the plan"); }

/* Sliced layers are neighbours: the graph's first nodes. */
static void find_slices(icn_plan *plan) {
  plan->slices = 1;
  for (size_t s = 0; s < plan->step_count; s++) {
    const int slices = plan->layers[plan->steps[s].layer].slices;
    if (slices == 1) continue;
    if (plan->slices == 1) plan->sliced_begin = s;
    plan->slices = slices;
    plan->sliced_end = s + 1;
  }
}

static icn_status make_steps(icn_plan *plan, icn_error *error) {
  size_t count = 0, step = 0;
  for (size_t l = 0; l < plan->layer_count; l++) count += (size_t)plan->layers[l].emit.launch_count;
  plan->steps = icn_arena_array(&plan->arena, count, sizeof *plan->steps);
  if (plan->steps == NULL) return out_of_memory(error, count * sizeof *plan->steps);
  for (size_t l = 0; l < plan->layer_count; l++) {
    for (int launch = 0; launch < plan->layers[l].emit.launch_count; launch++) {
      plan->steps[step++] = (icn_plan_step){(int)l, launch, NULL, 0};
    }
  }
  plan->step_count = count;
  find_slices(plan);
  return ICN_OK;
}

/* ------------------------------------------------------------------ memory */

/* A storage lives from the first step that names it to the last; one that takes up the slices, through all steps of a slice: what one slice
 * left there is there while the next one is computed (the last step matters where nothing behind the slices reads it). */
static void find_lives(const icn_lowering *lowering, icn_memory_piece *pieces) {
  const icn_plan *plan = lowering->plan;
  for (size_t i = 0; i < lowering->storage_count; i++) {
    bool in_arena = lowering->storages[i].kind == ICN_BUFFER_ARENA;
    pieces[i] = (icn_memory_piece){in_arena ? lowering->storages[i].bytes : 0, -1, -1, 0};
  }
  for (size_t s = 0; s < plan->step_count; s++) {
    const icn_plan_layer *layer = &plan->layers[plan->steps[s].layer];
    const icn_launch *launch = &layer->emit.launch[plan->steps[s].launch];
    for (int a = 0; a < launch->arg_count; a++) {
      if (launch->args[a].kind != ICN_ARG_TENSOR) continue;
      icn_memory_piece *piece = &pieces[layer->place[launch->args[a].as.operand].buffer];
      const bool takes_slices = layer->slice_elems[launch->args[a].as.operand] > 0;
      if (piece->first < 0) piece->first = takes_slices ? (int)plan->sliced_begin : (int)s;
      piece->last = takes_slices ? (int)plan->sliced_end - 1 : (int)s;
    }
  }
}

static icn_status count_alive(icn_plan *plan, const icn_memory_piece *pieces, size_t count, icn_error *error) {
  plan->alive_bytes = icn_arena_array(&plan->arena, plan->step_count + 1, sizeof *plan->alive_bytes);
  if (plan->alive_bytes == NULL) return out_of_memory(error, plan->step_count * sizeof *plan->alive_bytes);
  for (size_t i = 0; i < count; i++)
    for (int s = pieces[i].first; s >= 0 && s <= pieces[i].last; s++) plan->alive_bytes[s] += icn_arena_aligned(pieces[i].bytes);
  return ICN_OK;
}

static icn_status plan_arena(icn_lowering *lowering, icn_memory_piece *pieces, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan *plan = lowering->plan;
  const icn_plan_request *request = lowering->request;
  bool reuse = !request->keep_values && !icn_list_has(request->disabled_passes, "memory_reuse");
  icn_memory_total total;
  ICN_TRY(icn_memplan(pieces, lowering->storage_count, reuse, &plan->arena.allocator, &total, error));
  plan->arena_bytes = total.bytes;
  plan->arena_lower_bound_bytes = total.lower_bound_bytes;
  uint64_t most = lowering->device->max_allocation_bytes;
  const char *peak = plan->step_count == 0 ? "" : plan->layers[plan->steps[total.peak_step].layer].name;
  ICN_REQUIRE(total.bytes <= most, ICN_DEVICE_MEMORY,
              "the activations need %" PRIu64 " bytes in one buffer (most at layer '%s'), device '%s' allocates at most %" PRIu64
              " bytes at once",
              total.bytes, peak, lowering->device->name, most);
  ICN_REQUIRE(total.bytes / sizeof(float) <= INT32_MAX, ICN_DEVICE_MEMORY,
              "the activations need %" PRIu64 " bytes in one buffer (most at layer '%s'), kernels reach 2^31 elements", total.bytes, peak);
done:
  return status;
}

/* ----------------------------------------------------------------- buffers */

static uint64_t at_least_four(uint64_t bytes) { return bytes < 4 ? 4 : bytes; }

static uint64_t value_bytes(const icn_graph *graph, int value) {
  const icn_shape shape = icn_graph_whole_shape(graph, value);
  return at_least_four((uint64_t)icn_shape_elems(&shape) * sizeof(float));
}

/* Buffer 0 is the arena, then all inputs, all outputs, then what layers need. buffer_of[storage] is the answer. */
static icn_status make_buffers(icn_lowering *lowering, int *buffer_of, icn_error *error) {
  icn_plan *plan = lowering->plan;
  const icn_graph *graph = lowering->graph;
  size_t most = 1 + graph->input_count + graph->output_count + lowering->storage_count, count = 0;
  icn_plan_buffer *buffers = icn_arena_array(&plan->arena, most, sizeof *buffers);
  if (buffers == NULL) return out_of_memory(error, most * sizeof *buffers);
  buffers[count++] = (icn_plan_buffer){ICN_BUFFER_ARENA, 0, -1, at_least_four(plan->arena_bytes)};
  for (size_t i = 0; i < graph->input_count; i++) {
    buffers[count++] = (icn_plan_buffer){ICN_BUFFER_INPUT, (int)i, -1, value_bytes(graph, graph->inputs[i])};
  }
  for (size_t o = 0; o < graph->output_count; o++) {
    buffers[count++] = (icn_plan_buffer){ICN_BUFFER_OUTPUT, (int)o, -1, value_bytes(graph, graph->outputs[o])};
  }
  for (size_t s = 0; s < lowering->storage_count; s++) {
    const icn_storage *storage = &lowering->storages[s];
    switch (storage->kind) {
      case ICN_BUFFER_ARENA:
        buffer_of[s] = 0;
        break;
      case ICN_BUFFER_INPUT:
        buffer_of[s] = 1 + storage->index;
        break;
      case ICN_BUFFER_OUTPUT:
        buffer_of[s] = 1 + (int)graph->input_count + storage->index;
        break;
      default:
        buffer_of[s] = (int)count;
        buffers[count++] = (icn_plan_buffer){storage->kind, storage->index, storage->value, at_least_four(storage->bytes)};
        if (storage->kind == ICN_BUFFER_LIBRARY) plan->library_bytes += storage->bytes;
        if (storage->kind != ICN_BUFFER_ZEROS && storage->kind != ICN_BUFFER_LIBRARY) plan->weight_bytes += storage->bytes;
    }
  }
  plan->buffers = buffers;
  plan->buffer_count = count;
  return ICN_OK;
}

static void resolve(icn_place *place, const icn_memory_piece *pieces, const int *buffer_of) {
  if (place->buffer < 0) return;
  place->offset = (int64_t)(pieces[place->buffer].offset_bytes / sizeof(float));
  place->buffer = buffer_of[place->buffer];
}

static icn_status make_values(icn_lowering *lowering, const icn_memory_piece *pieces, const int *buffer_of, icn_error *error) {
  icn_plan *plan = lowering->plan;
  const icn_graph *graph = lowering->graph;
  plan->values = icn_arena_array(&plan->arena, graph->value_count, sizeof *plan->values);
  if (plan->values == NULL) return out_of_memory(error, graph->value_count * sizeof *plan->values);
  for (size_t v = 0; v < graph->value_count; v++) {
    const icn_slot *slot = lowering->raw[v].storage >= 0 ? &lowering->raw[v] : &lowering->slots[v];
    if (slot->storage < 0) continue;
    icn_place place = {slot->storage, 0};
    bool touched = lowering->storages[slot->storage].kind != ICN_BUFFER_ARENA || pieces[slot->storage].first >= 0;
    resolve(&place, pieces, buffer_of);
    plan->values[plan->value_count++] = (icn_plan_value){(int)v, place, slot->view, touched};
  }
  return ICN_OK;
}

/* ------------------------------------------------------------ dependencies */

typedef struct accesses {
  icn_access item[ICN_OPERAND_COUNT];
  int count;
} accesses;

static void add_words(uint64_t *to, const uint64_t *from, size_t words) {
  for (size_t w = 0; w < words; w++) to[w] |= from[w];
}

/* Direct dependencies only: what another dependency already waits for is left out. before[s] has a bit for each step that s waits for. */
static icn_status depend(icn_plan *plan, const accesses *touched, uint64_t *before, size_t words, int *found, icn_error *error) {
  for (size_t s = 0; s < plan->step_count; s++) {
    int count = 0;
    for (size_t t = s; t-- > 0;) {
      if ((before[s * words + t / 64] >> t % 64 & 1U) != 0) continue;
      if (!icn_accesses_conflict(touched[s].item, touched[s].count, touched[t].item, touched[t].count)) continue;
      found[count++] = (int)t;
      before[s * words + t / 64] |= (uint64_t)1 << t % 64;
      add_words(&before[s * words], &before[t * words], words);
    }
    if (count == 0) continue;
    plan->steps[s].depends = icn_arena_array(&plan->arena, (size_t)count, sizeof(int));
    if (plan->steps[s].depends == NULL) return out_of_memory(error, (size_t)count * sizeof(int));
    memcpy(plan->steps[s].depends, found, (size_t)count * sizeof(int));
    plan->steps[s].depend_count = count;
  }
  return ICN_OK;
}

static icn_status make_dependencies(icn_plan *plan, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &plan->arena.allocator;
  size_t count = plan->step_count, words = (count + 63) / 64;
  if (count == 0) return ICN_OK;
  accesses *touched = icn_allocate_array(allocator, count, sizeof *touched);
  uint64_t *before = icn_allocate_array(allocator, count, words * sizeof *before);
  int *found = icn_allocate_array(allocator, count, sizeof *found);
  if (touched == NULL || before == NULL || found == NULL) {
    status = out_of_memory(error, count * (sizeof *touched + words * sizeof *before));
    goto done;
  }
  for (size_t s = 0; s < count; s++) touched[s].count = icn_plan_accesses(plan, &plan->steps[s], touched[s].item);
  ICN_TRY(depend(plan, touched, before, words, found, error));
done:
  icn_release(allocator, touched);
  icn_release(allocator, before);
  icn_release(allocator, found);
  return status;
}

icn_status icn_plan_finish(icn_lowering *lowering, icn_error *error) {
  icn_status status = ICN_OK;
  icn_plan *plan = lowering->plan;
  icn_memory_piece *pieces = icn_arena_array(&plan->arena, lowering->storage_count, sizeof *pieces);
  int *buffer_of = icn_arena_array(&plan->arena, lowering->storage_count, sizeof *buffer_of);
  if (pieces == NULL || buffer_of == NULL) return out_of_memory(error, lowering->storage_count * sizeof *pieces);
  ICN_TRY(make_steps(plan, error));
  find_lives(lowering, pieces);
  ICN_TRY(count_alive(plan, pieces, lowering->storage_count, error));
  ICN_TRY(plan_arena(lowering, pieces, error));
  ICN_TRY(make_buffers(lowering, buffer_of, error));
  for (size_t l = 0; l < plan->layer_count; l++) {
    for (int operand = 0; operand < ICN_OPERAND_COUNT; operand++) resolve(&plan->layers[l].place[operand], pieces, buffer_of);
  }
  ICN_TRY(make_values(lowering, pieces, buffer_of, error));
  ICN_TRY(make_dependencies(plan, error));
done:
  return status;
}
