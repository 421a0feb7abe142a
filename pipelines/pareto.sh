#!/bin/bash
# Which layers are worth protecting? All sets of them, in fifteen languages: the exact fronts of size against mean loss and
# against disparity, and what they are worth on segments that did not choose them.
#
#   pipelines/pareto.sh [OPTION]... [FOLDER]   results go to FOLDER (build/pareto); the same line again goes on
#
#   -m MODEL        a folder or a GGUF file (corpora/mini)
#   --plan KIND     what eq-plan lists over --base RECIPE: subsets (all 2^L sets of layers; int4), pairs, prefixes...
#   --segments N    ids that choose, drawn at random, the same in every language (12)
#   --report N      of the other ids, how many measure what was chosen (all)
#   --controls N    random sets in all, of the sizes that were chosen (200)
#   --on WHERE, --shards N, --at-once K, --sbatch OPTION    as slurm/submit takes them (local, 8)
#
# The best of 4096 sets is best by luck too. So selection and report share no segment: the front is chosen on some
# paragraphs of the Universal Declaration, and measured, with the controls, on the others.
set -euo pipefail
cd "$(dirname "$0")/.."
model=corpora/mini plan=subsets base=int4 segments=12 report=0 controls=200 folder=build/pareto
languages=en,de,fr,es,it,ru,zh,ja,ko,tr,fi,hi,ar,he,sw
submit=(--shards 8)
while [ $# -gt 0 ]; do
  case $1 in
    -m) model=$(cd "${OLDPWD:-.}" && realpath "$2") && shift ;;
    --plan | --base | --segments | --report | --controls) declare "${1#--}=$2" && shift ;;
    --on | --shards | --at-once | --sbatch) submit+=("$1" "$2") && shift ;;
    -*) echo "pareto.sh: $1: no such option: its first lines list them" >&2 && exit 2 ;;
    *) folder=$(cd "${OLDPWD:-.}" && realpath -m "$1") ;;
  esac
  shift
done
mkdir -p "$folder"

# keep NAME COMMAND...: its output as FOLDER/NAME, which stays as it is where that would not change it.
keep() {
  "${@:2}" >"$folder/$1.new"
  if cmp -s "$folder/$1.new" "$folder/$1"; then rm "$folder/$1.new"; else mv "$folder/$1.new" "$folder/$1"; fi
}
# measure NAME: surprisal of FOLDER/NAME.tokens under the recipes of FOLDER/NAME.plan, and its damage.
measure() {
  slurm/submit "${submit[@]}" --name "pareto-$1" -o "$folder/$1" "$folder/$1.tokens" -- \
    eq-ppl -q -t 1 -m "$model" -r none -R "$folder/$1.plan"
  eq-disparity -q -B "$2" -i "$folder/$1/result.mp" -o "$folder/$1.damage"
}

# ---- the segments: ids that all languages have; some choose, the others report ----
text() { eq-text -q -c corpora/udhr -l $languages "$@"; }
shared=$(text | eq-show -f tsv -c lang,id | awk 'NR > 1 { n[$2]++; langs[$1] } END { for (i in n) k += n[i] == length(langs); print k }')
[ "$report" != 0 ] || report=$((shared - segments))
tokens_that_choose() { text --sample "$segments@7" | eq-token -m "$model"; }
# A sample of more ids draws the ids of a smaller one first.
tokens_that_report() {
  text --sample "$((segments + report))@7" | eq-show -f jsonl |
    jq -c --slurpfile seen <(text --sample "$segments@7" | eq-show -f jsonl | jq .id) \
      '($seen | INDEX(.)) as $ids | select($ids[.id] | not)' |
    eq-show --from jsonl -f stream | eq-token -m "$model"
}
keep choose.tokens tokens_that_choose
keep report.tokens tokens_that_report

# ---- all recipes, and the fronts ----
keep choose.plan eq-plan "$plan" -q -m "$model" -b "$base"
measure choose 1000
fronts() { cat "$folder/choose.plan" "$folder/choose.damage" | eq-pareto -q --front; }
keep front.mp fronts

# ---- those, and controls of their sizes: as many of each, or all there are; first the sizes with the fewest sets ----
sizes() {
  eq-show -k pareto -f jsonl -i "$folder/front.mp" | jq -rs 'map(select(.overhead > 0)) | group_by(.overhead)
    | length as $n | to_entries | sort_by(-(.key - ($n - 1) / 2 | fabs)) | .[].value[0].recipe'
}
plan_of_report() {
  local left=$controls i n
  mapfile -t like < <(sizes)
  n=${#like[@]}
  eq-plan -q -m "$model" -b "$base" -R "$folder/front.mp"
  for i in "${!like[@]}"; do
    [ "$left" -gt 0 ] || break
    eq-plan random -q --up-to -n $(((left + n - i - 1) / (n - i))) --seed "$i" --like "${like[i]}" --within 0 \
      -m "$model" -b "$base" -o "$folder/random.mp"
    left=$((left - $(eq-show -f jsonl -i "$folder/random.mp" | wc -l)))
    cat "$folder/random.mp"
  done
}
keep report.plan plan_of_report
measure report 10000
pareto() { cat "$folder/report.plan" "$folder/report.damage" | eq-pareto -q --chosen "$folder/front.mp"; }
keep pareto.mp pareto

# ---- what came of it ----
# claims MEASURE RANK: its front, a line a size, beside the controls of that size.
claims() {
  {
    printf 'over %%\tkept\tchosen at\tmeasured\t95 %% interval\tcontrols\t5 %%\tmedian\t95 %%\tno worse\tp\n'
    eq-show -k pareto -f jsonl -i "$folder/pareto.mp" | jq -rs --arg m "$1" --arg rank "$2" \
      --slurpfile chosen <(eq-show -k pareto -f jsonl -i "$folder/front.mp") '
      def short: . * 1000 | round / 1000;
      def quantile(p): sort | if length == 0 then "" else (p * (length - 1)) as $at | ($at | floor) as $i
        | (.[$i] + ($at - $i) * ((.[$i + 1] // .[$i]) - .[$i])) | short end;
      ($chosen | INDEX(.recipe)) as $before | . as $all | .[]
      | select(.chosen // "" | split(",") | index($m)) | . as $p
      | [$all[] | select(.plan == "random" and .overhead == $p.overhead and .recipe != $p.recipe) | .[$m]] as $controls
      | [(.overhead_percent * 10 | round / 10), (.recipe | if test(";") then sub("^[^;]*;"; "") | sub("=keep"; "") else "-" end),
         ($before[.recipe][$m] | short), (.[$m] | short), "[\(.[$m + "_lo"] | short), \(.[$m + "_hi"] | short)]", ($controls | length),
         ($controls | quantile(0.05)), ($controls | quantile(0.5)), ($controls | quantile(0.95)), (.[$rank] // 0),
         (if $controls == [] then "" else (1 + .[$rank]) / (1 + ($controls | length)) | short end)] | map(if . == "" then "-" else . end) | @tsv'
  } | tee "$folder/$1.tsv" | column -t -s "$(printf '\t')"
}
printf '\n%s recipes, chosen on %d segments, measured again on %d others, in 15 languages\n' \
  "$(eq-show -f jsonl -i "$folder/choose.plan" | wc -l)" "$segments" "$report"
printf '\nMean loss: extra bits a segment over the untouched model, mean of all languages\n\n'
claims delta_mean controls_mean
printf '\nDisparity: the loss of the language that is hurt most less that of the one hurt least, bits a segment\n\n'
claims worst_minus_best controls_spread
printf '\nno worse: how many of the controls of that size are; p: of being no better than a random set of that size, for each line alone\n'
for image in svg png; do eq-plot --pareto -q -i "$folder/pareto.mp" -o "$folder/pareto.$image"; done
printf '\nThe picture: %s (and .png). All numbers: eq-show -i %s\n' "$folder/pareto.svg" "$folder/pareto.mp"
