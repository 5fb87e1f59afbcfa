"""The views of notebooks 01 to 03: the numbers behind the pictures, edge values, callbacks called directly."""

import math
import re
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import wait_until

from rnnlib.baselines import NGram
from rnnlib.figures.small_network import collected, moments
from rnnlib.gradients import gradient_map
from rnnlib.models import LanguageModel
from rnnlib.sampling import write
from rnnlib.text import Corpus, SequentialBatches, load_corpus
from rnnlib.topics.small_network import example_network, walk
from rnnlib.training import Trainer, evaluate, perplexity
from rnnlib.widgets import (
    CountedBaselines,
    GradientMap,
    HiddenStates,
    OneStep,
    OneStepBack,
    Partitions,
    PerplexityOfADistribution,
    TrainingDiary,
    Truncation,
    UnrolledGraph,
)
from rnnlib.widgets.view import View

X, Y = np.eye(3), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])


def shown(view: View) -> tuple[bytes, str]:
    return view.png, view.text


class TestTrainingDiary:
    def diary(self, corpus: Corpus) -> TrainingDiary:
        generator = torch.Generator().manual_seed(0)
        model = LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=8, generator=generator)
        self.trainer = Trainer(model, SequentialBatches(corpus.train, batch_size=4, num_steps=10))
        return TrainingDiary(self.trainer, corpus, prefix="the ", steps=(0, 2, 150))

    def test_its_pages_are_what_the_network_wrote_after_so_many_steps(self, corpus: Corpus) -> None:
        view = self.diary(corpus)
        assert [page.step for page in view.pages] == [0, 2, 150] and self.trainer.steps_made == 150
        last, generator = view.pages[-1], torch.Generator().manual_seed(0)
        assert last.text == write(self.trainer.model, corpus.vocab, "the ", 60, generator=generator)
        assert last.validation == perplexity(evaluate(self.trainer.model, corpus.validation))
        assert view.pages[0].text != last.text
        words = {last.text[first:end] for first, end in last.words}
        known = set(corpus.vocab.decode(corpus.train).split())
        assert words and words <= known
        assert not known & (set(last.text.removeprefix("the ").split()) - words)

    def test_the_slider_shows_the_pages_up_to_its_own(self, corpus: Corpus) -> None:
        view = self.diary(corpus)
        stored = shown(view)
        assert view.compute() == view.pages and view.pages[-1].text in view.text
        view.step.value = 1
        assert view.compute() == view.pages[:2]
        assert view.text.startswith("After 2 steps") and shown(view)[0] != stored[0]


class TestPartitions:
    def test_the_rows_shown_are_the_rows_of_the_minibatch(self, corpus: Corpus) -> None:
        view = Partitions(corpus, num_tokens=200, batch_size=3, num_steps=8)
        for kind in ("sequential", "random"):
            view.kind.value = kind
            for number in (0, 3):
                view.batch.value = number
                batch = view._batches[kind][number]
                for row, start in enumerate(view.compute().starts.tolist()):
                    assert view._text[start : start + 8] == corpus.vocab.decode(batch.tokens[:, row])
                    assert view._text[start + 1 : start + 9] == corpus.vocab.decode(batch.targets[:, row])

    def test_the_next_sequential_minibatch_goes_on_and_a_random_one_does_not(self, corpus: Corpus) -> None:
        view = Partitions(corpus)
        first = view.compute().starts
        before = shown(view)
        view.batch.value = 1
        assert torch.equal(view.compute().starts, first + 8) and "the state is carried" in view.text
        assert shown(view)[0] != before[0]
        view.kind.value = "random"
        assert "starts from zero" in view.text

    def test_more_rows_than_colours_are_refused(self, corpus: Corpus) -> None:
        with pytest.raises(ValueError, match="1 to 4 rows; batch_size is 5"):
            Partitions(corpus, batch_size=5)


class TestPerplexity:
    def test_equal_shares_are_a_fair_die_and_one_share_is_certainty(self) -> None:
        assert PerplexityOfADistribution("abcd", (3, 3, 3, 3)).compute().perplexity == pytest.approx(4)
        assert PerplexityOfADistribution("abcd", (0, 7, 0, 0)).compute().perplexity == pytest.approx(1)
        view = PerplexityOfADistribution("ab", (1, 1))
        view.shares[0].value = 3
        assert view.compute().perplexity == pytest.approx(math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)))

    def test_no_share_at_all_is_told_and_the_picture_stays(self) -> None:
        view = PerplexityOfADistribution("ab", (1, 0))
        picture = view.png
        view.shares[0].value = 0
        assert "one share at least must be above 0" in view.text and view.png == picture

    def test_counted_baselines_are_the_ngrams(self, corpus: Corpus) -> None:
        view = CountedBaselines(corpus, prefix="the")
        V = len(corpus.vocab)
        assert view.perplexities.shape == (5, 8)
        expected = NGram(corpus.train, order=3, vocab_size=V).perplexity(corpus.validation)
        assert view.perplexities[2, -1] == pytest.approx(expected)
        before = shown(view)
        view.order.value = 4
        assert all(new != old for new, old in zip(shown(view), before, strict=True))
        assert "A 4-gram counted on 8,000 characters" in view.text
        view.amount.value = 0
        assert "on 62 characters" in view.text

    def test_counted_baselines_of_words_speak_of_words_and_their_axis_has_room_for_them(self) -> None:
        view = CountedBaselines(load_corpus("story", tokens="words"))
        assert "characters" not in view.text and " words has perplexity" in view.text
        assert view.amount.description == "Words"
        (ax,) = view.figure(view.compute()).axes
        low, high = ax.get_ylim()
        assert ax.get_xlabel() == "words counted"
        assert low <= view.perplexities.min() and view.perplexities.max() <= high
        assert sum(low <= tick <= high for tick in ax.get_yticks()) >= 3


class TestStepThrough:
    def test_one_step_says_the_numbers_of_the_walk(self) -> None:
        view, way = OneStep(example_network(), "abc"), walk(example_network(), X, Y)
        pictures = set()
        for t in (1, 2, 3):
            view.t.value = t
            assert ", ".join(f"{number:.2f}" for number in way.o[t - 1]) in view.text
            pictures.add(view.png)
        assert len(pictures) == 3

    def test_one_step_reads_the_letters_that_are_typed(self) -> None:
        view = OneStep(example_network(), "ab")
        view.letters.value = "cca"
        view.t.value = 3
        way = walk(example_network(), np.eye(3)[[2, 2, 0]], np.zeros((3, 2)))
        np.testing.assert_array_equal(view.compute().walk.h, way.h)
        before = shown(view)
        view.letters.value = "cx"
        assert "1 to 8 of a, b, c; 'cx' is not" in view.text and view.png == before[0]

    def test_one_step_tells_the_products_of_a_unit_which_add_up_to_its_sum(self) -> None:
        view = OneStep(example_network(), "abc")
        view.unit.value = 4
        inputs, states = re.findall(r"(?:input|state) (.+?) = ", view.text)
        total = sum(
            float(value) * float(weight)
            for part in (inputs, states)
            for value, weight in (product.split(" x ") for product in part.split(" + "))
        )
        assert math.isclose(total, view.compute().walk.a[1, 3], abs_tol=0.01) and "its tanh 0.87" in view.text

    def test_a_click_on_a_hidden_unit_tells_its_products_and_another_one_tells_none(self) -> None:
        view = OneStep(example_network(), "abc")
        picture = view.children[-2]
        picture._handle_custom_msg({"clicked": 3}, [])
        assert view.unit.value == 4 and "Unit 4 at step 2" in view.text
        picture._handle_custom_msg({"clicked": 3}, [])
        assert view.unit.value == 0 and "the state goes from" in view.text
        assert picture.value == view.png and len(picture.places) == 4

    def test_one_step_without_its_loop_is_a_feed_forward_network(self) -> None:
        view = OneStep(example_network(), "aba")
        view.loop.value = "all 0"
        h = view.compute().walk.h
        np.testing.assert_array_equal(h[1], h[3])  # the same letter, whatever came before

    def test_a_weight_that_is_moved_changes_the_walk_and_not_the_network_that_was_given(self) -> None:
        network = example_network()
        view = OneStep(network, "ab")
        before = shown(view)
        view.weight.value = ("W_xh", 1, 2)
        assert view.value.value == network.W_xh[1, 2] and shown(view) == before
        view.value.value = -1.0
        assert view.compute().network.W_xh[1, 2] == -1 and view.png != before[0]
        assert network.W_xh[1, 2] == 0.2

    def test_one_step_back_says_the_numbers_of_the_walk(self) -> None:
        view, way = OneStepBack(example_network(), X, Y), walk(example_network(), X, Y)
        assert view.t.value == 3
        view.t.value = 2
        assert ", ".join(f"{number:.2f}" for number in way.total[1]) in view.text

    def test_every_edge_of_the_graph_is_walked_once_and_losses_come_before_the_way_back(self) -> None:
        walked = moments(3, backward=True)
        assert len(set(walked)) == len(walked) == 4 * 3 + 3 * 3 - 1
        assert [moment.backward for moment in walked] == [False] * 12 + [True] * 8
        assert len(moments(1, backward=True)) == 6

    def test_the_graph_changes_with_every_edge_and_separates_direct_from_total(self) -> None:
        view = UnrolledGraph(example_network(), X, Y, backward=True)
        pictures = set()
        for edges in range(len(view.moments) + 1):
            view.edges.value = edges
            pictures.add(view.png)
        assert len(pictures) == 21
        assert "dL/dh_1 is (0.30, -0.40, -0.40, -0.04)" in view.text
        total = view.png
        view.beside.value = "direct term only"
        assert view.png != total and "switched off" in view.text

    def test_weights_collect_a_share_at_every_step_and_in_the_end_have_the_gradient(self) -> None:
        network, steps = example_network(), moments(3, backward=True)
        way = walk(network, X, Y)
        assert all(not got for got, _ in collected(way, steps[:12]).values())
        assert {name: got for name, (got, _) in collected(way, steps[:14]).items()} == {
            "W_{hq}": [3], "W_{hh}": [3], "W_{xh}": [3]
        }  # fmt: skip
        W_xh, W_hh, b_h, W_hq, b_q = weights = [
            torch.from_numpy(each).clone().requires_grad_() for each in vars(network).values()
        ]
        h, loss = torch.zeros(4, dtype=torch.float64), 0.0
        for x, y in zip(torch.from_numpy(X), torch.from_numpy(Y), strict=True):
            h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
            loss = loss + 0.5 * (h @ W_hq + b_q - y).square().sum()
        dW_xh, dW_hh, _, dW_hq, _ = torch.autograd.grad(loss, weights)
        total = {name: each for name, (_, each) in collected(way, steps).items()}
        for name, expected in (("W_{hq}", dW_hq), ("W_{hh}", dW_hh), ("W_{xh}", dW_xh)):
            np.testing.assert_allclose(total[name], expected.numpy(), atol=1e-12)

    def test_a_single_step_can_be_walked(self) -> None:
        view = UnrolledGraph(example_network(), X[:1], Y[:1], backward=True)
        view.edges.value = 6
        assert "the direct term" in view.text


class TestHiddenStates:
    @pytest.fixture
    def model(self, corpus: Corpus) -> LanguageModel:
        generator = torch.Generator().manual_seed(0)
        return LanguageModel("gru", vocab_size=len(corpus.vocab), hidden_size=6, generator=generator)

    def test_the_activations_are_those_of_the_model_read_letter_by_letter(
        self, corpus: Corpus, model: LanguageModel
    ) -> None:
        text = corpus.vocab.decode(corpus.validation[:70])
        view, state = HiddenStates(model, corpus.vocab, text), model.initial_state(1)
        for place, letter in enumerate(text):
            _, state = model(corpus.vocab.encode(letter)[:, None], state)
            np.testing.assert_allclose(view.hidden[place], state[0][0].detach(), atol=1e-6)

    def test_another_unit_and_another_place_change_the_picture(self, corpus: Corpus, model: LanguageModel) -> None:
        view = HiddenStates(model, corpus.vocab, corpus.vocab.decode(corpus.validation[:70]))
        before = shown(view)
        view.unit.value = 5
        after = shown(view)
        view.position.value = 0
        assert before != after != shown(view) and "Unit 5, on average over these 70 characters" in view.text

    def test_the_share_of_variance_is_that_of_the_two_largest_singular_values(
        self, corpus: Corpus, model: LanguageModel
    ) -> None:
        view = HiddenStates(model, corpus.vocab, "the sea the lamp")
        squares = np.linalg.svd(view.hidden - view.hidden.mean(0), compute_uv=False) ** 2
        assert math.isclose(view.share_of_variance, squares[:2].sum() / squares.sum(), rel_tol=1e-4)

    def test_one_letter_is_no_text(self, corpus: Corpus, model: LanguageModel) -> None:
        with pytest.raises(ValueError, match="at least two characters"):
            HiddenStates(model, corpus.vocab, "a")
        assert HiddenStates(model, corpus.vocab, "the").position.max == 2


def test_truncation_measures_what_truncation_does(corpus: Corpus) -> None:
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=8, generator=generator)
    longer = replace(corpus, validation=corpus.train[:2000])
    view = Truncation(model, longer)
    view.length.value = 4
    errors, kilobytes = view.compute()["error"], view.compute()["kilobytes"]
    assert errors["full"] == [0.0] * 6 and errors["truncated"][0] == 0.0
    assert all(error > 0 for error in errors["truncated"][1:])
    assert kilobytes["full"] == sorted(kilobytes["full"]) and kilobytes["truncated"][-1] < kilobytes["full"][-1] / 10
    before = shown(view)
    view.length.value = 16
    assert view.compute()["error"]["truncated"][2] == 0.0
    assert all(new != old for new, old in zip(shown(view), before, strict=True))
    with pytest.raises(ValueError, match=r"the validation text has \d+ tokens; 1025 are needed"):
        Truncation(model, replace(corpus, validation=corpus.train[:1000]))


class TestGradientMap:
    @pytest.fixture
    def view(self):
        view = GradientMap(name="test map", num_steps=6, hidden_size=8, batch_size=4)
        yield view
        view.stop()

    def test_the_map_is_that_of_the_network_last_evaluated(self, view: GradientMap) -> None:
        view.session.keep_evaluating(60)
        view.session.run(5)
        assert view.session.evaluations[-1].step == 5
        torch.testing.assert_close(view.session.snapshot.vector, view.session.model.vector)
        expected = gradient_map(view.session.model, view.tokens, view.targets, view.session.model.initial_state(4))
        shown = np.nan_to_num(view.compute().series["map"])
        np.testing.assert_allclose(shown, expected / expected.max(), rtol=1e-5)
        kept = view.session.snapshot.vector.clone()
        batches = view.session.trainers["main"].batches
        assert isinstance(batches, SequentialBatches) and batches.num_steps == 6
        view.session.trainers["main"].step()
        torch.testing.assert_close(view.session.snapshot.vector, kept)

    def test_the_slider_cuts_the_map(self, view: GradientMap) -> None:
        assert int((view.compute().series["map"] > 0).sum()) == 21
        view.cut_every.value = 2
        assert int((view.compute().series["map"] > 0).sum()) == 9
        wait_until(lambda: "9 of 21 cells" in view.text)

    def test_the_mean_over_each_lag_is_that_of_a_diagonal(self, view: GradientMap) -> None:
        chart = view.compute()
        means = [np.nanmean(np.diagonal(chart.series["map"], -lag)) for lag in range(6)]
        np.testing.assert_allclose(chart.series["mean"][:, 1], means / means[0], rtol=1e-5)

    def test_another_cell_takes_effect_and_stopping_leaves_no_thread(self, view: GradientMap) -> None:
        view.cell.value = "lstm"
        view.session.wait()
        view.session.evaluate_now()
        view.session.wait()
        assert view.session.model.cell.name == "lstm" and view.compute().series["map"].shape == (6, 6)
        view.stop()
        names = {thread.name for thread in threading.enumerate()}
        assert not view.session.alive and not any("test map" in name for name in names)

    def test_buttons_train_pause_and_reset(self, view: GradientMap) -> None:
        view.buttons["Start"].click()
        wait_until(lambda: view.session.steps_made > 3)
        view.buttons["Pause"].click()
        view.session.wait()
        assert view.session.steps_made > 3
        view.buttons["Reset"].click()
        assert view.session.steps_made == 0
        view.buttons["Step"].click()
        view.session.wait()
        assert view.session.steps_made == 1
