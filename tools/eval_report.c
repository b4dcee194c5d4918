/* What an evaluation says: for people, as JSON, and the confusion matrix as a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "json.h"
#include "os.h"

enum { SHOWN_CLASSES = 20 };

const char *eval_class_name(const evaluation *e, int index, char text[EVAL_NAME_BYTES]) {
  if (index >= 0 && (size_t)index < e->l.lines.count)
    snprintf(text, EVAL_NAME_BYTES, "%s", e->l.lines.items[index]);
  else if (index >= 0 && (size_t)index < e->data.folder_count && !e->data.folders_are_numbers)
    snprintf(text, EVAL_NAME_BYTES, "%s", e->data.folders[index]);
  else
    snprintf(text, EVAL_NAME_BYTES, "class %d", index);
  return text;
}

/* -------------------------------------------------------------- for people */

static void print_head(const evaluation *e, const eval_figures *f) {
  char title[DEVICE_TITLE_BYTES], recipe[RECIPE_TEXT_BYTES];
  printf("%s\n", device_title(e->s.devices[0], title));
  for (size_t i = 0; i < e->model_count; i++) {
    const eval_model *m = &e->models[i];
    printf("model %s%s%s\n  recipe %s%s\n", m->path, m->are_logits ? ", a softmax makes probabilities of its scores" : "",
           m->skipped > 0 ? ", its first class (background) left out" : "", recipe_text(&m->recipe, m->width, m->height, recipe),
           recipe_origin_text(m->origin));
  }
  printf("data %s: %zu pictures of %zu classes", e->data.path, f->pictures, e->classes);
  if (e->data.left_out > 0) printf(", %zu left out", e->data.left_out);
  if (f->unreadable > 0) printf(", %zu not readable", f->unreadable);
  if (e->data.other_files > 0) printf("; %zu other files beside them", e->data.other_files);
  printf("\n%ld %s of each%s\n\n", e->o.crops, e->o.crops == 1 ? "crop" : "crops",
         e->model_count > 1 ? ", mean of the models' probabilities"
         : e->o.crops > 1   ? ", mean of the probabilities"
                            : "");
}

static void print_rates(const evaluation *e, const eval_figures *f) {
  for (size_t t = 0; t < e->o.top_count; t++) {
    const eval_rate *r = &f->tops[t];
    printf("top-%d error  %6.2f %%  (95 %% interval %.2f to %.2f)  %zu of %zu\n", e->o.tops[t],
           100.0 * (double)r->wrong / (double)(r->count > 0 ? r->count : 1), 100.0 * r->low, 100.0 * r->high, r->wrong, r->count);
  }
}

typedef struct ranked {
  double part;
  size_t class;
} ranked;

static int by_part(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->part != y->part) return x->part > y->part ? -1 : 1;
  return x->class < y->class ? -1 : 1;
}

static void add_class_row(const evaluation *e, const eval_figures *f, size_t index, table *t) {
  char name[EVAL_NAME_BYTES];
  const eval_class *c = &f->classes[index];
  table_add(t, "%s", eval_class_name(e, (int)index, name));
  table_add(t, "%zu", c->count);
  for (size_t k = 0; k < e->o.top_count; k++) table_add(t, "%.1f %%", 100.0 * (double)c->wrong[k] / (double)c->count);
  if (c->taken_for >= 0)
    table_add(t, "%s (%zu)", eval_class_name(e, c->taken_for, name), c->taken_count);
  else
    table_add(t, "%s", "");
}

/* All of them in their order or, where they are many, the worst. */
static void print_classes(const evaluation *e, const eval_figures *f) {
  const bool all = e->o.all_classes || e->classes <= SHOWN_CLASSES;
  ranked *order = tool_allocate(e->classes, sizeof *order);
  char columns[EVAL_MOST_TOPS + 4] = "lr";
  size_t there = 0;
  for (size_t c = 0; c < e->classes; c++)
    if (f->classes[c].count > 0) order[there++] = (ranked){(double)f->classes[c].wrong[0] / (double)f->classes[c].count, c};
  if (!all && there > 0) qsort(order, there, sizeof *order, by_part);
  table t;
  for (size_t k = 0; k < e->o.top_count; k++) columns[2 + k] = 'r';
  columns[2 + e->o.top_count] = 'l';
  columns[3 + e->o.top_count] = '\0';
  table_init(&t, columns);
  table_add(&t, "%s", all ? "class" : "worst classes");
  table_add(&t, "pictures");
  for (size_t k = 0; k < e->o.top_count; k++) table_add(&t, "top-%d error", e->o.tops[k]);
  table_add(&t, "mostly taken for");
  for (size_t i = 0; i < there && (all || i < SHOWN_CLASSES); i++) add_class_row(e, f, order[i].class, &t);
  putchar('\n');
  table_print(&t);
  if (!all && there > SHOWN_CLASSES) printf("%zu more; --all-classes shows them\n", there - SHOWN_CLASSES);
  if (there < e->classes) printf("%zu classes have no pictures\n", e->classes - there);
  table_fini(&t);
  free(order);
}

static void print_mistakes(const evaluation *e, const eval_figures *f) {
  char best[EVAL_NAME_BYTES], right[EVAL_NAME_BYTES];
  const size_t shown = f->mistake_count < (size_t)e->o.mistakes ? f->mistake_count : (size_t)e->o.mistakes;
  if (shown > 0) printf("\nmost confident mistakes:\n");
  for (size_t i = 0; i < shown; i++) {
    const dataset_picture *p = &e->data.pictures[f->mistakes[i]];
    const eval_record *r = &e->records[f->mistakes[i]];
    printf("  %6.2f %%  %s, but it is %s (%.2f %%): %s\n", 100.0 * (double)r->best_score, eval_class_name(e, r->best, best),
           eval_class_name(e, p->label, right), 100.0 * (double)r->right_score, p->name);
  }
}

void eval_print(const evaluation *e, const eval_figures *f) {
  print_head(e, f);
  print_rates(e, f);
  print_classes(e, f);
  print_mistakes(e, f);
  if (e->pending_count > 0 && e->seconds > 0)
    printf("\n%zu pictures in %.1f s, %.2f a second\n", e->pending_count, e->seconds, (double)e->pending_count / e->seconds);
}

/* -------------------------------------------------------------------- JSON */

static void json_models(const evaluation *e, cJSON *root) {
  static const char *const origins[] = {"options or default", "metadata", "builtin"};
  cJSON *list = cJSON_AddArrayToObject(root, "models");
  char recipe[RECIPE_TEXT_BYTES];
  for (size_t i = 0; i < e->model_count; i++) {
    const eval_model *m = &e->models[i];
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "model", m->path);
    cJSON_AddStringToObject(o, "recipe", recipe_text(&m->recipe, m->width, m->height, recipe));
    cJSON_AddStringToObject(o, "recipe_from", origins[m->origin]);
    cJSON_AddStringToObject(o, "scores", m->are_logits ? "logits" : "probabilities");
    cJSON_AddBoolToObject(o, "background_left_out", m->skipped > 0);
  }
}

static void json_rates(const evaluation *e, const eval_figures *f, cJSON *root) {
  cJSON *list = cJSON_AddArrayToObject(root, "errors");
  for (size_t t = 0; t < e->o.top_count; t++) {
    const eval_rate *r = &f->tops[t];
    cJSON *o = json_object_in(list);
    cJSON_AddNumberToObject(o, "top", e->o.tops[t]);
    cJSON_AddNumberToObject(o, "wrong", (double)r->wrong);
    json_real(o, "error", r->count == 0 ? (double)NAN : (double)r->wrong / (double)r->count);
    json_real(o, "low_95", r->low);
    json_real(o, "high_95", r->high);
  }
}

static void json_classes(const evaluation *e, const eval_figures *f, cJSON *root) {
  char name[EVAL_NAME_BYTES];
  cJSON *list = cJSON_AddArrayToObject(root, "classes");
  for (size_t c = 0; c < e->classes; c++) {
    cJSON *o = json_object_in(list), *wrong;
    cJSON_AddNumberToObject(o, "index", (double)c);
    cJSON_AddStringToObject(o, "name", eval_class_name(e, (int)c, name));
    cJSON_AddNumberToObject(o, "pictures", (double)f->classes[c].count);
    wrong = cJSON_AddArrayToObject(o, "wrong");
    for (size_t t = 0; t < e->o.top_count; t++) cJSON_AddItemToArray(wrong, cJSON_CreateNumber((double)f->classes[c].wrong[t]));
  }
  list = cJSON_AddArrayToObject(root, "confusion"); /* what is not 0 of the matrix */
  for (size_t i = 0; i < f->cell_count; i++) {
    cJSON *o = json_object_in(list);
    cJSON_AddNumberToObject(o, "class", f->cells[i].right);
    cJSON_AddNumberToObject(o, "taken_for", f->cells[i].best);
    cJSON_AddNumberToObject(o, "pictures", (double)f->cells[i].count);
  }
}

static void json_pictures(const evaluation *e, const eval_figures *f, cJSON *root) {
  cJSON *list = cJSON_AddArrayToObject(root, "mistakes");
  for (size_t i = 0; i < f->mistake_count && i < (size_t)e->o.mistakes; i++) {
    const eval_record *r = &e->records[f->mistakes[i]];
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "picture", e->data.pictures[f->mistakes[i]].name);
    cJSON_AddNumberToObject(o, "class", e->data.pictures[f->mistakes[i]].label);
    cJSON_AddNumberToObject(o, "taken_for", r->best);
    json_real(o, "score", (double)r->best_score);
    json_real(o, "score_of_class", (double)r->right_score);
    cJSON_AddNumberToObject(o, "rank_of_class", r->rank);
  }
  list = cJSON_AddArrayToObject(root, "not_readable");
  for (size_t i = 0; i < e->data.count; i++) {
    if (e->problems[i] == NULL) continue;
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "picture", e->data.pictures[i].name);
    cJSON_AddStringToObject(o, "problem", e->problems[i]);
  }
}

int eval_write_json(const evaluation *e, const eval_figures *f, const char *path) {
  icn_error error;
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "clinception", icn_version());
  json_device(root, "device", e->s.devices[0]);
  cJSON_AddStringToObject(root, "precision", session_precision(&e->o.session) == ICN_PRECISION_FP16W ? "fp16w" : "fp32");
  json_models(e, root);
  cJSON_AddStringToObject(root, "data", e->data.path);
  cJSON_AddNumberToObject(root, "crops", (double)e->o.crops);
  cJSON_AddNumberToObject(root, "pictures", (double)f->pictures);
  cJSON_AddNumberToObject(root, "left_out", (double)e->data.left_out);
  cJSON_AddNumberToObject(root, "pictures_run_now", (double)e->pending_count);
  json_real(root, "seconds", e->seconds);
  json_rates(e, f, root);
  json_classes(e, f, root);
  json_pictures(e, f, root);
  char *text = cJSON_Print(root);
  cJSON_Delete(root);
  if (text == NULL) return tool_fail("out of memory while the JSON text was made");
  const icn_status status = icn_os_write_file(path, text, strlen(text), &error);
  cJSON_free(text);
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}
