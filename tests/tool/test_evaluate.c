/* `clinception evaluate` on the tiny model of colours (which says red, green or blue) and pictures that are written here: every kind of
 * data, crops, ensembles, intervals, what goes on after an interruption, and bad input, each one sentence. */
#include "support/cli.h"

#define COLOURS "$T evaluate $M/colours.onnx --labels $D/labels "

static int make_folder(void **state) {
  (void)state;
  if (!cli_make_folder()) return -1;
  return sh(
      "printf 'red\\ngreen\\nblue\\n' >$D/labels; printf 'P3 1 1 255 255 0 0\\n' >$D/red.ppm;"
      "printf 'P3 1 1 255 0 255 0\\n' >$D/green.ppm; printf 'P3 1 1 255 0 0 255\\n' >$D/blue.ppm; : >$D/nothing; mkdir $D/hollow;"
      "for c in red green blue; do mkdir -p $D/data/$c; for i in 1 2 3 4; do cp $D/$c.ppm $D/data/$c/$i.ppm; done; done;"
      "cp $D/green.ppm $D/data/red/3.ppm; : >$D/data/blue/notes.txt;" /* one that is wrong */
      "for i in 1 2 3 4; do for c in red green blue; do echo data/$c/$i.ppm,$c; done; done >$D/list.csv");
}

static int remove_folder(void **state) {
  (void)state;
  return cli_remove_folder();
}

static void folders_of_classes(void **state) {
  (void)state;
  SUCCEEDS(COLOURS "--data $D/data --json $D/folders.json --confusion $D/folders.svg");
  assert_says("12 pictures of 3 classes; 1 other files beside them");
  assert_says("top-1 error    8.33 %  (95 % interval 1.49 to 35.39)  1 of 12\n"); /* by hand, and as statsmodels has it */
  assert_says("red           4       25.0 %  green (1)\n");
  assert_says("blue          4        0.0 %");
  assert_says("green, but it is red (");
  assert_says("/data/red/3.ppm\n");
  assert_null(strstr(out, "top-5")); /* of three classes */
  assert_false(exists("folders.json.results"));
  assert_int_equal(sh("cat $D/folders.json"), 0);
  assert_says("\"low_95\":\t0.0148");
  assert_says("\"pictures\":\t12");
  assert_says("\"taken_for\":\t1");
  assert_says("\"rank_of_class\":\t");
  assert_int_equal(sh("cat $D/folders.svg"), 0);
  assert_says("<title>red taken for green: 1 of 4</title>");
  assert_says("</svg>");
  SUCCEEDS("$T evaluate $M/colours.onnx --data $D/data"); /* blue, green, red: three folders for three classes, in the order of names */
  assert_says("8 of 12\n");
  assert_int_equal(
      sh("mkdir $D/numbers && cp -r $D/data/red $D/numbers/0 && cp -r $D/data/green $D/numbers/1 && cp -r $D/data/blue $D/numbers/2"), 0);
  SUCCEEDS(COLOURS "--data $D/numbers --top 1,2");
  assert_says("top-1 error    8.33 %");
  assert_says("top-2 error ");
}

static void lists_of_files(void **state) {
  (void)state;
  SUCCEEDS(COLOURS "--data $D/list.csv");
  assert_says("1 of 12\n");
  assert_int_equal(sh("printf 'file\\tclass\\ndata/red/1.ppm\\t0\\n# a remark\\n\\n%%s/data/green/1.ppm\\t1\\n' $D >$D/tabs.txt"), 0);
  SUCCEEDS("$T evaluate $M/colours.onnx --data $D/tabs.txt");
  assert_says("0 of 2\n");
  assert_int_equal(sh("printf 'data/red/1.ppm 1\\ndata/green/1.ppm 2\\n\"data/blue/1.ppm\" 3\\r\\n' >$D/from1.txt"), 0);
  SUCCEEDS("$T evaluate $M/colours.onnx --data $D/from1.txt --label-offset -1");
  assert_says("0 of 3\n");
  /* By the name, by the end of the path, by the number. */
  assert_int_equal(sh("printf 'red/3.ppm\\n1\\n' >$D/out.txt"), 0);
  SUCCEEDS(COLOURS "--data $D/list.csv --leave-out $D/out.txt");
  assert_says("10 pictures of 3 classes, 2 left out");
  assert_says("0 of 10\n");
}

static void idx_files(void **state) {
  (void)state;
  assert_int_equal(sh("printf '\\0\\0\\010\\004\\0\\0\\0\\003\\0\\0\\0\\001\\0\\0\\0\\001\\0\\0\\0\\003\\377\\0\\0\\0\\377\\0\\0\\0\\377' "
                      ">$D/t-images-idx4-ubyte;"
                      "printf '\\0\\0\\010\\001\\0\\0\\0\\003\\0\\001\\002' >$D/t-labels-idx1-ubyte"),
                   0);
  SUCCEEDS(COLOURS "--data $D/t-images-idx4-ubyte");
  assert_says("0 of 3\n");
  assert_int_equal(sh("gzip -k $D/t-images-idx4-ubyte $D/t-labels-idx1-ubyte"), 0);
  SUCCEEDS(COLOURS "--data $D/t-images-idx4-ubyte.gz");
  assert_says("0 of 3\n");
  SUCCEEDS("echo 2 >$D/second; " COLOURS "--data $D/t-images-idx4-ubyte --idx-labels $D/t-labels-idx1-ubyte.gz --leave-out $D/second");
  assert_says("2 pictures of 3 classes, 1 left out");
}

static void grey_idx_files(void **state) {
  (void)state;
  assert_int_equal(sh("printf '\\0\\0\\010\\003\\0\\0\\0\\002\\0\\0\\0\\001\\0\\0\\0\\002\\0\\377\\200\\200' >$D/grey; printf "
                      "'\\0\\0\\010\\001\\0\\0\\0\\002\\0\\001' >$D/grey.labels"),
                   0);
  SUCCEEDS("$T evaluate $M/colours.onnx --data $D/grey --idx-labels $D/grey.labels --results $D/grey.results");
  assert_says("2 pictures of 3 classes");
  FAILS(1, "where are the labels", "$T evaluate $M/colours.onnx --data $D/grey");
  FAILS(1, "has 2 labels for 3 pictures", "$T evaluate $M/colours.onnx --data $D/t-images-idx4-ubyte --idx-labels $D/grey.labels");
  FAILS(1, "cut off or damaged", "head -c 19 $D/grey >$D/short; $T evaluate $M/colours.onnx --data $D/short --idx-labels $D/grey.labels");
  FAILS(1, "cut off or damaged", "head -c 40 $D/t-images-idx4-ubyte.gz >$D/s-images.gz; $T evaluate $M/colours.onnx --data $D/s-images.gz");
  FAILS(1, "of type 0x0d", "printf '\\0\\0\\015\\001\\0\\0\\0\\0' >$D/floats; $T evaluate $M/colours.onnx --data $D/floats");
  FAILS(1, "has no pictures",
        "printf '\\0\\0\\010\\003\\0\\0\\0\\0\\0\\0\\0\\001\\0\\0\\0\\001' >$D/no-images; $T evaluate $M/colours.onnx --data $D/no-images");
  FAILS(1, "has 1 dimensions", "$T evaluate $M/colours.onnx --data $D/grey.labels --idx-labels $D/grey.labels");
}

/* What the results say is what classify says. */
static void crops_are_averaged(void **state) {
  (void)state;
  static const int crops[] = {1, 5, 10, 12, 144};
  assert_int_equal(sh("printf '%%s/picture.png,0\\n%%s/rgb.png,1\\n' $I $I >$D/two.csv"), 0);
  for (size_t i = 0; i < sizeof crops / sizeof *crops; i++) {
    assert_int_equal(sh("rm -f $D/r"), 0);
    SUCCEEDS("$T evaluate $M/colours.onnx --data $D/two.csv --preprocess torchvision --crops %d --batch 7 --threads 3 --results $D/r",
             crops[i]);
    assert_int_equal(sh("tail -n 2 $D/r"), 0);
    double best[2];
    int class[2];
    assert_int_equal(sscanf(out, "0 %*d %d %lf %*f\n1 %*d %d %lf", &class[0], &best[0], &class[1], &best[1]), 4);
    for (int k = 0; k < 2; k++) {
      SUCCEEDS(
          "$T classify --model $M/colours.onnx --preprocess torchvision --crops %d --top 1 --json $I/%s.png | grep -A3 "
          "'\"classes\"' | grep -E 'index|score' | tr -dc '0-9.\\n'",
          crops[i], k == 0 ? "picture" : "rgb");
      int index;
      double score;
      assert_int_equal(sscanf(out, "%d %lf", &index, &score), 2);
      if (index != class[k] || score < best[k] - 1e-5 || score > best[k] + 1e-5)
        fail_msg("%d crops: classify says class %d with %.7f, evaluate %d with %.7f", crops[i], index, score, class[k], best[k]);
    }
  }
}

/* A model whose batch is 1 for ever (the open dimension replaced by a 1 of two bytes) takes part one crop at a time. */
static void a_fixed_batch_is_no_trouble(void **state) {
  (void)state;
  assert_int_equal(sh("LC_ALL=C sed 's/\\x12\\x01N/\\x08\\x81\\x00/g' $M/colours.onnx >$D/fixed.onnx"), 0);
  FAILS(2, "leaves its first dimension open", "$T bench $D/fixed.onnx --batch 2");
  SUCCEEDS(COLOURS "$D/fixed.onnx --data $D/data --crops 10");
  assert_says("12 pictures of 3 classes");
  assert_says("1 of 12\n");
  SUCCEEDS("$T classify --model $D/fixed.onnx --crops 144 $D/green.ppm");
  assert_says("mean probabilities of 144 crops");
}

static void ensembles(void **state) {
  (void)state;
  SUCCEEDS(COLOURS "$M/colours.onnx --data $D/data");
  assert_says("mean of the models' probabilities");
  assert_says("1 of 12\n");
  FAILS(1, "the models disagree: '", COLOURS "builtin:inception_v3:input=75,width=0.02,classes=4 --data $D/data");
  if (strstr(err, "3 classes") == NULL || strstr(err, " 4 (where") == NULL) fail_msg("%s", err);
  /* The first of four classes is background: the others are those of the other model. */
  SUCCEEDS(COLOURS "builtin:inception_v3:input=75,width=0.02,classes=4 --background --data $D/data");
  assert_says("classes=4, its first class (background) left out");
  assert_says("12 pictures of 3 classes");
}

static void unreadable_pictures_are_counted(void **state) {
  (void)state;
  assert_int_equal(sh("cp -r $D/data $D/some; head -c 10 $D/red.ppm >$D/some/red/4.ppm; echo x >$D/some/blue/5.jpg"), 0);
  assert_int_equal(sh(COLOURS "--data $D/some --json $D/some.json"), 0);
  assert_says("11 pictures of 3 classes, 2 not readable");
  if (strstr(err, "red/4.ppm'") == NULL || strstr(err, "blue/5.jpg'") == NULL || strstr(err, "does not count\n") == NULL)
    fail_msg("%s", err);
  assert_int_equal(sh("grep -A3 not_readable $D/some.json"), 0);
  assert_says("blue/5.jpg");
  assert_int_equal(sh("mkdir -p $D/none/red $D/none/green $D/none/blue; for c in red green blue; do echo x >$D/none/$c/x.png; done"), 0);
  assert_int_equal(sh(COLOURS "--data $D/none"), 1);
  if (strstr(err, "none of the 3 pictures of '") == NULL) fail_msg("%s", err);
}

static void bad_data(void **state) {
  (void)state;
  FAILS(2, "which model", "$T evaluate --data $D/data");
  FAILS(2, "which pictures", "$T evaluate $M/colours.onnx");
  FAILS(1, "no file or folder", "$T evaluate $M/colours.onnx --data $D/absent");
  FAILS(1, "is empty: expected a folder for each class", "$T evaluate $M/colours.onnx --data $D/hollow");
  FAILS(1, "has pictures, but no folders", "$T evaluate $M/colours.onnx --data $D/data/red");
  FAILS(1, "none/a' has no pictures",
        "mkdir -p $D/class-none/a $D/class-none/b $D/class-none/c; $T evaluate $M/colours.onnx --data $D/class-none");
  FAILS(1, "has 2 class folders, but the models have 3 classes",
        "mkdir $D/pair; cp -r $D/data/red $D/data/blue $D/pair; $T evaluate $M/colours.onnx --data $D/pair");
  FAILS(1, "'pink' of '", "cp -r $D/data $D/pink; mv $D/pink/red $D/pink/pink; " COLOURS "--data $D/pink");
  FAILS(1, "is of class 3, but the models have 3, 0 to 2", "echo data/red/1.ppm,3 >$D/l; $T evaluate $M/colours.onnx --data $D/l");
  FAILS(1, "the class would be -1", "echo data/red/1.ppm,0 >$D/l; $T evaluate $M/colours.onnx --data $D/l --label-offset -1");
  FAILS(1, "line 1: 'pink' is no class", "echo data/red/1.ppm,pink >$D/l; " COLOURS "--data $D/l");
  FAILS(1, "several of the labels are 'red'",
        "printf 'red\\nred\\nblue\\n' >$D/twice; echo data/red/1.ppm,red >$D/l; $T evaluate $M/colours.onnx --labels $D/twice --data $D/l");
  FAILS(1, "several of the labels are that name",
        "mkdir $D/only && cp -r $D/data/red $D/only && $T evaluate $M/colours.onnx --labels $D/twice --data $D/only");
  FAILS(1, "a score that is no number", "$T evaluate $M/colours.onnx --data $D/data --scale 1e6 --std 1e-35");
  FAILS(1, "names need --labels", "echo data/red/1.ppm,red >$D/l; $T evaluate $M/colours.onnx --data $D/l");
  FAILS(1, "line 2: expected a picture and its class",
        "printf 'data/red/1.ppm,0\\nword\\n' >$D/l; $T evaluate $M/colours.onnx --data $D/l");
  FAILS(1, "picture's name is missing", "echo ,0 >$D/l; $T evaluate $M/colours.onnx --data $D/l");
  FAILS(1, "has no pictures", "echo file,class >$D/l; $T evaluate $M/colours.onnx --data $D/l");
  FAILS(1, "is empty", "$T evaluate $M/colours.onnx --data $D/nothing");
  FAILS(1, "which is none of the pictures", "echo pink.ppm >$D/o; " COLOURS "--data $D/data --leave-out $D/o");
  FAILS(1, "leaves out picture 13, but there are 12", "echo 13 >$D/o; " COLOURS "--data $D/data --leave-out $D/o");
  FAILS(1, "leaves out every picture", "seq 12 >$D/o; " COLOURS "--data $D/data --leave-out $D/o");
  FAILS(1, "has 4 labels, but the model has 3",
        "printf 'a\\nb\\nc\\nd\\n' >$D/o; $T evaluate $M/colours.onnx --labels $D/o --data $D/data");
}

static void bad_options(void **state) {
  (void)state;
  FAILS(2, "--top expects", COLOURS "--data $D/data --top 5,1");
  FAILS(2, "--top expects", COLOURS "--data $D/data --top 0");
  FAILS(2, "--top expects", COLOURS "--data $D/data --top 1,");
  FAILS(2, "--top 3: the models have only 3 classes", COLOURS "--data $D/data --top 1,3");
  FAILS(2, "--crops expects", COLOURS "--data $D/data --crops 6");
  FAILS(2, "would be resized to 7", COLOURS "--data $D/data --crop 7");
  FAILS(2, "--resume needs to know", COLOURS "--data $D/data --resume");
  FAILS(1, "no/such", COLOURS "--data $D/data --json $D/no/such/file.json");
  FAILS(1, "no/such", COLOURS "--data $D/data --confusion $D/no/such/file.svg");
  FAILS(1, "classifying needs one", "$T evaluate $M/sums.onnx --shape left=2x3 --shape right=2x3 --data $D/data");
}

/* ------------------------------------------------------------------ resume */

#define RUN COLOURS "--data $D/list.csv --batch 3 --json $D/j "

static void a_run_goes_on(void **state) {
  (void)state;
  SUCCEEDS(RUN "--results $D/whole");
  assert_int_equal(sh("grep -vE 'seconds|run_now' $D/j >$D/whole.json"), 0);
  /* As if it had been cut off in the middle of the sixth line. */
  assert_int_equal(sh("head -n $(($(grep -n -- --- $D/whole | cut -d: -f1) + 5)) $D/whole >$D/part; printf '5 1 2 0.' >>$D/part"), 0);
  FAILS(1, "--resume goes on with them", RUN "--results $D/part");
  SUCCEEDS(RUN "--results $D/part --resume");
  assert_says("\n7 pictures in ");
  assert_int_equal(sh("grep -vE 'seconds|run_now' $D/j | cmp - $D/whole.json && cmp $D/part $D/whole"), 0);
  SUCCEEDS(RUN "--results $D/part --resume"); /* nothing is left to do */
  assert_int_equal(sh("grep -vE 'seconds|run_now' $D/j | cmp - $D/whole.json"), 0);
  SUCCEEDS(RUN "--results $D/fresh --resume"); /* nothing was done */
  assert_int_equal(sh("cmp $D/fresh $D/whole"), 0);
}

static void another_run_is_refused(void **state) {
  (void)state;
  FAILS(1, "it has 'crops: 1', this one 'crops: 10'", RUN "--results $D/whole --resume --crops 10");
  FAILS(1, "is of another run: it has 'data: ",
        "sed 1d $D/list.csv >$D/fewer.csv; " COLOURS "--data $D/fewer.csv --results $D/whole --resume");
  FAILS(1, "it has 'recipe: unit', this one 'recipe: caffe'", RUN "--results $D/whole --resume --preprocess caffe");
  SUCCEEDS("$T recipe $M/colours.onnx --preprocess unit --write $D/c.onnx");
  FAILS(1, "it has 'model: ", "$T evaluate $D/c.onnx --labels $D/labels --data $D/list.csv --results $D/whole --resume");
  FAILS(1, "it has '---', this one 'model: ",
        "$T evaluate $M/colours.onnx $M/colours.onnx --labels $D/labels --data $D/list.csv --results $D/whole --resume");
  FAILS(1, "is no results file", RUN "--results $D/labels --resume");
  FAILS(1, "is no results file", RUN "--results $I/rgb.png --resume");
  FAILS(1, "is damaged in line", "sed '$ s/.*/11 9 9 1 1/' $D/whole >$D/damaged; " RUN "--results $D/damaged --resume");
  FAILS(1, "is damaged in line", "sed '$ s/.*/12 1 1 1 1/' $D/whole >$D/damaged; " RUN "--results $D/damaged --resume");
  FAILS(1, "is damaged in line", "sed '$ s/.*/xyz/' $D/whole >$D/damaged; " RUN "--results $D/damaged --resume");
}

/* Killed in the middle, twice: by Ctrl-C, which is told, and so that nothing can be told. */
static void killed_runs_go_on(void **state) {
  (void)state;
#define LONG COLOURS "--data $D/long.csv --batch 2 --crops 144 --mistakes 1000000 "
  assert_int_equal(sh("for i in $(seq 60); do cat $D/list.csv; done >$D/long.csv"), 0);
  SUCCEEDS(LONG "--json $D/long.json >$D/long.out");
  assert_int_equal(sh("cat $D/long.json"), 0);
  assert_says("\"pictures\":\t720");
  for (int kind = 0; kind < 2; kind++) {
    assert_int_equal(
        sh("rm -f $D/killed.json*; " LONG "--json $D/killed.json & p=$!; "
           "while [ \"$(wc -l <$D/killed.json.results 2>/dev/null || echo 0)\" -lt 40 ]; do sleep 0.02; done; kill -%s $p; wait $p",
           kind == 0 ? "INT" : "KILL"),
        kind == 0 ? 1 : 128 + 9);
    if (kind == 0 && strstr(err, "the same command with --resume goes on") == NULL) fail_msg("%s", err);
    assert_true(exists("killed.json.results") && !exists("killed.json"));
    SUCCEEDS(LONG "--json $D/killed.json --resume");
    assert_int_equal(sh("grep pictures_run_now $D/killed.json"), 0);
    int now = 0;
    assert_int_equal(sscanf(out, " \"pictures_run_now\": %d", &now), 1);
    assert_in_range(now, 1, 720 - 30);
    assert_int_equal(sh("for f in long killed; do grep -vE 'seconds|run_now' $D/$f.json >$D/$f.cmp; done; cmp $D/long.cmp $D/killed.cmp"),
                     0);
    assert_false(exists("killed.json.results"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folders_of_classes), cmocka_unit_test(lists_of_files),
      cmocka_unit_test(idx_files),          cmocka_unit_test(grey_idx_files),
      cmocka_unit_test(crops_are_averaged), cmocka_unit_test(a_fixed_batch_is_no_trouble),
      cmocka_unit_test(ensembles),          cmocka_unit_test(unreadable_pictures_are_counted),
      cmocka_unit_test(bad_data),           cmocka_unit_test(bad_options),
      cmocka_unit_test(a_run_goes_on),      cmocka_unit_test(another_run_is_refused),
      cmocka_unit_test(killed_runs_go_on),
  };
  return cmocka_run_group_tests_name("evaluate", tests, make_folder, remove_folder);
}
