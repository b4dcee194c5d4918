/* The layers that built-in networks are made of. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "builtin.h"

enum { TYPE_FLOAT = 1, MOST_ATTRS = 4, MOST_INPUTS = 8 };

/* Weights of convolutions have the variance HE_GAIN / fan_in (after He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015). From the
 * weights of each output channel, CENTRING sixteenths of their mean are taken away: what a Relu leaves has a positive mean, which would
 * drown what differs from picture to picture. With sixteen of them the network would be chaotic: small differences, rounding among them,
 * would grow from layer to layer. The gains were found by trying: standard deviations of all layers from 0.15 to 3 on photographs and on
 * noise. */
static const double HE_GAIN = 2.625, CLASSIFIER_GAIN = 48.0;
enum { CENTRING = 13 };

static void no_memory(icn_net *net, size_t bytes) {
  if (net->status == ICN_OK) net->status = icn_error_memory(net->error, bytes, "a built-in network");
}

static void *allocate(icn_net *net, size_t count, size_t size) {
  void *memory = net->status == ICN_OK ? icn_arena_array(&net->source->arena, count, size) : NULL;
  if (memory == NULL) no_memory(net, count * size);
  return memory;
}

const char *icn_net_name(icn_net *net, const char *prefix, const char *suffix) {
  const char *name = net->status == ICN_OK ? icn_arena_format(&net->source->arena, "%s.%s", prefix, suffix) : "";
  if (name == NULL) no_memory(net, strlen(prefix) + strlen(suffix) + 2);
  return name == NULL ? "" : name;
}

/* ----------------------------------------------------------------- weights */

static uint64_t stream_start(const icn_net *net, const char *name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
  return net->seed + hash;
}

static uint64_t next_number(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* A new initializer, its values not yet written; NULL after a failure. */
static float *add_tensor(icn_net *net, const char *name, int rank, const int64_t *dim) {
  icn_source *source = net->source;
  if (net->status != ICN_OK) return NULL;
  icn_source_tensor *tensors =
      icn_arena_grow(&source->arena, source->tensors, source->tensor_count, &net->tensor_capacity, sizeof *tensors);
  if (tensors == NULL) no_memory(net, net->tensor_capacity * sizeof *tensors);
  if (tensors == NULL) return NULL;
  source->tensors = tensors;
  icn_source_tensor *tensor = &tensors[source->tensor_count];
  tensor->name = name;
  tensor->onnx_type = TYPE_FLOAT;
  tensor->dtype = ICN_F32;
  tensor->supported = true;
  tensor->shape = icn_shape_make(rank, dim);
  float *data = allocate(net, (size_t)icn_shape_elems(&tensor->shape), sizeof *data);
  tensor->data = data;
  source->tensor_count += data != NULL;
  return data;
}

/* The sum of the four quarters of a number, minus its mean: the standard deviation is sqrt(4 * (65536^2 - 1) / 12). */
static int32_t bell(uint64_t bits) {
  return (int32_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)) - 2 * 65535;
}

/* Nearly normal with the standard deviation sqrt(gain / fan_in), `sets` times fan_in values; centring/16 of each set's mean is taken away.
 */
static void bell_weights(float *data, uint64_t state, int64_t sets, int64_t fan_in, double gain, int centring) {
  const float scale = (float)(sqrt(gain / (double)fan_in) / sqrt(1431655765.0));
  for (int64_t set = 0; set < sets; set++) {
    int64_t sum = 0;
    uint64_t again = state;
    for (int64_t i = 0; i < fan_in; i++) sum += bell(next_number(&again));
    int32_t centre = (int32_t)(sum * centring / (16 * fan_in));
    for (int64_t i = 0; i < fan_in; i++) *data++ = (float)(bell(next_number(&state)) - centre) * scale;
  }
}

/* dim[0] sets of weights. */
static const char *bell_tensor(icn_net *net, const char *name, int rank, const int64_t *dim, double gain, int centring) {
  float *data = add_tensor(net, name, rank, dim);
  if (data == NULL) return "";
  icn_shape set = icn_shape_make(rank - 1, dim + 1);
  bell_weights(data, stream_start(net, name), dim[0], icn_shape_elems(&set), gain, centring);
  return name;
}

/* Uniform in [middle - spread, middle + spread). */
static const char *uniform_tensor(icn_net *net, const char *name, int64_t elems, float middle, float spread) {
  float *data = add_tensor(net, name, 1, &elems);
  if (data == NULL) return "";
  uint64_t state = stream_start(net, name);
  for (int64_t i = 0; i < elems; i++) {
    int32_t step = (int32_t)(next_number(&state) >> 48) - 32768;
    data[i] = middle + (float)step * (1.0f / 32768.0f) * spread;
  }
  return name;
}

/* ------------------------------------------------------------------- nodes */

typedef struct node_parts {
  const char *inputs[MOST_INPUTS];
  size_t input_count;
  icn_source_attr attrs[MOST_ATTRS];
  size_t attr_count;
} node_parts;

static void add_input(node_parts *parts, const char *name) {
  assert(parts->input_count < MOST_INPUTS);
  parts->inputs[parts->input_count++] = name;
}

static icn_source_attr *add_attr(node_parts *parts, const char *name, icn_attr_kind kind) {
  assert(parts->attr_count < MOST_ATTRS);
  icn_source_attr *attr = &parts->attrs[parts->attr_count++];
  attr->name = name;
  attr->kind = kind;
  attr->s = "";
  return attr;
}

static void add_int(node_parts *parts, const char *name, int64_t value) { add_attr(parts, name, ICN_ATTR_INT)->i = value; }
static void add_float(node_parts *parts, const char *name, float value) { add_attr(parts, name, ICN_ATTR_FLOAT)->f = value; }

static void add_ints(icn_net *net, node_parts *parts, const char *name, size_t count, const int64_t *values) {
  icn_source_attr *attr = add_attr(parts, name, ICN_ATTR_INTS);
  int64_t *copy = allocate(net, count, sizeof *copy);
  if (copy == NULL) return;
  memcpy(copy, values, count * sizeof *copy);
  attr->ints = copy;
  attr->count = count;
}

static void add_window(icn_net *net, node_parts *parts, icn_window window) {
  add_ints(net, parts, "kernel_shape", 2, (const int64_t[]){window.kernel_y, window.kernel_x});
  add_ints(net, parts, "strides", 2, (const int64_t[]){window.stride, window.stride});
  add_ints(net, parts, "pads", 4, (const int64_t[]){window.pad_y, window.pad_x, window.pad_y, window.pad_x});
}

/* A node whose one output has its name. */
static icn_net_value add_node(icn_net *net, const char *op, const char *name, const node_parts *parts, int64_t channels) {
  icn_net_value value = {name, channels};
  icn_source *source = net->source;
  const char **inputs = allocate(net, parts->input_count, sizeof *inputs);
  const char **outputs = allocate(net, 1, sizeof *outputs);
  icn_source_attr *attrs = allocate(net, parts->attr_count, sizeof *attrs);
  if (net->status != ICN_OK) return value;
  icn_source_node *nodes = icn_arena_grow(&source->arena, source->nodes, source->node_count, &net->node_capacity, sizeof *nodes);
  if (nodes == NULL) {
    no_memory(net, net->node_capacity * sizeof *nodes);
    return value;
  }
  memcpy(inputs, parts->inputs, parts->input_count * sizeof *inputs);
  memcpy(attrs, parts->attrs, parts->attr_count * sizeof *attrs);
  outputs[0] = name;
  source->nodes = nodes;
  nodes[source->node_count++] = (icn_source_node){op, "", name, inputs, parts->input_count, outputs, 1, attrs, parts->attr_count};
  return value;
}

static icn_net_value add_simple(icn_net *net, const char *op, const char *name, icn_net_value x) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  return add_node(net, op, name, &parts, x.channels);
}

/* ------------------------------------------------------------------ layers */

icn_net_value icn_net_input(icn_net *net, const char *name, int64_t channels, int64_t size) {
  icn_net_value value = {name, channels};
  icn_source_input *input = allocate(net, 1, sizeof *input);
  if (input == NULL) return value;
  *input = (icn_source_input){name, TYPE_FLOAT, true, icn_shape_make(4, (const int64_t[]){-1, channels, size, size})};
  net->source->inputs = input;
  net->source->input_count = 1;
  return value;
}

void icn_net_output(icn_net *net, icn_net_value value) {
  const char **output = allocate(net, 1, sizeof *output);
  if (output == NULL) return;
  *output = value.name;
  net->source->outputs = output;
  net->source->output_count = 1;
}

static icn_net_value convolution(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  node_parts parts = {0};
  const int64_t dim[4] = {channels, x.channels, window.kernel_y, window.kernel_x};
  add_input(&parts, x.name);
  add_input(&parts, bell_tensor(net, icn_net_name(net, name, "weight"), 4, dim, HE_GAIN, CENTRING));
  add_window(net, &parts, window);
  return add_node(net, "Conv", name, &parts, channels);
}

static icn_net_value batch_normalization(icn_net *net, const char *name, icn_net_value x) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_input(&parts, uniform_tensor(net, icn_net_name(net, name, "weight"), x.channels, 1.0f, 0.125f));
  add_input(&parts, uniform_tensor(net, icn_net_name(net, name, "bias"), x.channels, 0.0f, 0.125f));
  add_input(&parts, uniform_tensor(net, icn_net_name(net, name, "running_mean"), x.channels, 0.0f, 0.125f));
  add_input(&parts, uniform_tensor(net, icn_net_name(net, name, "running_var"), x.channels, 1.0f, 0.25f));
  add_float(&parts, "epsilon", 0.001f);
  return add_node(net, "BatchNormalization", name, &parts, x.channels);
}

icn_net_value icn_net_conv_bn_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  icn_net_value sum = convolution(net, icn_net_name(net, name, "conv"), x, channels, window);
  icn_net_value normal = batch_normalization(net, icn_net_name(net, name, "bn"), sum);
  return add_simple(net, "Relu", icn_net_name(net, name, "relu"), normal);
}

icn_net_value icn_net_max_pool(icn_net *net, const char *name, icn_net_value x, icn_window window) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_window(net, &parts, window);
  return add_node(net, "MaxPool", name, &parts, x.channels);
}

icn_net_value icn_net_average_pool(icn_net *net, const char *name, icn_net_value x, icn_window window) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_window(net, &parts, window);
  add_int(&parts, "count_include_pad", 1);
  return add_node(net, "AveragePool", name, &parts, x.channels);
}

icn_net_value icn_net_concat(icn_net *net, const char *name, const icn_net_value *values, size_t count) {
  node_parts parts = {0};
  int64_t channels = 0;
  for (size_t i = 0; i < count; i++) {
    add_input(&parts, values[i].name);
    channels += values[i].channels;
  }
  add_int(&parts, "axis", 1);
  return add_node(net, "Concat", name, &parts, channels);
}

icn_net_value icn_net_classifier(icn_net *net, const char *name, icn_net_value x, int64_t classes, const char *output) {
  node_parts gemm = {0}, softmax = {0};
  const int64_t dim[2] = {classes, x.channels};
  icn_net_value pooled = add_simple(net, "GlobalAveragePool", "global_pool", x);
  add_input(&gemm, add_simple(net, "Flatten", "flatten", pooled).name);
  add_input(&gemm, bell_tensor(net, icn_net_name(net, name, "weight"), 2, dim, CLASSIFIER_GAIN, CENTRING));
  add_input(&gemm, uniform_tensor(net, icn_net_name(net, name, "bias"), classes, 0.0f, 0.125f));
  add_int(&gemm, "transB", 1);
  add_input(&softmax, add_node(net, "Gemm", name, &gemm, classes).name);
  add_int(&softmax, "axis", 1);
  return add_node(net, "Softmax", output, &softmax, classes);
}
