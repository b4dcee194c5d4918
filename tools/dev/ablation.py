#!/usr/bin/env python3
"""Times clinception alone with parts of it turned off, in turns in one process: what each part is worth on this machine.

    tools/dev/ablation.py MODEL.onnx [IMAGE] [--batch 1,8] [--tuning FILE] [--markdown FILE] [--json FILE]

Each line of the table is one set of switches, as 'clinception bench --rows ... --passes-off ...' takes them; every answer is compared
with ONNX Runtime's first (an environment with that is made in a cache folder at the first call). Where a row is off, selection takes the next
best, Winograd's GPU rows and the three-launch rows excepted where the line says so, because these would do the same work in another way.
"layers changed" counts layers that another row computes, or that are not in the plan with everything on; 0 means that the switch
changed nothing for this model. Without --tuning the user's tuning file is used, and what it holds is part of "all on".
--only takes a part of names, e.g. --only "all on,without merged"; --list shows all. --only schedule compares the schedules ("all on" is in order).
All sets stand in memory together (Inception-v3: about 0.3 GiB each at batch 1, 0.6 GiB at batch 8). What a device cannot do has the reason in its line.
"""
import measure
import environment

OTHER_WAYS = "-winograd_split,-winograd_gpu,-winograd_item"
ALL_ON = "all on"
# what the table calls it -> options of peers.Clinception
VARIANTS = {
    ALL_ON: {},
    "without 2-D Winograd": {"rows": "-winograd_3x3,-winograd_5x5,-winograd_stride2,-winograd_s2d," + OTHER_WAYS},
    "without 1-D Winograd": {"rows": "-winograd_line," + OTHER_WAYS},
    "without 5x5 Winograd": {"rows": "-winograd_5x5," + OTHER_WAYS},
    "without stride-2 Winograd": {"rows": "-winograd_stride2,-winograd_s2d," + OTHER_WAYS},
    "without fused Winograd rows": {"rows": "-winograd_3x3,-winograd_5x5,-winograd_line,-winograd_stride2,-winograd_s2d,-winograd_gpu,-winograd_item"},
    "without three-launch Winograd rows": {"rows": OTHER_WAYS},
    "without any Winograd": {"rows": "-winograd*"},
    "without merged 1x1s": {"passes_off": "merge_siblings"},
    "without the pool swap": {"passes_off": "swap_pool"},
    "without slices of a batch": {"passes_off": "slice_batch"},
    "without merged pairs": {"passes_off": "merge_pairs"},
    "without tuning": {"tuning": "none"},
    "schedule: out of order": {"schedule": "out-of-order"},
    "schedule: four queues": {"schedule": "queues"},
    "schedule: recorded": {"schedule": "recorded"},
}


def chosen(text):
    """Variants whose name begins with one of the parts; "all on" is always there."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not any(name.startswith(part) for name in VARIANTS):
            raise measure.argparse.ArgumentTypeError("nothing begins with '%s'; known are %s" % (part, ", ".join(VARIANTS)))
    return [name for name in VARIANTS if name == ALL_ON or any(name.startswith(part) for part in parts)]


def participants(options):
    given = {"tuning": options.tuning} if options.tuning else {}
    return [{"name": name, "peer": "clinception", "options": {**given, **VARIANTS[name]}} for name in options.only]


def rows_of(known):
    """{"layer | problem": kernel row}."""
    return dict(layer.rsplit(" | ", 1) for layer in known.get("notes", {}).get("layers", []))


def switches(name):
    words = {"rows": "--rows %s", "passes_off": "--passes-off %s", "tuning": "CLINCEPTION_TUNE_FILE=%s", "schedule": "--schedule %s"}
    return " ".join("`%s`" % (words[key] % value) for key, value in VARIANTS[name].items())


def described(found, options, batch):
    base, all_rows, lines = measure.median_ms(found[ALL_ON], batch), rows_of(found[ALL_ON]), []
    for name in options.only:
        known, rows = found[name], rows_of(found[name])
        median = measure.median_ms(known, batch)
        changed = sum(all_rows.get(layer) != row for layer, row in rows.items())
        lines.append([name, measure.number(median, "%.2f"), measure.number(median / base if median and base else None, "%.3f"), measure.number(known.get("difference"), "%.1e"),
                      str(len(rows)), str(sum(row.startswith("winograd") for row in rows.values())), str(changed), known.get("problem") or switches(name)])
    return measure.table(["batch %d" % batch, "ms an image", "of all on", "difference", "layers", "by Winograd", "layers changed", "switches"], lines)


def main():
    made = measure.parser(__doc__, repeat=25, settle=0.02)
    made.add_argument("--threads", type=measure.positive, default=measure.available_processors(), metavar="N", help="threads (default: all processors)")
    made.add_argument("--only", type=chosen, default=list(VARIANTS), metavar="NAMES", help="comma-separated beginnings of names (default: all)")
    made.add_argument("--list", action="store_true", help="show the names and their switches")
    options = made.parse_args()
    if options.list:
        print("\n".join("%-36s %s" % (name, switches(name).replace("`", "")) for name in VARIANTS))
        return 0
    measure.check_files(options)
    python, _ = environment.ensure([], options.environment, measure.say)
    bench = measure.Bench(options, python, options.threads)
    facts, results = measure.machine(bench), []
    for batch in options.batch:
        measure.say("batch %d, %d sets of switches in turns" % (batch, len(options.only)))
        results.append((batch, bench.time(participants(options), batch)))
    facts["device"] = results[0][1][ALL_ON].get("notes", {}).get("device")
    text = "\n\n".join(described(found, options, batch) for batch, found in results)
    measure.deliver(options, facts, text, {"results": [{"batch": batch, "variants": found} for batch, found in results]})
    return 1 if any("problem" in known for _, found in results for known in found.values()) else 0


if __name__ == "__main__":
    measure.run(main)
