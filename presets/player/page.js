// Plays a character's lines with their sound: the sound is the clock, the mouth follows it.
import { AmbientLight, AnimationMixer, Box3, Color, DirectionalLight, Group, HemisphereLight, LoopOnce, PerspectiveCamera, Scene, SRGBColorSpace, Vector3, WebGLRenderer } from 'three';
import { GLTFLoader } from 'GLTFLoader.js';
import { OrbitControls } from 'OrbitControls.js';
import { drawTrack, envelope } from 'track.js';

const byId = (id) => document.getElementById(id);
const lines = JSON.parse(byId('lines').textContent);
const bytes = (id) => Uint8Array.from(atob(byId(id).textContent.trim()), (c) => c.charCodeAt(0)).buffer;
const MOVED = 1e-5; // share of the model's size by which a shape must move a point for it to count as face

class Voice {
  // The sounds of the lines. `time` is the second of the sound that is heard now.
  constructor() {
    this.context = new AudioContext();
    this.offset = 0;
    this.source = null;
  }
  async load(id) {
    this.buffer = await this.context.decodeAudioData(bytes(id));
  }
  get playing() { return this.source !== null; }
  get time() {
    if (!this.playing) return this.offset;
    const heard = this.context.currentTime - this.started - (this.context.outputLatency || 0);
    return Math.min(this.buffer.duration, Math.max(this.offset, heard));
  }
  get ended() { return this.playing && this.context.currentTime - this.started > this.buffer.duration; }
  async play() {
    await this.context.resume();
    if (this.playing) return;
    if (this.offset >= this.buffer.duration) this.offset = 0;
    this.source = new AudioBufferSourceNode(this.context, { buffer: this.buffer });
    this.source.connect(this.context.destination);
    const at = this.context.currentTime + 0.02;
    this.started = at - this.offset;
    this.source.start(at, this.offset);
  }
  pause() {
    if (!this.playing) return;
    this.offset = this.time;
    this.source.stop();
    this.source = null;
  }
  async seek(time) {
    const went = this.playing;
    this.pause();
    this.offset = Math.min(this.buffer.duration, Math.max(0, time));
    if (went) await this.play();
  }
}

const renderer = new WebGLRenderer({ canvas: byId('stage'), antialias: true, alpha: true });
renderer.outputColorSpace = SRGBColorSpace;
renderer.xr.enabled = true;
const scene = new Scene(), world = new Group(), camera = new PerspectiveCamera(24, 1, 0.01, 100);
const controls = new OrbitControls(camera, renderer.domElement);
controls.enableDamping = true;
scene.add(world);

const voice = new Voice(), held = new Map();
let line, mixer, animations, model, meshes, picture, face;

function light(size) {
  const key = new DirectionalLight(new Color(1, 0.95, 0.9), 2.4), rim = new DirectionalLight(new Color(0.75, 0.85, 1), 1.6);
  key.position.set(-1, 1.3, 1.6).multiplyScalar(size);
  rim.position.set(1.4, 0.8, -1.2).multiplyScalar(size);
  scene.add(new HemisphereLight(0xdfe6ff, 0x3a3030, 1.1), new AmbientLight(0xffffff, 0.25), key, rim);
}

function faceBox() {
  // Where shapes move anything; all of the model where there are no shapes.
  const whole = new Box3().setFromObject(model), box = new Box3(), point = new Vector3(), move = new Vector3();
  const least = MOVED * whole.getSize(new Vector3()).length();
  for (const mesh of meshes) {
    const rest = mesh.geometry.attributes.position;
    for (const shape of mesh.geometry.morphAttributes.position ?? []) {
      for (let i = 0; i < rest.count; i += 3) {
        if (move.fromBufferAttribute(shape, i).length() > least) box.expandByPoint(mesh.getVertexPosition(i, point).applyMatrix4(mesh.matrixWorld));
      }
    }
  }
  return box.isEmpty() ? whole : box;
}

function frame() {
  const centre = face.getCenter(new Vector3()), size = face.getSize(new Vector3());
  const away = 0.72 * Math.max(size.y, size.x / camera.aspect) / Math.tan(camera.fov * Math.PI / 360);
  camera.near = away / 50;
  camera.far = away * 50;
  camera.position.copy(centre).add(new Vector3(0.22 * away, 0.04 * away, away));
  controls.target.copy(centre);
  light(away);
}

function choose(index) {
  line = lines[index];
  mixer.stopAllAction();
  const clip = animations.find((one) => one.name === line.animation) ?? animations[Math.min(index, animations.length - 1)];
  if (clip) {
    const action = mixer.clipAction(clip);
    action.setLoop(LoopOnce);
    action.clampWhenFinished = true;
    action.play();
  }
  return voice.load(`sound-${index}`).then(() => { line.peaks = envelope(voice.buffer); redraw(); });
}

function pose(time) {
  mixer.setTime(time);
  for (const [name, value] of held) for (const mesh of meshes) {
    const i = mesh.morphTargetDictionary[name];
    if (i !== undefined) mesh.morphTargetInfluences[i] = value;
  }
}

function fit() {
  const box = renderer.domElement.getBoundingClientRect();
  camera.aspect = box.width / box.height;
  camera.updateProjectionMatrix();
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  renderer.setSize(box.width, box.height, false);
  redraw();
}

function redraw() {
  const canvas = byId('track');
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  if (line?.peaks) picture = drawTrack(line, canvas.width, canvas.height, devicePixelRatio);
}

function tick() {
  if (voice.ended) {
    voice.pause();
    voice.seek(0).then(() => byId('loop').checked && voice.play());
  }
  const time = voice.time, canvas = byId('track'), pen = canvas.getContext('2d');
  pose(time);
  controls.update();
  renderer.render(scene, camera);
  byId('play').classList.toggle('playing', voice.playing);
  byId('time').textContent = `${time.toFixed(2)} s of ${line.duration.toFixed(2)}`;
  if (picture) {
    pen.drawImage(picture.canvas, 0, 0);
    pen.fillStyle = '#ffffff';
    pen.fillRect(picture.x(time) - devicePixelRatio / 2, 0, 1.5 * devicePixelRatio, canvas.height);
  }
  if (!byId('shapes').hidden) for (const row of byId('sliders').children) row.show();
}

function influence(name) {
  const mesh = meshes.find((one) => name in one.morphTargetDictionary);
  return mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]];
}

function moved() {
  // The shapes that the lines move: they come first.
  const used = new Set();
  for (const track of animations.flatMap((one) => one.tracks)) {
    const mesh = meshes.find((one) => track.name === `${one.name}.morphTargetInfluences`);
    if (!mesh) continue;
    const count = mesh.morphTargetInfluences.length;
    for (const [name, i] of Object.entries(mesh.morphTargetDictionary)) {
      for (let k = i; k < track.values.length; k += count) if (track.values[k] > 0.02) used.add(name);
    }
  }
  return used;
}

function slider(name) {
  const row = document.createElement('label'), shown = document.createElement('output'), input = document.createElement('input');
  row.className = 'shape';
  Object.assign(input, { type: 'range', min: 0, max: 1, step: 0.01, ariaLabel: name });
  input.oninput = () => { held.set(name, Number(input.value)); row.classList.add('held'); };
  row.append(name, shown, input);
  row.show = () => {
    const value = influence(name);
    if (!held.has(name)) { input.value = value; row.classList.remove('held'); }
    shown.textContent = value.toFixed(2);
  };
  return row;
}

function wire() {
  const toggle = () => (voice.playing ? voice.pause() : voice.play());
  byId('play').onclick = toggle;
  addEventListener('keydown', (event) => {
    if (event.code === 'Space' && !['INPUT', 'SELECT', 'BUTTON'].includes(event.target.tagName)) { event.preventDefault(); toggle(); }
  });
  byId('clips').append(...lines.map((one, i) => new Option(one.name, i)));
  byId('clips').hidden = lines.length < 2;
  byId('clips').onchange = (event) => { voice.pause(); voice.offset = 0; choose(Number(event.target.value)); };
  byId('show-shapes').onclick = () => { byId('shapes').hidden = !byId('shapes').hidden; };
  byId('let-go').onclick = () => held.clear();
  byId('filter').oninput = (event) => {
    for (const row of byId('sliders').children) row.hidden = !row.firstChild.textContent.toLowerCase().includes(event.target.value.toLowerCase());
  };
  const scrub = (event) => { if (event.buttons && picture) voice.seek(picture.time(event.offsetX * devicePixelRatio)); };
  byId('track').onpointerdown = (event) => { event.target.setPointerCapture(event.pointerId); scrub(event); };
  byId('track').onpointermove = scrub;
  const names = [...new Set(meshes.flatMap((mesh) => Object.keys(mesh.morphTargetDictionary)))], used = moved();
  byId('sliders').append(...names.filter((name) => used.has(name)).concat(names.filter((name) => !used.has(name))).map(slider));
  addEventListener('resize', fit);
}

async function offerHeadset() {
  if (!(await navigator.xr?.isSessionSupported('immersive-vr').catch(() => false))) return;
  byId('vr').hidden = false;
  byId('vr').onclick = async () => {
    const session = await navigator.xr.requestSession('immersive-vr', { optionalFeatures: ['local-floor'] });
    const size = 0.24 / face.getSize(new Vector3()).y, centre = face.getCenter(new Vector3());
    world.scale.setScalar(size); // a head of everyday size, at eye height, at the distance of a talk
    world.position.set(0, 1.5, -0.7).addScaledVector(centre, -size);
    session.addEventListener('end', () => { world.scale.setScalar(1); world.position.setScalar(0); });
    await renderer.xr.setSession(session);
  };
}

async function start() {
  const gltf = await new GLTFLoader().parseAsync(bytes('model'), '');
  ({ scene: model, animations } = gltf);
  world.add(model);
  meshes = [];
  model.traverse((node) => { if (node.morphTargetDictionary) meshes.push(node); });
  model.traverse((node) => { if (node.isMesh) node.frustumCulled = false; });
  model.updateMatrixWorld(true);
  mixer = new AnimationMixer(model);
  face = faceBox();
  fit();
  frame();
  wire();
  await choose(0);
  byId('what').textContent = `${animations.length} ${animations.length === 1 ? 'line' : 'lines'}, ${byId('sliders').children.length} shapes`;
  byId('message').hidden = true;
  renderer.setAnimationLoop(tick);
  offerHeadset();
}

// For pages and programs that hold this one.
window.labial = {
  ready: start().catch((error) => { byId('message').hidden = false; byId('message').textContent = `This character cannot be shown: ${error.message}`; throw error; }),
  play: () => voice.play(),
  pause: () => voice.pause(),
  seek: async (time) => { await voice.seek(time); pose(voice.time); },
  get time() { return voice.time; },
  get playing() { return voice.playing; },
  get influences() { return Object.fromEntries(meshes.map((mesh) => [mesh.name, Object.fromEntries(Object.entries(mesh.morphTargetDictionary).map(([name, i]) => [name, mesh.morphTargetInfluences[i]]))])); },
};
