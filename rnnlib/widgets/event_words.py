"""Changes of a session in words: a few letters for a mark, a sentence to be read aloud.

Before: live/settings.py.
"""

from rnnlib.live.settings import Event

SHORT_NAMES = {"learning_rate": "rate", "clip_threshold": "clip", "hidden_size": "H", "clip_by": "clip by"}


def name_of(event: Event) -> str:
    """An event in a few letters."""
    if event.knob == "fork":
        return str(event.new)
    if event.knob == "fork dropped":
        return f"{event.new} dropped"
    return f"{SHORT_NAMES.get(event.knob, event.knob)} {event.value_name}"


def sentence_of(event: Event) -> str:
    """An event in words that can be read aloud."""
    if event.knob == "resumed":
        return f"Resumed at step {event.step}."
    if event.knob == "fork":
        return f'Forked as "{event.new}" at step {event.step}.'
    if event.knob == "fork dropped":
        return f'Fork "{event.new}" dropped at step {event.step}.'
    return f"{event.knob.replace('_', ' ').capitalize()} {event.value_name} from step {event.step} on."
