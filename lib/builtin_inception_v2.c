/* Inception-v2 as table 1 of the paper has it (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer
 * vision, 2015): 299x299, three modules whose 5x5 are two 3x3, five with 7x7 in two factors, two expanded ones, and two grid reductions
 * with a pool beside the convolutions. No weights of it were ever published.
 *
 * What every module takes and leaves (288, 768, 1280, 2048 channels) is the table's. How many channels each branch has is not in the
 * paper's text; the numbers below are OURS: those of Inception-v3 where the modules are the same, and else such that the whole has what the
 * paper states of it, about 5 billion multiply-adds and fewer than 25 million parameters. */
#include "builtin.h"

static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3 = {3, 3, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3_SAME = {3, 3, 1, 1, 1, ICN_ROUND_DOWN};
static const icn_window K7_HALF = {7, 7, 2, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3_HALF = {3, 3, 2, 0, 0, ICN_ROUND_DOWN};

static icn_net_value conv(icn_net *net, const char *block, const char *name, icn_net_value x, int64_t channels, icn_window window) {
  return icn_net_conv_bn_relu(net, icn_net_name(net, block, name), x, channels, window);
}

/* The table's first seven rows; before the paper has its 7x7 "factorized" the first three convolutions are one. The last convolution has to
 * be padded, too, though the table does not say so: 35x35 stays. */
static icn_net_value stem(icn_net *net, icn_net_value x) {
  if (net->options[ICN_NET_FIRST_7X7] == 1) {
    x = icn_net_conv_bn_relu(net, "Conv2d_1a_7x7", x, 64, K7_HALF);
  } else {
    x = icn_net_conv_bn_relu(net, "Conv2d_1a_3x3", x, 32, K3_HALF);
    x = icn_net_conv_bn_relu(net, "Conv2d_2a_3x3", x, 32, K3);
    x = icn_net_conv_bn_relu(net, "Conv2d_2b_3x3", x, 64, K3_SAME);
  }
  x = icn_net_max_pool(net, "maxpool1", x, K3_HALF);
  x = icn_net_conv_bn_relu(net, "Conv2d_3b_3x3", x, 80, K3);
  x = icn_net_conv_bn_relu(net, "Conv2d_4a_3x3", x, 192, K3_HALF);
  return icn_net_conv_bn_relu(net, "Conv2d_5a_3x3", x, 288, K3_SAME);
}

/* Figure 5: 35x35. */
static icn_net_value inception_5(icn_net *net, const char *name, icn_net_value x) {
  icn_net_value parts[4];
  parts[0] = conv(net, name, "branch1x1", x, 64, K1);
  parts[1] = conv(net, name, "branch3x3_1", x, 48, K1);
  parts[1] = conv(net, name, "branch3x3_2", parts[1], 64, K3_SAME);
  parts[2] = conv(net, name, "branch3x3dbl_1", x, 64, K1);
  parts[2] = conv(net, name, "branch3x3dbl_2", parts[2], 96, K3_SAME);
  parts[2] = conv(net, name, "branch3x3dbl_3", parts[2], 96, K3_SAME);
  parts[3] = icn_net_average_pool(net, icn_net_name(net, name, "pool"), x, K3_SAME);
  parts[3] = conv(net, name, "branch_pool", parts[3], 64, K1);
  return icn_net_concat(net, name, parts, 4);
}

/* Figure 10: half the height and width, by two branches of convolutions and a pool. */
static icn_net_value reduction(icn_net *net, const char *name, icn_net_value x, const int64_t single[2], const int64_t twice[3]) {
  icn_net_value parts[3];
  parts[0] = conv(net, name, "branch3x3_1", x, single[0], K1);
  parts[0] = conv(net, name, "branch3x3_2", parts[0], single[1], K3_HALF);
  parts[1] = conv(net, name, "branch3x3dbl_1", x, twice[0], K1);
  parts[1] = conv(net, name, "branch3x3dbl_2", parts[1], twice[1], K3_SAME);
  parts[1] = conv(net, name, "branch3x3dbl_3", parts[1], twice[2], K3_HALF);
  parts[2] = icn_net_max_pool(net, icn_net_name(net, name, "pool"), x, K3_HALF);
  return icn_net_concat(net, name, parts, 3);
}

void icn_build_inception_v2(icn_net *net) {
  icn_net_value x = icn_net_input(net, "image", 3), grid17;
  x = stem(net, x);
  x = inception_5(net, "Mixed_5b", x);
  x = inception_5(net, "Mixed_5c", x);
  x = inception_5(net, "Mixed_5d", x);
  x = reduction(net, "Mixed_6a", x, (const int64_t[]){128, 384}, (const int64_t[]){64, 96, 96});
  x = icn_net_inception_c(net, "Mixed_6b", x, 64);
  x = icn_net_inception_c(net, "Mixed_6c", x, 64);
  x = icn_net_inception_c(net, "Mixed_6d", x, 96);
  x = icn_net_inception_c(net, "Mixed_6e", x, 96);
  x = grid17 = icn_net_inception_c(net, "Mixed_6f", x, 128);
  x = reduction(net, "Mixed_7a", x, (const int64_t[]){192, 320}, (const int64_t[]){192, 192, 192});
  x = icn_net_inception_e(net, "Mixed_7b", x);
  x = icn_net_inception_e(net, "Mixed_7c", x);
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "global_pool", x));
  icn_net_output(net, icn_net_classifier(net, "fc", x, "probabilities"));
  if (net->options[ICN_NET_AUX] == 1) icn_net_inception_aux(net, grid17);
}
