/* The command-line tool as a person meets it: help, options, every subcommand on tiny models, bad input, bad output. Each failure must be
 * one sentence on standard error, the right exit code, and no file left behind. */
#include "support/cli.h"

#include "npy.h"
#include "support/safetensors_writer.h"

static void write_npy(const char *name, int rank, const int64_t *dim, const float *data) {
  char path[600];
  icn_error error;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (npy_save(path, rank, dim, data, &error) != ICN_OK) fail_msg("%s", error.message);
}

static npy read_npy(const char *name) {
  char path[600];
  icn_error error;
  npy array;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (npy_load(path, &array, &error) != ICN_OK) fail_msg("%s", error.message);
  return array;
}

static int make_folder(void **state) {
  (void)state;
  static const float six[6] = {1, 2, 3, 4, 5, 6}, ten[6] = {10, 20, 30, 40, 50, 60};
  static const float tall[400 * 3];
  float picture[3 * 8 * 8] = {0};
  for (int i = 64; i < 128; i++) picture[i] = 1.0F; /* green */
  if (!cli_make_folder()) return -1;
  write_npy("left.npy", 2, (const int64_t[]){2, 3}, six);
  write_npy("right.npy", 2, (const int64_t[]){2, 3}, ten);
  write_npy("wrong.npy", 2, (const int64_t[]){3, 2}, ten);
  write_npy("tall.npy", 2, (const int64_t[]){400, 3}, tall);
  write_npy("green.npy", 4, (const int64_t[]){1, 3, 8, 8}, picture);
  return sh(
      "printf 'red\\ngreen\\nblue\\n' >$D/labels; printf 'red\\r\\ngreen\\r\\nblue\\r\\n\\r\\n' >$D/dos; printf 'red\\ngreen\\n' >$D/few;"
      "printf 'a\\nb\\nc\\nd\\n' >$D/many; : >$D/empty; printf 'a\\0b' >$D/binary;"
      "head -c 500 $I/rgb.jpg >$D/cut.jpg; head -c 100 $D/left.npy >$D/cut.npy");
}

static int remove_folder(void **state) {
  (void)state;
  return cli_remove_folder();
}

/* ------------------------------------------------------------ help, options */

static void help_teaches(void **state) {
  (void)state;
  static const char *const names[] = {"devices", "classify", "run",        "bench", "plan",   "check",    "tune",   "report",
                                      "models",  "selftest", "quarantine", "cache", "recipe", "evaluate", "convert"};
  enum { NAMES = sizeof names / sizeof names[0] };
  SUCCEEDS("$T --help");
  for (size_t i = 0; i < NAMES; i++) assert_says(names[i]);
  assert_says("'clinception models' lists them");
  for (size_t i = 0; i < NAMES; i++) {
    SUCCEEDS("$T %s --help", names[i]);
    assert_says("usage: clinception ");
    const bool any_device = strcmp(names[i], "quarantine") == 0 || strcmp(names[i], "models") == 0 || strcmp(names[i], "cache") == 0 ||
                            strcmp(names[i], "recipe") == 0 || strcmp(names[i], "convert") == 0;
    if (!any_device) assert_says("--device WHICH");
    assert_says("examples:");
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n"))
      if (strlen(line) > 120) fail_msg("%s --help: a line of %zu characters: %s", names[i], strlen(line), line);
  }
  SUCCEEDS("$T --version");
  assert_says("clinception 0.");
}

static void the_cache_is_shown_checked_and_emptied(void **state) {
  (void)state;
#define CACHE "CLINCEPTION_CACHE_BYTES=1073741824 CLINCEPTION_CACHE_DIR=$D/cache "
  SUCCEEDS(CACHE "$T cache --help");
  assert_says("usage: clinception cache fill M.onnx... | list | clear | verify");
  SUCCEEDS(CACHE "$T cache list"); /* no folder yet */
  assert_says("0 files, 0 B, in ");
  SUCCEEDS(CACHE "$T classify --model builtin:inception_v3:input=75,classes=10 $I/rgb.png >$D/first");
  SUCCEEDS(CACHE "$T classify --model builtin:inception_v3:input=75,classes=10 $I/rgb.png >$D/second");
  assert_int_equal(sh("cmp $D/first $D/second"), 0);
  SUCCEEDS(CACHE "$T cache list");
  if (strstr(out, "weights") == NULL || strstr(out, "MiB") == NULL) fail_msg("no weights are listed: %s", out);
  assert_says("builtin:inception_v3:input=75,classes=10 on '");
  SUCCEEDS(CACHE "$T cache list --json");
  assert_says("\"kind\":\t\"weights\"");
  assert_says("\"weights_limit_bytes\":\t1073741824");
  SUCCEEDS(CACHE "$T cache verify");
  assert_says(": 0 of no use");
  assert_int_equal(sh("f=$(echo $D/cache/*.weights); printf x | dd of=$f bs=1 seek=1000000 conv=notrunc; echo mine >$D/cache/tuning.txt"),
                   0);
  FAILS(1, "1 file of the cache is of no use", CACHE "$T cache verify");
  assert_says(".weights: the checksum of its weights is wrong\n");
  FAILS(1, "1 file of the cache is of no use", CACHE "$T cache verify --json");
  assert_says("\"damaged\":\t1");
  assert_int_equal(sh(CACHE "$T classify --model builtin:inception_v3:input=75,classes=10 $I/rgb.png >$D/third"), 0);
  if (strstr(err, "warning: weight cache: an entry is not used") == NULL) fail_msg("the damage is not said: %s", err);
  assert_int_equal(sh("cmp $D/first $D/third"), 0);
  SUCCEEDS(CACHE "$T cache verify"); /* it was made anew */
  assert_int_equal(sh("f=$(echo $D/cache/*.weights); printf x | dd of=$f bs=1 seek=1000000 conv=notrunc"), 0);
  SUCCEEDS(CACHE "$T cache verify --repair");
  assert_says("1 file removed, ");
  assert_int_equal(sh("ls $D/cache/*.weights"), 2);
  SUCCEEDS(CACHE "$T cache clear");
  assert_says(" freed, in ");
  assert_int_equal(sh("ls $D/cache"), 0);
  assert_string_equal(out, "tuning.txt\n");
  SUCCEEDS(CACHE "$T cache clear --json");
  assert_says("\"removed\":\t0");
}

/* In the user's own folder, where programs of PoCL are kept only by it. */
static void the_cache_is_filled_before_it_is_needed(void **state) {
  (void)state;
#define HOME_OF_ITS_OWN "HOME=$D/home XDG_CACHE_HOME=$D/home CLINCEPTION_CACHE_DIR= "
  assert_int_equal(sh("mkdir -m 0700 $D/home"), 0);
  SUCCEEDS(HOME_OF_ITS_OWN "$T cache fill $M/colours.onnx");
  assert_says("colours.onnx on device 0: ");
  assert_says(" added, ");
  assert_int_equal(sh("ls $D/home/clinception/*.bin >$D/filled"), 0);
  SUCCEEDS(HOME_OF_ITS_OWN "$T cache fill $M/colours.onnx");
  assert_says(": nothing to add (");
  SUCCEEDS(HOME_OF_ITS_OWN "$T cache fill $M/colours.onnx --json");
  assert_says("\"programs_added\":\t0");
  SUCCEEDS(HOME_OF_ITS_OWN "$T classify --model $M/colours.onnx $I/rgb.png");
  assert_int_equal(sh("ls $D/home/clinception/*.bin | cmp - $D/filled"), 0); /* nothing else was needed */
#undef HOME_OF_ITS_OWN
}

static void a_cache_that_cannot_be_is_a_sentence(void **state) {
  (void)state;
  FAILS(2, "expected one of fill, list, clear and verify", "$T cache");
  FAILS(2, "expected nothing behind it, got 'clear'", "$T cache list clear");
  FAILS(2, "which model?", "$T cache fill");
  FAILS(2, "--batch belongs to fill, not to list", "$T cache list --batch 2");
  FAILS(2, "the reference device is plain C and keeps nothing", CACHE "$T cache fill builtin:inception_28 --device reference");
  FAILS(1, "there is no cache", "CLINCEPTION_CACHE_DIR=none $T cache fill builtin:inception_v3");
  FAILS(1, "No such file", CACHE "$T cache fill $D/absent.onnx");
  FAILS(2, "did you mean clear", "$T cache claer");
  FAILS(2, "--repair belongs to verify", CACHE "$T cache clear --repair");
  FAILS(2, "unknown option '--force'", CACHE "$T cache clear --force");
  FAILS(1, "there is no cache", "CLINCEPTION_CACHE_DIR=none $T cache list");
  FAILS(1, "cannot be read", "CLINCEPTION_CACHE_DIR=$D/labels $T cache list");
  FAILS(2, "CLINCEPTION_CACHE_BYTES is '2 GiB'", "CLINCEPTION_CACHE_BYTES='2 GiB' $T cache list");
  assert_int_equal(sh("mkdir $D/open && chmod 0777 $D/open"), 0);
  FAILS(1, "is not used: everybody may write to it", "CLINCEPTION_CACHE_DIR=$D/open $T cache clear");
  assert_int_equal(sh("CLINCEPTION_CACHE_DIR=$D/open $T classify --model $M/colours.onnx $I/rgb.png"), 0);
  if (strstr(err, "warning: the cache folder '") == NULL) fail_msg("nobody says that the folder is not used: %s", err);
  assert_int_equal(sh("rmdir $D/open"), 0); /* it is empty */
#undef CACHE
}

static void wrong_usage_is_explained(void **state) {
  (void)state;
  FAILS(2, "a subcommand is missing", "$T");
  FAILS(2, "did you mean classify", "$T clasify");
  FAILS(2, "unknown subcommand 'xyzzy'", "$T xyzzy");
  FAILS(2, "did you mean --labels", "$T classify --lables x --model m a.jpg");
  FAILS(2, "unknown option '-x'", "$T bench -x");
  FAILS(2, "--repeat expects a whole number from 1 to", "$T bench m.onnx --repeat 0");
  FAILS(2, "got 'many'", "$T bench m.onnx --repeat=many");
  FAILS(2, "got '1.5'", "$T bench m.onnx --batch 1.5");
  FAILS(2, "got '99999999999999999999'", "$T bench m.onnx --batch 99999999999999999999");
  FAILS(2, "--batch is given twice", "$T bench m.onnx --batch 1 --batch 2");
  FAILS(2, "--json takes no value", "$T bench m.onnx --json=yes");
  FAILS(2, "--top needs a value", "$T classify --model m.onnx a.jpg --top");
  FAILS(2, "--labels needs a value", "$T classify --labels --model m.onnx a.jpg");
  FAILS(2, "one number or three", "$T classify --model m.onnx a.jpg --mean 1,2");
  FAILS(2, "one number or three", "$T classify --model m.onnx a.jpg --mean 1,2,3,4");
  FAILS(2, "one number or three", "$T classify --model m.onnx a.jpg --mean 1,");
  FAILS(2, "one number or three", "$T classify --model m.onnx a.jpg --mean nan");
  FAILS(2, "other than 0", "$T classify --model m.onnx a.jpg --std 0");
  FAILS(2, "bicubic, bilinear or nearest", "$T classify --model m.onnx a.jpg --resize lanczos");
  FAILS(2, "--crop expects", "$T classify --model m.onnx a.jpg --crop 0");
  FAILS(2, "--crop expects", "$T classify --model m.onnx a.jpg --crop 120%%");
  FAILS(2, "tf-slim", "$T classify --model m.onnx a.jpg --preprocess tensorflow");
  FAILS(2, "--crops expects 1, 5, 10, 12 or 144, got '11'", "$T classify --model m.onnx a.jpg --crops 11");
  FAILS(2, "probabilities or logits", "$T classify --model m.onnx a.jpg --scores odds");
  FAILS(2, "which model", "$T classify a.jpg");
  FAILS(2, "which picture", "$T classify --model m.onnx");
  FAILS(2, "expected one model, got 0", "$T plan");
  FAILS(2, "expected one model, got 2", "$T check a b");
  FAILS(2, "only options", "$T devices x");
  FAILS(2, "--all needs --outputs", "$T run m.onnx --all");
  FAILS(2, "exclude each other", "$T plan m.onnx --device 0 --device-file x");
  FAILS(2, "--shape expects", "$T plan m.onnx --shape image=1x3y4");
  FAILS(2, "--shape expects", "$T plan m.onnx --shape image=1x3x");
  FAILS(2, "empty text", "$T plan m.onnx --rows=");
  FAILS(2, "such as 104857600, 100MiB or 1.5GiB, got '0'", "$T plan m.onnx --memory-limit 0");
  FAILS(2, "got '-5'", "$T bench m.onnx --memory-limit=-5");
  FAILS(2, "got '100 parsecs'", "$T run m.onnx --memory-limit '100 parsecs'");
  FAILS(2, "got '1e9'", "$T check m.onnx --memory-limit 1e9");
  FAILS(2, "got 'MiB'", "$T classify --model m.onnx a.jpg --memory-limit MiB");
  FAILS(2, "got '0.5'", "$T plan m.onnx --memory-limit 0.5");
  FAILS(2, "got '99999999999TiB'", "$T plan m.onnx --memory-limit 99999999999TiB");
  FAILS(2, "--precision expects fp32", "$T bench m.onnx --precision fp64");
  FAILS(2, "--schedule expects in-order", "$T bench m.onnx --schedule sideways");
  FAILS(1, "--precision fp16 is reserved", "$T bench m.onnx --precision fp16");
}

/* ------------------------------------------------------------------- devices */

static void devices_are_listed_and_recorded(void **state) {
  (void)state;
  SUCCEEDS("$T devices");
  assert_says("index");
  assert_says("cpu");
  SUCCEEDS("$T devices --json");
  assert_says("\"compute_units\"");
  SUCCEEDS("CLINCEPTION_QUIRKS=+mali_t6xx_profiling $T devices");
  assert_says("quirk of device 0, mali_t6xx_profiling: queues with profiling hang");
  SUCCEEDS("CLINCEPTION_QUIRKS=+mali_t6xx_profiling $T devices --json");
  assert_says("\"mali_t6xx_profiling\"");
  SUCCEEDS("CLINCEPTION_QUIRKS=-all $T devices --json");
  assert_null(strstr(out, "\"workaround\""));
  FAILS(2, "there is no quirk 'nothing'", "CLINCEPTION_QUIRKS=-nothing $T devices");
  SUCCEEDS("CLINCEPTION_QUIRKS=+mali_t6xx_profiling $T plan $M/colours.onnx --why");
  assert_says("quirk: mali_t6xx_profiling: ");
  SUCCEEDS("$T devices --device 0 --record $D/device.txt");
  FAILS(2, "no plan for the reference", "$T devices --device reference --record $D/reference.txt");
  assert_false(exists("reference.txt"));
  SUCCEEDS("$T devices --device reference");
  assert_says("plain C without OpenCL");
  assert_int_equal(sh("grep -E '^(flop|bytes)_per_second: [1-9]' $D/device.txt | wc -l | grep -x 2"), 0);
  SUCCEEDS("$T plan $M/colours.onnx");
  assert_says(", assumed for");
  assert_says("devices --device 0 --record FILE");
  SUCCEEDS("$T plan $M/colours.onnx --device-file $D/device.txt");
  assert_says(", measured on the device");
  char with_opencl[4096];
  snprintf(with_opencl, sizeof with_opencl, "%.4000s", out);
  SUCCEEDS("CLINCEPTION_OPENCL_LIBRARY=none $T plan $M/colours.onnx --device-file $D/device.txt"); /* anywhere */
  assert_string_equal(with_opencl, out);
}

static void missing_devices_are_named(void **state) {
  (void)state;
  FAILS(1, "banana", "$T bench $M/colours.onnx --device banana");
  FAILS(1, "99", "$T bench $M/colours.onnx --device 99");
  FAILS(1, "OpenCL", "CLINCEPTION_OPENCL_LIBRARY=none $T bench $M/colours.onnx");
  FAILS(1, "OpenCL", "CLINCEPTION_OPENCL_LIBRARY=/nowhere/libOpenCL.so $T devices --device 0");
  FAILS(1, "OpenCL", "CLINCEPTION_OPENCL_LIBRARY=none $T devices");
  FAILS(1, "OpenCL", "OCL_ICD_VENDORS=$D/no-such-folder $T classify --model $M/colours.onnx $I/rgb.png");
  SUCCEEDS("CLINCEPTION_OPENCL_LIBRARY=none $T classify --model $M/colours.onnx --device reference $I/rgb.png"); /* asked for by name */
  FAILS(1, "cannot", "$T plan $M/colours.onnx --device-file $D/nothing");
  FAILS(1, "labels': device description, line 1: expected", "$T plan $M/colours.onnx --device-file $D/labels");
  FAILS(1, "empty': device description, line 1: the text is empty", "$T plan $M/colours.onnx --device-file $D/empty");
  FAILS(1, "binary' is no device description: it is not a text", "$T plan $M/colours.onnx --device-file $D/binary");
}

/* ------------------------------------------------------------------ classify */

static void pictures_are_classified(void **state) {
  (void)state;
  SUCCEEDS("$T classify --model $M/colours.onnx --labels $D/labels --top 2 $I/rgb.png $I/orientation6.jpg");
  assert_says("recipe unit: resized to 8x8 (bicubic), RGB, pixel / 255");
  assert_says("rgb.png\n");
  assert_says("orientation6.jpg\n");
  assert_says(" %  green\n");
  SUCCEEDS("$T classify --model=$M/colours.onnx --labels=$D/dos --json $I/rgb.png");
  assert_says("\"label\":\t\"green\"");
  assert_says("\"recipe\":\t\"unit");
  SUCCEEDS("$T classify --model $M/colours.onnx --preprocess caffe $I/1x1.png");
  assert_says("recipe caffe: resized to 8x8 (bilinear), BGR, pixel - [104 117 123]");
  SUCCEEDS("$T classify --model $M/colours.onnx --scale 1 --mean 127.5 --std 127.5 --resize nearest --crop 87.5%% $I/20000x1.png");
  assert_says("central 87.5 % resized to 8x8 (nearest)");
  SUCCEEDS("$T classify --model $M/colours.onnx --device all -- $I/grey16.png $I/cmyk.jpg $I/palette.gif");
  SUCCEEDS("$T classify --model $M/colours.onnx --preprocess torchvision --device reference $I/alpha.png");
  assert_says("shorter side resized to 9 (bilinear), middle 8x8");
  static const int crops[] = {5, 10, 12, 144};
  assert_int_equal(sh("printf 'P3 1 1 255 0 255 0\\n' >$D/green.ppm"), 0);
  for (int k = 0; k < 4; k++) {
    SUCCEEDS("$T classify --model $M/colours.onnx --labels $D/labels --crops %d --top 1 $D/green.ppm", crops[k]);
    assert_says(" crops of each picture\n");
    assert_says(" %  green\n");
  }
  SUCCEEDS("$T classify --model $M/colours.onnx --crops 10 --scores logits --json $I/rgb.png");
  assert_says("\"crops\":\t10");
}

/* The recipe travels with the model. */
static void models_say_how_pictures_are_prepared(void **state) {
  (void)state;
  SUCCEEDS("$T recipe $M/colours.onnx");
  assert_says("unit\n");
  assert_says("does not say how it was trained");
  SUCCEEDS("$T recipe $M/colours.onnx --preprocess caffe --std 2,2,2.5 --write $D/own.onnx");
  SUCCEEDS("$T recipe $D/own.onnx");
  assert_says("caffe std=2,2,2.5 (the model's own, by its metadata)\n");
  SUCCEEDS("$T classify --model $D/own.onnx $I/rgb.png");
  assert_says("recipe caffe std=2,2,2.5: resized to 8x8 (bilinear), BGR, (pixel - [104 117 123]) / [2 2 2.5] (the model's own, by its");
  SUCCEEDS("$T classify --model $D/own.onnx --json $I/rgb.png >$D/own.json");
  assert_int_equal(sh("grep '\"recipe_from\":.\"metadata\"' $D/own.json"), 0);
  SUCCEEDS("$T classify --model $D/own.onnx --preprocess unit $I/rgb.png"); /* an option says otherwise */
  assert_says("recipe unit: ");
  SUCCEEDS("$T classify --model $D/own.onnx --std 1 $I/rgb.png"); /* or changes a part */
  assert_says("recipe as the options say: resized to 8x8 (bilinear), BGR, pixel - [104 117 123]\n");
  SUCCEEDS("$T recipe $D/own.onnx --preprocess torchvision --write $D/own.onnx"); /* in its own place */
  SUCCEEDS("$T recipe $D/own.onnx --json");
  assert_says("\"recipe\":\t\"torchvision\"");
  assert_int_equal(sh("grep -c -a clinception.preprocess $D/own.onnx | grep -x 1 && ! grep -q -a caffe $D/own.onnx"), 0);
  SUCCEEDS("$T check $D/own.onnx --image $I/rgb.png");
  SUCCEEDS("$T recipe builtin:googlenet");
  assert_says("caffe (the built-in network's own)\ncaffe: resized to 224x224");
  SUCCEEDS("$T models googlenet_bn");
  assert_says("by the recipe torchvision\n");
  assert_int_equal(sh("sed 's/torchvision/torchvisiom/' $D/own.onnx >$D/wrong.onnx"), 0);
  FAILS(1, "metadata 'clinception.preprocess': the recipe begins with 'torchvisiom'", "$T classify --model $D/wrong.onnx $I/rgb.png");
  FAILS(1, "--preprocess NAME does without it", "$T recipe $D/wrong.onnx");
  SUCCEEDS("$T classify --model $D/wrong.onnx --preprocess unit $I/rgb.png");
  FAILS(1, "into an ONNX file only", "$T recipe builtin:googlenet --write $D/never.onnx");
  FAILS(1, "no/such", "$T recipe $D/own.onnx --write $D/no/such/never.onnx");
  FAILS(2, "expected one model, got 0", "$T recipe");
}

static void bad_pictures_and_labels(void **state) {
  (void)state;
  FAILS(1, "none.jpg", "$T classify --model $M/colours.onnx $D/none.jpg");
  FAILS(1, "is empty", "$T classify --model $M/colours.onnx $D/empty");
  FAILS(1, "folder", "$T classify --model $M/colours.onnx $D");
  FAILS(1, "cut off", "$T classify --model $M/colours.onnx $D/cut.jpg");
  FAILS(1, "is not an image", "$T classify --model $M/colours.onnx $D/labels");
  FAILS(1, "is not an image", "$T classify --model $M/colours.onnx --json $I/rgb.png $M/colours.onnx");
  assert_string_equal(out, "");
  FAILS(1, "few' has 2 labels, but the model has 3 classes", "$T classify --model $M/colours.onnx --labels $D/few $I/rgb.png");
  FAILS(1, "many' has 4 labels, but the model has 3 classes", "$T classify --model $M/colours.onnx --labels $D/many $I/rgb.png");
  assert_string_equal(out, ""); /* nothing before it is known that all of it can be said */
  FAILS(1, "none.jpg", "$T classify --model $M/colours.onnx $I/rgb.png $D/none.jpg");
  assert_string_equal(out, "");
  FAILS(1, "is empty", "$T classify --model $M/colours.onnx --labels $D/empty $I/rgb.png");
  FAILS(1, "not a text file", "$T classify --model $M/colours.onnx --labels $D/binary $I/rgb.png");
  FAILS(1, "nothing", "$T classify --model $M/colours.onnx --labels $D/nothing $I/rgb.png");
  FAILS(1, "does not take one picture", "$T classify --model $M/sums.onnx $I/rgb.png");
  FAILS(2, "would be resized to 7", "$T classify --model $M/colours.onnx --crop 7 $I/rgb.png");
}

static void bad_models(void **state) {
  (void)state;
  FAILS(1, "none.onnx", "$T classify --model $D/none.onnx $I/rgb.png");
  FAILS(1, "folder", "$T bench $D");
  FAILS(1, "empty", "$T plan $D/empty");
  FAILS(1, "rgb.jpg", "$T check $I/rgb.jpg");
  FAILS(1, "cut.onnx", "head -c 200 $M/colours.onnx >$D/cut.onnx; $T run $D/cut.onnx");
  FAILS(2, "inception_v3", "$T bench builtin:nothing");
  FAILS(2, "input", "$T bench builtin:inception_v3:input=-3");
}

/* ----------------------------------------------------------------------- run */

static void models_run_on_npy_files(void **state) {
  (void)state;
  SUCCEEDS("$T run $M/sums.onnx --input left=$D/left.npy --input right=$D/right.npy --output sum=$D/sum.npy --output a/product=$D/p.npy");
  npy sum = read_npy("sum.npy"), product = read_npy("p.npy");
  assert_int_equal(sum.count, 6);
  assert_int_equal(sum.dim[0], 2);
  assert_memory_equal(sum.data, ((const float[]){11, 22, 33, 44, 55, 66}), 24);
  assert_memory_equal(product.data, ((const float[]){10, 40, 90, 160, 250, 360}), 24);
  npy_fini(&sum);
  npy_fini(&product);
  SUCCEEDS("$T run $M/sums.onnx --input left=$D/left.npy --input right=$D/right.npy --outputs $D/new/folder --device all");
  assert_true(exists("new/folder/sum.npy"));
  assert_true(exists("new/folder/a_product.npy")); /* a slash cannot stand in a file's name */
  SUCCEEDS("$T run $M/colours.onnx $D/green.npy --outputs $D/values --all --passes-off all");
  assert_true(exists("values/probabilities.npy"));
  assert_true(exists("values/mixed.npy"));
  assert_true(exists("values/positive.npy"));
  npy mixed = read_npy("values/mixed.npy");
  assert_int_equal(mixed.rank, 4);
  assert_true(mixed.data[0] == 0.1F && mixed.data[64] > 4.05F && mixed.data[64] < 4.15F);
  npy_fini(&mixed);
  SUCCEEDS("$T run $M/any.onnx $D/left.npy --output $D/any.npy"); /* the file tells the shape */
  SUCCEEDS("cmp $D/left.npy $D/any.npy");
  FAILS(2, "has no shape in the model", "$T bench $M/any.onnx");
  SUCCEEDS("$T run $M/colours.onnx --input $D/green.npy");
  assert_says("probabilities: 1x3, from ");
  SUCCEEDS("$T run $M/sums.onnx --input left=$D/tall.npy --input right=$D/tall.npy");
  assert_says("the first 8 values; --output");
  SUCCEEDS("$T run $M/sums.onnx --device reference --input left=$D/left.npy --input right=$D/right.npy");
}

static void not_a_number_crashes_nothing(void **state) {
  (void)state;
  float values[10];
  for (int i = 0; i < 10; i++) values[i] = (float)i;
  const uint32_t nan_bits = 0x7FC00000, infinity_bits = 0x7F800000;
  memcpy(&values[3], &nan_bits, 4);
  memcpy(&values[9], &infinity_bits, 4);
  write_npy("special.npy", 2, (const int64_t[]){2, 5}, values);
  SUCCEEDS("$T run $M/nan.onnx $D/special.npy --output $D/roots.npy");
  npy roots = read_npy("roots.npy");
  assert_true(roots.data[0] != roots.data[0]);
  assert_true(roots.data[3] != roots.data[3]);
  assert_true(roots.data[5] == 1.0F);
  assert_true(roots.data[9] > 3e38F);
  npy_fini(&roots);
  SUCCEEDS("$T run $M/nan.onnx $D/special.npy");
  assert_says("from 0 to 2, 5 of 10 values are not finite");
  assert_says("  nan nan nan nan 0 1 ");
  FAILS(1, "is not finite", "$T bench $M/nan.onnx");
}

static void bad_inputs_and_outputs(void **state) {
  (void)state;
#define SUMS "$T run $M/sums.onnx --input left=$D/left.npy --input right=$D/right.npy"
  FAILS(2, "no input 'middle'", "$T run $M/sums.onnx --input middle=$D/left.npy");
  FAILS(2, "'left', 'right'", "$T run $M/sums.onnx --input $D/left.npy");
  FAILS(2, "given twice", "$T run $M/sums.onnx --input left=$D/left.npy --input left=$D/left.npy");
  FAILS(2, "input 'right' is missing", "$T run $M/sums.onnx --input left=$D/left.npy");
  FAILS(2, "input 'image' is missing", "$T run $M/colours.onnx");
  FAILS(1, "expects the shape ?x3, but its file holds 3x2", "$T run $M/sums.onnx --input left=$D/wrong.npy --input right=$D/right.npy");
  FAILS(1, "expects the shape ?x3x8x8, but its file holds 2x3", "$T run $M/colours.onnx $D/left.npy");
  FAILS(1, "none.npy", "$T run $M/colours.onnx $D/none.npy");
  FAILS(1, "is empty", "$T run $M/colours.onnx $D/empty");
  FAILS(1, "not a .npy file", "$T run $M/colours.onnx $D/labels");
  FAILS(1, "cut", "$T run $M/colours.onnx $D/cut.npy");
  FAILS(1, "'<i4'", "sed 's/<f4/<i4/' $D/green.npy >$D/integers.npy; $T run $M/colours.onnx $D/integers.npy --output $D/never.npy");
  FAILS(2, "no output 'product'", SUMS " --output product=$D/never.npy");
  FAILS(2, "'sum', 'a/product'", SUMS " --output $D/never.npy");
  FAILS(1, "no/such", SUMS " --output sum=$D/no/such/never.npy");
  FAILS(1, "No space left", SUMS " --output sum=/dev/full");
  FAILS(1, "labels/never", SUMS " --outputs $D/labels/never");
  FAILS(1, "folder", SUMS " --output sum=$D");
  /* A limit on a file's size is a disk that is full in the middle of it, and leaves room for the sentence. */
#define TALL "ulimit -f 1; $T run $M/sums.onnx --device reference --input left=$D/tall.npy --input right=$D/tall.npy"
  FAILS(1, "never.npy': File too large", TALL " --output sum=$D/never.npy");
  FAILS(1, "old.npy': File too large", "printf old >$D/old.npy; " TALL " --output sum=$D/old.npy");
  assert_int_equal(sh("test \"$(cat $D/old.npy)\" = old"), 0);
  FAILS(1, "", "$T plan $M/colours.onnx --sources $D/labels/never");
  FAILS(1, "", "$T devices --device 0 --record $D/no/such/never");
  assert_int_equal(sh("find $D -name '*never*' -o -name '*tmp*' | grep ."), 1);
  assert_true(exists("left.npy"));
}

static void big_endian_and_fortran_are_read(void **state) {
  (void)state;
  static const uint8_t big[] = {0x3F, 0x80, 0, 0, 0x40, 0x40, 0, 0, 0x40, 0xA0, 0, 0, 0x40, 0, 0, 0, 0x40, 0x80, 0, 0, 0x40, 0xC0, 0, 0};
  char path[600];
  snprintf(path, sizeof path, "%s/strange.npy", folder);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fprintf(file, "%cNUMPY%c%c%c%c", 0x93, 1, 0, 57, 0);
  fprintf(file, "%-57s", "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3)}");
  fwrite(big, 1, sizeof big, file);
  fclose(file);
  SUCCEEDS("$T run $M/sums.onnx --input left=$D/strange.npy --input right=$D/right.npy --output sum=$D/strange-sum.npy");
  npy sum = read_npy("strange-sum.npy");
  assert_memory_equal(sum.data, ((const float[]){11, 25, 34, 43, 52, 66}), 24);
  npy_fini(&sum);
}

/* --------------------------------------------------------- bench, plan, check */

static void models_are_timed(void **state) {
  (void)state;
  SUCCEEDS("$T bench $M/colours.onnx --repeat 5 --batch 4");
  assert_says("median");
  SUCCEEDS("$T bench $M/colours.onnx --repeat 3 --device all --json --layers");
  assert_says("\"median_seconds\"");
  assert_says("\"row\"");
  assert_says("\"peak_flop_per_second\"");
  SUCCEEDS("$T bench $M/colours.onnx --repeat 3 --device reference --layers");
  assert_says("plain C");
  SUCCEEDS("$T bench $M/colours.onnx --repeat 3 --layers --cores 1 --sort time");
  assert_says("measured peaks of the device");
  FAILS(2, "time or order", "$T bench $M/colours.onnx --layers --sort name");
  FAILS(2, "--sort needs --layers", "$T bench $M/colours.onnx --sort time");
}

static void plans_are_shown(void **state) {
  (void)state;
  SUCCEEDS("$T plan $M/colours.onnx --why --batch 2");
  assert_says("mix");
  assert_says("softmax");
  SUCCEEDS("$T plan $M/colours.onnx --sources $D/sources");
  assert_true(exists("sources/programs.txt"));
  assert_int_equal(sh("grep -l __kernel $D/sources/*.cl"), 0);
  SUCCEEDS("$T plan $M/sums.onnx --shape left=5x3 --shape right=5x3");
  assert_says("5x3");
  FAILS(2, "", "$T plan $M/sums.onnx --shape nothing=5x3");
}

static void memory_is_limited(void **state) {
  (void)state;
  SUCCEEDS("$T plan builtin:inception_v3:input=75,classes=10");
  assert_says("device memory, exactly: ");
  SUCCEEDS("$T plan builtin:inception_v3:input=75,classes=10 --memory-limit 85.9MiB --why");
  assert_says("memory limit 90072678 bytes: ");
  assert_says("memory limit: takes the place of ");
  SUCCEEDS("$T plan builtin:inception_v3:input=75,classes=10 --memory-limit '88 MiB' --device-file $X/devices/gpu.txt");
  SUCCEEDS("$T check builtin:inception_v3:input=75,classes=10 --memory-limit 90MB");
  assert_says(": ok");
  SUCCEEDS("$T bench builtin:inception_v3:input=75,classes=10 --memory-limit 90000000 --repeat 3 --json");
  assert_says("\"peak_bytes\"");
  SUCCEEDS("$T classify --model builtin:inception_v3:input=75,classes=10 --memory-limit 0.1GiB $I/rgb.jpg");
  SUCCEEDS("$T run $M/sums.onnx --input left=$D/left.npy --input right=$D/right.npy --output sum=$D/l.npy --memory-limit 1MiB");
  FAILS(1, "the memory limit of 1048576 bytes is too small by", "$T bench builtin:inception_v3:input=75,classes=10 --memory-limit 1MiB");
  FAILS(1, "has the most activations at once", "$T plan builtin:inception_v3:input=75,classes=10 --memory-limit 1kB");
  FAILS(2, "the reference device knows none", "$T bench $M/colours.onnx --device reference --memory-limit 1GiB");
}

static void devices_are_checked(void **state) {
  (void)state;
  SUCCEEDS("$T check $M/colours.onnx --device all");
  assert_says("of what rounding explains");
  assert_says(", limit 1.0e-03: ok");
  SUCCEEDS("$T check $M/colours.onnx --image $I/rgb.jpg --layers --passes-off all");
  assert_says("positive");
  assert_says("probabilities");
  FAILS(1, "though every layer is right by itself",
        "$T check $M/colours.onnx --passes-off all --tolerance 0 --image $I/picture.png --preprocess torchvision --crop none");
  FAILS(2, "name an OpenCL device", "$T check $M/colours.onnx --device reference");
  FAILS(1, "takes no picture", "$T check $M/sums.onnx --image $I/rgb.png");
  SUCCEEDS("$T check $M/sums.onnx --batch 3");
}

static void the_built_in_network_runs(void **state) {
  (void)state;
  SUCCEEDS("$T classify --model builtin:inception_v3:input=75,classes=10 --top 3 $I/rgb.jpg");
  SUCCEEDS("$T check builtin:inception_v3:input=75,classes=10 --image $I/picture.png");
  assert_says(": ok");
}

/* Weights of a file: the same answer as that of the network whose weights they are, and no other. */
static void built_in_networks_take_weights(void **state) {
  (void)state;
  char path[600];
  snprintf(path, sizeof path, "%s/five.safetensors", folder);
  assert_true(safetensors_write_network("googlenet_bn:width=0.1,input=48,classes=5,seed=9", path));
  SUCCEEDS("$T run builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors --shape 1x3x48x48 --help");
  assert_says("--weights FILE");
  SUCCEEDS(
      "$T classify --model builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors --json $I/rgb.jpg | grep -v builtin "
      ">$D/stored");
  SUCCEEDS(
      "$T classify --model builtin:googlenet_bn:width=0.1,input=48,classes=5,seed=9 --json $I/rgb.jpg | grep -v builtin >$D/generated");
  SUCCEEDS("$T classify --model builtin:googlenet_bn:width=0.1,input=48,classes=5 --json $I/rgb.jpg | grep -v builtin >$D/other");
  SUCCEEDS("grep -q score $D/stored && cmp $D/stored $D/generated && ! cmp -s $D/stored $D/other");
  SUCCEEDS("$T check builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors --image $I/rgb.jpg");
  SUCCEEDS("$T bench builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors --repeat 1");
  SUCCEEDS("$T plan builtin:googlenet_bn:width=0.1,input=48,transform_input=1 --weights $D/five.safetensors");
  SUCCEEDS("$T selftest builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors");
  SUCCEEDS("$T tune builtin:googlenet_bn:width=0.1,input=48 --weights $D/five.safetensors --dry-run --out $D/tuned");
  FAILS(1, "they tell 5 classes apart, not 10", "$T plan builtin:googlenet_bn:width=0.1,input=48,classes=10 --weights $D/five.safetensors");
  FAILS(1, "the weights do not fit the built-in network inception_v3", "$T bench builtin:inception_v3 --weights $D/five.safetensors");
  FAILS(1, "this is no safetensors file", "$T plan builtin:inception_v3 --weights $M/colours.onnx");
  FAILS(1, "nowhere.safetensors", "$T plan builtin:inception_v3 --weights $D/nowhere.safetensors");
  FAILS(2, "has its own", "$T plan $M/colours.onnx --weights $D/five.safetensors");
  FAILS(2, "belongs to one model", "$T tune --all --weights $D/five.safetensors");
}

static void built_in_networks_are_converted(void **state) {
  (void)state;
  char path[600];
  snprintf(path, sizeof path, "%s/six.safetensors", folder);
  assert_true(safetensors_write_network("googlenet_bn:width=0.1,input=48,classes=6,seed=4", path));
  SUCCEEDS("$T convert builtin:googlenet_bn:width=0.1,input=48 --weights $D/six.safetensors -o $D/six.onnx");
  SUCCEEDS("$T classify --model $D/six.onnx --json $I/rgb.jpg | grep -vE 'onnx|recipe_from' >$D/converted");
  SUCCEEDS(
      "$T classify --model builtin:googlenet_bn:width=0.1,input=48,classes=6,seed=4 --json $I/rgb.jpg | grep -v builtin >$D/generated");
  SUCCEEDS("grep -q score $D/converted && grep -q torchvision $D/converted && cmp $D/converted $D/generated"); /* the recipe goes along */
  FAILS(1, "the weights do not fit", "$T convert builtin:inception_v3 --weights $D/six.safetensors -o $D/none.onnx");
  FAILS(1, "cannot write", "$T convert builtin:googlenet_bn:width=0.1 -o $D/nowhere/none.onnx");
  FAILS(1, "it is not a regular file", "mkfifo $D/pipe; $T convert builtin:googlenet_bn:width=0.1 -o $D/pipe");
  SUCCEEDS("test ! -e $D/none.onnx");
  FAILS(2, "expected -o M.onnx", "$T convert builtin:googlenet_bn:width=0.1");
  FAILS(2, "expected a built-in network", "$T convert $M/colours.onnx -o $D/none.onnx");
  FAILS(2, "got 0", "$T convert -o $D/none.onnx");
}

/* ----------------------------------------------------------- standard output */

static void output_that_cannot_be_written(void **state) {
  (void)state;
  FAILS(1, "standard output: No space left", "$T devices >/dev/full");
  FAILS(1, "standard output: No space left", "$T --help >/dev/full");
  FAILS(1, "standard output: No space left", "$T bench $M/colours.onnx --repeat 1 --json >/dev/full");
  FAILS(1, "standard output", "$T devices >&-");
  FAILS(1, "standard output", "$T plan $M/colours.onnx --why >&-");
  /* Nobody reads any more: quiet, with little output and with more than a buffer of it. */
  assert_int_equal(sh("{ sleep 0.2; $T --help; echo $? >$D/code; } | true; exit $(cat $D/code)"), 1);
  assert_string_equal(err, "");
  assert_int_equal(sh("{ sleep 0.2; $T plan builtin:inception_v3 --why; echo $? >$D/code; } | true; exit $(cat $D/code)"), 1);
  assert_string_equal(err, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_teaches),
      cmocka_unit_test(the_cache_is_shown_checked_and_emptied),
      cmocka_unit_test(the_cache_is_filled_before_it_is_needed),
      cmocka_unit_test(a_cache_that_cannot_be_is_a_sentence),
      cmocka_unit_test(wrong_usage_is_explained),
      cmocka_unit_test(devices_are_listed_and_recorded),
      cmocka_unit_test(missing_devices_are_named),
      cmocka_unit_test(pictures_are_classified),
      cmocka_unit_test(models_say_how_pictures_are_prepared),
      cmocka_unit_test(bad_pictures_and_labels),
      cmocka_unit_test(bad_models),
      cmocka_unit_test(models_run_on_npy_files),
      cmocka_unit_test(not_a_number_crashes_nothing),
      cmocka_unit_test(bad_inputs_and_outputs),
      cmocka_unit_test(big_endian_and_fortran_are_read),
      cmocka_unit_test(models_are_timed),
      cmocka_unit_test(plans_are_shown),
      cmocka_unit_test(memory_is_limited),
      cmocka_unit_test(devices_are_checked),
      cmocka_unit_test(the_built_in_network_runs),
      cmocka_unit_test(built_in_networks_take_weights),
      cmocka_unit_test(built_in_networks_are_converted),
      cmocka_unit_test(output_that_cannot_be_written),
  };
  return cmocka_run_group_tests_name("cli", tests, make_folder, remove_folder);
}
