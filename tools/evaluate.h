/* What the parts of `clinception evaluate` share: the models, the pictures that are made ahead, what is known of each picture, and the
 * figures made of that. */
#ifndef ICN_TOOLS_EVALUATE_H
#define ICN_TOOLS_EVALUATE_H

#include <stdio.h>

#include "dataset.h"
#include "recipe.h"
#include "session.h"

enum { EVAL_MOST_TOPS = 8 };

typedef struct eval_options {
  session_options session;
  recipe_options recipe;
  dataset_options data;
  const char *labels_path, *scores_name, *tops_text, *json_path, *results_path, *confusion_path;
  icn_scores scores;
  bool resume, background, all_classes;
  long crops, threads, mistakes;
  int tops[EVAL_MOST_TOPS];
  size_t top_count;
} eval_options;

/* ------------------------------------------------------------------ models */

typedef struct eval_model {
  const char *path;
  icn_model *model;
  icn_executor *executor;
  icn_preprocess recipe;
  icn_recipe_origin origin;
  icn_class_output output;
  bool are_logits;
  size_t skipped; /* classes before the first one that counts: 1 for a background class, else 0 */
  int width, height;
  size_t elems;     /* of one row of its input */
  float *tensor[2]; /* two batches of rows: one runs while the other is made */
  float *scores;    /* [rows][output.classes] */
  float **outputs;
} eval_model;

/* What came of a picture. */
typedef struct eval_record {
  bool done;
  int best;                      /* the class that the models are for */
  int rank;                      /* of the right class among all, from 1 */
  float best_score, right_score; /* mean probabilities */
} eval_record;

typedef struct evaluation {
  eval_options o;
  session s;
  labels l;
  dataset data;
  eval_model *models;
  size_t model_count, classes, rows; /* rows: how many crops go through a model at a time */
  eval_record *records;              /* of each picture of the data */
  char **problems;                   /* of each picture: why it is not readable, or NULL */
  size_t *pending, pending_count;    /* the pictures that are to be run */
  char *results_path, *header;       /* the results file, NULL: none; what it begins with */
  bool results_are_temporary;
  FILE *results;
  double seconds; /* that the pictures took in this run */
} evaluation;

/* Loads the models and agrees on the classes; the labels are loaded. TOOL_OK or the exit code. */
int eval_load_models(evaluation *e, const text_list *paths);
/* Executors and room for rows; then the recipes are final. */
int eval_prepare_models(evaluation *e);
/* Runs rows [0, count) of tensor[buffer] of one model; scores[0..count) are written. */
int eval_run_model(eval_model *m, int buffer, size_t count);
/* Adds one row's probabilities to sums[classes]. */
void eval_add_row(const eval_model *m, size_t row, size_t classes, double *sums);
void eval_models_fini(evaluation *e);

/* ------------------------------------------------------- pictures made ahead */

/* Rows [first, first + count) of the stream of all crops of all pending pictures, made on several threads. */
typedef struct eval_ahead eval_ahead;
eval_ahead *eval_ahead_open(evaluation *e);
void eval_ahead_start(eval_ahead *a, int buffer, size_t first, size_t count);
/* Waits for it. Fails where no picture could be made. */
int eval_ahead_wait(eval_ahead *a);
void eval_ahead_close(eval_ahead *a);

/* ----------------------------------------------------------------- results */

/* Opens the results file, if there is to be one, and takes over what another run left there. */
int eval_results_open(evaluation *e);
/* One picture's line; flushed by eval_results_flush. */
void eval_results_add(evaluation *e, size_t picture);
int eval_results_flush(evaluation *e);
/* Everything is done: closes it, and removes it where nobody asked for it by name. */
int eval_results_finish(evaluation *e);

/* ----------------------------------------------------------------- figures */

typedef struct eval_rate {
  size_t wrong, count;
  double low, high; /* 95 % interval of wrong / count, after Wilson */
} eval_rate;
eval_rate eval_rate_of(size_t wrong, size_t count);

typedef struct eval_class {
  size_t count, wrong[EVAL_MOST_TOPS]; /* by tops */
  int taken_for;                       /* the class it is mostly taken for when it is wrong, -1: none */
  size_t taken_count;
} eval_class;

typedef struct eval_cell {
  int right, best;
  size_t count;
} eval_cell;

typedef struct eval_figures {
  size_t pictures, unreadable;
  eval_rate tops[EVAL_MOST_TOPS];
  eval_class *classes;
  eval_cell *cells; /* of the confusion matrix: those that are not 0, by right class, then by best */
  size_t cell_count;
  size_t *mistakes; /* pictures that are wrong, the most confident first */
  size_t mistake_count;
} eval_figures;
void eval_figures_make(const evaluation *e, eval_figures *f);
void eval_figures_fini(eval_figures *f);

/* ------------------------------------------------------------------- output */

enum { EVAL_NAME_BYTES = 120 };
const char *eval_class_name(const evaluation *e, int index, char text[EVAL_NAME_BYTES]);
void eval_print(const evaluation *e, const eval_figures *f);
int eval_write_json(const evaluation *e, const eval_figures *f, const char *path);
int eval_write_confusion(const evaluation *e, const eval_figures *f, const char *path);

#endif
