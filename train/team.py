"""Train in several processes: who we are, and what is summed over all of them.

`torchrun --nproc-per-node N -m rtloc train ...` starts the processes, also on several machines
(https://docs.pytorch.org/docs/stable/elastic/run.html); each makes its own part of every batch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from train.errors import TrainError

FROM_TORCHRUN = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # how processes find each other


@dataclass(frozen=True)
class Team:
    """This process's number and how many there are; alone it is 0 of 1."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates, saves and speaks."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over all processes, the same in each; no gradient flows."""
        if self.size == 1:
            return value
        total = value.detach().clone().float()
        dist.all_reduce(total)
        return total / self.size

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.size > 1:
            dist.barrier()


ALONE = Team()


@contextmanager
def join_team() -> Iterator[Team]:
    """Join the other processes that torchrun started; without torchrun, be alone.

    Raises:
        TrainError: something else has said how many there are.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size == "1":
        yield ALONE
        return
    if missing := [name for name in FROM_TORCHRUN if name not in os.environ]:
        raise TrainError(
            f"WORLD_SIZE is {size} in the environment, but there is no {missing[0]}; start with "
            "torchrun, or unset WORLD_SIZE"
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    has_nccl = torch.cuda.is_available() and dist.is_nccl_available()  # Windows has none
    dist.init_process_group("nccl" if has_nccl else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def in_step(network: nn.Module, team: Team, device: torch.device) -> nn.Module:
    """Wrap a network so that all processes learn as one that sees all their pictures."""
    if team.size == 1:
        return network
    share_batch_norms(network)
    devices = [device] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(network, devices, broadcast_buffers=False)


def share_batch_norms(module: nn.Module) -> None:
    """Let every batch norm below `module` use the mean and variance of all processes' pictures."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared.to(child.weight.device))
        else:
            share_batch_norms(child)


class Summed(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        """Sum, in a new tensor."""
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Sum the gradients likewise."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over all processes. torch's SyncBatchNorm does the same, but on GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, float [B, C, H, W], each process having as many values."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        sums = torch.stack([wide.mean(dim=(0, 2, 3)), wide.square().mean(dim=(0, 2, 3))])
        total: Tensor = Summed.apply(sums)  # type: ignore[no-untyped-call]
        mean, square = total / dist.get_world_size()
        variance = (square - mean.square()).clamp(min=0)  # of a constant, rounding is left
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            count = x.numel() // x.shape[1] * dist.get_world_size()
            momentum = self.momentum or 0.0
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        normalised: Tensor = wide * scale[:, None, None] + shift[:, None, None]
        return normalised.to(x.dtype)
