/* Encoders that predict what a mask hides: BERT (Devlin et al. 2019) and RoBERTa's line (Liu et al. 2019), XLM-R among
 * it (Conneau et al. 2020), whose positions begin at 2. */
#include <string.h>

#include "lib/model/arch_list.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

#define ENCODER                                                                                                   \
  EQ_SLOT(EQ_W_EMBED, "embeddings.word_embeddings.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS),          \
      EQ_SLOT(EQ_W_POS, "embeddings.position_embeddings.weight", EQ_D_POSITIONS, EQ_D_WIDTH, EQ_POS, EQ_ALWAYS),  \
      EQ_SLOT(EQ_W_TYPE, "embeddings.token_type_embeddings.weight", EQ_D_TYPES, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS), \
      EQ_NORM_SLOTS(EMBED, "embeddings.LayerNorm", 0, EQ_ALWAYS),                                                 \
      EQ_LINEAR_SLOTS(Q, "encoder.layer.%d.attention.self.query", Q, WIDTH, EQ_ATTN, EQ_ALWAYS),                  \
      EQ_LINEAR_SLOTS(K, "encoder.layer.%d.attention.self.key", KV, WIDTH, EQ_ATTN, EQ_ALWAYS),                   \
      EQ_LINEAR_SLOTS(V, "encoder.layer.%d.attention.self.value", KV, WIDTH, EQ_ATTN, EQ_ALWAYS),                 \
      EQ_LINEAR_SLOTS(ATTN_OUT, "encoder.layer.%d.attention.output.dense", WIDTH, Q, EQ_ATTN, EQ_ALWAYS),         \
      EQ_NORM_SLOTS(ATTN, "encoder.layer.%d.attention.output.LayerNorm", 0, EQ_ALWAYS),                           \
      EQ_LINEAR_SLOTS(UP, "encoder.layer.%d.intermediate.dense", INNER, WIDTH, EQ_MLP, EQ_ALWAYS),                \
      EQ_LINEAR_SLOTS(DOWN, "encoder.layer.%d.output.dense", WIDTH, INNER, EQ_MLP, EQ_ALWAYS),                    \
      EQ_NORM_SLOTS(MLP, "encoder.layer.%d.output.LayerNorm", 0, EQ_ALWAYS)

/* The head is a dense layer, its activation and a norm before the embeddings again. */
#define HEAD_DENSE(NAME)                                                                \
  EQ_SLOT(EQ_W_HEAD_DENSE, NAME ".weight", EQ_D_WIDTH, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS), \
      EQ_SLOT(EQ_W_HEAD_DENSE_BIAS, NAME ".bias", EQ_D_ONE, EQ_D_WIDTH, EQ_HEAD | EQ_BIAS, EQ_ALWAYS)

static const struct eq_slot bert_slots[] = {
  ENCODER,
  HEAD_DENSE("cls.predictions.transform.dense"),
  EQ_NORM_SLOTS(HEAD, "cls.predictions.transform.LayerNorm", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "cls.predictions.decoder.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD_BIAS, "cls.predictions.bias", EQ_D_ONE, EQ_D_VOCAB, EQ_HEAD | EQ_BIAS, EQ_ALWAYS),
};

static void read_bert(struct eq_config *c, struct eq_config_reader *r) {
  const char *positions = eq_key_text(r, "position_embedding_type", "absolute");
  c->dims[EQ_D_TYPES] = eq_key_size(r, "type_vocab_size", 2);
  if (strcmp(positions, "absolute") != 0) eq_key_refuse(r, "position_embedding_type", "expected absolute");
  if (eq_key_truth(r, "is_decoder", false)) eq_key_refuse(r, "is_decoder", "is true, which is not supported");
}

#define COMMON                                                                                      \
  .activation = "gelu", .epsilon_key = "layer_norm_eps", .epsilon = 1e-12, .tied_by_default = true, \
  .norm = EQ_LAYERNORM, .norm_place = EQ_NORM_AFTER, .positions = EQ_LEARNED, .encoder = true,      \
  .features = EQ_HAS(MLP_NORM)
#define IGNORED " embeddings.position_ids embeddings.token_type_ids pooler.dense.weight pooler.dense.bias "

const struct eq_arch eq_arch_bert = {
  .name = "bert",
  .defaults = { .layers = 12, .width = 768, .heads = 12, .vocab = 30522, .positions = 512, .inner = 3072 },
  COMMON,
  .read = read_bert,
  .prefix = "bert.",
  .ignored = IGNORED " cls.predictions.decoder.bias cls.seq_relationship.weight cls.seq_relationship.bias ",
  EQ_SLOTS(bert_slots),
};

static const struct eq_slot roberta_slots[] = {
  ENCODER,
  HEAD_DENSE("lm_head.dense"),
  EQ_NORM_SLOTS(HEAD, "lm_head.layer_norm", EQ_FINAL, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD, "lm_head.decoder.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS),
  EQ_SLOT(EQ_W_HEAD_BIAS, "lm_head.bias", EQ_D_ONE, EQ_D_VOCAB, EQ_HEAD | EQ_BIAS, EQ_ALWAYS),
};

/* max_position_embeddings counts the rows of the table, of which the first two are not used: those up to the padding's
 * id, which is 1 in all that were published. */
static void read_roberta(struct eq_config *c, struct eq_config_reader *r) {
  read_bert(c, r);
  if (eq_key_token(r, "pad_token_id", 1) != 1)
    eq_key_refuse(r, "pad_token_id", "expected 1: positions begin after it, and others are not supported");
  if (c->max_positions < 3)
    eq_key_refuse(r, "max_position_embeddings", "expected at least 3: positions begin at 2");
  else
    c->max_positions -= 2;
}

#define ROBERTA                                                             \
  COMMON, .position_offset = 2, .read = read_roberta, .prefix = "roberta.", \
          .ignored = IGNORED " lm_head.decoder.bias ", EQ_SLOTS(roberta_slots)

const struct eq_arch eq_arch_roberta = { .name = "roberta",
                                         .defaults = { .layers = 12,
                                                       .width = 768,
                                                       .heads = 12,
                                                       .vocab = 50265,
                                                       .positions = 512,
                                                       .inner = 3072,
                                                       EQ_TOKENS(0, 2) },
                                         ROBERTA };
const struct eq_arch eq_arch_xlm_roberta = { .name = "xlm-roberta",
                                             .defaults = { .layers = 12,
                                                           .width = 768,
                                                           .heads = 12,
                                                           .vocab = 30522,
                                                           .positions = 512,
                                                           .inner = 3072,
                                                           EQ_TOKENS(0, 2) },
                                             ROBERTA };
