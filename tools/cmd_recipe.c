/* clinception recipe: how pictures become a model's input: what the model says, and writing it into its metadata. */
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "recipe.h"

typedef struct recipe_command {
  icn_context *context;
  icn_model *model;
  recipe_options ro;
  const char *write_path;
  bool json;
  icn_preprocess recipe;
  icn_recipe_origin origin;
} recipe_command;

enum { TEXT_BYTES = 256 };

/* The model's height and width where it tells them, else 0. */
static void input_size(const icn_model *model, int *width, int *height) {
  const icn_tensor_info input = icn_model_input(model, 0);
  const bool known = input.rank == 4 && input.dim[2] > 0 && input.dim[2] <= 32768 && input.dim[3] > 0 && input.dim[3] <= 32768;
  *height = known ? (int)input.dim[2] : 0;
  *width = known ? (int)input.dim[3] : 0;
}

static int print(const recipe_command *c, const char *path, const char *text) {
  char words[RECIPE_TEXT_BYTES];
  int width, height;
  input_size(c->model, &width, &height);
  if (c->json) {
    static const char *const origins[] = {"options or default", "metadata", "builtin"};
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", path);
    cJSON_AddStringToObject(root, "recipe", text);
    cJSON_AddStringToObject(root, "recipe_from", origins[c->origin]);
    return json_print(root);
  }
  if (width > 0)
    printf("%s%s\n%s\n", text, recipe_origin_text(c->origin), recipe_text(&c->recipe, width, height, words));
  else
    printf("%s%s\n", text, recipe_origin_text(c->origin));
  if (c->origin == ICN_RECIPE_NOBODY && c->write_path == NULL && c->ro.preprocess == NULL)
    printf("the model does not say how it was trained; --preprocess NAME --write FILE makes a copy that does\n");
  return TOOL_OK;
}

static int read_or_write(recipe_command *c, const char *path) {
  icn_error error;
  char text[TEXT_BYTES];
  icn_context_options options;
  icn_context_options_init(&options);
  options.opencl_library = "none"; /* no device is asked */
  int code = recipe_make("recipe", &c->ro, NULL, &c->recipe, &c->origin);
  if (code != TOOL_OK) return code;
  if (icn_context_create(&options, &c->context, &error) != ICN_OK) return tool_error(&error);
  if (icn_model_load(c->context, path, &c->model, &error) != ICN_OK) return tool_error(&error);
  code = recipe_make("recipe", &c->ro, c->model, &c->recipe, &c->origin);
  if (code != TOOL_OK) return code;
  if (icn_preprocess_text(&c->recipe, text, sizeof text, &error) != ICN_OK) return tool_error(&error);
  if (c->write_path != NULL && icn_model_write_preprocess(c->model, &c->recipe, c->write_path, &error) != ICN_OK) return tool_error(&error);
  return print(c, path, text);
}

static int run(int argc, char **argv) {
  recipe_command c = {.ro = recipe_options_none()};
  const option options[] = {
      {"write", "FILE", OPTION_TEXT, &c.write_path, 0, 0,
       "write a copy of the model that carries the recipe to FILE, which may be the model itself"},
      {"json", NULL, OPTION_FLAG, &c.json, 0, 0, "print JSON"},
      RECIPE_OPTIONS(c.ro),
  };
  text_list positionals = {0};
  int code = options_parse(&command_recipe, options, sizeof options / sizeof options[0], argc, argv, &positionals);
  if (code == TOOL_OK && positionals.count != 1) code = tool_usage("recipe: expected one model, got %zu", positionals.count);
  if (code == TOOL_OK) code = read_or_write(&c, positionals.items[0]);
  icn_model_destroy(c.model);
  icn_context_destroy(c.context);
  text_list_fini(&positionals);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_recipe = {
    "recipe",
    "M.onnx [--write FILE] [options]",
    "shows how pictures become a model's input, or writes it into the model",
    "A model is right only for pictures that were prepared as they were when it was trained. This shows what the model says about that: in "
    "its "
    "ONNX metadata, under the key 'clinception.preprocess', as a text such as 'torchvision' or 'unit order=bgr scale=1 mean=104,117,123'; "
    "built-in networks know theirs. With --write the recipe that the options ask for goes into a copy, and from then on classify, evaluate "
    "and "
    "check take it by themselves. Nothing is run and no device is asked.",
    "  clinception recipe inception_v3.onnx\n"
    "  clinception recipe inception_v3.onnx --preprocess torchvision --write inception_v3.onnx\n"
    "  clinception recipe own.onnx --preprocess keras --bgr --write own_with_recipe.onnx\n",
    run};
