/* recipe.h: what is done to a model, as a text: SELECTOR=SCHEME[;SELECTOR=SCHEME...], the last match wins.
 *
 *   none                            the untouched model; stands alone
 *   SELECTOR[,SELECTOR...]=SCHEME   on the union of the selectors
 *   SCHEME                          all=SCHEME
 *   seed-w, seed-all, seed-rec      presets: per-tensor int4 on every parameter whose name contains "weight"
 *                                   (embeddings, positions, norms' gains and a tied head too), on every parameter, and
 *                                   as seed-w but for the final norm
 * Selectors: all embed pos head norm bias attn mlp, projections q k v o gate up down (in fused matrices too), name:GLOB
 * (glob.h), layers L3, L0-3, L-1 (the last), L0.75 (layer floor(0.75 n), the last when that is n), part of a layer:
 * L3.mlp, L0-3.q, L-1.norm, L0.75.bias; a head, L3.attn.h5: its rows of q, k and v and columns of o; an expert, L3.e7.
 * Weights of all linear ones, or of a layer's: top5%, the largest magnitudes of each tensor, rand5%@7, some by chance.
 * Schemes: scheme.h.
 * Blanks around words are skipped. A recipe has at most 64 KiB and 4096 selectors.
 *
 * This file knows the grammar and which parameters a selector means. Selectors are a table in recipe.c: a new one is a
 * row. */
#ifndef EQ_RECIPE_RECIPE_H
#define EQ_RECIPE_RECIPE_H

#include <stddef.h>

#include "lib/base/error.h"
#include "lib/recipe/treatment.h"

/* What a recipe must know of a parameter of a model; a tied head is EMBED and HEAD, a norm's shift NORM and BIAS. */
enum eq_role {
  EQ_LINEAR = 1, /* a projection's weight */
  EQ_NORM = 2,
  EQ_BIAS = 4,
  EQ_EMBED = 8,
  EQ_POS = 16,
  EQ_HEAD = 32,
  EQ_ATTN = 64, /* in an attention block: its projections and their biases */
  EQ_MLP = 128,
  EQ_FINAL = 256, /* outside the layers, after them: the final norm */
  EQ_Q = 512,     /* projections, and their biases; a fused matrix has several */
  EQ_K = 1024,
  EQ_V = 2048,
  EQ_O = 4096,
  EQ_GATE = 8192,
  EQ_UP = 16384,
  EQ_DOWN = 32768,
  EQ_EXPERT = 65536,
};

/* Attention heads of a model. Where q, k and v are one matrix they lie one below the other, or grouped: by key-value
 * head, its queries, its key, its value. */
struct eq_heads {
  size_t n, n_kv, size;
  bool grouped;
};

struct eq_parameter {
  const char *name;             /* as in the file */
  int layer;                    /* from 0; -1 outside the layers */
  unsigned roles;               /* of enum eq_role */
  size_t rows, cols;            /* outputs and inputs; a vector is one row */
  const struct eq_heads *heads; /* of what has EQ_Q to EQ_O */
  size_t expert;                /* of EQ_EXPERT: from 0 */
};

struct eq_recipe;

/* NULL and err, with a caret under the place, when the text is not a recipe. */
struct eq_recipe *eq_recipe_parse(const char *text, struct eq_err *err);
void eq_recipe_free(struct eq_recipe *r);

/* The canonical form: blanks gone, `all=` left out, defaults spelled (int4 -> int4/g128), selectors of a clause sorted,
 * neighbouring clauses with the same scheme joined. Parsing it gives the same form again. Owned by r. */
const char *eq_recipe_canonical(const struct eq_recipe *r);

/* How a stream names the recipe that a person typed: its canonical form, or, where it is none of our recipes (other
 * programs make streams too), the text itself. To free(); NULL when memory is out. */
char *eq_recipe_name(const char *text);

/* Do its clauses surely share no weight, whatever the model? A clause replaces what earlier ones did to the same
 * weights, so only the damages of clauses that are apart can add up. */
bool eq_recipe_is_apart(const struct eq_recipe *r);

/* The canonical form of what is left of a recipe without its clauses of keep: what a patch protects tensors from. To
 * free(); NULL when the text is no recipe, or memory is out. */
char *eq_recipe_base(const char *text);

/* treatments[i] = what the recipe does to params[i], NULL where nothing; they belong to `all`. On all, attn, mlp, a
 * projection, a head, an expert or a layer, every scheme but keep and zero touches linear weights only; zero touches
 * their biases too, and of a head only what is its own (keys and values that heads share stay); mean counts
 * for o and down alone (and is for heads, attn, mlp, layers, these and all); keep restores all that
 * the selector covers (all: every parameter); on head a scheme touches all but biases; embed, pos, norm, bias, name:
 * and presets take it as it is. Fails, with a caret, on a layer, head or expert that the model does not have and on a
 * selector, one of a union too, that touches no parameter. */
bool eq_recipe_resolve(const struct eq_recipe *r, const struct eq_parameter *params, size_t n_params, size_t n_layers,
                       struct eq_treatments *all, const struct eq_treatment **treatments, struct eq_err *err);

/* The first head of the recipe whose keys and values other heads of the model share, as it is spelled; NULL: none. To
 * free(). For a remark: what is done to them is done for all. */
char *eq_recipe_shared_head(const struct eq_recipe *r, const struct eq_heads *heads);

#endif
