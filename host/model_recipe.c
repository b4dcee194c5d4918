/* The preprocessing recipe that a model carries: reading it, and writing a copy of the model that has one. */
#include <string.h>

#include "model.h"
#include "recipe_text.h"

/* Our recipe into the caller's struct, which may be shorter or longer. */
static icn_status give(const icn_preprocess *ours, icn_preprocess *theirs, icn_error *error) {
  icn_preprocess given;
  if (theirs == NULL || !icn_struct_read(&given, sizeof given, theirs))
    return icn_error_set(error, ICN_ARGUMENT,
                         "icn_preprocess was not filled by icn_preprocess_init, or has fields that this library does not know");
  const size_t bytes = theirs->struct_bytes;
  memcpy(theirs, ours, bytes < sizeof *ours ? bytes : sizeof *ours);
  theirs->struct_bytes = bytes;
  return ICN_OK;
}

icn_status icn_preprocess_read(icn_preprocess *preprocess, const char *text, icn_error *error) {
  icn_preprocess recipe;
  icn_error_clear(error);
  if (text == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_preprocess_read: text is NULL");
  icn_status status = icn_recipe_read(text, &recipe, error);
  return status == ICN_OK ? give(&recipe, preprocess, error) : status;
}

icn_status icn_preprocess_text(const icn_preprocess *preprocess, char *text, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  icn_preprocess recipe;
  char whole[ICN_RECIPE_TEXT_BYTES];
  icn_error_clear(error);
  ICN_REQUIRE(text != NULL, ICN_ARGUMENT, "icn_preprocess_text: text is NULL");
  ICN_TRY(icn_preprocess_recipe(&recipe, NULL, error));
  ICN_REQUIRE(preprocess == NULL || icn_struct_read(&recipe, sizeof recipe, preprocess), ICN_ARGUMENT,
              "icn_preprocess was not filled by icn_preprocess_init, or has fields that this library does not know");
  ICN_TRY(icn_recipe_write(&recipe, whole, error));
  ICN_REQUIRE(strlen(whole) < bytes, ICN_ARGUMENT, "the recipe's text has %zu characters, but there is room for %zu", strlen(whole),
              bytes == 0 ? 0 : bytes - 1);
  memcpy(text, whole, strlen(whole) + 1);
done:
  return status;
}

icn_status icn_model_recipe(const icn_model *model, icn_preprocess *recipe, icn_recipe_origin *origin, icn_error *error) {
  const char *text = model->source.recipe;
  *origin = text == NULL ? ICN_RECIPE_NOBODY : model->source.recipe_bytes > 0 ? ICN_RECIPE_METADATA : ICN_RECIPE_BUILTIN;
  if (text == NULL) return icn_preprocess_recipe(recipe, NULL, error);
  icn_error problem;
  const icn_status status = icn_recipe_read(text, recipe, &problem);
  if (status == ICN_OK) return ICN_OK;
  return icn_error_set(error, status, "'%.150s': metadata '" ICN_RECIPE_KEY "': %s", model->path == NULL ? "(in memory)" : model->path,
                       problem.message);
}

icn_status icn_model_preprocess(const icn_model *model, icn_preprocess *preprocess, icn_recipe_origin *origin, icn_error *error) {
  icn_preprocess recipe;
  icn_recipe_origin from;
  icn_error_clear(error);
  if (model == NULL) return icn_error_set(error, ICN_ARGUMENT, "icn_model_preprocess: model is NULL");
  const icn_status status = icn_model_recipe(model, &recipe, &from, error);
  if (status != ICN_OK) return status;
  if (origin != NULL) *origin = from;
  return give(&recipe, preprocess, error);
}

/* ----------------------------------------------------------------- writing */

/* The metadata entry as protocol buffers have it: field 14, in it key (1) and value (2), all shorter than 16384 bytes. */
static size_t put_length(uint8_t *out, size_t length) {
  out[0] = (uint8_t)(length < 128 ? length : (length & 127) | 128);
  out[1] = (uint8_t)(length >> 7);
  return length < 128 ? 1 : 2;
}

static size_t put_text(uint8_t *out, int field, const char *text) {
  const size_t length = strlen(text);
  out[0] = (uint8_t)(field << 3 | 2);
  const size_t head = 1 + put_length(out + 1, length);
  memcpy(out + head, text, length);
  return head + length;
}

enum { ENTRY_BYTES = ICN_RECIPE_TEXT_BYTES + 64, METADATA_TAG = 14 << 3 | 2 };
static size_t make_entry(const char *recipe, uint8_t entry[ENTRY_BYTES]) {
  uint8_t inside[ENTRY_BYTES];
  size_t bytes = put_text(inside, 1, ICN_RECIPE_KEY);
  bytes += put_text(inside + bytes, 2, recipe);
  entry[0] = METADATA_TAG;
  const size_t head = 1 + put_length(entry + 1, bytes);
  memcpy(entry + head, inside, bytes);
  return head + bytes;
}

icn_status icn_model_write_preprocess(const icn_model *model, const icn_preprocess *preprocess, const char *path, icn_error *error) {
  icn_status status = ICN_OK;
  char text[ICN_RECIPE_TEXT_BYTES];
  uint8_t entry[ENTRY_BYTES];
  icn_os_writer writer;
  icn_error_clear(error);
  ICN_REQUIRE(model != NULL && path != NULL, ICN_ARGUMENT, "icn_model_write_preprocess: %s is NULL", model == NULL ? "model" : "path");
  ICN_REQUIRE(model->mapping.data != NULL, ICN_UNSUPPORTED, "a recipe can be written into an ONNX file only, and '%.150s' is none",
              model->path == NULL ? "a model in memory" : model->path);
  ICN_TRY(icn_preprocess_text(preprocess, text, sizeof text, error));
  const uint8_t *data = model->mapping.data;
  const size_t bytes = (size_t)model->mapping.bytes, before = model->source.recipe_at, behind = before + model->source.recipe_bytes,
               added = make_entry(text, entry);
  const struct {
    const void *data;
    size_t bytes;
  } parts[] = {{data, before}, {data + behind, bytes - behind}, {entry, added}};
  ICN_TRY(icn_os_writer_open(path, &writer, error));
  for (int i = 0; i < 3 && status == ICN_OK; i++) status = icn_os_writer_append(&writer, parts[i].data, parts[i].bytes, error);
  if (status == ICN_OK)
    status = icn_os_writer_finish(&writer, data, 0, error);
  else
    icn_os_writer_abandon(&writer);
done:
  return status;
}
