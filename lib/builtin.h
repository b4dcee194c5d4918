/* How built-in networks are written: a source is put together layer by layer, with generated weights, or only described. Private to
 * lib/builtin*.c.
 *
 * To add a network: write icn_build_NAME in a file of its own, name it here, add a row to NETWORKS in builtin.c.
 *
 * Weights. Every tensor has its own stream of 64-bit numbers: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014), started at seed + FNV-1a of the tensor's name. A weight is the sum of the four 16-bit quarters of one number, minus
 * its mean: nearly a normal distribution, from integers alone; one multiplication by a float follows. All other steps are exact or rounded
 * as IEEE 754 says (the square root too), so the bits are the same on every machine. */
#ifndef ICN_LIB_BUILTIN_H
#define ICN_LIB_BUILTIN_H

#include "safetensors.h"
#include "source.h"

/* ----------------------------------------------------------------- options */

/* What can be chosen of a network; each has some of these. */
typedef enum icn_net_option {
  ICN_NET_INPUT,        /* height and width of the picture */
  ICN_NET_CLASSES,      /* of every classifier */
  ICN_NET_WIDTH,        /* what every layer's channels are multiplied by, in thousandths */
  ICN_NET_AUX,          /* 1: the heads that only training uses are there, as further outputs */
  ICN_NET_AUX_BN,       /* 1: the fully connected layer inside such a head has batch normalisation */
  ICN_NET_FIRST_STRIDE, /* of the first convolution */
  ICN_NET_FIRST_POOL,   /* 1: there is one */
  ICN_NET_FIRST_7X7,    /* 1: one 7x7 in the place of the first three convolutions */
  ICN_NET_SEPARABLE,    /* 1: the first convolution is a depthwise one and a 1x1 */
  ICN_NET_TRANSFORM,    /* 1: torchvision's transform_input comes first */
  ICN_NET_SEED,
  ICN_NET_OPTION_COUNT
} icn_net_option;

typedef struct icn_net icn_net;
typedef struct icn_net_stored icn_net_stored; /* weights from a file, and what of them fits */

/* A row of NETWORKS. */
enum { ICN_NET_MOST_HEADS = 2 };
typedef struct icn_net_row {
  icn_builtin_info info;
  unsigned options;                      /* bit k: it has the option k */
  int64_t input, classes, aux_bn;        /* what these usually are; classes 0: 1000 */
  const char *heads[ICN_NET_MOST_HEADS]; /* what the names in its auxiliary heads begin with, NULL: none */
  void (*build)(icn_net *net);
} icn_net_row;
const icn_net_row *icn_net_row_at(size_t index);

/* "inception_v3:input=299" to its network and the values of all options; `given` says which are in the text. Whether the input is large
 * enough is not asked. Fails: ICN_ARGUMENT. */
icn_status icn_net_parse(const char *spec, const icn_net_row **network, int64_t values[ICN_NET_OPTION_COUNT],
                         bool given[ICN_NET_OPTION_COUNT], icn_error *error);

/* ------------------------------------------------------------ construction */

/* One source under construction. The first failure stays in `status`; later calls do nothing. */
struct icn_net {
  icn_source *source;
  icn_error *error;
  icn_status status;
  const int64_t *options; /* by icn_net_option */
  icn_net_stored *stored; /* NULL: weights are generated */
  bool too_small;         /* some window did not fit: the input is too small */
  size_t node_capacity, tensor_capacity, output_capacity;
  /* Only described: no nodes and no tensors are made, but a list of layers, in the source's arena. */
  bool describe;
  icn_builtin_layer *layers;
  size_t layer_count, layer_capacity;
  uint64_t parameters, multiply_adds; /* of the layer that is being made */
};

/* What a layer made: its name, its channels, its height and width (0: it is a vector), and which layer that was (when described). */
typedef struct icn_net_value {
  const char *name;
  int64_t channels, size;
  size_t layer;
} icn_net_value;

/* How the size of a window's result is found; the padding is the same at both ends, but for SAME. */
typedef enum icn_rounding {
  ICN_ROUND_DOWN, /* whole windows only */
  ICN_ROUND_UP,   /* a last window may hang over (Caffe's pools) */
  ICN_ROUND_SAME  /* TensorFlow's SAME: size / stride, rounded up; pads at the end first. pad_y, pad_x are not used */
} icn_rounding;

typedef struct icn_window {
  int64_t kernel_y, kernel_x, stride, pad_y, pad_x;
  icn_rounding rounding;
} icn_window;

/* The input [N, channels, size, size] with an open N and the size that the options say; what is returned at the end, in that order. */
icn_net_value icn_net_input(icn_net *net, const char *name, int64_t channels);
void icn_net_output(icn_net *net, icn_net_value value);

/* Each of three channels times a number plus a number: what turns pictures that were normalised by ImageNet's means and deviations into
 * (x - 0.5) / 0.5. torchvision's networks do so first (transform_input) where they were trained by others. */
icn_net_value icn_net_transform_input(icn_net *net, const char *name, icn_net_value x);

/* In the following `channels` is what it is at width 1.
 * Convolution without bias, batch normalisation (epsilon 0.001), Relu: NAME.conv, NAME.bn, NAME.relu. */
icn_net_value icn_net_conv_bn_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window);
/* Convolution NAME with bias, NAME.relu. */
icn_net_value icn_net_conv_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, icn_window window);
/* Depthwise convolution NAME.depthwise with `multiplier` results a channel, 1x1 NAME.pointwise with bias, NAME.relu. */
icn_net_value icn_net_separable_relu(icn_net *net, const char *name, icn_net_value x, int64_t multiplier, int64_t channels,
                                     icn_window window);
icn_net_value icn_net_max_pool(icn_net *net, const char *name, icn_net_value x, icn_window window);
/* Padding counts in the mean (count_include_pad), but for ICN_ROUND_SAME: TensorFlow's does not. */
icn_net_value icn_net_average_pool(icn_net *net, const char *name, icn_net_value x, icn_window window);
/* size x size means over windows of nearly the same size, as PyTorch's AdaptiveAvgPool2d has them. */
icn_net_value icn_net_adaptive_pool(icn_net *net, const char *name, icn_net_value x, int64_t size);
icn_net_value icn_net_global_pool(icn_net *net, const char *name, icn_net_value x);
/* Local response normalisation over 5 channels, alpha 0.0001, beta 0.75. */
icn_net_value icn_net_lrn(icn_net *net, const char *name, icn_net_value x);
icn_net_value icn_net_concat(icn_net *net, const char *name, const icn_net_value *parts, size_t count);
icn_net_value icn_net_flatten(icn_net *net, const char *name, icn_net_value x);
/* Fully connected NAME on a vector, with bias or, without, NAME.bn; NAME.relu. */
icn_net_value icn_net_dense_relu(icn_net *net, const char *name, icn_net_value x, int64_t channels, bool batch_norm);
/* Fully connected NAME on a vector, to as many classes as the options say; softmax called `output`. */
icn_net_value icn_net_classifier(icn_net *net, const char *name, icn_net_value x, const char *output);

/* A text in the source's arena ("" after a failure), and "PREFIX.SUFFIX". */
const char *icn_net_text(icn_net *net, const char *format, ...) ICN_PRINTF(2, 3);
const char *icn_net_name(icn_net *net, const char *prefix, const char *suffix);
/* A channel count of width 1 at the network's width: rounded to the nearest, at least 1. */
int64_t icn_net_channels(const icn_net *net, int64_t channels);

/* ----------------------------------------------------------------- weights */

/* Weights of convolutions and hidden layers have the variance ICN_GAIN_RELU / fan_in (after He, Zhang, Ren, Sun: Delving deep into
 * rectifiers, 2015), where no Relu follows ICN_GAIN_LINEAR. The gains were found by trying: standard deviations of all layers from 0.15 to
 * 3 on photographs and on noise. */
#define ICN_GAIN_RELU       2.625
#define ICN_GAIN_LINEAR     1.0
#define ICN_GAIN_CLASSIFIER 48.0

/* Each makes a tensor of the source, its parameters counted where training learns it, and returns its name.
 * Nearly normal, dim[0] sets of weights, with the variance gain / elements of a set. */
const char *icn_net_bell_tensor(icn_net *net, const char *name, int rank, const int64_t *dim, double gain);
/* Uniform in [middle - spread, middle + spread). */
const char *icn_net_uniform_tensor(icn_net *net, const char *name, int64_t elems, float middle, float spread);
/* The scale of a batch normalisation: likewise. Weights of a file that has no such scale at all (TF-slim's) stand for 1. */
const char *icn_net_scale_tensor(icn_net *net, const char *name, int64_t elems, float middle, float spread);
/* A running statistic of batch normalisation: likewise, but nothing that is learned. */
const char *icn_net_statistic(icn_net *net, const char *name, int64_t elems, float middle, float spread);
/* data[..], copied: no parameter either. */
const char *icn_net_constant(icn_net *net, const char *name, int rank, const int64_t *dim, const float *data);

void *icn_net_allocate(icn_net *net, size_t count, size_t size);
void icn_net_no_memory(icn_net *net, size_t bytes);

/* ------------------------------------------------------ weights from a file
 *
 * A tensor of the network takes the one of its name, where that lies. What does not fit is noted while the network is built, and told
 * together at the end. */

/* Before the network is built. `classes_given`: the spec says how many classes; otherwise the file does. */
icn_status icn_net_store(icn_net *net, const icn_safetensors *weights, bool classes_given);
/* The tensor `name`; NULL: there is none, or it has another shape or no floats, which was noted. */
const icn_stored_tensor *icn_net_take_stored(icn_net *net, const char *name, const icn_shape *shape, bool is_scale);
/* How many classes the classifier NAME tells apart. */
int64_t icn_net_classes(icn_net *net, const char *name);
/* Fails: ICN_FORMAT, with all that was noted and what of the file nobody took. */
icn_status icn_net_check_stored(icn_net *net, const icn_net_row *network);

/* ---------------------------------------------------------------- networks */

/* Blocks of Inception-v3 that the paper's Inception-v2 has as well (builtin_inception_v3.c). */
icn_net_value icn_net_inception_b(icn_net *net, const char *name, icn_net_value x);
icn_net_value icn_net_inception_c(icn_net *net, const char *name, icn_net_value x, int64_t channels);
icn_net_value icn_net_inception_e(icn_net *net, const char *name, icn_net_value x);
/* The auxiliary head of both, from 17x17, as a further output. */
void icn_net_inception_aux(icn_net *net, icn_net_value x);

void icn_build_googlenet(icn_net *net);
void icn_build_googlenet_bn(icn_net *net);
void icn_build_bn_inception(icn_net *net);
void icn_build_inception_v2(icn_net *net);
void icn_build_inception_v3(icn_net *net);
void icn_build_inception_28(icn_net *net);

#endif
