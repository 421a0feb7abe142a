#include "lib/stream/schema.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ext arrays are little-endian and are written as they lie");

uint32_t eq_u32_at(struct eq_numbers a, size_t i) {
  uint32_t v;
  memcpy(&v, a.bytes + 4 * i, sizeof v);
  return v;
}

float eq_f32_at(struct eq_numbers a, size_t i) {
  float v;
  memcpy(&v, a.bytes + 4 * i, sizeof v);
  return v;
}

double eq_f64_at(struct eq_numbers a, size_t i) {
  double v;
  memcpy(&v, a.bytes + 8 * i, sizeof v);
  return v;
}

/* An array of no numbers is still present, so its bytes must not be NULL. */
static struct eq_numbers view(const void *v, size_t n) { return (struct eq_numbers){ n ? v : "", n }; }

struct eq_numbers eq_u32s(const uint32_t *v, size_t n) {
  return view(v, n);
}
struct eq_numbers eq_f32s(const float *v, size_t n) {
  return view(v, n);
}
struct eq_numbers eq_f64s(const double *v, size_t n) {
  return view(v, n);
}

const struct eq_type_facts eq_types[] = {
  [EQ_T_STR] = { "a string", 0, 0 },
  [EQ_T_U64] = { "a whole number of 0 or more", 0, 0 },
  [EQ_T_F64] = { "a number", 0, 0 },
  [EQ_T_U32S] = { "ext type 1 (u32 array)", EQ_EXT_U32, 4 },
  [EQ_T_F32S] = { "ext type 2 (f32 array)", EQ_EXT_F32, 4 },
  [EQ_T_F64S] = { "ext type 3 (f64 array)", EQ_EXT_F64, 8 },
};

/* A row: the key is the name of the struct's field. The order is that of the keys in a record. */
#define ROW(kind, field, type, use, meaning) \
  { #field, sizeof #field - 1, type, offsetof(struct eq_##kind, field), use, meaning }
#define N(fields) (sizeof(fields) / sizeof *(fields))

static const struct eq_field text_fields[] = {
  ROW(text, lang, EQ_T_STR, EQ_KEY, "language, BCP 47"),
  ROW(text, id, EQ_T_STR, EQ_KEY, "segment, the same in every language of a parallel corpus"),
  ROW(text, text, EQ_T_STR, EQ_REQUIRED, "UTF-8"),
};

static const struct eq_field tokens_fields[] = {
  ROW(tokens, lang, EQ_T_STR, EQ_KEY, "language, BCP 47"),
  ROW(tokens, id, EQ_T_STR, EQ_KEY, "segment"),
  ROW(tokens, text, EQ_T_STR, EQ_OPTIONAL, "UTF-8"),
  ROW(tokens, tokenizer, EQ_T_STR, EQ_KEY_IF_THERE, "what made the ids"),
  ROW(tokens, ids, EQ_T_U32S, EQ_REQUIRED, "token ids"),
  ROW(tokens, starts, EQ_T_U32S, EQ_OPTIONAL, "byte offset in text where each token begins"),
  ROW(tokens, ends, EQ_T_U32S, EQ_OPTIONAL, "byte offset behind each token"),
};

static const struct eq_field surprisal_fields[] = {
  ROW(surprisal, lang, EQ_T_STR, EQ_KEY, "language, BCP 47"),
  ROW(surprisal, id, EQ_T_STR, EQ_KEY, "segment"),
  ROW(surprisal, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(surprisal, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(surprisal, n_tokens, EQ_T_U64, EQ_REQUIRED, "tokens of the segment"),
  ROW(surprisal, n_scored, EQ_T_U64, EQ_REQUIRED, "tokens that were scored"),
  ROW(surprisal, bytes, EQ_T_U64, EQ_OPTIONAL, "UTF-8 bytes of the text that the scored tokens cover"),
  ROW(surprisal, chars, EQ_T_U64, EQ_OPTIONAL, "code points of that text"),
  ROW(surprisal, nll, EQ_T_F64, EQ_REQUIRED, "surprisal summed over the scored tokens, nats; NaN when excluded"),
  ROW(surprisal, excluded, EQ_T_STR, EQ_OPTIONAL, "why the segment was not scored"),
  ROW(surprisal, vocab, EQ_T_U64, EQ_OPTIONAL, "size of the model's vocabulary"),
  ROW(surprisal, nlls, EQ_T_F32S, EQ_OPTIONAL, "surprisal of each scored token, nats"),
  ROW(surprisal, reference, EQ_T_STR, EQ_KEY_IF_THERE, "recipe that predictions were compared with"),
  ROW(surprisal, kl, EQ_T_F64, EQ_OPTIONAL, "divergence from its predictions, summed over the scored tokens, nats"),
  ROW(surprisal, same_top, EQ_T_U64, EQ_OPTIONAL, "scored tokens for which both find the same token likeliest"),
  ROW(surprisal, n_experts, EQ_T_U64, EQ_OPTIONAL, "experts of a layer"),
  ROW(surprisal, experts, EQ_T_U32S, EQ_OPTIONAL, "scored tokens that each expert worked for, layer by layer"),
  ROW(surprisal, as, EQ_T_STR, EQ_KEY_IF_THERE, "program whose way of scoring this is, with its context and stride"),
  ROW(surprisal, ppl, EQ_T_F64, EQ_OPTIONAL, "perplexity as that program reports it"),
  ROW(surprisal, ppl_error, EQ_T_F64, EQ_OPTIONAL, "its standard error, as that program reports it"),
  ROW(surprisal, words, EQ_T_U64, EQ_OPTIONAL, "words of the text, as that program counts them"),
  ROW(surprisal, word_ppl, EQ_T_F64, EQ_OPTIONAL, "exp of nats a word"),
  ROW(surprisal, byte_ppl, EQ_T_F64, EQ_OPTIONAL, "exp of nats a UTF-8 byte"),
  ROW(surprisal, bits_byte, EQ_T_F64, EQ_OPTIONAL, "bits a UTF-8 byte"),
  ROW(surprisal, settings, EQ_T_STR, EQ_KEY_IF_THERE, "how it was scored: what the numbers depend on"),
  ROW(surprisal, of, EQ_T_U64, EQ_OPTIONAL, "low 32 bits of the XXH64 of the tokens record that it was made of"),
};

static const struct eq_field damage_fields[] = {
  ROW(damage, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(damage, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(damage, base, EQ_T_STR, EQ_KEY, "recipe that it is compared with"),
  ROW(damage, as, EQ_T_STR, EQ_KEY_IF_THERE, "program whose way of scoring the surprisals have"),
  ROW(damage, lang, EQ_T_STR, EQ_KEY, "language, BCP 47"),
  ROW(damage, group, EQ_T_STR, EQ_OPTIONAL, "group of the language"),
  ROW(damage, segments, EQ_T_U64, EQ_OPTIONAL, "pairs of segments that count"),
  ROW(damage, excluded, EQ_T_U64, EQ_OPTIONAL, "segments left out: not scored, or without a pair"),
  ROW(damage, tokens, EQ_T_U64, EQ_OPTIONAL, "scored tokens of the pairs"),
  ROW(damage, bytes, EQ_T_U64, EQ_OPTIONAL, "UTF-8 bytes of the pairs"),
  ROW(damage, bits_segment, EQ_T_F64, EQ_OPTIONAL, "bits of surprisal a segment"),
  ROW(damage, bits_byte, EQ_T_F64, EQ_OPTIONAL, "bits a UTF-8 byte"),
  ROW(damage, bits_char, EQ_T_F64, EQ_OPTIONAL, "bits a code point"),
  ROW(damage, ppl, EQ_T_F64, EQ_OPTIONAL, "perplexity a scored token"),
  ROW(damage, base_ppl, EQ_T_F64, EQ_OPTIONAL, "the same under the base"),
  ROW(damage, delta_segment, EQ_T_F64, EQ_OPTIONAL, "bits a segment, recipe minus base"),
  ROW(damage, delta_segment_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(damage, delta_segment_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(damage, delta_byte, EQ_T_F64, EQ_OPTIONAL, "bits a byte, recipe minus base"),
  ROW(damage, delta_byte_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(damage, delta_byte_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(damage, deg, EQ_T_F64, EQ_OPTIONAL, "percent perplexity: 100 (ppl / base_ppl - 1)"),
  ROW(damage, flags, EQ_T_STR, EQ_OPTIONAL, "comma list: saturated, little-text, incomplete"),
};

static const struct eq_field disparity_fields[] = {
  ROW(disparity, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(disparity, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(disparity, base, EQ_T_STR, EQ_KEY, "recipe that it is compared with"),
  ROW(disparity, as, EQ_T_STR, EQ_KEY_IF_THERE, "program whose way of scoring the surprisals have"),
  ROW(disparity, languages, EQ_T_U64, EQ_OPTIONAL, "languages compared"),
  ROW(disparity, segments, EQ_T_U64, EQ_OPTIONAL, "distinct segment ids that the bootstrap draws"),
  ROW(disparity, worst, EQ_T_STR, EQ_OPTIONAL, "language with the largest delta_segment"),
  ROW(disparity, best, EQ_T_STR, EQ_OPTIONAL, "language with the smallest"),
  ROW(disparity, worst_minus_best, EQ_T_F64, EQ_OPTIONAL, "their difference, bits a segment"),
  ROW(disparity, worst_minus_best_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(disparity, worst_minus_best_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(disparity, delta_mean, EQ_T_F64, EQ_OPTIONAL, "mean over all languages of delta_segment, bits"),
  ROW(disparity, delta_mean_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(disparity, delta_mean_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(disparity, worst_over_median, EQ_T_F64, EQ_OPTIONAL, "delta_segment of the worst language over the median one"),
  ROW(disparity, median_reason, EQ_T_STR, EQ_OPTIONAL, "why that is NaN"),
  ROW(disparity, ratio, EQ_T_F64, EQ_OPTIONAL, "delta_low over delta_high"),
  ROW(disparity, ratio_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(disparity, ratio_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(disparity, ratio_reason, EQ_T_STR, EQ_OPTIONAL, "why the ratio is NaN"),
  ROW(disparity, delta_low, EQ_T_F64, EQ_OPTIONAL, "mean delta_segment of the low group, bits"),
  ROW(disparity, delta_low_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(disparity, delta_low_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(disparity, delta_high, EQ_T_F64, EQ_OPTIONAL, "mean delta_segment of the high group, bits"),
  ROW(disparity, delta_high_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(disparity, delta_high_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(disparity, legacy_he_en, EQ_T_F64, EQ_OPTIONAL, "percent perplexity, he over en"),
  ROW(disparity, legacy_low_high, EQ_T_F64, EQ_OPTIONAL, "percent perplexity, low group over high group"),
  ROW(disparity, legacy_mean_over_en, EQ_T_F64, EQ_OPTIONAL, "percent perplexity, mean of the others over en"),
  ROW(disparity, legacy_reason, EQ_T_STR, EQ_OPTIONAL, "why some legacy ratio is NaN"),
  ROW(disparity, levels_down_from, EQ_T_STR, EQ_OPTIONAL, "recipe that is kinder, yet has a higher ratio"),
  ROW(disparity, flags, EQ_T_STR, EQ_OPTIONAL, "comma list: of the damages, and levels-down"),
};

static const struct eq_field interaction_fields[] = {
  ROW(interaction, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(interaction, recipe, EQ_T_STR, EQ_KEY, "recipe that combines others, canonical"),
  ROW(interaction, parts, EQ_T_STR, EQ_REQUIRED, "those others"),
  ROW(interaction, base, EQ_T_STR, EQ_KEY, "recipe that all are compared with"),
  ROW(interaction, as, EQ_T_STR, EQ_KEY_IF_THERE, "program whose way of scoring the surprisals have"),
  ROW(interaction, lang, EQ_T_STR, EQ_KEY_IF_THERE, "language, BCP 47; absent of a group"),
  ROW(interaction, group, EQ_T_STR, EQ_KEY_IF_THERE, "group of the language, or the group"),
  ROW(interaction, segments, EQ_T_U64, EQ_OPTIONAL, "segments that all of them scored"),
  ROW(interaction, delta, EQ_T_F64, EQ_OPTIONAL, "bits a segment that the recipe adds to the base"),
  ROW(interaction, sum, EQ_T_F64, EQ_OPTIONAL, "bits a segment that its parts add, each alone, summed"),
  ROW(interaction, excess, EQ_T_F64, EQ_OPTIONAL, "delta less sum"),
  ROW(interaction, excess_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(interaction, excess_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(interaction, flags, EQ_T_STR, EQ_OPTIONAL,
      "worse-than-sum or better-than-sum, where the interval says so; little-text"),
};

static const struct eq_field tokenization_fields[] = {
  ROW(tokenization, tokenizer, EQ_T_STR, EQ_KEY_IF_THERE, "what made the tokens"),
  ROW(tokenization, lang, EQ_T_STR, EQ_KEY, "language, BCP 47"),
  ROW(tokenization, segments, EQ_T_U64, EQ_OPTIONAL, "segments"),
  ROW(tokenization, bytes, EQ_T_U64, EQ_OPTIONAL, "UTF-8 bytes of their texts"),
  ROW(tokenization, chars, EQ_T_U64, EQ_OPTIONAL, "code points"),
  ROW(tokenization, words, EQ_T_U64, EQ_OPTIONAL, "words between white space"),
  ROW(tokenization, tokens, EQ_T_U64, EQ_OPTIONAL, "tokens"),
  ROW(tokenization, bytes_token, EQ_T_F64, EQ_OPTIONAL, "bytes a token"),
  ROW(tokenization, chars_token, EQ_T_F64, EQ_OPTIONAL, "code points a token"),
  ROW(tokenization, tokens_word, EQ_T_F64, EQ_OPTIONAL, "fertility: tokens a word; NaN in scripts without spaces"),
  ROW(tokenization, byte_share, EQ_T_F64, EQ_OPTIONAL, "share of tokens that are one byte of a longer character"),
  ROW(tokenization, unknown_share, EQ_T_F64, EQ_OPTIONAL, "share of tokens that are unknown"),
  ROW(tokenization, premium, EQ_T_F64, EQ_OPTIONAL, "tokens over those of the base language, same segments"),
  ROW(tokenization, pairs, EQ_T_U64, EQ_OPTIONAL, "segments that both have"),
};

static const struct eq_field vocab_fields[] = {
  ROW(vocab, tokenizer, EQ_T_STR, EQ_KEY_IF_THERE, "whose vocabulary it is"),
  ROW(vocab, id, EQ_T_U64, EQ_KEY, "token id"),
  ROW(vocab, token, EQ_T_STR, EQ_OPTIONAL, "what it stands for; \\xNN and \\\\ where that is not whole characters"),
  ROW(vocab, spelling, EQ_T_STR, EQ_OPTIONAL, "as the vocabulary's file has it"),
  ROW(vocab, bytes, EQ_T_U64, EQ_OPTIONAL, "bytes that it stands for"),
  ROW(vocab, kind, EQ_T_STR, EQ_OPTIONAL, "normal, byte, added, special, unknown or unused"),
  ROW(vocab, script, EQ_T_STR, EQ_OPTIONAL, "ISO 15924 code of its characters' script, or mixed"),
  ROW(vocab, class, EQ_T_STR, EQ_OPTIONAL, "space, ascii, utf8, partial or invalid"),
  ROW(vocab, rank, EQ_T_U64, EQ_OPTIONAL, "of the first merge that makes it"),
  ROW(vocab, score, EQ_T_F64, EQ_OPTIONAL, "of its piece, a log probability; NaN without scores"),
};

static const struct eq_field description_fields[] = {
  ROW(description, model, EQ_T_STR, EQ_KEY, "name of its folder or file"),
  ROW(description, family, EQ_T_STR, EQ_REQUIRED, "model_type of its config"),
  ROW(description, format, EQ_T_STR, EQ_OPTIONAL, "what files it lies in"),
  ROW(description, provenance, EQ_T_STR, EQ_OPTIONAL, "what the files say of where they come from"),
  ROW(description, parameters, EQ_T_U64, EQ_OPTIONAL, "weights that are used, a tied head once"),
  ROW(description, bytes, EQ_T_U64, EQ_OPTIONAL, "of all tensors in the files"),
  ROW(description, types, EQ_T_STR, EQ_OPTIONAL, "how they are stored"),
  ROW(description, layers, EQ_T_U64, EQ_OPTIONAL, "blocks"),
  ROW(description, width, EQ_T_U64, EQ_OPTIONAL, "of hidden states"),
  ROW(description, inner, EQ_T_U64, EQ_OPTIONAL, "width of the MLP, inside"),
  ROW(description, heads, EQ_T_U64, EQ_OPTIONAL, "of attention, in a layer"),
  ROW(description, kv_heads, EQ_T_U64, EQ_OPTIONAL, "heads that have keys and values of their own"),
  ROW(description, head_size, EQ_T_U64, EQ_OPTIONAL, "dimensions of a head"),
  ROW(description, experts, EQ_T_U64, EQ_OPTIONAL, "in a layer"),
  ROW(description, experts_a_token, EQ_T_U64, EQ_OPTIONAL, "of them that a token uses"),
  ROW(description, vocab, EQ_T_U64, EQ_OPTIONAL, "embeddings"),
  ROW(description, positions, EQ_T_U64, EQ_OPTIONAL, "longest sequence that the config promises"),
  ROW(description, position, EQ_T_STR, EQ_OPTIONAL, "how positions enter"),
  ROW(description, window, EQ_T_STR, EQ_OPTIONAL, "last keys that a token sees"),
  ROW(description, norm, EQ_T_STR, EQ_OPTIONAL, "kind of norm"),
  ROW(description, activation, EQ_T_STR, EQ_OPTIONAL, "of the MLP"),
  ROW(description, head, EQ_T_STR, EQ_OPTIONAL, "tied to the embeddings, or its own"),
  ROW(description, tokenizer, EQ_T_STR, EQ_OPTIONAL, "beside or inside the files"),
  ROW(description, unused, EQ_T_U64, EQ_OPTIONAL, "tensors of the files that nothing needs"),
  ROW(description, first_unused, EQ_T_STR, EQ_OPTIONAL, "the first of them"),
};

static const struct eq_field layer_fields[] = {
  ROW(layer, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(layer, of, EQ_T_STR, EQ_KEY, "weights, or inputs: the activations that enter a linear tensor"),
  ROW(layer, lang, EQ_T_STR, EQ_KEY_IF_THERE, "language of the inputs, BCP 47"),
  ROW(layer, layer, EQ_T_U64, EQ_KEY_IF_THERE, "layer, from 0; absent outside the layers"),
  ROW(layer, tensor, EQ_T_STR, EQ_KEY_IF_THERE, "name in the model's files; absent: the linear tensors of the layer"),
  ROW(layer, n, EQ_T_U64, EQ_REQUIRED, "numbers"),
  ROW(layer, tokens, EQ_T_U64, EQ_OPTIONAL, "that inputs were seen at"),
  ROW(layer, mean, EQ_T_F64, EQ_OPTIONAL, "of the numbers"),
  ROW(layer, mean_abs, EQ_T_F64, EQ_OPTIONAL, "of magnitudes"),
  ROW(layer, mean_square, EQ_T_F64, EQ_OPTIONAL, "of squares"),
  ROW(layer, variance, EQ_T_F64, EQ_OPTIONAL, "mean square about the mean"),
  ROW(layer, skew, EQ_T_F64, EQ_OPTIONAL, "third standardized moment"),
  ROW(layer, kurtosis, EQ_T_F64, EQ_OPTIONAL, "excess kurtosis: fourth standardized moment less 3"),
  ROW(layer, kurtosis_error, EQ_T_F64, EQ_OPTIONAL, "its standard error, were the numbers Gaussian"),
  ROW(layer, max, EQ_T_F64, EQ_OPTIONAL, "largest magnitude"),
  ROW(layer, outliers, EQ_T_F64, EQ_OPTIONAL, "share beyond 3 standard deviations from the tensor's mean"),
  ROW(layer, sparsity, EQ_T_F64, EQ_OPTIONAL, "share of exact zeros"),
  ROW(layer, undefined, EQ_T_STR, EQ_OPTIONAL, "why some of these are NaN"),
  ROW(layer, channel_squares, EQ_T_F64S, EQ_OPTIONAL, "of weights, by input: mean square about the tensor's mean"),
  ROW(layer, channel_fourths, EQ_T_F64S, EQ_OPTIONAL, "likewise the mean fourth power"),
  ROW(layer, channel_means, EQ_T_F32S, EQ_OPTIONAL, "of inputs: each channel's mean over the tokens"),
  ROW(layer, channel_powers, EQ_T_F32S, EQ_OPTIONAL, "likewise the mean square"),
};

static const struct eq_field planned_fields[] = {
  ROW(planned, model, EQ_T_STR, EQ_KEY_IF_THERE, "model"),
  ROW(planned, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(planned, base, EQ_T_STR, EQ_KEY_IF_THERE, "recipe that its size is compared with"),
  ROW(planned, plan, EQ_T_STR, EQ_KEY_IF_THERE, "kind of study that it is of"),
  ROW(planned, part, EQ_T_STR, EQ_OPTIONAL, "what the study varies here: what is kept, or the width"),
  ROW(planned, bytes, EQ_T_U64, EQ_OPTIONAL, "bytes of the model's tensors as their schemes store them"),
  ROW(planned, bits, EQ_T_F64, EQ_OPTIONAL, "bits a weight, of these bytes"),
  ROW(planned, overhead, EQ_T_F64, EQ_OPTIONAL, "bytes over those of the base"),
  ROW(planned, overhead_percent, EQ_T_F64, EQ_OPTIONAL, "the same in percent of the base's bytes"),
  ROW(planned, missing, EQ_T_U64, EQ_OPTIONAL, "segments without a result under it"),
  ROW(planned, cells, EQ_T_U64, EQ_OPTIONAL, "segments that were to have one"),
};

static const struct eq_field pareto_fields[] = {
  ROW(pareto, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(pareto, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(pareto, base, EQ_T_STR, EQ_KEY, "recipe that damage is over"),
  ROW(pareto, over, EQ_T_STR, EQ_KEY_IF_THERE, "recipe that size is over"),
  ROW(pareto, as, EQ_T_STR, EQ_KEY_IF_THERE, "program whose way of scoring the surprisals have"),
  ROW(pareto, plan, EQ_T_STR, EQ_OPTIONAL, "kind of study that planned it"),
  ROW(pareto, bytes, EQ_T_U64, EQ_OPTIONAL, "bytes of the model's tensors"),
  ROW(pareto, languages, EQ_T_U64, EQ_OPTIONAL, "languages compared"),
  ROW(pareto, segments, EQ_T_U64, EQ_OPTIONAL, "distinct segment ids"),
  ROW(pareto, overhead, EQ_T_F64, EQ_REQUIRED, "bytes over those of the base"),
  ROW(pareto, overhead_percent, EQ_T_F64, EQ_REQUIRED, "the same in percent of the base's bytes"),
  ROW(pareto, delta_mean, EQ_T_F64, EQ_REQUIRED, "mean over all languages of the damage, bits a segment"),
  ROW(pareto, delta_mean_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(pareto, delta_mean_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(pareto, worst_minus_best, EQ_T_F64, EQ_REQUIRED, "largest damage to a language less the smallest"),
  ROW(pareto, worst_minus_best_lo, EQ_T_F64, EQ_OPTIONAL, "lower end of its 95 % interval"),
  ROW(pareto, worst_minus_best_hi, EQ_T_F64, EQ_OPTIONAL, "upper end"),
  ROW(pareto, front, EQ_T_STR, EQ_OPTIONAL, "comma list: measures by which nothing as small beats it"),
  ROW(pareto, chosen, EQ_T_STR, EQ_OPTIONAL, "comma list: measures by which other segments chose it"),
  ROW(pareto, controls, EQ_T_U64, EQ_OPTIONAL, "controls that cost the same"),
  ROW(pareto, controls_mean, EQ_T_U64, EQ_OPTIONAL, "of them those with no larger delta_mean"),
  ROW(pareto, controls_spread, EQ_T_U64, EQ_OPTIONAL, "of them those with no larger worst_minus_best"),
};

static const struct eq_field quant_fields[] = {
  ROW(quant, model, EQ_T_STR, EQ_KEY, "model"),
  ROW(quant, recipe, EQ_T_STR, EQ_KEY, "recipe, canonical"),
  ROW(quant, tensor, EQ_T_STR, EQ_KEY, "name in the model's files"),
  ROW(quant, layer, EQ_T_U64, EQ_OPTIONAL, "layer, from 0; absent outside the layers"),
  ROW(quant, scheme, EQ_T_STR, EQ_REQUIRED, "what the recipe does to it"),
  ROW(quant, weights, EQ_T_U64, EQ_OPTIONAL, "elements"),
  ROW(quant, source_bytes, EQ_T_U64, EQ_OPTIONAL, "bytes of the values in the model's files"),
  ROW(quant, bytes, EQ_T_U64, EQ_OPTIONAL, "bytes of codes, scales and zero points as the scheme stores them"),
  ROW(quant, bits, EQ_T_F64, EQ_OPTIONAL, "bits a weight, of these bytes"),
  ROW(quant, file_bytes, EQ_T_U64, EQ_OPTIONAL, "bytes in the file that was written"),
  ROW(quant, mse, EQ_T_F64, EQ_OPTIONAL, "mean squared error of a weight"),
  ROW(quant, sqnr, EQ_T_F64, EQ_OPTIONAL,
      "signal over noise: 10 log10 of mean square over mse, dB; absent without error"),
  ROW(quant, relative_error, EQ_T_F64, EQ_OPTIONAL, "norm of the error over the norm of the tensor"),
  ROW(quant, max_error, EQ_T_F64, EQ_OPTIONAL, "largest error of a weight"),
  ROW(quant, clipped, EQ_T_F64, EQ_OPTIONAL, "share of weights beyond the range of their codes"),
};

static const struct eq_field fact_fields[] = {
  ROW(fact, fact, EQ_T_STR, EQ_KEY, "key of a record"),
  ROW(fact, value, EQ_T_STR, EQ_REQUIRED, "what it says"),
  ROW(fact, meaning, EQ_T_STR, EQ_OPTIONAL, "of the key"),
};

static const struct eq_field mark_fields[] = {
  ROW(mark, unit, EQ_T_U64, EQ_KEY, "number of the unit of work that ends here"),
  ROW(mark, of, EQ_T_U64, EQ_OPTIONAL, "XXH64 of the record that it was made of"),
};

#define KIND(kind, made_by, carries)                                                \
  const struct eq_kind eq_kind_##kind = { #kind,         made_by,          carries, \
                                          kind##_fields, N(kind##_fields), sizeof(struct eq_##kind) }
KIND(text, "eq-text", "a segment of a corpus");
KIND(tokens, "eq-token", "its token ids and where they lie in the text");
KIND(surprisal, "eq-ppl", "the surprisal of a segment under a recipe");
KIND(damage, "eq-disparity", "what a recipe costs a language, paired with the base");
KIND(disparity, "eq-disparity", "how unevenly a recipe hurts the languages");
KIND(interaction, "eq-disparity", "whether a combination of recipes is worse than the sum of its parts");
KIND(tokenization, "eq-token", "how a tokenizer cuts a language");
KIND(vocab, "eq-token", "a token of a vocabulary");
KIND(description, "eq-show", "what a model is");
KIND(layer, "eq-stats", "what the weights of a tensor or layer are like, or a language's inputs of it");
KIND(quant, "eq-quant", "what a recipe does to a tensor: its bytes and its error");
KIND(fact, "eq-show", "a field of a record that stands alone");
KIND(mark, "eq-work", "where a unit of work ends");
KIND(pareto, "eq-pareto", "what a recipe costs beside what it hurts, and whether another beats it");
const struct eq_kind eq_kind_recipe = { "recipe",       "eq-plan",         "a recipe of a study, and its size",
                                        planned_fields, N(planned_fields), sizeof(struct eq_planned) };
const struct eq_kind eq_kind_source = {
  "source", "the reader", "prog: the programs that made what follows", NULL, 0, 0
};

const struct eq_kind *const eq_kinds[] = { &eq_kind_text,
                                           &eq_kind_tokens,
                                           &eq_kind_surprisal,
                                           &eq_kind_damage,
                                           &eq_kind_disparity,
                                           &eq_kind_interaction,
                                           &eq_kind_tokenization,
                                           &eq_kind_vocab,
                                           &eq_kind_description,
                                           &eq_kind_layer,
                                           &eq_kind_recipe,
                                           &eq_kind_pareto,
                                           &eq_kind_quant,
                                           &eq_kind_fact,
                                           &eq_kind_mark,
                                           &eq_kind_source,
                                           NULL };

const struct eq_kind *eq_kind_find(struct eq_str name) {
  for (const struct eq_kind *const *k = eq_kinds; *k; k++)
    if (eq_str_is(name, (*k)->name)) return *k;
  return NULL;
}

bool eq_field_is_required(const struct eq_field *field) { return field->use == EQ_REQUIRED || field->use == EQ_KEY; }
bool eq_field_is_key(const struct eq_field *field) { return field->use == EQ_KEY || field->use == EQ_KEY_IF_THERE; }

bool eq_field_is(const struct eq_field *field, struct eq_str key) {
  return key.n == field->key_length && memcmp(key.p, field->key, key.n) == 0;
}

const struct eq_field *eq_kind_field(const struct eq_kind *kind, struct eq_str key) {
  for (size_t i = 0; kind && i < kind->n_fields; i++)
    if (eq_field_is(&kind->fields[i], key)) return &kind->fields[i];
  return NULL;
}

/* A quiet NaN (IEEE 754) whose payload is the word. */
static const uint64_t absent_bits = 0x7ff800000000ab5eULL;

double eq_absent_f64(void) {
  double x;
  memcpy(&x, &absent_bits, sizeof x);
  return x;
}

bool eq_is_absent_f64(double x) { return memcmp(&x, &absent_bits, sizeof x) == 0; }
