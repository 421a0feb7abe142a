/* schema.h: every kind of record, its keys and their types, in one place.
 *
 * A kind is a C struct and a table of fields; reading, writing, eq-show's columns and the manual come from the table.
 * To add a kind: a struct and a declaration here, a table and a row of eq_kinds in schema.c, a line in doc of the tool
 * that makes it. */
#ifndef EQ_STREAM_SCHEMA_H
#define EQ_STREAM_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"

/* Ext types of numeric arrays: packed little-endian numbers. */
enum eq_ext { EQ_EXT_U32 = 1, EQ_EXT_F32 = 2, EQ_EXT_F64 = 3 };

enum eq_type { EQ_T_STR, EQ_T_U64, EQ_T_F64, EQ_T_U32S, EQ_T_F32S, EQ_T_F64S };

/* What an error message calls a type; its ext type and the bytes of an element, both 0 when it is no array. */
struct eq_type_facts {
  const char *name;
  int ext;
  size_t width;
};
extern const struct eq_type_facts eq_types[]; /* by enum eq_type */

/* A numeric array as it lies in a record: perhaps not aligned, so read it with the functions below. Borrowed.
 * bytes NULL: absent. */
struct eq_numbers {
  const unsigned char *bytes;
  size_t n; /* elements */
};
uint32_t eq_u32_at(struct eq_numbers a, size_t i);
float eq_f32_at(struct eq_numbers a, size_t i);
double eq_f64_at(struct eq_numbers a, size_t i);
/* Views of host arrays, to write. */
struct eq_numbers eq_u32s(const uint32_t *v, size_t n);
struct eq_numbers eq_f32s(const float *v, size_t n);
struct eq_numbers eq_f64s(const double *v, size_t n);

/* An absent uint64_t; absent strings and arrays have p or bytes NULL; a double that is not defined is NaN. */
#define EQ_ABSENT UINT64_MAX
/* A double whose key is absent: a NaN with a payload that no arithmetic makes, not one that says "not defined". */
double eq_absent_f64(void);
bool eq_is_absent_f64(double x);

enum eq_field_use {
  EQ_REQUIRED,    /* reading fails without it */
  EQ_OPTIONAL,    /* absent when not given */
  EQ_KEY,         /* required, and with the other keys it says which record this is: merge.h */
  EQ_KEY_IF_THERE /* optional, likewise */
};

struct eq_field {
  const char *key;
  size_t key_length;
  enum eq_type type;
  size_t offset; /* in the kind's struct */
  enum eq_field_use use;
  const char *meaning; /* with the unit; for manuals and reports */
};

struct eq_kind {
  const char *name, *made_by, *carries;
  const struct eq_field *fields; /* n_fields of them; the order is the order of keys in a written record */
  size_t n_fields, size;         /* size of the struct */
};

struct eq_text {
  struct eq_str lang, id, text;
};

struct eq_tokens {
  struct eq_str lang, id, text, tokenizer;
  struct eq_numbers ids;          /* u32 */
  struct eq_numbers starts, ends; /* u32, byte offsets in text, ends exclusive; absent when made by hand */
};

struct eq_surprisal {
  struct eq_str lang, id, model, recipe; /* recipe in its canonical form */
  uint64_t n_tokens, n_scored;           /* tokens of the segment; those of them that were scored */
  uint64_t bytes, chars;                 /* of the text that the scored tokens cover; absent without offsets */
  double nll;                            /* nats, summed over the scored tokens; NaN when excluded */
  struct eq_str excluded;                /* why the segment was not scored; absent when it was */
  uint64_t vocab;                        /* size of the model's vocabulary: ln(vocab) is the uniform surprisal */
  struct eq_numbers nlls;                /* f32, each scored token's, only on demand */
  struct eq_str reference; /* the recipe that predictions were compared with, canonical; absent without one, as are: */
  double kl;               /* divergence from its predictions, nats, summed over the scored tokens */
  uint64_t same_top;       /* scored tokens for which both find the same token likeliest */
  /* Of mixtures of experts, only on demand: from how many of the scored tokens' rows each layer's router chose each
   * expert, [layers][n_experts] u32, zeros in layers without experts; each row of a layer with some sums to n_scored
   * times the experts of a token. Counts of a language are the sums over its segments. */
  uint64_t n_experts;
  struct eq_numbers experts;
  /* Only of a text that was scored as another program does it, and there what it reports: */
  struct eq_str as;                     /* "llama.cpp:512", "hf:1024:512", "lm-eval:2048": context and stride */
  double ppl, ppl_error;                /* a scored token, as the program averages; its standard error */
  uint64_t words;                       /* as it counts them */
  double word_ppl, byte_ppl, bits_byte; /* over the words, over the bytes */
  /* What nll depends on beside model and recipe: "ctx 256:128, prefix 0" (lib/model/score.h). */
  struct eq_str settings;
  uint64_t of; /* the low 32 bits of the XXH64 of the tokens record that it was made of */
};

struct eq_damage {
  struct eq_str model, recipe, base, lang, group;
  struct eq_str as;            /* of the surprisal records, when they have it */
  uint64_t segments, excluded; /* pairs that count; segments of this language left out (not scored, or no pair) */
  uint64_t tokens, bytes;      /* scored tokens and their bytes in the segments that count */
  double bits_segment, bits_byte, bits_char;
  double ppl, base_ppl;                                     /* exp of nats a scored token */
  double delta_segment, delta_segment_lo, delta_segment_hi; /* bits a segment, recipe minus base */
  double delta_byte, delta_byte_lo, delta_byte_hi;          /* bits a byte */
  double deg;                                               /* percent: 100 (ppl / base_ppl - 1) */
  struct eq_str flags;                                      /* comma list, "" for none */
};

struct eq_disparity {
  struct eq_str model, recipe, base;
  struct eq_str as;             /* of the surprisal records, when they have it */
  uint64_t languages, segments; /* languages compared; distinct segment ids drawn by the bootstrap */
  struct eq_str worst, best;    /* by delta_segment */
  double worst_minus_best, worst_minus_best_lo, worst_minus_best_hi, worst_over_median;
  double delta_mean, delta_mean_lo, delta_mean_hi; /* over all languages, of delta_segment */
  struct eq_str median_reason; /* why worst_over_median is NaN; each reason is absent when there's nothing to say */
  double ratio, ratio_lo, ratio_hi;                          /* delta_low / delta_high */
  struct eq_str ratio_reason;                                /* why ratio is NaN */
  double delta_low, delta_low_lo, delta_low_hi;              /* mean over the low group's languages of delta_segment */
  double delta_high, delta_high_lo, delta_high_hi;           /* and over the high group's */
  double legacy_he_en, legacy_low_high, legacy_mean_over_en; /* ratios of percent perplexity, as published */
  struct eq_str legacy_reason;                               /* why some of them are NaN */
  struct eq_str levels_down_from; /* with the flag levels-down: the recipe that is kinder, yet has a higher ratio */
  struct eq_str flags;
};

/* Of a recipe that combines others: of a language, or, without lang, of a group of them. */
struct eq_interaction {
  struct eq_str model, recipe, base, parts; /* parts: the recipes it combines, " & " between them */
  struct eq_str as, lang, group;
  uint64_t segments;                   /* that all of them scored */
  double delta, sum;                   /* bits a segment: what the recipe adds, and what its parts add, summed */
  double excess, excess_lo, excess_hi; /* delta - sum */
  struct eq_str flags;
};

struct eq_tokenization {
  struct eq_str tokenizer, lang;
  uint64_t segments, bytes, chars, words, tokens; /* bytes, chars, words absent where a segment came without its text */
  double bytes_token, chars_token, tokens_word;   /* sums over sums; tokens_word NaN in scripts without spaces */
  double byte_share, unknown_share;               /* of the tokens; NaN when the vocabulary is not at hand */
  double premium;                                 /* tokens over those of the base, in the segments that both have */
  uint64_t pairs;                                 /* of those segments */
};

struct eq_vocab {
  struct eq_str tokenizer;
  uint64_t id;
  struct eq_str token;    /* the bytes it stands for; \xNN and \\ where they are not whole characters */
  struct eq_str spelling; /* in its file; absent where that is the bytes themselves */
  uint64_t bytes;
  struct eq_str kind, script, class;
  uint64_t rank;
  double score;
};

/* What a model is. */
struct eq_description {
  struct eq_str model, family, format, provenance, types;
  uint64_t parameters, bytes; /* a tied head once; of all tensors of the files */
  uint64_t layers, width, inner, heads, kv_heads, head_size, experts, experts_a_token, vocab, positions;
  struct eq_str position, window, norm, activation, head, tokenizer;
  uint64_t unused; /* tensors that nothing needs */
  struct eq_str first_unused;
};

/* A recipe of a study: the kind `recipe` (struct eq_recipe is the grammar's). */
struct eq_planned {
  struct eq_str model, recipe;       /* recipe in its canonical form; model absent where no model was asked */
  struct eq_str base;                /* what it is compared with in size */
  struct eq_str plan, part;          /* the kind of study; what it varies here: the layers that are kept, the width */
  uint64_t bytes;                    /* of all the model's tensors, as eq-quant --dry-run counts them */
  double bits;                       /* a weight of the model */
  double overhead, overhead_percent; /* bytes over the base's; negative when it is smaller */
  uint64_t missing, cells;           /* segments that results lack under it, of how many */
};

/* What a recipe costs beside what it hurts. The two measures are disparity's. */
struct eq_pareto {
  struct eq_str model, recipe, base, over; /* base: of the damage; over: of the size */
  struct eq_str as, plan;
  uint64_t bytes, languages, segments;
  double overhead, overhead_percent;
  double delta_mean, delta_mean_lo, delta_mean_hi;
  double worst_minus_best, worst_minus_best_lo, worst_minus_best_hi;
  struct eq_str front;  /* the measures by which no other beats it, at no higher cost: a comma list, "" for none */
  struct eq_str chosen; /* those by which other segments chose it; absent without such a choice */
  /* Controls that cost the same, and how many of them are no worse by each measure. */
  uint64_t controls, controls_mean, controls_spread;
};

/* What a recipe does to one tensor of a model. */
struct eq_quant {
  struct eq_str model, recipe; /* recipe in its canonical form */
  struct eq_str tensor, scheme;
  uint64_t layer, weights;
  uint64_t bytes, source_bytes;                         /* as the scheme stores it, as the model does */
  double bits;                                          /* a weight, of bytes */
  uint64_t file_bytes;                                  /* in the file that was written; absent when none was */
  double mse, sqnr, relative_error, max_error, clipped; /* absent in a dry run */
};

/* What the weights of a tensor, or of the linear ones of a layer (then without `tensor`), are like; or what enters a
 * linear tensor in a language: its input activations. */
struct eq_layer {
  struct eq_str model, of, tensor, lang; /* of: "weights" or "inputs"; lang: of inputs */
  uint64_t layer;                        /* absent outside the layers */
  uint64_t n;                            /* numbers */
  uint64_t tokens;                       /* of inputs: those that they were seen at */
  double mean, mean_abs, mean_square, variance, skew, kurtosis, kurtosis_error, max, outliers, sparsity;
  struct eq_str undefined; /* why some of these are NaN; absent when none is */
  /* By input channel. Of linear weights, f64: the mean over its weights of (w - mean of the tensor)^2, and ^4. Of
   * inputs, f32: the mean of x and of x^2 over the tokens. */
  struct eq_numbers channel_squares, channel_fourths;
  struct eq_numbers channel_means, channel_powers;
};

/* A field of a record, for people: what a table shows where there is one record only. */
struct eq_fact {
  struct eq_str fact, value, meaning;
};

/* Stands behind the records of a unit of work. Filters pass it on as they do what they do not know, and when no more
 * input has come they let out all that they hold back (tool.h): what stands before it is then the unit's result. */
struct eq_mark {
  uint64_t unit;
  uint64_t of; /* in a journal (journal.h) */
};

/* What other chain of programs made a part of this stream: stands where concatenated or joined streams' headers
 * differ. Carries "prog" as the header does; it has no struct. */

extern const struct eq_kind eq_kind_text, eq_kind_tokens, eq_kind_surprisal, eq_kind_damage, eq_kind_disparity,
    eq_kind_interaction, eq_kind_tokenization, eq_kind_vocab, eq_kind_description, eq_kind_layer, eq_kind_recipe,
    eq_kind_pareto, eq_kind_quant, eq_kind_fact, eq_kind_mark, eq_kind_source;

/* All kinds, NULL at the end. */
extern const struct eq_kind *const eq_kinds[];
const struct eq_kind *eq_kind_find(struct eq_str name);
bool eq_field_is(const struct eq_field *field, struct eq_str key);
bool eq_field_is_required(const struct eq_field *field);
bool eq_field_is_key(const struct eq_field *field);
const struct eq_field *eq_kind_field(const struct eq_kind *kind, struct eq_str key);

#endif
