/* Schedules: the same dependencies for every kind of queue. */
#include <string.h>

#include "lower.h"
#include "schedule.h"

static const char *const NAMES[] = {"default", "in-order", "out-of-order", "queues", "recorded"};

const char *icn_schedule_name(icn_schedule_kind kind) {
  return (unsigned)kind < sizeof NAMES / sizeof NAMES[0] ? NAMES[kind] : "unknown schedule";
}

icn_schedule_kind icn_schedule_default(void) { return ICN_SCHEDULE_IN_ORDER; }

/* What is known while commands are added one behind the other. A segment is the steps of one slice, or those before or behind all slices.
 */
typedef struct builder {
  const icn_plan *plan;
  icn_schedule *schedule;
  size_t segment_step, segment_command; /* where the segment begins */
  int *before;                          /* the commands that end the segment before this one */
  int before_count;
  bool *followed; /* by command: another one of its segment depends on it */
  int *wanted;    /* by wish: room for the commands that one depends on */
  int *ended;     /* by command and queue: the last command of that queue that has ended when this one ends, -1: none */
  int last[ICN_SCHEDULE_QUEUES_MAX];
  double busy[ICN_SCHEDULE_QUEUES_MAX]; /* expected seconds of all that is on the queue */
} builder;

static int *ended_at(const builder *b, int command) { return &b->ended[(size_t)command * ICN_SCHEDULE_QUEUES_MAX]; }

/* The commands that the next one depends on: of its own segment or, where there are none, those that end the segment before. */
static int find_wanted(builder *b, const icn_plan_step *step) {
  int count = 0;
  for (int d = 0; d < step->depend_count; d++) {
    if ((size_t)step->depends[d] < b->segment_step) continue;
    b->wanted[count] = (int)(b->segment_command + (size_t)step->depends[d] - b->segment_step);
    b->followed[b->wanted[count++]] = true;
  }
  if (count > 0) return count;
  for (; count < b->before_count; count++) b->wanted[count] = b->before[count];
  return count;
}

/* QUEUES: behind the latest command that it depends on and that is still the last of its queue, else where there is least to do. */
static int choose_queue(const builder *b, int wanted_count) {
  const icn_schedule *schedule = b->schedule;
  int best = -1, least = 0;
  for (int i = 0; i < wanted_count; i++) {
    const int queue = schedule->commands[b->wanted[i]].queue;
    if (b->last[queue] == b->wanted[i] && (best < 0 || b->last[queue] > b->last[best])) best = queue;
  }
  for (int q = 1; q < schedule->queue_count; q++) least = b->busy[q] < b->busy[least] ? q : least;
  return best >= 0 ? best : least;
}

/* Leaves those of wanted[] that nothing else makes sure of. `ended` is what the command's own queue makes sure of, and then what all of it
 * does. */
static int leave_needed(builder *b, int wanted_count, int *ended) {
  int count = 0;
  for (int i = 0; i < wanted_count; i++) { /* the latest first: it may wait for others */
    int latest = i;
    for (int k = i + 1; k < wanted_count; k++) latest = b->wanted[k] > b->wanted[latest] ? k : latest;
    const int command = b->wanted[latest];
    b->wanted[latest] = b->wanted[i];
    if (ended[b->schedule->commands[command].queue] >= command) continue;
    for (int q = 0; q < ICN_SCHEDULE_QUEUES_MAX; q++) ended[q] = ended_at(b, command)[q] > ended[q] ? ended_at(b, command)[q] : ended[q];
    b->wanted[count++] = command;
  }
  return count;
}

static int place_on_queue(builder *b, icn_command *command, int number, int wanted_count) {
  const icn_plan_layer *layer = &b->plan->layers[b->plan->steps[command->step].layer];
  int *ended = ended_at(b, number);
  command->queue = choose_queue(b, wanted_count);
  for (int q = 0; q < ICN_SCHEDULE_QUEUES_MAX; q++) ended[q] = b->last[command->queue] < 0 ? -1 : ended_at(b, b->last[command->queue])[q];
  ended[command->queue] = b->last[command->queue];
  const int count = leave_needed(b, wanted_count, ended);
  ended[command->queue] = b->last[command->queue] = number;
  b->busy[command->queue] += layer->choice.cost_seconds / layer->emit.launch_count;
  return count;
}

static icn_status add_command(builder *b, size_t step, int slice, icn_error *error) {
  icn_schedule *schedule = b->schedule;
  const int number = (int)schedule->count;
  icn_command *command = &schedule->commands[schedule->count++];
  *command = (icn_command){.step = (int)step, .slice = slice};
  int count = find_wanted(b, &b->plan->steps[step]);
  if (schedule->kind == ICN_SCHEDULE_IN_ORDER || schedule->kind == ICN_SCHEDULE_RECORDED) count = 0;
  if (schedule->kind == ICN_SCHEDULE_QUEUES) count = place_on_queue(b, command, number, count);
  if (count == 0) return ICN_OK;
  command->waits = icn_arena_array(&schedule->arena, (size_t)count, sizeof(int));
  if (command->waits == NULL) return icn_error_memory(error, (size_t)count * sizeof(int), "the schedule");
  memcpy(command->waits, b->wanted, (size_t)count * sizeof(int));
  command->wait_count = count;
  for (int i = 0; i < count; i++) schedule->commands[command->waits[i]].awaited = true;
  return ICN_OK;
}

static icn_status add_segment(builder *b, size_t begin, size_t end, int slice, icn_error *error) {
  icn_status status = ICN_OK;
  if (begin == end) return ICN_OK;
  b->segment_step = begin;
  b->segment_command = b->schedule->count;
  for (size_t s = begin; s < end; s++) ICN_TRY(add_command(b, s, slice, error));
  b->before_count = 0;
  for (size_t c = b->segment_command; c < b->schedule->count; c++) {
    if (!b->followed[c]) b->before[b->before_count++] = (int)c;
  }
done:
  return status;
}

static icn_status add_segments(builder *b, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_plan *plan = b->plan;
  ICN_TRY(add_segment(b, 0, plan->sliced_begin, 0, error));
  for (int slice = 0; slice < plan->slices && plan->sliced_begin < plan->sliced_end; slice++)
    ICN_TRY(add_segment(b, plan->sliced_begin, plan->sliced_end, slice, error));
  ICN_TRY(add_segment(b, plan->sliced_end, plan->step_count, 0, error));
done:
  return status;
}

static size_t command_count(const icn_plan *plan) {
  return plan->step_count + (plan->sliced_end - plan->sliced_begin) * (size_t)(plan->slices - 1);
}

static icn_status check_kind(const icn_plan *plan, icn_schedule_kind kind, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(kind >= ICN_SCHEDULE_IN_ORDER && kind <= ICN_SCHEDULE_RECORDED, ICN_ARGUMENT, "schedule %d is none", (int)kind);
  for (size_t s = 0; s < plan->step_count && kind != ICN_SCHEDULE_IN_ORDER; s++) {
    const icn_plan_layer *layer = &plan->layers[plan->steps[s].layer];
    ICN_REQUIRE(layer->emit.launch[plan->steps[s].launch].kind == ICN_LAUNCH_KERNEL, ICN_UNSUPPORTED,
                "layer '%s' calls a library (row '%s'), which runs in order only; the schedule asked for is '%s'", layer->name,
                layer->choice.row->name, NAMES[kind]);
  }
done:
  return status;
}

icn_status icn_schedule_make(const icn_plan *plan, icn_schedule_kind kind, const icn_allocator *allocator, icn_schedule *schedule,
                             icn_error *error) {
  icn_status status = ICN_OK;
  const size_t count = command_count(plan);
  builder b = {.plan = plan, .schedule = schedule};
  memset(schedule, 0, sizeof *schedule);
  icn_arena_init(&schedule->arena, allocator);
  ICN_TRY(check_kind(plan, kind, error));
  schedule->kind = kind;
  schedule->queue_count = kind == ICN_SCHEDULE_QUEUES ? ICN_SCHEDULE_QUEUES_MAX : 1;
  for (int q = 0; q < ICN_SCHEDULE_QUEUES_MAX; q++) b.last[q] = -1;
  if (count == 0) goto done;
  schedule->commands = icn_arena_array(&schedule->arena, count, sizeof *schedule->commands);
  b.before = icn_allocate_array(allocator, count, sizeof *b.before);
  b.followed = icn_allocate_array(allocator, count, sizeof *b.followed);
  b.wanted = icn_allocate_array(allocator, count, sizeof *b.wanted);
  b.ended = icn_allocate_array(allocator, count, ICN_SCHEDULE_QUEUES_MAX * sizeof *b.ended);
  ICN_REQUIRE(schedule->commands != NULL && b.before != NULL && b.followed != NULL && b.wanted != NULL && b.ended != NULL, ICN_NO_MEMORY,
              "out of memory: %zu bytes for the schedule", count * (sizeof *schedule->commands + ICN_SCHEDULE_QUEUES_MAX * sizeof(int)));
  ICN_TRY(add_segments(&b, error));
done:
  memcpy(schedule->ends, b.last, sizeof schedule->ends);
  icn_release(allocator, b.before);
  icn_release(allocator, b.followed);
  icn_release(allocator, b.wanted);
  icn_release(allocator, b.ended);
  if (status != ICN_OK) icn_schedule_fini(schedule);
  return status;
}

void icn_schedule_fini(icn_schedule *schedule) {
  icn_arena_fini(&schedule->arena);
  schedule->commands = NULL;
  schedule->count = 0;
}

/* ------------------------------------------------------------------- proof */

/* Marks in before[c] every command that has ended when `c` begins. */
static icn_status close_over(const icn_schedule *schedule, size_t c, uint64_t *before, size_t words, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_command *command = &schedule->commands[c];
  const bool ordered = schedule->kind != ICN_SCHEDULE_OUT_OF_ORDER;
  ICN_REQUIRE(command->queue >= 0 && command->queue < schedule->queue_count, ICN_MISMATCH, "command %zu is on queue %d of %d", c,
              command->queue, schedule->queue_count);
  for (size_t p = 0; p < c; p++) {
    bool waits = ordered && schedule->commands[p].queue == command->queue;
    for (int w = 0; w < command->wait_count && !waits; w++) waits = command->waits[w] == (int)p;
    if (!waits) continue;
    before[c * words + p / 64] |= (uint64_t)1 << p % 64;
    for (size_t w = 0; w < words; w++) before[c * words + w] |= before[p * words + w];
  }
done:
  return status;
}

/* 0: before all slices, then the slices, then behind them. */
static int segment_of(const icn_plan *plan, const icn_command *command) {
  if ((size_t)command->step < plan->sliced_begin) return 0;
  return (size_t)command->step < plan->sliced_end ? 1 + command->slice : 1 + plan->slices;
}

static icn_status check_command(const icn_plan *plan, const icn_schedule *schedule, size_t c, const uint64_t *before, icn_error *error) {
  icn_access mine[ICN_OPERAND_COUNT], others[ICN_OPERAND_COUNT];
  const icn_plan_step *step = &plan->steps[schedule->commands[c].step];
  const int count = icn_plan_accesses(plan, step, mine);
  for (size_t p = 0; p < c; p++) {
    if ((before[p / 64] >> p % 64 & 1U) != 0) continue;
    const icn_plan_step *other = &plan->steps[schedule->commands[p].step];
    const int other_count = icn_plan_accesses(plan, other, others);
    const bool same = segment_of(plan, &schedule->commands[p]) == segment_of(plan, &schedule->commands[c]);
    if (same && !icn_accesses_conflict(mine, count, others, other_count)) continue;
    return icn_error_set(error, ICN_MISMATCH, "commands %zu (layer '%s') and %zu (layer '%s') may run at once, %s", p,
                         plan->layers[other->layer].name, c, plan->layers[step->layer].name,
                         same ? "but share bytes that one of them writes" : "but belong to different slices of the batch");
  }
  return ICN_OK;
}

/* Every step once for each of its slices, in the order of the steps within a segment. */
static icn_status check_complete(const icn_plan *plan, const icn_schedule *schedule, icn_error *error) {
  icn_status status = ICN_OK;
  ICN_REQUIRE(schedule->count == command_count(plan), ICN_MISMATCH, "the schedule has %zu commands, the plan needs %zu", schedule->count,
              command_count(plan));
  for (size_t c = 0; c < schedule->count; c++) {
    const icn_command *command = &schedule->commands[c];
    const size_t sliced = plan->sliced_end - plan->sliced_begin, inside = c - plan->sliced_begin;
    size_t step = c, slice = 0;
    if (c >= plan->sliced_begin && sliced > 0 && inside < sliced * (size_t)plan->slices) {
      step = plan->sliced_begin + inside % sliced;
      slice = inside / sliced;
    } else if (c >= plan->sliced_begin) {
      step = c - sliced * (size_t)(plan->slices - 1);
    }
    ICN_REQUIRE(command->step == (int)step && command->slice == (int)slice, ICN_MISMATCH,
                "command %zu is step %d of slice %d, expected step %zu of slice %zu", c, command->step, command->slice, step, slice);
  }
done:
  return status;
}

icn_status icn_schedule_check(const icn_plan *plan, const icn_schedule *schedule, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_allocator *allocator = &schedule->arena.allocator;
  const size_t words = (schedule->count + 63) / 64;
  uint64_t *before = NULL;
  ICN_TRY(check_complete(plan, schedule, error));
  if (schedule->count == 0) goto done;
  before = icn_allocate_array(allocator, schedule->count, words * sizeof *before);
  if (before == NULL) ICN_TRY(icn_error_memory(error, schedule->count * words * sizeof *before, "the check of the schedule"));
  for (size_t c = 0; c < schedule->count; c++) {
    ICN_TRY(close_over(schedule, c, before, words, error));
    ICN_TRY(check_command(plan, schedule, c, &before[c * words], error));
  }
done:
  icn_release(allocator, before);
  return status;
}
