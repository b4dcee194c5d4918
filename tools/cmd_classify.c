/* clinception classify: what is in pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "labels.h"
#include "recipe.h"
#include "session.h"

/* Every picture is decoded before the first one runs; this many stay in memory, the others are decoded again. */
enum { KEPT_IMAGES = 8 };

typedef struct classify {
  session s;
  session_options so;
  recipe_options ro;
  const char *model_path, *labels_path, *scores_name;
  icn_scores scores;
  long top, crops;
  bool json;
  icn_model *model;
  icn_preprocess recipe;
  icn_recipe_origin origin;
  labels l;
  icn_image *kept[KEPT_IMAGES];
  icn_class *classes;
  size_t capacity;
  cJSON *results; /* with json */
} classify;

/* The model's width and height, and room for all of its classes. */
static int look_at_executor(classify *c, const icn_executor *executor, int *width, int *height) {
  icn_tensor_info input = icn_executor_input(executor, 0);
  if (icn_executor_input_count(executor) != 1 || input.rank != 4 || input.dim[1] != 3) {
    char shape[SHAPE_TEXT_BYTES];
    return tool_fail("model '%s' does not take one picture: its %zu inputs begin with '%s' of shape %s, but one of shape 1x3xHxW is needed",
                     c->model_path, icn_executor_input_count(executor), input.name, tensor_shape_text(&input, shape));
  }
  *height = (int)input.dim[2];
  *width = (int)input.dim[3];
  c->capacity = 0;
  for (size_t i = 0; i < icn_executor_output_count(executor); i++) {
    icn_tensor_info output = icn_executor_output(executor, i);
    size_t count = tensor_elems(&output);
    c->capacity = count > c->capacity ? count : c->capacity;
  }
  free(c->classes);
  c->classes = tool_allocate(c->capacity, sizeof *c->classes);
  return TOOL_OK;
}

static const char *label_of(const classify *c, int index) {
  return index >= 0 && (size_t)index < c->l.lines.count ? c->l.lines.items[index] : NULL;
}

/* Scores from 0 to 1 are probabilities (the best class stands first, the worst last, and a NaN is the worst). */
static bool are_probabilities(const icn_class *classes, size_t count) {
  return count > 0 && classes[0].score <= 1.0F && classes[count - 1].score >= 0.0F;
}

static void print_classes(const classify *c, const char *path, size_t count, size_t shown) {
  bool percent = are_probabilities(c->classes, count);
  printf("%s\n", path);
  for (size_t i = 0; i < shown; i++) {
    double score = (double)c->classes[i].score;
    const char *label = label_of(c, c->classes[i].index);
    printf(percent ? "  %6.2f %%  " : "  %9.4f  ", percent ? score * 100.0 : score);
    if (label != NULL)
      printf("%s\n", label);
    else
      printf("class %d\n", c->classes[i].index);
  }
}

static void add_json(const classify *c, const icn_device *device, const char *path, size_t shown) {
  cJSON *o = json_object_in(c->results), *list;
  cJSON_AddStringToObject(o, "image", path);
  json_device(o, "device", device);
  list = cJSON_AddArrayToObject(o, "classes");
  for (size_t i = 0; i < shown; i++) {
    cJSON *entry = json_object_in(list);
    const char *label = label_of(c, c->classes[i].index);
    cJSON_AddNumberToObject(entry, "index", c->classes[i].index);
    if (label != NULL) cJSON_AddStringToObject(entry, "label", label);
    json_real(entry, "score", (double)c->classes[i].score);
  }
}

/* Decodes every picture, so that a bad one among them is known before anything ran or was printed. */
static int decode_images(classify *c, const text_list *images) {
  icn_error error;
  for (size_t i = 0; i < images->count; i++) {
    icn_image *image = NULL;
    if (images->count > KEPT_IMAGES) progress_show("pictures decoded", i, images->count);
    if (icn_image_load(c->s.context, images->items[i], &image, &error) != ICN_OK) return tool_error(&error);
    if (i < KEPT_IMAGES)
      c->kept[i] = image;
    else
      icn_image_destroy(image);
  }
  progress_clear();
  return TOOL_OK;
}

/* Fills c->classes, best first; *count of them. */
static int classify_one(classify *c, icn_executor *executor, const text_list *images, size_t index, size_t *count) {
  icn_error error;
  icn_image *again = NULL;
  if (index >= KEPT_IMAGES && icn_image_load(c->s.context, images->items[index], &again, &error) != ICN_OK) return tool_error(&error);
  *count = c->capacity;
  icn_status status = icn_classify_crops(executor, index < KEPT_IMAGES ? c->kept[index] : again, &c->recipe, (int)c->crops, c->scores,
                                         c->classes, count, &error);
  icn_image_destroy(again);
  if (status != ICN_OK) return tool_error(&error);
  return c->labels_path != NULL ? labels_check(&c->l, c->labels_path, *count) : TOOL_OK;
}

static int classify_on(classify *c, const icn_device *device, const text_list *images, char recipe[RECIPE_TEXT_BYTES]) {
  icn_executor *executor = NULL;
  int width = 0, height = 0;
  size_t count = 0;
  char title[DEVICE_TITLE_BYTES];
  int code = session_executor(&c->s, &c->so, c->model, device, false, false, &executor);
  if (code == TOOL_OK) code = look_at_executor(c, executor, &width, &height);
  if (code == TOOL_OK) recipe_text(&c->recipe, width, height, recipe);
  for (size_t i = 0; i < images->count && code == TOOL_OK; i++) {
    if (images->count > 1 || icn_device_get_info(device).kind == ICN_DEVICE_REFERENCE) progress_show("images", i, images->count);
    code = classify_one(c, executor, images, i, &count);
    progress_clear();
    size_t shown = count < (size_t)c->top ? count : (size_t)c->top;
    if (code != TOOL_OK) break;
    if (c->json) {
      add_json(c, device, images->items[i], shown);
      continue;
    }
    if (i == 0) printf("%s\nrecipe %s%s\n", device_title(device, title), recipe, recipe_origin_text(c->origin));
    if (i == 0 && c->crops > 1) printf("mean probabilities of %ld crops of each picture\n", c->crops);
    print_classes(c, images->items[i], count, shown);
  }
  icn_executor_destroy(executor);
  return code;
}

/* Who says so, for JSON. */
static const char *const ORIGINS[] = {"options or default", "metadata", "builtin"};

static int classify_all(classify *c, const text_list *images) {
  char recipe[RECIPE_TEXT_BYTES] = "";
  int code = crops_check("classify", c->crops);
  if (code == TOOL_OK) code = scores_read("classify", c->scores_name, &c->scores);
  if (code == TOOL_OK) code = recipe_make("classify", &c->ro, NULL, &c->recipe, &c->origin);
  if (code == TOOL_OK && c->labels_path != NULL) code = labels_load(c->labels_path, &c->l);
  if (code == TOOL_OK) code = session_open(&c->s, "classify", &c->so);
  if (code == TOOL_OK) code = decode_images(c, images);
  if (code == TOOL_OK) code = session_load_model(&c->s, &c->so, c->model_path, &c->model);
  if (code == TOOL_OK) code = recipe_make("classify", &c->ro, c->model, &c->recipe, &c->origin);
  if (code == TOOL_OK && session_batch_is_open(&c->s, c->model)) c->so.batch = crops_batch(c->crops);
  if (code != TOOL_OK) return code;
  c->results = cJSON_CreateArray();
  for (size_t i = 0; i < c->s.device_count && code == TOOL_OK; i++) code = classify_on(c, c->s.devices[i], images, recipe);
  if (code != TOOL_OK || !c->json) {
    cJSON_Delete(c->results);
    return code;
  }
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "model", c->model_path);
  cJSON_AddStringToObject(root, "recipe", recipe);
  cJSON_AddStringToObject(root, "recipe_from", ORIGINS[c->origin]);
  cJSON_AddNumberToObject(root, "crops", (double)c->crops);
  cJSON_AddItemToObject(root, "results", c->results);
  return json_print(root);
}

static int run(int argc, char **argv) {
  classify c = {.ro = recipe_options_none(), .top = 5, .crops = 1};
  const option options[] = {
      {"model", "M.onnx", OPTION_TEXT, &c.model_path, 0, 0, "the network: an ONNX file or builtin:NAME"},
      {"labels", "FILE", OPTION_TEXT, &c.labels_path, 0, 0, "the names of the classes, one a line; as many as the model has classes"},
      {"top", "K", OPTION_INTEGER, &c.top, 1, 1000000, "show the K best classes; default 5"},
      {"json", NULL, OPTION_FLAG, &c.json, 0, 0, "print JSON"},
      CROPS_OPTION(c.crops),
      SCORES_OPTION(c.scores_name),
      RECIPE_OPTIONS(c.ro),
      SESSION_DEVICE_OPTION(c.so),
      SESSION_SELF_TEST_OPTION(c.so),
      SESSION_CORES_OPTION(c.so),
      SESSION_MEMORY_OPTION(c.so),
      SESSION_MODEL_OPTIONS(c.so),
  };
  text_list images = {0};
  int code = options_parse(&command_classify, options, sizeof options / sizeof options[0], argc, argv, &images);
  if (code == TOOL_OK && c.model_path == NULL) code = tool_usage("classify: which model? expected --model M.onnx");
  if (code == TOOL_OK && images.count == 0) code = tool_usage("classify: which picture? expected --model M.onnx IMAGE...");
  if (code == TOOL_OK) code = classify_all(&c, &images);
  labels_fini(&c.l);
  free(c.classes);
  for (size_t i = 0; i < KEPT_IMAGES; i++) icn_image_destroy(c.kept[i]);
  icn_model_destroy(c.model);
  session_close(&c.s);
  text_list_fini(&c.so.shapes);
  text_list_fini(&images);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_classify = {
    "classify",
    "--model M.onnx [--labels FILE] [--top K] [options] IMAGE...",
    "says what is in pictures",
    "Runs each picture (JPEG, PNG, BMP, GIF, TGA, PNM) through a classification network and prints the best classes with their scores, "
    "in percent when they are probabilities; --json has all digits. How the picture becomes the network's input is its recipe: each model "
    "was trained with one, and with another one the answers get worse or wrong. The recipe that was used is printed.",
    "  clinception classify --model inception_v3.onnx --labels imagenet.txt cat.jpg dog.png\n"
    "  clinception classify --model builtin:inception_v3 --weights tf_in1k.safetensors --preprocess tf-slim cat.jpg\n"
    "  clinception classify --model googlenet.onnx --preprocess torchvision --top 1 --json cat.jpg\n"
    "  clinception classify --model googlenet.onnx --preprocess torchvision --crops 10 cat.jpg\n"
    "  clinception classify --model own.onnx --mean 127.5 --std 127.5 --scale 1 --resize bilinear --crop 87.5% cat.jpg\n",
    run};
