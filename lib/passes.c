/* The table of passes and the driver that runs them until nothing changes. */
#include "passes.h"

#include <string.h>

#include "pass_support.h"

static const icn_pass PASSES[] = {
    {"remove_identity", "nodes that change nothing are bypassed", icn_pass_remove_identity, false},
    {"merge_reshape", "reshape after reshape and transpose after transpose become one", icn_pass_merge_reshape, false},
    {"merge_concat", "a join that only another join reads becomes part of it", icn_pass_merge_concat, false},
    {"fold_input_normalisation", "channel slices that are scaled, shifted and joined again become one affine",
     icn_pass_fold_input_normalisation, false},
    {"merge_affine", "scales and shifts that follow each other become one", icn_pass_merge_affine, false},
    {"fuse_bias", "a constant added to each channel becomes the bias", icn_pass_fuse_bias, false},
    {"fold_batch_norm", "scale and shift go into the weights after them or before them", icn_pass_fold_batch_norm, false},
    {"fuse_residual", "a sum with another value becomes the convolution's residual", icn_pass_fuse_residual, false},
    {"fuse_activation", "relu, clip and leaky relu become the epilogue", icn_pass_fuse_activation, false},
    {"swap_pool", "a 1x1 convolution goes before the average pool that it reads", icn_pass_swap_pool, false},
    {"remove_dead", "nodes that nobody reads are removed", icn_pass_remove_dead, false},
    {"merge_siblings", "1x1 convolutions that read one tensor become one, with views of its result", icn_pass_merge_siblings, true},
};

enum { PASS_COUNT = sizeof PASSES / sizeof PASSES[0], MOST_ROUNDS = 64 };

static const char *const PLAN_SWITCHES[] = {"concat_view", "memory_reuse", "merge_pairs", "reshape_view", "slice_batch"};

size_t icn_pass_count(void) { return PASS_COUNT; }

const icn_pass *icn_pass_at(size_t index) { return index < PASS_COUNT ? &PASSES[index] : NULL; }

bool icn_pass_known(const char *name) {
  if (strcmp(name, "all") == 0) return true;
  for (size_t i = 0; i < PASS_COUNT; i++) {
    if (strcmp(name, PASSES[i].name) == 0) return true;
  }
  for (size_t i = 0; i < sizeof PLAN_SWITCHES / sizeof PLAN_SWITCHES[0]; i++) {
    if (strcmp(name, PLAN_SWITCHES[i]) == 0) return true;
  }
  return false;
}

static icn_status refuse_name(const char *name, const icn_allocator *allocator, icn_error *error) {
  icn_text known;
  icn_text_init(&known, allocator);
  for (size_t i = 0; i < PASS_COUNT; i++) icn_text_append(&known, "%s, ", PASSES[i].name);
  for (size_t i = 0; i < sizeof PLAN_SWITCHES / sizeof PLAN_SWITCHES[0]; i++) icn_text_append(&known, "%s, ", PLAN_SWITCHES[i]);
  icn_status status =
      icn_error_set(error, ICN_ARGUMENT, "there is no pass \"%s\"; known are %sall", name, known.data == NULL ? "" : known.data);
  icn_text_fini(&known);
  return status;
}

/* Every comma-separated name is known. */
static icn_status check_names(const char *list, const icn_allocator *allocator, icn_error *error) {
  while (list != NULL && *list != '\0') {
    size_t length = strcspn(list, ",");
    char name[64] = {0};
    memcpy(name, list, length < sizeof name ? length : sizeof name - 1);
    if (length >= sizeof name || !icn_pass_known(name)) return refuse_name(name, allocator, error);
    list += length + (list[length] == ',' ? 1 : 0);
  }
  return ICN_OK;
}

static icn_status run_round(icn_graph *graph, const char *disabled, int *totals, int *changed, icn_error *error) {
  icn_status status = ICN_OK;
  for (size_t i = 0; i < PASS_COUNT; i++) {
    if (icn_list_has(disabled, PASSES[i].name) || (PASSES[i].late && *changed > 0)) continue;
    int count = 0;
    ICN_TRY(PASSES[i].run(graph, &count, error));
    totals[i] += count;
    *changed += count;
  }
done:
  return status;
}

static void report_passes(const char *disabled, const int *totals, icn_text *report) {
  int name = 0, idle = 0;
  for (size_t i = 0; i < PASS_COUNT; i++) {
    const int length = (int)strlen(PASSES[i].name);
    name = length > name ? length : name;
  }
  for (size_t i = 0; i < PASS_COUNT; i++) {
    if (icn_list_has(disabled, PASSES[i].name)) {
      icn_text_append(report, "  %-*s   off  %s\n", name, PASSES[i].name, PASSES[i].summary);
    } else if (totals[i] > 0) {
      icn_text_append(report, "  %-*s %5d  %s\n", name, PASSES[i].name, totals[i], PASSES[i].summary);
    }
  }
  for (size_t i = 0; i < PASS_COUNT; i++) {
    if (totals[i] > 0 || icn_list_has(disabled, PASSES[i].name)) continue;
    icn_text_append(report, "%s%s", idle++ == 0 ? "  nothing to do: " : ", ", PASSES[i].name);
  }
  if (idle > 0) icn_text_append(report, "\n");
}

icn_status icn_passes_run(icn_graph *graph, const char *disabled, icn_text *report, icn_error *error) {
  icn_status status = ICN_OK;
  int totals[PASS_COUNT] = {0};
  ICN_TRY(check_names(disabled, &graph->arena.allocator, error));
  int changed = 1;
  /* Each rewrite removes a node or makes one simpler, so this ends by itself; the bound is for safety. */
  for (int round = 0; changed > 0 && round < MOST_ROUNDS; round++) {
    changed = 0;
    ICN_TRY(run_round(graph, disabled, totals, &changed, error));
  }
  if (report != NULL) report_passes(disabled, totals, report);
done:
  return status;
}
