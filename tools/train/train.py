#!/usr/bin/env python3
"""Trains the small Inception (network.py) on Fashion-MNIST by the paper's recipe (arXiv 1512.00567, section 8), scaled to two cores.

    tools/train/train.py -o FOLDER [--epochs 24] [--seed 1] [--resume] [--data FOLDER]
    tools/train/train.py --test FOLDER          # once, at the very end: the 10,000 test pictures

The paper's: RMSProp with decay 0.9 and epsilon 1.0, learning rate 0.045 decayed by 0.94, gradients clipped to a norm of 2.0, label smoothing
0.1, the auxiliary head with batch normalisation, evaluation with the running average of the weights. Scaled: batches of 128 on one machine
(the paper: 50 replicas of 32); the rate is decayed so often (--decay-epochs) that it ends near a hundredth of 0.045, where the paper decays
every two of about 100 epochs; momentum of 0.9 within RMSProp, as the authors' code has it; pictures are mirrored and shifted by up to two
pixels. 5,000 training pictures are held out, by a fixed seed, for every choice. The last averaged weights are what is kept, with the
statistics of batch normalisation taken anew for them.

FOLDER gets log.csv and curve.png, checkpoint.pt after every epoch (--resume goes on from there), weights.safetensors (for RGB pictures, rounded to
fp16: what is shipped, and what held-out accuracy is told of) and result.json.
"""
import argparse, copy, csv, json, os, sys, time
import torch
from torch.nn import functional as F
from safetensors.torch import save_file
import data
import network

BATCH, AVERAGE_DECAY, AUX_WEIGHT, CLIP = 128, 0.999, 0.4, 2.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", metavar="FOLDER", help="where results go")
    parser.add_argument("--test", metavar="FOLDER", help="measure FOLDER/weights.safetensors on the test pictures")
    parser.add_argument("--data", default=data.FOLDER, metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--decay-epochs", type=float, default=0.32, help="epochs after which the rate is multiplied by 0.94")
    parser.add_argument("--rate", type=float, default=0.045)
    parser.add_argument("--optimizer", choices=("rmsprop", "momentum"), default="rmsprop")
    parser.add_argument("--smoothing", type=float, default=0.1, help="label smoothing")
    parser.add_argument("--aux", choices=("bn", "plain", "none"), default="bn", help="the auxiliary head")
    parser.add_argument("--weight-decay", type=float, default=4e-5, help="as the authors' code has it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--steps", type=int, help="end after so many steps: only to see how long a run would take")
    options = parser.parse_args()
    if (options.out is None) == (options.test is None):
        parser.error("expected -o FOLDER or --test FOLDER")
    return options


class Run:
    def __init__(self, options):
        self.options = options
        torch.manual_seed(options.seed)
        torch.set_num_threads(options.threads)
        torch.use_deterministic_algorithms(True)
        self.train, self.held_out = data.split(*data.load(options.data, "train"))
        self.net = network.Inception28(aux=None if options.aux == "none" else options.aux).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net)
        self.optimizer = self.make_optimizer()
        self.steps_per_epoch = len(self.train[1]) // BATCH
        self.epoch, self.step, self.seconds, self.rows = 0, 0, 0.0, []

    def make_optimizer(self):
        o = self.options
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": o.weight_decay}, {"params": others, "weight_decay": 0.0}]
        if o.optimizer == "momentum":
            return torch.optim.SGD(groups, lr=o.rate, momentum=0.9)
        return torch.optim.RMSprop(groups, lr=o.rate, alpha=0.9, eps=1.0, momentum=0.9)

    def path(self, name):
        return os.path.join(self.options.out, name)

    # ------------------------------------------------------------ checkpoints

    def settings(self):
        return {k: v for k, v in vars(self.options).items() if k not in ("out", "test", "data", "resume", "steps", "threads")}

    def save(self):
        state = {"settings": self.settings(), "net": self.net.state_dict(), "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "epoch": self.epoch, "step": self.step, "seconds": self.seconds, "rows": self.rows}
        torch.save(state, self.path("checkpoint.tmp"))
        os.replace(self.path("checkpoint.tmp"), self.path("checkpoint.pt"))

    def restore(self):
        if not os.path.exists(self.path("checkpoint.pt")):
            sys.exit("%s: there is no checkpoint to go on from" % self.path("checkpoint.pt"))
        state = torch.load(self.path("checkpoint.pt"), weights_only=True)
        if state["settings"] != self.settings():
            sys.exit("%s: made with other settings: %s" % (self.path("checkpoint.pt"), state["settings"]))
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.seconds, self.rows = state["epoch"], state["step"], state["seconds"], state["rows"]

    # --------------------------------------------------------------- training

    def loss(self, pictures, labels):
        outputs = self.net(pictures)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        losses = [F.cross_entropy(o, labels, label_smoothing=self.options.smoothing) for o in outputs]
        return losses[0] + AUX_WEIGHT * sum(losses[1:])

    def one_step(self, pictures, labels):
        rate = self.options.rate * 0.94 ** int(self.step / self.steps_per_epoch / self.options.decay_epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(pictures.contiguous(memory_format=torch.channels_last), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - decay)
        return float(loss.detach()), rate

    def one_epoch(self):
        """The order and the variations of an epoch depend on the seed and its number alone, so that a resumed run is the same run."""
        generator = torch.Generator().manual_seed(self.options.seed * 1000003 + self.epoch)
        order = torch.randperm(len(self.train[1]), generator=generator)
        began, total, count, rate = time.monotonic(), 0.0, 0, 0.0
        self.net.train()
        for at in range(0, self.steps_per_epoch * BATCH, BATCH):
            chosen = order[at : at + BATCH]
            loss, rate = self.one_step(data.vary(self.train[0][chosen], generator), self.train[1][chosen])
            total, count = total + loss, count + 1
            seconds = time.monotonic() - began
            if sys.stderr.isatty():
                left = seconds / count * ((self.options.epochs - self.epoch) * self.steps_per_epoch - count)
                print("\repoch %d  %3d %%  loss %.3f  %.0f min left " % (self.epoch + 1, 100 * count // self.steps_per_epoch, total / count, left / 60), end="", file=sys.stderr)
            if self.options.steps and count >= self.options.steps:
                sys.exit("\n%.3f s a step, %.1f min for %d epochs" % (seconds / count, seconds / count * self.steps_per_epoch * self.options.epochs / 60, self.options.epochs))
        self.epoch += 1
        self.seconds += time.monotonic() - began
        return total / count, rate

    def settle_statistics(self):
        """Batch normalisation's statistics for the averaged weights, from 12,800 training pictures, each batch weighing the same."""
        norms = [m for m in self.average.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        self.average.train()
        with torch.no_grad():
            for at in range(0, 100 * BATCH, BATCH):
                self.average(self.train[0][at : at + BATCH].contiguous(memory_format=torch.channels_last))
        self.average.eval()

    def work(self):
        while self.epoch < self.options.epochs:
            loss, rate = self.one_epoch()
            self.settle_statistics()
            accuracy = measure(self.average, *self.held_out)
            self.rows.append([self.epoch, loss, rate, accuracy, self.seconds])
            print("\repoch %2d  loss %.4f  rate %.5f  held out %.2f %%  %.1f min        " % (self.epoch, loss, rate, 100 * accuracy, self.seconds / 60), flush=True)
            self.save()

    def finish(self):
        state = {k: v.half() for k, v in network.rgb_state(self.average.state_dict()).items()}
        save_file(state, self.path("weights.safetensors"), metadata={"network": "inception_28", "classes": ",".join(data.CLASSES)})
        accuracy = measure(load_shipped(self.path("weights.safetensors")), *rgb(self.held_out))
        result = {"settings": self.settings(), "torch": torch.__version__, "minutes": self.seconds / 60, "threads": self.options.threads, "held_out": accuracy}
        with open(self.path("result.json"), "w") as file:
            json.dump(result, file, indent=1)
        with open(self.path("log.csv"), "w", newline="") as file:
            csv.writer(file).writerows([["epoch", "loss", "rate", "held_out_accuracy", "seconds"]] + self.rows)
        draw(self.rows, self.path("curve.png"))
        print("held out, rounded to fp16: %.2f %% of %d" % (100 * accuracy, len(self.held_out[1])))


def measure(net, pictures, labels):
    """The share of right answers."""
    right = 0
    net.eval()
    with torch.no_grad():
        for at in range(0, len(labels), 500):
            right += int((net(pictures[at : at + 500]).argmax(1) == labels[at : at + 500]).sum())
    return right / len(labels)


def rgb(pair):
    return pair[0].expand(-1, 3, -1, -1), pair[1]


def load_shipped(path):
    """The network for RGB pictures, with the rounded weights in fp32 arithmetic."""
    from safetensors.torch import load_file
    net = network.Inception28(aux=None)
    net.Conv2d_1a_3x3.conv = torch.nn.Conv2d(3, 16, 3, padding=1, bias=False)
    net.load_state_dict({k: v.float() for k, v in load_file(path).items()}, strict=False)
    return net.eval()


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, loss = pyplot.subplots(figsize=(7, 4))
    loss.plot([r[0] for r in rows], [r[1] for r in rows], color="tab:blue")
    loss.set_xlabel("epoch")
    loss.set_ylabel("training loss", color="tab:blue")
    error = loss.twinx()
    error.plot([r[0] for r in rows], [100 - 100 * r[3] for r in rows], color="tab:red")
    error.set_ylabel("error of held-out pictures, %", color="tab:red")
    error.set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def test(folder, source):
    pair = rgb(data.load(source, "t10k"))
    accuracy = measure(load_shipped(os.path.join(folder, "weights.safetensors")), *pair)
    with open(os.path.join(folder, "test.json"), "w") as file:
        json.dump({"pictures": len(pair[1]), "accuracy": accuracy}, file)
    print("test pictures: %.2f %% of %d" % (100 * accuracy, len(pair[1])))


def main():
    options = arguments()
    if options.test is not None:
        return test(options.test, options.data)
    os.makedirs(options.out, exist_ok=True)
    run = Run(options)
    if options.resume:
        run.restore()
    run.work()
    run.finish()


if __name__ == "__main__":
    main()
