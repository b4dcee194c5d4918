#include "tune_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { MOST_LINES = 20, CONFIG_TEXT_BYTES = 100 };

tune_totals tune_totals_of(const tune *t) {
  tune_totals sum = {0};
  for (size_t i = 0; i < t->problem_count; i++) {
    const icn_tune_outcome *o = &t->results[i].outcome;
    const double layers = (double)t->problems[i].layers;
    sum.tried += o->tried;
    sum.wrong += o->wrong;
    sum.refused += o->refused;
    if (o->result_count == 0) continue;
    sum.tuned++;
    if (o->untuned_seconds <= 0) continue; /* what would have been taken does not work here */
    if (o->results[0].seconds < o->untuned_seconds) sum.improved++;
    sum.expected += layers * t->problems[i].expected_seconds;
    sum.untuned += layers * o->untuned_seconds;
    sum.best += layers * o->results[0].seconds;
  }
  return sum;
}

static const char *config_text(const icn_config *config, char text[CONFIG_TEXT_BYTES]) {
  size_t count = sizeof config->value / sizeof config->value[0], length = 0;
  while (count > 0 && config->value[count - 1] == 0) count--;
  text[0] = '\0';
  for (size_t i = 0; i < count; i++)
    length += (size_t)snprintf(text + length, CONFIG_TEXT_BYTES - length, "%s%d", i == 0 ? " " : ",", (int)config->value[i]);
  return text;
}

/* ------------------------------------------------------------- a dry run */

static void add_json_networks(const tune *t, cJSON *root) {
  cJSON *list = cJSON_AddArrayToObject(root, "networks");
  for (size_t i = 0; i < t->network_count; i++) {
    cJSON *o = json_object_in(list);
    cJSON_AddStringToObject(o, "model", t->networks[i].path);
    json_whole(o, "batch", (uint64_t)t->networks[i].batch);
    json_whole(o, "problems", t->networks[i].problems);
    json_whole(o, "added", t->networks[i].added);
  }
}

static void add_json_head(const tune *t, cJSON *root) {
  if (t->all)
    add_json_networks(t, root);
  else
    cJSON_AddStringToObject(root, "model", t->models.items[0]);
  json_device(root, "device", t->device);
  cJSON_AddStringToObject(root, "file", t->path);
  if (!t->all) json_whole(root, "batch", t->so.batch > 0 ? (uint64_t)t->so.batch : 1);
  json_real(root, "budget_seconds", t->budget);
  json_whole(root, "known", t->known);
}

static cJSON *add_json_problem(const icn_tune_problem *p, size_t candidates, cJSON *list) {
  cJSON *o = json_object_in(list);
  cJSON_AddStringToObject(o, "problem", p->key);
  json_whole(o, "layers", p->layers);
  json_whole(o, "candidates", candidates);
  cJSON_AddStringToObject(o, "untuned_row", p->row->name);
  json_real(o, "expected_seconds", p->expected_seconds);
  return o;
}

static int print_json_work(const tune *t) {
  cJSON *root = cJSON_CreateObject();
  add_json_head(t, root);
  cJSON_AddTrueToObject(root, "dry_run");
  cJSON *list = cJSON_AddArrayToObject(root, "problems");
  for (size_t i = 0; i < t->problem_count; i++) add_json_problem(&t->problems[i], t->results[i].candidates, list);
  return json_print(root);
}

static void print_networks(const tune *t) {
  char problems[COUNT_TEXT_BYTES];
  for (size_t i = 0; i < t->network_count; i++)
    printf("%s, batch %ld: %s, %zu of them new\n", t->networks[i].path, t->networks[i].batch,
           count_text(t->networks[i].problems, "problem", problems), t->networks[i].added);
  putchar('\n');
}

static void print_known(const tune *t) {
  if (t->known > 0)
    printf("%zu known to '%s' already%s\n", t->known, t->path, t->fresh ? "" : ", and left as they are (--fresh measures them again)");
}

int tune_print_work(const tune *t) {
  table lines;
  size_t candidates = 0;
  if (t->json) return print_json_work(t);
  if (t->all) print_networks(t);
  table_init(&lines, "lrrlr");
  static const char *const HEADINGS[] = {"problem", "layers", "candidates", "row now", "expect us"};
  for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++) table_add(&lines, "%s", HEADINGS[i]);
  for (size_t i = 0; i < t->problem_count; i++) {
    const icn_tune_problem *p = &t->problems[i];
    candidates += t->results[i].candidates;
    table_add(&lines, "%s", p->key);
    table_add(&lines, "%zu", p->layers);
    table_add(&lines, "%zu", t->results[i].candidates);
    table_add(&lines, "%s", p->row->name);
    table_add(&lines, "%.1f", p->expected_seconds * 1e6);
  }
  table_print(&lines);
  table_fini(&lines);
  printf("\n%zu problems, %zu configurations of kernel rows to try; %s, nothing was measured\n", t->problem_count, candidates,
         t->dry_run ? "a dry run" : "a budget of 0");
  print_known(t);
  return TOOL_OK;
}

/* ------------------------------------------------------------- the summary */

static int print_json_summary(const tune *t) {
  const tune_totals sum = tune_totals_of(t);
  char config[CONFIG_TEXT_BYTES];
  cJSON *root = cJSON_CreateObject();
  add_json_head(t, root);
  json_real(root, "seconds", t->took);
  json_whole(root, "problem_count", t->problem_count);
  json_whole(root, "tuned", sum.tuned);
  json_whole(root, "improved", sum.improved);
  json_whole(root, "tried", sum.tried);
  json_whole(root, "wrong", sum.wrong);
  json_whole(root, "refused", sum.refused);
  json_real(root, "expected_seconds", sum.expected);
  json_real(root, "untuned_seconds", sum.untuned);
  json_real(root, "tuned_seconds", sum.best);
  cJSON *list = cJSON_AddArrayToObject(root, "problems");
  for (size_t i = 0; i < t->problem_count; i++) {
    const icn_tune_outcome *o = &t->results[i].outcome;
    if (!t->results[i].begun) continue;
    cJSON *entry = add_json_problem(&t->problems[i], o->candidates, list);
    json_whole(entry, "tried", o->tried);
    json_whole(entry, "wrong", o->wrong);
    json_whole(entry, "refused", o->refused);
    if (o->problem[0] != '\0') cJSON_AddStringToObject(entry, "first_bad", o->problem);
    if (o->result_count == 0) continue;
    cJSON_AddStringToObject(entry, "row", o->results[0].row);
    const char *parameters = config_text(&o->results[0].config, config);
    cJSON_AddStringToObject(entry, "parameters", parameters[0] == ' ' ? parameters + 1 : parameters);
    json_real(entry, "seconds", o->results[0].seconds);
    json_real(entry, "untuned_seconds", o->untuned_seconds);
  }
  return json_print(root);
}

static double saved(const tuned_problem *r) {
  const icn_tune_outcome *o = &r->outcome;
  return o->result_count == 0 ? -1 : (o->untuned_seconds - o->results[0].seconds) * (double)r->problem->layers;
}

static int by_saving(const void *left, const void *right) {
  const double a = saved(*(const tuned_problem *const *)left), b = saved(*(const tuned_problem *const *)right);
  return a > b ? -1 : a < b;
}

static void print_best(const tune *t, size_t tuned) {
  static const char *const HEADINGS[] = {"problem", "layers", "row and parameters", "before us", "now us", "times"};
  const tuned_problem **order = tool_allocate(t->problem_count, sizeof *order);
  char config[CONFIG_TEXT_BYTES];
  table lines;
  for (size_t i = 0; i < t->problem_count; i++) order[i] = &t->results[i];
  qsort(order, t->problem_count, sizeof *order, by_saving);
  table_init(&lines, "lrlrrr");
  for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++) table_add(&lines, "%s", HEADINGS[i]);
  for (size_t i = 0; i < tuned && i < MOST_LINES; i++) {
    const icn_tune_outcome *o = &order[i]->outcome;
    table_add(&lines, "%s", order[i]->problem->key);
    table_add(&lines, "%zu", order[i]->problem->layers);
    table_add(&lines, "%s%s", o->results[0].row, config_text(&o->results[0].config, config));
    table_add(&lines, "%.1f", o->untuned_seconds * 1e6);
    table_add(&lines, "%.1f", o->results[0].seconds * 1e6);
    table_add(&lines, "%.2f", o->results[0].seconds > 0 ? o->untuned_seconds / o->results[0].seconds : 0);
  }
  table_print(&lines);
  table_fini(&lines);
  if (tuned > MOST_LINES) printf("and %zu more, which gain less\n", tuned - MOST_LINES);
  free(order);
}

static void print_bad(const tune *t) {
  for (size_t i = 0; i < t->problem_count; i++) {
    const icn_tune_outcome *o = &t->results[i].outcome;
    if (o->wrong > 0) printf("WRONG, and not used: %s\n", o->problem);
  }
}

int tune_print_summary(const tune *t) {
  const tune_totals sum = tune_totals_of(t);
  char problems[COUNT_TEXT_BYTES];
  if (t->json) return print_json_summary(t);
  if (sum.tuned > 0) {
    print_best(t, sum.tuned);
    putchar('\n');
  }
  print_bad(t);
  printf("%zu of %s measured in %.1f s: %zu configurations tried", sum.tuned, count_text(t->problem_count, "problem", problems), t->took,
         sum.tried);
  if (sum.refused > 0) printf(", %zu do not run here", sum.refused);
  if (sum.wrong > 0) printf(", %zu compute WRONGLY: please send us a report ('clinception report')", sum.wrong);
  putchar('\n');
  if (sum.untuned > 0 && sum.best > 0)
    printf("these layers: %.3f ms expected, %.3f ms measured untuned, %.3f ms tuned: %.2f times as fast; %s with another kernel\n",
           sum.expected * 1e3, sum.untuned * 1e3, sum.best * 1e3, sum.untuned / sum.best, count_text(sum.improved, "problem", problems));
  if (t->too_short)
    printf("%s: the budget of %g s is shorter than the other measurements; a later run goes on with what is missing\n",
           sum.tuned == 0 ? "nothing could be compared" : "not all", t->budget);
  print_known(t);
  if (sum.tuned > 0) printf("written to %s\n", t->path);
  return TOOL_OK;
}
