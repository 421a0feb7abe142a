#include "lib/model/arch.h"

#include <string.h>

#include "lib/model/arch_list.h"

static const struct eq_arch *const arches[] = {
  &eq_arch_gpt2,   &eq_arch_gptj,     &eq_arch_gpt_neox,    &eq_arch_opt,     &eq_arch_xglm,      &eq_arch_bloom,
  &eq_arch_falcon, &eq_arch_mpt,      &eq_arch_llama,       &eq_arch_mistral, &eq_arch_qwen2,     &eq_arch_qwen3,
  &eq_arch_gemma,  &eq_arch_gemma2,   &eq_arch_gemma3,      &eq_arch_phi,     &eq_arch_phi3,      &eq_arch_olmo2,
  &eq_arch_cohere, &eq_arch_stablelm, &eq_arch_starcoder2,  &eq_arch_mixtral, &eq_arch_qwen3_moe, &eq_arch_olmoe,
  &eq_arch_bert,   &eq_arch_roberta,  &eq_arch_xlm_roberta,
};
enum { N_ARCHES = sizeof arches / sizeof *arches };

const struct eq_arch *eq_arch_find(const char *name) {
  for (size_t i = 0; i < N_ARCHES; i++)
    if (strcmp(arches[i]->name, name) == 0) return arches[i];
  return NULL;
}

void eq_arch_names(struct eq_buffer *out) {
  for (size_t i = 0; i < N_ARCHES; i++) eq_buffer_format(out, "%s%s", i ? ", " : "", arches[i]->name);
}
