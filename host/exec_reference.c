/* The reference device: the graph as the importer made it, node by node through the plain C reference. */

#include <string.h>

#include "executor.h"
#include "ref.h"

/* Operations that only rearrange have no problem of their own. */
static bool is_graph_only(icn_op op) { return op >= ICN_OP_RESHAPE; }

static icn_status fill_layer(icn_executor *executor, const icn_node *node, icn_error *error) {
  char key[ICN_KEY_BYTES];
  icn_layer_info *layer = &executor->layers[executor->layer_count];
  const char *text = icn_op_name(node->op);
  *layer = (icn_layer_info){.name = node->name, .row = "reference", .runs = 1, .value = executor->graph.values[node->output].name};
  if (!is_graph_only(node->op)) {
    const icn_problem problem = icn_problem_from_node(&executor->graph, node, 0);
    text = icn_problem_key(&problem, key);
    layer->flop = icn_problem_flop(&problem);
    layer->bytes = icn_problem_bytes(&problem);
    layer->row_flop = layer->flop;
    layer->row_bytes = layer->bytes;
  }
  layer->problem = icn_arena_text(&executor->arena, text, strlen(text));
  if (layer->problem == NULL) return icn_error_memory(error, strlen(text) + 1, "the layers' properties");
  executor->layer_count++;
  return ICN_OK;
}

icn_status icn_exec_reference_prepare(icn_executor *executor, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = &executor->graph;
  executor->layers = icn_arena_array(&executor->arena, graph->node_count, sizeof *executor->layers);
  executor->values = icn_arena_array(&executor->arena, graph->value_count, sizeof *executor->values);
  executor->reference_values = icn_arena_array(&executor->arena, graph->value_count, sizeof *executor->reference_values);
  if (executor->layers == NULL || executor->values == NULL || executor->reference_values == NULL) {
    ICN_TRY(icn_error_memory(error, graph->value_count * sizeof *executor->values, "the executor's tables"));
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    const icn_node *node = &graph->nodes[i];
    if (node->op == ICN_OP_NONE) continue;
    ICN_TRY(fill_layer(executor, node, error));
    executor->values[executor->value_count++] = (icn_exec_value){icn_exec_value_info(graph, node->output), node->output};
  }
done:
  return status;
}

static void report_progress(void *user, size_t count_done, size_t count) {
  icn_executor *executor = user;
  const double now = icn_os_seconds();
  if (executor->profile && count_done > 0 && count_done <= executor->layer_count) {
    executor->layers[count_done - 1].seconds = now - executor->reference_clock;
  }
  executor->reference_clock = now;
  if (count_done % 16 == 0 || count_done == count) {
    icn_log(&executor->context->logger, ICN_LOG_INFO, "reference: %zu of %zu nodes done", count_done, count);
  }
}

icn_status icn_exec_reference_run(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = &executor->graph;
  icn_arena_fini(&executor->reference_arena);
  icn_arena_init(&executor->reference_arena, &executor->context->allocator);
  memset(executor->reference_values, 0, graph->value_count * sizeof *executor->reference_values);
  for (size_t i = 0; i < graph->input_count; i++) executor->reference_values[graph->inputs[i]] = inputs[i];
  executor->reference_clock = icn_os_seconds();
  ICN_TRY(icn_ref_run(graph, executor->reference_values, &executor->reference_arena, report_progress, executor, error));
  for (size_t i = 0; i < graph->output_count; i++) {
    const int value = graph->outputs[i];
    const int64_t elems = icn_shape_elems(&graph->values[value].shape);
    if (outputs[i] == NULL || elems <= 0) continue;
    ICN_REQUIRE(executor->reference_values[value] != NULL, ICN_UNSUPPORTED, "the reference does not compute output '%s'",
                graph->output_names[i]);
    memcpy(outputs[i], executor->reference_values[value], (size_t)elems * sizeof(float));
  }
done:
  return status;
}

icn_status icn_exec_reference_read(const icn_executor *executor, const icn_exec_value *value, float *data, icn_error *error) {
  const float *stored = executor->reference_values[value->source];
  const int64_t elems = icn_shape_elems(&executor->graph.values[value->source].shape);
  if (stored == NULL) return icn_error_set(error, ICN_STATE, "value '%s' was not computed", value->info.name);
  if (elems > 0) memcpy(data, stored, (size_t)elems * sizeof(float));
  return ICN_OK;
}
