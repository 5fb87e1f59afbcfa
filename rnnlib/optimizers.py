"""From gradients to new weights: clipping by norm and by value, SGD, Adam.

Before: models.py.  Next: training.py puts everything together.

All of it changes its arguments in place, and asks for no number on the way: a GPU is not waited for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# ---------------------------------------------------------------------------------------- clipping


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """|g|, the norm of all gradients laid end to end in one vector, ()."""
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))


def largest_component(gradients: Sequence[Tensor]) -> Tensor:
    """The largest size of a component of any gradient, ()."""
    return torch.stack([gradient.abs().max() for gradient in gradients]).max()


def clip_by_norm(gradients: Sequence[Tensor], threshold: Tensor | float, norm: Tensor | None = None) -> None:
    """g <- g * min(1, threshold / |g|): shorter, never turned.   Pascanu et al. 2013; D2L, section 9.5.

    norm: the global norm, where it is known already.
    """
    norm = global_norm(gradients) if norm is None else norm
    scale = torch.clamp(threshold / norm, max=1)
    for gradient in gradients:
        gradient.mul_(scale)


def clip_by_value(gradients: Sequence[Tensor], threshold: Tensor | float) -> None:
    """Every component to [-threshold, threshold]: shorter and turned.   Mikolov 2012."""
    limit = torch.as_tensor(threshold, device=gradients[0].device)
    for gradient in gradients:
        gradient.clamp_(-limit, limit)


# -------------------------------------------------------------------------------------- optimizers


class SGD:
    """p <- p - learning_rate * g."""

    name = "sgd"

    def __init__(self, parameters: Sequence[Tensor]):
        self.memory: dict[str, list[Tensor]] = {}

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """Change the parameters in place."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.addcmul_(gradient, learning_rate, value=-1)


class Adam:
    """p <- p - learning_rate * m' / (sqrt(v') + 1e-8).   Kingma and Ba 2015, algorithm 1.

    m, v: running means of g and g^2, which begin at 0.  m' = m / (1 - 0.9^n) and v' = v / (1 - 0.999^n) make up for
    that at step n.
    """

    name = "adam"

    def __init__(self, parameters: Sequence[Tensor]):
        """memory: "m" and "v", a tensor for each parameter, and "n", the number of steps, in one tensor ()."""
        self.memory = {name: [torch.zeros_like(parameter) for parameter in parameters] for name in ("m", "v")}
        self.memory["n"] = [torch.zeros((), dtype=torch.float32, device=parameters[0].device)]

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """Change the parameters in place."""
        (n,) = self.memory["n"]
        n += 1
        each = zip(parameters, gradients, self.memory["m"], self.memory["v"], strict=True)
        for parameter, gradient, m, v in each:
            m.lerp_(gradient, 0.1)
            v.lerp_(gradient * gradient, 0.001)
            unbiased_m, unbiased_v = m / (1 - 0.9**n), v / (1 - 0.999**n)
            parameter.addcmul_(unbiased_m / (unbiased_v.sqrt() + 1e-8), learning_rate, value=-1)


Optimizer = SGD | Adam
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
