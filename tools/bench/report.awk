# Turns the raw lines of compare and api into a table or JSON. Fields are separated by tabs:
#   run     KEY VALUE
#   system  NAME KEY VALUE               KEY: version, options, absent (VALUE: why)
#   sample  ROUND SYSTEM OP UNIT NS COUNT
#   failed  ROUND SYSTEM OP MESSAGE
# The first name in `systems` is the base. A ratio is base ns / system ns of the same round, and the
# median of the rounds' ratios is shown, so that what disturbs a whole round cancels out.

BEGIN { FS = "\t"; n_systems = split(systems, system_at, " "); n_ops = split(order, op_at, " "); base = system_at[1] }
$1 == "run" { run_value[$2] = $3; run_keys[++n_run] = $2 }
$1 == "system" { about[$2, $3] = $4 }
$1 == "sample" {
    unit[$4] = $5
    ns[$3, $4, $2] = $6
    count[$3, $4]++
    round_of[$3, $4, count[$3, $4]] = $2
}
$1 == "failed" { failed[$3, $4] = $5; n_failed++ }

function sort_values(v, n,    i, j, x) {
    for (i = 2; i <= n; i++) {
        x = v[i]
        for (j = i - 1; j >= 1 && v[j] > x; j--) v[j + 1] = v[j]
        v[j + 1] = x
    }
}
function median_of(v, n) { return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }

# Fills stat_ns_* and stat_ratio_* for one cell; returns the number of samples.
function summarise(s, op,    i, n, r, m, v, q) {
    n = count[s, op]
    m = 0
    samples = ""
    for (i = 1; i <= n; i++) {
        r = round_of[s, op, i]
        v[i] = ns[s, op, r] + 0
        samples = samples (i > 1 ? ", " : "") v[i]
        if ((base, op, r) in ns && v[i] > 0) q[++m] = ns[base, op, r] / v[i]
    }
    if (!n) return 0
    sort_values(v, n)
    sort_values(q, m)
    ns_median = median_of(v, n); ns_min = v[1]; ns_max = v[n]
    ratios = m
    if (m) { ratio_median = median_of(q, m); ratio_min = q[1]; ratio_max = q[m] }
    return n
}

function duration(t) {
    if (t < 1000) return sprintf("%.0f ns", t)
    if (t < 1000000) return sprintf("%.2f us", t / 1000)
    if (t < 1000000000) return sprintf("%.2f ms", t / 1000000)
    return sprintf("%.2f s", t / 1000000000)
}

function cell(s, op) {
    if ((s, "absent") in about) return "-"
    if ((s, op) in failed) return "failed"
    if (!summarise(s, op)) return "-"
    if (s == base) return duration(ns_median) spread(ns_median, ns_min, ns_max)
    if (!ratios) return duration(ns_median) " alone"
    if (scale == "true") return duration(ns_median) sprintf(" %5.2f", ratio_median)
    return sprintf("%.2f", ratio_median) spread(ratio_median, ratio_min, ratio_max)
}
# Half the range, in per cent of the median.
function spread(m, low, high) { return low == high || m <= 0 ? "" : sprintf(" ~%2.0f%%", (high - low) * 50 / m) }
function quick_note() { return run_value["quick"] == "true" ? "; a quick run, expect noise" : "" }

function table(    i, j, s, op) {
    printf "%s, %s, %s CPUs, load %s at the start, %s\n", run_value["kernel"], run_value["machine"], \
        run_value["cpus"], run_value["load"], run_value["date"]
    if (scale == "true")
        print "Time of one operation, and operations per second relative to the first column."
    else {
        if (benchmark == "volumefs-api")
            printf "%s rounds beside each of ours, among %s volumes%s\n", run_value["rounds"], run_value["volumes"], quick_note()
        else
            printf "%s rounds of at least %s ms, file of %s MiB%s\n", run_value["rounds"], run_value["min_ms"], \
                run_value["file_mib"], quick_note()
        printf "First column of figures: time of one operation, %s. The others: operations per second relative\n", base
        print "to it (1.00 = the same, 0.50 = half). Medians of the rounds; ~N% is half their range."
    }
    printf "\n%-20s%-12s", "operation", "of one"
    for (i = 1; i <= n_systems; i++) printf "%16s", system_at[i]
    print ""
    for (j = 1; j <= n_ops; j++) {
        op = op_at[j]
        printf "%-20s%-12s", op, unit[op]
        for (i = 1; i <= n_systems; i++) printf "%16s", cell(system_at[i], op)
        print ""
    }
    print ""
    for (i = 1; i <= n_systems; i++) {
        s = system_at[i]
        if ((s, "absent") in about) printf "%s: absent: %s\n", s, about[s, "absent"]
        else printf "%s %s: %s\n", s, about[s, "version"], about[s, "options"]
    }
    for (i = 1; i <= n_systems; i++)
        for (j = 1; j <= n_ops; j++)
            if ((system_at[i], op_at[j]) in failed)
                printf "failed: %s, %s: %s\n", system_at[i], op_at[j], failed[system_at[i], op_at[j]]
}

function quote(text,    out, i, c) {
    out = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\" || c == "\"") out = out "\\" c
        else if (c ~ /[[:cntrl:]]/) out = out " "
        else out = out c
    }
    return "\"" out "\""
}

function json_systems(    i, s, sep) {
    for (i = 1; i <= n_systems; i++) {
        s = system_at[i]
        printf "%s\n    {\"name\": %s, \"state\": %s, \"version\": %s, \"options\": %s, \"reason\": %s}", sep, quote(s), \
            quote((s, "absent") in about ? "absent" : "measured"), quote(about[s, "version"]), \
            quote(about[s, "options"]), quote(about[s, "absent"])
        sep = ","
    }
}

function json_result(s, op) {
    printf "    {\"operation\": %s, \"unit\": %s, \"system\": %s, ", quote(op), quote(unit[op]), quote(s)
    if ((s, op) in failed) { printf "\"error\": %s}", quote(failed[s, op]); return }
    printf "\"ns\": %.1f, \"ns_min\": %.1f, \"ns_max\": %.1f, \"ops_per_second\": %.2f, ", \
        ns_median, ns_min, ns_max, 1e9 / ns_median
    if (ratios) printf "\"ratio\": %.4f, \"ratio_min\": %.4f, \"ratio_max\": %.4f, ", ratio_median, ratio_min, ratio_max
    printf "\"samples_ns\": [%s]}", samples
}

function json(    i, j, s, op, sep) {
    print "{\n  \"benchmark\": " quote(benchmark) ", \"base\": " quote(base) ","
    for (i = 1; i <= n_run; i++)
        printf "  %s: %s,\n", quote(run_keys[i]), \
            run_value[run_keys[i]] ~ /^([0-9]+(\.[0-9]+)?|true|false)$/ ? run_value[run_keys[i]] : quote(run_value[run_keys[i]])
    printf "  \"systems\": ["
    json_systems()
    printf "\n  ],\n  \"results\": ["
    for (j = 1; j <= n_ops; j++)
        for (i = 1; i <= n_systems; i++) {
            s = system_at[i]; op = op_at[j]
            if (!summarise(s, op) && !((s, op) in failed)) continue
            print sep
            json_result(s, op)
            sep = ","
        }
    print "\n  ]\n}"
}

END { if (format == "json") json(); else table() }
