"""A long training in the page: it goes on by the keyboard, another cell answers, its texts are turned back."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from accessible import serious_faults
from jupyter_page import LabPage, Server
from test_harness import write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

EPOCHS = 100_000  # it does not come to its end in a test
TRAINING = f"""\
from rnnlib import baselines, models, text, training
from rnnlib.widgets import TrainingByEpochs
corpus = text.load_corpus("story", max_train_tokens=1500)
counted = baselines.best_ngram(corpus.train, corpus.validation, vocab_size=len(corpus.vocab))
model = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=8)
trainer = training.Trainer(model, text.SequentialBatches(corpus.train, batch_size=8, num_steps=10))
run = TrainingByEpochs(trainer, corpus, counted, prefix="the ", epochs={EPOCHS})
run"""


@pytest.fixture(scope="module")
def page(browser: "BrowserContext", server: Server, notebooks_folder: Path) -> Iterator[LabPage]:
    page = LabPage(browser.new_page(), server)
    page.open_notebook(write_notebook(notebooks_folder / "epochs.ipynb", TRAINING))
    page.run_all()
    page.wait_until_all_ran(timeout=120)
    yield page
    page.end_kernels()
    page.page.close()


def test_it_goes_on_by_the_keyboard_another_cell_answers_and_pause_ends_it(page: LabPage) -> None:
    view = page.notebook.locator(".training-by-epochs").first
    status, plot = view.locator(".live-plot-status").first, view.locator(".live-plot").first
    page.wait_until(lambda: status.inner_text().startswith(f"Epoch 0 of {EPOCHS:,}, not running"))

    def press(name: str) -> None:
        view.get_by_role("button", name=name, exact=True).focus()
        page.press("Enter")

    def epochs_drawn() -> int:
        return plot.evaluate("root => root.plot.store.get('training').length")

    press("Start")
    page.wait_until(lambda: epochs_drawn() > 20)
    seen = epochs_drawn()
    assert page.execute_in_new_cell("run.running, sum(range(10))").output == "(True, 45)"
    page.wait_until(lambda: epochs_drawn() > seen)
    assert "of training left" in status.inner_text()
    page.screenshot("view_training_by_epochs")
    press("Pause")
    page.wait_for_kernel("run.running", "False")
    page.wait_until(lambda: epochs_drawn() == int(page.execute_in_new_cell("run.epoch").output))
    page.wait_until(lambda: "not running" in status.inner_text())
    assert view.locator(".live-plot-diary").first.inner_text().startswith("At epoch 0 it writes:")
    assert not serious_faults(page, ".training-by-epochs")


def test_a_kernel_that_ends_while_it_trains_is_told(page: LabPage) -> None:
    view = page.notebook.locator(".training-by-epochs").first
    view.get_by_role("button", name="Start", exact=True).focus()
    page.press("Enter")
    page.wait_for_kernel("run.running", "True")
    silence = view.locator(".live-plot-silence").first
    assert silence.inner_text() == ""
    page.end_kernels()
    page.wait_until(lambda: silence.inner_text().startswith("The kernel has said nothing"))
    page.screenshot("view_without_its_kernel")
