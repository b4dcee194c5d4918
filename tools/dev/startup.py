#!/usr/bin/env python3
"""Times how long a start takes, from nothing to the first answer, of clinception and of other runtimes, each in whole processes.

    tools/dev/startup.py MODEL.onnx IMAGE [--repeat N] [--threads N] [--only NAMES] [--markdown FILE] [--json FILE]

Each start is a process of its own: it loads its runtime and the model and answers once. All take turns, --repeat times. Warm: with the
caches of an earlier, untimed start. Cold: with empty ones, ours and the OpenCL driver's (PoCL's; that of another driver stays as it is).
The system's own memory of files is warm in either case. Peers read their own file formats, converted beforehand; ONNX Runtime's warm start
reads the graph that it has optimised, OpenVINO's its model cache. What an empty process takes (for Python: with NumPy and the input read) is
subtracted; --json has every time as it was. An answer that differs from ONNX Runtime's is not shown.

Names for --only: clinception (its default cache folder, in a home of its own), clinception-named (CLINCEPTION_CACHE_DIR names the folder,
so that programs are kept there for every driver), tool ('clinception classify', without any Python), onnxruntime, openvino, ncnn, mnn.
For figures to keep, nothing else may run on the machine; tools/dev/MEASUREMENTS.md says more.
"""
import json, os, shutil, statistics, subprocess, time
import environment
import measure

# name -> (what environment.py installs for it, its name in peers.py, what the table calls it)
STARTERS = {
    "clinception": (None, "clinception", "clinception"),
    "clinception-named": (None, "clinception", "clinception, cache folder named"),
    "tool": (None, None, "clinception classify"),
    "onnxruntime": (None, "onnxruntime", "ONNX Runtime"),
    "openvino": ("openvino", "openvino", "OpenVINO"),
    "ncnn": ("ncnn", "ncnn", "ncnn"),
    "mnn": ("mnn", "mnn", "MNN"),
}
EMPTY, EMPTY_TOOL, STATES, OURS = "empty process", "empty tool", ("cold", "warm"), ("clinception", "clinception-named", "tool")
LIMIT = 1e-3  # largest difference to ONNX Runtime, as a part of the largest output


class Starts:
    """The processes. folders: caches of each participant, the cold ones emptied before each start."""

    def __init__(self, bench, options):
        self.bench, self.options, self.task = bench, options, bench.prepared["1"]
        self.tool = os.path.join(os.path.abspath(options.build), "clinception")
        self.turn = 0

    def folder(self, name, state):
        path = os.path.join(self.bench.folder.name, "caches", "%s-%s" % (name.replace(" ", "-"), state))
        if state == "cold":
            shutil.rmtree(path, ignore_errors=True)
        for part in ("home", "named", "pocl", "peer"):
            os.makedirs(os.path.join(path, part), exist_ok=True)
        return path

    def environment(self, name, folder):
        made = measure.child_environment(self.bench.threads)
        made["POCL_CACHE_DIR"] = os.path.join(folder, "pocl")
        made["XDG_CACHE_HOME"] = os.path.join(folder, "home")
        made.pop("CLINCEPTION_CACHE_DIR", None)
        if name == "clinception-named":
            made["CLINCEPTION_CACHE_DIR"] = os.path.join(folder, "named")
        made["CLINCEPTION_TUNE_FILE"] = self.options.tuning and (self.options.tuning if self.options.tuning in ("none", "shipped") else os.path.abspath(self.options.tuning)) or "shipped"
        return made

    def command(self, name, state, folder):
        """(what to run, the file with its result or None)"""
        if name == EMPTY_TOOL:
            return [self.tool, "--version"], None
        if name == "tool":
            return [self.tool, "classify", "--model", self.task["model"], "--device", self.options.device, "--top", "1", "--json", os.path.abspath(self.options.image)], None
        self.turn += 1
        given, got = (os.path.join(self.bench.folder.name, "start%d.%s" % (self.turn, end)) for end in ("task", "result"))
        cache = os.path.join(folder, "peer") if state == "warm" else None
        with open(given, "w") as file:
            json.dump({"do": "start", "peer": STARTERS[name][1] if name != EMPTY else None, "cache": cache, "batch": 1, "threads": self.bench.threads, "library": self.bench.library,
                       "device": self.options.device, "work": self.bench.folder.name, **self.task}, file)
        return [self.bench.python, os.path.join(measure.HERE, "peer_worker.py"), given, got], got

    def start(self, name, state):
        """{"answer", "process": seconds, ...} or {"problem"}."""
        folder = self.folder(name, state)
        command, result = self.command(name, state, folder)
        log = os.path.join(self.bench.folder.name, "start.log")
        began = time.perf_counter()
        with open(log, "w") as errors:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=self.environment(name, folder), cwd=self.bench.folder.name)
            said, answered = [], None
            for line in child.stdout:  # runtimes print, too; all of the tool's comes at its end
                said.append(line)
                if line.strip() == b"answered":
                    answered = time.perf_counter() - began
            code = child.wait()
        took = time.perf_counter() - began
        known = {"answer": took if answered is None else answered, "process": took}
        with open(log, errors="replace") as file:
            last = file.read().strip().splitlines()[-1:]
        if result and os.path.exists(result):
            with open(result) as file:
                known.update(json.load(file))
        elif result or code != 0:
            known["problem"] = "ended with code %d%s" % (code, ": " + last[0][:200] if last else "")
        if name == "tool" and "problem" not in known:
            known["class"] = json.loads(b"".join(said))["results"][0]["classes"][0]["index"]
        return known


def checked(name, known, best):
    if "problem" not in known and known.get("difference") is not None and not known["difference"] <= LIMIT:
        known["problem"] = "wrong, so not shown: off by %.1e of the largest output" % known["difference"]
    if name == "tool" and "problem" not in known and known["class"] != best:
        known["problem"] = "wrong, so not shown: class %d instead of %d" % (known["class"], best)
    return known


def take_turns(starts, options, usable):
    """{name: {state: [times]}}; a participant that fails is named and left out."""
    found, problems, best = {}, {}, None
    names = [EMPTY, EMPTY_TOOL] + usable
    for turn in range(-1, options.repeat):  # the first one fills the warm caches, and converts
        for state in STATES if turn >= 0 else ("warm",):
            for name in names:
                if name in problems or (state == "cold" and name in (EMPTY, EMPTY_TOOL)):
                    continue
                known = starts.start(name, state)
                best = known.get("best", best)
                known = checked(name, known, best)
                if "problem" in known:
                    problems[name] = known["problem"]
                elif turn >= 0:
                    found.setdefault(name, {}).setdefault(state, []).append(known)
                time.sleep(options.settle)
        measure.say("turn %d of %d" % (turn + 1, options.repeat))
    for name in (EMPTY, EMPTY_TOOL):
        if name in problems:
            raise measure.Failed("an empty process cannot be timed: %s" % problems[name])
    return found, problems


def median(found, name, state, what):
    times = [known[what] for known in found.get(name, {}).get(state, [])]
    return statistics.median(times) if times else None


def row_of(found, problems, name):
    empty = EMPTY_TOOL if name == "tool" else EMPTY
    row = {"name": name, "problem": problems.get(name), "runs": found.get(name, {})}
    for state in STATES:
        for what in ("answer", "process"):
            value = None if row["problem"] or (name == "tool" and what == "answer") else median(found, name, state, what)
            row["%s_%s" % (state, what)] = None if value is None else max(0.0, value - median(found, empty, "warm", what))
    warm = found.get(name, {}).get("warm", [{}])[0]
    row["version"], row["difference"] = warm.get("version"), warm.get("difference")
    return row


def described(rows, found):
    number, lines = measure.number, []
    for row in rows:
        figures = [number(row["%s_%s" % (state, what)], "%.2f") for state in STATES for what in ("answer", "process")]
        lines.append([STARTERS[row["name"]][2], row["version"] or "-"] + figures + [number(row["difference"], "%.1e"), row["problem"] or ""])
    head = ["start", "version", "cold: first answer s", "whole process s", "warm: first answer s", "whole process s", "difference", ""]
    text = measure.table(head, lines)
    peers = [(row["warm_answer"], row["name"]) for row in rows if row["name"] not in OURS and row["warm_answer"]]
    for name in ("clinception", "clinception-named"):
        ours = next((row["warm_answer"] for row in rows if row["name"] == name), None)
        if ours and peers:
            text += "\n\nwarm first answer, %s / fastest peer (%s): **%.2f**" % (STARTERS[name][2], STARTERS[min(peers)[1]][2], ours / min(peers)[0])
    empty = [median(found, EMPTY, "warm", "answer"), median(found, EMPTY, "warm", "process"), median(found, EMPTY_TOOL, "warm", "process")]
    return text + "\n\nsubtracted: %.2f s until an empty Python process has its input, %.2f s for all of it, %.3f s for the tool that only says its version" % tuple(empty)


def names(text):
    for name in text.split(","):
        if name not in STARTERS:
            raise measure.argparse.ArgumentTypeError("there is no '%s'; known are %s" % (name, ", ".join(STARTERS)))
    return [name for name in STARTERS if name in text.split(",")]


def main():
    made = measure.parser(__doc__, repeat=7)
    made.add_argument("--threads", type=measure.positive, default=measure.available_processors(), metavar="N", help="threads for each (default: all processors)")
    made.add_argument("--only", type=names, default=list(STARTERS), metavar="NAMES", help="comma-separated (default: all)")
    options = made.parse_args()
    options.batch = [1]
    measure.check_files(options)
    python, problems = environment.ensure(sorted({STARTERS[name][0] for name in options.only} - {None}), options.environment, measure.say)
    bench = measure.Bench(options, python, options.threads)
    starts = Starts(bench, options)
    left_out = {name: problems[STARTERS[name][0]] for name in options.only if STARTERS[name][0] in problems}
    if options.image is None and "tool" in options.only:
        left_out["tool"] = "it takes a picture, and none was given"
    if not os.access(starts.tool, os.X_OK):
        raise measure.Failed("there is no clinception in '%s': build it there, or name the build folder with --build" % options.build)
    found, failed = take_turns(starts, options, [name for name in options.only if name not in left_out])
    left_out.update(failed)
    rows = [row_of(found, left_out, name) for name in options.only]
    measure.deliver(options, measure.machine(bench), described(rows, found), {"rows": rows, "empty": {name: found[name] for name in (EMPTY, EMPTY_TOOL)}})
    return 0 if all(row["problem"] is None for row in rows if row["name"] in OURS) else 1


if __name__ == "__main__":
    measure.run(main)
