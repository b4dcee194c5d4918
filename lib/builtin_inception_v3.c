/* Inception-v3 (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, 2015) in the form that
 * TF-slim and torchvision released: 94 convolutions; layers have torchvision's names. The paper's variants for small pictures cost the
 * same: at 151x151 the first convolution has stride 1, at 79x79 the first pool is left out as well. */
#include "builtin.h"

/* Windows by their usual names: kernel, stride, and whether the padding keeps the size. */
static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3 = {3, 3, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3_SAME = {3, 3, 1, 1, 1, ICN_ROUND_DOWN};
static const icn_window K3_HALF = {3, 3, 2, 0, 0, ICN_ROUND_DOWN};
static const icn_window K5 = {5, 5, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K5_SAME = {5, 5, 1, 2, 2, ICN_ROUND_DOWN};
static const icn_window K1X7 = {1, 7, 1, 0, 3, ICN_ROUND_DOWN};
static const icn_window K7X1 = {7, 1, 1, 3, 0, ICN_ROUND_DOWN};
static const icn_window K1X3 = {1, 3, 1, 0, 1, ICN_ROUND_DOWN};
static const icn_window K3X1 = {3, 1, 1, 1, 0, ICN_ROUND_DOWN};

/* One block's name, so that its branches need only theirs. */
typedef struct block {
  icn_net *net;
  const char *name;
} block;

static icn_net_value conv(const block *b, const char *branch, icn_net_value x, int64_t channels, icn_window window) {
  return icn_net_conv_bn_relu(b->net, icn_net_name(b->net, b->name, branch), x, channels, window);
}

static icn_net_value pool_branch(const block *b, icn_net_value x, int64_t channels) {
  icn_net_value mean = icn_net_average_pool(b->net, icn_net_name(b->net, b->name, "pool"), x, K3_SAME);
  return conv(b, "branch_pool", mean, channels, K1);
}

static icn_net_value stem(icn_net *net, icn_net_value x) {
  x = icn_net_conv_bn_relu(net, "Conv2d_1a_3x3", x, 32, net->options[ICN_NET_FIRST_STRIDE] == 1 ? K3 : K3_HALF);
  x = icn_net_conv_bn_relu(net, "Conv2d_2a_3x3", x, 32, K3);
  x = icn_net_conv_bn_relu(net, "Conv2d_2b_3x3", x, 64, K3_SAME);
  if (net->options[ICN_NET_FIRST_POOL] == 1) x = icn_net_max_pool(net, "maxpool1", x, K3_HALF);
  x = icn_net_conv_bn_relu(net, "Conv2d_3b_1x1", x, 80, K1);
  x = icn_net_conv_bn_relu(net, "Conv2d_4a_3x3", x, 192, K3);
  return icn_net_max_pool(net, "maxpool2", x, K3_HALF);
}

/* Figure 5: 35x35. */
static icn_net_value inception_a(icn_net *net, const char *name, icn_net_value x, int64_t pool_channels) {
  const block b = {net, name};
  icn_net_value parts[4];
  parts[0] = conv(&b, "branch1x1", x, 64, K1);
  parts[1] = conv(&b, "branch5x5_1", x, 48, K1);
  parts[1] = conv(&b, "branch5x5_2", parts[1], 64, K5_SAME);
  parts[2] = conv(&b, "branch3x3dbl_1", x, 64, K1);
  parts[2] = conv(&b, "branch3x3dbl_2", parts[2], 96, K3_SAME);
  parts[2] = conv(&b, "branch3x3dbl_3", parts[2], 96, K3_SAME);
  parts[3] = pool_branch(&b, x, pool_channels);
  return icn_net_concat(net, name, parts, 4);
}

/* 35x35 to 17x17. */
icn_net_value icn_net_inception_b(icn_net *net, const char *name, icn_net_value x) {
  const block b = {net, name};
  icn_net_value parts[3];
  parts[0] = conv(&b, "branch3x3", x, 384, K3_HALF);
  parts[1] = conv(&b, "branch3x3dbl_1", x, 64, K1);
  parts[1] = conv(&b, "branch3x3dbl_2", parts[1], 96, K3_SAME);
  parts[1] = conv(&b, "branch3x3dbl_3", parts[1], 96, K3_HALF);
  parts[2] = icn_net_max_pool(net, icn_net_name(net, name, "pool"), x, K3_HALF);
  return icn_net_concat(net, name, parts, 3);
}

/* Figure 6: 17x17, 7x7 in two factors. */
icn_net_value icn_net_inception_c(icn_net *net, const char *name, icn_net_value x, int64_t c) {
  const block b = {net, name};
  icn_net_value parts[4];
  parts[0] = conv(&b, "branch1x1", x, 192, K1);
  parts[1] = conv(&b, "branch7x7_1", x, c, K1);
  parts[1] = conv(&b, "branch7x7_2", parts[1], c, K1X7);
  parts[1] = conv(&b, "branch7x7_3", parts[1], 192, K7X1);
  parts[2] = conv(&b, "branch7x7dbl_1", x, c, K1);
  parts[2] = conv(&b, "branch7x7dbl_2", parts[2], c, K7X1);
  parts[2] = conv(&b, "branch7x7dbl_3", parts[2], c, K1X7);
  parts[2] = conv(&b, "branch7x7dbl_4", parts[2], c, K7X1);
  parts[2] = conv(&b, "branch7x7dbl_5", parts[2], 192, K1X7);
  parts[3] = pool_branch(&b, x, 192);
  return icn_net_concat(net, name, parts, 4);
}

/* 17x17 to 8x8. */
static icn_net_value inception_d(icn_net *net, const char *name, icn_net_value x) {
  const block b = {net, name};
  icn_net_value parts[3];
  parts[0] = conv(&b, "branch3x3_1", x, 192, K1);
  parts[0] = conv(&b, "branch3x3_2", parts[0], 320, K3_HALF);
  parts[1] = conv(&b, "branch7x7x3_1", x, 192, K1);
  parts[1] = conv(&b, "branch7x7x3_2", parts[1], 192, K1X7);
  parts[1] = conv(&b, "branch7x7x3_3", parts[1], 192, K7X1);
  parts[1] = conv(&b, "branch7x7x3_4", parts[1], 192, K3_HALF);
  parts[2] = icn_net_max_pool(net, icn_net_name(net, name, "pool"), x, K3_HALF);
  return icn_net_concat(net, name, parts, 3);
}

/* Figure 7: 8x8, 3x3 as two factors side by side. */
icn_net_value icn_net_inception_e(icn_net *net, const char *name, icn_net_value x) {
  const block b = {net, name};
  icn_net_value parts[4], pair[2], y;
  parts[0] = conv(&b, "branch1x1", x, 320, K1);
  y = conv(&b, "branch3x3_1", x, 384, K1);
  pair[0] = conv(&b, "branch3x3_2a", y, 384, K1X3);
  pair[1] = conv(&b, "branch3x3_2b", y, 384, K3X1);
  parts[1] = icn_net_concat(net, icn_net_name(net, name, "branch3x3"), pair, 2);
  y = conv(&b, "branch3x3dbl_1", x, 448, K1);
  y = conv(&b, "branch3x3dbl_2", y, 384, K3_SAME);
  pair[0] = conv(&b, "branch3x3dbl_3a", y, 384, K1X3);
  pair[1] = conv(&b, "branch3x3dbl_3b", y, 384, K3X1);
  parts[2] = icn_net_concat(net, icn_net_name(net, name, "branch3x3dbl"), pair, 2);
  parts[3] = pool_branch(&b, x, 192);
  return icn_net_concat(net, name, parts, 4);
}

/* The paper calls a head "BN-auxiliary" whose fully connected layer, here the 5x5 convolution, is normalised too. */
void icn_net_inception_aux(icn_net *net, icn_net_value x) {
  x = icn_net_average_pool(net, "AuxLogits.pool", x, (icn_window){5, 5, 3, 0, 0, ICN_ROUND_DOWN});
  x = icn_net_conv_bn_relu(net, "AuxLogits.conv0", x, 128, K1);
  if (net->options[ICN_NET_AUX_BN] == 1)
    x = icn_net_conv_bn_relu(net, "AuxLogits.conv1", x, 768, K5);
  else
    x = icn_net_conv_relu(net, "AuxLogits.conv1", x, 768, K5);
  x = icn_net_flatten(net, "AuxLogits.flatten", icn_net_global_pool(net, "AuxLogits.global_pool", x));
  icn_net_output(net, icn_net_classifier(net, "AuxLogits.fc", x, "aux_probabilities"));
}

void icn_build_inception_v3(icn_net *net) {
  icn_net_value x = icn_net_input(net, "image", 3), grid17;
  if (net->options[ICN_NET_TRANSFORM] == 1) x = icn_net_transform_input(net, "transform_input", x);
  x = stem(net, x);
  x = inception_a(net, "Mixed_5b", x, 32);
  x = inception_a(net, "Mixed_5c", x, 64);
  x = inception_a(net, "Mixed_5d", x, 64);
  x = icn_net_inception_b(net, "Mixed_6a", x);
  x = icn_net_inception_c(net, "Mixed_6b", x, 128);
  x = icn_net_inception_c(net, "Mixed_6c", x, 160);
  x = icn_net_inception_c(net, "Mixed_6d", x, 160);
  x = grid17 = icn_net_inception_c(net, "Mixed_6e", x, 192);
  x = inception_d(net, "Mixed_7a", x);
  x = icn_net_inception_e(net, "Mixed_7b", x);
  x = icn_net_inception_e(net, "Mixed_7c", x);
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "global_pool", x));
  icn_net_output(net, icn_net_classifier(net, "fc", x, "probabilities"));
  if (net->options[ICN_NET_AUX] == 1) icn_net_inception_aux(net, grid17);
}
