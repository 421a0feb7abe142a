/* The grammar: what it accepts, its canonical form, where the caret stands, and which parameters a recipe touches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/random.h"
#include "lib/recipe/recipe.h"

/* ---- a model with GPT-2's parameters ---- */

enum { LAYERS = 12, IN_LAYER = 12, PARAMS = 2 + LAYERS * IN_LAYER + 2 };
static struct eq_parameter params[PARAMS];
static char names[PARAMS][32];

static int make_model(void **state) {
  static const struct {
    const char *name;
    unsigned roles;
  } in_layer[IN_LAYER] = {
    { "ln_1.weight", EQ_NORM },
    { "ln_1.bias", EQ_NORM | EQ_BIAS },
    { "attn.c_attn.weight", EQ_LINEAR | EQ_ATTN },
    { "attn.c_attn.bias", EQ_BIAS | EQ_ATTN },
    { "attn.c_proj.weight", EQ_LINEAR | EQ_ATTN },
    { "attn.c_proj.bias", EQ_BIAS | EQ_ATTN },
    { "ln_2.weight", EQ_NORM },
    { "ln_2.bias", EQ_NORM | EQ_BIAS },
    { "mlp.c_fc.weight", EQ_LINEAR | EQ_MLP },
    { "mlp.c_fc.bias", EQ_BIAS | EQ_MLP },
    { "mlp.c_proj.weight", EQ_LINEAR | EQ_MLP },
    { "mlp.c_proj.bias", EQ_BIAS | EQ_MLP },
  };
  (void)state;
  size_t n = 0;
  params[n++] =
      (struct eq_parameter){ .name = "wte.weight", .layer = -1, .roles = EQ_EMBED | EQ_HEAD, .rows = 4, .cols = 4 };
  params[n++] = (struct eq_parameter){ .name = "wpe.weight", .layer = -1, .roles = EQ_POS, .rows = 4, .cols = 4 };
  for (int layer = 0; layer < LAYERS; layer++)
    for (size_t i = 0; i < IN_LAYER; i++, n++) {
      snprintf(names[n], sizeof names[n], "h.%d.%s", layer, in_layer[i].name);
      params[n] =
          (struct eq_parameter){ .name = names[n], .layer = layer, .roles = in_layer[i].roles, .rows = 4, .cols = 4 };
    }
  params[n++] =
      (struct eq_parameter){ .name = "ln_f.weight", .layer = -1, .roles = EQ_NORM | EQ_FINAL, .rows = 4, .cols = 4 };
  params[n++] = (struct eq_parameter){
    .name = "ln_f.bias", .layer = -1, .roles = EQ_NORM | EQ_BIAS | EQ_FINAL, .rows = 4, .cols = 4
  };
  return n != PARAMS;
}

static struct eq_recipe *parse(const char *text) {
  struct eq_err err = { 0 };
  struct eq_recipe *r = eq_recipe_parse(text, &err);
  if (!r) fail_msg("%s: %s", text, err.text);
  return r;
}

/* The scheme of each parameter, as one step of the whole; parts of parameters are not for this. */
static bool schemes_of(const struct eq_recipe *r, const struct eq_parameter *p, size_t n, size_t n_layers,
                       struct eq_scheme *schemes, struct eq_err *err) {
  struct eq_treatments all = { 0 };
  const struct eq_treatment **treatments = calloc(n, sizeof *treatments);
  bool ok = eq_recipe_resolve(r, p, n, n_layers, &all, treatments, err);
  for (size_t i = 0; ok && i < n; i++) assert_true(eq_treatment_is_plain(treatments[i], &schemes[i]));
  eq_treatments_free(&all);
  free(treatments);
  return ok;
}

static void resolve(const char *text, struct eq_scheme schemes[PARAMS]) {
  struct eq_err err = { 0 };
  struct eq_recipe *r = parse(text);
  if (!schemes_of(r, params, PARAMS, LAYERS, schemes, &err)) fail_msg("%s: %s", text, err.text);
  eq_recipe_free(r);
}

/* ---- the canonical form ---- */

static const struct {
  const char *text, *canonical;
} forms[] = {
  { "none", "none" },
  { " none\n", "none" },
  { "int4", "int4/g128" },
  { "all=int4", "int4/g128" },
  { "int8/tensor", "int8/tensor" },
  { "int3/row", "int3/row" },
  { "int2/g032", "int2/g32" },
  { "fp16", "fp16" },
  { "nf4,dq", "nf4/g64,dq" },
  { "fp4 / g32 , row", "fp4/g32,row" },
  { "fp8", "fp8/tensor" },
  { "mlp=fp8-e5m2/row", "mlp=fp8-e5m2/row" },
  { "all=q4_k", "q4_k" },
  { "int4,scale=m7,clip=max", "int4/g128" },
  { "int3/row,scale=m8,clip=mse,s16", "int3/row,s16,clip=mse,scale=m8" },
  { "int4,clip=p99.90", "int4/g128,clip=p99.9" },
  { "int4/tensor,clip=laciq", "int4/tensor,clip=laciq" },
  { "int3,clip=laciq-uniform,scale=m8", "int3/g128,clip=laciq-uniform,scale=m8" },
  { "prune=0.50", "prune=0.5" },
  { "prune = 0.5 , global + int4", "prune=0.5,global+int4/g128" },
  { "mlp=prune=2:4+fp16", "mlp=prune=2:4+fp16" },
  { "lowrank=064;L1=zero;L2=mean", "lowrank=64;L1=zero;L2=mean" },
  { "noise=0.10", "noise=0.1@0" },
  { "attn=noise=2@77", "attn=noise=2@77" },
  { "int4/tensor;top5%=keep", "int4/tensor;top5%=keep" },
  { "int4;top05.0%,rand5%,rand5%@0,L1.top0.5%=keep", "int4/g128;top5%,rand5%@0,L1.top0.5%=keep" },
  { "v,L0.q,L3.attn.h5,k,L3.attn.h05,L2.e7,down=int8", "k,v,down,L0.q,L2.e7,L3.attn.h5=int8/g128" },
  { "u4", "u4/g128" },
  { "mlp = u3 / row , s16", "mlp=u3/row,s16" },
  { "int4,s16;L1=int4/g128", "int4/g128,s16;L1=int4/g128" },
  { "bf16;all=keep", "bf16;keep" },
  { "int4/tensor;L0,L9,L-1=keep", "int4/tensor;L0,L9,L-1=keep" },
  { "int4/tensor; L-1 , L9,L0 ,L9 = keep ", "int4/tensor;L0,L9,L-1=keep" },
  { "L10,L2,L1-3,L1=keep", "L1,L1-3,L2,L10=keep" },
  { "L-1,L-2,L0.5,L0.25,L3=keep", "L3,L0.25,L0.5,L-2,L-1=keep" },
  { "L4-4=keep", "L4=keep" },
  { "L0.750,L0.75=keep", "L0.75=keep" },
  { "L1.0,L0.000=keep", "L0.0,L1.0=keep" },
  { "L007=keep", "L7=keep" },
  { "mlp,L3.attn,bias,norm,head,pos,embed,all,L3=keep", "all,embed,pos,head,norm,bias,mlp,L3,L3.attn=keep" },
  { "L0.75.mlp,L-1.norm,L0-3.bias=keep", "L0-3.bias,L0.75.mlp,L-1.norm=keep" },
  { "name:b*, name: a b ,attn=int8", "attn,name:a b,name:b*=int8/g128" },
  { "L0=int4;L1=int4/g128;L2=int4/g64", "L0,L1=int4/g128;L2=int4/g64" },
  { "seed-w", "seed-w" },
  { "seed-rec ; L0 = keep;seed-all", "seed-rec;L0=keep;seed-all" },
  { "seed-w;seed-w", "seed-w" },
  { "int4/tensor;seed-w", "int4/tensor;seed-w" },
};

static void the_canonical_form_is_as_written_here(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    struct eq_recipe *r = parse(forms[i].text), *again = parse(forms[i].canonical);
    assert_string_equal(eq_recipe_canonical(r), forms[i].canonical);
    assert_string_equal(eq_recipe_canonical(again), forms[i].canonical);
    eq_recipe_free(r);
    eq_recipe_free(again);
  }
}

/* ---- messages ---- */

static const struct {
  const char *text;
  size_t caret;
  const char *message;
} errors[] = {
  { "", 0, "an empty recipe; the untouched model is none" },
  { "  ", 2, "an empty recipe" },
  { "none;int4", 0, "none, the untouched model, stands alone" },
  { "int4;", 5, "expected a clause here" },
  { ";int4", 0, "expected a clause here" },
  { "nf5", 0, "unknown scheme or preset 'nf5': known are keep, fp16, bf16, int2 to int8, u2 to u8, q4_0" },
  { "all=nf5", 4, "unknown scheme 'nf5': known are keep, fp16, bf16, int2 to int8, u2 to u8" },
  { "all = q4_0/row", 11, "q4_0 takes no granularity" },
  { "int4;fooo=int4", 5,
    "unknown selector 'fooo': known are all, embed, pos, head, norm, bias, attn, mlp, q, k, v, o, gate, up, down, L3" },
  { "L3", 2, "expected '=' and a scheme after a selector" },
  { "L3 ; int4", 2, "expected '=' and a scheme after a selector" },
  { "L3=", 3, "expected a scheme after '='" },
  { "=int4", 0, "expected a selector here" },
  { "L0,=int4", 3, "expected a selector here" },
  { "int9", 0, "int9: bits are 2 to 8" },
  { "int1/row", 0, "int1: bits are 2 to 8" },
  { "prune", 5, "expected '=' and a number after prune" },
  { "prune=1.5", 6, "expected a share of the weights" },
  { "prune=4:4", 6, "N:M keeps N of each M inputs" },
  { "prune=2:65", 6, "N:M keeps N of each M inputs" },
  { "prune=0.5/row", 10, "prune takes no granularity" },
  { "prune=2:4,global", 10, "prune has no option 'global'" },
  { "int4+prune=0.5,global", 5, "what is global comes first" },
  { "lowrank=0", 8, "expected a rank" },
  { "noise=0.1@x", 6, "expected an amount and perhaps a seed" },
  { "keep+int4", 0, "keep stands alone" },
  { "int4+keep", 5, "keep stands alone" },
  { "mean+int4", 0, "mean stands alone" },
  { "int4+mean", 5, "mean stands alone" },
  { "prune=0.5+int4,clip=laciq", 10, "clip=laciq comes first" },
  { "fp16+fp16+fp16+fp16+fp16", 20, "more than 4 steps" },
  { "int4+", 5, "unknown scheme ''" },
  { "int4,clip=p0", 10, "unknown clip 'p0': known are max, mse, aciq, laciq, laciq-uniform, p99.9" },
  { "int4,clip=p101", 10, "unknown clip" },
  { "u4,clip=mse", 3, "u4 has no option 'clip=mse'" },
  { "int4,scale=m9", 11, "unknown scale 'm9': known are m7, m8" },
  { "nf4/row", 4, "unknown granularity 'row': known are g<weights a block>" },
  { "fp8/g32", 4, "unknown granularity 'g32': known are tensor, row" },
  { "top101%=keep", 0, "unknown selector 'top101%'" },
  { "top5=keep", 0, "unknown selector 'top5'" },
  { "top5%@1=keep", 0, "unknown selector" },
  { "L3.attn.x5=keep", 3, "unknown part of a layer 'attn.x5': known are norm, bias, attn, mlp, q" },
  { "L3.h5=keep", 3, "unknown part of a layer 'h5'" },
  { "L1=u9", 3, "u9: bits are 2 to 8" },
  { "int4/row,s8", 9, "int4 has no option 's8'" },
  { "fp16,s16", 5, "fp16 has no option 's16'" },
  { "int4/g0", 5, "a group has 1 to 4294967295 inputs" },
  { "int4/g4294967296", 5, "a group has 1 to 4294967295 inputs" },
  { "int4/column", 5, "unknown granularity 'column': known are tensor, row, g" },
  { "int4/", 5, "unknown granularity ''" },
  { "fp16/row", 5, "fp16 takes no granularity" },
  { "L5-2=keep", 0, "layers are L3, L0-3, L-1 (the last) or L0.75" },
  { "L-0=keep", 0, "layers are L3" },
  { "L1.5=keep", 0, "layers are L3" },
  { "L0.1234567891=keep", 0, "layers are L3" },
  { "L99999999999999999999=keep", 0, "layers are L3" },
  { "L3.qq=int4", 3, "unknown part of a layer 'qq': known are norm, bias, attn, mlp, q, k" },
  { "L3.all=int4", 3, "unknown part of a layer 'all'" },
  { "L3.=int4", 3, "unknown part of a layer ''" },
  { "name:=keep", 0, "expected a pattern after name:" },
  { "a\x01", 1, "a control character" },
  { "name:\xff=keep", 5, "not valid UTF-8" },
  { "L0=keep=keep", 8, "keep takes no value" },
};

/* "recipe: TEXT\n", spaces up to the caret, "^ MESSAGE...". */
static void check_message(const struct eq_err *err, const char *text, size_t caret, const char *message) {
  const char *line = strchr(err->text, '\n');
  assert_int_equal(err->code, EQ_BAD);
  if (!line) fail_msg("%s: no caret in '%s'", text, err->text);
  size_t spaces = strspn(++line, " ");
  if (spaces != strlen("recipe: ") + caret || strncmp(line + spaces, "^ ", 2) || !strstr(line, message))
    fail_msg("%s: expected the caret at %zu and '%s', found\n%s", text, caret, message, err->text);
}

static void what_is_no_recipe_gets_a_caret_under_the_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    struct eq_err err = { 0 };
    if (eq_recipe_parse(errors[i].text, &err)) fail_msg("%s is a recipe", errors[i].text);
    check_message(&err, errors[i].text, errors[i].caret, errors[i].message);
  }
}

static const struct {
  const char *text;
  size_t caret;
  const char *message;
} mismatches[] = {
  { "int4;L12=keep", 5, "the model has layers L0-L11" },
  { "int4;L0,L-13=keep", 8, "the model has layers L0-L11" },
  { "L3-12=int4", 0, "the model has layers L0-L11" },
  { "name:*.weight,name:lm_head*=fp16", 14, "this selects no parameter of the model" },
  { "name:h.?.attn=fp16", 0, "this selects no parameter of the model" },
};

static void a_selector_that_matches_nothing_is_an_error(void **state) {
  (void)state;
  struct eq_scheme schemes[PARAMS];
  for (size_t i = 0; i < sizeof mismatches / sizeof *mismatches; i++) {
    struct eq_err err = { 0 };
    struct eq_recipe *r = parse(mismatches[i].text);
    assert_false(schemes_of(r, params, PARAMS, LAYERS, schemes, &err));
    check_message(&err, mismatches[i].text, mismatches[i].caret, mismatches[i].message);
    eq_recipe_free(r);
  }
  struct eq_err err = { 0 };
  struct eq_recipe *r = parse("attn=int4"), *layer = parse("L0.5=int4"), *preset = parse("int4;seed-w");
  const struct eq_parameter lone = { .name = "h.0.w", .layer = 0, .roles = EQ_LINEAR | EQ_MLP, .rows = 4, .cols = 4 };
  assert_false(schemes_of(r, &lone, 1, 1, schemes, &err));
  check_message(&err, "attn=int4", 0, "selects no parameter");
  err = (struct eq_err){ 0 };
  assert_false(schemes_of(layer, &lone, 0, 0, schemes, &err));
  check_message(&err, "L0.5=int4", 0, "the model has no layers");
  err = (struct eq_err){ 0 };
  assert_false(schemes_of(preset, &lone, 1, 1, schemes, &err));
  check_message(&err, "int4;seed-w", 5, "selects no parameter");
  eq_recipe_free(r);
  eq_recipe_free(layer);
  eq_recipe_free(preset);
}

static void hostile_lengths_are_refused(void **state) {
  (void)state;
  enum { LONG = 70000 };
  char *text = malloc(LONG + 1);
  assert_non_null(text);
  for (size_t i = 0; i < LONG; i++) text[i] = "L1,"[i % 3];
  text[LONG] = 0;
  struct eq_err err = { 0 };
  assert_null(eq_recipe_parse(text, &err));
  assert_non_null(strstr(err.text, "longer than 65536 bytes"));
  err = (struct eq_err){ 0 };
  memcpy(text + 60000, "L1=keep", 8);
  assert_null(eq_recipe_parse(text, &err));
  assert_non_null(strstr(err.text, "more than 4096 selectors"));
  free(text);
}

/* ---- what a recipe touches ---- */

/* How many of the parameters the recipe touches; all of them must get the scheme. */
static size_t touched(const char *text, enum eq_scheme_kind kind) {
  struct eq_scheme schemes[PARAMS];
  size_t n = 0;
  resolve(text, schemes);
  for (size_t i = 0; i < PARAMS; i++) {
    assert_true(schemes[i].kind == EQ_KEEP || schemes[i].kind == kind);
    n += schemes[i].kind == kind;
  }
  return n;
}

static void a_selector_touches_its_parameters(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t n;
  } counts[] = {
    { "fp16", 4 * LAYERS }, /* linear weights only */
    { "attn=fp16", 2 * LAYERS },
    { "mlp=fp16", 2 * LAYERS },
    { "L0=fp16", 4 },
    { "L0-3=fp16", 16 },
    { "L-1=fp16", 4 },
    { "L3.mlp,L-2.attn=fp16", 4 },
    { "embed=fp16", 1 },
    { "head=fp16", 1 },
    { "embed,head=fp16", 1 }, /* tied */
    { "pos=fp16", 1 },
    { "norm=fp16", 4 * LAYERS + 2 },
    { "bias=fp16", 6 * LAYERS + 1 },
    { "L3.norm=fp16", 4 },
    { "L3.bias=fp16", 6 },
    { "name:*=fp16", PARAMS },
    { "name:*.weight=fp16", 6 * LAYERS + 3 },
    { "name:h.?.mlp.c_fc.weight=fp16", 10 },
    { "name:h.1[01].*=fp16", 2 * IN_LAYER },
    { "name:h.[!0-8].*=fp16", IN_LAYER },
    { "name:*c_*t*=fp16", 5 * LAYERS }, /* the linear weights and c_attn.bias */
    { "none", 0 },
  };
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    size_t n = touched(counts[i].text, EQ_FP16_CAST);
    if (n != counts[i].n) fail_msg("%s touches %zu parameters, expected %zu", counts[i].text, n, counts[i].n);
  }
}

static void a_fraction_of_the_depth_is_a_layer(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int layer;
  } cases[] = { { "L0.75=fp16", 9 },  { "L0.0=fp16", 0 },   { "L1.0=fp16", 11 },       { "L0.5=fp16", 6 },
                { "L0.99=fp16", 11 }, { "L0.083=fp16", 0 }, { "L0.083333334=fp16", 1 } };
  struct eq_scheme schemes[PARAMS];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    resolve(cases[i].text, schemes);
    for (size_t p = 0; p < PARAMS; p++)
      assert_int_equal(schemes[p].kind == EQ_FP16_CAST,
                       params[p].layer == cases[i].layer && (params[p].roles & EQ_LINEAR));
  }
  /* floor(0.29 * 100) is 29, though 0.29 * 100 in doubles is a little less */
  struct eq_parameter deep[100];
  struct eq_scheme deep_schemes[100];
  for (int i = 0; i < 100; i++)
    deep[i] = (struct eq_parameter){ .name = "w", .layer = i, .roles = EQ_LINEAR, .rows = 4, .cols = 4 };
  struct eq_err err = { 0 };
  struct eq_recipe *r = parse("L0.29=fp16");
  assert_true(schemes_of(r, deep, 100, 100, deep_schemes, &err));
  assert_int_equal(deep_schemes[29].kind, EQ_FP16_CAST);
  eq_recipe_free(r);
}

static void keep_restores_norms_and_biases_too(void **state) {
  (void)state;
  struct eq_scheme schemes[PARAMS];
  resolve("seed-all;L2=keep;attn=keep", schemes);
  for (size_t i = 0; i < PARAMS; i++) {
    bool restored = params[i].layer == 2 || (params[i].roles & EQ_ATTN);
    assert_int_equal(schemes[i].kind, restored ? EQ_KEEP : EQ_INT);
  }
  assert_int_equal(touched("seed-all;keep", EQ_INT), 0);
}

/* GPT-J, Phi and encoders have a bias in their head, encoders a layer more. */
static void what_rounds_the_head_leaves_its_biases(void **state) {
  (void)state;
  static const struct eq_parameter head[] = {
    { .name = "lm_head.dense.weight", .layer = -1, .roles = EQ_HEAD, .rows = 4, .cols = 4 },
    { .name = "lm_head.dense.bias", .layer = -1, .roles = EQ_HEAD | EQ_BIAS, .rows = 4, .cols = 4 },
    { .name = "lm_head.weight", .layer = -1, .roles = EQ_HEAD, .rows = 4, .cols = 4 },
    { .name = "lm_head.bias", .layer = -1, .roles = EQ_HEAD | EQ_BIAS, .rows = 4, .cols = 4 }
  };
  static const struct {
    const char *recipe;
    bool rounded[4];
  } cases[] = { { "head=int4", { true, false, true, false } },
                { "bias=int4", { false, true, false, true } },
                { "name:lm_head*=int4", { true, true, true, true } },
                { "seed-all;head=keep", { false, false, false, false } } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eq_scheme schemes[4];
    struct eq_err err = { 0 };
    struct eq_recipe *r = parse(cases[i].recipe);
    if (!schemes_of(r, head, 4, 0, schemes, &err)) fail_msg("%s", err.text);
    for (size_t k = 0; k < 4; k++) assert_int_equal(schemes[k].kind != EQ_KEEP, cases[i].rounded[k]);
    eq_recipe_free(r);
  }
}

static void the_last_match_wins(void **state) {
  (void)state;
  struct eq_scheme schemes[PARAMS];
  resolve("L3=keep;int4;L3=int8/row;L3.mlp=int2/tensor", schemes);
  for (size_t i = 0; i < PARAMS; i++) {
    if (!(params[i].roles & EQ_LINEAR)) continue;
    struct eq_scheme want = { .kind = EQ_INT, .bits = 4, .granularity = EQ_PER_GROUP, .group = 128 };
    if (params[i].layer == 3)
      want = params[i].roles & EQ_MLP
                 ? (struct eq_scheme){ .kind = EQ_INT, .bits = 2, .granularity = EQ_PER_TENSOR, .group = 0 }
                 : (struct eq_scheme){ .kind = EQ_INT, .bits = 8, .granularity = EQ_PER_ROW, .group = 0 };
    assert_true(eq_scheme_equal(schemes[i], want));
  }
}

static void presets_round_what_was_published(void **state) {
  (void)state;
  struct eq_scheme w[PARAMS], all[PARAMS], rec[PARAMS];
  resolve("seed-w", w);
  resolve("seed-all", all);
  resolve("seed-rec", rec);
  const struct eq_scheme int4 = { .kind = EQ_INT, .bits = 4, .granularity = EQ_PER_TENSOR, .group = 0 }, keep = { 0 };
  for (size_t i = 0; i < PARAMS; i++) {
    bool weight = strstr(params[i].name, "weight"), final = strncmp(params[i].name, "ln_f", 4) == 0;
    assert_true(eq_scheme_equal(w[i], weight ? int4 : keep));
    assert_true(eq_scheme_equal(all[i], int4));
    assert_true(eq_scheme_equal(rec[i], weight && !final ? int4 : keep));
  }
}

/* ---- random recipes ---- */

struct draws {
  uint64_t seed, n;
};

static size_t below(struct draws *d, size_t n) { return (size_t)eq_random_below(d->seed, 0, d->n++, n); }

static void add_one_of(struct draws *d, const char *const *words, size_t n, struct eq_buffer *out) {
  eq_buffer_string(out, words[below(d, n)]);
  if (below(d, 8) == 0) eq_buffer_string(out, " ");
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void random_recipe(uint64_t seed, struct eq_buffer *out) {
  static const char *const selectors[] = { "all",           "embed",     "pos",      "head",       "norm",
                                           "bias",          "attn",      "mlp",      "L0",         "L11",
                                           "L2-5",          "L-1",       "L-12",     "L0.75",      "L0.5",
                                           "L3.mlp",        "L0-3.attn", "L-1.norm", "L0.25.bias", "name:*.weight",
                                           "name:h.[1-3]*", "L07",       "L0.10",    "L4-4" };
  static const char *const schemes[] = { "keep",     "fp16",        "bf16",     "int4",
                                         "int2/row", "int8/tensor", "int3/g64", "int4/g128" };
  static const char *const bare[] = { "int4", "keep", "seed-w", "seed-all", "seed-rec", "int8/tensor", "bf16" };
  struct draws d = { seed, 0 };
  for (size_t i = 0, n = 1 + below(&d, 5); i < n; i++) {
    if (i) eq_buffer_string(out, below(&d, 2) ? ";" : " ; ");
    if (below(&d, 4) == 0) {
      add_one_of(&d, bare, COUNT(bare), out);
      continue;
    }
    for (size_t j = 0, m = 1 + below(&d, 4); j < m; j++) {
      if (j) eq_buffer_string(out, ",");
      add_one_of(&d, selectors, COUNT(selectors), out);
    }
    eq_buffer_string(out, "=");
    add_one_of(&d, schemes, COUNT(schemes), out);
  }
}

static void the_canonical_form_is_stable_and_means_the_same(void **state) {
  (void)state;
  struct eq_scheme schemes[PARAMS], again[PARAMS];
  for (uint64_t seed = 0; seed < 3000; seed++) {
    struct eq_buffer text = { 0 };
    random_recipe(seed, &text);
    struct eq_recipe *r = parse(text.data), *canonical = parse(eq_recipe_canonical(r));
    assert_string_equal(eq_recipe_canonical(r), eq_recipe_canonical(canonical));
    resolve(text.data, schemes);
    resolve(eq_recipe_canonical(r), again);
    for (size_t i = 0; i < PARAMS; i++) assert_true(eq_scheme_equal(schemes[i], again[i]));
    eq_recipe_free(r);
    eq_recipe_free(canonical);
    eq_buffer_free(&text);
  }
}

static void a_base_is_what_keep_protects_from(void **state) {
  (void)state;
  static const char *const cases[][2] = { { "int4;L0,norm=keep", "int4/g128" },
                                          { "keep", "none" },
                                          { "int4;L0=keep;all=int4", "int4/g128" },
                                          { "seed-w;L0=keep;q=prune=0.5+int8/row", "seed-w;q=prune=0.5+int8/row" },
                                          { "none", "none" } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *base = eq_recipe_base(cases[i][0]);
    assert_string_equal(base, cases[i][1]);
    free(base);
  }
  assert_null(eq_recipe_base("int4;;"));
}

static void clauses_are_apart_where_no_model_has_a_weight_of_two(void **state) {
  (void)state;
  static const char *const yes[] = { "none",
                                     "int4",
                                     "attn=int4;mlp=int8",
                                     "L0=int4;L1-3=int8",
                                     "q,k=int4;v=u4",
                                     "L0.q=int4;L0.o=u4",
                                     "L2.top5%=keep;L3=int4",
                                     "L3.mlp=int4;attn=nf4" };
  static const char *const no[] = { "int4;L0=keep",        "L0-3=int4;L3=u4",      "L-1=int4;L0=u4",
                                    "attn=int4;q=u4",      "embed=int4;head=int8", "seed-w;L0=int4",
                                    "norm=fp16;bias=bf16", "L0.e1=int4;L0.e2=u4",  "L0.attn.h1=zero;L0.attn.h2=int4" };
  for (size_t i = 0; i < sizeof yes / sizeof *yes + sizeof no / sizeof *no; i++) {
    bool apart = i < sizeof yes / sizeof *yes;
    const char *text = apart ? yes[i] : no[i - sizeof yes / sizeof *yes];
    struct eq_recipe *r = eq_recipe_parse(text, NULL);
    assert_non_null(r);
    if (eq_recipe_is_apart(r) != apart) fail_msg("%s", text);
    eq_recipe_free(r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_base_is_what_keep_protects_from),
    cmocka_unit_test(clauses_are_apart_where_no_model_has_a_weight_of_two),
    cmocka_unit_test(the_canonical_form_is_as_written_here),
    cmocka_unit_test(what_is_no_recipe_gets_a_caret_under_the_place),
    cmocka_unit_test(a_selector_that_matches_nothing_is_an_error),
    cmocka_unit_test(hostile_lengths_are_refused),
    cmocka_unit_test(a_selector_touches_its_parameters),
    cmocka_unit_test(a_fraction_of_the_depth_is_a_layer),
    cmocka_unit_test(keep_restores_norms_and_biases_too),
    cmocka_unit_test(what_rounds_the_head_leaves_its_biases),
    cmocka_unit_test(the_last_match_wins),
    cmocka_unit_test(presets_round_what_was_published),
    cmocka_unit_test(the_canonical_form_is_stable_and_means_the_same),
  };
  return cmocka_run_group_tests_name("recipe", tests, make_model, NULL);
}
