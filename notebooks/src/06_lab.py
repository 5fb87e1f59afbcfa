# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 06 Lab
#
# When you have worked through this notebook, you can
#
# - plan an experiment with the lab, predict its outcome, and tell what a curve proves and what it does not;
# - read a map of learning rate and clipping threshold, and say why it has three regions;
# - record a session, replay it bit for bit, and hand it in as one file that somebody else can verify;
# - bring a diverging run back with one knob, and beat counting within a small budget of steps.
#
# 40 minutes to read, 40 for four challenges that check themselves.

# %%
import math

import torch

from rnnlib import checks, models, text, training
from rnnlib.live import checkpoints, recordings, sessions, settings
from rnnlib.widgets import LearningMap, TrainingLab

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The playground
#
# All knobs of the course, one network, your questions. The next cell trains for 150 steps and shows what happened; **Start** goes on.
#
# **Predict first.** You fork, set the learning rate ten times lower for the blue network, and let both train. Which is ahead after
# 20 steps? And after 500? Then do it. (The steps can be counted for you: enter a number at "Steps".)
# <!-- given: 500 -->

# %% slideshow={"slide_type": "slide"}
lab = TrainingLab(hidden_size=64, learning_rate=2.0)
lab.session.run(150)
lab

# %% [markdown]
# *Blue: training perplexity; orange: the validation text; green, after a fork, the network that keeps its knobs. Grey lines: your changes.*
#
# <details><summary>What we found after the fork</summary>
#
# 20 steps later blue is ahead: shorter steps make less noise. 500 steps later green is: it has walked further.
# </details>
# <!-- claim: after_a_fork_a_rate_ten_times_lower_is_ahead_20_steps_later_and_behind_500_steps_later -->
# <!-- given: 500 -->
#
# **Try this.** Change one thing at a time, and write your guess down before you do.
#
# | question | knob | look at |
# | --- | --- | --- |
# | Does the curve tremble because of the text, or because of your steps? | Learning rate, down | top left |
# | How many steps back does the gradient of the last loss fall by a factor of ten? | Cell | top right |
# | How far down must a threshold go before it slows the network? | Clipping threshold | both left |
# | What does a network lose with half its units? | Hidden size | top left |

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One run proves little
#
# You have now seen some curves. Was that learning rate good, or good *with that threshold*? Two knobs that act together need a map: one
# network for every pair, all with the same first weights and the same batches.
#
# <!-- given: 42 -->
# The next cell trains 42 small networks, 200 steps each. They learn in the background, one after another, while you read on.
#
# **Predict first.** (1) In which corner will networks diverge? (2) In which part of the map does the threshold make no difference at
# all? (3) Is there a part in which *half the threshold* is the same as *half the learning rate*?
# <!-- given: 200 -->

# %% slideshow={"slide_type": "slide"}
learning_map = LearningMap()
learning_map.start()
learning_map

# %% [markdown]
# *A field for every network, empty until it is trained; then its perplexity on validation text, or a cross if it diverged. The framed
# one's curve is on the right.*
#
# **Try this** while it fills in: click a slider and walk over the map with the arrow keys. Find a curve that leaves the axes, one that
# crawls, and the best one. How far is it from the dashed line after 200 steps?
# <!-- given: 200 -->

# %% [markdown]
# Here is the whole map, as it looks when all 42 are trained:
# <!-- given: 42 -->

# %% slideshow={"slide_type": "slide"}
learning_map.wait()
learning_map.figure(learning_map.compute())

# %% [markdown]
# *Top left, columns of equal numbers; bottom, diagonals of equal numbers; top right, crosses.*
#
# **Columns.** Where the gradient is shorter than the threshold, clipping never fires: the threshold is just not there.
#
# **Diagonals.** Where every gradient is longer, every step is $\eta \, \theta \, g / |g|$: exactly $\eta\theta$ long. Only the product
# counts, so half of one is half of the other.
#
# **Crosses.** Steps that are too long throw the hidden units to $\pm 1$, where $1 - h^2$ is zero and nothing leads back.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is it really only the product?
#
# The map keeps every run. Three networks on each of two diagonals:

# %% tags=["nbval-ignore-output"]
for product in (1 / 16, 1 / 4):
    for threshold in (1 / 64, 1 / 16, 1 / 4):
        run = learning_map.runs[product / threshold, threshold]
        print(
            f"rate {product / threshold:5.2f} x threshold {threshold:.4f} = {product:.4f}: "
            f"perplexity {training.perplexity(run.validation_loss):6.3f}, clipped {run.clipped_fraction:4.0%}"
        )

# %% [markdown]
# Where all steps are clipped, networks of one diagonal are the same to three decimals, though their learning rates differ by a factor
# of four. Only the third line differs: a third of its steps were not clipped, so they were shorter than the product.
#
# "Learning rate 8 needs clipping" is half of the truth, then: clipping at 1 does not save it here. What saves it is a *short step*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The same map for another cell
#
# **Predict first.** How many crosses will the map of a GRU have, of an LSTM, and of an RNN that is trained by Adam?
#
# Then change the cell above to `LearningMap(cell="gru")` and run it again; the new map replaces the old one. For Adam, which wants shorter
# steps: `LearningMap(optimizer="adam", learning_rates=(0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064))`.
#
# <details><summary>What we found</summary>
#
# RNN: {{ sum(run.diverged for run in learning_map.runs.values()):d }} crosses. GRU: fewer. LSTM: one at most, in its worst corner. Adam: none, and *no rows*: it divides every gradient by its usual
# size, so that shortening all of them changes next to nothing.
# </details>
# <!-- claim: a_map_has_fewer_crosses_for_a_gru_than_for_an_rnn_and_one_at_most_for_an_lstm, a_map_for_adam_has_no_crosses_and_no_rows -->

# %% [markdown]
# <details><summary>Larger maps, on more than one machine</summary>
#
# A map takes any `concurrent.futures.Executor`; the numbers are the same. On the cores of this machine:
#
# ```python
# LearningMap(executor=concurrent.futures.ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")))
# ```
#
# On a Dask cluster, `distributed.Client("tcp://the-scheduler:8786").get_executor()`; with MPI, `mpi4py.futures.MPIPoolExecutor()`. The
# other machines need `rnnlib`, not the text. Without a picture: `rnnlib.live.sweeps.sweep`.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Record, replay
#
# A session remembers its settings, its seed and every knob you turn, each with its step. That is all it takes to live it again.

# %% tags=["nbval-check-output"]
recorded = sessions.Session(settings.Settings(hidden_size=64, learning_rate=2.0, device="cpu"), name="recorded")
recorded.run(150)
recorded.set(hidden_size=96)
recorded.run(150)
recorded.set(learning_rate=0.5)
recorded.run(150)
recordings.save(recorded, "saved/recorded.session")
for event in recorded.events:
    print(event)

# %% [markdown]
# **Predict first:** you train it again from this file. Will the loss of step 450 be close, or equal?
# <!-- given: 450 -->

# %%
again = recordings.replay("saved/recorded.session")
losses = [session.trainers["main"].history.columns()["loss"] for session in (recorded, again)]
assert (losses[0] == losses[1]).all()

# %% [markdown]
# <!-- given: 449, 200 -->
# Equal, and so are all 449 before. An experiment that cannot be repeated is an anecdote; this one is a file of 200 kB.
#
# The lab's **Save** button writes such a file into the folder `saved`. `recordings.load(path)`, or **Open** in the lab,
# goes on from its last step instead of beginning with its first.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Hand in
#
# Whoever gets the file can verify it: `checks.handed_in` trains it again and compares every number with the stored ones.

# %%
checks.handed_in("saved/recorded.session")

# %% [markdown]
# Now cheat. The next cell lowers the end of the loss curve in the file, as somebody might who is in a hurry.
#
# **Predict first:** the weights in the file are untouched, and the curve looks fine. What will the check say?

# %%
content = recordings.read("saved/recorded.session")
content["trainers"]["main"]["history"]["kept"]["loss"][400:] -= 0.2
checkpoints.write_file("saved/better.session", content)
checks.handed_in("saved/better.session")

# %% [markdown]
# It names the step. Changed weights, events, settings or texts are named in the same way.
#
# One limit: *bit for bit* holds on one kind of machine. Another kind, or a GPU, rounds differently, by about one part in $10^7$. We scaled
# all first weights by that much. Within 30 steps the losses of two such networks differ by less than 1 in 1,000 at learning rate 1, and by more than a
# tenth at learning rate 8, clipped at 0.25. The check trains such a twin. What
# is far beyond it was changed; where the twin itself is far away, the check says so and accuses nobody.
# <!-- claim: within_30_steps_rounding_drifts_little_at_rate_1_and_far_at_rate_8 -->
# <!-- given: 1,000, 0.25, 50 -->

# %% [markdown]
# <details><summary>For instructors: a whole folder</summary>
#
# `python -m rnnlib.grade FOLDER` verifies all session files in a folder, grades all notebooks, and writes one table; `docs/grading.md` says
# more.
#
# Files are read without executing anything from them. With `checks.handed_in(path, settings=settings.Settings(...))` only sessions that began
# with these are accepted. A session takes as long to verify as it took to train; longer ones than the budget are turned away untrained.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Challenge 1: rescue (5 minutes, easy)
#
# This network had a learning rate of 8 and no clipping. Look at it: it needed only a few steps to be lost.

# %% slideshow={"slide_type": "slide"}
sick = TrainingLab(name="sick", hidden_size=32, batch_size=16, num_steps=20, learning_rate=8.0, clip_threshold=math.inf)
sick.session.run(60)
sick

# %% [markdown]
# *Perplexity is {{ training.perplexity(sick.session.trainers["main"].history.columns()["loss"][0]):.0f }} at the first step, {{ training.perplexity(sick.session.trainers["main"].history.columns()["loss"][2]):.0f }} at the third and {{ training.perplexity(sick.session.trainers["main"].history.columns()["loss"][4]):.0e }} at the fifth. Until then no gradient was longer than {{ sick.session.trainers["main"].history.columns()["gradient_norm"][:4].max():.1f }}:
# a learning rate of 8 is enough.*
#
# Too late to lower the rate: at rate 1 from here on, its perplexity is still above 12 after 600 more steps. So turn **one** knob *before
# the first step*, such that the training perplexity is below 10 after 200 steps. The map above knows two ways. Steps can be too short,
# too.
# <!-- claim: a_network_that_was_lost_at_rate_8_has_not_recovered_600_steps_later_at_rate_1 -->
# <!-- given: 600, 15, 200, 10 -->


# %%
def my_rescue(session: sessions.Session) -> None:
    """One call of session.set, such as session.set(learning_rate=7.0)."""
    ...


checks.rescues(my_rescue)

# %% [markdown]
# <details><summary>A hint</summary>
#
# In the map, learning rate 8 is a column. Go down in it until there is a number. Or stay in the top row and go to the left.
# </details>
# <details><summary>A solution</summary>
#
# ```python
# session.set(clip_threshold=0.25)
# ```
#
# Perplexity about 7. `session.set(learning_rate=1.0)` does as well; 0.25 is too little.
# </details>
# <!-- measured: tests/unit/test_checks_06.py -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Challenge 2: beat the 4-gram in 300 steps (15 minutes, hard)
#
# Notebook 05 gave you 2,000 steps. Here are 300: about six times through the story. Counting reaches 3.75 on the test text.
#
# **Predict first:** would you rather spend the steps at one learning rate, or let it fall? Try both in the lab, where you can turn it
# while the network trains, and watch the orange curve.
# <!-- measured: tests/unit/test_checks_06.py -->

# %%
corpus = text.load_corpus("story")
my_model = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=64)  # yours may be another
my_trainer = ...  # training.Trainer(my_model, text.SequentialBatches(corpus.train), optimizer=..., knobs=...)

checks.beats_the_ngram(my_trainer, corpus, step_budget=300)

# %% [markdown]
# <details><summary>A hint</summary>
#
# A GRU with Adam. Begin with longer steps than you would dare to take for 2,000 of them, and make them shorter three times.
# </details>
# <details><summary>A solution</summary>
#
# Test perplexity 3.62 after 300 steps. The first 150 end at 4.22; the rest is the falling learning rate.
#
# ```python
# my_model = settings.build_language_model(settings.Settings(cell="gru", hidden_size=256), corpus)
# my_trainer = training.Trainer(my_model, text.SequentialBatches(corpus.train), optimizer="adam")
# for steps, learning_rate in ((150, 0.01), (80, 0.005), (40, 0.002), (30, 0.0005)):
#     my_trainer.set(learning_rate=learning_rate)
#     my_trainer.run(steps)
# ```
# </details>
# <!-- measured: tests/unit/test_checks_06.py -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Challenge 3: hand in your best session (10 minutes, medium)
#
# Train in the playground for at most 1,500 steps, turning whatever you like while it runs, and press Save. Put the file's name below. The
# verdict tells its test perplexity: in a class, the lowest one wins, and nobody has to take anybody's word for it.

# %%
my_file = ...  # "saved/lab-...session"

checks.handed_in(my_file, step_budget=1500)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `TrainingLab(cell="gru", hidden_size=128, optimizer="adam", learning_rate=0.003)` in the playground's cell makes a good start; Challenge 2 says
# how to go on. With these settings rounding does not grow, so your file can be verified on any machine. Enter a number of steps beside the buttons, and
# the lab pauses there by itself.
# </details>
# <!-- claim: rounding_does_not_grow_in_a_gru_with_128_units_and_adam_at_0_003 -->

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Challenge 4: make an RNN remember (8 minutes, medium)
#
# <!-- given: 30 -->
# In the race of notebook 04 the plain RNN did not solve temporal order at delay 30. Same layer, same training, 300 steps: only its *first* weights are yours.
# Change them in place.
#
# **Predict first:** which of its matrices matters?


# %%
def my_start(rnn: torch.nn.RNN) -> None:
    """rnn has 6 inputs and 32 units; no gradient is recorded here."""
    ...


checks.remembers(my_start)

# %% [markdown]
# <details><summary>A hint</summary>
#
# A state has to arrive after thirty products as long as it was. Which matrices change no vector's length?
# </details>
# <details><summary>A solution</summary>
#
# ```python
# torch.nn.init.orthogonal_(rnn.weight_hh_l0)
# ```
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recap
#
# <details><summary>All steps of a run are clipped. You double the learning rate and halve the threshold. What changes?</summary>
#
# Nothing, with plain gradient descent: every step is as long as their product.
# </details>
#
# <details><summary>Why does a map use the same seed in every field?</summary>
#
# So that two fields differ in their knobs alone. Whether the map would be the same with another seed is a second question, and a
# second map.
# </details>
#
# <details><summary>A replay gives the same numbers. What does that prove, and what does it not?</summary>
#
# That these settings and changes gave these weights. Not that the network is good: that takes text it has never seen, and a baseline.
# </details>

# %% [markdown]
# ## Where to read on
#
# - Pascanu, Mikolov and Bengio 2013, *On the difficulty of training recurrent neural networks*: exploding gradients, and clipping by norm
# - Zhang et al. 2020, *Why gradient clipping accelerates training*: what a step of fixed length has to do with it
# - Kingma and Ba 2015, *Adam*: a method for which the length of the gradient hardly matters
# - Smith 2018, *A disciplined approach to neural network hyper-parameters*: which knobs act together
# - Pineau et al. 2021, *Improving reproducibility in machine learning research*: what a result should come with
# - Dive into Deep Learning, [8.5 RNN from scratch](https://d2l.ai/chapter_recurrent-neural-networks/rnn-scratch.html) and
#   [12.11 Learning rate scheduling](https://d2l.ai/chapter_optimization/lr-scheduler.html)
