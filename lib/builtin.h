/* How built-in networks are written: a source is put together layer by layer, with generated weights. Private to lib/builtin*.c.
 *
 * To add a network: write icn_build_NAME in a file of its own, name it here, add a row to NETWORKS in builtin.c.
 *
 * Weights. Every tensor has its own stream of 64-bit numbers: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014), started at seed + FNV-1a of the tensor's name. A weight is the sum of the four 16-bit quarters of one number, minus
 * its mean: nearly a normal distribution, from integers alone; one multiplication by a float follows. All other steps are exact or rounded
 * as IEEE 754 says (the square root too), so the bits are the same on every machine. */
#ifndef ICN_LIB_BUILTIN_H
#define ICN_LIB_BUILTIN_H

#include "source.h"

/* One source under construction. The first failure stays in `status`; later calls do nothing. */
typedef struct icn_net {
  icn_source *source;
  icn_error *error;
  icn_status status;
  uint64_t seed;
  size_t node_capacity, tensor_capacity;
} icn_net;

/* What a layer made: its name and its channels. */
typedef struct icn_net_value {
  const char *name;
  int64_t channels;
} icn_net_value;

typedef struct icn_window {
  int64_t kernel_y, kernel_x, stride, pad_y, pad_x; /* the same padding at both ends */
} icn_window;

/* The input [N, channels, size, size] with an open N, and what is returned at the end. */
icn_net_value icn_net_input(icn_net *net, const char *name, int64_t channels, int64_t size);
void icn_net_output(icn_net *net, icn_net_value value);

/* Convolution without bias, batch normalisation (epsilon 0.001), Relu: NAME.conv, NAME.bn, NAME.relu. */
icn_net_value icn_net_conv_bn_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window);
icn_net_value icn_net_max_pool(icn_net *net, const char *name, icn_net_value x, icn_window window);
/* Padding counts in the mean (count_include_pad). */
icn_net_value icn_net_average_pool(icn_net *net, const char *name, icn_net_value x, icn_window window);
icn_net_value icn_net_concat(icn_net *net, const char *name, const icn_net_value *parts, size_t count);
/* Global average, flatten, fully connected NAME, softmax called `output`. */
icn_net_value icn_net_classifier(icn_net *net, const char *name, icn_net_value x, int64_t classes, const char *output);

/* "PREFIX.SUFFIX" in the source's arena ("" after a failure). */
const char *icn_net_name(icn_net *net, const char *prefix, const char *suffix);

/* values: of the options in the order of its row in NETWORKS. */
void icn_build_inception_v3(icn_net *net, const int64_t *values);

#endif
