/* That a plan keeps the limits of its device. Rows decline what is above a limit before they are chosen; this looks at what they made. */
#include <inttypes.h>
#include <string.h>

#include "plan_memory.h"

/* ---------------------------------------------------------------- launches */

/* What the arguments take, each aligned to its own size as a struct's members are. Pointers count as eight bytes on every device. */
uint64_t icn_launch_argument_bytes(const icn_launch *launch) {
  uint64_t bytes = 0;
  for (int a = 0; a < launch->arg_count; a++) {
    const icn_arg_kind kind = launch->args[a].kind;
    const uint64_t size = kind == ICN_ARG_INT8 ? 8 * sizeof(int32_t) : kind == ICN_ARG_TENSOR || kind == ICN_ARG_LOCAL ? 8 : 4;
    bytes = (bytes + size - 1) / size * size + size;
    if (kind == ICN_ARG_TENSOR) bytes += sizeof(int32_t);
  }
  return bytes;
}

uint64_t icn_launch_local_bytes(const icn_launch *launch) {
  uint64_t bytes = launch->local_bytes;
  for (int a = 0; a < launch->arg_count; a++)
    if (launch->args[a].kind == ICN_ARG_LOCAL) bytes += launch->args[a].as.local_bytes;
  return bytes;
}

static icn_status check_range(const icn_plan_layer *layer, const icn_launch *launch, const icn_device_desc *device, icn_error *error) {
  const char *row = layer->choice.row->name;
  uint64_t items = 1;
  for (uint32_t k = 0; k < launch->dims; k++) {
    if (launch->local[k] == 0) continue; /* the runtime chooses */
    if (launch->global[k] % launch->local[k] != 0) {
      return icn_error_set(error, ICN_UNSUPPORTED,
                           "layer '%s': row '%s' launches %zu items along dimension %" PRIu32 ", no multiple of its work-group's %zu",
                           layer->name, row, launch->global[k], k, launch->local[k]);
    }
    if (launch->local[k] > device->max_work_item[k]) {
      return icn_error_set(error, ICN_UNSUPPORTED,
                           "layer '%s': row '%s' launches work-groups of %zu items along dimension %" PRIu32
                           ", device '%.60s' has at most %" PRIu64 " there",
                           layer->name, row, launch->local[k], k, device->name, device->max_work_item[k]);
    }
    items *= launch->local[k];
  }
  if (items > device->max_work_group) {
    return icn_error_set(error, ICN_UNSUPPORTED,
                         "layer '%s': row '%s' launches work-groups of %" PRIu64 " items, device '%.60s' has at most %" PRIu64, layer->name,
                         row, items, device->name, device->max_work_group);
  }
  return ICN_OK;
}

static icn_status check_launch(const icn_plan_layer *layer, const icn_launch *launch, const icn_device_desc *device, icn_error *error) {
  const uint64_t local = icn_launch_local_bytes(launch), arguments = icn_launch_argument_bytes(launch);
  const char *row = layer->choice.row->name;
  if (local > device->local_bytes) {
    return icn_error_set(error, ICN_UNSUPPORTED, "layer '%s': row '%s' uses %" PRIu64 " bytes of local memory, device '%.60s' has %" PRIu64,
                         layer->name, row, local, device->name, device->local_bytes);
  }
  if (launch->constant_bytes > device->constant_bytes) {
    return icn_error_set(error, ICN_UNSUPPORTED,
                         "layer '%s': row '%s' reads %" PRIu64 " bytes of constant memory, device '%.60s' has %" PRIu64, layer->name, row,
                         launch->constant_bytes, device->name, device->constant_bytes);
  }
  if (arguments > device->argument_bytes) {
    return icn_error_set(error, ICN_UNSUPPORTED,
                         "layer '%s': row '%s' passes %" PRIu64 " bytes of arguments, device '%.60s' takes at most %" PRIu32, layer->name,
                         row, arguments, device->name, device->argument_bytes);
  }
  return check_range(layer, launch, device, error);
}

bool icn_launch_within_limits(const icn_launch *launch, const icn_device_desc *device, icn_reason *why_not) {
  const icn_row nameless = {.name = ""};
  icn_plan_layer layer;
  icn_error error;
  if (launch->kind != ICN_LAUNCH_KERNEL) return true;
  memset(&layer, 0, sizeof layer);
  layer.name = "";
  layer.choice.row = &nameless;
  icn_error_clear(&error);
  return check_launch(&layer, launch, device, &error) == ICN_OK || icn_decline(why_not, "its launches are above the device's limits");
}

static icn_status check_launches(const icn_plan *plan, const icn_device_desc *device, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t s = 0; s < plan->step_count && status == ICN_OK; s++) {
    const icn_plan_layer *layer = &plan->layers[plan->steps[s].layer];
    const icn_launch *launch = &layer->emit.launch[plan->steps[s].launch];
    if (launch->kind == ICN_LAUNCH_KERNEL) status = check_launch(layer, launch, device, error);
  }
  return status;
}

/* ------------------------------------------------------------------ memory */

/* Whose buffer it is, for a sentence. */
static const char *owner(const icn_plan *plan, const icn_graph *graph, const icn_plan_buffer *buffer) {
  switch (buffer->kind) {
    case ICN_BUFFER_INPUT:
      return graph->values[graph->inputs[buffer->index]].name;
    case ICN_BUFFER_OUTPUT:
      return graph->output_names[buffer->index];
    case ICN_BUFFER_CONSTANT:
      return graph->values[buffer->value].name;
    case ICN_BUFFER_PACKED:
      return plan->layers[buffer->index].name;
    default:
      return "all layers";
  }
}

static icn_status check_memory(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, icn_error *error) {
  icn_status status = ICN_OK;
  static const char *const what[] = {"the activations",     "input", "output", "constant", "the weights of layer", "zeros for",
                                     "CLBlast's memory for"};
  for (size_t b = 0; b < plan->buffer_count; b++) {
    const icn_plan_buffer *buffer = &plan->buffers[b];
    ICN_REQUIRE(buffer->bytes <= device->max_allocation_bytes, ICN_DEVICE_MEMORY,
                "%s '%s' needs %" PRIu64 " bytes, device '%s' allocates at most %" PRIu64 " bytes at once", what[buffer->kind],
                owner(plan, graph, buffer), buffer->bytes, device->name, device->max_allocation_bytes);
  }
  const icn_plan_memory memory = icn_plan_memory_of(plan, device);
  ICN_REQUIRE(memory.peak_bytes <= device->global_bytes, ICN_DEVICE_MEMORY,
              "the plan needs more than the %" PRIu64 " bytes of device '%s': %" PRIu64 " for activations, %" PRIu64 " for weights",
              device->global_bytes, device->name, plan->arena_bytes, plan->weight_bytes);
done:
  return status;
}

icn_status icn_plan_check_limits(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, icn_error *error) {
  icn_status status = check_memory(plan, graph, device, error);
  return status == ICN_OK ? check_launches(plan, device, error) : status;
}
