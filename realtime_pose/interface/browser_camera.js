// Sends pictures of the visitor's camera to the page's server, one at a time: the next one goes
// when the server has the last, so that a slow line loses pictures and never falls behind.
const LOST_AFTER_MS = 2000; // an answer that has not come by then does not come
const QUALITY = 0.8;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement;
  root.camera ??= new Camera(root.querySelector('video'), root.querySelector('canvas'));
  root.camera.update(data, setTriggerValue);
  return () => {
    root.camera?.close();
    root.camera = undefined;
  };
}

class Camera {
  constructor(video, canvas) {
    this.video = video;
    this.canvas = canvas;
    this.number = 0;
    this.open();
  }

  async open() {
    if (!navigator.mediaDevices) return this.fail('InsecureContext');
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: false });
      if (this.isClosed) return stream.getTracks().forEach((track) => track.stop());
      this.video.srcObject = stream;
      stream.getVideoTracks()[0].onended = () => this.fail('NotReadableError');
      await this.video.play();
      this.isOpen = true;
      this.next();
    } catch (error) {
      this.fail(error.name);
    }
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    if (data.received >= this.number) this.next();
  }

  // Leaves out what came too early, and never has two timers.
  next() {
    if (!this.isOpen || this.isClosed) return;
    clearTimeout(this.timer);
    const due = (this.sentAt ?? 0) + 1000 / this.data.fps;
    this.timer = setTimeout(() => this.take(), Math.max(0, due - performance.now()));
  }

  take() {
    const { videoWidth, videoHeight } = this.video;
    if (this.isClosed) return;
    if (!videoWidth) return this.next();
    const scale = Math.min(1, this.data.width / videoWidth, this.data.height / videoHeight);
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    const { width, height } = this.canvas;
    this.canvas.getContext('2d').drawImage(this.video, 0, 0, width, height);
    this.number += 1;
    this.sentAt = performance.now();
    const picture = this.canvas.toDataURL('image/jpeg', QUALITY);
    this.send('picture', { number: this.number, picture });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.take(), LOST_AFTER_MS);
  }

  fail(name) {
    if (this.isClosed) return;
    this.close();
    this.send('problem', name);
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
  }
}
