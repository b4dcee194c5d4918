#include "recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const resize_names[] = {"bicubic", "bilinear", "nearest"};

const char *resize_name(icn_resize resize) { return resize_names[resize]; }

recipe_options recipe_options_none(void) {
  return (recipe_options){.scale = (double)NAN, .mean = {(double)NAN, 0, 0}, .std = {(double)NAN, 0, 0}};
}

static int apply_resize(const char *who, const char *name, icn_preprocess *recipe) {
  for (int i = 0; i < 3; i++) {
    if (strcmp(name, resize_names[i]) != 0) continue;
    recipe->resize = (icn_resize)i;
    return TOOL_OK;
  }
  return tool_usage("%s: option --resize expects bicubic, bilinear or nearest, got '%s'", who, name);
}

static int apply_crop(const char *who, const char *text, icn_preprocess *recipe) {
  char *end;
  if (strcmp(text, "none") == 0) {
    recipe->resize_shorter = 0;
    recipe->central = 1.0F;
    return TOOL_OK;
  }
  double number = strtod(text, &end);
  if (end != text && strcmp(end, "%") == 0 && number >= 0.1 && number <= 100.0) {
    recipe->central = (float)(number / 100.0);
    recipe->resize_shorter = 0;
    return TOOL_OK;
  }
  if (end != text && *end == '\0' && number >= 1.0 && number <= 32768.0 && number == floor(number)) {
    recipe->resize_shorter = (int)number;
    recipe->central = 1.0F;
    return TOOL_OK;
  }
  return tool_usage(
      "%s: option --crop expects a number of pixels from 1 to 32768, a percentage such as 87.5%% (from 0.1%%), or none, got '%s'", who,
      text);
}

int recipe_make(const char *who, const recipe_options *options, const icn_model *model, icn_preprocess *recipe, icn_recipe_origin *origin) {
  icn_error error;
  int code = TOOL_OK;
  *origin = ICN_RECIPE_NOBODY;
  if (icn_preprocess_init(recipe, options->preprocess, &error) != ICN_OK) return tool_usage("%s: %s", who, error.message);
  if (options->preprocess == NULL && model != NULL && icn_model_preprocess(model, recipe, origin, &error) != ICN_OK)
    return tool_fail("%s; --preprocess NAME does without it", error.message);
  if (options->resize != NULL) code = apply_resize(who, options->resize, recipe);
  if (code == TOOL_OK && options->crop != NULL) code = apply_crop(who, options->crop, recipe);
  if (code != TOOL_OK) return code;
  if (isfinite(options->scale)) recipe->scale = (float)options->scale;
  if (options->bgr) recipe->bgr = 1;
  for (int c = 0; c < 3; c++) {
    if (isfinite(options->mean[0])) recipe->mean[c] = (float)options->mean[c];
    if (isfinite(options->std[0])) recipe->std[c] = (float)options->std[c];
    if (recipe->std[c] == 0.0F) return tool_usage("%s: option --std expects numbers other than 0", who);
  }
  if (options->resize != NULL || options->crop != NULL || isfinite(options->scale) || options->bgr || isfinite(options->mean[0]) ||
      isfinite(options->std[0]))
    recipe->name = "as the options say", *origin = ICN_RECIPE_NOBODY;
  return TOOL_OK;
}

static void triple(const float value[3], char *text, size_t bytes) {
  if (value[0] == value[1] && value[1] == value[2])
    snprintf(text, bytes, "%g", (double)value[0]);
  else
    snprintf(text, bytes, "[%g %g %g]", (double)value[0], (double)value[1], (double)value[2]);
}

static bool all_are(const float value[3], float wanted) { return value[0] == wanted && value[1] == wanted && value[2] == wanted; }

/* "(pixel / 255 - mean) / std" without what changes nothing. */
static void arithmetic_text(const icn_preprocess *recipe, char *text, size_t bytes) {
  char pixel[40] = "pixel", centred[128], mean[64], std[64];
  triple(recipe->mean, mean, sizeof mean);
  triple(recipe->std, std, sizeof std);
  if (recipe->scale == 1.0F / 255.0F)
    snprintf(pixel, sizeof pixel, "pixel / 255");
  else if (recipe->scale != 1.0F)
    snprintf(pixel, sizeof pixel, "pixel * %g", (double)recipe->scale);
  if (all_are(recipe->mean, 0.0F))
    snprintf(centred, sizeof centred, "%s", pixel);
  else
    snprintf(centred, sizeof centred, "%s - %s", pixel, mean);
  if (all_are(recipe->std, 1.0F))
    snprintf(text, bytes, "%s", centred);
  else
    snprintf(text, bytes, "(%s) / %s", centred, std);
}

const char *recipe_origin_text(icn_recipe_origin origin) {
  return origin == ICN_RECIPE_METADATA  ? " (the model's own, by its metadata)"
         : origin == ICN_RECIPE_BUILTIN ? " (the built-in network's own)"
                                        : "";
}

const char *recipe_text(const icn_preprocess *recipe, int width, int height, char text[RECIPE_TEXT_BYTES]) {
  char arithmetic[200], geometry[96];
  int larger = width > height ? width : height;
  int shorter = recipe->resize_shorter < 0 ? (larger * 16 + 7) / 14 : recipe->resize_shorter;
  const char *method = resize_names[recipe->resize];
  arithmetic_text(recipe, arithmetic, sizeof arithmetic);
  if (shorter != 0)
    snprintf(geometry, sizeof geometry, "shorter side resized to %d (%s), middle %dx%d", shorter, method, width, height);
  else if (recipe->central < 1.0F)
    snprintf(geometry, sizeof geometry, "central %g %% resized to %dx%d (%s)", (double)recipe->central * 100.0, width, height, method);
  else
    snprintf(geometry, sizeof geometry, "resized to %dx%d (%s)", width, height, method);
  snprintf(text, RECIPE_TEXT_BYTES, "%s: %s, %s, %s", recipe->name, geometry, recipe->bgr ? "BGR" : "RGB", arithmetic);
  return text;
}

int crops_check(const char *who, long crops) {
  if (crops == 1 || crops == 5 || crops == 10 || crops == 12 || crops == 144) return TOOL_OK;
  return tool_usage("%s: option --crops expects 1, 5, 10, 12 or 144, got '%ld'", who, crops);
}

int scores_read(const char *who, const char *text, icn_scores *scores) {
  *scores = ICN_SCORES_AUTO;
  if (text == NULL) return TOOL_OK;
  if (strcmp(text, "probabilities") == 0) *scores = ICN_SCORES_PROBABILITIES;
  if (strcmp(text, "logits") == 0) *scores = ICN_SCORES_LOGITS;
  if (*scores != ICN_SCORES_AUTO) return TOOL_OK;
  return tool_usage("%s: option --scores expects probabilities or logits, got '%s'", who, text);
}

long crops_batch(long crops) { return crops == 144 ? 12 : crops; }
