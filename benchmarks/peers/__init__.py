"""Other systems that turn speech into mouth shapes, on the same recordings as Labial: `python3 build.py bench`.

Each module holds one system. Its `cues(rows, folder, work)` yields one track a recording as score_hand.py reads it:
`rows` are those of labels.jsonl, their sounds are 16-bit WAV files of 16 kHz in `folder`, and `work` holds the
installed package. `registry` lists the systems; nothing of them is part of Labial.
"""
