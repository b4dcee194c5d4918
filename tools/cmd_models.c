/* clinception models: the built-in networks, and what one of them consists of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"

static const char BUILTIN[] = "builtin:";

typedef struct models {
  icn_context *context;
  bool json, dot;
} models;

typedef struct totals {
  uint64_t parameters, multiply_adds;
  size_t convolutions;
  icn_builtin_layer input, output; /* the first output */
} totals;

static totals add_up(const icn_description *description) {
  totals sum = {0};
  sum.input = icn_description_layer(description, 0);
  for (size_t i = 0; i < icn_description_layer_count(description); i++) {
    const icn_builtin_layer layer = icn_description_layer(description, i);
    sum.parameters += layer.parameters;
    sum.multiply_adds += layer.multiply_adds;
    sum.convolutions += strstr(layer.kind, "conv") != NULL;
    if (layer.output != NULL && sum.output.output == NULL) sum.output = layer;
  }
  return sum;
}

/* "64x35x35": a result without the batch. */
enum { SIZE_BYTES = 80 };
static const char *size_text(const icn_builtin_layer *layer, char text[SIZE_BYTES]) {
  if (layer->rank == 4)
    snprintf(text, SIZE_BYTES, "%lldx%lldx%lld", (long long)layer->dim[1], (long long)layer->dim[2], (long long)layer->dim[3]);
  else
    snprintf(text, SIZE_BYTES, "%lld", (long long)layer->dim[1]);
  return text;
}

static const char *option_text(const icn_builtin_option *o, char text[SIZE_BYTES]) {
  if (o->usual < 0)
    snprintf(text, SIZE_BYTES, "%.4g to %.10g", o->least, o->largest);
  else if (o->largest > 1e9)
    snprintf(text, SIZE_BYTES, "usually %.0f", o->usual);
  else
    snprintf(text, SIZE_BYTES, "%.4g to %.10g, usually %.4g", o->least, o->largest, o->usual);
  return text;
}

static int describe(const models *m, const char *spec, icn_description **description) {
  icn_error error;
  return icn_builtin_describe(m->context, spec, description, &error) == ICN_OK ? TOOL_OK : tool_error(&error);
}

/* -------------------------------------------------------------- all of them */

static void add_to_table(table *t, const icn_builtin_info *info, const totals *sum) {
  char size[SIZE_BYTES];
  table_add(t, "%s", info->name);
  table_add(t, "%s", size_text(&sum->input, size));
  table_add(t, "%lld", (long long)sum->output.dim[1]);
  table_add(t, "%.2f M", (double)sum->parameters * 1e-6);
  table_add(t, "%.2f G", (double)sum->multiply_adds * 1e-9);
  table_add(t, "%s", info->recipe);
  table_add(t, "%s", info->summary);
  table_add(t, "%s", info->source);
}

static void json_totals(cJSON *object, const totals *sum) {
  cJSON_AddNumberToObject(object, "input", (double)sum->input.dim[2]);
  cJSON_AddNumberToObject(object, "classes", (double)sum->output.dim[1]);
  json_whole(object, "parameters", sum->parameters);
  json_whole(object, "multiply_adds", sum->multiply_adds);
}

static void json_options(cJSON *object, size_t index) {
  cJSON *list = cJSON_AddArrayToObject(object, "options");
  for (size_t k = 0; k < icn_builtin_option_count(index); k++) {
    const icn_builtin_option choice = icn_builtin_get_option(index, k);
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "name", choice.name);
    cJSON_AddStringToObject(o, "meaning", choice.meaning);
    json_real(o, "least", choice.least);
    json_real(o, "largest", choice.largest);
    if (choice.usual >= 0) json_real(o, "usual", choice.usual);
  }
}

static void json_model(cJSON *o, size_t index, const totals *sum) {
  const icn_builtin_info info = icn_builtin_get_info(index);
  cJSON_AddStringToObject(o, "name", info.name);
  cJSON_AddStringToObject(o, "summary", info.summary);
  cJSON_AddStringToObject(o, "source", info.source);
  cJSON_AddStringToObject(o, "recipe", info.recipe);
  json_totals(o, sum);
  json_options(o, index);
}

static int list_models(const models *m) {
  static const char *const headings[] = {"name", "input", "classes", "parameters", "multiply-adds", "recipe", "what it is", "source"};
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "models");
  table t;
  int code = TOOL_OK;
  table_init(&t, "lrrrrlll");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < icn_builtin_count() && code == TOOL_OK; i++) {
    const icn_builtin_info info = icn_builtin_get_info(i);
    icn_description *description = NULL;
    code = describe(m, info.name, &description);
    if (code == TOOL_OK) {
      const totals sum = add_up(description);
      add_to_table(&t, &info, &sum);
      json_model(json_object_in(list), i, &sum);
    }
    icn_description_destroy(description);
  }
  if (code == TOOL_OK && m->json) {
    code = json_print(root);
    root = NULL;
  } else if (code == TOOL_OK) {
    table_print(&t);
    printf(
        "\nEach is accepted wherever a model file is, as builtin:NAME or builtin:NAME:option=value,...; its weights are "
        "synthetic, or those of --weights FILE.safetensors.\n");
  }
  cJSON_Delete(root);
  table_fini(&t);
  return code;
}

/* -------------------------------------------------------------- one of them */

/* Its place in the list, from "builtin:NAME:..." or "NAME:...". */
static size_t index_of(const char *spec) {
  if (strncmp(spec, BUILTIN, sizeof BUILTIN - 1) == 0) spec += sizeof BUILTIN - 1;
  const size_t length = strcspn(spec, ":");
  size_t i = 0;
  while (i + 1 < icn_builtin_count() &&
         (strlen(icn_builtin_get_info(i).name) != length || strncmp(icn_builtin_get_info(i).name, spec, length) != 0))
    i++;
  return i;
}

static void print_options(size_t index) {
  char range[SIZE_BYTES];
  printf("\noptions (builtin:%s:NAME=NUMBER,...):\n", icn_builtin_get_info(index).name);
  for (size_t k = 0; k < icn_builtin_option_count(index); k++) {
    const icn_builtin_option choice = icn_builtin_get_option(index, k);
    printf("  %-12s  %s (%s)\n", choice.name, choice.meaning, option_text(&choice, range));
  }
}

static void print_layers(const icn_description *description, size_t index) {
  static const char *const headings[] = {"layer", "kind", "window", "result", "parameters", "multiply-adds"};
  const icn_builtin_info info = icn_builtin_get_info(index);
  const totals sum = add_up(description);
  char size[SIZE_BYTES];
  table t;
  table_init(&t, "lllrrr");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) table_add(&t, "%s", headings[i]);
  for (size_t i = 0; i < icn_description_layer_count(description); i++) {
    const icn_builtin_layer layer = icn_description_layer(description, i);
    table_add(&t, "%s", layer.name);
    table_add(&t, "%s", layer.kind);
    table_add(&t, "%s", layer.window);
    table_add(&t, "%s", size_text(&layer, size));
    table_add(&t, "%llu", (unsigned long long)layer.parameters);
    table_add(&t, "%llu", (unsigned long long)layer.multiply_adds);
  }
  printf("%s: %s (%s)\n\n", info.name, info.summary, info.source);
  table_print(&t);
  table_fini(&t);
  printf("pictures become its input by the recipe %s\n", info.recipe);
  printf("in all: %zu convolutions, %llu parameters (%.1f MB as fp32), %llu multiply-adds (%.2f G) for one picture\n", sum.convolutions,
         (unsigned long long)sum.parameters, (double)sum.parameters * 4e-6, (unsigned long long)sum.multiply_adds,
         (double)sum.multiply_adds * 1e-9);
  print_options(index);
}

static void json_layer(cJSON *list, const icn_description *description, size_t index) {
  const icn_builtin_layer layer = icn_description_layer(description, index);
  cJSON *o = json_object_in(list);
  cJSON_AddStringToObject(o, "name", layer.name);
  cJSON_AddStringToObject(o, "kind", layer.kind);
  if (layer.window[0] != '\0') cJSON_AddStringToObject(o, "window", layer.window);
  if (layer.output != NULL) cJSON_AddStringToObject(o, "output", layer.output);
  cJSON *inputs = cJSON_AddArrayToObject(o, "inputs");
  for (size_t k = 0; k < layer.input_count; k++)
    cJSON_AddItemToArray(inputs, cJSON_CreateString(icn_description_layer(description, layer.inputs[k]).name));
  cJSON *shape = cJSON_AddArrayToObject(o, "shape");
  for (int k = 0; k < layer.rank; k++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)layer.dim[k]));
  json_whole(o, "parameters", layer.parameters);
  json_whole(o, "multiply_adds", layer.multiply_adds);
}

static int print_json(const icn_description *description, const char *spec, size_t index) {
  const totals sum = add_up(description);
  cJSON *root = cJSON_CreateObject();
  char *model = tool_format("%s%s", strncmp(spec, BUILTIN, sizeof BUILTIN - 1) == 0 ? "" : BUILTIN, spec);
  cJSON_AddStringToObject(root, "model", model);
  free(model);
  json_model(root, index, &sum);
  cJSON *list = cJSON_AddArrayToObject(root, "layers");
  for (size_t i = 0; i < icn_description_layer_count(description); i++) json_layer(list, description, i);
  return json_print(root);
}

/* Graphviz' language: a box a layer, convolutions shaded. Names hold no character that would have to be escaped. */
static void print_dot(const icn_description *description, size_t index) {
  char size[SIZE_BYTES];
  printf("digraph %s {\n  node [shape=box, style=filled, fillcolor=white, fontname=\"sans-serif\", fontsize=10];\n",
         icn_builtin_get_info(index).name);
  for (size_t i = 0; i < icn_description_layer_count(description); i++) {
    const icn_builtin_layer layer = icn_description_layer(description, i);
    const bool has_weights = layer.parameters > 0;
    printf("  n%zu [label=\"%s\\n%s%s%s\\n%s\"%s];\n", i, layer.name, layer.kind, layer.window[0] != '\0' ? " " : "", layer.window,
           size_text(&layer, size), has_weights ? ", fillcolor=\"#dde8f4\"" : "");
    for (size_t k = 0; k < layer.input_count; k++) printf("  n%zu -> n%zu;\n", layer.inputs[k], i);
  }
  printf("}\n");
}

static int show_model(const models *m, const char *spec) {
  icn_description *description = NULL;
  int code = describe(m, spec, &description);
  if (code == TOOL_OK && m->json)
    code = print_json(description, spec, index_of(spec));
  else if (code == TOOL_OK && m->dot)
    print_dot(description, index_of(spec));
  else if (code == TOOL_OK)
    print_layers(description, index_of(spec));
  icn_description_destroy(description);
  return code;
}

static int open_and_show(models *m, const text_list *names) {
  icn_error error;
  icn_context_options options;
  icn_context_options_init(&options);
  options.opencl_library = "none"; /* no device is asked */
  if (icn_context_create(&options, &m->context, &error) != ICN_OK) return tool_error(&error);
  const int code = names->count == 0 ? list_models(m) : show_model(m, names->items[0]);
  icn_context_destroy(m->context);
  return code;
}

static int run(int argc, char **argv) {
  models m = {0};
  const option options[] = {
      {"json", NULL, OPTION_FLAG, &m.json, 0, 0, "print JSON"},
      {"dot", NULL, OPTION_FLAG, &m.dot, 0, 0, "print the graph of NAME for Graphviz"},
  };
  text_list positionals = {0};
  int code = options_parse(&command_models, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count > 1) code = tool_usage("models: expected at most one name, got %zu", positionals.count);
  if (code == TOOL_OK && m.json && m.dot) code = tool_usage("models: --json and --dot exclude each other");
  if (code == TOOL_OK && m.dot && positionals.count == 0) code = tool_usage("models: --dot draws one network; name it");
  if (code == TOOL_OK) code = open_and_show(&m, &positionals);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_models = {
    "models",
    "[NAME[:OPTION=NUMBER,...]] [--json | --dot]",
    "lists the built-in networks, or the layers of one",
    "Without a name: the networks that can be had without a file, as builtin:NAME. With one: its layers with the shapes of their results "
    "(channels x height x width), parameters (what training learns) and multiply-adds for one picture, the totals, and its options. "
    "Nothing is run and no device is asked.",
    "  clinception models\n"
    "  clinception models inception_v3\n"
    "  clinception models googlenet:aux=1,classes=10 --json\n"
    "  clinception models inception_v3 --dot | dot -Tsvg -o inception_v3.svg\n"
    "  clinception bench builtin:inception_v3:input=151\n",
    run};
