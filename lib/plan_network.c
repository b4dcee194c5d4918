/* From an imported graph to its plan, and to other forms of the graph where memory is short. */
#include <string.h>

#include "passes.h"
#include "plan_fit.h"
#include "slice.h"

static const char SIBLINGS[] = "merge_siblings";
enum { CUTS = 4 };

/* A form of the graph: the first is the usual one. */
typedef struct form {
  bool siblings_apart;
  int64_t slice_images; /* 0: as icn_slice_batch has it */
  int cut;              /* of CUTS: how far the slices go */
} form;

static icn_status run_passes(icn_graph *graph, const icn_plan_request *request, bool siblings_apart, icn_text *report, icn_error *error) {
  const char *disabled = request->disabled_passes;
  if (siblings_apart) {
    const bool others = disabled != NULL && *disabled != '\0';
    disabled = icn_arena_format(&graph->arena, "%s%s%s", others ? disabled : "", others ? "," : "", SIBLINGS);
    if (disabled == NULL) return icn_error_memory(error, sizeof SIBLINGS, "the list of passes");
  }
  return icn_passes_run(graph, disabled, report, error);
}

/* Behind the passes. *possible: the graph has such slices; *lost_seconds: what they cost. */
static icn_status slice(icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, const form *f, bool *possible,
                        double *lost_seconds, icn_error *error) {
  *possible = true;
  *lost_seconds = 0;
  if (request->keep_values) return ICN_OK;
  if (f->slice_images > 0) return icn_slice_part(graph, device, f->slice_images, f->cut, CUTS, possible, lost_seconds, error);
  return icn_slice_batch(graph, device, request->disabled_passes, error);
}

/* ------------------------------------------------------------------ the best */

typedef struct choosing {
  const icn_device_desc *device;
  icn_plan_request request;
  icn_graph passed[2]; /* behind the passes: with siblings merged, apart */
  double apart_lost;   /* seconds that these lose */
  form best;
  double lost;    /* by the best, against the usual form without a limit; below 0: there is none yet */
  uint64_t least; /* as long as there is none: what the smallest form needs, and its sentence */
  icn_error too_small;
} choosing;

/* A form that the graph does not have, that is no better than the best, or that does not fit is passed over. */
static icn_status try_form(choosing *c, const form *f, icn_error *error) {
  icn_graph graph;
  icn_plan plan;
  icn_error problem;
  bool possible = false;
  double lost = 0;
  icn_error_clear(&problem);
  icn_graph_init(&graph, &c->passed[0].arena.allocator);
  icn_status status = icn_graph_copy(&c->passed[f->siblings_apart ? 1 : 0], &graph, &problem);
  if (status == ICN_OK) status = slice(&graph, c->device, &c->request, f, &possible, &lost, &problem);
  lost += f->siblings_apart ? c->apart_lost : 0;
  if (status == ICN_OK && possible && (c->lost < 0 || lost < c->lost)) {
    uint64_t least;
    status = icn_plan_make_least(&graph, c->device, &c->request, &plan, &least, &problem);
    if (status == ICN_DEVICE_MEMORY && least < c->least) {
      c->least = least;
      c->too_small = problem;
    }
    if (status == ICN_OK) {
      lost += plan.lost_seconds;
      const bool better = c->lost < 0 || lost < c->lost;
      if (better) c->lost = lost;
      if (better) c->best = *f;
      icn_plan_fini(&plan);
    }
  }
  icn_graph_fini(&graph);
  return status == ICN_NO_MEMORY ? icn_error_set(error, status, "%s", problem.message) : ICN_OK;
}

static icn_status try_slices(choosing *c, bool siblings_apart, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_graph *graph = &c->passed[0];
  const icn_shape *shape = graph->input_count == 0 ? NULL : &graph->values[graph->inputs[0]].shape;
  const int64_t batch = shape != NULL && shape->rank > 1 ? shape->dim[0] : 1;
  if (c->request.keep_values || icn_list_has(c->request.disabled_passes, "slice_batch")) return ICN_OK;
  for (int64_t images = batch / 2; images >= 1; images /= 2) {
    if (batch % images != 0) continue;
    for (int cut = 1; cut <= CUTS; cut++) ICN_TRY(try_form(c, &(form){siblings_apart, images, cut}, error));
  }
done:
  return status;
}

/* What the usual slices take without a limit; 0: there is no such plan. */
static icn_status unlimited_seconds(const choosing *c, bool siblings_apart, double *seconds, icn_error *error) {
  icn_status status = ICN_OK;
  const form usual = {.siblings_apart = siblings_apart};
  const icn_graph *passed = &c->passed[siblings_apart ? 1 : 0];
  icn_graph graph;
  icn_plan plan;
  bool possible;
  double lost;
  icn_plan_request unlimited = c->request;
  unlimited.memory_limit = 0;
  *seconds = 0;
  icn_graph_init(&graph, &passed->arena.allocator);
  ICN_TRY(icn_graph_copy(passed, &graph, error));
  ICN_TRY(slice(&graph, c->device, &c->request, &usual, &possible, &lost, error));
  if (icn_plan_make(&graph, c->device, &unlimited, &plan, NULL) == ICN_OK) {
    *seconds = icn_plan_seconds(&plan);
    icn_plan_fini(&plan);
  }
done:
  icn_graph_fini(&graph);
  return status;
}

/* The usual slices with siblings apart: what that loses without a limit is what it loses in all other slices. It does not depend on the
 * limit, so that a larger one never makes it look worse. */
static icn_status try_apart(choosing *c, const icn_graph *imported, icn_error *error) {
  icn_status status = ICN_OK;
  double merged, apart;
  ICN_TRY(icn_graph_copy(imported, &c->passed[1], error));
  ICN_TRY(run_passes(&c->passed[1], &c->request, true, NULL, error));
  ICN_TRY(unlimited_seconds(c, false, &merged, error));
  ICN_TRY(unlimited_seconds(c, true, &apart, error));
  c->apart_lost = merged > 0 && apart > merged ? apart - merged : 0;
  ICN_TRY(try_form(c, &(form){.siblings_apart = true}, error));
  ICN_TRY(try_slices(c, true, error));
done:
  return status;
}

static icn_status try_all(choosing *c, const icn_graph *imported, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_TRY(icn_graph_copy(imported, &c->passed[0], error));
  ICN_TRY(run_passes(&c->passed[0], &c->request, false, NULL, error));
  ICN_TRY(try_slices(c, false, error));
  if (!icn_list_has(c->request.disabled_passes, SIBLINGS)) ICN_TRY(try_apart(c, imported, error));
done:
  return status;
}

/* -------------------------------------------------------------------- the plan */

static icn_status plan_form(icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, const form *f,
                            icn_text *report, icn_plan *plan, uint64_t *least, icn_error *error) {
  icn_status status = ICN_OK;
  bool possible;
  double lost;
  *least = UINT64_MAX;
  ICN_TRY(run_passes(graph, request, f->siblings_apart, report, error));
  ICN_TRY(slice(graph, device, request, f, &possible, &lost, error));
  ICN_TRY(icn_plan_make_least(graph, device, request, plan, least, error));
done:
  return status;
}

/* The graph as it was imported, in the best form; what was done is said behind what icn_plan_fit says. */
static icn_status plan_best(icn_graph *graph, const icn_graph *imported, const choosing *c, const icn_plan_request *request,
                            icn_text *report, icn_plan *plan, icn_error *error) {
  icn_status status = ICN_OK;
  uint64_t least;
  ICN_TRY(icn_graph_copy(imported, graph, error));
  ICN_TRY(plan_form(graph, c->device, request, &c->best, report, plan, &least, error));
  const char *fitted = plan->fitted == NULL ? "for less memory" : plan->fitted;
  plan->fitted = icn_arena_format(&plan->arena, "%s%s%s", fitted, c->best.siblings_apart ? ", merge_siblings is off" : "",
                                  c->best.slice_images > 0 ? ", the batch is in slices" : "");
  plan->lost_seconds = c->lost;
  plan->sliced_to_fit = c->best.slice_images > 0;
  if (plan->fitted != NULL) return ICN_OK;
  icn_plan_fini(plan);
  status = icn_error_memory(error, strlen(fitted), "the plan");
done:
  return status;
}

/* What the usual form was planned to, or why it was not. */
static void begin_choosing(choosing *c, const icn_device_desc *device, const icn_plan_request *request, const icn_plan *plan,
                           uint64_t least, const icn_allocator *allocator) {
  memset(c, 0, sizeof *c);
  c->device = device;
  c->request = *request;
  c->request.why = false;
  c->lost = plan == NULL ? -1 : plan->lost_seconds;
  c->least = least;
  for (int i = 0; i < 2; i++) icn_graph_init(&c->passed[i], allocator);
}

icn_status icn_plan_network(icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, icn_text *passes,
                            icn_plan *plan, icn_error *error) {
  icn_status status = ICN_OK, tried;
  const form usual = {0};
  choosing c;
  icn_graph imported; /* its names and constants are those of `graph` */
  uint64_t least;
  const size_t reported = passes == NULL ? 0 : passes->length;
  icn_graph_init(&imported, &graph->arena.allocator);
  ICN_TRY(icn_graph_copy(graph, &imported, error));
  status = plan_form(graph, device, request, &usual, passes, plan, &least, error);
  if (status != ICN_DEVICE_MEMORY && (status != ICN_OK || plan->fitted == NULL)) goto done;
  begin_choosing(&c, device, request, status == ICN_OK ? plan : NULL, least, &graph->arena.allocator);
  tried = try_all(&c, &imported, error);
  if (tried != ICN_OK || c.best.siblings_apart || c.best.slice_images > 0) {
    if (status == ICN_OK) icn_plan_fini(plan);
    if (passes != NULL) passes->length = reported;
    if (tried == ICN_OK) icn_error_clear(error); /* of what the usual form lacks */
    status = tried == ICN_OK ? plan_best(graph, &imported, &c, request, passes, plan, error) : tried;
  }
  if (status == ICN_DEVICE_MEMORY && c.least < least) status = icn_error_set(error, status, "%s", c.too_small.message);
  for (int i = 0; i < 2; i++) icn_graph_fini(&c.passed[i]);
done:
  icn_graph_fini(&imported);
  return status;
}
