"""What a trained network remembers: a unit's activations over a text, and the path of its state in the plane.

Before: step_through.py.
"""

import numpy as np
import torch

from rnnlib.alphabets import token_of_each_character
from rnnlib.arguments import check_finite
from rnnlib.figures.letters import LINE_HEIGHT, activation_letters, trajectory
from rnnlib.figures.style import BLUE, ORANGE, Drawing, blank
from rnnlib.models import LanguageModel
from rnnlib.text import Vocab
from rnnlib.topics.projection import main_plane
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import int_slider
from rnnlib.widgets.reading import tokens_of

COLUMNS, STRETCH, FEWEST_OCCURRENCES = 60, 50, 5


class HiddenStates(KnobView):
    """The text shaded by one unit; below, where the whole state is in the plane, and the unit over time."""

    def __init__(self, model: LanguageModel, vocab: Vocab, text: str):
        """text: at least two characters; some 300 fill the view.  Those not in the vocabulary are told."""
        if len(text) < 2:
            raise ValueError(f"the text must have at least two characters; it has {len(text)}.")
        self._reads, (tokens, self._unknown) = text, tokens_of(text, vocab)
        with torch.no_grad():
            hidden, _ = model.hidden_states(tokens.to(model.device), model.initial_state(1))
        check_finite(hidden)
        hidden = hidden[token_of_each_character(text, words=vocab.words)]
        self.hidden = hidden[:, 0].cpu().numpy()  # (n, H): h_t after reading character t
        self._plane = main_plane(hidden[:, 0].cpu()).numpy()
        variance = float(self.hidden.var(0).sum())
        self.share_of_variance = float(self._plane.var(0).sum()) / variance if variance else 1.0  # that the plane shows
        self.unit = int_slider("Unit", 0, 0, self.hidden.shape[1] - 1)
        self.position = int_slider("Character", min(len(text) - 1, 40), 0, len(text) - 1)
        super().__init__([self.unit, self.position])

    def compute(self) -> np.ndarray:
        """What the chosen unit holds after every character, (n,)."""
        activations: np.ndarray = self.hidden[:, self.unit.value]
        return activations

    def figure(self, result: np.ndarray) -> Drawing:
        """Letters above; trajectory and activation below."""
        lines = -(-len(self._reads) // COLUMNS)
        top = 20 + lines * LINE_HEIGHT
        height = top + 345
        drawing = blank(9, height / 100)
        position = self.position.value
        activation_letters(drawing, self._reads, result, columns=COLUMNS, top=10, chosen=position)
        in_plane = drawing.add_axes((0.09, 60 / height, 0.37, 250 / height))
        trajectory(in_plane, self._plane, self._reads, position)
        over_time = drawing.add_axes((0.56, 60 / height, 0.42, 250 / height))
        first = max(0, min(position - STRETCH // 2, len(self._reads) - STRETCH))
        stretch = np.arange(first, min(first + STRETCH, len(self._reads)))
        over_time.plot(stretch, result[stretch], ".-", color=BLUE, linewidth=1.2)
        over_time.plot(position, result[position], "o", color=ORANGE, markersize=9)
        over_time.set(xlabel="character", ylim=(-1.05, 1.05), yticks=[-1, -0.5, 0, 0.5, 1])
        over_time.set_title(f"unit {self.unit.value}")
        return drawing

    def words(self, result: np.ndarray) -> str:
        """After which characters, of those that occur some times, the unit is high and low."""
        means = {
            "space" if letter == " " else letter: result[[c == letter for c in self._reads]].mean()
            for letter in sorted(set(self._reads))
            if self._reads.count(letter) >= FEWEST_OCCURRENCES
        }
        order = sorted(means, key=lambda letter: means[letter])
        high = ", ".join(f"{letter} ({means[letter]:+.2f})" for letter in order[:-4:-1])
        low = ", ".join(f"{letter} ({means[letter]:+.2f})" for letter in order[:3])
        now = result[self.position.value]
        on_average = f"highest after {high}; lowest after {low}" if means else "none of them comes often enough"
        return (
            f"{self._unknown}Unit {self.unit.value}, on average over these {len(self._reads)} characters: "
            f"{on_average}. At character {self.position.value} it is {now:+.2f}."
        )
