# Reads what one test program printed as TAP and writes a line for each test:
#   passed|failed|skipped <tab> suite <tab> name
# -v suite=NAME, -v status=EXIT STATUS of the program. A test that was planned and did not run, and a
# program that fails without a failed test, count as failed: silence never passes.

function report(verdict, name) {
    printf "%s\t%s\t%s\n", verdict, suite, name
    count[verdict]++
}

/^1\.\.[0-9]+/ {
    planned = substr($1, 4) + 0
    has_plan = 1
    if (planned == 0) {
        sub(/^1\.\.0 *#? */, "")
        report("skipped", $0 == "" ? "nothing to do, and no reason given" : $0)
    }
}

/^(not )?ok( |$)/ {
    failed = /^not /
    seen++
    name = $0
    sub(/^(not )?ok *[0-9]* *(- )?/, "", name)
    if (name ~ /# *[Ss][Kk][Ii][Pp]/)
        report("skipped", name)
    else if (failed)
        report("failed", name)
    else
        report("passed", name)
}

END {
    if (!has_plan)
        report("failed", "no plan was printed, status " status)
    for (i = seen; i < planned; i++)
        report("failed", "test " i + 1 " of " planned " did not run")
    if (status != 0 && !count["failed"])
        report("failed", "ended with status " status)
}
