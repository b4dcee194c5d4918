/* merge_pairs: two convolutions of one tensor whose windows are the same line, once along w and once along h, and whose results lie side by
 * side in one join (1x3 and 3x1 in Inception-v3's last blocks), as one layer: one launch, which reads their input once and has work for
 * twice as many compute units.
 *
 * This is no pass over the graph like merge_siblings, because it is not always better, and passes know no devices: Winograd, which does
 * with half of the products, takes the two but not the one, so that on CPUs they stay apart. Here the rows can be asked what either form
 * costs on the device. The two nodes stay what they are: apart they are planned, tuned and packed as if nobody had looked, and no weights
 * are copied for a pair that is not made. For one that is, the two constants meet where they are packed (icn_plan_layer.beside). */
#include <string.h>

#include "lower.h"

typedef struct pair {
  int nodes[2]; /* in the order of their channels; [1]'s window is the turned one */
  icn_operands operands[2];
  icn_problem apart[2], together;
  icn_choice choice_apart[2], choice_together;
} pair;

/* ------------------------------------------------------------- finding one */

static bool is_line(const icn_params *params) { return (params->kernel[0] == 1) != (params->kernel[1] == 1); }

/* A line in one group that writes all its channels alike, with nothing but constants besides x. */
static bool is_candidate(const icn_problem *p) {
  const uint32_t others = p->present & ~(1U << ICN_CONV_X);
  return p->op == ICN_OP_CONV && p->params.groups == 1 && is_line(&p->params) && p->epilogue.from == 0 && others == p->constant &&
         icn_problem_has(p, ICN_CONV_WEIGHT) && !icn_problem_has(p, ICN_CONV_RESIDUAL) && p->out.shape.dim[1] <= INT32_MAX / 2;
}

static bool is_turned(const icn_problem *a, const icn_problem *b) {
  const icn_params turned = icn_params_turned(&a->params);
  return memcmp(&turned, &b->params, sizeof turned) == 0 && memcmp(&a->epilogue, &b->epilogue, sizeof a->epilogue) == 0 &&
         a->present == b->present && a->precision == b->precision;
}

/* The channels of `b` lie right behind those of `a`. */
static bool follows(const icn_slot *a, const icn_slot *b) {
  const icn_view *first = &a->view, *second = &b->view;
  if (a->storage != b->storage || second->offset != first->offset + first->shape.dim[1] * first->stride[1]) return false;
  for (int k = 0; k < 4; k++)
    if (first->stride[k] != second->stride[k] || (k != 1 && first->shape.dim[k] != second->shape.dim[k])) return false;
  return true;
}

static icn_problem both(const icn_problem *first, const icn_problem *second) {
  icn_problem p = *first;
  const int64_t more = second->out.shape.dim[1];
  p.turned = (int32_t)first->out.shape.dim[1];
  p.out.shape.dim[1] += more;
  p.in[ICN_CONV_WEIGHT].shape.dim[0] += more; /* the turned window's taps are counted along the line, too */
  if (icn_problem_has(&p, ICN_CONV_BIAS)) p.in[ICN_CONV_BIAS].shape.dim[0] += more;
  if (icn_problem_has(&p, ICN_CONV_SCALE)) p.in[ICN_CONV_SCALE].shape.dim[0] += more;
  return p;
}

/* True where node `other`, which reads what `node` reads, makes a pair with it. p->operands[0] and p->apart[0] are those of `node`; then
 * all is in the order of channels. */
static bool make_pair(int node, int other, const icn_operands *operands, const icn_problem *problem, pair *p) {
  if (!is_candidate(problem) || !is_turned(&p->apart[0], problem)) return false;
  const bool behind = follows(&p->operands[0].out, &operands->out);
  if (!behind && !follows(&operands->out, &p->operands[0].out)) return false;
  const int at = behind ? 1 : 0;
  p->nodes[1 - at] = node;
  p->operands[1 - at] = p->operands[0];
  p->apart[1 - at] = p->apart[0];
  p->nodes[at] = other;
  p->operands[at] = *operands;
  p->apart[at] = *problem;
  p->together = both(&p->apart[0], &p->apart[1]);
  return true;
}

static icn_status find_pair(icn_lowering *lowering, int node, pair *p, bool *found, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = lowering->graph;
  const icn_node *made = &graph->nodes[node];
  *found = false;
  if (made->op != ICN_OP_CONV || !is_line(&made->params)) goto done;
  ICN_TRY(icn_lower_operands(lowering, made, &p->operands[0], error));
  p->apart[0] = icn_lower_problem(lowering, made, &p->operands[0]);
  if (!is_candidate(&p->apart[0])) goto done;
  for (int n = node + 1; (size_t)n < graph->node_count && !*found; n++) {
    const icn_node *other = &graph->nodes[n];
    icn_operands operands;
    if (other->op != ICN_OP_CONV || !is_line(&other->params) || other->inputs[ICN_CONV_X] != made->inputs[ICN_CONV_X]) continue;
    if (lowering->lowered[n]) continue;
    ICN_TRY(icn_lower_operands(lowering, other, &operands, error));
    const icn_problem problem = icn_lower_problem(lowering, other, &operands);
    *found = make_pair(node, n, &operands, &problem, p);
  }
done:
  return status;
}

/* ---------------------------------------------------------------- choosing */

static bool select_form(const icn_lowering *lowering, const icn_tunedb *tuning, const icn_problem *problem, icn_choice *choice) {
  const char *forced = lowering->request->forced_rows;
  return icn_select_tuned(lowering->rows, problem, lowering->device, forced, tuning, "", choice, NULL, NULL) == ICN_OK;
}

/* A row for each form. The weights of both nodes come together only where they are packed, in one buffer. */
static bool select_forms(const icn_lowering *lowering, const icn_tunedb *tuning, pair *p) {
  for (int i = 0; i < 2; i++)
    if (!select_form(lowering, tuning, &p->apart[i], &p->choice_apart[i])) return false;
  if (!select_form(lowering, tuning, &p->together, &p->choice_together)) return false;
  const icn_row *row = p->choice_together.row;
  return row->pack != NULL && icn_row_pack_bytes(row, &p->together, &p->choice_together.config) <= lowering->device->max_allocation_bytes;
}

/* All here, or all where the shipped lines come from: times of two machines do not compare. */
static bool all_measured(const pair *p) {
  const icn_choice *together = &p->choice_together, *apart = p->choice_apart;
  return together->tuned && apart[0].tuned && apart[1].tuned && together->shipped == apart[0].shipped &&
         together->shipped == apart[1].shipped;
}

static double seconds_apart(const pair *p) { return p->choice_apart[0].cost_seconds + p->choice_apart[1].cost_seconds; }

static bool is_forced(const icn_choice *choice) { return strcmp(choice->rule, "forced") == 0; }

/* As among rows: what is asked for by name comes before what is faster. */
static bool is_better_together(const pair *p) {
  const bool forced_apart = is_forced(&p->choice_apart[0]) || is_forced(&p->choice_apart[1]);
  if (is_forced(&p->choice_together) != forced_apart) return !forced_apart;
  return p->choice_together.cost_seconds < seconds_apart(p);
}

/* ------------------------------------------------------------------ layers */

static icn_status keep_other(icn_lowering *lowering, const icn_problem *problem, const icn_choice *choice, icn_error *error) {
  icn_plan *plan = lowering->plan;
  icn_plan_other *others = icn_arena_grow(&plan->arena, plan->others, plan->other_count, &plan->other_capacity, sizeof *others);
  if (others == NULL) return icn_error_memory(error, sizeof *others, "the plan's layers");
  plan->others = others;
  others[plan->other_count++] = (icn_plan_other){*problem, *choice};
  return ICN_OK;
}

/* Puts the two costs before the reasons of the last layer's row. */
static icn_status explain(icn_lowering *lowering, const pair *p, bool merged, icn_error *error) {
  icn_plan *plan = lowering->plan;
  icn_plan_layer *layer = &plan->layers[plan->layer_count - 1];
  const icn_graph *graph = lowering->graph;
  const char *other = graph->nodes[p->nodes[layer->node == p->nodes[0] ? 1 : 0]].name, *rows[2];
  const double together = p->choice_together.cost_seconds, apart = seconds_apart(p);
  if (layer->why == NULL) return ICN_OK;
  for (int i = 0; i < 2; i++) rows[i] = p->choice_apart[i].row->name;
  layer->why = merged ? icn_arena_format(&plan->arena, "merge_pairs: one layer, %.1f us; two, by %s and %s, would take %.1f us\n%s",
                                         together * 1e6, rows[0], rows[1], apart * 1e6, layer->why)
                      : icn_arena_format(&plan->arena, "merge_pairs: apart from %s, both %.1f us; one layer, by %s, would take %.1f us\n%s",
                                         other, apart * 1e6, p->choice_together.row->name, together * 1e6, layer->why);
  return layer->why == NULL ? icn_error_memory(error, strlen(other), "the reasons of a choice") : ICN_OK;
}

static icn_status lower_together(icn_lowering *lowering, int node, const pair *p, icn_error *error) {
  icn_status status = ICN_OK;
  const char *name = icn_arena_format(&lowering->plan->arena, "%s and 1 sibling", lowering->graph->nodes[p->nodes[0]].name);
  if (name == NULL) return icn_error_memory(error, strlen(lowering->graph->nodes[node].name), "a layer's name");
  ICN_TRY(icn_lower_layer(lowering, name, p->nodes[0], p->nodes[1], &p->together, &p->operands[0], error));
  lowering->lowered[p->nodes[0]] = lowering->lowered[p->nodes[1]] = true;
  for (int i = 0; i < 2; i++) ICN_TRY(keep_other(lowering, &p->apart[i], &p->choice_apart[i], error));
done:
  return status;
}

static icn_status lower_apart(icn_lowering *lowering, int node, const pair *p, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(icn_lower_kernel(lowering, node, error));
  ICN_TRY(keep_other(lowering, &p->together, &p->choice_together, error));
done:
  return status;
}

icn_status icn_lower_pair(icn_lowering *lowering, int node, bool *paired, icn_error *error) {
  icn_status status = ICN_OK;
  pair p, judged;
  *paired = false;
  if (icn_list_has(lowering->request->disabled_passes, "merge_pairs")) goto done;
  ICN_TRY(find_pair(lowering, node, &p, paired, error));
  *paired = *paired && select_forms(lowering, lowering->request->tuning, &p);
  if (!*paired) goto done;
  /* A measured form and one that is only expected say nothing about each other: then as if nothing had been measured. */
  judged = p;
  if (!all_measured(&p)) *paired = select_forms(lowering, NULL, &judged);
  if (!*paired) goto done;
  const bool merged = is_better_together(&judged);
  ICN_TRY(merged ? lower_together(lowering, node, &p, error) : lower_apart(lowering, node, &p, error));
  ICN_TRY(explain(lowering, &judged, merged, error));
done:
  return status;
}
