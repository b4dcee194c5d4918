"""Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv 1708.07747; MIT licence) from Debian's package dataset-fashion-mnist: reading, splitting, varying."""
import gzip, os, struct, sys
import numpy as np
import torch

FOLDER = "/usr/share/datasets/fashion-mnist"
CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
HELD_OUT, SPLIT_SEED = 5000, 20261123


def read_idx(path, rank):
    """A gzipped IDX file of bytes as an array."""
    try:
        with gzip.open(path) as file:
            data = file.read()
    except OSError as problem:
        sys.exit("%s: %s (Debian's package dataset-fashion-mnist has it; --data FOLDER names another place)" % (path, problem.strerror or problem))
    header = struct.unpack(">I" + "I" * rank, data[: 4 + 4 * rank])
    if header[0] != 0x800 + rank or len(data) != 4 + 4 * rank + int(np.prod(header[1:])):
        sys.exit("%s: not an IDX file of bytes with %d dimensions" % (path, rank))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(header[1:])


def load(folder, part):
    """part: "train" or "t10k". Pictures [N, 1, 28, 28] from 0 to 1, labels [N]."""
    pictures = read_idx(os.path.join(folder, part + "-images-idx3-ubyte.gz"), 3)
    labels = read_idx(os.path.join(folder, part + "-labels-idx1-ubyte.gz"), 1)
    return torch.from_numpy(pictures.astype(np.float32) / 255).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def split(pictures, labels):
    """(training, held out), by a seed of its own: the same pictures are held out whatever is tried."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held, rest = order[:HELD_OUT], order[HELD_OUT:]
    return (pictures[rest], labels[rest]), (pictures[held], labels[held])


def vary(pictures, generator, shift=2):
    """Each picture mirrored or not, and shifted by up to `shift` pixels in either direction."""
    count, _, height, width = pictures.shape
    padded = torch.nn.functional.pad(pictures, (shift,) * 4)
    dy, dx = torch.randint(0, 2 * shift + 1, (2, count), generator=generator)
    rows = (dy[:, None] + torch.arange(height))[:, None, :, None]
    columns = dx[:, None] + torch.arange(width)
    mirrored = torch.rand(count, generator=generator) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)[:, None, None, :]
    return padded[torch.arange(count)[:, None, None, None], 0, rows, columns]
