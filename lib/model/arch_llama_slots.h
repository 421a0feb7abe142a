/* arch_llama_slots.h: the tensors that Llama and the families after it name alike. */
#ifndef EQ_MODEL_ARCH_LLAMA_SLOTS_H
#define EQ_MODEL_ARCH_LLAMA_SLOTS_H

#define LLAMA_EMBED EQ_SLOT(EQ_W_EMBED, "embed_tokens.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_EMBED, EQ_ALWAYS)
#define LLAMA_HEAD  EQ_SLOT(EQ_W_HEAD, "lm_head.weight", EQ_D_VOCAB, EQ_D_WIDTH, EQ_HEAD, EQ_ALWAYS)
#define LLAMA_QKV                                                                         \
  EQ_LINEAR_SLOTS(Q, "layers.%d.self_attn.q_proj", Q, WIDTH, EQ_ATTN, EQ_ATTN_BIAS),      \
      EQ_LINEAR_SLOTS(K, "layers.%d.self_attn.k_proj", KV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS), \
      EQ_LINEAR_SLOTS(V, "layers.%d.self_attn.v_proj", KV, WIDTH, EQ_ATTN, EQ_ATTN_BIAS)
#define LLAMA_OUT EQ_LINEAR_SLOTS(ATTN_OUT, "layers.%d.self_attn.o_proj", WIDTH, Q, EQ_ATTN, EQ_OUT_BIAS)
#define LLAMA_MLP                                                                      \
  EQ_LINEAR_SLOTS(GATE, "layers.%d.mlp.gate_proj", INNER, WIDTH, EQ_MLP, EQ_MLP_BIAS), \
      EQ_LINEAR_SLOTS(UP, "layers.%d.mlp.up_proj", INNER, WIDTH, EQ_MLP, EQ_MLP_BIAS), \
      EQ_LINEAR_SLOTS(DOWN, "layers.%d.mlp.down_proj", WIDTH, INNER, EQ_MLP, EQ_MLP_BIAS)

/* A vector of gains alone. */
#define LLAMA_GAIN(PLACE, NAME, SIZE, FEATURE) \
  EQ_SLOT(EQ_W_##PLACE##_GAIN, NAME, EQ_D_ONE, EQ_D_##SIZE, EQ_NORM, FEATURE)

#define LLAMA_COMMON \
  .kv_heads_key = "num_key_value_heads", .positions = EQ_ROTARY, .prefix = "model.", .ignored = " rotary_emb.inv_freq "

#endif
