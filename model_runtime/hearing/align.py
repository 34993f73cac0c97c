"""Which phone was spoken when: Viterbi over the network's posteriors, free or held to a transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from ..contracts import FRAME_RATE, VISEMES, Float32, Hearing, Phone, Speech, Word
from ..errors import TextError
from ..phones import PHONES, SILENCE, SONORANTS, VISEME_OF, VOWELS
from .lexicon import LexiconWord

Indices = NDArray[np.int64]

SWITCH = 2.0
"""Cost of a new phone in nats: what keeps free decoding from flickering."""
DOUBT: Float32 = np.array([0.5 if phone in ("p", "b") else 0.0 for phone in PHONES], np.float32)
"""Nats a frame by which free decoding trusts a phone less than the network does: of the closures it shows more are
wrong than spoken ones are missed. Precision and recall on held-out recordings: .846 / .838 to .857 / .832."""
SKIP_WORD = 40.0
"""Cost in nats of a word of the transcript that was not spoken."""
GARBAGE = 4.0
"""Cost a frame, in nats, of sound that the transcript does not explain, against the frame's best phone."""
UNSURE, PAUSE = 0.25, 0.15
"""Mean posterior below which a stretch between pauses (seconds) is no speech. One stretch in 500 of held-out speech is,
one in 90 with pink noise 10 dB below it; so are most of those that a beating motor or music is taken for."""
UNWRITTEN = 12
"""The fewest frames of a stretch that the transcript does not explain: a word, not a doubtful phone."""
FRAGMENT = 24
"""Frames of sound without a vowel up to which what touches a word is no other word that was not written, but its edge:
the end of a syllable as it is heard. Longer ones may be hums."""
LARGEST_SEARCH = 600_000_000
"""States times frames that a transcript's search may take: about 0.6 GB, some minutes of dense text."""
VOWEL_LATE, SONORANT_EARLY = 0.007, 0.0065
"""Seconds by which vowels begin too late, and sonorants after them too early, in the labels that the network learned
from. Measured where the truth is known: `python -m training edges` aligns a voice whose edges were set by hand."""
_FLOOR = 1e-5
_BLOCK = 6_000


def shortest(symbol: str) -> int:
    """The fewest frames of a phone: lips that meet stay so for a moment, a tongue may only tap."""
    if VISEME_OF[symbol] == "PP":
        return 4
    return 3 if symbol in VOWELS or symbol == SILENCE else 2


def recognise(hearing: Hearing) -> Speech:
    """The phones of a sound without transcript: each phone has a shortest length, each change costs `SWITCH`.

    Stress comes from how long and loud a phone is within its line. What is heard without any certainty between two
    pauses is no speech but a motor, music or a crowd: silence.
    """
    speech = _speech(_runs(_free_path(hearing)), hearing)
    return replace(speech, phones=_on_time(_sure(speech.phones)))


def _sure(phones: Sequence[Phone]) -> list[Phone]:
    """The phones, with silence for each stretch between pauses whose mean confidence is below `UNSURE`; silences that
    meet are one."""
    kept: list[Phone] = []
    for paused, group in groupby(phones, lambda p: p.symbol == SILENCE and p.end - p.start > PAUSE):
        stretch = list(group)
        sounding = sum(p.end - p.start for p in stretch)
        if not paused and sum((p.end - p.start) * p.confidence for p in stretch) < UNSURE * sounding:
            stretch = [replace(stretch[0], symbol=SILENCE, end=stretch[-1].end, stress=0.0)]
        if kept and kept[-1].symbol == SILENCE == stretch[0].symbol:
            stretch[0] = replace(kept.pop(), end=stretch[0].end)
        kept += stretch
    return kept


def _scores(hearing: Hearing, first: int = 0, last: int | None = None) -> Float32:
    """How well each phone fits the frames first..last, [t, phones] in nats: the logarithms of both heads."""
    visemes = [VISEMES.index(VISEME_OF[phone]) for phone in PHONES]
    scores: Float32 = np.log(np.maximum(hearing.phones[first:last], _FLOOR))
    return scores + np.log(np.maximum(hearing.visemes[first:last], _FLOOR))[:, visemes]


def _free_path(hearing: Hearing) -> Indices:
    """The best phone of every frame, int [t]. Scores are made block by block: hours of sound stay small in memory."""
    frames = len(hearing.phones)
    lengths = np.array([shortest(p) for p in PHONES])
    last = np.cumsum(lengths) - 1
    first = last - lengths + 1
    starts = np.isin(np.arange(lengths.sum()), first)
    phone_of = np.repeat(np.arange(len(PHONES)), lengths)
    best = np.full(len(phone_of), -np.inf, dtype=np.float32)
    stayed = np.zeros((frames, len(lengths)), dtype=bool)
    left_from = np.zeros(frames, dtype=np.int16)
    for t in range(frames):
        if t % _BLOCK == 0:
            scores = (_scores(hearing, t, t + _BLOCK) - DOUBT)[:, phone_of]
        if t == 0:
            best[first] = scores[0, first]
            continue
        leaving = best[last]
        left_from[t] = leaving.argmax()
        arriving = np.empty_like(best)
        arriving[1:] = best[:-1]
        arriving[first] = leaving[left_from[t]] - SWITCH
        stay = leaving >= arriving[last]
        stayed[t] = stay
        arriving[last] = np.where(stay, leaving, arriving[last])
        best = arriving + scores[t % _BLOCK]
    state = int(last[best[last].argmax()]) if np.isfinite(best[last]).any() else int(best.argmax())
    path = np.empty(frames, dtype=np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = phone_of[state]
        if t and not (state == last[path[t]] and stayed[t, path[t]]):
            state = int(last[left_from[t]]) if starts[state] else state - 1
    return path


@dataclass(frozen=True)
class _Graph:
    """The states of a transcript. Per state [s]: its phone (len(PHONES) is garbage), its word (-1 between words),
    the junction that it is entered from (-1: from the state before it), the junction it leads to (-1: the state
    after it), and whether it may last. Junction k lies before word k."""

    phone: Indices
    word: Indices
    enter: Indices
    leave: Indices
    lasts: NDArray[np.bool_]
    stress: Float32


def align(hearing: Hearing, words: Sequence[LexiconWord]) -> Speech:
    """The transcript's phones in the sound; never fails on text that differs from what was said.

    Silence is allowed between words; words may be skipped and sound may stay unexplained at a cost, and what is
    unexplained is recognised freely, unless it is a `FRAGMENT` of a word. Raises TextError if text and sound are too
    long for one search.
    """
    graph = _graph(words)
    scores = _scores(hearing)
    if len(scores) * len(graph.phone) > LARGEST_SEARCH:
        raise TextError(f"The transcript has {len(words)} words, too many for one sound: split the sound into lines.")
    garbage = scores.max(axis=1, keepdims=True) - GARBAGE
    states = _forced_path(graph, np.concatenate([scores, garbage], axis=1), len(words))
    states, phones = _completed(graph, states, hearing)
    unexplained = graph.phone[states] == len(PHONES)
    parts = _runs(phones, np.where(unexplained, -1, _beginnings(graph, states)))
    speech = _speech(parts, hearing, {t: float(graph.stress[states[t]]) for t, _, _ in parts if not unexplained[t]})
    spoken = graph.word[states]
    found = tuple(
        Word(words[w].text, float(np.flatnonzero(spoken == w)[0]) / FRAME_RATE,
             float(np.flatnonzero(spoken == w)[-1] + 1) / FRAME_RATE)
        for w in np.unique(spoken[spoken >= 0])
    )  # fmt: skip
    total = sum(len(word.pronunciations[0]) for word in words)
    held = sum(p.confidence > 0.1 for p, (t, _, _) in zip(speech.phones, parts, strict=True) if spoken[t] >= 0)
    return replace(speech, phones=_on_time(speech.phones), words=found, text_fit=min(1.0, held / max(1, total)))


def _graph(words: Sequence[LexiconWord]) -> _Graph:
    rows: list[tuple[int, int, int, int, bool, float]] = []

    def chain(symbols: Sequence[tuple[int, int, float]], word: int, enter: int, leave: int) -> None:
        steps = [(phone, i == length - 1, stress) for phone, length, stress in symbols for i in range(length)]
        for n, (phone, lasts, stress) in enumerate(steps):
            rows.append((phone, word, enter if n == 0 else -1, leave if n == len(steps) - 1 else -1, lasts, stress))

    silence = PHONES.index(SILENCE)
    for k in range(len(words) + 1):
        chain([(silence, shortest(SILENCE), 0.0)], -1, k, k)
        chain([(len(PHONES), UNWRITTEN, 0.5)], -1, k, k)
        for spoken in words[k].pronunciations if k < len(words) else ():
            chain([(PHONES.index(p.symbol), shortest(p.symbol), float(p.stressed)) for p in spoken], k, k, k + 1)
    columns = list(zip(*rows, strict=True))
    phone, word, enter, leave = (np.array(c, dtype=np.int64) for c in columns[:4])
    return _Graph(phone, word, enter, leave, np.array(columns[4], dtype=bool), np.array(columns[5], dtype=np.float32))


def _forced_path(graph: _Graph, scores: Float32, words: int) -> Indices:
    """The best state of every frame, int [t]."""
    count = len(graph.phone)
    exits = np.flatnonzero(graph.leave >= 0)
    exits = exits[np.argsort(graph.leave[exits], kind="stable")]
    bounds = np.searchsorted(graph.leave[exits], np.arange(words + 1))
    entering = graph.enter >= 0
    skip = SKIP_WORD * np.arange(words + 1, dtype=np.float32)
    best = np.full(count, -np.inf, dtype=np.float32)
    stayed = np.zeros((len(scores), count), dtype=bool)
    came_from = np.zeros((len(scores) + 1, words + 1), dtype=np.int32)
    for t in range(len(scores)):
        junction, came_from[t] = _junctions(best, exits, bounds, skip, start=t == 0)
        arriving = np.empty_like(best)
        arriving[1:] = best[:-1]
        arriving[entering] = junction[graph.enter[entering]]
        stayed[t] = graph.lasts & (best >= arriving)
        best = np.where(stayed[t], best, arriving) + scores[t, graph.phone]
    junction, came_from[-1] = _junctions(best, exits, bounds, skip, start=False)
    if not np.isfinite(junction[-1]):
        return np.zeros(len(scores), dtype=np.int64)
    path = np.empty(len(scores), dtype=np.int64)
    state = int(came_from[-1, words])
    for t in range(len(scores) - 1, -1, -1):
        path[t] = state
        if t and not stayed[t, state]:
            state = int(came_from[t, graph.enter[state]]) if entering[state] else state - 1
    return path


def _completed(graph: _Graph, states: Indices, hearing: Hearing) -> tuple[Indices, Indices]:
    """The path with its fragments joined to words, and the phone of every frame: recognised where none is written."""
    if not (graph.phone[states] == len(PHONES)).any():
        return states, graph.phone[states]
    recognised = _free_path(hearing)
    joined = _joined(graph, states, recognised)
    phones = graph.phone[joined]
    return joined, np.where(phones == len(PHONES), recognised, phones)


def _joined(graph: _Graph, states: Indices, recognised: Indices) -> Indices:
    """The path with each unexplained `FRAGMENT` taken into the phone of the word that it touches.

    recognised: the phone of every frame without the transcript.
    """
    path, end = states.copy(), 0
    silence = PHONES.index(SILENCE)
    vowel = np.isin(recognised, [PHONES.index(phone) for phone in VOWELS])
    for phone, group in groupby(graph.phone[states].tolist()):
        begin, end = end, end + len(list(group))
        if phone != len(PHONES) or vowel[begin:end].any():
            continue
        paused = np.flatnonzero(recognised[begin:end] == silence)
        first, last = (begin + paused[0], begin + paused[-1] + 1) if len(paused) else (end, begin)
        if end < len(path) and end - last <= FRAGMENT and graph.phone[states[end]] != silence:
            path[last:end] = states[end]
        if begin and first - begin <= FRAGMENT and graph.phone[states[begin - 1]] != silence:
            path[begin:first] = states[begin - 1]
    return path


def _junctions(
    best: Float32, exits: Indices, bounds: Indices, skip: Float32, start: bool
) -> tuple[Float32, NDArray[np.int32]]:
    """The score of standing before each word, and the state that it was reached from, skipped words included."""
    if start:
        return -skip, np.zeros(len(skip), dtype=np.int32)
    leaving = best[exits]
    reached = np.maximum.reduceat(leaving, bounds)
    best_of = np.repeat(reached, np.diff(bounds, append=len(exits)))
    sources = exits[np.maximum.reduceat(np.where(leaving == best_of, np.arange(len(exits)), 0), bounds)]
    level = np.maximum.accumulate(reached + skip)
    newest = np.maximum.accumulate(np.where(reached + skip >= level, np.arange(len(skip)), 0))
    return level - skip, sources[newest].astype(np.int32)


def _beginnings(graph: _Graph, states: Indices) -> Indices:
    """A number that changes where a phone of the transcript begins, so that equal neighbours stay apart."""
    begins = np.diff(states, prepend=states[:1]) != 0
    begins &= (graph.phone[states] != graph.phone[np.maximum(states - 1, 0)]) | (graph.enter[states] >= 0)
    return np.cumsum(begins)


def _runs(phones: Indices, mark: Indices | None = None) -> list[tuple[int, int, int]]:
    """Runs (first frame, end frame, phone) of equal phones (and equal marks)."""
    changes = np.diff(phones) != 0
    if mark is not None:
        changes |= np.diff(mark) != 0
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(phones)]
    return [(first, end, int(phones[first])) for first, end in pairwise(edges)]


def _speech(runs: Sequence[tuple[int, int, int]], hearing: Hearing, stress: dict[int, float] | None = None) -> Speech:
    """Runs of frames as phones from 0 to the end of the sound."""
    stresses = stress if stress is not None else _heard_stress(runs, hearing)
    made = [
        Phone(
            PHONES[phone],
            a / FRAME_RATE,
            b / FRAME_RATE,
            stresses.get(a, 0.5),
            float(hearing.phones[a:b, phone].mean()),
        )
        for a, b, phone in runs
    ]
    end = made[-1]
    made[-1] = Phone(end.symbol, end.start, max(hearing.duration, end.start), end.stress, end.confidence)
    return Speech(tuple(made), hearing.duration, hearing.loudness, pitch=hearing.pitch, brightness=hearing.brightness)


def _on_time(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """The phones with their vowels as long as they are; what lies between two keeps its shortest length."""
    moves = [0.0] * len(phones)
    for i, (before, after) in enumerate(pairwise(phones)):
        if after.symbol in VOWELS and before.symbol not in VOWELS and before.symbol != SILENCE:
            moves[i] = -VOWEL_LATE
        elif before.symbol in VOWELS and after.symbol in SONORANTS:
            moves[i] = SONORANT_EARLY
    for i, phone in enumerate(phones[1:], 1):
        taken = moves[i - 1] - moves[i]
        spare = max(0.0, phone.end - phone.start - shortest(phone.symbol) / FRAME_RATE)
        if phone.symbol not in VOWELS and taken > spare:
            moves[i - 1], moves[i] = (move * spare / taken for move in (moves[i - 1], moves[i]))
    edges = [phone.end + move for phone, move in zip(phones, moves, strict=True)]
    starts = [phones[0].start, *edges[:-1]]
    return tuple(replace(p, start=a, end=b) for p, a, b in zip(phones, starts, edges, strict=True))


def _heard_stress(runs: Sequence[tuple[int, int, int]], hearing: Hearing) -> dict[int, float]:
    """0-1 by run: vowels longer and louder than the line's others are stressed; consonants take the next vowel's."""
    vowels = [(a, b) for a, b, phone in runs if PHONES[phone] in VOWELS]
    if len(vowels) < 3:
        return {}
    weight = np.array([np.log(b - a) + 0.08 * float(hearing.loudness[a:b].max()) for a, b in vowels])
    ranked = 1.0 / (1.0 + np.exp(-(weight - weight.mean()) / max(0.05, float(weight.std()))))
    at = np.array([a for a, _ in vowels])
    return {a: float(ranked[min(int(np.searchsorted(at, a)), len(at) - 1)]) for a, _, _ in runs}
