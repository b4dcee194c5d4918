/* The public image functions that need a context or a file. */
#include <string.h>

#include "context.h"
#include "crops.h"
#include "image.h"
#include "os.h"

static icn_status check_arguments(const icn_context *context, const void *source, icn_image **image, icn_error *error) {
  if (image != NULL) *image = NULL;
  icn_error_clear(error);
  if (context != NULL && source != NULL && image != NULL) return ICN_OK;
  return icn_error_set(error, ICN_ARGUMENT,
                       "loading an image needs a context, the image and a place for the result, and one of them is NULL");
}

icn_status icn_image_load(const icn_context *context, const char *path, icn_image **image, icn_error *error) {
  icn_mapping mapping = {0};
  icn_status status = check_arguments(context, path, image, error);
  if (status != ICN_OK) return status;
  status = icn_os_map(path, &mapping, error);
  if (status != ICN_OK) return status;
  if (mapping.bytes > SIZE_MAX)
    status = icn_error_set(error, ICN_UNSUPPORTED, "image '%s' is larger than this machine's address space", path);
  else
    status = icn_image_decode(&context->allocator, mapping.data, (size_t)mapping.bytes, path, image, error);
  icn_os_unmap(&mapping);
  return status;
}

icn_status icn_image_load_memory(const icn_context *context, const void *data, size_t bytes, icn_image **image, icn_error *error) {
  icn_status status = check_arguments(context, data, image, error);
  if (status != ICN_OK) return status;
  return icn_image_decode(&context->allocator, data, bytes, "(in memory)", image, error);
}

icn_status icn_preprocess_init_sized(icn_preprocess *preprocess, size_t struct_bytes, const char *name, icn_error *error) {
  icn_preprocess recipe;
  icn_error_clear(error);
  if (preprocess == NULL || struct_bytes < sizeof struct_bytes) {
    return icn_error_set(error, ICN_ARGUMENT, "icn_preprocess_init was given no icn_preprocess to fill");
  }
  icn_status status = icn_preprocess_recipe(&recipe, name, error);
  if (status != ICN_OK) return status;
  icn_struct_init(preprocess, struct_bytes);
  recipe.struct_bytes = struct_bytes;
  memcpy(preprocess, &recipe, struct_bytes < sizeof recipe ? struct_bytes : sizeof recipe);
  return ICN_OK;
}

icn_status icn_image_to_crops(const icn_image *image, const icn_preprocess *preprocess, int crops, int first, int count, int width,
                              int height, float *tensor, icn_error *error) {
  icn_preprocess recipe;
  icn_error_clear(error);
  if (image == NULL || tensor == NULL)
    return icn_error_set(error, ICN_ARGUMENT, "a picture's tensor needs an image and a place for it, and one of them is NULL");
  icn_status status = icn_preprocess_recipe(&recipe, NULL, error);
  if (status != ICN_OK) return status;
  if (preprocess != NULL && !icn_struct_read(&recipe, sizeof recipe, preprocess))
    return icn_error_set(error, ICN_ARGUMENT,
                         "icn_preprocess was not filled by icn_preprocess_init, or has fields that this library does not know");
  if (!icn_crops_exist(crops) || first < 0 || count < 1 || count > crops - first)
    return icn_error_set(error, ICN_ARGUMENT, "%d crops from number %d on of %d: there are 1, 5, 10, 12 or 144, counted from 0", count,
                         first, crops);
  return icn_crops_apply(&recipe, image, crops, first, count, width, height, tensor, error);
}

icn_status icn_image_to_tensor(const icn_image *image, const icn_preprocess *preprocess, int width, int height, float *tensor,
                               icn_error *error) {
  return icn_image_to_crops(image, preprocess, 1, 0, 1, width, height, tensor, error);
}
