/* The transforms as OpenCL C: straight lines, one sum for each row of the matrix, what two rows share computed once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "winograd.h"

/* Coefficients as they are in the code: rounded to float, once. */
typedef struct row {
  float c[ICN_WINOGRAD_MAX_N];
} row;

/* Where the code goes (NULL: nowhere, when only its operations are counted). */
typedef struct writer {
  icn_text *text;
  int ops;
  bool first; /* the next term is the first of its sum */
} writer;

static void begin_sum(writer *w, const char *format, const char *name, int index) {
  if (w->text != NULL) icn_text_append(w->text, format, name, index);
  w->first = true;
}

/* `c` times the vector `from`[index], or the scalar name that `from` is where index < 0. */
static void add_term(writer *w, float c, const char *from, int index) {
  char operand[16];
  snprintf(operand, sizeof operand, index < 0 ? "%s" : "%s[%d]", from, index);
  /* A first term of 1 is a move; every other one is a product, an addition or a multiply-add. */
  if (!w->first || fabsf(c) != 1) w->ops++;
  if (w->text != NULL) {
    icn_text_append(w->text, "%s", c < 0 ? (w->first ? "-" : " - ") : w->first ? "" : " + ");
    if (fabsf(c) != 1) {
      char number[24];
      snprintf(number, sizeof number, "%.9g", (double)fabsf(c));
      icn_text_append(w->text, "%s%sf * ", number, strpbrk(number, ".e") == NULL ? ".0" : "");
    }
    icn_text_append(w->text, "%s", operand);
  }
  w->first = false;
}

static void end_sum(writer *w, const char *end) {
  if (w->text == NULL) return;
  if (w->first) icn_text_append(w->text, "(VEC)(0)");
  icn_text_append(w->text, "%s", end);
}

/* Rows that are P + N and P - N: the same coefficients but for signs, as those of points a and -a are when the other points come in pairs.
 */
static bool are_twins(const row *a, const row *b, int count) {
  int same = 0, opposite = 0;
  for (int k = 0; k < count; k++) {
    if (fabsf(a->c[k]) != fabsf(b->c[k])) return false;
    if (a->c[k] == 0) continue;
    if (a->c[k] == b->c[k]) same++;
    if (a->c[k] != b->c[k]) opposite++;
  }
  return same > 0 && opposite > 0;
}

/* The terms of `a` that have (wanted) or have not (!wanted) the sign they have in `twin`. */
static void add_shared(writer *w, const row *a, const row *twin, bool wanted, int count) {
  for (int k = 0; k < count; k++)
    if (a->c[k] != 0 && (a->c[k] == twin->c[k]) == wanted) add_term(w, a->c[k], "d", k);
}

static void write_input(writer *w, const icn_winograd *tile) {
  const int n = tile->n;
  row bt[ICN_WINOGRAD_MAX_N];
  bool done[ICN_WINOGRAD_MAX_N] = {false};
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++) bt[i].c[k] = (float)icn_rational_double(tile->bt[i][k]);
  for (int i = 0; i < n; i++) {
    if (done[i]) continue;
    int twin = i + 1;
    while (twin < n && (done[twin] || !are_twins(&bt[i], &bt[twin], n))) twin++;
    if (twin == n) {
      begin_sum(w, "  %s[%d] = ", "z", i);
      for (int k = 0; k < n; k++)
        if (bt[i].c[k] != 0) add_term(w, bt[i].c[k], "d", k);
      end_sum(w, ";\n");
      continue;
    }
    begin_sum(w, "  const VEC %s%d = ", "p", i);
    add_shared(w, &bt[i], &bt[twin], true, n);
    begin_sum(w, ", %s%d = ", "q", i);
    add_shared(w, &bt[i], &bt[twin], false, n);
    if (w->text != NULL) icn_text_append(w->text, ";\n  z[%d] = p%d + q%d;\n  z[%d] = p%d - q%d;\n", i, i, i, twin, i, i);
    w->ops += 2;
    done[twin] = true;
  }
}

/* Columns of points a and -a (neighbours in our lists) differ in the sign of the odd powers: their elements are added and subtracted once,
 * the even rows take the sum and the odd rows the difference. */
static bool begins_pair(const icn_winograd *tile, int k) {
  for (int i = 0; i < tile->m; i++) {
    const icn_rational a = tile->at[i][k], b = tile->at[i][k + 1];
    if (a.num == 0 || a.den != b.den || b.num != (i % 2 == 0 ? a.num : -a.num)) return false;
  }
  return true;
}

static void write_output(writer *w, const icn_winograd *tile) {
  bool second[ICN_WINOGRAD_MAX_N] = {false}, first[ICN_WINOGRAD_MAX_N] = {false};
  for (int k = 0; k + 1 < tile->n; k++) {
    if (second[k] || !begins_pair(tile, k)) continue;
    if (w->text != NULL) icn_text_append(w->text, "  const VEC s%d = z[%d] + z[%d], t%d = z[%d] - z[%d];\n", k, k, k + 1, k, k, k + 1);
    w->ops += 2;
    first[k] = second[k + 1] = true;
  }
  for (int i = 0; i < tile->m; i++) {
    begin_sum(w, "  %s[%d] = ", "y", i);
    for (int k = 0; k < tile->n; k++) {
      const float c = (float)icn_rational_double(tile->at[i][k]);
      char pair[16];
      snprintf(pair, sizeof pair, "%c%d", i % 2 == 0 ? 's' : 't', k);
      if (c != 0 && !second[k]) add_term(w, c, first[k] ? pair : "z", first[k] ? -1 : k);
    }
    end_sum(w, ";\n");
  }
}

icn_winograd_ops icn_winograd_count(int m, int r, int stride) {
  icn_winograd tile;
  writer input = {NULL, 0, true}, output = {NULL, 0, true};
  if (icn_winograd_make(m, r, stride, &tile)) {
    write_input(&input, &tile);
    write_output(&output, &tile);
  }
  return (icn_winograd_ops){input.ops, output.ops};
}

void icn_winograd_source(icn_text *text) {
  writer w = {text, 0, true};
  icn_winograd tile;
  icn_text_append(text, "/* Made by lib/winograd_source.c: F(m, r) as straight lines. */\n");
  enum { RS = ICN_WINOGRAD_MAX_R - 1 };
  for (int which = 0; which < 2 * RS * ICN_WINOGRAD_MAX_M; which++) {
    const int stride = 1 + which % 2, r = 2 + which / 2 % RS, m = 1 + which / (2 * RS);
    if (!icn_winograd_make(m, r, stride, &tile)) continue;
    icn_text_append(text, "#if WM == %d && WR == %d && WS == %d\n#define WN %d\n", m, r, stride, tile.n);
    icn_text_append(text, "static inline void icn_winograd_input(const VEC *d, VEC *z) {\n");
    write_input(&w, &tile);
    icn_text_append(text, "}\nstatic inline void icn_winograd_output(const VEC *z, VEC *y) {\n");
    write_output(&w, &tile);
    icn_text_append(text, "}\n#endif\n");
  }
}
