/* A small Inception of our own for 28x28 pictures (tools/train trains it on Fashion-MNIST), with every kind of block of the paper (Szegedy,
 * Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, 2015): 5x5 as two 3x3 (figure 5), 7x7 as 1x7
 * and 7x1 (figure 6), expanded ones (figure 7), parallel grid reductions (figure 10), and the auxiliary head with batch normalisation.
 * Grids are 28x28, 13x13 and 6x6. The channel counts are ours. tools/train/network.py is the same network, layer for layer and name for
 * name. */
#include "builtin.h"

static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3 = {3, 3, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3_SAME = {3, 3, 1, 1, 1, ICN_ROUND_DOWN};
static const icn_window K3_HALF = {3, 3, 2, 0, 0, ICN_ROUND_DOWN};
static const icn_window K1X7 = {1, 7, 1, 0, 3, ICN_ROUND_DOWN};
static const icn_window K7X1 = {7, 1, 1, 3, 0, ICN_ROUND_DOWN};
static const icn_window K1X3 = {1, 3, 1, 0, 1, ICN_ROUND_DOWN};
static const icn_window K3X1 = {3, 1, 1, 1, 0, ICN_ROUND_DOWN};

static icn_net_value conv(icn_net *net, const char *block, const char *branch, icn_net_value x, int64_t channels, icn_window window) {
  return icn_net_conv_bn_relu(net, icn_net_name(net, block, branch), x, channels, window);
}

static icn_net_value pool_branch(icn_net *net, const char *block, icn_net_value x, int64_t channels) {
  x = icn_net_average_pool(net, icn_net_name(net, block, "pool"), x, K3_SAME);
  return conv(net, block, "branch_pool", x, channels, K1);
}

/* Figure 5. */
static icn_net_value factorised_5x5(icn_net *net, const char *name, icn_net_value x) {
  icn_net_value parts[4];
  parts[0] = conv(net, name, "branch1x1", x, 32, K1);
  parts[1] = conv(net, name, "branch3x3_1", x, 24, K1);
  parts[1] = conv(net, name, "branch3x3_2", parts[1], 32, K3_SAME);
  parts[2] = conv(net, name, "branch3x3dbl_1", x, 24, K1);
  parts[2] = conv(net, name, "branch3x3dbl_2", parts[2], 32, K3_SAME);
  parts[2] = conv(net, name, "branch3x3dbl_3", parts[2], 32, K3_SAME);
  parts[3] = pool_branch(net, name, x, 16);
  return icn_net_concat(net, name, parts, 4);
}

/* Figure 6. */
static icn_net_value factorised_7x7(icn_net *net, const char *name, icn_net_value x) {
  icn_net_value parts[4];
  parts[0] = conv(net, name, "branch1x1", x, 40, K1);
  parts[1] = conv(net, name, "branch7x7_1", x, 24, K1);
  parts[1] = conv(net, name, "branch7x7_2", parts[1], 24, K1X7);
  parts[1] = conv(net, name, "branch7x7_3", parts[1], 40, K7X1);
  parts[2] = conv(net, name, "branch7x7dbl_1", x, 24, K1);
  parts[2] = conv(net, name, "branch7x7dbl_2", parts[2], 24, K7X1);
  parts[2] = conv(net, name, "branch7x7dbl_3", parts[2], 24, K1X7);
  parts[2] = conv(net, name, "branch7x7dbl_4", parts[2], 24, K7X1);
  parts[2] = conv(net, name, "branch7x7dbl_5", parts[2], 40, K1X7);
  parts[3] = pool_branch(net, name, x, 16);
  return icn_net_concat(net, name, parts, 4);
}

/* Figure 7. */
static icn_net_value expanded(icn_net *net, const char *name, icn_net_value x) {
  icn_net_value parts[4], pair[2], y;
  parts[0] = conv(net, name, "branch1x1", x, 64, K1);
  y = conv(net, name, "branch3x3_1", x, 64, K1);
  pair[0] = conv(net, name, "branch3x3_2a", y, 64, K1X3);
  pair[1] = conv(net, name, "branch3x3_2b", y, 64, K3X1);
  parts[1] = icn_net_concat(net, icn_net_name(net, name, "branch3x3"), pair, 2);
  y = conv(net, name, "branch3x3dbl_1", x, 64, K1);
  y = conv(net, name, "branch3x3dbl_2", y, 64, K3_SAME);
  pair[0] = conv(net, name, "branch3x3dbl_3a", y, 64, K1X3);
  pair[1] = conv(net, name, "branch3x3dbl_3b", y, 64, K3X1);
  parts[2] = icn_net_concat(net, icn_net_name(net, name, "branch3x3dbl"), pair, 2);
  parts[3] = pool_branch(net, name, x, 32);
  return icn_net_concat(net, name, parts, 4);
}

/* Figure 10: two branches of convolutions and a pool halve the grid together. */
typedef struct reduction_channels {
  int64_t single_1, single_2, double_1, double_2, double_3;
} reduction_channels;

static icn_net_value reduction(icn_net *net, const char *name, icn_net_value x, reduction_channels c) {
  icn_net_value parts[3];
  parts[0] = conv(net, name, "branch3x3_1", x, c.single_1, K1);
  parts[0] = conv(net, name, "branch3x3_2", parts[0], c.single_2, K3_HALF);
  parts[1] = conv(net, name, "branch3x3dbl_1", x, c.double_1, K1);
  parts[1] = conv(net, name, "branch3x3dbl_2", parts[1], c.double_2, K3_SAME);
  parts[1] = conv(net, name, "branch3x3dbl_3", parts[1], c.double_3, K3_HALF);
  parts[2] = icn_net_max_pool(net, icn_net_name(net, name, "pool"), x, K3_HALF);
  return icn_net_concat(net, name, parts, 3);
}

/* From 13x13: what the paper calls BN-auxiliary. */
static void auxiliary(icn_net *net, icn_net_value x) {
  x = icn_net_average_pool(net, "AuxLogits.pool", x, (icn_window){5, 5, 3, 0, 0, ICN_ROUND_DOWN});
  x = icn_net_conv_bn_relu(net, "AuxLogits.conv0", x, 32, K1);
  x = net->options[ICN_NET_AUX_BN] == 1 ? icn_net_conv_bn_relu(net, "AuxLogits.conv1", x, 96, K3)
                                        : icn_net_conv_relu(net, "AuxLogits.conv1", x, 96, K3);
  x = icn_net_flatten(net, "AuxLogits.flatten", icn_net_global_pool(net, "AuxLogits.global_pool", x));
  icn_net_output(net, icn_net_classifier(net, "AuxLogits.fc", x, "aux_probabilities"));
}

void icn_build_inception_28(icn_net *net) {
  icn_net_value x = icn_net_input(net, "image", 3), grid13;
  x = icn_net_conv_bn_relu(net, "Conv2d_1a_3x3", x, 16, K3_SAME);
  x = icn_net_conv_bn_relu(net, "Conv2d_2a_3x3", x, 32, K3_SAME);
  x = reduction(net, "Mixed_3a", x, (reduction_channels){32, 48, 16, 24, 32});
  x = factorised_5x5(net, "Mixed_4a", x);
  x = factorised_7x7(net, "Mixed_4b", x);
  x = grid13 = factorised_7x7(net, "Mixed_4c", x);
  x = reduction(net, "Mixed_5a", x, (reduction_channels){48, 96, 32, 48, 64});
  x = expanded(net, "Mixed_6a", x);
  x = expanded(net, "Mixed_6b", x);
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "global_pool", x));
  icn_net_output(net, icn_net_classifier(net, "fc", x, "probabilities"));
  if (net->options[ICN_NET_AUX] == 1) auxiliary(net, grid13);
}
