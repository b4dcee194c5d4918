/* The weights of built-in networks: generated ones, and where those of a file take their place. */
#include <math.h>
#include <string.h>

#include "builtin.h"

enum { TYPE_FLOAT = 1 };

/* From the weights of each output channel, CENTRING sixteenths of their mean are taken away: what a Relu leaves has a positive mean, which
 * would drown what differs from picture to picture. With sixteen of them the network would be chaotic: small differences, rounding among
 * them, would grow from layer to layer. */
enum { CENTRING = 13 };

static uint64_t stream_start(const icn_net *net, const char *name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
  return (uint64_t)net->options[ICN_NET_SEED] + hash;
}

static uint64_t next_number(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* A new initialiser of floats with these values (NULL: nothing is made). */
static void add_tensor(icn_net *net, const char *name, icn_dtype dtype, const icn_shape *shape, const void *data) {
  icn_source *source = net->source;
  if (net->status != ICN_OK || net->describe || data == NULL) return;
  icn_source_tensor *tensors =
      icn_arena_grow(&source->arena, source->tensors, source->tensor_count, &net->tensor_capacity, sizeof *tensors);
  if (tensors == NULL) icn_net_no_memory(net, net->tensor_capacity * sizeof *tensors);
  if (tensors == NULL) return;
  source->tensors = tensors;
  tensors[source->tensor_count++] =
      (icn_source_tensor){.name = name, .onnx_type = TYPE_FLOAT, .dtype = dtype, .supported = true, .shape = *shape, .data = data};
}

/* Its values are yet to be written. NULL after a failure, and where the network is only described. */
static float *made_tensor(icn_net *net, const char *name, const icn_shape *shape) {
  float *data = net->describe ? NULL : icn_net_allocate(net, (size_t)icn_shape_elems(shape), sizeof *data);
  add_tensor(net, name, ICN_F32, shape, data);
  return net->status == ICN_OK ? data : NULL;
}

/* The same where weights are generated; those of a file are taken as they are. */
static float *generated_tensor(icn_net *net, const char *name, const icn_shape *shape) {
  if (net->stored == NULL || net->describe || net->status != ICN_OK) return made_tensor(net, name, shape);
  const icn_stored_tensor *tensor = icn_net_take_stored(net, name, shape, false);
  if (tensor != NULL) add_tensor(net, name, tensor->dtype, shape, tensor->data);
  return NULL;
}

/* The sum of the four quarters of a number, minus its mean: the standard deviation is sqrt(4 * (65536^2 - 1) / 12). */
static int32_t bell(uint64_t bits) {
  return (int32_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)) - 2 * 65535;
}

/* Nearly normal with the standard deviation sqrt(gain / fan_in), `sets` times fan_in values; a part of each set's mean is taken away. */
static void bell_weights(float *data, uint64_t state, int64_t sets, int64_t fan_in, double gain) {
  const float scale = (float)(sqrt(gain / (double)fan_in) / sqrt(1431655765.0));
  for (int64_t set = 0; set < sets; set++) {
    int64_t sum = 0;
    uint64_t again = state;
    for (int64_t i = 0; i < fan_in; i++) sum += bell(next_number(&again));
    int32_t centre = (int32_t)(sum * CENTRING / (16 * fan_in));
    for (int64_t i = 0; i < fan_in; i++) *data++ = (float)(bell(next_number(&state)) - centre) * scale;
  }
}

const char *icn_net_bell_tensor(icn_net *net, const char *name, int rank, const int64_t *dim, double gain) {
  const icn_shape set = icn_shape_make(rank - 1, dim + 1), shape = icn_shape_make(rank, dim);
  float *data = generated_tensor(net, name, &shape);
  net->parameters += (uint64_t)(dim[0] * icn_shape_elems(&set));
  if (data != NULL) bell_weights(data, stream_start(net, name), dim[0], icn_shape_elems(&set), gain);
  return name;
}

static void uniform_weights(float *data, uint64_t state, int64_t elems, float middle, float spread) {
  for (int64_t i = 0; i < elems; i++) {
    int32_t step = (int32_t)(next_number(&state) >> 48) - 32768;
    data[i] = middle + (float)step * (1.0f / 32768.0f) * spread;
  }
}

const char *icn_net_statistic(icn_net *net, const char *name, int64_t elems, float middle, float spread) {
  const icn_shape shape = icn_shape_make(1, &elems);
  float *data = generated_tensor(net, name, &shape);
  if (data != NULL) uniform_weights(data, stream_start(net, name), elems, middle, spread);
  return name;
}

const char *icn_net_scale_tensor(icn_net *net, const char *name, int64_t elems, float middle, float spread) {
  const icn_shape shape = icn_shape_make(1, &elems);
  if (net->stored == NULL || net->describe || net->status != ICN_OK) return icn_net_uniform_tensor(net, name, elems, middle, spread);
  const icn_stored_tensor *tensor = icn_net_take_stored(net, name, &shape, true);
  float *ones = tensor == NULL ? made_tensor(net, name, &shape) : NULL;
  if (tensor != NULL) add_tensor(net, name, tensor->dtype, &shape, tensor->data);
  for (int64_t i = 0; ones != NULL && i < elems; i++) ones[i] = 1.0f;
  return name;
}

const char *icn_net_uniform_tensor(icn_net *net, const char *name, int64_t elems, float middle, float spread) {
  net->parameters += (uint64_t)elems;
  return icn_net_statistic(net, name, elems, middle, spread);
}

const char *icn_net_constant(icn_net *net, const char *name, int rank, const int64_t *dim, const float *values) {
  const icn_shape shape = icn_shape_make(rank, dim);
  float *data = made_tensor(net, name, &shape);
  if (data != NULL) memcpy(data, values, (size_t)icn_shape_elems(&shape) * sizeof *data);
  return name;
}
