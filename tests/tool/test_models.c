/* `clinception models` as a person meets it. */
#include "support/cli.h"

#include <cjson/cJSON.h>

static int make_folder(void **state) {
  (void)state;
  return cli_make_folder() ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  return cli_remove_folder();
}

static void the_list_has_a_line_each(void **state) {
  (void)state;
  SUCCEEDS("$T models");
  assert_says("name              input  classes  parameters  multiply-adds");
  assert_says("googlenet     3x224x224     1000      7.00 M         1.58 G");
  assert_says("googlenet_bn  3x224x224     1000      6.62 M         1.50 G");
  assert_says("inception_v3  3x299x299     1000     23.83 M         5.71 G");
  assert_says("builtin:NAME:option=value");
  SUCCEEDS("OCL_ICD_VENDORS=/nowhere CLINCEPTION_OPENCL_LIBRARY=/nowhere $T models"); /* no device is asked */
}

static void layers_and_totals_are_shown(void **state) {
  (void)state;
  SUCCEEDS("$T models inception_v3");
  assert_says("Mixed_5b.branch5x5_2      conv + bn + relu           5x5/1 pad 2      64x35x35       76928       94080000");
  assert_says("in all: 94 convolutions, 23834568 parameters (95.3 MB as fp32), 5713216096 multiply-adds (5.71 G) for one picture");
  assert_says("  first_stride  stride of the first convolution");
  SUCCEEDS("$T models builtin:inception_v3:input=79,aux=1");
  assert_says("32x77x77");
  assert_says("AuxLogits.conv1");
  SUCCEEDS("$T models googlenet:classes=10");
  assert_says("pool1/norm1");
}

static double number(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItem(object, name);
  if (!cJSON_IsNumber(item)) fail_msg("no number '%s'", name);
  return item->valuedouble;
}

static void json_says_the_same(void **state) {
  (void)state;
  SUCCEEDS("$T models --json");
  cJSON *root = cJSON_Parse(out);
  const cJSON *models = cJSON_GetObjectItem(root, "models"), *layer;
  assert_int_equal(cJSON_GetArraySize(models), 6);
  assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(models, 4), "name")->valuestring, "inception_v3");
  assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetArrayItem(models, 4), "options")), 9);
  cJSON_Delete(root);
  SUCCEEDS("$T models googlenet_bn:classes=10,aux=1 --json");
  root = cJSON_Parse(out);
  double parameters = 0, multiply_adds = 0;
  int outputs = 0;
  cJSON_ArrayForEach(layer, cJSON_GetObjectItem(root, "layers")) {
    parameters += number(layer, "parameters");
    multiply_adds += number(layer, "multiply_adds");
    outputs += cJSON_GetObjectItem(layer, "output") != NULL;
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(layer, "shape")) >= 2);
  }
  assert_int_equal(outputs, 3);
  assert_true(parameters == number(root, "parameters") && multiply_adds == number(root, "multiply_adds"));
  assert_true(number(root, "classes") == 10 && number(root, "input") == 224);
  assert_string_equal(cJSON_GetObjectItem(root, "model")->valuestring, "builtin:googlenet_bn:classes=10,aux=1");
  cJSON_Delete(root);
}

/* Each layer a node, each input an edge. Drawn where Graphviz is installed. */
static void dot_is_a_graph(void **state) {
  (void)state;
  SUCCEEDS("$T models googlenet_bn --dot");
  assert_int_equal(strncmp(out, "digraph googlenet_bn {\n", 23), 0);
  size_t nodes = 0, edges = 0;
  for (const char *at = out; (at = strstr(at, " [label=")) != NULL; at++) nodes++;
  for (const char *at = out; (at = strstr(at, " -> ")) != NULL; at++) edges++;
  assert_int_equal(nodes, 82);
  assert_int_equal(edges, 81 + 9 * 3); /* one each, but for the input; nine joins of four */
  assert_string_equal(out + strlen(out) - 3, "\n}\n");
  SUCCEEDS(
      "if command -v dot >/dev/null; then $T models inception_v3 --dot | dot -Tsvg >$D/graph.svg && grep -q Mixed_7c $D/graph.svg; fi");
}

static void wrong_use_is_explained(void **state) {
  (void)state;
  SUCCEEDS("$T models --help");
  assert_says("clinception models inception_v3 --dot | dot -Tsvg");
  FAILS(2,
        "there is no built-in network 'resnet'; there are: googlenet, googlenet_bn, bn_inception, inception_v2, inception_v3, "
        "inception_28",
        "$T models resnet");
  FAILS(2, "no option 'depth'; its options are input", "$T models inception_v3:depth=3");
  FAILS(2, "width=NUMBER, the number from 0.01 to 4", "$T models inception_v3:width=0");
  FAILS(2, "an input of 60 is too small for the built-in network inception_v3: with these options the smallest is input=75",
        "$T models inception_v3:input=60");
  FAILS(2, "the number from 1 to 100000", "$T models googlenet:classes=0");
  FAILS(2, "the number from 1 to 100000", "$T bench builtin:googlenet:classes=1000000000");
  FAILS(2, "at most one name, got 2", "$T models googlenet inception_v3");
  FAILS(2, "--json and --dot exclude each other", "$T models googlenet --json --dot");
  FAILS(2, "--dot draws one network", "$T models --dot");
  FAILS(2, "unknown option", "$T models --svg");
  FAILS(1, "standard output", "$T models inception_v3 >/dev/full");
}

static void other_commands_take_them(void **state) {
  (void)state;
  SUCCEEDS("$T check builtin:googlenet_bn:input=64,width=0.1,classes=5 --image $I/picture.png");
  assert_says(": ok");
  SUCCEEDS("$T classify --model builtin:googlenet:input=64,width=0.1,classes=5,aux=1 --top 2 $I/rgb.jpg");
  FAILS(2, "the smallest is input=15", "$T plan builtin:googlenet_bn:input=14");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_list_has_a_line_each), cmocka_unit_test(layers_and_totals_are_shown), cmocka_unit_test(json_says_the_same),
      cmocka_unit_test(dot_is_a_graph),           cmocka_unit_test(wrong_use_is_explained),      cmocka_unit_test(other_commands_take_them),
  };
  return cmocka_run_group_tests_name("models", tests, make_folder, remove_folder);
}
