/* The crops of a picture that a network is shown, whose probabilities are then averaged: geometry, and the tensors. No I/O.
 *
 * How many crops there are says which. W x H is the network's input, S the larger of W and H; all resizing is the recipe's, each time to 8
 * bits; "the middle" is halved room, rounded to even as Python does. A crop with index 2k + 1 is crop 2k mirrored left to right, but for 1
 * and 5 crops, of which none is mirrored.
 *
 *   1    The recipe's own: what icn_image_to_tensor makes.
 *   5    Top left, top right, bottom left, bottom right and middle W x H of the recipe's resized picture. That is, where the recipe resizes
 *        the shorter side, its central part of the picture at that size. Other recipes squeeze a picture (or its central part) into W x H
 *        and leave no room for corners: there it is the whole picture resized to W / c x H / c (rounded to the nearest), c the recipe's
 *        central part, or 224 / 256 where that is all of the picture. (Krizhevsky, Sutskever, Hinton: ImageNet classification with deep
 *        convolutional neural networks, 2012: "five 224 x 224 patches (the four corner patches and the center patch)" of 256 x 256;
 *        the order is torchvision's FiveCrop.)
 *   10   The same five, each followed by its mirror image (the same paper: "as well as their horizontal reflections").
 *   144  4 scales x 3 squares x 6 x 2 (Szegedy and others: Going deeper with convolutions, 2014, section 7). The picture is resized so
 *        that its shorter side is S * {256, 288, 320, 352} / 224, rounded to the nearest, and the longer one in proportion, rounded down.
 *        Of each size the left, middle and right square, of upright pictures the top, middle and bottom one. Of each square the top left,
 *        top right, bottom left, bottom right and middle W x H, and the square resized to W x H; each followed by its mirror image.
 *        Indices run through the mirrors first, then these six, then the squares, then the scales. Of a square picture the three squares
 *        are one.
 *
 *   12   Ours: the first scale and the middle square of the 144, so 6 x 2. "12 crops" stand in the tables of the papers on Inception-v3
 *        and Inception-v4, which do not say what they are; of all the sets of twelve within the 144 that have its six parts and their
 *        mirrors, this one is the nearest to what a single crop sees.
 *
 * 12 and 144 look at the whole picture, whatever part of it and whatever size the recipe has for one crop. */
#ifndef ICN_LIB_CROPS_H
#define ICN_LIB_CROPS_H

#include "image.h"

/* A part of the picture is resized, `region` of that is made; the crop is the width x height from (x, y) of the region or, when `whole`,
 * all of the region resized once more. Crops that lie side by side mostly share the region. */
typedef struct icn_crop {
  int part_x, part_y, part_width, part_height;
  icn_resize_window region;
  int x, y;
  bool whole, mirror;
} icn_crop;

/* Is there such a number of crops? */
bool icn_crops_exist(int crops);
/* Crop `index` of `crops` for a picture and an input of these sizes. Fails: ICN_ARGUMENT (no such number or index, a recipe that cannot be,
 * sizes, squares of more than 2^28 pixels). */
icn_status icn_crop_at(const icn_preprocess *preprocess, int picture_width, int picture_height, int width, int height, int crops, int index,
                       icn_crop *crop, icn_error *error);
/* What icn_image_to_crops does: float tensor[count][3][height][width], the crops [first, first + count). */
icn_status icn_crops_apply(const icn_preprocess *preprocess, const icn_image *image, int crops, int first, int count, int width, int height,
                           float *tensor, icn_error *error);

#endif
