"""Every shipped rig preset: well formed, symmetric, found in any spelling, and never mistaken for another."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from model_runtime.contracts import CHANNELS, LIFE, LifeTrack, Target, frozen_array
from model_runtime.rigs.detect import Proposal, rank
from model_runtime.rigs.liven import liven
from model_runtime.rigs.presets import LIVING, RIGS, RigPreset, load_presets

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "presets/schemas/rig.schema.json").read_text(encoding="utf-8"))
PRESETS = load_presets()
BY_ID = {preset.id: preset for preset in PRESETS}
every_preset = pytest.mark.parametrize("preset", PRESETS, ids=list(BY_ID))

SURE = 0.8
CLUTTER = ["Basis", "Key 1", "Key 2", "smile_big", "hair_sway", "Wind", "Open", "Door_L", "belly", "Sleeve.R", "angry"]
CAR = ["Basis", "Open", "Door_L", "Door_R", "Hood.Open", "Tight", "Wide", "A", "E", "O", "wheel_steer"]
TREE = ["Basis", "A", "B", "C", "D", "wind_L", "wind_R", "leaves", "Open", "grow"]
NUMBERED = ["Basis", *(f"Key {i}" for i in range(1, 30))]
UNNAMED = [f"target_{i}" for i in range(40)]
BODY = ["Basis", "$md-$as-$fe-$yn", "$md-universal-$fe-$yn-$av$mu-$av$wg", "Fat", "Muscle", "mouth_open", "Smile.L"]


def targets(names: Sequence[str]) -> tuple[Target, ...]:
    return tuple(Target("shape_key", name, ("Face",)) for name in names)


def ranked(names: Sequence[str]) -> list[Proposal]:
    return rank(targets(names), PRESETS)


def spellings(preset: RigPreset, names: Sequence[str]) -> Iterator[list[str]]:
    """The same names as other tools write them."""
    yield list(names)
    yield [f"blendShape1.{name}" for name in names]
    if not preset.cased:
        yield [name.upper() for name in names]
    for left, right in (("_L", "_R"), (".L", ".R")):
        sides = [re.sub("Left$", left, re.sub("Right$", right, name)) for name in names]
        yield [re.sub("(?<=[a-z])L$", left, re.sub("(?<=[a-z])R$", right, name)) for name in sides]


def zoo(preset: RigPreset) -> Iterator[list[str]]:
    """Characters of one standard: spelled in every way, with other keys between, with half of what may lack."""
    dice = random.Random(preset.id)
    optional = [name for name in preset.names if name not in preset.core]
    for missing in ([], *(dice.sample(optional, len(optional) // 2) for _ in range(4))):
        for names in spellings(preset, [name for name in preset.names if name not in missing]):
            yield names
            mixed = [*names, *CLUTTER, "Blink", "blink_left", "blink_right"]
            dice.shuffle(mixed)
            yield mixed


def test_every_standard_is_told_from_all_others_in_any_spelling() -> None:
    wrong, mistaken, tries = [], [], 0
    for preset in PRESETS:
        for names in zoo(preset):
            found, tries = ranked(names), tries + 1
            if not found or found[0].preset.id != preset.id:
                wrong.append((preset.id, [p.preset.id for p in found], names))
            mistaken += [(preset.id, p.preset.id) for p in found if p.preset.id != preset.id and p.score >= SURE]
    assert len(wrong) <= 0.02 * tries, wrong
    assert not mistaken


@every_preset
def test_all_names_found_is_a_score_of_one(preset: RigPreset) -> None:
    best = ranked(preset.names)[0]
    assert (best.matched, best.score) == (best.total, 1.0)


@pytest.mark.parametrize("names", [CAR, TREE, NUMBERED, UNNAMED, BODY], ids=["car", "tree", "numbers", "glTF", "body"])
def test_other_meshes_match_nothing(names: list[str]) -> None:
    assert ranked(names) == []


@every_preset
def test_no_single_name_is_enough(preset: RigPreset) -> None:
    assert all(ranked([name, "Basis"]) == [] for name in preset.names)


AS_MET = """
arkit52: arkit, _L and _R (ICT-FaceKit)
  jawOpen mouthFunnel mouthPucker mouthClose mouthLowerDown_L mouthLowerDown_R
arkit52: arkit, Reallusion Traditional
  A25_Jaw_Open A29_Mouth_Funnel A30_Mouth_Pucker A37_Mouth_Close A46_Mouth_Lower_Down_Left
  A47_Mouth_Lower_Down_Right
arkit52: arkit, Rocketbox
  AK_25_JawOpen AK_29_MouthFunnel AK_30_MouthPucker AK_27_MouthClose AK_35_MouthLowerDownLeft
  AK_36_MouthLowerDownRight
arkit52: arkit, Daz Genesis 8.1
  facs_jnt_JawOpen facs_bs_MouthFunnel_div2 facs_bs_MouthPucker_div2 facs_bs_MouthClose_div2
  facs_bs_MouthLowerDownLeft_div2 facs_bs_MouthLowerDownRight_div2
arkit52: arkit, Daz Genesis 9
  facs_bs_JawOpen facs_ctrl_MouthFunnel facs_ctrl_MouthPucker facs_ctrl_MouthClose facs_bs_MouthLowerDownLeft
  facs_bs_MouthLowerDownRight
arkit52: arkit, a lead of its own
  Hero_jawOpen Hero_mouthFunnel Hero_mouthPucker Hero_mouthClose Hero_mouthLowerDown_L Hero_mouthLowerDown_R
oculus15: VRChat
  vrc.v_sil vrc.v_pp vrc.v_ff vrc.v_th vrc.v_dd vrc.v_kk vrc.v_ch vrc.v_ss vrc.v_nn vrc.v_rr vrc.v_aa vrc.v_e
  vrc.v_ih vrc.v_oh vrc.v_ou
oculus15: VRChat with ee
  vrc.v_sil vrc.v_pp vrc.v_ff vrc.v_th vrc.v_dd vrc.v_kk vrc.v_ch vrc.v_ss vrc.v_nn vrc.v_rr vrc.v_aa vrc.v_ee
  vrc.v_ih vrc.v_oh vrc.v_ou
oculus15: Rocketbox visemes
  AA_VI_00_Sil AA_VI_01_PP AA_VI_02_FF AA_VI_03_TH AA_VI_04_DD AA_VI_05_KK AA_VI_06_CH AA_VI_07_SS AA_VI_08_nn
  AA_VI_09_RR AA_VI_10_aa AA_VI_11_E AA_VI_12_I AA_VI_13_O AA_VI_14_U
oculus15: Ready Player Me
  mouthOpen mouthSmile eyesClosed viseme_sil viseme_PP viseme_FF viseme_TH viseme_DD viseme_kk viseme_CH viseme_SS
  viseme_nn viseme_RR viseme_aa viseme_E viseme_I viseme_O viseme_U
ready_player_me: Ready Player Me, plain
  mouthOpen mouthSmile eyesClosed eyesLookUp eyesLookDown
aiueo: VRM 0
  A I U E O Blink Joy Angry Sorrow Fun Blink_L Blink_R
aiueo: Unity-chan
  blendShape1.MTH_A blendShape1.MTH_I blendShape1.MTH_U blendShape1.MTH_E blendShape1.MTH_O blendShape1.MTH_SMILE1
aiueo: Seed-san
  lip_a lip_i lip_u lip_e lip_o lip_w lip_up lip_down mouse_open mouth_wide mouth_short
aiueo: Gugenka
  Bs_Mouth_A Bs_Mouth_I Bs_Mouth_U Bs_Mouth_E Bs_Mouth_O
vrm1: Godette
  HideBlush blink_left blink_right ah ih uu ee oh look_up look_down look_left angled_eyebrows
vrm1: VRM 1
  aa ih ou ee oh blink blinkLeft blinkRight happy
vroid: VRoid, old
  Face.M_F00_000_00_Fcl_MTH_Close Face.M_F00_000_00_Fcl_MTH_A Face.M_F00_000_00_Fcl_MTH_I
  Face.M_F00_000_00_Fcl_MTH_U Face.M_F00_000_00_Fcl_MTH_E Face.M_F00_000_00_Fcl_MTH_O
  Face.M_F00_000_00_Fcl_EYE_Close_L
vroid: VRoid, five only
  Fcl_MTH_A Fcl_MTH_I Fcl_MTH_U Fcl_MTH_E Fcl_MTH_O
mmd: MikuMikuDance
  まばたき 笑い あ い う え お ん ワ ω ω□ ∧ ▲ 口角上げ にやり あ２
mmd: MikuMikuDance, half width
  ｱ ｲ ｳ ｴ ｵ ﾜ
microsoft22: MPFB visemes01
  sil_00 aa_ah_ax_01 aa_02 ao_03 ey_eh_uh_04 er_05 y_iy_ih_ix_06 w_uw_07 ow_08 aw_09 oy_10 ay_11 h_12 r_13 l_14
  s_z_15 sh_ch_jh_zh_16 th_dh_17 f_v_18 d_t_n_19 k_g_ng_20 p_b_m_21
microsoft22: Azure, bare numbers
  0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21
reallusion_8_7: Character Creator 3
  Open Explosive Dental_Lip Tight-O Tight Wide Affricate Lip_Open Tongue_up Tongue_Raise Tongue_Out Tongue_Narrow
  Tongue_Lower Tongue_Curl-U
reallusion_pairs: Character Creator pairs
  AE_AA Ah B_M_P Ch_J EE Er F_V Ih K_G_H_NG Oh R S_Z Th T_L_D_N W_OO
reallusion_pairs: Character Creator pairs, V_
  V_AE V_Ah V_B_M_P V_Ch_J V_EE V_Er V_F_V V_IH V_K_G_H_NG V_Oh V_R V_S_Z V_TH V_T_L_D_N V_W_OO
metahuman: Character Creator 5 HD
  Jaw_Open Mouth_Funnel_UL Mouth_Funnel_UR Mouth_Funnel_DL Mouth_Funnel_DR Mouth_Lips_Purse_UL Mouth_Lips_Purse_UR
  Mouth_Lips_Together_UL Mouth_Lips_Together_UR Mouth_LowerLip_Depress_L Mouth_LowerLip_Depress_R
  Mouth_UpperLip_Raise_L Mouth_UpperLip_Raise_R Mouth_Corner_Pull_L
metahuman: MetaHuman, curve names
  CTRL_expressions_jawOpen CTRL_expressions_mouthFunnelUL CTRL_expressions_mouthFunnelUR
  CTRL_expressions_mouthFunnelDL CTRL_expressions_mouthLipsPurseUL CTRL_expressions_mouthLipsPurseUR
  CTRL_expressions_mouthLipsTogetherUL CTRL_expressions_mouthLipsTogetherDR CTRL_expressions_mouthLowerLipDepressL
  CTRL_expressions_mouthLowerLipDepressR CTRL_expressions_mouthUpperLipRaiseL CTRL_expressions_mouthUpperLipRaiseR
  CTRL_expressions_mouthStretchL
daz: Genesis 8
  Genesis8Female__eCTRLvAA Genesis8Female__eCTRLvEE Genesis8Female__eCTRLvEH Genesis8Female__eCTRLvER
  Genesis8Female__eCTRLvF Genesis8Female__eCTRLvIH Genesis8Female__eCTRLvIY Genesis8Female__eCTRLvK
  Genesis8Female__eCTRLvL Genesis8Female__eCTRLvM Genesis8Female__eCTRLvOW Genesis8Female__eCTRLvS
  Genesis8Female__eCTRLvSH Genesis8Female__eCTRLvT Genesis8Female__eCTRLvTH Genesis8Female__eCTRLvUW
  Genesis8Female__eCTRLvW
daz: Genesis 9
  facs_ctrl_vAA facs_ctrl_vEE facs_ctrl_vEH facs_ctrl_vER facs_ctrl_vF facs_ctrl_vIH facs_ctrl_vIY facs_ctrl_vK
  facs_ctrl_vL facs_ctrl_vM facs_ctrl_vOW facs_ctrl_vS facs_ctrl_vSH facs_ctrl_vT facs_ctrl_vTH facs_ctrl_vUW
  facs_ctrl_vW
daz: Genesis 1
  VSMAA VSMEE VSMEH VSMER VSMF VSMIH VSMIY VSMK VSML VSMM VSMOW VSMS VSMSH VSMT VSMTH VSMUW VSMW
daz: Genesis 2
  CTRLVSMAA CTRLVSMEE CTRLVSMEH CTRLVSMER CTRLVSMF CTRLVSMIH CTRLVSMIY CTRLVSMK CTRLVSML CTRLVSMM CTRLVSMOW CTRLVSMS
  CTRLVSMSH CTRLVSMT CTRLVSMTH CTRLVSMUW CTRLVSMW
mpfb: MPFB
  $md-$as-$fe-$yn eye-left-closure eyebrows-left-up mouth-compression mouth-corner-puller
  mouth-depression-retraction mouth-depression mouth-elevation mouth-eversion mouth-open mouth-parling
  mouth-part-later mouth-protusion mouth-pursing mouth-retraction mouth-upward-retraction nose-compression
mpfb: MPFB, prefixed
  !ex-mouth-open !ex-mouth-parling !ex-mouth-pursing !ex-mouth-retraction !ex-mouth-depression-retraction
  !ex-mouth-elevation
preston_blair: Papagayo
  AI E O U etc L WQ MBP FV rest
preston_blair: Moho
  mouth_AI mouth_E mouth_O mouth_U mouth_CDGKNRSThYZ mouth_L mouth_WQ mouth_MBP mouth_FV
rhubarb: Rhubarb
  mouth_A mouth_B mouth_C mouth_D mouth_E mouth_F mouth_G mouth_H mouth_X
amazon_polly: Amazon Polly
  sil p t S T f k i r s u @ a e E o O l
"""
"""Keys of files and documents as they are written there, and which preset that is."""


def as_met() -> Iterator[Any]:
    for preset, who, names in re.findall(r"^(\w+): (.+)\n((?:  .+\n)+)", AS_MET, re.MULTILINE):
        yield pytest.param(preset, names.split(), id=who)


@pytest.mark.parametrize(("preset", "names"), list(as_met()))
def test_names_as_met_are_known(preset: str, names: list[str]) -> None:
    found = ranked(names)
    assert [p.preset.id for p in found][:1] == [preset]
    assert [p.preset.id for p in found[1:] if p.score >= SURE and p.preset.id != "ready_player_me"] == []


def test_two_standards_on_one_character_are_both_offered_and_the_richer_first() -> None:
    both = ranked([*BY_ID["oculus15"].names, *BY_ID["arkit52"].names])
    assert [(p.preset.id, p.score) for p in both] == [("arkit52", 1.0), ("oculus15", 1.0)]


def test_what_another_standard_explains_speaks_for_none_else() -> None:
    scores = {p.preset.id: p.score for p in ranked([f"Fcl_MTH_{name}" for name in ("Close", *"AIUEO")])}
    assert scores["vroid"] > 0.5 and scores["aiueo"] == 0.0


def test_the_lead_of_a_character_counts_for_life_too() -> None:
    spelled = ranked([f"Face.M_F00_000_00_{name}" for name in BY_ID["vroid"].names])[0].preset
    assert spelled.normal("Face.M_F00_000_00_Fcl_EYE_Close_L") == spelled.normal("Fcl_EYE_Close_L")


@pytest.mark.parametrize("keys", [["Fcl_EYE_Close"], ["Fcl_EYE_Close", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"]])
def test_lids_close_once_where_there_are_keys_for_both_and_for_each(keys: list[str]) -> None:
    shut = np.zeros((1, len(LIFE)))
    shut[0, LIFE.index("blink")] = 1.0
    curves = liven(LifeTrack(frozen_array(shut)), BY_ID["vroid"], targets(keys))
    values = dict(zip((target.name for target in curves.targets), curves.values[0].tolist(), strict=True))
    assert values == {key: float(key != "Fcl_EYE_Close" or len(keys) == 1) for key in keys}


@every_preset
def test_presets_fit_the_published_schema(preset: RigPreset) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    data = json.loads((RIGS / f"{preset.id}.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, SCHEMA)
    assert data["id"] == preset.id
    for spoil in ("source", "core", "channels"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in data.items() if name != spoil}, SCHEMA)


def test_the_schema_knows_the_channels_of_the_tracks() -> None:
    assert SCHEMA["properties"]["channels"]["required"] == list(CHANNELS)
    assert list(SCHEMA["properties"]["life"]["properties"]) == list(LIVING)


@every_preset
def test_names_are_distinct_and_core_is_of_them(preset: RigPreset) -> None:
    assert len({preset.normal(name) for name in preset.names}) == len(preset.names)
    assert set(preset.core) <= set(preset.names) and len(preset.core) <= preset.minimum <= len(preset.names)
    assert set(preset.aliases.values()) <= {*preset.names, *(name for row in preset.life.values() for name in row)}
    assert not any("$md" in name for name in preset.names)


@every_preset
def test_mouths_open_and_close(preset: RigPreset) -> None:
    """Lips are found by opening them with aa and jaw; a jaw that moves by itself needs keys that close over it."""
    opens = {*preset.channels["aa"], *preset.channels["jaw"]}
    assert opens & set(preset.jaw_keys)
    assert set(preset.channels["PP"]) <= set(preset.closers)
    assert preset.closers or not preset.channels["jaw"]
    assert not opens & set(preset.closers)
    assert not preset.channels["sil"]
    assert all(preset.channels[vowel] for vowel in ("aa", "E", "I", "O", "U"))


@every_preset
def test_left_and_right_weigh_the_same(preset: RigPreset) -> None:
    known = {*preset.names, *(name for row in preset.life.values() for name in row)}
    for row in (*preset.channels.values(), *preset.life.values(), preset.tuckers):
        for name, weight in row.items():
            if (other := mirrored(name)) in known:
                assert row.get(other) == weight, f"{name} {other}"


def mirrored(name: str) -> str:
    sides = {"Left": "Right", "left": "right", "L": "R"}
    sides |= {right: left for left, right in sides.items()}
    return re.sub("Left|Right|left|right|[LR](?=$|_max$)", lambda side: sides[side[0]], name)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mouthPressLeft", "mouthPressRight"),
        ("Mouth_Funnel_Up_L", "Mouth_Funnel_Up_R"),
        ("Expressions_eyeClosedL_max", "Expressions_eyeClosedR_max"),
        ("CTRL_expressions_mouthFunnelUL", "CTRL_expressions_mouthFunnelUR"),
        ("eye-left-closure", "eye-right-closure"),
    ],
)
def test_mirrored_names_are_found(left: str, right: str) -> None:
    assert (mirrored(left), mirrored(right)) == (right, left)


def test_the_table_of_the_documents_is_that_of_the_presets() -> None:
    made = subprocess.run([sys.executable, ROOT / "benchmarks/rigs.py"], capture_output=True, check=True)
    assert made.stdout.decode("utf-8").splitlines() == (ROOT / "docs/rigs.md").read_text("utf-8").splitlines()
