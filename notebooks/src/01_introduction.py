# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 01 Introduction
#
# When you have worked through this notebook, you can
#
# - say why a sequence needs memory, and what a hidden state is good for;
# - turn a text into tokens, a vocabulary and minibatches, and say which character lands where;
# - explain a perplexity of 8 to somebody who has never heard the word;
# - judge a network by text that it has not seen, and by what mere counting reaches there.
#
# 40 minutes to read, 25 for three exercises.

# %%
from collections import Counter

import torch

from rnnlib import baselines, checks, figures, models, text, training
from rnnlib.topics import tasks
from rnnlib.widgets import CountedBaselines, Partitions, PerplexityOfADistribution, TrainingLab

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A network begins to write
#
# The next cell trains a small recurrent network on a story, for 150 steps. It reads one character after the other and learns to
# say which comes next. Below the picture stands what it writes now.
#
# **Predict first.** Press **Start**. What will it write first: words, letters that could be words, or noise? What does it learn last?

# %% slideshow={"slide_type": "slide"}
lab = TrainingLab(name="first lab", hidden_size=64)
lab.session.run(150)
lab

# %% [markdown]
# *Top left: perplexity, the number of characters among which the network is still unsure, falls. The dashed line is what counting
# reaches. The other three panels belong to notebooks 03 and 04.*
#
# **Try this.** Let it run and read the text aloud every few seconds; what is new in it is underlined, and its slider brings back the earlier
# ones. "Pace" slows the training down. First it finds out which letters are frequent, then where words end,
# then short words, then names. Press **Pause**: everything else in this notebook explains what you saw.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why a sequence needs memory
#
# In most data one example says nothing of the next. In a text, a melody or a temperature curve it does: what comes at time $t$
# depends on what came before, $P(x_t \mid x_{t-1}, \dots, x_1)$. Three ways to deal with a past that grows and grows:
#
# - **Autoregression**: predict $x_t$ from everything before it.
# - **Markov assumption**: predict it from the last $\tau$ values only.
# - **Latent state**: keep a summary $h_t$ of the past, and renew it at every step: $h_t = f(x_t, h_{t-1})$.

# %% [markdown]
# Start with numbers instead of letters: a slow sine with noise, 1,000 values. The noise cannot be predicted; the sine can.

# %%
generator = torch.Generator().manual_seed(0)
time = torch.arange(1000)
series = tasks.noisy_sine(1000, generator)
drawing, (ax,) = figures.panels()
ax.plot(time, series, color=figures.BLUE, linewidth=0.8)
ax.set(xlabel="time t", ylabel="x")
drawing

# %% [markdown]
# *Noise of size 0.2 on a wave that takes 628 steps.*
#
# Take the Markov assumption with $\tau = 4$: a weighted sum of the last four values. The first 600 windows of four determine the
# weights by least squares.

# %% tags=["nbval-check-output"]
lag = 4
windows = series.unfold(0, lag, 1)[:-1]  # (996, 4): each value's four predecessors
weights = torch.linalg.lstsq(windows[:600], series[lag : 600 + lag, None]).solution
print("weights of the last four values:", [round(weight, 2) for weight in weights.flatten().tolist()])

# %% [markdown] slideshow={"slide_type": "slide"}
# One step ahead is easy: the four values are known. To look further, the predictions themselves have to serve as input.
#
# **Predict first.** The noise has size 0.2, and no prediction can be better than that. How large will the error be 4, 16 and 64 steps
# ahead?


# %%
def predict_ahead(steps: int) -> torch.Tensor:
    """From each window of four true values, the value `steps` later."""
    known = windows
    for _ in range(steps):
        known = torch.cat([known[:, 1:], known @ weights], dim=1)
    return known[: 1000 - lag - steps + 1, -1]


# %% tags=["nbval-check-output"]
for steps in (1, 4, 16, 64):
    error = predict_ahead(steps) - series[lag + steps - 1 :]
    print(f"{steps:2} steps ahead: error {error[600:].square().mean().sqrt():.2f}")

# %% [markdown]
# These are root mean squares over the last values, which did not determine the weights. Drawn over the series:

# %%
drawing, (ax,) = figures.panels()
ax.plot(time, series, color=figures.GREY, linewidth=0.5)
horizons = {1: figures.BLUE, 16: figures.GREEN, 64: figures.ORANGE}
for steps, color in horizons.items():
    ax.plot(time[lag + steps - 1 :], predict_ahead(steps), color=color, linewidth=1.4)
ax.set(xlabel="time t", ylabel="x")
figures.label_lines(ax, [(f"{steps} ahead", color) for steps, color in horizons.items()])
drawing

# %% [markdown]
# *The further ahead, the flatter and the later: 64 steps ahead the wave is predicted too low and too late.*
#
# Errors feed on themselves, and four noisy values do not even tell whether the wave rises or falls. A longer window would know, but
# it needs a weight for every value in it. A **state** that sums up the past in a fixed number of values is what a recurrent
# network has instead.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From a text to tokens
#
# Now letters. The course comes with a story, *The Lamp Keeper*. Upper case, digits and punctuation become spaces or go, so that
# 26 letters and the space remain. Each becomes a **token**, a number; the list of all tokens is the **vocabulary**.

# %% tags=["nbval-check-output"]
corpus = text.load_corpus("story")
vocab = corpus.vocab
print(vocab.tokens)
tokens = vocab.encode("the lamp")
print(tokens.tolist(), "->", vocab.decode(tokens))

# %% [markdown]
# Token 0, `<unk>`, stands for everything that is not in the text. $V = 28$ is the size of the vocabulary.
#
# The last tenth of the text is **held out**: nothing is ever trained on it. It is the only judge in this course.

# %% tags=["nbval-check-output"]
print(f"{len(corpus.train):,} tokens to train on, {len(corpus.held_out):,} held out, V = {len(vocab)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A few words do most of the work
#
# Why characters and not words? Count the words, the pairs of words and the triples.
#
# **Predict first.** The story has 12,844 words. How many *different* ones? And how many of its triples occur only once: a tenth, half,
# most?

# %%
words = text.letters_only(text.read_text("story")).split()
runs = {"words": Counter(words), "pairs": Counter(zip(words, words[1:], strict=False))}
runs["triples"] = Counter(zip(words, words[1:], words[2:], strict=False))
drawing, (ax,) = figures.panels()
figures.zipf(ax, {name: list(counter.values()) for name, counter in runs.items()})
drawing

# %% tags=["nbval-check-output"]
for name, counter in runs.items():
    once = sum(count == 1 for count in counter.values())
    print(f"{len(counter):6,} different {name}; {once / len(counter):.0%} of them occur once")

# %% [markdown]
# *On logarithmic axes the words lie near a straight line: Zipf's law. Pairs and triples fall more slowly.*
#
# Nearly all triples are seen a single time, so counting longer and longer runs of words soon counts nothing. Characters are few, and
# each is seen often. What they lack is reach: four characters are less than a word.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Minibatches: which character lands where
#
# A network reads $B$ pieces of text side by side, each $T$ characters long. There are two ways to cut them. **Sequential**: row $b$ walks
# through the $b$-th part of the text, so a minibatch goes on where the last one ended. **Random**: pieces are drawn from anywhere.
#
# **Predict first.** Move *Minibatch* by one. Which way of cutting moves each colour by exactly one piece? After the last one
# of an epoch, where does the next begin?

# %% slideshow={"slide_type": "slide"}
partitions = Partitions(corpus)
partitions

# %% [markdown]
# *Above, the beginning of the story with the rows of one minibatch; below, what the network gets: tokens, and as targets the same
# text one character on.*
#
# **Try this.** (1) Walk from minibatch 0 to 8: three rows share the text evenly. (2) Go on to 9: a new epoch begins at another offset,
# so that the cuts do not always fall on the same characters. (3) Switch to random: nothing goes on, so no state can be carried.

# %% [markdown]
# The library's batches are time-major, $(T, B)$: `tokens[t, b]` is what row $b$ reads at time $t$. In the whole course the first axis is
# time.

# %%
batches = text.SequentialBatches(corpus.train, batch_size=32, num_steps=35)
batch = batches[0]
assert batch.tokens.shape == batch.targets.shape == (35, 32)
assert torch.equal(batch.tokens[1:], batch.targets[:-1])
assert torch.equal(batches[1].tokens[0], batch.targets[-1])  # each row goes on

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Language models and perplexity
#
# A **language model** gives every text a probability, one token at a time:
#
# $$P(x_1, \dots, x_n) = \prod_t P(x_t \mid x_1, \dots, x_{t-1}).$$
#
# Take the mean of $-\log P$ over all tokens: that is the cross-entropy, the loss of this course, in nats per token. Its exponential
# is the **perplexity**. By hand, with two tokens: the first was given probability 1/2, the second 1/8.

# %% tags=["nbval-check-output"]
p = torch.tensor([1 / 2, 1 / 8])
print(f"loss {-p.log().mean():.3f} nats, perplexity {(-p.log().mean()).exp():.2f}")

# %% [markdown]
# The first surprise was 1 in 2, the second 1 in 8, and their geometric mean is 4. So this model was, all in all, as unsure as somebody
# who throws a fair die with four faces. A perplexity of 8 is a die with eight.

# %% [markdown] slideshow={"slide_type": "slide"}
# What if the model is exactly as unsure as the text deserves? Set the shares of five characters.
#
# **Predict first.** How do you reach perplexity 5, and how perplexity 1? With shares 8 and 8 for two characters, what is it? What happens
# to it when you add a third character with share 1?

# %% slideshow={"slide_type": "slide"}
die = PerplexityOfADistribution()
die

# %% [markdown]
# *Left, the distribution; right, the surprise $1/p$ of each outcome. The line is their mean on the logarithmic axis, each weighted
# with its probability: the perplexity.*
#
# **Try this.** (1) All equal: 5, a fair die. (2) All but one at 0: certainty, 1. (3) 8, 8 and a third share of 1: 2.40. A rare outcome surprises
# a lot, but rarely.

# %% [markdown]
# A model can be worse than the text deserves, and there is no upper bound to that: what counts is the probability of what *came*. Three models of
# 28 characters, asked for a text of four tokens:

# %% tags=["nbval-check-output"]
targets = torch.tensor([3, 1, 4, 1])
knows = torch.full((4, 28), -20.0)
knows[range(4), targets] = 20.0
for name, logits in (("knows", knows), ("guesses", torch.zeros(4, 28)), ("errs with confidence", -knows)):
    loss = torch.nn.functional.cross_entropy(logits, targets)
    print(f"{name}: perplexity {training.perplexity(loss):.3g}")

# %% [markdown]
# 1 for a perfect model, $V = 28$ for a blind guess. Between the two lies everything worth training; above $V$ lies what is confident and
# wrong.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 1: perplexity from logits (5 minutes, easy)
#
# Logits $(T, B, V)$ rate each of $V$ tokens for every place; targets $(T, B)$ say which came. Return one perplexity for all $T B$ of them, a
# number. Your function leaves its arguments as they are, here and wherever nothing else is asked.


# %%
def my_perplexity(logits: torch.Tensor, targets: torch.Tensor) -> float:
    return ...  # your lines


checks.perplexity(my_perplexity)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `torch.nn.functional.cross_entropy` returns the mean loss in nats; it wants logits $(N, V)$ and targets $(N)$.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
# return float(torch.exp(loss))
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What counting reaches
#
# Before any network: count. A bigram looks up what followed the last character in the training text; a 4-gram looks at the last three.
# Most long contexts never occurred, so every count is mixed with the counts of a shorter context:
#
# $$P(x \mid c) = \frac{N(cx) + K(c)\,P(x \mid c')}{N(c) + K(c)}.$$
#
# $N$ counts occurrences, $K(c)$ the different characters seen after $c$; $c'$ is $c$ without its first character (Witten and
# Bell 1991). Nothing gets probability 0.

# %% tags=["nbval-check-output"]
for order in (2, 3, 4):
    counted = baselines.NGram(corpus.train, order=order, vocab_size=len(vocab))
    print(f"{order}-gram: held-out perplexity {counted.perplexity(corpus.held_out):.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** The 5-gram sees more than all others. Is it the best if only 423 characters were counted? What will it write, and what
# will a 1-gram write?

# %% slideshow={"slide_type": "slide"}
counting = CountedBaselines(corpus)
counting

# %% [markdown]
# *Held-out perplexity against the amount of text counted, one curve for each order. Below, a text drawn from the marked model.*
#
# **Try this.** (1) Order 5, 423 characters: worse than a bigram, because nearly every context is new. (2) All characters: the 5-gram
# reaches 3.46 and writes words. (3) Compare its two perplexities: on the text that it was counted on it has 2.49. That is memory, not
# knowledge.

# %% [markdown]
# **The line.** From here on every plot of perplexity shows the 4-gram, 3.72 for this story, as a dashed line. Whoever trains a network for an hour
# should know what counting does in a second. On the standard split of *The Time Machine* a counted 4-gram reaches 5.44, and every
# network that the standard text prints is worse.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 2: a smoothed bigram (8 minutes, medium)
#
# Return the table of $P(\text{next} \mid \text{previous})$, $(V, V)$, row by row, with the simplest smoothing: begin every count at 1.


# %%
def my_bigram(tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return ...  # your lines


checks.smoothed_bigram(my_bigram)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Go through `zip(tokens[:-1], tokens[1:])`. In the end each row has to sum to 1: `keepdim=True` helps.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# table = torch.ones(vocab_size, vocab_size)
# for previous, following in zip(tokens[:-1], tokens[1:]):
#     table[previous, following] += 1
# return table / table.sum(1, keepdim=True)
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A network against the line
#
# Train an RNN with 128 units for 1,500 steps, and ask for held-out perplexity every 100. What is inside it is the subject of notebook 02.
#
# **Predict first.** Will it fall below the dashed line?

# %%
generator = torch.Generator().manual_seed(0)
network = models.LanguageModel("rnn", vocab_size=len(vocab), hidden_size=128, generator=generator)
trainer = training.Trainer(network, batches)
held_out = {}
for _ in range(15):
    trainer.run(100)
    held_out[trainer.steps_made] = training.perplexity(training.evaluate(network, corpus.held_out))

# %%
drawing, (ax,) = figures.panels()
figures.perplexity_axes(ax, counted.perplexity(corpus.held_out))
figures.perplexity_curves(ax, {"training": trainer.history.columns()["loss"]})
ax.plot(held_out.keys(), held_out.values(), color=figures.ORANGE, marker="o")
ax.set_ylim(3, 28)
ax.annotate(
    "held out", (1000, held_out[1000]), color=figures.ORANGE, fontsize=12, xytext=(0, 8), textcoords="offset points"
)
drawing

# %% [markdown]
# *Blue, training; orange, held out; dashed, the counted 4-gram.*
#
# It does not. After 1,500 steps it has 4.72 on held-out text, where counting has 3.72; on its training text it is below 4 and falling. Judged by
# training perplexity alone it would soon look better than counting, and be worse. Notebook 05 asks you to cross the line.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: sequential batches (12 minutes, hard)
#
# Cut tokens $(n)$ into pairs (inputs, targets), both $(T, B)$, in a list. Each row reads a part of the text of its own and goes on from batch to batch;
# the $B$ parts are equally long and follow one another, the first from the first token on. As many whole batches as fit. Targets are one token on.


# %%
def my_batches(tokens: torch.Tensor, batch_size: int, num_steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return ...  # your lines


checks.sequential_batches(my_batches)

# %% [markdown]
# <details><summary>A hint</summary>
#
# Let each row have `length` tokens, a multiple of `num_steps`. `view(batch_size, length).T` puts rows side by side; `split(num_steps)`
# cuts along time.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps
# inputs = tokens[: batch_size * length].view(batch_size, length).T
# targets = tokens[1 : batch_size * length + 1].view(batch_size, length).T
# return list(zip(inputs.split(num_steps), targets.split(num_steps)))
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>A model has perplexity 8 on a text of 28 different characters. What does that mean?</summary>
#
# At each character it was, in the geometric mean, as unsure as a fair die with 8 faces. A blind guess has 28 faces.
# </details>
#
# <details><summary>When may the hidden state be carried from one minibatch to the next?</summary>
#
# When each row goes on where it ended: with sequential batches, inside an epoch. Random pieces begin with an empty state.
# </details>
#
# <details><summary>Why is a counted 4-gram on every plot?</summary>
#
# It is known within a second what counting reaches on unseen text. A network that stays above this line has learned less than a
# table.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [8.1 Sequence models](https://d2l.ai/chapter_recurrent-neural-networks/sequence.html),
#   [8.2 Text preprocessing](https://d2l.ai/chapter_recurrent-neural-networks/text-sequence.html),
#   [8.3 Language models](https://d2l.ai/chapter_recurrent-neural-networks/language-model.html)
# - Witten and Bell 1991, *The zero-frequency problem*; Chen and Goodman 1999, *An empirical study of smoothing techniques*
# - Shannon 1951, *Prediction and entropy of printed English*: a human being as language model
# - Next: [02 Structure](02_structure.ipynb)
