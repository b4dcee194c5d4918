"""What the timing scripts run in processes of their own, inside the environment of environment.py: peer_worker.py TASK.json RESULT.json

TASK is written by measure.py. "prepare" makes the model with a fixed batch and one output, the input and ONNX Runtime's answer; "time" loads the
participants, checks each against that answer and times them in turns; "start" loads one and lets it answer once, which a line on standard output
announces. RESULT is rewritten after every step and names in "now" the participant that is at
work, so that one that crashes is known.
"""
import json, os, resource, sys, time
import numpy as np

WARM_UPS, LEAST_RUNS = 2, 3
LIMITS = {"fp32": 1e-3, "bf16": 5e-2}  # largest difference to ONNX Runtime, as a part of the largest output


def sentence(problem):
    """The first line of a problem that says something."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return (lines[0] if lines else type(problem).__name__)[:300]


class Result:
    def __init__(self, path):
        self.path, self.fields = path, {"now": None, "participants": {}}

    def save(self, **fields):
        self.fields.update(fields)
        with open(self.path + ".new", "w") as file:
            json.dump(self.fields, file)
        os.replace(self.path + ".new", self.path)


# ---------------------------------------------------------------- prepare

def load_model(path):
    import onnx
    model = onnx.load(path)
    if any(t.data_type == onnx.TensorProto.FLOAT and not t.raw_data and not t.float_data and np.prod(t.dims) > 16 for t in model.graph.initializer):
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "net"))
        import exported  # the graphs in tests/data/exported hold no weights
        model = exported.fill(path, seed=20261122)
    return model


def fix_shape(model, batch, size, output):
    """Keeps one output, fixes the batch and (where they are open) height and width; returns input name, shape and output name."""
    graph = model.graph
    constants = {t.name for t in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise ValueError("the model has %d inputs; one picture of 4 dimensions is expected" % len(inputs))
    dims = inputs[0].type.tensor_type.shape.dim
    dims[0].dim_value = batch
    for dim, given in zip(dims[2:], size or (0, 0)):
        if dim.dim_value == 0 and not given:
            raise ValueError("the model leaves the size of its picture open: give --size HxW")
        if dim.dim_value == 0:
            dim.dim_value = given
    names = [o.name for o in graph.output]
    wanted = output or names[0]
    if wanted not in names:
        raise ValueError("the model has no output '%s'; there are %s" % (wanted, ", ".join(names)))
    for extra in [o for o in graph.output if o.name != wanted]:
        graph.output.remove(extra)
    if graph.output[0].type.tensor_type.shape.dim:
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = batch
    del graph.value_info[:]  # it may state another batch
    return inputs[0].name, tuple(d.dim_value for d in dims), wanted


def picture(path, shape):
    if path is None:
        return np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    from PIL import Image
    image = Image.open(path).convert("RGB")
    if image.size != (shape[3], shape[2]):
        image = image.resize((shape[3], shape[2]), Image.BICUBIC)
    return np.repeat(np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255, shape[0], 0).copy()


def prepare(task, result):
    import onnx, onnxruntime
    model, made = load_model(task["model"]), {}
    for batch in sorted(set(task["batches"]) | {1}):
        try:
            copy = onnx.ModelProto()
            copy.CopyFrom(model)
            input_name, shape, output_name = fix_shape(copy, batch, task["size"], task["output"])
            stem = os.path.join(task["work"], "b%d" % batch)
            onnx.save(copy, stem + ".onnx")
            image = picture(task["image"], shape)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            want = onnxruntime.InferenceSession(stem + ".onnx", options, providers=["CPUExecutionProvider"]).run([output_name], {input_name: image})[0]
            if not np.isfinite(want).all():
                raise ValueError("ONNX Runtime's answer is not finite")
            np.save(stem + ".input.npy", image)
            np.save(stem + ".want.npy", want)
            made[str(batch)] = {"model": stem + ".onnx", "input": stem + ".input.npy", "want": stem + ".want.npy", "input_name": input_name,
                                "output_name": output_name, "shape": shape}
        except Exception as problem:
            made[str(batch)] = {"problem": sentence(problem)}
    result.save(prepared=made, onnxruntime=onnxruntime.__version__)


# ---------------------------------------------------------------- time

def load(participant, task, want, limits):
    """(runner, what is known about it); the runner is None when it cannot be used."""
    import peers
    known = {"version": None, "times": [], "busy": []}  # seconds; processors at work on average
    try:
        began, task.converting = time.perf_counter(), 0.0
        peer = peers.make(participant["peer"], task, participant["options"])
        got = np.asarray(peer.run(), np.float32)
        known.update(version=peer.version, precision=peer.precision, notes=peer.notes, load_seconds=time.perf_counter() - began - task.converting)
        if got.size != want.size:
            raise peers.Unusable("its answer has %d values, ONNX Runtime's %d" % (got.size, want.size))
        known["difference"] = float(np.abs(got.ravel() - want.ravel()).max() / np.abs(want).max())
        if not known["difference"] <= limits[peer.precision]:  # not: NaN
            raise peers.Unusable("wrong, so not timed: off by %.1e of the largest output" % known["difference"])
        for _ in range(WARM_UPS if known["load_seconds"] < 60 else 1):
            peer.run()
        return peer, known
    except Exception as problem:
        known["problem"] = sentence(problem)
        return None, known


def take_turns(runners, participants, task, result):
    """Times all of them, one run each in turn; whoever has used up the time stops earlier, after three runs at least."""
    def spent(name):
        return sum(participants[name]["times"])

    for _ in range(task["repeat"]):
        for name, peer in runners.items():
            known = participants[name]
            if "problem" in known or (len(known["times"]) >= LEAST_RUNS and spent(name) > task["seconds"]):
                continue
            try:
                if len(runners) > 1:  # the one before may still spin on its worker threads, and has emptied the caches
                    result.save(now=name)
                    time.sleep(task["settle"])
                    peer.run()
                began, busy = time.perf_counter(), time.process_time()
                peer.run()
                known["times"].append(time.perf_counter() - began)
                known["busy"].append((time.process_time() - busy) / known["times"][-1])
            except Exception as problem:
                known["problem"] = sentence(problem)
        result.save()


def timed(fields, result):
    import peers
    if fields["processors"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: fields["processors"]])
    task, want = peers.Task(fields), np.load(fields["want"])
    participants, runners = result.fields["participants"], {}
    for participant in fields["participants"]:
        name = participant["name"]
        result.save(now=name)
        peer, participants[name] = load(participant, task, want, LIMITS)
        if peer is not None:
            runners[name] = peer
        participants[name]["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    take_turns(runners, participants, fields, result)
    result.save(now=None)


# ---------------------------------------------------------------- start

def start(fields, result):
    """From nothing to the first answer, and the runtime's own end: what startup.py times from outside. Without a peer: an empty process."""
    import peers
    task, want, known, got = peers.Task(fields), np.load(fields["want"]), {}, None
    known["best"] = int(want.ravel().argmax())
    if fields["peer"] is not None:
        peer = peers.make(fields["peer"], task, {})
        got = np.asarray(peer.run(), np.float32)
    print("answered", flush=True)
    if got is not None:
        known.update(version=peer.version, difference=float(np.abs(got.ravel() - want.ravel()).max() / np.abs(want).max()) if got.size == want.size else 1e30)
    result.save(**known)


def main():
    with open(sys.argv[1]) as file:
        task = json.load(file)
    result = Result(sys.argv[2])
    if task["do"] == "start":
        try:
            return start(task, result)
        except Exception as problem:
            return result.save(problem=sentence(problem))
    try:
        (prepare if task["do"] == "prepare" else timed)(task, result)
        result.save(done=True)
    except Exception as problem:
        result.save(problem=sentence(problem), done=True)
    sys.stdout.flush()
    os._exit(0)  # no runtime's clean-up may crash after the figures are safe


if __name__ == "__main__":
    main()
