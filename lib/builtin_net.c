/* The layers that built-in networks are made of. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "builtin.h"

enum { TYPE_FLOAT = 1, MOST_ATTRS = 6, MOST_INPUTS = 8, NAME_BYTES = 128, THOUSAND = 1000 };

static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_DOWN};

void icn_net_no_memory(icn_net *net, size_t bytes) {
  if (net->status == ICN_OK) net->status = icn_error_memory(net->error, bytes, "a built-in network");
}

void *icn_net_allocate(icn_net *net, size_t count, size_t size) {
  void *memory = net->status == ICN_OK ? icn_arena_array(&net->source->arena, count, size) : NULL;
  if (memory == NULL) icn_net_no_memory(net, count * size);
  return memory;
}

const char *icn_net_text(icn_net *net, const char *format, ...) {
  char text[NAME_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const char *copy = net->status == ICN_OK ? icn_arena_text(&net->source->arena, text, strlen(text)) : "";
  if (copy == NULL) icn_net_no_memory(net, strlen(text) + 1);
  return copy == NULL ? "" : copy;
}

const char *icn_net_name(icn_net *net, const char *prefix, const char *suffix) { return icn_net_text(net, "%s.%s", prefix, suffix); }

int64_t icn_net_channels(const icn_net *net, int64_t channels) {
  return icn_max64(1, (channels * net->options[ICN_NET_WIDTH] + THOUSAND / 2) / THOUSAND);
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
  int64_t *copy = net->describe ? NULL : icn_net_allocate(net, count, sizeof *copy);
  if (copy == NULL) return;
  memcpy(copy, values, count * sizeof *copy);
  attr->ints = copy;
  attr->count = count;
}

static void add_window(icn_net *net, node_parts *parts, const icn_window *window) {
  add_ints(net, parts, "kernel_shape", 2, (const int64_t[]){window->kernel_y, window->kernel_x});
  add_ints(net, parts, "strides", 2, (const int64_t[]){window->stride, window->stride});
  if (window->rounding == ICN_ROUND_SAME)
    add_attr(parts, "auto_pad", ICN_ATTR_STRING)->s = "SAME_UPPER";
  else
    add_ints(net, parts, "pads", 4, (const int64_t[]){window->pad_y, window->pad_x, window->pad_y, window->pad_x});
}

/* A node whose one output has its name. */
static const char *add_node(icn_net *net, const char *op, const char *name, const node_parts *parts) {
  icn_source *source = net->source;
  if (net->describe || net->status != ICN_OK) return name;
  const char **inputs = icn_net_allocate(net, parts->input_count, sizeof *inputs);
  const char **outputs = icn_net_allocate(net, 1, sizeof *outputs);
  icn_source_attr *attrs = icn_net_allocate(net, parts->attr_count, sizeof *attrs);
  if (net->status != ICN_OK) return name;
  icn_source_node *nodes = icn_arena_grow(&source->arena, source->nodes, source->node_count, &net->node_capacity, sizeof *nodes);
  if (nodes == NULL) {
    icn_net_no_memory(net, net->node_capacity * sizeof *nodes);
    return name;
  }
  memcpy(inputs, parts->inputs, parts->input_count * sizeof *inputs);
  memcpy(attrs, parts->attrs, parts->attr_count * sizeof *attrs);
  outputs[0] = name;
  source->nodes = nodes;
  nodes[source->node_count++] = (icn_source_node){op, "", name, inputs, parts->input_count, outputs, 1, attrs, parts->attr_count};
  return name;
}

static const char *add_simple(icn_net *net, const char *op, const char *name, const char *x) {
  node_parts parts = {0};
  add_input(&parts, x);
  return add_node(net, op, name, &parts);
}

/* ------------------------------------------------------------------- sizes */

/* As ONNX has it: with ICN_ROUND_UP the last window must start inside the input or the padding before it. */
static int64_t extent(icn_net *net, int64_t size, int64_t kernel, int64_t pad, const icn_window *window) {
  const int64_t stride = window->stride, room = size + 2 * pad - kernel;
  const bool up = window->rounding == ICN_ROUND_UP;
  if (window->rounding == ICN_ROUND_SAME) return icn_div_up(size, stride);
  if (room < 0 && (!up || room <= -stride)) {
    net->too_small = true;
    return 1;
  }
  int64_t out = (up ? room + stride - 1 : room) / stride + 1;
  return up && (out - 1) * stride >= size + pad ? out - 1 : out;
}

/* Pictures are square, and stay so. */
static int64_t window_size(icn_net *net, int64_t size, const icn_window *window) {
  return extent(net, size, window->kernel_y, window->pad_y, window);
}

/* -------------------------------------------------------------- the layers */

static const char *window_text(icn_net *net, const icn_window *w) {
  const char *tail = w->rounding == ICN_ROUND_UP ? " ceil" : w->rounding == ICN_ROUND_SAME ? " same" : "";
  const long long kernel_y = w->kernel_y, kernel_x = w->kernel_x, stride = w->stride, pad_y = w->pad_y, pad_x = w->pad_x;
  if (w->rounding == ICN_ROUND_SAME || (pad_y == 0 && pad_x == 0))
    return icn_net_text(net, "%lldx%lld/%lld%s", kernel_y, kernel_x, stride, tail);
  if (pad_y == pad_x) return icn_net_text(net, "%lldx%lld/%lld pad %lld%s", kernel_y, kernel_x, stride, pad_y, tail);
  return icn_net_text(net, "%lldx%lld/%lld pad %lldx%lld%s", kernel_y, kernel_x, stride, pad_y, pad_x, tail);
}

static void set_shape(icn_builtin_layer *layer, const icn_net_value *value) {
  layer->rank = value->size > 0 ? 4 : 2;
  layer->dim[0] = 1;
  layer->dim[1] = value->channels;
  layer->dim[2] = layer->dim[3] = value->size;
}

/* Lists what was just made, where the network is described. The value then knows its layer. */
static icn_net_value list_layer(icn_net *net, icn_net_value value, const char *name, const char *kind, const icn_window *window,
                                const icn_net_value *inputs, size_t count) {
  icn_arena *arena = &net->source->arena;
  const uint64_t parameters = net->parameters, multiply_adds = net->multiply_adds;
  net->parameters = net->multiply_adds = 0;
  if (!net->describe || net->status != ICN_OK) return value;
  size_t *indices = icn_net_allocate(net, count + 1, sizeof *indices);
  icn_builtin_layer *layers = icn_arena_grow(arena, net->layers, net->layer_count, &net->layer_capacity, sizeof *layers);
  if (layers == NULL) icn_net_no_memory(net, net->layer_capacity * sizeof *layers);
  if (layers == NULL || indices == NULL) return value;
  net->layers = layers;
  for (size_t i = 0; i < count; i++) indices[i] = inputs[i].layer;
  value.layer = net->layer_count++;
  icn_builtin_layer *layer = &layers[value.layer];
  *layer = (icn_builtin_layer){.name = name, .kind = kind, .window = "", .inputs = indices, .input_count = count};
  layer->parameters = parameters;
  layer->multiply_adds = multiply_adds;
  if (window != NULL) layer->window = window_text(net, window);
  set_shape(layer, &value);
  return value;
}

icn_net_value icn_net_input(icn_net *net, const char *name, int64_t channels) {
  const int64_t size = net->options[ICN_NET_INPUT];
  const icn_net_value value = {name, channels, size, 0};
  icn_source_input *input = icn_net_allocate(net, 1, sizeof *input);
  if (input == NULL) return value;
  *input = (icn_source_input){name, TYPE_FLOAT, true, icn_shape_make(4, (const int64_t[]){-1, channels, size, size})};
  net->source->inputs = input;
  net->source->input_count = 1;
  return list_layer(net, value, name, "input", NULL, NULL, 0);
}

/* Channel by channel, in double as torchvision's Python computes these numbers. */
icn_net_value icn_net_transform_input(icn_net *net, const char *name, icn_net_value x) {
  static const double MEAN[3] = {0.485, 0.456, 0.406}, DEVIATION[3] = {0.229, 0.224, 0.225};
  static const int64_t DIM[4] = {1, 3, 1, 1};
  float scale[3], shift[3];
  node_parts times = {0}, plus = {0};
  for (int c = 0; c < 3; c++) {
    scale[c] = (float)(DEVIATION[c] / 0.5);
    shift[c] = (float)((MEAN[c] - 0.5) / 0.5);
  }
  add_input(&times, x.name);
  add_input(&times, icn_net_constant(net, icn_net_name(net, name, "scale"), 4, DIM, scale));
  add_input(&plus, add_node(net, "Mul", icn_net_name(net, name, "scaled"), &times));
  add_input(&plus, icn_net_constant(net, icn_net_name(net, name, "shift"), 4, DIM, shift));
  icn_net_value y = {add_node(net, "Add", name, &plus), x.channels, x.size, x.layer};
  return list_layer(net, y, name, "scale + shift", NULL, &x, 1);
}

void icn_net_output(icn_net *net, icn_net_value value) {
  icn_source *source = net->source;
  const char **outputs = net->status == ICN_OK
                             ? icn_arena_grow(&source->arena, source->outputs, source->output_count, &net->output_capacity, sizeof *outputs)
                             : NULL;
  if (outputs == NULL) {
    icn_net_no_memory(net, sizeof *outputs);
    return;
  }
  outputs[source->output_count++] = value.name;
  source->outputs = outputs;
  if (net->describe && net->layer_count > 0) net->layers[value.layer].output = value.name;
}

/* Counts its multiply-adds; `bias`: it has one. */
static icn_net_value convolution(icn_net *net, const char *name, icn_net_value x, int64_t channels, int64_t groups, icn_window window,
                                 double gain, bool bias) {
  node_parts parts = {0};
  const int64_t dim[4] = {channels, x.channels / groups, window.kernel_y, window.kernel_x};
  add_input(&parts, x.name);
  add_input(&parts, icn_net_bell_tensor(net, icn_net_name(net, name, "weight"), 4, dim, gain));
  if (bias) add_input(&parts, icn_net_uniform_tensor(net, icn_net_name(net, name, "bias"), channels, 0.0f, 0.125f));
  add_window(net, &parts, &window);
  if (groups > 1) add_int(&parts, "group", groups);
  const int64_t size = window_size(net, x.size, &window);
  net->multiply_adds += (uint64_t)(dim[0] * dim[1] * dim[2] * dim[3] * size * size);
  return (icn_net_value){add_node(net, "Conv", name, &parts), channels, size, x.layer};
}

static icn_net_value batch_normalization(icn_net *net, const char *name, icn_net_value x) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_input(&parts, icn_net_scale_tensor(net, icn_net_name(net, name, "weight"), x.channels, 1.0f, 0.125f));
  add_input(&parts, icn_net_uniform_tensor(net, icn_net_name(net, name, "bias"), x.channels, 0.0f, 0.125f));
  add_input(&parts, icn_net_statistic(net, icn_net_name(net, name, "running_mean"), x.channels, 0.0f, 0.125f));
  add_input(&parts, icn_net_statistic(net, icn_net_name(net, name, "running_var"), x.channels, 1.0f, 0.25f));
  add_float(&parts, "epsilon", 0.001f);
  x.name = add_node(net, "BatchNormalization", name, &parts);
  return x;
}

static icn_net_value relu(icn_net *net, const char *name, icn_net_value x) {
  x.name = add_simple(net, "Relu", icn_net_name(net, name, "relu"), x.name);
  return x;
}

icn_net_value icn_net_conv_bn_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  icn_net_value y = convolution(net, icn_net_name(net, name, "conv"), x, icn_net_channels(net, channels), 1, window, ICN_GAIN_RELU, false);
  y = relu(net, name, batch_normalization(net, icn_net_name(net, name, "bn"), y));
  return list_layer(net, y, name, "conv + bn + relu", &window, &x, 1);
}

icn_net_value icn_net_conv_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  icn_net_value y = relu(net, name, convolution(net, name, x, icn_net_channels(net, channels), 1, window, ICN_GAIN_RELU, true));
  return list_layer(net, y, name, "conv + bias + relu", &window, &x, 1);
}

icn_net_value icn_net_separable_relu(icn_net *net, const char *name, icn_net_value x, int64_t multiplier, int64_t channels,
                                     icn_window window) {
  const char *depthwise = icn_net_name(net, name, "depthwise"), *pointwise = icn_net_name(net, name, "pointwise");
  icn_net_value between = convolution(net, depthwise, x, x.channels * multiplier, x.channels, window, ICN_GAIN_LINEAR, false);
  between = list_layer(net, between, depthwise, "depthwise conv", &window, &x, 1);
  icn_net_value y = relu(net, name, convolution(net, pointwise, between, icn_net_channels(net, channels), 1, K1, ICN_GAIN_RELU, true));
  return list_layer(net, y, pointwise, "conv + bias + relu", &K1, &between, 1);
}

static icn_net_value pool(icn_net *net, const char *op, const char *kind, const char *name, icn_net_value x, icn_window window) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_window(net, &parts, &window);
  if (window.rounding == ICN_ROUND_UP) add_int(&parts, "ceil_mode", 1);
  if (op[0] == 'A' && window.rounding != ICN_ROUND_SAME) add_int(&parts, "count_include_pad", 1);
  icn_net_value y = {add_node(net, op, name, &parts), x.channels, window_size(net, x.size, &window), 0};
  return list_layer(net, y, name, kind, &window, &x, 1);
}

icn_net_value icn_net_max_pool(icn_net *net, const char *name, icn_net_value x, icn_window window) {
  return pool(net, "MaxPool", "max pool", name, x, window);
}

icn_net_value icn_net_average_pool(icn_net *net, const char *name, icn_net_value x, icn_window window) {
  return pool(net, "AveragePool", "average pool", name, x, window);
}

icn_net_value icn_net_global_pool(icn_net *net, const char *name, icn_net_value x) {
  icn_net_value y = {add_simple(net, "GlobalAveragePool", name, x.name), x.channels, 1, 0};
  const icn_window whole = {x.size, x.size, 1, 0, 0, ICN_ROUND_DOWN};
  return list_layer(net, y, name, "average pool", &whole, &x, 1);
}

/* The matrix [to][from] that takes the means: window i is floor(i * from / to) to ceil((i + 1) * from / to). Transposed: [from][to]. */
static const char *mean_matrix(icn_net *net, const char *name, int64_t from, int64_t to, bool transposed) {
  float *matrix = icn_net_allocate(net, (size_t)(from * to), sizeof *matrix);
  for (int64_t i = 0; matrix != NULL && i < to; i++) {
    const int64_t begin = i * from / to, end = icn_div_up((i + 1) * from, to);
    for (int64_t k = begin; k < end; k++) matrix[transposed ? k * to + i : i * from + k] = 1.0f / (float)(end - begin);
  }
  if (matrix == NULL) return "";
  return icn_net_constant(net, name, 2, transposed ? (const int64_t[]){from, to} : (const int64_t[]){to, from}, matrix);
}

/* Two products with matrices of means, along w and then along h, where the windows are not all alike. */
icn_net_value icn_net_adaptive_pool(icn_net *net, const char *name, icn_net_value x, int64_t size) {
  node_parts along_w = {0}, along_h = {0};
  if (x.size % size == 0)
    return icn_net_average_pool(net, name, x, (icn_window){x.size / size, x.size / size, x.size / size, 0, 0, ICN_ROUND_DOWN});
  add_input(&along_w, x.name);
  add_input(&along_w, mean_matrix(net, icn_net_name(net, name, "means_w"), x.size, size, true));
  add_input(&along_h, mean_matrix(net, icn_net_name(net, name, "means_h"), x.size, size, false));
  add_input(&along_h, add_node(net, "MatMul", icn_net_name(net, name, "w"), &along_w));
  icn_net_value y = {add_node(net, "MatMul", name, &along_h), x.channels, size, 0};
  return list_layer(net, y, name, "adaptive average pool", NULL, &x, 1);
}

icn_net_value icn_net_lrn(icn_net *net, const char *name, icn_net_value x) {
  node_parts parts = {0};
  add_input(&parts, x.name);
  add_int(&parts, "size", 5);
  add_float(&parts, "alpha", 0.0001f);
  add_float(&parts, "beta", 0.75f);
  icn_net_value y = {add_node(net, "LRN", name, &parts), x.channels, x.size, 0};
  return list_layer(net, y, name, "local response norm", NULL, &x, 1);
}

icn_net_value icn_net_concat(icn_net *net, const char *name, const icn_net_value *values, size_t count) {
  node_parts parts = {0};
  icn_net_value y = {name, 0, values[0].size, 0};
  for (size_t i = 0; i < count; i++) {
    assert(values[i].size == y.size || net->too_small || net->status != ICN_OK);
    add_input(&parts, values[i].name);
    y.channels += values[i].channels;
  }
  add_int(&parts, "axis", 1);
  (void)add_node(net, "Concat", name, &parts);
  return list_layer(net, y, name, "concat", NULL, values, count);
}

icn_net_value icn_net_flatten(icn_net *net, const char *name, icn_net_value x) {
  return (icn_net_value){add_simple(net, "Flatten", name, x.name), x.channels * x.size * x.size, 0, x.layer};
}

static icn_net_value dense(icn_net *net, const char *name, icn_net_value x, int64_t channels, double gain, bool bias) {
  node_parts parts = {0};
  const int64_t dim[2] = {channels, x.channels};
  add_input(&parts, x.name);
  add_input(&parts, icn_net_bell_tensor(net, icn_net_name(net, name, "weight"), 2, dim, gain));
  if (bias) add_input(&parts, icn_net_uniform_tensor(net, icn_net_name(net, name, "bias"), channels, 0.0f, 0.125f));
  add_int(&parts, "transB", 1);
  net->multiply_adds += (uint64_t)(dim[0] * dim[1]);
  return (icn_net_value){add_node(net, "Gemm", name, &parts), channels, 0, x.layer};
}

icn_net_value icn_net_dense_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, bool batch_norm) {
  icn_net_value y = dense(net, name, x, icn_net_channels(net, channels), ICN_GAIN_RELU, !batch_norm);
  if (batch_norm) y = batch_normalization(net, icn_net_name(net, name, "bn"), y);
  y = relu(net, name, y);
  return list_layer(net, y, name, batch_norm ? "fully connected + bn + relu" : "fully connected + relu", NULL, &x, 1);
}

icn_net_value icn_net_classifier(icn_net *net, const char *name, icn_net_value x, const char *output) {
  node_parts softmax = {0};
  icn_net_value y = dense(net, name, x, icn_net_classes(net, name), ICN_GAIN_CLASSIFIER, true);
  add_input(&softmax, y.name);
  add_int(&softmax, "axis", 1);
  y.name = add_node(net, "Softmax", output, &softmax);
  return list_layer(net, y, name, "fully connected + softmax", NULL, &x, 1);
}
