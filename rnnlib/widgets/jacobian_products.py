"""How much of a change is left after k steps: products of Jacobians, with the theory's bound.

Before: truncation.py.
"""

import torch

from rnnlib.figures.gradient_problems import lag_norms, spectrum
from rnnlib.figures.style import BLUE, ORANGE, Drawing, label_lines, panels
from rnnlib.topics import initialisation
from rnnlib.topics.jacobians import ACTIVATIONS, JacobianNorms, jacobian_norms
from rnnlib.widgets.knob_view import KnobView, choice, float_slider, int_slider

HIDDEN_SIZE = 32
KINDS = ["normal", "orthogonal", "identity"]


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

    @property
    def found(self) -> JacobianNorms:
        """Norms and bounds for every lag."""
        return jacobian_norms(
            self.W_hh, self.activation.value, self.num_steps.value, torch.Generator().manual_seed(1)
        )  # fmt: skip

    def drawing(self) -> Drawing:
        """Norms at the left, eigenvalues at the right."""
        drawing, (left, right) = panels(2, height=3.8)
        lag_norms(left, self.found)
        spectrum(right, torch.linalg.eigvals(self.W_hh).numpy())
        label_lines(left, [("norm of the product", BLUE), ("bound", ORANGE)])
        return drawing

    def words(self) -> str:
        """What is left after ten steps and after all."""
        norms, T = self.found.norms, self.num_steps.value
        ten = min(10, T)
        largest = float(torch.linalg.matrix_norm(self.W_hh, ord=2))
        gamma = ACTIVATIONS[self.activation.value].gamma
        sure = "it must vanish" if gamma * largest < 1 else "it may vanish or explode"
        return (
            f"Of a change, {norms[ten]:.2g} is left after {ten} steps and {norms[-1]:.2g} after {T}. The largest "
            f"singular "
            f"value of W_hh is {largest:.2f}; times gamma = {gamma:g} that is {gamma * largest:.2f}: {sure}."
        )
