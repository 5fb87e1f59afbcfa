# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 04 Gradient problems
#
# When you have worked through this notebook, you can
#
# - say why gradients vanish or explode, and read off a matrix which of the two to expect;
# - clip a gradient in both ways, and say what each does to its direction;
# - write one step of an LSTM and of a GRU, and say which path in it lets a gradient live;
# - tell what a GPU can speed up in a recurrent network and what it cannot.
#
# 40 minutes to read, 40 for seven exercises.

# %%
import numpy as np
import torch

from rnnlib import checks, figures, gradients, models, text, training
from rnnlib.topics import cliff, initialisation, jacobians
from rnnlib.widgets import Cliff, ClippedGradients, Gates, JacobianProducts, MemoryRace, StepTime, TrainingLab

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A gradient on its way back
#
# A gradient that travels $k$ steps back is multiplied by $k$ matrices. Below, the norm of that product: how much of a change of the state is left
# $k$ steps later.
#
# **Predict first.** The spectral radius is 1, so the largest eigenvalue neither grows nor shrinks anything. Will the blue curve be level? And
# what will happen at 0.5 and at 1.5?
# <!-- given: 1.5 -->

# %% slideshow={"slide_type": "slide"}
products = JacobianProducts()
products

# %% [markdown]
# *Left: blue, what is left; dashed, the bound that theory gives. Right: the eigenvalues of $W_{hh}$ and the unit circle.*
#
# **Try this.** (1) tanh, radius 1: it falls all the same, because $1 - h^2$ is below 1. (2) Radius 1.5: it grows at first and ends near where
# it began. Driven units sit near $\pm 1$, where the slope is small. Radius 2: it explodes. (3) Linear: now the radius alone decides, 0.9 or 1.1
# make all the difference. (4) Orthogonal and linear, radius 1: level, for ever. (5) Sigmoid: no radius up to 2 saves it.
# <!-- given: 1.5, 0.9, 1.1 -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Three problems, and this is the first two
#
# Recurrent networks are hard to train for three reasons. All three follow from the loop.
#
# 1. **Long-range dependence.** What matters may lie far back; the gradient has to reach it.
# 2. **Vanishing and exploding gradients.** On its way it is multiplied again and again.
# 3. **Slow, sequential training.** Step $t$ waits for step $t - 1$, however many processors there are.

# %% [markdown]
# One step multiplies by a Jacobian, $\dfrac{\partial h_t}{\partial h_{t-1}} = W_{hh}\, \mathrm{diag}(f'(a_t))$ (states are rows). No
# matrix stretches a vector by more than its largest singular value $\sigma$, and $f'$ is at most $\gamma$: 1 for tanh, 1/4 for the sigmoid. So over
# $k$ steps
#
# $$\left|\frac{\partial h_T}{\partial h_{T-k}}\right| \le (\gamma \sigma)^k.$$
#
# If $\sigma < 1/\gamma$, the gradient **must** vanish. If it explodes, then $\sigma > 1/\gamma$; but that alone does not make it explode
# (Pascanu, Mikolov and Bengio 2013).

# %% [markdown]
# By hand, with one unit: $w = 0.9$ and a slope of 0.8 give $0.72$ a step, and $0.72^{10} =$ {{ 0.72**10:.3f }}. Now with the initialisation that the
# standard text uses, normal numbers of size 0.01, here for 32 units.
#
# **Predict first.** How much of a gradient is left after ten steps?
# <!-- given: 0.9, 0.8, 0.72 -->

# %% tags=["nbval-check-output"]
generator = torch.Generator().manual_seed(0)
W_hh = 0.01 * torch.randn(32, 32, generator=generator)
left = jacobians.jacobian_norms(W_hh, "tanh", 10, generator).norms
print(f"spectral radius {torch.linalg.eigvals(W_hh).abs().max():.2f}; left after 1, 5, 10 steps:", end=" ")
print(", ".join(f"{left[k]:.0e}" for k in (1, 5, 10)))

# %% [markdown]
# Nothing that a 32-bit number could add to another. Such a network begins as if it had no memory at all, and only learns to have one because
# its weights grow. Does the bound hold on random matrices? A thousand of them, of every kind:

# %% tags=["nbval-check-output"]
broken = 0
for _ in range(1000):
    radius = 2 * torch.rand((), generator=generator).item() + 0.01
    found = jacobians.jacobian_norms(initialisation.normal(8, radius, generator), "tanh", 15, generator)
    broken += int((found.norms > found.bounds * (1 + 1e-6)).any())
print("bounds broken:", broken)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The cliff
#
# <!-- given: 4, 50, 0.7 -->
# Where gradients explode, the error is a landscape with a wall. The smallest network that has one is a single unit without input:
# $x_t = w\, s(x_{t-1}) + b$ from $x_0 = 0.5$, where $s$ is the sigmoid. After 50 steps its error is $E = (s(x_{50}) - 0.7)^2$.
#
# For $w$ above 4 there are two values at which $x$ can settle. Which of the two it is depends on $b$. Here for one $w$:

# %%
drawing, (ax,) = figures.panels()
figures.cliff_profile(ax, 4.64)
line = np.array([(4.64, b) for b in np.arange(-2.6, -2.2, 0.001)])
slopes = np.linalg.norm(cliff.cliff_gradient(line), axis=1)
drawing

# %% [markdown]
# *Left, the high plain: $x$ settles low. Right, the low plain: $x$ settles high. Between them a wall, and at its foot a narrow valley in which $E$ is almost 0.*
#
# On the wall the gradient is {{ slopes.max():.0f}} long, at $b =$ {{ line[slopes.argmax(), 1]:.2f }}; only 0.05 further left it is {{ slopes[slopes.argmax() - 50]:.1f }}. At a learning rate of 0.05 one step from the wall would lead
# {{ 0.05 * slopes.max():.0f }} away, far beyond this picture. For other $w$ the wall stands elsewhere, so on a map of all $w$ and $b$ it is a line.
# <!-- given: 0.05 -->

# %% [markdown] slideshow={"slide_type": "slide"}
# Three descents from one place on the high plain, at learning rate 0.05: as the gradient says; **clipped by norm**, that is, a gradient longer than the threshold is shortened to
# it; **clipped by value**, every component alone is cut to at most the threshold.
#
# **Predict first.** Put *Steps shown* to 0 and move it up. All three walk to the brink. Which of them is thrown away there, and where to? Do the two others
# take the same way?
# <!-- given: 0.05 -->

# %% slideshow={"slide_type": "slide"}
descents = Cliff()
descents

# %% [markdown]
# <!-- claim: of_many_descents_at_the_cliff_more_arrive_when_they_are_clipped -->
# <!-- given: 45 -->
# *Light is a large error; the circle is the start, squares are ends, dotted lines enclose the valley.*
#
# At the brink the orange step is {{ np.linalg.norm(np.diff(descents.compute().ways["not clipped"], axis=0), axis=1).max():.2f }} long, across the low plain. The others stay near the wall, but part: by value both components are cut to one
# length, so the step points along the diagonal, at 45 degrees; the gradient, and with it the step by norm, points at {{ np.degrees(np.arctan2(*cliff.cliff_gradient(line[slopes.argmax()])[::-1])) % 180:.0f }}.
#
# **Try this.** Read below the picture how many starts end in the valley; then move the threshold. Clipping helps, but it is a seat belt and no map: from many places nobody
# arrives.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two ways to clip
#
# Let $|g|$ be the **norm** of a gradient: the root of the sum of the squares of all its components, in all weights together.
#
# - **By norm**: $g \leftarrow g \cdot \min(1, \theta / |g|)$, all components by one factor.
# - **By value**: each component to $[-\theta, \theta]$, for itself.
#
# Now with real gradients: those of an RNN with 256 units, measured in each of its first 200 steps.

# %%
short = text.load_corpus("story", max_train_tokens=10_000)
generator = torch.Generator().manual_seed(0)
printed = models.LanguageModel("rnn", vocab_size=len(short.vocab), hidden_size=256, generator=generator)
trainer, gradients_seen = training.Trainer(printed, text.SequentialBatches(short.train)), []
for step in range(200):
    batch = trainer.batches[step]
    found = printed.backpropagate(batch.tokens, batch.targets, trainer.state)
    gradients_seen.append(found.gradients[0].clone())
    trainer.step()
longest = max(gradients_seen, key=torch.norm)
measured = {"the longest": longest, "of the first step": gradients_seen[0], "of the last step": gradients_seen[-1]}

# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** Which of the two can change the direction of the step? And at the same threshold, say 1, which of the two shortens more?

# %% slideshow={"slide_type": "slide"}
clipping = ClippedGradients(measured)
clipping

# %% [markdown]
# *Left, the plane in which all three vectors lie (the gradient may be longer than the picture). Middle and right, the length that each kind leaves, and the angle by which it turns.*
#
# **Try this.** (1) Threshold 1: by norm the longest gradient, {{ longest.norm():.1f }} long, becomes 1 long; by value nothing happens, because its largest component is {{ longest.abs().max():.2f }}. A threshold for values has
# to be much smaller. (2) Go down: by value the gradient turns, in the end towards a vector of nothing but signs. By norm it never turns. (3) The gradient
# of the last step is {{ gradients_seen[-1].norm():.2f }} long: at threshold 1 neither kind changes it.

# %% [markdown]
# <!-- given: 9 -->
# A step of plain descent is the learning rate times what is left. So a threshold by norm says how long a step can be at most; a threshold by value says how far one
# *weight* can move.
#
# D2L (*Dive into Deep Learning*, the online book that this course follows, in its English edition 1.0, chapters 9 and 10) clips by norm, and so does this course unless
# it says something else. Older code and other texts often clip by value.

# %% [markdown] slideshow={"slide_type": "slide"}
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

# %% [markdown] slideshow={"slide_type": "slide"}
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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A run that a few clipped steps decide
#
# The settings that D2L prints for its RNN from scratch: 256 units, learning rate 1, threshold 1, the first 10,000 characters. Two networks with the same
# first weights: **without** is never clipped, **main** is clipped by norm.
#
# **Predict first.** In how many of 300 steps will *main* be clipped? And will it make a difference?

# %% slideshow={"slide_type": "slide"}
decided = TrainingLab(name="printed settings", hidden_size=256, max_train_tokens=10_000)
decided.session.set(clip_threshold=np.inf)
decided.session.fork("without")  # a fork keeps the knobs of this moment
decided.session.set(clip_threshold=1.0)
decided.session.run(300)
decided

# %% [markdown]
# <!-- claim: with_the_printed_settings_most_networks_are_lost_without_clipping_and_none_with_it -->
# *Top left, perplexity; bottom left, the norm of the gradient and the threshold, on logarithmic axes.*
#
# *main* was clipped in {{ decided.session.trainers["main"].history.columns()["clipped"].sum():.0f }} of 300 steps, all of them among the first {{ 1 + decided.session.trainers["main"].history.columns()["clipped"].nonzero()[0].max():d }}. *without* made the same steps unclipped, and was thrown away: its norm
# reached {{ decided.session.trainers["without"].history.columns()["gradient_norm"].max():.0f }}, and it predicts worse than a blind guess ever after. In seven tries with other first weights, most networks were lost in this way
# without clipping, and none with it. Few clipped steps can decide a run.
#
# **Try this.** Now set *Clipping* to *off* and press **Start**: from here on, does it need the threshold?

# %% [markdown]
# For a while it does not. Watch the norms over a longer run, of this RNN and of a GRU, a network with *gates* (they come below).
#
# **Predict first.** As the networks get better, will the norms fall or grow?

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
# <!-- given: 500 -->
# <!-- claim: the_norms_of_an_rnn_grow_over_the_threshold_while_it_learns_and_those_of_a_gru_do_not -->
# *The RNN's norms grow while it learns its 10,000 characters by heart; the GRU's stay below the threshold.*
#
# Of the first 500 steps of the RNN {{ (norms["rnn"][:500] > 1).mean():.0%}} were clipped, of the next 500 {{ (norms["rnn"][500:] > 1).mean():.0%}}; of the GRU's, {{ (norms["gru"] > 1).mean():.1%}}. A threshold means nothing without the norms that it is compared
# with. Look at them.

# %% [markdown]
# <!-- measured: bench/results.json -->
# Over D2L's whole run, 500 epochs or 4,000 steps, 86 % of the RNN's steps are clipped, 4 % of an LSTM's and 0.8 % of the GRU's. All of those steps of the RNN are of
# one length, the threshold: the learning rate is no longer what it seems. Gates, it turns out, help against gradients that explode as well as against those that vanish.
#
# *On a machine with two CPU cores, float32, 2026-11-24.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Both kinds train, each with a threshold of its own
#
# Learning rate 8, which is far too much for a small RNN (64 units, the whole story).
#
# **Predict first.** Without clipping it is lost. Which of the two kinds can rescue it? Can one threshold serve both?

# %%
corpus = text.load_corpus("story")
ways = [("norm", np.inf), ("norm", 1.0), ("norm", 0.25), ("value", 1.0), ("value", 0.25), ("value", 0.005)]
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
# Both kinds train, and a blind guess would have perplexity 28. By norm a quarter is low enough: each step is at most $8 \cdot 0.25 = 2$ long. By value the same number lets nearly everything through; the threshold has
# to be far smaller. Neither makes a learning rate harmless: clipping makes steps short, and here short enough.
#
# In the lab above, *Clipping* has both kinds.
# <!-- given: 28 -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Gates
#
# Clipping cures explosions. Against vanishing, shortening does not help. What helps is a path on which nothing is multiplied away. An LSTM
# has a second state, the cell $c$, that is *added to*:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t).$$
#
# $i$, $f$, $o$ are gates between 0 and 1, each a small layer of its own; $g$ is a tanh. Where $f = 1$, the derivative of $c_t$ by
# $c_{t-1}$ is 1: the cell remembers, and its gradient passes unchanged.

# %% [markdown]
# **Predict first.** Three fresh networks: an RNN, an LSTM, and the same LSTM with its forget gates held open by a bias of 4. On
# whose gradient map will the lower left corner be bright?

# %%
batch = text.SequentialBatches(corpus.validation, batch_size=8, num_steps=30)[0]
fresh = {}
for name, cell in (("RNN", "rnn"), ("LSTM", "lstm"), ("open LSTM", "lstm")):
    generator = torch.Generator().manual_seed(0)
    fresh[name] = models.LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=48, generator=generator)
fresh["open LSTM"].weights.b_h.data[1] += 4
drawing, axes = figures.panels(3, width=12, height=3.6)
drawing.subplots_adjust(right=0.955)
for ax, (name, model) in zip(axes, fresh.items(), strict=True):
    norms = gradients.gradient_map(model, batch.tokens, batch.targets, model.initial_state(8))
    figures.gradient_map_image(ax, norms.numpy())
    ax.set_title(
        f"{name}: {norms.diagonal(-20).mean() / norms.diagonal().mean():.0e} at lag 20", loc="left", fontsize=12
    )
drawing

# %% [markdown]
# *Each row is the loss of one step, each column the state that it reaches; yellow is most. In the titles, what is left over twenty steps.*
#
# The RNN forgets, and so does an LSTM whose gates are half shut: $0.5^{20}$ is a millionth. With open forget gates the map is level all the way
# to the left. The gate is what matters, and it can be learnt; beginning with a positive bias helps (Jozefowicz et al. 2015).

# %% [markdown] slideshow={"slide_type": "slide"}
# What do gates do after training? An LSTM with 48 units, trained for 600 steps with Adam, reads unseen text.
#
# **Predict first.** Will a forget gate be open or shut at a space? Will most gates stand at 0 and 1, or in between?

# %% slideshow={"slide_type": "slide"}
readers = {}
for cell in ("lstm", "gru"):
    generator = torch.Generator().manual_seed(0)
    reader = models.LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=48, generator=generator)
    batches, knobs = text.SequentialBatches(corpus.train), training.Knobs(learning_rate=0.005)
    training.Trainer(reader, batches, optimizer="adam", knobs=knobs).run(600)
    readers[cell] = reader
unseen = corpus.vocab.decode(corpus.validation[:180])
lstm_gates = Gates(readers["lstm"], corpus.vocab, unseen)
lstm_gates

# %% [markdown]
# *Above, one unit's gate after each letter, blue where it is open. Below, the same gate of all units; the orange line is the unit above.*
#
# **Try this.** (1) Go through the units: some forget at every space, some hold on for words. (2) Compare *forget* with *input*: where one is open,
# is the other shut? Nothing forces them to agree.
#
# A GRU makes them agree. One gate does both, $h_t = (1 - z)\, n + z\, h_{t-1}$: what is not kept is renewed.

# %% slideshow={"slide_type": "slide"}
gru_gates = Gates(readers["gru"], corpus.vocab, unseen)
gru_gates

# %% [markdown]
# *The update gate $z$ of a GRU trained in the same way: open keeps the old state, shut takes the new candidate.*
#
# **Try this.** (1) Most of the picture is dark: this network renews itself with nearly every letter. (2) Where do almost all units hold on at once?
# Where this was built the two lightest columns are at characters {{ int(gru_gates.values[1].mean(1).argsort()[-2:].min()):d }} and {{ int(gru_gates.values[1].mean(1).argsort()[-2:].max()):d }}. Count in the text: both are the *u* after a *q*. It is no news, and the
# gates know. (3) Switch to *reset*: how much of the old state goes into the candidate.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: one step of an LSTM (8 minutes, medium)
#
# `x_in` is $x_t W_{xh} + b_h$, $(4, B, H)$, for i, f, g, o in this order; `W_hh` is $(4, H, H)$. So `h @ W_hh` is $(4, B, H)$ as well.


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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 4: one step of a GRU (8 minutes, medium)
#
# Here the blocks are r, z, n. The reset gate multiplies the *product* $h_{t-1} W_{hn}$, not the state before it.


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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Long-range dependence: a race
#
# Text tells little about memory: most characters can be guessed from the last few. So give networks a task that is nothing but memory.
# *Temporal order*: two symbols among distractors, one at the first step and one halfway; at the end, say which they were and in which order.
#
# Five contestants with 32 units: RNN; an RNN that begins with a rotation; an IRNN (ReLU, begins with the identity); GRU; LSTM, forget gates open.
#
# **Predict first.** At a delay of 30 steps, who solves it first, and who never? (Chance is wrong in 75 %, and whoever remembers one symbol in
# 50 %.)
# <!-- given: 75, 50 -->

# %% slideshow={"slide_type": "slide"}
race = MemoryRace(delay=30, most_steps=300)
race.start()
race.wait()
race

# %% [markdown]
# *Share of wrong answers on sequences never seen before, every ten steps. A line ends where its network had less than 1 % wrong twice in a
# row.*
#
# **Try this.** (1) Delay 5, then Start: everybody can. (2) Delay 60: who is left? (3) *Adding*: two of sixty numbers are marked, and the answer is their
# sum. The order of arrival changes. (4) *Copying* at delay 10: now a rotation is the best thing to begin with, because all has to be kept as it
# is.
# <!-- given: 60 -->

# %% [markdown]
# One race proves little. Three of each, up to 1,500 steps (`python -m bench.memory` repeats it); median steps to success, and the range:
#
# | task, delay | RNN | orthogonal RNN | IRNN | GRU | LSTM |
# | --- | --- | --- | --- | --- | --- |
# | temporal order, 10 | 50 (50 to 60) | 40 (40 to 50) | 70 (60 to 90) | 100 (70 to 100) | 90 (60 to 170) |
# | temporal order, 30 | 130, 1 of 3 runs | 70 (40 to 70) | 160 (100 to 170) | 210 (210 to 220) | 90 (90 to 1430) |
# | temporal order, 60 | never | 180 (100 to 230) | 190 (150 to 290) | never | 190, 1 of 3 runs |
# | adding, 10 | never | never | 840 (820 to 990) | 370 (360 to 400) | 710 (680 to 750) |
# | adding, 30 | never | never | 1080 (980 to 1380) | 590 (580 to 640) | 1150 (1090 to 1210), 2 of 3 runs |
#
# *On a machine with two CPU cores, float32, 2026-11-23.*
#
# From a delay of 30 on the plain RNN cannot be relied upon, and it never adds. A rotation to begin with is the quickest for order and no help
# for adding. The gates solve what the RNN cannot, up to a point: at 60 steps they mostly ran out of time. The IRNN alone solved everything, a
# network without a gate. A good beginning and a gate are two cures for one disease.
# <!-- measured: bench/memory.json -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The third problem: time
#
# Everything so far was about gradients. The third problem is the clock. Step $t$ needs $h_{t-1}$; no machine can begin with step 35 before step
# 34 is done.
# <!-- given: 35, 34 -->
#
# **Predict first.** The next cell measures forward and backward passes on your machine. Which of $T$, $B$, $H$ can you make four times as large for nearly
# nothing?

# %% slideshow={"slide_type": "slide"}
clock = StepTime()
clock

# %% [markdown]
# *Milliseconds a step on logarithmic axes; in each panel one size grows and the two others stay.*
#
# **Try this.** Press the three buttons and compare the factors. All curves begin flat: each training step has a fixed part, a fraction of a
# millisecond on a CPU. Then time grows with $T$, and nothing can be done about it, since each time step waits for the one before. What grows with
# $B$ and $H$ is the work inside a time step, which can be shared: here among a few cores, on a GPU among thousands. So its curves for $B$ and
# $H$ bend much later, and the one for $T$ does not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 5: the empty generator (4 minutes, medium)
#
# This training loop clips, and learns nothing. `parameters` comes from `model.parameters()`, which is a generator. Repair it, such that each
# parameter changes in place, and set `repaired = True`.

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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 6: the state that would not let go (4 minutes, easy)
#
# The loop of notebook 03 again, where it fails at the second minibatch. It must work for a GRU and for an LSTM. Set `freed = True`.


# %%
freed = False


def train_carrying(model, batches, state):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        losses.append(loss.item())
    return losses, state


checks.missing_detach(train_carrying if freed else lambda *arguments: ...)

# %% [markdown]
# <details><summary>What to do</summary>
#
# Detach the state after `loss.backward()`, part by part: it is a tuple, for a GRU $(h,)$ and for an LSTM $(h, c)$.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 7: a reshape too many (5 minutes, medium)
#
# Logits are $(T, B, V)$, but these targets are $(B, T)$. The line that is commented out runs, the loss falls a little, and the network never
# learns to write. Why? Return the right loss, a tensor that can be backpropagated.


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
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>The largest singular value of W<sub>hh</sub> is 1.2 and the activation is a tanh. Does the gradient explode?</summary>
#
# It may, and it need not. Above 1 explosion is possible; tanh units near ±1 have slopes far below 1 and usually make it vanish.
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
# Its cell is changed by adding, and the derivative from one step to the next is the forget gate. Where that is near 1, nothing is multiplied away.
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
