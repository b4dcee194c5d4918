/* The built-in networks by name, and their options: "inception_v3:input=299,classes=1000,seed=1". */
#include "builtin.h"

#include <stdio.h>
#include <string.h>

enum { MOST_OPTIONS = 4, OPSET = 13, IR_VERSION = 8 };

typedef struct option {
  const char *name;
  int64_t least, most, usual;
} option;

/* The option `seed` of every network stands last. */
static const struct network {
  const char *name;
  option options[MOST_OPTIONS];
  size_t option_count;
  void (*build)(icn_net *net, const int64_t *values);
} NETWORKS[] = {
    {"inception_v3", {{"input", 75, 2048, 299}, {"classes", 1, 100000, 1000}, {"seed", 0, INT64_MAX, 1}}, 3, icn_build_inception_v3},
};
enum { NETWORK_COUNT = sizeof NETWORKS / sizeof *NETWORKS };

size_t icn_builtin_count(void) { return NETWORK_COUNT; }

const char *icn_builtin_name(size_t index) { return NETWORKS[index].name; }

static const char *list_networks(char *text, size_t bytes) {
  size_t length = 0;
  for (size_t i = 0; i < NETWORK_COUNT && length < bytes; i++) {
    length += (size_t)snprintf(text + length, bytes - length, "%s%s", i == 0 ? "" : ", ", NETWORKS[i].name);
  }
  return text;
}

static const char *list_options(const struct network *network, char *text, size_t bytes) {
  size_t length = 0;
  for (size_t i = 0; i < network->option_count && length < bytes; i++) {
    const option *o = &network->options[i];
    length += (size_t)snprintf(text + length, bytes - length, "%s%s (%lld to %lld, usually %lld)", i == 0 ? "" : ", ", o->name,
                               (long long)o->least, (long long)o->most, (long long)o->usual);
  }
  return text;
}

/* A decimal number in text[0..length). */
static bool parse_number(const char *text, size_t length, int64_t *value) {
  *value = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9' || *value > (INT64_MAX - (text[i] - '0')) / 10) return false;
    *value = *value * 10 + (text[i] - '0');
  }
  return length > 0;
}

/* One "NAME=NUMBER" in text[0..length). */
static icn_status parse_option(const struct network *network, const char *text, size_t length, int64_t *values, bool *given,
                               icn_error *error) {
  icn_status status = ICN_OK;
  char list[300];
  const char *equals = memchr(text, '=', length);
  size_t name_length = equals == NULL ? length : (size_t)(equals - text);
  size_t k = 0;
  while (k < network->option_count &&
         (strlen(network->options[k].name) != name_length || memcmp(network->options[k].name, text, name_length) != 0))
    k++;
  ICN_REQUIRE(k < network->option_count, ICN_ARGUMENT, "the built-in network %s has no option '%.*s'; its options are %s", network->name,
              (int)(name_length < 60 ? name_length : 60), text, list_options(network, list, sizeof list));
  const option *o = &network->options[k];
  ICN_REQUIRE(!given[k], ICN_ARGUMENT, "the option %s of the built-in network %s is given twice", o->name, network->name);
  given[k] = true;
  bool is_number = equals != NULL && parse_number(equals + 1, length - name_length - 1, &values[k]);
  ICN_REQUIRE(is_number && values[k] >= o->least && values[k] <= o->most, ICN_ARGUMENT,
              "the option '%.*s' of the built-in network %s should be %s=NUMBER, the number from %lld to %lld",
              (int)(length < 60 ? length : 60), text, network->name, o->name, (long long)o->least, (long long)o->most);
done:
  return status;
}

static icn_status parse_options(const struct network *network, const char *text, int64_t *values, icn_error *error) {
  bool given[MOST_OPTIONS] = {false};
  for (size_t k = 0; k < network->option_count; k++) values[k] = network->options[k].usual;
  while (text != NULL) {
    const char *comma = strchr(text, ',');
    icn_status status = parse_option(network, text, comma == NULL ? strlen(text) : (size_t)(comma - text), values, given, error);
    if (status != ICN_OK) return status;
    text = comma == NULL ? NULL : comma + 1;
  }
  return ICN_OK;
}

icn_status icn_builtin_make(const char *spec, icn_source *source, icn_error *error) {
  icn_status status = ICN_OK;
  char list[200];
  int64_t values[MOST_OPTIONS];
  const struct network *network = NULL;
  size_t length = strcspn(spec, ":");
  for (size_t i = 0; i < NETWORK_COUNT; i++) {
    if (strlen(NETWORKS[i].name) == length && memcmp(NETWORKS[i].name, spec, length) == 0) network = &NETWORKS[i];
  }
  ICN_REQUIRE(network != NULL, ICN_ARGUMENT, "there is no built-in network '%.*s'; there is: %s", (int)(length < 60 ? length : 60), spec,
              list_networks(list, sizeof list));
  ICN_TRY(parse_options(network, spec[length] == ':' ? spec + length + 1 : NULL, values, error));
  icn_net net = {source, error, ICN_OK, (uint64_t)values[network->option_count - 1], 0, 0};
  source->ir_version = IR_VERSION;
  source->opset = OPSET;
  source->producer = "clinception";
  network->build(&net, values);
  status = net.status;
done:
  return status;
}
