/* The confusion matrix as an SVG picture: a row for each class, a column for what its pictures were taken for; the darker, the larger a
 * part of the row. Only cells that are not 0 are drawn, so it stays small with a thousand classes. */
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

enum { ROOM = 720, MOST_CELL = 40, NAMED = 60, NUMBERED = 24, LETTER = 6 };

/* As text of XML. */
static void write_name(FILE *file, const char *name) {
  for (; *name != '\0'; name++) {
    if (*name == '<')
      fputs("&lt;", file);
    else if (*name == '>')
      fputs("&gt;", file);
    else if (*name == '&')
      fputs("&amp;", file);
    else
      fputc((unsigned char)*name < ' ' ? ' ' : *name, file);
  }
}

/* Right to left or, for columns, upwards. */
static void write_label(FILE *file, double x, double y, bool upwards, const char *name) {
  fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"", x, y, upwards ? "start" : "end");
  if (upwards) fprintf(file, " transform=\"rotate(-90 %.1f %.1f)\"", x, y);
  fputs(">", file);
  write_name(file, name);
  fputs("</text>\n", file);
}

static void write_cell(FILE *file, const evaluation *e, const eval_cell *cell, size_t row_count, double left, double top, double size) {
  char right[EVAL_NAME_BYTES], best[EVAL_NAME_BYTES];
  const double part = (double)cell->count / (double)row_count, x = left + cell->best * size, y = top + cell->right * size;
  const int light = (int)(235 - part * 215); /* even the smallest part is seen */
  const bool good = cell->right == cell->best;
  fprintf(file, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"rgb(%d,%d,%d)\"><title>", x, y, size, size,
          good ? light / 2 : 235, good ? 90 + light / 2 : light, good ? 120 + light / 2 : light);
  write_name(file, eval_class_name(e, cell->right, right));
  fputs(" taken for ", file);
  write_name(file, eval_class_name(e, cell->best, best));
  fprintf(file, ": %zu of %zu</title></rect>\n", cell->count, row_count);
  if (e->classes <= NUMBERED)
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"%s\">%zu</text>\n", x + size / 2, y + size / 2 + 4,
            part > 0.5 ? "white" : "black", cell->count);
}

static void write_svg(FILE *file, const evaluation *e, const eval_figures *f) {
  const bool named = e->classes <= NAMED;
  const double size = (double)ROOM / (double)e->classes < MOST_CELL ? (double)ROOM / (double)e->classes : MOST_CELL;
  char name[EVAL_NAME_BYTES];
  size_t longest = 0;
  for (size_t c = 0; named && c < e->classes; c++) {
    const size_t length = strlen(eval_class_name(e, (int)c, name));
    longest = length > longest ? length : longest;
  }
  const double margin = 30 + LETTER * (double)longest, side = size * (double)e->classes;
  fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" font-size=\"11\">\n",
          margin + side + 20, margin + side + 20);
  fprintf(file, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"8\" y=\"16\">%s</text>\n",
          "rows: what pictures are; columns: what they were taken for");
  fprintf(file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#888\"/>\n", margin, margin, side, side);
  for (size_t i = 0; i < f->cell_count; i++) write_cell(file, e, &f->cells[i], f->classes[f->cells[i].right].count, margin, margin, size);
  for (size_t c = 0; named && c < e->classes; c++) {
    eval_class_name(e, (int)c, name);
    write_label(file, margin - 4, margin + ((double)c + 0.5) * size + 4, false, name);
    write_label(file, margin + ((double)c + 0.5) * size + 4, margin - 4, true, name);
  }
  fputs("</svg>\n", file);
}

int eval_write_confusion(const evaluation *e, const eval_figures *f, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return tool_fail("cannot write '%s'", path);
  write_svg(file, e, f);
  const bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) return tool_fail("cannot write '%s': is the disk full?", path);
  return TOOL_OK;
}
