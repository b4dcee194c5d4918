/* BN-Inception (Ioffe, Szegedy: Batch normalization, 2015), which TF-slim and Caffe2 publish as "inception_v2": layers have TF-slim's
 * names, paddings and channels. Its first convolution is separable, as the paper says, and as in TF-slim without batch normalisation;
 * Caffe2 has a plain 7x7 there (separable=0). No auxiliary head is known of it. */
#include "builtin.h"

static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_SAME};
static const icn_window K3 = {3, 3, 1, 0, 0, ICN_ROUND_SAME};
static const icn_window K3_HALF = {3, 3, 2, 0, 0, ICN_ROUND_SAME};
static const icn_window K7_HALF = {7, 7, 2, 0, 0, ICN_ROUND_SAME};

/* So many channels come from each colour before the 1x1, but not more than there are behind it. */
enum { DEPTHWISE_MULTIPLIER = 8, FIRST_CHANNELS = 64, COLOURS = 3 };

/* Channels of 1x1; 3x3 and what reduces to it; the pair of 3x3 and what reduces to it; what follows the pool. */
typedef struct module {
  const char *name;
  int64_t c1, c3_reduce, c3, double_reduce, c_double, c_pool;
} module;

static icn_net_value conv(icn_net *net, const char *block, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  return icn_net_conv_bn_relu(net, icn_net_name(net, block, name), x, channels, window);
}

static icn_net_value inception(icn_net *net, const module *m, icn_net_value x, bool max_pool) {
  icn_net_value parts[4];
  parts[0] = conv(net, m->name, "Branch_0.Conv2d_0a_1x1", x, m->c1, K1);
  parts[1] = conv(net, m->name, "Branch_1.Conv2d_0a_1x1", x, m->c3_reduce, K1);
  parts[1] = conv(net, m->name, "Branch_1.Conv2d_0b_3x3", parts[1], m->c3, K3);
  parts[2] = conv(net, m->name, "Branch_2.Conv2d_0a_1x1", x, m->double_reduce, K1);
  parts[2] = conv(net, m->name, "Branch_2.Conv2d_0b_3x3", parts[2], m->c_double, K3);
  parts[2] = conv(net, m->name, "Branch_2.Conv2d_0c_3x3", parts[2], m->c_double, K3);
  parts[3] = max_pool ? icn_net_max_pool(net, icn_net_name(net, m->name, "Branch_3.MaxPool_0a_3x3"), x, K3)
                      : icn_net_average_pool(net, icn_net_name(net, m->name, "Branch_3.AvgPool_0a_3x3"), x, K3);
  parts[3] = conv(net, m->name, "Branch_3.Conv2d_0b_1x1", parts[3], m->c_pool, K1);
  return icn_net_concat(net, m->name, parts, 4);
}

/* Half the height and width; the pool's channels are the input's. */
static icn_net_value reduction(icn_net *net, const module *m, icn_net_value x) {
  icn_net_value parts[3];
  parts[0] = conv(net, m->name, "Branch_0.Conv2d_0a_1x1", x, m->c3_reduce, K1);
  parts[0] = conv(net, m->name, "Branch_0.Conv2d_1a_3x3", parts[0], m->c3, K3_HALF);
  parts[1] = conv(net, m->name, "Branch_1.Conv2d_0a_1x1", x, m->double_reduce, K1);
  parts[1] = conv(net, m->name, "Branch_1.Conv2d_0b_3x3", parts[1], m->c_double, K3);
  parts[1] = conv(net, m->name, "Branch_1.Conv2d_1a_3x3", parts[1], m->c_double, K3_HALF);
  parts[2] = icn_net_max_pool(net, icn_net_name(net, m->name, "Branch_2.MaxPool_1a_3x3"), x, K3_HALF);
  return icn_net_concat(net, m->name, parts, 3);
}

static icn_net_value stem(icn_net *net, icn_net_value x) {
  const int64_t multiplier = icn_max64(1, icn_min64(icn_net_channels(net, FIRST_CHANNELS) / COLOURS, DEPTHWISE_MULTIPLIER));
  if (net->options[ICN_NET_SEPARABLE] == 1)
    x = icn_net_separable_relu(net, "Conv2d_1a_7x7", x, multiplier, FIRST_CHANNELS, K7_HALF);
  else
    x = icn_net_conv_bn_relu(net, "Conv2d_1a_7x7", x, FIRST_CHANNELS, K7_HALF);
  x = icn_net_max_pool(net, "MaxPool_2a_3x3", x, K3_HALF);
  x = icn_net_conv_bn_relu(net, "Conv2d_2b_1x1", x, 64, K1);
  x = icn_net_conv_bn_relu(net, "Conv2d_2c_3x3", x, 192, K3);
  return icn_net_max_pool(net, "MaxPool_3a_3x3", x, K3_HALF);
}

void icn_build_bn_inception(icn_net *net) {
  icn_net_value x = stem(net, icn_net_input(net, "image", 3));
  x = inception(net, &(module){"Mixed_3b", 64, 64, 64, 64, 96, 32}, x, false);
  x = inception(net, &(module){"Mixed_3c", 64, 64, 96, 64, 96, 64}, x, false);
  x = reduction(net, &(module){"Mixed_4a", 0, 128, 160, 64, 96, 0}, x);
  x = inception(net, &(module){"Mixed_4b", 224, 64, 96, 96, 128, 128}, x, false);
  x = inception(net, &(module){"Mixed_4c", 192, 96, 128, 96, 128, 128}, x, false);
  x = inception(net, &(module){"Mixed_4d", 160, 128, 160, 128, 160, 96}, x, false);
  x = inception(net, &(module){"Mixed_4e", 96, 128, 192, 160, 192, 96}, x, false);
  x = reduction(net, &(module){"Mixed_5a", 0, 128, 192, 192, 256, 0}, x);
  x = inception(net, &(module){"Mixed_5b", 352, 192, 320, 160, 224, 128}, x, false);
  x = inception(net, &(module){"Mixed_5c", 352, 192, 320, 192, 224, 128}, x, true);
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "Logits.AvgPool_1a_7x7", x));
  icn_net_output(net, icn_net_classifier(net, "Logits.Conv2d_1c_1x1", x, "probabilities"));
}
