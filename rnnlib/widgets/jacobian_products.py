"""How much of a change is left after k steps: products of Jacobians, with the theory's bound.

Before: truncation.py.
"""

from typing import NamedTuple

import torch

from rnnlib.figures.gradient_problems import lag_norms, spectrum
from rnnlib.figures.style import BLUE, ORANGE, Drawing, label_lines, panels
from rnnlib.topics import initialisation
from rnnlib.topics.jacobians import ACTIVATIONS, JacobianNorms, jacobian_norms
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, float_slider, int_slider

HIDDEN_SIZE = 32
KINDS = ["normal", "orthogonal", "identity"]


class Products(NamedTuple):
    """lags: norms and bounds for every lag.  eigenvalues of W_hh (H,), and its largest singular value."""

    lags: JacobianNorms
    eigenvalues: torch.Tensor
    largest_singular_value: float


class JacobianProducts(KnobView):
    """Norm per lag and the spectrum of W_hh, for a radius, an activation, a number of steps and an initialisation."""

    def __init__(self, *, radius: float = 1.0):
        """radius: the spectral radius of W_hh to begin with."""
        self.radius = float_slider("Spectral radius", radius, 0.05, 2.0, 0.05)
        self.num_steps = int_slider("Steps T", 40, 1, 80)
        self.activation = choice("Activation", list(ACTIVATIONS))
        self.kind = choice("Matrix", KINDS)
        super().__init__([self.radius, self.num_steps], [self.activation, self.kind])

    @property
    def W_hh(self) -> torch.Tensor:
        """The matrix that the knobs describe, (H, H); always drawn with the same random numbers."""
        generator, radius = torch.Generator().manual_seed(0), self.radius.value
        if self.kind.value == "normal":
            return initialisation.normal(HIDDEN_SIZE, radius, generator)
        if self.kind.value == "orthogonal":
            return radius * initialisation.orthogonal(HIDDEN_SIZE, generator)
        return radius * initialisation.identity(HIDDEN_SIZE)

    def compute(self) -> Products:
        """Norms and spectrum of the matrix that the knobs describe."""
        W_hh, generator = self.W_hh, torch.Generator().manual_seed(1)
        return Products(
            lags=jacobian_norms(W_hh, self.activation.value, self.num_steps.value, generator),
            eigenvalues=torch.linalg.eigvals(W_hh),
            largest_singular_value=float(torch.linalg.matrix_norm(W_hh, ord=2)),
        )

    def figure(self, result: Products) -> Drawing:
        """Norms at the left, eigenvalues at the right."""
        drawing, (left, right) = panels(2, height=3.8)
        lag_norms(left, result.lags)
        spectrum(right, result.eigenvalues.numpy())
        label_lines(left, [("norm of the product", BLUE), ("bound", ORANGE)])
        return drawing

    def words(self, result: Products) -> str:
        """What is left after ten steps and after all."""
        norms, largest, T = result.lags.norms, result.largest_singular_value, self.num_steps.value
        ten = min(10, T)
        gamma = ACTIVATIONS[self.activation.value].gamma
        most = gamma * largest
        sure = (
            "it must vanish" if most < 0.9999 else "it cannot explode" if most < 1.0001 else "it may vanish or explode"
        )
        return (
            f"Of a change, {norms[ten]:.2g} is left after {ten} steps and {norms[-1]:.2g} after {T}. The largest "
            f"singular value of W_hh is {largest:.2f}; times gamma = {gamma:g} that is {most:.2f}: {sure}."
        )
