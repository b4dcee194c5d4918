#include <stdio.h>
#include <string.h>

#include "row_space.h"
#include "row_table.h"
#include "tunedb.h"

/* What became of one row for one problem. */
typedef struct candidate {
  bool applies, forced;
  icn_config config;
  double cost_seconds, tuned_seconds; /* tuned: measured with this configuration; 0 without a tuning row */
  icn_reason reason;                  /* when it does not apply */
  bool shipped;                       /* tuned: by a line that came with the library */
  bool ignored;                       /* it has a tuning row that cannot be used: why_ignored */
  icn_reason why_ignored;
} candidate;

/* What selection goes by. */
typedef struct question {
  const icn_row_table *rows;
  const icn_problem *problem;
  const icn_device_desc *device;
  const char *forced_rows;
  const icn_tune_row *tuned; /* the results for this problem, the user's first, then the fastest */
  size_t tuned_count;
} question;

/* The next item of a list of rows: its name, whether it is "-NAME", whether it ends in '*'. Returns false at the end. */
typedef struct listed {
  const char *name;
  size_t length;
  bool never, any_rest;
} listed;

static bool next_listed(const char **list, listed *item) {
  if (*list == NULL || **list == '\0') return false;
  const char *at = *list;
  size_t length = strcspn(at, ",");
  *list = at + length + (at[length] == ',' ? 1 : 0);
  item->never = length > 0 && *at == '-';
  item->name = at + (item->never ? 1 : 0);
  item->length = length - (item->never ? 1 : 0);
  item->any_rest = item->length > 0 && item->name[item->length - 1] == '*';
  if (item->any_rest) item->length--;
  return true;
}

static bool fits(const listed *item, const char *name) {
  return strncmp(name, item->name, item->length) == 0 && (item->any_rest || name[item->length] == '\0');
}

/* True when the list prefers (or, with `never`, excludes) the row. */
static bool is_listed(const char *list, const char *name, bool never) {
  listed item;
  while (next_listed(&list, &item))
    if (item.never == never && fits(&item, name)) return true;
  return false;
}

icn_status icn_check_rows(const icn_row_table *rows, const char *list, icn_error *error) {
  listed item;
  while (next_listed(&list, &item)) {
    bool known = false;
    for (size_t i = 0; i < rows->count; i++) known = known || fits(&item, rows->at(i)->name);
    if (!known)
      return icn_error_set(error, ICN_ARGUMENT,
                           "there is no kernel row '%.*s' ('clinception plan --why' names those that a model's layers can take)",
                           item.length > 100 ? 100 : (int)item.length, item.name);
  }
  return ICN_OK;
}

/* What was right elsewhere and computes wrongly here is not trusted in other parameters either. */
static bool holds(const question *q, const icn_row *row, const icn_tune_row *tuned, bool wrong_here, icn_reason *why_not) {
  if (tuned->shipped && wrong_here) return icn_decline(why_not, "the tuner saw it compute wrongly here");
  return icn_row_takes(row, q->problem, q->device, &tuned->config, why_not);
}

/* The row's fastest result whose parameters hold for this problem on this device. */
static void look_for_tuning(const question *q, const icn_row *row, candidate *found) {
  bool wrong_here = false;
  for (size_t i = 0; i < q->tuned_count; i++) {
    const icn_tune_row *tuned = &q->tuned[i];
    if (strcmp(tuned->row, row->name) != 0) continue;
    wrong_here = wrong_here || tuned->seconds <= 0;
    if (tuned->seconds <= 0) continue;
    found->ignored = !holds(q, row, tuned, wrong_here, &found->why_ignored);
    if (found->ignored) continue;
    found->config = tuned->config;
    found->tuned_seconds = tuned->seconds;
    found->shipped = tuned->shipped;
    return;
  }
}

/* More than padding to whole panels adds. */
static bool packs_too_much(const icn_row *row, const icn_problem *problem, const icn_config *config, icn_reason *why) {
  enum { SMALL = 1 << 16 };
  uint64_t plain = 0, packed = icn_row_pack_bytes(row, problem, config);
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (icn_problem_has(problem, i) && icn_problem_is_constant(problem, i))
      plain += (uint64_t)icn_shape_elems(&problem->in[i].shape) * sizeof(float);
  if (packed <= plain + plain / 2 + SMALL) return false;
  (void)icn_decline(why, "it packs %llu KiB of weights into %llu KiB, and the device's memory is short", (unsigned long long)plain / 1024,
                    (unsigned long long)packed / 1024);
  return true;
}

bool icn_select_may(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                    icn_reason *why_not) {
  if (icn_list_has(device->refused_rows, row->name)) return icn_decline(why_not, "the device refuses its kernel");
  if (is_listed(forced_rows, row->name, true)) return icn_decline(why_not, "it is excluded by name");
  return icn_row_common_ok(problem, why_not) && row->applies(problem, device, why_not);
}

static candidate examine(const question *q, const icn_row *row) {
  candidate found;
  memset(&found, 0, sizeof found);
  found.applies = icn_select_may(row, q->problem, q->device, q->forced_rows, &found.reason);
  if (!found.applies) return found;
  row->configure(q->problem, q->device, &found.config);
  look_for_tuning(q, row, &found);
  if (q->device->memory_is_short && packs_too_much(row, q->problem, &found.config, &found.reason)) {
    found.applies = false;
    return found;
  }
  found.cost_seconds = row->cost(q->problem, q->device, &found.config);
  found.forced = is_listed(q->forced_rows, row->name, false);
  return found;
}

/* Measured here, measured elsewhere, expected. */
static int trust(const candidate *c) { return c->tuned_seconds <= 0 ? 0 : c->shipped ? 1 : 2; }

/* Forced by name, then by how its time is known. The first row of the table wins a tie; a NaN never wins. */
static bool better(const candidate *a, const candidate *b) {
  if (a->forced != b->forced) return a->forced;
  if (trust(a) != trust(b)) return trust(a) > trust(b);
  return a->tuned_seconds > 0 ? a->tuned_seconds < b->tuned_seconds : a->cost_seconds < b->cost_seconds;
}

static void describe_tuning(const candidate *found, const icn_row *row, icn_text *text) {
  if (text != NULL && found->ignored) icn_text_append(text, "%s: its tuning row is ignored, %s\n", row->name, found->why_ignored.text);
}

static void describe(const candidate *found, const icn_row *row, icn_text *text) {
  if (text == NULL) return;
  describe_tuning(found, row, text);
  if (found->tuned_seconds > 0) {
    icn_text_append(text, "%s: %s: measured %.1f us (%.1f us expected)\n", row->name, found->shipped ? "shipped tuning" : "tuned here",
                    found->tuned_seconds * 1e6, found->cost_seconds * 1e6);
  } else if (found->applies) {
    icn_text_append(text, "%s: would take %.1f us\n", row->name, found->cost_seconds * 1e6);
  } else {
    icn_text_append(text, "%s: declined, %s\n", row->name, found->reason.text);
  }
}

/* Of the row that is taken only what tuning says. */
static void describe_best(const candidate *best, const icn_row *row, icn_text *text) {
  if (text == NULL) return;
  if (best->tuned_seconds > 0)
    describe(best, row, text);
  else
    describe_tuning(best, row, text);
}

/* Every row's reason in one sentence, as far as it has room. */
static icn_status no_row(const question *q, const char *name, icn_error *error) {
  char key[ICN_KEY_BYTES], reasons[ICN_MESSAGE_BYTES];
  size_t length = 0;
  reasons[0] = '\0';
  for (size_t i = 0; i < q->rows->count && length < sizeof reasons; i++) {
    const icn_row *row = q->rows->at(i);
    if (row->op != q->problem->op) continue;
    candidate found = examine(q, row);
    length +=
        (size_t)snprintf(reasons + length, sizeof reasons - length, "%s %s: %s", length == 0 ? "" : ";", row->name, found.reason.text);
  }
  if (length == 0) {
    return icn_error_set(error, ICN_UNSUPPORTED, "layer '%s': no kernel computes %s (%s)", name, icn_op_name(q->problem->op),
                         icn_problem_key(q->problem, key));
  }
  return icn_error_set(error, ICN_UNSUPPORTED, "layer '%s': no kernel row takes %s:%s", name, icn_problem_key(q->problem, key), reasons);
}

static void set_choice(icn_choice *choice, const icn_row *row, const candidate *best, int applying) {
  const bool tuned = best->tuned_seconds > 0;
  choice->row = row;
  choice->config = best->config;
  choice->cost_seconds = tuned ? best->tuned_seconds : best->cost_seconds;
  choice->tuned = tuned;
  choice->shipped = tuned && best->shipped;
  choice->rule = best->forced ? "forced" : choice->shipped ? "shipped" : tuned ? "tuned" : applying == 1 ? "only" : "cost";
}

icn_status icn_select_tuned(const icn_row_table *rows, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                            const icn_tunedb *tuning, const char *name, icn_choice *choice, icn_text *why, icn_error *error) {
  char key[ICN_KEY_BYTES];
  question q = {rows, problem, device, forced_rows, NULL, 0};
  const icn_row *best_row = NULL;
  candidate best;
  int applying = 0;
  memset(&best, 0, sizeof best);
  if (tuning != NULL && tuning->count > 0) q.tuned = icn_tunedb_find(tuning, icn_problem_key(problem, key), &q.tuned_count);
  for (size_t i = 0; i < rows->count; i++) {
    const icn_row *row = rows->at(i);
    if (row->op != problem->op) continue;
    candidate found = examine(&q, row);
    if (found.applies) applying++;
    if (!found.applies || (best_row != NULL && !better(&found, &best))) {
      describe(&found, row, why);
      continue;
    }
    if (best_row != NULL) describe(&best, best_row, why);
    best_row = row;
    best = found;
  }
  if (best_row == NULL) return no_row(&q, name, error);
  describe_best(&best, best_row, why);
  set_choice(choice, best_row, &best, applying);
  if (why != NULL && why->failed) return icn_error_memory(error, why->length + 1, "the reasons of a choice");
  return ICN_OK;
}

icn_status icn_select_from(const icn_row_table *rows, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                           const char *name, icn_choice *choice, icn_text *why, icn_error *error) {
  return icn_select_tuned(rows, problem, device, forced_rows, NULL, name, choice, why, error);
}

icn_status icn_select(const icn_problem *problem, const icn_device_desc *device, const char *forced_rows, const char *name,
                      icn_choice *choice, icn_text *why, icn_error *error) {
  const icn_row_table rows = {icn_row_at, icn_row_count()};
  return icn_select_from(&rows, problem, device, forced_rows, name, choice, why, error);
}
