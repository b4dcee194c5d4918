#include "imported.h"

#include <stdlib.h>
#include <string.h>

imported *import_model(model_writer *model, const icn_input_shape *shapes, size_t shape_count, int64_t batch) {
  icn_allocator allocator = icn_allocator_default();
  imported *it = calloc(1, sizeof *it);
  if (it == NULL) abort();
  it->file = model_end(model);
  icn_source_init(&it->source, &allocator);
  icn_graph_init(&it->graph, &allocator);
  it->status = icn_onnx_parse(it->file.data, it->file.bytes, NULL, &it->source, &it->error);
  if (it->status == ICN_OK) it->status = icn_import(&it->source, shapes, shape_count, batch, &it->graph, &it->error);
  return it;
}

void imported_free(imported *it) {
  icn_graph_fini(&it->graph);
  icn_source_fini(&it->source);
  proto_free(&it->file);
  free(it);
}

const icn_value *imported_value(const imported *it, const char *name) {
  for (size_t v = 0; v < it->graph.value_count; v++) {
    if (strcmp(it->graph.values[v].name, name) == 0) return &it->graph.values[v];
  }
  return NULL;
}

size_t imported_count(const imported *it, icn_op op) {
  size_t count = 0;
  for (size_t n = 0; n < it->graph.node_count; n++) count += it->graph.nodes[n].op == op ? 1 : 0;
  return count;
}
