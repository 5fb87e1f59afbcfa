# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 04 Gradient problems
#
# <!-- given: 1.0 -->
# When you have worked through this notebook, you can
#
# - say why gradients vanish or explode, and from a matrix whether they must vanish or may explode;
# - clip a gradient in both ways, and say what each does to its direction and its length;
# - write one step of an LSTM and of a GRU, and say which path in it lets a gradient live;
# - say what a sequence costs in time, and why more processors help little.
#
# "D2L" is *Dive into Deep Learning*, the online book that this course follows. Its sections are numbered as in edition 1.0.
#
# 40 minutes to read, 34 for six exercises.

# %%
import numpy as np
import torch

from rnnlib import checks, figures, models, text, training
from rnnlib.topics import cliff
from rnnlib.widgets import (
    Cliff,
    ClippedGradients,
    Gates,
    InsideGRU,
    InsideLSTM,
    JacobianProducts,
    MemoryRace,
    StepTime,
    TrainingLab,
    VanishingGradients,
)

# %% [markdown]
# ## How far back does a loss reach?
#
# The loss of the last step alone, $L_T$, depends on the last hidden state $h_T$ and, through it, on all earlier ones. Its gradient goes back step by step
# (notebook 03). How much of it is left $k$ steps back? That is $|dL_T/dh_{T-k}|$, divided by $|dL_T/dh_T|$.
#
# Four networks with fresh weights: an RNN; a GRU and an LSTM, two kinds of network with *gates*, which are explained below; and an *open* LSTM, in which the gate that keeps the past
# begins almost fully open.
#
# **Predict first.** In which of them will something be left 20 steps back? And will training open the way?

# %%
corpus = text.load_corpus("story")
arriving = VanishingGradients(corpus, lag=20)
arriving.run(300)
arriving

# %% [markdown]
# <!-- claim: twenty_steps_back_nearly_nothing_is_left_in_fresh_networks_but_in_an_open_lstm -->
# <!-- claim: trained_on_text_no_network_keeps_the_way_open_for_twenty_steps -->
# <!-- claim: training_on_text_shuts_the_way_in_an_rnn_before_it_opens_a_little_and_shuts_an_open_lstm -->
# *Left: dashed, fresh weights; solid, after {{ arriving.steps_made:d }} steps. Right: what is left 20 steps back, during the training.*
#
# With fresh weights, the lines of the first three are soon nearly straight: each step back multiplies by about the same number. Twenty steps back {{ arriving.seen[0][1]["RNN"][20]:.0e}} is left in the RNN, {{ arriving.seen[0][1]["LSTM"][20]:.0e}} in the LSTM and {{ arriving.seen[0][1]["GRU"][20]:.0e}} in the GRU, but {{ arriving.seen[0][1]["open LSTM"][20]:.2f}} in the open one.
#
# **Try this.** **Reset**, then **Start**. In the RNN the way first shuts almost completely; then training opens it a little ({{ arriving.seen[0][1]["RNN"][20]:.0e}} before, {{ arriving.seen[-1][1]["RNN"][20]:.0e}} now). In the open LSTM it closes ({{ arriving.seen[-1][1]["open LSTM"][20]:.0e}} now).
# A gate *can* keep the way open; training on this text leaves no way nearly as open as that of the fresh open LSTM.

# %% [markdown]
# ## Three problems
#
# Recurrent networks are hard to train for three reasons, and all three come from the loop.
#
# 1. **Long-range dependence.** What matters may lie far back, and the gradient has to reach it.
# 2. **Vanishing and exploding gradients.** On its way it is multiplied again and again.
# 3. **Slow, sequential training.** Step $t$ waits for step $t - 1$, however many processors there are.

# %% [markdown]
# <!-- given: 4 -->
# One step multiplies by a matrix of derivatives, the **Jacobian**. For $h_t = f(a_t)$, $a_t = x_t W_{xh} + h_{t-1} W_{hh} + b_h$ it is
# $\dfrac{\partial h_t}{\partial h_{t-1}} = W_{hh}\, \mathrm{diag}(f'(a_t))$: states are rows, and $\mathrm{diag}(v)$ has $v$ on its diagonal. A gradient going back is multiplied by the transpose, which stretches as much.
#
# The **norm** of a matrix is the most by which it can stretch a vector, its largest *singular value*. Let $\|W_{hh}\|$ be that norm, and $\gamma$ the largest value of
# $f'$: 1 for tanh, 1/4 for the sigmoid $\sigma(a) = 1 / (1 + e^{-a})$. Then over $k$ steps
#
# $$\left\|\frac{d h_T}{d h_{T-k}}\right\| \le (\gamma\, \|W_{hh}\|)^k.$$
#
# If $\|W_{hh}\| < 1/\gamma$, the gradient **must** vanish. To explode it needs $\|W_{hh}\| > 1/\gamma$, but that alone does not make it explode (Pascanu, Mikolov and Bengio 2013).

# %% [markdown]
# <!-- given: 0.9, 0.8, 0.72, 1.5, 32 -->
# By hand, with one unit: $w = 0.9$ and a slope $f' = 0.8$ give $0.72$ a step, and $0.72^{10} =$ {{ 0.72**10:.3f }}.
#
# With many units one more number counts: the **spectral radius** of a matrix, the largest absolute value of its *eigenvalues*. In the long run its powers grow or shrink by this factor; one product may stretch more.
#
# Below, for a network of 32 units with random weights that reads noise, the norm of the product of $k$ Jacobians: how much of a change of the state can be left $k$ steps later.
#
# **Predict first.** The radius is 1, so the powers of $W_{hh}$ neither grow nor shrink in the long run. Will the blue curve be level? And at 0.5 and 1.5?

# %%
products = JacobianProducts()
products

# %% [markdown]
# <!-- given: 0.5, 1.5, 0.9, 1.1, 2, 0.01, 32 -->
# *Left: blue, what is left; dashed, the bound. Right: the eigenvalues and the unit circle.*
#
# **Try this.** (1) tanh, radius 1: the curve falls, because $1 - h^2$ is below 1; at 0.5 it falls faster. (2) 1.5: nearly level, because many units stand near $\pm 1$, where
# the slope is small; at 2 it grows all the same. (3) Linear: in the long run the radius alone decides: 0.9 or 1.1. (4) *Orthogonal*, a rotation, perhaps with a mirror, which changes no length, and linear, radius 1:
# level for ever. (5) Sigmoid: even at 2 it falls. (6) D2L's first weights have standard deviation 0.01, for 32 units a radius of about {{ 0.01 * 32**0.5:.2f }}: ten steps leave next to nothing.

# %% [markdown]
# ## The cliff
#
# <!-- given: 4, 50, 0.7 -->
# Where gradients explode, the error can have a wall. The smallest network in which it has one is a single unit without input:
# $x_t = w\, \sigma(x_{t-1}) + b$ from $x_0 = 0.5$, with the sigmoid $\sigma$. After 50 steps its error is $E = (\sigma(x_{50}) - 0.7)^2$.
#
# For $w$ above 4, and $b$ in a narrow range, there are two values at which $x$ can settle. Which of the two it reaches from $x_0 = 0.5$ depends on $b$. Here for one $w$:

# %%
drawing, (ax,) = figures.panels()
figures.cliff_profile(ax, 4.64)
line = np.array([(4.64, b) for b in np.arange(-2.6, -2.2, 0.001)])
slopes = np.linalg.norm(cliff.cliff_gradient(line), axis=1)  # how long the gradient is, for the text below
drawing

# %% [markdown]
# *On the high plain $x$ settles low, on the low plain high. Between them is a wall, and at its foot a narrow valley in which $E$ is almost 0.*
#
# <!-- given: 0.05 -->
# On the wall the gradient is {{ slopes.max():.0f}} long, at $b =$ {{ line[slopes.argmax(), 1]:.2f }}; only 0.05 further left it is {{ slopes[slopes.argmax() - 50]:.1f }}.
#
# Below, three descents from the high plain, at learning rate 0.05 and threshold 1: as the gradient says; **clipped by norm**: a gradient longer than the threshold is shortened to it; **clipped by value**: every component is cut to at most the threshold.
#
# **Predict first.** Put *Steps shown* to 0 and move it up. Which is thrown away at the brink, and where to? Do the others take the same way?

# %%
descents = Cliff()
descents

# %% [markdown]
# <!-- claim: of_many_descents_at_the_cliff_more_arrive_when_they_are_clipped -->
# <!-- given: 45, 238, 20 -->
# *Light is a large error; the circle is the start, squares are ends, dotted lines enclose the valley.*
#
# The longest orange step is {{ np.linalg.norm(np.diff(descents.compute().ways["not clipped"], axis=0), axis=1).max():.2f }} long, across the low plain. The others climb the wall again and again, but come back in short steps. And they part: where by value both components are cut, the step
# points along the diagonal, at 45 degrees; the gradient, and with it the step by norm, points at {{ np.degrees(np.arctan2(*cliff.cliff_gradient(line[slopes.argmax()])[::-1])) % 180:.0f }}.
#
# Of 238 starts all over the map {{ descents.compute().arrived["not clipped"]:d }} spend most of their last 20 steps in the valley without clipping, {{ descents.compute().arrived["by norm"]:d }} by norm and {{ descents.compute().arrived["by value"]:d }} by value: more, and far from all.
#
# **Try this.** Move the threshold, and then the start: from many places nobody arrives.

# %% [markdown]
# ## Two ways to clip
#
# Let $|g|$ be the **norm** of a gradient: the root of the sum of the squares of all its components, in all weights together.
#
# - **By norm**: $g \leftarrow g \cdot \min(1, \theta / |g|)$, all components by one factor.
# - **By value**: each component to $[-\theta, \theta]$, for itself.
#
# Now with real gradients: those of an RNN with 256 units, measured in each of its first 200 steps.
#
# **Predict first.** Which of the two can change the direction of the step? And at the same threshold, say 1, which of the two shortens more?

# %%
short = text.load_corpus("story", max_train_tokens=10_000)
generator = torch.Generator().manual_seed(0)
printed = models.LanguageModel("rnn", vocab_size=len(short.vocab), hidden_size=256, generator=generator)
trainer, gradients_seen = training.Trainer(printed, text.SequentialBatches(short.train)), []
for step in range(200):
    batch = trainer.batches[step]
    found = printed.backpropagate(batch.tokens, batch.targets, trainer.state)
    gradients_seen.append(found.gradients[0].clone())  # of all weights, end to end in one vector
    trainer.step()
longest = max(gradients_seen, key=torch.norm)
measured = {"the longest": longest, "of the first step": gradients_seen[0], "of the last step": gradients_seen[-1]}
clipping = ClippedGradients(measured)
clipping

# %% [markdown]
# *Left, the plane of all three vectors; a dot: a vector too short for an arrow; a line without a head goes on. Middle and right, the length that is left, and the angle.*
#
# **Try this.** (1) Threshold 1: by norm the longest gradient, {{ longest.norm():.1f }} long, becomes 1; by value nothing happens: its largest component is {{ longest.abs().max():.2f }}. (2) Go down: by value the gradient turns, by norm never. (3) At threshold 1
# neither kind changes the gradient of the last step, {{ gradients_seen[-1].norm():.2f }} long.
#
# A threshold by norm bounds the whole step; by value, the step of each *weight*, and it has to be much smaller. D2L's code clips by norm; so does this course unless it says something else.

# %% [markdown]
# ## Exercise 1: clip by norm (6 minutes, easy)
#
# `gradients` is a list of tensors. Let $|g|$ be the root of the sum of the squares of *all* their components. If it is above `threshold`, multiply each
# tensor *in place* by `threshold` $/\,|g|$; if not, leave all as they are. Return nothing.


# %%
def my_clip_by_norm(gradients: list[torch.Tensor], threshold: float) -> None:
    return ...  # your lines


checks.clip_by_norm(my_clip_by_norm)

# %% [markdown]
# <details><summary>A hint</summary>
#
# One norm of everything: the root of the sum of all squares. Never make a gradient longer.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# norm = sum((gradient**2).sum() for gradient in gradients) ** 0.5
# for gradient in gradients:
#     gradient *= min(1.0, threshold / norm)
# ```
# </details>
#
# ## Exercise 2: clip by value (3 minutes, easy)
#
# `gradients` is a list of tensors. In each, *in place*, components above `threshold` become `threshold`, and those below `-threshold` become `-threshold`.
# Return nothing.


# %%
def my_clip_by_value(gradients: list[torch.Tensor], threshold: float) -> None:
    return ...  # your lines


checks.clip_by_value(my_clip_by_value)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Tensors have a method `clamp_`.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# for gradient in gradients:
#     gradient.clamp_(-threshold, threshold)
# ```
# </details>

# %% [markdown]
# ## The settings that D2L prints
#
# <!-- given: 0.17 -->
# D2L's edition 0.17 trains PyTorch's RNN, a GRU and an LSTM with these settings: 256 units, learning rate 1, threshold 1, 10,000 characters. Here they train an RNN on our story, twice from the same
# first weights: **without** is never clipped, **main** is clipped by norm.
#
# **Predict first.** In how many of 300 steps will *main* be clipped? And will it make a difference?

# %%
decided = TrainingLab(name="printed settings", hidden_size=256, max_train_tokens=10_000)
decided.session.set(clip_threshold=np.inf)
decided.session.fork("without")  # a copy that trains beside main, with the knobs of this moment
decided.session.set(clip_threshold=1.0)
decided.session.run(300)
decided

# %% [markdown]
# <!-- claim: without_its_threshold_from_step_300_on_a_run_is_lost_hundreds_of_steps_later -->
# <!-- claim: with_the_printed_settings_most_networks_are_lost_without_clipping_and_none_with_it -->
# *Top left, perplexity; bottom left, norms and the threshold.*
#
# *main* was clipped in {{ decided.session.trainers["main"].history.columns()["clipped"].sum():.0f }} of 300 steps, all of them among the first {{ 1 + decided.session.trainers["main"].history.columns()["clipped"].nonzero()[0].max():d }}. *without* made these steps unclipped, and was thrown away: after 300 steps it still predicts worse than a blind guess. In seven tries with different first weights most were lost in this way
# without clipping, and none with it.
#
# **Try this.** Set *Clip by* to *off*, *Pace* to *no limit*, and press **Start**. For hundreds of steps it learns on, while its norms grow; then it is lost.
#
# **Predict first.** The next cell follows the norms for longer, of this RNN and of a GRU. Will they fall or grow?

# %%
norms = {}
for cell in ("rnn", "gru"):
    generator = torch.Generator().manual_seed(0)
    model = models.LanguageModel(cell, vocab_size=len(short.vocab), hidden_size=256, generator=generator)
    trainer = training.Trainer(model, text.SequentialBatches(short.train))
    trainer.run(1000)
    norms[cell] = trainer.history.columns()["gradient_norm"]
drawing, (ax,) = figures.panels()
for found, color in zip(norms.values(), (figures.BLUE, figures.ORANGE), strict=True):
    ax.plot(found, color=color, linewidth=0.8)
ax.axhline(1, color=figures.BLACK, linestyle="--")
ax.set(xlabel="step", ylabel="norm of the gradient", yscale="log")
figures.label_lines(ax, [("RNN", figures.BLUE), ("GRU", figures.ORANGE), ("threshold", figures.BLACK)])
drawing

# %% [markdown]
# <!-- claim: the_norms_of_an_rnn_grow_over_the_threshold_while_it_learns_and_those_of_a_gru_do_not -->
# *The RNN's norms grow until most steps are clipped; the GRU's stay below the threshold.*
#
# <!-- measured: bench/results.json -->
# Of the RNN's first 500 steps {{ (norms["rnn"][:500] > 1).mean():.0%}} were clipped, of the next 500 {{ (norms["rnn"][500:] > 1).mean():.0%}}; of the GRU's {{ (norms["gru"] > 1).mean():.0%}}. Over D2L's whole run, 500 epochs or 4,000 steps on its own text, 85% of the RNN's steps are clipped, 3% of an LSTM's and 0.2% of the GRU's. All clipped steps are
# equally long: learning rate times threshold. A threshold means nothing without the norms that it is compared with. Look at them.
#
# *The whole run: on a machine with two CPU cores, float32, 2026-11-26.*

# %% [markdown]
# ## A learning rate that is too large
#
# Learning rate 8, which is far too much for a small RNN (64 units, the whole story).
#
# **Predict first.** Without clipping it is lost. Which of the two kinds can rescue it? Can one threshold serve both kinds?

# %%
ways = [("norm", np.inf)] + [(kind, threshold) for kind in ("norm", "value") for threshold in (1.0, 0.25, 0.005)]
for kind, threshold in ways:
    generator = torch.Generator().manual_seed(0)
    model = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
    knobs = training.Knobs(learning_rate=8.0, clip_by=kind, clip_threshold=threshold)
    trainer = training.Trainer(model, text.SequentialBatches(corpus.train), knobs=knobs)
    trainer.run(300)
    history = trainer.history.columns()
    reached = training.perplexity(history["loss"][-20:].mean())
    judged = f"perplexity {reached:.1f}" if reached < 28 else "lost: worse than a blind guess"
    print(f"by {kind:5} at {threshold:<5g}: {judged}")

# %% [markdown]
# <!-- claim: at_learning_rate_eight_a_threshold_of_a_quarter_learns_and_one_of_one_is_lost -->
# <!-- claim: at_learning_rate_eight_clipping_by_value_needs_a_threshold_far_below_that_of_clipping_by_norm -->
# <!-- given: 28, 0.04, 2 -->
# Both kinds can rescue it; a blind guess would have perplexity 28. By norm a quarter is low enough: each step is at most $8 \cdot 0.25 = 2$ long. By value a quarter bounds the step of each *weight* by 2, which is not enough; the threshold has
# to be far smaller. 0.005 serves both kinds, but not equally well: by norm no step is longer than 0.04, and learning is slow. Clipping makes no learning rate harmless: by norm at 1 the network is lost all the same.
#
# In the lab above, *Clip by* has both kinds.

# %% [markdown]
# ## Exercise 3: the empty generator (4 minutes, medium)
#
# This step clips, and changes nothing. `parameters` comes from `model.parameters()`, which is a generator; `gradients_of(number)` is the gradient of the parameter of that number, from 0 on. Repair it such that each
# parameter changes *in place* by minus `learning_rate` times its gradient, all clipped by norm at `threshold`, and set `repaired = True`.

# %%
repaired = False


def train_clipped(parameters, gradients_of, learning_rate, threshold):
    squares = [gradients_of(number).square().sum() for number, parameter in enumerate(parameters)]
    scale = min(1.0, threshold / float(sum(squares)) ** 0.5)
    for number, parameter in enumerate(parameters):
        parameter -= learning_rate * scale * gradients_of(number)


checks.clipped_once(train_clipped if repaired else lambda *arguments: ...)

# %% [markdown]
# <details><summary>A hint</summary>
#
# How often can you go through a generator?
# </details>
# <details><summary>What to do</summary>
#
# Make a list of it first: `parameters = list(parameters)`.
# </details>

# %% [markdown]
# ## A path on which nothing is multiplied away
#
# Clipping cannot lengthen what has vanished. What helps is a path on which the gradient meets no matrix. An **LSTM** (*long short-term memory*) has a second state, the **cell** $c_t$, and three **gates**, numbers between 0 (shut) and 1 (open) for each unit: $f_t$, how much of the old cell is
# kept; $i_t$, how much of a new *candidate* $g_t$ is added; $o_t$, how much of the cell is shown as $h_t$.
#
# Below, a small LSTM with two units reads eight numbers.
#
# **Predict first.** At which values must the gates of unit 1 stand, so that at step 8 its cell still holds what it got at step 1?
# <!-- given: 8 -->

# %%
inside_lstm = InsideLSTM()
inside_lstm.t.value = 4
inside_lstm

# %% [markdown]
# <!-- given: 0.5 -->
# *Of two numbers the upper one is unit 1. Orange, the path of the cell. Below, unit 1 over time, with the input as grey bars; "left of $c_1$" says how much of a change of $c_1$ is left in $c_t$ along the orange path: the product of the forget gates.*
#
# $$\begin{aligned} i_t, f_t, o_t &= \sigma(x_t W_{x\cdot} + h_{t-1} W_{h\cdot} + b_\cdot), & g_t &= \tanh(x_t W_{xg} + h_{t-1} W_{hg} + b_g), \\
# c_t &= f_t \odot c_{t-1} + i_t \odot g_t, & h_t &= o_t \odot \tanh(c_t). \end{aligned}$$
#
# $\sigma$ is the sigmoid, between 0 and 1; $\odot$ multiplies unit by unit; the dot stands for $i$, $f$ or $o$. Each of the four has weights of its own.
#
# **Try this.** (1) Move *Step t* and check some numbers. (2) *By hand*, $f = 1$ and $i = 0$: nothing is lost, and nothing gets in. (3) $f = 0.5$: what is left of $c_1$ halves with each step.

# %% [markdown]
# The direct derivative of $c_t$ with respect to $c_{t-1}$ is $f_t$, without a matrix. (There is a second way, through $h_{t-1}$ and the gates.) Where $f_t$ is near 1, a gradient lives long. The open LSTM of the beginning has a bias of 3 on its forget gates,
# which makes them about {{ 1 / (1 + np.exp(-3)):.2f }}. Often one begins with a bias of 1 (Jozefowicz et al. 2015).
#
# <details><summary>At which values must the gates of unit 1 stand?</summary>
#
# At step 1 the input gate has to be open; at all later steps it has to be shut, and the forget gate open. No constant gate can do both: a gate has to see its input.
# </details>
# <!-- given: 3, 1 -->

# %% [markdown]
# ## Exercise 4: one step of an LSTM (8 minutes, medium)
#
# For many units and $B$ rows: `x_in` is $x_t W_{x\cdot} + b_\cdot$ of all four, stacked to $(4, B, H)$ in the order $i, f, g, o$; `W_hh` holds the four matrices $(4, H, H)$ in this order, so that
# `h @ W_hh` is $(4, B, H)$; `state` is the pair $(h_{t-1}, c_{t-1})$, $(B, H)$ each. Return the pair $(h_t, c_t)$.


# %%
def my_lstm_step(x_in: torch.Tensor, state: tuple, W_hh: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    h, c = state
    return ..., ...  # your lines


checks.lstm_step(my_lstm_step)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `a_i, a_f, a_g, a_o = x_in + h @ W_hh`.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# a_i, a_f, a_g, a_o = x_in + h @ W_hh
# c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
# return torch.sigmoid(a_o) * torch.tanh(c), c
# ```
# </details>
#
# ## A GRU: one state, two gates
#
# <!-- given: 2 -->
# A **GRU** (*gated recurrent unit*) has no second state. Its *update gate* $z_t$ says how much of $h_{t-1}$ is kept; the rest, $1 - z_t$, comes from the candidate $n_t$: what is not kept is replaced. Its *reset gate* $r_t$ says how much of the old state the
# candidate sees.
#
# **Predict first.** D2L multiplies $r_t$ with the state *before* its product with the candidate's matrix $W_{hn}$; PyTorch multiplies it with that product. With several units, is that the same?

# %%
inside_gru = InsideGRU()
inside_gru.t.value = 5
inside_gru

# %% [markdown]
# *Orange, the path of the state. "Left of $h_1$, directly": how much of a change of $h_1$ is left in $h_t$ along the orange path.*
#
# $$\begin{aligned} r_t, z_t &= \sigma(x_t W_{x\cdot} + h_{t-1} W_{h\cdot} + b_\cdot), \\ n_t &= \tanh(x_t W_{xn} + b_n + r_t \odot (h_{t-1} W_{hn})), & \text{D2L: } \tanh(x_t W_{xn} + b_n + (r_t \odot h_{t-1}) W_{hn}), \\
# h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}. \end{aligned}$$
#
# <!-- given: 2, 1 -->
# **Try this.** Switch *Reset gate acts*: the numbers change (no, it is not the same), for in D2L's form the gate of unit 2 also reaches the candidate of unit 1. In PyTorch's form, which this course takes, all products with $h_{t-1}$ can be made at once.

# %% [markdown]
# ## Exercise 5: one step of a GRU (8 minutes, medium)
#
# As before, with three: `x_in` $(3, B, H)$ and `W_hh` $(3, H, H)$ in the order $r, z, n$; `h` is $(B, H)$. The reset gate multiplies the *product* $h_{t-1} W_{hn}$, as in PyTorch.
# Return $h_t$, one tensor $(B, H)$.


# %%
def my_gru_step(x_in: torch.Tensor, h: torch.Tensor, W_hh: torch.Tensor) -> torch.Tensor:
    return ...  # your lines


checks.gru_step(my_gru_step)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `x_r, x_z, x_n = x_in` and `h_r, h_z, h_n = h @ W_hh`.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# x_r, x_z, x_n = x_in
# h_r, h_z, h_n = h @ W_hh
# r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
# n = torch.tanh(x_n + r * h_n)
# return (1 - z) * n + z * h
# ```
# </details>
#
# ## What gates do after training
#
# An LSTM and a GRU with 48 units, trained for 600 steps with **Adam**, an optimizer that divides each weight's step by the size that its gradient has had lately. They read text on which they were not trained.
#
# **Predict first.** Will a forget gate be open or shut at a space? Will most gates stand near 0 and 1, or in between?

# %%
readers = []
for cell in ("lstm", "gru"):
    generator = torch.Generator().manual_seed(0)
    reader = models.LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=48, generator=generator)
    batches, knobs = text.SequentialBatches(corpus.train), training.Knobs(learning_rate=0.005)
    training.Trainer(reader, batches, optimizer="adam", knobs=knobs).run(600)
    readers.append(reader)
unseen = corpus.vocab.decode(corpus.validation[:180])
gates = Gates(readers, corpus.vocab, unseen)
spaces = np.array([letter == " " for letter in unseen])
forget, update = gates.values["LSTM: forget gate"], gates.values["GRU: update gate"]
gates.unit.value = int((forget[~spaces].mean(0) - forget[spaces].mean(0)).argmax())  # forgets most at spaces
gates

# %% [markdown]
# <!-- claim: an_lstm_forgets_a_little_more_at_a_space_and_most_update_gates_of_a_gru_are_nearly_shut -->
# *Above, the forget gate of the unit that forgets most at spaces, at each letter: blue is open. Below, all units; the orange mark shows that one.*
#
# Of all forget gates of the LSTM {{ (forget > 0.9).mean():.0%}} stand above 0.9 and {{ (forget < 0.1).mean():.0%}} below 0.1; most are in between. At a space they are {{ forget[spaces].mean():.2f }} on average, elsewhere {{ forget[~spaces].mean():.2f }}. Of the GRU's update gates {{ (update < 0.1).mean():.0%}} are below 0.1: most of its state is replaced at every letter.
#
# **Try this.** (1) Go through the units: some forget at every space. (2) Compare *forget* with *input*: is one shut where the other is open? Mostly not: {{ (gates.values["LSTM: input gate"] > 0.5).mean():.0%}} of the input gates stand above 0.5. In a GRU one gate does both.
# <!-- given: 0.9, 0.1, 0.5 -->

# %% [markdown]
# ## Long-range dependence: a race
#
# <!-- given: 75, 0.003, 0.001, 1, 32 -->
# A task that asks for memory alone. *Temporal order*: among other symbols, an A or a B at the first step and another halfway; at the end, say which, in order. *Delay*: the steps from the first symbol to the answer.
#
# Five networks with 32 units: an RNN; an RNN whose $W_{hh}$ begins orthogonal (*rotation*); an **IRNN**, with ReLU, $\max(0, a)$, whose $W_{hh}$ begins as the identity; a GRU; an LSTM with forget gates biased by 1. All train with Adam on 32 new sequences a step, clipped by norm at 1, at
# learning rate 0.003 (IRNN: 0.001).
#
# **Predict first.** At delay 30, who solves it first, and who never? (A guess is wrong in 75%.)

# %%
race = MemoryRace(delay=30)
race.start()
race.wait()
race

# %% [markdown]
# <!-- given: 60, 1, 10, 0 -->
# *Share of wrong answers on new sequences, tested every ten steps. A line ends at less than 1% wrong twice in a row; an error of 0 is drawn at the bottom. Other first weights may give another order: see the table.*
#
# **Try this.** (1) Delay 10, then **Start**: everybody can. (2) Delay 60: who is left? (3) *Adding* at delay 30: sixty numbers, one marked in each half; their sum is the answer, the mean squared difference the error. (4) *Copying* at delay 10: three symbols, nine blanks, a sign to begin; then the three again.
#
# <details><summary>What you may see</summary>
#
# At 60 mostly rotation and identity remain. Gates and the IRNN add. Copying is for the rotation.
# </details>

# %% [markdown]
# <!-- measured: bench/memory.json -->
# Steps until it was solved, median and range of five seeds; or, where not all five did within 1,500 steps (adding and copying: 2,500), how many, and their range.
# Measured on 2026-11-26: x86_64, 1 thread, AVX512, cpu, torch 2.13.0+cpu, float32.
#
# | task, delay | RNN | orthogonal RNN | IRNN | GRU | LSTM |
# | --- | --- | --- | --- | --- | --- |
# | temporal order, 10 | 50 (50 to 60) | 40 (40 to 50) | 70 (60 to 90) | 90 (70 to 100) | 90 (60 to 170) |
# | temporal order, 30 | 2 of 5 (130 to 180) | 4 of 5 (40 to 70) | 160 (100 to 170) | 210 (180 to 230) | 4 of 5 (90 to 1430) |
# | temporal order, 60 | 0 of 5 | 200 (100 to 230) | 190 (120 to 290) | 1 of 5 (1160) | 2 of 5 (190 to 310) |
# | adding, 10 | 1 of 5 (2500) | 0 of 5 | 880 (820 to 990) | 400 (360 to 440) | 750 (680 to 860) |
# | adding, 30 | 0 of 5 | 0 of 5 | 1080 (980 to 1380) | 600 (580 to 680) | 1520 (1090 to 1660) |
# | copying, 10 | 4 of 5 (850 to 2050) | 240 (210 to 270) | 0 of 5 | 1 of 5 (2420) | 0 of 5 |
#
# The plain RNN is unreliable from a delay of 30 on, and adds once in ten tries. A rotation is quick at order (one of fifteen runs failed), the quickest at copying, and no help in adding. The IRNN never fails at order and adding, and never copies. The gates always add, and mostly run out of time at a delay
# of 60. Nobody wins everywhere: a good beginning and a gate are different cures.

# %% [markdown]
# ## The third problem: time
#
# Step $t$ needs $h_{t-1}$, so no step can be finished before the one before it. Within a step, the $B$ rows and the $H$ units can be worked on side by side; steps cannot.
#
# The next cell measures an RNN on your machine: time divided by tokens.
#
# **Predict first.** What does a token cost if sequences are longer ($T$)? If there are more of them ($B$)? And if the same 1,024 tokens are 4 steps of 256 rows, or 1,024 steps of a single row?
# <!-- given: 1,024, 4, 256 -->

# %% tags=["nbval-ignore-output"]
clock = StepTime()
clock

# %% [markdown] tags=["nbval-ignore-output"]
# *Microseconds for each token, on the same logarithmic axis.*
#
# **Try this.** Press the buttons. (1) $T$: each training step has a fixed part, which weighs less when there is more to do; beyond that, twice as many time steps take twice the time. (2) $B$: a token of a single short row is the dearest, for the same reason. (3) At $T B = 1024$ one long row costs {{ clock.measured["T, at T times B = 1024"].microseconds[32][-1] / clock.measured["T, at T times B = 1024"].microseconds[32][0]:.1f }} times as much per token as 4 steps of 256 rows, at $H = 32$: only so little more where a processor or two work through the rows one after another anyway. More
# processors could share the rows and the units of a step, never the steps.
# <!-- given: 4, 256 -->

# %% [markdown]
# ## Exercise 6: a reshape too many (5 minutes, medium)
#
# Logits are $(T, B, V)$, but these targets are $(B, T)$. The line that is commented out runs, the loss falls a little, and the network never
# learns to write. Why? Return the right loss: the mean cross-entropy over all $T B$ places, each output compared with the target of its own step and row, as a tensor that can be backpropagated.


# %%
def my_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    # return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
    return ...  # your line


checks.time_stays_time(my_loss)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `reshape` keeps the order in memory. Which entry of the targets stands beside `logits[0, 1]` after it?
# </details>
# <details><summary>A solution</summary>
#
# ```python
# return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.T.flatten())
# ```
#
# Flattened, logits run over the rows of the first step first, targets over the steps of the first row: from the second place to the last but one they mostly belong to different characters.
# </details>

# %% [markdown]
# ## Recap
#
# <details><summary>The largest singular value of W<sub>hh</sub> is 1.2 and the activation is a tanh. Does the gradient explode?</summary>
#
# It may, and need not: tanh units near ±1 have slopes far below 1.
# </details>
# <!-- given: 1.2 -->
#
# <details><summary>What does clipping by norm keep, and what does it lose?</summary>
#
# It keeps the direction. It loses the length of every gradient above the threshold: all these steps are equally long.
# </details>
#
# <details><summary>Why can an LSTM remember for longer than an RNN?</summary>
#
# Its cell is changed by adding, and the direct derivative from one step to the next is the forget gate. Where that is near 1, nothing is multiplied away.
# (It has to learn to keep it open.)
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [9.5 RNN from scratch](https://d2l.ai/chapter_recurrent-neural-networks/rnn-scratch.html) (clipping),
#   [9.7 Backpropagation through time](https://d2l.ai/chapter_recurrent-neural-networks/bptt.html),
#   [10.1 LSTM](https://d2l.ai/chapter_recurrent-modern/lstm.html), [10.2 GRU](https://d2l.ai/chapter_recurrent-modern/gru.html)
# - Pascanu, Mikolov and Bengio 2013, *On the difficulty of training recurrent neural networks*: bounds, the cliff, clipping
# - Hochreiter and Schmidhuber 1997, *Long short-term memory*; Gers, Schmidhuber and Cummins 2000, *Learning to forget*
# - Le, Jaitly and Hinton 2015, *A simple way to initialize recurrent networks of rectified linear units*
# - Jozefowicz, Zaremba and Sutskever 2015, *An empirical exploration of recurrent network architectures*
# - Next: [05 Concise implementation](05_concise_implementation.ipynb)
