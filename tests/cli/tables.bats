# eq-token --stats and --vocab: the tables beside what Python counted (tests/golden/tables.py), and their edges.

bats_require_minimum_version 1.5.0

setup() {
  golden=$BATS_TEST_DIRNAME/../golden
  cd "$BATS_TEST_TMPDIR" && ln -s "$OLDPWD/corpora" corpora
}

# refuses PATTERN ARGUMENT...: the message that the arguments are refused with.
refuses() {
  local pattern=$1
  shift
  run --separate-stderr eq-token "$@" -o out.mp
  [ "$status" -eq 2 ]
  # shellcheck disable=SC2053 # it is a pattern
  [[ "$stderr" == "eq-token: "$pattern ]]
  [ -z "$output" ]
}

# place NAME: where eq-token finds a vocabulary of the golden files.
place() {
  case $1 in
  *.json) mkdir -p v && cp "$golden/../../$1" v/tokenizer.json && echo v ;;
  *.tiktoken) cp "$golden/../../$1" gpt2.tiktoken && echo gpt2.tiktoken ;;
  corpora/*) echo "$1" ;;
  *) echo "$golden/../../$1" ;;
  esac
}

@test "by language: segments, bytes, characters, words, tokens and what is formed of them, as Python counts" {
  local model languages
  languages=$(cut -f 2 "$golden/stats.tsv" | sort -u | paste -sd ,)
  eq-text -c corpora/udhr -l "$languages" -o text.mp
  for model in $(cut -f 1 "$golden/stats.tsv" | uniq); do
    eq-token -m "$(place "$model")" --stats -f tsv -i text.mp >table.tsv
    awk -F '\t' -v model="$model" '
      function ratio(a, b) { return b ? a / b : "nan" }
      NR == FNR { if ($1 == model) want[$2] = $0; next }
      FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
      function is(key, value) {
        if ($column[key] != value && $column[key] "" != value "") {
          printf "%s %s %s: %s, expected %s\n", model, $column["lang"], key, $column[key], value
          bad = 1
        }
      }
      {
        n++
        split(want[$column["lang"]], w, "\t")
        is("segments", w[3]); is("bytes", w[4]); is("chars", w[5]); is("words", w[6]); is("tokens", w[7])
        is("bytes_token", ratio(w[4], w[7])); is("chars_token", ratio(w[5], w[7]))
        is("tokens_word", w[13] ? ratio(w[7], w[6]) : "nan")
        is("byte_share", ratio(w[8], w[7])); is("unknown_share", ratio(w[9], w[7]))
        is("premium", ratio(w[10], w[11])); is("pairs", w[12])
      }
      END { exit bad || n != 20 }' "$golden/stats.tsv" table.tsv
  done
}

@test "the tokens of a vocabulary: kinds, scripts, classes and bytes, as Python finds them" {
  local model
  for model in $(cut -f 1 "$golden/vocab.tsv" | uniq); do
    eq-token -m "$(place "$model")" --vocab -f jsonl | jq -r '[.kind, .script // "", .class // "", .bytes, .id] | @tsv' |
      awk -F '\t' -v OFS='\t' -v model="$model" '
        { key = model "\t" $1 "\t" $2 "\t" $3; n[key]++; bytes[key] += $4; ids[key] += $5 }
        END { for (key in n) print key, n[key], bytes[key], ids[key] }' | LC_ALL=C sort >got
    awk -F '\t' -v model="$model" '$1 == model' "$golden/vocab.tsv" | LC_ALL=C sort | diff - got
  done
}

@test "a table for people: what is the same in all rows once, languages in order" {
  eq-text -c corpora/udhr -l sw,en --limit 2 | eq-token -m corpora/mini --stats >table
  [[ $(head -n 2 table) == 'tokenizer: mini@'*'segments: 2'*'pairs: 2'* ]]
  [ "$(awk 'NR > 2 { print $1 }' table | xargs)" = 'lang en sw' ]
}

@test "tokens that came in are counted alike, without the model all but bytes and unknowns" {
  eq-text -c corpora/udhr -l en,he,th -o text.mp
  eq-token -m corpora/mini -i text.mp -o tokens.mp
  eq-token -m corpora/mini --stats -f jsonl -i text.mp >texts
  eq-token -m corpora/mini --stats -f jsonl -i tokens.mp | cmp - texts
  eq-token --stats -f jsonl -i tokens.mp >alone
  jq -e -s 'all(.byte_share == null and .unknown_share == null)' alone # NaN
  diff <(jq -c 'del(.byte_share, .unknown_share)' texts) <(jq -c 'del(.byte_share, .unknown_share)' alone)
}

@test "the counts do not depend on threads or the order of segments" {
  eq-text -c corpora/udhr -l en,he,th,am -o text.mp
  eq-token -m corpora/mini --stats -t 1 -i text.mp >one
  eq-token -m corpora/mini --stats -t 3 -i text.mp | cmp - one
  eq-show -f stream -s -id,lang -i text.mp | eq-token -m corpora/mini --stats | cmp - one
}

@test "another base, and none" {
  eq-text -c corpora/udhr -l sw,he -o text.mp
  eq-token -m corpora/mini --stats --base sw -f jsonl -i text.mp | jq -s -e '.[1].premium == 1 and .[0].premium > 1'
  eq-token -m corpora/mini --stats -f jsonl -i text.mp | jq -s -e 'all(.premium == null and .pairs == 0)'
}

@test "the tables are streams too, which eq-show sorts" {
  eq-text -c corpora/udhr -l en,sw,he,th -o text.mp
  eq-token -m corpora/mini --stats -f stream -i text.mp >stats.mp
  [ "$(eq-show -s -premium -f jsonl <stats.mp | jq -r .lang | xargs)" = 'th he sw en' ]
  diff <(eq-show -f csv <stats.mp) <(eq-token -m corpora/mini --stats -f csv -i text.mp)
  eq-token -m corpora/mini --vocab -f stream | eq-show -k vocab -f tsv | cmp - <(eq-token -m corpora/mini --vocab -f tsv)
}

@test "a token is text, and where it is not, its bytes are escaped" {
  eq-token -m corpora/mini --vocab -f jsonl >vocab
  jq -e -s '.[257] | .token == " t" and .spelling == "Ġt" and .bytes == 2 and .rank == 0 and .script == "Latn"' vocab
  jq -e -s '.[301] | .token == " \\xd0" and .class == "partial" and .script == "Zyyy"' vocab
  jq -e -s '.[256] | .token == "\\xad" and .class == "partial" and (has("script") or has("rank") | not)' vocab
  jq -e -s '.[60] | .token == "\\" and .class == "ascii"' vocab
}

@test "what does not go together is said" {
  eq-text -c corpora/udhr -l en -n 2 -o text.mp
  eq-token -m corpora/mini -i text.mp -o tokens.mp
  refuses '--stats and --vocab are two things to do: run eq-token for each' -m corpora/mini --stats --vocab -i text.mp
  refuses '--format has no part in tokenizing: -h shows what goes together' -m corpora/mini -f tsv -i text.mp
  refuses '--base has no part in tokenizing: -h shows what goes together' -m corpora/mini --base sw -i text.mp
  refuses 'text.mp: record 1 is a text: name the model that cuts it, as in -m corpora/mini' --stats -i text.mp
  refuses '-m is missing'* --vocab
  refuses 'tokens.mp: record 1 (language en, id '*'): the tokens are those of mini@'*', but -m is bpe.model@'* \
    -m "$golden/pieces/bpe.model" --stats -i tokens.mp
  refuses 'tokens.mp: record 1 is of tokens, which are counted as they come; --dropout is for texts' \
    -m corpora/mini --stats --dropout 0.1@7 -i tokens.mp
  refuses "--format: 'pdf': expected table"* -m corpora/mini --stats -f pdf -i text.mp
}

@test "a segment whose tokens would fill no record is counted all the same" {
  head -c 6000000 /dev/zero | tr '\0' '\1' >long.txt
  eq-text -c long.txt -l en -o text.mp
  refuses 'text.mp: record 1 (language en, id 1): the segment has 6000000 tokens: '* -m corpora/mini -i text.mp
  eq-token -m corpora/mini --stats -f jsonl -i text.mp | jq -e '.tokens == 6000000'
}

@test "no segment is an error, records of other kinds are counted" {
  printf '{"k":"else"}\n' | eq-show --from jsonl -f stream >else.mp
  run --separate-stderr eq-token -m corpora/mini --stats -i else.mp
  [ "$status" -eq 1 ]
  [ "$stderr" = $'eq-token: 1 records of other kinds are left out\neq-token: no text or tokens record came in' ]
  eq-text -c corpora/udhr -l en -n 2 | head -c -30 >cut.mp
  run --separate-stderr eq-token -m corpora/mini --stats -i cut.mp
  [ "$status" -eq 1 ]
  [[ "$output" == *'bytes_token'* ]]
}
