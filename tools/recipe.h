/* Preprocessing as options: --preprocess, --scale, --mean, --std, --bgr, --resize, --crop. */
#ifndef ICN_TOOLS_RECIPE_H
#define ICN_TOOLS_RECIPE_H

#include "options.h"

typedef struct recipe_options {
  const char *preprocess, *resize, *crop;
  double scale, mean[3], std[3];
  bool bgr;
} recipe_options;

/* NAN where an option was not given. */
recipe_options recipe_options_none(void);

/* clang-format off */
#define RECIPE_OPTIONS(r)                                                                                                               \
  {"preprocess", "NAME", OPTION_TEXT, &(r).preprocess, 0, 0,                                                                            \
   "how pictures become numbers: unit (RGB/255, bicubic), torchvision, tf-slim, keras or caffe; default: as the model's metadata say ('clinception recipe') or the built-in network wants, else unit; the options below change parts of it"}, \
  {"scale", "X", OPTION_REAL, &(r).scale, -1e6, 1e6, "value = (pixel * scale - mean) / std, pixel from 0 to 255"},                      \
  {"mean", "R,G,B", OPTION_REALS, (r).mean, -1e6, 1e6, "in the model's channel order; one number stands for all three"},                \
  {"std", "R,G,B", OPTION_REALS, (r).std, -1e6, 1e6, "likewise; not 0"},                                                                \
  {"bgr", NULL, OPTION_FLAG, &(r).bgr, 0, 0, "the model wants blue first"},                                                             \
  {"resize", "METHOD", OPTION_TEXT, &(r).resize, 0, 0, "bicubic, bilinear (both antialiased, as in Pillow) or nearest"},                \
  {"crop", "N|P%", OPTION_TEXT, &(r).crop, 0, 0,                                                                                        \
   "N: resize the shorter side to N pixels, then cut out the middle; P%: use the central P percent of each side; none: the whole picture"}
#define CROPS_OPTION(crops)                                                                                                             \
  {"crops", "N", OPTION_INTEGER, &(crops), 1, 144,                                                                                      \
   "average the probabilities of N crops of each picture: 1 (default), 5 (corners and middle), 10 (and their mirror images), 12 (a square of the 144) or 144 (as in the GoogLeNet paper: 4 scales, 3 squares, 6 parts, 2 mirrors)"}
#define SCORES_OPTION(scores)                                                                                                           \
  {"scores", "KIND", OPTION_TEXT, &(scores), 0, 0,                                                                                      \
   "what the model ends in where that is not seen: probabilities are averaged as they are, logits through a softmax; default: probabilities behind a softmax or sigmoid, else logits"}
/* clang-format on */

/* --crops and --scores, checked; TOOL_OK or the exit code. */
int crops_check(const char *who, long crops);
int scores_read(const char *who, const char *text, icn_scores *scores);
/* The batch in which so many crops of one picture go through a device: it divides them. */
long crops_batch(long crops);

/* The recipe that the options ask for, beginning with --preprocess, else with the model's own; TOOL_OK or the exit code. Without a model:
 * only whether the options are right. The recipe's name is the model's. */
int recipe_make(const char *who, const recipe_options *options, const icn_model *model, icn_preprocess *recipe, icn_recipe_origin *origin);
enum { RECIPE_TEXT_BYTES = 320 };
/* "unit: resized to 299x299 (bicubic), RGB, pixel / 255" */
const char *recipe_text(const icn_preprocess *recipe, int width, int height, char text[RECIPE_TEXT_BYTES]);
/* "" or " (the model's own, by its metadata)" */
const char *recipe_origin_text(icn_recipe_origin origin);
const char *resize_name(icn_resize resize);

#endif
