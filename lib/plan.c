#include "plan.h"

#include <assert.h>
#include <string.h>

#include "lower.h"
#include "plan_fit.h"
#include "plan_memory.h"
#include "quirks.h"

static icn_status prepare(icn_lowering *lowering, icn_error *error) {
  const icn_graph *graph = lowering->graph;
  icn_arena *arena = &lowering->plan->arena;
  size_t count = graph->value_count;
  lowering->zeros = lowering->library = -1;
  lowering->slots = icn_arena_array(arena, count, sizeof *lowering->slots);
  lowering->raw = icn_arena_array(arena, count, sizeof *lowering->raw);
  lowering->input_copied = icn_arena_array(arena, count, sizeof *lowering->input_copied);
  lowering->constants = icn_arena_array(arena, count, sizeof *lowering->constants);
  lowering->concat_uses = icn_arena_array(arena, count, sizeof *lowering->concat_uses);
  lowering->uses = icn_arena_array(arena, count, sizeof *lowering->uses);
  lowering->lowered = icn_arena_array(arena, graph->node_count, sizeof *lowering->lowered);
  if (lowering->slots == NULL || lowering->raw == NULL || lowering->input_copied == NULL || lowering->constants == NULL ||
      lowering->concat_uses == NULL || lowering->uses == NULL || lowering->lowered == NULL) {
    return icn_error_memory(error, count * sizeof *lowering->slots, "the plan");
  }
  for (size_t v = 0; v < count; v++) lowering->constants[v] = -1;
  icn_graph_count_uses(graph, lowering->uses);
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    for (int i = 0; node->op == ICN_OP_CONCAT && i < node->input_count; i++) lowering->concat_uses[node->inputs[i]]++;
  }
  return ICN_OK;
}

double icn_plan_seconds(const icn_plan *plan) {
  double seconds = 0;
  for (size_t l = 0; l < plan->layer_count; l++) seconds += plan->layers[l].slices * plan->layers[l].choice.cost_seconds;
  return seconds;
}

/* Which tuning lines a plan was made with. */
typedef struct tuning_used {
  bool any, shipped;
} tuning_used;

static tuning_used tuning_of(const icn_plan *plan) {
  tuning_used used = {false, false};
  for (size_t l = 0; l < plan->layer_count; l++) {
    used.any = used.any || plan->layers[l].choice.tuned;
    used.shipped = used.shipped || plan->layers[l].choice.shipped;
  }
  return used;
}

static icn_status plan_once(const icn_row_table *rows, const icn_graph *graph, const icn_device_desc *device,
                            const icn_plan_request *request, icn_plan *plan, tuning_used *used, icn_error *error) {
  icn_status status = ICN_OK;
  icn_lowering lowering;
  memset(&lowering, 0, sizeof lowering);
  memset(plan, 0, sizeof *plan);
  icn_arena_init(&plan->arena, &graph->arena.allocator);
  lowering.rows = rows;
  lowering.graph = graph;
  lowering.device = device;
  lowering.request = request;
  lowering.plan = plan;
  ICN_TRY(icn_check_rows(rows, lowering.request->forced_rows, error));
  ICN_TRY(prepare(&lowering, error));
  ICN_TRY(icn_lower_views(&lowering, error));
  ICN_TRY(icn_lower_layers(&lowering, error));
  ICN_TRY(icn_plan_finish(&lowering, error));
  *used = tuning_of(plan);
  ICN_TRY(icn_plan_check_limits(plan, graph, device, error));
  assert(icn_plan_check(plan, NULL) != ICN_MISMATCH);
done:
  if (status != ICN_OK) icn_plan_fini(plan);
  return status;
}

/* Results of the tuner hold for their layer; all together they may still need more memory than there is. Then the shipped ones go first:
 * what the user's own made a plan of before lines were shipped it makes a plan of still. */
icn_status icn_plan_make_from(const icn_row_table *rows, const icn_graph *graph, const icn_device_desc *device,
                              const icn_plan_request *request, icn_plan *plan, icn_error *error) {
  static const icn_plan_request no_request;
  icn_plan_request attempt = request == NULL ? no_request : *request;
  icn_tunedb own;
  const char *left_out = NULL;
  icn_error first;
  icn_error_clear(&first);
  for (;;) {
    icn_error problem;
    tuning_used used = {false, false};
    icn_error_clear(&problem);
    const icn_status status = plan_once(rows, graph, device, &attempt, plan, &used, &problem);
    if (status == ICN_OK && left_out != NULL)
      plan->untuned = icn_arena_format(&plan->arena, "%s are left out, with them: %s", left_out, first.message);
    if (status == ICN_OK) return ICN_OK;
    if (!used.any || status == ICN_NO_MEMORY) return icn_error_set(error, status, "%s", problem.message);
    if (left_out == NULL) first = problem;
    left_out = used.shipped ? "shipped tuning rows" : "tuning rows";
    if (used.shipped) {
      own = *attempt.tuning;
      own.without_shipped = true;
    }
    attempt.tuning = used.shipped ? &own : NULL;
  }
}

/* What the device's own limits allow. */
static icn_status make_for_device(const icn_row_table *rows, const icn_graph *graph, icn_device_desc *device,
                                  const icn_plan_request *request, icn_plan *plan, icn_error *error) {
  const icn_status status = icn_plan_make_from(rows, graph, device, request, plan, error);
  if (status != ICN_DEVICE_MEMORY || device->memory_is_short) return status;
  device->memory_is_short = true;
  icn_error_clear(error);
  return icn_plan_make_from(rows, graph, device, request, plan, error);
}

icn_status icn_plan_make_least(const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *given, icn_plan *plan,
                               uint64_t *least, icn_error *error) {
  const icn_row_table rows = {icn_row_at, icn_row_count()};
  icn_device_desc effective = *device; /* a description as it was recorded */
  icn_plan_request request = {.memory_limit = 0};
  *least = UINT64_MAX;
  if (given != NULL) request = *given;
  const bool limited = request.memory_limit > 0, kept = request.keep_values;
  icn_quirks_apply(&effective, NULL);
  request.keep_values = kept && !limited;
  const icn_status status = make_for_device(&rows, graph, &effective, &request, plan, error);
  if (status != ICN_OK || !limited) return status;
  request.keep_values = kept;
  if (icn_plan_memory_of(plan, &effective).peak_bytes > request.memory_limit)
    return icn_plan_fit(&rows, graph, &effective, &request, plan, least, error);
  if (!kept) return status;
  icn_plan_fini(plan);
  return make_for_device(&rows, graph, &effective, &request, plan, error);
}

icn_status icn_plan_make(const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, icn_plan *plan,
                         icn_error *error) {
  uint64_t least;
  return icn_plan_make_least(graph, device, request, plan, &least, error);
}

/* The graph's values that make up a constant of a layer: one, or two. */
static int constant_parts(const icn_graph *graph, const icn_plan_layer *layer, int input, const icn_value *parts[2]) {
  parts[0] = &graph->values[graph->nodes[layer->node].inputs[input]];
  if (layer->beside < 0) return 1;
  parts[1] = &graph->values[graph->nodes[layer->beside].inputs[input]];
  return 2;
}

int64_t icn_plan_constant_elems(const icn_graph *graph, const icn_plan_layer *layer, int input) {
  const icn_value *parts[2];
  const int count = constant_parts(graph, layer, input, parts);
  return icn_shape_elems(&parts[0]->shape) + (count > 1 ? icn_shape_elems(&parts[1]->shape) : 0);
}

void icn_plan_constant(const icn_graph *graph, const icn_plan_layer *layer, int input, float *to) {
  const icn_value *parts[2];
  const int count = constant_parts(graph, layer, input, parts);
  for (int p = 0; p < count; p++) {
    const int64_t elems = icn_shape_elems(&parts[p]->shape);
    for (int64_t i = 0; i < elems; i++) *to++ = icn_const_f32(parts[p], i);
  }
}

void icn_plan_fini(icn_plan *plan) {
  icn_allocator allocator = plan->arena.allocator;
  icn_arena_fini(&plan->arena);
  memset(plan, 0, sizeof *plan);
  icn_arena_init(&plan->arena, &allocator);
}
