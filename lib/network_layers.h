/* Every distinct convolution of two Inception networks, and how often it occurs: for kernel cases and benchmarks. */
#ifndef ICN_LIB_NETWORK_LAYERS_H
#define ICN_LIB_NETWORK_LAYERS_H

#include "problem.h"

typedef struct icn_network_layer {
  int16_t h, w, ic, oc, kh, kw, stride, pad_h, pad_w, count;
} icn_network_layer;

const icn_network_layer *icn_inception_v3_layers(size_t *count); /* for 299x299: 94 convolutions */
const icn_network_layer *icn_googlenet_layers(size_t *count);    /* Inception-v1 for 224x224: 57 convolutions */
/* The window of a layer. */
icn_params icn_network_layer_params(const icn_network_layer *layer);

#endif
