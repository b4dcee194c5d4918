#!/usr/bin/env python3
"""Times each Winograd algorithm as a step of a real plan: with bias, function and views, in a network whose other layers push its weights out of the caches.

    tools/dev/algorithms.py [MODEL.onnx] [--build FOLDER] [--device WHICH] [--rounds N] [--markdown FILE] [--json FILE]

For three convolutions of Inception-v3 (3x3 at 35x35x96, 5x5 at 35x35x48, 1x7 at 17x17x192; the default model is builtin:inception_v3) every
F(m, r) in one launch and in three, and the direct product. Each is forced by a tuning file of one line a layer; first all register tiles
and blocks of each algorithm once, then the best of each in turns, --rounds times. "effective" is the direct count of operations over the
time, "of peak" that over the peak which 'clinception bench --layers' measures in the same run. Nothing else may run on the machine.
"""
import datetime, itertools, json, os, re, statistics, subprocess, tempfile
import measure

LAYERS = {  # what the table calls it -> the beginning of its problem, taps
    "3x3, 35x35, 96 to 96": (r"conv 1x96x35x35 k96 r3x3 s1x1 ", "winograd_3x3", 3),
    "5x5, 35x35, 48 to 64": (r"conv 1x48x35x35 k64 r5x5 s1x1 ", "winograd_5x5", 5),
    "1x7, 17x17, 192 to 192": (r"conv 1x192x17x17 k192 r1x7 s1x1 ", "winograd_line", 7),
}
OUTPUTS = (2, 3, 4, 6)  # m
TILES = {16: ((14, 2), (13, 2), (9, 3), (8, 3), (6, 4)), 8: ((6, 2), (4, 3)), 4: ((6, 2), (4, 3))}  # by lanes: rows, vectors
DIRECT_TILES = {16: ((14, 2), (13, 2), (9, 3), (6, 4)), 8: ((6, 2), (4, 3)), 4: ((6, 2), (4, 3))}
BLOCKS = (8, 14, 24, 28, 42, 56)


class Tool:
    def __init__(self, options):
        self.program, self.options = os.path.join(options.build, "clinception"), options
        self.folder = tempfile.TemporaryDirectory(prefix="clinception-algorithms-")

    def bench(self, lines):
        """One run of bench --layers with these tuning lines: (row, parameters) by problem."""
        path = os.path.join(self.folder.name, "tuning.txt")
        measure.write(path, "".join("*\t%s\t%s\t%s\t1.0\tany\t%s\t2026-01-01\n" % (problem, row, ",".join(map(str, values)), self.version) for problem, (row, values) in lines.items()))
        return self.json("bench", self.options.model, "--layers", "--json", "--repeat", str(self.options.repeat), tuning=path if lines else "none")

    def json(self, *words, tuning="none"):
        environment = dict(os.environ, CLINCEPTION_TUNE_FILE=tuning)
        environment.setdefault("POCL_AFFINITY", "1")
        done = subprocess.run([self.program, *words, "--device", self.options.device], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise measure.Failed((done.stderr.strip().splitlines() or ["'%s' failed" % self.program])[-1])
        return json.loads(done.stdout)["results"][0]

    @property
    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        return re.search(r"[0-9]+\.[0-9]+\.[0-9]+", done.stdout).group(0)


def candidates(fused_row, lanes):
    """{algorithm: [(row, parameters), ...]} of one layer."""
    found = {}
    for m in OUTPUTS:
        found["F(%d, r), one launch" % m] = [(fused_row, (m, rows, vectors, lanes, block, splits)) for (rows, vectors), block, splits
                                             in itertools.product(TILES[lanes], BLOCKS, (1, 2)) if block >= rows]
        found["F(%d, r), three launches" % m] = [("winograd_split", (m, rows, vectors, lanes, lanes)) for rows, vectors in TILES[lanes]]
    found["direct"] = [("conv_tile", (rows, vectors, lanes)) for rows, vectors in DIRECT_TILES[lanes]]
    return found


def read(result, problem, row):
    """(seconds, direct operations, the row's operations) of the layers with this problem, None when another row computed them."""
    layers = [layer for layer in result["layers"] if layer["problem"] == problem]
    if any(layer["row"] != row for layer in layers):
        return None
    return statistics.median(layer["seconds"] for layer in layers), layers[0]["flop"], layers[0]["row_flop"]


def problems_of(result):
    found = {}
    for name, (beginning, _, _) in LAYERS.items():
        matching = [layer["problem"] for layer in result["layers"] if re.match(beginning, layer["problem"])]
        if not matching:
            raise measure.Failed("the model has no layer '%s'" % beginning.strip())
        found[name] = statistics.mode(matching)
    return found


def screen(tool, problems, sets):
    """The quickest parameters of each (layer, algorithm)."""
    best = {}
    for algorithm in sets[next(iter(sets))]:
        for turn in range(max(len(algorithms[algorithm]) for algorithms in sets.values())):
            lines = {problems[name]: algorithms[algorithm][turn] for name, algorithms in sets.items() if turn < len(algorithms[algorithm])}
            result = tool.bench(lines)
            for name in sets:
                line = lines.get(problems[name])
                got = line and read(result, problems[name], line[0])
                if got and (name, algorithm) not in best or got and got[0] < best[name, algorithm][0]:
                    best[name, algorithm] = (got[0], line)
        measure.say("%s: looked at" % algorithm)
    return best


def time(tool, problems, best):
    """{(layer, algorithm): [(seconds, flop, row flop, peak), ...]}: all in turns."""
    found = {key: [] for key in best}
    algorithms = list(dict.fromkeys(algorithm for _, algorithm in best))
    for turn in range(tool.options.rounds):
        for algorithm in algorithms:
            lines = {problems[name]: best[name, known][1] for name, known in best if known == algorithm}
            result = tool.bench(lines)
            for name in LAYERS:
                got = (name, algorithm) in best and read(result, problems[name], best[name, algorithm][1][0])
                if got:
                    found[name, algorithm].append(got + (result["peak_flop_per_second"],))
        measure.say("round %d of %d" % (turn + 1, tool.options.rounds))
    return found


def described(best, found):
    lines = []
    for name in LAYERS:
        for (layer, algorithm), runs in found.items():
            if layer != name or not runs:
                continue
            row, values = best[layer, algorithm][1]
            seconds, peak = statistics.median(run[0] for run in runs), statistics.median(run[3] for run in runs)
            lines.append([name, algorithm.replace("r)", "%d)" % LAYERS[name][2]), "%s %s" % (row, ",".join(map(str, values))), "%.1f" % (seconds * 1e6), "%.0f" % (runs[0][1] / seconds / 1e9),
                          "%.2f" % (runs[0][1] / seconds / peak), "%.2f" % (runs[0][2] / seconds / peak)])
    return measure.table(["layer", "algorithm", "row and parameters", "us", "effective GFLOP/s", "of peak", "own operations, of peak"], lines)


def main():
    made = measure.Parser(__doc__)
    made.add_argument("model", metavar="MODEL.onnx", nargs="?", default="builtin:inception_v3", help="an Inception-v3 (default: builtin:inception_v3)")
    made.add_argument("--build", default=os.path.join(measure.REPOSITORY, "build"), metavar="FOLDER", help="build folder with the tool (default: build)")
    made.add_argument("--device", default="cpu", help="as for 'clinception --device' (default: cpu)")
    made.add_argument("--lanes", type=int, choices=sorted(TILES), default=16, help="floats of a vector of the device: 16 with AVX-512, 8 with AVX2, 4 with SSE2 or NEON (default: 16)")
    made.add_argument("--repeat", type=measure.positive, default=12, metavar="N", help="runs of the network each time (default: 12)")
    made.add_argument("--rounds", type=measure.positive, default=5, metavar="N", help="turns of the best ones (default: 5)")
    made.add_argument("--json", metavar="FILE", help="write everything that was measured")
    made.add_argument("--markdown", metavar="FILE", help="write the table with machine, date and command")
    options = made.parse_args()
    tool = Tool(options)
    first = tool.bench({})
    problems = problems_of(first)
    sets = {name: candidates(row, options.lanes) for name, (_, row, _) in LAYERS.items()}
    best = screen(tool, problems, sets)
    found = time(tool, problems, best)
    text = "%s, %d processors, %s; revision %s\n\n%s\n\n    %s\n\n%s\n" % (
        measure.processor(), measure.available_processors(), datetime.date.today().isoformat(), measure.revision(), first["device"]["name"], measure.command_line(), described(best, found))
    print(text, end="")
    if options.markdown:
        measure.write(options.markdown, text)
    if options.json:
        measure.write(options.json, json.dumps([{"layer": layer, "algorithm": algorithm, "row": best[layer, algorithm][1], "runs": runs} for (layer, algorithm), runs in found.items()], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    measure.run(main)
