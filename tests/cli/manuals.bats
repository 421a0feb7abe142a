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

each_tool() {
  local source
  for source in tools/eq*.c; do basename "$source" .c; done
}

@test "every tool has its page beside it, and every page its tool" {
  diff <(each_tool) <(for page in tools/*.1; do basename "$page" .1; done)
}

@test "the formatter has no complaint about a page" {
  for tool in $(each_tool); do
    run groff -man -ww -Tutf8 -z "tools/$tool.1"
    [ -z "$output" ] || { echo "$output"; false; }
    MANWIDTH=80 run man --warnings -E UTF-8 -l -Tutf8 -Z "tools/$tool.1"
    ! grep -a -i 'warning' <<<"$output"
  done
}

@test "every page has the sections of a page, in order" {
  for tool in $(each_tool); do
    echo "tools/$tool.1"
    sections=$(sed -n 's/^\.SH "\?\([^"]*\)"\?$/\1/p' "tools/$tool.1")
    for s in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do echo "$s"; done |
      diff - <(grep -xE 'NAME|SYNOPSIS|DESCRIPTION|OPTIONS|EXIT STATUS|EXAMPLES|SEE ALSO' <<<"$sections")
  done
}

@test "a page documents exactly the options that -h lists" {
  for tool in $(each_tool); do
    echo "$tool: < in -h, > in the page"
    diff <(options_of_help "$tool") <(options_of_page "tools/$tool.1")
  done
}

@test "every tool knows -h and --version, and -h fits a screen" {
  for tool in $(each_tool); do
    echo "$tool"
    [[ "$("$tool" --version)" == "$tool "* ]]
    "$tool" -h >"$BATS_TEST_TMPDIR/help"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -le 50 ]
    run grep -nE '^.{101}' "$BATS_TEST_TMPDIR/help"
    [ -z "$output" ] || { echo "$output"; false; }
  done
}

@test "the summary of a page is that of -h" {
  for tool in $(each_tool); do
    page=$(awk '/^\.SH/ { on = $2 == "NAME"; next } on' "tools/$tool.1" | sed 's/\\-/-/g' | tr '\n' ' ')
    diff <("$tool" -h | head -n 1 | sed "s/^${tool}[ :-]*//") <(sed "s/^$tool - //; s/ $//" <<<"$page")
  done
}

# run_examples TOOL: the shell program on stdin, in the stand-in for the root.
run_examples() {
  cat >example.sh
  echo "examples of $1:"
  cat example.sh
  [ -s example.sh ]
  bash -euo pipefail example.sh </dev/null >example.out
}

@test "the examples of every page run" {
  stand_in_for_root
  for tool in $(each_tool); do run_examples "$tool" < <(examples_of_page "tools/$tool.1"); done
}

@test "the examples of every -h run" {
  stand_in_for_root
  for tool in $(each_tool); do run_examples "$tool" < <(examples_of_help "$tool"); done
}
