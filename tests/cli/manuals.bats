# Every tool has a page; page and -h say the same; what the page shows runs.

# options_of_page PAGE: the options in the tags (.TP) of the section OPTIONS, one a line, sorted.
options_of_page() {
  awk '/^\.SH/ { on = $2 == "OPTIONS" } on && tag { print; tag = 0 } on && /^\.T[PQ]/ { tag = 1 }' "$1" |
    sed 's/\\f[A-Z]//g; s/\\-/-/g; s/["\\]/ /g' | grep -oE '(^|[ ,])--?[a-zA-Z][a-z0-9-]*' | tr -d ' ,' | sort -u
}

# options_of_help TOOL: the options in its -h, one a line, sorted.
options_of_help() {
  "$1" -h | grep -oE '^  (-[a-zA-Z], )? *--[a-z0-9-]+' | tr -s ' ,' '\n' | grep -e - | sort -u
}

# examples_of_page PAGE: the shell lines of the section EXAMPLES, which stand between .EX and .EE (or .nf and .fi).
examples_of_page() {
  awk '/^\.SH/ { on = $2 == "EXAMPLES" } /^\.(EE|fi)/ { code = 0 } on && code && !/^\./ { print } /^\.(EX|nf)/ { code = 1 }' "$1" |
    sed "s/\\\\f[A-Z]//g; s/\\\\-/-/g; s/\\\\(aq/'/g; s/\\\\(dq/\"/g; s/\\\\(ha/^/g; s/\\\\(ti/~/g; s/\\\\&//g; s/\\\\e/\\\\/g"
}

# examples_of_help TOOL: the shell lines under "examples:" in its -h.
examples_of_help() {
  "$1" -h | awk '/^examples:/ { on = 1; next } /^[^ ]/ { on = 0 } on'
}

# A folder that looks like the project's root, so that what examples write does not land there.
stand_in_for_root() {
  local folder=$BATS_TEST_TMPDIR/root entry
  mkdir "$folder"
  for entry in "$PWD"/*; do
    [ "$(basename "$entry")" = build ] || ln -s "$entry" "$folder"
  done
  cd "$folder" || return
}

tools() {
  local source
  for source in tools/eq*.c; do basename "$source" .c; done
}

# every_tool CHECK: runs `CHECK TOOL` for each; says which failed, and what they printed.
every_tool() {
  local tool failed=0
  for tool in $(tools); do
    run "$1" "$tool"
    [ "$status" -eq 0 ] || { printf '%s\n' "-- $tool" "$output" && failed=1; }
  done
  [ "$failed" = 0 ]
}

@test "every tool has its page beside it, and every page its tool" {
  diff <(tools) <(for page in tools/*.1; do basename "$page" .1; done)
}

formats_quietly() {
  local complaints
  complaints=$(groff -man -ww -Tutf8 -z "tools/$1.1" 2>&1; man --warnings -E UTF-8 -l -Tutf8 -Z "tools/$1.1" 2>&1 >/dev/null)
  printf '%s' "$complaints"
  [ -z "$complaints" ]
}
@test "the formatter has no complaint about a page" {
  every_tool formats_quietly
}

has_the_sections() {
  local known='NAME|SYNOPSIS|DESCRIPTION|OPTIONS|EXIT STATUS|EXAMPLES|SEE ALSO'
  diff <(tr '|' '\n' <<<"$known") <(sed -n 's/^\.SH "\?\([^"]*\)"\?$/\1/p' "tools/$1.1" | grep -xE "$known")
}
@test "every page has the sections of a page, in order" {
  every_tool has_the_sections
}

documents_its_options() {
  echo '< in -h, > in the page'
  diff <(options_of_help "$1") <(options_of_page "tools/$1.1")
}
@test "a page documents exactly the options that -h lists" {
  every_tool documents_its_options
}

fits_a_screen() {
  [ "$("$1" -h | wc -l)" -le 50 ] && ! "$1" -h | grep -nE '^.{101}'
}
@test "-h fits in 50 lines of 100 columns" {
  every_tool fits_a_screen
}

tells_its_version() {
  [[ "$("$1" --version)" == "$1 "[0-9]* ]]
}
@test "every tool tells its version" {
  every_tool tells_its_version
}

summarises_alike() {
  local name
  name=$(awk '/^\.SH/ { on = $2 == "NAME"; next } on' "tools/$1.1" | sed 's/\\-/-/g' | tr '\n' ' ')
  diff <("$1" -h | head -n 1 | sed "s/^$1: //") <(sed "s/^$1 - //; s/ $//" <<<"$name")
}
@test "the summary of a page is that of -h" {
  every_tool summarises_alike
}

# run_examples EXTRACT FROM: the shell program that `EXTRACT FROM` prints, in the stand-in for the root.
run_examples() {
  "$@" >example.sh
  cat example.sh
  [ -s example.sh ] && bash -euo pipefail example.sh </dev/null >example.out
}
page_examples_run() { run_examples examples_of_page "tools/$1.1"; }
help_examples_run() { run_examples examples_of_help "$1"; }

@test "the examples of every page run" {
  stand_in_for_root
  every_tool page_examples_run
}

@test "the examples of every -h run" {
  stand_in_for_root
  every_tool help_examples_run
}
