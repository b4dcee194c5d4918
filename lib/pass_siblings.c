/* merge_siblings: 1x1 convolutions that read one tensor and end in the same function are one matrix product: their weights side by side,
 * its result cut into theirs. One launch where there were two to four, wider panels, and the input is read once. Those that end in no
 * function (one that swap_pool has put before its pool) may be among them: their channels go first, the function begins behind them. The
 * one whose result begins a join goes last: lowering then puts the others' channels before that join in memory, and nothing is copied
 * (lower_views.c). */
#include <string.h>

#include "pass_support.h"

/* Linear channels are whole vectors, of the widest that a row has: none has to apply its function to a part of one. */
enum { MOST_SIBLINGS = 8, WIDEST_VECTOR = 16 };

typedef struct family {
  int nodes[MOST_SIBLINGS]; /* in the order of their channels in the joined result */
  int count;
  int64_t channels, linear_channels;
  bool bias, scale;      /* some member has one */
  icn_epilogue epilogue; /* of the members that are not linear; where there are none, none */
} family;

static bool is_constant_or_absent(const icn_graph *graph, int value) { return value == ICN_NO_VALUE || icn_pass_is_constant(graph, value); }

static bool is_vector_or_absent(const icn_graph *graph, int value, int64_t count) {
  if (value == ICN_NO_VALUE) return true;
  const icn_shape *shape = &graph->values[value].shape;
  return shape->rank == 1 && shape->dim[0] == count;
}

static bool is_output(const icn_graph *graph, int value) {
  for (size_t i = 0; i < graph->output_count; i++)
    if (graph->outputs[i] == value) return true;
  return false;
}

/* A 1x1 convolution of stride 1 with nothing but constants besides x. */
static bool is_candidate(const icn_graph *graph, const icn_node *node) {
  const icn_params *p = &node->params;
  if (node->op != ICN_OP_CONV || p->groups != 1 || is_output(graph, node->output)) return false;
  for (int axis = 0; axis < 2; axis++)
    if (p->kernel[axis] != 1 || p->stride[axis] != 1 || p->pad_begin[axis] != 0 || p->pad_end[axis] != 0) return false;
  const int weights = icn_pass_input(node, ICN_CONV_WEIGHT), bias = icn_pass_input(node, ICN_CONV_BIAS),
            scale = icn_pass_input(node, ICN_CONV_SCALE);
  if (!icn_pass_is_constant(graph, weights) || !is_constant_or_absent(graph, bias) || !is_constant_or_absent(graph, scale) ||
      icn_pass_input(node, ICN_CONV_RESIDUAL) != ICN_NO_VALUE)
    return false;
  const int64_t count = graph->values[weights].shape.dim[0];
  return is_vector_or_absent(graph, bias, count) && is_vector_or_absent(graph, scale, count);
}

static bool is_linear(const icn_node *node) { return node->epilogue.function == ICN_FN_IDENTITY; }

static bool same_function(const icn_epilogue *a, const icn_epilogue *b) {
  return a->function == b->function && a->alpha == b->alpha && a->beta == b->beta;
}

/* True when the value is the first part of a join of channels. */
static bool begins_join(const icn_graph *graph, int value) {
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_CONCAT && node->params.axis == 1 && node->inputs[0] == value) return true;
  }
  return false;
}

static void swap_members(family *f, int a, int b) {
  const int node = f->nodes[a];
  f->nodes[a] = f->nodes[b];
  f->nodes[b] = node;
}

static void add_member(const icn_graph *graph, family *f, int n) {
  const icn_node *node = &graph->nodes[n];
  const int64_t channels = graph->values[node->output].shape.dim[1];
  f->nodes[f->count++] = n;
  f->channels += channels;
  if (is_linear(node)) f->linear_channels += channels;
  if (!is_linear(node)) f->epilogue = node->epilogue;
  f->bias = f->bias || icn_pass_input(node, ICN_CONV_BIAS) != ICN_NO_VALUE;
  f->scale = f->scale || icn_pass_input(node, ICN_CONV_SCALE) != ICN_NO_VALUE;
}

/* Node `first` and those behind it that are like it; with `mixed` set, linear ones beside others. */
static family collect(const icn_graph *graph, int first, bool mixed) {
  family f = {.count = 0};
  const icn_node *one = &graph->nodes[first];
  for (int n = first; (size_t)n < graph->node_count && f.count < MOST_SIBLINGS; n++) {
    const icn_node *node = &graph->nodes[n];
    if (!is_candidate(graph, node) || node->inputs[ICN_CONV_X] != one->inputs[ICN_CONV_X] ||
        memcmp(&node->params, &one->params, sizeof node->params) != 0)
      continue;
    const bool some_function = f.linear_channels < f.channels;
    const bool alike = mixed ? is_linear(node) || !some_function || same_function(&node->epilogue, &f.epilogue)
                             : same_function(&node->epilogue, &one->epilogue);
    if (alike) add_member(graph, &f, n);
  }
  return f;
}

/* Linear members first, the one that begins a join last where it is not among them. */
static void order(const icn_graph *graph, family *f) {
  int linear = 0;
  for (int i = 0; i < f->count; i++) {
    if (!is_linear(&graph->nodes[f->nodes[i]])) continue;
    for (int at = i; at > linear; at--) swap_members(f, at, at - 1); /* the others keep their order */
    linear++;
  }
  const int from = linear == f->count ? 0 : linear;
  for (int i = from; i + 1 < f->count; i++) {
    if (!begins_join(graph, graph->nodes[f->nodes[i]].output)) continue;
    swap_members(f, i, f->count - 1);
    break;
  }
}

static family find_family(const icn_graph *graph, int first) {
  family f = collect(graph, first, true);
  const bool mixed = f.linear_channels > 0 && f.linear_channels < f.channels;
  if (mixed && f.linear_channels % WIDEST_VECTOR != 0) f = collect(graph, first, false);
  order(graph, &f);
  return f;
}

/* Constant `input` of all members one after the other, `each` elements a channel; `missing` where a member has none. False: no memory. */
static bool join_constants(icn_graph *graph, const family *f, int input, const icn_shape *shape, float missing, int *joined) {
  const int64_t each = icn_shape_elems(shape) / f->channels;
  float *data = icn_pass_constant(graph, &graph->nodes[f->nodes[0]], "siblings", shape, joined);
  if (data == NULL) return false;
  for (int i = 0; i < f->count; i++) {
    const icn_node *node = &graph->nodes[f->nodes[i]];
    const int value = icn_pass_input(node, input);
    const int64_t count = graph->values[node->output].shape.dim[1] * each;
    if (value != ICN_NO_VALUE) icn_const_copy_f32(&graph->values[value], count, data);
    for (int64_t k = 0; k < count && value == ICN_NO_VALUE; k++) data[k] = missing;
    data += count;
  }
  return true;
}

/* The inputs of the merged convolution, NEW. NULL: no memory. */
static int *join_inputs(icn_graph *graph, const family *f) {
  const icn_node *node = &graph->nodes[f->nodes[0]];
  const int64_t in_channels = graph->values[node->inputs[ICN_CONV_X]].shape.dim[1];
  const icn_shape weights = icn_shape_make(4, (const int64_t[]){f->channels, in_channels, 1, 1}), vector = icn_shape_make(1, &f->channels);
  int *inputs = icn_arena_array(&graph->arena, ICN_CONV_SCALE + 1, sizeof *inputs);
  if (inputs == NULL) return NULL;
  for (int i = 0; i <= ICN_CONV_SCALE; i++) inputs[i] = ICN_NO_VALUE;
  inputs[ICN_CONV_X] = node->inputs[ICN_CONV_X];
  if (!join_constants(graph, f, ICN_CONV_WEIGHT, &weights, 0, &inputs[ICN_CONV_WEIGHT])) return NULL;
  if (f->bias && !join_constants(graph, f, ICN_CONV_BIAS, &vector, 0, &inputs[ICN_CONV_BIAS])) return NULL;
  if (f->scale && !join_constants(graph, f, ICN_CONV_SCALE, &vector, 1, &inputs[ICN_CONV_SCALE])) return NULL;
  return inputs;
}

/* A convolution becomes the slice of the joined result from `begin` on that it was. False: no memory. */
static bool make_slice(icn_graph *graph, icn_node *node, int joined, int64_t begin) {
  int *input = icn_arena_array(&graph->arena, 1, sizeof *input);
  if (input == NULL) return false;
  *input = joined;
  node->op = ICN_OP_SLICE;
  node->inputs = input;
  node->input_count = 1;
  memset(&node->params, 0, sizeof node->params);
  memset(&node->epilogue, 0, sizeof node->epilogue);
  for (int k = 0; k < 4; k++) node->params.step[k] = 1;
  node->params.begin[1] = begin;
  return true;
}

static bool merge(icn_graph *graph, const family *f, int first) {
  const icn_value *value = &graph->values[graph->nodes[first].output];
  icn_shape shape = value->shape;
  shape.dim[1] = f->channels;
  const char *suffix = f->count == 2 ? "" : "s";
  const char *name = icn_arena_format(&graph->arena, "%s and %d sibling%s", value->name, f->count - 1, suffix);
  const char *node_name = icn_arena_format(&graph->arena, "%s and %d sibling%s", graph->nodes[first].name, f->count - 1, suffix);
  int *inputs = join_inputs(graph, f);
  const int joined = name == NULL || node_name == NULL || inputs == NULL ? -1 : icn_graph_add_value(graph, name, &shape, ICN_F32);
  if (joined < 0 || !icn_graph_insert_node(graph, first)) return false;
  /* The members moved up by one; the new node stands where the first one stood. */
  graph->nodes[first] = graph->nodes[first + 1];
  graph->nodes[first].name = node_name;
  graph->nodes[first].inputs = inputs;
  graph->nodes[first].input_count = ICN_CONV_SCALE + 1;
  graph->nodes[first].output = joined;
  graph->nodes[first].epilogue = f->epilogue;
  graph->nodes[first].epilogue.from = f->linear_channels < f->channels ? (int32_t)f->linear_channels : 0;
  graph->values[joined].producer = first;
  int64_t begin = 0;
  for (int i = 0; i < f->count; i++) {
    icn_node *member = &graph->nodes[f->nodes[i] + 1];
    if (!make_slice(graph, member, joined, begin)) return false;
    begin += graph->values[member->output].shape.dim[1];
  }
  return true;
}

icn_status icn_pass_merge_siblings(icn_graph *graph, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t n = 0; n < graph->node_count; n++) {
    if (!is_candidate(graph, &graph->nodes[n])) continue;
    const family f = find_family(graph, (int)n);
    if (f.count < 2) continue;
    ICN_REQUIRE(merge(graph, &f, (int)n), ICN_NO_MEMORY, "out of memory while \"%s\" and its siblings become one", graph->nodes[n].name);
    (*changed)++;
  }
done:
  return status;
}
