#!/usr/bin/env python3
"""Times clinception with 1, 2, 4, ... threads, each in a process of its own: how it scales on this machine.

    tools/dev/scaling.py MODEL.onnx [IMAGE] [--threads 1,2,4] [--batch 1,8] [--markdown FILE] [--json FILE]

The process is given that many processors, and POCL_MAX_PTHREAD_COUNT is set to the same for PoCL; what the device then reports, and how
many processors were busy on average during the runs (of the first batch size), stand in the table. Each number is measured in --rounds
processes, up and then down the list, so that a machine that slows down meanwhile does not favour one; all their times count. Every
answer is compared with ONNX Runtime's first (an environment with that is made in a cache folder at the first call).
"""
import measure
import environment


def default_threads():
    most = measure.available_processors()
    return [1 << i for i in range(most.bit_length()) if 1 << i < most] + [most]


def measured(bench, options, threads, batch):
    given = {"tuning": options.tuning} if options.tuning else {}
    name = "%d threads" % threads
    return bench.time([{"name": name, "peer": "clinception", "options": given}], batch, threads, processors=threads)[name]


def gather(bench, options):
    """{(threads, batch): what is known, with the times of all rounds}."""
    found = {}
    order = [(threads, batch) for batch in options.batch for threads in options.threads]
    for turn in range(options.rounds):
        for key in order if turn % 2 == 0 else reversed(order):
            known, before = measured(bench, options, *key), found.get(key)
            if before and "problem" not in before and "problem" not in known:
                for figures in ("times", "busy"):
                    known[figures] = before[figures] + known[figures]
            if not before or "problem" not in before:
                found[key] = known
            value = measure.median_ms(known, key[1])
            measure.say("round %d, %d threads, batch %d: %s" % (turn + 1, *key, known.get("problem") or "%.1f ms an image" % value))
    return found


def busy(known):
    return measure.number(measure.statistics.median(known["busy"]) if known.get("busy") else None, "%.2f")


def described(found, options):
    head, lines = ["threads", "units of the device", "busy"], []
    for batch in options.batch:
        head += ["batch %d, ms an image" % batch, "speed-up", "efficiency"]
    first = options.threads[0]
    for threads in options.threads:
        known = [found[threads, batch] for batch in options.batch]
        line = [str(threads), str(known[0].get("notes", {}).get("units", "-")), busy(known[0])]
        for batch, one in zip(options.batch, known):
            median, base = measure.median_ms(one, batch), measure.median_ms(found[first, batch], batch)
            speed = base / median if median and base else None
            line += [measure.number(median, "%.2f"), measure.number(speed, "%.2f"), measure.number(speed and speed * first / threads, "%.2f")]
        lines.append(line)
    problems = ["%d threads, batch %d: %s" % (*key, known["problem"]) for key, known in found.items() if "problem" in known]
    return "\n\n".join([measure.table(head, lines), "speed-up: over the first line; efficiency: speed-up for each thread."] + problems)


def main():
    made = measure.parser(__doc__, repeat=15, settle=0)
    made.add_argument("--threads", type=measure.counts, default=default_threads(), metavar="N,N", help="numbers of threads (default: powers of two, and all processors)")
    made.add_argument("--rounds", type=measure.positive, default=2, metavar="N", help="processes for each number (default: 2)")
    options = made.parse_args()
    measure.check_files(options)
    python, _ = environment.ensure([], options.environment, measure.say)
    bench = measure.Bench(options, python, max(options.threads))
    facts = measure.machine(bench)
    found = gather(bench, options)
    facts["device"] = next(iter(found.values())).get("notes", {}).get("device")
    results = [{"threads": threads, "batch": batch, **known} for (threads, batch), known in found.items()]
    measure.deliver(options, facts, described(found, options), {"results": results})
    return 1 if any("problem" in known for known in found.values()) else 0


if __name__ == "__main__":
    measure.run(main)
