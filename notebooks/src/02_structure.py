# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 02 Structure
#
# When you have worked through this notebook, you can
#
# - compute one step of a recurrent network by hand, and say where each number comes from;
# - write the whole forward pass in six lines and name the shape of everything in it;
# - explain why a network for a thousand steps has no more weights than one for a single step;
# - look at a trained network's hidden state and find out what it remembers.
#
# 35 minutes to read, 20 for three exercises.

# %%
import timeit

import torch

from rnnlib import cells, checks, figures, models, text, training
from rnnlib.topics import small_network
from rnnlib.widgets import HiddenStates, OneStep, UnrolledGraph

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A network that fits on a page
#
# Three inputs, four hidden units, two outputs. At each time step the input $x_t$ says which of three letters was read; the state
# $h_{t-1}$ is what the network kept from before.
#
# **Predict first.** Move *Time step*. Which numbers at the right change, and which never do? Where does $h_{t-1}$ come from?

# %% slideshow={"slide_type": "slide"}
network = small_network.example_network()
inputs, targets = torch.eye(3).numpy(), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).numpy()
one_step = OneStep(network, inputs, targets)
one_step

# %% [markdown]
# *Left, the units with their values; lines are weights, blue above zero, orange and dashed below, thick where they are large. Right,
# the sums that gave them.*
#
# **Try this.** (1) Step through $t = 1, 2, 3$: $h_t$ of one step stands as $h_{t-1}$ in the next. (2) The three matrices never change. (3) Each
# input is one-hot, so $x_t W_{xh}$ is simply a row of $W_{xh}$: which one?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The new state is a function of the new input and a summary of the past
#
# $$h_t = \tanh(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad o_t = h_t W_{hq} + b_q.$$
#
# | symbol | shape here | in general | in many articles |
# | --- | --- | --- | --- |
# | $x_t$ input | 3 | $(B, V)$ | |
# | $h_t$ hidden state | 4 | $(B, H)$ | |
# | $o_t$ output, the logits | 2 | $(B, V)$ | |
# | $W_{xh}$ input to hidden | 3 x 4 | $(V, H)$ | $U$ |
# | $W_{hh}$ hidden to hidden | 4 x 4 | $(H, H)$ | $W$ |
# | $W_{hq}$ hidden to output | 4 x 2 | $(H, V)$ | $V$ |

# %% [markdown]
# By hand, the fourth hidden unit at $t = 2$. The second letter is read, so the input gives 0.9; the three other units and itself give
# $0.54 \cdot 0.2 - 0.29 \cdot (-0.1) + 0.60 \cdot 0.4 + 0.10 \cdot 0.6$; the bias is 0.

# %% tags=["nbval-check-output"]
walked = small_network.walk(network, inputs, targets)
a = network.W_xh[1, 3] + walked.h[1] @ network.W_hh[:, 3] + network.b_h[3]
print(f"sum {a:.2f}, state {torch.tensor(a).tanh():.2f}; in the picture {walked.h[2, 3]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From scratch, in six lines
#
# A loop over time that carries one variable, `h`. Nothing else makes a network recurrent.


# %%
def run(xs: torch.Tensor, h: torch.Tensor, W_xh, W_hh, b_h, W_hq, b_q) -> tuple[torch.Tensor, torch.Tensor]:
    outputs = []
    for x in xs:
        h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
        outputs.append(h @ W_hq + b_q)
    return torch.stack(outputs), h


# %%
weights = [torch.from_numpy(part) for part in vars(network).values()]
outputs, state = run(torch.from_numpy(inputs).double()[:, None], torch.zeros(1, 4).double(), *weights)
assert outputs.shape == (3, 1, 2)  # T, B, number of outputs
assert state.shape == (1, 4)  # B, H
assert torch.allclose(outputs[:, 0], torch.from_numpy(walked.o))  # the numbers of the picture

# %% [markdown]
# The library's own step, in `rnnlib/cells.py`, is the same line. It is given `x_in`, the input's part $x_t W_{xh} + b_h$ of the sum, because that
# can be computed for all steps at once before the loop begins. And its state is a tuple, since another cell may carry two tensors:
#
# ```python
# def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
#     (h,) = state
#     return (tanh(x_in + h @ W_hh),)
# ```

# %%
x_in = torch.from_numpy(inputs).double()[:, None] @ weights[0] + weights[2]
carried = (torch.zeros(1, 4).double(),)
for x in x_in:
    carried = cells.RNN.step(x, carried, weights[1])
assert torch.allclose(carried[0], state)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 1: one step (5 minutes, easy)
#
# Write the step yourself: $x$ is $(B, V)$, $h$ is $(B, H)$. Return the next state, a tensor $(B, H)$.


# %%
def my_step(x, h, W_xh, W_hh, b_h) -> torch.Tensor:
    return ...  # your line


checks.rnn_step(my_step)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Two matrix products and a bias, one tanh around all of it.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# return torch.tanh(x @ W_xh + h @ W_hh + b_h)
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The loop, unrolled
#
# Write down every step of the loop side by side and you see a deep network, one layer for each time step.
#
# **Predict first.** For three steps, how many matrices $W_{hh}$ are there? Along which edges can the first letter reach the third output?

# %% slideshow={"slide_type": "slide"}
graph = UnrolledGraph(network, inputs, targets)
graph

# %% [markdown]
# *Edges walked so far are coloured, the last one thick; beside each node stands its value. $L_t$ is the loss of step $t$, used in
# notebook 03.*
#
# **Try this.** Put the slider to 0 and walk edge by edge. (1) The grey edge always carries the same $W_{hh}$: it is one matrix, used three times.
# (2) From $x_1$ to $o_3$ there is a single way, through $h_1$, $h_2$, $h_3$: all that the third output knows of the first letter are
# four numbers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Weights do not grow with time
#
# **Predict first.** A network reads 35 characters of a text with $V = 28$ and has $H = 256$ hidden units. You let it read 1,000 characters
# instead. How many weights must be added?

# %% tags=["nbval-check-output"]
V, H = 28, 256
model = models.LanguageModel("rnn", vocab_size=V, hidden_size=H)
for T in (1, 35, 1000):
    tokens = torch.zeros(T, 1, dtype=torch.int64)
    logits, _ = model(tokens, model.initial_state(1))
    of_its_own = T * V * H + H + H * V + V  # a layer that sees T one-hot characters at once
    print(f"T = {T:4}: {model.vector.numel():,} weights, logits {tuple(logits.shape)}; without sharing {of_its_own:,}")

# %% [markdown]
# None. The recurrent network has $VH + H^2 + H + HV + V$ weights for any $T$: they are *shared* by all steps. A layer that looks at all
# characters at once has a matrix for each place, and could not read a text longer than it was made for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One product instead of two
#
# Some books write the step with a single matrix: put $x_t$ and $h_{t-1}$ side by side and stack $W_{xh}$ on $W_{hh}$,
#
# $$[x_t, h_{t-1}] \begin{bmatrix} W_{xh} \\ W_{hh} \end{bmatrix} = x_t W_{xh} + h_{t-1} W_{hh}.$$
#
# It is the same sum, in another order.

# %%
x, h = torch.randn(5, 3).double(), torch.randn(5, 4).double()
W_xh, W_hh = weights[:2]
side_by_side = torch.cat([x, h], dim=1) @ torch.cat([W_xh, W_hh], dim=0)
assert torch.allclose(side_by_side, x @ W_xh + h @ W_hh)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A one-hot vector picks a row
#
# In the picture $x_t W_{xh}$ was a row of $W_{xh}$. For text it always is. So why build vectors of zeros with a single one and multiply?
#
# **Predict first.** For 35 x 32 characters, $V = 28$ and $H = 256$: how much faster is it to look the rows up?

# %%
tokens, table = torch.randint(V, (35, 32)), torch.randn(V, H)
one_hot = torch.nn.functional.one_hot(tokens, V).float()
assert torch.allclose(one_hot @ table, table[tokens])

# %% tags=["nbval-ignore-output"]
multiply = timeit.timeit(lambda: torch.nn.functional.one_hot(tokens, V).float() @ table, number=300)
look_up = timeit.timeit(lambda: torch.nn.functional.embedding(tokens, table), number=300)
print(f"one-hot product {multiply / 300 * 1e6:.0f} us, looking up {look_up / 300 * 1e6:.0f} us")

# %% [markdown]
# Several times faster on the two CPU cores where this was built, and without a tensor $(T, B, V)$ of zeros in memory. On the way forward the
# library's own cells only ever look up.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 2: the forward pass, with its state carried (8 minutes, medium)
#
# Inputs $(T, B, V)$ and a state $(B, H)$ come in; the states after each step $(T, B, H)$ and the last one go out, so that the next minibatch can go on
# from it.


# %%
def my_forward(xs, h, W_xh, W_hh, b_h) -> tuple[torch.Tensor, torch.Tensor]:
    return ..., ...  # your lines


checks.rnn_forward(my_forward)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Collect the states in a list, each after its step; `torch.stack` makes one tensor of them.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# states = []
# for x in xs:
#     h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
#     states.append(h)
# return torch.stack(states), h
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: unroll it by hand (5 minutes, easy)
#
# Write $h_2$ as a single expression of $x_1$, $x_2$, $h_0$ and the weights, without a loop and without a name for $h_1$.


# %%
def my_h_2(x_1, x_2, h_0, W_xh, W_hh, b_h) -> torch.Tensor:
    return ...  # your line


checks.unrolled_twice(my_h_2)

# %% [markdown]
# <details><summary>A hint</summary>
#
# A tanh inside a tanh.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What goes in, what comes out
#
# The same loop serves different tasks. What differs is at which steps something goes in and at which an output is used.

# %%
figures.inputs_and_outputs()

# %% [markdown]
# *Green, inputs; blue, states; orange, outputs that are used.*
#
# A language model is many to many: after every character it predicts the next one. When it writes, it becomes one to many, with each of
# its outputs as its next input.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What does the state remember?
#
# Train an RNN with 64 units on the story, long enough to write words, and look into its state while it reads text that it has not seen.

# %%
corpus = text.load_corpus("story")
generator = torch.Generator().manual_seed(0)
reader = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
training.Trainer(reader, text.SequentialBatches(corpus.train)).run(1500)
print(f"held-out perplexity {training.perplexity(training.evaluate(reader, corpus.held_out)):.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# Each letter below is shaded by what one unit holds after reading it: blue near 1, orange near -1.
#
# **Predict first.** Nobody told the network what a word is, or a vowel. Will you find a unit that knows? And the plane below, in which
# the whole state moves: will it stand still after a space, or jump?

# %% slideshow={"slide_type": "slide"}
inside = HiddenStates(reader, corpus.vocab, corpus.vocab.decode(corpus.held_out[:300]))
inside.unit.value = inside.most_telling_unit(" ")
inside

# %% [markdown]
# *Above, one unit over the text. Below left, all 64 units seen along the two directions in which they vary most, with the last ten
# letters as a path; right, the unit over fifty letters.*
#
# The unit shown is the one whose value after a space differs most from its value elsewhere. Where this notebook was built it is unit 34,
# and it is high after *i*, *e* and *h* and low after a space: it knows something about vowels and the ends of words.

# %% [markdown]
# **Try this.** (1) Move *Unit*: most tell you nothing. A state is read by its four or sixty-four numbers together, not unit by unit. (2) Move
# *Character* through a word: the path jumps with every letter, and the same letter in other words lands nearby, not on the same spot.
# The difference is memory.
#
# How to learn such weights is the next question.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>What makes a network recurrent?</summary>
#
# Its state: what it computed at one step is an input of the next. In code, one variable that a loop carries.
# </details>
#
# <details><summary>A network with 256 units is to read sequences ten times as long. What has to change?</summary>
#
# Nothing. All steps share the same weights; only the loop runs longer. (Whether it can *learn* over such a distance is the subject of
# notebooks 03 and 04.)
# </details>
#
# <details><summary>Why is x W<sub>xh</sub> a lookup?</summary>
#
# x is one-hot: a product with it multiplies one row by 1 and all others by 0.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [8.4 Recurrent neural networks](https://d2l.ai/chapter_recurrent-neural-networks/rnn.html),
#   [8.5 From scratch](https://d2l.ai/chapter_recurrent-neural-networks/rnn-scratch.html)
# - Elman 1990, *Finding structure in time*: the network of this notebook, and what its units learnt
# - Karpathy, Johnson and Li 2016, *Visualizing and understanding recurrent networks*: units that count and quote
# - Next: [03 Backpropagation through time](03_backpropagation_through_time.ipynb)
