"""The engines: the numbers of the definition, on any number of threads, in both precisions."""

import functools
import os
import threading
from collections.abc import Callable

import numba
import numpy as np
import pytest
import torch
from factories import random_model, random_state, random_tokens, small_trainer
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from rnnlib import engine
from rnnlib.cells import CELLS, Cell, State, unroll
from rnnlib.engine import activations, cpu, loops, products, threads
from rnnlib.live.resizing import resize
from rnnlib.models import Backpropagation, LanguageModel, Weights, backpropagate, embed
from rnnlib.text import Corpus

Found = Callable[[Cell, Weights, Tensor, Tensor, State], Backpropagation]
cells = pytest.mark.parametrize("cell", CELLS)


def on_cpu(threads: int) -> Found:
    """The compiled engine on so many threads, however little each of them has to do."""

    def find(cell: Cell, *inputs: object) -> Backpropagation:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cpu, "LEAST_WORK_OF_A_THREAD", 1)
            return engine.CompiledEngine(cell, most_threads=threads).backpropagate(*inputs)  # type: ignore[arg-type]

    return find


def by_definition(cell: Cell, *inputs: object) -> Backpropagation:
    """Plain torch."""
    return backpropagate(cell, *inputs)  # type: ignore[arg-type]


def by_few_operations(cell: Cell, *inputs: object) -> Backpropagation:
    """What a GPU is given, here on a CPU."""
    return engine.FewOperations(cell).backpropagate(*inputs)  # type: ignore[arg-type]


ENGINES: dict[str, Found] = {
    "definition": by_definition,
    "few operations": by_few_operations,
    "compiled, 1 thread": on_cpu(1),
    "compiled, 3 threads": on_cpu(3),
}
engines = pytest.mark.parametrize("find", ENGINES.values(), ids=ENGINES)


def a_minibatch(cell: str, T: int, B: int, H: int, seed: int) -> tuple[LanguageModel, Tensor, Tensor, State]:
    """A model in float64, tokens, targets, and a state as one may be in the midst of a text."""
    model = random_model(cell, hidden_size=H, seed=seed)
    return model, *random_tokens(T, B, seed=seed), random_state(model, B, seed=seed)


def by_autograd(model: LanguageModel, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
    """The truth: PyTorch differentiates the steps of cells.py and its own cross-entropy."""
    W_xh, W_hh, b_h, W_hq, b_q = model.weights
    states = unroll(model.cell, embed(tokens, W_xh, b_h), state, W_hh)
    hidden = [h for h, *_ in states[1:]]
    loss = F.cross_entropy((torch.stack(hidden) @ W_hq + b_q).flatten(0, 1), targets.flatten())
    gradient, *hidden_gradients = torch.autograd.grad(loss, [model.vector, *hidden])
    last = tuple(part.detach() for part in states[-1])
    return Backpropagation(loss.detach(), [gradient], last, torch.stack(hidden).detach(), torch.stack(hidden_gradients))


@engines
@cells
@given(T=st.integers(1, 8), B=st.integers(1, 9), H=st.integers(1, 40), seed=st.integers(0, 99))
@example(T=1, B=1, H=1, seed=0)
@example(T=3, B=19, H=16, seed=0)
@example(T=2, B=8, H=64, seed=0)
@example(T=2, B=4, H=65, seed=0)
def test_every_engine_finds_what_autograd_finds(find: Found, cell: str, T: int, B: int, H: int, seed: int) -> None:
    model, *inputs = a_minibatch(cell, T, B, H, seed)
    found = find(model.cell, model.weights, *inputs)
    torch.testing.assert_close(tuple(found), tuple(by_autograd(model, *inputs)), rtol=1e-9, atol=1e-12)


@engines
@cells
def test_single_precision_is_as_exact_as_it_can_be(find: Found, cell: str) -> None:
    double, tokens, targets, state = a_minibatch(cell, 35, 16, 40, 0)
    exact = by_autograd(double, tokens, targets, state)
    single = random_model(cell, hidden_size=40).float()
    found = find(single.cell, single.weights, tokens, targets, tuple(part.float() for part in state))
    torch.testing.assert_close(found.loss.double(), exact.loss, rtol=1e-6, atol=0)
    for ours, expected in zip(
        (*found.gradients, found.hidden, found.hidden_gradients),
        (*exact.gradients, exact.hidden, exact.hidden_gradients), strict=True,
    ):  # fmt: skip
        assert ours.dtype == torch.float32
        assert torch.linalg.vector_norm(ours.double() - expected) < 1e-5 * torch.linalg.vector_norm(expected)


@cells
@pytest.mark.parametrize("B", [1, 8, 19, 32])
def test_any_number_of_threads_finds_the_same_bits(cell: str, B: int) -> None:
    model, tokens, targets, state = a_minibatch(cell, 7, B, 50, 0)
    inputs = model.float().weights, tokens, targets, tuple(part.float() for part in state)
    alone = on_cpu(1)(model.cell, *inputs)
    for number in (2, 3, 8):
        torch.testing.assert_close(tuple(on_cpu(number)(model.cell, *inputs)), tuple(alone), rtol=0, atol=0)


@cells
def test_an_engine_serves_one_size_after_another(cell: str) -> None:
    one = engine.CompiledEngine(CELLS[cell])
    for T, B, H in [(6, 2, 4), (6, 2, 4), (3, 1, 20), (6, 2, 4)]:
        model, *inputs = a_minibatch(cell, T, B, H, T)
        found, expected = one.backpropagate(model.weights, *inputs), by_autograd(model, *inputs)
        torch.testing.assert_close(tuple(found), tuple(expected), rtol=1e-9, atol=1e-12)


@cells
def test_what_is_compiled_for_one_size_serves_all(cell: str) -> None:
    engine.compile_loops()
    compiled = [
        each for module in (activations, loops, products) for each in vars(module).values()
        if isinstance(each, numba.core.dispatcher.Dispatcher)
    ]  # fmt: skip
    before = [len(function.signatures) for function in compiled]
    assert sum(before) > 8
    for T, B, H in [(1, 1, 1), (6, 2, 9), (4, 20, 64)]:
        model, tokens, targets, state = a_minibatch(cell, T, B, H, 0)
        on_cpu(2)(model.cell, model.float().weights, tokens, targets, tuple(part.float() for part in state))
    assert [len(function.signatures) for function in compiled] == before


@cells
@given(N=st.integers(1, 4), T=st.integers(1, 6), B=st.integers(1, 5), H=st.integers(1, 9), seed=st.integers(0, 99))
def test_networks_side_by_side_have_the_numbers_of_each_alone(
    cell: str, N: int, T: int, B: int, H: int, seed: int
) -> None:
    models = [random_model(cell, hidden_size=H, seed=seed + number) for number in range(N)]
    states = [random_state(model, B, seed=seed + number) for number, model in enumerate(models)]
    minibatch = random_tokens(T, B, seed=seed)
    weights = Weights(
        *(torch.stack(parts).detach() for parts in zip(*(model.weights for model in models), strict=True))
    )
    together = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
    found = engine.FewOperations(CELLS[cell]).side_by_side(weights, *minibatch, together)
    for number, (model, state) in enumerate(zip(models, states, strict=True)):
        expected = by_autograd(model, *minibatch, state)
        of_this = Backpropagation(
            found.loss[number], [found.gradients[0][number]], tuple(part[number] for part in found.state),
            found.hidden[number], found.hidden_gradients[number],
        )  # fmt: skip
        torch.testing.assert_close(tuple(of_this), tuple(expected), rtol=1e-9, atol=1e-12)


def test_losses_whose_sum_no_number_can_hold_have_a_mean() -> None:
    model, *inputs = a_minibatch("rnn", 6, 5, 3, 0)
    weights = Weights(*(weight.detach().float() for weight in model.weights))
    weights.b_q[0] = 1e38
    found = by_few_operations(model.cell, weights, *inputs[:2], tuple(part.float() for part in inputs[2]))
    assert 1e37 < found.loss < 1e38


def test_the_quickest_engine_of_a_cpu_is_the_compiled_one_and_of_others_the_one_of_few_operations() -> None:
    assert isinstance(engine.quickest(CELLS["gru"], torch.device("cpu")), engine.CompiledEngine)
    for device in ("cuda", "mps"):
        assert isinstance(engine.quickest(CELLS["gru"], torch.device(device)), engine.FewOperations)


def test_denormal_numbers_are_zeros_during_a_step_on_all_its_threads_and_nowhere_else() -> None:
    found = [False] * 3

    def look(thread: int) -> None:
        found[thread] = bool((np.full(2, 1e-310) * 0.5 == 0).all())

    with engine.undisturbed():
        threads.side_by_side(look, 3)
    assert found == [True] * 3
    assert (np.full(2, 1e-310) * 0.5 > 0).all()
    torch.set_flush_denormal(True)
    try:
        with engine.undisturbed():
            pass
        assert (np.full(2, 1e-310) * 0.5 == 0).all()  # as the reader had it
    finally:
        torch.set_flush_denormal(False)


def test_two_labs_at_once_have_no_more_threads_beside_them_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_pool", None)
    before, begun, go_on = set(threading.enumerate()), [threading.Event() for _ in range(4)], threading.Event()

    def work(lab: int, part: int) -> None:
        begun[2 * lab + part].set()
        if (lab, part) == (0, 1):
            assert go_on.wait(60)

    labs = [threading.Thread(target=threads.side_by_side, args=(functools.partial(work, lab), 2)) for lab in range(2)]
    labs[0].start()
    assert begun[1].wait(60)  # the first lab's thread is busy
    labs[1].start()
    assert begun[2].wait(60)  # the second lab has asked for one
    beside = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("rnnlib engine")]
    go_on.set()
    for lab in labs:
        lab.join()
    assert len(beside) == 1 and begun[3].is_set()


def test_what_goes_wrong_in_a_thread_beside_is_told_when_all_have_ended() -> None:
    ended = []

    def fail(thread: int) -> None:
        if thread == 2:
            raise MemoryError("no room")
        ended.append(thread)

    with pytest.raises(MemoryError, match="no room"):
        threads.side_by_side(fail, 3)
    assert sorted(ended) == [0, 1]


def test_a_trainer_uses_all_the_threads_that_the_reader_lets_torch_use(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(16), raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        trainer = small_trainer(corpus)
        made = [trainer._engine]
        resize(trainer, 20)
        made.append(trainer._engine)
        with engine.undisturbed():
            made.append(engine.quickest(CELLS["rnn"], torch.device("cpu")))
        assert [one.most_threads for one in made if isinstance(one, engine.CompiledEngine)] == [3, 3, 3]
    finally:
        torch.set_num_threads(before)


# ----------------------------------------------------------------------------------------- its parts


@numba.njit
def apply(x, tanh_x, sigmoid_x, exp_x):
    """tanh, sigmoid and exp of every number, as the compiled loops compute them."""
    for place in range(len(x)):
        tanh_x[place] = activations.tanh(x[place])
        sigmoid_x[place] = activations.sigmoid(x[place])
        exp_x[place] = activations.exp(x[place])


def test_activations_are_those_of_mathematics_in_both_precisions() -> None:
    for dtype, tolerance in ((np.float32, 3e-7), (np.float64, 1e-15)):
        x = np.concatenate([np.linspace(-20, 20, 20001), np.geomspace(1e-30, 1, 2001)]).astype(dtype)
        tanh, sigmoid, exp = (np.empty_like(x) for _ in range(3))
        apply(x, tanh, sigmoid, exp)
        exact = x.astype(np.float64)
        np.testing.assert_allclose(tanh, np.tanh(exact), rtol=tolerance, atol=0)
        np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-exact)), rtol=0, atol=tolerance)
        np.testing.assert_allclose(exp, np.exp(exact), rtol=2 * tolerance, atol=0)
        assert abs(tanh).max() == 1


def test_what_is_not_a_number_or_infinite_is_not_hidden() -> None:
    for dtype in (np.float32, np.float64):
        x = np.array([np.nan, np.inf, -np.inf], dtype)
        tanh, sigmoid, exp = (np.empty_like(x) for _ in range(3))
        apply(x, tanh, sigmoid, exp)
        np.testing.assert_equal(tanh, [np.nan, 1, -1])
        np.testing.assert_equal(sigmoid, [np.nan, 1, 0])
        np.testing.assert_equal(exp[0], np.nan)


@given(
    rows=st.integers(1, 13), inner=st.integers(1, 40), columns=st.integers(1, 70), seed=st.integers(0, 99),
    adds=st.booleans(),
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_tiles_are_matrix_products(
    dtype: type, rows: int, inner: int, columns: int, seed: int, adds: bool
) -> None:
    random = np.random.default_rng(seed)
    A, B, C = (
        random.standard_normal(shape).astype(dtype) for shape in ((rows, inner), (inner, columns), (rows, columns))
    )
    width, wide = products.panel_width(np.dtype(dtype)), products.padded(columns, np.dtype(dtype))
    panels = np.zeros(products.panels_for(inner, columns, np.dtype(dtype)), dtype)
    for number in range(len(panels)):
        products.pack(B, panels[number], number * width)
    A_padded = np.zeros((rows, products.padded(inner, np.dtype(dtype))), dtype)
    A_padded[:, :inner] = A
    out = np.zeros((rows, wide), dtype)
    out[:, :columns] = C
    products.multiply(A_padded, 0, rows, panels, out, adds)
    expected = A.astype(np.float64) @ B + C * adds
    np.testing.assert_allclose(out[:, :columns], expected, rtol=0, atol=np.finfo(dtype).eps * 20 * inner)
