/* Where to end the slices, and the rewriting. */
#include "slice.h"

#include <string.h>

#include "cost.h"

/* What is known of the graph while looking for the best cut. */
typedef struct search {
  const icn_graph *graph;
  const icn_device_desc *device;
  int64_t images; /* in the batch */
  bool *batched;  /* by value: its dim 0 is the batch, each image by itself */
  int *last_use;  /* by value: the last node that reads it; node_count for graph outputs; -1: none */
} search;

/* ------------------------------------------------- images by themselves */

static bool constant_is_shared(const icn_graph *graph, const icn_node *node, int input) {
  const icn_shape *shape = &graph->values[node->inputs[input]].shape, *out = &graph->values[node->output].shape;
  return shape->rank < out->rank || shape->dim[0] == 1;
}

/* For operations on images with constant weights; a residual is images, too. */
static bool only_images_first(const search *s, const icn_node *node) {
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i] == ICN_NO_VALUE) continue;
    const bool wanted = i == 0 || (node->op == ICN_OP_CONV && i == ICN_CONV_RESIDUAL);
    if (s->batched[node->inputs[i]] != wanted) return false;
  }
  return true;
}

static bool all_shared_or_images(const search *s, const icn_node *node) {
  for (int i = 0; i < node->input_count; i++) {
    const int value = node->inputs[i];
    if (value == ICN_NO_VALUE) continue;
    const bool same_rank = s->graph->values[value].shape.rank == s->graph->values[node->output].shape.rank;
    if (s->batched[value] ? !same_rank : !constant_is_shared(s->graph, node, i)) return false;
  }
  return true;
}

static bool all_images(const search *s, const icn_node *node) {
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i] == ICN_NO_VALUE || !s->batched[node->inputs[i]]) return false;
  }
  return true;
}

/* True when image k of the output depends on image k of the inputs and on constants alone. */
static bool keeps_images_apart(const search *s, const icn_node *node) {
  const icn_shape *out = &s->graph->values[node->output].shape;
  const icn_params *p = &node->params;
  if (out->rank < 1 || out->dim[0] != s->images) return false;
  for (int i = 0; i < node->input_count; i++) {
    const int value = node->inputs[i];
    if (value != ICN_NO_VALUE && !s->batched[value] && s->graph->values[value].data == NULL) return false;
  }
  switch (node->op) {
    case ICN_OP_CONV:
    case ICN_OP_CONV_TRANSPOSE:
    case ICN_OP_POOL:
    case ICN_OP_AFFINE:
    case ICN_OP_LRN:
      return only_images_first(s, node);
    case ICN_OP_RESAMPLE:
      return only_images_first(s, node) && p->axis != 0;
    case ICN_OP_BINARY:
      return all_shared_or_images(s, node);
    case ICN_OP_UNARY:
    case ICN_OP_COPY:
    case ICN_OP_RESHAPE:
      return all_images(s, node);
    case ICN_OP_PAD:
      return all_images(s, node) && p->begin[0] == 0 && p->end[0] == 0;
    case ICN_OP_SLICE:
      return all_images(s, node) && p->begin[0] == 0 && p->step[0] == 1;
    case ICN_OP_TRANSPOSE:
      return all_images(s, node) && p->perm[0] == 0;
    case ICN_OP_CONCAT:
    case ICN_OP_SOFTMAX:
      return all_images(s, node) && p->axis != 0;
    case ICN_OP_REDUCE:
      return all_images(s, node) && (p->axes & 1U) == 0;
    default:
      return false;
  }
}

/* ------------------------------------------------------------------ costs */

/* Kernels ask for the next weights before they need them, and read them in one stream; so another pass over them costs a part of what
 * their bytes would. Activations have no such luck: they are read in windows, and what is written is first read by the cache. An image's
 * largest activations leave the second-level caches that cache_bytes() counts, too, but they stay in the third-level one, where a batch's
 * do not. (Inception-v3 and GoogLeNet at batch 8 on PoCL, layer by layer: a slice gains where weights are below five times the
 * activations.) */
static const double WEIGHT_SHARE = 0.2;

static double bytes_of(const icn_graph *graph, int value) {
  return value == ICN_NO_VALUE ? 0 : (double)icn_shape_elems(&graph->values[value].shape) * sizeof(float);
}

static bool moves_nothing(const icn_node *node) {
  return node->op == ICN_OP_RESHAPE || node->op == ICN_OP_SLICE || node->op == ICN_OP_CONCAT || node->op == ICN_OP_TRANSPOSE;
}

/* Bytes of the node's inputs: constants, or what is computed (of the whole batch). */
static double input_bytes(const icn_graph *graph, const icn_node *node, bool constants) {
  double bytes = 0;
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i] == ICN_NO_VALUE) continue;
    if ((graph->values[node->inputs[i]].data != NULL) == constants) bytes += bytes_of(graph, node->inputs[i]);
  }
  return bytes;
}

static double activation_bytes(const icn_graph *graph, const icn_node *node) {
  return input_bytes(graph, node, false) + bytes_of(graph, node->output);
}

/* The caches of all cores, where one core's is known to be its own. */
static double cache_bytes(const icn_device_desc *device) {
  return icn_cost_core_cache(device) * (device->compute_units > 0 ? device->compute_units : 1);
}

/* Seconds that a node takes less in `slices` slices; negative: more. `cached`: what a slice writes is in the caches when it is read. */
static double gain(const search *s, const icn_node *node, double slices, bool cached) {
  if (moves_nothing(node)) return 0;
  const double activations = activation_bytes(s->graph, node), again = (slices - 1) * WEIGHT_SHARE * input_bytes(s->graph, node, true);
  const double saved = cached && activations > cache_bytes(s->device) ? activations + bytes_of(s->graph, node->output) : 0;
  return (saved - again) / icn_cost_bytes_per_second(s->device) - (slices - 1) * icn_cost_launch_seconds(s->device);
}

/* ------------------------------------------------------------------ search */

/* Kernels reach 2^31 elements from a buffer's first one on, whatever slice they compute. */
static bool within_reach(const icn_graph *graph, int value) { return icn_shape_elems(&graph->values[value].shape) <= INT32_MAX; }

/* No graph input is read on both sides of the cut, or handed out as it is. */
static bool inputs_are_on_one_side(const search *s, int nodes) {
  for (size_t i = 0; i < s->graph->input_count; i++) {
    const int value = s->graph->inputs[i];
    if (!s->batched[value] || s->last_use[value] < nodes) continue;
    for (int n = 0; n < nodes; n++) {
      const icn_node *node = &s->graph->nodes[n];
      for (int k = 0; node->op != ICN_OP_NONE && k < node->input_count; k++) {
        if (node->inputs[k] == value) return false;
      }
    }
  }
  return true;
}

/* The one value that nodes behind the cut read of those before it, or -1: there is none, or more. */
static int value_across(const search *s, int nodes) {
  int found = -1;
  for (size_t v = 0; v < s->graph->value_count; v++) {
    const int producer = s->graph->values[v].producer;
    if (producer < 0 || producer >= nodes || s->last_use[v] < nodes) continue;
    if (found >= 0) return -1;
    found = (int)v;
  }
  return found >= 0 && within_reach(s->graph, found) && icn_shape_elems(&s->graph->values[found].shape) > 0 ? found : -1;
}

/* True when the node may be in the slices with all before it. */
static bool add_node(search *s, const icn_node *node) {
  if (node->op == ICN_OP_NONE) return true;
  if (!keeps_images_apart(s, node)) return false;
  s->batched[node->output] = true;
  return true;
}

/* How many nodes are best computed in slices; 0: none. */
static int best_cut(search *s, int64_t slice_images) {
  int best = 0;
  double sum = 0, most = 0;
  for (int n = 0; n < (int)s->graph->node_count && add_node(s, &s->graph->nodes[n]); n++) {
    if (s->graph->nodes[n].op == ICN_OP_NONE) continue;
    sum += gain(s, &s->graph->nodes[n], (double)(s->images / slice_images), true);
    if (sum <= most || value_across(s, n + 1) < 0 || !inputs_are_on_one_side(s, n + 1)) continue;
    most = sum;
    best = n + 1;
  }
  return best;
}

static void find_last_uses(search *s) {
  const icn_graph *graph = s->graph;
  for (size_t v = 0; v < graph->value_count; v++) s->last_use[v] = -1;
  for (size_t n = 0; n < graph->node_count; n++) {
    const icn_node *node = &graph->nodes[n];
    for (int i = 0; node->op != ICN_OP_NONE && i < node->input_count; i++) {
      if (node->inputs[i] != ICN_NO_VALUE) s->last_use[node->inputs[i]] = (int)n;
    }
  }
  for (size_t o = 0; o < graph->output_count; o++) s->last_use[graph->outputs[o]] = (int)graph->node_count;
}

/* The batch: dim 0 of the first input, and of the others that have the same. */
static void find_batch(search *s) {
  const icn_graph *graph = s->graph;
  const icn_shape *first = &graph->values[graph->inputs[0]].shape;
  s->images = first->rank > 1 && first->dim[0] <= INT32_MAX ? first->dim[0] : 1;
  for (size_t i = 0; i < graph->input_count; i++) {
    const icn_shape *shape = &graph->values[graph->inputs[i]].shape;
    s->batched[graph->inputs[i]] = shape->rank > 1 && shape->dim[0] == s->images && within_reach(graph, graph->inputs[i]);
  }
}

static icn_status begin_search(search *s, const icn_graph *graph, const icn_device_desc *device, icn_error *error) {
  const icn_allocator *allocator = &graph->arena.allocator;
  *s = (search){.graph = graph, .device = device, .images = 1};
  if (graph->input_count == 0) return ICN_OK;
  s->batched = icn_allocate_array(allocator, graph->value_count, sizeof *s->batched);
  s->last_use = icn_allocate_array(allocator, graph->value_count, sizeof *s->last_use);
  if (s->batched == NULL || s->last_use == NULL)
    return icn_error_memory(error, graph->value_count * (sizeof *s->batched + sizeof *s->last_use), "slices");
  find_batch(s);
  find_last_uses(s);
  return ICN_OK;
}

static void end_search(search *s) {
  icn_release(&s->graph->arena.allocator, s->batched);
  icn_release(&s->graph->arena.allocator, s->last_use);
}

/* As many images as the caches have room for, whatever layer reads and writes them; a divisor of the batch. */
static int64_t images_of_a_slice(const search *s) {
  double most = 0;
  for (size_t n = 0; n < s->graph->node_count; n++) {
    const icn_node *node = &s->graph->nodes[n];
    if (node->op == ICN_OP_NONE || moves_nothing(node)) continue;
    const double bytes = activation_bytes(s->graph, node) / (double)s->images;
    if (bytes > most) most = bytes;
  }
  int64_t images = most > 0 ? (int64_t)(cache_bytes(s->device) / most) : s->images;
  if (images > s->images) images = s->images;
  while (images > 1 && s->images % images != 0) images--;
  return images < 1 ? 1 : images;
}

/* --------------------------------------------------------------- rewriting */

static void slice_value(icn_graph *graph, int value, int64_t images) {
  if (value == ICN_NO_VALUE || graph->values[value].data != NULL || graph->values[value].sliced) return;
  graph->values[value].sliced = true;
  graph->values[value].shape.dim[0] = images;
}

/* Nodes [0, nodes) get the shapes of one slice; `value`, the one that leaves them, goes through a STACK behind them. */
static icn_status rewrite(icn_graph *graph, int nodes, int value, int slices, int64_t slice_images, icn_error *error) {
  const icn_shape whole = graph->values[value].shape;
  const char *name = icn_arena_format(&graph->arena, "%s of all slices", graph->values[value].name);
  const int stacked = name == NULL ? -1 : icn_graph_add_value(graph, name, &whole, ICN_F32);
  int *inputs = icn_arena_array(&graph->arena, 1, sizeof *inputs);
  if (stacked < 0 || inputs == NULL || !icn_graph_insert_node(graph, nodes)) return icn_error_memory(error, sizeof(icn_node), "slices");
  icn_graph_replace_value(graph, value, stacked);
  for (int n = 0; n < nodes; n++) {
    icn_node *node = &graph->nodes[n];
    if (node->op == ICN_OP_NONE) continue;
    for (int i = 0; i < node->input_count; i++) {
      if (node->inputs[i] == stacked) node->inputs[i] = value;
      slice_value(graph, node->inputs[i], slice_images);
    }
    slice_value(graph, node->output, slice_images);
  }
  inputs[0] = value;
  graph->nodes[nodes] = (icn_node){.op = ICN_OP_STACK, .name = name, .origin = "", .inputs = inputs, .input_count = 1, .output = stacked};
  graph->values[stacked].producer = nodes;
  graph->slices = slices;
  graph->sliced_nodes = nodes + 1;
  return ICN_OK;
}

icn_status icn_slice_nodes(icn_graph *graph, int nodes, int64_t slice_images, bool *sliced, icn_error *error) {
  icn_status status = ICN_OK;
  search s;
  *sliced = false;
  ICN_TRY(begin_search(&s, graph, NULL, error));
  if (graph->slices > 1 || slice_images < 1 || slice_images >= s.images || s.images % slice_images != 0) goto done;
  for (int n = 0; n < nodes; n++) {
    if (!add_node(&s, &graph->nodes[n])) goto done;
  }
  const int value = value_across(&s, nodes);
  if (value < 0 || !inputs_are_on_one_side(&s, nodes)) goto done;
  ICN_TRY(rewrite(graph, nodes, value, (int)(s.images / slice_images), slice_images, error));
  *sliced = true;
done:
  end_search(&s);
  return status;
}

/* How many places there are where slices can end; *nodes: number `wanted` of them. */
static int count_cuts(search *s, int wanted, int *nodes) {
  int count = 0;
  for (int n = 0; n < (int)s->graph->node_count && add_node(s, &s->graph->nodes[n]); n++) {
    if (s->graph->nodes[n].op == ICN_OP_NONE || value_across(s, n + 1) < 0 || !inputs_are_on_one_side(s, n + 1)) continue;
    if (count++ == wanted) *nodes = n + 1;
  }
  return count;
}

static double gain_of(const search *s, int nodes, int64_t slice_images) {
  const bool cached = s->device->kind == ICN_DEVICE_CPU && slice_images <= images_of_a_slice(s);
  double sum = 0;
  for (int n = 0; n < nodes; n++)
    if (s->graph->nodes[n].op != ICN_OP_NONE) sum += gain(s, &s->graph->nodes[n], (double)(s->images / slice_images), cached);
  return sum;
}

/* What icn_slice_batch gains. */
static double usual_gain(search *s) {
  const int64_t slice_images = images_of_a_slice(s);
  if (s->device->kind != ICN_DEVICE_CPU || slice_images >= s->images) return 0;
  return gain_of(s, best_cut(s, slice_images), slice_images);
}

icn_status icn_slice_part(icn_graph *graph, const icn_device_desc *device, int64_t slice_images, int part, int parts, bool *sliced,
                          double *lost_seconds, icn_error *error) {
  icn_status status = ICN_OK;
  search s;
  int nodes = 0;
  *sliced = false;
  ICN_TRY(begin_search(&s, graph, device, error));
  if (graph->input_count == 0 || s.images < 2 || slice_images < 1 || s.images % slice_images != 0) goto done;
  const int cuts = count_cuts(&s, -1, &nodes);
  if (cuts > 0) (void)count_cuts(&s, (cuts * part + parts - 1) / parts - 1, &nodes);
  const double lost = usual_gain(&s) - gain_of(&s, nodes, slice_images);
  *lost_seconds = lost > 0 ? lost : 0;
done:
  end_search(&s);
  return status == ICN_OK && nodes > 0 ? icn_slice_nodes(graph, nodes, slice_images, sliced, error) : status;
}

icn_status icn_slice_batch(icn_graph *graph, const icn_device_desc *device, const char *disabled, icn_error *error) {
  icn_status status = ICN_OK;
  search s;
  bool sliced;
  if (device->kind != ICN_DEVICE_CPU || icn_list_has(disabled, "slice_batch")) return ICN_OK;
  ICN_TRY(begin_search(&s, graph, device, error));
  if (s.images < 2) goto done;
  const int64_t slice_images = images_of_a_slice(&s);
  const int nodes = slice_images < s.images ? best_cut(&s, slice_images) : 0;
  if (nodes > 0) ICN_TRY(icn_slice_nodes(graph, nodes, slice_images, &sliced, error));
done:
  end_search(&s);
  return status;
}
