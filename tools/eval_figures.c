/* Figures of an evaluation, from what came of each picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

/* E. B. Wilson: Probable inference, the law of succession, and statistical inference, 1927. */
eval_rate eval_rate_of(size_t wrong, size_t count) {
  eval_rate rate = {wrong, count, 0.0, 1.0};
  const double z = 1.959963984540054; /* 97.5 % of a normal distribution lie below */
  const double n = (double)count, p = count == 0 ? 0.0 : (double)wrong / n;
  if (count == 0) return rate;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  rate.low = wrong == 0 ? 0.0 : middle - half; /* exactly, where rounding would not say so */
  rate.high = wrong == count ? 1.0 : middle + half;
  return rate;
}

static int by_cell(const void *a, const void *b) {
  const eval_cell *x = a, *y = b;
  if (x->right != y->right) return x->right < y->right ? -1 : 1;
  return x->best < y->best ? -1 : x->best > y->best;
}

/* One cell a picture, sorted, then equal ones as one. */
static void make_cells(const evaluation *e, eval_figures *f) {
  f->cells = tool_allocate(f->pictures, sizeof *f->cells);
  for (size_t i = 0; i < e->data.count; i++)
    if (e->records[i].done) f->cells[f->cell_count++] = (eval_cell){e->data.pictures[i].label, e->records[i].best, 1};
  if (f->cell_count > 0) qsort(f->cells, f->cell_count, sizeof *f->cells, by_cell);
  size_t kept = 0;
  for (size_t i = 0; i < f->cell_count; i++) {
    if (kept > 0 && by_cell(&f->cells[kept - 1], &f->cells[i]) == 0)
      f->cells[kept - 1].count++;
    else
      f->cells[kept++] = f->cells[i];
  }
  f->cell_count = kept;
}

static void make_classes(const evaluation *e, eval_figures *f) {
  f->classes = tool_allocate(e->classes, sizeof *f->classes);
  for (size_t c = 0; c < e->classes; c++) f->classes[c].taken_for = -1;
  for (size_t i = 0; i < e->data.count; i++) {
    if (!e->records[i].done) continue;
    eval_class *c = &f->classes[e->data.pictures[i].label];
    c->count++;
    for (size_t t = 0; t < e->o.top_count; t++) c->wrong[t] += e->records[i].rank > e->o.tops[t];
  }
  for (size_t i = 0; i < f->cell_count; i++) {
    const eval_cell *cell = &f->cells[i];
    eval_class *c = &f->classes[cell->right];
    if (cell->best == cell->right || cell->count <= c->taken_count) continue;
    c->taken_for = cell->best;
    c->taken_count = cell->count;
  }
}

typedef struct mistake {
  float score;
  size_t picture;
} mistake;

static int by_score(const void *a, const void *b) {
  const mistake *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->picture < y->picture ? -1 : 1;
}

static void make_mistakes(const evaluation *e, eval_figures *f) {
  mistake *all = tool_allocate(f->pictures, sizeof *all);
  for (size_t i = 0; i < e->data.count; i++)
    if (e->records[i].done && e->records[i].best != e->data.pictures[i].label)
      all[f->mistake_count++] = (mistake){e->records[i].best_score, i};
  if (f->mistake_count > 0) qsort(all, f->mistake_count, sizeof *all, by_score);
  f->mistakes = tool_allocate(f->mistake_count, sizeof *f->mistakes);
  for (size_t i = 0; i < f->mistake_count; i++) f->mistakes[i] = all[i].picture;
  free(all);
}

void eval_figures_make(const evaluation *e, eval_figures *f) {
  *f = (eval_figures){0};
  size_t wrong[EVAL_MOST_TOPS] = {0};
  for (size_t i = 0; i < e->data.count; i++) {
    f->unreadable += e->problems[i] != NULL;
    f->pictures += e->records[i].done;
    for (size_t t = 0; t < e->o.top_count; t++) wrong[t] += e->records[i].done && e->records[i].rank > e->o.tops[t];
  }
  for (size_t t = 0; t < e->o.top_count; t++) f->tops[t] = eval_rate_of(wrong[t], f->pictures);
  make_cells(e, f);
  make_classes(e, f);
  make_mistakes(e, f);
}

void eval_figures_fini(eval_figures *f) {
  free(f->classes);
  free(f->cells);
  free(f->mistakes);
}
