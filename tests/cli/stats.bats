# eq-stats: weights as SciPy sees them (tests/golden/layers.py), and what does not matter to it.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
}

records() { eq-show -f jsonl; }

@test "moments, outliers and channels of weights are SciPy's, of tensors and of layers" {
  eq-stats -m corpora/mini | records >"$BATS_TEST_TMPDIR/stats"
  jq -n -e --rawfile want tests/golden/layers.tsv --slurpfile got "$BATS_TEST_TMPDIR/stats" '
    def near($a; $b; $tolerance): (($a - $b) | fabs) <= $tolerance * ($b | fabs);
    def wave: [range(length) as $c | ($c + 1 | sin) * .[$c]] | add;
    [$want | rtrimstr("\n") | split("\n")[] | split("\t") | . as $w |
     ($got[] | select(if .tensor then .tensor == $w[0] else "L\(.layer)" == $w[0] end)) as $r |
     [($w[1:][] | tonumber)] as $n |
     $r.n == $n[0] and near($r.mean; $n[1]; 1e-10) and near($r.variance; $n[2]; 1e-12) and near($r.skew; $n[3]; 1e-9) and
     near($r.kurtosis; $n[4]; 1e-9) and near($r.kurtosis_error; $n[5]; 1e-12) and near($r.max; $n[6]; 1e-15) and
     near($r.outliers; $n[7]; 1e-15) and $r.sparsity == $n[8] and
     (($n | length) == 9 or (near($r.channel_squares | wave; $n[9]; 1e-10) and near($r.channel_fourths | wave; $n[10]; 1e-10)))
    ] | length == 14 and all'
}

@test "statistics do not depend on threads, nor on how a matrix lies or is stored" {
  eq-stats -m corpora/mini -t 1 >"$BATS_TEST_TMPDIR/one"
  eq-stats -m corpora/mini -t 5 | cmp - "$BATS_TEST_TMPDIR/one"
  eq-quant -q -m corpora/mini -r none --format gguf -o "$BATS_TEST_TMPDIR/mini.gguf" >"$BATS_TEST_TMPDIR/quant"
  eq-stats -m "$BATS_TEST_TMPDIR/mini.gguf" | records >"$BATS_TEST_TMPDIR/gguf"
  records <"$BATS_TEST_TMPDIR/one" >"$BATS_TEST_TMPDIR/folder"
  pick() { jq -c 'select(.tensor == null) | [.layer, .n, (.variance * 1e12 | round), (.kurtosis * 1e6 | round), .sparsity]'; }
  diff <(pick <"$BATS_TEST_TMPDIR/folder") <(pick <"$BATS_TEST_TMPDIR/gguf")
  channels() { jq -c "select(.tensor == \"$1\").channel_squares[] | . * 1e9 | round"; }
  diff <(channels h.3.mlp.c_fc.weight <"$BATS_TEST_TMPDIR/folder") <(channels blk.3.ffn_up.weight <"$BATS_TEST_TMPDIR/gguf")
}

@test "what is not defined is NaN with a reason" {
  eq-quant -q -m corpora/mini -r L0.mlp=zero -o "$BATS_TEST_TMPDIR/zeroed" >"$BATS_TEST_TMPDIR/quant"
  eq-stats -m "$BATS_TEST_TMPDIR/zeroed" | records |
    jq -es 'map(select(.variance == 0)) | length == 4 and all(.sparsity == 1) and all(.kurtosis == null and .undefined == "all numbers are the same")'
}

@test "what enters linear weights is what transformers' modules get, language by language" {
  local model
  eq-show --from jsonl -f stream <tests/golden/activations.jsonl >"$BATS_TEST_TMPDIR/tokens"
  for model in $(cut -f 1 tests/golden/activations.tsv | uniq); do
    eq-stats -m "tests/golden/models/$model" -l all --ctx 8 -i "$BATS_TEST_TMPDIR/tokens" | records |
      jq -c --arg model "$model" 'select(.of == "inputs") | [$model, .]' 
  done >"$BATS_TEST_TMPDIR/stats"
  jq -n -e --rawfile want tests/golden/activations.tsv --slurpfile got "$BATS_TEST_TMPDIR/stats" '
    def near($a; $b): (($a - $b) | fabs) <= 2e-5 * ($b | fabs) + 2e-6;
    def wave: [range(length) as $c | ($c + 1 | sin) * .[$c]] | add;
    ($got | map({key: "\(.[0]) \(.[1].tensor) \(.[1].lang)", value: .[1]}) | from_entries) as $by |
    [$want | rtrimstr("\n") | split("\n")[] | split("\t") | . as $w | $by["\($w[0]) \($w[1]) \($w[2])"] as $r |
     [($w[3:][] | tonumber)] as $n |
     $r.tokens == $n[0] and $r.n == $n[0] * ($r.channel_means | length) and near($r.mean; $n[1]) and
     near($r.variance; $n[2]) and near($r.kurtosis; $n[3]) and near($r.max; $n[4]) and
     near($r.channel_means | wave; $n[5]) and near($r.channel_powers | wave; $n[6])] |
    length == ($got | length) and length > 100 and all'
}

@test "activations depend neither on threads nor on the order of segments; other records pass" {
  made() { eq-text -c corpora/udhr -l en,he --limit 12 | eq-token -m corpora/mini; }
  made | eq-stats -m corpora/mini -l he,en -t 1 >"$BATS_TEST_TMPDIR/one"
  made | eq-show -f jsonl | sort -t, -k3 -r | eq-show --from jsonl -f stream >"$BATS_TEST_TMPDIR/other"
  eq-stats -m corpora/mini -l he,en -t 5 -i "$BATS_TEST_TMPDIR/other" | records >"$BATS_TEST_TMPDIR/five"
  records <"$BATS_TEST_TMPDIR/one" | diff - "$BATS_TEST_TMPDIR/five"
  made | eq-stats -m corpora/mini -l he -t 2 | records | grep '"of":"inputs"' |
    diff - <(records <"$BATS_TEST_TMPDIR/one" | grep '"lang":"he"')
  [ "$(cat <(eq-text -c corpora/udhr -l en --limit 1) <(made) | eq-stats -m corpora/mini -l en | records | grep -c '"k":"text"')" = 1 ]
}

@test "bad asks are refused in a line" {
  made() { eq-text -c corpora/udhr -l en --limit 2 | eq-token -m corpora/mini; }
  run -1 --separate-stderr eq-stats -q -m corpora/mini -l he -i <(made)
  [[ $stderr == "eq-stats: -l: no token of he came in" ]]
  run -1 --separate-stderr eq-stats -q -m corpora/mini -l en,he -i <(made)
  [[ $stderr == "eq-stats: -l: no token of he came in" ]]
  run -1 --separate-stderr eq-stats -q -m corpora/mini -l all -i <(made | eq-shard -n 1000003 -s 5)
  [[ $stderr == "eq-stats: -l all: no token came in (0 segments)" ]]
  run -2 --separate-stderr eq-stats -q -m corpora/mini -l en --ctx 1 -i <(made)
  [[ $stderr == "eq-stats: --ctx: 1, expected 2 to 256 positions" ]]
  run -2 --separate-stderr eq-stats -q -m tests/golden/models/llama -l en -i <(made)
  [[ $stderr == *"token id "*", but llama@"*"has 17 embeddings" ]]
  run -2 eq-stats
  [[ $output == "eq-stats: -m PATH is missing"* ]]
}

@test "mean puts what transformers' modules get on average in the place of what heads and layers bring" {
  local model
  eq-show --from jsonl -f stream <tests/golden/activations.jsonl >"$BATS_TEST_TMPDIR/tokens"
  for model in $(cut -f 1 tests/golden/means.tsv | uniq); do
    eq-stats -m "tests/golden/models/$model" -l all --ctx 8 -i "$BATS_TEST_TMPDIR/tokens" -o "$BATS_TEST_TMPDIR/$model.mp"
    eq-ppl -q -m "tests/golden/models/$model" --stats "$BATS_TEST_TMPDIR/$model.mp" -i "$BATS_TEST_TMPDIR/tokens" \
      -R <(awk -F '\t' -v model="$model" '$1 == model { print $2 }' tests/golden/means.tsv | uniq) |
      records | jq -r --arg model "$model" 'select(.lang == "aa") | [$model, .recipe, .id, .nll] | @tsv'
  done | sort >"$BATS_TEST_TMPDIR/got"
  sort tests/golden/means.tsv | paste - "$BATS_TEST_TMPDIR/got" | awk -F '\t' '
    $1 $2 $3 != $5 $6 $7 || ($4 - $8) ^ 2 > 1e-8 { print; bad = 1 }
    END { exit bad || NR != 32 }'
}

@test "mean is for what heads and layers bring, and needs its statistics" {
  local tokens=$BATS_TEST_TMPDIR/tokens
  eq-text -c corpora/udhr -l en --limit 2 | eq-token -m corpora/mini -o "$tokens"
  run -2 eq-ppl -q -m corpora/mini -r L3=mean -i "$tokens"
  [ "$output" = 'eq-ppl: mean: needs --stats FILE, what enters the weights in each language: eq-stats -m MODEL -l all < tokens > FILE' ]
  run -2 eq-ppl -q -m corpora/mini -r 'L3.attn.h1=mean;q=mean' -i "$tokens"
  [[ $output == *'^ mean takes a head, attn, mlp, o, down, a layer, or all of them' ]]
  run -2 eq-quant -q -m corpora/mini -r L3=mean
  [ "$output" = 'eq-quant: mean is done to activations, and no file of weights says so: eq-ppl measures it' ]
}
