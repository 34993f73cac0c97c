// The picture under the character: the voice, its phones, and how far each viseme is shown.
const COLOURS = { PP: '#ff5d5d', FF: '#ff9d5c', TH: '#c9a15f', DD: '#8fa6c4', kk: '#7f8fa8', CH: '#b08cff', SS: '#d0c16a', nn: '#94b8b0', RR: '#b58fb8', aa: '#6fd08c', E: '#63c7c0', I: '#5fb2ff', O: '#8f9dff', U: '#b97cff' };
const ROOM = { left: 34, voice: 34, phones: 18 };
const PEAKS_A_SECOND = 200;

export function envelope(buffer) {
  // The loudest sample of each 5 ms.
  const samples = buffer.getChannelData(0), step = Math.round(buffer.sampleRate / PEAKS_A_SECOND);
  const peaks = new Float32Array(Math.ceil(samples.length / step));
  samples.forEach((value, i) => { const at = Math.floor(i / step); peaks[at] = Math.max(peaks[at], Math.abs(value)); });
  return peaks;
}

export function drawTrack(line, width, height, scale) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height }), pen = canvas.getContext('2d');
  const left = ROOM.left * scale, x = (time) => left + (width - left) * time / line.duration;
  const time = (place) => Math.min(line.duration, Math.max(0, (place - left) / (width - left) * line.duration));
  pen.fillStyle = '#181b22';
  pen.fillRect(0, 0, width, height);
  drawContacts(line, pen, x, height);
  drawVoice(line, pen, x, ROOM.voice * scale);
  drawPhones(line, pen, x, ROOM.voice * scale, ROOM.phones * scale, scale);
  drawVisemes(line, pen, x, (ROOM.voice + ROOM.phones + 4) * scale, height, scale);
  return { canvas, x, time };
}

function drawContacts(line, pen, x, height) {
  for (const [kind, start, end] of line.contacts) {
    pen.fillStyle = kind === 'closure' ? '#ff5d5d30' : '#ff9d5c26';
    pen.fillRect(x(start), 0, Math.max(2, x(end) - x(start)), height);
  }
}

function drawVoice(line, pen, x, height) {
  const loudest = line.peaks.reduce((a, b) => Math.max(a, b), 0.05);
  pen.fillStyle = '#6d7486';
  line.peaks.forEach((peak, i) => {
    const tall = Math.max(1, 0.9 * height * peak / loudest), at = x(i / PEAKS_A_SECOND);
    pen.fillRect(at, (height - tall) / 2, Math.max(1, x((i + 0.8) / PEAKS_A_SECOND) - at), tall);
  });
}

function drawPhones(line, pen, x, top, height, scale) {
  pen.font = `${11 * scale}px system-ui, sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  for (const [viseme, phone, start, end] of line.events) {
    pen.fillStyle = (COLOURS[viseme] ?? '#888888') + '44';
    pen.fillRect(x(start) + 0.5, top, Math.max(1, x(end) - x(start) - 1), height);
    if (x(end) - x(start) < 0.8 * pen.measureText(phone).width) continue;
    pen.fillStyle = '#e6e8ee';
    pen.fillText(phone, x((start + end) / 2), top + height / 2);
  }
}

function drawVisemes(line, pen, x, top, bottom, scale) {
  const values = Uint8Array.from(atob(line.values), (c) => c.charCodeAt(0)), count = line.visemes.length;
  const lane = (bottom - top) / (count - 1); // all but "sil"
  pen.font = `${Math.min(10 * scale, 1.15 * lane)}px system-ui, sans-serif`;
  pen.textAlign = 'right';
  line.visemes.forEach((viseme, k) => {
    if (k === 0) return;
    const floor = top + k * lane;
    pen.fillStyle = '#969cab';
    pen.fillText(viseme, (ROOM.left - 6) * scale, floor - lane / 2);
    pen.fillStyle = COLOURS[viseme];
    pen.beginPath();
    pen.moveTo(x(0), floor);
    for (let i = 0; i * count < values.length; i++) pen.lineTo(x(i / line.fps), floor - 0.95 * lane * values[i * count + k] / 255);
    pen.lineTo(x(values.length / count / line.fps), floor);
    pen.fill();
  });
}
