/* Pictures with labels, to evaluate models on: a folder per class, a list of files, or IDX files as MNIST has them. */
#ifndef ICN_TOOLS_DATASET_H
#define ICN_TOOLS_DATASET_H

#include <stdint.h>

#include "labels.h"

enum { DATASET_LEFT_OUT = -1 };
typedef struct dataset_picture {
  char *name; /* its file; of an IDX file "FILE[17]" */
  int label;  /* the model's class, from 0, or DATASET_LEFT_OUT */
} dataset_picture;

typedef enum dataset_kind { DATASET_FOLDERS, DATASET_LIST, DATASET_IDX } dataset_kind;

typedef struct dataset {
  dataset_kind kind;
  const char *path;
  dataset_picture *pictures;
  size_t count;
  char **folders; /* the names of the classes' folders, sorted, as many as folder_count */
  size_t folder_count;
  bool folders_are_numbers;
  size_t left_out, other_files; /* by --leave-out; beside pictures in folders */
  uint8_t *idx;                 /* an IDX file's pixels: count x idx_height x idx_width x idx_channels */
  int idx_width, idx_height, idx_channels;
} dataset;

typedef struct dataset_options {
  const char *data, *idx_labels, *leave_out;
  long label_offset;
} dataset_options;

/* clang-format off */
#define DATASET_OPTIONS(d)                                                                                                              \
  {"data", "DIR|LIST|IDX", OPTION_TEXT, &(d).data, 0, 0,                                                                                \
   "the pictures: a folder that has a folder for each class; a text file with a picture and its class a line, apart by a comma, a tab or a space; or an IDX file of images (MNIST's and Fashion-MNIST's, .gz too)"}, \
  {"idx-labels", "FILE", OPTION_TEXT, &(d).idx_labels, 0, 0,                                                                            \
   "the labels of an IDX file; default: its name with 'labels' and 'idx1' in the place of 'images' and 'idx3'"},                        \
  {"label-offset", "N", OPTION_INTEGER, &(d).label_offset, -1000000, 1000000,                                                           \
   "added to each number of a class in lists, IDX files and folders named by numbers: -1 where classes are counted from 1"},            \
  {"leave-out", "FILE", OPTION_TEXT, &(d).leave_out, 0, 0,                                                                              \
   "a list of pictures that do not count (such as ILSVRC's blacklist), one a line: a file's name, the end of its path, or its number from 1"}
/* clang-format on */

/* `l` has the names of the model's classes, or no lines: then folders, in the order of their names, are the classes 0, 1, ..., or, where
 * all of their names are numbers, those. TOOL_OK or the exit code; dataset_fini in either case. */
int dataset_open(const dataset_options *options, const labels *l, dataset *d);
void dataset_fini(dataset *d);
/* One picture decoded; any thread. */
icn_status dataset_load(const dataset *d, const icn_context *context, size_t index, icn_image **image, icn_error *error);

/* For the readers of each kind. `name` is taken. */
void dataset_add(dataset *d, char *name, int label);
int dataset_open_idx(const dataset_options *options, dataset *d);

#endif
