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
# - say what a recurrent network is, what it is used for, and why a sequence needs memory;
# - turn a text into tokens, a vocabulary and minibatches, and say which character lands where;
# - explain a perplexity of 8 to somebody who has never heard the word;
# - judge a network by text that it has not seen, and by what mere counting reaches there.
#
# 40 minutes to read, 25 for three exercises.

# %%
from collections import Counter

import torch

from rnnlib import baselines, checks, figures, models, text, training
from rnnlib.topics import forecasting, tasks
from rnnlib.widgets import CountedBaselines, Partitions, PerplexityOfADistribution, TrainingDiary, TrainingLab

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A network begins to write
#
# A small recurrent network reads a story, one character after the other, and learns to say which character comes next. Then it can write: it
# draws the next character, reads it, draws the next one, and so on.
#
# The next cell trains it for 2,000 **steps**. In each it reads 32 pieces of the story and is corrected a little. Now and then it
# writes on from *the lamp*.
#
# **Predict first.** What does it learn first: words, where words end, or which letters are frequent?

# %% slideshow={"slide_type": "slide"}
corpus = text.load_corpus("story")
generator = torch.Generator().manual_seed(0)
beginner = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
diary = TrainingDiary(training.Trainer(beginner, text.SequentialBatches(corpus.train)), corpus, prefix="the lamp ")
diary

# %% [markdown]
# <!-- claim: frequent_letters_are_learnt_first_then_spaces_then_words -->
# <!-- given: 0, 5, 35 -->
# *What it writes after more and more steps, always with the same random numbers: whatever differs, it has learned. Shaded: words that
# the story has.*
#
# **Try this.** Put *Steps* to 0 and move it up. (1) At 0 all characters are about equally likely, $q$ as much as $e$. (2) After 5 steps the frequent letters
# are frequent, but spaces are still rare. (3) After 35 spaces come about as often as in the story. (4) After 2,000 more than half of what
# it writes are words.

# %% [markdown] slideshow={"slide_type": "slide"}
# Now in slow motion. The lab below trains such a network while you watch. Here it has made 150 steps.
#
# Press **Reset**, then **Start**: it begins anew, at five steps a second. Read its text aloud every few seconds.

# %% slideshow={"slide_type": "slide"}
lab = TrainingLab(name="first lab", hidden_size=64)
lab.session.run(150)
lab.knobs.pace.value = 5.0
lab

# %% [markdown]
# *Top left: perplexity, the number of characters among which the network still hesitates. Blue, on the text that it trains with; orange, on text that it
# never sees. The dashed line is what counting reaches. The three other panels belong to notebooks 03 and 04.*
#
# **Try this.** What is new in the text is underlined; the slider below it brings back earlier ones. Set *Pace* to *no limit* and watch the
# curves fall. Press **Pause**: the rest of this notebook explains what you saw.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What a recurrent network is
#
# A **feed-forward** network turns an input $x$ into an output $o$, by way of hidden units $h$ between them. When the next input comes, nothing is left of
# the last one.
#
# A **recurrent** network reads a sequence, one element at each time step $t$. Its hidden units get two things: the current input
# $x_t$, and what they held themselves one step before, the **hidden state** $h_{t-1}$:
#
# $$h_t = f(x_t, h_{t-1}).$$
#
# So $h_t$ is a summary of everything that was read so far. Its size never changes.

# %% slideshow={"slide_type": "slide"}
figures.three_networks()

# %% [markdown]
# *Left, no loop, no memory. Middle, the loop: the state at one step goes into the next. Right, the same network drawn once for each step, from
# $h_0$, the state before anything is read.*
#
# Each $W$ is a matrix of weights. Leave out $W_{hh}$, and a feed-forward network remains. The same three matrices serve at every step; therefore the
# sequence may have any length.

# %% [markdown] slideshow={"slide_type": "slide"}
# **What it is used for.** Whatever comes in order: text (say what comes next, translate, sum up), speech (from sound to words and back),
# music, handwriting, measurements that go on for ever, such as the load of a power grid or the beat of a heart.
#
# **What will be hard.** What was read long ago has to survive in a state of fixed size, and the network has to *learn* to keep it, although
# the reward comes much later. Notebook 03 shows how it learns, notebook 04 why this **long-range** problem makes learning difficult, and what
# helps.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why a sequence needs memory
#
# In most data one example tells you nothing about the next. In a text, a melody or a temperature curve it does: what comes at time $t$
# depends on what came before, $P(x_t \mid x_{t-1}, \dots, x_1)$. Three ways to deal with a past that grows and grows:
#
# - **Autoregression**: predict $x_t$ from everything before it.
# - **Markov assumption**: predict it from the last $\tau$ values only.
# - **Latent state**: keep a summary $h_t$ of the past, and renew it at every step. This is what a recurrent network does.

# %% [markdown]
# Start with numbers instead of letters: a slow sine with noise. The noise cannot be predicted; the sine can.

# %%
generator = torch.Generator().manual_seed(0)
series = tasks.noisy_sine(3000, generator)
drawing, (ax,) = figures.panels()
ax.plot(series, color=figures.BLUE, linewidth=0.6)
ax.set(xlabel="time t", ylabel="x")
drawing

# %% [markdown]
# <!-- given: 0.2, 628 -->
# *Noise with standard deviation 0.2 on a wave that takes 628 steps.*
#
# Predict the value 1, 4, 16 and 64 steps ahead. First with the Markov assumption: a weighted sum of the last four values, or of the last
# 64. Least squares finds the weights, on the first 1,800 windows; windows from 2,000 on are kept to judge.
#
# **Predict first.** No error can be below that of the noise, 0.2. How large is it 64 steps ahead, from four values? And from 64?

# %%
horizons = (1, 4, 16, 64)
past, future = forecasting.windows(series, 64, horizons)
predictions = {}
for lag in (4, 64):
    weights = torch.linalg.lstsq(past[:1800, -lag:], future[:1800]).solution
    predictions[f"{lag} values"] = past[2000:, -lag:] @ weights

# %% [markdown]
# Then with a state: an RNN with 16 units reads the same 64 values, one after the other. After the last one, a weighted sum of its 16 units has to
# predict; the values themselves are gone.

# %%
network = forecasting.train_forecaster(past[:1800], future[:1800], hidden_size=16, generator=generator)
predictions["16 units"] = network.predict(past[2000:])
errors = {name: (found - future[2000:]).square().mean(0).sqrt().tolist() for name, found in predictions.items()}
for name, error in errors.items():
    print(f"{name:9}", *(f"{steps} ahead {size:.2f}" for steps, size in zip(horizons, error, strict=True)), sep="   ")

# %% slideshow={"slide_type": "slide"}
colors = (figures.ORANGE, figures.BLUE, figures.GREEN)
drawing, (over_time, over_steps) = figures.panels(2, width=10)
figures.label_lines(over_time, list(zip(predictions, colors, strict=True)))
over_time.plot(future[2000:, -1], color=figures.GREY, linewidth=0.5)
for (name, found), color in zip(predictions.items(), colors, strict=True):
    over_time.plot(found[:, -1], color=color, linewidth=1.4)
    over_steps.plot(horizons, errors[name], ".-", color=color)
over_time.set(xlabel="window", ylabel="x, 64 steps ahead")
over_steps.axhline(0.2, color=figures.BLACK, linestyle="--")
over_steps.set(xscale="log", xlabel="steps ahead", ylabel="error (root mean square)", ylim=(0, 0.6))
over_steps.set_xticks(horizons, horizons)
drawing

# %% [markdown]
# <!-- claim: four_noisy_values_miss_the_wave_64_steps_ahead_where_64_values_and_16_units_find_it -->
# *Left, predictions 64 steps ahead over the true values (grey). Right, the errors; dashed, the noise.*
#
# One step ahead, all three are near the noise. 64 steps ahead four values are {{ errors["4 values"][3]:.2f }} off: so few noisy values hardly
# tell whether the wave rises or falls, and the orange curve swings too little and too late. 64 values know ({{ errors["64 values"][3]:.2f }}), with a weight for each. The state knows as well ({{ errors["16 units"][3]:.2f }}), with 16 numbers. **Memory
# wins.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ## From a text to tokens
#
# <!-- given: 26 -->
# Now letters. The course comes with a story, *The Lamp Keeper*. Upper case becomes lower case, and every run of anything but letters becomes one space:
# 26 letters and the space remain. Each becomes a **token**, a number; the list of all tokens is the **vocabulary**.

# %% tags=["nbval-check-output"]
vocab = corpus.vocab
print(vocab.tokens)
tokens = vocab.encode("the lamp")
print(tokens.tolist(), "->", vocab.decode(tokens))

# %% [markdown]
# Token 0, `<unk>`, stands for everything that is not in the text. $V = 28$ is the size of the vocabulary.
#
# Nothing is ever trained on the last fifth of the text. Its first half is for **validation**: choices are made by it. The other half is for the **test**, once, at the end.

# %% tags=["nbval-check-output"]
print(
    f"{len(corpus.train):,} tokens to train on, {len(corpus.validation):,} for validation, {len(corpus.test):,} for the test, V = {len(vocab)}"
)
words = text.letters_only(text.read_text("story")).split()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A few words do most of the work
#
# Why characters and not words? Count the words, the pairs of words and the triples.
#
# **Predict first.** The story has {{ len(words):, }} words. How many *different* ones? And how many of its different triples occur only once: a tenth, half,
# most?

# %%
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
# For longer and longer runs of words most counts are 1, and a count of 1 says little about the next text. Characters are few, and each is seen often.
# What they lack is reach: here a word has {{ sum(map(len, words)) / len(words):.1f }} letters on average, and a 4-gram sees the last three characters.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Minibatches: which character lands where
#
# <!-- given: 9 -->
# A network reads $B$ pieces of text side by side, each $T$ characters long. There are two ways to cut them. **Sequential**: row $b$ walks
# through the $b$-th part of the text, so each row of a minibatch continues where it ended in the last one. **Random**: pieces are drawn from anywhere.
#
# **Predict first.** Move *Minibatch* by one. Which way of cutting moves each colour by exactly one piece? After the last minibatch
# of an epoch, one walk through the text, where does the next begin?

# %% slideshow={"slide_type": "slide"}
partitions = Partitions(corpus)
partitions

# %% [markdown]
# <!-- given: 9 -->
# *Above, the beginning of the story with the rows of one minibatch; below, what the network gets: tokens, and as targets the same
# text one character on.*
#
# **Try this.** (1) Walk from minibatch 0 to 8: three rows share the text evenly. (2) Go on to 9: a new epoch begins a few characters further on or back,
# so that the cuts do not always fall in the same places. (3) Switch to random: no row continues, so no state can be carried.

# %% [markdown]
# The library's batches are time-major, $(T, B)$: `tokens[t, b]` is what row $b$ reads at time $t$. In the whole course the first axis is
# time.

# %% tags=["nbval-check-output"]
batches = text.SequentialBatches(corpus.train, batch_size=32, num_steps=35)
batch, following = batches[0], batches[1]
print("tokens", tuple(batch.tokens.shape), "targets", tuple(batch.targets.shape))
print("targets are the tokens one step on:", torch.equal(batch.tokens[1:], batch.targets[:-1]))
print("the next minibatch continues each row:", torch.equal(following.tokens[0], batch.targets[-1]))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 1: sequential batches (12 minutes, hard)
#
# Cut tokens $(n)$ into pairs (inputs, targets), both $(T, B)$, in a list. Each row reads a part of the text of its own and goes on from batch to batch;
# the $B$ parts are equally long and follow one another, the first from the first token on. As many whole batches as fit. Targets are one
# token on. Your function leaves its arguments as they are, here and wherever nothing else is asked.


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
# ## Language models and perplexity
#
# A **language model** gives every text a probability, one token at a time:
#
# $$P(x_1, \dots, x_n) = \prod_t P(x_t \mid x_1, \dots, x_{t-1}).$$
#
# Take $-\log P(x_t \mid \dots)$, with the natural logarithm, and its mean over all tokens: the **cross-entropy**, the loss of this course, in *nats* per token. Its exponential
# is the **perplexity**. By hand, with two tokens: the first was given probability 1/2, the second 1/8.

# %% tags=["nbval-check-output"]
p = torch.tensor([1 / 2, 1 / 8])
print(f"loss {-p.log().mean():.3f} nats, perplexity {(-p.log().mean()).exp():.2f}")

# %% [markdown]
# <!-- given: 2, 8 -->
# The first surprise was 1 in 2, the second 1 in 8, and their geometric mean, the root of their product, is 4. So this model was, all in all, as
# uncertain as somebody who throws a fair die with four faces. A perplexity of 8 is a die with eight.

# %% [markdown] slideshow={"slide_type": "slide"}
# <!-- given: 5 -->
# What if a model is exactly as uncertain as the text itself? Then its perplexity is that of the distribution of the next character. Set the shares of five characters.
#
# **Predict first.** How do you reach perplexity 5, and how perplexity 1? With shares 8 and 8 for two characters, what is it? What happens
# to it when you add a third character with share 1?

# %% slideshow={"slide_type": "slide"}
die = PerplexityOfADistribution()
die

# %% [markdown]
# <!-- given: 5 -->
# *Left, the distribution; right, the surprise $1/p$ of each outcome. The orange line is their mean on the logarithmic axis, each weighted
# with its probability: the perplexity.*
#
# **Try this.** (1) All equal: 5, a fair die. (2) All but one at 0: certainty, 1. (3) 8, 8 and a third share of 1: {{ (17 / 8) ** (16 / 17) * 17 ** (1 / 17):.2f }}. A rare outcome surprises
# a lot, but rarely.

# %% [markdown]
# A model can be worse than that, and without limit: what counts is the probability of what *came*. Three models of
# 28 characters are scored on a text of four tokens; **logits** are a model's ratings, which softmax turns into probabilities.

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
# ## Exercise 2: perplexity from logits (5 minutes, easy)
#
# Logits $(T, B, V)$ rate each of $V$ tokens for every place; targets $(T, B)$ say which came. Return one perplexity for all $T B$ of them, a
# number.


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
# Before any network: count. An $n$-gram looks up what followed the last $n - 1$ characters, the context $c$, in the training text. Because most long
# contexts are rare, each is mixed with the next shorter one, $c'$, which lacks its first character (Witten and Bell 1991):
#
# $$P(x \mid c) = \frac{N(cx) + K(c)\,P(x \mid c')}{N(c) + K(c)}.$$
#
# $N$ counts occurrences, $K(c)$ the different characters seen after $c$. Where $c$ never occurred, $P(x \mid c) = P(x \mid c')$. Below the empty
# context, all $V$ characters have $1/V$: nothing gets probability 0.

# %% tags=["nbval-check-output"]
counted = {n: baselines.NGram(corpus.train, order=n, vocab_size=len(vocab)) for n in range(1, 6)}
validation_of = {n: model.perplexity(corpus.validation) for n, model in counted.items()}
for n, model in counted.items():
    print(
        f"{n}-gram: validation {validation_of[n]:.2f}, on the text it was counted on {model.perplexity(corpus.train):.2f}"
    )

# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** The 5-gram sees more than all others. Is it the best if only {{ len(corpus.train) / 128:.0f }} characters were counted? What will it write, and what
# will a 1-gram write?

# %% slideshow={"slide_type": "slide"}
counting = CountedBaselines(corpus)
counting

# %% [markdown]
# <!-- claim: a_5_gram_counted_on_few_characters_is_worse_than_a_bigram_and_copies_what_it_has_seen -->
# <!-- given: 5 -->
# *Validation perplexity against the amount of text counted, one curve for each order. Below, a text drawn from the marked model.*
#
# **Try this.** (1) Order 5, {{ len(corpus.train) / 128:.0f }} characters: worse than a bigram, although its text looks better, because it copies: whole
# phrases stand in what it has counted. (2) All characters: it reaches {{ validation_of[5]:.2f }} and writes words. (3) Compare that with {{ counted[5].perplexity(corpus.train):.2f }} on the text that it was counted on: the
# rest is memorisation, not generalisation.

# %% [markdown]
# Why is it so bad, on few characters? Take the validation text apart: places whose last four characters had been seen, and the others.

# %% tags=["nbval-check-output"]
few = corpus.train[: round(len(corpus.train) / 128)]
seen_contexts = {tuple(context) for context in few.unfold(0, 4, 1).tolist()}
seen = torch.tensor([tuple(context) in seen_contexts for context in corpus.validation.unfold(0, 4, 1)[:-1].tolist()])
in_places = {}
for n in (2, 4, 5):
    probabilities = baselines.NGram(few, order=n, vocab_size=len(vocab)).probabilities(corpus.validation)[4:]
    surprise = -torch.from_numpy(probabilities).log()
    in_places[n] = [training.perplexity(surprise[places].mean()) for places in (seen, ~seen)]
    print(f"{n}-gram: context seen {in_places[n][0]:.2f}, context new {in_places[n][1]:.2f}")

# %% [markdown]
# <!-- given: 5 -->
# {{ (~seen).double().mean():.0% }} of the contexts are new. There the 5-gram *is* the 4-gram, as the formula says, and both are worse than the bigram: of their shorter
# contexts, too, most were seen once or twice. Where the context *was* seen, the fifth character makes it worse, from {{ in_places[4][0]:.2f }} to {{ in_places[5][0]:.2f }}: after a single
# sighting $N = K = 1$, and what came then gets half of the probability, more than it deserves.

# %% [markdown]
# **The line.** An order is chosen by what it reaches on validation text: here {{ min(validation_of, key=validation_of.get):d}}, with {{ min(validation_of.values()):.2f }}. That is the line which
# a network has to cross. The lab and the later notebooks draw that of the 4-gram, {{ validation_of[4]:.2f }}: a little easier to cross.
#
# Whoever trains a network for an hour should know what counting does in a second.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise 3: a smoothed bigram (8 minutes, medium)
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
# <!-- given: 1,500 -->
# Train an RNN with 128 units for 1,500 steps on the very text that was counted, and ask for its perplexity on the same validation text every 100 steps.
# What is inside it is the subject of notebook 02.
#
# **Predict first.** Will it fall below the dashed line?

# %%
generator = torch.Generator().manual_seed(0)
network = models.LanguageModel("rnn", vocab_size=len(vocab), hidden_size=128, generator=generator)
trainer = training.Trainer(network, batches)
validation = {}
for _ in range(15):
    trainer.run(100)
    validation[trainer.steps_made] = training.perplexity(training.evaluate(network, corpus.validation))
on_its_own = training.perplexity(training.evaluate(network, corpus.train))

# %% slideshow={"slide_type": "slide"}
best = min(validation_of, key=validation_of.get)
drawing, (ax,) = figures.panels()
figures.perplexity_axes(ax, validation_of[best], f"counted {best}-gram, validation")
figures.perplexity_curves(ax, {"training": trainer.history.columns()["loss"]})
ax.plot(validation.keys(), validation.values(), color=figures.ORANGE, marker="o")
ax.set_ylim(2.7, 28)
ax.annotate("validation", (1000, 1.08 * validation[1000]), color=figures.ORANGE, fontsize=12, fontweight="bold")
drawing

# %% [markdown]
# <!-- given: 1,500 -->
# <!-- claim: an_rnn_of_128_units_is_well_above_the_counted_line_after_1500_steps -->
# *Blue, the minibatches it trains on; orange, validation text; dashed, the counted {{ best:d }}-gram on validation text.*
#
# | perplexity | on the training text | validation |
# | --- | --- | --- |
# | RNN, 128 units, 1,500 steps | {{ on_its_own:.2f }} | {{ validation[1500]:.2f }} |
# | counted {{ best:d }}-gram | {{ counted[best].perplexity(corpus.train):.2f }} | {{ validation_of[best]:.2f }} |
#
# It does not. On their training text both look better than they are, the table of counts most of all: the left column says what a model remembers, the right one what
# it can do. Only the right one is compared. Notebook 05 asks you to cross the line.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>What does a recurrent network have that a feed-forward network has not?</summary>
#
# A hidden state: at each step its units get the current input and what they held one step before. So what was read earlier can matter later, and the
# sequence may have any length.
# </details>
#
# <details><summary>A model has perplexity 8 on a text of 28 different characters. What does that mean?</summary>
#
# In the geometric mean, it was at each character as uncertain as a fair die with 8 faces. A blind guess has 28 faces.
# </details>
#
# <details><summary>When may the hidden state be carried from one minibatch to the next?</summary>
#
# When each row continues where it ended: with sequential batches, inside an epoch. Random pieces begin with an empty state.
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
