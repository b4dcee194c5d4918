"""The network of lib/builtin_inception_28.c in PyTorch, layer for layer and name for name.

Every kind of block of "Rethinking the Inception Architecture for Computer Vision" (arXiv 1512.00567) at small width: 5x5 as two 3x3 (figure 5),
7x7 as 1x7 and 7x1 (figure 6), expanded ones (figure 7), parallel grid reductions (figure 10), and the auxiliary head, with batch
normalisation of its inner layer or without. It takes grey pictures [N, 1, 28, 28] with values from 0 to 1; `rgb_state` gives the weights of
the built-in network, which takes RGB.
"""
import torch
from torch import nn
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601, what picture libraries make grey pictures by


class ConvBnRelu(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class ConvRelu(nn.Conv2d):
    def forward(self, x):
        return F.relu(super().forward(x))


def mean_3x3(x):
    return F.avg_pool2d(x, 3, 1, 1)


class Factorised5x5(nn.Module):
    channels = 32 + 32 + 32 + 16

    def __init__(self, inputs):
        super().__init__()
        self.branch1x1 = ConvBnRelu(inputs, 32, 1)
        self.branch3x3_1 = ConvBnRelu(inputs, 24, 1)
        self.branch3x3_2 = ConvBnRelu(24, 32, 3, padding=1)
        self.branch3x3dbl_1 = ConvBnRelu(inputs, 24, 1)
        self.branch3x3dbl_2 = ConvBnRelu(24, 32, 3, padding=1)
        self.branch3x3dbl_3 = ConvBnRelu(32, 32, 3, padding=1)
        self.branch_pool = ConvBnRelu(inputs, 16, 1)

    def forward(self, x):
        single = self.branch3x3_2(self.branch3x3_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(mean_3x3(x))], 1)


class Factorised7x7(nn.Module):
    channels = 40 + 40 + 40 + 16

    def __init__(self, inputs):
        super().__init__()
        across, down = dict(kernel=(1, 7), padding=(0, 3)), dict(kernel=(7, 1), padding=(3, 0))
        self.branch1x1 = ConvBnRelu(inputs, 40, 1)
        self.branch7x7_1 = ConvBnRelu(inputs, 24, 1)
        self.branch7x7_2 = ConvBnRelu(24, 24, **across)
        self.branch7x7_3 = ConvBnRelu(24, 40, **down)
        self.branch7x7dbl_1 = ConvBnRelu(inputs, 24, 1)
        self.branch7x7dbl_2 = ConvBnRelu(24, 24, **down)
        self.branch7x7dbl_3 = ConvBnRelu(24, 24, **across)
        self.branch7x7dbl_4 = ConvBnRelu(24, 24, **down)
        self.branch7x7dbl_5 = ConvBnRelu(24, 40, **across)
        self.branch_pool = ConvBnRelu(inputs, 16, 1)

    def forward(self, x):
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(mean_3x3(x))], 1)


class Expanded(nn.Module):
    channels = 64 + 128 + 128 + 32

    def __init__(self, inputs):
        super().__init__()
        across, down = dict(kernel=(1, 3), padding=(0, 1)), dict(kernel=(3, 1), padding=(1, 0))
        self.branch1x1 = ConvBnRelu(inputs, 64, 1)
        self.branch3x3_1 = ConvBnRelu(inputs, 64, 1)
        self.branch3x3_2a = ConvBnRelu(64, 64, **across)
        self.branch3x3_2b = ConvBnRelu(64, 64, **down)
        self.branch3x3dbl_1 = ConvBnRelu(inputs, 64, 1)
        self.branch3x3dbl_2 = ConvBnRelu(64, 64, 3, padding=1)
        self.branch3x3dbl_3a = ConvBnRelu(64, 64, **across)
        self.branch3x3dbl_3b = ConvBnRelu(64, 64, **down)
        self.branch_pool = ConvBnRelu(inputs, 32, 1)

    def forward(self, x):
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(single), self.branch3x3_2b(single)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(mean_3x3(x))]
        return torch.cat(parts, 1)


class Reduction(nn.Module):
    def __init__(self, inputs, single, double):
        super().__init__()
        self.channels = single[1] + double[2] + inputs
        self.branch3x3_1 = ConvBnRelu(inputs, single[0], 1)
        self.branch3x3_2 = ConvBnRelu(single[0], single[1], 3, stride=2)
        self.branch3x3dbl_1 = ConvBnRelu(inputs, double[0], 1)
        self.branch3x3dbl_2 = ConvBnRelu(double[0], double[1], 3, padding=1)
        self.branch3x3dbl_3 = ConvBnRelu(double[1], double[2], 3, stride=2)

    def forward(self, x):
        single = self.branch3x3_2(self.branch3x3_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([single, double, F.max_pool2d(x, 3, 2)], 1)


class Auxiliary(nn.Module):
    def __init__(self, inputs, classes, batch_norm):
        super().__init__()
        self.conv0 = ConvBnRelu(inputs, 32, 1)
        self.conv1 = (ConvBnRelu if batch_norm else ConvRelu)(32, 96, 3)
        self.fc = nn.Linear(96, classes)

    def forward(self, x):
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        return self.fc(x.mean((2, 3)))


class Inception28(nn.Module):
    """aux: None, "bn" or "plain". In training with a head, forward returns (logits, the head's logits), else logits."""

    def __init__(self, classes=10, aux="bn"):
        super().__init__()
        self.Conv2d_1a_3x3 = ConvBnRelu(1, 16, 3, padding=1)
        self.Conv2d_2a_3x3 = ConvBnRelu(16, 32, 3, padding=1)
        self.Mixed_3a = Reduction(32, (32, 48), (16, 24, 32))
        self.Mixed_4a = Factorised5x5(self.Mixed_3a.channels)
        self.Mixed_4b = Factorised7x7(Factorised5x5.channels)
        self.Mixed_4c = Factorised7x7(Factorised7x7.channels)
        self.Mixed_5a = Reduction(Factorised7x7.channels, (48, 96), (32, 48, 64))
        self.Mixed_6a = Expanded(self.Mixed_5a.channels)
        self.Mixed_6b = Expanded(Expanded.channels)
        self.fc = nn.Linear(Expanded.channels, classes)
        if aux is not None:
            self.AuxLogits = Auxiliary(Factorised7x7.channels, classes, aux == "bn")
        self.has_aux = aux is not None

    def forward(self, x):
        x = self.Mixed_3a(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        grid13 = x = self.Mixed_4c(self.Mixed_4b(self.Mixed_4a(x)))
        x = self.Mixed_6b(self.Mixed_6a(self.Mixed_5a(x)))
        logits = self.fc(x.mean((2, 3)))
        return (logits, self.AuxLogits(grid13)) if self.training and self.has_aux else logits


def rgb_state(state, keep_aux=False):
    """The state for RGB pictures: the first convolution makes them grey. Exact for grey pictures but for rounding."""
    luma = torch.tensor(LUMA, dtype=torch.float64).reshape(1, 3, 1, 1)
    made = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked") or (name.startswith("AuxLogits.") and not keep_aux):
            continue
        if name == "Conv2d_1a_3x3.conv.weight":
            tensor = (tensor.double() * luma).to(tensor.dtype)
        made[name] = tensor.contiguous()
    return made
