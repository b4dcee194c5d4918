#!/usr/bin/env python3
"""Times clinception beside other runtimes on one ONNX model on this machine's processor.

    tools/dev/compare.py MODEL.onnx [IMAGE] [--batch 1,8] [--threads N] [--only NAMES] [--markdown FILE] [--json FILE]

The first call makes a Python environment with pinned versions of the other runtimes in a cache folder (about 800 MB; needs
python3-venv and a package index). Each runtime first loads the model and answers in a process of its own; an answer that differs from
ONNX Runtime's is not timed. Then it is timed there alone, and once more together with all others in one process, in turns, where each
timed run follows a pause and an untimed run. The better of its two medians counts. What is timed goes from an array of floats on
the host to the output on the host. "ratio" is our time over the fastest fp32 peer's; bf16 is shown and not counted.
What cannot be installed or run stands in the table with its reason.

Names for --only: clinception, onnxruntime, openvino, openvino-bf16, ncnn, ncnn-bf16, mnn, opencv, tinygrad. With another OpenCL
driver: set OCL_ICD_VENDORS. For figures to keep, nothing else may run on the machine; tools/dev/MEASUREMENTS.md says more.
"""
import measure
import environment

# name -> (what environment.py installs for it, what the table calls it); in peers.py stands how each is run
PEERS = {
    "clinception": (None, "clinception"),
    "onnxruntime": (None, "ONNX Runtime"),
    "openvino": ("openvino", "OpenVINO"),
    "openvino-bf16": ("openvino", "OpenVINO bf16"),
    "ncnn": ("ncnn", "ncnn"),
    "ncnn-bf16": ("ncnn", "ncnn bf16"),
    "mnn": ("mnn", "MNN"),
    "opencv": ("opencv", "OpenCV"),
    "tinygrad": ("tinygrad", "tinygrad (OpenCL)"),
}
OURS = "clinception"


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in PEERS:
            raise measure.argparse.ArgumentTypeError("there is no '%s'; known are %s" % (name, ", ".join(PEERS)))
    return [name for name in PEERS if name in chosen]


def participant(name, options):
    return {"name": name, "peer": name, "options": {"tuning": options.tuning} if name == OURS and options.tuning else {}}


def joined(name, alone, together, batch):
    """What one row of the table needs."""
    known = together if together and "problem" not in together and together.get("times") else alone
    medians = {"alone": measure.median_ms(alone, batch), "together": measure.median_ms(together, batch)}
    found = [value for value in medians.values() if value is not None]
    row = {"name": name, "version": known.get("version"), "precision": known.get("precision"), "difference": known.get("difference"), "notes": known.get("notes", {}),
           "load_seconds": alone.get("load_seconds"), "peak_bytes": alone.get("peak_bytes"), "alone_ms": medians["alone"], "together_ms": medians["together"],
           "best_ms": min(found) if found else None, "problem": None}
    for side, what in ((alone, "alone"), (together, "together")):
        if side and "problem" in side:
            row["problem"] = side["problem"] if what == "alone" else row["problem"] or "together with the others: " + side["problem"]
    row["times_ms"] = {what: [t * 1e3 / batch for t in (side or {}).get("times", [])] for what, side in (("alone", alone), ("together", together))}
    return row


def compare(bench, options, problems, batch):
    alone = {}
    for name in options.only:
        problem = problems.get(PEERS[name][0])
        if problem:
            alone[name] = {"problem": problem}
        else:
            alone[name] = bench.time([participant(name, options)], batch)[name]
        value = measure.median_ms(alone[name], batch)
        measure.say("batch %d, %s alone: %s" % (batch, name, alone[name].get("problem") or "%.1f ms an image" % value))
    usable = [participant(name, options) for name in options.only if "problem" not in alone[name]]
    together = {}
    if len(usable) > 1:
        measure.say("batch %d, %d together" % (batch, len(usable)))
        together = bench.time(usable, batch)
    return [joined(name, alone[name], together.get(name), batch) for name in options.only]


def ratio(rows):
    """(ours over the fastest fp32 peer, that peer's name), or None."""
    ours = next((row["best_ms"] for row in rows if row["name"] == OURS), None)
    peers = [(row["best_ms"], row["name"]) for row in rows if row["name"] != OURS and row["precision"] == "fp32" and row["best_ms"] is not None]
    return (ours / min(peers)[0], min(peers)[1]) if ours and peers else None


def described(rows, batch):
    """The table of one batch size."""
    number, lines = measure.number, []
    for row in rows:
        lines.append([PEERS[row["name"]][1], row["version"] or "-", row["precision"] or "-", number(row["alone_ms"]), number(row["together_ms"]), number(row["best_ms"]),
                      number(row["difference"], "%.1e"), number(row["load_seconds"]), number(row["peak_bytes"] and row["peak_bytes"] / 2**20, "%.0f"),
                      "; ".join(filter(None, [row["problem"], row["notes"].get("device"), row["notes"].get("batch")]))])
    head = ["batch %d" % batch, "version", "precision", "alone ms", "together ms", "best ms", "difference", "load s", "peak MiB", ""]
    found = ratio(rows)
    verdict = "ours / fastest fp32 peer (%s): **%.2f**" % (PEERS[found[1]][1], found[0]) if found else "no ratio: clinception and an fp32 peer are needed"
    return measure.table(head, lines) + "\n\n" + verdict


NOTE = """ms: medians an image. difference: largest, to ONNX Runtime's answer, as a part of the largest output. load: until the first answer,
weights and kernels prepared (caches of earlier runs are used). peak: the process's memory when alone, Python and the model's file included."""


def main():
    made = measure.parser(__doc__, repeat=25)
    made.add_argument("--threads", type=measure.positive, default=measure.available_processors(), metavar="N", help="threads for each (default: all processors)")
    made.add_argument("--only", type=names, default=list(PEERS), metavar="NAMES", help="comma-separated (default: all)")
    options = made.parse_args()
    measure.check_files(options)
    wanted = sorted({PEERS[name][0] for name in options.only} - {None})
    python, problems = environment.ensure(wanted, options.environment, measure.say)
    bench = measure.Bench(options, python, options.threads)
    facts = measure.machine(bench)
    results = [{"batch": batch, "rows": compare(bench, options, problems, batch)} for batch in options.batch]
    for result in results:
        found = ratio(result["rows"])
        result["ratio"], result["fastest_fp32_peer"] = found or (None, None)
    text = "\n\n".join([described(result["rows"], result["batch"]) for result in results] + [NOTE])
    measure.deliver(options, facts, text, {"results": results})
    return 0 if all(row["problem"] is None for result in results for row in result["rows"] if row["name"] == OURS) else 1


if __name__ == "__main__":
    measure.run(main)
