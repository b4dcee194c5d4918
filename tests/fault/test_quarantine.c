/* The quarantine under a driver that crashes and hangs: for each kernel that a small network chooses in turn the next start gives the right
 * answer, and one sentence says why. Crashes and hangs happen in a process of their own: this program again, as
 * "test_fault_quarantine child CACHE". */
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/vetting_stage.h"
#include "os.h"
#include "vetting.h"

extern char **environ;

enum { PATIENCE_SECONDS = 120, MOST_STARTS = 6 };
static const char *own_path;

/* ------------------------------------------------------------- a child's life */

typedef struct child {
  pid_t process;
  int output;
  char said[VETTING_SAID];
  size_t length;
} child;

/* The program itself, under settings "FAKE_CRASH=pool" (NULL: none). */
static child begin_child(const char *setting) {
  child c;
  int ends[2];
  posix_spawn_file_actions_t actions;
  char *arguments[] = {(char *)(uintptr_t)own_path, (char *)(uintptr_t) "child", (char *)(uintptr_t)vetting_cache(), NULL};
  char *environment[512];
  size_t count = 0;
  memset(&c, 0, sizeof c);
  for (char **variable = environ; *variable != NULL && count < 510; variable++)
    if (strncmp(*variable, "FAKE_", 5) != 0) environment[count++] = *variable;
  if (setting != NULL) environment[count++] = (char *)(uintptr_t)setting;
  environment[count] = NULL;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
  assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
  assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 2), 0);
  assert_int_equal(posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
  assert_int_equal(posix_spawn(&c.process, own_path, &actions, NULL, arguments, environment), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  c.output = ends[0];
  return c;
}

/* Until the child says `words` (NULL: until it ends); false when it ends without. */
static bool listen_to(child *c, const char *words) {
  for (;;) {
    struct pollfd more = {.fd = c->output, .events = POLLIN};
    if (words != NULL && strstr(c->said, words) != NULL) return true;
    if (poll(&more, 1, PATIENCE_SECONDS * 1000) != 1) {
      (void)kill(c->process, SIGKILL);
      fail_msg("nothing was said for %d seconds, after: %s", PATIENCE_SECONDS, c->said);
    }
    const ssize_t got = read(c->output, c->said + c->length, VETTING_SAID - 1 - c->length);
    if (got <= 0) return false;
    c->length += (size_t)got;
    c->said[c->length] = '\0';
  }
}

/* Its exit code, 1000 and the signal that ended it. */
static int end_child(child *c) {
  int status = 0;
  (void)listen_to(c, NULL);
  assert_int_equal(waitpid(c->process, &status, 0), c->process);
  close(c->output);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* One that hangs is ended by force. */
static int run_child(const char *setting, child *c) {
  *c = begin_child(setting);
  if (setting != NULL && strncmp(setting, "FAKE_HANG", 9) == 0 && listen_to(c, "never ends"))
    assert_int_equal(kill(c->process, SIGKILL), 0);
  return end_child(c);
}

static size_t count_words(const char *text, const char *words) {
  size_t count = 0;
  for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words)) count++;
  return count;
}

/* The starts after a crash, with the driver as it was. A row that has the same kernel function may come next and crash, too; then the
 * result is right, with a sentence for each row that is left out, or, where no row is left, there is one on that. */
static bool assert_recovers(const char *setting) {
  child c;
  int code = run_child(setting, &c);
  for (int start = 1; code >= 1000; start++) {
    if (start == MOST_STARTS) fail_msg("%s, start %d: code %d: %s", setting, start, code, c.said);
    assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
    code = run_child(setting, &c);
  }
  const size_t out = vetting_lines(ICN_KERNEL_CRASHED) + vetting_lines(ICN_KERNEL_CRASHED_TWICE);
  if (code > 1) fail_msg("%s, the next start: code %d: %s", setting, code, c.said);
  if (code == 1 && strstr(c.said, "no other kernel row takes its place") == NULL) fail_msg("%s: %s", setting, c.said);
  if (out == 0 || count_words(c.said, "a process ended while it was run for the first time") != out) fail_msg("%s: %s", setting, c.said);
  if (count_words(c.said, "warning: ") != out - (size_t)code) fail_msg("%s: %s", setting, c.said);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
  return code == 0;
}

/* Each kernel of the network in turn. */
static void assert_survived(const char *how) {
  size_t survived = 0, alone = 0;
  for (size_t k = 0; k < chosen_count; k++) {
    char setting[100];
    child c;
    vetting_fresh_cache();
    snprintf(setting, sizeof setting, "%s=%s", how, chosen_kernels[k].kernel);
    const int code = run_child(setting, &c);
    if (code < 1000) fail_msg("%s: code %d: %s", setting, code, c.said);
    assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
    const bool recovers = assert_recovers(setting);
    survived += recovers;
    alone += !recovers;
    assert_true(vetting_lines(ICN_KERNEL_CRASHED) >= 1);
    print_message("%s: %zu rows are left out\n", setting, vetting_lines(ICN_KERNEL_CRASHED));
  }
  print_message("%zu survived, %zu have no other row\n", survived, alone);
  assert_true(survived >= 3);
}

static void every_crash_is_survived(void **state) {
  (void)play_begin(state);
  assert_survived("FAKE_CRASH");
}

static void every_hang_is_survived(void **state) {
  (void)play_begin(state);
  assert_survived("FAKE_HANG");
}

/* The first kernel whose row another one can replace. */
static const chosen *replaceable(play_stage *stage) {
  const play_scenario scenario = vetting_scenario();
  for (size_t k = 0; k < chosen_count; k++) {
    char setting[100];
    icn_error error;
    bool right = false;
    vetting_fresh_cache();
    snprintf(setting, sizeof setting, "%s:all", chosen_kernels[k].kernel);
    stage->driver->set("wrong", setting);
    const icn_status status = play(stage, &scenario, &right, &error);
    stage->driver->reset();
    if (status == ICN_OK && stage->warning_count == 1) return &chosen_kernels[k];
  }
  fail_msg("no kernel's row can be replaced");
  return NULL;
}

/* Somebody may have lost patience with a compiler: twice at the same kernel is a crash. */
static void a_compiler_that_crashes_twice(void **state) {
  static const char setting[] = "FAKE_CRASH_BUILD=conv_tile";
  child c;
  (void)play_begin(state);
  vetting_fresh_cache();
  for (int n = 0; n < 2; n++) {
    const int code = run_child(setting, &c);
    if (code != 1000 + SIGABRT) fail_msg("%s, start %d: code %d: %s", setting, n, code, c.said);
    assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
    assert_int_equal(vetting_lines(ICN_KERNEL_STOPPED), (size_t)n);
  }
  assert_true(assert_recovers(setting));
  assert_true(vetting_lines(ICN_KERNEL_CRASHED) >= 1);
  vetting_fresh_cache(); /* once, and then well: forgotten */
  assert_int_equal(run_child(setting, &c), 1000 + SIGABRT);
  assert_int_equal(run_child(NULL, &c), 0);
  assert_int_equal(count_words(c.said, "warning: "), 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_STOPPED) + vetting_lines(ICN_KERNEL_RUNNING) + vetting_lines(ICN_KERNEL_CRASHED), 0);
}

static void change_dates(icn_kernel_state from, const char *date) {
  icn_kernel_log log = vetting_read_log();
  for (size_t i = 0; i < log.count; i++)
    if (log.entries[i].state == from) log.entries[i].date = date;
  vetting_write_log(&log);
  icn_kernel_log_fini(&log);
}

/* A day later the row gets another chance: if it is well, all is forgotten; if it crashes again, it is out until the driver changes. */
static void two_strikes_last_until_the_driver_changes(void **state) {
  play_stage *stage = play_begin(state);
  const chosen *kernel = replaceable(stage);
  char setting[100];
  child c;
  vetting_fresh_cache();
  snprintf(setting, sizeof setting, "FAKE_CRASH=%s", kernel->kernel);
  assert_int_equal(run_child(setting, &c), 1000 + SIGABRT);
  assert_true(assert_recovers(setting));
  assert_true(assert_recovers(setting)); /* still out */
  change_dates(ICN_KERNEL_CRASHED, "2026-01-01T00:00:00Z");
  assert_int_equal(run_child(setting, &c), 1000 + SIGABRT);
  assert_true(assert_recovers(setting));
  assert_int_equal(vetting_lines(ICN_KERNEL_CRASHED_TWICE), 1);
  assert_int_equal(vetting_lines(ICN_KERNEL_CRASHED), 0);
  change_dates(ICN_KERNEL_CRASHED_TWICE, "2026-01-01T00:00:00Z");
  assert_true(assert_recovers(setting));
  assert_int_equal(run_child("FAKE_DRIVER=another", &c), 0);
  assert_int_equal(count_words(c.said, "warning: "), 0);
  vetting_fresh_cache();
  assert_int_equal(run_child(setting, &c), 1000 + SIGABRT);
  assert_true(assert_recovers(setting));
  change_dates(ICN_KERNEL_CRASHED, "2026-01-01T00:00:00Z");
  assert_int_equal(run_child(NULL, &c), 0);
  assert_int_equal(count_words(c.said, "warning: "), 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_CRASHED) + vetting_lines(ICN_KERNEL_CRASHED_TWICE), 0);
}

/* While a test hangs, another process goes on without a word: the owner of the marker is alive. */
static void a_live_marker_is_ignored(void **state) {
  play_stage *stage = play_begin(state);
  const chosen *kernel = replaceable(stage);
  char setting[100];
  static child other;
  vetting_fresh_cache();
  snprintf(setting, sizeof setting, "FAKE_HANG=%s", kernel->kernel);
  child c = begin_child(setting);
  if (!listen_to(&c, "never ends")) fail_msg("%s: %s", setting, c.said);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
  const int code = run_child(NULL, &other);
  if (code != 0 || count_words(other.said, "warning: ") != 0) fail_msg("code %d: %s", code, other.said);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
  assert_int_equal(kill(c.process, SIGKILL), 0);
  assert_int_equal(end_child(&c), 1000 + SIGKILL);
  assert_int_equal(run_child(NULL, &other), 0); /* the marker counts now */
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
  assert_int_equal(vetting_lines(ICN_KERNEL_CRASHED), 1);
}

/* A folder may serve several machines (a cluster's home folders) or containers: while another one's process may be at its first start, its
 * marker is no crash. */
static void another_machines_marker_has_an_hour(void **state) {
  static child c;
  char now[32], setting[100];
  const char *const OTHER = "77.88.00000000-0000-0000-0000-000000000000.00000000";
  play_stage *stage = play_begin(state);
  snprintf(setting, sizeof setting, "FAKE_CRASH=%s", replaceable(stage)->kernel);
  vetting_fresh_cache();
  assert_int_equal(run_child(setting, &c), 1000 + SIGABRT);
  assert_true(icn_os_process_is_elsewhere(OTHER));
  icn_os_date(now);
  icn_kernel_log log = vetting_read_log();
  for (size_t i = 0; i < log.count; i++)
    if (log.entries[i].state == ICN_KERNEL_RUNNING) log.entries[i].process = OTHER;
  vetting_write_log(&log);
  icn_kernel_log_fini(&log);
  change_dates(ICN_KERNEL_RUNNING, now);
  assert_int_equal(run_child(NULL, &c), 0);
  if (count_words(c.said, "warning: ") != 0) fail_msg("%s", c.said);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
  change_dates(ICN_KERNEL_RUNNING, "2026-01-01T00:00:00Z");
  assert_int_equal(run_child(NULL, &c), 0);
  assert_int_equal(count_words(c.said, "a process ended while it was run for the first time"), 1);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
}

static void two_at_once_do_not_mind_each_other(void **state) {
  (void)play_begin(state);
  for (int n = 0; n < 3; n++) {
    vetting_fresh_cache();
    child a = begin_child(NULL), b = begin_child(NULL);
    const int code_a = end_child(&a), code_b = end_child(&b);
    if (code_a != 0 || code_b != 0) fail_msg("codes %d and %d: %s\n%s", code_a, code_b, a.said, b.said);
    assert_int_equal(count_words(a.said, "warning: ") + count_words(b.said, "warning: "), 0);
    assert_true(vetting_lines(ICN_KERNEL_RIGHT) >= 5);
    assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING) + vetting_lines(ICN_KERNEL_STOPPED) + vetting_lines(ICN_KERNEL_CRASHED), 0);
  }
}

/* Executors made on two threads: neither takes the other's marker away, or the wrong row would be struck. */
static void mark_twice(play_stage *stage, const icn_executor *made) {
  icn_executor *executor = (icn_executor *)(uintptr_t)made;
  icn_vetting vettings[2];
  const char *refused = NULL;
  icn_error error;
  (void)stage;
  for (int n = 0; n < 2; n++) {
    assert_int_equal(icn_vetting_begin(&vettings[n], executor, ICN_SELF_TEST_ALWAYS, &error), ICN_OK);
    assert_int_equal(icn_vetting_plan(&vettings[n], &refused, &error), ICN_OK);
    icn_vetting_enter(&vettings[n], n == 0 ? 0 : executor->plan.layer_count - 1);
    assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), (size_t)n + 1);
  }
  icn_vetting_end(&vettings[0]);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 1);
  icn_vetting_end(&vettings[1]);
  assert_int_equal(vetting_lines(ICN_KERNEL_RUNNING), 0);
}

static void threads_have_markers_of_their_own(void **state) {
  play_stage *stage = play_begin(state);
  play_scenario s = vetting_scenario();
  icn_error error;
  bool right = false;
  vetting_fresh_cache();
  s.with_executor = mark_twice;
  assert_int_equal(vetting_play(stage, &s, &right, &error), ICN_OK);
}

/* ------------------------------------------------------------------- the tool */

static void assert_tool(const char *settings, const char *arguments, int code, const char *words) {
  static char said[VETTING_SAID];
  const int got = vetting_tool(settings, arguments, said);
  if (got != code) fail_msg("%s %s: code %d: %s", settings, arguments, got, said);
  if (words != NULL && strstr(said, words) == NULL) fail_msg("%s %s: '%s' is not said: %s", settings, arguments, words, said);
}

#define MODEL "builtin:inception_v3:input=75,classes=10"

static void the_tool_lists_and_clears(void **state) {
  (void)play_begin(state);
  if (getenv("ICN_TOOL") == NULL) skip();
  vetting_fresh_cache();
  assert_tool("", "quarantine list", 0, "no kernel row is in quarantine");
  assert_tool("FAKE_WRONG=softmax", "selftest " MODEL, 1, "the first: layer 'probabilities' on row softmax");
  assert_tool("", "quarantine list", 0, "computes wrongly: not used");
  assert_tool("", "quarantine list --json", 0, "\"state\":\t\"wrong\"");
  assert_tool("", "quarantine clear conv_gpu", 0, "0 entries cleared");
  assert_tool("", "quarantine clear", 0, "1 entry cleared");
  assert_tool("", "quarantine list", 0, "no kernel row is in quarantine");
  assert_tool("FAKE_CRASH=softmax", "selftest " MODEL, 128 + SIGABRT, NULL);
  assert_tool("", "quarantine list", 0, "counts against it at the next start");
  assert_tool("", "quarantine clear", 0, "1 entry cleared");
  assert_tool("", "quarantine", 2, "expected list or clear");
  assert_tool("", "quarantine list clear", 2, "is too much");
  assert_tool("", "quarantine clear --json", 2, "--json is for list");
}

/* ----------------------------------------------------------------- the child */

/* Plays once and says how it went. */
static int be_a_child(const char *cache) {
  void *state = NULL;
  play_scenario s = vetting_scenario();
  bool right = false;
  icn_error error;
  s.cache = cache;
  if (play_set_up(&state) != 0) return 3;
  play_stage *stage = state;
  icn_error_clear(&error);
  const icn_status status = play(stage, &s, &right, &error);
  for (size_t i = 0; i < stage->warning_count; i++) printf("warning: %s\n", stage->warnings[i]);
  if (status != ICN_OK) printf("error: %s\n", error.message);
  if (stage->host_blocks != 0 || stage->driver->alive != 0) {
    printf("%zu host blocks and %ld objects leaked\n", stage->host_blocks, stage->driver->alive);
    return 4;
  }
  (void)play_tear_down(&state);
  return status != ICN_OK ? 1 : right ? 0 : 5;
}

int main(int argc, char **argv) {
  own_path = argv[0];
  if (argc == 3 && strcmp(argv[1], "child") == 0) return be_a_child(argv[2]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_crash_is_survived),
      cmocka_unit_test(every_hang_is_survived),
      cmocka_unit_test(a_compiler_that_crashes_twice),
      cmocka_unit_test(two_strikes_last_until_the_driver_changes),
      cmocka_unit_test(a_live_marker_is_ignored),
      cmocka_unit_test(two_at_once_do_not_mind_each_other),
      cmocka_unit_test(another_machines_marker_has_an_hour),
      cmocka_unit_test(threads_have_markers_of_their_own),
      cmocka_unit_test(the_tool_lists_and_clears),
  };
  return cmocka_run_group_tests_name("quarantine", tests, vetting_set_up, vetting_tear_down);
}
