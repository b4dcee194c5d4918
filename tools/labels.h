/* A file of labels: one a line, in the order of the model's classes. */
#ifndef ICN_TOOLS_LABELS_H
#define ICN_TOOLS_LABELS_H

#include "tool.h"

typedef struct labels {
  char *text; /* the file, its line ends replaced by NULs */
  text_list lines;
} labels;

int labels_load(const char *path, labels *l);
/* Fails with a sentence when the number of labels is not the model's number of classes. */
int labels_check(const labels *l, const char *path, size_t classes);
void labels_fini(labels *l);

#endif
