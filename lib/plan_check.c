/* Proves of a finished plan that its steps may run in any order that its dependencies allow. */
#include <inttypes.h>
#include <string.h>

#include "lower.h"

static const char *layer_of(const icn_plan *plan, size_t step) { return plan->layers[plan->steps[step].layer].name; }

static icn_status check_operands(const icn_plan *plan, size_t step, const icn_access *accesses, int count, icn_error *error) {
  for (int i = 0; i < count; i++) {
    const icn_access *access = &accesses[i];
    if (access->buffer < 0 || (size_t)access->buffer >= plan->buffer_count) {
      return icn_error_set(error, ICN_MISMATCH, "step %zu (layer '%s') uses buffer %d of %zu", step, layer_of(plan, step), access->buffer,
                           plan->buffer_count);
    }
    const icn_plan_buffer *buffer = &plan->buffers[access->buffer];
    if (access->begin < 0 || (uint64_t)access->end > buffer->bytes / sizeof(float)) {
      return icn_error_set(error, ICN_MISMATCH,
                           "step %zu (layer '%s') touches elements %" PRId64 " to %" PRId64 " of buffer %d, which has %" PRIu64 " bytes",
                           step, layer_of(plan, step), access->begin, access->end, access->buffer, buffer->bytes);
    }
    if (access->view.offset > INT32_MAX) {
      return icn_error_set(error, ICN_MISMATCH, "step %zu (layer '%s') starts at element %" PRId64 ", kernels take 31 bits", step,
                           layer_of(plan, step), access->view.offset);
    }
    const bool writable = buffer->kind == ICN_BUFFER_ARENA || buffer->kind == ICN_BUFFER_OUTPUT || buffer->kind == ICN_BUFFER_LIBRARY;
    if (access->writes && !writable) {
      return icn_error_set(error, ICN_MISMATCH, "step %zu (layer '%s') writes buffer %d, which is read only", step, layer_of(plan, step),
                           access->buffer);
    }
  }
  return ICN_OK;
}

/* Marks in before[step] every step that must have ended when `step` begins. */
static icn_status close_over(const icn_plan *plan, size_t step, uint64_t *before, size_t words, icn_error *error) {
  const icn_plan_step *s = &plan->steps[step];
  for (int d = 0; d < s->depend_count; d++) {
    if (s->depends[d] < 0 || (size_t)s->depends[d] >= step) {
      return icn_error_set(error, ICN_MISMATCH, "step %zu (layer '%s') depends on step %d, which does not come before it", step,
                           layer_of(plan, step), s->depends[d]);
    }
    size_t t = (size_t)s->depends[d];
    before[step * words + t / 64] |= (uint64_t)1 << t % 64;
    for (size_t w = 0; w < words; w++) before[step * words + w] |= before[t * words + w];
  }
  return ICN_OK;
}

/* True when the next slice's step overwrites what one of the two left of this slice, or reads of its own: bytes that all slices use, and
 * that are also a slice's own. */
static bool lost_between_slices(const icn_access *a, int a_count, const icn_access *b, int b_count) {
  for (int i = 0; i < a_count; i++) {
    for (int j = 0; j < b_count; j++) {
      const bool common_writes = a[i].sliced ? b[j].writes : a[i].writes;
      if (a[i].sliced != b[j].sliced && common_writes && icn_accesses_overlap(&a[i], &b[j])) return true;
    }
  }
  return false;
}

static bool in_slices(const icn_plan *plan, size_t step) { return step >= plan->sliced_begin && step < plan->sliced_end; }

static icn_status check_slices(const icn_plan *plan, size_t step, icn_error *error) {
  icn_access mine[ICN_OPERAND_COUNT], others[ICN_OPERAND_COUNT];
  const int count = icn_plan_accesses(plan, &plan->steps[step], mine);
  for (size_t t = plan->sliced_begin; t <= step; t++) {
    const int other_count = icn_plan_accesses(plan, &plan->steps[t], others);
    if (!lost_between_slices(mine, count, others, other_count)) continue;
    return icn_error_set(
        error, ICN_MISMATCH,
        "steps %zu (layer '%s') and %zu (layer '%s') run once for each slice of the batch, and one writes what is the other's "
        "in another slice",
        t, layer_of(plan, t), step, layer_of(plan, step));
  }
  return ICN_OK;
}

static icn_status check_step(const icn_plan *plan, size_t step, uint64_t *before, size_t words, icn_error *error) {
  icn_access mine[ICN_OPERAND_COUNT], others[ICN_OPERAND_COUNT];
  int count = icn_plan_accesses(plan, &plan->steps[step], mine);
  icn_status status = check_operands(plan, step, mine, count, error);
  if (status == ICN_OK && in_slices(plan, step)) status = check_slices(plan, step, error);
  if (status == ICN_OK) status = close_over(plan, step, before, words, error);
  for (size_t t = 0; t < step && status == ICN_OK; t++) {
    if ((before[step * words + t / 64] >> t % 64 & 1U) != 0) continue;
    int other_count = icn_plan_accesses(plan, &plan->steps[t], others);
    if (!icn_accesses_conflict(mine, count, others, other_count)) continue;
    status =
        icn_error_set(error, ICN_MISMATCH,
                      "steps %zu (layer '%s') and %zu (layer '%s') share bytes that one of them writes, and neither waits for the other", t,
                      layer_of(plan, t), step, layer_of(plan, step));
  }
  return status;
}

icn_status icn_plan_check(const icn_plan *plan, icn_error *error) {
  icn_status status = ICN_OK;
  size_t words = (plan->step_count + 63) / 64;
  if (plan->step_count == 0) return ICN_OK;
  uint64_t *before = icn_allocate_array(&plan->arena.allocator, plan->step_count, words * sizeof *before);
  if (before == NULL) return icn_error_memory(error, plan->step_count * words * sizeof *before, "the check of the plan");
  for (size_t s = 0; s < plan->step_count && status == ICN_OK; s++) status = check_step(plan, s, before, words, error);
  icn_release(&plan->arena.allocator, before);
  return status;
}
