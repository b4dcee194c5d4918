#include "source.h"

#include <string.h>

void icn_source_init(icn_source *source, const icn_allocator *allocator) {
  memset(source, 0, sizeof *source);
  icn_arena_init(&source->arena, allocator);
  source->producer = "";
}

void icn_source_fini(icn_source *source) {
  icn_allocator allocator = source->arena.allocator;
  icn_arena_fini(&source->arena);
  icn_source_init(source, &allocator);
}

static const icn_source_node *maker_of(const icn_source *source, const char *value) {
  for (size_t i = 0; i < source->node_count; i++)
    for (size_t k = 0; k < source->nodes[i].output_count; k++)
      if (strcmp(source->nodes[i].outputs[k], value) == 0) return &source->nodes[i];
  return NULL;
}

static bool is_one_of(const char *op, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(op, names[i]) == 0) return true;
  return false;
}

bool icn_source_is_probability(const icn_source *source, const char *value) {
  static const char *const LAST[] = {"Softmax", "Sigmoid"};
  static const char *const REARRANGES[] = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout", "Cast"};
  for (size_t steps = 0; steps < source->node_count; steps++) { /* a file may have a cycle */
    const icn_source_node *node = maker_of(source, value);
    if (node == NULL) return false;
    if (is_one_of(node->op, LAST, sizeof LAST / sizeof *LAST)) return true;
    if (!is_one_of(node->op, REARRANGES, sizeof REARRANGES / sizeof *REARRANGES) || node->input_count == 0) return false;
    value = node->inputs[0];
  }
  return false;
}
