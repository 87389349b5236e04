// Draws people in 3D by WebGL. One component holds the mesh, which is sent once; another, in a part
// of the page that is drawn again and again, hands it the matrices of the bones.
const VERTEX = `#version 300 es
uniform mat4 camera;
uniform mat4 bones[20];
in vec3 point, normal, color;
in vec4 bone, weight;
out vec3 shade;
void main() {
  mat4 bend = weight.x * bones[int(bone.x)] + weight.y * bones[int(bone.y)]
    + weight.z * bones[int(bone.z)] + weight.w * bones[int(bone.w)];
  vec3 facing = normalize(mat3(bend) * normal);
  float light = 0.55 + 0.3 * max(0.0, dot(facing, normalize(vec3(0.4, 0.8, 0.9))))
    + 0.15 * max(0.0, dot(facing, normalize(vec3(-0.8, 0.3, 0.4))));
  shade = color * min(1.0, length(normal) < 0.5 ? 1.0 : light * 1.15);
  gl_Position = camera * bend * vec4(point, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 shade;
out vec4 pixel;
void main() { pixel = vec4(shade, 1.0); }`;
const ATTRIBUTES = [ // name, numbers, type, whether they stand for -1..1 or 0..1
  ['point', 3, 'FLOAT', false],
  ['normal', 3, 'BYTE', true],
  ['color', 3, 'UNSIGNED_BYTE', true],
  ['bone', 4, 'UNSIGNED_BYTE', false],
  ['weight', 4, 'UNSIGNED_BYTE', true],
];
const SPACING = 1.1; // m between people, whose distance from each other one camera does not show
const FLOOR = 2; // half its width, m
const START = { turn: 0.15, tilt: 0.08, distance: 3.0 };

export default function ({ data, parentElement }) {
  const canvas = parentElement.querySelector('canvas');
  const shared = (window.realtimePose ??= {});
  if (data.mesh) {
    shared.view = canvas.view ??= View.of(canvas, data.no_webgl);
    shared.view?.load(data.mesh);
  }
  if (data.people) shared.view?.show(data);
}

class View {
  static of(canvas, sorry) {
    const gl = canvas.getContext('webgl2', { antialias: true });
    if (gl) return new View(canvas, gl);
    canvas.replaceWith(Object.assign(document.createElement('p'), { textContent: sorry }));
    return undefined;
  }

  constructor(canvas, gl) {
    Object.assign(this, { canvas, gl, ...START, people: [] });
    this.program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    this.floor = this.upload(floor());
    canvas.onpointerdown = (event) => canvas.setPointerCapture(event.pointerId);
    canvas.onpointermove = (event) => event.buttons && this.drag(event.movementX, event.movementY);
    canvas.onwheel = (event) => {
      event.preventDefault();
      this.distance = Math.min(12, Math.max(1, this.distance * Math.exp(event.deltaY / 800)));
      this.draw();
    };
    canvas.ondblclick = () => {
      Object.assign(this, START);
      this.draw();
    };
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  drag(x, y) {
    this.turn += x / 150;
    this.tilt = Math.min(1.5, Math.max(-0.3, this.tilt + y / 150));
    this.draw();
  }

  load(mesh) {
    if (this.id === mesh.id) return;
    this.id = mesh.id;
    const bytes = (name) => Uint8Array.from(atob(mesh[name]), (x) => x.charCodeAt(0));
    const arrays = Object.fromEntries(ATTRIBUTES.map(([name]) => [name, bytes(name)]));
    if (this.mesh) this.gl.deleteVertexArray(this.mesh.array);
    this.mesh = this.upload({ ...arrays, order: new Uint32Array(bytes('triangles').buffer) });
    this.draw();
  }

  show({ id, people }) {
    this.people = id === this.id ? people : [];
    this.draw();
  }

  upload(arrays) {
    const { gl } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [name, size, type, isNormalized] of ATTRIBUTES) {
      const place = gl.getAttribLocation(this.program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, arrays[name], gl.STATIC_DRAW);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl[type], isNormalized, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, arrays.order, gl.STATIC_DRAW);
    return { array, count: arrays.order.length };
  }

  draw() {
    const { gl, canvas } = this;
    const size = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.round(x * devicePixelRatio));
    if (!size[0] || !size[1]) return;
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    gl.viewport(0, 0, ...size);
    gl.clearColor(0.96, 0.97, 0.98, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const many = this.people.length;
    const camera = cameraMatrix(this.turn, this.tilt, this.distance + 0.6 * Math.max(0, many - 1), size[0] / size[1]);
    gl.uniformMatrix4fv(gl.getUniformLocation(this.program, 'camera'), false, camera);
    this.drawOne(this.floor, gl.LINES, new Float32Array(320).map((_, i) => (i % 16) % 5 === 0));
    this.people.forEach((rows, number) => {
      const matrices = columns(rows, SPACING * (number - (many - 1) / 2));
      if (this.mesh) this.drawOne(this.mesh, gl.TRIANGLES, matrices);
    });
  }

  drawOne({ array, count }, kind, matrices) {
    const { gl } = this;
    gl.uniformMatrix4fv(gl.getUniformLocation(this.program, 'bones'), false, matrices);
    gl.bindVertexArray(array);
    gl.drawElements(kind, count, gl.UNSIGNED_INT, 0);
  }
}

// Matrices of 3 rows of 4, one after the other, as WebGL wants them: 4 columns of 4.
function columns(rows, shift) {
  const matrices = new Float32Array((rows.length / 12) * 16);
  for (let bone = 0; bone < rows.length / 12; bone++) {
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 4; column++) {
        matrices[16 * bone + 4 * column + row] = rows[12 * bone + 4 * row + column];
      }
    }
    matrices[16 * bone + 12] += shift;
    matrices[16 * bone + 15] = 1;
  }
  return matrices;
}

// From metres to the screen: turned about the middle of a body, seen from the front.
function cameraMatrix(turn, tilt, distance, aspect) {
  const [cx, sx, cy, sy] = [Math.cos(tilt), Math.sin(tilt), Math.cos(turn), Math.sin(turn)];
  const [zoom, near, far, height] = [2.6, 0.1, 50, 0.85];
  const width = Math.min(1, aspect); // so that a narrow view shows as much as a square one
  const rows = [
    [cy, 0, sy, 0],
    [sx * sy, cx, -sx * cy, -cx * height],
    [-cx * sy, sx, cx * cy, -sx * height - distance],
  ];
  const scales = [(zoom * width) / aspect, zoom * width, (far + near) / (near - far)];
  const matrix = new Float32Array(16);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 3; row++) matrix[4 * column + row] = scales[row] * rows[row][column];
    matrix[4 * column + 3] = -rows[2][column];
  }
  matrix[14] += (2 * far * near) / (near - far);
  return matrix;
}

// Lines a half metre apart; without a direction they are not shaded.
function floor() {
  const ends = [];
  for (let at = -FLOOR; at <= FLOOR; at += 0.5) {
    ends.push([at, 0, -FLOOR], [at, 0, FLOOR], [-FLOOR, 0, at], [FLOOR, 0, at]);
  }
  const all = (values) => new Uint8Array(ends.flatMap(() => values));
  return {
    point: new Float32Array(ends.flat()),
    normal: all([0, 0, 0]),
    color: all([205, 210, 215]),
    bone: all([0, 0, 0, 0]),
    weight: all([255, 0, 0, 0]),
    order: Uint32Array.from(ends.keys()),
  };
}
