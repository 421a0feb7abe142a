# Scripts are code too.

# SC2016: $ between single quotes are awk's or sed's. SC2154: bats sets stderr and stderr_lines.
@test "shellcheck finds nothing in our scripts" {
  mapfile -t scripts < <(find . -path ./build -prune -o -type f \( -name '*.sh' -o -name '*.bats' -o -name '*.sbatch' \) -print)
  shellcheck -e SC2016,SC2154 .ci/run tests/floors tests/fuzz/run slurm/submit slurm/test-cluster "${scripts[@]}"
}
