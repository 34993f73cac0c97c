"""Whether an engine plays what Labial made: `python3 build.py bench player`, after `python3 build.py demo`.

Opens out/player.html in Chromium (three.js draws it) and reads back: the shapes' influences at 50 moments, beside the
values that Blender has at these moments in out/demo.blend; and, started at twelve places, how far the sound that goes
to the loudspeaker is from the moment that is shown. Writes out/player.png.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from build import ROOT, any_blender, blender

from . import browser

OUT = ROOT / "out"
MOMENTS = 50
FRAME = 1.0 / 60.0
"""Seconds by which sound and shapes may differ."""

BLENDER = """
import bpy, json, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene, found = bpy.context.scene, []
for moment in json.loads(sys.argv[2]):
    frame = scene.frame_start + moment * scene.render.fps / scene.render.fps_base
    scene.frame_set(int(frame), subframe=frame % 1.0)
    found.append({o.name: {k.name: k.value for k in o.data.shape_keys.key_blocks[1:]}
                  for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys})
print("VALUES" + json.dumps(found))
"""
TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AudioDestinationNode && !(this instanceof AnalyserNode)) {
    window.tap ??= Object.assign(this.context.createAnalyser(), { fftSize: 2048 });
    connect.call(this, window.tap);
  }
  return connect.call(this, to, ...more);
};
"""
"""Listens to whatever the page sends to the loudspeaker."""
STARTS = 12
LISTEN = """(async (starts) => {
  document.getElementById('loop').checked = false;
  const text = atob(document.getElementById('sound-0').textContent.trim()), found = [], count = 512;
  const length = JSON.parse(document.getElementById('lines').textContent)[0].duration;
  let sound = null;
  for (let start = 0; start < starts; start++) {
    await labial.seek(0.9 * length * start / starts);
    await labial.play();
    const { context } = tap, last = new Float32Array(tap.fftSize), rate = context.sampleRate;
    const raw = Uint8Array.from(text, c => c.charCodeAt(0)).buffer;
    sound ??= (await context.decodeAudioData(raw)).getChannelData(0);
    while (labial.playing) {
      await new Promise(done => setTimeout(done, 5));
      tap.getFloatTimeDomainData(last);
      const shown = labial.time + (context.outputLatency || 0), end = last.slice(-count);
      if (end.reduce((a, b) => a + b * b, 0) / count < 4e-4) continue;
      let best = Infinity, at = 0;
      const from = Math.max(0, Math.round((shown - 0.2) * rate));
      const to = Math.min(sound.length - count, from + 0.4 * rate);
      for (let p = from; p < to; p++) {
        let apart = 0;
        for (let i = 0; i < count && apart < best; i++) apart += (end[i] - sound[p + i]) ** 2;
        if (apart < best) { best = apart; at = p; }
      }
      if (best < 1e-3) { found.push((at + count) / rate - shown); break; }
    }
    labial.pause();
  }
  return found;
})"""
"""Starts the line at some moments; for each, how far the newest sound that was rendered is ahead of the moment that is
shown, in seconds: found by laying the sound over what the loudspeaker gets."""


def of_blender(scene: Path, moments: list[float]) -> list[dict[str, dict[str, float]]]:
    """Values of every shape key by mesh, at the moments of the line."""
    python = blender(any_blender())
    command = [python, "-c", BLENDER, scene, json.dumps(moments)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.rpartition("VALUES")[2]))


def apart(ours: list[dict[str, dict[str, float]]], theirs: list[dict[str, dict[str, float]]]) -> tuple[float, int]:
    """The largest difference of any shape on any mesh, and how many values were compared. A mesh of several materials
    is several in three.js: shapes are found by their names."""
    differences = [
        abs(value - mesh[name])
        for here, there in zip(ours, theirs, strict=True) for keys in here.values() for name, value in keys.items()
        for mesh in there.values() if name in mesh
    ]  # fmt: skip
    return max(differences), len(differences)


def compared(page: browser.Page, moments: list[float]) -> tuple[float, int]:
    """What three.js shows at some moments beside what Blender has."""
    theirs = [page.evaluate(f"labial.seek({moment}).then(() => labial.influences)") for moment in moments]
    return apart(of_blender(OUT / "demo.blend", moments), theirs)


def main() -> int:
    """Prints what was found; 1 if it is out of bounds."""
    page_file = OUT / "player.html"
    if not page_file.is_file() or browser.chromium() is None:
        print("bench player needs out/player.html (python3 build.py demo, where npm is) and Chromium.", file=sys.stderr)
        return 2
    chance = np.random.default_rng(7)
    with browser.opened() as page:
        page.before_each(TAP)
        page.open(page_file)
        page.evaluate("labial.ready.then(() => 1)")
        length = page.evaluate("JSON.parse(document.getElementById('lines').textContent)[0].duration")
        frames = chance.choice(int(length / FRAME), MOMENTS, replace=False)
        error, count = compared(page, [float(frame * FRAME) for frame in frames])
        between, _ = compared(page, [float(moment) for moment in chance.uniform(0.0, length, MOMENTS)])
        page.resize(320, 240)  # drawn by software, a large picture comes rarely
        ahead = 1000.0 * np.abs(page.evaluate(f"{LISTEN}({STARTS})"))
        page.resize(1280, 800)
        page.evaluate(f"document.getElementById('show-shapes').click(), labial.seek({0.62 * length})")
        page.evaluate("new Promise(done => setTimeout(done, 500))")
        (OUT / "player.png").write_bytes(page.picture())
    print(f"influences: {count} values at {MOMENTS} frames, largest difference from Blender {error:.4f}")
    print(f"between frames, where three.js draws straight lines: {between:.4f}")
    print(f"sound beside shapes: {len(ahead)} starts, at most {ahead.max(initial=0.0):.1f} ms apart")
    print(f"what the browser complained about: {'; '.join(page.complaints) or 'nothing'}")
    in_step = len(ahead) > STARTS // 2 and ahead.max() < 1000.0 * FRAME
    return int(max(error, between) > 0.01 or not in_step or bool(page.complaints))


if __name__ == "__main__":
    sys.exit(main())
