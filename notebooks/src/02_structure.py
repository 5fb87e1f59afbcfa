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
# - measure what a trained network's hidden state remembers, and for how long.
#
# 40 minutes to read, 20 for three exercises.

# %%
import timeit

import torch

from rnnlib import cells, checks, figures, models, text, training
from rnnlib.topics import memory, small_network
from rnnlib.widgets import HiddenStates, OneStep, UnrolledGraph

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The loop, folded and unrolled
#
# From notebook 01: a feed-forward network; the same with a loop; the loop unrolled, once for each step.

# %% slideshow={"slide_type": "slide"}
figures.three_networks()

# %% [markdown]
# *A drawing with a loop is short and says what there is; unrolled, it says in which order things are computed.*
#
# This notebook puts numbers into it: three inputs, four hidden units, two outputs, so small that it fits on a page. Its letters are $a$, $b$ and
# $c$. The input $x_t$ is **one-hot**: one number for each letter, 1 for the letter that is read and 0 for the others. The two outputs could rate two
# answers, such as *vowel* and *consonant*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A network that fits on a page
#
# **Predict first.** It reads the letters *abca*. Move *Time step*. Which numbers at the right change, and which never do? Where does
# $h_{t-1}$ come from? And if all of $W_{hh}$ were 0: at which steps would the states be equal?

# %% slideshow={"slide_type": "slide"}
network = small_network.example_network()
one_step = OneStep(network, "abca")
one_step

# %% [markdown]
# *Left, the units with their values; lines are weights, blue above zero, orange and dashed below, thick where they are large, pale where they
# come from a 0. Right, the sums that gave the values.*
#
# **Try this.** (1) Step through $t = 1, 2, 3$: $h_t$ of one step is $h_{t-1}$ of the next; the weights stay. (2) *Products of unit*: every product that goes into
# one unit. (3) $W_{hh}$ *all 0*: now the first and the last step, which both read *a*, have the same state, and nothing is remembered. (4) Type other *Letters*. (5) Choose a
# *Weight* and drag its value: which numbers move at $t = 1$, which only later?

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Weights and biases never change. Without $W_{hh}$ a state depends on its own letter alone: steps 1 and 4 are equal, a feed-forward network.
# A weight of $W_{hh}$ moves nothing at step 1, because $h_0 = 0$, one unit at step 2, and all from there on; a weight of $W_{hq}$ moves outputs and no state.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The new state is a function of the new input and a summary of the past
#
# $$h_t = \tanh(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad o_t = h_t W_{hq} + b_q.$$
#
# Inputs and states are rows. $V$ letters, $H$ hidden units, $B$ rows side by side; in a language model the outputs rate the $V$ letters.
#
# | symbol | shape here | in general | in many articles |
# | --- | --- | --- | --- |
# | $x_t$ input | 3 | $(B, V)$ | $x_t$ |
# | $h_t$ hidden state | 4 | $(B, H)$ | $s_t$ |
# | $o_t$ outputs, or logits | 2 | $(B, V)$ | $o_t$ |
# | $W_{xh}$, input to hidden | 3 x 4 | $(V, H)$ | U |
# | $W_{hh}$, hidden to hidden | 4 x 4 | $(H, H)$ | W |
# | $W_{hq}$, hidden to output | 4 x 2 | $(H, V)$ | V (a matrix) |
# | $b_h$, $b_q$ biases | 4, 2 | $(H)$, $(V)$ | b, c |

# %% [markdown]
# Why tanh? Without it the steps would be one long linear map, and a state could grow beyond all bounds. The tanh keeps every unit between $-1$ and 1.
#
# By hand, the fourth hidden unit at $t = 2$, where *b* is read: the second row of $W_{xh}$, then all four units of the previous state times the fourth column of
# $W_{hh}$.

# %%
x, y = torch.eye(3)[[0, 1, 2]].double().numpy(), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).double().numpy()
walked = small_network.walk(network, x, y)
from_input, from_state = network.W_xh[1, 3], walked.h[1] * network.W_hh[:, 3]
print("from the input:", from_input)
print("from the four units:", from_state.round(2), "together", from_state.sum().round(2))
a = from_input + from_state.sum() + network.b_h[3]
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


# %% tags=["nbval-check-output"]
weights = [torch.from_numpy(part) for part in vars(network).values()]
xs = torch.from_numpy(x)[:, None]
outputs, state = run(xs, torch.zeros(1, 4).double(), *weights)
print("inputs", tuple(xs.shape), "outputs", tuple(outputs.shape), "last state", tuple(state.shape))
print("the outputs are those of the picture:", torch.allclose(outputs[:, 0], torch.from_numpy(walked.o)))

# %% [markdown]
# Shapes: inputs $(T, B, V)$, outputs $(T, B, 2)$, a state $(B, H)$.
#
# The library's own step, in `rnnlib/cells.py`, is the same line. It is given `x_in`, the input's part $x_t W_{xh} + b_h$ of the sum, because that
# can be computed for all steps at once before the loop begins. And its state is a tuple, since another cell may carry two tensors:
#
# ```python
# def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
#     (h,) = state
#     return (tanh(x_in + h @ W_hh),)
# ```

# %% tags=["nbval-check-output"]
x_in = xs @ weights[0] + weights[2]
carried = (torch.zeros(1, 4).double(),)
for part in x_in:
    carried = cells.RNN.step(part, carried, weights[1])
print("by the library's step:", carried[0].numpy().round(2), "by ours:", state.numpy().round(2))

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
# ## Unrolled, edge by edge
#
# Write down every step of the loop side by side and you see a deep network, one layer for each time step.
#
# **Predict first.** For three steps, how many different matrices $W_{hh}$ are there? Along which edges can the first letter reach the third output?

# %% slideshow={"slide_type": "slide"}
graph = UnrolledGraph(network, x, y)
graph

# %% [markdown]
# *Edges walked so far are coloured, the last one thick; beside each node stands its value. $L_t$ is the loss of step $t$: half the squared distance of $o_t$ from a
# target, used in notebook 03.*
#
# **Try this.** Put the slider to 0 and walk edge by edge. (1) Each blue edge carries the same $W_{hh}$: one matrix, used three times.
# (2) From $x_1$ to $o_3$ there is a single way, through $h_1$, $h_2$, $h_3$: all that the third output knows of the first letter is in four numbers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 2: unroll it by hand (5 minutes, easy)
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
# ## Weights do not grow with time
#
# **Predict first.** A network reads 35 characters of a text with $V = 28$ and has $H = 256$ hidden units. You let it read 1,000 characters
# instead. How many weights must be added? And if every step had matrices of its own?

# %% tags=["nbval-check-output"]
V, H = 28, 256
model = models.LanguageModel("rnn", vocab_size=V, hidden_size=H)
for T in (1, 35, 1000):
    tokens = torch.zeros(T, 1, dtype=torch.int64)
    logits, _ = model(tokens, model.initial_state(1))
    its_own = T * (V * H + H * H + H + H * V + V)
    print(
        f"T = {T:4}: logits {tuple(logits.shape)}, {model.vector.numel():,} weights; each step with its own: {its_own:,}"
    )

# %% [markdown]
# None. The recurrent network has $VH + H^2 + H + HV + V$ weights for any $T$: all steps use the same ones, which is called **weight sharing**. With weights for every
# step it would have $T$ times as many, could not read a text longer than it was made for, and would have to learn each rule at every place anew.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One product instead of two
#
# Some books write the step with a single matrix: put $x_t$ and $h_{t-1}$ side by side and stack $W_{xh}$ on $W_{hh}$,
#
# $$[x_t, h_{t-1}] \begin{bmatrix} W_{xh} \\ W_{hh} \end{bmatrix} = x_t W_{xh} + h_{t-1} W_{hh}.$$
#
# It is the same sum. At $t = 2$ of the picture, before the bias:

# %% tags=["nbval-check-output"]
x_2, h_1 = torch.from_numpy(x[1]), torch.from_numpy(walked.h[1])
side_by_side, stacked = torch.cat([x_2, h_1]), torch.cat(weights[:2])
print(tuple(side_by_side.shape), "@", tuple(stacked.shape), "=", (side_by_side @ stacked).numpy().round(2))
print("two products:", (x_2 @ weights[0] + h_1 @ weights[1]).numpy().round(2))

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

# %% [markdown] tags=["nbval-ignore-output"]
# {{ multiply / look_up:.0f }} times as fast where this notebook was built, and without a tensor $(T, B, V)$ of zeros in memory. The numbers are the same. This library's
# networks from scratch look rows up when they run forward on a CPU.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: the forward pass, with its state carried (8 minutes, medium)
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
# ## What goes in, what comes out
#
# The same loop serves different tasks. What differs is at which steps something goes in, and at which an output is used.

# %% slideshow={"slide_type": "slide"}
figures.inputs_and_outputs()

# %% [markdown]
# *Green, inputs; blue, states; orange, outputs that are used; dashed, an output that becomes the next input.*
#
# A language model is many to many while it learns: after every character it predicts the next one. When it writes, each of its outputs becomes its next
# input. In a translation the whole sentence is read first, by the **encoder**; its last state is all that the **decoder** begins with.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What does the state remember?
#
# Train an RNN with 64 units on the story, long enough to write words. Then measure its memory in two ways, over all of the validation text.

# %%
corpus = text.load_corpus("story")
generator = torch.Generator().manual_seed(0)
reader = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
untrained = reader.copy()
training.Trainer(reader, text.SequentialBatches(corpus.train)).run(1500)
print(f"validation perplexity {training.perplexity(training.evaluate(reader, corpus.validation)):.2f}")

# %% [markdown]
# **How far back does it make use of what it read?** Show it only the last 1, 2, 3, ... characters before each place, from an empty state, and ask for the next one.
#
# **What does the state still contain?** A **probe** tries to read off $h_t$ which letter stood $k$ steps back: one weighted sum of the 64 units for each letter, fitted on
# training text. Whoever knows nothing says *space*, the most frequent one.
#
# **Predict first.** From how many visible characters on does the first curve stay level? And is an *untrained* state, made by random weights, any good?

# %%
shown, back = (1, 2, 3, 4, 6, 8, 12, 20), range(13)
used = [training.perplexity(loss) for loss in memory.loss_with_context(reader, corpus.validation, shown)]
fitted, majority = corpus.train[:20_000], corpus.validation.bincount().max() / len(corpus.validation)
found = {}
for name, model in (("trained", reader), ("untrained", untrained)):
    learnt, asked = memory.states_over(model, fitted), memory.states_over(model, corpus.validation)
    probes = [memory.Probe(learnt, fitted, k, V) for k in back]
    found[name] = [probe.accuracy(asked, corpus.validation) for probe in probes]

# %% slideshow={"slide_type": "slide"}
drawing, (uses, holds) = figures.panels(2, width=10)
uses.plot(shown, used, ".-", color=figures.BLUE)
uses.set(xlabel="characters shown", ylabel="validation perplexity", xticks=range(0, 21, 4), ylim=(0, 14))
for shares, color in zip(found.values(), (figures.BLUE, figures.GREY), strict=True):
    holds.plot(back, shares, ".-", color=color)
holds.axhline(majority, color=figures.BLACK, linestyle="--")
holds.set(xlabel="steps back, k", ylabel="letters found", xticks=range(0, 13, 2), ylim=(0, 1.05))
figures.label_lines(holds, [("trained", figures.BLUE), ("untrained", figures.GREY), ("always space", figures.BLACK)])
drawing

# %% [markdown]
# <!-- claim: an_rnn_makes_use_of_about_eight_characters_and_its_state_holds_the_last_few_letters -->
# <!-- claim: an_untrained_state_holds_the_last_letters_nearly_as_well -->
# *Left, perplexity against the visible past. Right, how often the probe names the letter $k$ steps back; dashed, the most frequent letter.*
#
# From about eight characters on, more past helps no more: {{ used[5]:.2f }} with 8, {{ used[7]:.2f }} with 20. The state holds the last letter ({{ found["trained"][0]:.0%}}), two steps back {{ found["trained"][2]:.0%}}, four back
# {{ found["trained"][4]:.0%}}, ten back no more than a guess, {{ found["trained"][10]:.0%}}. And random weights remember nearly as well! Already a random
# loop carries the past along, and lets it fade. What is *learnt* is to make use of it, and to keep it a few steps longer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A look at single units
#
# As an illustration: each letter below is shaded by what one unit holds after reading it, blue near 1, orange near $-1$. The unit shown is the one whose value after a
# space differs most from its value elsewhere.
#
# **Predict first.** Nobody told the network what a word is. And the plane below, in which the whole state moves: will it stand still after a space, or jump?

# %% slideshow={"slide_type": "slide"}
inside = HiddenStates(reader, corpus.vocab, corpus.vocab.decode(corpus.validation[:300]))
states = memory.states_over(reader, corpus.validation)
after_space = corpus.validation == corpus.vocab.encode(" ")
difference = (states[after_space].mean(0) - states[~after_space].mean(0)) / states.std(0)
inside.unit.value = int(difference.abs().argmax())
inside

# %% [markdown]
# <!-- claim: some_unit_tells_spaces_from_letters_over_all_validation_text -->
# *Above, one unit over the text. Below left, all 64 units along the two directions in which they vary most, with the last ten
# letters as a path; right, the unit over fifty letters.*
#
# Over all validation text unit {{ inside.unit.value:d }} holds {{ states[after_space, inside.unit.value].mean():.2f }} after a space, on average, and {{ states[~after_space, inside.unit.value].mean():.2f }} after a letter (standard deviations {{ states[after_space, inside.unit.value].std():.2f }} and
# {{ states[~after_space, inside.unit.value].std():.2f }}). The plane shows {{ inside.share_of_variance:.0%}} of the states' variance; the rest you do not see.

# %% [markdown]
# **Try this.** Move *Unit*: most are hard to read. A state is read by its 64 numbers together, as the probe does. Move *Character*: the path jumps. From one letter to
# the next the whole state moves {{ (states[1:] - states[:-1]).norm(dim=1).mean() / (states - states.roll(1000, 0)).norm(dim=1).mean():.0%}} as far as two states lie apart that have nothing to do with each other.
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
# <details><summary>A state holds the letter of three steps ago. Does that mean that training has taught it to?</summary>
#
# No. A random loop holds it, too: whatever goes round in the state fades slowly. Compare with an untrained network before you say what was learnt.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [8.4 Recurrent neural networks](https://d2l.ai/chapter_recurrent-neural-networks/rnn.html),
#   [8.5 From scratch](https://d2l.ai/chapter_recurrent-neural-networks/rnn-scratch.html)
# - Elman 1990, *Finding structure in time*: the network of this notebook, and what its units learnt
# - Jaeger 2001, *The "echo state" approach*: networks whose loop is never trained
# - Karpathy, Johnson and Li 2016, *Visualizing and understanding recurrent networks*: units that count and quote
# - Next: [03 Backpropagation through time](03_backpropagation_through_time.ipynb)
