"""Labels again, by the trained network: it has heard these voices and languages, which the first aligner had not.

The known words are found once more, in the way that the runtime aligns a transcript. Where the sound is not what the
text says (learners, swallowed endings), the network's own hearing becomes the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from model_runtime.contracts import FRAME_RATE, SAMPLE_RATE, Hearing
from model_runtime.hearing.align import align
from model_runtime.hearing.lexicon import LexiconWord, SpokenPhone

from .corpora import Utterance, audio, utterances
from .labels import PIECE, SECOND, Labels, missing_pieces, piece_path, write_piece
from .model import Hearer, SpeechNet
from .pronounce import UnknownWordError, Word, pronunciations

LEAST_FIT = 0.5
"""Share of the text's phones that the sound must support; recordings with less are left out."""


def lexicon_word(word: Word) -> LexiconWord:
    """The alternatives of a word as the runtime's aligner takes them."""
    return LexiconWord("", tuple(tuple(SpokenPhone(phone, False) for phone in form) for form in word))


@torch.no_grad()
def relabelled(utterance: Utterance, waveform: torch.Tensor, hearer: Hearer) -> Labels | None:
    """The labels of one utterance, or None where text and sound have little in common."""
    try:
        words = [lexicon_word(word) for word in pronunciations(utterance)]
    except UnknownWordError:
        return None
    duration = len(waveform) / SAMPLE_RATE
    phones, visemes, voice, loudness = (output.numpy() for output in hearer(waveform))
    speech = align(Hearing(phones, visemes, voice, loudness, duration), words)
    if (speech.text_fit or 0.0) < LEAST_FIT:
        return None
    ends = [round(phone.end, 4) for phone in speech.phones]
    ends[-1] = round(max(duration, speech.phones[-1].start + 1 / FRAME_RATE), 4)
    return Labels(utterance.id, tuple(phone.symbol for phone in speech.phones), tuple(ends))


def relabel(shared: Path, work: Path, names: Sequence[str], checkpoint: Path) -> None:
    """Write the second labels of every utterance that has none yet."""
    torch.set_num_threads(1)
    net = SpeechNet()
    net.load_state_dict(torch.load(checkpoint)["average"])
    hearer = Hearer(net)
    for name, piece in missing_pieces(shared, work / SECOND, names):
        samples = audio(shared, work, name)
        rows = utterances(shared, name)[piece * PIECE : (piece + 1) * PIECE]
        found = []
        for row in rows:
            waveform = torch.tensor(samples[row.start : row.end].astype("float32") / 32768)
            found.append(relabelled(row, waveform, hearer))
        kept = [labels for labels in found if labels]
        write_piece(piece_path(work / SECOND, name, piece), kept)
        print(f"relabelled {name} {piece}: {len(kept)} kept, {len(rows) - len(kept)} left out", flush=True)
