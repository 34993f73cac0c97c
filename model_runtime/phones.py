"""The phone inventory: one set of IPA classes for all languages, and what each phone does to the mouth.

A phone is a short IPA string. The network has one output per entry of `PHONES`, in this order; `speech.json`
repeats the list and the loader refuses a network whose list differs.
"""

SILENCE = "sil"

PHONES: tuple[str, ...] = (
    SILENCE,
    "p", "b", "m", "f", "v", "θ", "ð", "t", "d", "n", "l", "s", "z", "ʃ", "ʒ", "tʃ", "dʒ",
    "k", "ɡ", "ŋ", "x", "h", "ɹ", "r", "w", "j",
    "i", "ɪ", "e", "ɛ", "æ", "a", "ʌ", "ə", "ɝ", "ɔ", "o", "ʊ", "u", "y", "ø",
    "aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ",
)  # fmt: skip

ARPABET: dict[str, str] = {
    "SIL": SILENCE, "P": "p", "B": "b", "M": "m", "F": "f", "V": "v", "TH": "θ", "DH": "ð", "T": "t", "D": "d",
    "N": "n", "L": "l", "S": "s", "Z": "z", "SH": "ʃ", "ZH": "ʒ", "CH": "tʃ", "JH": "dʒ", "K": "k", "G": "ɡ",
    "NG": "ŋ", "HH": "h", "R": "ɹ", "W": "w", "Y": "j", "IY": "i", "IH": "ɪ", "EH": "ɛ", "AE": "æ", "AA": "a",
    "AH": "ʌ", "AH0": "ə", "ER": "ɝ", "AO": "ɔ", "UH": "ʊ", "UW": "u", "AY": "aɪ", "AW": "aʊ", "EY": "eɪ",
    "OW": "oʊ", "OY": "ɔɪ",
}  # fmt: skip
"""ARPAbet (stress digit dropped, except the unstressed AH0) to inventory."""

VISEME_OF: dict[str, str] = {
    SILENCE: "sil", "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "θ": "TH", "ð": "TH", "t": "DD",
    "d": "DD", "n": "nn", "l": "nn", "s": "SS", "z": "SS", "ʃ": "CH", "ʒ": "CH", "tʃ": "CH", "dʒ": "CH",
    "k": "kk", "ɡ": "kk", "ŋ": "kk", "x": "kk", "h": "kk", "ɹ": "RR", "r": "RR", "w": "U", "j": "I",
    "i": "I", "ɪ": "I", "e": "E", "ɛ": "E", "æ": "aa", "a": "aa", "ʌ": "aa", "ə": "E", "ɝ": "RR", "ɔ": "O",
    "o": "O", "ʊ": "U", "u": "U", "y": "U", "ø": "O", "aɪ": "aa", "aʊ": "aa", "eɪ": "E", "oʊ": "O", "ɔɪ": "O",
}  # fmt: skip
"""Phone to its (first) Oculus viseme."""

GLIDE_OF: dict[str, str] = {"aɪ": "I", "aʊ": "U", "eɪ": "I", "oʊ": "U", "ɔɪ": "I"}
"""The second viseme of a diphthong."""

BILABIALS = frozenset("pbm")
LABIODENTALS = frozenset("fv")
SIBILANTS = frozenset(("s", "z", "ʃ", "ʒ", "tʃ", "dʒ"))
TONGUE_ONLY = frozenset(("l", "n", "t", "d", "k", "ɡ", "ŋ", "x", "h"))
"""Consonants whose lips are free: they take the shape of their neighbours."""
PROTRUDED = frozenset(("u", "ʊ", "o", "ɔ", "oʊ", "w", "y", "ø", "ʃ", "ʒ", "tʃ", "dʒ"))
SONORANTS = frozenset(("m", "n", "ŋ", "l", "ɹ", "r", "w", "j"))
VOWELS = frozenset(
    ("i", "ɪ", "e", "ɛ", "æ", "a", "ʌ", "ə", "ɝ", "ɔ", "o", "ʊ", "u", "y", "ø", "aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ")
)
