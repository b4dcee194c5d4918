"""What the timing scripts share: options, the machine's name, processes of their own for what is timed, tables. Standard library only."""
import argparse, datetime, json, os, platform, re, shlex, signal, statistics, subprocess, sys, tempfile
import environment

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
LOAD_BEFORE = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


class Failed(Exception):
    """One sentence."""


def say(line):
    print(line, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- options

def wrong(text, wanted):
    return argparse.ArgumentTypeError("'%s' is not %s" % (text, wanted))


def counts(text):
    """"1,8" as [1, 8]."""
    if not all(re.fullmatch("[1-9][0-9]{0,5}", part) for part in text.split(",")):
        raise wrong(text, "a list of counts such as 1,8")
    return sorted({int(part) for part in text.split(",")})


def positive(text):
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise wrong(text, "a count from 1 on")
    return int(text)


def seconds(text):
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]*)?", text):
        raise wrong(text, "a number of seconds")
    return float(text)


def sizes(text):
    if not re.fullmatch("[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", text):
        raise wrong(text, "a size such as 299x299")
    return [int(part) for part in text.split("x")]


class Parser(argparse.ArgumentParser):
    """--help shows the whole text; a wrong usage is one sentence and exit code 2."""

    def __init__(self, text):
        super().__init__(description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def error(self, message):
        self.exit(2, "%s: %s (--help tells more)\n" % (self.prog, message))


def parser(text, repeat, settle=0.25):
    made = Parser(text)
    made.add_argument("model", metavar="MODEL.onnx", help="one float input [N,C,H,W]; a graph of tests/data/exported gets seeded weights")
    made.add_argument("image", metavar="IMAGE", nargs="?", help="a picture, given as RGB/255 in the model's size (default: random numbers, seed 1)")
    made.add_argument("--build", default=os.path.join(REPOSITORY, "build"), metavar="FOLDER", help="build folder with libclinception.so (default: build)")
    made.add_argument("--device", default="cpu", help="our device, as for 'clinception --device' (default: cpu)")
    made.add_argument("--batch", type=counts, default=[1, 8], metavar="N,N", help="batch sizes (default: 1,8)")
    made.add_argument("--repeat", type=positive, default=repeat, metavar="N", help="timed runs of each (default: %d)" % repeat)
    made.add_argument("--seconds", type=seconds, default=30, metavar="S", help="stop timing one of them after S seconds, three runs at least (default: 30)")
    made.add_argument("--settle", type=seconds, default=settle, metavar="S",
                      help="pause between neighbours, whose threads may still spin (default: %g)" % settle)
    made.add_argument("--tuning", metavar="FILE", help="our tuning file, 'shipped' (only the library's own lines) or 'none' (default: CLINCEPTION_TUNE_FILE, else the user's)")
    made.add_argument("--size", type=sizes, metavar="HxW", help="where the model leaves the picture's size open")
    made.add_argument("--output", metavar="NAME", help="the output that is computed (default: the model's first)")
    made.add_argument("--json", metavar="FILE", help="write everything that was measured, each run's time included")
    made.add_argument("--markdown", metavar="FILE", help="write the table with machine, date and command")
    made.add_argument("--environment", metavar="FOLDER", help="where the Python packages are kept (default: %s)" % environment.default_folder())
    made.add_argument("--limit", type=seconds, default=1800, metavar="S", help="give up a process after S seconds (default: 1800)")
    return made


def library_of(build):
    for name in ("libclinception.so", "libclinception.dylib"):
        path = os.path.join(os.path.abspath(build), name)
        if os.path.exists(path):
            return path
    raise Failed("there is no libclinception.so in '%s': build it there, or name the build folder with --build" % build)


def check_files(options):
    for path in (options.model, options.image):
        if path is not None and not os.path.isfile(path):
            raise Failed("'%s' is not there" % path)
    if options.tuning not in (None, "none", "shipped") and not os.path.isfile(options.tuning):
        raise Failed("the tuning file '%s' is not there" % options.tuning)
    for path in (options.json, options.markdown):  # known before an hour of measuring, not after
        if path is not None and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise Failed("'%s' cannot be written: its folder is not there" % path)
    return library_of(options.build)


# ---------------------------------------------------------------- processes

def signal_name(code):
    try:
        return signal.Signals(-code).name
    except ValueError:
        return "signal %d" % -code


class Bench:
    """A prepared model and the processes that time participants on it: {"name", "peer" (of peers.PEERS), "options" (of its class)}."""

    def __init__(self, options, python, threads):
        self.options, self.python, self.threads = options, python, threads
        self.library, self.turn = check_files(options), 0
        self.folder = tempfile.TemporaryDirectory(prefix="clinception-compare-")
        said = self.process({"do": "prepare", "model": os.path.abspath(options.model), "image": options.image and os.path.abspath(options.image), "size": options.size,
                             "output": options.output, "batches": options.batch, "work": self.folder.name}, threads)
        if "prepared" not in said:
            raise Failed("'%s' cannot be prepared: %s" % (options.model, said["problem"]))
        self.prepared, self.onnxruntime = said["prepared"], said["onnxruntime"]
        for batch in options.batch:
            if "problem" in self.prepared[str(batch)]:
                raise Failed("'%s' at batch %d: %s" % (options.model, batch, self.prepared[str(batch)]["problem"]))

    def process(self, task, threads):
        """One process of peer_worker.py; its result, with "problem" when it died, and "now": at whose turn."""
        self.turn += 1
        given, got, log = (os.path.join(self.folder.name, "%d.%s" % (self.turn, end)) for end in ("task", "result", "log"))
        with open(given, "w") as file:
            json.dump(task, file)
        with open(log, "w") as file:
            try:
                code = subprocess.run([self.python, os.path.join(HERE, "peer_worker.py"), given, got], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                      env=child_environment(threads), timeout=self.options.limit, cwd=self.folder.name).returncode
                died = "its process was ended by %s" % signal_name(code) if code < 0 else "its process ended with code %d" % code
            except subprocess.TimeoutExpired:
                died = "not done after %g seconds" % self.options.limit
        said = {"now": None, "participants": {}}
        if os.path.exists(got):
            with open(got) as file:
                said = json.load(file)
        if not said.get("done"):
            with open(log, errors="replace") as file:
                last = file.read().strip().splitlines()[-1:]
            said["problem"] = died + (": " + last[0][:200] if last else "")
        return said

    def time(self, participants, batch, threads=None, processors=None):
        """Times the participants in turns, in one process; {name: what is known}. One that crashes is named, and the others are timed again without it.
        processors: the process may use only so many."""
        threads, left, found = threads or self.threads, list(participants), {}
        options, prepared = self.options, self.prepared[str(batch)]
        while left:
            said = self.process({"do": "time", "participants": left, "batch": batch, "threads": threads, "library": self.library, "device": options.device,
                                 "work": self.folder.name, "repeat": options.repeat, "seconds": options.seconds, "settle": options.settle,
                                 "processors": processors, **prepared}, threads)
            if "problem" not in said:
                found.update(said["participants"])
                break
            guilty = said["now"] or (left[0]["name"] if len(left) == 1 else None)
            if guilty is None:
                raise Failed("the timing failed: %s" % said["problem"])
            found[guilty] = {**said["participants"].get(guilty, {}), "problem": said["problem"], "times": []}
            left = [participant for participant in left if participant["name"] != guilty]
        return found


def child_environment(threads):
    made = dict(os.environ)
    made.setdefault("POCL_AFFINITY", "1")  # PoCL does not pin its threads by itself
    made["POCL_MAX_PTHREAD_COUNT"] = made["OMP_NUM_THREADS"] = str(threads)
    made["PYTHONDONTWRITEBYTECODE"] = "1"
    return made


# ---------------------------------------------------------------- figures and tables

def median_ms(known, batch):
    """Milliseconds an image, None without times."""
    times = known.get("times") if known and "problem" not in known else None
    return statistics.median(times) * 1e3 / batch if times else None


def number(value, form="%.1f"):
    return "-" if value is None else form % value


def table(head, rows):
    """A Markdown table, padded so that it reads well as text too; the first column to the left, figures to the right."""
    cells = [head] + rows
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    figure = [all(row[i][:1].isdigit() or row[i] in ("-", "") for row in rows) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, figure)) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, figure)) + "|"
    return "\n".join([line(head), rule] + [line(row) for row in rows])


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        return fields.get("model name") or fields.get("Model") or platform.processor() or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def available_processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def revision():
    done = subprocess.run(["git", "-C", REPOSITORY, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or None


def tuning(options):
    """Which tuning lines our library goes by, in words."""
    words = {"none": "no tuning, the cost model only", "shipped": "shipped tuning lines only"}
    path = options.tuning or os.environ.get("CLINCEPTION_TUNE_FILE")
    if path:
        return words.get(path, "tuning file %s, shipped lines below it" % os.path.basename(path))
    path = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "clinception", "tuning.txt")
    return "the user's tuning file, shipped lines below it" if os.path.exists(path) else words["shipped"]


def machine(bench):
    return {"processor": processor(), "processors": available_processors(), "system": "%s %s" % (platform.system(), platform.release()), "threads": bench.threads,
            "date": datetime.date.today().isoformat(), "load_before": LOAD_BEFORE, "revision": revision(), "model": os.path.basename(bench.options.model),
            "image": bench.options.image and os.path.basename(bench.options.image), "shape": bench.prepared[str(bench.options.batch[0])]["shape"][1:],
            "tuning": tuning(bench.options), "command": command_line()}


def command_line():
    """As typed, with paths inside the repository relative to it and only the last part of others."""
    def shown(argument):
        path = os.path.abspath(argument)
        if os.sep not in argument or not os.path.exists(os.path.dirname(path)):
            return argument
        return os.path.relpath(path, REPOSITORY) if path.startswith(REPOSITORY + os.sep) else os.path.basename(path)

    script = os.path.relpath(os.path.abspath(sys.argv[0]), REPOSITORY)
    return " ".join(shlex.quote(word) for word in [script] + [shown(argument) for argument in sys.argv[1:]])


def heading(facts):
    lines = ["%s, %d threads on %d processors, %s, %s; revision %s" % (facts["processor"], facts["threads"], facts["processors"], facts["system"], facts["date"], facts["revision"]),
             "%s, input %s, %s; %s" % (facts["model"], "x".join(map(str, facts["shape"])), facts["image"] or "random numbers", facts["tuning"])]
    if facts.get("device"):
        lines.append(facts["device"])
    if facts["load_before"] > 0.5:
        lines.append("The machine was not idle when this began (load %.1f): figures to be taken with care." % facts["load_before"])
    return "\n\n".join(lines + ["    " + facts["command"]])


def write(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError as problem:
        raise Failed("'%s' cannot be written: %s" % (path, problem.strerror))


def deliver(options, facts, text, results):
    """Prints the tables and writes the files that were asked for."""
    whole = heading(facts) + "\n\n" + text + "\n"
    print(whole, end="")
    if options.markdown:
        write(options.markdown, whole)
    if options.json:
        write(options.json, json.dumps({"machine": facts, **results}, indent=1) + "\n")


def run(main):
    """Errors are one sentence."""
    try:
        sys.exit(main())
    except (Failed, environment.Failed) as problem:
        say("%s: %s" % (os.path.basename(sys.argv[0]), problem))
    except KeyboardInterrupt:
        say("%s: interrupted" % os.path.basename(sys.argv[0]))
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)
