/* What is read of config.json against what Hugging Face transformers reads: published models, bare families, and each
 * as transformers 5 saves it (tests/golden/configs.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/config.h"

/* The config at hand, for messages. */
struct reading {
  const char *name, *layout;
  struct eq_config c;
  json_t *want;
};

static void check(const struct reading *r, const char *what, double found, double want) {
  if (!(fabs(found - want) <= 2e-6 * fabs(want)))
    fail_msg("%s, %s: %s is %.9g, transformers reads %.9g", r->name, r->layout, what, found, want);
}

static void check_key(const struct reading *r, const char *key, double found) {
  json_t *want = json_object_get(r->want, key);
  if (!json_is_null(want)) check(r, key, found, json_is_boolean(want) ? json_is_true(want) : json_number_value(want));
}

/* A tied head once. */
static double parameters(const struct eq_config *c) {
  double n = 0;
  for (size_t s = 0; s < c->arch->n_slots; s++) {
    const struct eq_slot *slot = &c->arch->slots[s];
    bool in_layer = slot->place >= EQ_W_ATTN_GAIN && slot->place < EQ_W_FINAL_GAIN;
    if (slot->place == EQ_W_HEAD && c->tied) continue;
    for (size_t layer = 0; layer < (in_layer ? c->n_layers : 1); layer++)
      if (eq_config_has(c, slot->feature, layer))
        n += (double)eq_slot_tensors(c, slot) * (double)c->dims[slot->rows] * (double)c->dims[slot->cols];
  }
  return n;
}

static void check_windows(const struct reading *r) {
  json_t *run;
  size_t i, layer = 0;
  json_array_foreach(json_object_get(r->want, "windows"), i,
                     run) for (json_int_t n = 0; n < json_integer_value(json_array_get(run, 1)); n++, layer++) {
    char what[32];
    snprintf(what, sizeof what, "the window of layer %zu", layer);
    check(r, what, r->c.layers[layer].window, json_number_value(json_array_get(run, 0)));
  }
  assert_int_equal(layer, r->c.n_layers);
}

static void check_sines(const struct reading *r, const struct eq_rotary *rotary, bool is_long, json_t *want) {
  size_t n = rotary->size / 2, at[] = { 0, n / 4, n / 2, 3 * n / 4, n - 1 };
  struct eq_rotary_table t = { 0 };
  struct eq_err err = { 0 };
  assert_true(eq_rotary_table_new(&t, rotary, 2, is_long, &err));
  for (size_t i = 0; i < 5; i++)
    check(r, is_long ? "the sine of a long sequence" : "a sine", (double)t.sin[n + at[i]],
          json_number_value(json_array_get(want, i)));
  eq_rotary_table_free(&t);
}

static void check_rotaries(const struct reading *r) {
  json_t *want;
  size_t i;
  json_array_foreach(json_object_get(r->want, "rotary"), i, want) {
    const struct eq_rotary *rotary = &r->c.rotary[i];
    check(r, "rotary size", (double)rotary->size, json_number_value(json_object_get(want, "size")));
    check_sines(r, rotary, false, json_object_get(want, "sines"));
    if (json_object_get(want, "long")) check_sines(r, rotary, true, json_object_get(want, "long"));
  }
}

static double token(const struct reading *r, const char *key) {
  json_t *want = json_object_get(r->want, key);
  return json_is_null(want) ? -1 : json_number_value(want);
}

static void check_reading(struct reading *r, const char *layout, json_t *config) {
  static const char *const activations[] = {
    [EQ_GELU_TANH] = "gelu_tanh", [EQ_GELU_ERF] = "gelu", [EQ_RELU] = "relu", [EQ_SILU] = "silu"
  };
  struct eq_err err = { 0 };
  char *text = json_dumps(config, JSON_COMPACT);
  r->layout = layout;
  if (!eq_config_read(&r->c, r->name, eq_str(text), &err)) fail_msg("%s: %s", layout, err.text);
  check_key(r, "layers", (double)r->c.n_layers);
  check_key(r, "width", (double)r->c.dims[EQ_D_WIDTH]);
  check_key(r, "heads", (double)r->c.n_heads);
  check_key(r, "vocab", (double)r->c.dims[EQ_D_VOCAB]);
  check_key(r, "tied", r->c.tied);
  check_key(r, "parameters", parameters(&r->c));
  check_key(r, "epsilon", (double)r->c.epsilon);
  check_key(r, "scale", r->c.attention_scale);
  check_key(r, "experts", (double)r->c.dims[EQ_D_EXPERTS]);
  check_key(r, "experts_a_token", (double)r->c.experts_a_token);
  check(r, "bos", (double)r->c.bos, token(r, "bos"));
  check(r, "eos", (double)r->c.eos, token(r, "eos"));
  const char *activation = json_string_value(json_object_get(r->want, "activation"));
  if (strcmp(activations[r->c.activation], activation) != 0)
    fail_msg("%s, %s: activation is %s, transformers reads %s", r->name, layout, activations[r->c.activation],
             activation);
  check_windows(r);
  check_rotaries(r);
  eq_config_free(&r->c);
  free(text);
}

static void a_config_says_what_it_says_to_transformers(void **state) {
  (void)state;
  FILE *f = fopen("tests/golden/configs.jsonl", "r");
  size_t n = 0;
  assert_non_null(f);
  for (json_t *line; (line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)); n++) {
    struct reading r = { .name = json_string_value(json_object_get(line, "name")),
                         .want = json_object_get(line, "read") };
    check_reading(&r, "as published", json_object_get(line, "config"));
    check_reading(&r, "as transformers 5 saves it", json_object_get(line, "saved"));
    json_decref(line);
  }
  fclose(f);
  assert_true(n >= 60);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(a_config_says_what_it_says_to_transformers) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
