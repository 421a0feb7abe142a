// What llama.cpp makes of texts, for tests/golden/llama_cpp.py. The texts come on stdin, each after its bytes' number
// (u32, little-endian); a line of ids goes out for each. llama_cpp_ids MODEL.gguf [frame]: with what stands around a
// text, and special tokens in it.
//   clang++ -O1 -I$LLAMA/include -I$LLAMA/ggml/include tests/golden/llama_cpp_ids.cpp -L$LLAMA/build/bin -lllama \
//     -Wl,-rpath,$LLAMA/build/bin -o llama_cpp_ids
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "llama.h"

int main(int argc, char **argv) {
  const bool frame = argc > 2;
  llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  llama_model *model = llama_model_load_from_file(argv[1], params);
  if (!model) return 1;
  const llama_vocab *vocab = llama_model_get_vocab(model);
  uint32_t n;
  for (std::string text; fread(&n, 4, 1, stdin) == 1; putchar('\n')) {
    text.resize(n);
    if (fread(&text[0], 1, n, stdin) != n) return 1;
    std::vector<llama_token> ids(4 * n + 16);
    const int found = llama_tokenize(vocab, text.data(), (int)n, ids.data(), (int)ids.size(), frame, frame);
    for (int i = 0; i < found; i++) printf(i ? " %d" : "%d", ids[i]);
  }
  return 0;
}
