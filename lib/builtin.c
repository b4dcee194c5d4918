/* The built-in networks by name: making one, describing one. */
#include "builtin.h"

#include <string.h>

enum { OPSET = 13, IR_VERSION = 8, LARGEST_INPUT = 2048 };

#define HAS(option) (1U << (option))
#define USUAL       (HAS(ICN_NET_INPUT) | HAS(ICN_NET_CLASSES) | HAS(ICN_NET_WIDTH) | HAS(ICN_NET_SEED))
#define WITH_AUX    (USUAL | HAS(ICN_NET_AUX))
#define WITH_AUX_BN (WITH_AUX | HAS(ICN_NET_AUX_BN))

static const icn_net_row NETWORKS[] = {
    {.info = {"googlenet", "GoogLeNet of 2014: LRN, 5x5, biases, pools that round up",
              "Going deeper with convolutions (1409.4842), Caffe's form", "caffe"},
     .options = WITH_AUX,
     .input = 224,
     .heads = {"loss1/", "loss2/"},
     .build = icn_build_googlenet},
    {.info = {"googlenet_bn", "GoogLeNet with batch normalisation, and 3x3 in the place of 5x5", "torchvision's form", "torchvision"},
     .options = WITH_AUX_BN | HAS(ICN_NET_TRANSFORM),
     .input = 224,
     .heads = {"aux1.", "aux2."},
     .build = icn_build_googlenet_bn},
    {.info = {"bn_inception", "BN-Inception, known as inception_v2 in TF-slim and Caffe2",
              "Batch normalization (1502.03167), TF-slim's form", "tf-slim"},
     .options = USUAL | HAS(ICN_NET_SEPARABLE),
     .input = 224,
     .build = icn_build_bn_inception},
    {.info = {"inception_v2", "Inception-v2 by its table 1; channels of branches are ours",
              "Rethinking the Inception architecture (1512.00567)", "tf-slim"},
     .options = WITH_AUX_BN | HAS(ICN_NET_FIRST_7X7),
     .input = 299,
     .heads = {"AuxLogits."},
     .build = icn_build_inception_v2},
    {.info = {"inception_v3", "Inception-v3; input=151 and 79: the low-resolution forms",
              "Rethinking the Inception architecture (1512.00567), as released", "tf-slim"},
     .options = WITH_AUX_BN | HAS(ICN_NET_FIRST_STRIDE) | HAS(ICN_NET_FIRST_POOL) | HAS(ICN_NET_TRANSFORM),
     .input = 299,
     .heads = {"AuxLogits."},
     .aux_bn = 1,
     .build = icn_build_inception_v3},
    {.info = {"inception_28", "small, for 28x28 pictures, with every kind of block of Inception-v3; channels are ours",
              "Rethinking the Inception architecture (1512.00567)", "unit"},
     .options = WITH_AUX_BN,
     .input = 28,
     .classes = 10,
     .heads = {"AuxLogits."},
     .aux_bn = 1,
     .build = icn_build_inception_28},
};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof *NETWORKS };

size_t icn_builtin_count(void) { return NETWORK_COUNT; }

const icn_net_row *icn_net_row_at(size_t index) { return &NETWORKS[index]; }

icn_builtin_info icn_builtin_get_info(size_t index) {
  return index < NETWORK_COUNT ? NETWORKS[index].info : (icn_builtin_info){NULL, NULL, NULL, NULL};
}

/* Lists the layers; the source holds what they refer to. */
static icn_status describe(const icn_net_row *network, const int64_t *values, icn_source *source, icn_net *net, icn_error *error) {
  *net = (icn_net){.source = source, .error = error, .options = values, .describe = true};
  network->build(net);
  return net->status;
}

/* Is the input large enough for each window? */
static icn_status fits(const icn_net_row *network, const int64_t *values, const icn_allocator *allocator, bool *is_enough,
                       icn_error *error) {
  icn_net net;
  icn_source source;
  icn_source_init(&source, allocator);
  icn_status status = describe(network, values, &source, &net, error);
  *is_enough = !net.too_small;
  icn_source_fini(&source);
  return status;
}

/* A network that takes an input takes every larger one, all other options being the same. */
static icn_status least_input(const icn_net_row *network, const int64_t *values, const icn_allocator *allocator, int64_t *least,
                              icn_error *error) {
  int64_t tried[ICN_NET_OPTION_COUNT], small = values[ICN_NET_INPUT], enough = LARGEST_INPUT;
  bool is_enough = false;
  memcpy(tried, values, sizeof tried);
  while (enough - small > 1) {
    tried[ICN_NET_INPUT] = small + (enough - small) / 2;
    icn_status status = fits(network, tried, allocator, &is_enough, error);
    if (status != ICN_OK) return status;
    if (is_enough)
      enough = tried[ICN_NET_INPUT];
    else
      small = tried[ICN_NET_INPUT];
  }
  *least = enough;
  return ICN_OK;
}

/* A spec whose input is large enough. */
static icn_status read_spec(const char *spec, const icn_allocator *allocator, const icn_net_row **network, int64_t *values, bool *given,
                            icn_error *error) {
  icn_status status = ICN_OK;
  int64_t least = 0;
  bool is_enough = false;
  ICN_TRY(icn_net_parse(spec, network, values, given, error));
  ICN_TRY(fits(*network, values, allocator, &is_enough, error));
  if (is_enough) return ICN_OK;
  ICN_TRY(least_input(*network, values, allocator, &least, error));
  ICN_FAIL(ICN_ARGUMENT, "an input of %lld is too small for the built-in network %s: with these options the smallest is input=%lld",
           (long long)values[ICN_NET_INPUT], (*network)->info.name, (long long)least);
done:
  return status;
}

icn_status icn_builtin_make(const char *spec, const icn_safetensors *weights, icn_source *source, icn_error *error) {
  icn_status status = ICN_OK;
  int64_t values[ICN_NET_OPTION_COUNT];
  bool given[ICN_NET_OPTION_COUNT];
  const icn_net_row *network = NULL;
  ICN_TRY(read_spec(spec, &source->arena.allocator, &network, values, given, error));
  ICN_REQUIRE(weights == NULL || !given[ICN_NET_SEED], ICN_ARGUMENT,
              "the option seed of the built-in network %s is for generated weights, and these come from a file", network->info.name);
  icn_net net = {.source = source, .error = error, .options = values};
  source->ir_version = IR_VERSION;
  source->opset = OPSET;
  source->producer = "clinception";
  if (weights != NULL) ICN_TRY(icn_net_store(&net, weights, given[ICN_NET_CLASSES]));
  source->recipe = network->info.recipe;
  network->build(&net);
  ICN_TRY(net.status);
  if (weights != NULL) ICN_TRY(icn_net_check_stored(&net, network));
done:
  return status;
}

icn_status icn_builtin_layers(const char *spec, icn_source *source, const icn_builtin_layer **layers, size_t *count, icn_error *error) {
  icn_status status = ICN_OK;
  int64_t values[ICN_NET_OPTION_COUNT];
  bool given[ICN_NET_OPTION_COUNT];
  const icn_net_row *network = NULL;
  icn_net net;
  ICN_TRY(read_spec(spec, &source->arena.allocator, &network, values, given, error));
  ICN_TRY(describe(network, values, source, &net, error));
  *layers = net.layers;
  *count = net.layer_count;
done:
  return status;
}
