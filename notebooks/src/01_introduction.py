# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
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

# %% [markdown]
# ## A network begins to write
#
# A small recurrent network reads a story, one character after the other, and learns to say which character comes next. Then it can write: it
# picks the next character at random, with the probabilities that it has learned, reads it, picks the next one, and so on.
#
# The next cell trains it for 2,000 **training steps**. In each it reads 32 pieces of the story and is corrected a little. Now and then it
# continues *the lamp*.
#
# **Predict first.** What does it learn first: words, where words end, or which letters are frequent?

# %%
corpus = text.load_corpus("story")
generator = torch.Generator().manual_seed(0)
beginner = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
diary = TrainingDiary(training.Trainer(beginner, text.SequentialBatches(corpus.train)), corpus, prefix="the lamp ")
diary

# %% [markdown]
# <!-- claim: frequencies_are_learnt_first_then_where_words_end_then_words -->
# <!-- given: 0, 35, 150, 500 -->
# *How it continues* the lamp *after more and more steps, with the same random numbers: whatever differs comes from training. Shaded: words that the
# story has, too.*
#
# **Try this.** Put *Steps* to 0 and move it up. (1) At 0 a $q$ is about as likely as an $e$. (2) Up to 35 frequent letters take the place of rare ones, and gaps become nearly as frequent as in the story. (3) Up to 150 two gaps may still stand side by side: where words end it learns later. (4) From 500 on about half of its words are real.
#
# Now in slow motion: in the lab below press **Reset**, then **Start**. Read its text aloud every few seconds.

# %%
lab = TrainingLab(name="first lab", hidden_size=64)
lab.session.run(150)
lab.knobs.pace.value = 5.0
lab

# %% [markdown]
# *After 150 steps. Top left: perplexity, the number of characters among which the network still hesitates. Blue, on the text that it trains with; orange, on text that it never
# trains on, measured now and then: only the dots count. The dashed line is what a table of counts, an* n-gram*, reaches without any network: more of that below.
# The three other panels belong to notebooks 03 and 04.*
#
# **Try this.** Below the panels the network writes; what is new is underlined, and the slider brings back earlier texts. Set *Pace* to *no limit* and watch the
# curves fall. Press **Pause**: the rest of this notebook explains what you saw.

# %% [markdown]
# ## What a recurrent network is
#
# A **feed-forward** network turns an input $x$ into an output $o$, by way of hidden units $h$ between them. When the next input comes, nothing is left of
# the last one.
#
# A **recurrent** network, **RNN** for short, reads a sequence, one element at each time step $t$. Its hidden units get two things: the current input
# $x_t$, and what they held themselves one step before, the **hidden state** $h_{t-1}$:
#
# $$h_t = f(x_t, h_{t-1}).$$
#
# So $h_t$ is a summary of everything that was read so far. Its size never changes.

# %%
figures.three_networks()

# %% [markdown]
# *Left, no loop, no memory. Middle, the loop: the state at one step goes into the next. Right, the same network drawn once for each step, from
# $h_0$, the state before anything is read, usually all zeros.*
#
# Each $W$ is a matrix of weights, named by where it leads from and to: $x$ are the inputs, $h$ the hidden units, and $q$, by old custom, stands for the outputs $o$. Leave out $W_{hh}$, and a feed-forward network remains. The same three matrices serve at every step; therefore the
# sequence may have any length.

# %% [markdown]
# **What it is used for.** Whatever comes in order: text (say what comes next, translate, summarise), speech (from sound to words and back),
# music, handwriting, or readings that never end: the load of a power grid, the beat of a heart.
#
# **What will be hard.** What was read long ago has to survive in a state of fixed size, and the network has to *learn* to keep it, although
# that pays off only much later. Notebook 03 shows how it learns, notebook 04 why this **long-range** problem makes learning difficult, and what
# helps.

# %% [markdown]
# ## Why a sequence needs memory
#
# In a text, a melody or a temperature curve, what comes at time $t$
# depends on what came before. $P(x_t \mid x_{t-1}, \dots, x_1)$ is the probability of $x_t$ when everything before it is given. To predict a sequence from its own past is called **autoregression**. Three ways to deal with a
# past that grows and grows:
#
# - **All of it**: predict $x_t$ from everything before it.
# - **Markov assumption**: predict it from the last $\tau$ values only.
# - **Latent state**: keep a summary $h_t$ of the past, and update it at every step. This is what a recurrent network does.
#
# Begin with numbers instead of letters: a slow sine with noise. The noise cannot be predicted; the sine can.

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
# From a **window**, 64 values in a row, predict those 1, 4, 16 and 64 steps after its last. With the Markov
# assumption: by a weighted sum of its last four values, or of all 64. With a state: an RNN with 16 units reads all 64, one after the other; then a weighted sum of
# its units predicts. The first 1,800 windows are for learning, those from 2,000 on for judging: no
# value serves both.
#
# **Predict first.** On average no error can be below that of the noise, about 0.2. How large is it 64 steps ahead, from four values? And from 64?

# %%
horizons = (1, 4, 16, 64)
past, future = forecasting.windows(series, 64, horizons)
predictions = {}
for lag in (4, 64):
    weights = torch.linalg.lstsq(past[:1800, -lag:], future[:1800]).solution
    predictions[f"{lag} values"] = past[2000:, -lag:] @ weights
network = forecasting.train_forecaster(past[:1800], future[:1800], hidden_size=16, generator=generator)
predictions["16 units"] = network.predict(past[2000:])
errors = {name: (found - future[2000:]).square().mean(0).sqrt().tolist() for name, found in predictions.items()}
for name, error in errors.items():
    print(f"{name:9}", *(f"{steps} ahead {size:.2f}" for steps, size in zip(horizons, error, strict=True)), sep="   ")

# %%
colors = (figures.ORANGE, figures.BLUE, figures.GREEN)
drawing, (over_time, over_steps) = figures.panels(2, width=10)
figures.label_lines(over_time, list(zip(predictions, colors, strict=True)))
over_time.plot(future[2000:, -1], color=figures.GREY, linewidth=0.5)
for (name, found), color, width in zip(predictions.items(), colors, (1.5, 5, 1.5), strict=True):
    over_time.plot(found[:, -1], color=color, linewidth=1.4)
    over_steps.plot(horizons, errors[name], ".-", color=color, linewidth=width)
over_time.set(xlabel="window", ylabel="x, 64 steps ahead")
over_steps.axhline(0.2, color=figures.BLACK, linestyle="--")
over_steps.set(xscale="log", xlabel="steps ahead", ylabel="error (root mean square)", ylim=(0, 0.6))
over_steps.set_xticks(horizons, horizons)
drawing

# %% [markdown]
# <!-- claim: four_noisy_values_miss_the_wave_64_steps_ahead_where_64_values_and_16_units_find_it -->
# *Left, predictions 64 steps ahead over the true values (grey). Right, the errors: blue lies under green; dashed, the noise.*
#
# One step ahead, all three are near the noise. 64 steps ahead four values are {{ errors["4 values"][3]:.2f }} off: so few noisy values hardly
# tell whether the wave rises or falls, and the orange curve swings too little and too late. 64 values know ({{ errors["64 values"][3]:.2f }}), with a weight for each. The state knows as well ({{ errors["16 units"][3]:.2f }}), apart from a few slips.
#
# **A long past wins, and a state keeps what matters of it**: here in 16 numbers instead of 64. The values themselves need not be kept.

# %% [markdown]
# ## From a text to tokens
#
# <!-- given: 26 -->
# Now letters. The course comes with a story, *The Lamp Keeper*. Upper case becomes lower case, and every run of anything but letters becomes one space:
# 26 letters and the space remain. Each of these is a **token**; the list of them is the **vocabulary**, and a token's place in it is its number.

# %% tags=["nbval-check-output"]
vocab = corpus.vocab
print(vocab.tokens)
tokens = vocab.encode("the lamp")
print(tokens.tolist(), "->", vocab.decode(tokens))

# %% [markdown]
# <!-- given: 27 -->
# Token 0, `<unk>` for *unknown*, stands for everything that is not in the vocabulary; in this story it never occurs. With the 27 characters that makes $V = 28$ tokens, the size of the
# vocabulary.
#
# The text is split in three. The first eight tenths are the **training** text. The next tenth, the **validation** text, is never trained on; whenever there is something to
# choose, it decides. What wins was chosen because it does well there, so its score there is too good. Therefore the last tenth, the **test** text, is kept until the end and asked once.

# %% tags=["nbval-check-output"]
sizes = {part: len(getattr(corpus, part)) for part in ("train", "validation", "test")}
print(*(f"{part} {size:,}" for part, size in sizes.items()), f"V = {len(vocab)}", sep=", ")
words = text.letters_only(text.read_text("story")).split()
print(f"{len(words):,} words of {sum(map(len, words)) / len(words):.1f} letters on average")

# %% [markdown]
# ## Why characters and not words?
#
# Count the words of the story, its pairs of neighbouring words and its triples.
#
# **Predict first.** The story has {{ len(words):, }} words. How many *different* ones? And how many of its different triples occur only once: a tenth, half,
# most?

# %%
runs = {"words": Counter(words), "pairs": Counter(zip(words, words[1:], strict=False))}
runs["triples"] = Counter(zip(words, words[1:], words[2:], strict=False))
for name, counter in runs.items():
    once = sum(count == 1 for count in counter.values())
    print(f"{len(counter):6,} different {name}; {once / len(counter):.0%} of them occur once")
drawing, (ax,) = figures.panels()
figures.zipf(ax, {name: list(counter.values()) for name, counter in runs.items()})
drawing

# %% [markdown]
# *Rank 1 is the most frequent. On logarithmic axes the words lie near a straight line, and below it among the rare ones: roughly Zipf's law, by which the count falls like 1 / rank. Pairs and triples fall more
# slowly.*
#
# Only {{ len(runs["words"]):,d}} different words, and {{ sum(count == 1 for count in runs["triples"].values()) / len(runs["triples"]):.0%}} of the triples occur once. For longer and longer runs of words most counts are 1, and a count of 1 says little about the next text. Characters are few, and each is seen often.
# What they lack is reach: here a word has {{ sum(map(len, words)) / len(words):.1f }} letters on average, so the last four characters are hardly more than one word.

# %% [markdown]
# ## Minibatches: which character lands where
#
# <!-- given: 9 -->
# A network reads $B$ pieces of text side by side, each $T$ characters long: together a **minibatch**, each piece a **row** of it. There are two ways to cut them. **Sequential**: row $b$ walks
# through the $b$-th part of the text, so it continues where it ended in the minibatch before. Then the state after one minibatch can be the $h_0$ of the next: it is **carried**. **Random**: pieces are drawn from anywhere.
#
# **Predict first.** Move *Minibatch* by one. Which way of cutting moves each colour by exactly one piece? After the last minibatch
# of an epoch, one walk through the text, where does the next begin?

# %%
partitions = Partitions(corpus)
partitions

# %% [markdown]
# <!-- given: 9 -->
# *Above, four lines of the story, cut as if they were the whole text; below, what the network gets: tokens, and as targets the same
# text one character on.*
#
# **Try this.** (1) Walk from minibatch 0 to 8, with sequential batches: each colour moves by one piece at a time. (2) Go on to 9, the first of the next epoch:
# row 0 begins some characters later, so that what the first epoch left over is read, too. (3) Switch to
# random: no row continues, so no state can be carried.
#
# The library's batches are $(T, B)$: `tokens[t, b]` is what row $b$ reads at time $t$. In the whole course time comes first.

# %% tags=["nbval-check-output"]
batches = text.SequentialBatches(corpus.train, batch_size=32, num_steps=35)
batch, following = batches[0], batches[1]
print("tokens", tuple(batch.tokens.shape), "targets", tuple(batch.targets.shape))
print("targets are the tokens one step on:", torch.equal(batch.tokens[1:], batch.targets[:-1]))
print("the next minibatch continues each row:", torch.equal(following.tokens[0], batch.targets[-1]))

# %% [markdown]
# ## Exercise 1: sequential batches (12 minutes, hard)
#
# Cut a tensor of $n$ tokens into pairs (inputs, targets), both $(T, B)$, one for each minibatch, in a list. Each row has its own part of the text and reads on in it from batch to batch;
# the $B$ parts are equally long and follow one another, the first from the first token on. Make as many whole batches as fit; $n$ is large enough for one. The target of each input is the token
# that comes after it in the text. Do not change the arguments in place, here or in any exercise that does not ask for it.


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

# %% [markdown]
# ## Language models and perplexity
#
# A **language model** gives every text a probability, one token at a time, each from those before it:
#
# $$P(x_1, \dots, x_n) = \prod_t P(x_t \mid x_1, \dots, x_{t-1}).$$
#
# Take $-\log P(x_t \mid \dots)$, with the natural logarithm, and its mean over all tokens: the **cross-entropy**, the loss of this course, in *nats* per token. Its exponential
# is the **perplexity**. By hand, with two tokens: the first was given probability 1/2, the second 1/8.

# %% tags=["nbval-check-output"]
p = torch.tensor([1 / 2, 1 / 8])
print(f"loss {-p.log().mean():.3f} nats, perplexity {(-p.log().mean()).exp():.2f}")

# %% [markdown]
# <!-- given: 2, 5, 8 -->
# Call $1/p$ the **surprise** of what came: here 2 and 8. Their geometric mean, the square root of their product, is 4: that is the perplexity. So this model was, all
# in all, as uncertain as somebody who throws a fair die with four faces. A perplexity of 8 is a die with eight.
#
# What if a model gives each character exactly the probability with which it really comes? Then its perplexity depends on these probabilities alone. Set the shares of five characters.
#
# **Predict first.** How do you reach perplexity 5, and how perplexity 1? With shares 8 and 8 for two characters and 0 for the others, what is it?
# And when a third one gets share 1?

# %%
die = PerplexityOfADistribution()
die

# %% [markdown]
# <!-- given: 5 -->
# *Left, the distribution; right, the surprise $1/p$ of each outcome. The orange line is their mean on the logarithmic axis, each weighted
# with its probability: the perplexity.*
#
# **Try this.** (1) All equal: 5, a fair die. (2) All but one at 0: 1, certainty. (3) 8 and 8, the others at 0: 2, a coin. A third share of 1 makes it {{ (17 / 8) ** (16 / 17) * 17 ** (1 / 17):.2f }}. What is rare surprises a lot, but rarely.

# %% [markdown]
# A model whose probabilities are *not* the true ones has a higher perplexity, without limit: what counts is the probability of what *came*. Three models of
# 28 tokens are scored on four tokens. A model gives each token a number, its **logit**: the higher, the more likely. **Softmax** makes probabilities of them: $e$ to the power of each, divided by the sum of all these
# powers. `cross_entropy` does that, and takes the mean of $-\log p$.

# %% tags=["nbval-check-output"]
targets = torch.tensor([3, 1, 4, 1])
knows = torch.full((4, 28), -20.0)
knows[range(4), targets] = 20.0
for name, logits in (("knows", knows), ("guesses", torch.zeros(4, 28)), ("errs with confidence", -knows)):
    loss = torch.nn.functional.cross_entropy(logits, targets)
    print(f"{name}: perplexity {training.perplexity(loss):.3g}")

# %% [markdown]
# 1 for a model that knows every next token, $V = 28$ for a blind guess. A useful model lies between the two; above $V$ it would do better to
# guess.

# %% [markdown]
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

# %% [markdown]
# ## What counting reaches
#
# Before any network: count. An $n$-gram looks up what followed the last $n - 1$ characters, the context $c$, in the training text. A 2-gram is also called a bigram. Because most long
# contexts are rare, each is mixed with the next shorter one, $c'$, which lacks its first character (Witten and Bell 1991):
#
# $$P(x \mid c) = \frac{N(cx) + K(c)\,P(x \mid c')}{N(c) + K(c)}.$$
#
# $N(cx)$ counts how often $x$ followed $c$, $N(c)$ how often anything did, $K(c)$ how many different characters did: the more, the more weight the shorter context gets.
# Where $c$ never occurred, $P(x \mid c) = P(x \mid c')$. The shortest context is the empty one, of the 1-gram; its $P(x \mid c')$ is $1/V$ for each of the $V$ tokens. So nothing gets probability 0.

# %% tags=["nbval-check-output"]
counted = {n: baselines.NGram(corpus.train, order=n, vocab_size=len(vocab)) for n in range(1, 6)}
reached = {n: model.perplexity(corpus.validation) for n, model in counted.items()}
for n, model in counted.items():
    own = model.perplexity(corpus.train)
    print(f"{n}-gram: validation {reached[n]:.2f}, on the text it was counted on {own:.2f}")

# %% [markdown]
# **Predict first.** The 5-gram looks back farthest. Is it the best if only {{ len(corpus.train) / 128:.0f }} characters were counted? What will it write, and what
# will a 1-gram write?

# %%
counting = CountedBaselines(corpus)
counting

# %% [markdown]
# <!-- claim: a_5_gram_counted_on_few_characters_is_worse_than_a_bigram_and_copies_what_it_has_seen -->
# <!-- given: 5 -->
# *Perplexity on validation text, one curve for each order. Below, a text drawn from the marked model.*
#
# **Try this.** (1) Order 5, {{ len(corpus.train) / 128:.0f }} characters: worse than a bigram, although it writes whole phrases: those that it has counted. (2) Order 1: letters as frequent as in the story, in no order. (3) Order 5, all characters: {{ reached[5]:.2f }}, against {{ counted[5].perplexity(corpus.train):.2f }} on the text that it was counted on, which it has partly memorised.
#
# Why is the 5-gram so bad on few characters? Take apart the places of the validation text whose last four characters had been seen in that order, and the others.

# %% tags=["nbval-check-output"]
few, validation = corpus.train[: round(len(corpus.train) / 128)], corpus.validation
seen = set(map(tuple, few.unfold(0, 4, 1)[:-1].tolist()))
new = torch.tensor([tuple(last) not in seen for last in validation.unfold(0, 4, 1)[:-1].tolist()])
print(f"{len(few)} characters were counted; in {new.double().mean():.0%} of the places the last four are new.")
in_places = {}
for n in (1, 2, 3, 4, 5):
    probabilities = baselines.NGram(few, order=n, vocab_size=len(vocab)).probabilities(validation)[4:]
    losses = -torch.from_numpy(probabilities).log()
    in_places[n] = [training.perplexity(losses[places].mean()) for places in (~new, new)]
    print(f"{n}-gram: the last four seen {in_places[n][0]:.2f}, new {in_places[n][1]:.2f}")

# %% [markdown]
# **New.** There the 5-gram *is* the 4-gram, as the formula says. The bigram is best there, with {{ in_places[2][1]:.2f }}; the 3-gram and the 4-gram are worse, although they look back farther.
#
# **Seen.** There, too, a longer context does harm: {{ in_places[3][0]:.2f }} for the 3-gram, {{ in_places[5][0]:.2f }} for the 5-gram.
#
# One reason: many contexts were seen once. Then $N = K = 1$, and what followed that one time gets half of the
# probability, and a share of the other half. That is very sure, after one example.

# %% [markdown]
# **The line.** The order is chosen by what it reaches on validation text, with all of the training text counted: of 1 to {{ max(reached):d}} it is {{ min(reached, key=reached.get):d}}, with {{ min(reached.values()):.2f }}; one more would give {{ baselines.NGram(corpus.train, order=6, vocab_size=len(vocab)).perplexity(corpus.validation):.2f }}. That is the line which
# a network has to get below, here, in the lab and in the later notebooks. Whoever trains a network for an hour should know what mere counting does.

# %% [markdown]
# ## Exercise 3: a smoothed bigram (8 minutes, medium)
#
# **Smoothing** gives what was never seen a little probability. The simplest way: begin every count at 1. Return the table of $P(\text{next} \mid \text{previous})$, $(V, V)$; row
# $i$ holds the probabilities of what follows token $i$.


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

# %% [markdown]
# ## A network against the line
#
# <!-- given: 1,500 -->
# Train an RNN with 128 units for 1,500 steps on the very text that was counted, and ask for its perplexity on the same validation text every 100 steps.
# What is inside it is the subject of notebook 02.
#
# **Predict first.** Will its perplexity on validation text fall below that of the counted {{ min(reached, key=reached.get):d}}-gram?

# %%
generator = torch.Generator().manual_seed(0)
network = models.LanguageModel("rnn", vocab_size=len(vocab), hidden_size=128, generator=generator)
trainer = training.Trainer(network, batches)
of_validation = {}
for _ in range(15):
    trainer.run(100)
    of_validation[trainer.steps_made] = training.perplexity(training.evaluate(network, corpus.validation))
best = min(reached, key=reached.get)
drawing, (ax,) = figures.panels()
figures.perplexity_axes(ax, reached[best], f"counted {best}-gram, validation")
figures.perplexity_curves(ax, {"training": trainer.history.columns()["loss"]})
ax.plot(of_validation.keys(), of_validation.values(), color=figures.ORANGE, marker="o")
ax.set_ylim(2.7, 28)
ax.annotate("validation", (1000, 1.08 * of_validation[1000]), color=figures.ORANGE, fontsize=12, fontweight="bold")
drawing

# %% [markdown]
# <!-- claim: an_rnn_of_128_units_is_well_above_the_counted_line_after_1500_steps -->
# <!-- given: 500 -->
# *Blue, the minibatches it trains on; orange, validation text; dashed, the counted {{ best:d }}-gram on validation text.*
#
# It does not. Nor does the network of the beginning, with half as many units and 500 steps more: {{ diary.pages[-1].validation:.2f }}. The order is chosen and the network is trained; nothing will be changed any more, so the test text may be asked.

# %% tags=["nbval-check-output"]
table = {}
for part in ("train", "validation", "test"):
    tokens = getattr(corpus, part)
    table[part] = training.perplexity(training.evaluate(network, tokens)), counted[best].perplexity(tokens)
    print(f"{part:10}  RNN {table[part][0]:.2f}  counted {best}-gram {table[part][1]:.2f}")

# %% [markdown]
# On the training text both look better than on the test text: the network by a factor of {{ table["test"][0] / table["train"][0]:.2f}}, the counts by {{ table["test"][1] / table["train"][1]:.2f}}. There a model is rewarded also for what it has merely memorised. Compare
# the last line: what each of them can do with a text that nobody has used. Notebook 05 asks you to get below the line.

# %% [markdown]
# ## Recap
#
# <details><summary>What does a recurrent network have that a feed-forward network does not have?</summary>
#
# A hidden state: at each step its units get the current input and what they held one step before.
# </details>
#
# <details><summary>A model with a vocabulary of 28 tokens has perplexity 8 on a text. What does that mean?</summary>
#
# The geometric mean of its surprises is 8: as uncertain as a fair die with 8 faces. A blind guess is a die with 28.
# </details>
#
# <details><summary>When may the hidden state be carried from one minibatch to the next?</summary>
#
# When each row continues where it ended: with sequential batches, inside an epoch. Random pieces begin with a state of zeros.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Dive into Deep Learning, [9.1 Working with Sequences](https://d2l.ai/chapter_recurrent-neural-networks/sequence.html),
#   [9.2 Converting Raw Text into Sequence Data](https://d2l.ai/chapter_recurrent-neural-networks/text-sequence.html),
#   [9.3 Language Models](https://d2l.ai/chapter_recurrent-neural-networks/language-model.html)
# - Witten and Bell 1991, *The zero-frequency problem*; Chen and Goodman 1999, *An empirical study of smoothing techniques*
# - Shannon 1951, *Prediction and entropy of printed English*: a human being as language model
# - Next: [02 Structure](02_structure.ipynb)
