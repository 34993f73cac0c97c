"""Transcript to phones: many languages, whatever is written, and errors that name the fix."""

import sys
from collections.abc import Iterator

import pytest

from model_runtime.errors import TextError
from model_runtime.hearing import lexicon
from model_runtime.phones import PHONES, VOWELS

SENTENCES = {
    "en-us": "She joined the big measure of things, think hard about boys now.",
    "en-gb": "The vicious thirsty horses judged father's pure cure.",
    "de": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "fr": "Portez ce vieux whisky au juge blond qui fume, garçon œuf.",
    "es": "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia.",
    "it": "Quel vituperabile xenofobo gli gnocchi zelante assaggia il whisky.",
    "pt-br": "Blitz prende ex-vesgo com cheque fajuto, não pões.",
    "nl": "Pa's wijze lynx bezag vroom het fikse aquaduct, schuur.",
    "pl": "Pchnąć w tę łódź jeża lub ośm skrzyń fig.",
    "ru": "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "tr": "Pijamalı hasta yağız şoföre çabucak güvendi.",
    "ar": "نص حكيم له سر قاطع",
    "hi": "ऋषियों को सताने वाले दुष्ट राक्षसों",
    "ja": "いろはにほへと",
    "cmn": "我们喜欢说话",
    "sv": "Flygande bäckasiner söka hwila på mjuka tuvor.",
    "fi": "Törkylempijävongahdus pyöreä yö.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_words_of_many_languages_are_phones_of_the_inventory(language: str) -> None:
    words = lexicon.pronounce(SENTENCES[language], language)
    assert words
    for word in words:
        for pronunciation in word.pronunciations:
            assert pronunciation
            assert {phone.symbol for phone in pronunciation} <= set(PHONES)
    spoken = [phone for word in words for phone in word.pronunciations[0]]
    assert sum(phone.symbol in VOWELS for phone in spoken) > 0.3 * len(spoken)
    assert any(phone.stressed for phone in spoken)


def said(text: str, language: str = "en-us") -> list[str]:
    return [" ".join(p.symbol for p in word.pronunciations[0]) for word in lexicon.pronounce(text, language)]


def test_english_words_sound_as_expected() -> None:
    assert said("bumped five judges chew thing") == ["b ʌ m p t", "f aɪ v", "dʒ ʌ dʒ ɪ z", "tʃ u", "θ ɪ ŋ"]
    (word,) = lexicon.pronounce("about")
    assert [p.symbol for p in word.pronunciations[0] if p.stressed] == ["aʊ"]


def test_the_words_keep_their_spelling_and_order() -> None:
    words = lexicon.pronounce("“Wait!” – said Mr. O'Neil, don’t… (ever) go.")
    assert [word.text for word in words] == ["Wait", "said", "Mr", "O'Neil", "don’t", "ever", "go"]


def test_tags_and_stage_directions_are_not_spoken() -> None:
    text = "<speak>Hello</speak> [laughs] {pause 2} there"
    assert [word.text for word in lexicon.pronounce(text)] == ["Hello", "there"]


def test_numbers_are_read_out() -> None:
    assert said("42") == said("forty-two")
    assert len(lexicon.pronounce("1984")[0].pronunciations[0]) > 8


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "...", "— ?!", "<b></b>", "🙂🙂", "\x00", "a\x00b", "ﷺ", "ʘ", "\ud800", "x" * 3000, "\u202e\u200b"],
)
def test_strange_text_never_fails(text: str) -> None:
    for word in lexicon.pronounce(text):
        assert {phone.symbol for phone in word.pronunciations[0]} <= set(PHONES)


@pytest.mark.parametrize("ipa", ["", "ˈ", "ǃkx", "d͡ʒ_ˈɑː_m", "(en)h_ə_l_ˈoʊ(de)", "ã_õ_ɛ̃"])
def test_ipa_of_any_kind_maps_into_the_inventory(ipa: str) -> None:
    assert {phone.symbol for phone in lexicon.inventory(ipa)} <= set(PHONES)


def test_german_endings_may_be_swallowed() -> None:
    for written, reduced in (
        ("haben", "h aː b m"),
        ("haben", "h aː m"),
        ("trinken", "t r ɪ ŋ k ŋ"),
        ("reden", "r eː d n"),
    ):
        (word,) = lexicon.pronounce(written, "de")
        forms = [" ".join(p.symbol for p in form) for form in word.pronunciations]
        assert forms[0].endswith("ə n")
        assert reduced.replace("ː", "") in forms


def forms(written: str, language: str) -> list[str]:
    """Every way to say a word."""
    (word,) = lexicon.pronounce(written, language)
    return [" ".join(p.symbol for p in form) for form in word.pronunciations]


@pytest.mark.parametrize(("written", "language", "form"), [
    ("and", "en-gb", "ə n"),
    ("that", "en-us", "ð ə t"),
    ("I'm", "en-us", "a m"),
    ("better", "en-us", "b ɛ d ɝ"),
    ("bottle", "en-gb", "b ɔ t l"),
    ("next", "en-us", "n ɛ k s"),
    ("open", "en-us", "oʊ p m"),
    ("Abend", "de", "a b m t"),
    ("aber", "de", "a b a"),
    ("wir", "de", "v i a"),
    ("wir", "de", "v i r"),
    ("hola", "es", "o l a"),
])  # fmt: skip
def test_words_have_the_forms_of_fluent_speech(written: str, language: str, form: str) -> None:
    assert form in forms(written, language)


def test_a_flap_is_a_d_in_english_and_an_r_in_spanish() -> None:
    assert "r" not in " ".join(forms("beautiful", "en-us")).split()
    assert "r" in forms("caro", "es")[0].split()


def test_without_a_region_any_accent_may_be_spoken() -> None:
    assert {"b ɛ t ə", "b ɛ d ɝ"} <= set(forms("better", "en"))
    assert "b ɛ t ə" not in forms("better", "en-us")
    assert {"θ", "s"} <= {form.split()[0] for form in forms("cinco", "es")}


def test_a_language_without_its_region_is_still_spoken() -> None:
    assert said("Haus", "de_AT") == said("Haus", "de")


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(TextError, match="“martian”"):
        lexicon.pronounce("hello", "martian")


@pytest.fixture
def without_espeak(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    lexicon._espeak.cache_clear()
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    yield
    lexicon._espeak.cache_clear()


@pytest.mark.usefixtures("without_espeak")
def test_a_missing_espeak_names_the_fix() -> None:
    with pytest.raises(TextError, match=r"labial-full.*pip install espeakng-loader"):
        lexicon.pronounce("never looked up before")
