# eq-token: text records to tokens records. That the ids are right: tests/unit/tokenizer.c.

bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_TMPDIR" && ln -s "$OLDPWD/corpora" corpora; }

refuses() {
  local message=$1
  shift
  run --separate-stderr eq-token "$@" -o out.mp
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-token: $message" ]
  [ -z "$output" ]
  [ ! -e out.mp ]
}

@test "tokens cover the text: each begins where the one before it ends" {
  eq-text -c corpora/udhr -l en,zh,am,he | eq-token -m corpora/mini | eq-show -f jsonl >t.jsonl
  jq -e -s 'all(.starts[0] == 0 and .ends[-1] == (.text | utf8bytelength) and .starts[1:] == .ends[:-1]
    and (.ids | length) == (.starts | length))' t.jsonl
}

@test "the same bytes for 1, 2 and 3 threads, through a pipe or a file" {
  eq-text -c corpora/udhr -l en,ru,th,ko -o text.mp
  eq-token -m corpora/mini -t 1 <text.mp >1.mp
  eq-token -m corpora/mini -t 2 -i text.mp -o 2.mp
  eq-token -m corpora/mini -t 3 < <(cat text.mp) | cat >3.mp
  cmp 1.mp 2.mp
  cmp 1.mp 3.mp
}

@test "a SentencePiece model is a vocabulary, by its name or alone in a folder" {
  local model=$BATS_TEST_DIRNAME/../golden/pieces/bpe.model
  mkdir pieces && cp "$model" pieces/bpe.model
  eq-text -c corpora/udhr -l en,ja --limit 5 -o text.mp
  eq-token -m pieces/bpe.model -i text.mp | eq-show -f jsonl >file
  eq-token -m pieces -i text.mp | eq-show -f jsonl >folder
  diff <(jq -c .ids file) <(jq -c .ids folder)
  [[ $(jq -r .tokenizer file | head -n 1) == bpe.model@* ]]
  [[ $(jq -r .tokenizer folder | head -n 1) == pieces@* ]]
  cp "$model" pieces/another.model
  refuses 'pieces: 2 files there end in .model; name one of them, as in -m pieces/another.model' -m pieces -i text.mp
}

@test "records of other kinds and keys that are not known are passed on" {
  printf '%s\n' '{"k":"text","lang":"en","id":"1","text":"a b","mine":[1,{"x":2}]}' '{"k":"else","z":1}' |
    eq-show --from jsonl -f stream | eq-token -m corpora/mini | eq-show -f jsonl >got
  [ "$(jq -c '[.k, .lang, .id, .mine, .z]' got | xargs)" = '[tokens,en,1,[1,{x:2}],null] [else,null,null,null,1]' ]
}

@test "that nothing came which it works on is said" {
  eq-text -c corpora/udhr -l en -n 2 -o text.mp
  run --separate-stderr eq-token -m corpora/mini --decode -i text.mp -o out.mp
  [ "$status" -eq 0 ]
  [ "$stderr" = 'eq-token: no tokens record came in (eq-token makes them); 2 records of other kinds are passed on' ]
  diff <(eq-show -f jsonl <text.mp) <(eq-show -f jsonl <out.mp)
}

@test "what looks like a special token is text" {
  printf '<|endoftext|>' >x.txt
  eq-text -c x.txt -l en | eq-token -m corpora/mini | eq-show -f jsonl | jq -e '.ids | length > 1 and index(0) == null'
}

@test "an empty text has no tokens" {
  printf 'a\t\n' >x.tsv
  [ "$(eq-text -c x.tsv -l en | eq-token -m corpora/mini | eq-show -f jsonl | jq -c '[.ids, .starts, .ends]')" = '[[],[],[]]' ]
}

@test "the tokenizer is named by its folder and a digest of its files" {
  mkdir mine && cp corpora/mini/{vocab.json,merges.txt} mine
  eq-text -c corpora/udhr -l sw,ja -o text.mp
  eq-token -m mine/ <text.mp | eq-show -f jsonl >mine.jsonl
  jq -r .tokenizer mine.jsonl | sort -u | grep -xE 'mine@[0-9a-f]{16}'
  eq-token -m corpora/mini <text.mp | eq-show -f jsonl | jq -c .ids | cmp - <(jq -c .ids mine.jsonl)
}

@test "a truncated stream: what came is written, without a trailer, status 1" {
  eq-text -c corpora/udhr -l en -n 5 | head -c -30 >cut.mp
  run --separate-stderr eq-token -m corpora/mini -i cut.mp -o out.mp
  [ "$status" -eq 1 ]
  [ "$(eq-show -q -f jsonl <out.mp 2>/dev/null | wc -l)" -ge 4 ]
}

@test "a broken tokenizer is one line and status 2" {
  eq-text -c corpora/udhr -l en -n 1 -o text.mp
  refuses '-m is missing: name a model'"'"'s folder, as in -m corpora/mini' -i text.mp
  refuses 'nowhere: expected the folder of a model, or a vocabulary: FILE.model, NAME.tiktoken or FILE.gguf' -m nowhere -i text.mp
  mkdir empty
  refuses 'empty: no tokenizer.json there, nor vocab.json with merges.txt, nor FILE.model, NAME.tiktoken or FILE.gguf' -m empty -i text.mp
  mkdir broken && head -c 300000 corpora/mini/tokenizer.json >broken/tokenizer.json
  run --separate-stderr eq-token -m broken -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == 'eq-token: broken/tokenizer.json: byte 300000: '* ]]
  jq '.model.merges[7] = ["Ġ", "nope"]' corpora/mini/tokenizer.json >broken/tokenizer.json
  run --separate-stderr eq-token -m broken -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"merge 8, 'Ġ' + 'nope': 'nope' is not in the vocabulary" ]]
  jq '.pre_tokenizer.type = "Hyperspace"' corpora/mini/tokenizer.json >broken/tokenizer.json
  refuses "broken/tokenizer.json: pre-tokenizer 'Hyperspace' is not supported" -m broken -i text.mp
  mkdir lines && cp corpora/mini/vocab.json lines && printf '#version: 0.2\na b c\n' >lines/merges.txt
  refuses 'lines/merges.txt:2: expected two tokens with a space between' -m lines -i text.mp
  cp corpora/mini/merges.txt lines && printf '{"tokenizer_class": "LlamaTokenizer"}' >lines/tokenizer_config.json
  refuses "lines/tokenizer_config.json: tokenizer_class 'LlamaTokenizer' is not supported, expected GPT2Tokenizer or Qwen2Tokenizer, or a tokenizer.json in the folder" -m lines -i text.mp
}

@test "text that is not UTF-8 is an error that names the record" {
  printf '\xff' >bad
  # a text record whose text is the byte 0xff, written by hand: header, record
  printf '\x82\xa6equant\x01\xa4prog\x90\x84\xa1k\xa4text\xa4lang\xa2en\xa2id\xa11\xa4text\xa1\xff' >bad.mp
  run --separate-stderr eq-token -m corpora/mini -i bad.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == *'bad.mp: record 1 (language en, id 1): byte 0 of the text (0xff) is not UTF-8'* ]]
}

@test "an error between many records: what came before it is written, and nothing after" {
  local good='\x84\xa1k\xa4text\xa4lang\xa2en\xa2id\xa11\xa4text\xa1a' i
  {
    printf '\x82\xa6equant\x01\xa4prog\x90'
    for i in {1..700}; do printf '%b' "$good"; done
    printf '\x84\xa1k\xa4text\xa4lang\xa2en\xa2id\xa12\xa4text\xa1\xff'
    for i in {1..700}; do printf '%b' "$good"; done
  } >bad.mp
  for i in 1 2 3; do
    run --separate-stderr -2 bash -c "eq-token -m corpora/mini -t $i -i bad.mp >out.mp"
    [[ "$stderr" == *'bad.mp: record 701 (language en, id 2): byte 0 of the text (0xff) is not UTF-8'* ]]
    [ "$(eq-show -q -f jsonl <out.mp 2>/dev/null | wc -l)" -eq 700 ]
  done
}

@test "a hostile tokenizer.json costs no memory" {
  mkdir deep
  { printf '{"x":'; head -c 50000000 /dev/zero | tr '\0' '['; } >deep/tokenizer.json
  eq-text -c corpora/udhr -l en -n 1 -o text.mp
  run --separate-stderr eq-token -v -m deep -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == *'nested more than 64 deep'* ]]
  awk '/peak memory/ { for (i = 1; i < NF; i++) if ($(i + 1) == "MiB") exit !($i < 112) }' <<<"$stderr" # 48 of them map the file
}

@test "a tokenizer with more tokens than the model beside it has embeddings is refused" {
  mkdir small
  eq-text -c corpora/udhr -l en -n 1 -o text.mp
  cp corpora/mini/tokenizer.json small
  printf '{"model_type": "gpt2", "nested": {"vocab_size": 1}, "vocab_size": 8191}' >small/config.json
  refuses "small: the tokenizer has 8192 tokens, but config.json's vocab_size is 8191" -m small -i text.mp
  printf '{"vocab_size": 8192}' >small/config.json
  eq-token -m small -i text.mp >/dev/null
  printf 'not JSON' >small/config.json # is for who runs the model to refuse
  eq-token -m small -i text.mp >/dev/null
}

# ---- back to text ----

@test "decoding gives every text of a byte-level tokenizer back" {
  eq-text -c corpora/udhr -l all -o text.mp
  eq-token -m corpora/mini -i text.mp | eq-token -m corpora/mini --decode -o back.mp
  cmp <(eq-show -f jsonl -i text.mp) <(eq-show -f jsonl -i back.mp)
}

@test "decoding: the same bytes for 1 and 3 threads" {
  eq-text -c corpora/udhr -l en,ru,th,ko | eq-token -m corpora/mini -o ids.mp
  cmp <(eq-token -m corpora/mini --decode -t 1 -i ids.mp) <(eq-token -m corpora/mini --decode -t 3 -i ids.mp)
}

# tokens LINE...: records from JSON, as a stream
tokens() { printf '%s\n' "$@" | eq-show --from jsonl -f stream; }

@test "ids are enough; the text is theirs, other keys stay, records of other kinds pass" {
  tokens '{"k":"tokens","lang":"en","id":"1","ids":[65,464,4771],"text":"old","tokenizer":"x","mine":[1,{"x":2}]}' \
    '{"k":"else","z":1}' | eq-token -m corpora/mini --decode | eq-show -f jsonl >got
  diff got - <<'END'
{"k":"text","lang":"en","id":"1","text":"aе� س","mine":[1,{"x":2}]}
{"k":"else","z":1}
END
}

@test "special tokens are spelled out, or dropped" {
  tokens '{"k":"tokens","lang":"en","id":"1","ids":[0,66,0]}' >ids.mp
  eq-token -m corpora/mini --decode -i ids.mp | eq-show -f jsonl | jq -e '.text == "<|endoftext|>b<|endoftext|>"'
  eq-token -m corpora/mini --decode --special text -i ids.mp | eq-show -f jsonl | jq -e '.text == "<|endoftext|>b<|endoftext|>"'
  eq-token -m corpora/mini --decode --special drop -i ids.mp | eq-show -f jsonl | jq -e '.text == "b"'
}

@test "decoding says which record has an id that no token has, and what does not go together" {
  tokens '{"k":"tokens","lang":"en","id":"1","ids":[1]}' '{"k":"tokens","lang":"he","id":"7","ids":[1,8192]}' >ids.mp
  refuses 'ids.mp: record 2 (language he, id 7): token 1 is id 8192, which no token has in a vocabulary of 8192' \
    -m corpora/mini --decode -i ids.mp
  refuses "--special is 'tokens', expected text or drop" -m corpora/mini --decode --special tokens -i ids.mp
  refuses "--special is 'drop', expected text or tokens" -m corpora/mini --special drop -i ids.mp
  refuses '--template has no part in --decode: -h shows what goes together' -m corpora/mini --decode --template -i ids.mp
  mkdir odd && jq '.decoder = {"type": "Future"}' corpora/mini/tokenizer.json >odd/tokenizer.json
  refuses "odd/tokenizer.json: decoder 'Future' is not supported" -m odd --decode -i ids.mp
  printf 'a' >a.txt
  [ "$(eq-text -c a.txt -l en | eq-token -m odd | eq-show -f jsonl | jq -c .ids)" = '[65]' ] # matters only to who decodes
}

@test "ids of another vocabulary are remarked on, once" {
  mkdir other && jq -c . corpora/mini/tokenizer.json >other/tokenizer.json
  eq-text -c corpora/udhr -l en -n 2 | eq-token -m other -o ids.mp
  run --separate-stderr eq-token -m corpora/mini --decode -i ids.mp -o text.mp
  [ "$status" -eq 0 ]
  [[ "$stderr" =~ ^'eq-token: the ids were made by other@'[0-9a-f]{16}', and are read with mini@'[0-9a-f]{16}$ ]]
  eq-text -c corpora/udhr -l en -n 2 | eq-token --bytes -o bytes.mp
  run --separate-stderr eq-token -m corpora/mini --decode -i bytes.mp -o text.mp
  [[ "$stderr" =~ ^'eq-token: the ids were made by bytes, and are read with mini@'[0-9a-f]{16}$ ]]
  mkdir mi@ni && cp other/tokenizer.json mi@ni && eq-token -m mi@ni --decode -i ids.mp -o text.mp 2>said
  [ ! -s said ]
  cp -r other again
  run --separate-stderr eq-token -m again --decode -i ids.mp -o text.mp
  [ -z "$stderr" ]
}

# ---- bytes ----

@test "each byte is a token, of its value or of the model's" {
  printf 'a\tA\xc3\xa9\n' >x.tsv
  eq-text -c x.tsv -l en -o text.mp
  [ "$(eq-token --bytes -i text.mp | eq-show -f jsonl | jq -c '[.tokenizer, .ids, .starts, .ends]')" = '["bytes",[65,195,169],[0,1,2],[1,2,3]]' ]
  eq-token -m corpora/mini --bytes -i text.mp | eq-show -f jsonl >model
  [[ "$(jq -r .tokenizer model)" =~ ^mini@[0-9a-f]{16}\+bytes$ ]]
  diff <(jq -c .ids model) <(jq -c '.model.vocab | [.["A"], .["Ã"], .["©"]]' corpora/mini/tokenizer.json)
  refuses '--template has no part in --bytes: -h shows what goes together' --bytes --template -i text.mp
  refuses '--bytes and --decode are two things to do: run eq-token for each' --bytes --decode -i text.mp
}

@test "bytes decode to their text, by every vocabulary that has them" {
  local golden=$BATS_TEST_DIRNAME/../golden model
  eq-text -c corpora/udhr -l en,he,th,zh -n 9 -o text.mp
  mkdir llama2 llama3 bert && for model in llama2 llama3; do cp "$golden/trained/$model.json" $model/tokenizer.json; done
  cp "$golden/pieces/ranks.tiktoken" gpt2.tiktoken
  for model in corpora/mini llama3 "$golden"/pieces/{bpe.model,llama.gguf} gpt2.tiktoken; do
    eq-token -m "$model" --bytes -i text.mp | eq-token -m "$model" --decode -o back.mp
    diff <(eq-show -f jsonl -i text.mp) <(eq-show -f jsonl -i back.mp)
  done
  eq-token -m llama2 --bytes -i text.mp | eq-token -m llama2 --decode | eq-show -f jsonl >back # Strip takes nothing: no text begins with a space
  diff <(eq-show -f jsonl -i text.mp) back
  cp "$golden/trained/bert_cased.json" bert/tokenizer.json
  run --separate-stderr eq-token -m bert --bytes -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" =~ ^'eq-token: bert@'[0-9a-f]{16}': no token is the byte 0x'[0-9a-f]{2}' alone, so bytes cannot be tokens with this vocabulary'$ ]]
}

@test "a model scores its bytes" {
  eq-text -c corpora/udhr -l sw -n 2 | eq-token -m corpora/mini --bytes | eq-ppl -m corpora/mini |
    eq-show -f jsonl | jq -e -s 'length == 2 and all(.n_tokens == .bytes and .nll > 0)'
}

@test "dropout: the same bytes for any threads, order and shards, other tokens for another seed, and the name says it" {
  eq-text -c corpora/udhr -l en,he,fi -o text.mp
  eq-token -m corpora/mini --dropout 0.2@7 -t 1 <text.mp >1.mp
  eq-token -m corpora/mini --dropout 0.2@7 -t 3 <text.mp >3.mp
  cmp 1.mp 3.mp
  eq-show -f jsonl <1.mp | jq -c '[.lang, .id, .ids]' | sort >whole
  for i in 2 0 1; do eq-shard -n 3 -s "$i" <text.mp | eq-token -m corpora/mini --dropout 0.2@7; done |
    eq-show -f jsonl | jq -c 'select(.k == "tokens") | [.lang, .id, .ids]' | sort | cmp - whole
  eq-token -m corpora/mini --dropout 0.2@8 <text.mp | eq-show -f jsonl |
    jq -c 'select(.ids | length > 40) | [.lang, .id, .ids]' | sort >other
  [ "$(wc -l <other)" -gt 60 ]
  [ -z "$(comm -12 whole other)" ]
  [[ $(eq-show -f jsonl <1.mp | jq -r .tokenizer | sort -u) == mini@*+dropout=0.2@7 ]]
}

@test "dropout of 0 is the tokenizer as it is, of 1 its bytes" {
  eq-text -c corpora/udhr -l en,am -o text.mp
  eq-token -m corpora/mini <text.mp | eq-show -f jsonl | jq -c 'del(.tokenizer)' >without
  eq-token -m corpora/mini --dropout 0@7 <text.mp | eq-show -f jsonl | jq -c 'del(.tokenizer)' | cmp - without
  eq-token -m corpora/mini --dropout 1@7 <text.mp | eq-show -f jsonl | jq -e -s 'all((.ids | length) == (.text | utf8bytelength))'
}

@test "dropout that is no probability and seed, or of a model without merges, is refused" {
  eq-text -c corpora/udhr -l en -n 1 -o text.mp
  run --separate-stderr eq-token -m corpora/mini --dropout 0.1 -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == *'expected @ and a seed, a whole number, as in 0.1@7' ]]
  run --separate-stderr eq-token -m "$BATS_TEST_DIRNAME/../golden/pieces/unigram.model" --dropout 0.1@7 -i text.mp -o out.mp
  [ "$status" -eq 2 ]
  [[ "$stderr" == *'the model is Unigram, which merges nothing that could be dropped; dropout works with BPE: '* ]]
  [ ! -e out.mp ]
}

@test "no token crosses the parts of a word of the table" {
  eq-text -c corpora/udhr -l en,de -o text.mp
  printf 'lang\tword\tparts\nen\tfreedoms\tfree dom s\n*\trights\tright s\n' >parts.tsv
  eq-token -m corpora/mini --constrain parts.tsv -t 1 <text.mp >1.mp
  eq-token -m corpora/mini --constrain parts.tsv -t 2 <text.mp >2.mp
  cmp 1.mp 2.mp
  eq-show -f jsonl <1.mp >got
  jq -e -s 'map(select(.lang == "en") | . as $r | [.text | match("\\bfreedoms\\b"; "g").offset] |
    all(. as $at | (($at + 4) | IN($r.starts[])) and (($at + 7) | IN($r.starts[])))) | all' <(jq -c 'select(.text | test("^[\\x00-\\x7f]*$"))' got)
  [ "$(jq -r 'select(.lang == "en") | .text' got | grep -oiw freedoms | wc -l)" -ge 3 ]
  [[ $(jq -r .tokenizer got | sort -u) =~ ^mini@[0-9a-f]{16}\+constrain=[0-9a-f]{16}$ ]]
  # texts without such a word are cut as ever
  diff <(jq -c 'select(.text | test("freedoms|rights") | not) | .ids' got) \
    <(eq-token -m corpora/mini <text.mp | eq-show -f jsonl | jq -c 'select(.text | test("freedoms|rights") | not) | .ids')
}

@test "cuts by id; what never came is remarked on, and a bad table is an error that names the line" {
  printf '1\thello world\n2\td\xc3\xa9j\xc3\xa0\n' >x.tsv
  eq-text -c x.tsv -l en -o text.mp
  printf 'lang\tid\tcuts\nen\t1\t2,8\nen\t9\t1\nfr\t1\t2\n' >cuts.tsv
  run --separate-stderr eq-token -m corpora/mini --constrain cuts.tsv -i text.mp -o out.mp
  [ "$status" -eq 0 ]
  [ "$stderr" = 'eq-token: cuts.tsv: no segment has the language fr; no segment has 1 of the ids in the languages that came' ]
  [ "$(eq-show -f jsonl <out.mp | jq -c '[.starts[] | select(. == 2 or . == 8)]' | head -n 1)" = '[2,8]' ]
  eq-token -q -m corpora/mini --constrain cuts.tsv -i text.mp -o out.mp 2>said
  [ ! -s said ]
  printf 'lang\tid\tcuts\nen\t1\t2,8\n' >one.tsv
  eq-token -m corpora/mini --constrain one.tsv -i text.mp --stats 2>said >counted
  [ ! -s said ]
  grep -qE '^mini@[0-9a-f]{16}\+constrain=[0-9a-f]{16} ' counted
  run --separate-stderr eq-token --stats --constrain one.tsv -i text.mp
  [ "$status" -eq 2 ]
  [ "$stderr" = 'eq-token: --constrain is about cutting a text: name the model that does it, as in -m corpora/mini' ]
  rm out.mp
  printf 'lang\tid\tcuts\nen\t2\t2\n' >cuts.tsv
  refuses 'text.mp: record 2 (language en, id 2): cuts.tsv:2: cut 2 is inside a character of the text, which has 6 bytes; expected where a character begins' -m corpora/mini --constrain cuts.tsv -i text.mp
  printf 'lang\tword\tparts\nen\tfreedom\tfree dam\n' >parts.tsv
  refuses "parts.tsv:2: the parts are 'free dam', expected the word 'freedom' with single blanks where it is cut" -m corpora/mini --constrain parts.tsv -i text.mp
}

@test "special tokens of a tiktoken encoding are found with --special tokens, as allowed_special=all does" {
  local golden=$BATS_TEST_DIRNAME/../golden/pieces name
  for name in $(jq -r .encoding "$golden/special.jsonl" | sort -u); do
    cp "$golden/ranks.tiktoken" "$name.tiktoken"
    jq -c "select(.encoding == \"$name\") | {k: \"text\", lang: \"en\", id: (input_line_number | tostring), text}" \
      "$golden/special.jsonl" | eq-show --from jsonl -f stream >text.mp
    eq-token -m "$name.tiktoken" --special tokens -i text.mp | eq-show -f jsonl | jq -c .ids >got
    jq -c "select(.encoding == \"$name\") | .ids" "$golden/special.jsonl" | diff - got
    eq-token -m "$name.tiktoken" -i text.mp | eq-show -f jsonl | jq -e -s 'all(.ids | max < 1200)'
  done
  refuses "$(eq-token -m gpt2.tiktoken -i text.mp | eq-show -f jsonl | jq -r .tokenizer | head -n 1): --template: tiktoken puts nothing around a text" \
    -m gpt2.tiktoken --template -i text.mp
}

@test "the template of a SentencePiece model: both of its tokens, or those that the folder's config names" {
  local model=$BATS_TEST_DIRNAME/../golden/pieces/bpe.model
  ids() { printf 'a <s>b\n' >x.txt && eq-text -c x.txt -l en | eq-token -m "$@" | eq-show -f jsonl | jq -c .ids; }
  mkdir folder && cp "$model" folder/tokenizer.model
  local plain
  plain=$(ids folder)
  [ "$(ids folder --template)" = "$(jq -nc "[1] + $plain + [2]")" ] # <s> and </s> are 1 and 2
  [ "$(ids "$model" --template)" = "$(jq -nc "[1] + $plain + [2]")" ]
  printf '{"tokenizer_class": "LlamaTokenizer"}' >folder/tokenizer_config.json
  [ "$(ids folder --template)" = "$(jq -nc "[1] + $plain")" ]
  printf '{"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true}' >folder/tokenizer_config.json
  [ "$(ids folder --template)" = "$(jq -nc "$plain + [2]")" ]
  printf '{"add_bos_token": null}' >folder/tokenizer_config.json
  [ "$(ids folder --template)" = "$(jq -nc "[1] + $plain + [2]")" ]
  ids folder --special tokens | jq -e 'index(1) == 2' # of a, space, <s>, b
  jq -ne "$plain | index(1) == null"
}
