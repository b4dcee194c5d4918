/* Source -> graph: names, order, input shapes; then one translator call a node (import_table.c says which). */
#include <stdio.h>
#include <string.h>

#include "import_internal.h"

/* ------------------------------------------------------------------- names */

static size_t hash_name(const char *name) {
  uint32_t hash = 2166136261U; /* FNV-1a */
  for (; *name != '\0'; name++) hash = (hash ^ (uint8_t)*name) * 16777619U;
  return hash;
}

static icn_import_name *find_slot(const icn_importer *im, const char *name) {
  size_t mask = im->name_capacity - 1;
  size_t slot = hash_name(name) & mask;
  while (im->names[slot].name != NULL && strcmp(im->names[slot].name, name) != 0) slot = (slot + 1) & mask;
  return &im->names[slot];
}

icn_import_name *icn_im_find_name(const icn_importer *im, const char *name) {
  icn_import_name *slot = find_slot(im, name);
  return slot->name == NULL ? NULL : slot;
}

static const char *describe_name(const icn_importer *im, const icn_import_name *name, char text[128]) {
  if (name->kind == ICN_NAME_TENSOR) return "an initialiser";
  if (name->kind == ICN_NAME_INPUT) return "a graph input";
  snprintf(text, 128, "an output of node '%.100s'", im->source->nodes[name->index].name);
  return text;
}

static icn_status add_name(icn_importer *im, const char *name, icn_name_kind kind, size_t index, size_t output, icn_error *error) {
  icn_import_name *slot = find_slot(im, name);
  icn_import_name added = {name, kind, index, output, ICN_NO_VALUE};
  if (slot->name != NULL) {
    char first[128], second[128];
    return icn_error_set(error, ICN_FORMAT, "the name '%.100s' is given twice: it is %s and %s", name, describe_name(im, slot, first),
                         describe_name(im, &added, second));
  }
  *slot = added;
  return ICN_OK;
}

static icn_status collect_names(icn_importer *im, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source *source = im->source;
  size_t count = source->tensor_count + source->input_count;
  for (size_t i = 0; i < source->node_count; i++) count += source->nodes[i].output_count;
  im->name_capacity = 16;
  while (im->name_capacity < count * 2) im->name_capacity *= 2;
  im->names = icn_arena_array(&im->scratch, im->name_capacity, sizeof *im->names);
  if (im->names == NULL) return icn_error_memory(error, im->name_capacity * sizeof *im->names, "the names of the model");
  for (size_t i = 0; i < source->tensor_count; i++) ICN_TRY(add_name(im, source->tensors[i].name, ICN_NAME_TENSOR, i, 0, error));
  for (size_t i = 0; i < source->input_count; i++) ICN_TRY(add_name(im, source->inputs[i].name, ICN_NAME_INPUT, i, 0, error));
  for (size_t i = 0; i < source->node_count; i++) {
    const icn_source_node *node = &source->nodes[i];
    for (size_t k = 0; k < node->output_count; k++) {
      if (node->outputs[k][0] != '\0') ICN_TRY(add_name(im, node->outputs[k], ICN_NAME_OUTPUT, i, k, error));
    }
  }
done:
  return status;
}

/* ------------------------------------------------------------------- order */

/* The nodes that the outputs need, producers first, in the file's order as far as that is one. */
typedef struct node_order {
  size_t *nodes;
  size_t count;
  uint8_t *state;     /* NOT_NEEDED .. DONE */
  size_t *stack;      /* nodes on the path */
  size_t *next_input; /* of each stacked node */
} node_order;
enum { NOT_NEEDED = 0, NEEDED, ON_PATH, DONE };

static icn_status make_order_arrays(icn_importer *im, node_order *order, icn_error *error) {
  size_t count = im->source->node_count;
  memset(order, 0, sizeof *order);
  order->nodes = icn_arena_array(&im->scratch, count, sizeof(size_t));
  order->state = icn_arena_array(&im->scratch, count, 1);
  order->stack = icn_arena_array(&im->scratch, count, sizeof(size_t));
  order->next_input = icn_arena_array(&im->scratch, count, sizeof(size_t));
  if (order->nodes == NULL || order->state == NULL || order->stack == NULL || order->next_input == NULL) {
    return icn_error_memory(error, count * 3 * sizeof(size_t), "the order of the model's nodes");
  }
  return ICN_OK;
}

static const icn_import_name *producer_of(const icn_importer *im, const char *name) {
  const icn_import_name *found = name[0] == '\0' ? NULL : icn_im_find_name(im, name);
  return found != NULL && found->kind == ICN_NAME_OUTPUT ? found : NULL;
}

static icn_status mark_needed(icn_importer *im, node_order *order, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source *source = im->source;
  size_t depth = 0;
  for (size_t o = 0; o < source->output_count; o++) {
    ICN_REQUIRE(icn_im_find_name(im, source->outputs[o]) != NULL, ICN_FORMAT, "the graph output '%.100s' is not made by any node",
                source->outputs[o]);
    const icn_import_name *producer = producer_of(im, source->outputs[o]);
    if (producer != NULL && order->state[producer->index] == NOT_NEEDED) {
      order->state[producer->index] = NEEDED;
      order->stack[depth++] = producer->index;
    }
  }
  while (depth > 0) { /* each node is pushed once, so the stack never holds more than all */
    const icn_source_node *node = &source->nodes[order->stack[--depth]];
    for (size_t k = 0; k < node->input_count; k++) {
      ICN_REQUIRE(node->inputs[k][0] == '\0' || icn_im_find_name(im, node->inputs[k]) != NULL, ICN_FORMAT,
                  "node '%.100s' (%.60s): its input '%.100s' is neither a graph input, nor an initialiser, nor the output of a node",
                  node->name, node->op, node->inputs[k]);
      const icn_import_name *producer = producer_of(im, node->inputs[k]);
      if (producer != NULL && order->state[producer->index] == NOT_NEEDED) {
        order->state[producer->index] = NEEDED;
        order->stack[depth++] = producer->index;
      }
    }
  }
done:
  return status;
}

/* Depth first without recursion, so that a long chain cannot overflow the C stack. */
static icn_status visit(const icn_importer *im, node_order *order, size_t start, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source_node *nodes = im->source->nodes;
  size_t depth = 1;
  order->stack[0] = start;
  order->next_input[0] = 0;
  order->state[start] = ON_PATH;
  while (depth > 0) {
    size_t current = order->stack[depth - 1];
    const icn_source_node *node = &nodes[current];
    if (order->next_input[depth - 1] == node->input_count) {
      order->state[current] = DONE;
      order->nodes[order->count++] = current;
      depth--;
      continue;
    }
    const icn_import_name *producer = producer_of(im, node->inputs[order->next_input[depth - 1]++]);
    if (producer == NULL || order->state[producer->index] == DONE) continue;
    ICN_REQUIRE(order->state[producer->index] != ON_PATH, ICN_FORMAT,
                "the graph has a cycle: node '%.100s' (%.60s) needs the output of node '%.100s' (%.60s), which depends on it", node->name,
                node->op, nodes[producer->index].name, nodes[producer->index].op);
    order->state[producer->index] = ON_PATH;
    order->stack[depth] = producer->index;
    order->next_input[depth++] = 0;
  }
done:
  return status;
}

static icn_status sort_nodes(icn_importer *im, node_order *order, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(make_order_arrays(im, order, error));
  ICN_TRY(mark_needed(im, order, error));
  for (size_t i = 0; i < im->source->node_count; i++) {
    if (order->state[i] == NEEDED) ICN_TRY(visit(im, order, i, error));
  }
done:
  return status;
}

/* --------------------------------------------------------- node by node */

static const char *attr_kind_name(char letter) {
  switch (letter) {
    case 'i':
      return "an integer";
    case 'f':
      return "a float";
    case 's':
      return "a string";
    case 't':
      return "a tensor";
    case 'I':
      return "a list of integers";
    default:
      return "a list of floats";
  }
}

static char attr_letter(icn_attr_kind kind) {
  switch (kind) {
    case ICN_ATTR_FLOAT:
      return 'f';
    case ICN_ATTR_INT:
      return 'i';
    case ICN_ATTR_STRING:
      return 's';
    case ICN_ATTR_TENSOR:
      return 't';
    case ICN_ATTR_FLOATS:
      return 'F';
    case ICN_ATTR_INTS:
      return 'I';
    default:
      return '?';
  }
}

/* The letter after "name:" in the row's list, 0 when it is not there. */
static char listed_letter(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; (at = strstr(at, name)) != NULL; at++) {
    if ((at == list || at[-1] == ' ') && at[length] == ':') return at[length + 1];
  }
  return 0;
}

static void check_attributes(icn_importer *im) {
  for (size_t i = 0; i < im->node->attr_count && icn_im_ok(im); i++) {
    const icn_source_attr *attr = &im->node->attrs[i];
    char letter = attr->name[0] == '\0' ? 0 : listed_letter(im->row->attributes, attr->name);
    if (letter == 0) {
      icn_im_fail(im, ICN_UNSUPPORTED, "the attribute '%.60s' is not supported", attr->name);
    } else if (attr_letter(attr->kind) != letter) {
      icn_im_fail(im, ICN_FORMAT, "the attribute '%.60s' must be %s", attr->name, attr_kind_name(letter));
    }
    for (size_t k = 0; k < i; k++) {
      if (strcmp(im->node->attrs[k].name, attr->name) == 0) icn_im_fail(im, ICN_FORMAT, "the attribute '%.60s' is given twice", attr->name);
    }
  }
}

/* What to tell about operators that are left out on purpose. */
static const char *why_unknown(const char *op) {
  static const char *const FLOW[] = {"If", "Loop", "Scan", "SequenceMap"};
  for (size_t i = 0; i < sizeof FLOW / sizeof FLOW[0]; i++) {
    if (strcmp(op, FLOW[i]) == 0) return "control flow is not supported: graphs must be static";
  }
  bool quantised = strncmp(op, "QLinear", 7) == 0 || strstr(op, "uantizeLinear") != NULL || strstr(op, "Integer") != NULL;
  return quantised ? "quantised operators are not supported" : "the operator is not supported";
}

static void find_row(icn_importer *im) {
  const icn_source_node *node = im->node;
  if (node->domain[0] != '\0' && strcmp(node->domain, "ai.onnx") != 0) {
    icn_im_fail(im, ICN_UNSUPPORTED, "operators of the domain '%.80s' are not supported", node->domain);
    return;
  }
  im->row = icn_import_find_row(node->op, im->source->opset);
  if (im->row != NULL) return;
  for (size_t i = 0; i < icn_import_row_count(); i++) {
    const icn_import_row *row = icn_import_row_at(i);
    if (strcmp(row->op, node->op) != 0) continue;
    icn_im_fail(im, ICN_UNSUPPORTED, "the operator is known from opset %d%s on, but the model declares opset %lld", row->since,
                row->until != 0 ? " to an older one" : "", (long long)im->source->opset);
    return;
  }
  icn_im_fail(im, ICN_UNSUPPORTED, "%s", why_unknown(node->op));
}

static void check_counts(icn_importer *im) {
  size_t count = im->node->input_count;
  while (count > 0 && im->node->inputs[count - 1][0] == '\0') count--;
  if (im->row->max_inputs >= 0 && count > (size_t)im->row->max_inputs) {
    icn_im_fail(im, ICN_FORMAT, "it has %zu inputs; at most %d are defined", count, im->row->max_inputs);
  }
  for (size_t k = 0; k < (size_t)im->row->min_inputs; k++) {
    if (k >= count || im->node->inputs[k][0] == '\0') icn_im_fail(im, ICN_FORMAT, "its input %zu is missing", k);
  }
  if (im->node->output_count == 0 || (im->node->output_count == 1 && im->node->outputs[0][0] == '\0')) {
    icn_im_fail(im, ICN_FORMAT, "it has no output");
  }
}

/* The value of a name that some node or output needs. Initialisers become values here, so unused ones cost nothing. */
static int value_of(icn_importer *im, const char *text) {
  icn_import_name *name = icn_im_find_name(im, text);
  if (name->value != ICN_NO_VALUE) return name->value;
  if (name->kind == ICN_NAME_OUTPUT) {
    const icn_source_node *producer = &im->source->nodes[name->index];
    return icn_im_fail(im, ICN_UNSUPPORTED, "output %zu of node '%.100s' (%.60s) is used, but not supported", name->output, producer->name,
                       producer->op);
  }
  const icn_source_tensor *tensor = &im->source->tensors[name->index];
  if (!tensor->supported) {
    return icn_im_fail(im, ICN_UNSUPPORTED, "the initialiser '%.100s' has the unsupported element type %s (%d)", text,
                       icn_import_type_name(tensor->onnx_type), tensor->onnx_type);
  }
  const void *data = tensor->data == NULL ? "" : tensor->data; /* an empty tensor is a constant too */
  name->value = icn_graph_add_constant(im->graph, text, &tensor->shape, tensor->dtype, data);
  if (name->value < 0) icn_im_no_memory(im);
  return name->value;
}

static void resolve_inputs(icn_importer *im) {
  size_t count = im->node->input_count;
  im->inputs = icn_arena_array(&im->scratch, count, sizeof(int));
  if (im->inputs == NULL) {
    icn_im_no_memory(im);
    return;
  }
  for (size_t k = 0; k < count && icn_im_ok(im); k++) {
    im->inputs[k] = im->node->inputs[k][0] == '\0' ? ICN_NO_VALUE : value_of(im, im->node->inputs[k]);
  }
}

static void translate_node(icn_importer *im, const icn_source_node *node) {
  im->node = node;
  im->steps = 0;
  find_row(im);
  if (icn_im_ok(im)) check_attributes(im);
  if (icn_im_ok(im)) check_counts(im);
  if (icn_im_ok(im)) resolve_inputs(im);
  if (!icn_im_ok(im)) return;
  int value = im->row->translate(im);
  if (icn_im_ok(im) && node->outputs[0][0] != '\0') icn_im_set_output(im, 0, value);
}

/* ----------------------------------------------------------------- outputs */

static icn_status add_outputs(icn_importer *im, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_source *source = im->source;
  icn_graph *graph = im->graph;
  graph->outputs = icn_arena_array(&graph->arena, source->output_count, sizeof(int));
  graph->output_names = icn_arena_array(&graph->arena, source->output_count, sizeof(char *));
  ICN_REQUIRE(graph->outputs != NULL && graph->output_names != NULL, ICN_NO_MEMORY, "out of memory: the list of %zu graph outputs",
              source->output_count);
  for (size_t o = 0; o < source->output_count; o++) {
    const char *name = source->outputs[o];
    im->node = NULL; /* failures are the output's own */
    int value = value_of(im, name);
    if (!icn_im_ok(im)) return im->status;
    icn_dtype dtype = graph->values[value].dtype;
    ICN_REQUIRE(icn_dtype_is_float(dtype), ICN_UNSUPPORTED,
                "the graph output '%.100s' has element type %s; only float outputs are supported", name, icn_dtype_name(dtype));
    graph->output_names[o] = icn_arena_text(&graph->arena, name, strlen(name));
    ICN_REQUIRE(graph->output_names[o] != NULL, ICN_NO_MEMORY, "out of memory: the graph output '%.100s'", name);
    graph->outputs[graph->output_count++] = value;
  }
done:
  return status;
}

/* Drops nodes and values that nothing needs any more: those behind folded shapes, unused parts of a Split, weights that were folded. */
static void remove_unused(icn_importer *im, icn_error *error) {
  icn_graph *graph = im->graph;
  int *map = icn_arena_array(&im->scratch, graph->value_count, sizeof(int)); /* 0: unused, then the new index */
  if (map == NULL) {
    im->status = icn_error_memory(error, graph->value_count * sizeof(int), "the list of used values");
    return;
  }
  for (size_t i = 0; i < graph->input_count; i++) map[graph->inputs[i]] = 1;
  for (size_t i = 0; i < graph->output_count; i++) map[graph->outputs[i]] = 1;
  for (size_t n = graph->node_count; n-- > 0;) {
    const icn_node *node = &graph->nodes[n];
    for (int k = 0; k < node->input_count && map[node->output] != 0; k++) {
      if (node->inputs[k] != ICN_NO_VALUE) map[node->inputs[k]] = 1;
    }
  }
  size_t kept_nodes = 0, kept_values = 0;
  for (size_t n = 0; n < graph->node_count; n++) {
    if (map[graph->nodes[n].output] == 0) continue;
    graph->values[graph->nodes[n].output].producer = (int)kept_nodes;
    graph->nodes[kept_nodes++] = graph->nodes[n];
  }
  for (size_t v = 0; v < graph->value_count; v++) {
    if (map[v] == 0) continue;
    map[v] = (int)kept_values;
    graph->values[kept_values++] = graph->values[v];
  }
  graph->node_count = kept_nodes;
  graph->value_count = kept_values;
  for (size_t n = 0; n < kept_nodes; n++) {
    icn_node *node = &graph->nodes[n];
    node->output = map[node->output];
    for (int k = 0; k < node->input_count; k++) {
      if (node->inputs[k] != ICN_NO_VALUE) node->inputs[k] = map[node->inputs[k]];
    }
  }
  for (size_t i = 0; i < graph->input_count; i++) graph->inputs[i] = map[graph->inputs[i]];
  for (size_t i = 0; i < graph->output_count; i++) graph->outputs[i] = map[graph->outputs[i]];
}

/* Folding may take some room whatever the model, and as much again as the weights have (transposed ones, for example). */
static int64_t folded_limit(const icn_source *source) {
  int64_t limit = ICN_IMPORT_MAX_FOLDED_BYTES;
  for (size_t i = 0; i < source->tensor_count; i++) {
    int64_t elems = icn_shape_elems(&source->tensors[i].shape);
    if (source->tensors[i].supported && elems > 0 && limit < INT64_MAX / 4) limit += 4 * elems;
  }
  return limit;
}

static icn_status check_opset(const icn_source *source, icn_error *error) {
  if (source->opset >= 7) return ICN_OK;
  return icn_error_set(error, ICN_UNSUPPORTED, "the model uses opset %lld; opset 7 is the oldest supported one", (long long)source->opset);
}

icn_status icn_import(const icn_source *source, const icn_input_shape *shapes, size_t shape_count, int64_t batch, icn_graph *graph,
                      icn_error *error) {
  icn_status status = ICN_OK;
  node_order order;
  icn_importer im;
  memset(&im, 0, sizeof im);
  im.source = source;
  im.graph = graph;
  im.error = error;
  im.folded_limit = folded_limit(source);
  icn_arena_init(&im.scratch, &graph->arena.allocator);
  ICN_TRY(check_opset(source, error));
  ICN_TRY(collect_names(&im, error));
  ICN_TRY(sort_nodes(&im, &order, error));
  ICN_TRY(icn_im_add_inputs(&im, shapes, shape_count, batch, error));
  for (size_t i = 0; i < order.count && icn_im_ok(&im); i++) translate_node(&im, &source->nodes[order.nodes[i]]);
  ICN_TRY(im.status);
  ICN_TRY(add_outputs(&im, error));
  remove_unused(&im, error);
  ICN_TRY(im.status);
  ICN_TRY(icn_graph_validate(graph, error));
done:
  icn_arena_fini(&im.scratch);
  return status;
}
