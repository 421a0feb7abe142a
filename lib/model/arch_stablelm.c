/* StableLM (Bellagente et al. 2024), Cohere's Command R (2024) and StarCoder 2 (Lozhkov et al. 2024): Llama's tensors
 * with layer norms. */
#include "lib/model/arch_list.h"
#include "lib/model/arch_llama_slots.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

/* Each head's gains are a tensor. */
static const struct eq_slot stablelm_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_ALWAYS),
  LLAMA_QKV,
  { EQ_W_Q_GAIN, "layers.%d.self_attn.q_layernorm.norms.%d.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM, false,
    EQ_D_HEADS },
  { EQ_W_K_GAIN, "layers.%d.self_attn.k_layernorm.norms.%d.weight", EQ_D_ONE, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM, false,
    EQ_D_KV_HEADS },
  LLAMA_OUT,
  EQ_SLOT(EQ_W_MLP_GAIN, "layers.%d.post_attention_layernorm.weight", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM, EQ_MLP_NORM),
  EQ_SLOT(EQ_W_MLP_SHIFT, "layers.%d.post_attention_layernorm.bias", EQ_D_ONE, EQ_D_WIDTH, EQ_NORM | EQ_BIAS,
          EQ_MLP_NORM),
  LLAMA_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_ALWAYS),
  LLAMA_HEAD,
};

static void read_stablelm(struct eq_config *c, struct eq_config_reader *r) {
  c->parallel = eq_key_truth(r, "use_parallel_residual", false);
  c->has[EQ_MLP_NORM] = !c->parallel;
  c->has[EQ_ATTN_BIAS] = eq_key_truth(r, "use_qkv_bias", false);
  c->has[EQ_QK_NORM] = eq_key_truth(r, "qk_layernorm", false);
}

const struct eq_arch eq_arch_stablelm = {
  .name = "stablelm",
  .defaults = { .layers = 32,
                .width = 2560,
                .heads = 32,
                .vocab = 50304,
                .positions = 4096,
                .kv_heads = 32,
                .inner = 6912,
                EQ_TOKENS(0, 0) },
  LLAMA_COMMON,
  .epsilon_key = "layer_norm_eps",
  .norm = EQ_LAYERNORM,
  .qk_norm = EQ_QK_BY_HEAD_GAINS,
  .rotary_share = 0.25,
  .gated = true,
  .features = EQ_HAS(FINAL_NORM),
  .read = read_stablelm,
  EQ_SLOTS(stablelm_slots),
};

static const struct eq_slot cohere_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  EQ_SLOT(EQ_W_Q_GAIN, "layers.%d.self_attn.q_norm.weight", EQ_D_HEADS, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM),
  EQ_SLOT(EQ_W_K_GAIN, "layers.%d.self_attn.k_norm.weight", EQ_D_KV_HEADS, EQ_D_HEAD, EQ_NORM, EQ_QK_NORM),
  LLAMA_OUT,
  LLAMA_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_cohere(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->has[EQ_QK_NORM] = eq_key_truth(r, "use_qk_norm", false);
  c->logit_scale = (float)eq_key_number(r, "logit_scale", 0.0625, 1e-9, 1e9);
}

const struct eq_arch eq_arch_cohere = {
  .name = "cohere",
  .defaults = { .layers = 40,
                .width = 8192,
                .heads = 64,
                .vocab = 256000,
                .positions = 8192,
                .inner = 22528,
                EQ_TOKENS(5, 255001) },
  LLAMA_COMMON,
  .epsilon_key = "layer_norm_eps",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .qk_norm = EQ_QK_BY_HEAD_GAINS,
  .rotary_base = 500000,
  .interleaved = true,
  .parallel = true,
  .gated = true,
  .features = EQ_HAS(FINAL_NORM),
  .read = read_cohere,
  EQ_SLOTS(cohere_slots),
};

static const struct eq_slot starcoder2_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_ALWAYS),
  LLAMA_QKV,
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(UP, "layers.%d.mlp.c_fc", INNER, WIDTH, EQ_MLP, EQ_MLP_BIAS),
  EQ_LINEAR_SLOTS(DOWN, "layers.%d.mlp.c_proj", WIDTH, INNER, EQ_MLP, EQ_MLP_BIAS),
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_ALWAYS),
  LLAMA_HEAD,
};

static void read_starcoder2(struct eq_config *c, struct eq_config_reader *r) {
  size_t window = eq_key_optional_size(r, "sliding_window", 0);
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = c->has[EQ_MLP_BIAS] = eq_key_truth(r, "use_bias", true);
  if (!eq_config_read_layer_types(c, r, window)) eq_config_slide(c, window, 0);
}

const struct eq_arch eq_arch_starcoder2 = {
  .name = "starcoder2",
  .defaults = { .layers = 30,
                .width = 3072,
                .heads = 24,
                .vocab = 49152,
                .positions = 4096,
                .kv_heads = 2,
                .inner = 12288,
                EQ_TOKENS(50256, 50256) },
  LLAMA_COMMON,
  .activation = "gelu_pytorch_tanh",
  .epsilon_key = "norm_epsilon",
  .tied_by_default = true,
  .norm = EQ_LAYERNORM,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_starcoder2,
  EQ_SLOTS(starcoder2_slots),
};
