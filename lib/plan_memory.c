#include "plan_memory.h"

uint64_t icn_weight_room(uint64_t bytes) { return (bytes + ICN_SLAB_ALIGNMENT - 1) / ICN_SLAB_ALIGNMENT * ICN_SLAB_ALIGNMENT; }

bool icn_weights_in_slabs(const icn_device_desc *device) { return device->kind == ICN_DEVICE_CPU; }

bool icn_buffer_is_weight(const icn_plan_buffer *buffer) {
  return buffer->kind == ICN_BUFFER_CONSTANT || buffer->kind == ICN_BUFFER_PACKED || buffer->kind == ICN_BUFFER_ZEROS;
}

uint64_t icn_plan_slab_bytes(const icn_plan *plan, size_t index, const icn_device_desc *device) {
  const uint64_t most = device->max_allocation_bytes < ICN_SLAB_BYTES ? device->max_allocation_bytes : ICN_SLAB_BYTES;
  uint64_t bytes = icn_weight_room(plan->buffers[index].bytes);
  for (size_t b = index + 1; b < plan->buffer_count; b++) {
    if (!icn_buffer_is_weight(&plan->buffers[b])) continue;
    const uint64_t more = icn_weight_room(plan->buffers[b].bytes);
    if (bytes + more > most) break;
    bytes += more;
  }
  return bytes;
}

static uint64_t scratch_of(const icn_emit *emit) {
  uint64_t bytes = 0;
  for (int i = 0; i < ICN_MAX_SCRATCH; i++) bytes += emit->scratch_bytes[i];
  return bytes;
}

static void add_buffer(icn_plan_memory *memory, const icn_plan_buffer *buffer, const icn_device_desc *device) {
  switch (buffer->kind) {
    case ICN_BUFFER_ARENA:
      memory->arena_bytes += buffer->bytes;
      break;
    case ICN_BUFFER_INPUT:
      memory->input_bytes += buffer->bytes;
      break;
    case ICN_BUFFER_OUTPUT:
      memory->output_bytes += buffer->bytes;
      break;
    case ICN_BUFFER_LIBRARY:
      memory->library_bytes += buffer->bytes;
      break;
    case ICN_BUFFER_CONSTANT:
    case ICN_BUFFER_PACKED:
    case ICN_BUFFER_ZEROS:
      memory->weight_bytes += buffer->bytes;
      if (icn_weights_in_slabs(device)) memory->padding_bytes += icn_weight_room(buffer->bytes) - buffer->bytes;
      break;
  }
}

icn_plan_memory icn_plan_memory_of(const icn_plan *plan, const icn_device_desc *device) {
  icn_plan_memory memory = {.arena_bound_bytes = plan->arena_lower_bound_bytes};
  for (size_t b = 0; b < plan->buffer_count; b++) add_buffer(&memory, &plan->buffers[b], device);
  for (size_t l = 0; l < plan->layer_count; l++) {
    const uint64_t scratch = scratch_of(&plan->layers[l].emit);
    if (scratch > memory.scratch_bytes) memory.scratch_bytes = scratch;
  }
  memory.peak_bytes =
      memory.arena_bytes + memory.weight_bytes + memory.padding_bytes + memory.input_bytes + memory.output_bytes + memory.library_bytes;
  return memory;
}
