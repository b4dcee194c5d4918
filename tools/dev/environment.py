"""The Python environment of the timing scripts: pinned packages in a cache folder, made the first time and kept. Standard library only.

Each peer is installed by itself, so that one that cannot be had leaves the others standing; the reason is kept for the tables.
"""
import fcntl, json, os, subprocess, sys

BASE = ["numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0", "pillow==13.0.0"]  # as tools/check has them
# What each peer needs beyond that. pnnx converts for ncnn; its package asks for PyTorch, which its converter does not use.
PEERS = {
    "openvino": (["openvino==2026.4.1"], []),
    "ncnn": (["ncnn==1.0.20261020", "pnnx==20261020"], ["--no-deps"]),
    "mnn": (["MNN==3.6.1"], []),
    "opencv": (["opencv-python-headless==5.0.0.93"], []),
    "tinygrad": (["tinygrad==0.14.0"], []),
}
NCNN_IMPORTS = ["portalocker==4.4.2", "requests==2.34.2", "tqdm==4.70.1"]


class Failed(Exception):
    """One sentence."""


def default_folder():
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "clinception-check", "peers")


def pip(python, constraints, packages, options, log):
    """None, or why the packages cannot be installed."""
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1", "--timeout", "30", "-c", constraints]
    done = subprocess.run(command + options + packages, capture_output=True, text=True)
    log.write("$ %s\n%s%s" % (" ".join(command[2:] + options + packages), done.stdout, done.stderr))
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return (errors or done.stderr.splitlines() or ["pip failed"])[-1].replace("ERROR: ", "").strip()


def state_of(folder):
    try:
        with open(os.path.join(folder, "installed.json")) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def install(folder, wanted, say):
    python, state = os.path.join(folder, "bin", "python"), state_of(folder)
    constraints = os.path.join(folder, "constraints.txt")
    if state.get("base") != BASE:
        say("making a Python environment in %s" % folder)
        done = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("no Python environment can be made in '%s': %s" % (folder, (done.stdout + done.stderr).strip().splitlines()[-1]))
        with open(constraints, "w") as file:
            file.write("\n".join(BASE) + "\n")
        state = {}
    with open(os.path.join(folder, "pip.log"), "a") as log:
        def add(key, packages, options):
            if state.get(key) == packages:
                return None
            say("installing %s" % " ".join(packages))
            problem = pip(python, constraints, packages, options, log)
            if problem is None:
                state[key] = packages
                with open(os.path.join(folder, "installed.json"), "w") as file:
                    json.dump(state, file, indent=1)
            return problem

        problem = add("base", BASE, [])
        if problem is not None:
            raise Failed("%s cannot be installed: %s (log: %s)" % (", ".join(BASE), problem, log.name))
        problems = {}
        for name in wanted:
            problem = add(name, *PEERS[name])
            if problem is None and name == "ncnn":
                problem = add("ncnn imports", NCNN_IMPORTS, [])
            if problem is not None:
                problems[name] = "cannot be installed: %s" % problem
    return problems


def ensure(wanted, folder=None, say=lambda line: None):
    """(python, {peer: why it cannot be installed}) for an environment with the base packages and those of the peers."""
    folder = os.path.abspath(folder or default_folder())
    try:
        os.makedirs(folder, exist_ok=True)
        lock = open(folder + ".lock", "w")
    except OSError as problem:
        raise Failed("the folder '%s' cannot be used: %s" % (folder, problem.strerror))
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs must not fill it at once
        problems = install(folder, wanted, say)
    return os.path.join(folder, "bin", "python"), problems
