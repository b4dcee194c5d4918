/* clinception evaluate: how often models are right on pictures with labels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "evaluate.h"
#include "os.h"
#include "terminal.h"

/* ------------------------------------------------------------------ checks */

/* "1,5" into rising numbers. */
static int read_tops(eval_options *o) {
  const char *at = o->tops_text == NULL ? "1,5" : o->tops_text;
  for (o->top_count = 0; o->top_count < EVAL_MOST_TOPS;) {
    const size_t digits = strspn(at, "0123456789");
    const long value = digits > 0 && digits < 7 ? atol(at) : 0;
    if (value < 1 || (o->top_count > 0 && value <= o->tops[o->top_count - 1])) break;
    o->tops[o->top_count++] = (int)value;
    if (at[digits] == '\0') return TOOL_OK;
    if (at[digits] != ',') break;
    at += digits + 1;
  }
  return tool_usage("evaluate: option --top expects up to %d rising numbers apart by commas, such as 1,5, got '%s'", EVAL_MOST_TOPS,
                    o->tops_text);
}

static int check_options(eval_options *o, const text_list *models) {
  int code = crops_check("evaluate", o->crops);
  if (models->count == 0) return tool_usage("evaluate: which model? expected MODEL... --data DIR|LIST|IDX");
  if (o->data.data == NULL) return tool_usage("evaluate: which pictures? expected --data DIR|LIST|IDX");
  if (!icn_os_exists(o->data.data)) return tool_fail("there is no file or folder '%s'", o->data.data); /* before models take their time */
  if (o->resume && o->json_path == NULL && o->results_path == NULL)
    return tool_usage("evaluate: --resume needs to know where results are: --results FILE, or --json FILE, beside which they lie");
  if (code == TOOL_OK) code = scores_read("evaluate", o->scores_name, &o->scores);
  return code == TOOL_OK ? read_tops(o) : code;
}

/* With a label for the background class, too: it goes with the class. */
static int fit_labels(evaluation *e) {
  if (e->o.labels_path == NULL) return TOOL_OK;
  if (e->models[0].skipped > 0 && e->l.lines.count == e->classes + 1) {
    memmove(e->l.lines.items, e->l.lines.items + 1, e->classes * sizeof *e->l.lines.items);
    e->l.lines.count--;
  }
  return labels_check(&e->l, e->o.labels_path, e->classes);
}

static int check_data(evaluation *e) {
  const dataset *d = &e->data;
  if (d->kind == DATASET_FOLDERS && !d->folders_are_numbers && e->l.lines.count == 0 && d->folder_count != e->classes)
    return tool_fail(
        "'%s' has %zu class folders, but the models have %zu classes: --labels FILE with the models' classes, of which some are the "
        "folders' "
        "names, says which is which",
        d->path, d->folder_count, e->classes);
  for (size_t i = 0; i < d->count; i++)
    if (d->pictures[i].label >= 0 && (size_t)d->pictures[i].label >= e->classes)
      return tool_fail("picture '%s' is of class %d, but the models have %zu, 0 to %zu (--label-offset shifts the data's numbers)",
                       d->pictures[i].name, d->pictures[i].label, e->classes, e->classes - 1);
  size_t kept = 0; /* --top 1,5 where there are five classes or fewer says nothing about five */
  for (size_t t = 0; t < e->o.top_count; t++) {
    if ((size_t)e->o.tops[t] < e->classes || (t == 0 && e->o.tops[t] == 1))
      e->o.tops[kept++] = e->o.tops[t];
    else if (e->o.tops_text != NULL)
      return tool_usage("evaluate: --top %d: the models have only %zu classes", e->o.tops[t], e->classes);
  }
  e->o.top_count = kept;
  return TOOL_OK;
}

/* --------------------------------------------------------------------- run */

/* What the summed probabilities of a picture say. A NaN is less than everything. */
static int conclude(evaluation *e, size_t picture, const double *sums) {
  const size_t right = (size_t)e->data.pictures[picture].label;
  const double scale = 1.0 / (double)((size_t)e->o.crops * e->model_count), own = sums[right];
  size_t best = 0, rank = 1;
  for (size_t c = 0; c < e->classes; c++) {
    if (!isfinite(sums[c]))
      return tool_fail(
          "'%s': the models give class %zu a score that is no number: wrong weights, or kernels that are wrong here "
          "('clinception check' looks at each layer)",
          e->data.pictures[picture].name, c);
    if (sums[c] > sums[best]) best = c;
    rank += c != right && (sums[c] > own || (sums[c] == own && c < right));
  }
  e->records[picture] = (eval_record){true, (int)best, (int)rank, (float)(sums[best] * scale), (float)(own * scale)};
  eval_results_add(e, picture);
  return TOOL_OK;
}

/* One batch of rows: every model, then the pictures that end in it. */
static int run_rows(evaluation *e, int buffer, size_t first, size_t count, double *sums) {
  const size_t crops = (size_t)e->o.crops;
  for (size_t i = 0; i < e->model_count; i++) {
    const int code = eval_run_model(&e->models[i], buffer, count);
    if (code != TOOL_OK) return code;
  }
  for (size_t k = 0; k < count; k++) {
    const size_t row = first + k, picture = e->pending[row / crops];
    if (row % crops == 0) memset(sums, 0, e->classes * sizeof *sums);
    for (size_t i = 0; i < e->model_count; i++) eval_add_row(&e->models[i], k, e->classes, sums);
    const bool complete = row % crops == crops - 1 && e->problems[picture] == NULL;
    const int code = complete ? conclude(e, picture, sums) : TOOL_OK;
    if (code != TOOL_OK) return code;
  }
  return eval_results_flush(e);
}

static void nothing(const char *signal_name, bool crashed) { (void)signal_name, (void)crashed; }

static int interrupted(const evaluation *e, size_t done) {
  if (e->results == NULL)
    return tool_fail("interrupted after %zu of %zu pictures; --results FILE or --json FILE would have kept them", done, e->pending_count);
  return tool_fail("interrupted after %zu of %zu pictures: the same command with --resume goes on", done, e->pending_count);
}

static int run_pictures(evaluation *e, eval_ahead *ahead) {
  const size_t total = e->pending_count * (size_t)e->o.crops;
  const double began = icn_os_seconds();
  double *sums = tool_allocate(e->classes, sizeof *sums);
  int code = TOOL_OK, buffer = 0;
  eval_ahead_start(ahead, buffer, 0, e->rows < total ? e->rows : total);
  for (size_t first = 0; first < total && code == TOOL_OK; first += e->rows, buffer ^= 1) {
    const size_t count = e->rows < total - first ? e->rows : total - first, next = first + count;
    code = eval_ahead_wait(ahead);
    if (code != TOOL_OK) break;
    eval_ahead_start(ahead, buffer ^ 1, next, e->rows < total - next ? e->rows : total - next);
    code = run_rows(e, buffer, first, count, sums);
    e->seconds = icn_os_seconds() - began;
    if (code == TOOL_OK && next < total)
      progress_show_part("pictures evaluated", (double)next / (double)total, e->seconds / (double)next * (double)(total - next));
    if (code == TOOL_OK && terminal_interrupted() && next < total) code = interrupted(e, next / (size_t)e->o.crops);
  }
  progress_clear();
  free(sums);
  return code;
}

static int run_pending(evaluation *e) {
  e->pending = tool_allocate(e->data.count, sizeof *e->pending);
  for (size_t i = 0; i < e->data.count; i++)
    if (e->data.pictures[i].label >= 0 && !e->records[i].done) e->pending[e->pending_count++] = i;
  if (e->pending_count == 0) return TOOL_OK;
  eval_ahead *ahead = eval_ahead_open(e);
  terminal_catch_signals(nothing);
  const int code = run_pictures(e, ahead);
  eval_ahead_close(ahead);
  return code;
}

/* ------------------------------------------------------------------ report */

static void warn_of_unreadable(const evaluation *e) {
  for (size_t i = 0; i < e->data.count; i++)
    if (e->problems[i] != NULL) fprintf(stderr, "clinception: warning: %s; the picture does not count\n", e->problems[i]);
}

static int report(evaluation *e) {
  eval_figures f;
  eval_figures_make(e, &f);
  warn_of_unreadable(e);
  int code = f.pictures > 0 ? TOOL_OK : tool_fail("none of the %zu pictures of '%s' is readable", e->pending_count, e->data.path);
  if (code == TOOL_OK) eval_print(e, &f);
  if (code == TOOL_OK && e->o.confusion_path != NULL) code = eval_write_confusion(e, &f, e->o.confusion_path);
  if (code == TOOL_OK && e->o.json_path != NULL) code = eval_write_json(e, &f, e->o.json_path);
  if (code == TOOL_OK) code = eval_results_finish(e);
  eval_figures_fini(&f);
  return code;
}

static int evaluate(evaluation *e, const text_list *models) {
  icn_preprocess recipe;
  icn_recipe_origin origin;
  int code = check_options(&e->o, models);
  if (code == TOOL_OK) code = recipe_make("evaluate", &e->o.recipe, NULL, &recipe, &origin);
  if (code == TOOL_OK && e->o.labels_path != NULL) code = labels_load(e->o.labels_path, &e->l);
  if (code != TOOL_OK) return code;
  e->rows = e->o.session.batch > 0 ? (size_t)e->o.session.batch : e->o.crops == 1 ? 8 : (size_t)crops_batch(e->o.crops);
  code = session_open(&e->s, "evaluate", &e->o.session);
  if (code == TOOL_OK && e->s.device_count != 1) code = tool_usage("evaluate: --device all: expected one device");
  if (code == TOOL_OK) code = eval_load_models(e, models);
  if (code == TOOL_OK) code = eval_prepare_models(e);
  if (code == TOOL_OK) code = fit_labels(e);
  if (code == TOOL_OK) code = dataset_open(&e->o.data, &e->l, &e->data);
  if (code == TOOL_OK) code = check_data(e);
  if (code != TOOL_OK) return code;
  e->records = tool_allocate(e->data.count, sizeof *e->records);
  e->problems = tool_allocate(e->data.count, sizeof *e->problems);
  code = eval_results_open(e);
  if (code == TOOL_OK) code = run_pending(e);
  return code == TOOL_OK ? report(e) : code;
}

static void evaluation_fini(evaluation *e) {
  for (size_t i = 0; e->problems != NULL && i < e->data.count; i++) free(e->problems[i]);
  if (e->results != NULL) fclose(e->results);
  free(e->problems);
  free(e->records);
  free(e->pending);
  free(e->results_path);
  free(e->header);
  eval_models_fini(e);
  dataset_fini(&e->data);
  labels_fini(&e->l);
  session_close(&e->s);
  text_list_fini(&e->o.session.shapes);
}

static int run(int argc, char **argv) {
  evaluation e = {.o = {.recipe = recipe_options_none(), .crops = 1, .threads = 2, .mistakes = 10}};
  eval_options *o = &e.o;
  const option options[] = {
      DATASET_OPTIONS(o->data),
      {"labels", "FILE", OPTION_TEXT, &o->labels_path, 0, 0,
       "the names of the classes, one a line; class folders and lists may then use them in any order"},
      CROPS_OPTION(o->crops),
      {"top", "K,K", OPTION_TEXT, &o->tops_text, 0, 0, "count a picture as right when its class is among the K best; default 1,5"},
      {"background", NULL, OPTION_FLAG, &o->background, 0, 0,
       "the first class of the models is 'background' (1001 classes for 1000, as TF-slim has them) and left out; of several models only "
       "that of those with the most classes"},
      SCORES_OPTION(o->scores_name),
      {"json", "FILE", OPTION_TEXT, &o->json_path, 0, 0,
       "write everything to FILE; until the run has ended its results lie in FILE.results"},
      {"confusion", "FILE.svg", OPTION_TEXT, &o->confusion_path, 0, 0, "draw the confusion matrix as SVG"},
      {"mistakes", "N", OPTION_INTEGER, &o->mistakes, 0, 1000000, "show the N most confident mistakes with their files; default 10"},
      {"all-classes", NULL, OPTION_FLAG, &o->all_classes, 0, 0, "show every class, not the worst 20"},
      {"results", "FILE", OPTION_TEXT, &o->results_path, 0, 0, "keep what came of each picture in FILE, written after each batch"},
      {"resume", NULL, OPTION_FLAG, &o->resume, 0, 0, "go on where an interrupted run of this very command stopped"},
      {"threads", "N", OPTION_INTEGER, &o->threads, 1, 256, "decode pictures ahead on N threads; default 2"},
      RECIPE_OPTIONS(o->recipe),
      SESSION_DEVICE_OPTION(o->session),
      {"batch", "N", OPTION_INTEGER, &o->session.batch, 1, 65536,
       "how many crops go through a model at a time, where it leaves that open; default 8; with 5 or 10 crops these, with 12 or 144 a "
       "dozen"},
      SESSION_SELF_TEST_OPTION(o->session),
      SESSION_CORES_OPTION(o->session),
      SESSION_MEMORY_OPTION(o->session),
      SESSION_MODEL_OPTIONS(o->session),
  };
  text_list models = {0};
  int code = options_parse(&command_evaluate, options, sizeof options / sizeof options[0], argc, argv, &models);
  if (code == TOOL_OK) code = evaluate(&e, &models);
  evaluation_fini(&e);
  text_list_fini(&models);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_evaluate = {
    "evaluate",
    "MODEL... --data DIR|LIST|IDX [--crops N] [--top 1,5] [--json FILE] [--resume] [options]",
    "measures how often models are right on pictures with labels",
    "Runs every picture through the models and prints the top-1 and top-5 error with 95 % intervals (Wilson's), a table of the classes, "
    "and "
    "the most confident mistakes with their files. Several models are an ensemble: the mean of their probabilities counts, each with its "
    "own "
    "recipe unless options say otherwise. Pictures that cannot be read are named and do not count. After an interruption the same command "
    "with --resume "
    "loses at most a batch.",
    "  clinception evaluate inception_v3.onnx --data photos/ --labels imagenet.txt\n"
    "  clinception evaluate googlenet.onnx --data val.txt --crops 144 --leave-out blacklist.txt --json g.json --resume\n"
    "  clinception evaluate a.onnx b.onnx --data t10k-images-idx3-ubyte.gz --confusion ab.svg\n",
    run};
