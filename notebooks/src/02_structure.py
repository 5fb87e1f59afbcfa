# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 02 Structure
#
# When you have worked through this notebook, you can
#
# - compute one step of a recurrent network by hand, and say where each number comes from;
# - write the whole forward pass in six lines and name the shape of everything in it;
# - explain why a network for a thousand steps has no more weights than one for a single step;
# - measure what a trained network's hidden state remembers, and for how long.
#
# 40 minutes to read, 18 for three exercises.

# %%
import timeit

import torch

from rnnlib import cells, checks, figures, models, text, training
from rnnlib.topics import memory, small_network
from rnnlib.widgets import HiddenStates, OneStep, UnrolledGraph

# %% [markdown]
# ## The loop, folded and unrolled
#
# From notebook 01: a feed-forward network; the same with a loop; the loop unrolled, once for each step.

# %%
figures.three_networks()

# %% [markdown]
# *A drawing with a loop is short and says what there is; unrolled, it says in which order things are computed.*
#
# This notebook puts numbers into it: three inputs, four hidden units, two outputs, so small that it fits on a page. Its letters are $a$, $b$ and
# $c$. The input $x_t$ is **one-hot**: one number for each letter, 1 for the letter that is read and 0 for the others. The two outputs rate two
# answers, first *vowel*, then *consonant*. The weights are made up, not learned: it calls every letter a vowel. Notebook 03 shows how that is corrected.

# %% [markdown]
# ## A network that fits on a page
#
# **Predict first.** It reads the letters *abca*, from the state $h_0 = 0$ on. When you move *Time step*, which numbers at the right will change, and which will not? Where does
# $h_{t-1}$ come from? And if all of $W_{hh}$ were 0, which steps would have the same state?

# %%
network = small_network.example_network()
one_step = OneStep(network, "abca")
one_step

# %% [markdown]
# *Left, the units with their values. Lines are weights: blue above zero, orange and dashed below, thicker where larger; a line from
# a 0 is pale. Right, the sums that gave the values, and the weights; green is the input's part, blue the state's, orange the output's, darker where a number is larger.*
#
# **Try this.** (1) Step through $t = 1, 2, 3$: $h_t$ of one step is $h_{t-1}$ of the next. (2) Click a unit of $h_t$, or move *Products of unit*: its
# products are listed below. (3) $W_{hh}$ *all 0*: compare steps 1 and 4; then back to *as it is*. (4) Type other *Letters* (a, b, c). (5) Choose a *Weight*, drag
# its value: what moves at $t = 1$, what only later?

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# Weights and biases never change; all else does. $h_{t-1}$ is what the step before computed. Without $W_{hh}$ a state depends on its own letter alone:
# steps 1 and 4, which both read *a*, have the same state, as in a feed-forward network.
#
# A weight of $W_{xh}$ moves the steps that read its letter, and all after them. A weight of $W_{hh}$ moves nothing at step 1, because
# $h_0 = 0$, one unit at step 2, and all units from step 3 on. A weight of $W_{hq}$ moves one output at every step, and no state.
# </details>

# %% [markdown]
# ## The new state is a function of the new input and a summary of the past
#
# $$a_t = x_t W_{xh} + h_{t-1} W_{hh} + b_h, \qquad h_t = \tanh(a_t), \qquad o_t = h_t W_{hq} + b_q.$$
#
# Inputs and states are rows. $V$ letters, $H$ hidden units, $Q$ outputs, $B$ rows side by side. A language model rates each letter: $Q = V$.
#
# | symbol | shape here | in general | in many articles |
# | --- | --- | --- | --- |
# | $x_t$ input | 3 | $(B, V)$ | $x_t$ |
# | $h_t$ hidden state | 4 | $(B, H)$ | $s_t$ |
# | $a_t$ sum, before the tanh | 4 | $(B, H)$ | |
# | $o_t$ outputs, or logits | 2 | $(B, Q)$ | $o_t$ |
# | $W_{xh}$, input to hidden | 3 x 4 | $(V, H)$ | U |
# | $W_{hh}$, hidden to hidden | 4 x 4 | $(H, H)$ | W |
# | $W_{hq}$, hidden to output | 4 x 2 | $(H, Q)$ | V (a matrix) |
# | $b_h$, $b_q$ biases | 4, 2 | $(H)$, $(Q)$ | b, c |

# %% [markdown]
# Why tanh? Without it the steps would be one long linear map, and a state could grow beyond all bounds. The tanh keeps every unit between $-1$ and 1.
#
# By hand, the fourth hidden unit at $t = 2$. The letter is *b*, the second one, so from the input comes the entry in row 2, column 4 of $W_{xh}$. From the state come four
# products: the units of $h_1$, each times its entry in column 4 of $W_{hh}$. The bias is the fourth entry of $b_h$. (Rows and columns are counted from 1 here and in the picture; Python counts them from 0.)

# %%
x = torch.eye(3).double().numpy()  # a, b, c
y = torch.eye(2)[[0, 1, 1]].double().numpy()  # vowel, consonant, consonant: the targets, needed further down
walked = small_network.walk(network, x, y)
from_input, from_state, bias = network.W_xh[1, 3], walked.h[1] * network.W_hh[:, 3], network.b_h[3]
print("from the input:", from_input)
print("from the four units:", *from_state.round(2), "together", from_state.sum().round(2))
a = torch.tensor(from_input + from_state.sum() + bias)
print(f"bias {bias}; sum {a:.2f}, state {a.tanh():.2f}; in the picture {walked.h[2, 3]:.2f}")

# %% [markdown]
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
W_xh, W_hh, b_h, W_hq, b_q = (torch.from_numpy(each) for each in vars(network).values())
xs = torch.from_numpy(x)[:, None]
outputs, state = run(xs, torch.zeros(1, 4).double(), W_xh, W_hh, b_h, W_hq, b_q)
print("inputs", tuple(xs.shape), "outputs", tuple(outputs.shape), "last state", tuple(state.shape))
print(
    "the outputs are those of steps 1 to 3 in the picture, as it first was:",
    torch.allclose(outputs[:, 0], torch.from_numpy(walked.o)),
)

# %% [markdown]
# Shapes: inputs $(T, B, V)$, outputs $(T, B, Q)$, a state $(B, H)$; here $T = 3$ and $B = 1$.
#
# The library's own step, in `rnnlib/cells.py`, is the same line. It is given `x_in`, the input's part $x_t W_{xh} + b_h$ of the sum, because that
# can be computed for all steps at once before the loop begins. And its state is a tuple, since an LSTM (notebook 04) carries two tensors:
#
# ```python
# def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
#     (h,) = state
#     return (tanh(x_in + h @ W_hh),)
# ```

# %% tags=["nbval-check-output"]
x_in = xs @ W_xh + b_h
carried = (torch.zeros(1, 4).double(),)
for part in x_in:
    carried = cells.RNN.step(part, carried, W_hh)
print("by the library's step:", carried[0].numpy().round(2), "by ours:", state.numpy().round(2))

# %% [markdown]
# ## Exercise 1: one step (5 minutes, easy)
#
# Write the step yourself: $x$ is $(B, V)$, $h$ is $(B, H)$, $W_{xh}$ is $(V, H)$, $W_{hh}$ is $(H, H)$, $b_h$ is $(H)$. Return the next state, a tensor
# $(B, H)$.


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

# %% [markdown]
# ## Unrolled, edge by edge
#
# Write down every step of the loop side by side and you see a deep network, one layer for each time step.
#
# **Predict first.** For three steps, how many different matrices $W_{hh}$ are there? Along which edges can the first letter reach the third output?

# %%
graph = UnrolledGraph(network, x, y)
graph

# %% [markdown]
# *Edges not yet walked are grey, the last one is thick. Green, blue and orange edges carry a matrix, the black one none; a node's values stand beside it. $L_t$ is the loss of step $t$, used in notebook 03: half the
# squared distance of $o_t$ from its target, (1, 0) for a vowel and (0, 1) for a consonant.*
#
# **Try this.** Move the slider to 0 and walk edge by edge. (1) Each blue edge carries the same $W_{hh}$: one matrix, used three times.
# (2) From $x_1$ to $o_3$ there is a single way, through $h_1$, $h_2$ and $h_3$: all that the third output can know of the first letter is in the four numbers of a state.

# %% [markdown]
# ## Exercise 2: unroll it by hand (5 minutes, easy)
#
# Return $h_2$, $(B, H)$, for two letters $x_1$ and $x_2$, $(B, V)$, and a state $h_0$, $(B, H)$; the weights are those of Exercise 1. Try to write it as a single
# expression, without a loop and without a name for $h_1$. (The check looks at the numbers alone.)


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

# %% [markdown]
# ## The number of weights does not grow with time
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
# <!-- given: 965, 80,156, 77 -->
# None has to be added; with its own for every step, 965 times 80,156, some 77 million. The recurrent network has $VH + H^2 + H + HV + V$ weights, biases counted in, for any $T$: all steps use the same ones, which is called **weight sharing**. With weights for every
# step it would have $T$ times as many, could not read a text longer than it was made for, and would have to learn each rule at every place anew.

# %% [markdown]
# ## One product instead of two
#
# Some books write the step with a single matrix: put $x_t$ and $h_{t-1}$ side by side and stack $W_{xh}$ on $W_{hh}$,
#
# $$[x_t, h_{t-1}] \begin{bmatrix} W_{xh} \\ W_{hh} \end{bmatrix} = x_t W_{xh} + h_{t-1} W_{hh}.$$
#
# It is the same sum. At $t = 2$ of the picture, before the bias:

# %% tags=["nbval-check-output"]
x_2, h_1 = torch.from_numpy(x[1]), torch.from_numpy(walked.h[1])
side_by_side, stacked = torch.cat([x_2, h_1]), torch.cat([W_xh, W_hh])
print(tuple(side_by_side.shape), "@", tuple(stacked.shape), "=", (side_by_side @ stacked).numpy().round(2))
print("two products:", (x_2 @ W_xh + h_1 @ W_hh).numpy().round(2))

# %% [markdown]
# ## A one-hot vector picks a row
#
# In the picture $x_t W_{xh}$ was a row of $W_{xh}$. With one-hot inputs it always is. So why build a vector of zeros and a single 1, and multiply?
#
# **Predict first.** For 35 x 32 characters, $V = 28$ and $H = 256$: how much faster is it to look the rows up?

# %%
tokens, table = torch.randint(V, (35, 32)), torch.randn(V, H)
one_hot = torch.nn.functional.one_hot(tokens, V).float()
assert torch.allclose(one_hot @ table, table[tokens])

# %% tags=["nbval-ignore-output"]
ways = (
    lambda: torch.nn.functional.one_hot(tokens, V).float() @ table,
    lambda: torch.nn.functional.embedding(tokens, table),
)
multiply, look_up = (min(timeit.repeat(way, number=10, repeat=30)) / 10 for way in ways)
print(f"one-hot product {multiply * 1e6:.0f} us, looking up {look_up * 1e6:.0f} us")

# %% [markdown] tags=["nbval-ignore-output"]
# {{ multiply / look_up:.0f }} times as fast where this notebook was built, and without a tensor $(T, B, V)$ of zeros and ones in memory. The numbers are the same. This library's
# networks from scratch do the same.

# %% [markdown]
# ## Exercise 3: the forward pass, with its state carried (8 minutes, medium)
#
# In come the inputs `xs`, $(T, B, V)$, and the state `h` before the first step, $h_0$, $(B, H)$; the weights are those of Exercise 1. Return two things: the states $h_1$ to $h_T$ in one tensor,
# $(T, B, H)$, and the last of them, $(B, H)$, from which the next minibatch can go on.


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

# %% [markdown]
# ## What goes in, what comes out
#
# The same loop serves different tasks. What differs is at which steps something goes in, and at which an output is used.

# %%
figures.inputs_and_outputs()

# %% [markdown]
# *Green, inputs that are given; blue, states; orange, outputs that are used; purple, outputs that become the next input.*
#
# A language model is many to many while it learns: after every character it predicts the next one. When it writes, the character that an output
# gives becomes the next input. In a translation the **encoder** first reads the whole sentence. The **decoder**, mostly with weights of its own, gets only the encoder's last state and a start symbol; then it goes on from its own outputs.

# %% [markdown]
# ## What does the state remember?
#
# Train an RNN with 64 units on the story for 1,500 steps. Then measure its memory in two ways, over all of the validation text.

# %%
corpus = text.load_corpus("story")
generator = torch.Generator().manual_seed(0)
reader = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
untrained = reader.copy()
training.Trainer(reader, text.SequentialBatches(corpus.train)).run(1500)
nearly_blind = training.perplexity(training.evaluate(untrained, corpus.validation))
print(
    f"validation perplexity {training.perplexity(training.evaluate(reader, corpus.validation)):.2f}, untrained {nearly_blind:.1f}"
)

# %% [markdown]
# **How far back does it make use of what it read?** Show it only the last 1, 2, 3, ... characters before each place, from a state of zeros, and ask for the next one.
#
# **What does the state still contain?** A **probe** tries to read off $h_t$ which letter stood $k$ steps back: one weighted sum of the 64 units for each letter, fitted on
# training text. Who knows nothing does best to say *space*. But letters betray their neighbours, so the cell also guesses the letter three back from the three after it, by counts.
#
# **Predict first.** From how many characters on will the first curve be level? And does an *untrained* state hold any letters?

# %%
shown, back = (1, 2, 3, 4, 6, 8, 12, 20), range(13)
used = [training.perplexity(loss) for loss in memory.loss_with_context(reader, corpus.validation, shown)]
fitted, majority = corpus.train[:20_000], corpus.validation.bincount().max() / len(corpus.validation)
found = {}
for name, model in (("trained", reader), ("untrained", untrained)):
    learnt, asked = memory.states_over(model, fitted), memory.states_over(model, corpus.validation)
    probes = [memory.Probe(learnt, fitted, k, V) for k in back]
    found[name] = [probe.accuracy(asked, corpus.validation) for probe in probes]
print("perplexity:", *(f"{length} shown {perplexity:.2f}" for length, perplexity in zip(shown, used, strict=True)))
oldest, *after = fitted.unfold(0, 4, 1).T  # each letter, and the three after it
table = torch.zeros(V, V, V, V).index_put((*after, oldest), torch.ones(len(oldest)), accumulate=True)
oldest, *after = corpus.validation.unfold(0, 4, 1).T
guessed = (table[tuple(after)].argmax(1) == oldest).double().mean()
print(f"guessed by counting: 3 back {guessed:.0%}")
for name, shares in found.items():
    print(f"{name}, letter found:", *(f"{k} back {shares[k]:.0%}" for k in (0, 1, 2, 3, 4, 10)))

# %%
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
# <!-- claim: an_rnn_makes_hardly_any_use_of_more_than_eight_characters_and_none_of_more_than_twelve -->
# *Left, perplexity against the number of characters shown. Right, how often the probe names the letter $k$ steps back; dashed, the most frequent letter. ($n$ characters shown reach back to $k = n - 1$.)*
#
# From eight characters on more of the past hardly helps, from twelve on not at all: {{ used[5]:.2f }} with 8, {{ used[6]:.2f }} with 12, {{ used[7]:.2f }} with 20. (The
# {{ training.perplexity(training.evaluate(reader, corpus.validation)):.2f }} above is that of the same text cut into 32 pieces, each read from a state of zeros, so that a few characters have little before them.)

# %% [markdown]
# <!-- claim: the_state_holds_the_last_letters_and_after_ten_steps_nothing_that_a_probe_finds -->
# <!-- claim: random_weights_hold_the_last_two_letters_better_and_trained_ones_hold_letters_about_a_step_longer -->
# <!-- given: 1 -->
# The state holds the last letter ({{ found["trained"][0]:.0%}}); two steps back the probe finds {{ found["trained"][2]:.0%}}, four back
# {{ found["trained"][4]:.0%}}, ten back no more than always saying *space* would: there a weighted sum finds nothing any more.
#
# And random weights? For the last two letters, $k = 0$ and 1, they are *better* ({{ found["untrained"][1]:.0%}} against {{ found["trained"][1]:.0%}} at $k = 1$); at $k = 2$ both are nearly equal; from there on the trained
# state holds letters a little longer, by less than a step. Even a loop of random weights carries the past along and lets it fade. And three back, counting alone finds {{ guessed:.0%}}, without any state. So these curves do not show what training did; perplexity does: {{ nearly_blind:.0f}} untrained, {{ training.perplexity(training.evaluate(reader, corpus.validation)):.2f }} trained.

# %% [markdown]
# ## A look at single units
#
# As an illustration: each letter below is shaded by what one unit holds after reading it, blue near 1, orange near $-1$. The unit shown is the one whose value after a
# space differs most from its value elsewhere. Below left, the whole state as a point in a plane.
#
# **Predict first.** From one letter to the next, will the state move a little, as along a path, or jump? And is it different where a word ends?

# %%
inside = HiddenStates(reader, corpus.vocab, corpus.vocab.decode(corpus.validation[:300]))
states = memory.states_over(reader, corpus.validation)
space = corpus.validation == corpus.vocab.encode(" ")
difference = (states[space].mean(0) - states[~space].mean(0)) / states.std(0)
inside.unit.value = int(difference.abs().argmax())
inside

# %% [markdown]
# *Above, one unit over the text; framed, the letter chosen. Below left, all 64 units in a plane: across, the direction in which the states vary most, and upwards the one in which they vary second most; grey, the state after each letter; blue, the last ten, in their order; orange, the one
# chosen. Right, the unit over fifty letters.*
#
# **Try this.** Move *Unit*: most are hard to read. Move *Character* and watch the path. The next cell measures both over the whole validation text, not over three hundred letters.
# <!-- given: 300 -->

# %%
chosen, unit = states[:, inside.unit.value], inside.unit.value
for name, after in (("after a space", space), ("after a letter", ~space)):
    print(f"unit {unit} {name}: on average {chosen[after].mean():.2f}, standard deviation {chosen[after].std():.2f}")
unrelated = (states - states.roll(1000, 0)).norm(dim=1).mean()  # the distance of two states 1,000 letters apart
moved = (states[1:] - states[:-1]).norm(dim=1) / unrelated
for name, steps in (("to a space", space[1:]), ("from a space", space[:-1]), ("in a word", ~space[1:] & ~space[:-1])):
    print(f"{name} the state moves {moved[steps].mean():.2f} times the distance of two unrelated states")
print(f"of the variance of the 300 states the plane shows {inside.share_of_variance:.0%}")

# %% [markdown]
# <!-- claim: some_unit_tells_spaces_from_letters_over_all_validation_text -->
# <!-- claim: at_every_letter_the_state_jumps_as_far_as_two_unrelated_states_lie_apart -->
# This unit tells spaces from letters, though not always: look at the standard deviations. And on average the state jumps, everywhere alike: after one more letter it is at least as far away as
# after a thousand. The plane shows {{ inside.share_of_variance:.0%}} of the variance of these 300 states; the probe reads all 64 numbers.
#
# How to learn such weights is the next question.

# %% [markdown]
# ## Recap
#
# <details><summary>What makes a network recurrent?</summary>
#
# Its state: what it computed at one step is an input of the next. In code, one variable that a loop carries.
# </details>
#
# <details><summary>A network with 256 units is to read sequences ten times as long. What has to change?</summary>
#
# Nothing. All steps share the same weights; only the loop runs longer. (Whether it can *learn* over such a distance: notebooks
# 03 and 04.)
# </details>
#
# <details><summary>A state holds the letter of three steps ago. Does that mean that training has taught it to?</summary>
#
# No. In a random loop a probe finds it nearly as often, and much of it can be guessed from the letters after it. Compare with an untrained network and a guesser first.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [9.4 Recurrent neural networks](https://d2l.ai/chapter_recurrent-neural-networks/rnn.html),
#   [9.5 From scratch](https://d2l.ai/chapter_recurrent-neural-networks/rnn-scratch.html)
# - Elman 1990, *Finding structure in time*: the network of this notebook, and what its units learnt
# - Jaeger 2001, *The "echo state" approach*: networks whose loop is never trained
# - Karpathy, Johnson and Li 2016, *Visualizing and understanding recurrent networks*: units of an LSTM that follow the length of a line, or whether a quotation is open
# - Next: [03 Backpropagation through time](03_backpropagation_through_time.ipynb)
