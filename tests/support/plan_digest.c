#include "plan_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEVICES = 128, MOST_CHOICES = 4096, CHOICE_BYTES = 160, LINE = 140 };

/* One way to compute one problem. */
typedef struct choice {
  char *problem, text[CHOICE_BYTES];
  uint16_t uses[MOST_DEVICES]; /* layers of each device's plan */
} choice;

typedef struct device {
  char name[64], totals[256];
  int group; /* the first device with an equal plan */
} device;

struct plan_digest {
  device devices[MOST_DEVICES];
  int device_count;
  choice *choices;
  int choice_count;
  char refused[4096]; /* a line each */
};

static void *checked(void *memory) {
  if (memory != NULL) return memory;
  fprintf(stderr, "plan_digest: out of memory, or more devices or choices than there is room for\n");
  exit(99);
}

plan_digest *plan_digest_new(void) {
  plan_digest *digest = checked(calloc(1, sizeof *digest));
  digest->choices = checked(calloc(MOST_CHOICES, sizeof *digest->choices));
  return digest;
}

void plan_digest_free(plan_digest *digest) {
  for (int c = 0; c < digest->choice_count; c++) free(digest->choices[c].problem);
  free(digest->choices);
  free(digest);
}

/* --------------------------------------------------------------------- add */

/* The problem's key without where its operands lie: "y:/256+64" and "f32" go. */
static void problem_text(const icn_problem *problem, char text[ICN_KEY_BYTES]) {
  char key[ICN_KEY_BYTES];
  size_t length = 0;
  icn_problem_key(problem, key);
  for (const char *word = key; *word != '\0';) {
    size_t bytes = strcspn(word, " ");
    bool place = strstr(word, ":/") != NULL && (size_t)(strstr(word, ":/") - word) < bytes;
    bool kept = !place && !(bytes == 3 && memcmp(word, "f32", 3) == 0);
    if (kept && length > 0) text[length++] = ' ';
    if (kept) memcpy(text + length, word, bytes);
    length += kept ? bytes : 0;
    word += bytes + (word[bytes] == ' ' ? 1 : 0);
  }
  text[length] = '\0';
}

/* Row, its configuration, and the work-group of each launch: "conv_gpu 64,64 in 16x16". */
static void choice_text(const icn_plan_layer *layer, char text[CHOICE_BYTES]) {
  int last = (int)(sizeof layer->choice.config.value / sizeof layer->choice.config.value[0]);
  while (last > 0 && layer->choice.config.value[last - 1] == 0) last--;
  size_t at = (size_t)snprintf(text, CHOICE_BYTES, "%s", layer->choice.row->name);
  for (int i = 0; i < last && at < CHOICE_BYTES; i++)
    at += (size_t)snprintf(text + at, CHOICE_BYTES - at, "%c%" PRId32, i == 0 ? ' ' : ',', layer->choice.config.value[i]);
  for (int l = 0; l < layer->emit.launch_count && at < CHOICE_BYTES; l++) {
    const icn_launch *launch = &layer->emit.launch[l];
    at += (size_t)snprintf(text + at, CHOICE_BYTES - at, "%s %zu", l == 0 ? " in" : " then", launch->local[0]);
    for (uint32_t k = 1; k < launch->dims && at < CHOICE_BYTES; k++)
      if (launch->local[k] > 1) at += (size_t)snprintf(text + at, CHOICE_BYTES - at, "x%zu", launch->local[k]);
  }
}

static choice *find_choice(plan_digest *digest, const char *problem, const char *text) {
  for (int c = 0; c < digest->choice_count; c++)
    if (strcmp(digest->choices[c].problem, problem) == 0 && strcmp(digest->choices[c].text, text) == 0) return &digest->choices[c];
  choice *found = digest->choice_count < MOST_CHOICES ? &digest->choices[digest->choice_count++] : checked(NULL);
  found->problem = checked(malloc(strlen(problem) + 1));
  strcpy(found->problem, problem);
  strcpy(found->text, text);
  return found;
}

static bool same_program(const icn_launch *a, const icn_launch *b) {
  return a->kind == b->kind && strcmp(a->file, b->file) == 0 && strcmp(a->options, b->options) == 0;
}

static const icn_launch *launch_of(const icn_plan *plan, size_t step) {
  return &plan->layers[plan->steps[step].layer].emit.launch[plan->steps[step].launch];
}

static size_t program_count(const icn_plan *plan) {
  size_t count = 0;
  for (size_t s = 0; s < plan->step_count; s++) {
    bool first = true;
    for (size_t t = 0; t < s && first; t++) first = !same_program(launch_of(plan, s), launch_of(plan, t));
    count += first ? 1 : 0;
  }
  return count;
}

void plan_digest_add(plan_digest *digest, const char *name, const icn_plan *plan) {
  device *added = digest->device_count < MOST_DEVICES ? &digest->devices[digest->device_count] : checked(NULL);
  snprintf(added->name, sizeof added->name, "%s", name);
  snprintf(added->totals, sizeof added->totals,
           "%zu layers, %zu launches of %zu programs, activations %" PRIu64 " KiB (bound %" PRIu64 "), weights %" PRIu64 " KiB",
           plan->layer_count, plan->step_count, program_count(plan), plan->arena_bytes / 1024, plan->arena_lower_bound_bytes / 1024,
           plan->weight_bytes / 1024);
  for (size_t l = 0; l < plan->layer_count; l++) {
    char problem[ICN_KEY_BYTES], text[CHOICE_BYTES];
    problem_text(&plan->layers[l].problem, problem);
    choice_text(&plan->layers[l], text);
    find_choice(digest, problem, text)->uses[digest->device_count]++;
  }
  added->group = digest->device_count;
  for (int d = digest->device_count - 1; d >= 0; d--) {
    bool equal = strcmp(digest->devices[d].totals, added->totals) == 0;
    for (int c = 0; c < digest->choice_count && equal; c++)
      equal = digest->choices[c].uses[d] == digest->choices[c].uses[digest->device_count];
    if (equal) added->group = digest->devices[d].group;
  }
  digest->device_count++;
}

void plan_digest_refuse(plan_digest *digest, const char *name, const char *why) {
  size_t length = strlen(digest->refused), room = sizeof digest->refused - length;
  int written = snprintf(digest->refused + length, room, "\n%s: refused\n  %s\n", name, why);
  if (written < 0 || (size_t)written >= room) checked(NULL);
}

/* ------------------------------------------------------------------- print */

/* Appends words, a new line with `indent` blanks before the one that would pass the right margin. */
typedef struct lines {
  icn_text *text;
  size_t indent, column;
} lines;

static void add_word(lines *l, const char *word) {
  if (l->column + strlen(word) + 1 > LINE) {
    icn_text_append(l->text, "\n%*s", (int)l->indent - 1, "");
    l->column = l->indent - 1;
  }
  icn_text_append(l->text, " %s", word);
  l->column += strlen(word) + 1;
}

static void print_group(const plan_digest *digest, int group, icn_text *text) {
  icn_text_append(text, "\n%s: %s\n ", digest->devices[group].name, digest->devices[group].totals);
  lines l = {text, 2, 1};
  for (int d = group; d < digest->device_count; d++)
    if (digest->devices[d].group == group) add_word(&l, digest->devices[d].name);
  icn_text_append(text, "\n");
}

static void print_choice(const plan_digest *digest, const choice *made, icn_text *text) {
  icn_text_append(text, "  %s:", made->text);
  lines l = {text, 4, strlen(made->text) + 3};
  for (int d = 0; d < digest->device_count; d++) {
    char word[80];
    if (digest->devices[d].group != d || made->uses[d] == 0) continue;
    snprintf(word, sizeof word, made->uses[d] == 1 ? "%s" : "%s*%d", digest->devices[d].name, (int)made->uses[d]);
    add_word(&l, word);
  }
  icn_text_append(text, "\n");
}

void plan_digest_print(const plan_digest *digest, icn_text *text) {
  for (int d = 0; d < digest->device_count; d++)
    if (digest->devices[d].group == d) print_group(digest, d, text);
  icn_text_append(text, "%s", digest->refused);
  for (int c = 0; c < digest->choice_count; c++) {
    const char *problem = digest->choices[c].problem;
    bool seen = false;
    for (int other = 0; other < c && !seen; other++) seen = strcmp(digest->choices[other].problem, problem) == 0;
    if (seen) continue;
    icn_text_append(text, "\n%s\n", problem);
    for (int other = c; other < digest->choice_count; other++)
      if (strcmp(digest->choices[other].problem, problem) == 0) print_choice(digest, &digest->choices[other], text);
  }
}
