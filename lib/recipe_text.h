/* A preprocessing recipe as a line of text: what models carry in their metadata, and what people type.
 *
 *     torchvision
 *     unit resize=bilinear shorter=256 order=bgr scale=1 mean=104,117,123
 *
 * First a named recipe, then what differs from it, words apart by spaces:
 *     resize=bicubic|bilinear|nearest
 *     shorter=N     the shorter side is resized to N pixels; 8/7: to 8/7 of the model's size; none: both sides to the model's
 *     central=P%    the part of each side that is used at all
 *     order=rgb|bgr
 *     scale=X       value = (pixel * scale - mean) / std, pixel from 0 to 255
 *     mean=X or A,B,C   in the model's channel order
 *     std=X or A,B,C    not 0
 * Numbers are decimal with a point, whatever the locale, with at most 15 digits and an exponent from e-22 to e22; "1/255" is one, too. */
#ifndef ICN_LIB_RECIPE_TEXT_H
#define ICN_LIB_RECIPE_TEXT_H

#include "image.h"

/* The key of an ONNX model's metadata that holds such a text, and the longest text that is read. */
#define ICN_RECIPE_KEY "clinception.preprocess"
enum { ICN_RECIPE_TEXT_BYTES = 256 };

/* Fills every field; `name` is the named recipe's where the text changes nothing of it, else `text` itself (BORROWED). Fails: ICN_FORMAT;
 * the sentence names the word. */
icn_status icn_recipe_read(const char *text, icn_preprocess *preprocess, icn_error *error);
/* The text that icn_recipe_read makes the same recipe of. Fails: ICN_ARGUMENT (a recipe that cannot be). */
icn_status icn_recipe_write(const icn_preprocess *preprocess, char text[ICN_RECIPE_TEXT_BYTES], icn_error *error);

#endif
