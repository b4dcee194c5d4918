/* The results file: a head that says which run it is of, then a line for each picture, written after each batch. A run that was interrupted
 * goes on behind the last whole line. */
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "os.h"
#include "weight_file.h"

static const char FIRST_LINE[] = "clinception evaluate results 1\n", END_OF_HEAD[] = "---\n";

/* A text that grows. */
typedef struct growing {
  char *text;
  size_t length, room;
} growing;

static void grow(growing *g, const char *more) {
  const size_t bytes = strlen(more);
  if (g->length + bytes + 1 > g->room) {
    g->room = (g->length + bytes + 1) * 2;
    g->text = tool_grow(g->text, g->room, 1);
  }
  memcpy(g->text + g->length, more, bytes + 1);
  g->length += bytes;
}

static void grow_line(growing *g, char *line) {
  for (char *c = line; *c != '\0'; c++)
    if (*c == '\n' || *c == '\r') *c = ' '; /* a file's name may have one */
  grow(g, line);
  grow(g, "\n");
  free(line);
}

/* -------------------------------------------------------------- which run */

static char *hash_text(const void *data, uint64_t bytes) {
  const icn_weight_hash hash = icn_weight_hash_of(data, bytes);
  uint8_t raw[sizeof hash];
  char text[2 * sizeof hash + 1];
  memcpy(raw, &hash, sizeof raw);
  for (size_t i = 0; i < sizeof raw; i++) snprintf(text + 2 * i, 3, "%02x", raw[i]);
  return tool_format("%s", text);
}

/* Names and classes of all pictures. */
static char *hash_of_data(const dataset *d) {
  growing all = {0};
  for (size_t i = 0; i < d->count; i++) grow_line(&all, tool_format("%d %s", d->pictures[i].label, d->pictures[i].name));
  if (d->idx != NULL) {
    char *pixels =
        hash_text(d->idx, (uint64_t)d->count * (uint64_t)((uint64_t)d->idx_width * (uint64_t)d->idx_height * (uint64_t)d->idx_channels));
    grow_line(&all, pixels);
  }
  char *text = hash_text(all.text, all.length);
  free(all.text);
  return text;
}

/* Of the model's file; a built-in network is its name, and the file that its weights come from. */
static int hash_of_model(const char *path, const char *weights, char **text) {
  icn_error error;
  icn_mapping mapping;
  if (strncmp(path, "builtin:", 8) == 0) {
    path = weights;
    *text = weights == NULL ? tool_format("built-in") : NULL;
    if (weights == NULL) return TOOL_OK;
  }
  if (icn_os_map(path, &mapping, &error) != ICN_OK) return tool_error(&error);
  *text = hash_text(mapping.data, mapping.bytes);
  icn_os_unmap(&mapping);
  return TOOL_OK;
}

static int describe_model(const eval_model *m, const char *weights, growing *head) {
  char recipe[256], *hash = NULL;
  icn_error error;
  const int code = hash_of_model(m->path, weights, &hash);
  if (code != TOOL_OK) return code;
  if (icn_preprocess_text(&m->recipe, recipe, sizeof recipe, &error) != ICN_OK) {
    free(hash);
    return tool_error(&error);
  }
  grow_line(head, tool_format("model: %s (%s)", m->path, hash));
  grow_line(head, tool_format("recipe: %s", recipe));
  grow_line(head, tool_format("input: %dx%d", m->width, m->height));
  grow_line(head, tool_format("scores: %s", m->are_logits ? "logits" : "probabilities"));
  free(hash);
  return TOOL_OK;
}

static int describe(const evaluation *e, char **text) {
  growing head = {0};
  int code = TOOL_OK;
  char *hash = hash_of_data(&e->data);
  grow(&head, FIRST_LINE);
  grow_line(&head, tool_format("data: %s (%zu pictures, %s)", e->data.path, e->data.count, hash));
  grow_line(&head, tool_format("crops: %ld", e->o.crops));
  grow_line(&head, tool_format("precision: %s", session_precision(&e->o.session) == ICN_PRECISION_FP16W ? "fp16w" : "fp32"));
  grow_line(&head, tool_format("background: %s", e->o.background ? "yes" : "no"));
  for (size_t i = 0; i < e->model_count && code == TOOL_OK; i++) code = describe_model(&e->models[i], e->o.session.weights, &head);
  grow(&head, END_OF_HEAD);
  free(hash);
  *text = head.text;
  return code;
}

/* ------------------------------------------------------------------ taking over */

static size_t line_bytes(const char *text) { return strcspn(text, "\n") + 1; }

/* The first line in which the heads differ says what is another. */
static int compare_heads(const char *path, const char *old, const char *now) {
  if (strncmp(old, FIRST_LINE, sizeof FIRST_LINE - 1) != 0) return tool_fail("'%s' is no results file of evaluate", path);
  while (*now != '\0') {
    const size_t a = line_bytes(old), b = line_bytes(now);
    if (a != b || strncmp(old, now, b) != 0)
      return tool_fail("results file '%s' is of another run: it has '%.*s', this one '%.*s'", path, (int)(a < 200 ? a - 1 : 200), old,
                       (int)(b < 200 ? b - 1 : 200), now);
    old += a;
    now += b;
  }
  return TOOL_OK;
}

/* "PICTURE RANK BEST BEST_SCORE RIGHT_SCORE" */
static bool read_record(const evaluation *e, const char *line, size_t *picture, eval_record *record) {
  unsigned long long number = 0;
  int end = 0;
  if (sscanf(line, "%llu %d %d %g %g%n", &number, &record->rank, &record->best, &record->best_score, &record->right_score, &end) != 5 ||
      line[end] != '\0')
    return false;
  record->done = true;
  *picture = (size_t)number;
  return number < e->data.count && record->rank >= 1 && (size_t)record->rank <= e->classes && record->best >= 0 &&
         (size_t)record->best < e->classes && e->data.pictures[number].label >= 0;
}

static int take_over(evaluation *e, char *text) {
  size_t number = 0;
  int code = compare_heads(e->results_path, text, e->header);
  for (char *c = e->header; *c != '\0'; c++) number += *c == '\n';
  for (char *line = text + strlen(e->header); code == TOOL_OK; number++) {
    char *stop = strchr(line, '\n');
    if (stop == NULL) break; /* nothing, or what was being written when the run ended */
    *stop = '\0';
    size_t picture = 0;
    eval_record record = {0};
    if (!read_record(e, line, &picture, &record))
      code = tool_fail("results file '%s' is damaged in line %zu: '%.60s'", e->results_path, number + 1, line);
    else
      e->records[picture] = record;
    line = stop + 1;
  }
  return code;
}

static int read_old(evaluation *e) {
  icn_error error;
  icn_mapping mapping;
  if (icn_os_map(e->results_path, &mapping, &error) != ICN_OK) return tool_error(&error);
  const size_t bytes = (size_t)mapping.bytes;
  char *text = tool_allocate(bytes + 1, 1);
  if (bytes > 0) memcpy(text, mapping.data, bytes);
  icn_os_unmap(&mapping);
  const int code = strlen(text) == bytes ? take_over(e, text) : tool_fail("'%s' is no results file of evaluate", e->results_path);
  free(text);
  return code;
}

/* --------------------------------------------------------------- writing */

static char *record_line(const evaluation *e, size_t picture) {
  const eval_record *r = &e->records[picture];
  return tool_format("%zu %d %d %.9g %.9g\n", picture, r->rank, r->best, (double)r->best_score, (double)r->right_score);
}

static int write_anew(evaluation *e) {
  growing all = {0};
  icn_error error;
  grow(&all, e->header);
  for (size_t i = 0; i < e->data.count; i++) {
    if (!e->records[i].done) continue;
    char *line = record_line(e, i);
    grow(&all, line);
    free(line);
  }
  const icn_status status = icn_os_write_file(e->results_path, all.text, all.length, &error);
  free(all.text);
  if (status != ICN_OK) return tool_error(&error);
  e->results = fopen(e->results_path, "ab");
  return e->results != NULL ? TOOL_OK : tool_fail("cannot write '%s'", e->results_path);
}

int eval_results_open(evaluation *e) {
  if (e->o.results_path != NULL) {
    e->results_path = tool_format("%s", e->o.results_path);
  } else if (e->o.json_path != NULL) {
    e->results_path = tool_format("%s.results", e->o.json_path);
    e->results_are_temporary = true;
  } else {
    return TOOL_OK;
  }
  const bool there = icn_os_exists(e->results_path);
  if (there && !e->o.resume)
    return tool_fail("there are results of a run in '%s': --resume goes on with them; to begin anew, remove the file", e->results_path);
  int code = describe(e, &e->header);
  if (code == TOOL_OK && there) code = read_old(e);
  return code == TOOL_OK ? write_anew(e) : code;
}

void eval_results_add(evaluation *e, size_t picture) {
  if (e->results == NULL) return;
  char *line = record_line(e, picture);
  fputs(line, e->results);
  free(line);
}

int eval_results_flush(evaluation *e) {
  if (e->results == NULL || (fflush(e->results) == 0 && !ferror(e->results))) return TOOL_OK;
  return tool_fail("cannot write '%s': is the disk full?", e->results_path);
}

int eval_results_finish(evaluation *e) {
  if (e->results == NULL) return TOOL_OK;
  const bool good = fclose(e->results) == 0;
  e->results = NULL;
  if (!good) return tool_fail("cannot write '%s': is the disk full?", e->results_path);
  if (e->results_are_temporary) icn_os_remove(e->results_path);
  return TOOL_OK;
}
