/* GoogLeNet (Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going deeper with convolutions, 2014) in two forms:
 * as Caffe released it, with local response normalisation, biases, 5x5 convolutions and pools that round up, layers by Caffe's names; and
 * as torchvision has it, with batch normalisation and 3x3 in the place of 5x5, layers by torchvision's names. */
#include "builtin.h"

static const icn_window K1 = {1, 1, 1, 0, 0, ICN_ROUND_DOWN};
static const icn_window K3_SAME = {3, 3, 1, 1, 1, ICN_ROUND_DOWN};
static const icn_window K5_SAME = {5, 5, 1, 2, 2, ICN_ROUND_DOWN};
static const icn_window K7_HALF = {7, 7, 2, 3, 3, ICN_ROUND_DOWN};
static const icn_window POOL3 = {3, 3, 2, 0, 0, ICN_ROUND_UP};
static const icn_window POOL3_SAME = {3, 3, 1, 1, 1, ICN_ROUND_UP};
static const icn_window POOL2 = {2, 2, 2, 0, 0, ICN_ROUND_UP};

/* The paper's table 1: channels of 1x1; 3x3 and what reduces to it; 5x5 and what reduces to it; what follows the pool. */
enum { MODULES = 9 };
typedef struct module {
  const char *name, *pool; /* before it, NULL: none */
  int64_t c1, c3_reduce, c3, c5_reduce, c5, c_pool;
} module;

static const module TABLE[MODULES] = {
    {"3a", "pool2", 64, 96, 128, 16, 32, 32},  {"3b", NULL, 128, 128, 192, 32, 96, 64},      {"4a", "pool3", 192, 96, 208, 16, 48, 64},
    {"4b", NULL, 160, 112, 224, 24, 64, 64},   {"4c", NULL, 128, 128, 256, 24, 64, 64},      {"4d", NULL, 112, 144, 288, 32, 64, 64},
    {"4e", NULL, 256, 160, 320, 32, 128, 128}, {"5a", "pool4", 256, 160, 320, 32, 128, 128}, {"5b", NULL, 384, 192, 384, 48, 128, 128},
};
/* The modules that auxiliary heads read. */
enum { MODULE_4A = 2, MODULE_4D = 5 };

/* -------------------------------------------------------- as Caffe has it */

static icn_net_value caffe_module(icn_net *net, const module *m, icn_net_value x) {
  const char *name = icn_net_text(net, "inception_%s", m->name);
  icn_net_value parts[4];
  parts[0] = icn_net_conv_relu(net, icn_net_text(net, "%s/1x1", name), x, m->c1, K1);
  parts[1] = icn_net_conv_relu(net, icn_net_text(net, "%s/3x3_reduce", name), x, m->c3_reduce, K1);
  parts[1] = icn_net_conv_relu(net, icn_net_text(net, "%s/3x3", name), parts[1], m->c3, K3_SAME);
  parts[2] = icn_net_conv_relu(net, icn_net_text(net, "%s/5x5_reduce", name), x, m->c5_reduce, K1);
  parts[2] = icn_net_conv_relu(net, icn_net_text(net, "%s/5x5", name), parts[2], m->c5, K5_SAME);
  parts[3] = icn_net_max_pool(net, icn_net_text(net, "%s/pool", name), x, POOL3_SAME);
  parts[3] = icn_net_conv_relu(net, icn_net_text(net, "%s/pool_proj", name), parts[3], m->c_pool, K1);
  return icn_net_concat(net, icn_net_text(net, "%s/output", name), parts, 4);
}

static void caffe_aux(icn_net *net, const char *loss, icn_net_value x, const char *output) {
  x = icn_net_average_pool(net, icn_net_text(net, "%s/ave_pool", loss), x, (icn_window){5, 5, 3, 0, 0, ICN_ROUND_UP});
  x = icn_net_conv_relu(net, icn_net_text(net, "%s/conv", loss), x, 128, K1);
  x = icn_net_flatten(net, icn_net_text(net, "%s/flatten", loss), x);
  x = icn_net_dense_relu(net, icn_net_text(net, "%s/fc", loss), x, 1024, false);
  icn_net_output(net, icn_net_classifier(net, icn_net_text(net, "%s/classifier", loss), x, output));
}

void icn_build_googlenet(icn_net *net) {
  icn_net_value x = icn_net_input(net, "image", 3), after[MODULES];
  x = icn_net_conv_relu(net, "conv1/7x7_s2", x, 64, K7_HALF);
  x = icn_net_max_pool(net, "pool1/3x3_s2", x, POOL3);
  x = icn_net_lrn(net, "pool1/norm1", x);
  x = icn_net_conv_relu(net, "conv2/3x3_reduce", x, 64, K1);
  x = icn_net_conv_relu(net, "conv2/3x3", x, 192, K3_SAME);
  x = icn_net_lrn(net, "conv2/norm2", x);
  for (int i = 0; i < MODULES; i++) {
    if (TABLE[i].pool != NULL) x = icn_net_max_pool(net, icn_net_text(net, "%s/3x3_s2", TABLE[i].pool), x, POOL3);
    x = after[i] = caffe_module(net, &TABLE[i], x);
  }
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "pool5/7x7_s1", x));
  icn_net_output(net, icn_net_classifier(net, "loss3/classifier", x, "probabilities"));
  if (net->options[ICN_NET_AUX] != 1) return;
  caffe_aux(net, "loss1", after[MODULE_4A], "aux1_probabilities");
  caffe_aux(net, "loss2", after[MODULE_4D], "aux2_probabilities");
}

/* -------------------------------------------------- as torchvision has it */

static icn_net_value torch_module(icn_net *net, const module *m, icn_net_value x) {
  const char *name = icn_net_text(net, "inception%s", m->name);
  icn_net_value parts[4];
  parts[0] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch1"), x, m->c1, K1);
  parts[1] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch2.0"), x, m->c3_reduce, K1);
  parts[1] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch2.1"), parts[1], m->c3, K3_SAME);
  parts[2] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch3.0"), x, m->c5_reduce, K1);
  parts[2] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch3.1"), parts[2], m->c5, K3_SAME);
  parts[3] = icn_net_max_pool(net, icn_net_name(net, name, "branch4.0"), x, POOL3_SAME);
  parts[3] = icn_net_conv_bn_relu(net, icn_net_name(net, name, "branch4.1"), parts[3], m->c_pool, K1);
  return icn_net_concat(net, name, parts, 4);
}

static void torch_aux(icn_net *net, const char *name, icn_net_value x, const char *output) {
  x = icn_net_adaptive_pool(net, icn_net_name(net, name, "pool"), x, 4);
  x = icn_net_conv_bn_relu(net, icn_net_name(net, name, "conv"), x, 128, K1);
  x = icn_net_flatten(net, icn_net_name(net, name, "flatten"), x);
  x = icn_net_dense_relu(net, icn_net_name(net, name, "fc1"), x, 1024, net->options[ICN_NET_AUX_BN] == 1);
  icn_net_output(net, icn_net_classifier(net, icn_net_name(net, name, "fc2"), x, output));
}

void icn_build_googlenet_bn(icn_net *net) {
  icn_net_value x = icn_net_input(net, "image", 3), after[MODULES];
  if (net->options[ICN_NET_TRANSFORM] == 1) x = icn_net_transform_input(net, "transform_input", x);
  x = icn_net_conv_bn_relu(net, "conv1", x, 64, K7_HALF);
  x = icn_net_max_pool(net, "maxpool1", x, POOL3);
  x = icn_net_conv_bn_relu(net, "conv2", x, 64, K1);
  x = icn_net_conv_bn_relu(net, "conv3", x, 192, K3_SAME);
  for (int i = 0; i < MODULES; i++) {
    const char *pool = TABLE[i].pool;
    if (pool != NULL) x = icn_net_max_pool(net, icn_net_text(net, "max%s", pool), x, pool[4] == '4' ? POOL2 : POOL3);
    x = after[i] = torch_module(net, &TABLE[i], x);
  }
  x = icn_net_flatten(net, "flatten", icn_net_global_pool(net, "avgpool", x));
  icn_net_output(net, icn_net_classifier(net, "fc", x, "probabilities"));
  if (net->options[ICN_NET_AUX] != 1) return;
  torch_aux(net, "aux1", after[MODULE_4A], "aux1_probabilities");
  torch_aux(net, "aux2", after[MODULE_4D], "aux2_probabilities");
}
