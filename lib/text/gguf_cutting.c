#include "lib/text/gguf_cutting.h"

/* llama.cpp knows one Unicode, 15.1. Letters, marks, numbers, punctuation and symbols of it: PCRE2's, of Unicode 14,
 * and what it lacks. So these patterns are in PCRE2's terms, but those that are known by their text (pretokenizer.c).
 */
#define L                                                                                         \
  "\\p{Lu}\\p{Ll}\\p{Lt}\\p{Lm}\\p{Lo}\\x{1123f}-\\x{11240}\\x{11f02}\\x{11f04}-\\x{11f10}"       \
  "\\x{11f12}-\\x{11f33}\\x{1342f}\\x{13441}-\\x{13446}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}" \
  "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define M                                                                                               \
  "\\p{Mn}\\p{Mc}\\p{Me}\\x{cf3}\\x{ece}\\x{10efd}-\\x{10eff}\\x{11241}\\x{11f00}-\\x{11f01}\\x{11f03}" \
  "\\x{11f34}-\\x{11f3a}\\x{11f3e}-\\x{11f42}\\x{13440}\\x{13447}-\\x{13455}\\x{1e08f}\\x{1e4ec}-\\x{1e4ef}"
#define N "\\p{Nd}\\p{Nl}\\p{No}\\x{11f50}-\\x{11f59}\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}"
#define P "\\p{Pc}\\p{Pd}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\p{Po}\\x{11b00}-\\x{11b09}\\x{11f43}-\\x{11f4f}"
#define S                                                                                          \
  "\\p{Sm}\\p{Sc}\\p{Sk}\\p{So}\\x{2ffc}-\\x{2fff}\\x{31ef}\\x{1f6dc}\\x{1f774}-\\x{1f776}"        \
  "\\x{1f77b}-\\x{1f77f}\\x{1f7d9}\\x{1fa75}-\\x{1fa77}\\x{1fa87}-\\x{1fa88}\\x{1faad}-\\x{1faaf}" \
  "\\x{1fabb}-\\x{1fabd}\\x{1fabf}\\x{1face}-\\x{1facf}\\x{1fada}-\\x{1fadb}\\x{1fae8}\\x{1faf7}-\\x{1faf8}"

/* White space, and what is not. */
#define SPACES \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SPACE "[" SPACES "]"
#define SOLID "[^" SPACES "]"

/* ---- parts of patterns ---- */

#define GPT2       "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SHORTENED  "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define LAST_SPACE "|" SPACE "+(?!" SOLID ")|" SPACE "+"
#define LINES(numbers) \
  SHORTENED "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* \s*[\r\n]+ from one line break to the next, without looking back: a long run of spaces stays linear. */
#define BLANK \
  "[\\x{9}\\x{b}\\x{c}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]"
#define BREAKS "|(?:" BLANK "*+[\\r\\n]++)++"
#define BEFORE "[^\\r\\n" L N "]?"

/* A word in two cases: as many capitals or letters that are not of ASCII as there are, then at least one small letter
 * or one that is not of ASCII; where there is none, capitals alone. llama.cpp has for it, each with what stands before
 * and after, ((?=[letters])([^a-z]))*((?=[letters])([^A-Z]))+ and the same with + and *, which looks back over all
 * capitals. */
#define FOREIGN(letters)      "(?:(?![a-zA-Z])[" letters "])++"
#define MIXED(letters)        "(?:[A-Z]*+" FOREIGN(letters) ")++(?:[A-Z]*+[a-z](?:(?![A-Z])[" letters "])*+)?"
#define CAPITALISED(letters)  "[A-Z]*+[a-z](?:(?![A-Z])[" letters "])*+"
#define CASED(letters, after) BEFORE "(?:" MIXED(letters) "|" CAPITALISED(letters) ")" after "|" BEFORE "[A-Z]++" after
#define MARKS_LAST_SLASH      "| ?[^" SPACES L N "]+[\\r\\n/]*"

/* Words of capitals and small letters alike, with their marks. */
#define WITH_MARKS(after) BEFORE "[" L M "]+" after

/* Numbers in threes from the right: the end of each three, of a first one or two what stands before it too. The
 * lookahead counts to the end of a run once, in thousands first, since each repetition counts as a step. */
#define THREES(digit) "(?:" digit "{3000})*+(?:" digit "{3})*+(?!" digit ")"
#define FROM_THE_RIGHT \
  "\\G(?:(?<=[" N "])[" N "]{3}|[^" N "]*+[" N "]{1,2}(?=" THREES("[" N "]") ")|[^" N "]*+[" N "]{3})"
/* The same of ASCII's digits, and only where a three begins: (?=(\d{3})+(?!\d)). */
#define THREES_BEGIN                                                           \
  "\\G(?<=[0-9])[0-9]{3}(?=[0-9])|(?<![0-9])[0-9]{1,2}\\K(?=[0-9])(?=" THREES( \
      "[0-9]") ")"                                                             \
               "|(?<![0-9])[0-9]{3}(?=[0-9])(?=" THREES("[0-9]") ")|(?<![0-9])(?=[0-9]{3}(?![0-9]))"

#define NOT_ENDING     " ?[^(" SPACES "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"
#define EAST_ASIAN     "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+"
#define OLD_EAST_ASIAN "(?:(?!" SPACE ")[\\x{800}-\\x{9fa5}\\x{ac00}-\\x{d7ff}])+"
#define PUNCTUATED     "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n" L P S "]?[" L M "]+| ?[" P S "]+"
#define HAN                                                                                             \
  "\\x{3400}-\\x{4dbf}\\x{4e00}-\\x{9fff}\\x{f900}-\\x{faff}\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2ebef}" \
  "\\x{2f800}-\\x{2fa1f}"

/* Letters that have two cases, as the pattern of DeepSeek LLM lists them. */
#define CASED_LETTERS                                                                               \
  "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}"   \
  "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}"             \
  "\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}"   \
  "\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}"   \
  "\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}" \
  "\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}"  \
  "\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}"  \
  "\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}" \
  "\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}"   \
  "\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}"            \
  "\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}"            \
  "\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"  \
  "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}" \
  "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}"                \
  "\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"            \
  "\\x{1e900}-\\x{1e943}"

/* So many spaces, none of them the last before a word. */
#define LAST(n) "|" SPACE "{" n "}(?!" SOLID ")"

/* ---- patterns ---- */

static const char *const usual[] = { "[" P "$+<=>^~|]+", GPT2, "[" N "]+", "[0-9][0-9][0-9]", NULL };
static const char *const gpt2[] = { GPT2, NULL };
static const char *const llama3[] = { LINES("\\p{N}{1,3}"), NULL };
static const char *const qwen2[] = { LINES("\\p{N}"), NULL };
static const char *const qwen35[] = { SHORTENED "|" WITH_MARKS("") "|[" N "]| ?[^" SPACES L M N
                                                                   "]+[\\r\\n]*" BREAKS LAST_SPACE,
                                      NULL };
static const char *const jais2[] = { SHORTENED "|" BEFORE "[" L "]+|[" N "]{1,3}| ?[^" SPACES L N
                                               "]+[\\r\\n]*" BREAKS LAST("512") LAST("256") LAST("128") LAST("64")
                                                   LAST("32") LAST("16") LAST("8") LAST("4") LAST("1,2") "|" SPACE,
                                     NULL };
static const char *const deepseek_llm[] = { "[\\r\\n]",
                                            SPACE "?[" CASED_LETTERS "]+",
                                            SPACE "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}"
                                                  "\\x{3001}-\\x{3002}]+",
                                            "(?<!" SPACE ")" SPACE "++\\z",
                                            OLD_EAST_ASIAN,
                                            "[" N "]+",
                                            NULL };
static const char *const deepseek_coder[] = { "[\\r\\n]",     SPACE "?[" L "]+", SPACE "?[" P "]+",
                                              OLD_EAST_ASIAN, "[" N "]",         NULL };
static const char *const deepseek3[] = { "[" N "]{1,3}", EAST_ASIAN, PUNCTUATED "[\\r\\n]*" BREAKS LAST_SPACE, NULL };
static const char *const spark[] = { "[" N "]{1,3}", EAST_ASIAN, PUNCTUATED "|[\\r\\n]" LAST_SPACE, "[" N "]", NULL };
static const char *const youtu[] = {
  "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}"
  "\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" EAST_ASIAN,
  WITH_MARKS(SHORTENED "?") "|[" N "]" MARKS_LAST_SLASH BREAKS LAST_SPACE, NULL
};
static const char *const falcon[] = { "[" P "$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]", NULL };
static const char *const starcoder[] = { "[" N "]", GPT2, NULL };
static const char *const bloom[] = { NOT_ENDING, NULL };
static const char *const viking[] = { NOT_ENDING, "[" N "]", NULL };
static const char *const tekken[] = { CASED(L, "") "|[" N "]" MARKS_LAST_SLASH BREAKS LAST_SPACE, NULL };
static const char *const chameleon[] = {
  "<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "[" N "]", "[" P "!-/:-@\\[-`{-~]", GPT2, NULL
};
static const char *const gpt4o[] = { CASED(L, SHORTENED "?") "|[" N "]{1,3}" MARKS_LAST_SLASH BREAKS LAST_SPACE, NULL };
static const char *const granite[] = { CASED(L M, SHORTENED "?") "|[" N "]{1,3}" MARKS_LAST_SLASH BREAKS LAST_SPACE,
                                       NULL };
static const char *const tiny_aya[] = { FROM_THE_RIGHT,
                                        WITH_MARKS(SHORTENED "?") "|[" N "]{1,3}" MARKS_LAST_SLASH BREAKS LAST_SPACE,
                                        NULL };
static const char *const kimi_k2[] = { "[" HAN "]+|[^\\r\\n" L N "]?(?:(?![" HAN "])[" L "])++" SHORTENED "?|[" N
                                       "]{1,3}| ?[^" SPACES L N "]+[\\r\\n]*" BREAKS LAST_SPACE,
                                       NULL };
static const char *const superbpe[] = { "[" N "]+", THREES_BEGIN, NULL };
static const char *const seed_coder[] = { SHORTENED "|" BEFORE "[" L "]+|[" N "]| ?[^" SPACES L N
                                                    "\\r\\n]+" BREAKS LAST_SPACE,
                                          NULL };
static const char *const ufakzeka[] = { BEFORE "[" L "]+|[" N "]| ?[^" SPACES L N "]+[\\r\\n]*" BREAKS LAST_SPACE,
                                        NULL };
static const char *const afmoe[] = { FROM_THE_RIGHT,
                                     "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{8c48}-\\x{faff}\\x{3040}-\\x{30ff}"
                                     "\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{eff}\\x{1780}-\\x{17ff}"
                                     "\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{1100}-\\x{11ff}]+",
                                     PUNCTUATED "[\\r\\n]*" BREAKS LAST_SPACE, NULL };
static const char *const laguna[] = { "[^\\n]+|\\n+", LINES("\\p{N}"), NULL };
static const char *const exaone_moe[] = { SHORTENED "|" BEFORE "(?:[" L "][" M "]*+(?: [" L "][" M "]*+)*+)++|[" N
                                                    "]| ?[^" SPACES L N "]+[\\r\\n/]?" BREAKS LAST_SPACE,
                                          NULL };
static const char *const lines[] = { "[^\\n]+|\\n+", NULL };
static const char *const minicpm5[] = { "[" N "]{1,3}", LINES("\\p{N}{1,3}"), NULL };
static const char *const words[] = { SOLID "+", NULL };

enum {
  WHOLE = EQ_CUTTING_WHOLE,
  BOS = EQ_CUTTING_BOS,
  NO_BOS = EQ_CUTTING_NO_BOS,
  CHARACTERS = EQ_CUTTING_CHARACTERS,
  GEMMA = CHARACTERS | EQ_CUTTING_ESCAPE | EQ_CUTTING_LINES | EQ_CUTTING_MUST_BOS,
  MASK = EQ_CUTTING_STRIP_MASK,
  AS_IS = EQ_CUTTING_AS_IS
};

/* The names that llama.cpp knows (llama-vocab.cpp). To add one: a row here, a line in eq-token(1), its golden ids
 * (tests/golden/cuttings.py). */
static const struct eq_gguf_cutting cuttings[] = {
  { "default", usual, 0 },
  { "gpt-2", gpt2, 0 },
  { "gpt2", gpt2, 0 },
  { "phi-2", gpt2, 0 },
  { "mpt", gpt2, 0 },
  { "olmo", gpt2, 0 },
  { "jais", gpt2, 0 },
  { "jina-es", gpt2, 0 },
  { "jina-de", gpt2, 0 },
  { "jina-v2-es", gpt2, MASK },
  { "jina-v2-de", gpt2, MASK },
  { "jina-v1-en", gpt2, 0 },
  { "jina-v2-code", gpt2, MASK },
  { "roberta-bpe", gpt2, 0 },
  { "gigachat", gpt2, 0 },
  { "a.x-4.0", gpt2, 0 },
  { "mellum", gpt2, 0 },
  { "modern-bert", gpt2, 0 },
  { "exaone4", gpt2, 0 },
  { "trillion", gpt2, AS_IS },
  { "granite-docling", gpt2, AS_IS },
  { "llama3", llama3, WHOLE | BOS },
  { "llama-v3", llama3, WHOLE | BOS },
  { "llama-bpe", llama3, WHOLE | BOS },
  { "falcon3", llama3, WHOLE | BOS },
  { "falcon-h1", llama3, WHOLE | BOS },
  { "pixtral", llama3, WHOLE | BOS },
  { "midm-2.0", llama3, WHOLE | BOS },
  { "lfm2", llama3, WHOLE | BOS },
  { "jina-v5-nano", llama3, WHOLE | BOS },
  { "dbrx", llama3, 0 },
  { "smaug-bpe", llama3, 0 },
  { "chatglm-bpe", llama3, NO_BOS },
  { "glm4", llama3, WHOLE | NO_BOS },
  { "glm5", llama3, WHOLE | NO_BOS },
  { "minicpm5", minicpm5, WHOLE },
  { "jais-2", jais2, 0 },
  { "qwen2", qwen2, AS_IS },
  { "deepseek-r1-qwen", qwen2, AS_IS },
  { "kormo", qwen2, AS_IS },
  { "f2llmv2", qwen2, AS_IS },
  { "megrez", qwen2, 0 },
  { "stablelm2", qwen2, 0 },
  { "hunyuan", qwen2, AS_IS },
  { "solar-open", qwen2, AS_IS },
  { "grok-2", qwen2, AS_IS },
  { "bailingmoe", qwen2, AS_IS },
  { "bailingmoe2", qwen2, AS_IS },
  { "llada-moe", qwen2, AS_IS },
  { "qwen35", qwen35, AS_IS },
  { "laguna", laguna, AS_IS },
  { "ufakzeka", ufakzeka, AS_IS },
  { "seed-coder", seed_coder, AS_IS },
  { "exaone-moe", exaone_moe, 0 },
  { "deepseek-llm", deepseek_llm, AS_IS },
  { "deepseek-coder", deepseek_coder, AS_IS },
  { "deepseek-v3", deepseek3, AS_IS },
  { "hunyuan-dense", deepseek3, AS_IS },
  { "joyai-llm", deepseek3, AS_IS },
  { "hy_v4", deepseek3, AS_IS },
  { "spark2_5", spark, AS_IS },
  { "youtu", youtu, WHOLE | AS_IS },
  { "falcon", falcon, 0 },
  { "starcoder", starcoder, 0 },
  { "refact", starcoder, 0 },
  { "command-r", starcoder, AS_IS },
  { "smollm", starcoder, AS_IS },
  { "codeshell", starcoder, 0 },
  { "exaone", starcoder, 0 },
  { "minerva-7b", starcoder, 0 },
  { "mellum2", starcoder, 0 },
  { "bloom", bloom, 0 },
  { "poro-chat", bloom, AS_IS },
  { "gpt3-finnish", bloom, 0 },
  { "viking", viking, AS_IS },
  { "tekken", tekken, WHOLE | BOS | AS_IS },
  { "chameleon", chameleon, BOS | AS_IS },
  { "gpt-4o", gpt4o, AS_IS },
  { "llama4", gpt4o, AS_IS },
  { "kanana2", gpt4o, AS_IS },
  { "talkie", gpt4o, AS_IS },
  { "minimax-m2", gpt4o, AS_IS },
  { "granite-embed-multi-97m", granite, WHOLE | AS_IS },
  { "tiny_aya", tiny_aya, AS_IS },
  { "cohere2moe", tiny_aya, AS_IS },
  { "kimi-k2", kimi_k2, AS_IS },
  { "superbpe", superbpe, AS_IS },
  { "afmoe", afmoe, AS_IS },
  { "gemma4", lines, GEMMA },
  { "granite-embed-multi-311m", lines, GEMMA },
  { "sarvam-moe", lines, CHARACTERS | EQ_CUTTING_ESCAPE | AS_IS },
  { "whitespace", words, CHARACTERS },
};
enum { CUTTINGS = sizeof cuttings / sizeof *cuttings };

static const struct eq_gguf_cutting *unknown(struct eq_str name, struct eq_err *err) {
  struct eq_buffer names = { 0 };
  for (size_t i = 0; i < CUTTINGS; i++) eq_buffer_format(&names, " %s", cuttings[i].name);
  eq_fail(err, EQ_BAD, "the pre-tokenizer '%.*s' (tokenizer.ggml.pre) is not known, expected one of%.*s", EQ_STR(name),
          (int)names.size, names.data);
  eq_buffer_free(&names);
  return NULL;
}

const struct eq_gguf_cutting *eq_gguf_cutting_find(struct eq_str name, struct eq_err *err) {
  for (size_t i = 0; i < CUTTINGS; i++)
    if (eq_str_is(name, cuttings[i].name)) return &cuttings[i];
  return unknown(name, err);
}

bool eq_gguf_cutting_add(const struct eq_gguf_cutting *c, struct eq_pretokenizer *p, struct eq_err *err) {
  for (const char *const *pattern = c->patterns; *pattern; pattern++)
    if (!eq_pretokenizer_add_pcre2(p, eq_str(*pattern), err)) return false;
  return true;
}
