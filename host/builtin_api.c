/* The public description of a built-in network. */
#include <string.h>

#include "context.h"
#include "source.h"

struct icn_description {
  icn_source source; /* holds what the layers refer to */
  const icn_builtin_layer *layers;
  size_t layer_count;
};

icn_status icn_builtin_describe(const icn_context *context, const char *spec, icn_description **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_description *description = NULL;
  static const char BUILTIN[] = "builtin:";
  icn_error_clear(error);
  if (result != NULL) *result = NULL;
  ICN_REQUIRE(context != NULL && spec != NULL && result != NULL, ICN_ARGUMENT, "icn_builtin_describe: %s is NULL",
              context == NULL ? "context"
              : spec == NULL  ? "spec"
                              : "description");
  description = icn_allocate_array(&context->allocator, 1, sizeof *description);
  if (description == NULL) ICN_TRY(icn_error_memory(error, sizeof *description, "a description"));
  icn_source_init(&description->source, &context->allocator);
  if (strncmp(spec, BUILTIN, sizeof BUILTIN - 1) == 0) spec += sizeof BUILTIN - 1;
  ICN_TRY(icn_builtin_layers(spec, &description->source, &description->layers, &description->layer_count, error));
  *result = description;
  return ICN_OK;
done:
  icn_description_destroy(description);
  return status;
}

void icn_description_destroy(icn_description *description) {
  if (description == NULL) return;
  const icn_allocator allocator = description->source.arena.allocator;
  icn_source_fini(&description->source);
  icn_release(&allocator, description);
}

size_t icn_description_layer_count(const icn_description *description) { return description == NULL ? 0 : description->layer_count; }

icn_builtin_layer icn_description_layer(const icn_description *description, size_t index) {
  return description != NULL && index < description->layer_count ? description->layers[index] : (icn_builtin_layer){0};
}
